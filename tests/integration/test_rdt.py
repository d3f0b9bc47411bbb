# SPDX-License-Identifier: Apache-2.0
"""linux.intelRdt: C-RDT. Refusals on a host without resctrl, then whole lives of containers on a
directory that plays its part (tests/stand-in/resctrl.c). Details: tests/unit/test_rdt.c."""

import json
import os
import pathlib
import shutil

import pytest

import harness
from harness import CRUNTIME, SOURCE

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


# --- with a directory that plays the part of resctrl ----------------------------------------------

ROOT = pathlib.Path("/run/stand-in-resctrl")
PRELOAD = SOURCE / "build/resctrl.so"
STAND_IN = {**os.environ, "LD_PRELOAD": str(PRELOAD)}


def tree():
    return sorted(str(p.relative_to(ROOT)) for p in ROOT.rglob("*"))


@pytest.fixture
def resctrl():
    """Has the class "gold" of an administrator; must be left as it was."""
    program = pathlib.Path(CRUNTIME).read_bytes()
    if b"__asan_init" in program or b"ld-linux" not in program:
        pytest.skip("nothing can be loaded before a program that is static or has a sanitizer")
    for directory in ("info", "mon_groups", "gold/mon_groups"):
        (ROOT / directory).mkdir(parents=True)
    for directory in (ROOT, ROOT / "gold"):
        (directory / "tasks").write_text("")
        (directory / "schemata").write_text("    L3:0=fffff\n    MB:0=100\n")
    pathlib.Path("/run/stand-in-mountinfo").write_text(
        f"25 22 0:27 / {ROOT} rw shared:4 - resctrl resctrl rw\n")
    before = tree()
    yield ROOT
    after = tree()
    shutil.rmtree(ROOT)
    assert after == before


def record(bundle):
    return json.loads((bundle.root / bundle.id / "state.json").read_text())


def end(bundle):
    bundle.kill("KILL")
    bundle.wait_stopped()
    result = bundle.command("delete", bundle.id, env=STAND_IN)
    assert result.code == 0, result


def test_class_lives_as_long_as_the_container(bundle, resctrl):
    """C-RDT-01, C-RDT-03, C-RDT-07, C-RDT-12, C-RDT-13: delete is another process than create"""
    bundle.linux["intelRdt"] = {"schemata": ["L2:0=1"], "memBwSchema": "MB:0=20",
                                "l3CacheSchema": "L3:0=f", "enableMonitoring": True}
    bundle.probe("sleep")
    bundle.create(env=STAND_IN)
    pid = str(bundle.state().pid)
    group = resctrl / bundle.id
    monitor = group / "mon_groups" / bundle.id
    assert (group / "schemata").read_text() == "L3:0=f\nMB:0=20\nL2:0=1\n"
    assert (group / "tasks").read_text() == pid and (monitor / "tasks").read_text() == pid
    written = record(bundle)
    assert written["rdtClassInode"] == group.stat().st_ino
    assert written["rdtMonitorInode"] == monitor.stat().st_ino
    bundle.start()
    end(bundle)


def test_prepared_class_stays(bundle, resctrl):
    """C-RDT-06, C-RDT-13"""
    bundle.linux["intelRdt"] = {"closID": "gold", "enableMonitoring": True}
    bundle.probe("sleep")
    bundle.create(env=STAND_IN)
    pid = str(bundle.state().pid)
    assert (resctrl / "gold/tasks").read_text() == pid
    assert (resctrl / "gold/mon_groups" / bundle.id / "tasks").read_text() == pid
    end(bundle)
    assert (resctrl / "gold/schemata").read_text() == "    L3:0=fffff\n    MB:0=100\n"


def update(bundle, *options):
    return bundle.command("update", *options, bundle.id, env=STAND_IN)


def test_update_changes_the_schemata(bundle, resctrl):
    """C-RDT-05, C-RDT-07: read back; the lines that are not named stay"""
    bundle.linux["intelRdt"] = {"l3CacheSchema": "L3:0=ff", "memBwSchema": "MB:0=20"}
    bundle.probe("sleep")
    bundle.create(env=STAND_IN)
    file = resctrl / bundle.id / "schemata"
    assert update(bundle, "--l3-cache-schema", "L3:0=0f").code == 0
    assert file.read_text() == "L3:0=0f\nMB:0=20\n"
    result = update(bundle, "--l3-cache-schema", "L3:0=f0", "--mem-bw-schema", "MB:0=30")
    assert result.code == 0 and file.read_text() == "L3:0=f0\nMB:0=30\n"
    # The stand-in keeps every text; this one cannot be in force as a whole.
    line = bundle.one_line(update(bundle, "--l3-cache-schema", "L3:0=f0;0=ff"))
    assert "its former schemata are in force" in line, line
    assert file.read_text() == "L3:0=f0\nMB:0=30\n"
    bundle.start()
    end(bundle)


def test_update_of_a_limit_that_fails_restores_the_schemata(bundle, resctrl):
    """C-RDT-05: all of an update, or nothing"""
    bundle.linux["intelRdt"] = {"l3CacheSchema": "L3:0=ff"}
    bundle.probe("sleep")
    bundle.create(env=STAND_IN)
    result = bundle.command("update", "--l3-cache-schema", "L3:0=0f", "--cpu-rt-period", "5",
                            bundle.id, env=STAND_IN)
    assert result.code == 1, result
    assert (resctrl / bundle.id / "schemata").read_text() == "L3:0=ff\n"
    bundle.start()
    end(bundle)


@pytest.mark.parametrize("rdt, text", [
    (None, "was created without linux.intelRdt"),
    ({"closID": "/"}, "is in the root's class of service"),
])
def test_update_of_no_class_of_its_own_is_refused(bundle, resctrl, rdt, text):
    """C-RDT-02, C-RDT-04"""
    if rdt:
        bundle.linux["intelRdt"] = rdt
    bundle.probe("sleep")
    bundle.create(env=STAND_IN)
    line = bundle.one_line(update(bundle, "--mem-bw-schema", "MB:0=30"))
    assert text in line, line
    assert (resctrl / "schemata").read_text() == "    L3:0=fffff\n    MB:0=100\n"
    bundle.start()
    end(bundle)


@pytest.mark.parametrize("option, word", [
    ("--l3-cache-schema", "MB:0=1"), ("--mem-bw-schema", "L3:0=1"), ("--l3-cache-schema", "L3"),
    ("--mem-bw-schema", "MB:0=1\nL3:0=1")])
def test_update_takes_one_line_of_the_right_kind(bundle, option, word):
    """C-RDT-08, C-RDT-09"""
    line = bundle.one_line(bundle.command("update", option, word, bundle.id))
    assert f"option '{option}': expected one line" in line, line


@pytest.mark.parametrize("clos", [None, "blue", "/", "gold"])
def test_failed_create_leaves_nothing(bundle, resctrl, clos):
    """C-RDT-13, I-25"""
    schemata = {"l3CacheSchema": "L3:0=f"} if clos == "blue" else {}
    bundle.linux["intelRdt"] = {"closID": clos, "enableMonitoring": True, **schemata}
    # What the kernel does when a process ends: it leaves its group.
    seen = bundle.hook("createRuntime", f"""find {resctrl} -name {bundle.id} >$OUT
        for tasks in $(find {resctrl} -name tasks); do : >$tasks; done
        exit 7""")
    line = bundle.one_line(bundle.create(check=False, env=STAND_IN))
    assert "createRuntime" in line
    assert f"mon_groups/{bundle.id}" in seen.read_text()


def test_other_schemata_of_a_class_are_refused(bundle, resctrl):
    """C-RDT-05: before anything is made"""
    bundle.linux["intelRdt"] = {"closID": "gold", "l3CacheSchema": "L3:0=f"}
    line = bundle.one_line(bundle.create(check=False, env=STAND_IN))
    assert "linux.intelRdt (config.json:" in line and "the class has 'L3:0=fffff'" in line, line


def test_killed_create_is_cleaned_up(bundle, resctrl):
    """C-RDT-13, S-79: delete --force finds in the record what was made"""
    bundle.linux["intelRdt"] = {"enableMonitoring": True}
    bundle.hook("createRuntime", f"""
        for tasks in $(find {resctrl} -name tasks); do : >$tasks; done
        kill -9 $PPID""")
    assert bundle.create(check=False, env=STAND_IN).code == -9
    assert (resctrl / bundle.id / "mon_groups" / bundle.id).is_dir()
    harness.wait_until(lambda: bundle.status() == "stopped", "the end of the process")
    result = bundle.command("delete", "--force", bundle.id, env=STAND_IN)
    assert result.code == 0, result
