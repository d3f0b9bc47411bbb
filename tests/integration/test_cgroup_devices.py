# SPDX-License-Identifier: Apache-2.0
"""Limits on disks, huge pages and RDMA devices (C-IO, C-HUGE, C-RDMA), and hosts without cgroup2."""

import pathlib
import re

import pytest

from conftest import controllers
from harness import CGROUP, CRUNTIME, cgroup_of, run_command
from marks import requires

DISK = (98, 0)  # /dev/ubda of the guest, see tests/in
DENY_ALL = {"allow": False, "access": "rwm"}
SIZES = pathlib.Path("/sys/kernel/mm/hugepages")


def disk_rule(rate, disk=DISK):
    return {"major": disk[0], "minor": disk[1], "rate": rate}


@pytest.fixture
def limits(bundle):
    """Runs the container and reads files of its cgroup from outside: limits("io.max")."""
    def read(*names):
        bundle.hold()
        group = cgroup_of(bundle.state().pid)
        return [(group / name).read_text().strip() for name in names]
    return read


# --- blockIO --------------------------------------------------------------------------------------

@requires("io")
def test_throttle_rules_become_one_line(bundle, limits):
    """C-IO-04: one write for each rule; the kernel shows them together."""
    bundle.resources["blockIO"] = {
        "throttleReadBpsDevice": [disk_rule(1 << 20)], "throttleWriteBpsDevice": [disk_rule(2 << 20)],
        "throttleReadIOPSDevice": [disk_rule(30)], "throttleWriteIOPSDevice": [disk_rule(40)]}
    assert limits("io.max") == ["98:0 rbps=1048576 wbps=2097152 riops=30 wiops=40"]


@requires("io")
def test_rate_of_zero_is_no_rule(bundle, limits):
    """C-IO-04: as in version 1, where 0 removes a rule; the kernel's file refuses it."""
    bundle.resources["blockIO"] = {"throttleReadBpsDevice": [disk_rule(0)],
                                   "throttleWriteBpsDevice": [disk_rule(5000)]}
    assert limits("io.max") == ["98:0 rbps=max wbps=5000 riops=max wiops=max"]


@requires("io")
def test_throttled_disk_is_slow(bundle):
    """C-IO-04: the rule has an effect."""
    bundle.linux["devices"] = [{"path": "/dev/disk", "type": "b", "major": 98, "minor": 0}]
    bundle.resources["devices"] = [
        DENY_ALL, {"allow": True, "type": "b", "major": 98, "minor": 0, "access": "r"}]
    bundle.shell("time dd if=/dev/disk of=/dev/null bs=1M count=4 iflag=direct")

    def seconds():
        # What the program itself has measured; the start takes long on a busy machine.
        minutes, rest = re.search(r"real\s+(\d+)m ([\d.]+)s", bundle.run_ok().err).groups()
        return 60 * int(minutes) + float(rest)

    free = seconds()
    bundle.resources["blockIO"] = {"throttleReadBpsDevice": [disk_rule(1 << 20)]}
    assert seconds() > 3 * free


@requires("io")
def test_several_lines_of_unified_are_several_writes(bundle, limits):
    """C-UNI-01, C-UNI-08: and they come after the converted rules."""
    bundle.resources["blockIO"] = {"throttleReadBpsDevice": [disk_rule(1 << 20)]}
    bundle.resources["unified"] = {"io.max": "98:0 rbps=4096\n98:0 wiops=7"}
    assert limits("io.max") == ["98:0 rbps=4096 wbps=max riops=max wiops=7"]


@requires("io")
def test_weight_needs_a_kernel_with_weights(bundle):
    """C-IO-01, C-IO-07: neither BFQ nor io.cost is in the guest's kernel."""
    bundle.resources["blockIO"] = {"weight": 500}
    result = bundle.run()
    if result.code == 0:
        pytest.skip("this kernel has weights")
    line = bundle.one_line(result)
    assert "linux.resources.blockIO.weight (config.json:" in line
    assert "neither 'io.bfq.weight' nor 'io.weight'" in line
    assert "no such file or directory" not in line


@pytest.mark.parametrize("block_io, text", [
    ({"leafWeight": 10}, "blockIO.leafWeight: cgroup v2 has no such weight"),
    ({"weight": 9}, "blockIO.weight: expected 10 to 1000"),
    ({"weight": 1001}, "blockIO.weight: expected 10 to 1000"),
    ({"weight": "10"}, "blockIO.weight: expected an integer"),
    ({"weightDevice": [{"major": 8, "minor": 0}]}, "weightDevice[0]: needs 'weight'"),
    ({"weightDevice": [{"major": 8, "minor": 0, "leafWeight": 10}]}, "weightDevice[0].leafWeight"),
    ({"throttleReadBpsDevice": [{"major": 8, "minor": 0}]}, "[0].rate: required"),
    ({"throttleWriteIOPSDevice": [{"major": 8, "rate": 1}]}, "[0].minor: required"),
    ({"throttleReadBpsDevice": [disk_rule(1, (4000, 77))]},
     "throttleReadBpsDevice[0]: there is no block device 4000:77"),
], ids=str)
def test_impossible_block_io_is_refused(bundle, block_io, text):
    """C-IO-01, C-IO-02, C-IO-03, C-IO-05, C-IO-06, X-27: before any side effect."""
    bundle.resources["blockIO"] = block_io
    bundle.refused_config(text)


# --- hugepageLimits -------------------------------------------------------------------------------

@requires("hugetlb")
@pytest.mark.parametrize("limit, expected", [
    (4 << 20, str(4 << 20)), (0, "0"), ((4 << 20) + 1, str(4 << 20)), (9223372036854772000, "max"),
    (2**64 - 1, "max")])
def test_huge_pages_are_limited_with_their_reservations(bundle, limits, limit, expected):
    """C-HUGE-02, C-HUGE-03, C-HUGE-04, X-23."""
    bundle.resources["hugepageLimits"] = [{"pageSize": "2MB", "limit": limit}]
    if expected == "max":
        # A new cgroup has no limit, so the controller is not even needed.
        bundle.probe("exit 0")
        bundle.run_ok()
        return
    assert limits("hugetlb.2MB.max", "hugetlb.2MB.rsvd.max") == [expected, expected]


@requires("hugetlb")
def test_unified_wins_over_a_huge_page_limit(bundle, limits):
    """C-UNI-02, C-UNI-08."""
    bundle.resources["hugepageLimits"] = [{"pageSize": "2MB", "limit": 4 << 20}]
    bundle.resources["unified"] = {"hugetlb.2MB.max": str(8 << 20)}
    assert limits("hugetlb.2MB.max", "hugetlb.2MB.rsvd.max") == [str(8 << 20), str(4 << 20)]


@requires("hugetlb")
def test_unknown_file_of_a_controller_that_is_there(bundle):
    """C-UNI-06."""
    bundle.resources["unified"] = {"hugetlb.foo": "1"}
    assert "no file 'hugetlb.foo'" in bundle.refused()


@pytest.mark.parametrize("size, text", [
    ("64kB", "expected a page size"), ("3MB", "this kernel has no huge pages"),
    ("2048KB", "this kernel has no huge pages"), ("../2MB", "expected a page size")])
def test_page_size_that_the_kernel_lacks_is_refused(bundle, size, text):
    """C-HUGE-01: with the sizes that there are."""
    bundle.resources["hugepageLimits"] = [{"pageSize": size, "limit": 0}]
    line = bundle.refused_config("linux.resources.hugepageLimits[0]", text)
    if "no huge pages of" in line:
        has = re.search(r"it has (.*)$", line).group(1).split(", ")
        assert len(has) == len(list(SIZES.iterdir()))
        assert ("2MB" in has) == (SIZES / "hugepages-2048kB").exists()


# --- rdma, network --------------------------------------------------------------------------------

@pytest.mark.parametrize("rdma, text", [
    ({"mlx5_1": {}}, "rdma.mlx5_1: needs 'hcaHandles' or 'hcaObjects'"),
    ({"mlx5_1": {"hcaHandles": -1}}, "hcaHandles: expected an integer"),
    ({"a b": {"hcaHandles": 1}}, "is no name of a device")], ids=str)
def test_impossible_rdma_is_refused(bundle, rdma, text):
    """C-RDMA-01."""
    bundle.resources["rdma"] = rdma
    bundle.refused_config(text)


def test_rdma_limit_without_its_controller_is_refused_with_the_reason(bundle):
    """C-RDMA-01, D-09."""
    if "rdma" in controllers():
        pytest.skip("the rdma controller is there")
    bundle.resources["rdma"] = {"mlx5_1": {"hcaHandles": 3}}
    line = bundle.refused_config("linux.resources.rdma.mlx5_1", "the rdma controller")
    assert "no such file or directory" not in line


@pytest.mark.parametrize("network", [{"classID": 1}, {"priorities": [{"name": "lo",
                                                                     "priority": 0}]}], ids=str)
def test_network_classes_are_refused(bundle, network):
    """C-NETCG-01, C-NETCG-02, X-10."""
    bundle.resources["network"] = network
    bundle.refused_config("linux.resources.network.", "cgroup v2 has no network")


@pytest.mark.parametrize("network", [{}, {"classID": 0}, {"priorities": []}], ids=str)
def test_network_object_that_asks_for_nothing(bundle, network):
    """C-NETCG-01, C-NETCG-02."""
    bundle.resources["network"] = network
    bundle.probe("exit 0")
    bundle.run_ok()


# --- a host without cgroup2 -----------------------------------------------------------------------

def run_without_cgroup2(bundle):
    bundle.remove_mount("/sys/fs/cgroup")
    bundle.write_config()
    return run_command(["unshare", "-m", "--propagation", "private", "sh", "-c",
                        'umount -l /sys/fs/cgroup && exec "$@"', "sh", CRUNTIME, "--root",
                        bundle.root, "run", "-b", bundle.dir, bundle.id])


def test_host_without_cgroup2_runs_what_asks_for_nothing(bundle):
    """C-CGP-14, D-09."""
    del bundle.linux["resources"]
    bundle.probe("exit 0")
    assert run_without_cgroup2(bundle).code == 0


@pytest.mark.parametrize("resources", [{"unified": {"cgroup.max.depth": "3"}},
                                       {"pids": {"limit": 5}}], ids=str)
def test_limit_on_a_host_without_cgroup2_is_refused(bundle, resources):
    """C-CGP-14, C-UNI-09: nothing is written to a version 1 hierarchy in its place."""
    bundle.linux["resources"] = resources
    line = bundle.one_line(run_without_cgroup2(bundle))
    assert "no cgroup v2 hierarchy is mounted" in line
    assert not bundle.exists() and (CGROUP / "cgroup.procs").exists()
