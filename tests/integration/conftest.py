# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the integration tests. Run them with tests/run, inside tests/in."""

import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest

import criu
import harness

# What each environment of tests/in is known to have. Something missing that is listed here fails
# the tests that need it instead of skipping them: a skip never hides a failure.
EXPECTED = {
    "native": {"root", "cgroup2", "userns", "timens", "tmpfs-idmap", "clone-into-cgroup"},
    "uml": {"root", "cgroup2", "userns", "memory", "cpu", "io", "pids", "selinux",
            "sys-resource"},
    "uml-apparmor": {"root", "cgroup2", "userns"},
    "uml-systemd": {"root", "cgroup2", "userns", "memory", "cpu", "io", "pids", "systemd"},
}
CONTROLLERS = {"memory", "cpu", "io", "pids", "cpuset", "hugetlb"}


def kernel():
    return tuple(int(n) for n in re.match(r"(\d+)\.(\d+)", os.uname().release).groups())


def controllers():
    try:
        return set((harness.CGROUP / "cgroup.subtree_control").read_text().split())
    except OSError:
        return set()


def apparmor():
    """True, or the reason why profiles cannot be tested."""
    if not os.path.exists("/sys/kernel/security/apparmor/profiles"):
        # In its own guest only what is not installed is a reason.
        assert os.environ.get("TESTS_IN") != "uml-apparmor", "the guest has no AppArmor"
        return "no AppArmor"
    return shutil.which("apparmor_parser") is not None or "apparmor_parser is not installed"


def has(name):
    """None when this environment has the thing, otherwise the reason why not."""
    if name in CONTROLLERS:
        if name in controllers():
            return None
        return f"the {name} controller is not available on cgroup2 here"
    checks = {
        "root": lambda: os.geteuid() == 0 or "not root",
        "cgroup2": lambda: (harness.CGROUP / "cgroup.procs").exists() or "no cgroup2",
        "userns": lambda: os.path.exists("/proc/self/ns/user") or "no user namespaces",
        "timens": lambda: os.path.exists("/proc/self/ns/time") or "kernel without time namespaces",
        "tmpfs-idmap": lambda: kernel() >= (6, 3) or "idmapped tmpfs needs kernel 6.3",
        "overlay-fd": lambda: kernel() >= (6, 13) or "overlay takes descriptors since kernel 6.13",
        "clone-into-cgroup": lambda: kernel() >= (5, 7) or "kernel older than 5.7",
        "apparmor": apparmor,
        "systemd": lambda: pathlib.Path("/proc/1/comm").read_text() == "systemd\n"
        or "systemd is not process 1 (its guest needs the package systemd)",
        "criu": lambda: criu.reason() or True,
        "criu-dirty": lambda: criu.reason("mem_dirty_track") or True,
        "no-apparmor": lambda: apparmor() is not True or "AppArmor is there",
        "selinux": lambda: "selinuxfs" in pathlib.Path("/proc/filesystems").read_text()
        or "kernel without SELinux",
        # Containers as test machines lack it.
        "sys-resource": lambda: int(re.search(
            r"CapEff:\s*(\w+)", pathlib.Path("/proc/self/status").read_text())[1], 16) >> 24 & 1 == 1
        or "not CAP_SYS_RESOURCE",
        "no-selinux": lambda: not os.path.exists("/sys/fs/selinux/enforce") or "SELinux is there",
        "numa": lambda: os.path.exists("/proc/self/numa_maps") or "kernel without NUMA",
        "two-cpus": lambda: (os.cpu_count() or 1) > 1 or "needs two processors",
    }
    answer = checks[name]()
    return None if answer is True else answer


def pytest_configure(config):
    config.addinivalue_line("markers", "requires(*names): what the environment must have")
    config.addinivalue_line("markers", "limit(seconds): time limit of a test, 120 by default")
    config.addinivalue_line("markers", "controllers: needs the guest, most of all cgroup controllers "
                            "beyond hugetlb")
    config.addinivalue_line("markers", "apparmor: needs the guest with AppArmor")
    config.addinivalue_line("markers", "systemd: needs the guest with systemd")


def pytest_collection_modifyitems(items):
    for item in items:
        needed = {n for m in item.iter_markers("requires") for n in m.args}
        if "systemd" in needed:
            item.add_marker("systemd")
        elif needed & (CONTROLLERS - {"hugetlb"} | {"selinux", "sys-resource"}):
            item.add_marker("controllers")
        if "apparmor" in needed:
            item.add_marker("apparmor")


def pytest_runtest_setup(item):
    expected = EXPECTED.get(os.environ.get("TESTS_IN", ""), set())
    for marker in item.iter_markers("requires"):
        for name in marker.args:
            reason = has(name)
            if reason and name in expected:
                pytest.fail(f"this environment should have '{name}': {reason}", pytrace=False)
            if reason:
                pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def environment():
    """Only inside tests/in; orphans of containers are ours, as a containerd shim's are."""
    assert os.environ.get("TESTS_IN"), "run these tests with tests/run, or inside tests/in"
    os.umask(0o022)
    for name in ("XDG_RUNTIME_DIR", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID"):
        os.environ.pop(name, None)


@pytest.fixture(autouse=True)
def time_limit(request):
    """A test that hangs fails alone: after @pytest.mark.limit(SECONDS), two minutes by default."""
    marker = request.node.get_closest_marker("limit")
    seconds = marker.args[0] if marker else 120

    def expired(*_):
        raise TimeoutError(f"the test took more than {seconds} seconds")

    signal.signal(signal.SIGALRM, expired)
    signal.alarm(seconds)
    yield
    signal.alarm(0)


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    path = tmp_path_factory.mktemp("template")
    harness.make_rootfs(path)
    return path


@pytest.fixture
def world():
    """Fails the test when a cgroup, mount, process or state directory is left behind."""
    before = harness.World()
    yield before
    leaks = before.leaks()
    assert not leaks, "left behind: " + "; ".join(leaks)


@pytest.fixture
def make_bundle(world, template, tmp_path):
    """Makes any number of bundles: make_bundle("name")."""
    made = []

    def make(name):
        directory = tmp_path / name
        directory.mkdir()
        made.append(harness.Bundle(directory, template))
        return made[-1]

    yield make
    failures = [f for bundle in made for f in bundle.cleanup()]
    subprocess.run(["rm", "-rf", *(b.rootfs for b in made)], check=False)
    assert not failures, "; ".join(failures)


@pytest.fixture
def bundle(make_bundle):
    return make_bundle("bundle")
