# SPDX-License-Identifier: Apache-2.0
"""`exec`: processors and cgroup of the process (C-PROC-17, S-30, engine-contracts 11)."""

import json
import os

import pytest

import harness
from harness import cgroup_of, status_field
from marks import requires


@pytest.fixture
def running(bundle):
    """A container that does nothing but run."""
    bundle.hold()
    return bundle


# --- processors -----------------------------------------------------------------------------------

def cpus_of(result):
    return status_field(result, "Cpus_allowed_list")


@requires("two-cpus")
def test_affinity(bundle):
    """C-PROC-17: `initial` before the cgroup, `final` after it; not for the first process."""
    bundle.process["execCPUAffinity"] = {"initial": "0", "final": "1"}
    first = cpus_of(bundle.run_probe())
    assert first not in ("0", "1")
    bundle.hold()
    assert cpus_of(bundle.exec_probe("report")) == "1"
    assert cpus_of(bundle.exec_probe("report")) == "1"


@requires("two-cpus")
def test_affinity_without_final(bundle):
    """C-PROC-17, C-CPU-15: the container's default, which is all CPUs of its cgroup; also for a
    caller that is bound to one."""
    bundle.process["execCPUAffinity"] = {"initial": "1", "final": ""}
    first = cpus_of(bundle.run_probe())
    bundle.hold()

    def bind():
        harness.default_signals()
        os.sched_setaffinity(0, {0})

    assert cpus_of(bundle.exec_probe("report")) == first
    assert cpus_of(bundle.exec_probe("report", preexec_fn=bind)) == first
    path = bundle.dir / "process.json"
    path.write_text(json.dumps({"cwd": "/", "args": ["/probe"],
                                "execCPUAffinity": {"final": "0"}}))
    assert cpus_of(bundle.exec(options=["-p", path]).json) == "0"


@pytest.mark.parametrize("where", ["initial", "final"])
def test_affinity_beyond_the_machine(bundle, where):
    """C-PROC-17: refused, and the container goes on."""
    bundle.process["execCPUAffinity"] = {where: "0,8000"}
    bundle.hold()
    line = bundle.refused_exec("/probe")
    assert f"process.execCPUAffinity.{where} (config.json:" in line
    assert bundle.status() == "running"


@pytest.mark.parametrize("text", ["a-b", "1-", "3-1", "0,,1", "9999", "0;1"])
def test_affinity_that_is_junk(bundle, text):
    """C-PROC-17: at create."""
    bundle.process["execCPUAffinity"] = {"initial": text}
    bundle.refused_config("process.execCPUAffinity.initial")


# --- cgroups --------------------------------------------------------------------------------------

@pytest.fixture
def nested(running):
    """A container with two cgroups below its own one."""
    path = cgroup_of(running.state().pid)
    for name in ("sub", "sub/deep"):
        (path / name).mkdir()
    running.cgroup = path
    return running


def cgroup_of_exec(bundle, *options):
    return cgroup_of(bundle.exec_detached("/probe", "sleep", options=options))


@pytest.mark.parametrize("path, where", [
    ("/", ""), ("sub", "sub"), ("/sub", "sub"), ("sub/deep", "sub/deep"), ("//sub//deep/",
                                                                          "sub/deep")])
def test_cgroup_below_the_container(nested, path, where):
    """cli-reference 4."""
    assert cgroup_of_exec(nested, "--cgroup", path) == nested.cgroup / where


@pytest.mark.parametrize("path, text", [
    ("..", "is not a sub cgroup path"), ("../x", "is not a sub cgroup path"),
    ("sub/../..", "is not a sub cgroup path"), ("/../init", "is not a sub cgroup path"),
    ("missing", "--cgroup"), ("cgroup.procs", "--cgroup")])
def test_cgroup_outside_of_the_container(nested, path, text):
    """S-30, I-22: refused; no directory is made."""
    assert text in nested.refused_exec("/probe", options=["--cgroup", path])
    assert not (nested.cgroup / "missing").exists()


@requires("pids")
def test_cgroup_that_hands_its_controllers_on(bundle):
    """engine-contracts 11: systemd in a container has moved to a leaf; exec goes there too."""
    bundle.hold()
    pid = bundle.state().pid
    path = cgroup_of(pid)
    (path / "leaf").mkdir()
    (path / "leaf/cgroup.procs").write_text(str(pid))
    (path / "cgroup.subtree_control").write_text("+pids")
    assert cgroup_of_exec(bundle) == path / "leaf"
    line = bundle.refused_exec("/probe", options=["--cgroup", "/"])
    assert "create the process" in line
