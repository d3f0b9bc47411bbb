# SPDX-License-Identifier: Apache-2.0
"""process.terminal: console socket, own pty, window size (C-PROC-01, C-PROC-02, C-DEV-10)."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import time

import pytest

import harness
from harness import ConsoleSocket, default_signals, mount_at, parse, read_terminal, wait_until


def objects(text):
    return [parse(line) for line in text.replace("\r", "").splitlines() if line.startswith("{")]


def set_size(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


@pytest.fixture
def console(bundle):
    """A console socket; detached(actions) creates, starts, and gives the master of the terminal."""
    bundle.process["terminal"] = True
    receiver = ConsoleSocket(str(bundle.dir / "console.sock"))
    masters = []

    def detached(*actions):
        if actions:
            bundle.probe(*actions)
        bundle.create("--console-socket", receiver.path)
        data, fds = receiver.receive()
        masters.extend(fds)
        assert len(fds) == 1
        bundle.start()
        return fds[0], data

    detached.socket = receiver
    yield detached
    receiver.close()
    for fd in masters:
        os.close(fd)


class Foreground:
    """`run` on a terminal of the test's."""

    def __init__(self, bundle, *options, rows=24, columns=80):
        bundle.process["terminal"] = True
        bundle.write_config()
        self.master, self.slave = pty.openpty()
        set_size(self.master, rows, columns)
        self.before = termios.tcgetattr(self.slave)

        def caller():
            default_signals()
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = bundle.popen("run", *options, "-b", bundle.dir, bundle.id, stdin=self.slave,
                                    stdout=self.slave, stderr=self.slave, preexec_fn=caller)
        # Our copy of the slave stays open: its settings are looked at in the end.

    def read(self, until):
        return read_terminal(self.master, until)

    def type(self, text):
        os.write(self.master, text.encode())

    def wait(self):
        return self.process.wait(timeout=30)

    def close(self):
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def foreground(bundle):
    opened = []

    def start(*options, **more):
        opened.append(Foreground(bundle, *options, **more))
        return opened[-1]

    yield start
    for f in opened:
        f.close()


# --- detached: console socket ---------------------------------------------------------------------

def test_console_socket_gets_one_message_with_one_terminal(bundle, console):
    """C-PROC-01, engine-contracts 4: a name of 1 to 4095 bytes, exactly one descriptor."""
    fd, data = console("exit 0")
    assert os.isatty(fd)
    assert 1 <= len(data) < 4096


def test_program_has_the_terminal_as_stdio_and_controls_it(bundle, console):
    """C-PROC-01."""
    fd, _ = console("tty")
    seen = objects(read_terminal(fd))[0]
    assert seen.isatty == [True, True, True]
    assert seen.errno is None, "no controlling terminal"
    assert seen.sid == 1 and seen.foreground == 1


def test_console_is_bound_in_dev(bundle, console):
    """C-DEV-10, S-18: of the devpts family."""
    fd, _ = console("stat /dev/console", "report")
    stat, report = objects(read_terminal(fd))
    assert stat.type == "char" and 136 <= stat.major <= 143
    assert mount_at(report, "/dev/console").fstype == "devpts"


def test_name_of_the_terminal_is_found_inside(bundle, console):
    """C-PROC-01: ttyname(3) works, because the pty is of the container's devpts."""
    fd, _ = console("tty")
    name = objects(read_terminal(fd))[0].name
    assert name.startswith("/dev/pts/") or name == "/dev/console"


def test_terminal_does_not_turn_newlines_into_crlf(bundle, console):
    """D-24."""
    bundle.args("/bin/echo", "one")
    fd, _ = console()
    assert read_terminal(fd) == "one\n"


def test_size_of_the_configuration(bundle, console):
    """C-PROC-02."""
    bundle.process["consoleSize"] = {"height": 33, "width": 111}
    fd, _ = console("tty")
    seen = objects(read_terminal(fd))[0]
    assert (seen.rows, seen.columns) == (33, 111)


def test_size_zero_is_ignored(bundle, console):
    """engine-contracts 4: docker exec -t sends it."""
    bundle.process["consoleSize"] = {"height": 0, "width": 0}
    fd, _ = console("tty")
    assert objects(read_terminal(fd))[0].isatty[0]


@pytest.mark.parametrize("size", [{"height": 65536, "width": 1}, {"height": 1, "width": -1},
                                  {"height": 1}, {"width": 1}, {"height": "1", "width": 1}], ids=str)
def test_impossible_size_is_refused(bundle, size):
    """C-PROC-02."""
    bundle.process["terminal"] = True
    bundle.process["consoleSize"] = size
    bundle.write_config()
    result = bundle.command("create", "-b", bundle.dir, bundle.id)
    assert result.code == 1 and "consoleSize" in result.err


def test_size_without_a_terminal_is_ignored(bundle):
    """C-PROC-02."""
    bundle.process["consoleSize"] = {"height": 33, "width": 111}
    assert bundle.run_probe("tty").isatty == [False] * 3


def test_user_owns_its_terminal(bundle, console):
    """C-USER-05: it can be opened again."""
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    fd, _ = console("try-open /dev/stdin rw", "try-open /dev/console rw")
    assert [o.errno for o in objects(read_terminal(fd))] == [None, None]


def test_path_of_the_socket_may_be_long(bundle, console):
    """engine-contracts 4: longer than sun_path."""
    deep = bundle.dir / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    console.socket.close()
    console.socket.__init__(str(deep / "console.sock"))
    fd, _ = console("exit 0")
    assert os.isatty(fd)


def test_terminal_without_socket_is_refused_when_detached(bundle):
    """R-LIFE-27: at once, no hang."""
    bundle.process["terminal"] = True
    bundle.write_config()
    line = bundle.one_line(bundle.command("create", "-b", bundle.dir, bundle.id, timeout=10))
    assert "cannot allocate tty" in line and "console socket" in line
    line = bundle.one_line(bundle.command("run", "-d", "-b", bundle.dir, bundle.id, timeout=10))
    assert "cannot allocate tty" in line


def test_socket_without_terminal_is_refused(bundle):
    """cli-reference 4."""
    bundle.write_config()
    result = bundle.command("create", "--console-socket", bundle.dir / "x", "-b", bundle.dir,
                            bundle.id)
    assert "cannot use console socket" in bundle.one_line(result)


@pytest.mark.parametrize("kind", ["missing", "file", "nobody listens"])
def test_unusable_socket_is_refused(bundle, kind):
    """R-LIFE-23."""
    bundle.process["terminal"] = True
    path = bundle.dir / "sock"
    if kind == "file":
        path.write_text("")
    elif kind == "nobody listens":
        ConsoleSocket(str(path)).close()
    bundle.write_config()
    result = bundle.command("create", "--console-socket", path, "-b", bundle.dir, bundle.id)
    assert str(path) in bundle.one_line(result)


def test_terminal_without_devpts_mount(bundle):
    """C-PROC-01: refused, or a terminal all the same."""
    bundle.process["terminal"] = True
    bundle.remove_mount("/dev/pts")
    receiver = ConsoleSocket(str(bundle.dir / "console.sock"))
    result = bundle.create("--console-socket", receiver.path, check=False)
    if result.code == 0:
        for fd in receiver.receive()[1]:
            assert os.isatty(fd)
            os.close(fd)
    receiver.close()


# --- foreground: a pty of our own -----------------------------------------------------------------

def test_foreground_program_has_a_terminal_of_its_own(bundle, foreground):
    """engine-contracts 4."""
    bundle.probe("tty")
    run = foreground()
    seen = objects(run.read("}"))[0]
    assert seen.isatty == [True] * 3 and seen.errno is None
    assert run.wait() == 0


def test_foreground_exit_code(bundle, foreground):
    """R-LIFE-28."""
    bundle.probe("exit 7")
    assert foreground().wait() == 7


def test_foreground_input_reaches_the_program(bundle, foreground):
    """engine-contracts 4: copied both ways."""
    bundle.probe("tty read")
    run = foreground()
    time.sleep(0.2)
    run.type("typed text\r")
    run.read('"line":"typed text\\u000a"}')
    assert run.wait() == 0


def test_foreground_size_is_the_callers(bundle, foreground):
    """engine-contracts 4."""
    bundle.probe("tty")
    seen = objects(foreground(rows=41, columns=141).read("}"))[0]
    assert (seen.rows, seen.columns) == (41, 141)


def test_foreground_size_follows_the_callers(bundle, foreground):
    """C-PROC-02, cli-reference 4: SIGWINCH."""
    bundle.probe("winch 20")
    run = foreground(rows=24, columns=80)
    run.read("ready")
    time.sleep(0.1)
    set_size(run.master, 50, 150)
    run.read('"winch":true,"rows":50,"columns":150}')


def test_interrupt_key_goes_to_the_program(bundle, foreground):
    """Raw mode: the key arrives as a byte; the container's terminal makes a signal of it."""
    bundle.shell("trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.05; done")
    run = foreground()
    run.read("ready")
    run.type("\x03")
    run.read("caught")
    assert run.wait() == 3


def test_settings_of_the_callers_terminal_are_restored(bundle, foreground):
    """On the usual way out."""
    bundle.probe("exit 0")
    run = foreground()
    run.wait()
    assert termios.tcgetattr(run.slave) == run.before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_settings_are_restored_after_a_signal(bundle, foreground, number):
    """On every exit path."""
    bundle.shell("trap 'exit 4' TERM HUP INT; echo ready; while :; do sleep 0.05; done")
    run = foreground()
    run.read("ready")
    run.process.send_signal(number)
    assert run.wait() == 4
    assert termios.tcgetattr(run.slave) == run.before


def test_settings_are_restored_after_a_failure(bundle, foreground):
    """On every exit path: the program cannot be executed."""
    bundle.args("/nonexist")
    run = foreground()
    assert run.wait() == 1
    assert termios.tcgetattr(run.slave) == run.before


def test_large_output_arrives_complete(bundle, foreground):
    """engine-contracts 4."""
    bundle.shell("seq 1 20000; echo end-of-output")
    run = foreground()
    text = run.read("end-of-output")
    assert text.replace("\r", "").split()[:20000] == [str(i) for i in range(1, 20001)]
    assert run.wait() == 0


def test_end_of_the_callers_input_does_not_end_the_program(bundle):
    """`run </dev/null` with a terminal in the configuration."""
    bundle.process["terminal"] = True
    bundle.shell("sleep 0.2; echo done")
    bundle.write_config()
    done = subprocess.run([harness.CRUNTIME, "--root", bundle.root, "run", "-b", bundle.dir,
                           bundle.id], stdin=subprocess.DEVNULL, capture_output=True, timeout=30,
                          check=False)
    assert done.returncode == 0
    assert b"done" in done.stdout


def test_detached_run_with_terminal_and_socket(bundle):
    """cli-reference 4."""
    bundle.process["terminal"] = True
    bundle.probe("tty", "sleep")
    receiver = ConsoleSocket(str(bundle.dir / "console.sock"))
    bundle.write_config()
    with open(os.devnull, "wb") as null:
        process = bundle.popen("run", "-d", "--console-socket", receiver.path, "-b", bundle.dir,
                               bundle.id, stdout=null)
        _, fds = receiver.receive()
        assert process.wait(timeout=30) == 0
    wait_until(lambda: bundle.status() == "running", "status 'running'")
    assert "isatty" in read_terminal(fds[0], "isatty")
    os.close(fds[0])
    receiver.close()
