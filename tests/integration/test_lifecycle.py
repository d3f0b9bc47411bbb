# SPDX-License-Identifier: Apache-2.0
"""create, start, kill, delete, run: the states of a container and what moves it (R-LIFE)."""

import os
import pathlib
import signal
import subprocess
import time

import pytest

import harness
from harness import CGROUP, cgroup_of, wait_until


def test_create_does_not_run_the_program(bundle):
    """R-LIFE-04."""
    bundle.probe("write /ran yes")
    bundle.create()
    assert not (bundle.rootfs / "ran").exists()
    bundle.finish()
    assert (bundle.rootfs / "ran").read_text() == "yes"


def test_create_applies_the_rest_of_process(bundle):
    """R-LIFE-05: a mistake in it fails create, and start has little left that could fail."""
    bundle.process["user"] = {"uid": 1000, "gid": 1001, "additionalGids": [7], "umask": 0o27}
    bundle.process["cwd"] = "/tmp"
    bundle.process["oomScoreAdj"] = 321
    bundle.caps("KILL", sets=("bounding",))
    bundle.create()
    proc = pathlib.Path(f"/proc/{bundle.state().pid}")
    status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
    assert status["Uid"].split() == ["1000"] * 4 and status["Gid"].split() == ["1001"] * 4
    assert status["Groups"].split() == ["7"]
    assert int(status["CapBnd"], 16) == harness.cap_mask("KILL") and int(status["CapEff"], 16) == 0
    assert status["NoNewPrivs"].strip() == "1"
    assert (proc / "oom_score_adj").read_text() == "321\n"
    assert os.readlink(proc / "cwd").endswith("/tmp")


def test_status_goes_from_created_to_running_to_stopped(bundle):
    """R-LIFE-32, R-STATE-04, R-STATE-12: a stopped container stays there until delete."""
    bundle.probe("await /go")
    bundle.create()
    assert bundle.status() == "created"
    bundle.start()
    assert bundle.status() == "running"
    (bundle.rootfs / "go").touch()
    bundle.wait_stopped()
    assert bundle.status() == "stopped"
    bundle.delete()
    assert not bundle.exists()


def test_start_of_running_container_is_refused(bundle):
    """R-LIFE-08."""
    bundle.hold()
    line = bundle.one_line(bundle.start(check=False))
    assert "cannot start an already running container" in line
    assert bundle.status() == "running"


def test_start_of_stopped_container_is_refused(bundle):
    """R-LIFE-08."""
    bundle.probe("exit 0")
    bundle.create_and_start()
    bundle.wait_stopped()
    assert "cannot start a container that has stopped" in bundle.one_line(bundle.start(check=False))


@pytest.mark.parametrize("verb", ["start", "state", "kill", "delete", "ps"])
def test_unknown_id_does_not_exist(bundle, verb):
    """R-LIFE-10, R-STATE-10: the text that containerd's shim recognises (engine-contracts 5)."""
    line = bundle.one_line(bundle.command(verb, "nobody"))
    assert "container \"nobody\" does not exist" in line


@pytest.mark.parametrize("verb", ["start", "state", "kill", "delete", "ps", "create", "run"])
def test_missing_id_is_refused(bundle, verb):
    """R-LIFE-01, R-LIFE-10, R-LIFE-11, R-STATE-10."""
    result = bundle.command(verb)
    assert result.code == 1 and result.out == ""
    assert not bundle.root.exists() or not os.listdir(bundle.root)


@pytest.mark.parametrize("name, number", [
    ("TERM", 15), ("SIGTERM", 15), ("sigterm", 15), ("15", 15), ("HUP", 1), ("SIGUSR1", 10),
    ("RTMIN+1", 35), ("SIGRTMIN", 34), ("SIGRTMAX", 64), ("64", 64)])
def test_kill_accepts_signal(bundle, name, number):
    """R-LIFE-12: names with and without SIG, in any case, numbers, real-time signals."""
    bundle.probe("signal-trap")
    bundle.create_and_start()
    wait_until(bundle.probe_lines, "the probe waits")
    bundle.kill(name)
    bundle.wait_stopped()
    assert bundle.probe_lines()[-1].signal == number


def test_kill_sends_exactly_the_signal_that_was_asked_for(bundle):
    """R-LIFE-12: every number that a process can catch (32 and 33 belong to the C library)."""
    numbers = [n for n in range(1, 65) if n not in (signal.SIGKILL, signal.SIGSTOP, 32, 33)]
    bundle.probe(*["signal-trap"] * len(numbers))
    bundle.create_and_start()
    for i, number in enumerate(numbers):
        wait_until(lambda: len(bundle.probe_lines()) == 2 * i + 1, f"ready for signal {number}")
        bundle.kill(str(number))
    bundle.wait_stopped()
    assert [line.signal for line in bundle.probe_lines() if "signal" in line] == numbers


def test_kill_without_signal_sends_term(bundle):
    """R-LIFE-13."""
    bundle.probe("signal-trap")
    bundle.create_and_start()
    wait_until(bundle.probe_lines, "the probe waits")
    bundle.kill()
    bundle.wait_stopped()
    assert bundle.probe_lines()[-1].signal == signal.SIGTERM


@pytest.mark.parametrize("name", ["FOO", "99", "-1", "65", "", "TERM ", "SIGRTMIN+99", "1.5"])
def test_kill_refuses_what_is_no_signal(bundle, name):
    """R-LIFE-13."""
    bundle.hold()
    line = bundle.one_line(bundle.kill(name, check=False))
    assert "signal" in line
    assert bundle.status() == "running"


def test_kill_with_signal_0_only_asks(bundle):
    """R-LIFE-13."""
    bundle.hold()
    assert bundle.kill("0").out == ""
    assert bundle.status() == "running"


@pytest.mark.parametrize("number", ["9", "15", "0"])
def test_kill_of_stopped_container_is_refused(bundle, number):
    """R-LIFE-11: the text that containerd's shim takes as "already finished"."""
    bundle.probe("exit 0")
    bundle.create_and_start()
    bundle.wait_stopped()
    assert "container not running" in bundle.one_line(bundle.kill(number, check=False))


def test_kill_all_of_stopped_container_succeeds(bundle):
    """R-LIFE-16: containerd sends `kill --all ID 9` to containers that have ended."""
    bundle.probe("exit 0")
    bundle.create_and_start()
    bundle.wait_stopped()
    assert bundle.command("kill", "--all", bundle.id, "9").code == 0


def test_sigkill_ends_a_created_container(bundle):
    """R-LIFE-14, R-STATE-12."""
    bundle.create()
    bundle.kill("KILL")
    bundle.wait_stopped()


def test_term_reaches_a_created_container_when_it_is_a_program(bundle):
    """R-LIFE-14: process 1 without a handler ignores TERM, as the program would; it stays created
    and can be started. Without a pid namespace TERM ends it. KILL works in both cases."""
    bundle.probe("sleep")
    bundle.create()
    bundle.kill("TERM")
    assert bundle.status() == "created"
    bundle.start()
    bundle.delete("--force")
    bundle.remove_namespace("pid")
    bundle.create()
    bundle.kill("TERM")
    bundle.wait_stopped()


def test_sigkill_takes_every_process_without_a_pid_namespace(bundle):
    """R-LIFE-15, X-35, D-15: children of the first process have nobody else to end them."""
    bundle.remove_namespace("pid")
    bundle.probe("spawn 3", "sleep")
    bundle.create_and_start()
    pid = bundle.state().pid
    wait_until(lambda: len(bundle.command("ps", "-f", "json", bundle.id).json) == 4, "4 processes")
    group = cgroup_of(pid)
    bundle.kill("KILL")
    wait_until(lambda: "populated 0" in (group / "cgroup.events").read_text(), "an empty cgroup")


def test_kill_all_reaches_processes_whose_first_one_has_ended(bundle):
    """R-LIFE-15: what the shim does after the exit of a container in the host's pid namespace."""
    bundle.remove_namespace("pid")
    bundle.linux["cgroupsPath"] = "/left"
    bundle.probe("spawn 2", "exit 0")
    bundle.create_and_start()
    bundle.wait_stopped()
    assert "populated 1" in (CGROUP / "left/cgroup.events").read_text()
    assert bundle.command("kill", "-a", bundle.id, "9").code == 0
    wait_until(lambda: "populated 0" in (CGROUP / "left/cgroup.events").read_text(), "nobody left")


def test_delete_of_running_container_is_refused(bundle):
    """R-LIFE-17."""
    bundle.hold()
    line = bundle.one_line(bundle.delete(check=False))
    assert "that is not stopped: running" in line
    assert bundle.status() == "running"


def test_delete_of_created_container_works(bundle):
    """R-LIFE-18, X-01, D-15: de facto; containerd and docker depend on it."""
    bundle.create()
    pid = bundle.state().pid
    bundle.delete()
    assert not bundle.exists()
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "the end of the created process")


def test_delete_force_ends_a_running_container(bundle):
    """R-LIFE-19; and a second time (I-25)."""
    bundle.hold()
    pid = bundle.state().pid
    for _ in range(2):
        result = bundle.delete("--force")
        assert result.out == "" and result.err == ""
    assert not bundle.exists()
    assert not os.path.exists(f"/proc/{pid}")


def test_delete_force_of_unknown_id_is_silent_success(bundle):
    """R-LIFE-19: the containerd shim always calls it, also after a successful delete."""
    result = bundle.command("delete", "--force", "nobody")
    assert (result.code, result.out, result.err) == (0, "", "")


def test_delete_is_fast_although_the_program_ignores_signals(bundle):
    """SIGKILL and events, no sleeping: far below the 100 ms of a polling runtime, and never 10 s."""
    bundle.shell("trap '' TERM INT HUP; while :; do sleep 1; done")
    bundle.create_and_start()
    start = time.monotonic()
    bundle.delete("--force")
    assert time.monotonic() - start < 5


def test_delete_removes_cgroups_that_the_container_made(bundle):
    """R-LIFE-20, C-CGP-16."""
    bundle.config["mounts"][-1]["options"] = ["nosuid", "noexec", "nodev", "relatime", "rw"]
    bundle.linux["cgroupsPath"] = "/outer/box"
    bundle.shell("mkdir -p /sys/fs/cgroup/a/b /sys/fs/cgroup/c && sleep 1000")
    bundle.create_and_start()
    wait_until((CGROUP / "outer/box/c").is_dir, "the container's own cgroups")
    bundle.delete("--force")
    assert not (CGROUP / "outer/box").exists()
    # Parents of the given path that create made may stay; the leak check must not stumble.
    if (CGROUP / "outer").exists():
        (CGROUP / "outer").rmdir()


def test_delete_keeps_a_cgroup_that_was_there_before(bundle):
    """R-LIFE-21, X-25, D-16."""
    path = CGROUP / "before"
    path.mkdir()
    try:
        bundle.linux["cgroupsPath"] = "/before"
        assert "0::/\n" in bundle.run_probe().cgroup + "\n"
        assert path.is_dir()
    finally:
        path.rmdir()


def test_populated_cgroup_is_refused(bundle):
    """R-LIFE-26, D-16, I-22."""
    path = CGROUP / "busy"
    path.mkdir()
    with subprocess.Popen(["sleep", "1000"]) as sleeper:
        try:
            (path / "cgroup.procs").write_text(str(sleeper.pid))
            bundle.linux["cgroupsPath"] = "/busy"
            assert "/busy" in bundle.refused()
            assert sleeper.poll() is None, "a foreign process was killed"
        finally:
            sleeper.kill()
            sleeper.wait()
            wait_until(lambda: "populated 0" in (path / "cgroup.events").read_text(), "empty")
            path.rmdir()


def test_frozen_cgroup_is_refused_and_does_not_hang(bundle):
    """R-LIFE-26, D-16."""
    path = CGROUP / "ice"
    path.mkdir()
    try:
        (path / "cgroup.freeze").write_text("1")
        bundle.linux["cgroupsPath"] = "/ice"
        assert "frozen" in bundle.refused()
        assert (path / "cgroup.freeze").read_text() == "1\n"
    finally:
        path.rmdir()


def test_id_can_be_used_again_after_delete(bundle):
    """R-LIFE-22."""
    for _ in range(2):
        assert bundle.run_probe("read /etc/hosts").errno is None


def test_used_id_is_refused_and_its_container_untouched(bundle):
    """R-LIFE-02."""
    bundle.create()
    before = bundle.state()
    line = bundle.one_line(bundle.create(check=False))
    assert "already exists" in line
    assert bundle.state() == before and before.status == "created"


def test_of_six_creates_with_one_id_exactly_one_wins(bundle):
    """R-LIFE-02: mkdir is the claim."""
    bundle.write_config()
    with open(os.devnull, "wb") as null:
        started = [bundle.popen("create", "-b", bundle.dir, bundle.id, stdout=null, stderr=null)
                   for _ in range(6)]
        codes = sorted(p.wait(timeout=harness.TIMEOUT) for p in started)
    assert codes == [0, 1, 1, 1, 1, 1]
    assert bundle.status() == "created"


@pytest.mark.parametrize("name", [
    "", ".", "..", ".hidden", "-x", "a b", "a:b", "a\nb", "\u00e9", "a" * 256, "a" * 1100, "a\x7f"])
def test_invalid_id_is_refused(bundle, name):
    """R-LIFE-03, I-24: nothing is created."""
    bundle.write_config()
    result = bundle.command("create", "-b", bundle.dir, "--", name)
    assert result.code == 1, result
    assert not bundle.root.exists() or not os.listdir(bundle.root)


@pytest.mark.parametrize("name", ["a", "A9", "a_b+c.d-e", "0", "_", "a" * 255])
def test_valid_id_is_accepted(bundle, name):
    """R-LIFE-03, I-24."""
    bundle.create(id=name)
    assert bundle.state(name).id == name


@pytest.mark.parametrize("code", [0, 1, 3, 125, 255])
def test_run_returns_the_exit_code_of_the_program(bundle, code):
    """R-LIFE-28, D-06."""
    bundle.probe(f"exit {code}")
    assert bundle.run().code == code


@pytest.mark.parametrize("number", [9, 15, 6])
def test_run_returns_128_plus_the_signal_that_ended_the_program(bundle, number):
    """R-LIFE-28, D-06. (Process 1 of a pid namespace cannot send itself these.)"""
    bundle.remove_namespace("pid")
    bundle.shell(f"kill -{number} $$")
    assert bundle.run().code == 128 + number


def test_run_leaves_nothing(bundle):
    """R-LIFE-20: run is create, start and delete."""
    bundle.run_probe("read /etc/hosts")
    assert not bundle.exists()


def test_run_keep_leaves_a_stopped_container(bundle):
    """cli-reference 4."""
    bundle.probe("exit 5")
    assert bundle.run("--keep").code == 5
    assert bundle.status() == "stopped"


def test_container_without_process_can_be_created_but_not_started(bundle):
    """R-LIFE-09, X-15: create works, start fails and says why; never exit status 0."""
    del bundle.config["process"]
    bundle.create()
    assert bundle.status() == "created"
    result = bundle.start(check=False)
    assert result.code == 1
    assert "process" in result.err


def test_later_edits_of_the_config_have_no_effect(bundle):
    """R-BUND-15."""
    bundle.probe("write /ran yes")
    bundle.create()
    (bundle.dir / "config.json").write_text("{ nonsense")
    bundle.finish()
    assert (bundle.rootfs / "ran").exists()
    bundle.delete()


def test_bundle_may_vanish_before_start_and_delete(bundle):
    """R-BUND-15: the config is read once, at create."""
    bundle.probe("exit 0")
    bundle.create()
    (bundle.dir / "config.json").unlink()
    bundle.start()
    bundle.wait_stopped()
    bundle.delete()


def test_program_is_leader_of_its_session(bundle):
    """R-LIFE-30."""
    seen = bundle.run_probe()
    assert (seen.pid, seen.sid, seen.pgid) == (1, 1, 1)


def test_create_killed_in_a_hook_is_cleaned_up_by_delete_force(bundle):
    """I-25, S-79: the record says what was about to be made before it was made."""
    out = bundle.hook("createRuntime", "echo here >$OUT; exec sleep 1000")
    bundle.write_config()
    with open(os.devnull, "wb") as null:
        creator = bundle.popen("create", "-b", bundle.dir, bundle.id, stdout=null, stderr=null)
        wait_until(lambda: out.exists() and out.read_text(), "the hook")
        creator.kill()
        creator.wait()
    assert bundle.delete("--force").err == ""
    assert not bundle.exists()


def test_create_killed_at_any_moment_is_cleaned_up_by_delete_force(bundle):
    """I-25: kills spread over the whole run of create; the leak check looks at what is left."""
    bundle.write_config()
    with open(os.devnull, "wb") as null:
        for step in range(25):
            creator = bundle.popen("create", "-b", bundle.dir, bundle.id, stdout=null, stderr=null)
            time.sleep(step * 0.001)
            creator.kill()
            creator.wait()
            result = bundle.command("delete", "--force", bundle.id)
            assert result.code == 0, f"killed after {step} ms: {result}"
            assert not bundle.exists()


def test_failing_create_leaves_the_files_of_the_rootfs_alone(bundle):
    """R-LIFE-23: as if never attempted; a missing executable is found at create."""
    before = sorted(p.relative_to(bundle.rootfs).as_posix() for p in bundle.rootfs.rglob("*"))
    bundle.args("/nonexist")
    bundle.config["mounts"] = []
    bundle.linux["maskedPaths"] = bundle.linux["readonlyPaths"] = []
    bundle.refused()
    after = sorted(p.relative_to(bundle.rootfs).as_posix() for p in bundle.rootfs.rglob("*"))
    assert [p for p in after if p not in before and not p.startswith("dev")] == []


def test_start_returns_when_the_program_runs(bundle):
    """R-STATE-12: `running` only after the program was executed, not before start answers."""
    bundle.hold()
    pid = bundle.state().pid
    assert pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"/probe\0")
