# SPDX-License-Identifier: Apache-2.0
"""pause and resume (cli-reference 4, engine-contracts 11)."""


import pytest

from harness import CGROUP, CRUNTIME, cgroup_of, run_command, wait_until


def events(bundle):
    text = (cgroup_of(bundle.state().pid) / "cgroup.events").read_text()
    return dict(line.split() for line in text.splitlines())


def pause(bundle):
    result = bundle.command("pause", bundle.id)
    assert (result.code, result.out, result.err) == (0, "", ""), result


def resume(bundle):
    result = bundle.command("resume", bundle.id)
    assert (result.code, result.out, result.err) == (0, "", ""), result


def refusal(bundle, verb):
    return bundle.one_line(bundle.command(verb, bundle.id))


def test_paused_container_is_frozen_when_pause_returns(bundle):
    """C-CGP-15, engine-contracts 11."""
    bundle.shell("while :; do echo x; done")
    bundle.create_and_start()
    wait_until(lambda: len(bundle.output()) > 0, "output")
    pause(bundle)
    assert events(bundle)["frozen"] == "1" and bundle.status() == "paused"
    size = len(bundle.output())
    assert bundle.status() == "paused" and len(bundle.output()) == size
    resume(bundle)
    assert events(bundle)["frozen"] == "0" and bundle.status() == "running"
    wait_until(lambda: len(bundle.output()) > size, "more output")


def test_pause_twice_and_resume_twice_say_what_runc_says(bundle):
    """cli-reference 4."""
    bundle.hold()
    assert refusal(bundle, "resume") == f"resume '{bundle.id}': container not paused"
    pause(bundle)
    assert refusal(bundle, "pause") == f"pause '{bundle.id}': container not running"
    assert bundle.status() == "paused"
    resume(bundle)
    assert refusal(bundle, "resume") == f"resume '{bundle.id}': container not paused"


def test_stopped_container_is_neither_paused_nor_resumed(bundle):
    """cli-reference 4, engine-contracts 3."""
    bundle.probe("exit 0")
    bundle.create_and_start()
    bundle.wait_stopped()
    assert "container not running" in refusal(bundle, "pause")
    assert "container not paused" in refusal(bundle, "resume")


@pytest.mark.parametrize("verb", ["pause", "resume", "update"])
def test_unknown_container(bundle, verb):
    """engine-contracts 3."""
    words = ["--pids-limit", "5"] if verb == "update" else []
    line = bundle.one_line(bundle.command(verb, *words, "nobody"))
    assert 'container "nobody" does not exist' in line


def test_created_container_is_paused_and_is_created_again(bundle):
    """cli-reference 4: allowed in created; the status is paused meanwhile."""
    bundle.probe("sleep")
    bundle.create()
    pause(bundle)
    assert bundle.status() == "paused"
    listed = bundle.command("list", "--format", "json").json
    assert [c.status for c in listed] == ["paused"]
    assert "cannot start a container in the paused state" in refusal(bundle, "start")
    resume(bundle)
    assert bundle.status() == "created"
    bundle.start()
    assert bundle.status() == "running"


@pytest.mark.parametrize("own_pids", [True, False])
def test_killing_a_paused_container_kills_it(bundle, own_pids):
    """engine-contracts 11: it is stopped then, and resume says so."""
    if not own_pids:
        bundle.remove_namespace("pid")
    bundle.shell("sleep 1000 & sleep 1000 & wait")
    bundle.create_and_start()
    group = cgroup_of(bundle.state().pid)
    wait_until(lambda: len((group / "cgroup.procs").read_text().split()) == 3, "three processes")
    pause(bundle)
    bundle.kill("KILL")
    bundle.wait_stopped()
    wait_until(lambda: "populated 0" in (group / "cgroup.events").read_text(), "an empty cgroup")
    assert "container not paused" in refusal(bundle, "resume")
    bundle.delete()


def test_other_signals_arrive_after_resume(bundle):
    """cli-reference 4."""
    bundle.shell("trap 'echo caught; exit 3' TERM; echo ready; while :; do sleep 0.01; done")
    bundle.create_and_start()
    wait_until(lambda: "ready" in bundle.output(), "the trap")
    pause(bundle)
    bundle.kill("TERM")
    assert bundle.status() == "paused" and "caught" not in bundle.output()
    resume(bundle)
    bundle.wait_stopped()
    assert "caught" in bundle.output()


def test_paused_container_is_deleted_with_force_only(bundle):
    """cli-reference 4."""
    bundle.hold()
    pause(bundle)
    assert "that is not stopped: paused" in refusal(bundle, "delete")
    bundle.delete("--force")
    assert not bundle.exists()


def test_pre_existing_cgroup_does_not_stay_frozen(bundle):
    """D-16, X-25: the next container would be refused."""
    group = CGROUP / "tests-mine"
    group.mkdir()
    try:
        bundle.linux["cgroupsPath"] = "/tests-mine"
        for _ in range(2):
            bundle.hold()
            pause(bundle)
            bundle.delete("--force")
            assert (group / "cgroup.freeze").read_text() == "0\n"
    finally:
        group.rmdir()


def test_processes_that_fork_all_the_time_are_frozen(bundle):
    """C-CGP-15."""
    bundle.shell("while :; do true & done")
    bundle.create_and_start()
    for _ in range(3):
        pause(bundle)
        assert events(bundle)["frozen"] == "1"
        resume(bundle)


def test_pause_of_a_container_that_is_being_created_waits_for_it(bundle):
    """I-31: commands on one container come one after the other."""
    out = bundle.hook("createRuntime", "touch $OUT; while [ -e $OUT ]; do sleep 0.01; done")
    bundle.probe("sleep")
    bundle.write_config()
    with open(bundle.dir / "out", "wb") as log:
        creator = bundle.popen("create", "-b", bundle.dir, bundle.id, stdout=log, stderr=log)
    wait_until(out.exists, "the hook")
    pausing = bundle.popen("pause", bundle.id)
    out.unlink()
    assert creator.wait(60) == 0 and pausing.wait(60) == 0
    assert bundle.status() == "paused"


def test_container_without_a_cgroup_is_not_paused(bundle):
    """cli-reference 4: for lack of rights it runs in the caller's cgroup."""
    bundle.remove_mount("/sys/fs/cgroup")
    del bundle.linux["resources"]
    bundle.probe("sleep")
    bundle.write_config()
    hide = ["unshare", "-m", "--propagation", "private", "sh", "-c",
            'umount -l /sys/fs/cgroup && exec "$@" >/dev/null 2>&1', "sh", CRUNTIME, "--root",
            bundle.root]
    bundle.ids.add(bundle.id)
    assert run_command([*hide, "create", "-b", bundle.dir, bundle.id], timeout=60).code == 0
    for verb in ("pause", "update"):
        words = ["--pids-limit", "9"] if verb == "update" else []
        line = bundle.one_line(bundle.command(verb, *words, bundle.id))
        assert f"cannot {verb} the container: it has no cgroup of its own" in line
    assert "container not paused" in refusal(bundle, "resume")
    # What asks for nothing needs nothing (engine-contracts 10).
    assert bundle.command("update", "--resources", "-", bundle.id, stdin=None, input="{}").code == 0
    bundle.delete("--force")
