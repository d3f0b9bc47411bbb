# SPDX-License-Identifier: Apache-2.0
"""mounts: order, sources, targets, and every option of the specification (C-MOUNT)."""

import os
import subprocess

import pytest

from harness import flags, mount_at, own_namespace, run_command
from marks import requires


@pytest.fixture
def source(bundle):
    """A directory of the host with a file in it."""
    path = bundle.dir / "source"
    path.mkdir()
    (path / "file").write_text("from the host")
    return path


@pytest.fixture
def tree(source):
    """The same with another file system mounted below it."""
    (source / "sub").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "sub", source / "sub"], check=True)
    yield source
    subprocess.run(["umount", source / "sub"], check=True)


# --- order and targets ----------------------------------------------------------------------------

def test_mounts_are_made_in_order(bundle, source):
    """C-MOUNT-01: the bind lies inside the tmpfs that comes before it."""
    bundle.mount("/a", "tmpfs", "tmpfs")
    bundle.mount("/a/b", None, source, "bind")
    assert bundle.run_probe("read /a/b/file").text == "from the host"


def test_later_mount_covers_an_earlier_one(bundle, source):
    """C-MOUNT-01: the reverse."""
    bundle.mount("/a/b", None, source, "bind")
    bundle.mount("/a", "tmpfs", "tmpfs")
    assert bundle.run_probe("ls /a").entries == {}


def test_missing_destination_is_refused(bundle):
    """C-MOUNT-02."""
    bundle.config["mounts"].append({"type": "tmpfs", "source": "tmpfs"})
    bundle.refused_config("mounts[7]", "destination")


def test_relative_destination_is_below_the_root(bundle):
    """C-MOUNT-03: deprecated, but still there."""
    bundle.mount("data", "tmpfs", "tmpfs")
    assert mount_at(bundle.run_probe(), "/data").fstype == "tmpfs"


@pytest.mark.parametrize("destination", ["/", "//", "/./", ".", "", "/x/..", "/../.."])
@pytest.mark.parametrize("options", [[], ["tmpcopyup"]])
def test_root_as_destination_is_refused(bundle, destination, options):
    """C-MOUNT-02, C-MOUNT-04, C-MOUNT-26: in each of its spellings."""
    bundle.mount(destination, "tmpfs", "tmpfs", *options)
    bundle.refused_config("mounts[7].destination")


@pytest.mark.parametrize("member, value", [
    ("destination", 5), ("destination", None), ("source", 5), ("type", ["tmpfs"]),
    ("options", "ro"), ("options", [5]), ("options", {"ro": True}), ("options", [None])])
def test_member_of_the_wrong_type_is_refused(bundle, member, value):
    """C-MOUNT-02, C-MOUNT-06, C-MOUNT-09, C-MOUNT-10."""
    bundle.mount("/data", "tmpfs", "tmpfs")[member] = value
    bundle.refused_config(f"mounts[7].{member}")


@pytest.mark.parametrize("destination", ["/proc/fs", "/proc/self", "/proc/self/attr", "/proc/1",
                                         "/proc", "/proc/sys/kernel"])
def test_mount_inside_proc_is_refused(bundle, destination):
    """C-MOUNT-05, I-03, S-04."""
    bundle.mount(destination, "tmpfs", "tmpfs")
    assert "mounts[7]" in bundle.refused()


@pytest.mark.parametrize("name", ["cpuinfo", "meminfo", "uptime", "stat", "loadavg", "swaps",
                                  "diskstats"])
def test_file_that_a_manager_may_bind_over_proc(bundle, source, name):
    """C-MOUNT-05: what lxcfs does."""
    bundle.mount(f"/proc/{name}", None, source / "file", "bind", "ro")
    assert bundle.run_probe(f"read /proc/{name}").text == "from the host"


def test_destination_through_dot_dot_stays_inside(bundle):
    """I-01, S-11: refused or inside, never on the host."""
    bundle.mount("/tmp/../../../../outside", "tmpfs", "tmpfs")
    result = bundle.run()
    assert result.code in (0, 1)
    assert not os.path.exists("/outside")


def test_missing_target_directory_is_made(bundle, source):
    """C-ROOT-08."""
    bundle.mount("/new/deep/target", None, source, "bind")
    assert bundle.run_probe("read /new/deep/target/file").text == "from the host"


def test_missing_target_file_is_made(bundle, source):
    """C-MOUNT-29: with its parents."""
    bundle.mount("/new/deep/name", None, source / "file", "bind")
    assert bundle.run_probe("read /new/deep/name").text == "from the host"
    made = bundle.rootfs / "new/deep/name"
    assert made.is_file() and made.stat().st_size == 0


def test_file_onto_a_directory_is_refused(bundle, source):
    """I-04; text ends as docker expects (engine-contracts 3)."""
    bundle.mount("/etc", None, source / "file", "bind")
    line = bundle.refused()
    assert "mounts[7]" in line and line.endswith("not a directory")


def test_directory_onto_a_file_is_refused(bundle, source):
    """I-04."""
    bundle.mount("/etc/hosts", None, source, "bind")
    assert "mounts[7]" in bundle.refused()


@pytest.mark.parametrize("target", ["/etc", "../../../../../../etc", "/../../etc"])
def test_symlink_in_the_image_does_not_lead_outside(bundle, source, target):
    """C-ROOT-08, C-MOUNT-30, I-01: resolved beneath the container's root."""
    (bundle.rootfs / "link").symlink_to(target)
    before = sorted(os.listdir("/etc"))
    bundle.mount("/link/inside-only", None, source, "bind")
    assert bundle.run_probe("read /etc/inside-only/file").text == "from the host"
    assert sorted(os.listdir("/etc")) == before


@pytest.mark.parametrize("name", ["proc", "sys"])
def test_proc_and_sys_behind_a_symlink_are_refused(bundle, name):
    """C-MOUNT-30, I-03, S-10 (CVE-2019-19921)."""
    (bundle.rootfs / name).symlink_to("etc")
    line = bundle.refused()
    assert f"'/{name}'" in line and "must be mounted on ordinary directory" in line


# --- source and type ------------------------------------------------------------------------------

def test_relative_bind_source_is_below_the_bundle(bundle, source):
    """C-MOUNT-06, D-25."""
    bundle.mount("/data", None, "source", "bind")
    assert bundle.run_probe("read /data/file", cwd="/").text == "from the host"


def test_missing_bind_source_is_refused(bundle):
    """C-MOUNT-06: found before anything is made."""
    bundle.mount("/data", None, "/nonexistent/source", "bind")
    line = bundle.refused_config("mounts[7]", "/nonexistent/source")
    assert "no such file or directory" not in line, "podman would report 127"


def test_bind_without_source_is_refused(bundle):
    """C-MOUNT-06."""
    bundle.config["mounts"].append({"destination": "/data", "options": ["bind"]})
    bundle.refused_config("mounts[7].source")


def test_type_of_a_bind_mount_does_not_matter(bundle, source):
    """C-MOUNT-07."""
    bundle.mount("/data", "none", source, "rbind")
    assert bundle.run_probe("read /data/file").text == "from the host"


def test_type_bind_without_the_option_is_refused(bundle, source):
    """C-MOUNT-07."""
    bundle.mount("/data", "bind", source, "ro")
    bundle.refused_config("mounts[7].type", "bind")


def test_unknown_file_system_is_refused(bundle):
    """C-MOUNT-09."""
    bundle.mount("/data", "nosuchfs", "x")
    assert "nosuchfs" in bundle.refused()


def test_missing_type_is_refused(bundle):
    """C-MOUNT-09."""
    bundle.mount("/data", None, "x")
    bundle.refused_config("mounts[7].type")


def test_options_may_be_absent(bundle):
    """C-MOUNT-08."""
    bundle.config["mounts"].append(
        {"destination": "/data", "type": "tmpfs", "source": "tmpfs"})
    assert flags(mount_at(bundle.run_probe(), "/data")) == {"rw", "relatime"}


def test_mqueue_and_devpts_are_of_their_type(bundle):
    """C-MOUNT-44."""
    seen = bundle.run_probe()
    assert mount_at(seen, "/dev/mqueue").fstype == "mqueue"
    assert mount_at(seen, "/dev/pts").fstype == "devpts"
    assert "gid=5" in mount_at(seen, "/dev/pts").super


def test_overlay_with_a_list_of_layers_beyond_a_page(bundle):
    """C-MOUNT-44: mount(2) takes 4095 bytes for all options together."""
    layers = []
    for i in range(50):
        layers.append(bundle.dir / f"layer-{i:02}-{'x' * 60}")
        layers[-1].mkdir()
        (layers[-1] / f"file.{i}").write_text(str(i))
        (layers[-1] / "top").write_text(str(i))
    option = "lowerdir=" + ":".join(map(str, layers))
    assert len(option) > 4096
    bundle.mount("/data", "overlay", "overlay", option)
    seen, entries, top = bundle.run_probe("report", "ls /data", "read /data/top")
    assert mount_at(seen, "/data").fstype == "overlay"
    assert set(entries.entries) == {"top", *(f"file.{i}" for i in range(50))}
    assert top.text == "0", "the first layer is the uppermost"


def test_writable_overlay(bundle):
    """C-MOUNT-44, C-MOUNT-10: several options, each for the file system."""
    for name in ("lower", "upper", "work"):
        (bundle.dir / name).mkdir()
    (bundle.dir / "lower/file").write_text("below")
    bundle.mount("/data", "overlay", "overlay", f"lowerdir={bundle.dir}/lower",
                 f"upperdir={bundle.dir}/upper", f"workdir={bundle.dir}/work")
    assert bundle.run_probe("write /data/file changed").errno is None
    assert (bundle.dir / "upper/file").read_text() == "changed"
    assert (bundle.dir / "lower/file").read_text() == "below"


@requires("overlay-fd")
def test_overlay_of_directories_with_long_paths(bundle):
    """C-MOUNT-44: beyond the 255 bytes that one option may have."""
    base = bundle.dir / ("x" * 200) / ("y" * 200)
    for name in ("lower", "upper", "work"):
        (base / name).mkdir(parents=True)
    (base / "lower/file").write_text("below")
    bundle.mount("/data", "overlay", "overlay", f"lowerdir={base}/lower", f"upperdir={base}/upper",
                 f"workdir={base}/work")
    assert bundle.run_probe("write /data/file changed").errno is None
    assert (base / "upper/file").read_text() == "changed"


def test_option_that_is_too_long_for_the_kernel_is_refused(bundle):
    """C-MOUNT-44, I-12: never cut."""
    bundle.mount("/data", "tmpfs", "tmpfs", "size=" + "0" * 300 + "4k")
    bundle.refused_config("mounts[7]", "'size'", "255 bytes")


def test_mount_becomes_read_only_after_a_target_was_made_in_it(bundle):
    """C-MOUNT-18, C-MOUNT-29: what made the file does not keep it open for writing"""
    file = bundle.dir / "file"
    file.write_text("content")
    bundle.mount("/data", "tmpfs", "tmpfs")
    bundle.mount("/data/file", None, file, "bind")
    bundle.mount("/data", None, "none", "bind", "remount", "ro")
    assert "ro" in mount_at(bundle.run_probe(), "/data").options


@pytest.mark.parametrize("fstype", ["ramfs", "tmpfs"])
def test_generic_file_system(bundle, fstype):
    """C-MOUNT-44."""
    bundle.mount("/data", fstype, fstype)
    assert mount_at(bundle.run_probe(), "/data").fstype == fstype


# --- flags ----------------------------------------------------------------------------------------

ATTRIBUTES = [
    ("ro", {"ro"}, {"rw"}), ("rw", {"rw"}, {"ro"}),
    ("nosuid", {"nosuid"}, set()), ("suid", set(), {"nosuid"}),
    ("nodev", {"nodev"}, set()), ("dev", set(), {"nodev"}),
    ("noexec", {"noexec"}, set()), ("exec", set(), {"noexec"}),
    ("noatime", {"noatime"}, {"relatime"}), ("relatime", {"relatime"}, {"noatime"}),
    ("strictatime", set(), {"noatime", "relatime"}),
    ("nodiratime", {"nodiratime"}, set()), ("diratime", set(), {"nodiratime"}),
    ("nosymfollow", {"nosymfollow"}, set()), ("symfollow", set(), {"nosymfollow"}),
]


@pytest.mark.parametrize("option, present, absent", ATTRIBUTES, ids=[a[0] for a in ATTRIBUTES])
@pytest.mark.parametrize("kind", ["tmpfs", "bind"])
def test_attribute_option(bundle, source, kind, option, present, absent):
    """C-MOUNT-13, C-MOUNT-15, C-MOUNT-17: on a new file system and on a bind mount."""
    if kind == "bind":
        bundle.mount("/data", None, source, "bind", option)
    else:
        bundle.mount("/data", "tmpfs", "tmpfs", option)
    got = flags(mount_at(bundle.run_probe(), "/data"))
    assert present <= got and not absent & got


@pytest.mark.parametrize("options, present, absent", [
    ("ro rw noexec exec", {"rw"}, {"ro", "noexec"}),
    ("rw ro exec noexec", {"ro", "noexec"}, {"rw"}),
    ("nosuid suid", set(), {"nosuid"}), ("suid nosuid", {"nosuid"}, set()),
    ("noatime strictatime", set(), {"noatime", "relatime"}),
    ("strictatime noatime", {"noatime"}, {"relatime"}),
    ("noatime relatime", {"relatime"}, {"noatime"}),
    ("noatime atime", {"relatime"}, {"noatime"}),
    ("nosymfollow symfollow", set(), {"nosymfollow"}),
])
def test_of_opposites_the_later_option_wins(bundle, options, present, absent):
    """C-MOUNT-15, C-MOUNT-16."""
    bundle.mount("/data", "tmpfs", "tmpfs", *options.split())
    got = flags(mount_at(bundle.run_probe(), "/data"))
    assert present <= got and not absent & got


@pytest.mark.parametrize("option", ["defaults", "silent", "loud", "iversion", "noiversion",
                                    "norelatime", "nostrictatime", "nolazytime", "async", "nomand"])
def test_option_without_visible_effect_is_accepted(bundle, option):
    """C-MOUNT-10, C-MOUNT-11, C-MOUNT-12."""
    bundle.mount("/data", "tmpfs", "tmpfs", option)
    assert mount_at(bundle.run_probe(), "/data").fstype == "tmpfs"


@pytest.mark.parametrize("option", ["sync", "async", "dirsync", "lazytime", "nolazytime", "mand",
                                    "nomand", "silent", "loud", "iversion", "noiversion",
                                    "defaults"])
def test_superblock_flag_on_a_bind_changes_nothing(bundle, source, option):
    """C-MOUNT-14: the file system is the host's."""
    bundle.mount("/data", None, source, "bind", option)
    report, read = bundle.run_probe("report", "read /data/file")
    assert read.text == "from the host"
    assert not {"sync", "dirsync", "lazytime"} & set(mount_at(report, "/data").super.split(","))


@pytest.mark.parametrize("option", ["nosymfollow", "rnosymfollow"])
def test_nosymfollow_stops_links(bundle, source, option):
    """C-MOUNT-13, C-MOUNT-21: not only shown; crun ignores the recursive form."""
    (source / "link").symlink_to("file")
    bundle.mount("/data", None, source, "bind", option)
    bundle.mount("/free", None, source, "bind", option, "rsymfollow")
    stopped, free = bundle.run_probe("read /data/link", "read /free/link")
    assert stopped.errno == "ELOOP"
    assert free.text == "from the host"


@pytest.mark.parametrize("option", ["sync", "dirsync", "lazytime"])
def test_superblock_flag(bundle, option):
    """C-MOUNT-14."""
    bundle.mount("/data", "tmpfs", "tmpfs", option)
    assert option in mount_at(bundle.run_probe(), "/data").super.split(",")


def test_every_option_that_features_announces_is_accepted(bundle):
    """C-MOUNT-45, F-06: each of them, fed back."""
    names = bundle.command("features").json.mountOptions
    assert names == sorted(names)
    special = {"bind", "rbind", "remount", "idmap", "ridmap", "tmpcopyup"}
    assert special <= set(names)
    for i, name in enumerate(n for n in names if n not in special):
        bundle.mount(f"/m/{i}", "tmpfs", "tmpfs", name)
    bundle.run_probe()


def test_file_system_options_are_passed_on(bundle):
    """C-MOUNT-10, C-MOUNT-24."""
    bundle.mount("/data", "tmpfs", "tmpfs", "size=64k", "mode=750", "nr_inodes=100", "uid=7")
    seen, stat = bundle.run_probe("report", "stat /data")
    parts = mount_at(seen, "/data").super.split(",")
    assert "size=64k" in parts and "nr_inodes=100" in parts
    assert (stat.mode, stat.uid) == (0o750, 7)


@pytest.mark.parametrize("option", ["nofail", "_netdev", "auto", "noauto", "x-systemd.automount"])
def test_option_of_mount_8_that_is_not_for_the_kernel_is_accepted(bundle, option):
    """C-MOUNT-23."""
    bundle.mount("/data", "tmpfs", "tmpfs", option)
    assert mount_at(bundle.run_probe(), "/data").fstype == "tmpfs"


@pytest.mark.parametrize("option", ["foo=bar", "nonsense", "size=many"])
def test_option_that_the_file_system_refuses_is_an_error(bundle, option):
    """C-MOUNT-24: the message has it."""
    bundle.mount("/data", "tmpfs", "tmpfs", option)
    line = bundle.refused()
    assert "mounts[7]" in line and option.split("=")[0] in line


def test_file_system_option_on_a_bind_mount_is_refused(bundle, source):
    """C-MOUNT-25."""
    bundle.mount("/data", None, source, "bind", "size=4k")
    bundle.refused_config("mounts[7].options", "size")


def test_remount_of_a_bind_changes_its_flags(bundle, source):
    """C-MOUNT-18."""
    bundle.mount("/data", None, source, "bind")
    bundle.mount("/data", None, source, "bind", "remount", "ro")
    assert "ro" in flags(mount_at(bundle.run_probe(), "/data"))


@pytest.mark.parametrize("options", [["remount", "ro"], ["bind", "remount", "ro"], ["remount"]])
def test_remount_of_what_is_no_mount_is_refused(bundle, options):
    """C-MOUNT-18: nothing was mounted at /etc, and /nowhere is not even there."""
    bundle.mount("/nowhere", "tmpfs", "tmpfs", *options)
    bundle.refused_config("mounts[7] '/nowhere'")
    assert not (bundle.rootfs / "nowhere").exists()
    bundle.config["mounts"][-1]["destination"] = "/etc"
    bundle.refused_config("mounts[7] '/etc'")


def test_remount_changes_the_file_system(bundle):
    """C-MOUNT-18: with its options, and the mount's flags."""
    bundle.mount("/data", "tmpfs", "tmpfs", "size=64k")
    bundle.mount("/data", "tmpfs", "tmpfs", "remount", "size=128k", "noexec")
    mount = mount_at(bundle.run_probe(), "/data")
    assert "size=128k" in mount.super and "noexec" in flags(mount)


def test_mode_of_the_options_comes_before_that_of_the_target(bundle):
    """C-MOUNT-27."""
    (bundle.rootfs / "data").mkdir(mode=0o711)
    bundle.mount("/data", "tmpfs", "tmpfs", "mode=1770")
    assert bundle.run_probe("stat /data").mode == 0o1770


def test_tmpfs_takes_the_mode_of_its_target(bundle):
    """C-MOUNT-27."""
    (bundle.rootfs / "data").mkdir()
    (bundle.rootfs / "data").chmod(0o1733)
    bundle.mount("/data", "tmpfs", "tmpfs")
    assert bundle.run_probe("stat /data").mode == 0o1733


def test_tmpcopyup_copies_what_the_image_has_there(bundle):
    """C-MOUNT-26: content, modes, owners, symlinks."""
    data = bundle.rootfs / "data"
    (data / "dir").mkdir(parents=True)
    (data / "dir/file").write_text("original")
    (data / "dir/file").chmod(0o640)
    os.chown(data / "dir/file", 5, 6)
    (data / "link").symlink_to("dir/file")
    (data / "own").write_text("original")
    bundle.mount("/data", "tmpfs", "tmpfs", "tmpcopyup")
    file, link, write = bundle.run_probe("stat /data/dir/file", "stat /data/link",
                                         "write /data/own changed!")
    assert (file.mode, file.uid, file.gid) == (0o640, 5, 6)
    assert link.target == "dir/file"
    assert write.errno is None
    assert (data / "own").read_text() == "original"


def test_read_only_tmpfs_on_dev_is_filled_first(bundle):
    """C-MOUNT-28."""
    bundle.config["mounts"][1]["options"].append("ro")
    report, write = bundle.run_probe("report", "write /dev/new x")
    assert "null" in report.dev and "ptmx" in report.dev
    assert write.errno == "EROFS"


# --- recursion ------------------------------------------------------------------------------------

def test_rbind_takes_submounts_along(bundle, tree):
    """C-MOUNT-07."""
    bundle.mount("/data", None, tree, "rbind")
    assert mount_at(bundle.run_probe(), "/data/sub").fstype == "tmpfs"


def test_bind_leaves_submounts_behind(bundle, tree):
    """C-MOUNT-07."""
    bundle.mount("/data", None, tree, "bind")
    assert "/data/sub" not in [m.target for m in bundle.run_probe().mounts]


def test_ro_on_rbind_concerns_the_top_only(bundle, tree):
    """C-MOUNT-21: as mount(8); rro is the recursive form."""
    bundle.mount("/data", None, tree, "rbind", "ro")
    seen = bundle.run_probe()
    assert "ro" in flags(mount_at(seen, "/data"))
    assert "rw" in flags(mount_at(seen, "/data/sub"))


RECURSIVE = [
    ("rro", {"ro"}, set()), ("rnosuid", {"nosuid"}, set()), ("rnodev", {"nodev"}, set()),
    ("rnoexec", {"noexec"}, set()), ("rnoatime", {"noatime"}, set()),
    ("rnodiratime", {"nodiratime"}, set()), ("rstrictatime", set(), {"relatime", "noatime"}),
    ("rrelatime", {"relatime"}, set()), ("rnosymfollow", {"nosymfollow"}, set()),
]


@pytest.mark.parametrize("option, present, absent", RECURSIVE, ids=[r[0] for r in RECURSIVE])
def test_recursive_attribute(bundle, tree, option, present, absent):
    """C-MOUNT-21, C-MOUNT-22, X-29, F-21: applied to the whole tree."""
    bundle.mount("/data", None, tree, "rbind", option)
    seen = bundle.run_probe()
    for target in ("/data", "/data/sub"):
        got = flags(mount_at(seen, target))
        assert present <= got and not absent & got, target


@pytest.mark.parametrize("option, absent", [
    ("rrw", "ro"), ("rsuid", "nosuid"), ("rdev", "nodev"), ("rexec", "noexec"),
    ("rsymfollow", "nosymfollow")])
def test_recursive_clearing(bundle, tree, option, absent):
    """C-MOUNT-21."""
    subprocess.run(["mount", "-o", f"remount,bind,{absent}", tree / "sub"], check=True)
    bundle.mount("/data", None, tree, "rbind", option)
    assert absent not in flags(mount_at(bundle.run_probe(), "/data/sub"))


def test_recursive_read_only_cannot_be_written_below(bundle, tree):
    """C-MOUNT-21: docker turns every `-v x:y:ro` into rro."""
    bundle.mount("/data", None, tree, "rbind", "rro")
    assert bundle.run_probe("write /data/sub/new x").errno == "EROFS"


# --- propagation ----------------------------------------------------------------------------------

@pytest.mark.parametrize("option", ["shared", "slave", "private", "unbindable", "rshared", "rslave",
                                    "rprivate", "runbindable"])
@pytest.mark.parametrize("kind", ["tmpfs", "bind"])
def test_propagation_option(bundle, source, kind, option):
    """C-MOUNT-19, X-29: on any mount, not only on binds."""
    if kind == "bind":
        bundle.mount("/data", None, source, "rbind", option)
    else:
        bundle.mount("/data", "tmpfs", "tmpfs", option)
    fields = " ".join(mount_at(bundle.run_probe(), "/data").optional)
    plain = option.removeprefix("r")
    assert ("shared:" in fields) == (plain == "shared")
    assert ("unbindable" in fields) == (plain == "unbindable")


@pytest.mark.parametrize("options, shared", [(("shared", "private"), False),
                                             (("private", "shared"), True)])
def test_several_propagation_options_are_applied_in_order(bundle, options, shared):
    """C-MOUNT-20."""
    bundle.mount("/data", "tmpfs", "tmpfs", *options)
    fields = " ".join(mount_at(bundle.run_probe(), "/data").optional)
    assert ("shared:" in fields) == shared


def test_default_propagation_is_private(bundle, source):
    """I-02."""
    bundle.mount("/data", None, source, "rbind")
    assert mount_at(bundle.run_probe(), "/data").optional == []


def test_slave_bind_receives_mounts_of_the_host(bundle, source):
    """C-MOUNT-19: what docker's rslave volumes are for."""
    run = lambda *a: subprocess.run(a, check=True)
    run("mount", "--bind", source, source)
    run("mount", "--make-shared", source)
    try:
        (source / "late").mkdir()
        bundle.mount("/data", None, source, "rbind", "rslave")
        bundle.probe("await /go", "report")
        bundle.create_and_start()
        run("mount", "-t", "tmpfs", "late", source / "late")
        try:
            (bundle.rootfs / "go").touch()
            bundle.wait_stopped()
        finally:
            run("umount", source / "late")
        assert mount_at(bundle.probe_lines()[-1], "/data/late").fstype == "tmpfs"
    finally:
        bundle.delete("--force")
        run("umount", "-l", source)


def test_mount_events_of_the_container_do_not_reach_the_host(bundle, source):
    """S-44."""
    run = lambda *a: subprocess.run(a, check=True)
    run("mount", "--bind", source, source)
    run("mount", "--make-shared", source)
    try:
        bundle.mount("/data", None, source, "rbind")
        bundle.all_caps()
        bundle.process["noNewPrivileges"] = False
        bundle.run_shell("mkdir /data/m && mount -t tmpfs inner /data/m")
        assert " inner " not in run_command(["cat", "/proc/self/mounts"]).out
    finally:
        run("umount", "-l", source)


# --- special file systems -------------------------------------------------------------------------

def test_cgroup_mount_shows_the_own_group_as_root(bundle):
    """C-CGP-12, I-23."""
    seen, listing = bundle.run_probe("report", "read /sys/fs/cgroup/cgroup.procs")
    mount = mount_at(seen, "/sys/fs/cgroup")
    assert (mount.fstype, mount.root) == ("cgroup2", "/")
    assert "ro" in flags(mount)
    assert listing.text == "1"


def test_type_cgroup2_is_the_same(bundle):
    """C-CGP-13."""
    bundle.config["mounts"][-1]["type"] = "cgroup2"
    assert bundle.run_probe("read /sys/fs/cgroup/cgroup.procs").text == "1"


def test_cgroup_mount_without_cgroup_namespace_shows_the_own_subtree_only(bundle):
    """C-CGP-12, I-23: never the host's tree."""
    bundle.remove_namespace("cgroup")
    seen, listing, entries = bundle.run_probe("report", "read /sys/fs/cgroup/cgroup.procs",
                                              "ls /sys/fs/cgroup")
    assert listing.text == "1"
    assert "init" not in entries.entries
    assert "ro" in flags(mount_at(seen, "/sys/fs/cgroup"))


def test_sysfs_shows_the_container_network(bundle):
    """C-MOUNT-42: sysfs belongs to the network namespace."""
    assert list(bundle.run_probe("ls /sys/class/net").entries) == ["lo"]


def test_mounts_without_mount_namespace_are_refused(bundle):
    """C-MOUNT-40: they would change the caller's."""
    bundle.remove_namespace("mount")
    bundle.linux["maskedPaths"] = bundle.linux["readonlyPaths"] = []
    bundle.refused_config("mounts")
    assert own_namespace("mnt")


def test_bind_source_below_a_private_directory(bundle):
    """C-MOUNT-41: with a user namespace the container's root could not reach it."""
    private = bundle.dir / "private"
    (private / "data").mkdir(parents=True)
    (private / "data/file").write_text("reached")
    bundle.user_namespace()
    private.chmod(0o700)
    bundle.mount("/data", None, private / "data", "rbind")
    assert bundle.run_probe("read /data/file").text == "reached"


def test_many_mounts(bundle):
    """S-68: linear."""
    for i in range(300):
        bundle.mount(f"/m/{i}", "tmpfs", "tmpfs", "size=4k")
    seen = bundle.run_probe()
    assert sum(m.target.startswith("/m/") for m in seen.mounts) == 300


@pytest.mark.parametrize("mode, expected", [(None, "1777"), (0o750, "750")])
def test_mode_of_a_tmpfs_on_a_missing_directory_is_the_kernels(bundle, mode, expected):
    """C-MOUNT-27: only a directory of the image says what its cover should look like."""
    if mode is not None:
        (bundle.rootfs / "covered").mkdir()
        (bundle.rootfs / "covered").chmod(mode)
    bundle.mount("/covered", "tmpfs", "tmpfs", "nosuid")
    assert bundle.run_shell("stat -c %a /covered") == expected


@pytest.mark.parametrize("link, made", [
    ("../run/systemd/resolve/stub-resolv.conf", "run/systemd/resolve/stub-resolv.conf"),
    ("/run/stub", "run/stub"), ("../../../../outside", "outside"), ("other", "etc/other")])
def test_target_behind_a_link_to_nowhere_is_made_inside(bundle, link, made):
    """C-MOUNT-30, C-ROOT-08: an image's /etc/resolv.conf is often such a link."""
    source = bundle.dir / "resolv.conf"
    source.write_text("nameserver 192.0.2.1\n")
    (bundle.rootfs / "etc/resolv.conf").symlink_to(link)
    bundle.mount("/etc/resolv.conf", "bind", str(source), "bind", "ro")
    assert bundle.run_shell("cat /etc/resolv.conf") == "nameserver 192.0.2.1"
    assert (bundle.rootfs / made).is_file() and not (bundle.rootfs / made).is_symlink()


def test_target_behind_a_directory_link_to_nowhere_is_made_inside(bundle):
    """C-MOUNT-30: directories as well, and what is in between."""
    (bundle.rootfs / "data").symlink_to("var/lib/data")
    bundle.mount("/data/deep", "tmpfs", "tmpfs")
    bundle.run_shell("touch /var/lib/data/deep/x")
    assert (bundle.rootfs / "var/lib/data/deep").is_dir()


def test_target_behind_links_in_a_circle_is_refused(bundle):
    """S-09: no hang."""
    (bundle.rootfs / "a").symlink_to("b")
    (bundle.rootfs / "b").symlink_to("a")
    bundle.mount("/a/x", "tmpfs", "tmpfs")
    bundle.refused_config("mounts[7] '/a/x'", "too many levels of symbolic links")


def test_bind_source_below_an_earlier_mount_is_what_that_brought(bundle):
    """C-MOUNT-01: in the listed order, also for sources; what the image has there is covered."""
    outside = bundle.dir / "outside"
    (outside / "sub").mkdir(parents=True)
    (outside / "sub/file").write_text("from the mount\n")
    (bundle.rootfs / "mnt/sub").mkdir(parents=True)
    (bundle.rootfs / "mnt/sub/file").write_text("from the image\n")
    bundle.mount("/mnt", "bind", str(outside), "rbind")
    bundle.mount("/copy", "bind", str(bundle.rootfs / "mnt/sub"), "bind", "ro")
    bundle.mount("/file", "bind", f"{bundle.rootfs}//mnt/./sub/file", "bind")
    seen = bundle.run_shell("cat /copy/file /file; touch /copy/new 2>&1; true").splitlines()
    assert seen[:2] == ["from the mount"] * 2 and "Read-only" in seen[2]


def test_bind_source_that_no_earlier_mount_brought_is_missing(bundle):
    """C-MOUNT-01, C-MOUNT-06."""
    bundle.mount("/mnt/x", "tmpfs", "tmpfs")
    bundle.mount("/copy", "bind", str(bundle.rootfs / "mnt/x/none"), "bind")
    bundle.refused_config("mounts[8] '/copy'", "its source is below an earlier mount")


def test_bind_source_below_an_earlier_mount_stays_in_the_root(bundle):
    """C-MOUNT-01, I-01: a link of the image cannot make the host's directory the source."""
    outside = bundle.dir / "outside"
    outside.mkdir()
    (outside / "link").symlink_to("/etc")
    (bundle.rootfs / "etc/mark").write_text("inside\n")
    bundle.mount("/mnt", "bind", str(outside), "bind")
    bundle.mount("/copy", "bind", str(bundle.rootfs / "mnt/link"), "bind")
    assert bundle.run_shell("cat /copy/mark") == "inside"
