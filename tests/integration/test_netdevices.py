# SPDX-License-Identifier: Apache-2.0
"""linux.netDevices: C-NETDEV. The host's side is the network namespace of the test itself."""

import itertools
import json
import os
import select
import subprocess

import pytest

import harness
from conftest import kernel
from harness import Box, wait_until
from marks import requires

pytestmark = requires("root")


def ip(*words, pid=None, check=True):
    """Runs ip(8) here, or in the network namespace of a process."""
    inside = ["nsenter", f"--net=/proc/{pid}/ns/net"] if pid else []
    done = subprocess.run([*inside, "ip", *" ".join(words).split()], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0 or not check, done.stderr
    return done.stdout


def device(name, pid=None):
    """What ip says about a device, None when it is not there."""
    text = ip("-json -details address show dev", name, pid=pid, check=False)
    found = json.loads(text or "[]", object_hook=Box)
    return found[0] if found else None


def addresses(dev):
    """Addresses in a form that can be compared, without the ones that the kernel makes itself."""
    return sorted(
        (a["local"], a["prefixlen"], a.get("address"), a.get("broadcast"), a.get("label"),
         a.get("nodad", False), a.get("noprefixroute", False), a["scope"], a["valid_life_time"])
        for a in dev.addr_info if a["scope"] != "link")


def everything():
    """All devices of the host, as ip shows them, without states that follow by themselves."""
    found = json.loads(ip("-json -details address show"), object_hook=Box)
    return {d.ifname: (d.ifindex, d.address, "UP" in d.flags, d.mtu, d.get("master"),
                       d.get("group"), d.get("altnames"), addresses(d)) for d in found}


@pytest.fixture(autouse=True)
def clean_network():
    """Devices that a test has made are removed, and none may be left in a wrong place."""
    before = set(everything())
    yield
    for name in set(everything()) - before:
        ip("link delete", name, check=False)


@pytest.fixture
def pair():
    """A veth pair: "own" is to be moved, its peer "peer" stays."""
    ip("link add own type veth peer name peer")
    return "own"


def take(bundle, **devices):
    bundle.linux["netDevices"] = {name: {"name": new} if new else {}
                                  for name, new in devices.items()}


def held(bundle):
    """Runs the container; the pid of its process."""
    bundle.hold()
    return bundle.state().pid


# --- the move -------------------------------------------------------------------------------------

def test_device_is_moved_under_its_name_and_is_up(bundle, pair):
    """C-NETDEV-01, C-NETDEV-02, C-NETDEV-06"""
    mac = device(pair).address
    take(bundle, own=None)
    pid = held(bundle)
    inside = device("own", pid)
    assert inside.address == mac and "UP" in inside.flags
    assert device("own") is None
    assert device("peer") is not None


def test_device_gets_its_new_name(bundle, pair):
    """C-NETDEV-01: one message moves and renames"""
    take(bundle, own="eth0")
    pid = held(bundle)
    assert "UP" in device("eth0", pid).flags
    assert device("own", pid) is None and device("own") is None


def test_longest_and_unusual_names_work(bundle):
    """C-NETDEV-02, S-12: 15 bytes are a name"""
    ip("link add own-15-bytes-xy type veth peer name peer")
    take(bundle, **{"own-15-bytes-xy": "äöü@-x.y_z"})
    pid = held(bundle)
    assert device("äöü@-x.y_z", pid) is not None


def test_devices_can_swap_their_names(bundle):
    """C-NETDEV-03: a name is taken by who is in the target namespace, not by who is here"""
    ip("link add one type veth peer name two")
    macs = device("one").address, device("two").address
    take(bundle, one="two", two="one")
    pid = held(bundle)
    assert (device("two", pid).address, device("one", pid).address) == macs


@pytest.mark.parametrize("name", ["own", "eth7"])
def test_template_lets_the_kernel_choose_the_name(bundle, name):
    """C-NETDEV-04"""
    ip(f"link add {name} type veth peer name peer")
    ip(f"address add 192.0.2.1/24 dev {name}")
    mac = device(name).address
    take(bundle, **{name: "eth%d"})
    pid = held(bundle)
    inside = device("eth0", pid)
    assert inside.address == mac and "UP" in inside.flags
    assert addresses(inside)[0][:2] == ("192.0.2.1", 24)


def test_several_devices_share_a_template(bundle):
    """C-NETDEV-04"""
    ip("link add one type veth peer name two")
    macs = [device("one").address, device("two").address]
    take(bundle, one="net%d", two="net%d")
    pid = held(bundle)
    assert [device(name, pid).address for name in ("net0", "net1")] == macs


def test_addresses_go_with_the_device(bundle, pair):
    """C-NETDEV-05: prefix, peer, broadcast address, label, flags and lifetime; IPv4 and IPv6"""
    for words in ("10.1.2.3/24 broadcast 10.1.2.99 label own:web", "10.1.2.4/24",
                  "10.9.0.1 peer 10.9.0.2/32", "10.3.0.1/16 noprefixroute",
                  "fd00::1/64 nodad", "fd00:1::1/128 noprefixroute",
                  "fd00:2::1 peer fd00:2::2/128", "fd00:3::1/64 preferred_lft 0"):
        ip("address add", words, "dev own")
    before = addresses(device(pair))
    assert len(before) == 8
    take(bundle, own="eth0")
    pid = held(bundle)
    after = addresses(device("eth0", pid))
    # A label begins with the name of its device, as after a rename.
    expected = sorted((*a[:4], a[4] and a[4].replace("own", "eth0"), *a[5:]) for a in before)
    assert after == expected
    deprecated = [a for a in device("eth0", pid).addr_info if a["local"] == "fd00:3::1"]
    assert deprecated[0]["preferred_life_time"] == 0


def test_primary_address_stays_the_primary_one(bundle, pair):
    """C-NETDEV-05: the order decides which address the kernel takes as source"""
    for last in (9, 3, 5):
        ip(f"address add 10.1.2.{last}/24 dev own")
    take(bundle, own=None)
    pid = held(bundle)
    found = [(a["local"], a.get("secondary", False)) for a in device("own", pid).addr_info
             if a["family"] == "inet"]
    assert found == [("10.1.2.9", False), ("10.1.2.3", True), ("10.1.2.5", True)]


def test_dynamic_and_link_addresses_stay_behind(bundle, pair):
    """C-NETDEV-05: only permanent addresses of global scope"""
    ip("address add 10.1.2.3/24 valid_lft 1000 preferred_lft 900 dev own")
    ip("address add 169.254.7.7/16 scope link dev own")
    ip("address add fd00::1/64 valid_lft 1000 preferred_lft 900 dev own")
    ip("address add fe80::77/64 dev own nodad")
    ip("address add 10.5.5.5/32 dev own")
    take(bundle, own=None)
    pid = held(bundle)
    found = [a["local"] for a in device("own", pid).addr_info]
    assert "10.5.5.5" in found
    assert not {"10.1.2.3", "169.254.7.7", "fd00::1", "fe80::77"} & set(found)


def test_other_attributes_stay(bundle, pair):
    """C-NETDEV-05"""
    ip("link set own mtu 1400 txqueuelen 77 alias kept")
    ip("link set own address 02:00:00:00:00:07")
    take(bundle, own="eth0")
    pid = held(bundle)
    inside = device("eth0", pid)
    assert (inside.mtu, inside.txqlen, inside.address) == (1400, 77, "02:00:00:00:00:07")
    assert inside.ifalias == "kept"


def test_addresses_work_after_the_move(bundle, pair):
    """C-NETDEV-05, C-NETDEV-06: a packet goes through"""
    ip("address add 10.1.2.1/24 dev peer")
    ip("link set peer up")
    ip("address add 10.1.2.2/24 dev own")
    take(bundle, own="eth0")
    bundle.all_caps()
    bundle.shell("echo hello | nc 10.1.2.1 5555")
    import socket
    listener = socket.create_server(("10.1.2.1", 5555))
    listener.settimeout(20)
    with listener:
        process = bundle_run(bundle)
        connection, address = listener.accept()
        with connection:
            connection.settimeout(20)
            assert connection.recv(10) == b"hello\n"
        assert address[0] == "10.1.2.2"
        assert process.wait(timeout=harness.TIMEOUT) == 0


def bundle_run(bundle):
    bundle.write_config()
    return bundle.popen("run", "-b", bundle.dir, bundle.id)


def test_host_sees_the_device_go_down_before_it_leaves(bundle, pair):
    """C-NETDEV-07"""
    ip("link set own up")
    monitor = subprocess.Popen(["ip", "-o", "monitor", "link"], stdout=subprocess.PIPE, text=True)
    try:
        # Until the monitor listens, there is something to listen to.
        lengths = itertools.count(100)

        def listens():
            ip(f"link set peer txqueuelen {next(lengths)}")
            return select.select([monitor.stdout], [], [], 0.1)[0]

        wait_until(listens, "the monitor")
        take(bundle, own=None)
        held(bundle)
        states = []
        for line in monitor.stdout:
            if " own" in line:
                states.append(line)
            if line.startswith("Deleted") and " own" in line:
                break
    finally:
        monitor.kill()
        monitor.wait()
    last_words = [line for line in states if not line.startswith("Deleted")][-1]
    assert ",UP" not in last_words.split(">")[0], states


# --- which namespace ------------------------------------------------------------------------------

def test_joined_namespace_gets_the_device(bundle, make_bundle, pair):
    """C-NETDEV-14, C-NETDEV-04: also when the index of the device is taken there"""
    sandbox = make_bundle("sandbox")
    pid = held(sandbox)
    # Indexes 2 … in the joined namespace, as our own devices have.
    for i in range(device(pair).ifindex):
        ip(f"link add x{i} type veth peer name y{i}", pid=pid)
    ip("address add 10.1.2.3/24 dev own")
    bundle.namespace("network", f"/proc/{pid}/ns/net")
    take(bundle, own="eth%d")
    bundle.hold()
    inside = device("eth0", pid)
    assert "UP" in inside.flags and addresses(inside)[0][0] == "10.1.2.3"
    assert inside.ifindex != 2


def test_user_namespace_gets_the_device(bundle, pair):
    """C-NETDEV-01: the network namespace then belongs to the user namespace"""
    ip("address add 10.1.2.3/24 dev own")
    bundle.user_namespace()
    take(bundle, own="eth0")
    pid = held(bundle)
    assert addresses(device("eth0", pid))[0][0] == "10.1.2.3"


def test_name_in_a_joined_namespace_is_taken(bundle, make_bundle, pair):
    """C-NETDEV-03, C-NETDEV-14"""
    sandbox = make_bundle("sandbox")
    pid = held(sandbox)
    ip("link add eth0 type veth peer name eth1", pid=pid)
    before = everything()
    bundle.namespace("network", f"/proc/{pid}/ns/net")
    take(bundle, own="eth0")
    bundle.refused_config("linux.netDevices", "has a device 'eth0' already")
    assert everything() == before


@pytest.mark.parametrize("path", [None, "/proc/self/ns/net"])
def test_own_network_namespace_of_the_host_is_refused(bundle, pair, path):
    """C-NETDEV-09"""
    bundle.remove_namespace("network")
    bundle.remove_mount("/sys")
    if path:
        bundle.namespace("network", path)
    take(bundle, own=None)
    before = everything()
    bundle.refused_config("linux.netDevices",
                          "the runtime's own" if path else "needs a namespace of type")
    assert everything() == before


def test_rootless_runtime_is_refused(bundle, pair):
    """C-NETDEV-10"""
    bundle.user_namespace()
    take(bundle, own=None)
    bundle.write_config()
    result = harness.run_command(
        ["unshare", "--user", "--map-root-user", harness.CRUNTIME, "--root", bundle.dir / "less",
         "run", "-b", bundle.dir, bundle.id])
    line = bundle.one_line(result)
    assert "linux.netDevices" in line and "rootless" in line, line
    assert device("own") is not None


# --- what is wrong --------------------------------------------------------------------------------

def test_missing_device_is_refused(bundle, pair):
    """C-NETDEV-01: before anything is made, so the good one does not move either"""
    before = everything()
    take(bundle, own=None, nosuch=None)
    bundle.refused_config("linux.netDevices", "no network device 'nosuch'")
    assert everything() == before


def test_alternative_name_is_refused(bundle, pair):
    """C-NETDEV-01: which name would it keep?"""
    ip("link property add dev own altname second")
    take(bundle, second=None)
    bundle.refused_config("'second' is another name of the network device 'own'")


BAD_NAMES = ["", ".", "..", "a/b", "a:b", "a b", "a\tb", "a\nb", "à", "sixteen-bytes-16", "x" * 300,
             "eth%s", "%", "eth%d%d", "eth%", "100%%", "lo"]


@pytest.mark.parametrize("name", BAD_NAMES, ids=repr)
def test_bad_name_is_refused(bundle, pair, name):
    """C-NETDEV-02, C-NETDEV-03, S-12"""
    before = everything()
    bundle.linux["netDevices"] = {"own": {"name": name}}
    bundle.refused_config("linux.netDevices.own: name: ")
    assert everything() == before


@pytest.mark.parametrize("name", [n for n in BAD_NAMES if "%" not in n], ids=repr)
def test_bad_name_of_the_host_is_refused(bundle, name):
    """C-NETDEV-02; `lo` cannot be moved (C-NETDEV-08)"""
    bundle.linux["netDevices"] = {name: {"name": "eth0"}}
    bundle.refused_config("linux.netDevices")


def test_two_devices_cannot_have_one_name(bundle):
    """C-NETDEV-03"""
    ip("link add one type veth peer name two")
    before = everything()
    take(bundle, one="eth0", two="eth0")
    bundle.refused_config("linux.netDevices", '"eth0"')
    assert everything() == before


@pytest.mark.parametrize("value", [5, "eth0", [], True], ids=repr)
def test_wrong_type_is_refused(bundle, value):
    """C-NETDEV-01, C-NETDEV-02"""
    bundle.linux["netDevices"] = {"own": value}
    bundle.refused_config("linux.netDevices.own")
    bundle.linux["netDevices"] = {"own": {"name": 5}}
    bundle.refused_config("linux.netDevices.own.name")


def test_loopback_cannot_be_moved(bundle):
    """C-NETDEV-08"""
    take(bundle, lo="eth0")
    bundle.refused_config("linux.netDevices", "'lo' cannot leave its network namespace")


def test_device_that_cannot_be_moved_is_refused(bundle, pair):
    """C-NETDEV-08: the kernel does not move bridges; the other device stays as well"""
    ip("link add fixed type bridge")
    before = everything()
    take(bundle, own=None, fixed=None)
    line = bundle.refused_config("linux.netDevices", "'fixed'", "cannot leave its network namespace")
    if kernel() >= (6, 15):  # which says so before it is asked to do it
        assert "network device 'fixed' cannot leave" in line
    assert everything() == before


def test_thousands_of_devices_are_refused_in_one_line(bundle):
    """S-12, I-30"""
    take(bundle, **{f"no-such-{i}": None for i in range(4096)})
    line = bundle.refused_config("linux.netDevices", "no network device 'no-such-0'")
    assert len(line) < 2048


@pytest.mark.limit(300)
def test_hundreds_of_devices_are_moved(bundle):
    """S-12, I-30: a message per device, whatever their number"""
    batch = "".join(f"link add dev left{i} type veth peer name right{i}\n"
                    f"address add 10.{i // 200}.{i % 200}.1/24 dev left{i}\n" for i in range(300))
    subprocess.run(["ip", "-batch", "-"], input=batch, text=True, check=True)
    take(bundle, **{f"left{i}": f"eth-number-{i}" for i in range(300)})
    pid = held(bundle)
    inside = {d["ifname"]: d for d in json.loads(ip("-json address show", pid=pid))}
    for i in range(300):
        found = inside[f"eth-number-{i}"]
        assert "UP" in found["flags"]
        assert found["addr_info"][0]["local"] == f"10.{i // 200}.{i % 200}.1"


# --- when, and for how long -----------------------------------------------------------------------

@pytest.mark.parametrize("point", ["prestart", "createRuntime", "createContainer"])
def test_first_hook_finds_the_device(bundle, pair, point):
    """C-NETDEV-12"""
    ip("address add 10.1.2.3/24 dev own")
    take(bundle, own="eth0")
    into = "" if point == "createContainer" else "nsenter --net=/proc/$PID/ns/net "
    out = bundle.hook(point, 'PID=$(sed -n \'s/.*"pid":\\([0-9]*\\).*/\\1/p\')\n'
                      f"{into}ip -o address show eth0 >$OUT",
                      env=[f"PATH={os.environ['PATH']}"])
    bundle.run_probe("exit 0")
    assert "10.1.2.3/24" in out.read_text()


def test_runtime_leaves_the_device_alone_afterwards(bundle, pair):
    """C-NETDEV-11: not even start and delete look at it; a veth ends with the namespace"""
    take(bundle, own="eth0")
    bundle.probe("sleep")
    bundle.create()
    pid = bundle.state().pid
    ip("link set eth0 down name other", pid=pid)
    ip("address add 10.7.7.7/24 dev other", pid=pid)
    bundle.start()
    assert addresses(device("other", pid))[0][0] == "10.7.7.7"
    assert "UP" not in device("other", pid).flags
    bundle.kill("KILL")
    bundle.wait_stopped()
    bundle.delete()
    harness.wait_until(lambda: device("peer") is None, "the end of the veth pair")
    assert device("own") is None


def test_delete_leaves_the_device_in_a_joined_namespace(bundle, make_bundle, pair):
    """C-NETDEV-11: nobody moves it back"""
    sandbox = make_bundle("sandbox")
    pid = held(sandbox)
    bundle.namespace("network", f"/proc/{pid}/ns/net")
    take(bundle, own="eth0")
    bundle.run_probe("exit 0")
    assert not bundle.exists()
    assert "UP" in device("eth0", pid).flags and device("own") is None


# --- create fails after the move ------------------------------------------------------------------

def failing(bundle):
    """The last thing of the parent that can fail, and the first that sees the device gone."""
    return bundle.hook("createRuntime", "ip link show own >$OUT 2>&1; exit 7",
                       env=[f"PATH={os.environ['PATH']}"])


@pytest.mark.parametrize("state", ["up", "down"])
def test_device_is_brought_back_when_create_fails(bundle, pair, state):
    """C-NETDEV-13: name, index, state and addresses as if it had never been attempted"""
    for words in ("10.1.2.3/24 broadcast 10.1.2.99 label own:web", "10.1.2.4/24",
                  "10.9.0.1 peer 10.9.0.2/32", "fd00::1/64 nodad", "fd00:3::1/64 preferred_lft 0",
                  "169.254.7.7/16 scope link"):
        ip("address add", words, "dev own")
    ip(f"link set own mtu 1400 {state}")
    ip(f"link set peer {state}")
    before = everything()
    take(bundle, own="eth0")
    out = failing(bundle)
    assert "createRuntime" in bundle.refused()
    assert "does not exist" in out.read_text()
    assert everything() == before
    link = {a["local"] for a in device("own").addr_info if a["scope"] == "link"}
    assert "169.254.7.7" in link


@pytest.mark.parametrize("new", [None, "eth%d", "peer"])
def test_device_is_brought_back_from_any_name(bundle, pair, new):
    """C-NETDEV-13, C-NETDEV-04"""
    before = everything()
    take(bundle, own=new)
    failing(bundle)
    bundle.refused()
    assert everything() == before


def test_device_is_brought_back_from_a_joined_namespace(bundle, make_bundle, pair):
    """C-NETDEV-13, C-NETDEV-14: the old index too, though it had another one there"""
    sandbox = make_bundle("sandbox")
    pid = held(sandbox)
    ip("link add x type veth peer name y", pid=pid)
    before = everything()
    bundle.namespace("network", f"/proc/{pid}/ns/net")
    take(bundle, own="eth%d", peer=None)
    failing(bundle)
    bundle.refused()
    assert everything() == before
    assert device("eth0", pid) is None and device("own", pid) is None


def test_port_of_a_bridge_is_a_port_again(bundle, pair):
    """C-NETDEV-13"""
    ip("link add bridge0 type bridge")
    ip("link set own master bridge0 up")
    before = everything()
    assert before["own"][4] == "bridge0"
    take(bundle, own="eth0")
    failing(bundle)
    bundle.refused()
    assert everything() == before


def test_devices_are_brought_back_when_a_later_one_fails(bundle):
    """C-NETDEV-13, C-NETDEV-05: an address that the container's namespace cannot have"""
    ip("link add one type veth peer name two")
    ip("address add 10.1.2.3/24 dev one")
    ip("address add fd00::1/64 dev two nodad")
    before = everything()
    # New namespaces take the setting of the initial one, or the default; so a joined one.
    done = subprocess.Popen(["unshare", "--net", "sh", "-c",
                             "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6\n"
                             "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6\n"
                             "echo ready\nread x"],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert done.stdout.readline() == "ready\n"
        bundle.namespace("network", f"/proc/{done.pid}/ns/net")
        take(bundle, one="eth0", two="eth1")
        bundle.refused_config("linux.netDevices 'two'", "fd00::1/64")
        assert everything() == before
    finally:
        done.communicate("x\n")


@pytest.mark.parametrize("fault", ["rootfs", "user", "exec"])
def test_device_is_brought_back_when_the_set_up_fails(bundle, pair, fault):
    """C-NETDEV-13: failures of the child"""
    before = everything()
    take(bundle, own="eth0")
    if fault == "rootfs":
        bundle.mount("/x", "tmpfs", "x", "nonsense=1")
    elif fault == "user":
        bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 2**63}]
    else:
        bundle.args("/no/such/program")
    bundle.refused()
    assert everything() == before
