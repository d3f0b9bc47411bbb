# SPDX-License-Identifier: Apache-2.0
"""Hostile values and neighbours: ids, names, options, environments, files (threat-model 3.1).

Each test tells who attacks, what he does, what a naive runtime would do, and what must not happen.
The attacks on the root file system are in test_attacks.py.
"""

import ctypes
import json
import os
import pathlib
import socket
import stat
import struct
import subprocess

import pytest

import harness
from attacks import LIBC, ROUNDS, Canary, refuse_or_inside
from harness import CGROUP, cap_mask, cgroup_of, cgroups, wait_until


@pytest.fixture
def canary(bundle):
    made = Canary(bundle.dir / "canary")
    yield made
    made.assert_unchanged()


# --- identity -------------------------------------------------------------------------------------

@pytest.mark.parametrize("text", [
    "4294967296", "4294967297", "4294967301", "-1", "4294967295", "1.5", "1.0", "1e3", "\"0\"",
    "\"1000\"", "null", "true", "[]", "01", "+1", "0x1", "18446744073709551616", "1" + "0" * 400])
@pytest.mark.parametrize("field", ["uid", "gid"])
def test_number_that_is_no_id(bundle, field, text):
    """S-05, S-77; CVE-2016-3697, CVE-2024-40635, CVE-2026-46680.

    A tenant chooses the user of his container; the manager passes the value on.
    A naive runtime cuts the number to 32 bits, takes -1 (for setresuid: no change), or a name from
    the image's passwd: the program ends as root.
    It is refused, and never becomes 0.
    """
    (bundle.rootfs / "etc/passwd").unlink()
    (bundle.rootfs / "etc/passwd").write_text("".join(
        f"{name}:x:0:0::/:/bin/sh\n" for name in ("1000", "4294967296", "0", "-1")))
    bundle.process["user"] = {"uid": 7, "gid": 7, field: "HERE"}
    bundle.config = json.dumps(bundle.config).replace('"HERE"', text)
    bundle.refused()


def test_names_of_the_image_that_look_like_numbers(bundle):
    """S-05: the image's passwd and group map the name "1000" to root; ids are never looked up."""
    for name in ("passwd", "group"):
        path = bundle.rootfs / "etc" / name
        path.unlink()
        path.write_text("1000:x:0:0::/:/bin/sh\n")
    bundle.process["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [1000]}
    seen = bundle.run_probe()
    assert (seen.uid, seen.gid, seen.groups) == ([1000] * 3, [1000] * 3, [1000])


def test_rights_of_the_caller_are_dropped(bundle):
    """S-27; CVE-2018-10856, CVE-2022-2995, CVE-2022-36109, CVE-2023-25173.

    The manager runs with twenty supplementary groups; the image's group file lists more.
    A naive runtime keeps them, or keeps capabilities for a user who is not root.
    The groups are exactly those of the config; capabilities that are not ambient are gone.
    """
    def caller():
        harness.default_signals()
        os.setgroups(range(2000, 2020))

    (bundle.rootfs / "etc/group").unlink()
    (bundle.rootfs / "etc/group").write_text("disk:x:6:user\nuser:x:1234:\n")
    bundle.process["user"] = {"uid": 1234, "gid": 1234, "additionalGids": [77]}
    bundle.caps("CHOWN", "KILL", "SYS_ADMIN")
    seen = bundle.run_probe(preexec_fn=caller)
    assert seen.groups == [77]
    assert (seen.caps.effective, seen.caps.permitted, seen.caps.ambient) == (0, 0, 0)
    assert seen.caps.inheritable == 0
    assert seen.caps.bounding == cap_mask("CHOWN", "KILL", "SYS_ADMIN")


# --- names and values of the config ---------------------------------------------------------------

SYSCTLS = ["kernel/core_pattern", "kernel.core_pattern", "net.ipv4/../../kernel/core_pattern",
           "net/../kernel/core_pattern", "net...kernel.core_pattern", "net.ipv4.ip_forward\n",
           "net/ipv4/ip_forward/", "/net/ipv4/ip_forward", "net//ipv4/ip_forward", ".net.ipv4",
           "net..ipv4.ip_forward", "net", "net.", "vm.swappiness", "kernel.msgmax/../core_pattern",
           "fs.mqueue/../suid_dumpable", "fs.suid_dumpable", "kernel.hostname", "kernel.panic",
           "net.ipv4.ip_forward+kernel.core_pattern", "", "..", "user.max_user_namespaces",
           "kernel.shm_rmid_forced/../../kernel/core_pattern"]


@pytest.mark.parametrize("key", SYSCTLS)
def test_setting_that_is_the_hosts(bundle, key):
    """S-28; CVE-2022-0811.

    A tenant may ask for "safe" settings; he smuggles another one past the manager's list.
    A naive runtime compares a prefix, then joins the name to /proc/sys: core_pattern is his.
    It is refused, and the host's values stay.
    """
    watched = [pathlib.Path("/proc/sys") / name for name in (
        "kernel/core_pattern", "vm/swappiness", "fs/suid_dumpable", "kernel/panic",
        "net/ipv4/ip_forward", "kernel/hostname")]
    before = [path.read_text() for path in watched]
    bundle.linux["sysctl"] = {key: "1"}
    assert "sysctl" in bundle.refused()
    assert [path.read_text() for path in watched] == before


@pytest.mark.parametrize("key, kind", [("net.ipv4.ip_forward", "network"), ("kernel.msgmax", "ipc"),
                                       ("fs.mqueue.msg_max", "ipc"),
                                       ("kernel.domainname", "uts")])
def test_setting_of_a_namespace_that_is_the_hosts(bundle, key, kind):
    """S-28: without an own namespace the same name means the host."""
    path = pathlib.Path("/proc/sys") / key.replace(".", "/")
    before = path.read_text()
    bundle.remove_namespace(kind)
    if kind == "uts":
        del bundle.config["hostname"]
    if kind == "ipc":
        bundle.remove_mount("/dev/mqueue")
    bundle.linux["sysctl"] = {key: "7"}
    assert "sysctl" in bundle.refused()
    assert path.read_text() == before


@pytest.mark.parametrize("path", [
    "/a/../../x", "../x", "/..", "..", "a/./b", "/a//../b", "/", ".", "/a/..", "a/../..", "/a\nb",
    "/" + "a" * 256, "/" + "/".join(["a" * 200] * 25), "/a/cgroup.procs/..", "/../../../etc"])
def test_cgroup_path_that_leaves_its_place(bundle, path):
    """S-30; crun 1.28 and 1.29.

    A tenant's annotation or pod name becomes a part of cgroupsPath.
    A naive runtime joins the strings: the container's limits, and the removal of its cgroup, hit
    somebody else's.
    It is refused, and no directory is made anywhere.
    """
    before = cgroups()
    bundle.linux["cgroupsPath"] = path
    bundle.probe("exit 0")
    result = bundle.run()
    assert result.code == 1, result
    assert cgroups() == before
    assert not bundle.exists()


@pytest.mark.parametrize("name", [
    "..", ".", "", "a/b", "/etc/x", "-x", "--root", "a" * 256, "a" * 300, "a\nb", "a\tb", "a\x1bb",
    "\u00e4", "a b", "a;b", "a%sb", "%s%n", "a*", "a\\b", "../../x", "../x"])
@pytest.mark.parametrize("verb", ["create", "state", "start", "kill", "delete", "ps"])
def test_id_that_is_a_path(bundle, name, verb):
    """S-31; CVE-2015-1331.

    A tenant chooses the id.
    A naive runtime joins it to the state root: `delete` removes, `create` writes elsewhere.
    It is refused by every command, delete --force included.
    """
    bundle.probe("exit 0")
    bundle.write_config()
    victim = bundle.dir / "x"
    victim.mkdir()
    (victim / "state.json").write_text("{}")
    words = ["--", name]
    if verb == "create":
        # As an operand, a name with a slash would be a bundle (D-01).
        words = ["--id", name, f"{bundle.dir}/"] if "/" in name else ["-b", bundle.dir, *words]
    result = bundle.command(verb, *words)
    assert result.code == 1, result
    if verb == "delete":
        assert bundle.command("delete", "--force", *words).code == 1
    assert (victim / "state.json").read_text() == "{}"
    assert "\x1b" not in result.err and result.err.count("\n") == 1
    if bundle.root.exists():
        assert os.listdir(bundle.root) == []


@pytest.mark.parametrize("option", [
    "bind,ro", "ro,exec", "size=1,mode=777", "mode=777,size=1", "frobnicate", "ro=1", " ro", "ro ",
    "RO", "size", "size=", "mode=", "mode=999", "uid=0,gid=0", "context=x,dev", "ro\n", "\u00e9",
    "lowerdir=/", "source=/etc", "nosuid nodev", "mode=0x1ff", "size=-1", "size=1e3"])
def test_mount_option_that_hides_others(bundle, canary, option):
    """S-38; CVE-2024-1753, CVE-2024-9407.

    A tenant fills one option of a tmpfs; the manager put `nodev` and `nosuid` next to it.
    A naive runtime joins the options by commas: one string becomes several options, and unknown
    ones are dropped, with what they were to protect.
    Every option is known and meant as it stands, or the container is refused.
    """
    bundle.mount("/data", "tmpfs", "tmpfs", "nosuid", "nodev", option)
    bundle.probe("report")
    assert refuse_or_inside(bundle, canary) is None, f"{option!r} was accepted"


@pytest.mark.parametrize("source", ["with,comma", "with blank", "with\\backslash", "with\"quote",
                                    "with=equals", "ro", "\u00e9"])
def test_source_with_special_characters_is_a_path(bundle, canary, source):
    """S-38: and nothing but a path."""
    (bundle.dir / source).mkdir()
    (bundle.dir / source / "file").write_text("mine")
    bundle.mount("/data", "bind", bundle.dir / source, "bind", "ro")
    bundle.mount("/inner,comma", "tmpfs", "a,size=1,b", "size=64k")
    bundle.probe("read /data/file", "report")
    reports = refuse_or_inside(bundle, canary)
    assert reports[0].text == "mine"
    target = harness.mount_at(reports[1], "/inner,comma")
    assert target.source == "a,size=1,b" and "size=64k" in target.super


def test_only_cgroup_version_2_is_mounted(bundle):
    """S-42; CVE-2022-0492.

    A container with a version 1 hierarchy mounted read-write sets release_agent: a program that
    the host runs.
    A naive runtime mounts what the word `cgroup` means to mount(8).
    Only version 2 is there, and it is the container's own subtree.
    """
    bundle.config["mounts"][-1]["options"] = ["rw", "nosuid", "noexec", "nodev"]
    bundle.caps("SYS_ADMIN", "DAC_OVERRIDE")
    seen = bundle.run_probe("report", "ls /sys/fs/cgroup", "stat /sys/fs/cgroup/release_agent",
                            "stat /sys/fs/cgroup/notify_on_release")
    assert {m.fstype for m in seen[0].mounts if "cgroup" in m.fstype} == {"cgroup2"}
    assert seen[2].errno == "ENOENT" and seen[3].errno == "ENOENT"
    assert [m.root for m in seen[0].mounts if m.fstype == "cgroup2"] == ["/"]


@pytest.mark.parametrize("how", ["bind", "cgroup"])
def test_cgroups_of_the_host_cannot_be_written(bundle, how):
    """S-14, I-23; CVE-2023-25809: a user namespace, but no cgroup namespace of its own.

    The config has the host's /sys, or a cgroup mount, read-only, as rootless engines write it.
    A naive runtime binds the host's hierarchy, and the read-only flag is lost on the way: root of
    the container makes groups next to its own and moves itself there, out of its limits.
    Nothing below any /sys/fs/cgroup can be made or written.
    """
    bundle.user_namespace()
    bundle.remove_namespace("cgroup")
    bundle.remove_mount("/sys/fs/cgroup")
    bundle.linux["cgroupsPath"] = "/s14"
    if how == "bind":
        bundle.remove_mount("/sys")
        bundle.remove_namespace("network")
        bundle.mount("/sys", None, "/sys", "rbind", "nosuid", "noexec", "nodev", "rro")
    else:
        bundle.mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "ro")
    bundle.all_caps()
    bundle.shell("""for d in $(find /sys/fs/cgroup -type d 2>/dev/null || echo /sys/fs/cgroup); do
        echo looked
        mkdir $d/escaped 2>/dev/null && echo "made $d"
        for f in cgroup.procs cgroup.subtree_control cgroup.freeze; do
            ( : >>$d/$f; echo $$ >>$d/$f ) 2>/dev/null && echo "wrote $d/$f"
        done
    done; exit 0""")
    before = harness.cgroups()
    result = bundle.run_ok()
    assert set(result.out.split("\n")) == {"looked", ""}, result
    assert harness.cgroups() == before


# --- environments, descriptors, neighbours --------------------------------------------------------

@pytest.mark.parametrize("point", ["prestart", "createRuntime", "createContainer", "poststart",
                                   "poststop"])
def test_environment_of_the_image_does_not_reach_hooks(bundle, point):
    """S-25; CVE-2025-23266.

    The image sets LD_PRELOAD and PATH; a hook of the host runs with rights of the host.
    A naive runtime lets the hook inherit process.env (or its own environment).
    The hook's environment is exactly hooks[].env.
    """
    bundle.process["env"] = ["LD_PRELOAD=/evil.so", "PATH=/evil", "LD_LIBRARY_PATH=/evil"]
    out = bundle.hook(point, "tr '\\0' '\\n' </proc/self/environ >$OUT", env=["ONLY=this"])
    bundle.probe("exit 0")
    result = bundle.run(env={"LD_BIND_NOW": "1", "SECRET": "x", "PATH": "/usr/bin:/bin"})
    assert result.code == 0, result
    # The shell of the script has set PWD for itself only.
    assert out.read_text() == "ONLY=this\n"


def test_environment_of_the_runtime_is_not_seen_inside(bundle, make_bundle):
    """S-36; CVE-2021-3602.

    A program with CAP_SYS_PTRACE reads /proc/*/environ all the time while a container is created
    in its pid namespace; the runtime's environment has credentials in it.
    A naive runtime's child still has them when it has become visible, and can be read.
    The secret is never seen.
    """
    bundle.caps("SYS_PTRACE", "DAC_OVERRIDE", "SYS_ADMIN")
    bundle.shell("while [ ! -e /stop ]; do cat /proc/[2-9]*/environ /proc/[2-9]*/task/*/environ "
                 "/proc/[2-9]*/cmdline; done >/seen 2>/dev/null")
    bundle.create_and_start()
    other = make_bundle("other")
    other.namespace("pid", f"/proc/{bundle.state().pid}/ns/pid")
    other.hook("createContainer", "sleep 0.01")
    other.args("/bin/true")
    environment = {"PASSWORD": "hunter2hunter2", "PATH": "/usr/bin:/bin"}
    for _ in range(ROUNDS // 2):
        assert other.run(env=environment).code == 0
    (bundle.rootfs / "stop").touch()
    bundle.wait_stopped()
    seen = (bundle.rootfs / "seen").read_bytes()
    assert b"PATH=" in seen or b"/bin/true" in seen, "the spy has seen nothing at all"
    assert b"hunter2" not in seen


def test_set_up_cannot_be_looked_into_by_its_own_user(bundle):
    """S-40, I-14; CVE-2026-41163.

    The created process of a container with a user namespace has the host uid of another process.
    A naive runtime leaves it dumpable: the other one attaches with ptrace, or opens descriptors
    and memory through /proc, while it still holds what belongs to the host.
    Everything is refused until the program runs.
    """
    bundle.user_namespace()
    bundle.probe("sleep")
    bundle.create()
    pid = bundle.state().pid

    def spy():
        os.setgroups([])
        os.setresgid(100000, 100000, 100000)
        os.setresuid(100000, 100000, 100000)

    script = f"""if True:
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        found = []
        for name in ("fd", "exe", "cwd", "root", "mem", "environ"):
            try:
                path = "/proc/{pid}/" + name
                os.listdir(path) if name == "fd" else (
                    os.readlink(path) if name in ("exe", "cwd", "root") else open(path).close())
                found.append(name)
            except PermissionError:
                pass
        if libc.ptrace(0x4206, {pid}, 0, 0) == 0:  # PTRACE_SEIZE
            found.append("ptrace")
        print(" ".join(found))
        """
    done = harness.run_command(["/usr/bin/python3", "-c", script], preexec_fn=spy)
    assert (done.code, done.out.strip()) == (0, ""), done


def sockets():
    """Names of bound unix sockets in the host's network namespace."""
    return {line.split(None, 7)[7] for line in
            pathlib.Path("/proc/net/unix").read_text().splitlines()[1:]
            if len(line.split(None, 7)) > 7}


def test_no_socket_that_a_container_could_reach(bundle):
    """S-37; CVE-2020-15257.

    A container in the host's network namespace lists /proc/net/unix and connects to what it finds.
    A naive runtime (or shim) listens on an abstract name: everybody may connect.
    No abstract name appears at any time, and what listens is in a directory of root.
    """
    before = sockets()
    bundle.remove_namespace("network")
    bundle.config["mounts"] = [m for m in bundle.config["mounts"] if m["type"] != "sysfs"]
    bundle.remove_mount("/sys/fs/cgroup")
    bundle.linux["maskedPaths"] = []
    bundle.probe("read /proc/net/unix", "sleep")
    for step in (bundle.create, bundle.start):
        step()
        for name in sockets() - before:
            assert not name.startswith("@"), f"abstract socket '{name}'"
            # It was bound through /proc/self/fd/N: the name says nothing; look for the file.
    for path in bundle.root.rglob("*"):
        if path.is_socket():
            assert path.lstat().st_mode & 0o077 == 0
    wait_until(bundle.probe_lines, "the program")
    for line in bundle.probe_lines()[0].text.splitlines():
        assert "@" not in line or line.split()[-1] in {b.split()[-1] for b in before}, line


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_state_is_private_under_any_umask(bundle, umask):
    """S-45; CVE-2024-25621, CVE-2021-41103.

    A manager runs with umask 000.
    A naive runtime's state directory, sockets and temporary files then are everybody's.
    Nothing of the state is for anybody else.
    """
    bundle.probe("sleep")

    def caller():
        harness.default_signals()
        os.umask(umask)

    bundle.create("--pid-file", bundle.dir / "pid", preexec_fn=caller)
    for path in (bundle.root, *bundle.root.rglob("*")):
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert mode & 0o077 == 0, f"{path} has mode {mode:o}"
    assert stat.S_IMODE((bundle.dir / "pid").stat().st_mode) & 0o022 == 0
    bundle.start()
    assert bundle.status() == "running"


IN_OPEN, IN_ACCESS, IN_ISDIR = 0x20, 0x1, 0x40000000


class Watch:
    """Which names in a directory are opened or read, by inotify(7)."""

    def __init__(self, path):
        self.fd = LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert LIBC.inotify_add_watch(self.fd, os.fsencode(path),
                                      ctypes.c_uint32(IN_OPEN | IN_ACCESS)) >= 0

    def names(self):
        found = set()
        while True:
            try:
                data = os.read(self.fd, 65536)
            except BlockingIOError:
                return found - {""}
            while data:
                _, _, _, length = struct.unpack_from("iIII", data)
                found.add(data[16:16 + length].rstrip(b"\0").decode())
                data = data[16 + length:]

    def close(self):
        os.close(self.fd)


EXTRA_FILES = ["runtime.json", "state.json", "config.yaml", "config.toml", "config.json.bak",
               "hooks.json", ".cruntime", "cruntime.conf", "seccomp.json", "start.sock", "init.pid",
               "status", "process.json", "annotations", "notify", "exec.fifo"]


def test_only_config_json_is_read_from_the_bundle(bundle):
    """S-41, S-39; CVE-2026-40226, CVE-2026-94603.

    The bundle comes from an image that has files with every name a runtime ever read.
    A naive runtime finds an optional one and believes it: hooks and policy of the attacker.
    Only config.json is opened there, and nothing in the rootfs but passwd and the program.
    """
    bundle.root = bundle.dir.parent / "state-elsewhere"
    for name in EXTRA_FILES:
        (bundle.dir / name).write_text('{"hooks": {"poststart": [{"path": "/bin/false"}]}}')
        (bundle.rootfs / name).write_text("x")
    bundle.process["env"] = ["PATH=/bin", "HOME=/"]
    bundle.probe("exit 0")
    bundle.write_config()
    watches = [Watch(bundle.dir), Watch(bundle.rootfs), Watch(bundle.rootfs / "etc")]
    bundle.create(write=False)
    bundle.start()
    bundle.wait_stopped()
    bundle.delete()
    in_bundle, in_rootfs, in_etc = [w.names() for w in watches]
    for watch in watches:
        watch.close()
    assert in_bundle - {"rootfs", "out", "err"} == {"config.json"}
    assert in_rootfs <= {"probe"} and in_etc == set()


def test_annotations_change_nothing(bundle, canary):
    """S-24, S-29, S-39; D-10, D-14; CVE-2025-24965, CVE-2024-3154, CVE-2026-94603.

    A tenant's annotations are copied into the config.
    A naive runtime has handlers and properties behind some names: code of the host runs.
    Known dangerous ones are refused or without any effect.
    """
    for key, value in [("run.oci.handler", "krun"), ("run.oci.handler", "wasm"),
                       ("module.wasm.image/variant", "compat"),
                       ("org.systemd.property.ExecStopPost", "'/bin/false'"),
                       ("run.oci.hooks.stdout", str(canary.path / "new")),
                       ("run.oci.hooks.stderr", str(canary.path / "file")),
                       ("run.oci.pidfd_receiver", str(canary.path / "file")),
                       ("run.oci.seccomp.receiver", str(canary.path / "file")),
                       ("run.oci.keep_original_groups", "1"), ("run.oci.mount_context_type", "x"),
                       ("run.oci.systemd.subgroup", "../../x"), ("run.oci.delegate-cgroup", ".."),
                       ("run.oci.seccomp_bpf_data", "AAAA"),
                       ("run.oci.seccomp_fail_unknown_syscall", "0"),
                       ("io.podman.annotations.checkpoint", "x")]:
        bundle.config["annotations"] = {key: value}
        bundle.probe("report")

        def caller():
            harness.default_signals()
            os.setgroups([4, 5])

        reports = refuse_or_inside(bundle, canary, preexec_fn=caller)
        if key == "run.oci.handler":
            assert reports is None, "a handler is asked for and ignored (D-14)"
        if reports is not None:
            assert reports[0].groups == [] and reports[0].no_new_privs == 1


@pytest.mark.parametrize("verb", ["ps", "state", "list", "kill"])
def test_commands_run_nothing_of_the_container(bundle, verb):
    """S-35; CVE-2022-1227, CVE-2019-10152.

    The image has its own ps, sh and nsswitch.
    A naive runtime (podman top) executes ps inside, with the host's descriptors at hand.
    Nothing of the rootfs is executed or read by a command of the host.
    """
    for name in ("bin/ps", "usr/bin/ps", "bin/kill"):
        path = bundle.rootfs / name
        path.unlink(missing_ok=True)
        path.write_text("#!/bin/sh\n: >/executed\n")
        path.chmod(0o755)
    bundle.hold()
    watches = [Watch(bundle.rootfs / name) for name in (".", "bin", "usr/bin", "etc")]
    words = {"ps": [bundle.id, "-ef"], "state": [bundle.id], "list": [], "kill": [bundle.id, "0"]}
    assert bundle.command(verb, *words[verb]).code == 0
    assert [w.names() for w in watches] == [set()] * 4
    for watch in watches:
        watch.close()
    assert not (bundle.rootfs / "executed").exists()


def passwd_fifo(path):
    os.mkfifo(path)


def passwd_sparse(path):
    path.touch()
    os.truncate(path, 10 << 30)


def passwd_long_line(path):
    path.write_bytes(b"x" * (4 << 20))


def passwd_zero(path):
    path.symlink_to("/dev/zero")


def passwd_device(path):
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))


def passwd_directory(path):
    path.mkdir()


def passwd_socket(path):
    sock = socket.socket(socket.AF_UNIX)
    directory = os.open(path.parent, os.O_PATH)
    sock.bind(f"/proc/self/fd/{directory}/{path.name}")
    os.close(directory)
    sock.close()


@pytest.mark.parametrize("make", [passwd_fifo, passwd_sparse, passwd_long_line, passwd_zero,
                                  passwd_device, passwd_directory, passwd_socket])
@pytest.mark.parametrize("uid", [0, 1234])
def test_passwd_of_the_image_cannot_stop_or_feed_us(bundle, make, uid):
    """S-43, S-83; CVE-2025-4437, CVE-2024-9676, F-1.

    The image's passwd is a FIFO, a device without end, or 10 GiB of nothing.
    A naive runtime waits for a writer, or reads it into its memory, for a HOME.
    The created process is there at once, and small.
    """
    def peak():
        """In kB, of the created process, which has read the file by then."""
        bundle.create()
        status = pathlib.Path(f"/proc/{bundle.state().pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0])

    bundle.process["user"] = {"uid": uid, "gid": uid}
    bundle.process["env"] = ["PATH=/bin"]
    bundle.probe("report")
    usual = peak()
    bundle.delete()
    (bundle.rootfs / "etc/passwd").unlink()
    make(bundle.rootfs / "etc/passwd")
    # The kernel counts by processor and in batches of pages; the smallest of these files that has
    # an end has 4 MiB.
    assert peak() <= usual + 1024
    (seen,) = bundle.finish()
    assert "HOME=/" in seen.environ


# --- neighbours and the host ----------------------------------------------------------------------

def test_kill_and_delete_touch_their_own_container_only(bundle, make_bundle):
    """S-30, I-22: two containers in sibling cgroups, one with the other's path as a prefix.

    A naive runtime kills or removes by a name that also fits the neighbour.
    """
    other = make_bundle("other")
    bundle.linux["cgroupsPath"] = "/pod/web"
    other.linux["cgroupsPath"] = "/pod/web2"
    try:
        bundle.hold()
        other.hold()
        pid = other.state().pid
        bundle.kill("KILL")
        bundle.wait_stopped()
        bundle.delete("--force")
        assert other.status() == "running" and cgroup_of(pid) == CGROUP / "pod/web2"
        other.delete("--force")
    finally:
        if (CGROUP / "pod").exists():
            (CGROUP / "pod").rmdir()


def test_cgroup_that_was_moved_away_is_not_mistaken_for_another(bundle):
    """I-22: removal by recorded inode.

    Somebody removes the container's cgroup behind our back and makes another one of that name,
    with his own processes in it.
    A naive `delete --force` kills by path.
    """
    bundle.linux["cgroupsPath"] = "/mine"
    bundle.probe("exit 0")
    bundle.create_and_start()
    bundle.wait_stopped()
    path = CGROUP / "mine"
    path.rmdir()
    path.mkdir()
    with subprocess.Popen(["sleep", "1000"]) as sleeper:
        try:
            (path / "cgroup.procs").write_text(str(sleeper.pid))
            bundle.command("delete", "--force", bundle.id)
            assert sleeper.poll() is None, "a foreign process was killed"
            assert path.is_dir()
        finally:
            sleeper.kill()
            sleeper.wait()
            wait_until(lambda: "populated 0" in (path / "cgroup.events").read_text(), "empty")
            path.rmdir()
    assert not bundle.exists()


def test_signal_goes_to_the_container_and_not_to_a_recycled_pid(bundle):
    """I-31: the record holds the start time; a stale pid never gets a signal."""
    bundle.probe("exit 0")
    bundle.create_and_start()
    bundle.wait_stopped()
    record = bundle.root / bundle.id / "state.json"
    text = record.read_text()
    with subprocess.Popen(["sleep", "1000"]) as sleeper:
        try:
            data = json.loads(text)
            assert isinstance(data.get("pid"), int)
            data["pid"] = sleeper.pid
            record.write_text(json.dumps(data))
            assert bundle.status() == "stopped"
            assert bundle.kill("KILL", check=False).code == 1
            bundle.command("delete", "--force", bundle.id)
            assert sleeper.poll() is None, "a foreign process was killed"
        finally:
            sleeper.kill()


def test_output_files_that_are_traps(bundle, canary):
    """S-46; CVE-2022-4122, CVE-2022-4123, CVE-2025-9566.

    Who may write to the directory of --pid-file and --log puts links and FIFOs there.
    A naive runtime overwrites what the link points to, or hangs.
    The pid file is replaced, the log refused, the canary as it was.
    """
    bundle.probe("exit 0")
    for name, make in {"link": lambda p: p.symlink_to(canary.path / "file"),
                       "link to nowhere": lambda p: p.symlink_to(canary.path / "new"),
                       "fifo": os.mkfifo}.items():
        path = bundle.dir / name
        make(path)
        result = bundle.create("--pid-file", path)
        assert result.code == 0
        assert not path.is_symlink() and path.read_text() == str(bundle.state().pid)
        bundle.delete("--force")
        path.unlink()
        make(path)
        bundle.globals = ["--log", str(path)]
        assert "log" in bundle.one_line(bundle.create(check=False))
        bundle.globals = []
        assert not bundle.exists()
    canary.assert_unchanged()


def test_program_has_no_terminal_of_somebody_else(bundle):
    """S-34, I-07: its own session, and no controlling terminal. (test_foreground.py: TIOCSTI.)"""
    seen = bundle.run_probe("report", "tty")
    assert (seen[0].sid, seen[0].pgid) == (1, 1)
    assert seen[1].errno == "ENXIO"
