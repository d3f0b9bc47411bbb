# SPDX-License-Identifier: Apache-2.0
"""`features`: valid under its schema, and true: what is announced works, what is not is refused."""

import copy
import json
import os
import re
import shutil

import pytest

import harness
import schema
from harness import CAPABILITIES, SOURCE, cruntime, own_namespace, run_command

VECTORS = SOURCE / "tests/spec/schema/test"
HOOKS = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
# Properties of features that came with a release of the specification, and that release.
SINCE = {
    ("linux", "seccomp", "knownFlags"): (1, 1, 0),
    ("linux", "seccomp", "supportedFlags"): (1, 1, 0),
    ("potentiallyUnsafeConfigAnnotations",): (1, 2, 0), ("linux", "mountExtensions"): (1, 2, 0),
    ("linux", "netDevices"): (1, 3, 0), ("linux", "memoryPolicy"): (1, 3, 0),
    ("linux", "intelRdt", "schemata"): (1, 3, 0), ("linux", "intelRdt", "monitoring"): (1, 3, 0),
}


@pytest.fixture(scope="module", name="features")
def ask():
    result = cruntime("features")
    assert (result.code, result.err) == (0, ""), result
    return result.json


def member(document, *path):
    """What is at PATH, or None."""
    for key in path:
        document = document.get(key) if document is not None else None
    return document


def core(version):
    return tuple(int(n) for n in re.match(r"(\d+)\.(\d+)\.(\d+)", version).groups())


def refusal(bundle):
    """The message of a create that fails, or "" when it works."""
    result = bundle.create(check=False)
    if result.code == 0:
        bundle.delete("--force")
        return ""
    assert result.code == 1 and result.err, result
    return result.err


# --- the document ---------------------------------------------------------------------------------

def test_output_is_valid_under_the_schema(features):
    """F-01: and what is read back is what was printed."""
    schema.validate(features, "features-schema.json")


@pytest.mark.parametrize("kind, name, file", [
    (kind, path.name, f"{kind}-schema.json") for kind in ("features", "state")
    for path in sorted((VECTORS / kind).glob("*/*.json")) if path.name != "invalid-json.json"])
def test_our_validator_agrees_with_the_vectors(kind, name, file):
    """F-01, R-STATE-01: a validator that accepts everything proves nothing."""
    for good in (True, False):
        path = VECTORS / kind / ("good" if good else "bad") / name
        if path.exists():
            found = list(schema.problems(json.loads(path.read_text()), schema.load(file), file))
            assert (found == []) == good, found


@pytest.mark.parametrize("damage", [
    {"ociVersionMin": 1}, {"hooks": "prestart"}, {"mountOptions": [1]}, {"annotations": {"a": 1}},
    {"linux": {"capabilities": ["cap_chown"]}}, {"linux": {"namespaces": ["net"]}},
    {"linux": {"cgroup": {"v2": 1}}}, {"linux": {"seccomp": {"actions": ["ALLOW"]}}}], ids=str)
def test_our_validator_finds_what_is_wrong(features, damage):
    """F-01, F-08"""
    assert list(schema.problems({**features, **damage}, schema.load("features-schema.json"),
                                "features-schema.json"))


def test_versions_are_in_order(bundle, features):
    """F-02, R-BUND-11, R-BUND-12: both ends, what lies between them, and pre-releases, start."""
    low, high = core(features.ociVersionMin), core(features.ociVersionMax)
    assert low <= high
    bundle.probe("exit 0")
    between = {f"1.{minor}.0" for minor in range(low[1], high[1] + 1)}
    for version in {features.ociVersionMin, features.ociVersionMax, *between, "1.0.2-dev",
                    "1.1.0-rc.2", f"{high[0]}.{high[1]}.{high[2] + 1}-dev", "1.99.0"}:
        bundle.config["ociVersion"] = version
        bundle.run_ok()


def test_nothing_is_newer_than_the_announced_version(features):
    """F-03, X-26"""
    newest = core(features.ociVersionMax)
    for path, release in SINCE.items():
        assert member(features, *path) is None or release <= newest, path


def test_output_is_the_same_whatever_the_host_offers(bundle, features):
    """F-04: without cgroups, /sys and /proc, and in another environment. What the kernel's filter
    can do is asked of the kernel, by definition."""
    words = ["unshare", "-m", "sh", "-c",
             'umount -l -R /sys; umount -l /proc; exec "$0" features', harness.CRUNTIME]
    result = run_command(words, cwd=bundle.dir,
                         env={"PATH": os.environ["PATH"], "LANG": "tr_TR", "HOME": "/nowhere",
                              "ASAN_OPTIONS": "detect_leaks=0"})  # which needs /proc
    assert (result.code, result.err) == (0, ""), result
    other, own = result.json, copy.deepcopy(features)
    for document in (other, own):
        document["linux"]["seccomp"].pop("supportedFlags")
    assert other == own


def test_everybody_may_ask(bundle):
    """F-22: an unprivileged user, without standard input, at once."""
    program = shutil.copy(harness.CRUNTIME, bundle.dir / "cruntime")
    for directory in (bundle.dir, *bundle.dir.parents):
        if directory.stat().st_mode & 0o1 == 0:
            directory.chmod(0o711)

    def nobody():
        harness.default_signals()
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        os.close(0)

    begin = harness.cpu_seconds()
    result = run_command([program, "features"], preexec_fn=nobody)
    assert harness.cpu_seconds() - begin < 5
    assert (result.code, result.err) == (0, "")
    schema.validate(result.json, "features-schema.json")


def test_annotations_name_version_and_library(features):
    """F-19"""
    version = cruntime("--version").out
    assert features.annotations["io.cruntime.version"] in version
    assert re.fullmatch(r"\d+\.\d+\.\d+",
                        features.annotations["io.github.seccomp.libseccomp.version"])
    # podman offers checkpoints by this word.
    known = features.annotations["org.opencontainers.runc.checkpoint.enabled"]
    assert known == ("true" if cruntime("checkpoint", "--help").code == 0 else "false")


# --- and reality ----------------------------------------------------------------------------------

def test_hooks_are_announced(features):
    """F-05: that each of them runs: test_hooks.py, which has the same list."""
    assert features.hooks == HOOKS


@pytest.mark.parametrize("point", HOOKS)
def test_announced_hook_runs_alone(bundle, point):
    """F-05, R-HOOK-01: the other arrays are absent, or null."""
    place = bundle.rootfs if point == "startContainer" else bundle.dir
    seen = "" if point == "startContainer" else place
    (place / "hook").write_text(f"#!/bin/sh\necho ran >{seen}/ran\n")
    (place / "hook").chmod(0o755)
    for others in ({}, {name: None for name in HOOKS}):
        bundle.config["hooks"] = {**others, point: [{"path": f"{seen}/hook"}]}
        bundle.probe("exit 0")
        bundle.run_ok()
        assert (place / "ran").read_text() == "ran\n"
        (place / "ran").unlink()


def test_announced_mount_option_is_accepted(bundle, features):
    """F-06, C-MOUNT-45: each, on the kind of mount that it is for; and no name of a file system's
    own options is among them."""
    (bundle.dir / "data").mkdir()
    other = {"remount", "idmap", "ridmap", "tmpcopyup"}
    for name in set(features.mountOptions) - other - {"bind", "rbind"}:
        bundle.mount(f"/m/{name}", "tmpfs", "tmpfs", name)
        bundle.mount(f"/b/{name}", None, "data", "bind", name)
    bundle.mount("/m/tmpcopyup", "tmpfs", "tmpfs", "tmpcopyup")
    bundle.mount("/b/plain", None, "data", "rbind")
    bundle.mount("/b/plain", None, "data", "bind", "remount", "ro")
    bundle.run_probe()
    assert not {"size", "mode", "uid", "gid", "lowerdir"} & set(features.mountOptions)


def test_option_that_is_not_announced_is_for_the_file_system(bundle, features):
    """F-06: idmap and ridmap are either announced and work, or refused."""
    for name in ("idmap", "ridmap"):
        bundle.config["mounts"] = bundle.config["mounts"][:7]
        bundle.mount("/x", None, "rootfs", "rbind", name).update(
            uidMappings=[{"containerID": 0, "hostID": 1000, "size": 1}],
            gidMappings=[{"containerID": 0, "hostID": 1000, "size": 1}])
        assert ("not supported yet" in refusal(bundle)) == (name not in features.mountOptions)


NAMESPACES = {"pid": "pid", "network": "net", "mount": "mnt", "ipc": "ipc", "uts": "uts",
              "user": "user", "cgroup": "cgroup", "time": "time"}


def test_announced_namespaces_are_new(bundle, features):
    """F-07, C-NS-04: all eight at once."""
    assert sorted(features.linux.namespaces) == sorted(NAMESPACES)
    bundle.user_namespace()
    bundle.namespace("time")
    seen = bundle.run_probe().namespaces
    for kind in features.linux.namespaces:
        assert seen[NAMESPACES[kind]] and seen[NAMESPACES[kind]] != own_namespace(NAMESPACES[kind])


def test_announced_capability_is_given(bundle, features):
    """F-08: one at a time, and all that this kernel has."""
    assert sorted(features.linux.capabilities) == sorted(f"CAP_{n}" for n in CAPABILITIES)
    with open("/proc/self/status") as file:
        own = next(int(line.split()[1], 16) for line in file if line.startswith("CapBnd"))
    for name in features.linux.capabilities:
        bit = 1 << CAPABILITIES.index(name[4:])
        if own & bit:
            bundle.caps(name[4:])
            assert bundle.run_probe().caps.bounding == bit, name


def profile(**more):
    return {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["getcwd"], "action": "SCMP_ACT_LOG"}], **more}


def test_filters_are_announced_and_loaded(bundle, features):
    """F-10: `Seccomp: 2` in /proc/self/status."""
    bundle.linux["seccomp"] = profile()
    assert features.linux.seccomp.enabled is True and bundle.run_probe().seccomp == 2


def test_announced_actions_and_operators_are_accepted(bundle, features):
    """F-11: and the one that is not announced is refused."""
    actions = set(features.linux.seccomp.actions)
    for action in {f"SCMP_ACT_{n}" for n in ("KILL KILL_PROCESS KILL_THREAD TRAP ERRNO TRACE ALLOW "
                                             "LOG NOTIFY").split()}:
        more = {"listenerPath": "/nowhere"} if action == "SCMP_ACT_NOTIFY" else {}
        bundle.linux["seccomp"] = profile(**more)
        bundle.linux["seccomp"]["syscalls"][0]["action"] = action
        assert ("not supported yet" in refusal(bundle)) == (action not in actions), action
    assert len(features.linux.seccomp.operators) == 7
    for operator in features.linux.seccomp.operators:
        bundle.linux["seccomp"] = profile()
        bundle.linux["seccomp"]["syscalls"][0]["args"] = [
            {"index": 0, "value": 1, "valueTwo": 1, "op": operator}]
        assert refusal(bundle) == "", operator


def test_announced_architectures_are_accepted(bundle, features):
    """F-12: each alone; all are names of the specification. One that libseccomp does not know is
    not announced, and skipped, as no program of this machine has it."""
    names = schema.load("defs-linux.json")["definitions"]["SeccompArch"]["enum"]
    assert set(features.linux.seccomp.archs) <= set(names)
    for name in names:
        bundle.linux["seccomp"] = profile(architectures=[name])
        assert refusal(bundle) == "", name


def test_announced_flags_are_accepted(bundle, features):
    """F-13: what is supported is known, and loads; what is not known is refused."""
    known, supported = (set(features.linux.seccomp[k]) for k in ("knownFlags", "supportedFlags"))
    assert supported <= known
    for flag in supported - {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"}:
        bundle.linux["seccomp"] = profile(flags=[flag])
        assert refusal(bundle) == "", flag
    bundle.linux["seccomp"] = profile(flags=["SECCOMP_FILTER_FLAG_NEW_LISTENER"])
    assert "SECCOMP_FILTER_FLAG_NEW_LISTENER" not in known and refusal(bundle) != ""


# What announces a field, and the field. A host may lack what it needs; then that is the message.
ANNOUNCED = [
    ("apparmor", ("linux", "apparmor", "enabled"), ("process", "apparmorProfile"), "unconfined"),
    ("selinux", ("linux", "selinux", "enabled"), ("process", "selinuxLabel"), "a:b:c:s0"),
    ("mount label", ("linux", "selinux", "enabled"), ("linux", "mountLabel"), "a:b:c:s0"),
    ("rdt", ("linux", "intelRdt", "enabled"), ("linux", "intelRdt"), {"closID": "x"}),
    ("rdt schemata", ("linux", "intelRdt", "schemata"), ("linux", "intelRdt"),
     {"closID": "x", "schemata": ["L3:0=f"]}),
    ("rdt monitoring", ("linux", "intelRdt", "monitoring"), ("linux", "intelRdt"),
     {"enableMonitoring": True}),
    ("rdma", ("linux", "cgroup", "rdma"), ("linux", "resources"),
     {"rdma": {"mlx5_0": {"hcaHandles": 1}}}),
    ("net devices", ("linux", "netDevices", "enabled"), ("linux", "netDevices"), {"no-device": {}}),
    ("memory policy", ("linux", "memoryPolicy", "modes"), ("linux", "memoryPolicy"),
     {"mode": "MPOL_LOCAL"}),
    ("idmap", ("linux", "mountExtensions", "idmap", "enabled"), ("mounts",),
     [{"destination": "/x", "source": "rootfs", "options": ["rbind", "idmap"],
       "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}],
       "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}]}]),
]


@pytest.mark.parametrize("path, place, value", [a[1:] for a in ANNOUNCED],
                         ids=[a[0] for a in ANNOUNCED])
def test_field_is_applied_exactly_when_it_is_announced(bundle, features, path, place, value):
    """F-14, F-15, F-16, F-17, F-18, D-19: "not supported yet" and an announcement exclude each
    other. A property of a later release than the announced one stays out in any case (F-03)."""
    node = bundle.config
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    if place == ("mounts",):
        bundle.linux["maskedPaths"] = bundle.linux["readonlyPaths"] = []
    refused = "not supported yet" in refusal(bundle)
    newest = core(features.ociVersionMax)
    release = max([r for p, r in SINCE.items() if path[:len(p)] == p], default=(1, 0, 0))
    if release > newest:
        assert member(features, *path) is None
    else:
        assert bool(member(features, *path)) == (not refused)


def test_only_the_cgroup_version_that_works_is_announced(bundle, features):
    """F-09: version 1 never; the drivers of systemd as they are accepted."""
    cgroup = features.linux.cgroup
    assert (cgroup.v1, cgroup.v2) == (False, True)
    bundle.linux["cgroupsPath"] = "system.slice:test:x"
    bundle.globals = ["--systemd-cgroup"]
    refused = "not supported yet" in refusal(bundle)
    assert cgroup.systemd == (not refused)
    assert not cgroup.systemdUser or cgroup.systemd


# Behind these, another runtime does something else than without them.
CHANGING = ["run.oci.handler", "run.oci.systemd.subgroup", "run.oci.delegate-cgroup",
            "run.oci.seccomp.receiver", "run.oci.keep_original_groups", "run.oci.hooks.stdout",
            "run.oci.seccomp_fail_unknown_syscall", "run.oci.mount_context_type",
            "org.systemd.property.MemoryMax", "org.systemd.property.ExecStopPost",
            "org.criu.config", "krun.cpus", "module.wasm.image/variant",
            "io.kubernetes.cri.container-type", "bundle"]


def test_annotation_changes_nothing_or_is_listed_or_refused(bundle, features):
    """C-ANN-05, F-20, S-24, S-29: the list has each that could change something."""
    unsafe = features.potentiallyUnsafeConfigAnnotations
    plain = bundle.run_probe()
    for key in CHANGING:
        bundle.config["annotations"] = {key: "1"}
        listed = any(key == u or u.endswith(".") and key.startswith(u) for u in unsafe)
        bundle.probe("report")
        result = bundle.run()
        if result.code == 0 and not listed:
            seen = result.lines[0]
            for part in ("uid", "groups", "caps", "seccomp", "no_new_privs", "rlimits"):
                assert seen[part] == plain[part], (key, part)
            assert sorted(seen.dev) == sorted(plain.dev), key
            assert [m.target for m in seen.mounts] == [m.target for m in plain.mounts], key
        elif not listed:
            assert key in result.err, result


def test_recursive_read_only_is_announced(features):
    """F-21: containerd decides by it."""
    assert "rro" in features.mountOptions
