# SPDX-License-Identifier: Apache-2.0
"""`exec`: a further process under the policy of the first one (C-PROC-17, C-PROC-18, I-20)."""

import ctypes
import json
import os
import pathlib
import re
import signal
import subprocess

import pytest

import harness
from harness import (cap_mask, cgroup_of, odd_signals, parse, run_command, status_field,
                     wait_until)
from marks import requires

CAPS = ("AUDIT_WRITE", "KILL", "NET_BIND_SERVICE")


@pytest.fixture
def running(bundle):
    """A container that does nothing but run."""
    bundle.hold()
    return bundle


def process_file(bundle, text=None, **members):
    """A file for --process: these members, or exactly this text."""
    path = bundle.dir / "process.json"
    process = {"cwd": "/", "args": ["/probe"], "env": ["PATH=/bin"],
               "user": {"uid": 0, "gid": 0}, **members}
    path.write_text(json.dumps(process) if text is None else text)
    return path


# --- when -----------------------------------------------------------------------------------------

def test_created_container(bundle):
    """engine-contracts 5: before `start`; the program of the container goes on waiting."""
    bundle.probe("exit 3")
    bundle.create()
    assert bundle.exec_probe("report").hostname == "inside"
    assert bundle.status() == "created"
    bundle.start()


def test_running_container(running):
    """engine-contracts 5."""
    assert running.exec_probe("report").hostname == "inside"
    assert running.status() == "running"


def test_stopped_container_is_refused(bundle):
    """engine-contracts 5: both texts that callers look for."""
    bundle.probe("exit 0")
    bundle.create_and_start()
    bundle.wait_stopped()
    line = bundle.refused_exec("/probe")
    assert "cannot exec in a stopped container" in line and "container not running" in line


def test_unknown_container_is_refused(bundle):
    """engine-contracts 5."""
    bundle.create()
    assert 'container "nobody" does not exist' in bundle.refused_exec("/probe", id="nobody")


def test_state_root_that_is_not_there(bundle):
    """engine-contracts 5: and none is made."""
    assert "does not exist" in bundle.refused_exec("/probe")
    assert not bundle.root.exists()


@pytest.fixture
def paused(running):
    freeze = cgroup_of(running.state().pid) / "cgroup.freeze"
    freeze.write_text("1")
    wait_until(lambda: running.status() == "paused", "status 'paused'")
    yield running
    freeze.write_text("0")


def test_paused_container_is_refused(paused):
    """engine-contracts 5."""
    assert "cannot exec in a paused container" in paused.refused_exec("/probe")


def test_created_container_that_is_frozen_is_refused(bundle):
    """Its status is `created`, but the process could not run."""
    bundle.create()
    freeze = cgroup_of(bundle.state().pid) / "cgroup.freeze"
    freeze.write_text("1")
    wait_until(lambda: "frozen 1" in (freeze.parent / "cgroup.events").read_text(), "frozen")
    assert "cannot exec in a paused container" in bundle.refused_exec("/probe")
    freeze.write_text("0")


def test_ignore_paused_waits_for_the_end_of_the_pause(paused):
    """cli-reference 4."""
    process = paused.popen("exec", "--ignore-paused", paused.id, "/probe", "exit", "6")
    procs = cgroup_of(paused.state().pid) / "cgroup.procs"
    wait_until(lambda: len(procs.read_text().split()) > 1, "the process in the cgroup")
    assert process.poll() is None
    (procs.parent / "cgroup.freeze").write_text("0")
    assert process.wait(timeout=harness.TIMEOUT) == 6


def test_container_that_is_being_created_is_refused(bundle):
    """Status `creating` (R-STATE): its process is not the container's yet."""
    out = bundle.hook("createRuntime", f"echo x > $OUT; while [ ! -e {bundle.dir}/go ]; do "
                      "sleep 0.05; done")
    bundle.write_config()
    process = bundle.popen("create", "-b", bundle.dir, bundle.id, stdin=subprocess.DEVNULL)
    wait_until(out.exists, "the hook")
    assert "being created or deleted" in bundle.refused_exec("/probe")
    (bundle.dir / "go").touch()
    assert process.wait(timeout=harness.TIMEOUT) == 0


# --- the same policy ------------------------------------------------------------------------------

# What differs between two processes of one container.
OWN = ("pid", "ppid", "sid", "pgid", "stat", "status", "fds", "argv", "monotonic", "boottime",
       "session_keyring_id", "dev", "interfaces")


def assert_same_policy(bundle, **more):
    """The first process and a further one see and may do the same."""
    bundle.probe("report", "sleep")
    bundle.create_and_start()
    wait_until(lambda: bundle.probe_lines(), "the report of the first process")
    first, further = bundle.probe_lines()[0], bundle.exec_probe("report", **more)
    for name in sorted(set(first) - set(OWN)):
        assert further[name] == first[name], name
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp",
                 "Uid", "Gid", "Groups", "Umask", "SigBlk", "SigIgn"):
        assert status_field(further, name) == status_field(first, name), name
    return first, further


def test_policy_is_that_of_the_first_process(bundle):
    """C-PROC-18, C-SEC-28, C-NS-08, I-20: ids, groups, umask, capabilities, limits, filter, score,
    namespaces, mounts, environment, directory."""
    bundle.process.update({
        "user": {"uid": 1000, "gid": 1001, "additionalGids": [5, 6], "umask": 0o27},
        "cwd": "/tmp", "oomScoreAdj": 300, "noNewPrivileges": True,
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200},
                    {"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]})
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}
    first, _ = assert_same_policy(bundle)
    assert first.seccomp == 2 and first.uid == [1000] * 3
    assert bundle.exec_probe("mkdir /tmp/a").errno == "EPERM"


def test_namespaces_of_a_container_with_user_namespace(bundle):
    """C-NS-08, C-PROC-18: its root is no root here."""
    bundle.user_namespace()
    _, further = assert_same_policy(bundle)
    assert further.uid == [0, 0, 0] and "100000" in further.uid_map
    assert further.namespaces.user != harness.own_namespace("user")


def test_process_is_unprivileged_on_the_host(bundle):
    """I-20: the kernel's ids are the mapped ones, the groups of the caller are gone."""
    bundle.user_namespace()
    bundle.hold()
    pid = bundle.exec_detached("/probe", "sleep")
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    assert re.search(r"^Uid:\t100000\t100000\t100000\t100000$", status, re.M)
    assert re.search(r"^Gid:\t100000\t100000\t100000\t100000$", status, re.M)
    assert re.search(r"^Groups:\s*$", status, re.M)


@requires("timens")
def test_time_namespace_is_entered(bundle):
    """C-NS-08, C-NS-13."""
    bundle.namespace("time")
    bundle.linux["timeOffsets"] = {"boottime": {"secs": 100000}}
    first, further = assert_same_policy(bundle)
    assert abs(further.boottime - first.boottime) < 60


def test_joined_namespaces(bundle, make_bundle):
    """C-NS-08: the container has them from another one."""
    other = make_bundle("other")
    other.hold()
    pid = other.state().pid
    for kind, name in (("network", "net"), ("ipc", "ipc"), ("uts", "uts"), ("pid", "pid")):
        bundle.namespace(kind, f"/proc/{pid}/ns/{name}")
    del bundle.config["hostname"]
    _, further = assert_same_policy(bundle)
    assert further.namespaces.net == os.readlink(f"/proc/{pid}/ns/net")


def test_no_namespaces_of_its_own(bundle):
    """C-NS-08: no pid, network, ipc, uts, cgroup namespace; the process is a plain child."""
    for kind in ("pid", "network", "ipc", "uts", "cgroup"):
        bundle.remove_namespace(kind)
    del bundle.config["hostname"]
    bundle.remove_mount("/sys")
    bundle.remove_mount("/sys/fs/cgroup")
    _, further = assert_same_policy(bundle)
    assert further.namespaces.pid == harness.own_namespace("pid")


def test_no_mount_namespace(bundle):
    """The root of the first process, which is not that of its mount namespace."""
    bundle.remove_namespace("mount")
    bundle.config["mounts"] = []
    bundle.linux["maskedPaths"] = bundle.linux["readonlyPaths"] = []
    bundle.hold()
    (bundle.rootfs / "here").touch()
    assert bundle.exec_probe("stat /here").errno is None
    assert bundle.exec_probe("report", options=["--cwd", "/tmp"]).cwd == "/tmp"


def test_root_that_was_moved(bundle):
    """--no-pivot: the root lies on the host's."""
    bundle.probe("sleep")
    bundle.create("--no-pivot")
    bundle.start()
    assert bundle.exec_probe("read /etc/hosts").text == "127.0.0.1 localhost"


def test_time_namespace_of_a_container_that_is_only_created(bundle):
    """I-14: also while the first process is undumpable."""
    bundle.user_namespace()
    bundle.create()
    assert "100000" in bundle.exec_probe("report").uid_map


@pytest.mark.parametrize("field, value, name", [
    ("process.scheduler", {"policy": "SCHED_BATCH", "nice": 3}, ("scheduler", "nice")),
    ("process.ioPriority", {"class": "IOPRIO_CLASS_IDLE", "priority": 0}, ("ioprio",)),
    ("linux.personality", {"domain": "LINUX32"}, ("personality", "machine")),
    ("linux.memoryPolicy", {"mode": "MPOL_BIND", "nodes": "0"}, ())])
def test_what_inherits_across_fork_and_execve(bundle, field, value, name):
    """C-SCHED-08, C-PERS-03, C-MPOL-08: as for the first process."""
    section, member = field.split(".")
    bundle.config[section][member] = value
    bundle.probe("report", "read /proc/self/numa_maps", "sleep")
    bundle.create_and_start()
    wait_until(lambda: len(bundle.probe_lines()) > 1, "the reports of the first process")
    first, further = bundle.probe_lines()[0], bundle.exec_probe("report")
    for key in name:
        assert further[key] == first[key], key
    if member == "memoryPolicy":
        assert "bind:0" in bundle.exec_probe("read /proc/self/numa_maps").text


def test_container_without_process(bundle):
    """R-LIFE-09: it can be created, and exec brings what is needed."""
    del bundle.config["process"]
    bundle.create()
    seen = bundle.exec_probe("report")
    assert (seen.cwd, seen.uid, seen.caps.bounding) == ("/", [0, 0, 0], 0)
    assert seen.environ == ["HOME=/root"]


def test_process_is_in_the_cgroup_of_the_container(running):
    """C-PROC-18: born there."""
    pid = running.exec_detached("/probe", "sleep")
    assert cgroup_of(pid) == cgroup_of(running.state().pid)
    assert pid in running.command("ps", "-f", "json", running.id).json


def test_signals_of_the_caller_stay_outside(running):
    """I-21, S-80, R-LIFE-29."""
    seen = running.exec_probe("report", preexec_fn=odd_signals)
    assert seen.signals_blocked == [] and seen.signals_ignored == []


def test_process_leads_a_session(running):
    """R-LIFE-30, S-34."""
    seen = running.exec_probe("report")
    assert seen.pid == seen.sid == seen.pgid != 1


def test_process_is_ordinary_in_the_end(running):
    """engine-contracts 4: dumpable, without death signal and securebits."""
    seen = running.exec_probe("report")
    assert (seen.dumpable, seen.pdeathsig, seen.securebits) == (1, 0, 0)


def test_session_keyring_is_not_the_callers(running):
    """R-LNX-09."""
    ours = run_command([harness.PROBE]).json.session_keyring_id
    assert running.exec_probe("report").session_keyring_id != ours


def test_bundle_may_be_gone(running):
    """cli-reference 4: the saved config counts, not what has become of the bundle."""
    (running.dir / "config.json").unlink()
    assert running.exec_probe("report").hostname == "inside"
    (running.dir / "config.json").write_text('{"ociVersion": 7}')
    assert running.exec_probe("report").hostname == "inside"


def test_saved_config_that_is_damaged(running):
    """S-78: a refusal, and the container goes on."""
    saved = running.root / running.id / "config.json"
    text = saved.read_text()
    for bad in ("", text[:len(text) // 2], "[]", '{"ociVersion":"1.0.2"}'):
        saved.write_text(bad)
        assert "saved config" in running.refused_exec("/probe"), bad
    saved.unlink()
    assert "saved config" in running.refused_exec("/probe")
    assert running.status() == "running"


def test_start_hooks_are_not_for_exec(bundle):
    """R-HOOK: they belong to the first process."""
    out = bundle.hook("poststart", "echo x >> $OUT")
    bundle.hold()
    assert bundle.exec("/probe", "exit", "0").code == 0
    assert out.read_text() == "x\n"


# --- options --------------------------------------------------------------------------------------

def test_cwd(running):
    """cli-reference 4."""
    assert running.exec_probe("report", options=["--cwd", "/tmp"]).cwd == "/tmp"


@pytest.mark.parametrize("cwd, text", [
    ("/missing", "no such file or directory"), ("/etc/passwd", "not a directory")])
def test_cwd_that_is_none(running, cwd, text):
    """engine-contracts 3: docker's words; nothing is created."""
    line = running.refused_exec("/probe", options=["--cwd", cwd])
    assert f'chdir to cwd ("{cwd}") set in config.json failed: {text}' in line
    assert "config.json:" not in line
    assert not (running.rootfs / "missing").exists()


def test_environment_is_added_to(bundle):
    """cli-reference 4: after the config's; the last of equal names wins."""
    bundle.process["env"] = ["PATH=/bin", "A=1", "B=2"]
    bundle.hold()
    seen = bundle.exec_probe("report", options=["-e", "A=3", "--env", "C=4=5", "-e", "D="])
    assert seen.environ == ["PATH=/bin", "A=3", "B=2", "C=4=5", "D=", "HOME=/root"]


def test_home_is_that_of_the_user(running):
    """I-16: from the container's passwd."""
    assert "HOME=/home/user" in running.exec_probe("report", options=["-u", "1000"]).environ
    assert "HOME=/x" in running.exec_probe("report", options=["-e", "HOME=/x"]).environ


USERS = [("5", 5, 0), ("1000:1001", 1000, 1001), ("0:7", 0, 7), ("4294967294", 4294967294, 0)]


@pytest.mark.parametrize("text, uid, gid", USERS, ids=[u[0] for u in USERS])
def test_user(bundle, text, uid, gid):
    """S-05, S-23, I-16: exact ids, no groups of another user, whatever the image's passwd says."""
    bundle.process["user"] = {"uid": 3, "gid": 3, "additionalGids": [3, 4], "umask": 0o77}
    (bundle.rootfs / "etc/passwd").write_text("5:x:0:0::/:/bin/sh\n1000:x:0:0::/:/bin/sh\n")
    bundle.hold()
    seen = bundle.exec_probe("report", options=["--user", text])
    assert (seen.uid, seen.gid, seen.groups) == ([uid] * 3, [gid] * 3, [])
    assert seen.umask == 0o77


REFUSED_USERS = ["4294967295", "4294967296", "4294967301", "-1", "+1", " 1", "01", "1:", ":1",
                 "1:1:1", "1.5", "root", "0x0", "1" * 401, "1:-1", "1:4294967295", "1 ", "\n0"]


@pytest.mark.parametrize("text", REFUSED_USERS, ids=range(len(REFUSED_USERS)))
def test_user_that_is_none(running, text):
    """S-05, S-23, S-77: refused, never somebody else."""
    assert "expected UID or UID:GID" in running.refused_exec("/probe", options=[f"--user={text}"])


def test_additional_groups(bundle):
    """cli-reference 4: added to those of the config's user."""
    bundle.process["user"] = {"uid": 3, "gid": 3, "additionalGids": [4]}
    bundle.hold()
    seen = bundle.exec_probe("report", options=["-g", "9", "--additional-gids", "8"])
    assert sorted(seen.groups) == [4, 8, 9]
    seen = bundle.exec_probe("report", options=["-u", "1:2", "-g", "9"])
    assert (seen.gid[0], seen.groups) == (2, [9])
    assert "--additional-gids" in bundle.refused_exec("/probe", options=["-g", "-1"])


def test_capabilities_are_added(running):
    """C-CAP-01, D-18, S-13 (CVE-2022-29162): to three sets and never to the other two."""
    caps = running.exec_probe("report", options=["--cap", "CAP_SYS_ADMIN", "-c",
                                                 "CAP_CHOWN"]).caps
    expected = cap_mask(*CAPS, "SYS_ADMIN", "CHOWN")
    assert caps.bounding == caps.effective == caps.permitted == expected
    assert caps.inheritable == caps.ambient == 0


def test_capabilities_of_another_user(running):
    """S-27, C-CAP-07: without ambient ones execve leaves a non-root user none."""
    caps = running.exec_probe("report", options=["-u", "1000", "--cap", "CAP_CHOWN"]).caps
    assert caps.effective == caps.permitted == caps.ambient == 0
    assert caps.bounding == cap_mask(*CAPS, "CHOWN")


def test_ambient_capabilities_of_the_config(bundle):
    """C-CAP-07: as for the first process."""
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.caps("KILL", sets=("bounding", "effective", "permitted", "inheritable", "ambient"))
    bundle.hold()
    assert bundle.exec_probe("report").caps.effective == cap_mask("KILL")


def test_unknown_capability_is_warned_about(running):
    """C-CAP-02, C-CAP-09: by its exact name."""
    result = running.exec("/probe", options=["--cap", "cap_chown"])
    assert result.code == 0 and "unknown capability 'cap_chown' is not granted" in result.err
    assert result.json.caps.bounding == cap_mask(*CAPS)


def test_no_new_privileges(bundle):
    """C-PROC-18: can be set, not taken away."""
    bundle.process["noNewPrivileges"] = False
    bundle.hold()
    assert bundle.exec_probe("report").no_new_privs == 0
    assert bundle.exec_probe("report", options=["--no-new-privs"]).no_new_privs == 1


def test_no_new_privileges_stay(running):
    """C-PROC-18."""
    assert running.exec_probe("report", options=["--no-new-privs=false"]).no_new_privs == 1


@pytest.mark.parametrize("options, text", [
    (["--cwd", "tmp"], "--cwd 'tmp': expected an absolute path"),
    (["--env", "A"], "--env 'A': expected NAME=VALUE"),
    (["--env", "=1"], "expected NAME=VALUE"),
    (["--tty", "--detach"], "without setting console socket"),
    (["--console-socket", "/nowhere"], "cannot use console socket"),
    (["--tty", "--console-socket", "/nowhere"], "--console-socket"),
    (["--pidfd-socket", "/nowhere"], "--pidfd-socket"),
    (["--cgroup", "cpu,memory:/x"], "cgroup v1"),
    (["--frobnicate"], "unknown option '--frobnicate'"),
    (["--process", "/nowhere", "--cwd", "/"], "describes the whole process"),
])
def test_wrong_options(running, options, text):
    """S-76, D-06: 255, one line, and no process was there."""
    words = [] if "--process" in options else ["/probe"]
    assert text in running.refused_exec(*words, options=options)


def test_options_end_at_the_id(running):
    """cli-reference 1: also "--" behind it belongs to the program."""
    assert "executable file not found" in running.refused_exec("--help")
    assert 'exec: "--": executable file' in running.refused_exec("--", "/probe")
    result = running.exec("/bin/echo", "--env", "A=1", "-t", "--")
    assert result.out == "--env A=1 -t --\n"


def test_nothing_to_run(running):
    """S-76."""
    assert "a program or --process is needed" in running.refused_exec()
    assert "ID is missing" in running.one_line(running.command("exec"), code=255)
    assert "empty" in running.refused_exec("")


# --- --process ------------------------------------------------------------------------------------

def test_process_file(bundle):
    """C-PROC-18: program, environment, directory and user are those of the file alone."""
    bundle.process["user"] = {"uid": 3, "gid": 3, "additionalGids": [4]}
    bundle.hold()
    path = process_file(bundle, args=["/probe", "report"], env=["X=1"], cwd="/tmp",
                        user={"uid": 8, "gid": 9, "additionalGids": [10], "umask": 0o11})
    result = bundle.exec(options=["--process", path])
    assert result.code == 0, result
    seen = result.json
    assert (seen.uid[0], seen.gid[0], seen.groups, seen.umask) == (8, 9, [10], 0o11)
    assert (seen.cwd, seen.environ) == ("/tmp", ["X=1", "HOME=/"])


def test_process_file_keeps_restrictions_that_it_does_not_mention(bundle):
    """C-PROC-18, I-20."""
    bundle.process["oomScoreAdj"] = 200
    bundle.hold()
    seen = bundle.exec(options=["-p", process_file(bundle)]).json
    assert seen.caps.bounding == cap_mask(*CAPS) and seen.no_new_privs == 1
    assert seen.rlimits.NOFILE == [1024, 1024] and seen.oom_score_adj == "200"


def test_process_file_changes_what_it_mentions(running):
    """C-PROC-18: all five sets, as root's execve makes them."""
    path = process_file(running, noNewPrivileges=False, oomScoreAdj=77,
                        capabilities={"bounding": ["CAP_CHOWN"]},
                        rlimits=[{"type": "RLIMIT_NOFILE", "soft": 50, "hard": 60}])
    seen = running.exec(options=["-p", path]).json
    assert seen.caps.bounding == seen.caps.permitted == cap_mask("CHOWN")
    assert seen.no_new_privs == 0 and seen.rlimits.NOFILE == [50, 60]
    assert seen.oom_score_adj == "77"


def test_process_file_is_relative_to_the_caller(running):
    """D-25."""
    process_file(running)
    assert running.exec(options=["-p", "process.json"], cwd=running.dir).code == 0


BAD_FILES = [
    ("", "process.json:1:1: syntax error"),
    ("{", "process.json:1:2: syntax error"),
    ("[]", "process.json:1:1: expected an object"),
    ('{"cwd":"/"} x', "process.json:1:13: syntax error"),
    ('{"cwd":"/",\n"cwd":"/"}', "process.json:2:1: duplicate key"),
    ('{"args":["/probe"]}', "process.cwd: required, but missing"),
    ('{"cwd":"/"}', "process.args: at least one argument"),
    ('{"cwd":"/","args":[""]}', "process.args[0]: must not be empty"),
    ('{"cwd":"/","args":["a\\u0000"]}', "process.json:1:"),
    ('{"cwd":"tmp","args":["a"]}', "process.json:1:8: process.cwd: expected an absolute path"),
    ('{"cwd":"/","args":["a"],"env":["A"]}', "process.env[0]"),
    ('{"cwd":"/","args":["a"],"user":{"uid":"0","gid":0}}', "process.user.uid"),
    ('{"cwd":"/","args":["a"],"user":{"uid":4294967295,"gid":0}}', "process.user.uid"),
    ('{"cwd":"/","args":["a"],"user":{"uid":1}}', "process.user.gid: required"),
    ('{"cwd":"/","args":["a"],"rlimits":[{"type":"RLIMIT_X","soft":0,"hard":0}]}',
     "process.rlimits[0].type"),
    ('{"cwd":"/","args":["a"],"capabilities":{"effective":["CAP_KILL"]}}',
     "effective but not permitted"),
    ('{"cwd":"/","args":["a"],"selinuxLabel":"x"}', "process.selinuxLabel"),
    ('{"cwd":"/","args":["a"],"terminal":true}', None),
]


@pytest.mark.parametrize("text, place", BAD_FILES, ids=range(len(BAD_FILES)))
def test_process_file_that_is_wrong(running, text, place):
    """D-02, C-PROC-18: refused with its place, as config.json is."""
    path = process_file(running, text)
    line = running.one_line(running.command("exec", "-d", "-p", path, running.id), code=255)
    assert (place or "console socket") in line


def test_process_file_that_is_a_pipe(running):
    """cli-reference 4: a shell's <(command), whose descriptor the caller only lends."""
    read, write = os.pipe()
    os.write(write, json.dumps({"args": ["/bin/sh", "-c", "echo yes; ls /proc/self/fd | wc -l"],
                                "cwd": "/", "env": ["PATH=/bin"]}).encode())
    os.close(write)
    result = running.command("exec", "--process", f"/dev/fd/{read}", running.id, pass_fds=(read,))
    os.close(read)
    # Nothing but the three streams, and the directory that ls reads.
    assert (result.code, result.out.split()) == (0, ["yes", "4"]), result


def test_process_file_that_is_no_file(running):
    """S-72, I-29: no FIFO stops us; without a writer it is empty."""
    fifo = running.dir / "fifo"
    os.mkfifo(fifo)
    assert f"{fifo}:1:1" in running.refused_exec(options=["--process", fifo])
    for path in (running.dir, running.dir / "missing", "/dev/zero"):
        assert "--process" in running.refused_exec(options=["--process", path])


# --- failures of the program ----------------------------------------------------------------------

@pytest.mark.parametrize("program, text", [
    ("nonexist", 'exec: "nonexist": executable file not found in $PATH'),
    ("/nonexist", 'exec: "/nonexist": no such file or directory'),
    ("/etc/passwd", 'exec: "/etc/passwd": permission denied'),
    ("/etc", 'exec: "/etc": is a directory: permission denied'),
    ("/garbage", 'exec /garbage: exec format error'),
])
def test_program_that_cannot_be_run(running, program, text):
    """engine-contracts 3, D-06: the texts that engines match; no pid file is left."""
    (running.rootfs / "garbage").write_text("garbage")
    (running.rootfs / "garbage").chmod(0o755)
    pid_file = running.dir / "pid"
    for options in ([], ["--detach"]):
        line = running.refused_exec(program, options=[*options, "--pid-file", pid_file])
        assert line.endswith(text), line
        assert not pid_file.exists()


def test_failure_is_in_the_log_as_one_object(running):
    """engine-contracts 2."""
    log = running.dir / "log.json"
    result = running.command("--log", log, "--log-format", "json", "exec", running.id, "nonexist")
    assert result.code == 255
    entry = parse(log.read_text())
    assert entry.level == "error" and "executable file not found in $PATH" in entry.msg


@pytest.mark.parametrize("script, code", [
    ("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -9 $$", 137), ("kill -TERM $$", 143)])
def test_exit_code(running, script, code):
    """R-LIFE-28, D-06."""
    assert running.exec("/bin/sh", "-c", script).code == code


def test_signals_go_to_the_program(running):
    """cli-reference 4: the runtime forwards what it gets."""
    process = running.popen("exec", running.id, "/probe", "signal-trap", stdout=subprocess.PIPE)
    assert b"ready" in process.stdout.readline()
    process.send_signal(signal.SIGUSR1)
    assert b'"signal":10' in process.stdout.read()
    assert process.wait(timeout=harness.TIMEOUT) == 0


def test_streams_are_the_callers(running):
    """engine-contracts 4."""
    result = running.exec("/bin/sh", "-c", "cat; echo error >&2", input="hello\n", stdin=None)
    assert (result.out, result.err) == ("hello\n", "error\n")


# --- detached, pid file, sockets ------------------------------------------------------------------

def test_detached_process_lives_on(running):
    """engine-contracts 4: pid as the caller sees it, no newline, complete when exec returns."""
    pid = running.exec_detached("/probe", "sleep")
    assert pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() == b"/probe\0sleep\0"


def test_detached_process_goes_to_the_subreaper_of_the_caller(running):
    """engine-contracts 4: a shim collects it."""
    assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER
    try:
        _, status = os.waitpid(running.exec_detached("/probe", "exit", "9"), 0)
        assert os.waitstatus_to_exitcode(status) == 9
    finally:
        ctypes.CDLL(None).prctl(36, 0, 0, 0, 0)


def test_pid_file_is_there_while_the_program_runs(running):
    """engine-contracts 4: BuildKit waits for it."""
    pid_file = running.dir / "pid"
    process = running.popen("exec", "--pid-file", pid_file, running.id, "/bin/cat",
                            stdin=subprocess.PIPE)
    wait_until(pid_file.exists, "the pid file")
    status = pathlib.Path(f"/proc/{pid_file.read_text()}/status").read_text()
    assert "NSpid:" in status
    process.stdin.close()
    assert process.wait(timeout=harness.TIMEOUT) == 0


def test_pid_file_that_cannot_be_written(running):
    """engine-contracts 4: then the program does not run."""
    line = running.refused_exec("/bin/touch", "/tmp/ran",
                                options=["--pid-file", running.dir / "missing/pid"])
    assert "--pid-file" in line
    assert not (running.rootfs / "tmp/ran").exists()


def test_pidfd_socket(running):
    """cli-reference 4."""
    listener = harness.ConsoleSocket(str(running.dir / "pidfd.sock"))
    pid = running.exec_detached("/probe", "sleep", options=["--pidfd-socket", listener.path])
    _, fds = listener.receive()
    info = pathlib.Path(f"/proc/self/fdinfo/{fds[0]}").read_text()
    assert f"Pid:\t{pid}\n" in info
    os.close(fds[0])
    listener.close()


# --- descriptors ----------------------------------------------------------------------------------

def leak():
    harness.default_signals()
    for fd in range(3, 40):
        os.dup2(os.open("/", os.O_RDONLY), fd, inheritable=True)


def pass_two_of_three():
    harness.default_signals()
    for fd in (4, 5, 6):
        os.dup2(os.open("/dev/zero", os.O_RDONLY), fd, inheritable=True)
    os.close(3) if os.path.exists("/proc/self/fd/3") else None


def test_only_stdio_is_open(running):
    """S-15, S-84, I-13: whatever the caller has leaked."""
    for options in ([], ["--process", process_file(running)]):
        result = running.exec(*([] if options else ["/probe"]), options=options,
                              preexec_fn=leak, close_fds=False)
        assert sorted(result.json.fds) == ["0", "1", "2"], result


def test_preserved_descriptors_with_a_hole(running):
    """R-LNX-02: 3 is not open, 6 is not meant."""
    seen = running.exec_probe("report", options=["--preserve-fds", "3"],
                              preexec_fn=pass_two_of_three, close_fds=False)
    assert sorted(seen.fds) == ["0", "1", "2", "4", "5"]


def test_listen_fds(running):
    """R-LNX-02, sd_listen_fds(3): the pid is the one that the program has."""
    seen = running.exec_probe("report", preexec_fn=pass_two_of_three, close_fds=False,
                              env={**os.environ, "LISTEN_FDS": "2"})
    assert sorted(seen.fds) == ["0", "1", "2", "4"]
    assert "LISTEN_FDS=2" in seen.environ and f"LISTEN_PID={seen.pid}" in seen.environ


# --- many -----------------------------------------------------------------------------------------

def test_many_at_once(running):
    """100 at the same time; each gets its own answer, and the container is as before."""
    before = len(os.listdir("/proc/self/fd"))
    processes = [running.popen("exec", running.id, "/probe", "exit", str(i % 100))
                 for i in range(100)]
    codes = [p.wait(timeout=harness.TIMEOUT) for p in processes]
    assert codes == [i % 100 for i in range(100)]
    assert running.command("ps", "-f", "json", running.id).json == [running.state().pid]
    assert len(os.listdir("/proc/self/fd")) == before


def test_first_process_keeps_its_descriptors(running):
    """Nothing is left in the container by 20 runs."""
    fds = f"/proc/{running.state().pid}/fd"
    before = sorted(os.listdir(fds))
    for _ in range(20):
        assert running.exec("/probe", "exit", "0").code == 0
    assert sorted(os.listdir(fds)) == before


def test_caller_that_dies_takes_the_set_up_along(paused):
    """Fault matrix, exec F2: what has not executed its program yet ends with its runtime, here as
    soon as it can run."""
    process = paused.popen("exec", "--ignore-paused", paused.id, "/bin/touch", "/tmp/ran")
    directory = cgroup_of(paused.state().pid)
    procs = directory / "cgroup.procs"
    wait_until(lambda: len(procs.read_text().split()) > 1, "the process in the cgroup")
    process.kill()
    process.wait()
    (directory / "cgroup.freeze").write_text("0")
    wait_until(lambda: len(procs.read_text().split()) == 1, "the end of the set-up")
    assert not (paused.rootfs / "tmp/ran").exists()


def test_end_of_the_container_ends_the_program(running):
    """The pid namespace goes with its first process: 137, and exec does not hang."""
    process = running.popen("exec", running.id, "/probe", "sleep")
    procs = cgroup_of(running.state().pid) / "cgroup.procs"
    wait_until(lambda: len(procs.read_text().split()) > 1, "the process in the cgroup")
    running.kill("KILL")
    assert process.wait(timeout=harness.TIMEOUT) in (137, 255)
