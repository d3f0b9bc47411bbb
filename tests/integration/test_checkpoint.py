# SPDX-License-Identifier: Apache-2.0
"""checkpoint and restore with the real criu(8), and with a stand-in what that never does
(cli-reference 4, engine-contracts 9; S-39)."""

import json
import os
import pathlib
import socket
import subprocess
import time

import pytest

import criu
import harness
from criu import StandIn
from harness import CGROUP, CRUNTIME, cgroup_of, cruntime, parse, wait_until

DUMP, RESTORE, PRE_DUMP = 1, 2, 4
BUSY = "i=0; while :; do i=$((i+1)); echo $i >/count; done"
COUNTER = "i=0; while :; do i=$((i+1)); echo $i >/count; sleep 0.02; done"

# Asked when a test needs it, and only once: it takes a tenth of a second.
real = pytest.mark.requires("criu")


@pytest.fixture
def image(tmp_path):
    return tmp_path / "image"


def counter(bundle):
    text = (bundle.rootfs / "count").read_text()
    return int(text) if text.strip() else 0


def counts(bundle):
    """Waits until the program goes on."""
    before = counter(bundle)
    wait_until(lambda: counter(bundle) > before, "the counter goes on")
    return before


def launch(bundle, script=COUNTER, **more):
    """A container with nothing of ours open."""
    bundle.shell(script)
    bundle.write_config()
    more = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL,
            "stderr": subprocess.DEVNULL, **more}
    args = [CRUNTIME, "--root", bundle.root, "run", "-d", "-b", bundle.dir, bundle.id]
    subprocess.run([str(a) for a in args], check=True, timeout=harness.TIMEOUT, **more)
    if script in (BUSY, COUNTER):
        wait_until(lambda: (bundle.rootfs / "count").exists(), "the first number")


def checkpoint(bundle, image, *options, program=None, check=True):
    words = ["--criu", program or criu.find(), "checkpoint", "--image-path", image, *options,
             bundle.id]
    result = bundle.command(*words)
    if check:
        assert (result.code, result.out, result.err) == (0, "", ""), explain(result, image)
    return result


def restore(bundle, image, *options, program=None, check=True, id=None, **more):
    bundle.write_config()
    bundle.ids.add(id or bundle.id)
    result = bundle.command("--criu", program or criu.find(), "restore", "-d", "--image-path",
                            image, "-b", bundle.dir, *options, id or bundle.id, **more)
    if check:
        assert (result.code, result.out, result.err) == (0, "", ""), explain(result, image)
    return result


def explain(result, image):
    logs = [p.read_text(errors="replace")[-3000:] for p in pathlib.Path(image).glob("*.log")]
    return f"{result}\n" + "\n".join(logs)


def gone(bundle):
    assert not bundle.exists()
    assert "does not exist" in bundle.command("state", bundle.id).err


def status_of(pid):
    return dict(line.split(":\t", 1) for line in
                pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)


# --- the real one ---------------------------------------------------------------------------------

@real
def test_container_goes_on_where_it_was(bundle, image):
    """engine-contracts 9: twice, with state, exec, kill and delete in between."""
    launch(bundle)
    for _ in range(2):
        counts(bundle)
        old = bundle.state().pid
        checkpoint(bundle, image)
        gone(bundle)
        assert not pathlib.Path(f"/proc/{old}").exists() and (image / "dump.log").exists()
        at = counter(bundle)
        time.sleep(0.1)
        assert counter(bundle) == at
        restore(bundle, image, "--pid-file", bundle.dir / "pid")
        state = bundle.state()
        assert state.status == "running" and (bundle.dir / "pid").read_text() == str(state.pid)
        counts(bundle)
        assert at < counter(bundle) < at + 1000
        assert bundle.exec("/bin/echo", "in").out == "in\n"
        assert pathlib.Path(f"/proc/{state.pid}/cgroup").read_text().splitlines()[-1].endswith(
            "/" + bundle.id)
        assert cgroup_of(state.pid).name == bundle.id
    bundle.kill("KILL")
    bundle.wait_stopped()
    bundle.delete()
    assert not bundle.exists()


@real
def test_what_confines_it_is_in_force_again(bundle, image):
    """S-39: filter, capabilities, no_new_privs, device rules, masks, namespaces."""
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]}
    bundle.caps("CHOWN", "MKNOD")
    launch(bundle)
    before = status_of(bundle.state().pid)
    spaces = {n: os.readlink(f"/proc/self/ns/{n}") for n in
              ("pid", "net", "ipc", "uts", "mnt", "cgroup")}
    checkpoint(bundle, image)
    restore(bundle, image)
    pid = bundle.state().pid
    after = status_of(pid)
    for name in ("Seccomp", "NoNewPrivs", "CapBnd", "CapPrm", "CapEff", "CapInh", "CapAmb", "Uid"):
        assert after[name] == before[name], name
    assert after["Seccomp"] == "2"
    for name, ours in spaces.items():
        assert os.readlink(f"/proc/{pid}/ns/{name}") != ours, name
    # By the program of our own cgroup, which the image knows nothing of.
    made = bundle.exec("/bin/busybox", "sh", "-c", "busybox mknod /dev/x b 7 0; cat /dev/x")
    assert "not permitted" in made.err, made
    assert "not permitted" in bundle.exec("/bin/mkdir", "/new").err
    assert bundle.exec("/bin/cat", "/proc/keys").out == ""
    inside = bundle.exec("/bin/cat", "/proc/self/cgroup").out.splitlines()
    assert inside[-1] == "0::/"


@real
def test_binds_are_mounted_again(bundle, image):
    """One through a link of the image, one inside another; what was made to mount on is made again."""
    outer, inner, file = (bundle.dir / n for n in ("outer", "inner", "file"))
    outer.mkdir()
    inner.mkdir()
    (inner / "it").write_text("inner")
    file.write_text("file")
    (bundle.rootfs / "real/conf").mkdir(parents=True)
    (bundle.rootfs / "conf").symlink_to("/real/conf")
    bundle.mount("/conf", "bind", inner, "bind")
    bundle.mount("/outer", "bind", outer, "bind", "rw")
    bundle.mount("/outer/a/b", "bind", inner, "bind", "ro")
    bundle.mount("/etc/one", "bind", "file", "bind", "ro")
    launch(bundle)
    checkpoint(bundle, image)
    subprocess.run(["rm", "-rf", outer / "a"], check=True)
    restore(bundle, image)
    for path, text in (("/conf/it", "inner"), ("/outer/a/b/it", "inner"), ("/etc/one", "file")):
        assert bundle.exec("/bin/cat", path).out == text
    assert "Read-only" in bundle.exec("/bin/touch", "/outer/a/b/new").err
    assert bundle.exec("/bin/touch", "/outer/new").code == 0 and (outer / "new").exists()


@real
def test_network_namespace_of_the_caller_is_joined_again(bundle, image):
    """engine-contracts 9"""
    space = bundle.dir / "netns"
    space.touch()
    subprocess.run(["unshare", f"--net={space}", "true"], check=True)
    try:
        bundle.namespace("network", space)
        launch(bundle)
        checkpoint(bundle, image)
        restore(bundle, image)
        assert os.stat(f"/proc/{bundle.state().pid}/ns/net").st_ino == space.stat().st_ino
        counts(bundle)
    finally:
        subprocess.run(["umount", space], check=True)


@real
def test_new_network_namespace_has_its_loopback(bundle, image):
    """C-NS-10"""
    launch(bundle)
    checkpoint(bundle, image)
    restore(bundle, image)
    assert "UP" in bundle.exec("/bin/busybox", "ip", "link", "show", "lo").out


@real
def test_left_running(bundle, image):
    """The image is one more container, under another name."""
    launch(bundle)
    checkpoint(bundle, image, "--leave-running")
    assert bundle.status() == "running"
    counts(bundle)
    bundle.kill("KILL")
    bundle.wait_stopped()
    restore(bundle, image, id=bundle.id + "-2")
    assert bundle.status(bundle.id + "-2") == "running"


@real
def test_paused_container(bundle, image):
    """engine-contracts 9: containerd pauses before and resumes after."""
    launch(bundle)
    assert bundle.command("pause", bundle.id).code == 0
    checkpoint(bundle, image, "--leave-running")
    assert bundle.status() == "paused"
    assert bundle.command("resume", bundle.id).code == 0
    counts(bundle)
    assert bundle.command("pause", bundle.id).code == 0
    checkpoint(bundle, image)
    gone(bundle)
    restore(bundle, image)
    assert bundle.status() == "running"
    counts(bundle)


@real
@pytest.mark.requires("criu-dirty")
def test_memory_in_advance(bundle, tmp_path):
    launch(bundle)
    first, second = tmp_path / "first", tmp_path / "second"
    checkpoint(bundle, first, "--pre-dump")
    assert bundle.status() == "running"
    counts(bundle)
    checkpoint(bundle, second, "--parent-path", "../first")
    gone(bundle)
    assert (second / "parent").is_symlink()
    restore(bundle, second)
    counts(bundle)


@real
def test_pipes_are_replaced_by_the_callers(bundle, image):
    """descriptors.json"""
    old_in, old_out = os.pipe(), os.pipe()
    launch(bundle, "while read x; do echo got $x; done", stdin=old_in[0], stdout=old_out[1],
           stderr=old_out[1])
    checkpoint(bundle, image)
    for fd in (*old_in, *old_out):
        os.close(fd)
    names = json.loads((image / "descriptors.json").read_text())
    assert len(names) == 3 and all(n.startswith("pipe:[") for n in names)
    into, outof = os.pipe(), os.pipe()
    bundle.write_config()
    args = ["--root", bundle.root, "--criu", criu.find(), "restore", "-d", "--image-path", image,
            "-b", bundle.dir, bundle.id]
    subprocess.run([CRUNTIME, *map(str, args)], stdin=into[0], stdout=outof[1], stderr=outof[1],
                   check=True, timeout=harness.TIMEOUT)
    os.close(into[0])
    os.close(outof[1])
    os.write(into[1], b"this\n")
    os.close(into[1])
    with open(outof[0], encoding="utf-8") as file:
        assert file.read() == "got this\n"
    bundle.wait_stopped()


@real
def test_terminal_is_sent_to_the_socket_again(bundle, image, tmp_path):
    bundle.process["terminal"] = True
    bundle.shell("while read x; do echo got $x; done")
    bundle.write_config()
    path = tmp_path / "socket"

    def terminal(*words):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            result = bundle.command(*words[:-1], "--console-socket", path, "-b", bundle.dir,
                                    words[-1], stdin=subprocess.DEVNULL)
            assert result.code == 0, explain(result, image)
            with listener.accept()[0] as peer:
                master = socket.recv_fds(peer, 100, 1)[1][0]
        path.unlink()
        os.write(master, b"a\n")
        seen = b""
        while b"got a" not in seen:
            seen += os.read(master, 100)
        return master

    first = terminal("run", "-d", bundle.id)
    checkpoint(bundle, image)
    os.close(first)
    os.close(terminal("--criu", criu.find(), "restore", "-d", "--image-path", image, bundle.id))


@real
def test_foreground_waits_and_deletes(bundle, image):
    launch(bundle, "trap 'exit 7' TERM; echo >/count; while :; do sleep 0.05; done")
    checkpoint(bundle, image)
    bundle.write_config()
    process = bundle.popen("--criu", criu.find(), "restore", "--image-path", image, "-b",
                           bundle.dir, bundle.id, stdin=subprocess.DEVNULL)
    wait_until(lambda: bundle.exists() and bundle.command("state", bundle.id).code == 0
               and bundle.status() == "running", "the container runs")
    process.terminate()
    assert process.wait(harness.TIMEOUT) == 7
    assert not bundle.exists()


@real
def test_hooks_of_restore(bundle, image):
    """prestart and createRuntime when the namespaces are there; poststop at every end."""
    outs = {p: bundle.hook(p, "cat >>$OUT; echo >>$OUT") for p in
            ("prestart", "createRuntime", "createContainer", "startContainer", "poststart",
             "poststop")}
    bundle.remove_mount("/sys")  # startContainer hooks are looked for in the container
    bundle.remove_mount("/sys/fs/cgroup")
    del bundle.config["hooks"]["startContainer"]
    launch(bundle)
    checkpoint(bundle, image)
    assert len(outs["poststop"].read_text().splitlines()) == 1
    for out in outs.values():
        out.unlink(missing_ok=True)
    restore(bundle, image)
    pid = bundle.state().pid
    for point in ("prestart", "createRuntime"):
        state = parse(outs[point].read_text())
        assert (state.id, state.pid, state.status) == (bundle.id, pid, "creating")
    assert not any(outs[p].exists() for p in ("createContainer", "poststart", "poststop"))
    bundle.delete("--force")
    assert parse(outs["poststop"].read_text()).status == "stopped"


@real
@pytest.mark.parametrize("change, text", [
    (lambda b: b.caps("KILL"), "has capabilities that config.json does not grant"),
    (lambda b: b.process.update(noNewPrivileges=True), "without no_new_privs"),
    (lambda b: b.linux.update(seccomp={"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}]}), "without the seccomp filter"),
    (lambda b: b.namespace("uts"), "no uts namespace of its own"),
    (lambda b: b.process.update(terminal=True), "cannot allocate tty"),
])
def test_image_with_more_rights_than_the_config_is_refused(bundle, image, change, text):
    """S-39"""
    bundle.caps("KILL", "SYS_ADMIN")
    bundle.process["noNewPrivileges"] = False
    bundle.remove_namespace("uts")
    del bundle.config["hostname"]
    launch(bundle, BUSY)
    checkpoint(bundle, image)
    at = (bundle.rootfs / "count").read_text()
    change(bundle)
    result = restore(bundle, image, "--pid-file", bundle.dir / "pid", check=False)
    assert text in bundle.one_line(result)
    gone(bundle)
    assert (bundle.rootfs / "count").read_text() == at, "it ran"
    assert not (bundle.dir / "pid").exists() and not (CGROUP / bundle.id).exists()


@real
def test_failure_of_criu_is_told_in_one_line(bundle, image):
    """The container goes on; nothing is left of one that could not be restored."""
    with open(bundle.dir / "outside", "wb") as file:
        launch(bundle, stdout=file)
    line = bundle.one_line(checkpoint(bundle, image, check=False))
    assert line.startswith(f"checkpoint '{bundle.id}': criu failed: ")
    assert line.endswith(f"(see '{image}/dump.log')") and "FAILED" not in line
    counts(bundle)
    bundle.kill("KILL")
    bundle.wait_stopped()
    bundle.delete()
    launch(bundle)
    checkpoint(bundle, image)
    (image / "pstree.img").write_text("no image")
    line = bundle.one_line(restore(bundle, image, "--work-path", image / "logs", check=False))
    assert line.startswith(f"restore '{bundle.id}': criu failed: ")
    assert line.endswith(f"(see '{image}/logs/restore.log')"), line
    gone(bundle)


# --- what never reaches criu ----------------------------------------------------------------------

@pytest.fixture
def stand_in(tmp_path):
    directory = tmp_path / "stand-in"
    directory.mkdir()
    return StandIn(directory)


@pytest.fixture
def an_image(image):
    image.mkdir()
    (image / "inventory.img").touch()
    return image


def test_criu_that_never_answers_is_not_waited_for(tmp_path):
    """D-19: whoever asks for the help waits without a limit of his own."""
    program = tmp_path / "criu"
    program.write_text("#!/bin/sh\nexec sleep 1000\n")
    program.chmod(0o755)
    line = harness.Bundle.one_line(cruntime("--criu", program, "checkpoint", "--help"))
    assert line.endswith(f"'{program} check' did not end within 10 s"), line


@pytest.mark.parametrize("name", ["checkpoint", "restore"])
def test_help_fails_where_criu_does_not_work(name, stand_in, tmp_path):
    """D-19: podman takes the success of `checkpoint --help` for support."""
    assert cruntime("--criu", stand_in.program, name, "--help").code == 0
    stand_in.play(check="no such kernel")
    line = harness.Bundle.one_line(cruntime("--criu", stand_in.program, name, "--help"))
    assert line == (f"{name}: criu does not work on this machine: '{stand_in.program} check' says: "
                    "no such kernel")
    line = harness.Bundle.one_line(cruntime("--criu", tmp_path / "none", name, "--help"))
    assert f"run '{tmp_path}/none'" in line
    features = cruntime("--criu", stand_in.program, "features").json.annotations
    assert features["org.opencontainers.runc.checkpoint.enabled"] == "false"
    stand_in.play()
    features = cruntime("--criu", stand_in.program, "features").json.annotations
    assert features["org.opencontainers.runc.checkpoint.enabled"] == "true"


def test_probe_of_engines():
    """engine-contracts 1: podman looks for these words."""
    assert "requires an argument" in cruntime("restore", "--lsm-mount-context").err


@pytest.mark.parametrize("options, text", [
    (["--image-path", "{}/none"], "--image-path: open '{}/none'"),
    (["--image-path", "{}"], "holds no checkpoint"),
    (["--image-path", "{}/image", "--empty-ns", "ipc"], "'ipc' is not supported"),
    (["--image-path", "{}/image", "--work-path", "{}/image/inventory.img"], "is no directory"),
])
def test_bad_options_of_restore(bundle, an_image, stand_in, tmp_path, options, text):
    bundle.write_config()
    words = [o.format(tmp_path) for o in options]
    result = bundle.command("--criu", stand_in.program, "restore", "-b", bundle.dir, *words,
                            bundle.id)
    assert text.format(tmp_path) in bundle.one_line(result)
    gone(bundle)


@pytest.mark.parametrize("options, text", [
    (["--parent-path", "/abs"], "--parent-path '/abs' must be relative"),
    (["--parent-path", "none"], "invalid --parent-path 'none'"),
    (["--page-server", "here"], "--page-server 'here': use ADDRESS:PORT"),
    (["--status-fd", "77"], "--status-fd '77': expected a descriptor"),
    (["--manage-cgroups-mode", "soft"], "--manage-cgroups-mode: only ignore is supported"),
    (["--status-fd", "x"], "--status-fd 'x': expected a descriptor"),
])
def test_bad_options_of_checkpoint(bundle, image, stand_in, options, text):
    bundle.hold()
    result = checkpoint(bundle, image, *options, program=stand_in.program, check=False)
    assert text in bundle.one_line(result)
    assert bundle.status() == "running"


def test_container_that_does_not_run_is_not_checkpointed(bundle, image, stand_in):
    bundle.probe("sleep")
    bundle.create()
    result = checkpoint(bundle, image, program=stand_in.program, check=False)
    assert "container cannot be checkpointed in created state" in bundle.one_line(result)
    bundle.kill("KILL")
    bundle.wait_stopped()
    result = checkpoint(bundle, image, program=stand_in.program, check=False)
    assert "container cannot be checkpointed in stopped state" in bundle.one_line(result)
    assert not image.exists()


@pytest.mark.parametrize("change, text", [
    (lambda b: b.user_namespace(), "with a user namespace cannot be checkpointed"),
    (lambda b: b.config.update(annotations={"org.criu.config": "/x"}), "org.criu.config is not"),
])
def test_what_criu_cannot_carry_over_is_refused(bundle, an_image, stand_in, change, text):
    """S-39: such a file could make criu run anything."""
    change(bundle)
    bundle.hold()
    result = checkpoint(bundle, an_image, program=stand_in.program, check=False)
    assert text in bundle.one_line(result)
    bundle.delete("--force")
    assert text in bundle.one_line(restore(bundle, an_image, program=stand_in.program,
                                           check=False))
    gone(bundle)


def test_state_root_without_the_container(bundle, image, stand_in):
    result = checkpoint(bundle, image, program=stand_in.program, check=False)
    assert "does not exist" in bundle.one_line(result)


# --- what criu is asked for -----------------------------------------------------------------------

def test_request_of_checkpoint(bundle, image, stand_in):
    (bundle.dir / "data").mkdir()
    bundle.mount("/data", "bind", "data", "bind")
    bundle.hold()
    pid = bundle.state().pid
    stand_in.play(["notify", "pre-dump"], ["kill"])
    checkpoint(bundle, image, "--work-path", image / "work", program=stand_in.program)
    gone(bundle)
    assert (image / "work").is_dir()
    assert stand_in.request.type == DUMP and stand_in.options(2) == [pid]
    assert ("/data", "/data") in stand_in.options(23)
    assert stand_in.options(44) == [f"/sys/fs/cgroup/{bundle.id}"]
    assert stand_in.options(34) == [0] and stand_in.options(10) == ["dump.log"]
    assert set(stand_in.request.fds.values()) == {"/dev/null"}
    assert stand_in.records()[1:] == [{"script": "pre-dump", "success": 1}]
    assert image.stat().st_mode & 0o777 == 0o700


def test_request_of_pre_dump(bundle, image, stand_in):
    bundle.hold()
    checkpoint(bundle, image, "--pre-dump", program=stand_in.program)
    assert stand_in.request.type == PRE_DUMP and stand_in.options(15) == [1]
    assert bundle.status() == "running"


def test_request_of_restore(bundle, an_image, stand_in):
    """In the container's cgroup, in a mount namespace whose root is a mount."""
    (bundle.dir / "data").mkdir()
    (an_image / "descriptors.json").write_text('["/dev/null","pipe:[12]","x"]')
    bundle.mount("/data", "bind", "data", "bind")
    stand_in.play(["fail", "enough"])
    line = bundle.one_line(restore(bundle, an_image, program=stand_in.program, check=False))
    assert "criu failed: enough" in line
    gone(bundle)
    assert stand_in.request.type == RESTORE
    assert ("/data", f"{bundle.dir}/data") in stand_in.options(23)
    assert stand_in.options(13) == [str(bundle.rootfs)]
    assert stand_in.options(27) == [("pipe:[12]", 1)]
    assert stand_in.request.cgroup.splitlines()[-1] == "0::/"
    assert f" {bundle.rootfs} " in stand_in.request.mounts
    assert (bundle.rootfs / "data").is_dir(), "nothing to mount on"


# --- what criu may do to us -----------------------------------------------------------------------

@pytest.mark.parametrize("steps, text", [
    ([["die"]], "criu ended without an answer"),
    ([["log", "(0.1) Error (a.c:1): x: broken"], ["log", "(0.2) Error (b.c:2): FAILED"],
      ["fail", "y"]], "criu failed: x: broken (see '"),
    ([["fork"], ["notify", "setup-namespaces"], ["die"]], "criu ended without an answer"),
    ([["fork"], ["notify", "pre-resume"]], "capabilities that config.json does not grant"),
    ([["fork"], ["notify", "post-restore"], ["fail", "late"]], "criu failed: late"),
    ([["notify", "pre-resume"]], "criu did not say what it has restored"),
    ([["fork"]], "criu let the restored processes run without asking"),
    ([], "criu let the restored processes run without asking"),
])
def test_nothing_is_left_of_a_failed_restore(bundle, an_image, stand_in, steps, text):
    """I-25: no process, cgroup, record, pid file; the fixtures look for the first three."""
    stand_in.play(*steps)
    bundle.linux["namespaces"] = [n for n in bundle.linux["namespaces"] if n["type"] != "network"]
    result = restore(bundle, an_image, "--pid-file", bundle.dir / "pid", program=stand_in.program,
                     check=False)
    assert text in bundle.one_line(result)
    gone(bundle)
    assert not (bundle.dir / "pid").exists() and not (CGROUP / bundle.id).exists()


def test_failing_hook_ends_the_restore(bundle, an_image, stand_in):
    """criu ends with what it has restored, and the poststop hooks run."""
    bundle.hook("createRuntime", "echo no; exit 3")
    stop = bundle.hook("poststop", "cat >$OUT")
    bundle.remove_namespace("network")
    stand_in.play(["fork"], ["notify", "setup-namespaces"])
    line = bundle.one_line(restore(bundle, an_image, program=stand_in.program, check=False))
    assert "error running createRuntime hook #0" in line and "criu" not in line
    assert len(stand_in.records()) == 1, "criu was answered"
    assert parse(stop.read_text()).status == "stopped"
    gone(bundle)


def test_runtime_that_is_killed_takes_criu_along(bundle, an_image, stand_in):
    """I-25: what is left is for `delete --force`."""
    stand_in.play(["fork"], ["notify", "setup-namespaces"], ["hang"])
    bundle.remove_namespace("network")
    bundle.write_config()
    process = bundle.popen("--criu", stand_in.program, "restore", "-d", "--image-path", an_image,
                           "-b", bundle.dir, bundle.id)
    wait_until(lambda: (stand_in.program.parent / "criu.out").exists()
               and len(stand_in.records()) > 1, "criu hangs")
    process.kill()
    process.wait()
    assert "state.json is missing, 1 processes are running" in bundle.command(
        "state", bundle.id).err
    assert bundle.command("start", bundle.id).code == 1
    bundle.delete("--force")
    gone(bundle)


def test_failed_checkpoint_leaves_the_container(bundle, image, stand_in):
    bundle.hold()
    dead = ([["die"]], "criu ended without an answer")
    for steps, text in (([["log", "Error (a.c:1): why"], ["fail", "x"]],
                         f"criu failed: why (see '{image}/dump.log')"), dead):
        stand_in.play(*steps)
        result = checkpoint(bundle, image, program=stand_in.program, check=False)
        assert text in bundle.one_line(result)
        assert bundle.status() == "running"
