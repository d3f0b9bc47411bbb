# SPDX-License-Identifier: Apache-2.0
"""process.terminal with a console socket.

Rows C-PROC-01, C-PROC-02, C-USER-05, C-DEV-10, R-LIFE-27; engine-contracts 4; D-24. Terminals that
`run` makes by itself are in test_foreground.py.
"""

import array
import contextlib
import os
import pathlib
import select
import socket
import subprocess

import pytest

import harness
from harness import ConsoleSocket, read_terminal
from terminals import get_size, lines, set_size

TTY_DETACHED = "cannot allocate tty if cruntime will detach without setting console socket"
SOCKET_WITHOUT_TTY = "cannot use console socket if cruntime will not detach or allocate tty"


@pytest.fixture
def tty(bundle):
    """A bundle whose program has a terminal."""
    bundle.process["terminal"] = True
    return bundle


@pytest.fixture
def console(tty):
    """create with a console socket: console("probe", "tty") returns the master."""
    with contextlib.ExitStack() as stack:
        def make(*actions, start=True):
            listener = ConsoleSocket(tty.dir / "console.sock")
            stack.callback(listener.close)
            if actions:
                tty.probe(*actions)
            tty.create("--console-socket", listener.path)
            data, fds = listener.receive()
            for fd in fds:
                stack.callback(os.close, fd)
            assert len(fds) == 1 and 1 <= len(data) < 4096
            if start:
                tty.start()
            return fds[0]

        yield make


# --- with a console socket ------------------------------------------------------------------------

def test_console_socket_gets_one_message_with_one_terminal(tty):
    """C-PROC-01: go-runc refuses other control data, conmon wants exactly one descriptor."""
    listener = ConsoleSocket(tty.dir / "console.sock")
    tty.probe("exit 0")
    tty.create("--console-socket", listener.path)
    connection, _ = listener.listener.accept()
    data, control, flags, _ = connection.recvmsg(4096, 4096)
    ((level, kind, fds),) = control
    assert (level, kind, flags) == (socket.SOL_SOCKET, socket.SCM_RIGHTS, 0)
    assert len(fds) == array.array("i").itemsize
    assert data.startswith(b"/dev/pts/") and b"\0" not in data and b"\n" not in data
    (fd,) = array.array("i", fds)
    assert os.isatty(fd)
    assert connection.recv(1) == b"", "a second message, or the connection stays open"
    os.close(fd)
    connection.close()
    listener.close()


def test_terminal_is_there_before_create_returns(tty):
    """engine-contracts 4: conmon accepts concurrently, a shim only after create returned."""
    listener = ConsoleSocket(tty.dir / "console.sock")
    tty.probe("exit 0")
    tty.create("--console-socket", listener.path)
    assert select.select([listener.listener], [], [], 0)[0]
    listener.close()


def test_program_is_on_its_terminal(tty, console):
    """C-PROC-01: 0, 1 and 2, leader of its session, in the foreground, controlling terminal."""
    seen = lines(read_terminal(console("report", "tty", "stat /dev/console")))
    report, terminal, device = seen
    assert terminal.isatty == [True, True, True]
    assert terminal.errno is None, "/dev/tty cannot be opened"
    assert (terminal.sid, terminal.foreground) == (1, 1)
    assert terminal.name == "/dev/pts/0"
    assert (report.pid, report.sid, report.pgid) == (1, 1, 1)
    assert {n: f.target for n, f in report.fds.items()} == dict.fromkeys("012", "/dev/pts/0")
    assert (device.type, device.major, device.minor) == ("char", 136, 0)


def test_console_exists_only_with_a_terminal(bundle):
    """C-DEV-10."""
    assert bundle.run_probe("stat /dev/console").errno == "ENOENT"


def test_console_size_is_set_before_the_program_runs(tty, console):
    """C-PROC-02."""
    tty.process["consoleSize"] = {"height": 37, "width": 91}
    master = console("tty", start=False)
    assert get_size(master) == (37, 91)
    tty.start()
    (seen,) = lines(read_terminal(master))
    assert (seen.rows, seen.columns) == (37, 91)


def test_console_size_of_zeros_is_ignored(tty, console):
    """engine-contracts 4: docker exec sends it."""
    tty.process["consoleSize"] = {"height": 0, "width": 0}
    (seen,) = lines(read_terminal(console("tty")))
    assert (seen.rows, seen.columns) == (0, 0)


def test_console_size_without_terminal_is_ignored(bundle):
    """C-PROC-02."""
    bundle.process["consoleSize"] = {"height": 37, "width": 91}
    assert bundle.run_probe("tty").isatty == [False] * 3


def test_console_size_beyond_the_kernels_range_is_refused(tty):
    """C-PROC-02: 65536 must not become 0, nor 65546 become 10."""
    tty.process["consoleSize"] = {"height": 65546, "width": 80}
    assert "consoleSize" in tty.refused()


def test_line_feed_is_not_translated(tty, console):
    """D-24."""
    tty.shell("printf 'a\\nb\\n'")
    assert read_terminal(console()) == "a\nb\n"


def test_terminal_belongs_to_the_user(tty, console):
    """C-USER-05: who may not open /dev/stdout again cannot run many images."""
    tty.process["user"] = {"uid": 1000, "gid": 1000}
    seen = lines(read_terminal(console("stat /dev/pts/0", "try-open /dev/stdout w",
                                       "try-open /dev/tty rw")))
    assert seen[0].uid == 1000
    assert seen[1].errno is None and seen[2].errno is None


def test_later_resizes_arrive(tty, console):
    """engine-contracts 4: they come through the master, the runtime is not called."""
    master = console("winch 20")
    text = read_terminal(master, until="}\n{")
    set_size(master, 11, 22)
    seen = lines(text + read_terminal(master))[-1]
    assert (seen.winch, seen.rows, seen.columns) == (True, 11, 22)


def test_input_reaches_the_program(tty, console):
    master = console("tty read")
    os.write(master, b"hello\n")
    assert '"line":"hello\\u000a"' in read_terminal(master)


def test_end_of_the_program_is_end_of_the_terminal(tty, console):
    """Nothing of the runtime keeps the other side open."""
    master = console("exit 3")
    read_terminal(master)
    tty.wait_stopped()


def test_hang_up_of_the_master_ends_the_session(tty):
    """The session's leader gets SIGHUP; the runtime holds no copy of the master."""
    tty.remove_namespace("pid")
    listener = ConsoleSocket(tty.dir / "console.sock")
    tty.probe("sleep")
    tty.create("--console-socket", listener.path)
    _, (fd,) = listener.receive()
    listener.close()
    tty.start()
    os.close(fd)
    tty.wait_stopped()


def test_console_socket_path_may_be_long(tty):
    """engine-contracts 4: sun_path has 108 bytes only."""
    deep = tty.dir / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    listener = ConsoleSocket(deep / "console.sock")
    tty.probe("exit 0")
    tty.create("--console-socket", listener.path)
    _, fds = listener.receive()
    assert len(fds) == 1 and os.isatty(fds[0])
    os.close(fds[0])
    listener.close()


def test_console_socket_path_may_be_relative(tty):
    """D-25: to the caller's directory, not to the bundle."""
    other = tty.dir / "other"
    other.mkdir()
    listener = ConsoleSocket(other / "console.sock")
    tty.probe("exit 0")
    tty.create("--console-socket", "console.sock", cwd=other)
    _, fds = listener.receive()
    os.close(fds[0])
    listener.close()


def make_missing(path):
    return None


def make_regular(path):
    path.write_text("mine")


def make_directory(path):
    path.mkdir()


def make_fifo(path):
    os.mkfifo(path)


def make_link(path):
    real = ConsoleSocket(path.with_name("real.sock"))
    path.symlink_to("real.sock")
    return real.listener


def make_datagram(path):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(str(path))
    return sock


def make_deaf(path):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.bind(str(path))
    return sock


@pytest.mark.parametrize("option", ["--console-socket", "--pidfd-socket"])
@pytest.mark.parametrize("make", [make_missing, make_regular, make_directory, make_fifo, make_link,
                                  make_datagram, make_deaf])
def test_path_that_is_no_listening_socket_is_refused(tty, make, option):
    """S-46: nothing is followed or written, nothing hangs, nothing is left."""
    path = pathlib.Path(os.environ["TMPDIR"]) / f"sock-{os.getpid()}"
    path.mkdir()
    if option == "--pidfd-socket":
        tty.process["terminal"] = False
    try:
        sock = make(path / "console.sock")
        result = tty.create(option, path / "console.sock", check=False)
        line = tty.one_line(result)
        assert option in line and f"'{path}/console.sock'" in line
        assert not tty.exists()
        if sock:
            sock.close()
        if make is make_regular:
            assert (path / "console.sock").read_text() == "mine"
    finally:
        subprocess.run(["rm", "-rf", path], check=True)


@pytest.mark.parametrize("verb", [["create"], ["run", "--detach"]])
def test_terminal_without_console_socket_is_refused_when_detached(tty, verb):
    """R-LIFE-27: an error and no hang; the text is the one that runc users know."""
    tty.probe("exit 0")
    tty.write_config()
    result = tty.command(*verb, "-b", tty.dir, tty.id)
    assert TTY_DETACHED in tty.one_line(result)
    assert not tty.exists()


@pytest.mark.parametrize("verb", [["create"], ["run"], ["run", "--detach"]])
def test_console_socket_without_terminal_is_refused(bundle, verb):
    """cli-reference 4: crun ignores it, and its caller waits for ever."""
    listener = ConsoleSocket(bundle.dir / "console.sock")
    bundle.probe("exit 0")
    bundle.write_config()
    result = bundle.command(*verb, "--console-socket", listener.path, "-b", bundle.dir, bundle.id)
    assert SOCKET_WITHOUT_TTY in bundle.one_line(result)
    assert not select.select([listener.listener], [], [], 0)[0]
    listener.close()


def test_terminal_without_devpts_is_refused(tty):
    """C-PROC-01; and nothing in the image is taken for a terminal (I-07)."""
    tty.remove_mount("/dev/pts")
    listener = ConsoleSocket(tty.dir / "console.sock")
    tty.probe("exit 0")
    line = tty.one_line(tty.create("--console-socket", listener.path, check=False))
    assert "/dev/pts" in line and "devpts" in line
    listener.close()


def test_receiver_that_hangs_up_is_no_silent_success(tty):
    """The master would be lost: create fails, by a message and not by SIGPIPE."""
    listener = ConsoleSocket(tty.dir / "console.sock")
    tty.hook("createRuntime", "exit 0")
    tty.probe("exit 0")
    tty.write_config()
    creator = tty.popen("create", "--console-socket", listener.path, "-b", tty.dir, tty.id,
                        stderr=subprocess.PIPE)
    connection, _ = listener.listener.accept()
    connection.close()
    listener.close()
    error = creator.communicate(timeout=harness.TIMEOUT)[1].decode()
    # The message may have been sent before the hang-up.
    assert creator.returncode in (0, 1)
    assert (creator.returncode == 0) == (error == ""), error
    assert tty.exists() == (creator.returncode == 0)


def test_detached_run_with_console_socket(tty):
    """cli-reference 4: run --detach returns once the program runs; its terminal stays."""
    listener = ConsoleSocket(tty.dir / "console.sock")
    tty.probe("tty", "sleep")
    result = tty.run("--detach", "--console-socket", listener.path)
    assert (result.code, result.out, result.err) == (0, "", "")
    _, (fd,) = listener.receive()
    assert '"isatty":[true,true,true]' in read_terminal(fd, until="}")
    assert tty.status() == "running"
    tty.kill("KILL")
    read_terminal(fd)
    os.close(fd)
    listener.close()


def test_foreground_run_with_console_socket_waits(tty):
    """The terminal goes to the socket; the exit code still is the program's."""
    listener = ConsoleSocket(tty.dir / "console.sock")
    tty.probe("tty", "exit 7")
    result = tty.run("--console-socket", listener.path)
    assert (result.code, result.out, result.err) == (7, "", "")
    _, (fd,) = listener.receive()
    assert '"isatty":[true,true,true]' in read_terminal(fd)
    os.close(fd)
    listener.close()


