# SPDX-License-Identifier: Apache-2.0
"""process.user: ids, groups, umask (C-USER)."""

import os

import pytest

from harness import default_signals


def test_ids_are_exactly_those_given(bundle):
    """C-USER-01: real, effective, saved."""
    bundle.process["user"] = {"uid": 1234, "gid": 5678}
    seen = bundle.run_probe()
    assert seen.uid == [1234] * 3
    assert seen.gid == [5678] * 3


def test_absent_user_is_root(bundle):
    """C-USER-01: de facto; the schema requires it nowhere."""
    del bundle.process["user"]
    seen = bundle.run_probe()
    assert seen.uid == seen.gid == [0] * 3


@pytest.mark.parametrize("name", ["uid", "gid"])
def test_user_without_an_id_is_refused(bundle, name):
    """C-USER-01, X-27: a forgotten number is not root."""
    bundle.process["user"] = {"uid": 1, "gid": 1}
    del bundle.process["user"][name]
    bundle.refused_config(f"process.user.{name}: required")


def test_names_of_windows_are_ignored(bundle):
    """C-USER-06: also one that /etc/passwd has."""
    bundle.process["user"] = {"uid": 1234, "gid": 5678, "username": "root"}
    assert bundle.run_probe().uid == [1234] * 3


@pytest.mark.parametrize("groups, text", [
    (list(range(65537)), "65537 groups, the kernel takes 65536"), ([4294967295], "[0]: expected"),
    (["10"], "[0]: expected"), ("10", "expected an array")])
def test_groups_that_the_kernel_does_not_take_are_refused(bundle, groups, text):
    """C-USER-02, S-77."""
    bundle.process["user"]["additionalGids"] = groups
    bundle.refused_config("process.user.additionalGids", text)


@pytest.mark.parametrize("name", ["uid", "gid"])
@pytest.mark.parametrize("value", [4294967295, 4294967296, -1, 1.5, "0", 1e3, 10 ** 40, True])
def test_id_that_is_no_id_is_refused(bundle, name, value):
    """C-USER-01, S-05, S-66, S-77: 4294967295 is "no change" for setresuid."""
    bundle.process["user"] = {"uid": 1, "gid": 1, name: value}
    bundle.refused_config(f"process.user.{name}")


def test_largest_id(bundle):
    """C-USER-01."""
    bundle.process["user"] = {"uid": 4294967294, "gid": 4294967294}
    assert bundle.run_probe().uid == [4294967294] * 3


def test_names_in_passwd_are_never_looked_up(bundle):
    """S-05, I-16, C-USER-06: a user with the name 1000 and the uid 0."""
    (bundle.rootfs / "etc/passwd").write_text("1000:x:0:0::/:/bin/sh\n")
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    assert bundle.run_probe().uid == [1000] * 3


def test_additional_groups(bundle):
    """C-USER-02."""
    bundle.process["user"]["additionalGids"] = [10, 20, 4000]
    assert sorted(bundle.run_probe().groups) == [10, 20, 4000]


def test_groups_of_the_caller_are_dropped(bundle):
    """C-USER-02, I-16."""
    def caller():
        default_signals()
        os.setgroups([7, 8, 9])
    assert bundle.run_probe(preexec_fn=caller).groups == []


def test_many_groups(bundle):
    """C-USER-02: the kernel's limit is 65536."""
    bundle.process["user"]["additionalGids"] = list(range(1, 2001))
    assert len(bundle.run_probe().groups) == 2000


@pytest.mark.parametrize("value", [0, 0o22, 0o27, 0o777])
def test_umask(bundle, value):
    """C-USER-03."""
    bundle.process["user"]["umask"] = value
    assert bundle.run_probe().umask == value


def test_umask_out_of_range_is_not_silently_cut(bundle):
    """C-USER-03, S-66."""
    bundle.process["user"]["umask"] = 0o1000
    bundle.refused_config("process.user.umask")


def test_default_umask(bundle):
    """C-USER-04, X-02, D-17: whatever the caller has."""
    def caller():
        default_signals()
        os.umask(0o77)
    assert bundle.run_probe(preexec_fn=caller).umask == 0o22


def test_umask_of_the_caller_does_not_change_what_is_made(bundle):
    """C-ROOT-08: directories are 0755 under any umask."""
    def caller():
        default_signals()
        os.umask(0o777)
    bundle.mount("/deep/target", "tmpfs", "tmpfs")
    bundle.run_probe(preexec_fn=caller)
    assert (bundle.rootfs / "deep").stat().st_mode & 0o7777 == 0o755


def test_user_can_open_its_stdout_again(bundle):
    """C-USER-05: images that write to /dev/stderr."""
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    one, two = bundle.run_probe("try-open /dev/stdout w", "try-open /dev/stderr w")
    assert (one.errno, two.errno) == (None, None)


def test_null_device_keeps_its_owner(bundle):
    """C-USER-05, S-22: stdin is the host's /dev/null here."""
    before = os.stat("/dev/null")
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.run_probe()
    after = os.stat("/dev/null")
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid,
                                                           before.st_mode)


def test_regular_file_as_stdout_keeps_its_owner(bundle):
    """I-07."""
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.probe("exit 0")
    bundle.create_and_start()
    bundle.wait_stopped()
    assert (bundle.dir / "out").stat().st_uid == 0
