# SPDX-License-Identifier: Apache-2.0
"""Default devices and links, linux.devices, and the device rules of the cgroup (C-DEV, C-CGD)."""

import os
import stat

import pytest

NODES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9),
         "tty": (5, 0)}


@pytest.mark.parametrize("name", NODES)
def test_default_node(bundle, name):
    """C-DEV-09."""
    node = bundle.run_probe().dev[name]
    assert (node.type, node.major, node.minor, node.mode) == ("char", *NODES[name], 0o666)
    assert (node.uid, node.gid) == (0, 0)


@pytest.mark.parametrize("name, target", [
    ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"), ("ptmx", "pts/ptmx")])
def test_default_link(bundle, name, target):
    """R-LNX-04, C-DEV-11."""
    link = bundle.run_probe().dev[name]
    assert (link.type, link.target) == ("link", target)


def test_ptmx_of_the_image_is_replaced(bundle):
    """R-LNX-06: without a mount on /dev."""
    bundle.config["mounts"] = [m for m in bundle.config["mounts"]
                               if not m["destination"].startswith("/dev")]
    (bundle.rootfs / "dev").mkdir()
    (bundle.rootfs / "dev/ptmx").write_text("")
    assert bundle.run_probe().dev.ptmx.type == "link"


def without_dev(bundle):
    """No mount on /dev: the image's own directory is used."""
    bundle.config["mounts"] = [m for m in bundle.config["mounts"]
                               if not m["destination"].startswith("/dev")]
    (bundle.rootfs / "dev").mkdir()


@pytest.mark.parametrize("make", [
    lambda p: p.symlink_to("/elsewhere"), lambda p: p.write_text("")], ids=["link", "file"])
@pytest.mark.parametrize("name, target", [("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"),
                                          ("stderr", "/proc/self/fd/2")])
def test_default_link_is_right_whatever_the_image_has(bundle, name, target, make):
    """R-LNX-04: an image cannot lead the program's streams elsewhere."""
    without_dev(bundle)
    make(bundle.rootfs / "dev" / name)
    link = bundle.run_probe().dev[name]
    assert (link.type, link.target) == ("link", target)


def test_links_do_not_need_proc(bundle):
    """R-LNX-04, R-LNX-05: without a /proc mount they lead nowhere, and nothing fails."""
    bundle.config["mounts"] = [m for m in bundle.config["mounts"] if m["destination"] == "/dev"]
    bundle.linux["maskedPaths"] = bundle.linux["readonlyPaths"] = []
    fd, core = bundle.run_probe("stat /dev/fd", "stat /dev/core")
    assert fd.target == "/proc/self/fd"
    assert core.target == "/proc/kcore"


def test_no_console_without_a_terminal(bundle):
    """C-DEV-10."""
    assert "console" not in bundle.run_probe().dev


def test_image_that_has_the_default_nodes(bundle):
    """C-DEV-09."""
    bundle.config["mounts"] = [m for m in bundle.config["mounts"]
                               if not m["destination"].startswith("/dev")]
    (bundle.rootfs / "dev").mkdir()
    os.mknod(bundle.rootfs / "dev/null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    assert bundle.run_probe("write /dev/null x").errno is None


def test_bind_mounted_dev_is_left_alone(bundle):
    """R-LNX-08."""
    source = bundle.dir / "dev"
    source.mkdir()
    bundle.config["mounts"] = [m for m in bundle.config["mounts"]
                               if not m["destination"].startswith("/dev")]
    bundle.mount("/dev", None, source, "bind")
    bundle.linux["maskedPaths"] = []
    bundle.run_probe()
    assert os.listdir(source) == []


# --- linux.devices --------------------------------------------------------------------------------

def kmsg(bundle):
    """A device that is not among the defaults and that every kernel has; its reader needs a right."""
    bundle.caps("SYSLOG")
    bundle.linux["devices"] = [device("/dev/kmsg", "c", 1, 11)]


def device(path, kind="c", major=1, minor=3, **more):
    return {"path": path, "type": kind, "major": major, "minor": minor, **more}


def test_device_node(bundle):
    """C-DEV-01, C-DEV-06, C-DEV-07: whatever the caller's umask."""
    bundle.linux["devices"] = [device("/dev/fuse", "c", 10, 229, fileMode=0o640, uid=7, gid=8)]
    node = bundle.run_probe().dev.fuse
    assert (node.type, node.major, node.minor) == ("char", 10, 229)
    assert (node.mode, node.uid, node.gid) == (0o640, 7, 8)


def test_default_mode_and_owner(bundle):
    """C-DEV-06, C-DEV-07."""
    bundle.linux["devices"] = [device("/dev/mine")]
    node = bundle.run_probe().dev.mine
    assert (node.mode, node.uid, node.gid) == (0o666, 0, 0)


@pytest.mark.parametrize("kind, expected", [("c", "char"), ("u", "char"), ("b", "block"),
                                            ("p", "fifo")])
def test_device_type(bundle, kind, expected):
    """C-DEV-01."""
    entry = device("/dev/thing", kind, 7, 99)
    if kind == "p":
        del entry["major"], entry["minor"]
    bundle.linux["devices"] = [entry]
    assert bundle.run_probe().dev.thing.type == expected


@pytest.mark.parametrize("kind", ["x", "a", "", "cc"])
def test_unknown_device_type_is_refused(bundle, kind):
    """C-DEV-01."""
    bundle.linux["devices"] = [device("/dev/thing", kind)]
    bundle.refused_config("linux.devices[0].type")


@pytest.mark.parametrize("name", ["major", "minor"])
def test_missing_number_is_refused(bundle, name):
    """C-DEV-03."""
    entry = device("/dev/thing")
    del entry[name]
    bundle.linux["devices"] = [entry]
    bundle.refused_config("linux.devices[0]", name)


@pytest.mark.parametrize("name", ["major", "minor"])
@pytest.mark.parametrize("value", [-1, 1 << 33, "1", 1.5])
def test_impossible_number_is_refused(bundle, name, value):
    """S-66, S-75."""
    bundle.linux["devices"] = [device("/dev/thing", **{name: value})]
    bundle.refused_config(f"linux.devices[0].{name}")


def test_device_outside_of_dev(bundle):
    """C-DEV-02, C-DEV-14: parents are made."""
    bundle.linux["devices"] = [device("/srv/deep/null")]
    node = bundle.run_probe("stat /srv/deep/null")
    assert (node.type, node.major, node.minor) == ("char", 1, 3)


@pytest.mark.parametrize("path", ["dev/null", "", "/", "/dev/../../../outside"])
def test_impossible_device_path_is_refused(bundle, path):
    """C-DEV-02, S-75: refused, or inside."""
    bundle.linux["devices"] = [device(path)]
    result = bundle.run()
    if result.code == 0:
        assert path.startswith("/dev/..")
        assert (bundle.rootfs / "outside").exists()
    else:
        assert "linux.devices[0]" in result.err
    assert not os.path.exists("/outside")


def test_existing_file_that_does_not_match_is_an_error(bundle):
    """C-DEV-04, X-11."""
    (bundle.rootfs / "file").write_text("not a device")
    bundle.linux["devices"] = [device("/file")]
    assert "/file" in bundle.refused()
    assert (bundle.rootfs / "file").read_text() == "not a device"


@pytest.mark.parametrize("make", [
    lambda p: os.mknod(p, 0o666 | stat.S_IFCHR, os.makedev(1, 5)),
    lambda p: os.mknod(p, 0o666 | stat.S_IFBLK, os.makedev(1, 3)),
    os.mkfifo, os.mkdir, lambda p: p.symlink_to("/dev/null"), lambda p: p.symlink_to("nowhere")],
    ids=["number", "kind", "fifo", "directory", "link", "dangling"])
def test_existing_node_that_differs_is_an_error(bundle, make):
    """C-DEV-04, X-11: another number, another kind, or a link to the right one."""
    make(bundle.rootfs / "node")
    before = os.lstat(bundle.rootfs / "node")
    bundle.linux["devices"] = [device("/node")]
    assert "/node" in bundle.refused()
    after = os.lstat(bundle.rootfs / "node")
    assert (after.st_ino, after.st_mode, after.st_rdev) == (
        before.st_ino, before.st_mode, before.st_rdev)


def test_device_lies_on_what_the_mounts_made(bundle):
    """C-DEV-14: a tmpfs that comes last in `mounts` does not cover it."""
    bundle.mount("/srv", "tmpfs", "tmpfs")
    bundle.linux["devices"] = [device("/srv/null")]
    assert bundle.run_probe("stat /srv/null").minor == 3
    assert not (bundle.rootfs / "srv/null").exists()


def test_existing_node_that_matches_is_kept(bundle):
    """C-DEV-05: and has what the config says of mode and owner."""
    os.mknod(bundle.rootfs / "node", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    bundle.linux["devices"] = [device("/node")]
    node = bundle.run_probe("stat /node")
    assert (node.type, node.major, node.minor, node.mode) == ("char", 1, 3, 0o666)


def test_mode_beyond_permissions_is_refused(bundle):
    """C-DEV-06: the schema's maximum is 0777."""
    bundle.linux["devices"] = [device("/dev/thing", fileMode=0o4755)]
    bundle.refused_config("linux.devices[0].fileMode")


@pytest.mark.parametrize("mode, kind, wanted", [
    (0o020640, "c", 0o640), (0o060660, "b", 0o660), (0o010600, "p", 0o600),
    (0o060640, "c", None), (0o024640, "c", None), (0o120640, "c", None), (0o1020640, "c", None)])
def test_mode_with_the_type_of_the_node(bundle, mode, kind, wanted):
    """podman before version 4.4 sends st_mode of the host's devices with --privileged. The type must
    be the right one, and nothing else may be in it."""
    bundle.linux["devices"] = [device("/dev/thing", kind, 7, 0, fileMode=mode)]
    if wanted is None:
        bundle.refused_config("linux.devices[0].fileMode")
    else:
        assert bundle.run_probe("stat /dev/thing").mode == wanted


def test_one_device_on_two_paths(bundle):
    """C-DEV-08."""
    bundle.linux["devices"] = [device("/dev/one"), device("/dev/two")]
    seen = bundle.run_probe()
    assert "one" in seen.dev and "two" in seen.dev


def test_configured_device_wins_over_a_default_one(bundle):
    """C-DEV-12."""
    bundle.linux["devices"] = [device("/dev/null", "c", 1, 5, fileMode=0o600)]
    # Files are masked with the null device, which this container does not have.
    bundle.linux["maskedPaths"] = []
    node = bundle.run_probe().dev.null
    assert (node.minor, node.mode) == (5, 0o600)


def test_devices_in_a_user_namespace(bundle):
    """C-UMAP-08."""
    bundle.user_namespace()
    bundle.linux["devices"] = [device("/dev/mine", "c", 1, 3)]
    bundle.probe("write /dev/mine x")
    result = bundle.run()
    if result.code == 0:
        assert result.lines[0].errno is None
    else:
        assert "/dev/mine" in result.err


# --- rules of the cgroup --------------------------------------------------------------------------

def rules(bundle, *entries):
    bundle.resources["devices"] = [{"allow": False, "access": "rwm"}, *entries]


@pytest.mark.parametrize("name", ["null", "zero", "full", "random", "urandom"])
def test_default_device_can_always_be_opened(bundle, name):
    """C-CGD-04, X-22."""
    bundle.resources["devices"] = [{"allow": False, "access": "rwm"}]
    assert bundle.run_probe(f"try-open /dev/{name} rw").errno is None


def test_node_gives_no_access_by_itself(bundle):
    """C-DEV-13."""
    kmsg(bundle)
    assert bundle.run_probe("try-open /dev/kmsg r").errno == "EPERM"


def test_rule_gives_access(bundle):
    """C-CGD-01."""
    kmsg(bundle)
    rules(bundle, {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "rwm"})
    assert bundle.run_probe("try-open /dev/kmsg r").errno is None


@pytest.mark.parametrize("access, mode, expected", [
    ("r", "r", None), ("r", "w", "EPERM"), ("w", "w", None), ("w", "r", "EPERM"),
    ("rw", "rw", None), ("m", "r", "EPERM")])
def test_access_is_by_kind(bundle, access, mode, expected):
    """C-CGD-03."""
    kmsg(bundle)
    rules(bundle, {"allow": True, "type": "c", "major": 1, "minor": 11, "access": access})
    assert bundle.run_probe(f"try-open /dev/kmsg {mode}").errno == expected


def test_last_matching_rule_wins(bundle):
    """C-CGD-01."""
    kmsg(bundle)
    rules(bundle, {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "rwm"},
          {"allow": False, "type": "c", "major": 1, "minor": 11, "access": "w"})
    read, write = bundle.run_probe("try-open /dev/kmsg r", "try-open /dev/kmsg w")
    assert (read.errno, write.errno) == (None, "EPERM")


@pytest.mark.parametrize("rule", [
    {"type": "c", "major": 1, "access": "r"}, {"type": "c", "access": "r"}, {"access": "r"},
    {"type": "a", "access": "r"}, {"type": "c", "major": 1, "minor": -1, "access": "r"},
    {"type": "c", "major": 1, "minor": 11}])
def test_absent_members_are_wildcards(bundle, rule):
    """C-CGD-02, C-CGD-03, C-CGD-05, C-CGD-09."""
    kmsg(bundle)
    rules(bundle, {"allow": True, **rule})
    assert bundle.run_probe("try-open /dev/kmsg r").errno is None


def test_node_can_be_made_but_not_opened(bundle):
    """C-CGD-04, C-CGD-10: mknod is always allowed (images are unpacked in containers)."""
    bundle.caps("MKNOD")
    rules(bundle)
    make, use = bundle.run_probe("mknod /tmp/a b 7 1", "try-open /tmp/a r")
    assert (make.errno, use.errno) == (None, "EPERM")


def test_no_rules_at_all_deny_as_well(bundle):
    """C-CGD-06: the default list is an allow list."""
    del bundle.resources["devices"]
    kmsg(bundle)
    null, message = bundle.run_probe("try-open /dev/null rw", "try-open /dev/kmsg r")
    assert (null.errno, message.errno) == (None, "EPERM")


def test_allow_everything(bundle):
    """C-CGD-05: what privileged containers have."""
    bundle.resources["devices"] = [{"allow": True, "access": "rwm"}]
    kmsg(bundle)
    assert bundle.run_probe("try-open /dev/kmsg r").errno is None


@pytest.mark.parametrize("entry, member", [
    ({"type": "c", "access": "r"}, "allow"), ({"allow": True, "type": "z"}, "type"),
    ({"allow": True, "type": "p"}, "type"), ({"allow": True, "access": "xyz"}, "access"),
    ({"allow": True, "access": "rwmx"}, "access"), ({"allow": "yes"}, "allow")])
def test_impossible_rule_is_refused(bundle, entry, member):
    """C-CGD-02, C-CGD-03."""
    rules(bundle, entry)
    bundle.refused_config("linux.resources.devices[1]", member)


def test_six_hundred_devices_with_rules(bundle):
    """Privileged containers of docker; the program stays within the kernel's limit."""
    bundle.linux["devices"] = [device(f"/dev/x{i}", "c", 200, i) for i in range(600)]
    rules(bundle, *({"allow": True, "type": "c", "major": 200, "minor": i, "access": "rwm"}
                    for i in range(600)))
    seen = bundle.run_probe()
    assert sum(name.startswith("x") for name in seen.dev) == 600


def test_slashes_around_the_name_of_a_device_mean_nothing(bundle):
    """C-DEV-02."""
    bundle.linux["devices"] = [{"path": "//dev//extra/", "type": "c", "major": 1, "minor": 3}]
    assert bundle.run_shell("stat -c %t:%T /dev/extra") == "1:3"
