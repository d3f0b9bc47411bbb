# SPDX-License-Identifier: Apache-2.0
"""The recorded engine configs as unchanged as a test can leave them, with the namespaces that they
join made for real; the outcome of each stands in OUTCOMES (tests/recorded-table prints them).

Adapted are: the root file system, the program (the probe), hooks (they record what they get), and
paths of the machine where they were recorded. Terminal, working directory, user, cgroup path and
options stay.
"""

import json
import os
import pathlib
import subprocess

import pytest

import harness
from conftest import controllers
from harness import CGROUP, Box, wait_until
from test_recorded import RECORDED, UNSUPPORTED, adapt_mounts

SYSTEMD = "systemd cgroup driver: "
# Joins: which namespaces of a process that holds them; a user namespace has the config's mappings.
JOINS = {
    "docker-join-ns": ["network", "ipc", "pid"],
    "k8s-container-hardened": ["network", "ipc", "uts"],
    "k8s-container-systemd-cgroup": ["network", "ipc", "uts"],
    "k8s-container-userns": ["network", "ipc", "uts", "user"],
    "k8s-sandbox-podnet": ["network"],
    "k8s-sandbox-userns": ["network", "user"],
}
# What is refused whatever the controllers; everything else runs where they are. Those that need
# systemd run in test_systemd.py.
OUTCOMES = {
    "docker-systemd-cgroup": SYSTEMD,
    "k8s-container-systemd-cgroup": SYSTEMD,
    "podman-systemd-mode": SYSTEMD,
    **UNSUPPORTED,
}
LIMITS = {"memory": ("limit", "reservation", "swap"), "pids": ("limit",),
          "cpu": ("quota", "shares", "idle", "burst", "cpus", "mems")}
FLAGS = {"network": "-n", "ipc": "-i", "uts": "-u", "user": "-U", "pid": "-p"}
FILES = {"network": "net"}


def names(path):
    return path.stem


class Holder:
    """A process in new namespaces of its own, as a pod's sandbox is."""

    def __init__(self, kinds, mappings):
        words = ["unshare", *(FLAGS[k] for k in kinds)]
        if "pid" in kinds:
            words += ["-f", "--kill-child"]
        self.process = subprocess.Popen([*words, "sleep", "1000"])
        self.pid = self.process.pid
        last = FILES.get(kinds[-1], kinds[-1])
        if "pid" in kinds:
            children = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children")
            wait_until(lambda: children.read_text().split(), "the first process of a pid namespace")
            self.pid = int(children.read_text().split()[0])
        wait_until(lambda: os.readlink(f"/proc/{self.pid}/ns/{last}")
                   != os.readlink(f"/proc/self/ns/{last}"), f"a new {last} namespace")
        if "user" in kinds:
            lines = "".join(f"{m['containerID']} {m['hostID']} {m['size']}\n" for m in mappings)
            for name in ("uid_map", "gid_map"):
                pathlib.Path(f"/proc/{self.pid}/{name}").write_text(lines)

    def path(self, kind):
        return f"/proc/{self.pid}/ns/{FILES.get(kind, kind)}"

    def close(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def recorded(make_bundle, world):
    """Makes the bundle of a recorded config; tidies up what belongs to the engine afterwards."""
    holders = []
    parents = []

    def make(path):
        bundle = make_bundle("bundle")
        config = json.loads(path.read_text(), object_hook=Box)
        bundle.config = config
        config["root"]["path"] = "rootfs"
        config["process"]["args"] = ["/probe", "report"]
        (bundle.rootfs / config["process"]["cwd"].lstrip("/")).mkdir(parents=True, exist_ok=True)
        hooks, config["hooks"] = config.get("hooks") or {}, {}
        for point in hooks:
            bundle.hook(point, "cat >$OUT" if point != "startContainer" else "exit 0")
            if point == "startContainer":
                config["hooks"][point] = [{"path": "/bin/true"}]
        adapt_mounts(bundle, config)
        mappings = config["linux"].get("uidMappings")
        if path.stem in JOINS:
            holders.append(Holder(JOINS[path.stem], mappings))
            for namespace in config["linux"]["namespaces"]:
                if namespace.get("path"):
                    namespace["path"] = holders[-1].path(namespace["type"])
        if mappings:
            bundle.give_rootfs_to(next(m["hostID"] for m in mappings if m["containerID"] == 0))
        group = config["linux"].get("cgroupsPath", "")
        if ":" not in group:
            parents.extend(p for p in pathlib.PurePath(group).parents if p.name)
        return bundle

    yield make
    for holder in holders:
        holder.close()
    for parent in parents:
        directory = CGROUP / str(parent).lstrip("/")
        if directory.is_dir():
            directory.rmdir()


def missing_controllers(config):
    """Controllers that a limit of this config needs and that are not here."""
    resources = config["linux"].get("resources", {})
    needed = set()
    for name, keys in LIMITS.items():
        asked = [v for k, v in (resources.get(name) or {}).items() if k in keys]
        if any(v not in (-1, 0, 1024, "", None) for v in asked):
            needed.add(name)
    needed |= {key.split(".")[0] for key in resources.get("unified") or {}} & set(LIMITS)
    return needed - controllers()


def run(bundle, *options):
    """`run`, with the other end of a terminal where the config has one."""
    if not bundle.process.get("terminal"):
        result = bundle.run(*options)
        return result.code, result.out, result.err
    socket = harness.ConsoleSocket(str(bundle.dir / "console"))
    result = bundle.create("--console-socket", bundle.dir / "console", *options, check=False)
    if result.code != 0:
        socket.close()
        return result.code, "", result.err
    _, (master,) = socket.receive()
    bundle.start()
    text = harness.read_terminal(master)
    os.close(master)
    socket.close()
    bundle.wait_stopped()
    bundle.delete()
    return 0, text, result.err


def write_row(name, what):
    table = os.environ.get("RECORDED_TABLE")
    if table:
        with open(table, "a") as file:
            file.write(f"{name}\t{os.environ['TESTS_IN']}\t{what}\n")


def own_bounding_set():
    text = pathlib.Path("/proc/self/status").read_text()
    return int(next(l for l in text.splitlines() if l.startswith("CapBnd:")).split()[1], 16)


def check_report(bundle, text, kinds):
    seen = harness.parse(next(line for line in text.splitlines() if line.startswith("{")))
    config = bundle.config
    user = config["process"]["user"]
    assert (single(seen.uid), single(seen.gid)) == (user["uid"], user["gid"])
    assert sorted(seen.groups) == sorted(user.get("additionalGids") or [])
    assert seen.cwd == config["process"]["cwd"]
    assert seen.no_new_privs == int(config["process"].get("noNewPrivileges", False))
    assert seen.seccomp == (2 if config["linux"].get("seccomp") else 0)
    caps = config["process"].get("capabilities") or {}
    for name in ("bounding", "inheritable", "ambient"):
        asked = harness.cap_mask(*(c[len("CAP_"):] for c in caps.get(name) or []))
        # A machine may have taken a capability from us as well.
        assert seen.caps[name] == asked & own_bounding_set(), name
    for namespace in config["linux"]["namespaces"]:
        kind = FILES.get(namespace["type"], {"mount": "mnt"}.get(namespace["type"],
                                                                 namespace["type"]))
        inside = seen.namespaces[kind]
        if namespace.get("path"):
            assert inside == os.readlink(namespace["path"]), kind
        else:
            assert inside != harness.own_namespace(kind), kind
    assert {n["type"] for n in config["linux"]["namespaces"] if n.get("path")} == set(kinds)


def single(values):
    assert len(set(values)) == 1, values
    return values[0]


@pytest.mark.parametrize("environment", ["here", pytest.param(
    "with-controllers", marks=pytest.mark.requires("memory", "cpu", "pids"))])
@pytest.mark.parametrize("path", RECORDED, ids=names)
def test_recorded_config_has_its_outcome(recorded, path, environment):
    """D-09: runs with what it asks for, or is refused with the right reason."""
    bundle = recorded(path)
    options = ["--systemd-cgroup"] if ":" in bundle.linux.get("cgroupsPath", "") else []
    bundle.globals = options
    code, out, err = run(bundle)
    err = "".join(l for l in err.splitlines(True) if not l.startswith("warning: "))
    missing = missing_controllers(bundle.config)
    if path.stem in OUTCOMES:
        assert code == 1 and OUTCOMES[path.stem] in err, err
        write_row(path.stem, f"refused: {OUTCOMES[path.stem]}")
    elif code != 0:
        above = "raise the hard limit" in err
        assert code == 1 and len(err.splitlines()) == 1, err
        assert above or any(f"the {c} controller" in err for c in missing), err
        write_row(path.stem, "refused: " + ("a limit above our own" if above else
                                            f"no {', '.join(sorted(missing))} controller"))
        assert environment == "here" or above
    else:
        assert not missing
        check_report(bundle, out, JOINS.get(path.stem, []))
        for point, hooks in (bundle.config.get("hooks") or {}).items():
            if point != "startContainer":
                out_file = bundle.dir / f"{point}.0.out"
                assert harness.parse(out_file.read_text()).id == bundle.id, hooks
        write_row(path.stem, "runs")


@pytest.mark.parametrize("name", ["k8s-container-systemd-cgroup", "docker-systemd-cgroup",
                                  "podman-systemd-mode"])
def test_rest_of_a_config_for_systemd_runs(recorded, name):
    """Without the one thing that is not here, and without limits."""
    bundle = recorded(next(p for p in RECORDED if p.stem == name))
    bundle.linux["cgroupsPath"] = f"/{bundle.id}"
    bundle.linux["resources"] = {"devices": bundle.linux["resources"].get("devices", [])}
    code, out, err = run(bundle)
    assert code == 0 or "raise the hard limit" in err, err
    if code == 0:
        check_report(bundle, out, JOINS.get(name, []))
