# SPDX-License-Identifier: Apache-2.0
"""NOTIFY_SOCKET: a service manager hears when the program of a container is ready (sd_notify(3))."""

import array
import os
import socket
import threading

import pytest

from harness import TIMEOUT, wait_until

READY = "notify 'READY=1'"


class Manager:
    """The socket of a service manager, and every message that came to it; barriers are answered."""

    def __init__(self, address):
        self.messages = []
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(address)
        name = self.sock.getsockname()
        self.address = "@" + name[1:].decode() if isinstance(name, bytes) else name
        self.environment = {**os.environ, "NOTIFY_SOCKET": self.address}
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            text, control, _, _ = self.sock.recvmsg(4096, socket.CMSG_SPACE(16))
            self.messages.append(text.decode())  # first: the close below is what a barrier awaits
            for _, _, content in control:
                fds = array.array("i")
                fds.frombytes(content)
                for fd in fds:
                    os.close(fd)

    @property
    def lines(self):
        return [line for text in self.messages for line in text.splitlines()]


@pytest.fixture
def manager(tmp_path):
    return Manager(str(tmp_path / "manager.sock"))


def start(bundle, manager):
    return bundle.command("start", bundle.id, env=manager.environment)


@pytest.mark.parametrize("abstract", [False, True])
def test_start_returns_when_the_program_is_ready(bundle, tmp_path, abstract):
    """engine-contracts 4, cli-reference 9: READY=1 with the pid of the container, then a barrier."""
    manager = Manager("\0test-manager" if abstract else str(tmp_path / "manager.sock"))
    bundle.probe(READY, "sleep")
    bundle.create("--pid-file", bundle.dir / "pid", env=manager.environment)
    assert manager.messages == []
    assert start(bundle, manager).code == 0
    pid = (bundle.dir / "pid").read_text()
    assert manager.messages == [f"READY=1\nMAINPID={pid}\n", "BARRIER=1"]
    assert bundle.status() == "running"


def test_detached_run_returns_when_the_program_is_ready(bundle, manager):
    """cli-reference 9."""
    bundle.probe(READY, "sleep")
    bundle.write_config()
    run = bundle.popen("run", "--detach", "-b", bundle.dir, bundle.id, env=manager.environment)
    assert run.wait(TIMEOUT) == 0
    assert f"MAINPID={bundle.state().pid}" in manager.lines and "READY=1" in manager.lines


def test_foreground_run_passes_it_on_and_stays_the_main_process(bundle, manager):
    """cli-reference 9."""
    bundle.probe(READY, "sleep")
    bundle.write_config()
    run = bundle.popen("run", "-b", bundle.dir, bundle.id, env=manager.environment)
    wait_until(lambda: manager.messages, "a message to the manager")
    # The program that was started may be a copy of the binary, under the same pid.
    assert manager.messages == [f"READY=1\nMAINPID={run.pid}\n"]
    bundle.kill("KILL")
    assert run.wait(TIMEOUT) == 137


def test_only_readiness_passes(bundle, manager):
    """A container must not name another main process or leave descriptors with the manager."""
    texts = ["MAINPID=1", "STATUS=READY=1", "READY=10", "FDSTORE=1\nMAINPID=1", "READY=0", "",
             "X=1\nREADY=1\nMAINPID=1"]
    bundle.probe(*(["notify", text] for text in texts), "sleep")
    bundle.create(env=manager.environment)
    assert start(bundle, manager).code == 0
    assert manager.lines == ["READY=1", f"MAINPID={bundle.state().pid}", "BARRIER=1"]


def test_a_program_that_talks_on_is_not_held_up(bundle, manager):
    """`run` reads to the end: a full queue would block the program."""
    bundle.probe(READY, *["notify STATUS=x"] * 600, READY)
    result = bundle.run(env=manager.environment)
    assert result.code == 0 and len(result.lines) == 602
    assert all(line.errno is None for line in result.lines)
    assert manager.lines.count("READY=1") == 2 and len(manager.messages) == 2


def test_a_program_that_ends_without_a_word(bundle, manager):
    """As runc: `start` has done its work."""
    bundle.probe("exit 0")
    bundle.create(env=manager.environment)
    assert start(bundle, manager).code == 0
    assert manager.messages == []


def test_others_work_on_a_container_that_never_becomes_ready(bundle, manager):
    """`start` holds no lock while it waits."""
    bundle.probe("sleep")
    bundle.create(env=manager.environment)
    waiting = bundle.popen("start", bundle.id, env=manager.environment)
    wait_until(lambda: bundle.status() == "running", "status 'running'")
    bundle.delete("--force")
    assert waiting.wait(TIMEOUT) == 0


@pytest.mark.parametrize("userns", [False, True])
def test_the_socket_inside(bundle, manager, userns):
    """Bound read-only; any user may send; the manager's own socket is not visible."""
    if userns:
        bundle.user_namespace()
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.process["env"].append("NOTIFY_SOCKET=/host/socket")
    bundle.config["root"]["readonly"] = True
    bundle.probe("report", "ls /run/notify", "write /run/notify/x", READY)
    seen, listed, written, sent = [*bundle.run(env=manager.environment).lines]
    assert [e for e in seen.environ if e.startswith("NOTIFY")] == \
        ["NOTIFY_SOCKET=/run/notify/notify.sock"]
    assert list(listed.entries) == ["notify.sock"] and written.errno in ("EROFS", "EACCES")
    wait_until(lambda: manager.lines, "the message")
    assert sent.errno is None and manager.lines[0] == "READY=1"


def test_last_words_of_a_program_are_passed_on(bundle, manager):
    """Several messages at once, and then the end."""
    bundle.probe(*["notify 'STATUS=soon'"] * 20, READY)
    bundle.run_ok(env=manager.environment)
    wait_until(lambda: "READY=1" in manager.lines, "the message")


def test_without_one_nothing_is_there(bundle):
    bundle.probe("report", "stat /run/notify")
    seen, there = bundle.run_ok(env={**os.environ, "NOTIFY_SOCKET": ""}).lines
    assert there.errno == "ENOENT" and not [e for e in seen.environ if e.startswith("NOTIFY")]


def test_without_a_mount_namespace_nothing_is_passed_on(bundle, manager):
    """There is no place to put it."""
    bundle.remove_namespace("mount")
    bundle.config["mounts"] = []
    for member in ("maskedPaths", "readonlyPaths"):
        bundle.linux.pop(member)
    seen = bundle.run_probe(env=manager.environment)
    assert not [e for e in seen.environ if e.startswith("NOTIFY")]


def test_exec_has_none(bundle, manager):
    """The readiness of a container is that of its first process."""
    bundle.probe(READY, "sleep")
    bundle.create(env=manager.environment)
    start(bundle, manager)
    seen = bundle.exec_probe("report", env=manager.environment)
    assert not [e for e in seen.environ if e.startswith("NOTIFY")]


@pytest.mark.parametrize("address", ["/nowhere/sock", "relative", "@nobody", "@", "/dev/null"])
def test_a_manager_that_is_not_there(bundle, address):
    """Before anything has run: a service would wait for its readiness in vain."""
    environment = {**os.environ, "NOTIFY_SOCKET": address}
    bundle.probe("sleep")
    assert "NOTIFY_SOCKET" in bundle.refused(env=environment)
    bundle.create(env=environment)
    assert "NOTIFY_SOCKET" in bundle.one_line(bundle.command("start", bundle.id, env=environment))
    assert bundle.status() == "created"
    assert bundle.start().code == 0


def test_started_by_somebody_without_a_manager(bundle, manager):
    """The program runs; its messages go nowhere."""
    bundle.probe(READY)
    bundle.create(env=manager.environment)
    assert [line.errno for line in bundle.finish()] == ["ENOENT"]


def test_created_by_somebody_without_a_manager(bundle, manager):
    """There is nothing to wait for."""
    bundle.probe("sleep")
    bundle.create()
    assert start(bundle, manager).code == 0


def test_listen_fdnames_go_with_the_descriptors(bundle):
    """R-LNX-02: sd_listen_fds_with_names(3)."""
    names = {"LISTEN_FDNAMES": "web:control"}
    seen = bundle.run_probe(env={**os.environ, "LISTEN_FDS": "2", **names})
    assert "LISTEN_FDNAMES=web:control" in seen.environ
    seen = bundle.run_probe(env={**os.environ, **names})
    assert not [e for e in seen.environ if e.startswith("LISTEN")]
