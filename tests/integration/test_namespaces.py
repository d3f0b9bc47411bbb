# SPDX-License-Identifier: Apache-2.0
"""linux.namespaces: new, inherited, joined (C-NS)."""

import fcntl
import os
import subprocess

import pytest

from harness import mount_at, own_namespace, wait_until

KINDS = {"pid": "pid", "network": "net", "ipc": "ipc", "uts": "uts", "mount": "mnt",
         "cgroup": "cgroup", "user": "user", "time": "time"}
DEFAULT = ["pid", "network", "ipc", "uts", "mount", "cgroup"]


@pytest.fixture
def holder():
    """Namespaces of somebody else; holder(flag) gives the pid of a process that is in new ones."""
    started = []

    def start(*options):
        process = subprocess.Popen(["unshare", *options, "sleep", "1000"])
        started.append(process)
        wait_until(lambda: open(f"/proc/{process.pid}/comm").read() == "sleep\n"
                   or os.path.exists(f"/proc/{process.pid}/task/{process.pid}/children")
                   and open(f"/proc/{process.pid}/task/{process.pid}/children").read().strip(),
                   "the holder of the namespaces")
        return process.pid

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize("kind", DEFAULT)
def test_listed_namespace_is_new(bundle, kind):
    """C-NS-04."""
    link = bundle.run_probe().namespaces[KINDS[kind]]
    assert link and link != own_namespace(KINDS[kind])


@pytest.mark.parametrize("kind", ["pid", "network", "ipc", "uts", "cgroup"])
def test_unlisted_namespace_is_inherited(bundle, kind):
    """C-NS-03."""
    bundle.remove_namespace(kind)
    if kind == "uts":
        del bundle.config["hostname"]
    if kind == "network":
        # A new sysfs needs the right over the network namespace; a bind shows the caller's.
        bundle.remove_mount("/sys/fs/cgroup")
    assert bundle.run_probe().namespaces[KINDS[kind]] == own_namespace(KINDS[kind])


def test_no_namespaces_at_all(bundle):
    """C-NS-03: a chroot, with everything else applied."""
    bundle.linux["namespaces"] = []
    bundle.config["mounts"] = []
    bundle.linux["maskedPaths"] = bundle.linux["readonlyPaths"] = []
    del bundle.config["hostname"]
    (bundle.rootfs / "marker").write_text("chroot")
    report, marker = bundle.run_probe("report", "read /marker")
    assert marker.text == "chroot"
    assert report.no_new_privs == 1


@pytest.mark.parametrize("kind, option", [("network", "-n"), ("ipc", "-i"), ("uts", "-u"),
                                          ("cgroup", "-C")])
def test_namespace_can_be_joined(bundle, holder, kind, option):
    """C-NS-05."""
    path = f"/proc/{holder(option)}/ns/{KINDS[kind]}"
    bundle.namespace(kind, path)
    if kind == "cgroup":
        bundle.remove_mount("/sys/fs/cgroup")
    assert bundle.run_probe().namespaces[KINDS[kind]] == os.readlink(path)


def test_pid_namespace_can_be_joined(bundle, holder):
    """C-NS-08: the process is born inside, as somebody else than process 1."""
    pid = holder("-p", "-f", "--kill-child")
    path = f"/proc/{pid}/ns/pid_for_children"
    bundle.namespace("pid", path)
    seen = bundle.run_probe()
    assert seen.pid != 1
    assert seen.namespaces.pid == os.readlink(path)


def test_time_namespace_can_be_joined(bundle, holder):
    """D-27."""
    pid = holder("-T", "-f", "--monotonic", "5000", "--kill-child")
    path = f"/proc/{pid}/ns/time_for_children"
    bundle.namespace("time", path)
    seen = bundle.run_probe()
    assert seen.namespaces.time == os.readlink(path)
    assert seen.monotonic > 5000


def test_network_namespace_pinned_to_a_file_can_be_joined(bundle, holder):
    """C-NS-05: what `ip netns` and CNI make."""
    pid = holder("-n")
    file = bundle.dir / "netns"
    file.touch()
    subprocess.run(["mount", "--bind", f"/proc/{pid}/ns/net", file], check=True)
    try:
        bundle.namespace("network", file)
        assert bundle.run_probe().namespaces.net == os.readlink(f"/proc/{pid}/ns/net")
    finally:
        subprocess.run(["umount", file], check=True)


def test_duplicate_type_is_refused(bundle):
    """C-NS-02, S-69."""
    bundle.linux["namespaces"].append({"type": "uts", "path": "/proc/self/ns/uts"})
    bundle.refused_config("linux.namespaces", "uts")


@pytest.mark.parametrize("kind", ["net", "NETWORK", "mnt", "", "foo"])
def test_unknown_type_is_refused(bundle, kind):
    """C-NS-01, S-69."""
    bundle.linux["namespaces"].append({"type": kind})
    bundle.refused_config("linux.namespaces[6].type")


def test_misspelt_type_gets_a_suggestion(bundle):
    """D-03."""
    bundle.linux["namespaces"].append({"type": "netwrok"})
    assert "network" in bundle.refused()


def test_missing_type_is_refused(bundle):
    """C-NS-01."""
    bundle.linux["namespaces"].append({"path": "/proc/self/ns/uts"})
    bundle.refused_config("linux.namespaces[6]", "type")


def test_relative_path_is_refused(bundle):
    """C-NS-05."""
    bundle.namespace("uts", "proc/self/ns/uts")
    bundle.refused_config("linux.namespaces", "absolute")


def test_path_of_another_type_is_refused(bundle):
    """C-NS-06, I-28."""
    bundle.namespace("uts", "/proc/self/ns/ipc")
    assert "/proc/self/ns/ipc" in bundle.refused()


def test_missing_path_is_refused(bundle):
    """I-28."""
    bundle.namespace("uts", "/nonexistent/ns")
    line = bundle.refused()
    assert "/nonexistent/ns" in line
    assert "no such file or directory" not in line, "podman would report 127"


def test_path_that_is_a_regular_file_is_refused(bundle):
    """C-NS-06, S-69."""
    (bundle.dir / "file").write_text("")
    bundle.namespace("uts", bundle.dir / "file")
    assert str(bundle.dir / "file") in bundle.refused()


def test_path_that_is_a_fifo_does_not_stop_us(bundle):
    """S-69, I-28, I-29."""
    os.mkfifo(bundle.dir / "fifo")
    bundle.namespace("uts", bundle.dir / "fifo")
    assert str(bundle.dir / "fifo") in bundle.refused(timeout=10)


def test_empty_path_means_a_new_namespace(bundle):
    """C-NS-07: what Go callers write for "unset"."""
    bundle.namespace("uts", "")
    assert bundle.run_probe().namespaces.uts != own_namespace("uts")


def test_loopback_is_up_in_a_new_network_namespace(bundle):
    """C-NS-10."""
    lo = bundle.run_probe().interfaces
    assert list(lo) == ["lo"]
    assert lo.lo.up and lo.lo.address == "127.0.0.1"


def test_loopback_of_a_joined_network_namespace_is_left_alone(bundle, holder):
    """C-NS-10."""
    bundle.namespace("network", f"/proc/{holder('-n')}/ns/net")
    assert not bundle.run_probe().interfaces.lo.up


def test_cgroup_namespace_has_the_own_group_as_root(bundle):
    """C-NS-11."""
    bundle.linux["cgroupsPath"] = "/some/where"
    seen = bundle.run_probe()
    assert "0::/" in seen.cgroup.splitlines()
    for name in ("some/where", "some"):
        path = f"/sys/fs/cgroup/{name}"
        if os.path.isdir(path):
            os.rmdir(path)


def test_new_pid_namespace_shows_only_its_processes(bundle):
    """C-NS-04."""
    pids = [name for name in bundle.run_probe("ls /proc").entries if name.isdigit()]
    assert pids == ["1"]


def test_proc_of_an_inherited_pid_namespace_shows_the_hosts_processes(bundle):
    """C-NS-14."""
    bundle.remove_namespace("pid")
    pids = [name for name in bundle.run_probe("ls /proc").entries if name.isdigit()]
    assert str(os.getpid()) in pids


def test_mount_namespace_is_private(bundle):
    """I-02, S-44: nothing of the container's mounts is seen outside (the leak check compares)."""
    seen = bundle.run_probe()
    assert all(not any(f.startswith("shared:") for f in m.optional) for m in seen.mounts)
    assert mount_at(seen, "/proc").fstype == "proc"


def test_sysctl_of_a_joined_namespace_that_is_the_callers_is_refused(bundle):
    """I-11, S-28: the name says that it is joined, the settings are the caller's all the same."""
    for namespace in bundle.linux["namespaces"]:
        if namespace["type"] == "network":
            namespace["path"] = "/proc/self/ns/net"
    bundle.remove_mount("/sys")
    bundle.remove_mount("/sys/fs/cgroup")
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    result = bundle.run()
    assert result.code == 1
    assert "config.json:" in result.err and "the network namespace that is joined" in result.err


@pytest.mark.parametrize("one, two", [(None, None), (None, "/proc/self/ns/uts"),
                                      ("/proc/self/ns/uts", "/proc/1/ns/uts")])
def test_duplicate_type_is_refused_whatever_the_paths(bundle, one, two):
    """C-NS-02"""
    bundle.remove_namespace("uts")
    bundle.linux["namespaces"] += [{"type": "uts", **({"path": p} if p else {})}
                                   for p in (one, two)]
    bundle.refused_config("linux.namespaces", "uts")


@pytest.mark.parametrize("kind", KINDS)
def test_every_type_of_the_specification_is_known(bundle, kind):
    """C-NS-01"""
    if kind == "user":
        bundle.user_namespace()
    else:
        bundle.namespace(kind)
    assert bundle.run_probe().namespaces[KINDS[kind]] != own_namespace(KINDS[kind])


def owner(pid, kind):
    """Inode of the user namespace that a namespace of a process belongs to (ioctl_ns(2))."""
    file = os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY)
    user = fcntl.ioctl(file, 0xb701)  # NS_GET_USERNS
    inode = os.fstat(user).st_ino
    os.close(file)
    os.close(user)
    return inode


def test_new_namespaces_belong_to_the_new_user_namespace(bundle):
    """C-NS-15"""
    bundle.user_namespace()
    bundle.namespace("time")
    bundle.hold()
    pid = bundle.state().pid
    user = os.stat(f"/proc/{pid}/ns/user").st_ino
    assert user != os.stat("/proc/self/ns/user").st_ino
    assert {kind: owner(pid, kind) for kind in KINDS.values() if kind != "user"} \
        == {kind: user for kind in KINDS.values() if kind != "user"}


def test_user_namespace_is_joined_together_with_what_it_owns(bundle, holder):
    """C-NS-09: and with what it does not own"""
    pid, other = holder("-U", "-r", "-n", "-i"), holder("-u")
    wait_until(lambda: open(f"/proc/{pid}/uid_map").read().split() == ["0", "0", "1"], "the map")
    bundle.namespace("user", f"/proc/{pid}/ns/user")
    bundle.namespace("network", f"/proc/{pid}/ns/net")
    bundle.namespace("ipc", f"/proc/{pid}/ns/ipc")
    bundle.namespace("uts", f"/proc/{other}/ns/uts")
    del bundle.config["hostname"]
    # Only id 0 is mapped there.
    bundle.config["mounts"] = [m for m in bundle.config["mounts"] if m["type"] != "devpts"]
    seen = bundle.run_probe()
    for name, joined in (("user", pid), ("net", pid), ("ipc", pid), ("uts", other)):
        assert seen.namespaces[name] == os.readlink(f"/proc/{joined}/ns/{name}"), name


def test_paths_are_those_of_the_runtime(bundle, holder):
    """C-NS-05: opened before any namespace changes; the container has a file of this name too"""
    pid = holder("-u")
    path = bundle.dir / "uts"
    path.touch()
    subprocess.run(["mount", "--bind", f"/proc/{pid}/ns/uts", path], check=True)
    try:
        inside = bundle.rootfs / str(path).lstrip("/")
        inside.parent.mkdir(parents=True)
        inside.write_text("")
        bundle.user_namespace()
        bundle.namespace("uts", path)
        del bundle.config["hostname"]
        assert bundle.run_probe().namespaces.uts == os.readlink(f"/proc/{pid}/ns/uts")
    finally:
        subprocess.run(["umount", path], check=True)


@pytest.fixture
def joined_mounts(bundle, holder):
    """A bundle that joins somebody's mount namespace, and its process."""
    pid = holder("-m", "--propagation", "private")
    bundle.namespace("mount", f"/proc/{pid}/ns/mnt")
    bundle.config["mounts"] = []
    bundle.linux["maskedPaths"] = bundle.linux["readonlyPaths"] = []
    return pid


def test_mount_namespace_can_be_joined(bundle, joined_mounts):
    """C-NS-12: the root file system is entered there, without a pivot that would change it"""
    def table():
        return open(f"/proc/{joined_mounts}/mountinfo").read()
    before = table()
    (bundle.rootfs / "marker").write_text("chroot")
    link = os.readlink(f"/proc/{joined_mounts}/ns/mnt")
    marker = bundle.run_probe("read /marker")
    assert marker.text == "chroot"
    bundle.hold()
    assert os.readlink(f"/proc/{bundle.state().pid}/ns/mnt") == link
    assert table() == before


@pytest.mark.parametrize("field", ["mounts", "maskedPaths", "readonlyPaths", "rootfsPropagation"])
def test_mounts_in_a_joined_mount_namespace_are_refused(bundle, joined_mounts, field):
    """C-NS-12, C-MOUNT-40: they would be made in somebody else's"""
    if field == "mounts":
        bundle.mount("/x", "tmpfs", "x")
    else:
        bundle.linux[field] = "private" if field == "rootfsPropagation" else ["/etc"]
    bundle.refused_config(field, "mount namespace")
