# SPDX-License-Identifier: Apache-2.0
"""linux.seccomp: what the program may call (C-SEC)."""

import errno
import json
import os
import time

import pytest

from agent import Agent
from harness import SOURCE, status_field

# Numbers of x86-64, the architecture of the tests' machines.
PERSONALITY, GETPPID, MKDIR, UNKNOWN = 135, 110, 83, 2000

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of x86-64")


def profile(bundle, *rules, default="SCMP_ACT_ALLOW", **more):
    bundle.linux["seccomp"] = {"defaultAction": default, "architectures": ["SCMP_ARCH_X86_64"],
                               "syscalls": list(rules), **more}


def rule(name, action="SCMP_ACT_ERRNO", *args, **more):
    entry = {"names": [name] if isinstance(name, str) else name, "action": action, **more}
    if args:
        entry["args"] = list(args)
    return entry


def arg(index, op, value, two=0):
    return {"index": index, "op": f"SCMP_CMP_{op}", "value": value, "valueTwo": two}


def test_no_profile_no_filter(bundle):
    """C-SEC-01."""
    assert bundle.run_probe().seccomp == 0


def test_profile_is_loaded(bundle):
    """C-SEC-01: mode 2."""
    profile(bundle, rule("mkdir"))
    assert bundle.run_probe().seccomp == 2


def test_refused_call_gets_eperm_by_default(bundle):
    """C-SEC-03."""
    profile(bundle, rule("mkdir"))
    refused, allowed = bundle.run_probe("mkdir /tmp/a", "read /etc/hosts")
    assert (refused.errno, allowed.errno) == ("EPERM", None)


@pytest.mark.parametrize("number", [1, 38, 28, 4095])
def test_errno_of_a_rule(bundle, number):
    """C-SEC-03, C-SEC-05."""
    profile(bundle, rule("mkdir", errnoRet=number))
    expected = errno.errorcode.get(number)
    assert bundle.run_probe("mkdir /tmp/a").errno == expected or number == 4095


def test_second_container_gets_its_own_errno(make_bundle):
    """C-SEC-05: profiles that differ in one errnoRet only, in one state root: nothing is cached."""
    first, second = make_bundle("first"), make_bundle("second")
    second.root = first.root
    for bundle, number in ((first, 38), (second, 28), (first, 13)):
        profile(bundle, rule("mkdir", errnoRet=number))
        assert bundle.run_probe("mkdir /tmp/a").errno == errno.errorcode[number]


def test_rules_with_different_errno_stay_apart(bundle):
    """C-SEC-05: in one profile, with a default of its own."""
    profile(bundle, rule(everything_but("mkdir", "rmdir", "getppid"), "SCMP_ACT_ALLOW"),
            rule("mkdir", errnoRet=38), rule("rmdir", errnoRet=28),
            default="SCMP_ACT_ERRNO", defaultErrnoRet=13)
    made, removed, other = bundle.run_probe("mkdir /tmp/a", "syscall 84 0", f"syscall {GETPPID}")
    assert (made.errno, removed.errno, other.errno) == ("ENOSYS", "ENOSPC", "EACCES")


def test_errno_0_makes_a_call_do_nothing(bundle):
    """C-SEC-04."""
    profile(bundle, rule("mkdir", errnoRet=0))
    made, stat = bundle.run_probe("mkdir /tmp/a", "stat /tmp/a")
    assert (made.errno, stat.errno) == (None, "ENOENT")


def test_default_errno(bundle):
    """C-SEC-03: an allow list with a default of its own."""
    names = everything_but("mkdir", "mkdirat")
    profile(bundle, rule(names, "SCMP_ACT_ALLOW"), default="SCMP_ACT_ERRNO", defaultErrnoRet=28)
    assert bundle.run_probe("mkdir /tmp/a").errno == "ENOSPC"


def everything_but(*without):
    """The names of docker's profile, which is enough for the probe."""
    spec = json.loads((SOURCE / "tests/bundles/docker-run-default.json").read_text())
    names = {n for r in spec["linux"]["seccomp"]["syscalls"] for n in r["names"]}
    return sorted(names - set(without))


@pytest.mark.parametrize("action, code", [("SCMP_ACT_KILL", 159), ("SCMP_ACT_KILL_PROCESS", 159),
                                          ("SCMP_ACT_KILL_THREAD", 159), ("SCMP_ACT_TRAP", 159)])
def test_action_that_ends_the_program(bundle, action, code):
    """C-SEC-02: SIGSYS is 31. (Process 1 would ignore a trap.)"""
    bundle.remove_namespace("pid")
    profile(bundle, rule("mkdir", action))
    bundle.probe("mkdir /tmp/a")
    assert bundle.run().code == code


@pytest.mark.parametrize("action", ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG"])
def test_action_that_permits(bundle, action):
    """C-SEC-02."""
    profile(bundle, rule("mkdir", action), default="SCMP_ACT_LOG" if action.endswith("ALLOW")
            else "SCMP_ACT_ALLOW")
    assert bundle.run_probe("mkdir /tmp/a").errno is None


def test_action_trace_without_a_tracer_is_enosys(bundle):
    """C-SEC-02, C-SEC-03."""
    profile(bundle, rule("mkdir", "SCMP_ACT_TRACE", errnoRet=5))
    assert bundle.run_probe("mkdir /tmp/a").errno == "ENOSYS"


@pytest.mark.parametrize("op, value, two, matching, other", [
    ("EQ", 5, 0, 5, 6), ("NE", 5, 0, 6, 5), ("LT", 5, 0, 4, 5), ("LE", 5, 0, 5, 6),
    ("GT", 5, 0, 6, 5), ("GE", 5, 0, 5, 4), ("MASKED_EQ", 0xf0, 0x10, 0x15, 0x25)])
def test_operator(bundle, op, value, two, matching, other):
    """C-SEC-14, C-SEC-16: value is the mask of MASKED_EQ."""
    profile(bundle, rule("getpriority", "SCMP_ACT_ERRNO", arg(1, op, value, two), errnoRet=28))
    yes, no = bundle.run_probe(f"syscall 140 0 {matching}", f"syscall 140 0 {other}")
    assert yes.errno == "ENOSPC"
    assert no.errno != "ENOSPC"


def test_arguments_are_compared_as_64_bits(bundle):
    """C-SEC-14."""
    big = (1 << 63) + 5
    profile(bundle, rule("getpriority", "SCMP_ACT_ERRNO", arg(1, "EQ", big), errnoRet=28))
    yes, no = bundle.run_probe(f"syscall 140 0 {big}", "syscall 140 0 5")
    assert (yes.errno, no.errno != "ENOSPC") == ("ENOSPC", True)


def test_conditions_on_different_arguments_are_anded(bundle):
    """C-SEC-15."""
    profile(bundle, rule("getpriority", "SCMP_ACT_ERRNO", arg(0, "EQ", 0), arg(1, "EQ", 7),
                         errnoRet=28))
    both, one = bundle.run_probe("syscall 140 0 7", "syscall 140 1 7")
    assert both.errno == "ENOSPC" and one.errno != "ENOSPC"


def test_conditions_on_one_argument_are_alternatives(bundle):
    """C-SEC-15: what engines' profiles rely on."""
    profile(bundle, rule("getpriority", "SCMP_ACT_ERRNO", arg(1, "EQ", 7), arg(1, "EQ", 9),
                         errnoRet=28))
    seven, eight, nine = bundle.run_probe(*(f"syscall 140 0 {n}" for n in (7, 8, 9)))
    assert seven.errno == nine.errno == "ENOSPC" and eight.errno != "ENOSPC"


def test_rule_with_the_default_action_is_harmless(bundle):
    """C-SEC-17."""
    profile(bundle, rule("mkdir", "SCMP_ACT_ALLOW"), rule("rmdir"))
    assert bundle.run_probe("mkdir /tmp/a").errno is None


def test_unknown_name_is_warned_about_and_skipped(bundle):
    """C-SEC-07, I-19."""
    profile(bundle, rule(["nosuchcall", "mkdir"]))
    bundle.probe("mkdir /tmp/a")
    result = bundle.run_ok()
    assert result.lines[0].errno == "EPERM"
    assert "nosuchcall" in result.err


def test_call_that_the_profile_cannot_know_gets_enosys(bundle):
    """C-SEC-08, D-26: a newer libc in the image falls back."""
    profile(bundle, rule(everything_but(), "SCMP_ACT_ALLOW"), default="SCMP_ACT_ERRNO")
    assert bundle.run_probe(f"syscall {UNKNOWN}").errno == "ENOSYS"


def test_profile_of_docker(bundle):
    """C-SEC-29: 371 names, three architectures, argument checks."""
    spec = json.loads((SOURCE / "tests/bundles/docker-run-default.json").read_text())
    bundle.linux["seccomp"] = spec["linux"]["seccomp"]
    report, allowed, refused, mkdir = bundle.run_probe(
        "report", f"syscall {PERSONALITY} 0xffffffff", f"syscall {PERSONALITY} 0x1234",
        "mkdir /tmp/a")
    assert report.seccomp == 2
    assert allowed.errno is None and refused.errno == "EPERM" and mkdir.errno is None


@pytest.mark.parametrize("arch", ["SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64",
                                  "SCMP_ARCH_RISCV64", "SCMP_ARCH_S390X"])
def test_foreign_architectures_are_accepted(bundle, arch):
    """C-SEC-06: the native one is always included."""
    profile(bundle, rule("mkdir"))
    bundle.linux["seccomp"]["architectures"] = [arch]
    assert bundle.run_probe("mkdir /tmp/a").errno == "EPERM"


@pytest.mark.parametrize("flags, value", [
    (None, 4), ([], 0), (["SECCOMP_FILTER_FLAG_LOG"], 2), (["SECCOMP_FILTER_FLAG_SPEC_ALLOW"], 4),
    (["SECCOMP_FILTER_FLAG_TSYNC"], 0)], ids=str)
def test_flags(bundle, flags, value):
    """C-SEC-09, C-SEC-10: what the kernel gets is in the debug log; TSYNC would do nothing."""
    profile(bundle, rule("mkdir"))
    if flags is not None:
        bundle.linux["seccomp"]["flags"] = flags
    bundle.globals = ["--debug"]
    bundle.probe("mkdir /tmp/a")
    result = bundle.run_ok()
    assert result.lines[0].errno == "EPERM"
    assert f'level=debug msg="seccomp filter flags: {value}"' in result.err


@pytest.mark.parametrize("change, field", [
    ({"defaultAction": None}, "defaultAction"), ({"defaultAction": "SCMP_ACT_FOO"}, "defaultAction"),
    ({"architectures": ["SCMP_ARCH_FOO"]}, "architectures[0]"),
    ({"flags": ["SECCOMP_FILTER_FLAG_FOO"]}, "flags[0]"),
    ({"defaultErrnoRet": 5}, "defaultErrnoRet"),
    ({"defaultErrnoRet": -1, "defaultAction": "SCMP_ACT_ERRNO"}, "defaultErrnoRet"),
    ({"architectures": "SCMP_ARCH_X86"}, "architectures"), ({"architectures": [1]}, "architectures[0]"),
    ({"flags": "SECCOMP_FILTER_FLAG_LOG"}, "flags"), ({"flags": [None]}, "flags[0]"),
    ({"syscalls": {}}, "syscalls"), ({"syscalls": ["mkdir"]}, "syscalls[0]"),
    ({"syscalls": [{"names": "mkdir", "action": "SCMP_ACT_ERRNO"}]}, "syscalls[0].names"),
    ({"syscalls": [{"names": [5], "action": "SCMP_ACT_ERRNO"}]}, "syscalls[0].names[0]"),
    ({"syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": "EPERM"}]},
     "syscalls[0].errnoRet"),
    ({"listenerMetadata": "x"}, "listenerMetadata"),
    ({"syscalls": [{"names": [], "action": "SCMP_ACT_ALLOW"}]}, "names"),
    ({"syscalls": [{"action": "SCMP_ACT_ALLOW"}]}, "syscalls[0]"),
    ({"syscalls": [{"names": ["mkdir"]}]}, "syscalls[0]"),
    ({"syscalls": [{"names": ["mkdir"], "action": "FOO"}]}, "syscalls[0].action"),
    ({"syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ALLOW", "errnoRet": 1}]},
     "syscalls[0].errnoRet"),
    ({"syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_KILL", "errnoRet": 1}]},
     "syscalls[0].errnoRet"),
    ({"syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 70000}]},
     "syscalls[0].errnoRet"),
    ({"syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 4096}]},
     "syscalls[0].errnoRet"),
    ({"syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "args": [
        {"index": 6, "op": "SCMP_CMP_EQ", "value": 0}]}]}, "args[0].index"),
    ({"syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "args": [
        {"index": 0, "op": "SCMP_CMP_FOO", "value": 0}]}]}, "args[0].op"),
    ({"syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "args": [
        {"index": 0, "value": 0}]}]}, "args[0]"),
    ({"syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "args": [
        {"index": -1, "op": "SCMP_CMP_EQ", "value": 0}]}]}, "args[0].index"),
    ({"syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "args": [
        {"index": 0, "op": "SCMP_CMP_EQ", "value": -1}]}]}, "args[0].value"),
    ({"syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "args": [
        {"index": 0, "op": "SCMP_CMP_EQ", "value": 1 << 64}]}]}, "args[0].value"),
    ({"syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "args": [
        {"index": 0, "op": "SCMP_CMP_MASKED_EQ", "value": 1, "valueTwo": "1"}]}]}, "args[0].valueTwo"),
    ({"syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]}, "listenerPath"),
    ({"defaultAction": "SCMP_ACT_NOTIFY"}, "listenerPath"),
], ids=str)
def test_impossible_profile_is_refused(bundle, change, field):
    """C-SEC-01, C-SEC-03, C-SEC-04, C-SEC-06, C-SEC-09, C-SEC-13, C-SEC-14, C-SEC-23, C-SEC-25,
    X-16, X-18, X-19, I-19, S-70: before any side effect."""
    profile(bundle, default="SCMP_ACT_ALLOW")
    bundle.linux["seccomp"].update(change)
    result = bundle.run()
    assert result.code == 1 and not bundle.exists()
    assert "config.json:" in result.err and field in result.err
    assert os.listdir(bundle.root) == [] if bundle.root.exists() else True


def test_empty_profile_is_refused(bundle):
    """C-SEC-01."""
    bundle.linux["seccomp"] = {}
    bundle.refused_config("linux.seccomp", "defaultAction")


def test_misspelt_action_gets_a_suggestion(bundle):
    """D-03."""
    profile(bundle, default="SCMP_ACT_ALOW")
    assert "SCMP_ACT_ALLOW" in bundle.refused()


@pytest.mark.parametrize("nnp", [True, False])
def test_profile_without_the_calls_that_set_up_a_process(bundle, nnp):
    """C-SEC-19, C-SEC-21: the filter must not hit the runtime's own last steps."""
    profile(bundle, rule(["capset", "setresuid", "setresgid", "setgroups", "setuid", "setgid",
                          "prctl", "mount", "umount2", "pivot_root", "sethostname", "chdir",
                          "fchdir", "openat2", "setsid", "keyctl"]))
    bundle.process["noNewPrivileges"] = nnp
    bundle.probe("read /etc/hosts")
    assert bundle.run_ok().lines[0].errno is None


def test_no_new_privileges_is_not_set_by_a_filter(bundle):
    """C-SEC-20."""
    profile(bundle, rule("mkdir"))
    bundle.process["noNewPrivileges"] = False
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    seen = bundle.run_probe()
    assert (seen.no_new_privs, seen.seccomp) == (0, 2)


@pytest.mark.parametrize("nnp", [True, False])
@pytest.mark.parametrize("action", ["SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD",
                                    "SCMP_ACT_ERRNO", "SCMP_ACT_TRAP", "SCMP_ACT_TRACE"])
def test_filter_that_forbids_everything_does_not_hang(bundle, action, nnp):
    """C-SEC-21, R-LIFE-31: execve itself is refused or kills; a failure in one line all the same."""
    bundle.linux["seccomp"] = {"defaultAction": action}
    bundle.process["noNewPrivileges"] = nnp
    bundle.probe("report")
    start = time.monotonic()
    line = bundle.refused(timeout=20)
    assert "does not allow execve" in line or "function not implemented" in line
    assert time.monotonic() - start < 10


def test_listener_path_without_notify_is_ignored(bundle):
    """C-SEC-24, X-17."""
    profile(bundle, rule("mkdir"), listenerPath="/nonexistent/socket")
    assert bundle.run_probe("mkdir /tmp/a").errno == "EPERM"


def test_child_processes_are_filtered_as_well(bundle):
    """C-SEC-28: inheritance."""
    profile(bundle, rule(["mkdir", "mkdirat"]))
    assert bundle.run_shell("(mkdir /tmp/a) 2>/dev/null || echo refused") == "refused"


# --- what `features` announces --------------------------------------------------------------------

@pytest.fixture
def announced(bundle):
    """F-10."""
    seccomp = bundle.command("features").json.linux.seccomp
    assert seccomp.enabled is True
    return seccomp


ACTIONS = {
    "SCMP_ACT_ALLOW": (0, None), "SCMP_ACT_ERRNO": (0, "EPERM"), "SCMP_ACT_KILL": (159, None),
    "SCMP_ACT_KILL_PROCESS": (159, None), "SCMP_ACT_KILL_THREAD": (159, None),
    "SCMP_ACT_LOG": (0, None), "SCMP_ACT_TRACE": (0, "ENOSYS"), "SCMP_ACT_TRAP": (159, None),
    "SCMP_ACT_NOTIFY": (0, "ENOMEDIUM")}


def test_announced_actions_are_these(announced):
    """F-11, C-SEC-02: nine."""
    assert sorted(announced.actions) == sorted(ACTIONS)


@pytest.mark.parametrize("action", ACTIONS)
def test_announced_action_works(bundle, action):
    """F-11, C-SEC-02: each of them as the action of a rule."""
    code, expected = ACTIONS[action]
    agent = Agent(bundle.dir / "agent.sock", lambda call: {"error": errno.ENOMEDIUM})
    try:
        bundle.remove_namespace("pid")
        profile(bundle, rule("mkdir", action), listenerPath="agent.sock",
                default="SCMP_ACT_ALLOW" if action != "SCMP_ACT_ALLOW" else "SCMP_ACT_LOG")
        bundle.probe("mkdir /tmp/a")
        result = bundle.run()
        assert result.code == code, result
        assert code or result.lines[0].errno == expected
    finally:
        agent.close()


def test_announced_operators_are_those_that_are_tested(announced):
    """F-11, C-SEC-14."""
    tested = {f"SCMP_CMP_{row[0]}" for mark in test_operator.pytestmark for row in mark.args[1]}
    assert set(announced.operators) == tested and len(tested) == 7


def test_announced_architectures_are_accepted(bundle, announced):
    """F-12, C-SEC-06: with each of them the native one stays filtered; and with all at once."""
    profile(bundle, rule("mkdir"))
    for archs in [[a] for a in announced.archs] + [announced.archs]:
        bundle.linux["seccomp"]["architectures"] = archs
        assert bundle.run_probe("mkdir /tmp/a").errno == "EPERM"


def test_known_flags_are_accepted_and_supported_ones_are_among_them(bundle, announced):
    """F-13, C-SEC-09: test_seccomp_notify.py has them together with a listener."""
    assert set(announced.supportedFlags) <= set(announced.knownFlags)
    for flag in announced.supportedFlags:
        if not flag.endswith("WAIT_KILLABLE_RECV"):
            profile(bundle, rule("mkdir"), flags=[flag])
            assert bundle.run_probe("mkdir /tmp/a").errno == "EPERM"


def test_speculation_control_follows_the_flags(bundle):
    """C-SEC-10: SPEC_ALLOW without `flags`, not with an empty list; where the processor has it."""
    lines = []
    for flags in ({}, {"flags": ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"]}, {"flags": []}):
        profile(bundle, rule("mkdir"), **flags)
        lines.append(status_field(bundle.run_probe(), "Speculation_Store_Bypass"))
    assert lines[0] == lines[1]
    if lines[0] == "thread vulnerable":
        assert lines[2] in ("thread force mitigated", "thread vulnerable")
    else:
        assert lines[2] == lines[0]


def test_names_of_another_architecture_are_no_error(bundle):
    """C-SEC-07: known, but not here: skipped without a warning."""
    profile(bundle, rule(["socketcall", "stat64", "arm_fadvise64_64", "mkdir"]))
    bundle.probe("mkdir /tmp/a")
    result = bundle.run_ok()
    assert result.lines[0].errno == "EPERM" and result.err == ""


def test_more_instructions_than_the_kernel_takes(bundle):
    """C-SEC-29: refused with the place, before any side effect."""
    profile(bundle, *(rule("ioctl", "SCMP_ACT_ERRNO", arg(1, "EQ", 7 * n)) for n in range(5000)))
    bundle.refused_config("linux.seccomp", "4096")


def test_several_rules_for_one_call(bundle):
    """C-SEC-18: the first whose conditions hold."""
    profile(bundle, rule("getpriority", "SCMP_ACT_ERRNO", arg(1, "EQ", 7), errnoRet=28),
            rule("getpriority", "SCMP_ACT_ERRNO", arg(1, "GT", 5), errnoRet=38),
            rule("getpriority", "SCMP_ACT_ERRNO", arg(1, "EQ", 7), errnoRet=13))
    seven, eight, five = bundle.run_probe(*(f"syscall 140 0 {n}" for n in (7, 8, 5)))
    assert (seven.errno, eight.errno) == ("ENOSPC", "ENOSYS")
    assert five.errno not in ("ENOSPC", "ENOSYS", "EACCES")
