# SPDX-License-Identifier: Apache-2.0
"""process.rlimits (C-RLIM)."""

import resource

import pytest

from harness import default_signals, drop_from_bounding_set
from marks import requires

NAMES = ["AS", "CORE", "CPU", "DATA", "FSIZE", "LOCKS", "MEMLOCK", "MSGQUEUE", "NICE", "NOFILE",
         "NPROC", "RSS", "RTPRIO", "RTTIME", "SIGPENDING", "STACK"]
INFINITY = 18446744073709551615


def limit(name, soft, hard):
    return {"type": f"RLIMIT_{name}", "soft": soft, "hard": hard}


@pytest.mark.parametrize("name", NAMES)
def test_every_limit_can_be_set(bundle, name):
    """C-RLIM-01, C-RLIM-02: exactly the given values, below what we have ourselves."""
    number = getattr(resource, f"RLIMIT_{name}", {"LOCKS": 10, "SIGPENDING": 11}.get(name))
    hard = resource.prlimit(0, number)[1]
    top = 1 << 40 if hard == resource.RLIM_INFINITY else hard
    soft = top // 2
    bundle.process["rlimits"] = [limit(name, soft, top)]
    assert bundle.run_probe().rlimits[name] == [soft, top]


@pytest.mark.parametrize("name", ["CPU", "FSIZE", "RSS"])
def test_infinity(bundle, name):
    """C-RLIM-05, R-BUND-13: the number survives."""
    bundle.process["rlimits"] = [limit(name, INFINITY, INFINITY)]
    assert bundle.run_probe().rlimits[name] == [INFINITY, INFINITY]


def test_unlisted_limits_are_inherited(bundle):
    """C-RLIM-01."""
    bundle.process["rlimits"] = []
    assert bundle.run_probe().rlimits.NOFILE == list(resource.getrlimit(resource.RLIMIT_NOFILE))


@pytest.mark.parametrize("name", ["RLIMIT_FOO", "NOFILE", "rlimit_nofile", ""])
def test_unknown_limit_is_refused(bundle, name):
    """C-RLIM-01, S-69."""
    bundle.process["rlimits"] = [{"type": name, "soft": 1, "hard": 1}]
    bundle.refused_config("process.rlimits[0].type")


def test_misspelt_limit_gets_a_suggestion(bundle):
    """D-03."""
    bundle.process["rlimits"] = [limit("NOFILES", 1, 1)]
    assert "RLIMIT_NOFILE" in bundle.refused()


def test_soft_above_hard_is_refused(bundle):
    """C-RLIM-02, S-69."""
    bundle.process["rlimits"] = [limit("NOFILE", 11, 10)]
    bundle.refused_config("process.rlimits[0]", "soft")


def test_duplicate_is_refused(bundle):
    """C-RLIM-03, X-12."""
    bundle.process["rlimits"] = [limit("NOFILE", 100, 100), limit("NOFILE", 50, 50)]
    bundle.refused_config("process.rlimits[1]", "RLIMIT_NOFILE")


@pytest.mark.parametrize("name", ["soft", "hard", "type"])
def test_missing_member_is_refused(bundle, name):
    """C-RLIM-02."""
    entry = limit("NOFILE", 10, 10)
    del entry[name]
    bundle.process["rlimits"] = [entry]
    bundle.refused_config("process.rlimits[0]", name)


@pytest.mark.parametrize("name, value", [("NOFILE", 3), ("NOFILE", 10), ("FSIZE", 0),
                                         ("STACK", 65536), ("NPROC", 1), ("CORE", 0)])
def test_small_limit_does_not_starve_the_runtime(bundle, name, value):
    """C-RLIM-04."""
    bundle.process["rlimits"] = [limit(name, value, value)]
    bundle.probe("exit 0")
    # The program's output may be a file, which a limit of 0 forbids; its exit status is enough.
    assert bundle.run().code == 0


def lower_limit():
    default_signals()
    resource.setrlimit(resource.RLIMIT_CPU, (1 << 32, 1 << 32))


@requires("sys-resource")
@pytest.mark.parametrize("userns", [False, True])
def test_hard_limit_above_that_of_the_caller(bundle, userns):
    """C-RLIM-06: with CAP_SYS_RESOURCE, also where the process itself has lost it."""
    bundle.process["rlimits"] = [limit("CPU", 1 << 33, 1 << 33)]
    if userns:
        bundle.user_namespace()
    assert bundle.run_probe(preexec_fn=lower_limit).rlimits.CPU == [1 << 33, 1 << 33]


def test_hard_limit_above_that_of_an_unprivileged_caller_is_refused(bundle):
    """C-RLIM-06."""
    def caller():
        lower_limit()
        drop_from_bounding_set("SYS_RESOURCE")
    bundle.process["rlimits"] = [limit("CPU", 1 << 33, 1 << 33)]
    line = bundle.refused(preexec_fn=caller)
    assert "process.rlimits RLIMIT_CPU (config.json:" in line
    assert "above the runtime's own hard limit, and without CAP_SYS_RESOURCE" in line
