# SPDX-License-Identifier: Apache-2.0
"""Id-mapped mounts."""

import os
import pathlib
import subprocess

import pytest

from harness import mount_at, odd_signals, run_command
from marks import requires
from test_engines import Holder

pytestmark = requires("tmpfs-idmap", "userns")


@pytest.fixture
def source(bundle):
    """A directory of the host with a file of user 0 and one of user 7, group 8."""
    path = bundle.dir / "source"
    path.mkdir()
    (path / "file").write_text("from the host")
    (path / "other").write_text("")
    os.chown(path / "other", 7, 8)
    return path


@pytest.fixture
def mount_below(source):
    """Makes a mount at source/sub."""
    def make(*words):
        (source / "sub").mkdir()
        subprocess.run(["mount", *words, source / "sub"], check=True)
        (source / "sub/file").write_text("")

    yield make
    subprocess.run(["umount", source / "sub"], check=True)


def ranges(*triples):
    return [{"containerID": c, "hostID": h, "size": s} for c, h, s in triples]


def give(entry, uids, gids=None):
    entry["uidMappings"] = uids
    entry["gidMappings"] = uids if gids is None else gids
    return entry


def owners(*stats):
    return [(s.uid, s.gid) for s in stats]


@pytest.mark.parametrize("option", ["idmap", "ridmap"])
def test_files_are_shown_with_the_mapped_owners(bundle, source, option):
    """C-MOUNT-31, C-MOUNT-38: containerID is the id in the file system, hostID the one that is seen."""
    give(bundle.mount("/data", None, source, "bind", option),
         ranges((0, 5000, 1), (7, 9, 1)), ranges((0, 6000, 10)))
    report, *stats = bundle.run_probe("report", "stat /data", "stat /data/file", "stat /data/other")
    assert owners(*stats) == [(5000, 6000), (5000, 6000), (9, 6008)]
    assert "idmapped" in mount_at(report, "/data").options
    assert os.stat(source / "other").st_uid == 7, "the source is as it was"


def test_what_is_made_inside_belongs_to_the_reverse_owner(bundle, source):
    """C-MOUNT-31, C-MOUNT-38."""
    source.chmod(0o777)
    give(bundle.mount("/data", None, source, "bind", "idmap"),
         ranges((0, 0, 1), (3, 1000, 1)))
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    assert bundle.run_probe("write /data/new x").errno is None
    st = os.stat(source / "new")
    assert (st.st_uid, st.st_gid) == (3, 3)


def test_owner_without_a_mapping_is_nobody(bundle, source):
    """C-MOUNT-31: and can make nothing there."""
    give(bundle.mount("/data", None, source, "bind", "idmap"), ranges((0, 5000, 1)))
    stat, write = bundle.run_probe("stat /data/other", "write /data/new x")
    assert owners(stat) == [(65534, 65534)]
    assert write.errno == "EOVERFLOW"


def test_single_file(bundle, source):
    """C-MOUNT-31: as Kubernetes does with hosts and resolv.conf."""
    give(bundle.mount("/etc/hosts", None, source / "file", "rbind", "rprivate", "rw"),
         ranges((0, 200000, 65536)))
    assert owners(bundle.run_probe("stat /etc/hosts")) == [(200000, 200000)]


def test_other_options_count_as_well(bundle, source):
    """C-MOUNT-31: the same mount is read-only and has its propagation."""
    give(bundle.mount("/data", None, source, "bind", "ro", "noexec", "shared", "idmap"),
         ranges((0, 5000, 10)))
    source.chmod(0o777)
    report, write = bundle.run_probe("report", "write /data/new x")
    mount = mount_at(report, "/data")
    assert {"ro", "noexec", "idmapped"} <= set(mount.options.split(","))
    assert "shared:" in " ".join(mount.optional)
    assert write.errno == "EROFS"


# --- the mapping of the container -----------------------------------------------------------------

@pytest.mark.parametrize("mappings", ["absent", "empty"])
def test_new_user_namespace_gives_its_mapping(bundle, source, mappings):
    """C-MOUNT-32: what belongs to root on the host belongs to root inside."""
    bundle.user_namespace(100000, 1000)
    entry = bundle.mount("/data", None, source, "bind", "idmap")
    if mappings == "empty":
        give(entry, [])
    file, other, write = bundle.run_probe("stat /data/file", "stat /data/other",
                                          "write /data/new x")
    assert owners(file, other) == [(0, 0), (7, 8)]
    assert write.errno is None
    assert os.stat(source / "new").st_uid == 0


def test_joined_user_namespace_gives_its_mapping(bundle, source):
    """C-MOUNT-32: also the one of a pod's sandbox."""
    mapping = ranges((0, 150000, 1000))
    bundle.give_rootfs_to(150000)
    holder = Holder(["user"], mapping)
    try:
        bundle.namespace("user", holder.path("user"))
        bundle.mount("/data", None, source, "bind", "idmap")
        assert owners(bundle.run_probe("stat /data/other")) == [(7, 8)]
    finally:
        holder.close()


def test_own_user_namespace_by_path_gives_no_mapping(bundle, source):
    """C-MOUNT-32, C-MOUNT-33: the initial namespace maps nothing, and the kernel refuses it."""
    bundle.namespace("user", "/proc/self/ns/user")
    bundle.mount("/data", None, source, "bind", "idmap")
    bundle.refused_config("mounts[7] '/data'", "maps nothing")


def test_mapping_of_the_mount_comes_before_that_of_the_container(bundle, source):
    """C-MOUNT-31: two mappings, one after the other: 7 on the disk is 100003 on the host is 3 inside."""
    bundle.user_namespace(100000, 1000)
    give(bundle.mount("/data", None, source, "bind", "idmap"), ranges((7, 100003, 2)))
    file, other = bundle.run_probe("stat /data/file", "stat /data/other")
    assert owners(file, other) == [(65534, 65534), (3, 4)]


@pytest.mark.parametrize("option", ["idmap", "ridmap"])
@pytest.mark.parametrize("mappings", ["absent", "empty"])
def test_neither_mapping_nor_user_namespace_is_refused(bundle, source, option, mappings):
    """C-MOUNT-33."""
    entry = bundle.mount("/data", None, source, "rbind", option)
    if mappings == "empty":
        give(entry, [])
    bundle.refused_config("mounts[7].options", "'uidMappings' and 'gidMappings'", '"user"')


@pytest.mark.parametrize("name", ["uidMappings", "gidMappings"])
@pytest.mark.parametrize("option", ["idmap", "rw"])
def test_one_mapping_without_the_other_is_refused(bundle, source, name, option):
    """C-MOUNT-34."""
    bundle.mount("/data", None, source, "rbind", option)[name] = ranges((0, 5000, 1))
    bundle.refused_config(f"mounts[7].{name}", "together")


def test_mappings_without_the_option_are_applied(bundle, source):
    """C-MOUNT-35: what containerd sends, so that an older runtime does not ignore it."""
    give(bundle.mount("/data", None, source, "rbind"), ranges((0, 5000, 10)))
    assert owners(bundle.run_probe("stat /data/other")) == [(5007, 5008)]


def test_empty_mappings_without_the_option_ask_for_nothing(bundle, source):
    """C-MOUNT-35."""
    give(bundle.mount("/data", None, source, "rbind"), [])
    report, stat = bundle.run_probe("report", "stat /data/other")
    assert owners(stat) == [(7, 8)]
    assert "idmapped" not in mount_at(report, "/data").options


@pytest.mark.parametrize("bad, where", [
    (ranges((0, 5000, 0)), "uidMappings[0].size"),
    (ranges((0, 5000, 10), (5, 9000, 10)), "uidMappings[1].containerID"),
    (ranges((0, 5000, 10), (50, 5009, 10)), "uidMappings[1].hostID"),
    (ranges((4294967295, 5000, 1)), "uidMappings[0]"),
    (ranges(*((2 * i, 2 * i, 1) for i in range(341))), "uidMappings"),
    (ranges(("0", 5000, 1)), "uidMappings[0].containerID"),
    (ranges((-1, 5000, 1)), "uidMappings[0].containerID"),
    ([{"containerID": 0, "size": 1}], "uidMappings[0]"),
    ({"containerID": 0, "hostID": 1, "size": 1}, "uidMappings"),
])
def test_impossible_mapping_is_refused(bundle, source, bad, where):
    """C-MOUNT-31, S-74: before anything is made."""
    give(bundle.mount("/data", None, source, "bind", "idmap"), bad, ranges((0, 5000, 1)))
    bundle.refused_config(f"mounts[7].{where}")


# --- trees ----------------------------------------------------------------------------------------

def test_ridmap_maps_the_whole_tree(bundle, source, mount_below):
    """C-MOUNT-36."""
    mount_below("-t", "tmpfs", "sub")
    give(bundle.mount("/data", None, source, "rbind", "ridmap"), ranges((0, 5000, 10)))
    assert owners(*bundle.run_probe("stat /data/file", "stat /data/sub/file")) == [(5000, 5000)] * 2


@pytest.mark.parametrize("options", [["idmap"], []])
def test_idmap_maps_the_top_only(bundle, source, mount_below, options):
    """C-MOUNT-36: and mappings without an option are as with idmap."""
    mount_below("-t", "tmpfs", "sub")
    give(bundle.mount("/data", None, source, "rbind", *options), ranges((0, 5000, 10)))
    assert owners(*bundle.run_probe("stat /data/file", "stat /data/sub/file")) == [
        (5000, 5000), (0, 0)]


def test_tree_with_a_file_system_that_cannot_be_mapped_is_refused(bundle, source, mount_below):
    """C-MOUNT-36: never in part."""
    mount_below("-t", "ramfs", "sub")
    give(bundle.mount("/data", None, source, "rbind", "ridmap"), ranges((0, 5000, 10)))
    bundle.refused_config("mounts[7] '/data'", "or one mounted below it cannot be id-mapped")


def test_top_above_a_file_system_that_cannot_be_mapped_is_mapped(bundle, source, mount_below):
    """C-MOUNT-36."""
    mount_below("-t", "ramfs", "sub")
    give(bundle.mount("/data", None, source, "rbind", "idmap"), ranges((0, 5000, 10)))
    assert owners(bundle.run_probe("stat /data/file")) == [(5000, 5000)]


def test_source_that_cannot_be_mapped_is_named(bundle):
    """C-MOUNT-31: the message has the type of the file system (engine-contracts 12)."""
    give(bundle.mount("/data", None, "/proc/sys", "bind", "idmap"), ranges((0, 5000, 10)))
    bundle.refused_config("mounts[7] '/data'", "type 'proc'")


# --- other file systems ---------------------------------------------------------------------------

def test_tmpfs_can_be_mapped_and_keeps_its_options(bundle):
    """C-MOUNT-37, C-MOUNT-31: no map in the options of the file system either."""
    give(bundle.mount("/data", "tmpfs", "tmpfs", "size=64k", "mode=750", "uid=3", "idmap"),
         ranges((0, 5000, 10)))
    report, stat = bundle.run_probe("report", "stat /data")
    mount = mount_at(report, "/data")
    assert (stat.uid, stat.gid, stat.mode) == (5003, 5000, 0o750)
    assert "size=64k" in mount.super and "idmap" not in mount.super
    assert "idmapped" in mount.options


def test_copied_up_content_is_mapped(bundle):
    """C-MOUNT-37, C-MOUNT-26: owners of the image are those in the file system."""
    (bundle.rootfs / "data").mkdir()
    (bundle.rootfs / "data/file").write_text("")
    os.chown(bundle.rootfs / "data/file", 4, 5)
    give(bundle.mount("/data", "tmpfs", "tmpfs", "tmpcopyup", "idmap"), ranges((0, 5000, 10)))
    assert owners(bundle.run_probe("stat /data/file")) == [(5004, 5005)]


@pytest.mark.parametrize("kind", ["ramfs", "mqueue", "proc"])
def test_file_system_that_cannot_be_mapped_is_refused(bundle, kind):
    """C-MOUNT-37."""
    give(bundle.mount("/proc" if kind == "proc" else "/data", kind, kind, "idmap"),
         ranges((0, 5000, 10)))
    line = bundle.refused_config("mounts[7]", "cannot be id-mapped")
    assert kind in line


def test_file_system_of_the_containers_user_namespace_is_not_mapped(bundle):
    """C-MOUNT-37: its ids are right without a map; the kernel has no way."""
    bundle.user_namespace()
    bundle.mount("/data", "tmpfs", "tmpfs", "idmap")
    bundle.refused_config("mounts[7].options", "only bind mounts")


@pytest.mark.parametrize("options, kind", [(["remount", "idmap"], "tmpfs"),
                                           (["idmap"], "cgroup"), (["idmap"], "cgroup2")])
def test_mount_that_could_never_be_mapped_is_refused(bundle, options, kind):
    """C-MOUNT-37: a mapping is only possible before a mount was visible."""
    give(bundle.mount("/data", kind, "x", *options), ranges((0, 5000, 10)))
    bundle.refused_config("mounts[7].options", "cannot be id-mapped")


@pytest.mark.parametrize("option", ["idmap=uids=0-1-10;gids=0-1-10", "ridmap="])
def test_idmap_with_a_value_is_refused(bundle, source, option):
    """C-MOUNT-39: an extension of crun that says the same as uidMappings and gidMappings."""
    bundle.mount("/data", None, source, "bind", option)
    bundle.refused_config("mounts[7].options[1]", "takes no value")


@pytest.mark.parametrize("option", ["copy-symlink", "src-nofollow", "dest-nofollow"])
def test_option_that_another_runtime_invented_is_refused(bundle, source, option):
    """C-MOUNT-39: never ignored, it would change what is mounted."""
    bundle.mount("/data", None, source, "bind", option)
    bundle.refused_config("mounts[7].options", option)


# --- means ----------------------------------------------------------------------------------------

def test_hundred_mounts_with_one_mapping(bundle, source):
    """C-MOUNT-31: Kubernetes sends the same mapping with each mount."""
    for i in range(100):
        give(bundle.mount(f"/m/{i}", None, source, "bind"), ranges((0, 5000 + i % 2, 1)))
    stats = bundle.run_probe(*(f"stat /m/{i}/file" for i in range(100)))
    assert [s.uid for s in stats] == [5000 + i % 2 for i in range(100)]


def test_caller_with_odd_signals(bundle, source):
    """C-MOUNT-31, S-80: SIGCHLD ignored, so the helper process is nobody's to wait for."""
    give(bundle.mount("/data", None, source, "bind", "idmap"), ranges((0, 5000, 10)))
    assert owners(bundle.run_probe("stat /data/file", preexec_fn=odd_signals)) == [(5000, 5000)]


def test_no_namespace_stays_with_the_container(bundle, source):
    """C-MOUNT-31, I-08: neither in the program's descriptors nor in those of the host."""
    give(bundle.mount("/data", None, source, "bind", "idmap"), ranges((0, 5000, 10)))
    bundle.hold()
    fds = pathlib.Path("/proc", str(bundle.state().pid), "fd")
    assert not [t for t in (os.readlink(fds / n) for n in os.listdir(fds)) if "user:" in t]


def test_caller_without_the_right_is_refused(bundle, source):
    """C-MOUNT-31: a rootless engine, root of a user namespace that does not own the file system."""
    give(bundle.mount("/data", None, source, "bind", "idmap"), ranges((0, 1, 1)))
    bundle.give_rootfs_to(100000)
    bundle.write_config()
    holder = Holder(["user"], ranges((0, 100000, 65536)))
    try:
        state = bundle.dir / "rootless"
        state.mkdir()
        os.chown(state, 100000, 100000)
        result = run_command(["nsenter", "--preserve-credentials", "-U", "-t", holder.pid, "-S", "0",
                              "-G", "0", "unshare", "-m", "-C", os.environ["CRUNTIME"], "--root",
                              state, "run", "-b", bundle.dir, bundle.id])
    finally:
        holder.close()
    line = bundle.one_line(result)
    assert "mounts[7] '/data' (config.json:" in line, line
    assert "belongs to a user namespace that is not the caller's" in line, line


def test_caller_who_is_not_root_is_refused(bundle, source):
    """C-MOUNT-31: with the reason, not with the kernel's errno alone."""
    bundle.user_namespace(1000, 1)
    give(bundle.mount("/data", None, source, "bind", "idmap"), ranges((0, 1000, 1)))
    bundle.write_config()
    state = bundle.dir / "rootless"
    state.mkdir()
    os.chown(state, 1000, 1000)
    result = run_command(["setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups",
                          os.environ["CRUNTIME"], "--root", state, "run", "-b", bundle.dir,
                          bundle.id])
    line = bundle.one_line(result)
    assert "mounts[7] '/data' (config.json:" in line, line
    assert "id-mapped mounts need CAP_SYS_ADMIN" in line, line
