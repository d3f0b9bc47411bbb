# SPDX-License-Identifier: Apache-2.0
"""Five hundred containers at once: each verb on all of them, and nothing is left."""

import os
import pathlib
import subprocess

import pytest

from harness import CRUNTIME

N = 500
CGROUP = pathlib.Path("/sys/fs/cgroup")

pytestmark = pytest.mark.skipif("asan" in CRUNTIME or os.environ.get("TESTS_IN") == "uml",
                                reason="a matter of number, and slow here")


def on_all(bundle, words, before=""):
    """One shell, so that it is the runtime that is called five hundred times and not Python's
    way to start programs."""
    script = f'cd {bundle.dir}; i=0; while [ $i -lt {N} ]; do {before} ' \
             f'"$CRUNTIME" --root {bundle.root} {words} || exit; i=$((i + 1)); done'
    done = subprocess.run(["sh", "-c", script], env={**os.environ, "CRUNTIME": CRUNTIME},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
                          check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def cgroups():
    return sorted(str(p) for p in CGROUP.rglob("many-*") if p.is_dir())


def statuses(bundle):
    return {e.status for e in bundle.command("list", "-f", "json").json}


@pytest.fixture
def many(bundle):
    yield bundle
    subprocess.run(["sh", "-c", f'for d in {bundle.root}/*; do '
                    f'{CRUNTIME} --root {bundle.root} delete -f "${{d##*/}}"; done'],
                   stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=300)


def test_five_hundred_containers_leave_nothing(many):
    """R-LIFE-20, C-CGP: created, updated, paused, resumed, killed and deleted"""
    many.probe("sleep")
    many.linux["cgroupsPath"] = "@"
    many.write_config()
    config = (many.dir / "config.json")
    config.rename(many.dir / "template")
    tasks = len(os.listdir("/proc"))

    on_all(many, "create -b . c$i </dev/null >/dev/null 2>&1",
           'sed "s|\\"@\\"|\\"/many-$i\\"|" template >config.json;')
    assert statuses(many) == {"created"} and len(cgroups()) == N
    on_all(many, "update --resources - c$i",
           """printf '{"unified":{"cgroup.max.depth":"%d"}}' $((i + 1)) |""")
    assert (CGROUP / "many-499/cgroup.max.depth").read_text() == "500\n"
    on_all(many, "pause c$i")
    assert statuses(many) == {"paused"}
    on_all(many, "resume c$i")
    assert statuses(many) == {"created"}
    on_all(many, "start c$i")
    assert statuses(many) == {"running"}
    on_all(many, "delete --force c$i")

    assert cgroups() == [] and os.listdir(many.root) == []
    assert len([p for p in os.listdir("/proc") if p.isdigit()]) <= tasks
