# SPDX-License-Identifier: Apache-2.0
"""What a container inherits: descriptors, stdio, signals, keyring, environment (R-LNX, I-13, I-21).
"""

import ctypes
import os
import platform
import signal
import subprocess
import time

import pytest

import harness
from harness import default_signals, odd_signals, wait_until


def leak_descriptors():
    """A caller with directory descriptors of the host, not close-on-exec (engine-contracts 4)."""
    default_signals()
    for fd in range(3, 40):
        os.dup2(os.open("/", os.O_RDONLY), fd, inheritable=True)


def test_only_stdio_is_open(bundle):
    """R-LNX-01, I-13, S-84: whatever the caller has leaked."""
    seen = bundle.run_probe(preexec_fn=leak_descriptors, close_fds=False)
    assert sorted(seen.fds) == ["0", "1", "2"]


def test_only_stdio_is_open_after_create_and_start(bundle):
    """R-LNX-01."""
    bundle.probe("report")
    bundle.create(preexec_fn=leak_descriptors, close_fds=False)
    assert sorted(bundle.finish()[-1].fds) == ["0", "1", "2"]


def pass_three():
    default_signals()
    for fd in (3, 4, 5):
        os.dup2(os.open("/dev/zero", os.O_RDONLY), fd, inheritable=True)


def test_preserved_descriptors(bundle):
    """R-LNX-02: the same numbers."""
    seen = bundle.run_probe(options=["--preserve-fds", "2"], preexec_fn=pass_three,
                            close_fds=False)
    assert sorted(seen.fds) == ["0", "1", "2", "3", "4"]
    assert (seen.fds["3"].major, seen.fds["3"].minor) == (1, 5)


def pass_with_a_hole():
    pass_three()
    os.close(3)


def test_hole_in_the_preserved_range_is_tolerated(bundle):
    """R-LNX-02: what podman --preserve-fd 4 does."""
    seen = bundle.run_probe(options=["--preserve-fds", "2"], preexec_fn=pass_with_a_hole,
                            close_fds=False)
    assert sorted(seen.fds) == ["0", "1", "2", "4"]


def test_none_of_the_preserved_range_is_open(bundle):
    """R-LNX-02."""
    seen = bundle.run_probe(options=["--preserve-fds", "3"])
    assert sorted(seen.fds) == ["0", "1", "2"]


def test_listen_fds(bundle):
    """R-LNX-02, engine-contracts 4: kept together with an overlapping --preserve-fds; LISTEN_PID=1."""
    seen = bundle.run_probe(options=["--preserve-fds", "2"], preexec_fn=pass_three,
                            close_fds=False,
                            env={**os.environ, "LISTEN_FDS": "2"})
    assert sorted(seen.fds) == ["0", "1", "2", "3", "4"]
    assert "LISTEN_FDS=2" in seen.environ and "LISTEN_PID=1" in seen.environ


def test_listen_fds_of_another_process_are_not_passed(bundle):
    """sd_listen_fds(3): LISTEN_PID says whom they are for."""
    seen = bundle.run_probe(preexec_fn=pass_three, close_fds=False,
                            env={**os.environ, "LISTEN_FDS": "2", "LISTEN_PID": "1"})
    assert sorted(seen.fds) == ["0", "1", "2"]


def test_no_listen_fds_no_such_variables(bundle):
    """R-LNX-02."""
    assert not [e for e in bundle.run_probe().environ if e.startswith("LISTEN_")]


@pytest.mark.parametrize("value", ["-1", "x", "", "99999999999", "1.5", "+1"])
def test_impossible_number_of_descriptors_is_refused(bundle, value):
    """S-76."""
    bundle.write_config()
    assert bundle.run("--preserve-fds", value).code == 1


def test_null_stdin_is_the_null_device_of_the_container(bundle):
    """R-LNX-03."""
    report, null = bundle.run_probe("report", "stat /dev/null")
    assert (report.fds["0"].major, report.fds["0"].minor) == (1, 3)
    assert report.fds["0"].dev == null.dev


def test_stdin_reaches_the_program(bundle):
    """engine-contracts 4."""
    bundle.args("/bin/cat")
    bundle.write_config()
    done = subprocess.run([harness.CRUNTIME, "--root", bundle.root, "run", "-b", bundle.dir,
                           bundle.id], input=b"through", capture_output=True, timeout=60,
                          check=True)
    assert done.stdout == b"through"


def test_stdout_and_stderr_stay_apart(bundle):
    """engine-contracts 4."""
    bundle.shell("echo out; echo err >&2")
    result = bundle.run_ok()
    assert (result.out, result.err) == ("out\n", "err\n")


def test_caller_without_stdio(bundle):
    """Descriptors of ours never get the numbers 0, 1 or 2."""
    def caller():
        default_signals()
        for fd in (0, 1, 2):
            os.close(fd)
    bundle.probe("write /ran yes")
    bundle.write_config()
    process = bundle.popen("run", "-b", bundle.dir, bundle.id, preexec_fn=caller)
    process.wait(timeout=60)
    assert process.returncode in (0, 1)
    if process.returncode == 0:
        assert (bundle.rootfs / "ran").read_text() == "yes"


def test_create_holds_no_pipe_of_the_caller(bundle):
    """engine-contracts 4: the shim waits for the end of its pipe after create with a console
    socket; here the program has its own stdio and create's own messages go to the pipe."""
    bundle.probe("exit 0")
    bundle.create()
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            try:
                name = open(f"/proc/{pid}/comm").read().strip()
            except OSError:
                continue
            # The created process itself is the only one that is left.
            assert not name.startswith("cruntime") or int(pid) == bundle.state().pid


# --- signals --------------------------------------------------------------------------------------

@pytest.mark.parametrize("how", ["run", "create"])
def test_signal_state_of_the_caller_does_not_leak(bundle, how):
    """R-LIFE-29, I-21, S-80."""
    if how == "run":
        seen = bundle.run_probe(preexec_fn=odd_signals)
    else:
        bundle.probe("report")
        bundle.create(preexec_fn=odd_signals)
        seen = bundle.finish()[-1]
    assert seen.signals_ignored == [] and seen.signals_blocked == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1,
                                    signal.SIGQUIT, signal.SIGUSR2, signal.SIGRTMIN + 3])
def test_run_forwards_signals(bundle, number):
    """cli-reference 4."""
    bundle.probe("signal-trap")
    bundle.write_config()
    with open(bundle.dir / "out", "wb") as out:
        process = bundle.popen("run", "-b", bundle.dir, bundle.id, stdout=out)
        wait_until(bundle.probe_lines, "the probe waits")
        process.send_signal(number)
        assert process.wait(timeout=30) == 0
    assert bundle.probe_lines()[-1].signal == number


def test_run_is_not_stopped_by_a_signal_that_comes_early(bundle):
    """A signal during create must neither be lost silently with the container left behind, nor
    leave anything."""
    bundle.probe("sleep 0.3")
    bundle.write_config()
    with open(os.devnull, "wb") as null:
        for step in range(12):
            process = bundle.popen("run", "-b", bundle.dir, bundle.id, stdout=null, stderr=null)
            time.sleep(step * 0.002)
            process.terminate()
            process.wait(timeout=30)
            if bundle.exists():
                bundle.delete("--force")


def test_run_killed_leaves_a_container_that_can_be_deleted(bundle):
    """I-25."""
    bundle.probe("sleep")
    bundle.write_config()
    process = bundle.popen("run", "-b", bundle.dir, bundle.id)
    wait_until(lambda: bundle.exists() and bundle.command("state", bundle.id).code == 0
               and bundle.status() == "running", "status 'running'")
    process.kill()
    process.wait()
    bundle.delete("--force")
    assert not bundle.exists()


# --- the rest -------------------------------------------------------------------------------------

def test_session_keyring_is_fresh_and_has_the_id_as_name(bundle):
    """R-LNX-09."""
    name = bundle.run_probe().session_keyring.split(";")[-1]
    assert bundle.id in name


def test_keyring_of_the_caller_can_be_kept(bundle):
    """R-LNX-09."""
    fresh = bundle.run_probe().session_keyring_id
    kept = bundle.run_probe(options=["--no-new-keyring"]).session_keyring_id
    own = int(subprocess.run([harness.PROBE], check=True, capture_output=True,
                             text=True).stdout.split('"session_keyring_id":')[1].split(",")[0])
    assert kept == own != fresh


def test_detached_run_leaves_no_runtime_process(bundle):
    """cli-reference 4: and returns at once."""
    bundle.probe("sleep")
    bundle.write_config()
    with open(os.devnull, "wb") as null:
        start = time.monotonic()
        process = bundle.popen("run", "-d", "-b", bundle.dir, bundle.id, stdout=null, stderr=null)
        assert process.wait(timeout=30) == 0
        assert time.monotonic() - start < 10
    assert bundle.status() == "running"


def test_pid_file_has_the_pid_and_nothing_else(bundle):
    """engine-contracts 4: no newline; complete when the command returns."""
    bundle.create("--pid-file", bundle.dir / "pid")
    assert (bundle.dir / "pid").read_bytes() == str(bundle.state().pid).encode()


def test_no_pid_file_after_a_failure(bundle):
    """engine-contracts 4."""
    bundle.args("/nonexist")
    bundle.create("--pid-file", bundle.dir / "pid", check=False)
    assert not (bundle.dir / "pid").exists()


def test_pid_file_replaces_a_symlink_and_does_not_follow_it(bundle):
    """base/file.h."""
    (bundle.dir / "victim").write_text("precious")
    (bundle.dir / "pid").symlink_to("victim")
    bundle.create("--pid-file", bundle.dir / "pid")
    assert (bundle.dir / "victim").read_text() == "precious"


def test_container_is_reparented_to_the_callers_subreaper(bundle):
    """engine-contracts 4: conmon and the shim wait for it."""
    bundle.probe("exit 9")
    bundle.write_config()
    script = ("import ctypes, os, subprocess, sys\n"
              "ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)\n"
              "r, i = sys.argv[1:3]; b = sys.argv[3]; d = subprocess.DEVNULL\n"
              "subprocess.run([r, '--root', b + '/state', 'create', '--pid-file', b + '/pid', "
              "'-b', b, i], check=True, stdout=d)\n"
              "subprocess.run([r, '--root', b + '/state', 'start', i], check=True)\n"
              "_, status = os.waitpid(int(open(b + '/pid').read()), 0)\n"
              "sys.exit(os.waitstatus_to_exitcode(status))\n")
    done = subprocess.run(["/usr/bin/python3", "-c", script, harness.CRUNTIME, bundle.id,
                           str(bundle.dir)], timeout=60, check=False)
    assert done.returncode == 9


def ignore_every_signal():
    """By the bare system call: the C library keeps 32 and 33 to itself."""
    libc = ctypes.CDLL(None, use_errno=True)
    action = (ctypes.c_ulong * 4)(1, 0, 0, 0)  # SIG_IGN
    for number in range(1, 65):
        if number not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD):
            assert libc.syscall(13, number, action, None, 8) == 0


@pytest.mark.skipif(platform.machine() != "x86_64", reason="knows one system call number")
def test_signals_of_the_c_library_are_reset_too(bundle):
    """R-LIFE-29, I-21, S-80: a caller may ignore signals 32 and 33 as well."""
    assert bundle.run_probe(preexec_fn=ignore_every_signal).signals_ignored == []
