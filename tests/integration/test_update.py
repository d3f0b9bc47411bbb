# SPDX-License-Identifier: Apache-2.0
"""update (cli-reference 4, engine-contracts 10; C-CGP-17). Files of the core (cgroup.max.depth) need no
controller and show the mechanism everywhere; the conversions are in the unit test cgroup_update."""

import json

import pytest

from conftest import controllers
from harness import cgroup_of, wait_until
from marks import requires

DENY_ALL = {"allow": False, "access": "rwm"}


@pytest.fixture
def group(bundle):
    """Starts a container that does nothing; files of its cgroup: group("pids.max")."""
    def read(*names):
        found = [(cgroup_of(bundle.state().pid) / n).read_text().strip() for n in names]
        return found[0] if len(found) == 1 else found
    return read


def document(bundle, resources):
    """update --resources -"""
    text = resources if isinstance(resources, str) else json.dumps(resources)
    return bundle.command("update", "--resources", "-", bundle.id, stdin=None, input=text)


def update(bundle, *words):
    result = bundle.command("update", *words, bundle.id) if isinstance(words[0], str) \
        else document(bundle, *words)
    assert (result.code, result.out, result.err) == (0, "", ""), result


def refused(bundle, *words):
    """The line of an update that must fail, and leave the container alone."""
    result = bundle.command("update", *words, bundle.id) if isinstance(words[0], str) \
        else document(bundle, *words)
    assert bundle.status() in ("running", "stopped", "created", "paused")
    return bundle.one_line(result)


# --- the document ---------------------------------------------------------------------------------

@pytest.mark.parametrize("form", [["--resources=-"], ["--resources", "-"], ["-r", "-"]], ids=str)
def test_document_from_standard_input(bundle, group, form):
    """engine-contracts 1: containerd, CRI-O."""
    bundle.hold()
    result = bundle.command("update", *form, bundle.id, stdin=None,
                            input='{"unified":{"cgroup.max.depth":"7"}}\n')
    assert (result.code, result.out, result.err) == (0, "", "")
    assert group("cgroup.max.depth") == "7"


def test_document_from_a_file(bundle, group):
    """engine-contracts 1: podman. Relative to the caller's directory (D-25)."""
    bundle.hold()
    (bundle.dir / "resources.json").write_text('{"unified":{"cgroup.max.depth":"7"}}')
    assert bundle.command("update", "--resources", "resources.json", bundle.id,
                          cwd=bundle.dir).code == 0
    assert group("cgroup.max.depth") == "7"


@pytest.mark.parametrize("resources", [
    {}, {"memory": {}, "cpu": {}, "pids": {}, "blockIO": {}, "unified": {}}, {"memory": None},
    {"memory": {"limit": 0, "swap": 0}}, {"cpu": {"shares": 0, "quota": 0, "period": 0}},
    {"devices": [DENY_ALL]}, {"pids": {"limit": -1}}, {"memory": {"limit": -1, "swap": -1}},
    {"cpu": {"shares": 1024}}], ids=str)
def test_document_that_asks_for_nothing_needs_nothing(bundle, resources):
    """engine-contracts 10, D-09: dockerd sends {} for `docker update --restart`."""
    bundle.hold()
    update(bundle, resources)


def test_devices_are_left_alone(bundle):
    """engine-contracts 10: CRI and podman send a bare deny-all with every update."""
    bundle.resources["devices"] = [DENY_ALL, {"allow": True, "type": "c", "major": 1, "minor": 11,
                                              "access": "rwm"}]
    bundle.linux["devices"] = [{"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11}]
    bundle.all_caps()
    bundle.shell("while :; do dd if=/dev/kmsg count=0 && echo open || echo denied; sleep 0.01; "
                 "done 2>/dev/null")
    bundle.create_and_start()
    wait_until(lambda: "open" in bundle.output(), "the first line")
    result = bundle.command("--debug", "update", "-r", "-", bundle.id, stdin=None,
                            input=json.dumps({"devices": [DENY_ALL]}))
    assert result.code == 0 and "devices of an update are left alone" in result.err
    lines = bundle.output().count("\n")
    wait_until(lambda: bundle.output().count("\n") > lines + 3, "more lines")
    assert "denied" not in bundle.output()


@pytest.mark.parametrize("text, message", [
    ('{"pids":{"limit":"9"}}', "<stdin>:1:18: pids.limit: expected an integer"),
    ('{"pids":\n {"limit":-2}}', "<stdin>:2:11: pids.limit: expected an integer from -1"),
    ('{"memory":{"swappiness":60}}', "memory.swappiness: cgroup v2 has no such setting"),
    ('{"memory":{"disableOOMKiller":true}}', "memory.disableOOMKiller: cgroup v2 cannot"),
    ('{"memory":{"limit":2,"swap":1}}', "memory.swap: is memory plus swap"),
    ('{"cpu":{"realtimeRuntime":1}}', "cpu.realtimeRuntime: cgroup v2"),
    ('{"cpu":{"period":999}}', "cpu.period: expected 1000 to 1000000"),
    ('{"cpu":{"cpus":"a"}}', "cpu.cpus: a list of CPUs"),
    ('{"network":{"classID":1}}', "network.classID: cgroup v2"),
    ('{"unified":{"../x.y":"1"}}', "unified.../x.y: is no name of a file"),
    ('{"unified":{"cgroup.procs":"1"}}', "unified.cgroup.procs: is no setting of a resource"),
    ('{"unified":{"cgroup.freeze":"1"}}', "unified: 'cgroup.freeze' is not the name"),
    ('{"blockIO":{"weight":5}}', "blockIO.weight: expected 10 to 1000"),
    ('{"pids":{"limit":1},"pids":{"limit":2}}', "<stdin>:1:21: "),
    ("[]", "<stdin>:1:1: expected an object"), ("", "<stdin>:1:1: "), ("{} {}", "<stdin>:1:4: "),
    ('{"pids":{"limit":5}', "<stdin>:1:"),
])
def test_bad_document_is_refused_with_its_place(bundle, group, text, message):
    """D-02, D-03, C-MEM-10, C-UNI-05: strict as config.json, and nothing is written."""
    bundle.hold()
    before = group("cgroup.max.depth", "cgroup.max.descendants")
    result = document(bundle, text)
    line = bundle.one_line(result)
    assert line.removeprefix(f"update '{bundle.id}': ").startswith(("<stdin>:", "unified"))
    assert message in line
    assert group("cgroup.max.depth", "cgroup.max.descendants") == before


@pytest.mark.parametrize("name, message", [("missing.json", "no such entry"),
                                           (".", "not a regular file")])
def test_document_that_cannot_be_read(bundle, name, message):
    """D-20: in other words than those that engines look for."""
    bundle.hold()
    line = bundle.one_line(bundle.command("update", "--resources", bundle.dir / name, bundle.id))
    assert "--resources" in line and message in line


# --- options --------------------------------------------------------------------------------------

@pytest.mark.parametrize("words, text", [
    (["--memory", "1.5G"], "option '--memory': expected a size such as"),
    (["--memory", "100X"], "found '100X'"), (["--memory", "100M foo"], "found '100M foo'"),
    (["--memory", "8388608T"], "expected a size"), (["--memory", "-2"], "expected a size"),
    (["--memory="], "the value is empty"), (["--memory-swap", "abc"], "'--memory-swap'"),
    (["--pids-limit", "abc"], "option '--pids-limit': expected a whole number, found 'abc'"),
    (["--pids-limit", "10k"], "option '--pids-limit'"), (["--pids-limit", "-2"], "pids.limit: "),
    (["--cpu-quota", "5"], "cpu.quota: expected -1, 0 or at least 1000 microseconds"),
    (["--cpu-period", "5"], "cpu.period: expected 1000 to 1000000"),
    (["--cpu-share", "-1"], "cpu.shares: expected an integer"),
    (["--cpu-idle", "2"], "cpu.idle: expected an integer from 0 to 1"),
    (["--cpu-quota", "2000", "--cpu-burst", "3000"], "cpu.burst: must not be above 'quota'"),
    (["--cpu-rt-period", "1000"], "cpu.realtimePeriod: cgroup v2"),
    (["--cpu-rt-runtime", "1000"], "cpu.realtimeRuntime: cgroup v2"),
    (["--kernel-memory", "1M"], "memory.kernel: cgroup v2"),
    (["--kernel-memory-tcp", "1M"], "memory.kernelTCP: cgroup v2"),
    (["--cpuset-cpus", '0"'], "cpu.cpus: a list of CPUs"),
    (["--blkio-weight", "5"], "blockIO.weight: expected 10 to 1000"),
    (["--resources", "-", "--memory", "1G"], "'--memory': --resources has all limits"),
    (["--memory", "20M", "--memory-swap", "10M"], "memory.swap: is memory plus swap"),
    ([], "no limit is given"), (["--devices", "x"], "unknown option '--devices'"),
], ids=str)
def test_bad_option_is_refused(bundle, words, text):
    """cli-reference 4: never a silent prefix; runc's 100M was crun's 0."""
    bundle.hold()
    line = bundle.one_line(bundle.command("update", *words, bundle.id, stdin=None, input="{}"))
    assert text in line
    assert not line.startswith("None")


@pytest.mark.parametrize("words", [
    ["--memory", "-1"], ["--memory=-1", "--memory-swap=-1"], ["--pids-limit", "-1"],
    ["--cpu-quota", "-1"], ["--cpu-share", "1024"], ["--cpu-rt-period=0"], ["--kernel-memory=-1"],
    ["--blkio-weight", "0"]], ids=str)
def test_option_that_asks_for_nothing_needs_no_controller(bundle, words):
    """D-09."""
    bundle.hold()
    update(bundle, *words)


# --- status ---------------------------------------------------------------------------------------

def test_stopped_container_is_not_updated(bundle):
    """cli-reference 4, engine-contracts 3; {} is no exception."""
    bundle.probe("exit 0")
    bundle.create_and_start()
    bundle.wait_stopped()
    assert "container not running" in refused(bundle, "--pids-limit", "9")
    assert "container not running" in refused(bundle, {})


def test_created_and_paused_containers_are_updated(bundle, group):
    """engine-contracts 10: containerd allows it while paused."""
    bundle.probe("sleep")
    bundle.create()
    update(bundle, {"unified": {"cgroup.max.depth": "5"}})
    assert group("cgroup.max.depth") == "5"
    bundle.start()
    assert bundle.command("pause", bundle.id).code == 0
    update(bundle, {"unified": {"cgroup.max.depth": "6"}})
    assert group("cgroup.max.depth") == "6" and bundle.status() == "paused"


def test_failing_update_puts_everything_back(bundle, group):
    """engine-contracts 10: as runc, which warns; the message says it."""
    bundle.resources["unified"] = {"cgroup.max.depth": "5"}
    bundle.hold()
    line = refused(bundle, {"unified": {"cgroup.max.depth": "6", "cgroup.max.descendants": "x"}})
    assert "unified.cgroup.max.descendants (<stdin>:1:" in line
    assert line.endswith("nothing is changed, what was written before it is put back")
    assert group("cgroup.max.depth", "cgroup.max.descendants") == ["5", "max"]


@pytest.mark.parametrize("resources, controller", [
    ({"memory": {"limit": 100 << 20}}, "memory"), ({"pids": {"limit": 100}}, "pids"),
    ({"cpu": {"shares": 512}}, "cpu")], ids=str)
def test_limit_without_its_controller_is_refused_with_the_reason(bundle, resources, controller):
    """D-09."""
    if controller in controllers():
        pytest.skip(f"the {controller} controller is there")
    bundle.hold()
    line = refused(bundle, resources)
    assert f"the {controller} controller" in line and "no such file" not in line


@requires("hugetlb")
def test_first_limit_enables_its_controller(bundle, group):
    """C-CGP-06, C-CGP-17: one that somebody has taken away since the container was created."""
    bundle.linux["cgroupsPath"] = f"/{bundle.id}-a/b"
    bundle.hold()
    path = cgroup_of(bundle.state().pid)
    (path.parent / "cgroup.subtree_control").write_text("-hugetlb")
    assert not (path / "hugetlb.2MB.max").exists()
    try:
        update(bundle, {"hugepageLimits": [{"pageSize": "2MB", "limit": 4 << 20}]})
        assert group("hugetlb.2MB.max", "hugetlb.2MB.rsvd.max") == [str(4 << 20)] * 2
        update(bundle, {"hugepageLimits": [{"pageSize": "2MB", "limit": 2**63 - 1}]})
        assert group("hugetlb.2MB.max", "hugetlb.2MB.rsvd.max") == ["max"] * 2
    finally:
        bundle.delete("--force")
        path.parent.rmdir()


# --- with controllers -----------------------------------------------------------------------------

@requires("memory", "pids", "cpu")
def test_options_change_what_they_name(bundle, group):
    """C-CGP-17, cli-reference 4: 100M is 104857600."""
    bundle.resources["memory"] = {"limit": 64 << 20, "reservation": 32 << 20}
    bundle.resources["pids"] = {"limit": 50}
    bundle.hold()
    update(bundle, "--memory", "100M")
    assert group("memory.max", "memory.low", "pids.max") == ["104857600", str(32 << 20), "50"]
    update(bundle, "--pids-limit", "0", "--memory-reservation", "16m", "--cpu-share", "512")
    assert group("memory.max", "memory.low", "pids.max", "cpu.weight") == \
        ["104857600", str(16 << 20), "0", "59"]
    update(bundle, "--pids-limit=-1", "--memory=-1", "--memory-reservation=0")
    assert group("memory.max", "memory.low", "pids.max") == ["max", "0", "max"]


@requires("memory")
def test_memory_with_swap(bundle, group):
    """C-MEM-02, C-MEM-11: recorded body of docker; then each of the two alone."""
    bundle.resources["memory"] = {"limit": 32 << 20, "swap": 32 << 20}
    bundle.hold()
    if not (cgroup_of(bundle.state().pid) / "memory.swap.max").exists():
        pytest.skip("kernel without swap accounting")
    update(bundle, {"memory": {"limit": 67108864, "swap": 134217728}})
    assert group("memory.max", "memory.swap.max") == ["67108864", "67108864"]
    update(bundle, {"memory": {"limit": 100663296}})
    assert group("memory.max", "memory.swap.max") == ["100663296", "33554432"]
    assert "memory.swap as well" in refused(bundle, {"memory": {"limit": 268435456}})
    update(bundle, {"memory": {"swap": -1}})
    assert group("memory.max", "memory.swap.max") == ["100663296", "max"]


@requires("memory")
def test_limit_below_the_usage_is_refused_on_demand(bundle, group):
    """C-MEM-09."""
    bundle.resources["memory"] = {"limit": 64 << 20}
    bundle.hold()
    line = refused(bundle, {"memory": {"limit": 4096, "checkBeforeUpdate": True}})
    assert "memory.limit: rejecting memory limit: " in line and line.startswith("<stdin>:1:22: ")
    assert group("memory.max") == str(64 << 20) and bundle.status() == "running"
    update(bundle, {"memory": {"limit": 32 << 20, "checkBeforeUpdate": True}})
    assert group("memory.max") == str(32 << 20)


@requires("cpu")
def test_quota_and_period_keep_each_other(bundle, group):
    """C-CPU-05, C-CPU-06, C-CPU-07."""
    bundle.resources["cpu"] = {"quota": 30000, "period": 50000}
    bundle.hold()
    for words, expected in ((["--cpu-quota", "20000"], "20000 50000"),
                            (["--cpu-period", "200000"], "20000 200000"),
                            (["--cpu-quota", "-1"], "max 200000")):
        update(bundle, *words)
        assert group("cpu.max") == expected


@requires("cpu")
def test_burst_and_quota_in_either_direction(bundle, group):
    """C-CPU-09: the kernel refuses a quota below the burst at any moment."""
    bundle.resources["cpu"] = {"quota": 30000, "burst": 20000}
    bundle.hold()
    update(bundle, "--cpu-quota", "10000", "--cpu-burst", "5000")
    assert group("cpu.max", "cpu.max.burst") == ["10000 100000", "5000"]
    update(bundle, "--cpu-quota", "60000", "--cpu-burst", "50000")
    assert group("cpu.max", "cpu.max.burst") == ["60000 100000", "50000"]
    assert "below the burst of 50000" in refused(bundle, "--cpu-quota", "10000")


@requires("cpu")
def test_idle_and_shares_in_either_direction(bundle, group):
    """C-CPU-12, C-CPU-13."""
    bundle.resources["cpu"] = {"shares": 512}
    bundle.hold()
    update(bundle, "--cpu-idle", "1")
    assert group("cpu.idle") == "1"
    assert "an idle container has none" in refused(bundle, "--cpu-share", "2048")
    update(bundle, "--cpu-idle", "0", "--cpu-share", "2048")
    assert group("cpu.idle", "cpu.weight") == ["0", "174"]


@requires("cpu", "pids")
def test_failing_write_restores_idle_and_weight(bundle, group):
    """C-CPU-13: the kernel forgets the weight of what becomes idle."""
    bundle.resources["cpu"] = {"shares": 512}
    bundle.hold()
    line = refused(bundle, {"cpu": {"idle": 1}, "pids": {"limit": 5000000}})
    assert "pids.limit (<stdin>:1:" in line and "is put back" in line
    assert group("cpu.idle", "cpu.weight") == ["0", "59"]


@requires("io")
def test_throttle_rules_are_changed_one_by_one(bundle, group):
    """C-IO-04, C-CGP-17."""
    disk = {"major": 98, "minor": 0}
    bundle.resources["blockIO"] = {"throttleReadBpsDevice": [{**disk, "rate": 1000000}]}
    bundle.hold()
    update(bundle, {"blockIO": {"throttleWriteIOPSDevice": [{**disk, "rate": 50}]}})
    assert group("io.max") == "98:0 rbps=1000000 wbps=max riops=max wiops=50"
    update(bundle, {"blockIO": {"throttleReadBpsDevice": [{**disk, "rate": 0}]}})
    assert group("io.max") == "98:0 rbps=max wbps=max riops=max wiops=50"
    assert "no block device" in refused(
        bundle, {"blockIO": {"throttleReadBpsDevice": [{"major": 4000, "minor": 7, "rate": 1}]}})


@requires("pids")
def test_first_limit_in_a_deep_cgroup_enables_its_controller(bundle, group):
    """C-CGP-06, C-CGP-17."""
    bundle.linux["cgroupsPath"] = f"/{bundle.id}-a/b"
    bundle.hold()
    path = cgroup_of(bundle.state().pid)
    try:
        update(bundle, "--pids-limit", "33")
        assert group("pids.max") == "33"
    finally:
        bundle.delete("--force")
        path.parent.rmdir()


@requires("memory", "pids", "cpu")
@pytest.mark.parametrize("body, expected", [
    ({"pids": {"limit": 100}}, {"pids.max": "100"}),
    ({"cpu": {"shares": 512, "quota": 50000, "period": 100000}},
     {"cpu.weight": "59", "cpu.max": "50000 100000"}),
    ({"devices": [DENY_ALL], "memory": {"limit": 209715200, "swap": 209715200},
      "cpu": {"shares": 300, "quota": 70000, "period": 100000},
      "unified": {"memory.high": "100000000"}},
     {"memory.max": "209715200", "cpu.max": "70000 100000", "memory.high": "99999744"})], ids=str)
def test_recorded_body(bundle, group, body, expected):
    """engine-contracts 10."""
    bundle.hold()
    update(bundle, body)
    assert {name: group(name) for name in expected} == expected
