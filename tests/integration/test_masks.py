# SPDX-License-Identifier: Apache-2.0
"""linux.maskedPaths and linux.readonlyPaths (C-MASK)."""

import os
import stat

import pytest

from harness import flags, mount_at
from marks import requires


def test_masked_file_reads_as_empty(bundle):
    """C-MASK-01, I-06: bound from a verified null device."""
    bundle.linux["maskedPaths"] = ["/etc/hosts"]
    read, stat_ = bundle.run_probe("read /etc/hosts", "stat /etc/hosts")
    assert read.text == ""
    assert (stat_.type, stat_.major, stat_.minor) == ("char", 1, 3)


def test_masked_directory_is_an_empty_directory(bundle):
    """C-MASK-01."""
    bundle.linux["maskedPaths"] = ["/etc"]
    seen, write = bundle.run_probe("ls /etc", "write /etc/new x")
    assert seen.entries == {}
    assert write.errno == "EROFS"


def test_path_that_is_masked_twice_has_one_cover(bundle):
    """C-MASK-01: engines and users both list it, or a link of the image leads to it."""
    (bundle.rootfs / "link").symlink_to("/etc")
    (bundle.rootfs / "file").write_text("secret")
    bundle.linux["maskedPaths"] = ["/etc", "/file", "/etc/", "/link", "//file", "/etc"]
    seen = bundle.run_probe("report")
    assert sorted(m.target for m in seen.mounts if m.target in ("/etc", "/file")) == \
        ["/etc", "/file"]


def test_masked_paths_of_the_template(bundle):
    """S-03."""
    masked, proc = bundle.run_probe("read /proc/keys", "report")
    assert masked.text == ""
    assert mount_at(proc, "/proc/keys").fstype in ("devtmpfs", "tmpfs")


def test_missing_paths_are_skipped(bundle):
    """C-MASK-02, C-MASK-07, I-06: on ENOENT only."""
    bundle.linux["maskedPaths"] = ["/nonexist", "/etc/nothing/below"]
    bundle.linux["readonlyPaths"] = ["/nonexist", "/etc/nothing/below"]
    bundle.probe("exit 0")
    bundle.run_ok()


@pytest.mark.parametrize("name", ["maskedPaths", "readonlyPaths"])
@pytest.mark.parametrize("path", ["proc/kcore", "", "./x", "/"])
def test_impossible_path_is_refused(bundle, name, path):
    """C-MASK-03."""
    bundle.linux[name] = [path]
    bundle.refused_config(f"linux.{name}[0]")


@pytest.mark.parametrize("name", ["maskedPaths", "readonlyPaths"])
def test_paths_without_mount_namespace_are_refused(bundle, name):
    """C-MASK-06."""
    bundle.remove_namespace("mount")
    bundle.config["mounts"] = []
    bundle.linux["maskedPaths"] = bundle.linux["readonlyPaths"] = []
    bundle.linux[name] = ["/etc"]
    bundle.refused_config(f"linux.{name}", "mount namespace")


def test_symlink_in_the_image_does_not_lead_outside(bundle):
    """C-MASK-04, I-01: what is masked is the target inside."""
    (bundle.rootfs / "link").symlink_to("../../../../../etc/hosts")
    bundle.linux["maskedPaths"] = ["/link"]
    assert bundle.run_probe("read /etc/hosts").text == ""


@pytest.mark.parametrize("kind", ["link", "file", "other device"])
def test_null_device_of_the_image_is_not_believed(bundle, kind):
    """C-MASK-05, S-17 (CVE-2025-31133): masked all the same, or refused."""
    bundle.config["mounts"] = [m for m in bundle.config["mounts"]
                               if not m["destination"].startswith("/dev")]
    null = bundle.rootfs / "dev/null"
    null.parent.mkdir()
    if kind == "link":
        null.symlink_to("/proc/sys/kernel/core_pattern")
    elif kind == "file":
        null.write_text("content of the attacker")
    else:
        os.mknod(null, 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    bundle.linux["maskedPaths"] = ["/etc/hosts"]
    bundle.probe("stat /etc/hosts")
    result = bundle.run()
    if result.code == 0:
        assert (result.lines[0].major, result.lines[0].minor) == (1, 3)


def test_readonly_path_cannot_be_written(bundle):
    """C-MASK-07."""
    bundle.linux["readonlyPaths"] = ["/etc", "/root"]
    one, two, three = bundle.run_probe("write /etc/hosts x", "write /root/new x", "write /tmp/new x")
    assert (one.errno, two.errno, three.errno) == ("EROFS", "EROFS", None)


def test_readonly_file(bundle):
    """C-MASK-07."""
    bundle.linux["readonlyPaths"] = ["/etc/hosts"]
    one, two = bundle.run_probe("write /etc/hosts x", "write /etc/new x")
    assert (one.errno, two.errno) == ("EROFS", None)


def test_readonly_path_keeps_the_other_flags(bundle):
    """C-MASK-07."""
    seen = bundle.run_probe()
    assert {"ro"} <= flags(mount_at(seen, "/proc/sys"))
    bundle.linux["readonlyPaths"] = ["/dev/shm"]
    assert {"ro", "nosuid", "nodev", "noexec"} <= flags(mount_at(bundle.run_probe(), "/dev/shm"))


def test_submounts_of_a_readonly_path_are_read_only(bundle):
    """C-MASK-10: all of it; others leave them writable."""
    bundle.mount("/data", "tmpfs", "tmpfs")
    bundle.mount("/data/sub", "tmpfs", "tmpfs")
    bundle.linux["readonlyPaths"] = ["/data"]
    one, two = bundle.run_probe("write /data/x x", "write /data/sub/x x")
    assert (one.errno, two.errno) == ("EROFS", "EROFS")


def test_masked_path_below_a_readonly_one(bundle):
    """C-MASK-08: read-only first, then masked."""
    bundle.linux["readonlyPaths"] = ["/etc"]
    bundle.linux["maskedPaths"] = ["/etc/hosts"]
    read, write = bundle.run_probe("read /etc/hosts", "write /etc/new x")
    assert read.text == "" and write.errno == "EROFS"


@pytest.mark.parametrize("path", ["/proc/sys", "/proc", "/sys", "/dev"])
def test_masking_does_not_break_the_runtimes_own_steps(bundle, path):
    """C-MASK-09."""
    bundle.linux["maskedPaths"] = [path]
    bundle.linux["readonlyPaths"] = []
    bundle.linux["sysctl"] = {"net.core.somaxconn": "99"}
    bundle.process["oomScoreAdj"] = 100
    assert bundle.run_probe(f"ls {path}").entries == {}


def test_masks_survive_root_in_the_container(bundle):
    """I-06: CAP_SYS_ADMIN is not given; unmounting is refused."""
    bundle.linux["maskedPaths"] = ["/etc/hosts"]
    assert bundle.run_shell("umount /etc/hosts 2>/dev/null; cat /etc/hosts") == ""


def test_empty_lists(bundle):
    """C-MASK-01."""
    bundle.linux["maskedPaths"] = []
    bundle.linux["readonlyPaths"] = []
    seen = bundle.run_probe()
    assert not any(m.target.startswith("/proc/") for m in seen.mounts)


# --- label ----------------------------------------------------------------------------------------

@requires("no-selinux")
def test_mount_label_without_selinux_is_refused(bundle):
    """C-MASK-11, D-28: others ignore it, or pass on an option that no file system knows."""
    bundle.linux["mountLabel"] = "system_u:object_r:container_file_t:s0:c1,c2"
    bundle.refused_config("linux.mountLabel", "SELinux is not enabled")


@pytest.mark.parametrize("label", [5, ["a"], True])
def test_mount_label_of_the_wrong_type_is_refused(bundle, label):
    """C-MASK-11."""
    bundle.linux["mountLabel"] = label
    bundle.refused_config("linux.mountLabel", "expected a string")


def test_empty_mount_label_asks_for_nothing(bundle):
    """C-MASK-11: what docker sends."""
    bundle.linux["mountLabel"] = ""
    assert "context" not in mount_at(bundle.run_probe(), "/dev").super
