# SPDX-License-Identifier: Apache-2.0
"""linux.namespaces: new, inherited, joined (C-NS)."""

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
