# SPDX-License-Identifier: Apache-2.0
"""`exec` on a terminal: console socket, own pty, window size (C-PROC-01, engine-contracts 4)."""

import contextlib
import json
import os
import subprocess

import pytest

import harness
from harness import ConsoleSocket, read_terminal, wait_until
from terminals import Emulator, is_cooked, lines, set_size


class ExecEmulator(Emulator):
    """A terminal window in which `exec --tty` is the foreground job."""

    def command(self, bundle, options):
        return ["exec", *options, bundle.id]


@pytest.fixture
def running(bundle):
    bundle.hold()
    return bundle


@pytest.fixture
def window(running):
    with contextlib.ExitStack() as stack:
        def make(*words, options=("--tty",), **more):
            emulator = ExecEmulator(running, *options, words=words, **more)
            stack.callback(emulator.close)
            return emulator

        yield make


@pytest.fixture
def console(running):
    receiver = ConsoleSocket(str(running.dir / "console.sock"))
    yield receiver
    receiver.close()


def test_terminal_of_the_callers_size(window):
    """cli-reference 4: --tty; the program's own session, the size from the start."""
    text, code = window("/probe", "tty", "--", "report", "--", "exit", "4",
                        size=(33, 101)).wait()
    tty, seen = lines(text)[:2]
    assert tty.isatty == [True] * 3 and tty.errno is None
    assert (tty.rows, tty.columns) == (33, 101)
    assert tty.name.startswith("/dev/pts/")
    assert tty.sid == tty.foreground == seen.sid == seen.pid
    assert code == 4


def test_container_with_a_terminal_gives_exec_none(bundle):
    """cli-reference 4: the config's `terminal` is the first process's."""
    socket = ConsoleSocket(str(bundle.dir / "first.sock"))
    bundle.process["terminal"] = True
    bundle.probe("sleep")
    bundle.create("--console-socket", socket.path)
    _, fds = socket.receive()
    bundle.start()
    assert bundle.exec_probe("tty").isatty == [False] * 3
    os.close(fds[0])
    socket.close()


def test_console_is_not_bound_again(window, running):
    """engine-contracts 4: /dev/console is for the first process only."""
    before = running.exec_probe("ls /dev").entries
    text, _ = window("/probe", "ls", "/dev").wait()
    assert set(lines(text)[0].entries) == set(before)


def test_keys_reach_the_program_and_the_terminal_is_restored(window):
    """cli-reference 4: raw meanwhile, as for run."""
    w = window("/probe", "tty", "read")
    wait_until(lambda: not is_cooked(w.slave), "raw mode")
    w.type(b"hello\r")
    text, code = w.wait()
    assert '"line":"hello\\u000a"' in text and code == 0
    assert w.is_restored()


def test_new_size_is_passed_on(window):
    """engine-contracts 4: SIGWINCH."""
    w = window("/probe", "winch", "20")
    text = w.until("ready")
    set_size(w.master, 40, 90)
    seen = lines(text + w.wait()[0])[1]
    assert seen.winch and (seen.rows, seen.columns) == (40, 90)


def test_failure_of_the_program_is_shown(window):
    """D-06: and the caller's terminal is as before."""
    w = window("nonexist")
    text, code = w.wait()
    assert 'executable file not found in $PATH' in text and code == 255
    assert w.is_restored()


def test_user_owns_the_terminal(window):
    """C-USER-05: it can be opened by name again."""
    text, _ = window("/probe", "try-open", "/dev/pts/0", "rw",
                     options=("--tty", "--user", "1000")).wait()
    assert lines(text)[0].errno is None


def test_detached_terminal_goes_to_the_console_socket(running, console):
    """engine-contracts 4: one message, one descriptor; the end of the program is its end."""
    running.exec_detached("/probe", "tty", options=["--tty", "--console-socket", console.path])
    data, fds = console.receive()
    assert len(fds) == 1 and os.isatty(fds[0]) and 1 <= len(data) < 4096
    assert lines(read_terminal(fds[0]))[0].isatty == [True] * 3
    os.close(fds[0])


def test_process_file_with_a_terminal(running, console):
    """engine-contracts 1: as containerd and conmon ask for it, the second with --tty as well."""
    path = running.dir / "process.json"
    path.write_text(json.dumps({
        "cwd": "/", "args": ["/probe", "tty"], "terminal": True,
        "consoleSize": {"height": 10, "width": 20}, "user": {"uid": 0, "gid": 0}}))
    for more in ([], ["--tty"]):
        result = running.command("exec", "--process", path, "--console-socket", console.path,
                                 "--detach", "--pid-file", running.dir / "pid", *more, running.id)
        assert result.code == 0, result
        _, fds = console.receive()
        seen = lines(read_terminal(fds[0]))[0]
        assert (seen.rows, seen.columns) == (10, 20)
        os.close(fds[0])


def test_foreground_with_a_console_socket(running, console):
    """The terminal goes to the socket, and exec waits for the program."""
    process = running.popen("exec", "--tty", "--console-socket", console.path, running.id,
                            "/probe", "tty", "read", "--", "exit", "8",
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    _, fds = console.receive()
    os.write(fds[0], b"hello\n")
    assert '"line":"hello\\u000a"' in read_terminal(fds[0])
    assert process.wait(timeout=harness.TIMEOUT) == 8
    assert process.stdout.read() == b""
    os.close(fds[0])


def test_foreground_terminal_without_a_terminal_outside(running):
    """BuildKit and CRI-O call it like that."""
    result = running.exec("/probe", "tty", options=["--tty"])
    assert result.code == 0 and lines(result.out)[0].isatty == [True] * 3


def test_container_without_devpts(bundle):
    """I-07: refused, nothing of the image is opened in its place."""
    bundle.remove_mount("/dev/pts")
    (bundle.rootfs / "dev/pts").mkdir(parents=True)
    bundle.hold()
    assert "devpts" in bundle.refused_exec("/probe", options=["--tty"])
