# SPDX-License-Identifier: Apache-2.0
"""What engines rely on around the process: descriptors, signals, parents, files, texts.

engine-contracts 2, 3 and 4; R-LNX-02, R-LNX-03; I-13, I-21; S-15, S-45, S-46, S-80, S-84.
"""

import array
import contextlib
import ctypes
import datetime
import fcntl
import json
import os
import pathlib
import re
import select
import signal
import socket
import stat
import subprocess
import sys

import pytest

import harness
from harness import ConsoleSocket, status_field, wait_until

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def caller(fds=None, prepare=None, clear=()):
    """A caller with these descriptors ({number: descriptor}), not close-on-exec, and no others."""
    # Out of the way, or one would overwrite the next.
    high = {n: fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 500) for n, fd in (fds or {}).items()}

    def prepare_child():
        harness.default_signals()
        for number in clear:
            with contextlib.suppress(OSError):
                os.close(number)
        for number, fd in high.items():
            os.dup2(fd, number, inheritable=True)
        if prepare:
            prepare()

    return {"preexec_fn": prepare_child, "close_fds": False}, list(high.values())


@pytest.fixture
def leaky():
    """leaky(3, 4, …): options for a caller that leaks directories and pipes at these numbers, and
    the read end of the pipe."""
    with contextlib.ExitStack() as stack:
        def make(*numbers, **more):
            directory = os.open("/etc", os.O_RDONLY | os.O_DIRECTORY)
            read, write = os.pipe()
            choice = [directory, write, os.open("/", os.O_PATH), os.open("/etc", os.O_PATH)]
            fds = {n: choice[i % len(choice)] for i, n in enumerate(numbers)}
            options, high = caller(fds, **more)
            for fd in (directory, choice[2], choice[3]):
                stack.callback(os.close, fd)
            stack.callback(os.close, read)

            def release():
                """The caller closes its own copies of the pipe."""
                os.close(write)
                for fd in high:
                    os.close(fd)

            return options, read, release

        yield make


def is_at_end(read):
    return bool(select.select([read], [], [], 0)[0]) and os.read(read, 1) == b""


def numbers(report):
    return sorted(int(n) for n in report.fds)


# --- descriptors ----------------------------------------------------------------------------------

def test_leaked_descriptors_do_not_reach_the_program(bundle, leaky):
    """S-84, I-13: the shim leaks its control socket, buildah its pipes, podman anything."""
    options, _, release = leaky(*range(3, 64))
    seen = bundle.run_probe(**options)
    release()
    assert numbers(seen) == [0, 1, 2]


def test_leaked_descriptors_are_not_held_by_the_created_process(bundle, leaky):
    """engine-contracts 4: else the end of file that buildah waits for never comes."""
    options, read, release = leaky(*range(3, 64))
    bundle.probe("await /go")
    bundle.create(**options)
    release()
    assert is_at_end(read), "somebody holds a leaked pipe before start"
    bundle.start()
    assert bundle.status() == "running"
    (bundle.rootfs / "go").touch()
    bundle.wait_stopped()


def test_created_process_holds_no_directory_of_the_host(bundle, leaky):
    """S-15, CVE-2024-21626: closed, not merely close-on-exec, while it waits in the container."""
    options, _, release = leaky(*range(3, 64))
    bundle.probe("exit 0")
    bundle.create(**options)
    release()
    pid = bundle.state().pid
    root = os.stat(f"/proc/{pid}/root")
    for fd in os.listdir(f"/proc/{pid}/fd"):
        found = os.stat(f"/proc/{pid}/fd/{fd}")
        if stat.S_ISDIR(found.st_mode):
            assert (found.st_dev, found.st_ino) == (root.st_dev, root.st_ino), os.readlink(
                f"/proc/{pid}/fd/{fd}")


@pytest.mark.parametrize("number", [3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
def test_working_directory_through_a_leaked_descriptor_is_refused(bundle, leaky, number):
    """S-15, S-84, CVE-2024-21626: nine leaked directories, cwd /proc/self/fd/N."""
    options, _, release = leaky(*range(3, 13))
    bundle.process["cwd"] = f"/proc/self/fd/{number}/../.."
    line = bundle.refused(**options)
    release()
    assert "chdir to cwd" in line


def test_end_of_the_container_is_end_of_its_pipes(bundle):
    """What a shim's Wait waits for."""
    bundle.shell("echo last")
    bundle.write_config()
    read, write = os.pipe()
    create = bundle.popen("create", "-b", bundle.dir, bundle.id, stdin=subprocess.DEVNULL,
                          stdout=write, stderr=write)
    assert create.wait(timeout=harness.TIMEOUT) == 0
    os.close(write)
    assert not select.select([read], [], [], 0.05)[0], "the container has its pipe no more"
    bundle.start()
    with open(read, "rb") as file:
        assert file.read() == b"last\n"


def test_create_with_a_terminal_gives_its_pipes_back(bundle):
    """engine-contracts 4: the shim waits for their end of file while the container lives."""
    bundle.process["terminal"] = True
    listener = ConsoleSocket(bundle.dir / "console.sock")
    bundle.probe("sleep")
    bundle.write_config()
    read, write = os.pipe()
    create = bundle.popen("create", "--console-socket", listener.path, "-b", bundle.dir, bundle.id,
                          stdin=subprocess.DEVNULL, stdout=write, stderr=write)
    os.close(write)
    assert create.wait(timeout=harness.TIMEOUT) == 0
    _, (master,) = listener.receive()
    assert is_at_end(read)
    bundle.start()
    assert bundle.status() == "running"
    os.close(read)
    os.close(master)
    listener.close()


@pytest.mark.parametrize("verb", ["start", "state", "kill", "delete"])
def test_short_commands_leave_nobody_behind_with_their_pipes(bundle, verb):
    """engine-contracts 4: their output is one pipe that is read to its end."""
    bundle.probe("sleep")
    bundle.create()
    if verb != "start":
        bundle.start()
    words = {"kill": ["kill", bundle.id, "KILL"], "delete": ["delete", "-f", bundle.id]}
    result = bundle.command(*words.get(verb, [verb, bundle.id]), timeout=20)
    assert result.code == 0


def memory_file(text):
    fd = os.memfd_create("passed")
    os.write(fd, text)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def test_preserved_descriptors_keep_their_numbers(bundle):
    """R-LNX-02."""
    fds = {n: memory_file(b"%d" % n) for n in (3, 4, 5, 6)}
    options, high = caller(fds)
    bundle.shell("ls /proc/self/fd; cat <&3; cat <&4; cat <&5")
    result = bundle.run("--preserve-fds", 3, **options)
    # Number 6 is the directory that ls reads.
    assert result.out.split()[:6] == ["0", "1", "2", "3", "4", "5"]
    assert result.out.endswith("345")
    for fd in [*fds.values(), *high]:
        os.close(fd)


def test_holes_among_preserved_descriptors_stay_holes(bundle):
    """engine-contracts 4: podman --preserve-fd 4 sends --preserve-fds 2 with 3 closed."""
    fd = memory_file(b"four")
    options, high = caller({4: fd}, clear=[3])
    bundle.probe("report", "read /proc/self/fd/4")
    result = bundle.run("--preserve-fds", 2, **options)
    assert result.code == 0, result
    report, content = result.lines
    assert numbers(report) == [0, 1, 2, 4]
    assert content.text == "four"
    for n in [fd, *high]:
        os.close(n)


def test_holes_do_not_fill_with_descriptors_of_the_runtime(bundle):
    """The lowest free numbers are the first ones that our own open() gets."""
    options, high = caller({9: memory_file(b"nine")}, clear=range(3, 9))
    bundle.probe("report")
    bundle.globals = ["--log", str(bundle.dir / "log"), "--debug"]
    seen = bundle.run_probe(options=["--preserve-fds", 7], **options)
    assert numbers(seen) == [0, 1, 2, 9]
    for n in high:
        os.close(n)


def test_preserved_descriptors_survive_create_and_start(bundle):
    fd = memory_file(b"three")
    options, high = caller({3: fd, 4: fd})
    bundle.probe("report", "read /proc/self/fd/3")
    bundle.create("--preserve-fds", 1, **options)
    report, content = bundle.finish()
    assert numbers(report) == [0, 1, 2, 3] and content.text == "three"
    for n in [fd, *high]:
        os.close(n)


@pytest.mark.parametrize("number", ["1000", "2147483647", "4294967293", "4294967295"])
def test_number_of_preserved_descriptors_has_no_overflow(bundle, number):
    """3 + N must not wrap around to 2: stderr would be closed, or every leak let in."""
    # Those that the tests' own caller has left open.
    others = [int(n) for n in os.listdir("/proc/self/fd") if 3 < int(n) < 500]
    options, high = caller({3: memory_file(b"three")}, clear=others)
    bundle.probe("report")
    result = bundle.run("--preserve-fds", number, **options)
    if result.code == 0:
        assert numbers(result.lines[0]) == [0, 1, 2, 3]
    else:
        assert "--preserve-fds" in bundle.one_line(result)
    for n in high:
        os.close(n)


def listen_environment(count, pid):
    """LISTEN_PID is the runtime's own pid: the environment is made by what becomes it."""
    def prepare():
        os.environ["LISTEN_FDS"] = count
        os.environ.pop("LISTEN_PID", None)
        if pid is not None:
            os.environ["LISTEN_PID"] = str(os.getpid() if pid == "self" else pid)
    return prepare


@pytest.mark.parametrize("pid, preserve, expected", [
    ("self", 2, [0, 1, 2, 3, 4]), (None, 0, [0, 1, 2, 3, 4]), ("self", 0, [0, 1, 2, 3, 4]),
    ("self", 3, [0, 1, 2, 3, 4, 5]), ("self", 1, [0, 1, 2, 3, 4]), (1, 0, [0, 1, 2])])
def test_listen_fds_and_preserve_fds_overlap(bundle, pid, preserve, expected):
    """engine-contracts 4: podman gives both for the same descriptors; the larger number counts.
    Sockets of another process are none of the container's."""
    fd = memory_file(b"socket")
    fds = {n: fd for n in (3, 4, 5, 6)}
    options, high = caller(fds, prepare=listen_environment("2", pid))
    # execve with the environment as it was changed in the child
    wrapper = ["/usr/bin/env", harness.CRUNTIME]
    bundle.probe("report")
    bundle.write_config()
    old = dict(os.environ)
    inner = options["preexec_fn"]

    def prepare_and_exec():
        inner()
        os.execv(harness.CRUNTIME, [harness.CRUNTIME, "--root", str(bundle.root), "run",
                                    "--preserve-fds", str(preserve), "-b", str(bundle.dir),
                                    bundle.id])

    result = harness.run_command(wrapper, preexec_fn=prepare_and_exec, close_fds=False)
    assert dict(os.environ) == old
    assert result.code == 0, result
    (seen,) = result.lines
    assert numbers(seen) == expected
    listening = [e for e in seen.environ if e.startswith("LISTEN_")]
    assert sorted(listening) == ([] if pid == 1 else ["LISTEN_FDS=2", "LISTEN_PID=1"])
    for n in [fd, *high]:
        os.close(n)


@pytest.mark.parametrize("closed", ["0", "1", "2", "01", "02", "12", "012"])
@pytest.mark.parametrize("verb", ["run", "create"])
def test_callers_missing_streams_are_null_inside(bundle, closed, verb):
    """Fault F9, R-LNX-03: no descriptor of ours may become the program's stdout."""
    bundle.probe("to /report", "report")
    bundle.write_config()

    def close():
        harness.default_signals()
        for number in closed:
            os.close(int(number))

    done = subprocess.run([harness.CRUNTIME, "--root", str(bundle.root), verb, "-b",
                           str(bundle.dir), bundle.id], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=close,
                          check=False, timeout=harness.TIMEOUT)
    assert done.returncode == 0
    if verb == "create":
        bundle.start()
        bundle.wait_stopped()
    seen = harness.parse((bundle.rootfs / "report").read_text().splitlines()[-1])
    assert numbers(seen) == [0, 1, 2] or numbers(seen) == [0, 1, 2, 3]
    for number in closed.replace("1", ""):
        assert (seen.fds[number].major, seen.fds[number].minor) == (1, 3)


def test_callers_null_device_becomes_the_containers(bundle):
    """R-LNX-03: the host's device would be reachable by its descriptor."""
    seen = bundle.run_probe("report", "stat /dev/null")
    report, inside = seen
    assert report.fds["0"].ino == inside.ino
    assert report.fds["0"].target == "/dev/null"


# --- signals and parents --------------------------------------------------------------------------

def hostile():
    """A shell's `trap '' INT USR2`, a blocked mask, and everything else that can be inherited."""
    for number in range(1, 65):
        if number not in (signal.SIGKILL, signal.SIGSTOP, 32, 33):
            signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))


def assert_clean_signals(seen):
    for name in ("SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd"):
        assert int(status_field(seen, name), 16) == 0, f"{name} {status_field(seen, name)}"


def test_signals_of_a_hostile_caller_stay_outside(bundle):
    """S-80, I-21: 20 runs, in the foreground."""
    bundle.probe("report")
    for _ in range(20):
        result = bundle.run(preexec_fn=hostile)
        assert result.code == 0
        assert_clean_signals(result.lines[0])


def test_signals_of_a_hostile_caller_stay_outside_after_create(bundle):
    """S-80, I-21."""
    bundle.probe("report")
    bundle.create(preexec_fn=hostile)
    (seen,) = bundle.finish()
    assert_clean_signals(seen)


def test_parent_death_signal_of_the_caller_is_not_inherited(bundle):
    """engine-contracts 4: shim, conmon, buildah and BuildKit set it on the runtime."""
    def prepare():
        harness.default_signals()
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    bundle.probe("report", "await /go")
    bundle.create(preexec_fn=prepare)
    assert bundle.status() == "created"
    bundle.start()
    (bundle.rootfs / "go").touch()
    bundle.wait_stopped()
    report, found = bundle.probe_lines()
    assert report.pdeathsig == 0 and found.found


@pytest.mark.parametrize("pid_ns", [True, False])
def test_container_is_handed_to_the_callers_subreaper(bundle, pid_ns):
    """engine-contracts 4: buildah calls wait4 for the pid of the pid file; no double fork into
    another reaper, no daemon."""
    if not pid_ns:
        bundle.remove_namespace("pid")
    bundle.probe("exit 23")
    bundle.write_config()
    script = """if True:
        import ctypes, os, subprocess, sys
        assert ctypes.CDLL(None).prctl(36, 1) == 0
        runtime, root, bundle, id = sys.argv[1:]
        file = bundle + "/pid"
        subprocess.run([runtime, "--root", root, "create", "--pid-file", file, "-b", bundle, id],
                       check=True)
        pid = int(open(file).read())
        parent = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[1]
        assert int(parent) == os.getpid(), parent
        subprocess.run([runtime, "--root", root, "start", id], check=True)
        assert os.waitstatus_to_exitcode(os.wait4(pid, 0)[1]) == 23
        """
    done = subprocess.run([sys.executable, "-c", script, harness.CRUNTIME, str(bundle.root),
                           str(bundle.dir), bundle.id], check=False, timeout=harness.TIMEOUT,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert bundle.status() == "stopped"


# --- pid file -------------------------------------------------------------------------------------

def test_pid_file_is_the_pid_without_newline(bundle):
    """go-runc and BuildKit give the raw bytes to Atoi."""
    bundle.probe("exit 0")
    bundle.create("--pid-file", bundle.dir / "pid")
    text = (bundle.dir / "pid").read_text()
    assert text == str(bundle.state().pid)
    assert sorted(p.name for p in bundle.dir.iterdir() if "pid" in p.name) == ["pid"]


def test_pid_file_of_run_appears_while_the_program_runs(bundle):
    """BuildKit polls for it and reads once: never seen empty or half written."""
    bundle.probe("await /go")
    bundle.write_config()
    file = bundle.dir / "pid"
    run = bundle.popen("run", "--pid-file", file, "-b", bundle.dir, bundle.id,
                       stdout=subprocess.DEVNULL)
    wait_until(file.exists, "the pid file")
    assert int(file.read_text()) > 1
    (bundle.rootfs / "go").touch()
    assert run.wait(timeout=harness.TIMEOUT) == 0


def test_pid_file_is_never_seen_half_written(bundle):
    """Rename, not truncate and write: an older one is whole until the new one is."""
    file = bundle.dir / "pid"
    file.write_text("1234567")
    inode = file.stat().st_ino
    bundle.probe("exit 0")
    bundle.create("--pid-file", file)
    assert file.stat().st_ino != inode
    assert file.read_text() == str(bundle.state().pid)


def test_pid_file_is_relative_to_the_caller(bundle):
    """D-25."""
    other = bundle.dir / "other"
    other.mkdir()
    bundle.probe("exit 0")
    bundle.create("--pid-file", "pid", cwd=other)
    assert (other / "pid").read_text() == str(bundle.state().pid)


@pytest.mark.parametrize("verb", ["create", "run"])
def test_pid_file_is_absent_after_a_failure(bundle, verb):
    """conmon 2.2 takes an existing one as success."""
    bundle.args("/nonexistent")
    bundle.write_config()
    assert bundle.command(verb, "--pid-file", bundle.dir / "pid", "-b", bundle.dir,
                          bundle.id).code == 1
    assert not (bundle.dir / "pid").exists()


def test_pid_file_replaces_a_symlink_and_does_not_follow_it(bundle):
    """S-46: whoever can write to the directory must not choose what we overwrite."""
    victim = bundle.dir / "victim"
    victim.write_text("precious")
    (bundle.dir / "pid").symlink_to(victim)
    bundle.probe("exit 0")
    bundle.create("--pid-file", bundle.dir / "pid")
    assert victim.read_text() == "precious"
    assert not (bundle.dir / "pid").is_symlink()
    assert (bundle.dir / "pid").read_text() == str(bundle.state().pid)


def test_pid_file_replaces_a_fifo_and_does_not_hang(bundle):
    """S-46."""
    os.mkfifo(bundle.dir / "pid")
    bundle.probe("exit 0")
    bundle.create("--pid-file", bundle.dir / "pid")
    assert (bundle.dir / "pid").read_text() == str(bundle.state().pid)


@pytest.mark.parametrize("name", ["directory", "missing/pid", "file/pid", "directory/", ""])
def test_impossible_pid_file_fails_create(bundle, name):
    """S-46: and nothing is left, in particular no container that nobody knows of."""
    (bundle.dir / "directory").mkdir()
    (bundle.dir / "file").write_text("mine")
    bundle.probe("exit 0")
    path = f"{bundle.dir}/{name}" if name else ""
    line = bundle.one_line(bundle.create("--pid-file", path, check=False))
    assert "--pid-file" in line
    assert not bundle.exists()
    assert os.listdir(bundle.dir / "directory") == []
    assert (bundle.dir / "file").read_text() == "mine"


def test_pid_is_that_of_the_callers_namespace(bundle):
    """engine-contracts 4."""
    bundle.probe("sleep")
    bundle.create("--pid-file", bundle.dir / "pid")
    bundle.start()
    pid = int((bundle.dir / "pid").read_text())
    assert pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"/probe\0")


# --- pidfd socket ---------------------------------------------------------------------------------

def test_pidfd_socket_gets_the_process(bundle):
    """engine-contracts 4: one message with one descriptor, before create returns."""
    listener = ConsoleSocket(bundle.dir / "pidfd.sock")
    bundle.probe("exit 0")
    bundle.create("--pidfd-socket", listener.path)
    connection, _ = listener.listener.accept()
    data, control, _, _ = connection.recvmsg(4096, 4096)
    ((level, kind, fds),) = control
    assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS) and len(data) >= 1
    (fd,) = array.array("i", fds)
    info = pathlib.Path(f"/proc/self/fdinfo/{fd}").read_text()
    assert re.search(r"^Pid:\t(\d+)$", info, re.M).group(1) == str(bundle.state().pid)
    assert connection.recv(1) == b""
    assert not select.select([fd], [], [], 0)[0]
    bundle.start()
    assert select.select([fd], [], [], 20)[0], "the end of the process"
    os.close(fd)
    connection.close()
    listener.close()


# --- log and texts --------------------------------------------------------------------------------

def logged(bundle):
    file = bundle.dir / "log.json"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture
def with_log(bundle):
    bundle.globals = ["--log", str(bundle.dir / "log.json"), "--log-format", "json"]
    return bundle


@pytest.mark.parametrize("spoil", [
    lambda b: b.args("/nonexistent"),
    lambda b: b.process.update(cwd="/etc/passwd"),
    lambda b: b.process.update(terminal="yes", cwd=7),
    lambda b: b.mount("/x", "bind", "/nonexistent", "bind"),
    lambda b: b.hook("createRuntime", "echo one; echo two >&2; exit 1"),
    lambda b: b.linux.update(cgroupsPath="/../x")])
def test_failing_create_logs_one_object_and_prints_its_text(with_log, spoil):
    """engine-contracts 2: podman parses the whole file as one object, the shim reads stderr; also
    for failures inside the container, after its root was changed."""
    with_log.probe("exit 0")
    spoil(with_log)
    result = with_log.create(check=False)
    assert result.code == 1
    (entry,) = logged(with_log)
    assert set(entry) == {"level", "msg", "time"} and entry["level"] == "error"
    assert entry["time"].endswith("Z")
    assert datetime.datetime.fromisoformat(entry["time"][:-1] + "+00:00")
    assert entry["msg"] == result.err.rstrip("\n")


def test_successful_commands_log_nothing(with_log):
    with_log.probe("exit 0")
    with_log.create()
    with_log.start()
    with_log.wait_stopped()
    with_log.delete()
    with_log.delete("--force")
    assert logged(with_log) == []


def test_log_is_appended_to(with_log):
    """The same file serves all calls of a container's life."""
    (with_log.dir / "log.json").write_text('{"level":"info","msg":"x","time":"2020-01-01T00:00:00Z"}\n')
    with_log.args("/nonexistent")
    with_log.create(check=False)
    assert with_log.command("start", "nobody").code == 1
    entries = logged(with_log)
    assert [e["level"] for e in entries] == ["info", "error", "error"]
    assert "/nonexistent" in entries[1]["msg"] and "does not exist" in entries[2]["msg"]


def test_warnings_do_not_go_into_the_log(with_log):
    """D-05: a second object would hide the error from podman."""
    with_log.process["capabilities"]["bounding"] = ["CAP_AUDIT_WRITE", "CAP_OF_THE_FUTURE"]
    with_log.args("/nonexistent")
    with_log.create(check=False)
    (entry,) = logged(with_log)
    assert "/nonexistent" in entry["msg"]


def test_error_of_start_is_logged_by_start(with_log):
    """The created process writes to the caller of start, long after create has ended."""
    (with_log.rootfs / "script").write_text("#!/nonexistent/sh\n")
    (with_log.rootfs / "script").chmod(0o755)
    with_log.args("/script")
    with_log.create()
    assert logged(with_log) == []
    result = with_log.start(check=False)
    assert 'exec /script: no such file or directory' in with_log.one_line(result)
    (entry,) = logged(with_log)
    assert entry["msg"] == result.err.rstrip("\n")


@pytest.mark.parametrize("args, text", [
    (["nonexist"], 'exec: "nonexist": executable file not found in $PATH'),
    (["/nonexist"], 'exec: "/nonexist": no such file or directory'),
    (["/etc/passwd/x"], 'exec: "/etc/passwd/x": not a directory'),
    (["/dangling"], 'exec: "/dangling": no such file or directory'),
    (["/loop"], 'exec: "/loop": too many levels of symbolic links'),
    (["/etc/passwd"], 'exec: "/etc/passwd": permission denied'),
    (["/etc"], 'exec: "/etc": is a directory: permission denied'),
    (["/"], 'exec: "/": is a directory: permission denied'),
    (["/dev/null"], 'exec: "/dev/null": permission denied'),
    (["/dev/shm/x"], 'exec: "/dev/shm/x": no such file or directory'),
    (["/noexec/busybox"], 'exec: "/noexec/busybox": permission denied'),
    (["a" * 300], f'exec: "{"a" * 300}": executable file not found in $PATH'),
    (["/" + "a" * 300], f'exec: "/{"a" * 300}": file name too long'),
])
def test_program_that_cannot_be_executed_fails_create(bundle, args, text):
    """engine-contracts 3: docker's and podman's exit codes 127 and 126 come from these words."""
    (bundle.rootfs / "dangling").symlink_to("/nowhere")
    (bundle.rootfs / "loop").symlink_to("/loop")
    bundle.mount("/noexec", "bind", bundle.rootfs / "bin", "bind", "noexec")
    bundle.args(*args)
    line = bundle.one_line(bundle.create(check=False))
    assert line == f"create '{bundle.id}': {text}"
    assert not bundle.exists()


def test_program_of_others_is_refused_for_the_user(bundle):
    """Looked up with the rights that it will have."""
    (bundle.rootfs / "secret").mkdir(mode=0o700)
    os.link(bundle.rootfs / "probe", bundle.rootfs / "secret/probe")
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.args("/secret/probe")
    line = bundle.one_line(bundle.create(check=False))
    assert line.endswith('exec: "/secret/probe": permission denied')


def test_file_without_format_fails_start(bundle):
    (bundle.rootfs / "text").write_text("no program at all")
    (bundle.rootfs / "text").chmod(0o755)
    bundle.args("/text")
    bundle.create()
    line = bundle.one_line(bundle.start(check=False))
    assert line.endswith('exec /text: exec format error')
    assert bundle.status() == "stopped"


def test_working_directory_texts(bundle):
    bundle.process["cwd"] = "/etc/passwd"
    assert bundle.refused().endswith(
        'chdir to cwd ("/etc/passwd") set in config.json failed: not a directory')


@pytest.mark.parametrize("source, target", [
    ("dir", "/file"), ("file", "/dir"), ("dir", "/file/below"), ("file", "/file/further/below")])
def test_bind_of_the_wrong_kind(bundle, source, target):
    """engine-contracts 3: dockerd adds its hint to texts with `not a directory`, and makes 126 of
    `is a directory`."""
    for base in (bundle.dir / "src", bundle.rootfs):
        (base / "dir").mkdir(parents=True)
        (base / "file").write_text("mine")
    bundle.mount(target, "bind", bundle.dir / "src" / source, "bind")
    line = bundle.refused()
    assert line.endswith("not a directory") and "is a directory" not in line


def test_missing_bind_source_names_it(bundle):
    """In words that no engine takes for a missing command (engine-contracts 7)."""
    bundle.mount("/x", "bind", "/nonexistent/source", "bind")
    line = bundle.refused()
    assert "/nonexistent/source" in line
    assert "executable file" not in line


def test_unrelated_errors_avoid_the_words_that_engines_match(bundle):
    """podman prints exit code 127 for any line with these words (engine-contracts 7, D-05)."""
    lines = []
    bundle.probe("exit 0")
    bundle.config["root"]["path"] = "missing"
    lines.append(bundle.refused())
    bundle.config["root"]["path"] = "rootfs"
    bundle.linux["maskedPaths"] = []
    bundle.namespace("network", "/run/netns/missing")
    lines.append(bundle.refused())
    lines.append(bundle.one_line(bundle.command("create", "-b", "/missing", bundle.id)))
    lines.append(bundle.one_line(bundle.command("create", "--console-socket", "/missing/sock",
                                                "-b", bundle.dir, bundle.id)))
    for line in lines:
        for words in ("no such file or directory", "permission denied", "is a directory",
                      "executable file not found", "does not exist", "container not running"):
            assert words not in line.lower(), line


# --- the rest of the process ----------------------------------------------------------------------

def test_environment_of_the_caller_stays_outside(bundle):
    """S-36: podman and shims have credentials in theirs."""
    seen = bundle.run_probe(env={"SECRET": "x", "LD_PRELOAD": "/x.so", "TERM": "caller"})
    names = {e.split("=")[0] for e in seen.environ}
    assert names == {"PATH", "TERM", "HOME"} and "TERM=xterm" in seen.environ


def test_nothing_but_a_root_is_needed_in_the_environment(bundle):
    """engine-contracts 4: podman passes almost nothing."""
    bundle.probe("exit 0")
    bundle.create(env={})
    assert bundle.command("start", bundle.id, env={}).code == 0
    bundle.wait_stopped()
    assert bundle.command("delete", bundle.id, env={"XDG_RUNTIME_DIR": ""}).code == 0


@pytest.mark.parametrize("value", ["1", "500"])
def test_oom_score_of_the_caller_is_inherited(bundle, value):
    """engine-contracts 4: 1 from the shim; podman and ctr omit the field."""
    def prepare():
        pathlib.Path("/proc/self/oom_score_adj").write_text(value)

    assert bundle.run_probe(preexec_fn=prepare).oom_score_adj.strip() == value


def test_callers_directory_may_be_gone(bundle):
    """conmon and buildah remove their scratch directories whenever they like."""
    gone = bundle.dir / "gone"
    gone.mkdir()
    bundle.probe("exit 0")

    def prepare():
        harness.default_signals()
        os.chdir(gone)
        os.rmdir(gone)

    bundle.create(preexec_fn=prepare)
    bundle.finish()


def test_callers_limits_do_not_stop_us(bundle):
    """A caller with few descriptors and a tiny file size limit (SIGXFSZ)."""
    import resource

    def prepare():
        harness.default_signals()
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 1024))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    bundle.process["rlimits"] = []
    bundle.probe("report")
    result = bundle.run(preexec_fn=prepare)
    assert result.code == 0, result
    assert result.lines[0].rlimits.NOFILE == [64, 1024]
