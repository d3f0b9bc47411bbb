# SPDX-License-Identifier: Apache-2.0
"""Hostile containers into which somebody executes programs (threat-model 3.1).

Each test tells who attacks, what he prepares, what a naive runtime would do, and what must not
happen.
"""

import os
import pathlib
import re
import subprocess

import pytest

import harness
from attacks import Canary
from harness import CAPABILITIES, cap_mask, cgroup_of, default_signals, wait_until

ROUNDS = 200


@pytest.fixture
def canary(bundle):
    made = Canary(bundle.dir / "canary")
    yield made
    made.assert_unchanged()


def spy_while_executing(bundle):
    """What a spy in the container finds out about the runtime during 200 `exec`."""
    bundle.probe("sleep")
    bundle.create_and_start()
    with open(bundle.dir / "spy", "w+") as out:
        spy = bundle.popen("exec", bundle.id, "/probe", "spy", "/tmp/stop", stdout=out)
        for _ in range(ROUNDS):
            result = bundle.exec("/bin/true", env={**os.environ, "SECRET": "secret"})
            assert result.code == 0, result
        (bundle.rootfs / "tmp/stop").touch()
        assert spy.wait(timeout=harness.TIMEOUT) == 0
        out.seek(0)
        seen = harness.parse(out.read())
    assert seen.met > 0, "never met a process of the runtime, so nothing was tested"
    return seen


@pytest.mark.limit(180)
def test_process_of_the_runtime_is_opaque_in_a_user_namespace(bundle):
    """S-06, I-13, I-14; CVE-2016-9962, CVE-2016-8649.

    Root of a container, with every capability in its user namespace, reads the links and memory of
    all that appears in /proc and attaches to it, while programs are executed.
    A naive runtime joins while it is dumpable, with directories of the host open.
    Nothing of it may be readable or traceable before it is the program.
    """
    bundle.user_namespace()
    bundle.all_caps()
    assert spy_while_executing(bundle).notes == []


@pytest.mark.limit(180)
def test_process_of_the_runtime_is_opaque_without_ptrace_capability(bundle):
    """S-06, I-14: root of a container without a user namespace, with all capabilities but those over
    other processes (since kernel 6.13 CAP_PERFMON lets maps and environ be read)."""
    bundle.caps(*(c for c in CAPABILITIES if c not in ("SYS_PTRACE", "SYS_ADMIN", "PERFMON")))
    assert spy_while_executing(bundle).notes == []


@pytest.mark.limit(180)
def test_process_of_the_runtime_holds_nothing_of_the_host(bundle):
    """S-06, I-13, S-36: who may trace everything of the host's root still finds no descriptor, root,
    directory, mount namespace or environment of the host in a process of the runtime."""
    bundle.all_caps()
    seen = spy_while_executing(bundle)
    inside = os.readlink(f"/proc/{bundle.state().pid}/ns/mnt")
    assert not [n for n in seen.notes if n.startswith("secret")]
    for note in seen.notes:
        what, _, target = note.partition(" ")
        if what == "fd":
            assert re.match(r"(pipe|socket|anon_inode):|/dev/null$|/$|/etc/passwd$", target), note
        elif what in ("cwd", "root"):
            assert target == "/", note
        elif what == "ns/mnt":
            assert target == inside, note
    # The links say "/" for both roots: who can be in the host's would be in its mount namespace.
    assert any(n.startswith("ns/mnt") for n in seen.notes), "the spy was no spy"


@pytest.mark.parametrize("number", [0, 1, 3, 4, 5, 6, 7, 8, 10, 20, 64])
def test_directory_of_the_host_by_descriptor(bundle, canary, number):
    """S-15; CVE-2024-21626.

    The caller leaks directories of the host; who chooses the working directory or the program names
    one through /proc/self/fd, directly or by a link in the image.
    A naive runtime still has it open when it changes the directory.
    It must be refused; nothing of the host is reached.
    """
    (bundle.rootfs / "link").symlink_to(f"/proc/self/fd/{number}")
    bundle.hold()

    def leak():
        default_signals()
        for fd in range(3, 64):
            os.dup2(os.open(canary.path, os.O_RDONLY), fd, inheritable=True)

    for cwd in (f"/proc/self/fd/{number}", f"/proc/self/fd/{number}/../../..", "/link"):
        line = bundle.refused_exec("/probe", options=["--cwd", cwd], preexec_fn=leak,
                                   close_fds=False)
        assert "chdir to cwd" in line
    for program in (f"/proc/self/fd/{number}", f"/proc/self/fd/{number}/../../bin/sh", "/link"):
        line = bundle.refused_exec(program, preexec_fn=leak, close_fds=False)
        assert "exec: " in line


def test_fake_proc(bundle):
    """S-32; CVE-2015-1334.

    Root of the container mounts a tmpfs on /proc with files of his own: labels, maps, status.
    A naive runtime reads or writes its policy there.
    The program must be as confined as ever.
    """
    bundle.caps("SYS_ADMIN", "KILL")
    bundle.process["noNewPrivileges"] = True
    bundle.process["oomScoreAdj"] = 123
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}
    bundle.shell("""mount -t tmpfs tmpfs /proc && touch /proc/uptime &&
        for d in self 1 2 3 4 5 6 7 8; do
            echo x >/proc/$d 2>/dev/null || :
        done
        echo >/tmp/ready; exec /probe sleep""")
    bundle.create_and_start()
    wait_until(lambda: (bundle.rootfs / "tmp/ready").exists(), "the fake")
    seen, made = bundle.exec_probe("report", "mkdir /tmp/a")
    assert (seen.seccomp, seen.no_new_privs, made.errno) == (2, 1, "EPERM")
    assert seen.caps.bounding == seen.caps.permitted == cap_mask("SYS_ADMIN", "KILL")
    pid = bundle.exec_detached("/probe", "sleep")
    assert pathlib.Path(f"/proc/{pid}/oom_score_adj").read_text() == "123\n"
    assert cgroup_of(pid) == cgroup_of(bundle.state().pid)


@pytest.mark.parametrize("options", [[], ["--cap", "CAP_NET_RAW"], ["-u", "1000", "-c",
                                                                    "CAP_NET_RAW"]])
def test_inheritable_capabilities_are_never_invented(bundle, options):
    """S-13; CVE-2022-29162, CVE-2022-27650, CVE-2025-27612.

    A naive runtime fills the inheritable set with what it adds; a program with file capabilities
    then gets them for any user.
    """
    bundle.hold()
    caps = bundle.exec_probe("report", options=options).caps
    assert caps.inheritable == caps.ambient == 0


def test_working_directory_is_never_made(bundle, canary):
    """S-16; CVE-2026-55686: a link in the image leads to the host, the target is missing."""
    (bundle.rootfs / "link").symlink_to(canary.path / "new")
    bundle.hold()
    for cwd in ("/link", "/link/a", "/new"):
        bundle.refused_exec("/probe", options=["--cwd", cwd])
    assert not (bundle.rootfs / "new").exists()


def test_image_is_not_used_before_the_program(bundle):
    """S-08, I-14; CVE-2019-14271: hostile loader and name service files have no effect."""
    (bundle.rootfs / "etc/ld.so.preload").write_text("/evil.so\n")
    (bundle.rootfs / "etc/nsswitch.conf").write_text("passwd: evil\n")
    os.remove(bundle.rootfs / "etc/passwd")
    os.mkfifo(bundle.rootfs / "etc/passwd")
    bundle.hold()
    assert bundle.exec_probe("report", timeout=20).environ[-1] == "HOME=/"


@pytest.mark.limit(240)
@pytest.mark.parametrize("shared", [False, True], ids=["own pid namespace", "shared"])
def test_exec_races_with_delete(bundle, shared):
    """Fault matrix, exec F7: either result, never a hang, and nothing goes on running."""
    if shared:
        bundle.remove_namespace("pid")
    bundle.probe("sleep")
    codes = set()
    for _ in range(25):
        bundle.create_and_start()
        cgroup = cgroup_of(bundle.state().pid)
        processes = [bundle.popen("exec", "-d", bundle.id, "/probe", "sleep",
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True) for _ in range(3)]
        bundle.delete("--force")
        for p in processes:
            error = p.communicate(timeout=harness.TIMEOUT)[1]
            codes.add(p.returncode)
            assert p.returncode in (0, 255), error
            if p.returncode == 255:
                assert "not running" in error or "does not exist" in error or "gone" in error or \
                    "ended" in error or "no such" in error or "deleted" in error, error
        assert not cgroup.exists()
    assert codes, codes
