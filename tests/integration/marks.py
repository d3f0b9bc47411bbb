# SPDX-License-Identifier: Apache-2.0
"""Markers: @requires("memory", "pids") skips, with the reason, where these are missing."""

import pytest

requires = pytest.mark.requires


def named(cases):
    """Parameters (id, value...) with their ids."""
    return [pytest.param(*case[1:], id=case[0]) for case in cases]
