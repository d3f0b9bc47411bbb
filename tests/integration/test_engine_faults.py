# SPDX-License-Identifier: Apache-2.0
"""Callers that go wrong, hurry, or come twice: what engines do on a bad day (engine-contracts 4, 5)."""

import os
import shutil
import socket
import subprocess
import threading

import pytest

import harness
from harness import (CGROUP, CRUNTIME, TIMEOUT, ConsoleSocket, cgroup_of, cruntime, default_signals,
                     wait_until)


@pytest.fixture
def running(bundle):
    bundle.hold()
    return bundle


class Hangup(ConsoleSocket):
    """Accepts and closes at once, before the terminal can have come."""

    def __init__(self, path):
        super().__init__(path)
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        try:
            connection, _ = self.listener.accept()
            connection.close()
        except OSError:
            pass

    def close(self):
        super().close()
        self.thread.join()


def until_too_late(path, attempt, undo):
    """Repeats until the receiver was the quicker one; returns that result of ATTEMPT."""
    for _ in range(50):
        receiver = Hangup(str(path))
        result = attempt(receiver.path)
        receiver.close()
        path.unlink()
        if result.code != 0:
            return result
        undo()
    raise AssertionError("the terminal was always sent before the other side hung up")


# --- console sockets ------------------------------------------------------------------------------

def test_receiver_that_hangs_up_fails_create(bundle):
    """Nothing stays: a container without its terminal is of no use to the engine."""
    bundle.process["terminal"] = True
    result = until_too_late(
        bundle.dir / "sock", lambda path: bundle.create("--console-socket", path, check=False),
        lambda: bundle.delete("--force"))
    line = bundle.one_line(result)
    assert "terminal" in line or "console" in line
    assert not bundle.exists()


def test_receiver_that_hangs_up_fails_exec(running):
    """The container goes on."""
    pid_file = running.dir / "exec.pid"

    def alone():
        return running.command("ps", "-f", "json", running.id).json == [running.state().pid]
    # A program whose terminal is gone gets SIGHUP.
    result = until_too_late(running.dir / "sock", lambda path: running.exec(
        "/probe", "sleep", options=["--tty", "--detach", "--console-socket", path, "--pid-file",
                                    pid_file]),
        lambda: (pid_file.unlink(), wait_until(alone, "the end of the process")))
    line = running.one_line(result, code=255)
    assert "terminal" in line or "console" in line
    assert not pid_file.exists() and running.status() == "running" and alone()


def test_receiver_that_never_accepts_does_not_hold_create_up(bundle):
    """conmon and the shim accept after, or while, create runs: the message waits for them."""
    bundle.process["terminal"] = True
    bundle.probe("sleep")
    receiver = ConsoleSocket(str(bundle.dir / "sock"))
    bundle.create("--console-socket", receiver.path)
    _, fds = receiver.receive()
    receiver.close()
    assert len(fds) == 1 and os.isatty(fds[0])
    os.close(fds[0])


@pytest.mark.parametrize("kind", ["missing", "file", "directory", "datagram", "nobody listens"])
def test_unusable_socket_fails_exec(running, kind):
    """One line with the path; the container goes on."""
    path = running.dir / "sock"
    if kind == "file":
        path.write_text("")
    elif kind == "directory":
        path.mkdir()
    elif kind == "datagram":
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.bind(str(path))
    elif kind == "nobody listens":
        ConsoleSocket(str(path)).close()
    line = running.refused_exec("/probe", "sleep", options=["-t", "-d", "--console-socket", path])
    assert str(path) in line and running.status() == "running"


# --- containers that are gone ---------------------------------------------------------------------

def test_exec_into_what_is_not_there(bundle):
    """Vanished with its state, or with the whole state root."""
    words = ["exec", "--detach", bundle.id, "/probe"]
    assert "does not exist" in bundle.one_line(bundle.command(*words), code=255)
    bundle.hold()
    bundle.delete("--force")
    assert "does not exist" in bundle.one_line(bundle.command(*words), code=255)
    shutil.rmtree(bundle.root)
    assert "does not exist" in bundle.one_line(bundle.command(*words), code=255)


def test_exec_while_the_container_ends(make_bundle):
    """It runs, or fails with one line; nothing of it stays (a health check meets docker stop)."""
    for i in range(10):
        bundle = make_bundle(f"b{i}")
        bundle.hold()
        execs = [bundle.popen("exec", bundle.id, "/probe", "exit", "3", stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) for _ in range(4)]
        bundle.kill("KILL")
        for process in execs:
            _, err = process.communicate(timeout=TIMEOUT)
            assert process.returncode in (3, 137, 255), err
            assert len(err.splitlines()) == (1 if process.returncode == 255 else 0), err
        bundle.wait_stopped()
        bundle.delete()


# --- logs -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("command", ["create", "exec", "start"])
def test_directory_of_the_log_is_gone(bundle, tmp_path, command):
    """Refused before anything happened: the engine would never learn what went wrong."""
    bundle.globals = ["--log", tmp_path / "gone/log.json", "--log-format", "json"]
    bundle.probe("sleep")
    if command != "create":
        globals_, bundle.globals = bundle.globals, []
        bundle.create()
        bundle.globals = globals_
    words = {"create": ["-b", bundle.dir, bundle.id], "exec": [bundle.id, "/probe"],
             "start": [bundle.id]}[command]
    bundle.write_config()
    result = bundle.command(command, *words)
    line = bundle.one_line(result, code=255 if command == "exec" else 1)
    assert "gone/log.json" in line and "no such file or directory" not in line
    bundle.globals = []
    assert bundle.exists() == (command != "create")


def test_log_may_vanish_between_commands(bundle, tmp_path):
    """Each command makes it again."""
    log = tmp_path / "log.json"
    bundle.globals = ["--log", log, "--log-format", "json"]
    bundle.args("/missing")
    for _ in range(2):
        bundle.one_line(bundle.create(check=False))
        assert log.read_text().count('"level":"error"') == 1
        log.unlink()


# --- twice ----------------------------------------------------------------------------------------

def test_cleanup_twice_at_the_same_time(make_bundle):
    """containerd's shim and its clean-up both delete: all succeed, or say that it is gone."""
    for i in range(5):
        bundle = make_bundle(f"b{i}")
        bundle.hold()
        group = cgroup_of(bundle.state().pid)
        forced = [bundle.popen("delete", "--force", bundle.id, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT) for _ in range(6)]
        assert [(p.communicate(timeout=TIMEOUT)[0], p.returncode) for p in forced] == [(b"", 0)] * 6
        assert not bundle.exists() and not group.exists()
        bundle.delete("--force")
        assert "does not exist" in bundle.one_line(bundle.delete(check=False))
        assert "does not exist" in bundle.one_line(bundle.kill("9", check=False))


def test_cleanup_while_create_runs(make_bundle):
    """A shim that was killed: its create is still at work when the clean-up comes."""
    for i in range(10):
        bundle = make_bundle(f"b{i}")
        bundle.probe("sleep")
        bundle.write_config()
        creating = bundle.popen("create", "-b", bundle.dir, bundle.id, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
        while i % 2 and not bundle.exists() and creating.poll() is None:
            pass
        bundle.delete("--force")
        assert creating.wait(TIMEOUT) in (0, 1)
        bundle.delete("--force")
        assert not bundle.exists()


# --- many -----------------------------------------------------------------------------------------

@pytest.mark.limit(600)
def test_a_thousand_at_once(running):
    """In waves of the shells below: each gets its own answer, nothing of them stays."""
    before = sorted(os.listdir(f"/proc/{running.state().pid}/fd"))
    script = 'for i in $(seq 0 99); do { "$@" exit $i >/dev/null; echo $i:$?; } & done; wait'
    shells = [subprocess.Popen(
        ["sh", "-c", script, "sh", CRUNTIME, "--root", str(running.root), "exec", running.id,
         "/probe"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=default_signals) for _ in range(10)]
    for shell in shells:
        out, err = shell.communicate(timeout=500)
        assert err == ""
        assert sorted(out.split()) == sorted(f"{i}:{i}" for i in range(100))
    assert running.command("ps", "-f", "json", running.id).json == [running.state().pid]
    assert sorted(os.listdir(f"/proc/{running.state().pid}/fd")) == before


def memory_kib(pid):
    with open(f"/proc/{pid}/status") as file:
        return int(next(line.split()[1] for line in file if line.startswith("VmRSS")))


@pytest.mark.limit(600)
def test_a_thousand_in_a_row_cost_nothing_that_stays(running):
    """Health checks for days: descriptors, memory, processes, mounts, cgroups, files of the state."""
    def facts():
        pid = running.state().pid
        return (sorted(os.listdir(f"/proc/{pid}/fd")), memory_kib(pid), harness.mounts(),
                harness.processes().keys(), harness.cgroups(), sorted(os.listdir(running.root / running.id)),
                (CGROUP / "cgroup.stat").read_text().split()[:2])
    for _ in range(10):
        running.exec("/probe", "exit", "0")
    before = facts()
    for _ in range(1000):
        done = cruntime("--root", running.root, "exec", running.id, "/probe", "exit", "0")
        assert done.code == 0, done
    assert facts() == before
