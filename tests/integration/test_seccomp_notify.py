# SPDX-License-Identifier: Apache-2.0
"""SCMP_ACT_NOTIFY: calls that an agent outside decides about."""

import errno
import json
import os
import socket
import time

import pytest

import schema
from agent import Agent, Connection, listen
from harness import wait_until
from test_scheduling import POLICIES, may_be_realtime, realtime

# Numbers of x86-64, the architecture of the tests' machines.
WRITE, GETPPID, MKDIR, SENDMSG, EXECVE, EXIT_GROUP = 1, 110, 83, 46, 59, 231

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of x86-64")


@pytest.fixture
def serve(bundle):
    """Makes an agent at the bundle's listenerPath; ended after the test."""
    agents = []

    def make(answer=None):
        agents.append(Agent(bundle.dir / "agent.sock", *[answer] * bool(answer)))
        return agents[-1]

    yield make
    for agent in agents:
        agent.close()


def notify(bundle, *names, default="SCMP_ACT_ALLOW", **more):
    """A profile that asks about these calls."""
    rules = [{"names": list(names), "action": "SCMP_ACT_NOTIFY"}] if names else []
    bundle.linux["seccomp"] = {"defaultAction": default, "syscalls": rules,
                               "listenerPath": str(bundle.dir / "agent.sock"), **more}


def refuse(number):
    """Answers each call with this error."""
    return lambda call: {"error": number}


# --- the round trip -------------------------------------------------------------------------------

def test_agent_answers_instead_of_the_kernel(bundle, serve):
    """C-SEC-02, C-SEC-22: mkdir is intercepted, its result is the agent's, and nothing is made."""
    agent = serve(lambda call: {"value": 42})
    notify(bundle, "mkdir")
    made, stat = bundle.run_probe(f"syscall {MKDIR} 0 0", "stat /tmp/a")
    assert (made.ret, made.errno, stat.errno) == (42, None, "ENOENT")
    assert agent.numbers() == [MKDIR]


def test_agent_refuses(bundle, serve):
    """C-SEC-22."""
    serve(refuse(errno.ENOMEDIUM))
    notify(bundle, "mkdir")
    assert bundle.run_probe("mkdir /tmp/a").errno == "ENOMEDIUM"


def test_agent_lets_the_call_proceed(bundle, serve):
    """C-SEC-22."""
    agent = serve()
    notify(bundle, "mkdir")
    made, stat = bundle.run_probe("mkdir /tmp/a", "stat /tmp/a")
    assert (made.errno, stat.errno, agent.numbers()) == (None, None, [MKDIR])


def test_rule_with_a_condition_asks_only_when_it_holds(bundle, serve):
    """C-SEC-14, C-SEC-22: the arguments reach the agent."""
    agent = serve(refuse(errno.ENOMEDIUM))
    notify(bundle)
    bundle.linux["seccomp"]["syscalls"] = [{
        "names": ["getpriority"], "action": "SCMP_ACT_NOTIFY",
        "args": [{"index": 1, "op": "SCMP_CMP_EQ", "value": 7}]}]
    yes, no = bundle.run_probe("syscall 140 0 7", "syscall 140 0 8")
    assert yes.errno == "ENOMEDIUM" and no.errno != "ENOMEDIUM"
    assert [c.args[1] for c in agent.calls] == [7]


# --- what the agent is sent -----------------------------------------------------------------------

def test_process_state(bundle, serve):
    """C-SEC-26: all members; the state is that of a container whose program does not run yet."""
    agent = serve()
    notify(bundle, "mkdir", listenerMetadata="meta \"data\" \u00e9")
    bundle.config["annotations"] = {"org.example.key": "value"}
    bundle.probe("sleep")
    bundle.create()
    before = bundle.state()
    assert not agent.connections
    bundle.start()
    state = agent.only.state
    schema.validate(state.state, "state-schema.json")
    assert sorted(state) == ["fds", "metadata", "ociVersion", "pid", "state"]
    assert state.ociVersion == bundle.config["ociVersion"]
    assert state.fds == ["seccompFd"]
    assert state.pid == before.pid == bundle.state().pid
    assert state.metadata == "meta \"data\" \u00e9"
    assert state.state == {"ociVersion": before.ociVersion, "id": bundle.id, "pid": before.pid,
                           "status": "created", "bundle": str(bundle.dir),
                           "annotations": {"org.example.key": "value"}}


def test_one_descriptor_comes_with_the_first_bytes_and_the_connection_ends(bundle, serve):
    """C-SEC-22, C-SEC-26: one state, one descriptor, then the end of file; before the program."""
    agent = serve()
    notify(bundle, "mkdir")
    bundle.hold()
    connection = agent.only
    assert connection.closed and connection.came_with == [1]


def test_no_metadata_no_member(bundle, serve):
    """C-SEC-26: metadata is optional."""
    agent = serve()
    notify(bundle, "mkdir")
    bundle.run_probe("mkdir /tmp/a")
    assert "metadata" not in agent.only.state


@pytest.mark.parametrize("where", ["metadata", "annotations"])
def test_state_that_is_larger_than_a_socket_buffer(bundle, serve, where):
    """C-SEC-26: it takes several sendmsg, the descriptor goes with the first one only."""
    agent = serve()
    large = "x" * 3_000_000
    notify(bundle, "mkdir")
    if where == "metadata":
        bundle.linux["seccomp"]["listenerMetadata"] = large
    else:
        bundle.config["annotations"] = {"large": large}
    bundle.run_probe("mkdir /tmp/a")
    connection = agent.only
    assert len(connection.came_with) > 1
    assert connection.came_with == [1] + [0] * (len(connection.came_with) - 1)
    state = connection.state
    assert (state.metadata if where == "metadata" else state.state.annotations.large) == large


def test_pid_is_the_one_that_the_runtime_sees(bundle, serve):
    """C-SEC-26: not 1, which the process is for itself; the kernel tells the agent the same."""
    agent = serve()
    notify(bundle, "mkdir")
    assert bundle.run_probe("report", "mkdir /tmp/a")[0].pid == 1
    assert agent.only.state.pid == agent.calls[0].pid != 1


def test_each_container_has_its_own_connection(make_bundle):
    """C-SEC-22: two containers, one agent."""
    one, two = make_bundle("one"), make_bundle("two")
    agent = Agent(one.dir / "agent.sock")
    try:
        for b in (one, two):
            notify(b, "mkdir", listenerPath=str(one.dir / "agent.sock"))
            b.run_probe("mkdir /tmp/a")
        wait_until(lambda: len(agent.connections) == 2, "two connections")
        assert [c.state.state.id for c in agent.connections] == [one.id, two.id]
    finally:
        agent.close()


def test_relative_path_begins_at_the_bundle(bundle, serve):
    """C-SEC-22, D-25: for create and for start."""
    serve(refuse(errno.ENOMEDIUM))
    notify(bundle, "mkdir", listenerPath="agent.sock")
    bundle.probe("mkdir /tmp/a")
    bundle.create(cwd="/")
    assert bundle.finish()[0].errno == "ENOMEDIUM"


def test_symbolic_link_to_the_socket(bundle, serve):
    """C-SEC-22: the config's author chose the path."""
    serve(refuse(errno.ENOMEDIUM))
    (bundle.dir / "link").symlink_to("agent.sock")
    notify(bundle, "mkdir", listenerPath="link")
    assert bundle.run_probe("mkdir /tmp/a").errno == "ENOMEDIUM"


# --- calls that the runtime itself makes at the end -----------------------------------------------

@pytest.mark.parametrize("nnp", [True, False])
@pytest.mark.parametrize("names, number", [
    (["write"], WRITE), (["sendmsg", "close", "exit_group", "munmap", "futex", "prctl"], None),
    (["execve"], EXECVE)], ids=str)
def test_call_that_a_runtime_needs_is_asked_about(bundle, serve, names, number, nnp):
    """C-SEC-21, C-SEC-27: no deadlock, whatever the rules are about."""
    agent = serve()
    notify(bundle, *names)
    bundle.process["noNewPrivileges"] = nnp
    bundle.run_probe("read /etc/hosts")
    assert number is None or number in agent.numbers()
    assert SENDMSG not in agent.numbers()


@pytest.mark.parametrize("nnp", [True, False])
def test_default_action(bundle, serve, nnp):
    """C-SEC-27: execve is the first call that the agent sees."""
    agent = serve()
    notify(bundle, default="SCMP_ACT_NOTIFY")
    bundle.process["noNewPrivileges"] = nnp
    assert bundle.run_probe("read /etc/hosts").errno is None
    assert agent.numbers()[0] == EXECVE and agent.numbers()[-1] == EXIT_GROUP


def test_debug_records_are_not_written_under_the_filter(bundle, serve):
    """C-SEC-21, C-SEC-27: the log's write is the program's first, not ours."""
    agent = serve()
    bundle.globals = ["--debug", "--log", str(bundle.dir / "log")]
    notify(bundle, default="SCMP_ACT_NOTIFY")
    bundle.run_probe("read /etc/hosts")
    assert agent.numbers()[0] == EXECVE


def test_refused_execve_is_a_failure_of_start(bundle, serve):
    """C-SEC-27, R-LIFE-31: said by `start`, although sendmsg would wait for the agent."""
    serve(lambda call: {"error": errno.EACCES} if call.nr == EXECVE else None)
    notify(bundle, "execve", "sendmsg", "write", "exit_group")
    assert "exec /probe: permission denied" in bundle.refused()


@pytest.mark.limit(60)
def test_unanswered_execve_ends_start(bundle, serve):
    """C-SEC-27: a bounded wait, and the container stops."""
    serve(lambda call: None)
    notify(bundle, "execve")
    bundle.probe("report")
    bundle.create()
    result = bundle.start(check=False)
    assert "has not answered execve" in bundle.one_line(result)
    assert bundle.status() == "stopped"


def test_agent_that_dies_before_it_answers_execve(bundle, serve):
    """C-SEC-27: the listener is the agent's alone, so the kernel answers in its place."""
    agent = serve(lambda call: agent.stopping.set())
    notify(bundle, "execve")
    assert "exec /probe: " in bundle.refused()


def test_broken_program_is_reported_although_sendmsg_is_forbidden(bundle):
    """C-SEC-21: `start` does not take the end of its connection for success."""
    (bundle.rootfs / "broken").write_text("#!/nonexistent\n")
    (bundle.rootfs / "broken").chmod(0o755)
    bundle.args("/broken")
    for action in ("SCMP_ACT_ERRNO", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"):
        bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["sendmsg", "sendto", "write"], "action": action}]}
        assert "no such file or directory" in bundle.refused()


# --- flags ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("flag", ["TSYNC", "LOG", "SPEC_ALLOW", "WAIT_KILLABLE_RECV"])
def test_flag_together_with_a_listener(bundle, serve, flag):
    """C-SEC-09, C-SEC-11, F-13: what `features` calls supported works."""
    name = f"SECCOMP_FILTER_FLAG_{flag}"
    assert name in bundle.command("features").json.linux.seccomp.supportedFlags
    serve(refuse(errno.ENOMEDIUM))
    notify(bundle, "mkdir", flags=[name])
    assert bundle.run_probe("mkdir /tmp/a").errno == "ENOMEDIUM"


def test_all_flags_together(bundle, serve):
    """C-SEC-09: and none."""
    serve(refuse(errno.ENOMEDIUM))
    known = bundle.command("features").json.linux.seccomp.knownFlags
    for flags in (known, []):
        notify(bundle, "mkdir", flags=flags)
        assert bundle.run_probe("mkdir /tmp/a").errno == "ENOMEDIUM"


def test_killable_wait_without_notify(bundle):
    """C-SEC-12: the kernel would refuse it; so do we, before anything is made."""
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW",
                               "flags": ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]}
    bundle.refused_config("linux.seccomp.flags", "SCMP_ACT_NOTIFY")


# --- an agent that is not as it should be ---------------------------------------------------------

def make_nothing(path):
    del path


def make_directory(path):
    path.mkdir()


def make_file(path):
    path.write_text("")


def make_dangling_link(path):
    path.symlink_to("nowhere")


@pytest.mark.parametrize("make, why", [
    (make_nothing, "failed to connect with seccomp agent: open"), (make_file, "no socket"),
    (make_directory, "no socket"), (os.mkfifo, "no socket"),
    (make_dangling_link, "no such entry")])
def test_path_that_leads_to_no_socket(bundle, make, why):
    """C-SEC-22, X-17: refused by create, with the place in config.json, before any side effect."""
    make(bundle.dir / "agent.sock")
    notify(bundle, "mkdir")
    bundle.probe("report")
    result = bundle.create(check=False)
    assert why in bundle.one_line(result) and "config.json:" in result.err
    assert "linux.seccomp.listenerPath" in result.err and not bundle.exists()
    bundle.refused_config("linux.seccomp.listenerPath", why)


def test_path_that_nothing_uses_may_lead_anywhere(bundle):
    """C-SEC-24, X-17: without NOTIFY it is not looked at."""
    for make in (make_nothing, os.mkfifo):
        make(bundle.dir / "agent.sock")
        notify(bundle)
        bundle.linux["seccomp"]["listenerMetadata"] = "ignored"
        assert bundle.run_probe("stat /tmp").errno is None
        bundle.linux["seccomp"]["syscalls"] = [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}]
        assert bundle.run_probe("mkdir /tmp/b").errno == "EPERM"


@pytest.mark.parametrize("field, change", [
    ("listenerPath", {"listenerPath": None}), ("listenerPath", {"listenerPath": 5}),
    ("listenerPath", {"listenerPath": ["x"]}), ("listenerPath", {"listenerPath": ""}),
    ("listenerMetadata", {"listenerMetadata": 5}), ("listenerMetadata", {"listenerMetadata": {}}),
    ("", {"listenerPath": "a\0b"})], ids=str)
def test_field_of_the_wrong_kind(bundle, field, change):
    """C-SEC-22, C-SEC-23, C-SEC-25, S-70."""
    notify(bundle, "mkdir", **change)
    bundle.refused_config(f"linux.seccomp.{field}" if field else "\\u0000")


def test_dead_agent_leaves_the_container_created(bundle, serve):
    """C-SEC-22: `start` fails, the program does not run, and a later start finds a new agent."""
    path = bundle.dir / "agent.sock"
    listen(path).close()
    notify(bundle, "mkdir")
    bundle.probe("mkdir /tmp/a")
    bundle.create()
    result = bundle.start(check=False)
    line = bundle.one_line(result)
    assert "linux.seccomp.listenerPath" in line and "config.json:" in line
    assert bundle.status() == "created" and bundle.output() == ""
    path.unlink()
    serve(refuse(errno.ENOMEDIUM))
    assert bundle.finish()[0].errno == "ENOMEDIUM"


def test_run_with_a_dead_agent_leaves_nothing(bundle):
    """C-SEC-22."""
    listen(bundle.dir / "agent.sock").close()
    notify(bundle, "mkdir")
    bundle.refused_config("linux.seccomp.listenerPath")


def test_agent_that_hangs_up_at_once(bundle):
    """C-SEC-22: the program does not run without its supervisor."""
    listener = listen(bundle.dir / "agent.sock")
    notify(bundle, "mkdir", listenerMetadata="x" * 300_000)
    bundle.probe("write /tmp/ran x")
    bundle.create()
    start = bundle.popen("start", bundle.id, stderr=-1, text=True)
    listener.accept()[0].close()
    assert "hand the listener to the seccomp agent" in start.communicate(timeout=60)[1]
    assert start.returncode == 1
    assert bundle.status() == "stopped" and bundle.output() == ""
    listener.close()


@pytest.mark.limit(60)
def test_agent_that_never_reads(bundle):
    """C-SEC-26, C-SEC-27: a bounded wait for an agent whose buffer stays full."""
    with listen(bundle.dir / "agent.sock") as listener:
        notify(bundle, "mkdir", listenerMetadata="x" * 300_000)
        before = time.monotonic()
        assert "hand the listener to the seccomp agent" in bundle.refused()
        assert time.monotonic() - before < 40
        listener.accept()[0].close()


@pytest.mark.limit(60)
def test_agent_whose_queue_is_full(bundle):
    """C-SEC-22: connect(2) would wait for ever."""
    path = bundle.dir / "agent.sock"
    listener = listen(path, backlog=0)
    waiting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    waiting.connect(str(path))
    notify(bundle, "mkdir")
    bundle.refused_config("linux.seccomp.listenerPath")
    waiting.close()
    listener.close()


def test_agent_that_reads_byte_by_byte(bundle):
    """C-SEC-26: the descriptor comes with the first byte."""
    connection = Connection()
    with listen(bundle.dir / "agent.sock") as listener:
        notify(bundle, "mkdir", listenerMetadata="x" * 300_000)
        bundle.probe("mkdir /tmp/a")
        bundle.create()
        start = bundle.popen("start", bundle.id)
        with listener.accept()[0] as sock:
            connection.read(sock, first=1)
    assert start.wait(60) == 0
    assert connection.came_with[0] == 1 and sum(connection.came_with) == 1
    os.close(connection.fds[0])
    bundle.wait_stopped()
    assert bundle.probe_lines()[0].errno == "ENOSYS"


def test_agent_that_dies_later(bundle, serve):
    """C-SEC-22: the kernel refuses what nobody can be asked about any more."""
    agent = serve()
    notify(bundle, "mkdir")
    bundle.probe("mkdir /tmp/a", "await /tmp/go", "mkdir /tmp/b")
    bundle.create_and_start()
    wait_until(lambda: len(bundle.probe_lines()) == 1, "the first call")
    agent.stopping.set()
    for thread in agent.threads:
        thread.join()
    (bundle.rootfs / "tmp/go").write_text("")
    bundle.wait_stopped()
    assert [line.get("errno") for line in bundle.probe_lines()][::2] == [None, "ENOSYS"]


def test_start_uses_the_config_that_create_saw(bundle, serve):
    """C-SEC-22, R-BUND-15: a later edit changes neither path nor metadata."""
    agent = serve()
    notify(bundle, "mkdir", listenerMetadata="first")
    bundle.probe("sleep")
    bundle.create()
    bundle.linux["seccomp"].update(listenerMetadata="second", listenerPath="/nonexistent")
    bundle.write_config()
    bundle.start()
    assert agent.only.state.metadata == "first"


# --- the messenger --------------------------------------------------------------------------------

def test_program_is_alone(bundle, serve):
    """C-SEC-27: no helper stays, no child is to be collected, nothing of ours is open."""
    serve()
    notify(bundle, "mkdir")
    report, reaped, fds = bundle.run_probe("report", "reap", "ls /proc/self/fd")
    assert report.pid == 1 and report.seccomp == 2
    assert reaped.reaped == 0
    assert [n for n in fds.entries if n not in ("0", "1", "2")] in ([], ["3"])
    assert "Threads:\t1\n" in report.status


def test_killed_container_leaves_no_helper(bundle, serve):
    """C-SEC-27: while the agent does not take what it is sent; the world is compared afterwards."""
    with listen(bundle.dir / "agent.sock") as listener:
        notify(bundle, "mkdir", listenerMetadata="x" * 300_000)
        bundle.probe("report")
        bundle.create()
        pid = bundle.state().pid
        start = bundle.popen("start", bundle.id, stderr=-1)
        with listener.accept()[0] as sock:
            wait_until(lambda: len(os.listdir(f"/proc/{pid}/task")) == 2, "the messenger")
            assert sock.recv(1) == b"{"
            os.kill(pid, 9)
            start.communicate(timeout=60)
    bundle.wait_stopped()
    assert bundle.output() == ""


def test_one_process_is_too_few(bundle, serve):
    """C-SEC-27: the messenger counts; said by create, with the place of the limit."""
    serve()
    notify(bundle, "mkdir")
    bundle.resources["pids"] = {"limit": 1}
    bundle.refused_config("linux.resources.pids.limit")


@pytest.mark.requires("pids")
def test_two_processes_are_enough(bundle):
    """C-SEC-27."""
    agent = Agent(bundle.dir / "agent.sock", refuse(errno.ENOMEDIUM))
    try:
        notify(bundle, "mkdir")
        bundle.resources["pids"] = {"limit": 2}
        assert bundle.run_probe("mkdir /tmp/a").errno == "ENOMEDIUM"
    finally:
        agent.close()


def test_limit_of_processes_of_the_user(bundle, serve):
    """C-SEC-27, C-RLIM-04: RLIMIT_NPROC counts threads; it comes later."""
    serve(refuse(errno.ENOMEDIUM))
    notify(bundle, "mkdir")
    bundle.process["user"] = {"uid": 1234, "gid": 1234}
    bundle.process["rlimits"] = [{"type": "RLIMIT_NPROC", "hard": 1, "soft": 1}]
    assert bundle.run_probe("mkdir /tmp/a").errno == "ENOMEDIUM"


@realtime
@pytest.mark.parametrize("policy", [
    {"policy": "SCHED_FIFO", "priority": 10}, {"policy": "SCHED_RR", "priority": 99},
    {"policy": "SCHED_IDLE"}, {"policy": "SCHED_BATCH", "nice": 19},
    {"policy": "SCHED_DEADLINE", "runtime": 10**7, "deadline": 10**8,
     "flags": ["SCHED_FLAG_RESET_ON_FORK"]}], ids=lambda p: p["policy"])
def test_scheduler(bundle, serve, policy):
    """C-SEC-27, C-SCHED-01: set before; the messenger has the ordinary policy, the program has not."""
    agent = serve(refuse(errno.ENOMEDIUM))
    notify(bundle, "mkdir")
    bundle.process["scheduler"] = policy
    made, seen = bundle.run_probe("mkdir /tmp/a", "report")
    assert made.errno == "ENOMEDIUM" and agent.numbers() == [MKDIR]
    assert seen.scheduler & ~os.SCHED_RESET_ON_FORK == POLICIES[policy["policy"]]


def test_deadline_that_cannot_start_a_thread_is_refused(bundle, serve):
    """C-SEC-27, C-SCHED-05: by create, with the place of the scheduler."""
    serve()
    notify(bundle, "mkdir")
    bundle.process["scheduler"] = {"policy": "SCHED_DEADLINE", "runtime": 10**7, "deadline": 10**8}
    bundle.refused_config("process.scheduler.policy", "SCHED_FLAG_RESET_ON_FORK")


@realtime
def test_real_time_caller_on_one_processor(bundle, serve):
    """C-SEC-27: a process that waits without system calls does not starve its messenger."""
    def urgent():
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))

    agent = serve()
    notify(bundle, "mkdir")
    bundle.probe("mkdir /tmp/a")
    result = bundle.run(preexec_fn=urgent)
    assert result.code == 0, result
    assert agent.numbers() == [MKDIR]


# --- surroundings ---------------------------------------------------------------------------------

def test_user_namespace(bundle, serve):
    """C-SEC-22: the agent is outside, the process has no rights there."""
    agent = serve(refuse(errno.ENOMEDIUM))
    bundle.user_namespace()
    notify(bundle, "mkdir")
    assert bundle.run_probe("mkdir /tmp/a").errno == "ENOMEDIUM"
    assert agent.only.state.pid != 1


def test_hooks_at_start_are_not_supervised(bundle, serve):
    """R-HOOK-22: startContainer hooks run under the filter, but no agent listens to them: the kernel
    answers in its place."""
    agent = serve()
    hook = bundle.rootfs / "hook"
    hook.write_text("#!/bin/sh\nmkdir /tmp/hooked 2>/tmp/said\ngrep -q 'not implemented' /tmp/said\n")
    hook.chmod(0o755)
    bundle.config["hooks"] = {"startContainer": [{"path": "/hook"}]}
    notify(bundle, "mkdir")
    assert bundle.run_probe("stat /tmp/hooked").errno == "ENOENT"
    assert agent.numbers() == [] and len(agent.connections) == 1


def test_children_are_supervised_through_the_same_listener(bundle, serve):
    """C-SEC-28: a filter is inherited."""
    agent = serve(refuse(errno.ENOMEDIUM))
    notify(bundle, "mkdir", "mkdirat")
    out = bundle.run_shell("(mkdir /tmp/a) 2>/dev/null || (mkdir /tmp/b) 2>/dev/null || echo no")
    assert out == "no" and len(agent.calls) == 2
    assert len({c.pid for c in agent.calls}) == 2 and len(agent.connections) == 1


def test_detached_run(bundle, serve):
    """C-SEC-22."""
    agent = serve()
    notify(bundle, "mkdir")
    bundle.probe("sleep")
    bundle.write_config()
    with open(bundle.dir / "out", "wb") as out:
        run = bundle.popen("run", "--detach", "-b", bundle.dir, bundle.id, stdout=out, stderr=out)
    assert run.wait(60) == 0, bundle.output()
    assert agent.only.state.state.status == "created"
    assert bundle.status() == "running"


def test_saved_config_holds_the_profile(bundle, serve):
    """I-19: stored for later processes of the container."""
    serve()
    notify(bundle, "mkdir", listenerMetadata="m")
    bundle.hold()
    saved = json.loads((bundle.root / bundle.id / "config.json").read_text())
    assert saved["linux"]["seccomp"] == bundle.linux["seccomp"]


def test_caller_who_is_not_root(bundle, serve):
    """C-SEC-22: `start` has no rights over the process, and needs none."""
    def nobody():
        os.setgroups([])
        os.setresgid(2000, 2000, 2000)
        os.setresuid(2000, 2000, 2000)

    agent = serve(refuse(errno.ENOMEDIUM))
    os.chmod(agent.path, 0o666)
    bundle.user_namespace(2000, 1)
    for kind in ("network", "cgroup"):
        bundle.remove_namespace(kind)
    bundle.remove_mount("/sys")
    bundle.remove_mount("/sys/fs/cgroup")
    bundle.config["mounts"][2]["options"].remove("gid=5")
    bundle.linux["resources"] = {}
    bundle.root.mkdir(mode=0o700)
    os.chown(bundle.root, 2000, 2000)
    bundle.probe("mkdir /tmp/a")
    notify(bundle, "mkdir")
    result = bundle.run(preexec_fn=nobody)
    assert result.code == 0, result
    assert result.lines[0].errno == "ENOMEDIUM"
