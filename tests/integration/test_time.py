# SPDX-License-Identifier: Apache-2.0
"""linux.timeOffsets (C-TIME, C-NS-13)."""

import time

import pytest

from marks import requires

pytestmark = requires("timens")


def offsets(seen):
    return {line.split()[0]: [int(n) for n in line.split()[1:]]
            for line in seen.timens_offsets.splitlines()}


def test_new_time_namespace_without_offsets(bundle):
    """C-NS-13."""
    bundle.namespace("time")
    seen = bundle.run_probe()
    assert set(map(tuple, offsets(seen).values())) == {(0, 0)}


def test_offsets(bundle):
    """C-TIME-01, C-NS-13: the first program is already inside."""
    bundle.namespace("time")
    bundle.linux["timeOffsets"] = {"monotonic": {"secs": 7200, "nanosecs": 5},
                                   "boottime": {"secs": 3600, "nanosecs": 0}}
    seen = bundle.run_probe()
    assert offsets(seen) == {"monotonic": [7200, 5], "boottime": [3600, 0]}
    assert abs(seen.monotonic - time.clock_gettime(time.CLOCK_MONOTONIC) - 7200) < 30
    assert abs(seen.boottime - time.clock_gettime(time.CLOCK_BOOTTIME) - 3600) < 30


@pytest.mark.parametrize("clock", ["monotonic", "boottime"])
@pytest.mark.parametrize("value, expected", [({"secs": 10}, [10, 0]), ({"nanosecs": 7}, [0, 7])])
def test_one_member_alone(bundle, clock, value, expected):
    """C-TIME-07."""
    bundle.namespace("time")
    bundle.linux["timeOffsets"] = {clock: value}
    assert offsets(bundle.run_probe())[clock] == expected


def test_negative_offset(bundle):
    """C-TIME-05."""
    bundle.namespace("time")
    bundle.linux["timeOffsets"] = {"boottime": {"secs": -1, "nanosecs": 0}}
    assert offsets(bundle.run_probe())["boottime"] == [-1, 0]


def test_offset_that_makes_a_clock_negative_is_refused(bundle):
    """C-TIME-05."""
    bundle.namespace("time")
    bundle.linux["timeOffsets"] = {"boottime": {"secs": -1000000000}}
    bundle.refused_config("linux.timeOffsets.boottime")


def test_offsets_without_time_namespace_are_refused(bundle):
    """C-TIME-02."""
    bundle.linux["timeOffsets"] = {"monotonic": {"secs": 1}}
    bundle.refused_config("linux.timeOffsets", "time namespace")


def test_offsets_for_a_joined_namespace_are_refused(bundle):
    """C-TIME-03."""
    bundle.namespace("time", "/proc/self/ns/time")
    bundle.linux["timeOffsets"] = {"monotonic": {"secs": 1}}
    bundle.refused_config("linux.timeOffsets")


@pytest.mark.parametrize("value", [1000000000, 4294967295, -1])
def test_nanoseconds_out_of_range_are_refused(bundle, value):
    """C-TIME-04."""
    bundle.namespace("time")
    bundle.linux["timeOffsets"] = {"monotonic": {"secs": 0, "nanosecs": value}}
    bundle.refused_config("linux.timeOffsets.monotonic.nanosecs")


def test_unknown_clock_is_refused(bundle):
    """C-TIME-06: the name of a clock is a value, not a key."""
    bundle.namespace("time")
    bundle.linux["timeOffsets"] = {"realtime": {"secs": 1}}
    bundle.refused_config("linux.timeOffsets", "realtime")
