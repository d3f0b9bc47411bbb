# SPDX-License-Identifier: Apache-2.0
"""`exec`: what takes more than the process itself (I-20): agents, labels, priorities, RDT."""

import os

import pytest

import harness
from marks import requires
from test_labels import confined, profiles  # noqa: F401 (fixtures)
from test_rdt import STAND_IN, end, resctrl  # noqa: F401
from test_scheduling import POLICIES, may_be_realtime, realtime  # noqa: F401 (of the marker)
from test_seccomp_notify import MKDIR, notify, serve  # noqa: F401


# --- SCMP_ACT_NOTIFY ------------------------------------------------------------------------------

def test_every_process_has_a_connection_to_the_agent(bundle, serve):  # noqa: F811
    """C-SEC-28, C-SEC-26: its own listener, its own pid, a container that runs."""
    agent = serve(lambda call: {"value": 42})
    notify(bundle, "mkdir")
    bundle.hold()
    for count in range(2, 5):
        assert bundle.exec_probe(f"syscall {MKDIR} 0 0").ret == 42
        assert len(agent.connections) == count
    pid = bundle.exec_detached("/probe", "sleep")
    harness.wait_until(lambda: len(agent.connections) == 5 and agent.connections[4].closed,
                       "the state")
    state = agent.connections[4].state
    assert (state.pid, state.fds) == (pid, ["seccompFd"])
    assert (state.state.pid, state.state.status) == (bundle.state().pid, "running")
    assert agent.numbers() == [MKDIR] * 3


def test_agent_that_is_gone(bundle, serve):  # noqa: F811
    """C-SEC-23: exec fails, nothing runs, the container goes on."""
    agent = serve()
    notify(bundle, "mkdir")
    bundle.hold()
    agent.close()
    assert "listenerPath" in bundle.refused_exec("/bin/touch", "/tmp/ran")
    assert not (bundle.rootfs / "tmp/ran").exists() and bundle.status() == "running"


@pytest.mark.parametrize("name", ["sendmsg", "write"])
def test_program_that_cannot_be_run_under_a_strict_filter(bundle, name):
    """C-SEC-21: the reason still arrives."""
    (bundle.rootfs / "garbage").write_text("garbage")
    (bundle.rootfs / "garbage").chmod(0o755)
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": [name], "action": "SCMP_ACT_ERRNO"}]}
    bundle.hold()
    assert bundle.refused_exec("/garbage").endswith('exec /garbage: exec format error')


# --- labels ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("option", ["--apparmor", "--process-label"])
def test_label_without_its_module_is_refused(bundle, option):
    """D-28, C-PROC-15, C-PROC-16: never ignored."""
    if option == "--apparmor" and os.path.exists("/sys/kernel/security/apparmor"):
        pytest.skip("AppArmor is there")
    bundle.hold()
    assert option in bundle.refused_exec("/probe", options=[option, "label"])


@requires("apparmor")
def test_profile_is_in_force(confined):  # noqa: F811
    """C-PROC-15, C-PROC-18, I-20: the container's, another one, and one that is not loaded."""
    confined.process["noNewPrivileges"] = False
    confined.hold()
    seen, secret = confined.exec_probe("report", "try-open /etc/secret")
    assert (seen.attr_current, secret.errno) == ("test-strict (enforce)", "EACCES")
    seen, secret = confined.exec_probe("report", "try-open /etc/secret",
                                       options=["--apparmor", "test-complain"])
    assert (seen.attr_current, secret.errno) == ("test-complain (complain)", None)
    assert "missing-profile" in confined.refused_exec(
        "/probe", options=["--apparmor", "missing-profile"])


# --- priorities -----------------------------------------------------------------------------------

@realtime
def test_priorities_in_a_user_namespace(bundle):
    """C-SCHED-08, C-SCHED-09: by the runtime's rights."""
    bundle.user_namespace()
    bundle.process["scheduler"] = {"policy": "SCHED_RR", "priority": 7, "nice": -4}
    bundle.process["ioPriority"] = {"class": "IOPRIO_CLASS_RT", "priority": 2}
    bundle.hold()
    seen = bundle.exec_probe("report")
    assert (seen.scheduler, seen.sched.priority, seen.nice) == (POLICIES["SCHED_RR"], 7, -4)
    assert seen.ioprio == 1 << 13 | 2


# --- RDT ------------------------------------------------------------------------------------------

def test_process_is_in_the_class_and_monitored(bundle, resctrl):  # noqa: F811
    """C-RDT-07, I-20: as the first process; who clones the process is in, and that inherits."""
    bundle.linux["intelRdt"] = {"l3CacheSchema": "L3:0=f", "enableMonitoring": True}
    bundle.probe("sleep")
    bundle.create(env=STAND_IN)
    bundle.start()
    group = resctrl / bundle.id
    first = (group / "tasks").read_text()
    result = bundle.exec("/probe", "exit", "3", env=STAND_IN)
    assert result.code == 3, result
    tasks = (group / "tasks").read_text()
    assert tasks != first and tasks.removeprefix(first).strip().isdigit()
    assert (group / "mon_groups" / bundle.id / "tasks").read_text() == tasks
    end(bundle)
