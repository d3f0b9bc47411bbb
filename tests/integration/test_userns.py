# SPDX-License-Identifier: Apache-2.0
"""User namespaces and id mappings (C-UMAP)."""

import os
import subprocess

import pytest

from harness import cap_mask, flags, mount_at, own_namespace, wait_until
from marks import requires

pytestmark = requires("userns")


def one(container=0, host=100000, size=65536):
    return {"containerID": container, "hostID": host, "size": size}


def test_mapping_is_as_given(bundle):
    """C-UMAP-01."""
    bundle.user_namespace(200000, 1000)
    seen = bundle.run_probe()
    assert seen.uid_map.split() == ["0", "200000", "1000"]
    assert seen.gid_map.split() == ["0", "200000", "1000"]
    assert seen.uid == [0, 0, 0]
    assert seen.namespaces.user != own_namespace("user")


def test_several_ranges(bundle):
    """C-UMAP-01."""
    bundle.user_namespace()
    bundle.linux["uidMappings"] = [one(0, 100000, 1000), one(1000, 300000, 1), one(2000, 400000, 5)]
    lines = [line.split() for line in bundle.run_probe().uid_map.splitlines()]
    assert lines == [["0", "100000", "1000"], ["1000", "300000", "1"], ["2000", "400000", "5"]]


def test_340_ranges(bundle):
    """C-UMAP-01: as many as the kernel takes, in one write of less than a page."""
    bundle.user_namespace(1000)
    ranges = [one(i, 1000 + i, 1) for i in range(340)]
    bundle.linux["uidMappings"] = bundle.linux["gidMappings"] = ranges
    assert len(bundle.run_probe().uid_map.splitlines()) == 340


def test_process_is_unprivileged_on_the_host(bundle):
    """C-UMAP-01."""
    bundle.user_namespace(150000)
    bundle.hold()
    assert os.stat(f"/proc/{bundle.state().pid}").st_uid == 150000


def test_user_inside_the_namespace(bundle):
    """C-USER-01: ids of the configuration are those of the container."""
    bundle.user_namespace()
    bundle.process["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [50]}
    seen = bundle.run_probe()
    assert seen.uid == [1000] * 3 and seen.gid == [1000] * 3 and seen.groups == [50]


def test_unmapped_user_is_refused(bundle):
    """C-USER-01."""
    bundle.user_namespace(100000, 10)
    bundle.process["user"] = {"uid": 11, "gid": 0}
    bundle.refused()


@pytest.mark.parametrize("name", ["uidMappings", "gidMappings"])
def test_missing_mapping_is_refused(bundle, name):
    """C-UMAP-02."""
    bundle.user_namespace()
    del bundle.linux[name]
    bundle.refused_config("linux.namespaces", "Mappings")


def test_mappings_without_user_namespace_are_refused(bundle):
    """C-UMAP-03, I-12."""
    bundle.linux["uidMappings"] = bundle.linux["gidMappings"] = [one()]
    result = bundle.run()
    assert result.code == 1
    assert "linux.uidMappings" in result.err and "linux.gidMappings" in result.err


@pytest.mark.parametrize("ranges, what", [
    ([one(size=0)], "size"),
    ([one(0, 100000, 10), one(5, 200000, 10)], "containerID"),
    ([one(0, 100000, 10), one(10, 100005, 10)], "hostID"),
    ([one(4294967290, 100000, 10)], "linux.uidMappings[0]"),
    ([one(0, 4294967290, 10)], "linux.uidMappings[0]"),
    ([one(2 * i, 100000 + 2 * i, 1) for i in range(341)], "340"),
])
def test_impossible_mapping_is_refused(bundle, ranges, what):
    """C-UMAP-01, S-74: before the clone."""
    bundle.user_namespace()
    bundle.linux["uidMappings"] = ranges
    bundle.refused_config("linux.uidMappings", what)


def test_twenty_thousand_ranges_are_refused(bundle):
    """S-12 (CVE-2021-43784)."""
    bundle.user_namespace()
    bundle.linux["uidMappings"] = [one(2 * i, 100000 + 2 * i, 1) for i in range(20000)]
    assert len(bundle.refused()) < 4096


def test_rootfs_is_not_changed_in_ownership(bundle):
    """C-UMAP-05."""
    bundle.user_namespace()
    file = bundle.rootfs / "etc/hosts"
    os.chown(file, 123456, 123456)
    bundle.run_probe()
    assert file.stat().st_uid == 123456


def test_setgroups_stays_allowed_for_a_privileged_caller(bundle):
    """C-UMAP-06."""
    bundle.user_namespace()
    assert bundle.run_probe().setgroups == "allow"


def test_devices_are_usable(bundle):
    """C-UMAP-08: bound from the host, since mknod is not permitted."""
    bundle.user_namespace()
    report, null, zero = bundle.run_probe("report", "write /dev/null x", "try-open /dev/zero r")
    assert (report.dev.null.type, report.dev.null.major, report.dev.null.minor) == ("char", 1, 3)
    assert null.errno is None and zero.errno is None


def test_default_mounts_work(bundle):
    """C-MOUNT-43, C-NS-15: proc, sysfs, mqueue, devpts, cgroup belong to the new namespace."""
    bundle.user_namespace()
    seen = bundle.run_probe()
    for target, fstype in (("/proc", "proc"), ("/sys", "sysfs"), ("/dev/mqueue", "mqueue"),
                           ("/dev/pts", "devpts"), ("/sys/fs/cgroup", "cgroup2")):
        assert mount_at(seen, target).fstype == fstype


def test_sysfs_without_own_network_namespace(bundle):
    """C-MOUNT-42: a new sysfs is not permitted; the host's is bound, all of it read-only."""
    bundle.user_namespace()
    bundle.remove_namespace("network")
    bundle.config["mounts"][5]["options"].remove("ro")
    report, listing = bundle.run_probe("report", "ls /sys/class/net")
    sysfs = mount_at(report, "/sys")
    assert sysfs.fstype == "sysfs" and {"ro", "nosuid", "nodev", "noexec"} <= flags(sysfs)
    assert list(listing.entries) == os.listdir("/sys/class/net")
    assert all("ro" in flags(m) for m in report.mounts
               if m.target.startswith("/sys/") and m.fstype != "cgroup2")


def test_group_of_devpts_that_is_not_mapped_is_refused(bundle):
    """C-MOUNT-43: podman leaves gid=5 out then; the kernel's EINVAL alone would say nothing."""
    bundle.user_namespace(100000, 1)
    bundle.refused_config("mounts[2] '/dev/pts'", "gid=5")
    bundle.config["mounts"][2]["options"].remove("gid=5")
    assert mount_at(bundle.run_probe(), "/dev/pts").fstype == "devpts"


def test_readonly_root_with_locked_flags(bundle):
    """C-ROOT-06: flags of the source that a user namespace may not clear are kept."""
    bundle.user_namespace()
    subprocess.run(["mount", "--bind", bundle.rootfs, bundle.rootfs], check=True)
    subprocess.run(["mount", "-o", "remount,bind,nosuid,nodev", bundle.rootfs], check=True)
    try:
        bundle.config["root"]["readonly"] = True
        root = mount_at(bundle.run_probe(), "/")
        assert {"ro", "nosuid", "nodev"} <= flags(root)
    finally:
        subprocess.run(["umount", bundle.rootfs], check=True)


def test_capabilities_are_those_of_the_namespace(bundle):
    """C-CAP-01: full inside, nothing outside."""
    bundle.user_namespace()
    bundle.all_caps()
    bundle.process["noNewPrivileges"] = False
    report, mknod = bundle.run_probe("report", "mknod /tmp/disk b 8 0")
    assert report.caps.effective & cap_mask("SYS_ADMIN")
    assert mknod.errno == "EPERM"


def test_user_namespace_can_be_joined(bundle):
    """C-NS-09: it is entered before the namespaces that it owns are made."""
    with subprocess.Popen(["unshare", "-U", "sleep", "1000"]) as holder:
        try:
            path = f"/proc/{holder.pid}/ns/user"
            wait_until(lambda: os.readlink(path) != own_namespace("user"), "a user namespace")
            for name in ("uid_map", "gid_map"):
                with open(f"/proc/{holder.pid}/{name}", "w") as file:
                    file.write("0 100000 65536\n")
            bundle.user_namespace()
            del bundle.linux["uidMappings"], bundle.linux["gidMappings"]
            bundle.namespace("user", path)
            seen = bundle.run_probe()
            assert seen.namespaces.user == os.readlink(path)
            assert seen.uid_map.split() == ["0", "100000", "65536"]
        finally:
            holder.kill()


def test_hooks_find_the_process_and_the_runtime_namespaces(bundle):
    """C-UMAP-10."""
    bundle.user_namespace()
    out = bundle.hook("createRuntime", "id -u >$OUT")
    bundle.run_probe()
    assert out.read_text() == "0\n"
