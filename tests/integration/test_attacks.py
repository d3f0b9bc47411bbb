# SPDX-License-Identifier: Apache-2.0
"""Hostile root file systems: links, races, fake kernel files (threat-model 3.1).

Each test tells who attacks, what he prepares, what a naive runtime would do, and what must not
happen. Beside every rootfs lies a canary; what is left behind (mounts, cgroups, processes) is
compared by the fixtures.
"""

import contextlib
import errno
import os
import pathlib
import shutil
import stat

import pytest

import harness
from attacks import ROUNDS, Canary, refuse_or_inside, remove, replacements, swapper
from harness import ConsoleSocket, parse, read_terminal

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


@pytest.fixture
def canary(bundle):
    made = Canary(bundle.dir / "canary")
    yield made
    made.assert_unchanged()


def no_dev_mount(bundle):
    """/dev is what the image says."""
    for destination in ("/dev/shm", "/dev/mqueue", "/dev/pts", "/dev"):
        bundle.remove_mount(destination)


def no_protection(bundle):
    """So that every mount that is seen inside is one of the config."""
    bundle.linux["maskedPaths"] = bundle.linux["readonlyPaths"] = []


TARGETS = ["proc", "sys", "dev", "dev/pts", "dev/shm", "dev/mqueue", "etc/hosts", "data",
           "deep/er/data", "dev/null", "dev/tty", "dev/fd", "dev/ptmx", "dev/stdout"]


@pytest.mark.parametrize("with_dev", [True, False])
@pytest.mark.parametrize("target", TARGETS)
def test_mount_target_of_every_kind(bundle, canary, target, with_dev):
    """S-09, S-33, S-40; CVE-2019-18837, CVE-2015-1335, CVE-2026-87766.

    The image's author puts a link, FIFO, socket or device where something will be mounted or made.
    A naive runtime looks the path up as a string: it mounts on the host, makes files through the
    link, or opens the FIFO and hangs.
    Everything must happen inside the rootfs, or the container is refused; at once in both cases.
    """
    if not with_dev:
        no_dev_mount(bundle)
    for name in ("data", "deep/er/data"):
        bundle.mount("/" + name, "bind", bundle.dir / "volume", "rbind", "ro")
    bundle.mount("/etc/hosts", "bind", bundle.dir / "hosts", "bind")
    no_protection(bundle)
    (bundle.dir / "volume").mkdir()
    (bundle.dir / "hosts").write_text("127.0.0.1 mine\n")
    bundle.probe("report")
    started = []
    for kind, make in replacements(canary).items():
        path = bundle.rootfs / target
        top = bundle.rootfs / target.split("/")[0]
        if target != "etc/hosts":
            remove(top)
        path.parent.mkdir(parents=True, exist_ok=True)
        remove(path)
        make(path)
        if refuse_or_inside(bundle, canary) is not None:
            started.append(kind)
        remove(top if target != "etc/hosts" else path)
    # Not so strict that nothing starts any more: in-root links are legal, on most targets.
    if with_dev and target.startswith("dev/"):
        assert set(started) == set(replacements(canary)), "the mounted /dev hides the image's"


def test_descriptors_that_are_opened_early(bundle, canary):
    """S-01; CVE-2015-3627.

    The image's author makes every file that a runtime opens for the program a link to the host:
    standard streams, /dev/null, passwd, group, the terminal.
    A naive runtime opens or chowns them before it enters the rootfs, through the link.
    The canary must stay as it is, and nothing of it may be read.
    """
    no_dev_mount(bundle)
    bundle.process["user"] = {"uid": 1234, "gid": 1234}
    dev = bundle.rootfs / "dev"
    for relative in (False, True):
        remove(dev)
        dev.mkdir()

        def point(name, to, directory=dev, relative=relative):
            remove(directory / name)
            (directory / name).symlink_to(canary.inside(directory, to) if relative
                                          else canary.path / to)

        for name in (*DEVICES, "stdin", "stdout", "stderr", "fd", "core", "ptmx", "console"):
            point(name, "file")
        point("passwd", "passwd", bundle.rootfs / "etc")
        point("group", "file", bundle.rootfs / "etc")
        bundle.probe("report")
        refuse_or_inside(bundle, canary)

        # The same without the part that makes it fail: HOME must not come from the host.
        remove(dev)
        seen = refuse_or_inside(bundle, canary)
        assert seen is not None
        assert "HOME=/" in seen[0].environ


def test_targets_that_the_program_replaced_before_the_next_run(bundle, canary):
    """S-02; CVE-2015-3629.

    The program of a first run replaces all mount points by links while nothing is mounted there
    any more, for example from a sibling that shares the volume.
    A naive runtime remembers that they were directories and mounts by path: on the host.
    The second run must be refused or stay inside.
    """
    bundle.mount("/data", "bind", canary.path / "directory", "bind", "ro")
    no_protection(bundle)
    bundle.probe("report")
    assert refuse_or_inside(bundle, canary) is not None
    points = ["data", "sys", "proc"]
    for count in range(1, len(points) + 1):
        for name in points[:count]:
            remove(bundle.rootfs / name)
            (bundle.rootfs / name).symlink_to(canary.path / "directory")
        refuse_or_inside(bundle, canary)


PROC_PLACES = ["/proc", "/proc/", "//proc", "/proc/self", "/proc/self/attr", "/proc/sys",
               "/proc/self/attr/exec", "/proc/1", "/proc/sys/kernel/core_pattern",
               "/proc/./self/attr", "/link", "/link/self/attr"]


@pytest.mark.parametrize("kind", ["bind", "tmpfs"])
@pytest.mark.parametrize("place", PROC_PLACES)
def test_mount_in_proc_is_refused(bundle, canary, place, kind):
    """S-04; CVE-2015-3631, CVE-2019-16884, CVE-2023-28642.

    A volume of the image lies over /proc or a part of it.
    A naive runtime mounts it and then writes labels, limits and settings to fake files: the policy
    is lost, and nobody notices.
    It must be refused; directly, and through a link of the image.
    """
    (bundle.rootfs / "link").symlink_to("/proc")
    if kind == "tmpfs":
        bundle.mount(place, "tmpfs", "tmpfs")
    else:
        bundle.mount(place, "bind", canary.path / "directory", "rbind")
    bundle.probe("report")
    assert refuse_or_inside(bundle, canary) is None


@pytest.mark.parametrize("name", ["proc", "sys"])
@pytest.mark.parametrize("to", ["/tmp", "tmp", "/nowhere", "canary", "/proc/self/root"])
def test_proc_or_sys_of_the_image_is_a_link(bundle, canary, name, to):
    """S-10, S-04; CVE-2019-19921, CVE-2023-27561, CVE-2025-54867.

    The image has /proc as a link to one of its directories.
    A naive runtime mounts procfs there; masks and labels then go to a /proc that the image fills.
    It must be refused, whatever the link points to.
    """
    (bundle.rootfs / name).symlink_to(canary.path / "directory" if to == "canary" else to)
    bundle.probe("report")
    assert refuse_or_inside(bundle, canary) is None
    assert os.listdir(bundle.rootfs / "tmp") == []


@pytest.mark.parametrize("name", ["proc", "sys"])
def test_proc_or_sys_is_swapped_for_a_link(bundle, canary, name):
    """S-10.

    A sibling that shares the volume with the rootfs exchanges /proc and a link all the time.
    A naive runtime checks for a directory, then mounts through the link.
    When the container starts, its /proc is a procfs at /proc, with the masks in force.
    """
    real = {"proc": "keys", "sys": "firmware"}[name]
    (bundle.rootfs / name).mkdir()
    (bundle.rootfs / "other").symlink_to("tmp")
    # The names go on changing while the program runs: the mount is below one of the two.
    bundle.probe(*[f"{action} /{top}/{path}" for top in (name, "other")
                   for action, path in (("stat", real), ("ls", real), ("ls", ""))])
    started = 0
    with swapper(bundle.rootfs / name, bundle.rootfs / "other"):
        for _ in range(ROUNDS):
            reports = refuse_or_inside(bundle, canary)
            if reports is None:
                continue
            for masked, content, top in (reports[:3], reports[3:]):
                assert masked.errno or masked.type == "dir" or (masked.major, masked.minor) == (
                    1, 3), f"the mask is lost: {masked}"
                assert content.errno or not content.entries, f"the mask is lost: {content}"
                started += "kernel" in (top.entries or []) or "version" in (top.entries or [])
    # The target of the cgroup mount, /sys/fs/cgroup, may be made through it: inside.
    assert set(os.listdir(bundle.rootfs / "tmp")) <= ({"fs"} if name == "sys" else set())
    assert started > 0, "never started, so nothing was tested"


def test_volume_is_swapped_for_a_link_to_the_host(bundle, canary):
    """S-11; CVE-2021-30465, CVE-2017-1002101, CVE-2021-25741.

    Two containers share a volume; one exchanges a directory in it with a link to the host
    while the other one starts with twenty mounts below that directory.
    A naive runtime resolves the target, then mounts by path: the host's tree appears, or the mount
    lands on the host.
    The host's mounts and the canary must not change, and no mount may show a foreign tree.
    """
    shared = bundle.dir / "shared"
    (shared / "real").mkdir(parents=True)
    for i in range(20):
        (shared / "real" / f"m{i}").mkdir()
    outside = bundle.dir / "outside"
    for i in range(20):
        (outside / f"m{i}").mkdir(parents=True)
    (shared / "link").symlink_to(canary.inside(shared, outside))
    bundle.mount("/shared", "bind", shared, "rbind")
    for i in range(20):
        bundle.mount(f"/shared/real/m{i}", "tmpfs", "tmpfs", "size=4k", "mode=755")
    bundle.probe("report")
    before = harness.mounts()
    started = 0
    with swapper(shared / "real", shared / "link"):
        for _ in range(ROUNDS):
            reports = refuse_or_inside(bundle, canary)
            assert harness.mounts() == before
            if reports is not None:
                started += 1
                mine = [m for m in reports[0].mounts if m.source == "tmpfs" and "size=4k" in m.super]
                assert len(mine) == 20
    assert sorted(os.listdir(shared / "real")) == sorted(f"m{i}" for i in range(20))


@pytest.mark.parametrize("number", [*range(0, 24), 30, 40, 50, 63, 64])
def test_working_directory_and_program_through_a_descriptor(bundle, canary, number):
    """S-15; CVE-2024-21626.

    The image sets WORKDIR or the entry point to /proc/self/fd/N, or to a link to it.
    A naive runtime holds a directory of the host at N while it changes directory or executes: the
    program stands outside of its root.
    It must be refused for every N, and descriptor N must not be there.
    """
    (bundle.rootfs / "wd").symlink_to(f"/proc/self/fd/{number}")
    for cwd in (f"/proc/self/fd/{number}", f"/proc/self/fd/{number}/../..", "/wd", "/wd/../.."):
        bundle.probe("report")
        bundle.process["cwd"] = cwd
        reports = refuse_or_inside(bundle, canary)
        if reports is not None:
            # "/wd/../.." may be made of what the image has; then it is a path of the container.
            assert reports[0].cwd.startswith("/") and "unreachable" not in reports[0].cwd
            assert cwd.startswith("/wd")
    bundle.process["cwd"] = "/"
    for program in (f"/proc/self/fd/{number}", f"/proc/self/fd/{number}/../../bin/sh",
                    f"/proc/self/fd/{number}/../../../../../../bin/true"):
        bundle.args(program)
        result = bundle.run(timeout=20)
        assert result.code == 1 and "exec: " in bundle.one_line(result), result


@pytest.mark.parametrize("to", ["canary", "relative", "nowhere", "magic"])
@pytest.mark.parametrize("what", ["directory", "file", "cwd", "tmpfs"])
def test_missing_targets_below_a_link(bundle, canary, what, to):
    """S-16, S-40; CVE-2024-45310, CVE-2026-55686, CVE-2024-5154, CVE-2026-41163.

    A mount target (or the working directory) does not exist; a component of its path is a link of
    the image that leads to the host.
    A naive runtime calls mkdir -p on the joined string and makes directories on the host.
    No inode may appear outside of the rootfs.
    """
    link = {"canary": canary.path / "directory", "relative": canary.inside(None, "directory"),
            "nowhere": canary.path / "new", "magic": f"/proc/1/root{canary.path}/directory"}[to]
    (bundle.rootfs / "link").symlink_to(link)
    source = bundle.dir / "source"
    if what == "file":
        source.write_text("mine")
    else:
        source.mkdir()
    if what == "cwd":
        bundle.process["cwd"] = "/link/a/b"
    elif what == "tmpfs":
        bundle.mount("/link/a/b", "tmpfs", "tmpfs")
    else:
        bundle.mount("/link/a/b", "bind", source, "bind")
    no_protection(bundle)
    bundle.probe("report")
    refuse_or_inside(bundle, canary)


def test_missing_targets_in_a_directory_that_is_swapped(bundle, canary):
    """S-16.

    As above, but the link appears only for moments, between the runtime's check and its mkdir.
    """
    (bundle.rootfs / "place").mkdir()
    (bundle.rootfs / "link").symlink_to(canary.inside(None, "directory"))
    for i in range(10):
        bundle.mount(f"/place/{i}/deeper", "tmpfs", "tmpfs")
        (bundle.dir / f"file{i}").write_text("mine")
        bundle.mount(f"/place/f{i}", "bind", bundle.dir / f"file{i}", "bind")
    bundle.process["cwd"] = "/place/work/here"
    bundle.probe("report")
    with swapper(bundle.rootfs / "place", bundle.rootfs / "link"):
        for _ in range(ROUNDS):
            refuse_or_inside(bundle, canary)
            for name in ("place", "link"):
                with contextlib.suppress(OSError):
                    if not (bundle.rootfs / name).is_symlink():
                        harness.run_command(["find", bundle.rootfs / name, "-mindepth", "1",
                                             "-delete"])


CORE_PATTERN = "/proc/sys/kernel/core_pattern"


def mask_probe(bundle):
    bundle.caps("SYS_ADMIN", "DAC_OVERRIDE", "MKNOD", "SYS_PTRACE")
    (bundle.rootfs / "secret").write_text("secret")
    bundle.linux["maskedPaths"] = ["/secret", "/proc/kcore", "/proc/keys"]
    bundle.probe("stat /secret", "stat /proc/keys", f"try-open {CORE_PATTERN} w",
                 "read /secret")


def assert_masked(reports):
    for line in reports[:2]:
        assert (line.type, line.major, line.minor) == ("char", 1, 3), line
    assert reports[2].errno == "EROFS", "core_pattern can be written to"
    assert reports[3].text in ("", None)


@pytest.mark.parametrize("kind", [CORE_PATTERN, "../proc/sys/kernel/core_pattern", "canary",
                                  "a file", "another device", "nothing"])
@pytest.mark.parametrize("how", ["image", "volume"])
def test_mask_is_made_of_the_null_device_and_nothing_else(bundle, canary, kind, how):
    """S-17; CVE-2025-31133, CVE-2025-62161.

    /dev comes from the image or from a shared volume, and its null is a link to a kernel setting.
    A naive runtime masks files by binding /dev/null by name: the setting appears, writable, at the
    masked path; or it ignores that there is no null and leaves the path unmasked.
    Masked files are the device 1:3, or the container is refused.
    """
    no_dev_mount(bundle)
    dev = bundle.rootfs / "dev"
    if how == "volume":
        dev = bundle.dir / "volume"
        bundle.mount("/dev", "bind", dev, "rbind")
    dev.mkdir()
    for name in DEVICES:
        if name != "null":
            minor = {"zero": 5, "full": 7, "random": 8, "urandom": 9, "tty": 0}[name]
            os.mknod(dev / name, stat.S_IFCHR | 0o666, os.makedev(5 if name == "tty" else 1, minor))
    if kind == "a file":
        (dev / "null").write_text("open")
    elif kind == "another device":
        os.mknod(dev / "null", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    elif kind != "nothing":
        (dev / "null").symlink_to(canary.path / "null" if kind == "canary" else kind)
    mask_probe(bundle)
    reports = refuse_or_inside(bundle, canary)
    if kind == "nothing" and how == "image":
        assert reports is not None
    if kind != "nothing":
        assert reports is None
    if reports is not None:
        assert_masked(reports)


def test_null_device_is_swapped_while_it_masks(bundle, canary):
    """S-17.

    /dev is a volume shared with a running container that exchanges null and a link.
    A naive runtime checks the device number by name, then binds the name.
    """
    no_dev_mount(bundle)
    dev = bundle.dir / "volume"
    dev.mkdir()
    os.mknod(dev / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    (dev / "other").symlink_to(CORE_PATTERN)
    bundle.mount("/dev", "bind", dev, "rbind")
    mask_probe(bundle)
    started = 0
    with swapper(dev / "null", dev / "other"):
        for _ in range(ROUNDS):
            reports = refuse_or_inside(bundle, canary)
            if reports is not None:
                started += 1
                assert_masked(reports)
    assert 0 < started, "never started, so nothing was tested"


@pytest.mark.parametrize("kind", ["link", "link to nowhere", "directory", "fifo", "file",
                                  "another device"])
def test_console_of_the_image(bundle, canary, kind):
    """S-18, S-21; CVE-2025-52565, CVE-2026-88264.

    /dev comes from the image; its console is a link to a file of the host that does not exist, a
    directory or a FIFO.
    A naive runtime opens it with O_CREAT: a file appears on the host, or open hangs.
    /dev/console is the container's own terminal, or the container is refused.
    """
    for destination in ("/dev/shm", "/dev/mqueue", "/dev"):
        bundle.remove_mount(destination)
    bundle.process["terminal"] = True
    dev = bundle.rootfs / "dev"
    for readonly in (False, True):
        bundle.config["root"]["readonly"] = readonly
        remove(dev)
        dev.mkdir()
        path = dev / "console"
        {"link": lambda: path.symlink_to(canary.path / "file"),
         "link to nowhere": lambda: path.symlink_to(canary.inside(dev, "new")),
         "directory": path.mkdir, "fifo": lambda: os.mkfifo(path),
         "file": lambda: path.write_text("image"),
         "another device": lambda: os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5)),
         }[kind]()
        bundle.probe("stat /dev/console", "tty")
        reports = refuse_or_inside(bundle, canary)
        if kind.startswith("link") or kind == "directory":
            assert reports is None
        else:
            assert reports is not None and reports[0].major == 136, reports
            assert reports[1].isatty == [True] * 3


@pytest.mark.parametrize("what", ["dev/pts", "dev/pts/ptmx", "dev/ptmx"])
def test_terminal_of_the_image(bundle, canary, what):
    """S-18, I-07.

    The image has a directory, a file or a link where the terminal comes from.
    A naive runtime opens /dev/ptmx by path and believes in the name that ptsname(3) returns.
    The descriptor that is sent is a terminal of the container's own devpts, or none is sent.
    """
    no_dev_mount(bundle)
    bundle.process["terminal"] = True
    dev = bundle.rootfs / "dev"
    dev.mkdir()
    (dev / "pts").mkdir()
    if what == "dev/pts":
        (dev / "pts").rmdir()
        (dev / "pts").symlink_to("/proc/self/root/dev/pts")
    elif what == "dev/pts/ptmx":
        os.mknod(dev / "pts/ptmx", stat.S_IFCHR | 0o666, os.makedev(5, 2))
    else:
        (dev / "ptmx").symlink_to(canary.path / "ptmx")
    bundle.probe("tty")
    assert refuse_or_inside(bundle, canary) is None, "there is no devpts in the container"


def test_terminal_directory_is_swapped(bundle, canary):
    """S-18; CVE-2025-52565.

    /dev is a shared volume; a sibling exchanges pts, on which devpts gets mounted, with a link to
    a directory of his that holds other devices.
    A naive runtime binds /dev/pts/0 by name onto /dev/console.
    """
    no_dev_mount(bundle)
    dev = bundle.dir / "volume"
    (dev / "pts").mkdir(parents=True)
    (dev / "fake").mkdir()
    (dev / "console").write_text("")
    os.mknod(dev / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    for name in ("0", "1", "ptmx"):
        os.mknod(dev / "fake" / name, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    (dev / "other").symlink_to("fake")
    bundle.mount("/dev", "bind", dev, "rbind")
    bundle.mount("/dev/pts", "devpts", "devpts", "newinstance", "ptmxmode=0666", "mode=0620")
    bundle.process["terminal"] = True
    bundle.probe("stat /dev/console", "tty")
    started = 0
    with swapper(dev / "pts", dev / "other"):
        for _ in range(ROUNDS):
            reports = refuse_or_inside(bundle, canary)
            if reports is not None:
                started += 1
                assert reports[0].major == 136 and reports[1].isatty == [True] * 3, reports
    assert started > 0, "never started, so nothing was tested"


def test_settings_are_written_to_the_real_proc(bundle, canary):
    """S-19; CVE-2025-52881, CVE-2025-62596.

    The image and a sibling do what they can to have /proc/sys be a directory of theirs when the
    runtime writes sysctls.
    A naive runtime writes to the path inside the container: a link there redirects the write to
    sysrq-trigger or core_pattern, or it is lost in a tmpfs.
    The setting is in force whenever the container runs, and the host's is unchanged.
    """
    key = pathlib.Path("/proc/sys/net/ipv4/ip_forward")
    before = key.read_text()
    fake = bundle.rootfs / "fake"
    (fake / "sys/net/ipv4").mkdir(parents=True)
    (fake / "sys/net/ipv4/ip_forward").symlink_to(canary.inside(fake, "file"))
    (bundle.rootfs / "proc").mkdir()
    (bundle.rootfs / "other").symlink_to("fake")
    wanted = "1" if before.strip() == "0" else "0"
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": wanted}
    bundle.probe("read /proc/sys/net/ipv4/ip_forward", "read /other/sys/net/ipv4/ip_forward")
    started = 0
    with swapper(bundle.rootfs / "proc", bundle.rootfs / "other"):
        for _ in range(ROUNDS):
            reports = refuse_or_inside(bundle, canary)
            for seen in reports or []:
                if seen.errno is None:
                    started += 1
                    assert seen.text == wanted, "the setting was lost"
            assert key.read_text() == before
    assert started > 0, "never started, so nothing was tested"


@pytest.mark.parametrize("to", ["absolute", "relative", "magic", "self"])
def test_dev_of_the_image_is_a_link(bundle, canary, to):
    """S-20; CVE-2026-41579, CVE-2026-47766.

    No /dev is mounted and the image's /dev is a link to a directory of the host.
    A naive runtime makes nodes and links there, and removes a file that is named ptmx.
    The canary keeps its files, and gets no new ones.
    """
    no_dev_mount(bundle)
    for directory in (canary.path, canary.path / "directory"):
        link = {"absolute": directory, "relative": canary.inside(None, directory),
                "magic": f"/proc/self/root{directory}", "self": "/proc/self/cwd"}[to]
        remove(bundle.rootfs / "dev")
        (bundle.rootfs / "dev").symlink_to(link)
        bundle.probe("report", "ls /dev")
        refuse_or_inside(bundle, canary)


@pytest.mark.parametrize("to", ["absolute", "relative", "file"])
def test_null_device_of_the_image_is_a_link(bundle, canary, to):
    """S-22; CVE-2026-88265.

    The image's /dev/null is a link to a node 1:3 of the host, or to a regular file; the user is
    not root.
    A naive runtime reopens /dev/null for the standard streams through the link, is content with
    the device number and gives the node to the user.
    Owners and modes of the canary stay.
    """
    no_dev_mount(bundle)
    bundle.process["user"] = {"uid": 1234, "gid": 1234}
    dev = bundle.rootfs / "dev"
    dev.mkdir()
    (dev / "null").symlink_to({"absolute": canary.path / "null",
                               "relative": canary.inside(dev, "null"),
                               "file": canary.inside(dev, "file")}[to])
    bundle.probe("report")
    assert refuse_or_inside(bundle, canary) is None


def test_device_nodes_below_a_link(bundle, canary):
    """S-20, S-75: linux.devices with a path whose parent is a link to the host.

    A naive runtime calls mknod on the joined string.
    """
    (bundle.rootfs / "nodes").symlink_to(canary.inside(None, "directory"))
    for path in ("/nodes/mine", "/nodes/a/b", "/nodes/../nodes/x", "/link"):
        remove(bundle.rootfs / "link")
        (bundle.rootfs / "link").symlink_to(canary.path / "new")
        bundle.linux["devices"] = [{"path": path, "type": "c", "major": 1, "minor": 5,
                                    "fileMode": 0o666, "uid": 7, "gid": 7}]
        bundle.probe("report")
        refuse_or_inside(bundle, canary)


def test_copied_up_directory_with_links(bundle, canary):
    """S-09: tmpcopyup copies what is below the mount point into the tmpfs.

    The image has links to the host, FIFOs and devices there.
    A naive runtime follows them while it copies: host files appear inside, or it hangs.
    """
    data = bundle.rootfs / "data"
    data.mkdir()
    (data / "absolute").symlink_to(canary.path / "file")
    (data / "relative").symlink_to(canary.inside(data, "file"))
    (data / "directory").symlink_to(canary.path / "directory")
    os.mkfifo(data / "fifo")
    os.mknod(data / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    bundle.mount("/data", "tmpfs", "tmpfs", "tmpcopyup", "size=1m")
    bundle.probe("read /data/relative", "stat /data/absolute", "ls /data")
    reports = refuse_or_inside(bundle, canary)
    if reports is not None:
        assert reports[0].text is None
        assert reports[1].target == str(canary.path / "file")


def test_read_only_and_masked_paths_that_are_links(bundle, canary):
    """S-04, S-17: the image's author chooses what the listed paths lead to.

    A naive runtime remounts or masks by path, on the host.
    """
    for name in ("ro", "masked"):
        (bundle.rootfs / name).symlink_to(canary.inside(None, "directory"))
    bundle.linux["readonlyPaths"] = ["/ro", "/ro/inner"]
    bundle.linux["maskedPaths"] = ["/masked", "/masked/inner"]
    bundle.probe("report")
    refuse_or_inside(bundle, canary)
    assert os.access(canary.path / "directory", os.W_OK)


@pytest.mark.parametrize("kind", ["shared", "slave", "private"])
@pytest.mark.parametrize("root", [None, "rshared", "rslave", "rprivate"])
def test_mounts_do_not_reach_the_host(bundle, canary, kind, root):
    """S-44: mounts that leak through propagation.

    The rootfs and a volume lie on mounts of the host that are shared, as systemd makes them.
    A naive runtime mounts before it has made its namespace private: the host sees every mount.
    The host's mountinfo is the same after starts and after failed starts.
    """
    host = bundle.dir / "host"
    host.mkdir()
    assert harness.run_command(["mount", "-t", "tmpfs", "host", host]).code == 0
    try:
        assert harness.run_command(["mount", f"--make-r{kind}", host]).code == 0
        harness.run_command(["cp", "-a", bundle.rootfs, host / "rootfs"])
        (host / "volume").mkdir()
        bundle.config["root"]["path"] = str(host / "rootfs")
        if root:
            bundle.linux["rootfsPropagation"] = root
        bundle.mount("/volume", "bind", host / "volume", "rbind")
        bundle.mount("/volume/inner", "tmpfs", "tmpfs")
        bundle.mount("/volume/inner/x", "tmpfs", "tmpfs", "private")
        before = harness.mounts()
        for i in range(15):
            bundle.probe("report") if i % 3 else bundle.args("/nonexistent")
            assert bundle.run().code == (0 if i % 3 else 1)
            assert harness.mounts() == before
        bundle.probe("sleep")
        bundle.create_and_start()
        assert harness.mounts() == before
        bundle.delete("--force")
    finally:
        harness.run_command(["umount", "-R", host])


def test_console_socket_is_not_asked_before_the_image_is_checked(bundle, canary):
    """S-18: with a socket, as engines use it: the master is of the container's own devpts."""
    bundle.process["terminal"] = True
    listener = ConsoleSocket(bundle.dir / "console.sock")
    bundle.probe("tty")
    bundle.create("--console-socket", listener.path)
    _, (fd,) = listener.receive()
    bundle.start()
    (seen,) = [parse(line) for line in read_terminal(fd).splitlines()]
    assert seen.name == "/dev/pts/0"
    assert not os.path.exists(f"/dev/pts/{os.fstat(fd).st_rdev}")
    os.close(fd)
    listener.close()


# --- the runtime's own program --------------------------------------------------------------------

@pytest.mark.parametrize("script", [False, True], ids=["entry point", "interpreter"])
def test_image_cannot_write_to_the_runtime_through_its_own_exe(bundle, script, monkeypatch):
    """S-07, I-15, CVE-2019-5736: the image makes the runtime execute itself in the container, waits
    until that process is the image's own code, and opens /proc/PID/exe for writing. Here the
    program of the created process is looked at from outside, by root: even that is refused."""
    # Where the program is installed it can be written to; here / is read-only.
    program = shutil.copy(harness.CRUNTIME, bundle.dir / "cruntime")
    monkeypatch.setattr(harness, "CRUNTIME", str(program))
    if script:
        (bundle.rootfs / "evil").write_text("#!/proc/self/exe\n")
        (bundle.rootfs / "evil").chmod(0o755)
        bundle.process["args"] = ["/evil"]
    bundle.create()
    # While the program runs the kernel says ETXTBSY to everybody; the attack waits until it ends.
    handle = os.open(f"/proc/{bundle.state().pid}/exe", os.O_PATH)
    try:
        assert bundle.delete("--force").code == 0
        for flags in (os.O_WRONLY, os.O_RDWR):
            with pytest.raises(OSError) as refused:
                os.close(os.open(f"/proc/self/fd/{handle}", flags))
            assert refused.value.errno in (errno.EROFS, errno.EPERM)
    finally:
        os.close(handle)
