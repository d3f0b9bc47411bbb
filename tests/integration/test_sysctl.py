# SPDX-License-Identifier: Apache-2.0
"""linux.sysctl: only what belongs to a namespace of the container (C-SYSCTL)."""

import os
import subprocess

import pytest

from harness import own_namespace, wait_until


@pytest.mark.parametrize("key, value, path", [
    ("net.ipv4.ip_forward", "1", "/proc/sys/net/ipv4/ip_forward"),
    ("net/ipv4/ip_forward", "1", "/proc/sys/net/ipv4/ip_forward"),
    ("net.ipv4.ping_group_range", "0\t0", "/proc/sys/net/ipv4/ping_group_range"),
    ("net.core.somaxconn", "333", "/proc/sys/net/core/somaxconn"),
    ("kernel.msgmax", "9000", "/proc/sys/kernel/msgmax"),
    ("kernel.msgmnb", "17000", "/proc/sys/kernel/msgmnb"),
    ("kernel.msgmni", "1001", "/proc/sys/kernel/msgmni"),
    ("kernel.shmall", "100000", "/proc/sys/kernel/shmall"),
    ("kernel.shmmax", "1000000", "/proc/sys/kernel/shmmax"),
    ("kernel.shmmni", "1000", "/proc/sys/kernel/shmmni"),
    ("kernel.shm_rmid_forced", "1", "/proc/sys/kernel/shm_rmid_forced"),
    ("fs.mqueue.msg_max", "20", "/proc/sys/fs/mqueue/msg_max"),
    ("kernel.domainname", "set.example", "/proc/sys/kernel/domainname"),
])
def test_setting_of_a_namespace(bundle, key, value, path):
    """C-SYSCTL-01, C-SYSCTL-03."""
    bundle.linux["sysctl"] = {key: value}
    assert bundle.run_probe(f"read {path}").text == value


def test_value_of_several_numbers(bundle):
    """C-SYSCTL-09."""
    bundle.linux["sysctl"] = {"kernel.sem": "250 32000 32 128"}
    assert bundle.run_probe("read /proc/sys/kernel/sem").text.split() == [
        "250", "32000", "32", "128"]


def test_slashes_let_a_name_have_dots(bundle):
    """C-SYSCTL-02: as sysctl(8)."""
    bundle.linux["sysctl"] = {"net/ipv4/conf/lo/forwarding": "1"}
    assert bundle.run_probe("read /proc/sys/net/ipv4/conf/lo/forwarding").text == "1"


@pytest.mark.parametrize("key", ["net/ipv4/conf/eno2.100/forwarding",
                                 "net.ipv4.conf.eno2/100.forwarding"])
def test_name_of_a_device_may_have_a_dot(bundle, key):
    """C-SYSCTL-02: after a first slash, dots are dots; after a first dot, slashes are"""
    subprocess.run("ip link add eno2.100 type veth peer name peer".split(), check=True)
    try:
        bundle.linux["netDevices"] = {"eno2.100": {}}
        bundle.linux["sysctl"] = {key: "1"}
        path = "/proc/sys/net/ipv4/conf/eno2.100/forwarding"
        assert bundle.run_probe(f"read {path}").text == "1"
    finally:
        subprocess.run("ip link delete peer".split(), check=False, stderr=subprocess.DEVNULL)


def test_setting_of_the_user_namespace(bundle):
    """C-SYSCTL-03: user.* belongs to a user namespace"""
    bundle.user_namespace()
    bundle.linux["sysctl"] = {"user.max_net_namespaces": "7"}
    before = open("/proc/sys/user/max_net_namespaces").read()
    assert bundle.run_probe("read /proc/sys/user/max_net_namespaces").text == "7"
    assert open("/proc/sys/user/max_net_namespaces").read() == before


def test_setting_of_a_joined_namespace(bundle):
    """C-SYSCTL-03: also by path, when it is not the host's"""
    with subprocess.Popen(["unshare", "-n", "sleep", "1000"]) as holder:
        try:
            path = f"/proc/{holder.pid}/ns/net"
            wait_until(lambda: os.readlink(path) != own_namespace("net"), "it")
            bundle.namespace("network", path)
            bundle.linux["sysctl"] = {"net.core.somaxconn": "55"}
            assert bundle.run_probe("read /proc/sys/net/core/somaxconn").text == "55"
        finally:
            holder.kill()


@pytest.mark.parametrize("key", ["kernel.pid_max", "vm.swappiness", "fs.file-max",
                                 "kernel.core_pattern", "kernel.panic"])
def test_setting_of_the_host_is_refused(bundle, key):
    """C-SYSCTL-03, I-11."""
    bundle.linux["sysctl"] = {key: "1"}
    bundle.refused_config(f"linux.sysctl.{key}")


@pytest.mark.parametrize("key, kind", [("net.ipv4.ip_forward", "network"), ("kernel.msgmax", "ipc"),
                                       ("fs.mqueue.msg_max", "ipc"), ("kernel.domainname", "uts"),
                                       ("user.max_net_namespaces", "user")])
def test_setting_of_a_namespace_that_is_shared_is_refused(bundle, key, kind):
    """C-SYSCTL-03."""
    bundle.remove_namespace(kind)
    bundle.config["hostname"] = ""
    bundle.linux["sysctl"] = {key: "1"}
    bundle.refused_config(f"linux.sysctl.{key}", kind)


@pytest.mark.parametrize("key", ["net/../kernel/pid_max", "net..ipv4.ip_forward", "", "/", ".",
                                 "net/ipv4/../../kernel/pid_max", "net", "/net/ipv4/ip_forward"])
def test_malformed_key_is_refused_or_harmless(bundle, key):
    """C-SYSCTL-06, I-11."""
    bundle.linux["sysctl"] = {key: "4194304"}
    before = open("/proc/sys/kernel/pid_max").read()
    bundle.refused()
    assert open("/proc/sys/kernel/pid_max").read() == before


def test_hostname_is_refused(bundle):
    """C-SYSCTL-04."""
    bundle.linux["sysctl"] = {"kernel.hostname": "x"}
    bundle.refused_config("linux.sysctl.kernel.hostname", "hostname")


def test_domainname_that_differs_from_the_field_is_refused(bundle):
    """C-SYSCTL-05."""
    bundle.config["domainname"] = "one"
    bundle.linux["sysctl"] = {"kernel.domainname": "two"}
    bundle.refused_config("linux.sysctl.kernel.domainname")


def test_domainname_that_equals_the_field_is_accepted(bundle):
    """C-SYSCTL-05"""
    bundle.config["domainname"] = "one"
    bundle.linux["sysctl"] = {"kernel.domainname": "one"}
    assert bundle.run_probe().domainname == "one"


@pytest.mark.parametrize("key, value", [("net.ipv4.nosuch", "1"), ("net.ipv4.ip_forward", "abc")])
def test_setting_that_the_kernel_refuses_is_an_error(bundle, key, value):
    """C-SYSCTL-07."""
    bundle.linux["sysctl"] = {key: value}
    line = bundle.refused()
    assert key in line
    assert "no such file or directory" not in line, "podman would report 127"


def test_setting_without_proc_in_the_container(bundle):
    """C-SYSCTL-08: our own procfs is used."""
    bundle.remove_mount("/proc")
    bundle.linux["maskedPaths"] = bundle.linux["readonlyPaths"] = []
    bundle.linux["sysctl"] = {"kernel.domainname": "seen"}
    assert bundle.run_probe().domainname == "seen"


def test_setting_below_a_read_only_path(bundle):
    """C-MASK-08: sysctl first, then /proc/sys becomes read-only."""
    assert "/proc/sys" in bundle.linux["readonlyPaths"]
    bundle.linux["sysctl"] = {"net.core.somaxconn": "77"}
    read, write = bundle.run_probe("read /proc/sys/net/core/somaxconn",
                                   "write /proc/sys/net/core/somaxconn 78")
    assert read.text == "77" and write.errno == "EROFS"


def test_setting_in_a_user_namespace(bundle):
    """C-NS-15: written where the namespace's owner may."""
    bundle.user_namespace()
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.msgmax": "9001"}
    one, two = bundle.run_probe("read /proc/sys/net/ipv4/ip_forward",
                                "read /proc/sys/kernel/msgmax")
    assert (one.text, two.text) == ("1", "9001")


@pytest.mark.parametrize("value", [1, True, None, ["1"]])
def test_value_that_is_no_string_is_refused(bundle, value):
    """R-BUND-07."""
    bundle.linux["sysctl"] = {"net.core.somaxconn": value}
    bundle.refused_config("linux.sysctl.net.core.somaxconn", "string")
