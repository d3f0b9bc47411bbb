# SPDX-License-Identifier: Apache-2.0
"""What `run` costs, in counts that are the same on every machine: system calls and page faults.

The bounds are what was measured, with some room; who goes over one adds a cost that every start of
a container pays, and says why here. Times are a matter of `make bench`.
"""

import os
import re
import resource
import shutil
import subprocess

import pytest

from harness import CRUNTIME, SOURCE
from test_recorded import adapt

pytestmark = [
    pytest.mark.skipif(not shutil.which("strace"), reason="needs strace"),
    pytest.mark.skipif("asan" in CRUNTIME, reason="the sanitizers make calls of their own"),
    pytest.mark.skipif(os.environ.get("TESTS_IN") == "uml", reason="the same as natively"),
]


@pytest.fixture
def docker(bundle):
    adapt(bundle, SOURCE / "tests/bundles/docker-run-default.json")
    for name in ("memory", "pids", "cpu"):  # limits need controllers that may be missing
        bundle.config["linux"]["resources"].pop(name, None)
    bundle.config["process"].pop("oomScoreAdj", None)
    bundle.config.pop("hooks", None)  # what they cost is theirs
    bundle.config["process"]["args"] = ["/probe", "exit", "0"]
    bundle.write_config()
    return bundle


def calls_of_run(bundle):
    """Names of all calls of the runtime and of its child up to the program's execve."""
    trace = bundle.dir / "trace"
    subprocess.run(["strace", "-f", "-qq", "-o", str(trace), CRUNTIME, "--root", bundle.root,
                    "run", "-b", bundle.dir, bundle.id],
                   stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True)
    calls, gone = [], set()
    for line in trace.read_text(errors="replace").splitlines():
        found = re.match(r"(\d+) +(\w+)\(", line)
        if not found or found[1] in gone:
            continue
        calls.append(found[2])
        if found[2] == "execve" and len(calls) > 1:
            gone.add(found[1])
    return calls


def test_a_docker_like_run_needs_few_system_calls(docker):
    """performance-design: targets"""
    calls = calls_of_run(docker)
    assert calls.count("clone3") == 1, "one clone"
    assert calls.count("execve") <= 2, "one program image, and the container's"
    # 593 were measured: two starts of the dynamic binary (base/self.h) are 130 of them, a state
    # root and mount points that have to be made 60.
    assert len(calls) < 620, sorted((calls.count(c), c) for c in set(calls))


def test_plain_file_systems_are_one_mount_call_each(docker):
    """performance-design: technique 5"""
    calls = calls_of_run(docker)
    plain = [m for m in docker.config["mounts"]
             if m["type"] in ("proc", "tmpfs", "devpts", "mqueue")]
    assert calls.count("mount") == len(plain) >= 5
    # sysfs, cgroup2 and the tmpfs that hides directories
    assert calls.count("fsopen") <= 3


def test_a_docker_like_run_touches_little_memory(docker):
    """performance-design: page faults"""
    start = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt
    done = subprocess.run([CRUNTIME, "--root", docker.root, "run", "-b", docker.dir, docker.id],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    faults = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt - start
    assert faults < 480
