# SPDX-License-Identifier: Apache-2.0
"""Markers: @requires("memory", "pids") skips, with the reason, where these are missing."""

import pytest

requires = pytest.mark.requires
