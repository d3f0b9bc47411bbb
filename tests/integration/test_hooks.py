# SPDX-License-Identifier: Apache-2.0
"""Hooks: order, moment, namespaces, what they are given, and what their failure means (R-HOOK)."""

import os
import signal
import time

import pytest

import harness
import schema
from harness import CGROUP, own_namespace, parse, wait_until

POINTS = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart",
          "poststop"]
BEFORE_START = ["prestart", "createRuntime", "createContainer"]


def add(bundle, point, script, **more):
    """A hook at any point. startContainer hooks see the container's files: theirs lie in rootfs."""
    if point != "startContainer":
        return bundle.hook(point, script, **more)
    hooks = bundle.config.setdefault("hooks", {}).setdefault(point, [])
    name = f"hook.{len(hooks)}"
    (bundle.rootfs / f"{name}.sh").write_text(f"#!/bin/sh\nOUT=/{name}.out\n{script}\n")
    (bundle.rootfs / f"{name}.sh").chmod(0o755)
    hooks.append({"path": f"/{name}.sh", **more})
    return bundle.rootfs / f"{name}.out"


def test_all_points_run_in_order(bundle):
    """R-HOOK-01, R-HOOK-26: with `run`, which is create, start and delete."""
    outs = [add(bundle, point, "date +%s%N >$OUT 2>/dev/null || cat /proc/uptime >$OUT")
            for point in POINTS]
    bundle.probe("write /ran yes")
    bundle.run_ok()
    times = [out.stat().st_mtime_ns for out in outs]
    assert times == sorted(times)


def test_points_of_create_do_not_interleave(bundle):
    """R-HOOK-03: all prestart hooks, all createRuntime hooks, all createContainer hooks."""
    log = bundle.dir / "order"
    for number in range(3):
        for point in reversed(BEFORE_START):
            bundle.hook(point, f"echo {point} {number} >>{log}")
    bundle.create()
    assert log.read_text().splitlines() == [f"{p} {n}" for p in BEFORE_START for n in range(3)]


@pytest.mark.parametrize("point", POINTS)
def test_hooks_of_one_point_run_in_the_order_of_the_list(bundle, point):
    """R-HOOK-02."""
    log = "/order" if point == "startContainer" else bundle.dir / "order"
    for word in ("one", "two", "three"):
        add(bundle, point, f"echo {word} >>{log}")
    bundle.probe("exit 0")
    bundle.run_ok()
    where = bundle.rootfs / "order" if point == "startContainer" else log
    assert where.read_text().split() == ["one", "two", "three"]


@pytest.mark.parametrize("point", POINTS)
def test_hook_gets_the_state_on_stdin(bundle, point):
    """R-HOOK-04, R-HOOK-05: a document that is valid under the schema."""
    bundle.config["annotations"] = {"org.example": "x"}
    out = add(bundle, point, "cat >$OUT")
    bundle.probe("exit 0")
    bundle.run_ok()
    state = parse(out.read_text())
    schema.validate(state, "state-schema.json")
    assert state.id == bundle.id
    assert state.bundle == str(bundle.dir)
    assert state.annotations == {"org.example": "x"}


@pytest.mark.parametrize("point, status", [
    ("prestart", "creating"), ("createRuntime", "creating"), ("createContainer", "creating"),
    ("startContainer", "created"), ("poststart", "running"), ("poststop", "stopped")])
def test_status_that_a_hook_is_told(bundle, point, status):
    """X-04, D-08."""
    out = add(bundle, point, "cat >$OUT")
    bundle.probe("exit 0")
    bundle.run_ok()
    assert parse(out.read_text()).status == status


@pytest.mark.parametrize("point", ["prestart", "createRuntime", "poststart"])
def test_hook_in_the_runtime_namespaces_is_told_the_host_pid(bundle, point):
    """R-STATE-05."""
    out = add(bundle, point, "cat >$OUT")
    bundle.hold()
    assert parse(out.read_text()).pid == bundle.state().pid > 1


@pytest.mark.parametrize("point", ["createContainer", "startContainer"])
def test_hook_in_the_container_namespaces_is_told_pid_1(bundle, point):
    """R-STATE-05, D-08."""
    out = add(bundle, point, "cat >$OUT")
    bundle.probe("exit 0")
    bundle.run_ok()
    assert parse(out.read_text()).pid == 1


def test_poststop_hook_is_told_no_pid(bundle):
    """R-STATE-06."""
    out = add(bundle, "poststop", "cat >$OUT")
    bundle.probe("exit 0")
    bundle.run_ok()
    assert parse(out.read_text()).get("pid", 0) == 0


@pytest.mark.parametrize("point", POINTS)
def test_hook_that_does_not_read_is_no_trouble(bundle, point):
    """R-HOOK-04: 300 KB of state do not fit into a pipe."""
    bundle.config["annotations"] = {"big": "x" * 300000}
    add(bundle, point, "exec <&-; exit 0")
    bundle.probe("exit 0")
    bundle.run_ok()


def test_hook_without_args_gets_its_path_as_name(bundle):
    """R-HOOK-08."""
    out = bundle.hook("createRuntime", 'echo "$0 $#" >$OUT')
    bundle.probe("exit 0")
    bundle.run_ok()
    hook = bundle.config["hooks"]["createRuntime"][0]
    assert out.read_text().split() == [hook["path"], "0"]


def test_args_of_a_hook_include_its_name(bundle):
    """R-HOOK-08."""
    out = bundle.hook("createRuntime", 'tr "\\0" "\\n" </proc/$$/cmdline >$OUT',
                      args=["name", "one", "two words"])
    # For a script the kernel replaces argv[0] by the interpreter and the script.
    bundle.probe("exit 0")
    bundle.run_ok()
    assert out.read_text().splitlines()[-2:] == ["one", "two words"]


def add_probe(bundle, point, **more):
    """A hook that is the probe; returns a function that gives its report."""
    inside = point == "startContainer"
    out = "/probe.out" if inside else bundle.dir / "probe.out"
    bundle.config["hooks"] = {point: [{
        "path": "/probe" if inside else harness.PROBE,
        "args": ["probe", "to", str(out), "--", "report"], **more}]}
    file = bundle.rootfs / "probe.out" if inside else out
    return lambda: parse(file.read_text().splitlines()[-1])


@pytest.mark.parametrize("env", [None, [], ["A=b", "PATH=/usr/bin:/bin"]])
@pytest.mark.parametrize("point", POINTS)
def test_environment_of_a_hook_is_exactly_what_is_listed(bundle, point, env):
    """R-HOOK-09, I-26: nothing of the runtime's own environment. A startContainer hook without a
    list has that of the program, for it is one of the container's."""
    seen = add_probe(bundle, point, **({} if env is None else {"env": env}))
    bundle.process["env"] = ["A=1", "HOME=/h"]
    bundle.probe("exit 0")
    bundle.run_ok()
    inherited = ["A=1", "HOME=/h"] if point == "startContainer" else []
    assert seen().environ == (inherited if env is None else env)


@pytest.mark.parametrize("point", POINTS)
def test_relative_path_of_a_hook_is_refused(bundle, point):
    """R-HOOK-06."""
    bundle.config["hooks"] = {point: [{"path": "bin/true"}]}
    bundle.refused_config(f"hooks.{point}[0].path", "absolute")


def test_hook_without_path_is_refused(bundle):
    """R-HOOK-07."""
    bundle.config["hooks"] = {"poststop": [{"args": ["x"]}]}
    bundle.refused_config("hooks.poststop[0]", "path")


@pytest.mark.parametrize("timeout", [0, -1])
def test_timeout_below_one_second_is_refused(bundle, timeout):
    """R-HOOK-10."""
    bundle.hook("createRuntime", "true", timeout=timeout)
    bundle.refused_config("hooks.createRuntime[0].timeout")


@pytest.mark.parametrize("point", BEFORE_START)
def test_timeout_ends_the_hook_and_all_that_it_started(bundle, point):
    """R-HOOK-11, S-71: the group is killed and nobody waits for pipes that a grandchild holds."""
    add(bundle, point, "sleep 1000 & sleep 1000", timeout=1)
    start = time.monotonic()
    line = bundle.refused()
    assert 0.9 < time.monotonic() - start < 60
    assert f"error running {point} hook #0" in line


FAILURES = {
    "exit status": "exit 3",
    "signal": "kill -9 $$",
}


@pytest.mark.parametrize("script", FAILURES.values(), ids=FAILURES.keys())
@pytest.mark.parametrize("point", ["prestart", "createRuntime", "createContainer",
                                   "startContainer"])
def test_failing_hook_ends_the_container(bundle, point, script):
    """R-HOOK-12, R-HOOK-13, R-HOOK-14, R-LIFE-25, S-71, X-07, X-31: error, program not run, poststop runs."""
    add(bundle, point, script)
    after = add(bundle, "poststop", "cat >$OUT")
    bundle.probe("write /ran yes")
    line = bundle.refused()
    assert f"error running {point} hook #0" in line
    assert not (bundle.rootfs / "ran").exists()
    assert parse(after.read_text()).status == "stopped"


def test_failing_start_container_hook_fails_start(bundle):
    """R-HOOK-14, R-LIFE-25: `start` itself answers with the error, and poststop hooks have run."""
    add(bundle, "startContainer", "exit 3")
    after = bundle.hook("poststop", "cat >$OUT")
    bundle.probe("write /ran yes")
    bundle.create()
    result = bundle.start(check=False)
    assert "error running startContainer hook #0" in bundle.one_line(result)
    assert not (bundle.rootfs / "ran").exists()
    assert not bundle.exists() or bundle.status() == "stopped"
    assert parse(after.read_text()).status == "stopped"


def test_root_that_a_hook_exchanges_stays_the_one_that_was_planned(bundle):
    """S-26; CVE-2024-0132: a hook (or who races with it) replaces the rootfs by a link to the host.

    A naive runtime, or the hook after it, looks the path up again. The state that hooks get has an
    absolute bundle and a live pid; the container has the directory that create opened.
    """
    (bundle.dir / "host").mkdir()
    first = bundle.hook("createRuntime", f"cat >$OUT; mv {bundle.rootfs} {bundle.dir}/moved && "
                        f"ln -s {bundle.dir}/host {bundle.rootfs}")
    bundle.probe("write /ran yes")
    try:
        result = bundle.run()
        state = parse(first.read_text())
        assert os.path.isabs(state.bundle) and state.pid > 1
        assert os.listdir(bundle.dir / "host") == []
        assert result.code == 1 or (bundle.dir / "moved/ran").exists()
    finally:
        bundle.rootfs.unlink()
        (bundle.dir / "moved").rename(bundle.rootfs)


@pytest.mark.parametrize("point", BEFORE_START)
def test_hook_that_cannot_be_executed_fails(bundle, point):
    """R-HOOK-12."""
    bundle.config["hooks"] = {point: [{"path": "/nonexistent/hook"}]}
    assert f"error running {point} hook #0" in bundle.refused()


def test_message_names_the_hook_and_has_its_stderr(bundle):
    """D-29."""
    bundle.hook("createRuntime", "exit 0")
    bundle.hook("createRuntime", "echo the reason is this >&2; exit 1")
    line = bundle.refused()
    assert "error running createRuntime hook #1" in line
    assert "the reason is this" in line


def test_huge_output_of_a_hook_is_cut(bundle):
    """D-29: bounded."""
    bundle.hook("createRuntime", "yes 'long line of noise' | head -c 1000000 >&2; exit 1")
    assert len(bundle.refused()) < 4096


def test_failing_poststart_hook_ends_the_container(bundle):
    """R-HOOK-15: the text of spec 1.3."""
    bundle.hook("poststart", "exit 1")
    after = bundle.hook("poststop", "cat >$OUT")
    bundle.probe("sleep")
    bundle.create()
    result = bundle.start(check=False)
    assert result.code == 1
    assert "error running poststart hook #0" in result.err
    assert not bundle.exists() or bundle.status() == "stopped"
    assert parse(after.read_text()).status == "stopped"


def test_failing_poststop_hook_only_warns(bundle):
    """R-HOOK-16, X-06: the others still run, delete succeeds."""
    bundle.hook("poststop", "exit 1")
    second = bundle.hook("poststop", "echo ran >$OUT")
    bundle.probe("exit 0")
    bundle.create_and_start()
    bundle.wait_stopped()
    result = bundle.delete()
    assert "poststop" in result.err
    assert second.read_text() == "ran\n"
    assert not bundle.exists()


def test_poststart_runs_after_the_program_was_executed(bundle):
    """R-HOOK-17, X-05: and before start returns."""
    out = bundle.hook("poststart", f"pid=$({harness.CRUNTIME} --root {bundle.root} state "
                      f"{bundle.id} | sed -n 's/.*\"pid\": *\\([0-9]*\\).*/\\1/p'); "
                      "tr '\\0' ' ' </proc/$pid/cmdline >$OUT")
    bundle.hold()
    assert out.read_text().strip() == "/probe sleep"


def test_poststop_runs_after_the_cgroup_is_gone(bundle):
    """R-HOOK-18."""
    bundle.linux["cgroupsPath"] = "/hooked"
    out = bundle.hook("poststop", f"test -d {CGROUP}/hooked && echo there >$OUT || echo gone >$OUT")
    bundle.probe("exit 0")
    bundle.run_ok()
    assert out.read_text() == "gone\n"


def test_poststop_runs_after_the_process_and_its_namespaces_are_gone(bundle):
    """R-HOOK-18: and before delete returns."""
    pid = bundle.hook("createRuntime", "sed -n 's/.*\"pid\": *\\([0-9]*\\).*/\\1/p' >$OUT")
    out = bundle.hook("poststop", f"test -e /proc/$(cat {pid})/ns/net && echo there >$OUT || "
                      "echo gone >$OUT")
    bundle.hold()
    assert pid.read_text().strip() == str(bundle.state().pid)
    bundle.delete("--force")
    assert out.read_text() == "gone\n"


@pytest.mark.parametrize("point", ["prestart", "createRuntime", "poststart", "poststop"])
def test_runtime_hook_runs_in_the_runtime_namespaces(bundle, point):
    """R-HOOK-19."""
    kinds = ("mnt", "pid", "net", "uts", "ipc", "cgroup")
    out = bundle.hook(point, f"for n in {' '.join(kinds)}; do readlink /proc/self/ns/$n; done >$OUT")
    bundle.probe("exit 0")
    bundle.run_ok()
    assert out.read_text().split() == [own_namespace(k) for k in kinds]


@pytest.mark.parametrize("point", ["createContainer", "startContainer"])
def test_container_hook_runs_in_the_container_namespaces(bundle, point):
    """R-HOOK-19."""
    out = add(bundle, point, "readlink /proc/$$/ns/uts >$OUT || readlink /proc/self/ns/uts >$OUT")
    ns = bundle.run_probe().namespaces
    assert out.read_text().strip() == ns.uts != own_namespace("uts")


def test_create_container_hook_sees_the_host_root_and_the_mounts_below_rootfs(bundle):
    """R-HOOK-20, R-HOOK-21: before pivot_root."""
    out = bundle.hook("createContainer", "cat /proc/self/mounts >$OUT 2>/dev/null || "
                      "cat /proc/mounts >$OUT")
    bundle.mount("/data", "tmpfs", "tmpfs")
    bundle.probe("exit 0")
    bundle.run_ok()
    assert f" {bundle.rootfs}/data tmpfs " in out.read_text()


def test_start_container_hook_runs_inside(bundle):
    """R-HOOK-22: in the container's root, with the credentials of the process."""
    out = add(bundle, "startContainer", "pwd >$OUT; id -u >>$OUT")
    bundle.process["cwd"] = "/tmp"
    bundle.process["user"] = {"uid": 0, "gid": 0}
    bundle.probe("exit 0")
    bundle.run_ok()
    assert out.read_text().split() == ["/tmp", "0"]


@pytest.mark.parametrize("point", POINTS)
def test_output_of_a_hook_does_not_reach_the_container_stdio(bundle, point):
    """R-HOOK-23."""
    add(bundle, point, "echo noise; echo noise >&2")
    bundle.shell("echo program")
    result = bundle.run_ok()
    assert result.out == "program\n"


@pytest.mark.parametrize("point", ["prestart", "createRuntime", "poststart", "poststop"])
def test_working_directory_of_a_runtime_hook_is_the_bundle(bundle, point):
    """R-HOOK-24."""
    out = bundle.hook(point, "pwd >$OUT")
    bundle.probe("exit 0")
    bundle.run_ok()
    assert out.read_text().strip() == str(bundle.dir)


@pytest.mark.parametrize("point", POINTS)
def test_hook_inherits_no_descriptor(bundle, point):
    """R-HOOK-25, I-26."""
    seen = add_probe(bundle, point)
    bundle.probe("exit 0")
    bundle.run_ok()
    assert sorted(seen().fds) == ["0", "1", "2"]


@pytest.mark.parametrize("point", POINTS)
def test_hook_starts_with_default_signals(bundle, point):
    """I-26, I-21, S-80: whatever the caller ignores or blocks."""
    seen = add_probe(bundle, point)
    bundle.probe("exit 0")
    bundle.run_ok(preexec_fn=harness.odd_signals)
    assert seen().signals_ignored == [] and seen().signals_blocked == []


@pytest.mark.parametrize("point", POINTS)
def test_hook_leads_a_process_group_of_its_own(bundle, point):
    """I-26: the group is what a timeout ends."""
    seen = add_probe(bundle, point)
    bundle.probe("exit 0")
    bundle.run_ok()
    assert seen().pgid == seen().pid


def test_poststop_gets_the_state_although_the_bundle_is_gone(bundle):
    """R-HOOK-27."""
    out = bundle.dir.parent / "after"
    script = bundle.dir.parent / "after.sh"
    script.write_text(f"#!/bin/sh\ncat >{out}\n")
    script.chmod(0o755)
    bundle.config["hooks"] = {"poststop": [{"path": str(script)}]}
    bundle.probe("exit 0")
    bundle.create_and_start()
    bundle.wait_stopped()
    os.rename(bundle.dir, bundle.dir.parent / "moved")
    try:
        (bundle.dir).mkdir()
        os.rename(bundle.dir.parent / "moved/state", bundle.root)
        bundle.delete()
    finally:
        os.rename(bundle.root, bundle.dir.parent / "moved/state")
        os.rmdir(bundle.dir)
        os.rename(bundle.dir.parent / "moved", bundle.dir)
    assert parse(out.read_text()).id == bundle.id


def test_network_namespace_is_reachable_in_create_runtime(bundle):
    """R-HOOK-28: CNI and libnetwork set up the network there."""
    out = bundle.hook("createRuntime", "pid=$(sed -n 's/.*\"pid\": *\\([0-9]*\\).*/\\1/p'); "
                      "readlink /proc/$pid/ns/net >$OUT")
    seen = bundle.run_probe()
    assert out.read_text().strip() == seen.namespaces.net


def test_process_that_a_hook_leaves_holds_nothing_up(bundle):
    """S-71: a daemon that a hook forked is the hook's own affair; it does not hold up create."""
    out = bundle.hook("createRuntime", "sleep 1000 & echo $! >$OUT; exit 0")
    bundle.probe("exit 0")
    bundle.run_ok()
    daemon = int(out.read_text())
    os.kill(daemon, signal.SIGKILL)
    wait_until(lambda: not os.path.exists(f"/proc/{daemon}"), "the end of the daemon")


def test_create_container_hook_sees_the_mounts_from_its_directory(bundle):
    """R-HOOK-20, R-HOOK-24: its working directory is the bundle in the container's mount
    namespace."""
    out = bundle.hook("createContainer", "ls rootfs/proc | grep -cx self >$OUT; pwd >>$OUT")
    bundle.probe("exit 0")
    bundle.run_ok()
    assert out.read_text().split() == ["1", str(bundle.dir)]


@pytest.mark.parametrize("privileges", [True, False])
def test_start_container_hook_runs_under_the_filter(bundle, privileges):
    """R-HOOK-22: a program of the image, as the container's own; with noNewPrivileges and without."""
    bundle.process["noNewPrivileges"] = privileges
    bundle.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}
    out = add(bundle, "startContainer", "grep Seccomp: /proc/self/status >$OUT; mkdir /made 2>>$OUT;"
              " grep CapEff: /proc/self/status >>$OUT; exit 0")
    bundle.probe("exit 0")
    bundle.run_ok()
    seccomp, failure, effective = out.read_text().splitlines()
    assert seccomp.split() == ["Seccomp:", "2"] and "No space left" in failure
    # CAP_SYS_ADMIN, with which the filter was loaded, is gone.
    assert int(effective.split()[1], 16) & 1 << 21 == 0
    assert not (bundle.rootfs / "made").exists()
