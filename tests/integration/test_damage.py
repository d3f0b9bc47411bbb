# SPDX-License-Identifier: Apache-2.0
"""Damaged state, killed commands, failing system calls, commands that race (threat model 4, S-78).

After each of them: nothing is left, or `delete --force` removes what is left and says so with 0;
and never does a container run with less policy than its config asks for (I-25, F1, F2, F7).
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest

import harness
from harness import CRUNTIME, World, cgroup_of, wait_until

STRACE = shutil.which("strace")
traced = pytest.mark.skipif(not STRACE or "asan" in CRUNTIME or os.environ.get("TESTS_IN") == "uml",
                            reason="needs strace, a plain build and a fast kernel")


# --- damaged state --------------------------------------------------------------------------------

def empty(path):
    path.write_bytes(b"")


def halve(path):
    data = path.read_bytes()
    path.write_bytes(data[:len(data) // 2])


def make_directory(path):
    path.unlink()
    path.mkdir()


def make_fifo(path):
    path.unlink()
    os.mkfifo(path)


def make_link(path):
    path.unlink()
    path.symlink_to("/etc/passwd")


DAMAGES = {
    "emptied": empty,
    "halved": halve,
    "deleted": os.unlink,
    "directory": make_directory,
    "garbage": lambda p: p.write_bytes(os.urandom(4096)),
    "other-json": lambda p: p.write_text('{"version": 1, "pid": 1}'),
    "array": lambda p: p.write_text("[]"),
    "huge": lambda p: os.truncate(p, 2**40),
    "fifo": make_fifo,
    "link": make_link,
    "unreadable": lambda p: p.chmod(0),
}


def state_files(bundle):
    """The regular files of a running container's state; what is replaced by a directory counts."""
    return sorted(p for p in (bundle.root / bundle.id).iterdir())


def alive(pid):
    """A process that has ended may still be waited for by its parent, which is not us."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] not in "ZX"


def delete_after_damage(bundle, pid, group, case):
    """S-78: 0 and all is gone, or not 0 and nothing is claimed."""
    listed = bundle.command("list", "-q")
    assert listed.code == 0, f"{case}: {listed}"
    for words in (["state"], ["kill", "0"]):
        result = bundle.command(words[0], bundle.id, *words[1:], timeout=20)
        assert result.code in (0, 1), f"{case}: {result}"
    result = bundle.command("delete", "--force", bundle.id, timeout=30)
    assert result.code == 0, f"{case}: {result}"
    assert not bundle.exists(), f"{case}: state is left: {result}"
    assert not alive(pid), f"{case}: the process lives: {result}"
    assert not group.exists(), f"{case}: the cgroup is left: {result}"
    again = bundle.command("delete", "--force", bundle.id)
    assert (again.code, again.out, again.err) == (0, "", ""), f"{case}: {again}"


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_state_file_still_leads_to_a_clean_delete(bundle, damage):
    """S-78, I-25, D-07: each file of the state in turn."""
    bundle.hold()
    names = [p.name for p in state_files(bundle)]
    assert {"state.json", "config.json"} <= set(names)
    for name in names:
        if not bundle.exists():
            bundle.hold()
        pid = bundle.state().pid
        group = cgroup_of(pid)
        DAMAGES[damage](bundle.root / bundle.id / name)
        delete_after_damage(bundle, pid, group, f"{name} {damage}")


def test_state_cut_at_any_byte_still_leads_to_a_clean_delete(bundle):
    """S-78: a write that was cut off; in steps that are no power of two."""
    bundle.probe("sleep")
    bundle.create()
    size = (bundle.root / bundle.id / "state.json").stat().st_size
    for length in range(0, size, 13):
        if not bundle.exists():
            bundle.create()
        bundle.start()
        pid = bundle.state().pid
        group = cgroup_of(pid)
        os.truncate(bundle.root / bundle.id / "state.json", length)
        delete_after_damage(bundle, pid, group, f"state.json of {length} bytes")


def test_broken_entry_hides_no_other(make_bundle):
    """D-07"""
    good, bad = make_bundle("good"), make_bundle("bad")
    bad.root = good.root
    good.hold()
    bad.hold()
    (bad.root / bad.id / "state.json").write_text("{")
    listed = good.command("list", "-f", "json")
    assert listed.code == 0, listed
    found = {entry.id: entry.status for entry in listed.json}
    assert found[good.id] == "running" and bad.id in found
    bad.delete("--force")
    assert good.status() == "running"


def test_pid_of_another_process_in_the_state_is_never_killed(bundle):
    """R-STATE-13, A6: the start time tells that the pid was used again."""
    bundle.hold()
    file = bundle.root / bundle.id / "state.json"
    time.sleep(0.05)  # start times are told apart by clock ticks
    with subprocess.Popen(["sleep", "1000"]) as bystander:
        try:
            pid = bundle.state().pid
            text = file.read_text()
            assert f'"pid":{pid},' in text
            file.write_text(text.replace(f'"pid":{pid},', f'"pid":{bystander.pid},'))
            assert bundle.command("kill", bundle.id, "KILL").code == 1
            bundle.command("delete", "--force", bundle.id)
            assert bystander.poll() is None, "a process that is no container's was killed"
            assert not alive(pid)
        finally:
            bystander.kill()


# --- policy that the container has after all ------------------------------------------------------

# What differs from run to run, or by the injected failure's right.
VOLATILE = {"stat", "status", "namespaces", "cgroup", "mounts", "environ", "fds", "dev", "argv",
            "monotonic", "boottime", "session_keyring_id"}


def policy(bundle):
    """What the container's process reports, without what changes from run to run."""
    (seen,) = bundle.probe_lines()
    seen = {k: v for k, v in seen.items() if k not in VOLATILE}
    return seen, len(bundle.probe_lines()[0].mounts or [])


def difference(expected, found):
    keys = [k for k in expected[0] if found[0].get(k) != expected[0][k]]
    return {k: (expected[0][k], found[0].get(k)) for k in keys} or \
        ("mounts" if expected[1] != found[1] else None)


def outcome(bundle):
    """Start, wait, delete; what was reported, or None when the start was refused."""
    (bundle.dir / "out").write_bytes(b"")
    result = bundle.start(check=False)
    report = None
    if result.code == 0:
        bundle.wait_stopped()
        report = policy(bundle)
    else:
        assert result.err, result
    bundle.command("delete", "--force", bundle.id)
    return report


def full_bundle(bundle):
    """A config with a bit of everything."""
    bundle.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mount", "ptrace"], "action": "SCMP_ACT_ERRNO"}]}
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    bundle.linux["cgroupsPath"] = "/damage"
    bundle.linux["devices"] = [{"type": "c", "path": "/dev/test", "major": 1, "minor": 3}]
    bundle.process["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [5]}
    bundle.process["oomScoreAdj"] = 100
    bundle.config["root"]["readonly"] = True
    bundle.hook("createRuntime", "cat >$OUT")
    bundle.hook("poststop", "cat >$OUT")
    for directory in (bundle.rootfs, bundle.dir, *bundle.dir.parents):
        if directory.stat().st_mode & 0o5 != 5:
            directory.chmod(directory.stat().st_mode | 0o755)
    bundle.probe("report")
    bundle.write_config()


def run_strace(bundle, *options, verb="create"):
    """A command under strace; the exit status, and what it said. With -D strace is no parent of
    it, and does not keep us waiting until the container has ended."""
    words = [verb, "-b", bundle.dir, bundle.id] if verb == "create" else [verb, bundle.id]
    if verb == "delete":
        words.append("--force")
    with open(bundle.dir / "out", "ab") as out, open(bundle.dir / "err", "wb") as err:
        done = subprocess.run(
            [STRACE, "-D", "-qq", *options, CRUNTIME, "--root", bundle.root, *words],
            stdin=subprocess.DEVNULL, stdout=out, stderr=err, timeout=60, check=False)
    return done.returncode, (bundle.dir / "err").read_text(errors="replace")


def record_calls(bundle, verb="create"):
    """Names of the calls of one undisturbed run, of all its processes."""
    trace = bundle.dir / "trace"
    code, said = run_strace(bundle, "-f", "-ff", "-o", str(trace), verb=verb)
    assert code == 0, said
    time.sleep(0.1)  # for strace to write its last line
    calls = []
    for file in sorted(bundle.dir.glob("trace.*"), key=lambda p: p.stat().st_mtime):
        calls.append(re.findall(r"^(\w+)\(", file.read_text(errors="replace"), re.M))
        file.unlink()
    return calls


@pytest.fixture
def prepared(bundle):
    """A full bundle, what its process should see, and the calls that a create makes."""
    full_bundle(bundle)
    bundle.create(write=False)
    reference = outcome(bundle)
    assert reference
    return reference


# --- killed ---------------------------------------------------------------------------------------

@traced
@pytest.mark.parametrize("who", ["runtime", "everybody"])
def test_create_killed_at_any_system_call_is_cleaned_up_by_delete_force(bundle, prepared, who):
    """F2, I-25: SIGKILL at about 60 points; afterwards the id can be used again."""
    world = World()
    bundle.command("delete", "--force", bundle.id)
    total = max(len(c) for c in record_calls(bundle))
    bundle.delete("--force")
    follow = ["-f"] if who == "everybody" else []
    for n in range(1, total + 4, max(1, total // 40)):
        run_strace(bundle, *follow, "-o", "/dev/null", "-e",
                   f"inject=all:signal=SIGKILL:when={n}")
        result = bundle.command("delete", "--force", bundle.id)
        assert result.code == 0, f"killed at call {n}: {result}"
        assert not bundle.exists(), f"killed at call {n}"
        leaks = world.leaks()
        assert not leaks, f"killed at call {n}: {leaks}"
    bundle.create(write=False)
    assert not difference(prepared, outcome(bundle))


@traced
@pytest.mark.parametrize("verb", ["start", "delete"])
def test_start_and_delete_killed_at_any_system_call(bundle, prepared, verb):
    """F2: repeatable; a container that is half started ends or runs with its full policy."""
    world = World()
    bundle.create(write=False)
    total = max(len(c) for c in record_calls(bundle, verb))
    bundle.delete("--force")
    for n in range(1, total + 2, max(1, total // 30)):
        (bundle.dir / "out").write_bytes(b"")
        bundle.create(write=False)
        run_strace(bundle, "-o", "/dev/null", "-e", f"inject=all:signal=SIGKILL:when={n}",
                   verb=verb)
        if bundle.exists():
            result = bundle.command("state", bundle.id)
            # A delete may have come as far as the record, which goes next to last.
            told = verb == "delete" and "delete --force removes the container" in result.err
            assert result.code == 0 or told, f"killed at call {n}: {result}"
        result = bundle.command("delete", "--force", bundle.id)
        assert result.code == 0, f"killed at call {n}: {result}"
        lines = bundle.probe_lines()
        assert not lines or not difference(prepared, policy(bundle)), \
            f"killed at call {n}: {difference(prepared, policy(bundle))}"
        leaks = world.leaks()
        assert not leaks, f"killed at call {n}: {leaks}"


# --- failing --------------------------------------------------------------------------------------

# A failure of these means nothing, or is none that a kernel gives.
NEVER_FAIL = {"exit_group", "exit", "rt_sigreturn", "brk", "arch_prctl", "set_tid_address",
              "set_robust_list", "rseq", "execve", "umask", "getpid", "geteuid", "getuid",
              "getppid", "munmap", "access", "uname"}
ERRORS = {"mmap": "ENOMEM", "mkdirat": "ENOSPC", "openat": "EMFILE", "open": "EMFILE",
          "openat2": "EMFILE", "write": "ENOSPC", "pwrite64": "ENOSPC", "renameat": "ENOSPC",
          "clone3": "EAGAIN", "clone": "EAGAIN", "fsmount": "EMFILE", "fsopen": "EMFILE",
          "open_tree": "EMFILE", "socketpair": "EMFILE", "bpf": "ENOMEM", "read": "EIO",
          "setresuid": "EAGAIN", "recvmsg": "ENOMEM", "sendmsg": "ENOBUFS", "fcntl": "EMFILE"}


def loader_calls(bundle):
    """How often the dynamic linker makes each call: its failures are not ours."""
    trace = bundle.dir / "trace"
    subprocess.run([STRACE, "-qq", "-o", trace, CRUNTIME, "--version"], stdout=subprocess.DEVNULL,
                   check=True)
    return re.findall(r"^(\w+)\(", trace.read_text(errors="replace"), re.M)


def samples(calls, most, loader):
    """(name, n) for the n-th call of each kind, spread over at most MOST."""
    counts = {}
    # The runtime executes a copy of itself first.
    loader = loader * max(sum(c.startswith("exec") for c in process) for process in calls)
    for process in calls:
        for name in set(process) - NEVER_FAIL:
            counts[name] = max(counts.get(name, 0), process.count(name))
    picked = []
    for name, count in sorted(counts.items()):
        first = loader.count(name) + 1
        share = range(first, count + 1)
        if len(share) > most:
            share = sorted({first + i * (count - first) // (most - 1) for i in range(most)})
        picked += [(name, n) for n in share]
    return picked


def tolerable(name, errno, expected, found):
    """Not a weaker policy: the failure has hit the probe itself, which then could not read
    something; or what the kernel refuses was bound from the host (devices, sysfs: C-MOUNT-42)."""
    different = difference(expected, found)
    if name in ("read", "openat") and isinstance(different, dict):
        different = [k for k in different if found[0].get(k) is not None]
    if different == "mounts":
        unread = name in ("read", "openat") and found[1] == 0
        bound = errno == "EPERM" and name in ("mknodat", "fsopen", "fsconfig", "fsmount")
        return unread or bound and found[1] > expected[1]
    return not different


@traced
@pytest.mark.parametrize("error", ["EPERM", "usual"])
@pytest.mark.parametrize("who", ["runtime", "everybody"])
def test_create_with_a_failing_system_call_fails_or_gives_the_full_policy(
        bundle, prepared, error, who):
    """F1, I-10, I-12, S-79: "silent-weak" never happens. One failure of the runtime leaves nothing
    at all; the n-th call of every process is several failures, and then `delete --force`
    may be needed."""
    world = World()
    calls = record_calls(bundle)
    bundle.delete("--force")
    follow = ["-f"] if who == "everybody" else []
    problems = []
    for name, n in samples(calls if follow else calls[:1], 6, loader_calls(bundle)):
        errno = ERRORS.get(name, "ENOMEM") if error == "usual" else error
        case = f"{errno} of call {n} of {name}"
        code, said = run_strace(bundle, *follow, "-o", "/dev/null", "-e",
                                f"inject={name}:error={errno}:when={n}")
        if code == 0:
            try:
                report = outcome(bundle)
            except AssertionError as e:
                problems.append(f"{case}: {e}")
                report = None
            if report is not None and not tolerable(name, errno, prepared, report):
                problems.append(f"{case}: another policy: {difference(prepared, report)}")
        elif code < 0 or not said.strip():
            problems.append(f"{case}: exit status {code}, {said!r}")
        elif bundle.exists() and not follow:
            problems.append(f"{case}: state is left: {said!r}")
        result = bundle.command("delete", "--force", bundle.id)
        leaks = world.leaks()
        if leaks or result.code != 0:
            problems.append(f"{case}: {leaks}, {said!r}, {result}")
            world = World()
    assert not problems, f"{len(problems)} problems:\n" + "\n".join(problems[:40])


@traced
def test_delete_with_a_failing_system_call_can_be_repeated(bundle, prepared):
    """F1: not 0 and repeatable, or all gone."""
    world = World()
    bundle.create(write=False)
    calls = record_calls(bundle, "delete")
    problems = []
    for name, n in samples(calls, 4, loader_calls(bundle)):
        if not bundle.exists():
            bundle.create(write=False)
        code, said = run_strace(bundle, "-f", "-o", "/dev/null", "-e",
                                f"inject={name}:error={ERRORS.get(name, 'EPERM')}:when={n}",
                                verb="delete")
        case = f"call {n} of {name}"
        if code == 0 and world.leaks():
            problems.append(f"{case}: 0, but {world.leaks()}: {said!r}")
        if code != 0 and not said.strip():
            problems.append(f"{case}: {code} without a word")
        again = bundle.command("delete", "--force", bundle.id)
        if again.code != 0 or world.leaks():
            problems.append(f"{case}: second delete: {again}, {world.leaks()}")
            world = World()
    assert not problems, f"{len(problems)} problems:\n" + "\n".join(problems[:40])


# --- races ----------------------------------------------------------------------------------------

def race(bundle, *commands):
    """Runs commands at once; their exit statuses."""
    running = []
    for i, words in enumerate(commands):
        with open(bundle.dir / f"race.{i}", "wb") as said:
            running.append(bundle.popen(*words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=said))
    codes = [p.wait(timeout=harness.TIMEOUT) for p in running]
    return codes, [(bundle.dir / f"race.{i}").read_text() for i in range(len(commands))]


def test_of_concurrent_creates_exactly_one_wins(bundle):
    """F7, R-LIFE-02: and the losers do it no harm."""
    bundle.probe("report")
    bundle.write_config()
    for _ in range(10):
        codes, said = race(bundle, *[("create", "-b", bundle.dir, bundle.id)] * 6)
        assert sorted(codes) == [0, 1, 1, 1, 1, 1], said
        assert bundle.status() == "created"
        assert all("exists" in s or "being" in s for s, c in zip(said, codes) if c), said
        bundle.delete()


def test_of_concurrent_starts_exactly_one_wins(bundle):
    """F7"""
    bundle.probe("write /ran yes", "sleep")
    for _ in range(10):
        bundle.create()
        codes, said = race(bundle, *[("start", bundle.id)] * 3)
        assert sorted(codes) == [0, 1, 1], said
        assert bundle.status() == "running"
        bundle.delete("--force")


def test_concurrent_deletes_do_not_disturb_each_other(bundle):
    """F7: both 0 with --force; without it one may find nothing."""
    bundle.probe("sleep")
    for force in (["--force"], []):
        for _ in range(10):
            bundle.create()
            codes, said = race(bundle, *[("delete", *force, bundle.id)] * 3)
            assert not bundle.exists()
            assert 0 in codes and (not force or codes == [0, 0, 0]), said
            assert all("does not exist" in s for s, c in zip(said, codes) if c), said


def test_delete_during_create_waits_or_wins(bundle, world):
    """F7: whichever comes first, both answer and nothing is left."""
    bundle.probe("sleep")
    bundle.write_config()
    for step in range(30):
        creator = bundle.popen("create", "-b", bundle.dir, bundle.id, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
        time.sleep(step * 0.0005)
        deleted = bundle.command("delete", "--force", bundle.id)
        code = creator.wait(timeout=harness.TIMEOUT)
        assert deleted.code == 0 and code in (0, 1), f"step {step}: {code} {deleted}"
        # It may have come before the claim.
        bundle.command("delete", "--force", bundle.id)
        leaks = world.leaks()
        assert not leaks, f"step {step}: {leaks}"


def test_other_commands_during_create_are_refused(bundle):
    """F7, R-STATE-11: a container that is being created is shown as such and left alone."""
    out = bundle.hook("createRuntime", "echo here >$OUT; sleep 1")
    bundle.probe("sleep")
    bundle.write_config()
    creator = bundle.popen("create", "-b", bundle.dir, bundle.id, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
    wait_until(lambda: out.exists() and out.read_text(), "the hook")
    assert bundle.status() == "creating"
    line = bundle.one_line(bundle.kill("KILL", check=False))
    assert "being created" in line
    assert bundle.id in bundle.command("list", "-q").out
    assert creator.wait(timeout=harness.TIMEOUT) == 0
    assert bundle.status() == "created"


def test_kill_and_delete_race(bundle):
    """F7, F11: the process dies at any moment."""
    bundle.probe("sleep")
    for _ in range(10):
        bundle.create()
        bundle.start()
        codes, said = race(bundle, ("kill", bundle.id, "KILL"), ("delete", "--force", bundle.id),
                           ("kill", bundle.id, "TERM"), ("state", bundle.id))
        assert codes[1] == 0, said
        assert all(c in (0, 1) for c in codes), said
        assert not bundle.exists()


def test_create_whose_process_is_killed_fails_and_leaves_nothing(bundle):
    """F11: SIGKILL to the container's first process while hooks run."""
    out = bundle.hook("createRuntime", "cat >$OUT; sleep 0.3")
    bundle.write_config()
    creator = bundle.popen("create", "-b", bundle.dir, bundle.id, stdout=subprocess.DEVNULL,
                           stderr=subprocess.PIPE)
    wait_until(lambda: out.exists() and out.read_text().endswith("}"), "the hook")
    os.kill(harness.parse(out.read_text()).pid, signal.SIGKILL)
    said = creator.stderr.read().decode()
    creator.stderr.close()
    assert creator.wait() == 1 and "killed by signal 9" in said, said
    assert not bundle.exists()
