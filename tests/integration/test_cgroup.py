# SPDX-License-Identifier: Apache-2.0
"""linux.cgroupsPath and linux.resources (C-CGP, C-MEM, C-CPU, C-PIDS, C-UNI)."""

import os
import pathlib
import re
import subprocess

import pytest

from conftest import controllers
from harness import CGROUP, cgroup_of, wait_until
from marks import requires

UNLIMITED = "max"


@pytest.fixture
def limits(bundle):
    """Runs the container and reads files of its cgroup from outside: limits("memory.max")."""
    def read(*names):
        bundle.hold()
        group = cgroup_of(bundle.state().pid)
        found = [(group / name).read_text().strip() for name in names]
        return found[0] if len(found) == 1 else found
    return read


@pytest.fixture
def tidy(world):
    """Removes parents of a cgroupsPath: create makes them, delete keeps them. To be named before
    `bundle`, so that it comes after the containers are gone."""
    assert world
    yield
    for base, _, _ in os.walk(CGROUP / "tests", topdown=False):
        os.rmdir(base)


# --- none at all ----------------------------------------------------------------------------------

@pytest.fixture
def disabled(bundle):
    """podman --cgroups=disabled, which sends the rules for devices all the same."""
    bundle.globals = ["--cgroup-manager", "disabled"]
    return bundle


def test_disabled_stays_in_the_callers_cgroup(disabled):
    """engine-contracts 7: nothing is made; the container lives and dies as any other."""
    before = sorted(CGROUP.glob("**/"))
    disabled.linux["cgroupsPath"] = "/tests/unused"
    disabled.hold()
    assert cgroup_of(disabled.state().pid) == cgroup_of("self")
    assert sorted(CGROUP.glob("**/")) == before
    disabled.globals = []
    assert disabled.exec_probe("report").pid > 1
    assert "no cgroup of its own" in disabled.one_line(disabled.command("pause", disabled.id))
    disabled.kill("KILL")
    disabled.wait_stopped()
    disabled.delete()


def test_disabled_has_no_limits(disabled):
    """A limit that is not in force would be a lie."""
    disabled.resources["pids"] = {"limit": 9}
    assert "linux.resources.pids.limit: no limits without a cgroup" in \
        disabled.refused_config("resources.pids")
    disabled.resources["pids"] = {"limit": -1}
    disabled.resources["memory"] = {}
    assert disabled.run_shell("echo fine") == "fine"


def test_disabled_does_not_touch_a_cgroup_of_the_same_name(disabled, tidy):
    """Nothing in the record leads there: delete --force would kill what is inside."""
    disabled.linux["cgroupsPath"] = "/tests/others"
    other = CGROUP / "tests/others"
    other.mkdir(parents=True)
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        (other / "cgroup.procs").write_text(str(sleeper.pid))
        disabled.hold()
        disabled.globals = []
        disabled.delete("--force")
        assert sleeper.poll() is None and other.exists()
    finally:
        sleeper.kill()
        sleeper.wait()


# --- the path -------------------------------------------------------------------------------------

def test_absolute_path_is_below_the_hierarchy(tidy, bundle):
    """C-CGP-01, C-CGP-06."""
    bundle.linux["cgroupsPath"] = "/tests/deep/er"
    bundle.hold()
    assert cgroup_of(bundle.state().pid) == CGROUP / "tests/deep/er"


def test_relative_path_leads_to_the_same_place_each_time(tidy, bundle):
    """C-CGP-02."""
    bundle.linux["cgroupsPath"] = "tests/relative"
    places = []
    for _ in range(2):
        bundle.hold()
        places.append(cgroup_of(bundle.state().pid))
        bundle.delete("--force")
    assert places[0] == places[1] and places[0].name == "relative"


@pytest.mark.parametrize("path", [None, ""])
def test_default_is_never_the_root_cgroup(bundle, path):
    """C-CGP-03."""
    if path is not None:
        bundle.linux["cgroupsPath"] = path
    bundle.hold()
    group = cgroup_of(bundle.state().pid)
    assert group != CGROUP and bundle.id in group.name


@pytest.mark.parametrize("path", ["/../../zz", "..", "/a/../../b", "/a/./b", "/", "//", "a\nb",
                                  "/" + "x" * 256, "/a" * 3000])
def test_impossible_path_is_refused(bundle, path):
    """C-CGP-04, I-22."""
    bundle.linux["cgroupsPath"] = path
    bundle.refused_config("linux.cgroupsPath")


def test_systemd_form_without_the_driver_is_a_plain_name(bundle):
    """C-CGP-05: or refused; never something else."""
    bundle.linux["cgroupsPath"] = "system.slice:tests:name"
    result = bundle.create(check=False)
    if result.code == 0:
        assert cgroup_of(bundle.state().pid).name == "system.slice:tests:name"
    else:
        assert "linux.cgroupsPath" in result.err


def test_process_is_in_its_cgroup_before_the_program_starts(bundle):
    """C-CGP-07, performance: born inside by CLONE_INTO_CGROUP."""
    bundle.create()
    pid = bundle.state().pid
    assert (cgroup_of(pid) / "cgroup.procs").read_text().split() == [str(pid)]


def test_cgroup_with_a_populated_parent(tidy, bundle):
    """C-CGP-06: the no-internal-process rule; a limit there is refused, none is fine."""
    bundle.linux["cgroupsPath"] = "/init/tests-child"
    bundle.probe("read /proc/self/cgroup")
    assert bundle.run().code == 0


def test_ownership_is_given_to_the_user_with_a_writable_cgroup_mount(bundle):
    """C-CGP-08, C-CGP-09, C-CGP-10, X-24."""
    bundle.config["mounts"][-1]["options"].remove("ro")
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.probe("sleep")
    bundle.create_and_start()
    group = cgroup_of(bundle.state().pid)
    given = pathlib.Path("/sys/kernel/cgroup/delegate").read_text().split()
    assert group.stat().st_uid == 1000
    for file in group.iterdir():
        assert file.stat().st_uid == (1000 if file.name in given else 0), file.name


@pytest.mark.parametrize("change", ["read-only mount", "no cgroup namespace", "other source",
                                    "other place", "no mount"])
def test_ownership_stays_otherwise(bundle, change):
    """C-CGP-08, X-24: all four conditions."""
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    mount = bundle.config["mounts"][-1]
    if change != "read-only mount":
        mount["options"].remove("ro")
    if change == "no cgroup namespace":
        bundle.remove_namespace("cgroup")
    elif change == "other source":
        mount["source"] = "cgroup2"
    elif change == "other place":
        mount["destination"] = "/tmp"
    elif change == "no mount":
        bundle.config["mounts"].pop()
    bundle.hold()
    assert cgroup_of(bundle.state().pid).stat().st_uid == 0


# --- what asks for nothing needs no controller ----------------------------------------------------

@pytest.mark.parametrize("resources", [
    {}, {"memory": {}}, {"cpu": {}}, {"pids": {}}, {"blockIO": {}}, {"network": {}}, {"rdma": {}},
    {"hugepageLimits": []}, {"unified": {}}, {"memory": {"limit": -1}}, {"memory": {"swap": -1}},
    {"memory": {"limit": -1, "swap": -1, "reservation": -1}}, {"cpu": {"shares": 1024}},
    {"cpu": {"shares": 0}}, {"cpu": {"quota": -1}}, {"cpu": {"quota": 0, "period": 0}},
    {"cpu": {"cpus": "", "mems": ""}}, {"pids": {"limit": -1}}, {"blockIO": {"weight": 0}},
    {"memory": {"disableOOMKiller": False}}, {"memory": {"useHierarchy": True}},
    {"memory": None, "cpu": None, "pids": None}], ids=str)
def test_setting_that_asks_for_nothing_needs_no_controller(bundle, resources):
    """D-09, C-IO-01: docker and containerd send such blocks always."""
    bundle.linux["resources"] = {**resources, "devices": [{"allow": False, "access": "rwm"}]}
    bundle.probe("exit 0")
    bundle.run_ok()


@pytest.mark.parametrize("resources, controller", [
    ({"memory": {"limit": 100 << 20}}, "memory"), ({"cpu": {"shares": 512}}, "cpu"),
    ({"cpu": {"quota": 50000}}, "cpu"), ({"pids": {"limit": 100}}, "pids"),
    ({"cpu": {"cpus": "0"}}, "cpuset"), ({"unified": {"memory.high": "100000000"}}, "memory")],
    ids=str)
def test_limit_without_its_controller_is_refused_with_the_reason(bundle, resources, controller):
    """D-09, C-UNI-04."""
    if controller in controllers():
        pytest.skip(f"the {controller} controller is there")
    bundle.linux["resources"] = {**resources, "devices": [{"allow": False, "access": "rwm"}]}
    line = bundle.refused()
    assert controller in line
    assert "no such file or directory" not in line


@pytest.mark.parametrize("resources, field", [
    ({"memory": {"kernel": 1 << 20}}, "memory.kernel"),
    ({"memory": {"kernelTCP": 1 << 20}}, "memory.kernelTCP"),
    ({"memory": {"swappiness": 60}}, "memory.swappiness"),
    ({"memory": {"swappiness": 101}}, "memory.swappiness"),
    ({"memory": {"disableOOMKiller": True}}, "memory.disableOOMKiller"),
    ({"memory": {"useHierarchy": False}}, "memory.useHierarchy"),
    ({"memory": {"limit": -2}}, "memory.limit"),
    ({"memory": {"limit": 1 << 20, "swap": 1 << 19}}, "memory.swap"),
    ({"memory": {"swap": 1 << 20}}, "memory.swap"),
    ({"cpu": {"realtimeRuntime": 1000}}, "cpu.realtimeRuntime"),
    ({"cpu": {"realtimePeriod": 1000}}, "cpu.realtimePeriod"),
    ({"cpu": {"period": 999}}, "cpu.period"), ({"cpu": {"period": 1000001}}, "cpu.period"),
    ({"cpu": {"quota": 999}}, "cpu.quota"),
    ({"cpu": {"quota": 10000, "burst": 20000}}, "cpu.burst"),
    ({"pids": {"limit": -5}}, "pids.limit"), ({"pids": {"limit": "10"}}, "pids.limit"),
    ({"network": {"classID": 5}}, "network.classID"),
    ({"network": {"priorities": [{"name": "lo", "priority": 1}]}}, "network.priorities"),
    ({"unified": {"../memory.max": "1"}}, "unified"), ({"unified": {"foo": "1"}}, "unified"),
    ({"unified": {"a/b.c": "1"}}, "unified"), ({"unified": {"memory.max": 5}}, "unified"),
    ({"unified": {"cgroup.procs": "1"}}, "unified"),
    ({"unified": {"cgroup.kill": "1"}}, "unified"),
], ids=str)
def test_impossible_setting_is_refused(bundle, resources, field):
    """C-MEM-04, C-MEM-05, C-MEM-06, C-MEM-07, C-MEM-08, C-MEM-10, C-CPU-08, C-CPU-09, C-CPU-10,
    C-PIDS-03, C-NETCG-01, C-NETCG-02, C-UNI-05, X-10: before any side effect."""
    bundle.linux["resources"] = resources
    bundle.refused_config(f"linux.resources.{field}")


def test_unified_with_an_empty_value_is_skipped(bundle):
    """C-UNI-07."""
    bundle.resources["unified"] = {"cgroup.max.depth": ""}
    bundle.probe("exit 0")
    bundle.run_ok()


def test_unified_core_file(bundle, limits):
    """C-UNI-01, C-UNI-03: no controller needed."""
    bundle.resources["unified"] = {"cgroup.max.descendants": "7", "cgroup.max.depth": "3"}
    assert limits("cgroup.max.descendants", "cgroup.max.depth") == ["7", "3"]


def test_unknown_unified_file_is_refused(bundle):
    """C-UNI-06."""
    bundle.resources["unified"] = {"cgroup.nonsense": "1"}
    assert "cgroup.nonsense" in bundle.refused()


def test_failing_limit_leaves_no_cgroup(bundle):
    """S-79, R-LIFE-23: it was made already when the kernel refuses the value; parents go as well."""
    bundle.linux["cgroupsPath"] = "/tests/failing"
    bundle.resources["unified"] = {"cgroup.max.depth": "nonsense"}
    bundle.refused()
    assert not (CGROUP / "tests/failing").exists()


# --- memory ---------------------------------------------------------------------------------------

@requires("memory")
def test_memory_limit_and_reservation(bundle, limits):
    """C-MEM-01, C-MEM-03."""
    bundle.resources["memory"] = {"limit": 64 << 20, "reservation": 32 << 20}
    assert limits("memory.max", "memory.low") == [str(64 << 20), str(32 << 20)]


@requires("memory")
def test_memory_limit_is_rounded_down_to_a_page(bundle, limits):
    """C-MEM-13."""
    bundle.resources["memory"] = {"limit": (64 << 20) + 1}
    assert limits("memory.max") == str(64 << 20)


@requires("memory")
@pytest.mark.parametrize("memory, expected", [
    ({"limit": 64 << 20, "swap": 64 << 20}, "0"),
    ({"limit": 64 << 20, "swap": 96 << 20}, str(32 << 20)),
    ({"limit": 64 << 20, "swap": -1}, "max"), ({"limit": 64 << 20}, "max"),
    ({"limit": -1}, "max"), ({"limit": -1, "swap": 1 << 20}, str(1 << 20)),
    ({"limit": 64 << 20, "swap": 0}, "max")], ids=str)
def test_swap_is_memory_plus_swap(bundle, memory, expected):
    """C-MEM-02: the table of conversions."""
    bundle.resources["memory"] = memory
    bundle.hold()
    file = cgroup_of(bundle.state().pid) / "memory.swap.max"
    if not file.exists():
        pytest.skip("kernel without swap accounting")
    assert file.read_text().strip() == expected


@requires("memory")
def test_program_that_eats_too_much_is_killed(bundle):
    """C-MEM-15: the limit has an effect, and 137 says so."""
    bundle.resources["memory"] = {"limit": 24 << 20, "swap": 24 << 20}
    bundle.probe("eat 100")
    result = bundle.run()
    assert result.code == 137 and "eaten" not in result.out


@requires("memory")
def test_program_within_its_limit_is_not_killed(bundle):
    """C-MEM-15."""
    bundle.resources["memory"] = {"limit": 48 << 20, "swap": 48 << 20}
    assert bundle.run_probe("eat 10").eaten == 10


@pytest.fixture
def swap():
    """Swap space on the guest's own disk."""
    disk = pathlib.Path("/dev/ubda")
    if not disk.is_block_device():
        pytest.skip("no disk of our own for swap")
    subprocess.run(["mkswap", str(disk)], check=True, capture_output=True)
    done = subprocess.run(["swapon", str(disk)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no swap here: {done.stderr.strip()}")
    yield
    subprocess.run(["swapoff", str(disk)], check=True, capture_output=True)


@requires("memory")
def test_swap_limit_has_an_effect(bundle, swap):
    """C-MEM-02: what does not fit into the memory fits into the swap, up to its limit"""
    bundle.resources["memory"] = {"limit": 24 << 20, "swap": 64 << 20}
    assert bundle.run_probe("eat 40").eaten == 40
    bundle.resources["memory"] = {"limit": 24 << 20, "swap": 32 << 20}
    bundle.probe("eat 40")
    assert bundle.run().code == 137


@requires("memory")
def test_small_memory_limit_is_enough_to_start(bundle):
    """performance: the set-up phase is not charged to the container."""
    bundle.resources["memory"] = {"limit": 2 << 20, "swap": 2 << 20}
    bundle.probe("exit 0")
    assert bundle.run().code == 0


@requires("memory")
def test_unified_wins_over_converted_fields(bundle, limits):
    """C-UNI-08."""
    bundle.resources["memory"] = {"limit": 64 << 20}
    bundle.resources["unified"] = {"memory.max": str(32 << 20), "memory.high": str(16 << 20)}
    assert limits("memory.max", "memory.high") == [str(32 << 20), str(16 << 20)]


@requires("memory")
def test_limits_are_not_touched_when_absent(bundle, limits):
    """C-CGP-11, C-MEM-14."""
    del bundle.linux["resources"]
    assert limits("memory.max", "memory.low", "memory.oom.group") == ["max", "0", "0"]


def test_limits_of_a_pre_existing_cgroup_are_not_touched_when_absent(tidy, bundle, limits):
    """C-CGP-11, X-25: nor is it removed."""
    group = CGROUP / "tests/mine"
    group.mkdir(parents=True)
    (group / "cgroup.max.depth").write_text("5")
    bundle.linux["cgroupsPath"] = "/tests/mine"
    del bundle.linux["resources"]
    assert limits("cgroup.max.depth", "cgroup.max.descendants") == ["5", "max"]
    bundle.delete("--force")
    assert (group / "cgroup.max.depth").read_text() == "5\n"


# --- cpu ------------------------------------------------------------------------------------------

@requires("cpu")
@pytest.mark.parametrize("shares, weight", [
    (0, 100), (2, 1), (3, 2), (10, 4), (100, 17), (256, 35), (512, 59), (1000, 99), (1024, 100), (2048, 174),
    (4096, 303), (22000, 1204), (262144, 10000), (4294967298, 10000)])
def test_shares_become_a_weight(bundle, limits, shares, weight):
    """C-CPU-01, C-CPU-02, C-CPU-03."""
    bundle.resources["cpu"] = {"shares": shares}
    assert limits("cpu.weight") == str(weight)


@requires("cpu")
@pytest.mark.parametrize("cpu, expected", [
    ({"quota": 50000}, "50000 100000"), ({"quota": 50000, "period": 200000}, "50000 200000"),
    ({"quota": -1, "period": 50000}, "max 50000"), ({"period": 50000}, "max 50000"),
    ({"quota": -1}, "max 100000"), ({"quota": 0}, "max 100000"),
    ({"quota": 20000, "period": 0}, "20000 100000")], ids=str)
def test_quota_and_period(bundle, limits, cpu, expected):
    """C-CPU-04, C-CPU-05, C-CPU-06, C-CPU-07."""
    bundle.resources["cpu"] = cpu
    assert limits("cpu.max") == expected


@requires("cpu")
def test_burst(bundle, limits):
    """C-CPU-09."""
    bundle.resources["cpu"] = {"quota": 50000, "burst": 20000}
    assert limits("cpu.max.burst") == "20000"


@requires("cpu")
def test_idle(bundle, limits):
    """C-CPU-12, C-CPU-13: together with shares."""
    bundle.resources["cpu"] = {"idle": 1, "shares": 512}
    assert limits("cpu.idle") == "1"


@requires("cpu")
def test_impossible_idle_is_refused(bundle):
    """C-CPU-12."""
    bundle.resources["cpu"] = {"idle": 2}
    bundle.refused()


@requires("cpu")
def test_quota_throttles(bundle):
    """C-CPU-04: compared with the same program without a quota."""
    free = bundle.run_probe("spin 1").cpu_ms
    bundle.resources["cpu"] = {"quota": 10000, "period": 100000}
    throttled = bundle.run_probe("spin 1").cpu_ms
    assert throttled < free / 2


@requires("cpu")
def test_heavier_container_gets_more_of_a_processor(bundle):
    """C-CPU-02: two that want all of it, on one processor"""
    bundle.shell("taskset 1 sh -c 'while :; do :; done' 2>/dev/null || "
                 "while :; do :; done")
    usage = {}
    for name, shares in (("light", 64), ("heavy", 8192)):
        bundle.resources["cpu"] = {"shares": shares}
        bundle.linux["cgroupsPath"] = f"/{bundle.id}-{name}"
        bundle.create(id=f"{bundle.id}-{name}")

    def used(name):
        text = (CGROUP / f"{bundle.id}-{name}/cpu.stat").read_text()
        return int(re.search(r"usage_usec (\d+)", text)[1])

    for name in ("light", "heavy"):
        bundle.start(id=f"{bundle.id}-{name}")
    wait_until(lambda: used("light") > 0 and used("heavy") > 0, "both to run")
    before = {name: used(name) for name in ("light", "heavy")}
    wait_until(lambda: used("heavy") - before["heavy"] > 1_000_000, "a second of processor time")
    usage = {name: used(name) - before[name] for name in ("light", "heavy")}
    assert usage["heavy"] > 3 * usage["light"], usage
    for name in ("light", "heavy"):
        bundle.delete("--force", id=f"{bundle.id}-{name}")


@requires("cpu")
def test_starved_container_can_be_deleted(bundle):
    """R-LIFE-20: what was killed gets the time to end"""
    bundle.shell("while :; do :; done")
    bundle.create_and_start()
    result = bundle.command("update", "--cpu-quota", "1000", "--cpu-period", "1000000", bundle.id)
    assert result.code == 0, result
    bundle.delete("--force")
    assert not bundle.exists()


@requires("cpuset")
def test_cpuset(bundle, limits):
    """C-CPU-11."""
    bundle.resources["cpu"] = {"cpus": "0", "mems": "0"}
    assert limits("cpuset.cpus", "cpuset.mems") == ["0", "0"]


# --- pids -----------------------------------------------------------------------------------------

@requires("pids")
def test_pids_limit(bundle, limits):
    """C-PIDS-01."""
    bundle.resources["pids"] = {"limit": 33}
    assert limits("pids.max") == "33"


@requires("pids")
def test_pids_limit_refuses_the_next_process(bundle):
    """C-PIDS-01."""
    bundle.resources["pids"] = {"limit": 5}
    seen = bundle.run_probe("fork 10")
    assert (seen.forked, seen.errno) == (4, "EAGAIN")


@requires("pids")
def test_pids_limit_of_one_lets_the_program_start(bundle):
    """C-PIDS-05."""
    bundle.resources["pids"] = {"limit": 1}
    assert bundle.run_probe("fork 1").errno == "EAGAIN"


@requires("pids")
def test_pids_limit_of_zero_is_zero(bundle, limits):
    """C-PIDS-02, X-09: the clarification of spec 1.3."""
    bundle.resources["pids"] = {"limit": 0}
    assert limits("pids.max") == "0"


@requires("pids")
def test_pids_limit_of_zero_refuses_every_fork(bundle):
    """C-PIDS-02, C-PIDS-05: the program itself runs."""
    bundle.resources["pids"] = {"limit": 0}
    seen = bundle.run_probe("fork 1")
    assert (seen.forked, seen.errno) == (0, "EAGAIN")


@requires("pids")
def test_unlimited_pids(bundle, limits):
    """C-PIDS-01."""
    bundle.resources["pids"] = {"limit": -1}
    assert limits("pids.max") == "max"


@requires("pids", "memory")
def test_controllers_are_enabled_on_the_way(tidy, bundle):
    """C-CGP-06, C-UNI-02."""
    bundle.linux["cgroupsPath"] = "/tests/way/down"
    bundle.resources["pids"] = {"limit": 9}
    bundle.hold()
    assert (CGROUP / "tests/way/down/pids.max").read_text().strip() == "9"
    bundle.delete("--force")
    wait_until(lambda: not (CGROUP / "tests/way/down").exists(), "removal")


@requires("pids", "memory")
def test_controllers_are_there_without_limits(tidy, bundle):
    """C-CGP-06: for statistics, a later update, and a systemd or an engine in the container."""
    bundle.linux["cgroupsPath"] = "/tests/no/limits"
    bundle.linux["resources"] = {}
    assert {"pids", "memory"} <= set(bundle.run_probe(
        "read /sys/fs/cgroup/cgroup.controllers").text.split())


@requires("pids")
def test_limit_below_a_populated_parent_is_refused_with_the_reason(bundle):
    """C-CGP-06: processes in the parent forbid delegation."""
    bundle.linux["cgroupsPath"] = "/init/limited"
    bundle.resources["pids"] = {"limit": 9}
    assert "pids" in bundle.refused()
