# SPDX-License-Identifier: Apache-2.0
"""containerd through ctr: the shim's calls (engine-contracts 5)."""

import pathlib

import pytest

from engines import BINARY, CGROUP, RUNTIME, TOOLS, on_terminal, wait_until

RUN = ["run", "--runc-binary", BINARY]
STATE = pathlib.Path("/run/containerd/runc/default")


def status(ctr, name):
    for line in ctr("task", "ls").out.splitlines():
        words = line.split()
        if words[0] == name:
            return words[2]
    return None


@pytest.fixture
def task(ctr, request):
    """A running task; everything of it goes after the test."""
    name = request.node.name.replace("_", "-")[:60]
    ctr(*RUN, "-d", TOOLS, name, "sleep", "1000")
    yield name
    ctr("task", "kill", "-a", "-s", "SIGKILL", name, code=None)
    wait_until(lambda: status(ctr, name) in (None, "STOPPED"), "the end of the task")
    ctr("task", "delete", name, code=None)
    ctr("container", "delete", name, code=None)
    assert not (STATE / name).exists()


@pytest.mark.short
def test_life_of_a_task(ctr, task):
    """run, exec, pause, resume, ps, metrics, kill, delete."""
    assert status(ctr, task) == "RUNNING"
    if RUNTIME == "cruntime":
        assert (STATE / task / "claim.json").exists(), "not our state directory"
    assert ctr("task", "exec", "--exec-id", "e1", task, "echo", "inside").text == "inside"
    ctr("task", "exec", "--exec-id", "e2", task, "sh", "-c", "exit 7", code=7)
    ctr("task", "pause", task)
    assert status(ctr, task) == "PAUSED"
    ctr("task", "exec", "--exec-id", "e3", task, "true", code=1)
    ctr("task", "resume", task)
    assert status(ctr, task) == "RUNNING"
    assert len(ctr("task", "ps", task).out.splitlines()) == 2
    ctr("task", "metrics", task)
    ctr("task", "kill", "-s", "SIGKILL", task)
    wait_until(lambda: status(ctr, task) == "STOPPED", "the end of the task")
    ctr("task", "delete", task, code=None)  # 137 with newer ones
    assert status(ctr, task) is None and not (STATE / task).exists()
    ctr("container", "delete", task)


@pytest.mark.short
def test_foreground_run_passes_output_and_exit_code(ctr):
    assert ctr(*RUN, "--rm", TOOLS, "fg", "sh", "-c", "echo out; exit 5", code=5).text == "out"


def test_terminal(ctr):
    """Console socket, size, and the exit code behind it."""
    del ctr
    code, seen = on_terminal("ctr", *RUN, "--rm", "-t", TOOLS, "tty", "sh", "-c",
                             "tty; sleep 0.5; stty size; exit 4")
    assert code == 4 and "/dev/pts/0" in seen and "30 100" in seen


def test_program_that_is_not_there(ctr):
    """engine-contracts 3."""
    refused = ctr(*RUN, "--rm", TOOLS, "missing", "/nonexist", code=1)
    assert "no such file or directory" in refused.err
    refused = ctr(*RUN, "--rm", TOOLS, "missing2", "nonexist", code=1)
    assert "executable file not found in $PATH" in refused.err
    assert ctr("task", "ls").out.count("missing") == 0


def test_seccomp_and_capabilities(ctr):
    seen = ctr(*RUN, "--rm", "--seccomp", TOOLS, "sec", "grep", "-E", "Seccomp:|CapEff",
               "/proc/self/status").out
    assert "Seccomp:\t2" in seen


def test_mounts_read_only_and_host_network(ctr, tmp_path):
    (tmp_path / "file").write_text("from outside")
    seen = ctr(*RUN, "--rm", "--net-host", "--read-only", "--mount",
               f"type=bind,src={tmp_path},dst=/mnt,options=rbind:ro", TOOLS, "m",
               "sh", "-c", "cat /mnt/file; touch /x || echo; touch /mnt/y || echo ro").out
    assert seen.split() == ["from", "outside", "ro"]


def test_kill_all(ctr, task):
    ctr("task", "exec", "-d", "--exec-id", "more", task, "sleep", "900")
    ctr("task", "kill", "-a", "-s", "SIGKILL", task)
    wait_until(lambda: status(ctr, task) == "STOPPED", "the end of the task")


def test_shim_that_was_killed(ctr, task):
    """containerd cleans up with `delete --force` from a new shim while the container still runs."""
    import os
    import signal
    from engines import run
    shims = [p.name for p in pathlib.Path("/proc").glob("[0-9]*")
             if f"-id\0{task}\0".encode() in (p / "cmdline").read_bytes()]
    assert len(shims) == 1
    pid = int(next(line.split()[1] for line in ctr("task", "ls").out.splitlines()
                   if line.startswith(task)))
    os.kill(int(shims[0]), signal.SIGKILL)
    wait_until(lambda: not (STATE / task).exists(), "the state directory to go")
    wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists()
               or "State:\tZ" in pathlib.Path(f"/proc/{pid}/status").read_text(), "the process to go")
    run("ctr", "version")


@pytest.mark.limits
def test_limits(ctr):
    ctr(*RUN, "-d", "--memory-limit", "33554432", TOOLS, "lim", "sleep", "1000")
    assert (CGROUP / "default/lim/memory.max").read_text() == "33554432\n"
    ctr("task", "kill", "-a", "-s", "SIGKILL", "lim")
    wait_until(lambda: status(ctr, "lim") == "STOPPED", "the end of the task")
    ctr("task", "delete", "lim", code=None)
    assert not (CGROUP / "default/lim").exists()
    ctr("container", "delete", "lim")
