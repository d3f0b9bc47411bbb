# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the engine tests: daemons, images, and the proof that the runtime under test ran."""

import os
import pathlib
import subprocess

import pytest

import engines
from engines import BINARY, CGROUP, DEBIAN, IMAGES, RUNTIME, TOOLS, run, wait_until

LOGS = pathlib.Path("/out")


def pytest_configure(config):
    for line in ("short: part of the short form", "limits: needs the memory, cpu and pids controllers",
                 "unused: a test that need not start a container",
                 "limit(seconds): time limit of a test, 180 by default"):
        config.addinivalue_line("markers", line)


def controllers():
    return set((CGROUP / "cgroup.controllers").read_text().split())


def pytest_runtest_setup(item):
    missing = {"memory", "cpu", "pids"} - controllers()
    if item.get_closest_marker("limits") and missing:
        pytest.skip(f"controllers that cgroup2 lacks here: {' '.join(sorted(missing))}")


@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_runtest_makereport(item, call):
    del call
    outcome = yield
    setattr(item, "report_" + outcome.get_result().when, outcome.get_result())


def last_execution():
    """The time at which the binary was last read: its file system is mounted strictatime."""
    return os.stat(BINARY).st_atime_ns


@pytest.fixture(autouse=True)
def runtime_is_used(request):
    """Every test that passes has executed the runtime under test, not another one."""
    before = last_execution()
    yield
    report = getattr(request.node, "report_call", None)
    if report and report.passed and not request.node.get_closest_marker("unused"):
        assert last_execution() > before, f"{BINARY} was not executed"


@pytest.fixture(autouse=True)
def time_limit(request):
    """A test that hangs fails alone."""
    import signal
    marker = request.node.get_closest_marker("limit")
    seconds = marker.args[0] if marker else 180

    def expired(*_):
        raise TimeoutError(f"the test took more than {seconds} seconds")

    signal.signal(signal.SIGALRM, expired)
    signal.alarm(seconds)
    yield
    signal.alarm(0)


# --- daemons --------------------------------------------------------------------------------------

class Daemon:
    """A background process with a log; `ready` is a command that succeeds when it is up."""

    def __init__(self, name, command, ready, env=None):
        self.name = name
        self.log = LOGS / f"{name}.log"
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=self.log.open("wb"), stderr=subprocess.STDOUT,
                                        env={**os.environ, **(env or {})})
        wait_until(lambda: self.is_up(ready), f"{name}, see {name}.log", 60)

    def is_up(self, ready):
        assert self.process.poll() is None, \
            f"{self.name} has ended: {self.log.read_text(errors='replace')[-2000:]}"
        return run(*ready, code=None).code == 0

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="session")
def containerd():
    daemon = Daemon("containerd", ["containerd"], ["ctr", "version"])
    yield daemon
    daemon.stop()


@pytest.fixture(scope="session")
def dockerd(containerd):
    del containerd
    command = ["dockerd", "--containerd", "/run/containerd/containerd.sock"]
    if os.environ.get("TESTS_IN") != "native":
        # The guest's kernel has no netfilter, and not all that a bridge needs.
        command += ["--iptables=false", "--ip6tables=false", "--bridge=none"]
    daemon = Daemon("dockerd", command, ["docker", "version"])
    yield daemon
    daemon.stop()


# --- images ---------------------------------------------------------------------------------------

@pytest.fixture(scope="session")
def tools_archive(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tools")
    archive = directory / "archive.tar"
    engines.make_archive(archive, TOOLS, engines.make_tools(directory), {"Cmd": ["/bin/sleep", "infinity"]})
    return archive


@pytest.fixture(scope="session")
def debian_archive(tmp_path_factory):
    archive = tmp_path_factory.mktemp("debian") / "archive.tar"
    engines.make_archive(archive, DEBIAN, IMAGES / "debian.tar", {"Cmd": ["/bin/bash"]})
    return archive


@pytest.fixture(scope="session")
def ctr(containerd, tools_archive):
    """ctr ARGS... with an image loaded."""
    del containerd
    run("ctr", "image", "import", tools_archive)

    def call(*args, **options):
        return run("ctr", *args, **options)
    return call


@pytest.fixture(scope="session")
def docker_tools(dockerd, tools_archive):
    del dockerd
    run("docker", "load", "-i", tools_archive)


@pytest.fixture
def docker(docker_tools):
    """docker ARGS...; what a test leaves running goes with it."""
    del docker_tools

    def call(*args, **options):
        return run("docker", *args, **options)
    yield call
    left = run("docker", "ps", "-aq").out.split()
    if left:
        run("docker", "rm", "-f", *left)


@pytest.fixture(scope="session")
def podman_tools(tools_archive):
    run("podman", "load", "-i", tools_archive)


@pytest.fixture
def podman(podman_tools):
    """podman ARGS..., with the runtime under test as the one that is configured."""
    del podman_tools

    def call(*args, **options):
        return run("podman", *args, **options)
    yield call
    run("podman", "pod", "rm", "-f", "-a", code=None)
    run("podman", "rm", "-f", "-a", "-t", "0", code=None)


def pytest_report_header():
    versions = []
    for words in (["containerd", "--version"], ["dockerd", "--version"], ["podman", "--version"],
                  ["buildah", "--version"], ["runc", "--version"]):
        versions.append(run(*words, code=None).out.split("\n")[0])
    return [f"runtime: {RUNTIME}", *versions]
