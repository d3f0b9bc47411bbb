# SPDX-License-Identifier: Apache-2.0
"""The bundle and its root file system (R-BUND, C-ROOT, C-PROP)."""

import os
import subprocess

import pytest

import harness
from harness import flags, mount_at, run_command


def test_program_sees_the_rootfs_as_its_root(bundle):
    """C-ROOT-02."""
    (bundle.rootfs / "marker").write_text("here")
    assert bundle.run_probe("read /marker").text == "here"


def test_nothing_of_the_host_is_mounted_inside(bundle):
    """pivot_root: the old root is gone."""
    targets = [m.target for m in bundle.run_probe().mounts]
    assert targets[0] == "/"
    expected = {"/", "/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys",
                "/sys/fs/cgroup"}
    extra = {t for t in targets if not t.startswith(("/proc/", "/sys/firmware"))} - expected
    assert extra <= {"/dev/console"}


def test_missing_root_object_is_refused(bundle):
    """C-ROOT-01."""
    del bundle.config["root"]
    bundle.refused_config("root")


def test_missing_root_path_is_refused(bundle):
    """C-ROOT-02."""
    del bundle.config["root"]["path"]
    bundle.refused_config("root", "path")


def test_missing_rootfs_is_refused(bundle):
    """C-ROOT-03."""
    bundle.config["root"]["path"] = "nowhere"
    assert "nowhere" in bundle.refused()


def test_rootfs_that_is_a_file_is_refused(bundle):
    """C-ROOT-03, S-73."""
    (bundle.dir / "file").write_text("")
    bundle.config["root"]["path"] = "file"
    assert "file" in bundle.refused()


def test_absolute_root_path(bundle):
    """C-ROOT-02."""
    bundle.config["root"]["path"] = str(bundle.rootfs)
    assert bundle.run_probe("read /etc/hosts").errno is None


def test_rootfs_that_is_a_symlink_works(bundle):
    """C-ROOT-04, S-73."""
    (bundle.dir / "link").symlink_to("rootfs")
    bundle.config["root"]["path"] = "link"
    assert bundle.run_probe("read /etc/hosts").errno is None


def test_relative_root_path_is_relative_to_the_bundle(bundle):
    """R-BUND-02: from another working directory."""
    assert bundle.run_probe("read /etc/hosts", cwd="/").errno is None


def test_readonly_root_cannot_be_written(bundle):
    """C-ROOT-05."""
    bundle.config["root"]["readonly"] = True
    report, write = bundle.run_probe("report", "write /new x")
    assert "ro" in flags(mount_at(report, "/"))
    assert write.errno == "EROFS"


def test_readonly_root_leaves_other_mounts_writable(bundle):
    """C-ROOT-05: only the root mount."""
    bundle.config["root"]["readonly"] = True
    bundle.mount("/data", "tmpfs", "tmpfs")
    assert bundle.run_probe("write /data/new x").errno is None


def test_writable_root_is_the_default(bundle):
    """C-ROOT-05."""
    del bundle.config["root"]["readonly"]
    assert bundle.run_probe("write /new x").errno is None
    assert (bundle.rootfs / "new").read_text() == "x"


def test_no_pivot_gives_the_same_view(bundle):
    """C-ROOT-07."""
    (bundle.rootfs / "marker").write_text("here")
    report, read = bundle.run_probe("report", "read /marker", options=["--no-pivot"])
    assert read.text == "here"
    assert report.cwd == "/"


def test_empty_rootfs_gets_its_mount_targets(bundle):
    """C-ROOT-08: directories 0755."""
    seen = bundle.run_probe("stat /proc", "stat /sys")
    assert (bundle.rootfs / "proc").is_dir() and (bundle.rootfs / "sys").is_dir()
    assert (bundle.rootfs / "proc").stat().st_mode & 0o7777 == 0o755
    assert all(s.type == "dir" for s in seen)


@pytest.mark.parametrize("value", ["shared", "slave", "private", "unbindable", "rshared", "rslave",
                                   "rprivate", "runbindable"])
def test_root_propagation(bundle, value):
    """C-PROP-01, C-PROP-02, X-20, X-28: the r-forms too, which engines send and the schema lacks."""
    bundle.linux["rootfsPropagation"] = value
    root = mount_at(bundle.run_probe(), "/")
    fields = " ".join(root.optional)
    kind = value.removeprefix("r")
    assert ("shared:" in fields) == (kind == "shared")
    assert ("unbindable" in fields) == (kind == "unbindable")
    if kind == "private":
        assert fields == ""


@pytest.fixture
def shared_rootfs(bundle):
    """The rootfs is a shared mount of the host with another one below it, /sub, and a directory
    /late for one that comes later; returns a function that makes that mount."""
    run = lambda *a: subprocess.run(a, check=True)
    run("mount", "--bind", bundle.rootfs, bundle.rootfs)
    for name in ("sub", "late"):
        (bundle.rootfs / name).mkdir()
    run("mount", "-t", "tmpfs", "sub", bundle.rootfs / "sub")
    (bundle.rootfs / "sub/late").mkdir()
    run("mount", "--make-rshared", bundle.rootfs)
    yield lambda where: run("mount", "-t", "tmpfs", "late", bundle.rootfs / where)
    bundle.command("delete", "--force", bundle.id)
    run("umount", "-R", bundle.rootfs)


PROPAGATION = {  # value: what it makes of "/" and of a mount below it
    None: ("private", "private"),
    "private": ("private", "private"), "rprivate": ("private", "private"),
    "slave": ("slave", "slave"), "rslave": ("slave", "slave"),
    "shared": ("slave shared", "slave"), "rshared": ("slave shared", "slave shared"),
    "unbindable": ("unbindable", "private"), "runbindable": ("unbindable", "unbindable"),
}


def kinds(mount):
    names = {"shared": "shared", "master": "slave", "unbindable": "unbindable"}
    found = {names[f.split(":")[0]] for f in mount.optional if not f.startswith("propagate_from")}
    return found or {"private"}


@pytest.mark.parametrize("value", PROPAGATION, ids=str)
def test_root_propagation_of_the_whole_tree(bundle, shared_rootfs, value):
    """C-PROP-01, C-PROP-02, C-PROP-04: r-forms reach the mounts below; the default is private."""
    if value:
        bundle.linux["rootfsPropagation"] = value
    seen = bundle.run_probe()
    assert [kinds(mount_at(seen, t)) for t in ("/", "/sub")] == [
        set(k.split()) for k in PROPAGATION[value]]
    # Engines' mounts are the container's own in every case.
    assert "slave" not in kinds(mount_at(seen, "/dev"))


@pytest.mark.parametrize("value", PROPAGATION, ids=str)
@pytest.mark.parametrize("where", ["late", "sub/late"])
def test_late_mount_of_the_host(bundle, shared_rootfs, value, where):
    """C-PROP-01, C-PROP-04, C-PROP-05: shared and slave see what is mounted later, others do not."""
    if value:
        bundle.linux["rootfsPropagation"] = value
    bundle.probe("await /go", "report")
    bundle.create_and_start()
    shared_rootfs(where)
    (bundle.rootfs / "go").touch()
    bundle.wait_stopped()
    inside = [m.target for m in bundle.probe_lines()[-1].mounts]
    assert (f"/{where}" in inside) == ("slave" in PROPAGATION[value][0])


@pytest.mark.parametrize("value", PROPAGATION, ids=str)
def test_mount_of_the_program_does_not_reach_a_shared_root(bundle, shared_rootfs, value):
    """C-PROP-01, S-44: not even with shared; the host's peer group is left."""
    if value:
        bundle.linux["rootfsPropagation"] = value
    bundle.all_caps()
    bundle.process["noNewPrivileges"] = False
    bundle.run_shell("mount -t tmpfs inner /late && mount -t tmpfs inner /sub/late && "
                     "test $(grep -c ^inner /proc/mounts) = 2")
    assert " inner " not in run_command(["cat", "/proc/self/mountinfo"]).out


def test_unbindable_root_cannot_be_bound(bundle):
    """C-PROP-01: what the word means, tried from inside."""
    bundle.all_caps()
    bundle.process["noNewPrivileges"] = False
    script = "mkdir -p /m && mount --bind / /m 2>/dev/null; echo $?"
    assert bundle.run_shell(script) == "0"
    bundle.linux["rootfsPropagation"] = "unbindable"
    assert bundle.run_shell(script) != "0"


@pytest.mark.parametrize("value", ["shared", "private"])
def test_root_propagation_without_pivot_root(bundle, value):
    """C-PROP-01, C-ROOT-07: the root is moved into place, which the kernel refuses below a shared
    mount: the propagation comes after it."""
    bundle.linux["rootfsPropagation"] = value
    root = mount_at(bundle.run_probe("report", options=["--no-pivot"]), "/")
    assert kinds(root) == {value}


@pytest.mark.parametrize("value", ["sharde", "Shared", "rrshared", "shared ", "bind", "rbind"])
def test_unknown_root_propagation_is_refused(bundle, value):
    """C-PROP-03."""
    bundle.linux["rootfsPropagation"] = value
    bundle.refused_config("linux.rootfsPropagation", "shared")


@pytest.mark.parametrize("value", [5, ["shared"], {}, True])
def test_root_propagation_of_the_wrong_type_is_refused(bundle, value):
    """C-PROP-03."""
    bundle.linux["rootfsPropagation"] = value
    bundle.refused_config("linux.rootfsPropagation", "expected")


def test_root_propagation_without_a_mount_namespace_is_refused(bundle):
    """C-PROP-01: it would change the caller's root."""
    bundle.remove_namespace("mount")
    bundle.config["mounts"] = []
    bundle.linux["maskedPaths"] = bundle.linux["readonlyPaths"] = []
    bundle.linux["rootfsPropagation"] = "private"
    bundle.refused_config("linux.rootfsPropagation", "mount namespace")


def test_shared_root_does_not_reach_the_host(bundle):
    """S-44: a new peer group, made at the end; the leak check compares the host's mounts."""
    bundle.linux["rootfsPropagation"] = "shared"
    bundle.all_caps()
    bundle.process["noNewPrivileges"] = False
    bundle.run_shell("mkdir -p /m && mount -t tmpfs none /m && grep -c ' /m ' /proc/mounts")
    assert not any(f" {bundle.rootfs}" in m for m in harness.mounts())


def test_slave_root_receives_mounts_of_the_host(bundle):
    """C-PROP-05: what is mounted later below the source of the root appears inside."""
    base = bundle.dir
    run = lambda *a: subprocess.run(a, check=True)
    run("mount", "--bind", bundle.rootfs, bundle.rootfs)
    run("mount", "--make-shared", bundle.rootfs)
    try:
        (bundle.rootfs / "late").mkdir()
        bundle.linux["rootfsPropagation"] = "rslave"
        bundle.probe("await /go", "report")
        bundle.create_and_start()
        run("mount", "-t", "tmpfs", "late", bundle.rootfs / "late")
        try:
            (bundle.rootfs / "go").touch()
            bundle.wait_stopped()
        finally:
            run("umount", bundle.rootfs / "late")
        assert mount_at(bundle.probe_lines()[-1], "/late").fstype == "tmpfs"
    finally:
        bundle.delete("--force")
        run("umount", "-l", bundle.rootfs)
    assert base.is_dir()


def test_deleted_working_directory_of_the_caller_is_no_trouble(bundle):
    """S-73."""
    gone = bundle.dir / "gone"
    gone.mkdir()
    bundle.probe("exit 0")
    assert bundle.run(preexec_fn=lambda: (os.chdir(gone), os.rmdir(gone))).code == 0


def test_linux_block_is_optional(bundle):
    """R-BUND-18, X-14: without it the container inherits all namespaces, and mounts would hit the host."""
    del bundle.config["linux"]
    bundle.config["mounts"] = []
    bundle.config.pop("hostname")
    assert bundle.run_probe("read /etc/hosts").errno is None


def test_mounts_are_optional(bundle):
    """R-BUND-19, X-14: the runtime never needs the container's /proc."""
    del bundle.config["mounts"]
    assert bundle.run_probe("read /etc/hosts").errno is None



def test_nothing_is_mounted_that_is_not_listed(bundle):
    """R-LNX-07: /proc, /sys, /dev/pts and /dev/shm are the config's business; only devices, links
    and what the masks need come by themselves."""
    bundle.config["mounts"] = [{"destination": "/p", "type": "proc", "source": "proc"}]
    bundle.linux["maskedPaths"] = bundle.linux["readonlyPaths"] = []
    mounts, pts, shm = bundle.run_probe("read /p/self/mountinfo", "ls /dev/pts", "ls /dev/shm")
    assert {line.split()[4] for line in mounts.text.splitlines()} == {"/", "/p"}
    assert pts.errno == shm.errno == "ENOENT"
