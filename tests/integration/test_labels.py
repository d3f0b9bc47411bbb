# SPDX-License-Identifier: Apache-2.0
"""process.apparmorProfile and process.selinuxLabel.

AppArmor is real: tests marked with it run in a guest whose kernel has it. SELinux is there without a
policy, so only that its attributes are written, read back and refused can be seen, not what a label
does; tests/unit/test_lsm.c has the rest, with a fake attr directory.
"""

import subprocess

import pytest

from marks import requires

PROFILES = """
profile test-strict flags=(attach_disconnected,mediate_deleted) {
  file,
  capability,
  network,
  signal,
  deny /etc/secret rw,
}
profile test-complain flags=(attach_disconnected,mediate_deleted,complain) {
  file,
}
profile "test with (odd) name" flags=(attach_disconnected,mediate_deleted) {
  file,
  capability,
  signal,
}
"""


@pytest.fixture(scope="session")
def profiles(tmp_path_factory):
    """Loads the profiles into the kernel of the guest, which ends with the tests."""
    file = tmp_path_factory.mktemp("apparmor") / "profiles"
    file.write_text(PROFILES)
    subprocess.run(["apparmor_parser", "--replace", "--skip-cache", str(file)], check=True)


@pytest.fixture
def confined(bundle, profiles):
    (bundle.rootfs / "etc/secret").write_text("of the host's administrator")
    bundle.process["apparmorProfile"] = "test-strict"
    return bundle


# --- AppArmor -------------------------------------------------------------------------------------

@requires("apparmor")
@pytest.mark.parametrize("no_new_privileges", [True, False])
@pytest.mark.parametrize("uid", [0, 1000])
def test_profile_is_in_force(confined, no_new_privileges, uid):
    """C-PROC-15, I-10: for every user, with and without no_new_privs."""
    confined.process["noNewPrivileges"] = no_new_privileges
    confined.process["user"] = {"uid": uid, "gid": uid}
    seen, secret, other = confined.run_probe("report", "try-open /etc/secret",
                                             "try-open /etc/hosts")
    assert seen.attr_current == "test-strict (enforce)"
    assert secret.errno == "EACCES"
    assert other.errno is None


@requires("apparmor")
def test_without_a_profile_nothing_is_confined(confined):
    """C-PROC-15: the file is denied by the profile and by nothing else."""
    del confined.process["apparmorProfile"]
    seen, secret = confined.run_probe("report", "try-open /etc/secret")
    assert seen.attr_current == "unconfined"
    assert secret.errno is None


@requires("apparmor")
@pytest.mark.parametrize("name, current", [
    ("unconfined", "unconfined"), ("test-complain", "test-complain (complain)"),
    ("test with (odd) name", "test with (odd) name (enforce)")])
def test_names_of_profiles(confined, name, current):
    """C-PROC-15: what engines send for "none", other modes, odd names."""
    confined.process["apparmorProfile"] = name
    assert confined.run_probe().attr_current == current


@requires("apparmor")
def test_profile_in_a_user_namespace(confined):
    """C-PROC-15."""
    confined.user_namespace()
    seen, secret = confined.run_probe("report", "try-open /etc/secret")
    assert seen.attr_current == "test-strict (enforce)"
    assert secret.errno == "EACCES"


@requires("apparmor")
def test_profile_without_a_proc_in_the_container(confined):
    """C-PROC-15, I-09: the trusted procfs is the host's."""
    confined.remove_mount("/proc")
    confined.linux["maskedPaths"] = confined.linux["readonlyPaths"] = []
    assert confined.run_probe("try-open /etc/secret").errno == "EACCES"


@requires("apparmor")
def test_profile_is_not_written_to_files_of_the_image(confined):
    """S-04, S-19, I-09 (CVE-2019-16884, CVE-2023-28642): an image whose /proc takes every write; the
    program would run unconfined."""
    confined.remove_mount("/proc")
    confined.linux["maskedPaths"] = confined.linux["readonlyPaths"] = []
    for directory in ("proc/self/attr/apparmor", "proc/1/attr/apparmor", "proc/thread-self/attr"):
        (confined.rootfs / directory).mkdir(parents=True)
        (confined.rootfs / directory / "exec").write_text("")
    for directory in ("proc/self/attr", "proc/1/attr"):
        (confined.rootfs / directory / "exec").write_text("")
    assert confined.run_probe("try-open /etc/secret").errno == "EACCES"
    assert not any(f.read_text() for f in confined.rootfs.glob("proc/*/attr/**/exec"))


@requires("apparmor")
def test_profile_under_a_volume_over_proc(confined):
    """S-04, S-19 (CVE-2019-16884): refused, or the profile is in force all the same."""
    confined.mount("/proc/self/attr", "tmpfs", "tmpfs")
    confined.probe("try-open /etc/secret")
    result = confined.run()
    if result.code == 0:
        assert result.lines[0].errno == "EACCES"
    else:
        confined.one_line(result)


@requires("apparmor")
def test_start_hooks_are_confined_and_hooks_of_the_host_are_not(confined):
    """C-PROC-15: startContainer hooks come from the image."""
    script = "cat /proc/self/attr/current"
    outs = [confined.hook(point, f"{script} >$OUT") for point in ("createRuntime", "createContainer")]
    confined.config["hooks"]["startContainer"] = [
        {"path": "/bin/sh", "args": ["sh", "-c", f"{script} >/tmp/inside"]}]
    confined.run_probe()
    assert [out.read_text().strip() for out in outs] == ["unconfined", "unconfined"]
    assert (confined.rootfs / "tmp/inside").read_text().strip() == "test-strict (enforce)"


@requires("apparmor")
def test_profile_that_is_not_loaded_is_refused(bundle, profiles):
    """C-PROC-15, D-28."""
    bundle.process["apparmorProfile"] = "test-stric"
    bundle.refused_config("process.apparmorProfile: profile 'test-stric' is not loaded")


@requires("apparmor")
@pytest.mark.parametrize("name", ["test-no//&test-strict", ":nowhere:test-strict", "&no"])
def test_profile_that_only_the_kernel_can_judge_is_refused_by_it(bundle, profiles, name):
    """C-PROC-15, engine-contracts 3: with the file in back quotes."""
    bundle.process["apparmorProfile"] = name
    bundle.refused_config("process.apparmorProfile", "`/proc/self/attr/apparmor/exec`")


@requires("apparmor")
def test_label_of_the_other_module_is_refused(bundle):
    """D-28."""
    bundle.process["selinuxLabel"] = "system_u:system_r:container_t:s0"
    bundle.refused_config("process.selinuxLabel: this kernel has no SELinux")


# --- without the module ---------------------------------------------------------------------------

@requires("no-apparmor")
@pytest.mark.parametrize("name", ["docker-default", "unconfined"])
def test_profile_without_apparmor_is_refused(bundle, name):
    """C-PROC-15, D-28, S-04: never ignored."""
    bundle.process["apparmorProfile"] = name
    bundle.refused_config("process.apparmorProfile: this kernel has no AppArmor", name)


@requires("no-selinux")
def test_label_without_selinux_is_refused(bundle):
    """C-PROC-16, D-28, S-04."""
    bundle.process["selinuxLabel"] = "system_u:system_r:container_t:s0"
    bundle.refused_config("process.selinuxLabel: this kernel has no SELinux")


@pytest.mark.parametrize("field", ["apparmorProfile", "selinuxLabel"])
@pytest.mark.parametrize("value", [7, True, [], {}])
def test_label_of_a_wrong_type_is_refused(bundle, field, value):
    """C-PROC-15, C-PROC-16."""
    bundle.process[field] = value
    bundle.refused_config(f"process.{field}: expected a string")


# --- SELinux without a policy ---------------------------------------------------------------------

@pytest.fixture(scope="module")
def selinuxfs():
    subprocess.run(["mount", "-t", "selinuxfs", "none", "/sys/fs/selinux"], check=True)
    yield
    subprocess.run(["umount", "/sys/fs/selinux"], check=True)


@requires("selinux")
def test_label_that_the_kernel_knows_is_written_and_read_back(selinuxfs, bundle):
    """C-PROC-16, I-10: without a policy there is one, that of everything."""
    bundle.process["selinuxLabel"] = "kernel"
    assert bundle.run_probe().attr_current.rstrip("\0") == "kernel"


@requires("selinux")
@pytest.mark.parametrize("options, file", [([], "keycreate"), (["--no-new-keyring"], "exec")])
def test_label_that_the_kernel_takes_and_forgets_is_refused(selinuxfs, bundle, options, file):
    """C-PROC-16, I-10: a kernel without a policy says yes to every label; and the session keyring gets
    the label first."""
    bundle.process["selinuxLabel"] = "system_u:system_r:container_t:s0"
    line = bundle.refused(*options)
    assert "process.selinuxLabel (config.json:" in line
    assert f"is not in force: `/proc/self/attr/{file}` has 'kernel'" in line
