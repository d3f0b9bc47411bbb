# SPDX-License-Identifier: Apache-2.0
"""process.scheduler, ioPriority, execCPUAffinity; linux.personality, linux.memoryPolicy."""

import ctypes
import os
import re
import resource

import pytest

from harness import default_signals, drop_from_bounding_set
from marks import requires

POLICIES = {"SCHED_OTHER": 0, "SCHED_FIFO": 1, "SCHED_RR": 2, "SCHED_BATCH": 3, "SCHED_IDLE": 5,
            "SCHED_DEADLINE": 6}
RESET_ON_FORK = 1


def stat(seen, number):
    """A field of /proc/self/stat, counted from 1 as in proc(5)."""
    return int(seen.stat.rsplit(")", 1)[1].split()[number - 3])


def may_be_realtime():
    """Kernels with real-time groups on cgroup v1 may have no budget for us."""
    def caller():
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    pid = os.fork()
    if pid == 0:
        try:
            caller()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


def without_sys_nice():
    """A caller without CAP_SYS_NICE."""
    default_signals()
    drop_from_bounding_set("SYS_NICE")
    resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))


realtime = pytest.mark.skipif("not may_be_realtime()", reason="no real-time budget here")


# --- scheduler ------------------------------------------------------------------------------------

@pytest.mark.parametrize("policy, nice", [
    ("SCHED_OTHER", 0), ("SCHED_OTHER", -20), ("SCHED_OTHER", 19), ("SCHED_BATCH", 5),
    ("SCHED_BATCH", -1), ("SCHED_IDLE", 0), ("SCHED_IDLE", 7)])
def test_policy_and_nice(bundle, policy, nice):
    """C-SCHED-01, C-SCHED-03: fields 41 and 19 of stat."""
    bundle.process["scheduler"] = {"policy": policy, "nice": nice}
    seen = bundle.run_probe()
    assert (stat(seen, 41), stat(seen, 19)) == (POLICIES[policy], nice)
    assert seen.sched.policy == POLICIES[policy]


def test_nice_defaults_to_0_whatever_the_caller_has(bundle):
    """C-SCHED-03."""
    def caller():
        default_signals()
        os.nice(11)
    bundle.process["scheduler"] = {"policy": "SCHED_OTHER"}
    assert bundle.run_probe(preexec_fn=caller).nice == 0


def test_without_the_field_the_scheduler_is_inherited(bundle):
    """C-SCHED-01."""
    def caller():
        default_signals()
        os.nice(11)
    assert bundle.run_probe(preexec_fn=caller).nice == 11


@realtime
@pytest.mark.parametrize("policy, priority", [
    ("SCHED_FIFO", 1), ("SCHED_FIFO", 99), ("SCHED_RR", 50)])
def test_realtime_priority(bundle, policy, priority):
    """C-SCHED-04: field 40 of stat."""
    bundle.process["scheduler"] = {"policy": policy, "priority": priority}
    seen = bundle.run_probe()
    assert (stat(seen, 41), stat(seen, 40)) == (POLICIES[policy], priority)


@realtime
def test_user_and_capabilities_do_not_matter(bundle):
    """C-SCHED-04, C-SCHED-07: set while the process still has the runtime's rights."""
    bundle.process["scheduler"] = {"policy": "SCHED_RR", "priority": 3}
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.process["capabilities"] = {}
    assert bundle.run_probe().scheduler == POLICIES["SCHED_RR"]


@realtime
@pytest.mark.parametrize("uid", [0, 1000])
def test_priorities_in_a_user_namespace(bundle, uid):
    """C-SCHED-04, C-SCHED-09: capabilities of the container's own user namespace do not count, those of
    the runtime do."""
    bundle.user_namespace()
    bundle.process["user"] = {"uid": uid, "gid": uid}
    bundle.process["scheduler"] = {"policy": "SCHED_RR", "priority": 7, "nice": -4}
    bundle.process["ioPriority"] = {"class": "IOPRIO_CLASS_RT", "priority": 2}
    seen = bundle.run_probe()
    assert (seen.scheduler, seen.sched.priority, seen.nice) == (POLICIES["SCHED_RR"], 7, -4)
    assert seen.ioprio == 1 << 13 | 2


@realtime
def test_deadline_in_a_user_namespace(bundle):
    """C-SCHED-05."""
    bundle.user_namespace()
    bundle.process["scheduler"] = {"policy": "SCHED_DEADLINE", "runtime": 42000,
                                   "deadline": 1000000}
    assert bundle.run_probe().sched.policy == POLICIES["SCHED_DEADLINE"]


@pytest.mark.parametrize("policy, nice", [("SCHED_BATCH", 3), ("SCHED_IDLE", 9)])
def test_rootless_caller_can_give_up_priority(bundle, policy, nice):
    """C-SCHED-07: one without privileges, whose container runs as another of its users."""
    bundle.user_namespace()
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.process["scheduler"] = {"policy": policy, "nice": nice}

    def caller():
        without_sys_nice()
        os.nice(2)
    seen = bundle.run_probe(preexec_fn=caller)
    assert (seen.scheduler, seen.nice) == (POLICIES[policy], nice)


@realtime
def test_deadline(bundle):
    """C-SCHED-05: all parameters; such a process cannot fork."""
    bundle.process["scheduler"] = {"policy": "SCHED_DEADLINE", "nice": 19, "priority": 0,
                                   "runtime": 42000, "deadline": 1000000, "period": 2000000}
    seen, fork = bundle.run_probe("report", "fork 1")
    assert seen.sched == {"policy": 6, "flags": 0, "nice": 0, "priority": 0, "runtime": 42000,
                          "deadline": 1000000, "period": 2000000}
    assert fork.errno == "EAGAIN"


@realtime
def test_deadline_without_period(bundle):
    """C-SCHED-05: a period of 0 is the deadline."""
    bundle.process["scheduler"] = {"policy": "SCHED_DEADLINE", "runtime": 42000,
                                   "deadline": 1000000}
    assert bundle.run_probe().sched.period == 1000000


@realtime
def test_deadline_that_forks(bundle):
    """C-SCHED-05, C-SCHED-06: also for hooks of the container, which this process starts."""
    bundle.process["scheduler"] = {"policy": "SCHED_DEADLINE", "runtime": 42000,
                                   "deadline": 1000000, "flags": ["SCHED_FLAG_RESET_ON_FORK"]}
    bundle.config["hooks"] = {"startContainer": [{"path": "/bin/true"}]}
    seen, fork = bundle.run_probe("report", "fork 1")
    assert seen.sched.flags & RESET_ON_FORK
    assert fork.forked == 1


def test_deadline_that_cannot_start_its_hooks_is_refused(bundle):
    """C-SCHED-05."""
    bundle.process["scheduler"] = {"policy": "SCHED_DEADLINE", "runtime": 42000,
                                   "deadline": 1000000}
    bundle.config["hooks"] = {"startContainer": [{"path": "/bin/true"}]}
    bundle.refused_config("process.scheduler.policy", "SCHED_FLAG_RESET_ON_FORK")


@realtime
def test_deadline_runs_after_hooks_that_fork(bundle):
    """C-SCHED-05: createContainer hooks come before."""
    bundle.process["scheduler"] = {"policy": "SCHED_DEADLINE", "runtime": 42000,
                                   "deadline": 1000000}
    out = bundle.hook("createContainer", "sh -c 'cat /proc/self/stat' >$OUT")
    assert bundle.run_probe().scheduler == POLICIES["SCHED_DEADLINE"]
    assert out.read_text().rsplit(")", 1)[1].split()[38] == "0", "the hook has the policy as well"


def test_flags(bundle):
    """C-SCHED-06."""
    bundle.process["scheduler"] = {"policy": "SCHED_BATCH", "nice": 4,
                                   "flags": ["SCHED_FLAG_RESET_ON_FORK"]}
    assert bundle.run_probe().sched.flags == RESET_ON_FORK


def test_kept_policy(bundle):
    """C-SCHED-06: the flag says that the policy of the caller stays."""
    bundle.process["scheduler"] = {"policy": "SCHED_BATCH", "nice": 4,
                                   "flags": ["SCHED_FLAG_KEEP_POLICY"]}
    seen = bundle.run_probe()
    assert (seen.scheduler, seen.nice) == (0, 4)


@pytest.mark.parametrize("flag", ["SCHED_FLAG_UTIL_CLAMP_MIN", "SCHED_FLAG_UTIL_CLAMP_MAX"])
def test_clamps_are_applied_or_refused_with_the_reason(bundle, flag):
    """C-SCHED-06, X-33."""
    bundle.process["scheduler"] = {"policy": "SCHED_OTHER", "flags": [flag]}
    result = bundle.run()
    if result.code != 0:
        line = bundle.one_line(result)
        assert "process.scheduler" in line and "CONFIG_UCLAMP_TASK" in line
        assert re.search(r"config\.json:\d+:\d+", line)
        assert not bundle.exists()


def test_policy_that_no_kernel_has_is_refused(bundle):
    """C-SCHED-02, X-33."""
    bundle.process["scheduler"] = {"policy": "SCHED_ISO"}
    bundle.refused_config("process.scheduler", "SCHED_ISO (no mainline kernel has this policy)")


@realtime
@requires("two-cpus")
def test_deadline_beyond_what_the_cpus_have_is_refused(bundle):
    """C-SCHED-05: admission control."""
    bundle.process["scheduler"] = {"policy": "SCHED_DEADLINE", "runtime": 10**9,
                                   "deadline": 10**9}
    before = bundle.create(check=False)
    if before.code != 0:
        assert "SCHED_DEADLINE" in bundle.one_line(before)
        assert not bundle.exists()


def test_unprivileged_caller_is_refused_with_the_reason(bundle):
    """C-SCHED-07."""
    bundle.process["scheduler"] = {"policy": "SCHED_FIFO", "priority": 1}
    line = bundle.refused(preexec_fn=without_sys_nice)
    assert "process.scheduler (config.json:" in line
    assert "set policy SCHED_FIFO (needs CAP_SYS_NICE in the initial user namespace" in line


def test_unprivileged_caller_is_refused_in_a_user_namespace(bundle):
    """C-SCHED-07: it is the parent who is refused, and nothing is left."""
    bundle.user_namespace()
    bundle.process["scheduler"] = {"policy": "SCHED_OTHER", "nice": -1}
    line = bundle.refused(preexec_fn=without_sys_nice)
    assert "process.scheduler (config.json:" in line and "needs CAP_SYS_NICE" in line


@pytest.mark.parametrize("value, text", [
    ({}, "process.scheduler.policy: required"),
    ({"policy": "SCHED_FOO"}, "process.scheduler.policy: unknown value"),
    ({"policy": 1}, "process.scheduler.policy: expected"),
    ({"policy": "SCHED_OTHER", "nice": -21}, "process.scheduler.nice: expected"),
    ({"policy": "SCHED_OTHER", "nice": 20}, "process.scheduler.nice: expected"),
    ({"policy": "SCHED_OTHER", "priority": 5}, "process.scheduler.priority: expected 0"),
    ({"policy": "SCHED_FIFO"}, "process.scheduler.priority: expected 1 to 99"),
    ({"policy": "SCHED_RR", "priority": 100}, "process.scheduler.priority: expected 1 to 99"),
    ({"policy": "SCHED_OTHER", "runtime": 5000}, "process.scheduler.runtime: only"),
    ({"policy": "SCHED_DEADLINE", "runtime": 5000, "deadline": 4000},
     "process.scheduler.deadline: must not be below"),
    ({"policy": "SCHED_DEADLINE", "runtime": 5000, "deadline": 6000, "period": 5999},
     "process.scheduler.period: must be 0 or"),
    ({"policy": "SCHED_DEADLINE", "runtime": 1000, "deadline": 6000},
     "process.scheduler.runtime: expected at least 1024"),
    ({"policy": "SCHED_DEADLINE", "runtime": 5000, "deadline": 2**63},
     "process.scheduler.deadline: expected less than 2^63"),
    ({"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_FOO"]}, "process.scheduler.flags[0]: unknown"),
    ({"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_RECLAIM"]}, "SCHED_FLAG_RECLAIM needs"),
])
def test_invalid_scheduler_is_refused(bundle, value, text):
    """C-SCHED-01, C-SCHED-03, C-SCHED-04, C-SCHED-05, C-SCHED-06."""
    bundle.process["scheduler"] = value
    bundle.refused_config(text)


# --- I/O priority ---------------------------------------------------------------------------------

@pytest.mark.parametrize("name, number, priority", [
    ("IOPRIO_CLASS_RT", 1, 0), ("IOPRIO_CLASS_BE", 2, 7), ("IOPRIO_CLASS_BE", 2, 0),
    ("IOPRIO_CLASS_IDLE", 3, 0), ("IOPRIO_CLASS_IDLE", 3, 7)])
def test_io_priority(bundle, name, number, priority):
    """C-SCHED-09, C-SCHED-10: class << 13 | priority."""
    bundle.process["ioPriority"] = {"class": name, "priority": priority}
    assert bundle.run_probe().ioprio == number << 13 | priority


def test_io_priority_of_the_group_is_inherited(bundle):
    """C-SCHED-11: what the program starts has it too."""
    bundle.process["ioPriority"] = {"class": "IOPRIO_CLASS_IDLE", "priority": 3}
    bundle.shell("true; /probe report; true")
    assert bundle.run_ok().lines[0].ioprio == 3 << 13 | 3


def test_io_priority_for_a_user_without_capabilities(bundle):
    """C-SCHED-09: the real-time class needs a privilege that only the runtime has."""
    bundle.process["ioPriority"] = {"class": "IOPRIO_CLASS_RT", "priority": 4}
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    assert bundle.run_probe().ioprio == 1 << 13 | 4


@pytest.mark.parametrize("value, text", [
    ({"class": "NONE", "priority": 0}, "process.ioPriority.class: unknown value"),
    ({"class": "IOPRIO_CLASS_NONE", "priority": 0}, "process.ioPriority.class: unknown value"),
    ({"priority": 0}, "process.ioPriority.class: required"),
    ({"class": "IOPRIO_CLASS_BE"}, "process.ioPriority.priority: required"),
    ({"class": "IOPRIO_CLASS_BE", "priority": 8}, "process.ioPriority.priority: expected"),
    ({"class": "IOPRIO_CLASS_BE", "priority": 9}, "process.ioPriority.priority: expected"),
    ({"class": "IOPRIO_CLASS_BE", "priority": -1}, "process.ioPriority.priority: expected"),
])
def test_invalid_io_priority_is_refused(bundle, value, text):
    """C-SCHED-09, C-SCHED-10."""
    bundle.process["ioPriority"] = value
    bundle.refused_config(text)


# --- CPUs -----------------------------------------------------------------------------------------

def bind_to_one_cpu():
    default_signals()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


@requires("two-cpus")
def test_program_may_use_all_cpus_whatever_the_runtime_is_bound_to(bundle):
    """C-CPU-15."""
    assert bundle.run_probe(preexec_fn=bind_to_one_cpu).cpus == len(os.sched_getaffinity(0))


@requires("two-cpus")
def test_affinity_of_exec_is_not_that_of_the_first_process(bundle):
    """C-PROC-17."""
    bundle.process["execCPUAffinity"] = {"initial": "0", "final": "1"}
    assert bundle.run_probe().cpus == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("text", ["0", "0-3,7", " 0 - 3 , 7 ", "8191", ""])
def test_affinity_of_exec_is_accepted(bundle, text):
    """C-PROC-17: CPUs that this host has not matter at exec only."""
    bundle.process["execCPUAffinity"] = {"initial": text, "final": text}
    bundle.run_probe()


@pytest.mark.parametrize("member", ["initial", "final"])
@pytest.mark.parametrize("text, wrong", [
    ("a-b", "expected a number at offset 0"), ("0-", "expected a number at offset 2"),
    ("0,,1", "expected a number at offset 2"), ("3-1", "ends below its start at offset 2"),
    ("0 1", "expected ',' or '-' at offset 2"), ("8192", "above 8191"), (" ", "expected a number"),
    ("0\n", "expected ',' or '-' at offset 1")])
def test_junk_in_the_affinity_of_exec_is_refused_at_create(bundle, member, text, wrong):
    """C-PROC-17."""
    bundle.process["execCPUAffinity"] = {member: text}
    bundle.refused_config(f"process.execCPUAffinity.{member}: expected a list", wrong)


# --- personality ----------------------------------------------------------------------------------

@pytest.mark.parametrize("domain, number, machine", [
    ("LINUX", 0, os.uname().machine), ("LINUX32", 8, "i686")])
def test_personality(bundle, domain, number, machine):
    """C-PERS-01."""
    bundle.linux["personality"] = {"domain": domain}
    seen = bundle.run_probe()
    assert seen.personality == number
    if os.uname().machine == "x86_64":
        assert seen.machine == machine


def test_personality_of_the_caller_does_not_win(bundle):
    """C-PERS-01."""
    def caller():
        default_signals()
        assert ctypes.CDLL(None).personality(8) >= 0
    bundle.linux["personality"] = {"domain": "LINUX"}
    assert bundle.run_probe(preexec_fn=caller).personality == 0


def test_filter_that_forbids_personality_comes_later(bundle):
    """C-PERS-04."""
    bundle.linux["personality"] = {"domain": "LINUX32"}
    bundle.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["personality"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]}
    # The report cannot ask for its personality, but the kernel's answers show it.
    seen = bundle.run_probe()
    assert seen.personality == -1
    if os.uname().machine == "x86_64":
        assert seen.machine == "i686"


@pytest.mark.parametrize("value, text", [
    ({}, "linux.personality.domain: required"),
    ({"domain": "LINUX64"}, "linux.personality.domain: unknown value"),
    ({"domain": 8}, "linux.personality.domain: expected"),
    ({"domain": "LINUX", "flags": ["ADDR_NO_RANDOMIZE"]}, "no personality flag is supported"),
])
def test_invalid_personality_is_refused(bundle, value, text):
    """C-PERS-01, C-PERS-02."""
    bundle.linux["personality"] = value
    bundle.refused_config(text)


# --- memory policy --------------------------------------------------------------------------------

STATIC, RELATIVE, BALANCING = 1 << 15, 1 << 14, 1 << 13


@pytest.mark.parametrize("policy, mode, nodes, maps", [
    ({"mode": "MPOL_BIND", "nodes": "0"}, 2, [0], "bind:0"),
    ({"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]},
     2 | STATIC, [0], "bind=static:0"),
    ({"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_NUMA_BALANCING"]},
     2 | BALANCING, [0], "bind"),
    ({"mode": "MPOL_PREFERRED", "nodes": "0", "flags": ["MPOL_F_RELATIVE_NODES"]},
     1 | RELATIVE, [0], "prefer=relative:0"),
    ({"mode": "MPOL_PREFERRED", "nodes": "0"}, 1, [0], "prefer:0"),
    ({"mode": "MPOL_PREFERRED"}, 4, [], "local"),
    ({"mode": "MPOL_LOCAL"}, 4, [], "local"),
    ({"mode": "MPOL_INTERLEAVE", "nodes": " 0 "}, 3, [0], "interleave:0"),
    ({"mode": "MPOL_PREFERRED_MANY", "nodes": "0-0"}, 5, [0], "prefer (many):0"),
    ({"mode": "MPOL_WEIGHTED_INTERLEAVE", "nodes": "0"}, 6, [0], "weighted interleave:0"),
    ({"mode": "MPOL_DEFAULT"}, 0, [], "default"),
])
@requires("numa")
def test_memory_policy(bundle, policy, mode, nodes, maps):
    """C-MPOL-01, C-MPOL-02, C-MPOL-04: get_mempolicy(2) and numa_maps."""
    bundle.linux["memoryPolicy"] = policy
    bundle.shell("/probe report; head -n 1 /proc/self/numa_maps")
    out = bundle.run_ok()
    assert out.lines[0].mempolicy == {"mode": mode, "nodes": nodes}
    assert out.out.splitlines()[-1].split(" ", 1)[1].startswith(maps)


@requires("numa")
def test_memory_policy_is_not_that_of_runtime_and_hooks(bundle):
    """C-MPOL-06."""
    bundle.linux["memoryPolicy"] = {"mode": "MPOL_INTERLEAVE", "nodes": "0"}
    outs = [bundle.hook(point, "head -n 1 /proc/self/numa_maps >$OUT; "
                        "head -n 1 /proc/$PPID/numa_maps >>$OUT")
            for point in ("createRuntime", "createContainer", "poststart")]
    bundle.hold()
    for out in outs:
        assert [line.split()[1] for line in out.read_text().splitlines()] == ["default"] * 2


@requires("numa")
def test_default_policy_replaces_that_of_the_caller(bundle):
    """C-MPOL-01."""
    def caller():
        default_signals()
        nodes = ctypes.c_ulong(1)
        assert ctypes.CDLL(None).syscall(238, 3, ctypes.byref(nodes), 65) == 0
    assert bundle.run_probe(preexec_fn=caller).mempolicy.mode == 3
    bundle.linux["memoryPolicy"] = {"mode": "MPOL_DEFAULT"}
    assert bundle.run_probe(preexec_fn=caller).mempolicy.mode == 0


@requires("numa")
@pytest.mark.parametrize("nodes", ["4095", "1023", "0,1000"])
def test_nodes_that_are_not_there_are_refused(bundle, nodes):
    """C-MPOL-05, C-MPOL-07: also when the kernel would go on with those that are."""
    bundle.linux["memoryPolicy"] = {"mode": "MPOL_BIND", "nodes": nodes}
    bundle.refused_config("linux.memoryPolicy", nodes)


@pytest.mark.parametrize("policy, text", [
    ({}, "linux.memoryPolicy.mode: required"),
    ({"mode": "MPOL_FOO"}, "linux.memoryPolicy.mode: unknown value"),
    ({"mode": "MPOL_BIND", "nodes": "x"}, "linux.memoryPolicy.nodes: expected a list"),
    ({"mode": "MPOL_BIND", "nodes": "1-0"}, "linux.memoryPolicy.nodes: expected a list"),
    ({"mode": "MPOL_BIND"}, "linux.memoryPolicy.nodes: \"MPOL_BIND\" needs at least one node"),
    ({"mode": "MPOL_DEFAULT", "nodes": "0"}, "linux.memoryPolicy.nodes: \"MPOL_DEFAULT\" takes no"),
    ({"mode": "MPOL_LOCAL", "nodes": "0"}, "linux.memoryPolicy.nodes: \"MPOL_LOCAL\" takes no"),
    ({"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_FOO"]},
     "linux.memoryPolicy.flags[0]: unknown value"),
    ({"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"]},
     "exclude each other"),
    ({"mode": "MPOL_INTERLEAVE", "nodes": "0", "flags": ["MPOL_F_NUMA_BALANCING"]},
     "\"MPOL_F_NUMA_BALANCING\" needs"),
])
def test_invalid_memory_policy_is_refused(bundle, policy, text):
    """C-MPOL-01, C-MPOL-02, C-MPOL-03, C-MPOL-04."""
    bundle.linux["memoryPolicy"] = policy
    bundle.refused_config(text)


def test_example_of_the_text_is_no_json(bundle):
    """C-MPOL-09: a missing and a trailing comma."""
    bundle.config = ('{"ociVersion":"1.2.1","root":{"path":"rootfs"},"linux":{"memoryPolicy":{\n'
                     '"mode": "MPOL_INTERLEAVE",\n"nodes": "2-3"\n"flags": [],\n}}}')
    assert "config.json:4:1" in bundle.refused()
