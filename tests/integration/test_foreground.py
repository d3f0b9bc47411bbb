# SPDX-License-Identifier: Apache-2.0
"""`run` in the foreground: its own terminal, signals, streams, exit codes.

Rows C-PROC-01, R-LIFE-28, S-34; D-01, D-06; engine-contracts 4; cli-reference 4.
"""

import contextlib
import fcntl
import os
import pty
import select
import signal
import subprocess
import termios
import time

import pytest

import harness
from harness import read_terminal, wait_until
from terminals import (Emulator, is_cooked, lines, parent_of, process_state, set_size,
                       write_all)


@pytest.fixture
def tty(bundle):
    """A bundle whose program has a terminal."""
    bundle.process["terminal"] = True
    return bundle


@pytest.fixture
def window(tty):
    with contextlib.ExitStack() as stack:
        def make(*options, **more):
            emulator = Emulator(tty, *options, **more)
            stack.callback(emulator.close)
            return emulator

        yield make


# --- with a terminal of its own -------------------------------------------------------------------

def test_run_gives_the_program_a_terminal_of_the_same_size(tty, window):
    """The size is there when the program asks for it first."""
    for _ in range(5):
        tty.probe("tty", "exit 4")
        text, code = window(size=(33, 101)).wait()
        seen = lines(text)[0]
        assert seen.isatty == [True] * 3 and seen.errno is None
        assert (seen.rows, seen.columns) == (33, 101)
        assert seen.name == "/dev/pts/0", "the caller's terminal is inside"
        assert code == 4


def test_callers_terminal_is_raw_while_the_program_runs(tty, window):
    """Every key goes to the program; its own terminal does echo and line editing."""
    tty.probe("tty read")
    w = window()
    assert is_cooked(w.slave)
    wait_until(lambda: not is_cooked(w.slave), "raw mode")
    flags = termios.tcgetattr(w.slave)[3]
    assert not flags & (termios.ICANON | termios.ECHO | termios.ISIG)
    w.type(b"hello\r")
    text, code = w.wait()
    assert text.count("hello\r\n") == 1, "echoed once, by the container's terminal"
    assert '"line":"hello\\u000a"' in text
    assert code == 0
    assert w.is_restored()


def test_keys_of_signals_go_to_the_program(tty, window):
    """^C ends the program in the container and not the runtime."""
    tty.shell("trap 'echo interrupted; exit 9' INT; echo ready; while :; do sleep 0.1; done")
    w = window()
    w.until("ready")
    w.type(b"\x03")
    text, code = w.wait()
    assert "interrupted" in text and code == 9
    assert w.is_restored()


def test_end_of_file_key(tty, window):
    tty.shell("cat; echo ended")
    w = window()
    wait_until(lambda: not is_cooked(w.slave), "raw mode")
    w.type(b"x\r\x04")
    text, code = w.wait()
    assert "ended" in text and code == 0


def end_normally(bundle, window):
    (bundle.rootfs / "go").touch()


def end_by_kill(bundle, window):
    bundle.kill("KILL")


def end_by_delete(bundle, window):
    bundle.delete("--force")


def end_by_term(bundle, window):
    window.process.send_signal(signal.SIGTERM)


def end_by_hangup(bundle, window):
    window.process.send_signal(signal.SIGHUP)


@pytest.mark.parametrize("end, code", [(end_normally, 0), (end_by_kill, 137), (end_by_delete, 137),
                                       (end_by_term, 143), (end_by_hangup, 129)])
def test_callers_terminal_is_restored_however_the_program_ends(tty, window, end, code):
    """R-LIFE-28."""
    tty.remove_namespace("pid")
    tty.probe("await /go")
    w = window()
    wait_until(lambda: not is_cooked(w.slave), "raw mode")
    end(tty, w)
    assert w.wait()[1] == code
    assert w.is_restored()
    assert not tty.exists()


def test_callers_terminal_is_untouched_when_create_fails(tty, window):
    tty.args("/nonexistent")
    w = window()
    text, code = w.wait()
    assert code == 1 and 'exec: "/nonexistent": no such file or directory' in text
    assert w.is_restored()


def test_callers_terminal_is_restored_when_start_fails(tty, window):
    tty.hook("startContainer", "exit 1")
    hooks = tty.config["hooks"]["startContainer"]
    hooks[0]["path"] = "/bin/false"
    tty.probe("exit 0")
    w = window()
    text, code = w.wait()
    assert code == 1 and "startContainer" in text
    assert w.is_restored()


def test_window_size_is_followed(tty, window):
    """BuildKit and CRI-O resize the runtime's stdin and send it SIGWINCH."""
    tty.shell("trap 'stty size' WINCH; echo ready; while [ ! -e /go ]; do sleep 0.05; done")
    w = window()
    w.until("ready")
    set_size(w.master, 12, 34)
    w.until("12 34")
    set_size(w.master, 56, 78)
    w.until("56 78")
    (tty.rootfs / "go").touch()
    assert w.wait()[1] == 0


def test_large_output_is_complete(tty, window):
    """The last bytes come although the program ends right after writing them."""
    tty.shell("seq 1 60000; echo last")
    text, code = window().wait()
    assert text.replace("\r\n", "\n") == "".join(f"{i}\n" for i in range(1, 60001)) + "last\n"
    assert code == 0


def test_large_input_is_complete(tty, window):
    """A paste that is larger than every buffer on the way; the program begins to read late."""
    tty.shell("stty -echo; echo ready; sleep 0.3; head -n 3000 | tail -n +2999")
    w = window()
    w.until("ready")
    chunks = []
    write_all(w.master, b"".join(b"%05d some words to fill a line\r" % i for i in range(1, 3001)),
              chunks)
    text, code = w.wait()
    text = b"".join(chunks).decode() + text
    assert "02999 some words" in text and "03000 some words" in text and code == 0


def test_program_that_reads_nothing_does_not_stop_its_own_output(tty, window):
    """Keys that nobody reads fill the container's terminal; the output must still flow."""
    tty.shell("stty raw -echo; echo ready; while [ ! -e /go ]; do sleep 0.05; done; seq 1 20000")
    w = window()
    w.until("ready")
    fcntl.fcntl(w.master, fcntl.F_SETFL, os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        for _ in range(1000):
            os.write(w.master, b"x" * 512)
    fcntl.fcntl(w.master, fcntl.F_SETFL, 0)
    (tty.rootfs / "go").touch()
    text, code = w.wait()
    assert text.rstrip().endswith("20000") and code == 0


def test_terminal_with_input_from_a_pipe(tty):
    """`echo hello | cruntime run`: end of file is the key for it."""
    tty.shell("cat; echo ended")
    tty.write_config()
    result = tty.command("run", "-b", tty.dir, tty.id, stdin=None, input="hello\n")
    assert result.code == 0
    assert result.out.endswith("ended\n") and "hello\n" in result.out


def test_terminal_with_input_that_has_no_last_newline(tty):
    """In the middle of a line the key has to be pressed twice."""
    tty.shell("cat; echo ended")
    tty.write_config()
    result = tty.command("run", "-b", tty.dir, tty.id, stdin=None, input="hello", timeout=20)
    assert result.code == 0 and "hello" in result.out and result.out.endswith("ended\n")


def test_terminal_without_input(tty):
    tty.shell("cat; echo ended")
    result = tty.run()
    assert result.code == 0 and result.out.endswith("ended\n")


def test_terminal_with_long_input_from_a_pipe(tty):
    """More than the terminal holds at once, then end of file."""
    tty.shell("stty -echo; echo ready; sleep 0.2; wc -l")
    tty.write_config()
    text = "a line of input for the program\n" * 4000
    result = tty.command("run", "-b", tty.dir, tty.id, stdin=None, input=text)
    assert result.code == 0
    assert result.out.split()[-1].isdigit() and int(result.out.split()[-1]) >= 3990


def test_terminal_with_output_that_does_not_block(tty):
    """A caller's event loop may have made our stdout non-blocking: that is no hang-up."""
    tty.shell("seq 1 50000")
    tty.write_config()
    read, write = os.pipe()
    os.set_blocking(write, False)
    run = tty.popen("run", "-b", tty.dir, tty.id, stdin=subprocess.DEVNULL, stdout=write,
                    stderr=subprocess.DEVNULL)
    os.close(write)
    time.sleep(0.3)
    with open(read, "rb") as file:
        text = file.read()
    assert text == b"".join(b"%d\n" % i for i in range(1, 50001))
    assert run.wait(timeout=harness.TIMEOUT) == 0


def test_signals_are_forwarded_while_nobody_reads_the_output(tty):
    """`cruntime run | less`: a full pipe must not make the runtime deaf."""
    tty.remove_namespace("pid")
    tty.shell("while :; do echo some words; done")
    tty.write_config()
    read, write = os.pipe()
    run = tty.popen("run", "-b", tty.dir, tty.id, stdin=subprocess.DEVNULL, stdout=write,
                    stderr=subprocess.DEVNULL)
    os.close(write)
    wait_until(lambda: tty.exists() and tty.status() == "running", "the program")
    time.sleep(0.5)
    run.send_signal(signal.SIGTERM)
    tty.wait_stopped()
    with open(read, "rb") as file:
        file.read()
    assert run.wait(timeout=harness.TIMEOUT) == 143


def test_reader_of_the_output_goes_away(tty):
    """`cruntime run | head -1`: the terminal hangs up, the program gets SIGHUP."""
    tty.remove_namespace("pid")
    tty.shell("while :; do echo some words; done")
    tty.write_config()
    read, write = os.pipe()
    run = tty.popen("run", "-b", tty.dir, tty.id, stdin=subprocess.DEVNULL, stdout=write,
                    stderr=subprocess.DEVNULL)
    os.close(write)
    assert os.read(read, 10)
    os.close(read)
    assert run.wait(timeout=harness.TIMEOUT) in (128 + signal.SIGHUP, 1, 2)


def test_window_is_closed(tty, window):
    """The runtime is the session's leader: SIGHUP is forwarded, and it ends with the program."""
    tty.remove_namespace("pid")
    tty.probe("sleep")
    w = window()
    wait_until(lambda: not is_cooked(w.slave), "raw mode")
    w.close()
    assert w.process.wait(timeout=harness.TIMEOUT) == 129


def test_background_process_on_the_terminal_does_not_keep_run_waiting(tty, window):
    """Without a pid namespace it lives on; `run` ends with its own program all the same."""
    tty.remove_namespace("pid")
    tty.shell("(trap '' HUP; sleep 1000) & echo started")
    start = time.monotonic()
    text, code = window().wait()
    assert "started" in text and code == 0
    assert time.monotonic() - start < 20


def test_background_process_that_never_stops_writing_does_not_keep_run_waiting(tty):
    """Without a pid namespace it lives until the container is deleted, which comes next."""
    tty.remove_namespace("pid")
    tty.shell("(trap '' HUP; while :; do echo some words; done) & sleep 0.2")
    assert tty.run(timeout=20).code == 0


def test_signal_ends_the_wait_for_a_reader_that_is_stuck(tty):
    """The program has ended; somebody who does not read its last words is no reason to stay."""
    tty.shell("seq 1 20000")
    tty.write_config()
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    run = tty.popen("run", "-b", tty.dir, tty.id, stdin=subprocess.DEVNULL, stdout=write,
                    stderr=subprocess.DEVNULL)
    wait_until(lambda: not select.select([], [write], [], 0)[1], "a pipe that takes no more")
    os.close(write)
    tty.kill("KILL")
    tty.wait_stopped()
    assert run.poll() is None
    run.send_signal(signal.SIGTERM)
    assert run.wait(timeout=harness.TIMEOUT) == 137
    os.close(read)


def test_keep_leaves_the_container_of_a_terminal(tty, window):
    tty.probe("exit 5")
    assert window("--keep").wait()[1] == 5
    assert tty.status() == "stopped"


# --- signals --------------------------------------------------------------------------------------

FORWARDED = ["TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "TSTP", "TTIN", "TTOU", "CONT", "ALRM",
             "PIPE", "URG", "IO", "PWR", "RTMIN"]


@pytest.mark.parametrize("terminal", [False, True])
def test_signals_are_forwarded(bundle, terminal):
    """R-LIFE-28: to the program, not to us; stopping keys of a shell do not stop the runtime."""
    names = [n for n in FORWARDED if n != "CONT"]
    bundle.process["terminal"] = terminal
    bundle.probe(*["signal-trap"] * len(names))
    bundle.write_config()
    output = bundle.dir / "output"
    with open(output, "wb") as file:
        run = bundle.popen("run", "-b", bundle.dir, bundle.id, stdin=subprocess.DEVNULL,
                           stdout=file, stderr=file)
    # With a terminal, SIGHUP and the like come from nobody else: it stays open.
    for i, name in enumerate(names):
        wait_until(lambda: output.read_text().count("ready") == i + 1, f"ready for SIG{name}")
        run.send_signal(getattr(signal, "SIG" + name))
    assert run.wait(timeout=harness.TIMEOUT) == 0
    got = [line.signal for line in lines(output.read_text()) if "signal" in line]
    assert got == [int(getattr(signal, "SIG" + n)) for n in names]


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "QUIT", "USR1", "ALRM"])
def test_exit_code_after_a_forwarded_signal(bundle, name):
    """R-LIFE-28, D-06."""
    number = getattr(signal, "SIG" + name)
    bundle.remove_namespace("pid")
    bundle.process["rlimits"].append({"type": "RLIMIT_CORE", "soft": 0, "hard": 0})
    bundle.probe("sleep")
    bundle.write_config()
    run = bundle.popen("run", "-b", bundle.dir, bundle.id)
    wait_until(lambda: bundle.exists() and bundle.status() == "running", "the program")
    run.send_signal(number)
    assert run.wait(timeout=harness.TIMEOUT) == 128 + number


def test_signal_during_create_is_not_lost(bundle):
    """It is delivered when there is a program to get it."""
    out = bundle.hook("createRuntime", "echo here >$OUT; sleep 0.5")
    bundle.remove_namespace("pid")
    bundle.probe("sleep")
    bundle.write_config()
    run = bundle.popen("run", "-b", bundle.dir, bundle.id)
    wait_until(lambda: out.exists() and out.read_text(), "the hook")
    run.send_signal(signal.SIGTERM)
    assert run.wait(timeout=harness.TIMEOUT) == 143


def test_stop_key_of_a_shell_stops_neither_us_nor_loses_the_program(bundle):
    """^Z without a terminal of its own: SIGTSTP to our process group; fg sends SIGCONT."""
    bundle.shell("trap 'echo stopped' TSTP; trap 'echo continued; exit 3' CONT; echo ready; "
                 "while :; do sleep 0.05; done")
    bundle.write_config()
    output = bundle.dir / "output"
    with open(output, "wb") as file:
        run = bundle.popen("run", "-b", bundle.dir, bundle.id, stdout=file)
    wait_until(lambda: "ready" in output.read_text(), "the program")
    run.send_signal(signal.SIGTSTP)
    wait_until(lambda: "stopped" in output.read_text(), "the program's SIGTSTP")
    assert process_state(run.pid) in "SR"
    run.send_signal(signal.SIGCONT)
    assert run.wait(timeout=harness.TIMEOUT) == 3
    assert "continued" in output.read_text()


def test_run_in_the_background_of_a_terminal_without_terminal(bundle):
    """`cruntime run &` of a program that reads nothing: no SIGTTIN, SIGTTOU for us."""
    master, slave = pty.openpty()
    bundle.probe("exit 6")
    bundle.write_config()
    script = 'set -m; "$@" & wait $!; echo "code $?"'
    shell = subprocess.Popen(["sh", "-c", script, "sh", harness.CRUNTIME, "--root",
                              str(bundle.root), "run", "-b", str(bundle.dir), bundle.id],
                             stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                             preexec_fn=Emulator.take_terminal)
    bundle.processes.append(shell)
    read_terminal(master, until="code 6")
    os.close(slave)
    os.close(master)


# --- run without a terminal -----------------------------------------------------------------------

def test_streams_pass_through_without_terminal(bundle):
    """cli-reference 4: the program has the caller's own descriptors, and both outputs apart."""
    bundle.shell("cat; echo error >&2; exit 3")
    bundle.write_config()
    result = bundle.command("run", "-b", bundle.dir, bundle.id, stdin=None, input="hello\n")
    assert (result.code, result.out, result.err) == (3, "hello\n", "error\n")


def test_large_streams_pass_through_without_terminal(bundle):
    bundle.shell("cat")
    bundle.write_config()
    text = "".join(f"{i}\n" for i in range(200000))
    result = bundle.command("run", "-b", bundle.dir, bundle.id, stdin=None, input=text)
    assert result.code == 0 and result.out == text


def test_callers_terminal_is_inherited_but_not_controlling(bundle):
    """S-34: fd 0 may be the caller's terminal, but no key can be pushed into it.

    The kernel looks at who asks before it looks at the key: with a bad pointer an allowed TIOCSTI
    gives EFAULT, a refused one EPERM, or EIO where dev.tty.legacy_tiocsti is 0.
    """
    tiocsti = 0x5412
    bundle.probe("tty", f"syscall 16 0 {tiocsti} 0", f"syscall 16 1 {tiocsti} 0", "report")
    bundle.write_config()
    master, slave = pty.openpty()
    run = bundle.popen("run", "-b", bundle.dir, bundle.id, stdin=slave, stdout=slave, stderr=slave,
                       start_new_session=True, preexec_fn=Emulator.take_terminal)
    os.close(slave)
    terminal, on_input, on_output, report = lines(read_terminal(master))
    assert run.wait(timeout=harness.TIMEOUT) == 0
    os.close(master)
    assert terminal.isatty == [True] * 3
    assert terminal.errno == "ENXIO", "there is a controlling terminal"
    assert on_input.errno in ("EPERM", "EIO") and on_output.errno in ("EPERM", "EIO")
    assert (report.pid, report.sid) == (1, 1)


def test_detached_run_returns_while_the_program_runs(bundle):
    bundle.probe("sleep")
    with open(os.devnull, "r+b") as null:
        run = bundle.write_config() and bundle.popen("run", "-d", "-b", bundle.dir, bundle.id,
                                                     stdin=null, stdout=null, stderr=null)
        assert run.wait(timeout=harness.TIMEOUT) == 0
    assert bundle.status() == "running"


def test_detached_run_of_a_bundle_prints_its_id(bundle):
    """D-01."""
    bundle.args("/bin/true")
    bundle.write_config()
    output = bundle.dir / "output"
    with open(output, "wb") as file:
        run = bundle.popen("run", "-d", f"{bundle.dir}/", stdout=file, stderr=file)
        assert run.wait(timeout=harness.TIMEOUT) == 0
    line = output.read_text().rstrip("\n")
    bundle.ids.add(line)
    assert line.startswith(bundle.dir.name + "-")
    bundle.wait_stopped(line)


def test_detached_run_whose_program_cannot_start_leaves_nothing(bundle):
    bundle.args("/nonexistent")
    assert 'exec: "/nonexistent": no such file or directory' in bundle.refused("--detach")


@pytest.mark.parametrize("options, ours", [([], True), (["--no-subreaper"], False)])
def test_orphans_of_the_container_come_to_run(bundle, options, ours):
    """cli-reference 4: it collects them, so that no zombie outlives the program."""
    bundle.remove_namespace("pid")
    bundle.shell("(sh -c 'echo $$; exec sleep 1000' &); while [ ! -e /go ]; do sleep 0.05; done")
    bundle.write_config()
    output = bundle.dir / "output"
    with open(output, "wb") as file:
        run = bundle.popen("run", *options, "-b", bundle.dir, bundle.id, stdout=file)
    wait_until(lambda: output.read_text().endswith("\n"), "the orphan's pid")
    orphan = int(output.read_text())
    wait_until(lambda: (parent_of(orphan) == run.pid) == ours, "its new parent")
    os.kill(orphan, signal.SIGKILL)
    if ours:
        wait_until(lambda: not os.path.exists(f"/proc/{orphan}"), "that it is collected")
    (bundle.rootfs / "go").touch()
    assert run.wait(timeout=harness.TIMEOUT) == 0
