# SPDX-License-Identifier: Apache-2.0
"""`exec` by a user who is not root (architecture 7: the user namespace is joined with the others)."""

import os
import subprocess

import pytest

import harness
from harness import parse

USER = 1000


become_user = harness.become(USER)


@pytest.fixture
def mine(bundle):
    """A created container of this user, from the template that `spec --rootless` writes."""
    subprocess.run(["chown", "-R", f"{USER}:{USER}", bundle.dir], check=True)
    for directory in (bundle.dir, *bundle.dir.parents):
        if directory.stat().st_mode & 0o1 == 0:
            directory.chmod(directory.stat().st_mode | 0o711)
    result = harness.cruntime("spec", "--rootless", "-b", bundle.dir, preexec_fn=become_user)
    assert result.code == 0, result
    bundle.config = parse((bundle.dir / "config.json").read_text())
    bundle.process["terminal"] = False
    bundle.config["root"]["readonly"] = False
    bundle.probe("sleep")
    (bundle.dir / "out").touch()
    bundle.create(preexec_fn=become_user)
    yield bundle
    assert bundle.command("delete", "--force", bundle.id, preexec_fn=become_user).code == 0


def test_running_container(mine):
    """C-NS-08, I-20: all namespaces of the container, as its root."""
    assert mine.command("start", mine.id, preexec_fn=become_user).code == 0
    pid = parse(mine.command("state", mine.id, preexec_fn=become_user).out).pid
    seen = mine.exec_probe("report", preexec_fn=become_user)
    assert seen.uid == [0, 0, 0] and str(USER) in seen.uid_map
    for name, target in seen.namespaces.items():
        assert target == os.readlink(f"/proc/{pid}/ns/{name}"), name
    assert sorted(seen.fds) == ["0", "1", "2"]
    result = mine.exec("/probe", "exit", "5", options=["--tty"], preexec_fn=become_user)
    assert result.code == 5, result


def test_container_that_waits(mine):
    """I-14: closed to its owner too; said in plain words, and nothing has happened."""
    line = mine.refused_exec("/probe", preexec_fn=become_user)
    assert "cannot exec before start without root's rights" in line
    assert mine.command("start", mine.id, preexec_fn=become_user).code == 0


def test_container_of_another_user(mine):
    """S-31: a state root that belongs to somebody else is not read, not even by root."""
    assert "state root" in mine.refused_exec("/probe")
