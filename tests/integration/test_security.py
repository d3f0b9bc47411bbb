# SPDX-License-Identifier: Apache-2.0
"""Attacks that were published against runtimes, as far as they concern create, run and start.

Each test opens with the story: attacker, step, what must not happen (threat-model 3.1).
"""

import ctypes
import hashlib
import os
import stat
import subprocess
import threading

import pytest

import harness

RENAME_EXCHANGE = 2


@pytest.fixture
def canary(bundle):
    """A directory of the host that nothing may touch: names, content, modes and owners compared."""
    path = bundle.dir / "canary"
    path.mkdir()
    (path / "file").write_text("precious")
    (path / "ptmx").write_text("precious")
    (path / "dir").mkdir()
    os.mknod(path / "null", 0o600 | stat.S_IFCHR, os.makedev(1, 3))

    def picture():
        found = {}
        for base, dirs, files in os.walk(path):
            for name in (*dirs, *files):
                full = os.path.join(base, name)
                info = os.lstat(full)
                text = open(full).read() if stat.S_ISREG(info.st_mode) else ""
                found[full] = (info.st_mode, info.st_uid, info.st_gid, info.st_ino, text)
        return found

    before = picture()
    host_mounts = harness.mounts()
    yield path
    assert picture() == before, "the host was changed"
    assert harness.mounts() == host_mounts


def refused_or_inside(bundle, **more):
    """The two good ends: an own failure, or a run."""
    result = bundle.run(timeout=30, **more)
    assert result.code in (0, 1), result
    return result


def without_dev_mounts(bundle):
    bundle.config["mounts"] = [m for m in bundle.config["mounts"]
                               if not m["destination"].startswith("/dev")]
    bundle.linux["maskedPaths"] = bundle.linux["readonlyPaths"] = []


REPLACEMENTS = ["absolute link", "relative link", "link to a file", "dangling link", "magic link",
                "link to itself", "fifo", "file", "socket", "device"]


def replace(path, kind, canary):
    """Puts something hostile where a mount target or a device is going to be."""
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "absolute link":
        path.symlink_to(canary)
    elif kind == "relative link":
        path.symlink_to("../" * 20 + str(canary).lstrip("/"))
    elif kind == "link to a file":
        path.symlink_to(canary / "file")
    elif kind == "dangling link":
        path.symlink_to(canary / "absent")
    elif kind == "magic link":
        path.symlink_to("/proc/self/fd/3")
    elif kind == "link to itself":
        path.symlink_to(path.name)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "file":
        path.write_text("hostile")
    elif kind == "socket":
        harness.ConsoleSocket(str(path)).close()
    else:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))


@pytest.mark.parametrize("kind", REPLACEMENTS)
@pytest.mark.parametrize("target", ["data", "proc", "sys", "dev", "a/b/c"])
def test_hostile_mount_target(bundle, canary, target, kind):
    """S-01, S-02, S-09, S-10, S-16: the image has something else where a mount goes; the mount must
    not land on the host, nothing may be created there, and nothing may hang."""
    replace(bundle.rootfs / target, kind, canary)
    if target not in ("proc", "sys", "dev"):
        bundle.mount(f"/{target}", "tmpfs", "tmpfs")
    bundle.probe("report")
    refused_or_inside(bundle)


@pytest.mark.parametrize("kind", REPLACEMENTS)
def test_hostile_dev_without_a_mount(bundle, canary, kind):
    """S-20 (CVE-2026-41579, CVE-2026-47766): /dev of the image is a link; default nodes, links and
    the removal of ptmx must not act on the host."""
    without_dev_mounts(bundle)
    replace(bundle.rootfs / "dev", kind, canary)
    bundle.probe("report")
    refused_or_inside(bundle)


@pytest.mark.parametrize("kind", REPLACEMENTS)
@pytest.mark.parametrize("name", ["null", "tty", "ptmx", "fd", "stdin"])
def test_hostile_device_entry(bundle, canary, name, kind):
    """S-20, S-22 (CVE-2026-88265): an entry of the image's /dev leads to the host; neither its
    owner nor its mode may change, for any user of the container."""
    without_dev_mounts(bundle)
    replace(bundle.rootfs / "dev" / name, kind, canary)
    bundle.process["user"] = {"uid": 1234, "gid": 1234}
    bundle.probe("report")
    refused_or_inside(bundle)


@pytest.mark.parametrize("kind", REPLACEMENTS)
def test_hostile_console(bundle, canary, kind):
    """S-18, S-21 (CVE-2025-52565, CVE-2026-88264): /dev/console of the image is a link; no host file
    is created and no terminal is bound outside."""
    without_dev_mounts(bundle)
    bundle.config["mounts"].append({"destination": "/dev/pts", "type": "devpts", "source": "devpts",
                                    "options": ["newinstance", "ptmxmode=0666"]})
    replace(bundle.rootfs / "dev/console", kind, canary)
    bundle.process["terminal"] = True
    bundle.probe("stat /dev/console")
    result = refused_or_inside(bundle)
    if result.code == 0:
        seen = harness.parse(result.out.replace("\r", ""))
        assert seen.type == "char" and 136 <= seen.major <= 143


@pytest.mark.parametrize("place", ["data", "proc", "a/b"])
def test_target_that_is_swapped_while_containers_start(bundle, canary, place):
    """S-11, S-16 (CVE-2021-30465, CVE-2024-45310): a shared volume whose directory is exchanged with
    a link to the host again and again, while 60 containers mount below it."""
    volume = bundle.dir / "volume"
    (volume / place).mkdir(parents=True)
    (volume / "link").symlink_to(canary)
    libc = ctypes.CDLL(None)
    stop = threading.Event()

    def swap():
        a, b = str(volume / place.split("/")[0]).encode(), str(volume / "link").encode()
        while not stop.is_set():
            libc.renameat2(-100, a, -100, b, RENAME_EXCHANGE)

    bundle.mount("/v", None, volume, "bind")
    bundle.mount(f"/v/{place}", "tmpfs", "tmpfs")
    bundle.mount(f"/v/{place}/new", "tmpfs", "tmpfs")
    bundle.probe("exit 0")
    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(60):
            refused_or_inside(bundle)
    finally:
        stop.set()
        thread.join()


def test_working_directory_of_a_leaked_descriptor(bundle, canary):
    """S-15 (CVE-2024-21626): the caller has leaked directories of the host; neither cwd nor a
    program may be reached through them."""
    def caller():
        harness.default_signals()
        for fd in range(3, 30):
            os.dup2(os.open("/", os.O_RDONLY), fd, inheritable=True)

    for fd in range(0, 30, 3):
        bundle.process["cwd"] = f"/proc/self/fd/{fd}"
        bundle.probe("report")
        result = refused_or_inside(bundle, preexec_fn=caller, close_fds=False)
        if result.code == 0:
            assert result.lines[0].cwd.startswith("/proc/") is False
            assert not any(f.type == "dir" for f in result.lines[0].fds.values())


def test_program_that_is_a_link_to_the_runtime(bundle):
    """S-07 (CVE-2019-5736): the container's program is /proc/self/exe, so that the runtime executes
    itself inside and its file can be overwritten; the bytes must stay the same."""
    before = hashlib.sha256(open(harness.CRUNTIME, "rb").read()).hexdigest()
    (bundle.rootfs / "evil").symlink_to("/proc/self/exe")
    (bundle.rootfs / "script").write_text("#!/proc/self/exe\n")
    (bundle.rootfs / "script").chmod(0o755)
    for program in ("/evil", "/proc/self/exe", "/script", "/proc/1/exe"):
        bundle.args(program, "--version")
        result = bundle.run(timeout=20)
        assert "cruntime version" not in result.out, "the runtime was executed inside"
    after = hashlib.sha256(open(harness.CRUNTIME, "rb").read()).hexdigest()
    assert after == before


def test_runtime_binary_cannot_be_written_from_a_created_container(bundle):
    """S-07, I-15: /proc/PID/exe of the waiting process is not a writable way to the binary."""
    bundle.create()
    exe = f"/proc/{bundle.state().pid}/exe"
    with pytest.raises(OSError):
        # As root of the host even: text busy, or a read-only mount.
        os.close(os.open(exe, os.O_WRONLY))


def test_created_process_is_not_dumpable(bundle):
    """S-06, I-14: before it executes the program nobody inside may trace it."""
    bundle.create()
    pid = bundle.state().pid
    assert os.stat(f"/proc/{pid}/mem").st_uid == 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        target = os.readlink(f"/proc/{pid}/fd/{name}")
        if target.startswith("/") and os.path.isdir(target):
            assert int(name) > 2, f"host directory '{target}' open in a created container"


def test_template_leaves_nothing_dangerous_writable_in_proc(bundle):
    """S-03: with the config of `cruntime spec` root of the container writes nowhere below /proc
    that concerns the host."""
    spec = bundle.dir / "spec"
    spec.mkdir()
    assert harness.cruntime("spec", "-b", spec).code == 0
    config = harness.parse((spec / "config.json").read_text())
    config.process["terminal"] = False
    bundle.config = config
    bundle.config["root"]["readonly"] = False
    for path in ("sysrq-trigger", "sys/kernel/core_pattern", "sys/kernel/panic", "kcore", "mem",
                 "kmsg", "sys/vm/drop_caches", "irq/default_smp_affinity", "sys/fs/binfmt_misc",
                 "sys/kernel/modprobe"):
        seen = bundle.run_probe(f"try-open /proc/{path} w")
        # A masked file is the null device, which swallows what is written.
        stat_ = bundle.run_probe(f"stat /proc/{path}")
        assert seen.errno is not None or stat_.get("type") == "char", path


def test_host_devices_cannot_be_opened_by_a_node_of_ones_own(bundle):
    """Rules of the cgroup, not the absence of nodes, keep the disks away."""
    bundle.all_caps()
    bundle.process["noNewPrivileges"] = False
    make, use = bundle.run_probe("mknod /tmp/disk b 254 0", "try-open /tmp/disk r")
    assert make.errno in (None, "EPERM") and use.errno in ("EPERM", "ENOENT", "ENXIO", "ENODEV")
    assert use.errno == "EPERM" or make.errno == "EPERM"


def test_libraries_of_the_image_are_never_loaded(bundle):
    """S-08, I-14 (CVE-2019-14271): nothing of the rootfs is mapped into the runtime's processes
    before execve; the image's preload and nsswitch files have no effect."""
    (bundle.rootfs / "etc/ld.so.preload").write_text("/evil.so\n")
    (bundle.rootfs / "etc/nsswitch.conf").write_text("passwd: evil\n")
    bundle.create()
    maps = open(f"/proc/{bundle.state().pid}/maps").read()
    assert str(bundle.rootfs) not in maps and "evil" not in maps


def test_id_and_bundle_never_reach_a_shell(bundle):
    """Names with shell characters are refused or harmless."""
    bundle.write_config()
    for name in ("$(touch /run/pwned)", "`id`", ";true", "a|b"):
        assert bundle.command("create", "-b", bundle.dir, name).code == 1
    assert not os.path.exists("/run/pwned")


def test_pre_planted_state_directory_is_not_followed(bundle, canary):
    """I-24: a link in the state root where the container's directory is going to be."""
    bundle.root.mkdir(mode=0o700)
    (bundle.root / bundle.id).symlink_to(canary)
    result = bundle.create(check=False)
    assert result.code == 1
    bundle.command("delete", "--force", bundle.id)
    if (bundle.root / bundle.id).is_symlink():
        (bundle.root / bundle.id).unlink()


def test_rootfs_that_is_the_host_root_is_harmless(bundle):
    """S-73: documented result, no change of the host; /dev and masks would act on it."""
    bundle.config["root"]["path"] = "/"
    bundle.args(harness.PROBE, "exit", "0")
    before = os.stat("/dev/null")
    refused_or_inside(bundle)
    after = os.stat("/dev/null")
    assert (before.st_mode, before.st_uid, before.st_ino) == (after.st_mode, after.st_uid,
                                                              after.st_ino)


def test_suid_binary_of_the_image_gains_nothing_with_the_template(bundle):
    """no_new_privs is in the template."""
    (bundle.rootfs / "suid").write_bytes((bundle.rootfs / "probe").read_bytes())
    (bundle.rootfs / "suid").chmod(0o4755)
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.args("/suid")
    assert bundle.run_ok().lines[0].uid == [1000] * 3


def test_process_of_one_container_sees_nothing_of_another(make_bundle):
    """pid, mount, ipc and cgroup namespaces."""
    one, two = make_bundle("one"), make_bundle("two")
    one.hold()
    seen, procs = two.run_probe("report", "ls /proc")
    assert [n for n in procs.entries if n.isdigit()] == ["1"]
    assert not any(str(one.dir) in m.root for m in seen.mounts)


def test_log_file_that_is_a_link_is_not_followed(bundle, canary):
    """base/log.h: the log lies in a directory that others may write to."""
    log = bundle.dir / "log"
    log.symlink_to(canary / "file")
    bundle.globals = ["--log", str(log)]
    bundle.args("/nonexist")
    bundle.run()


def test_environment_of_the_caller_does_not_reach_the_program(bundle):
    """Secrets of the engine."""
    seen = bundle.run_probe(env={**os.environ, "SECRET": "x", "LD_PRELOAD": "",
                                 "NOTIFY_SOCKET": "", "_LIBCONTAINER": "y"})
    assert not any(e.startswith(("SECRET", "LD_PRELOAD", "_LIB")) for e in seen.environ)


def test_hook_or_program_cannot_hold_the_lock_of_a_container(bundle):
    """I-31: delete does not wait for the program."""
    bundle.hold()
    subprocess.run([harness.CRUNTIME, "--root", bundle.root, "delete", "--force", bundle.id],
                   check=True, timeout=10)
