# SPDX-License-Identifier: Apache-2.0
"""hostname and domainname (C-UTS)."""

import os
import subprocess

import pytest

from harness import own_namespace


def test_hostname(bundle):
    """C-UTS-01."""
    bundle.config["hostname"] = "web-1.example"
    assert bundle.run_probe().hostname == "web-1.example"


def test_hostname_of_the_host_stays(bundle):
    """C-UTS-01."""
    before = os.uname().nodename
    bundle.run_probe()
    assert os.uname().nodename == before


def test_longest_hostname(bundle):
    """C-UTS-01."""
    bundle.config["hostname"] = "h" * 64
    assert bundle.run_probe().hostname == "h" * 64


@pytest.mark.parametrize("field", ["hostname", "domainname"])
def test_name_that_is_too_long_is_refused(bundle, field):
    """C-UTS-01, C-UTS-04."""
    bundle.config[field] = "h" * 65
    bundle.refused_config(field)


@pytest.mark.parametrize("field", ["hostname", "domainname"])
def test_name_without_uts_namespace_is_refused(bundle, field):
    """C-UTS-02, C-UTS-04, X-03: it would rename the host."""
    bundle.remove_namespace("uts")
    del bundle.config["hostname"]
    bundle.config[field] = "name"
    bundle.refused_config(field)


def test_empty_hostname_is_no_hostname(bundle):
    """C-UTS-03."""
    bundle.config["hostname"] = ""
    assert bundle.run_probe().hostname == os.uname().nodename


def test_domainname(bundle):
    """C-UTS-04."""
    bundle.config["domainname"] = "example.org"
    assert bundle.run_probe().domainname == "example.org"


def test_hostname_is_set_in_a_joined_namespace(bundle):
    """C-UTS-05."""
    with subprocess.Popen(["unshare", "-u", "sleep", "1000"]) as holder:
        try:
            path = f"/proc/{holder.pid}/ns/uts"
            while os.readlink(path) == own_namespace("uts"):
                pass
            bundle.namespace("uts", path)
            bundle.config["hostname"] = "joined"
            assert bundle.run_probe().hostname == "joined"
            name = subprocess.run(["nsenter", f"--uts={path}", "uname", "-n"], check=True,
                                  capture_output=True, text=True).stdout
            assert name.strip() == "joined"
        finally:
            holder.kill()
