# SPDX-License-Identifier: Apache-2.0
"""linux.intelRdt on a host without resctrl: C-RDT. With one: tests/unit/test_rdt.c."""

import json

import pytest

pytestmark = pytest.mark.skipif(
    " resctrl " in open("/proc/self/mountinfo").read(), reason="this host has resctrl")


@pytest.mark.parametrize("value", [
    {}, {"closID": "gold"}, {"closID": "/"}, {"l3CacheSchema": "L3:0=f"},
    {"memBwSchema": "MB:0=20"}, {"schemata": ["L2:0=1"]}, {"enableMonitoring": True}], ids=str)
def test_host_without_resctrl_is_refused(bundle, value):
    """C-RDT-01: before anything is made, also when nobody waits for it"""
    bundle.linux["intelRdt"] = value
    bundle.refused_config("linux.intelRdt", "no resctrl file system mounted")
    assert "no resctrl" in bundle.one_line(bundle.create(check=False))


def test_config_without_rdt_runs(bundle):
    """C-RDT-02"""
    bundle.linux["intelRdt"] = None
    bundle.run_probe("exit 0")


@pytest.mark.parametrize("member, value, part", [
    ("closID", ".", "closID"), ("closID", "..", "closID"), ("closID", "a/b", "closID"),
    ("closID", "/a", "closID"), ("closID", "a\nb", "closID"), ("closID", "x" * 256, "closID"),
    ("closID", 5, "closID"),
    ("memBwSchema", "L3:0=f", "memBwSchema"), ("memBwSchema", "MB:0=1\n", "memBwSchema"),
    ("memBwSchema", "mb:0=1", "memBwSchema"),
    ("l3CacheSchema", "MB:0=1", "l3CacheSchema"),
    ("l3CacheSchema", "L3:0=f\nMB:0=1", "l3CacheSchema"),
    ("schemata", ["L3:0=f", "MB:0=1\nL3:0=1"], "schemata[1]"), ("schemata", "L3:0=f", "schemata"),
    ("schemata", [""], "schemata[0]"), ("schemata", [None], "schemata[0]"),
    ("enableMonitoring", "true", "enableMonitoring")], ids=str)
def test_bad_value_is_refused(bundle, member, value, part):
    """C-RDT-04, C-RDT-08, C-RDT-09, C-RDT-10, C-RDT-12"""
    bundle.linux["intelRdt"] = {member: value}
    bundle.refused_config(f"linux.intelRdt.{part}")


def test_members_of_old_versions_are_unknown_keys(bundle):
    """C-RDT-14: their values do not matter"""
    bundle.linux["intelRdt"] = {"enableCMT": "x", "enableMBM": 5}
    bundle.refused_config("no resctrl file system mounted")


def test_delete_finds_nothing_to_remove_without_resctrl(bundle):
    """C-RDT-13: it was unmounted, and took all groups with it"""
    bundle.probe("exit 0")
    bundle.create_and_start()
    bundle.wait_stopped()
    file = bundle.root / bundle.id / "state.json"
    record = json.loads(file.read_text())
    record |= {"rdtClass": bundle.id, "rdtMonitor": bundle.id, "rdtClassMade": True,
               "rdtClassStays": False, "rdtClassInode": 7, "rdtMonitorInode": 8}
    file.write_text(json.dumps(record))
    bundle.delete()
    assert not bundle.exists()


def test_record_without_rdt_has_no_member_for_it(bundle):
    """C-RDT-02"""
    bundle.probe("exit 0")
    bundle.create()
    assert '"rdt' not in (bundle.root / bundle.id / "state.json").read_text()
    bundle.delete("--force")
