# SPDX-License-Identifier: Apache-2.0
"""The configs that engines really write (tests/bundles), with rootfs, hooks and paths adapted."""

import json
import os
import pathlib

import pytest

from conftest import controllers, kernel
from harness import SOURCE, Box
from marks import requires

RECORDED = sorted((SOURCE / "tests/bundles").glob("*.json"))
# Files of the host that engines bind; every other missing source is taken to be a directory.
FILES = {"resolv.conf", "hosts", "hostname", "docker-init", "init", ".containerenv", "secret"}


def adapt_mounts(bundle, config):
    for i, mount in enumerate(config.get("mounts", [])):
        options = mount.get("options", [])
        if not {"bind", "rbind"} & set(options) or os.path.exists(mount["source"]):
            continue
        source = bundle.dir / f"source.{i}"
        if pathlib.Path(mount["destination"]).name in FILES:
            source.write_text("")
        else:
            source.mkdir()
        mount["source"] = str(source)


def adapt(bundle, path):
    config = json.loads(path.read_text(), object_hook=Box)
    config["root"]["path"] = "rootfs"
    config["process"]["args"] = ["/probe", "report"]
    config["process"]["terminal"] = False
    config["process"]["cwd"] = "/"
    for hooks in (config.get("hooks") or {}).values():
        for hook in hooks:
            hook["path"], hook["args"] = "/bin/true", ["true"]
    for namespace in config["linux"]["namespaces"]:
        namespace.pop("path", None)
    config["linux"]["cgroupsPath"] = f"/{bundle.id}"
    adapt_mounts(bundle, config)
    bundle.config = config
    mappings = config["linux"].get("uidMappings")
    if mappings:
        owner = next(m["hostID"] for m in mappings if m["containerID"] == 0)
        bundle.give_rootfs_to(owner)


# What this kernel does not do, each with the text of its refusal: the sources here are on a tmpfs.
UNSUPPORTED = {}
if kernel() < (6, 3):
    UNSUPPORTED["k8s-container-userns"] = "(type 'tmpfs') cannot be id-mapped by this kernel"


def names(path):
    return path.stem


@requires("memory", "cpu", "pids")
@pytest.mark.parametrize("path", RECORDED, ids=names)
def test_recorded_config_runs_or_is_refused_with_its_reason(bundle, path):
    """Issue of the first release, part 2; in an environment with all that engines ask for."""
    adapt(bundle, path)
    result = bundle.run()
    if path.stem in UNSUPPORTED:
        assert result.code == 1 and UNSUPPORTED[path.stem] in result.err, result
        return
    assert result.code == 0, result
    seen = result.lines[0]
    config = bundle.config
    assert seen.uid[0] == config["process"]["user"]["uid"]
    assert seen.no_new_privs == int(config["process"].get("noNewPrivileges", False))
    assert seen.seccomp == (2 if config["linux"].get("seccomp") else 0)


@pytest.mark.parametrize("path", RECORDED, ids=names)
def test_recorded_config_is_never_refused_for_another_reason(bundle, path):
    """The same where controllers and rights may be missing: D-09, and limits above our own."""
    adapt(bundle, path)
    result = bundle.run()
    if result.code != 0:
        reasons = ["raise the hard limit"] + list(UNSUPPORTED.values())
        reasons += [f"the {c} controller" for c in {"memory", "cpu", "pids"} - controllers()]
        assert any(reason in result.err for reason in reasons), result


# --- vectors of the specification -----------------------------------------------------------------

VECTORS = SOURCE / "tests/spec/schema/test/config"
# About a platform whose block is an unknown key for us.
FOREIGN = {"freebsd-vnet-disable"}
SYNTAX = ("expected", "unknown value", "required", "missing", "invalid", "duplicate")


@pytest.mark.parametrize("path", sorted((VECTORS / "bad").glob("*.json")), ids=names)
def test_bad_vector_of_the_specification_is_refused(bundle, path):
    """Issue of the first release, part 3."""
    if path.stem in FOREIGN:
        pytest.skip("about another platform, whose block Linux runtimes ignore")
    bundle.config = path.read_bytes()
    result = bundle.run()
    assert result.code == 1 and "config.json:" in result.err


@pytest.mark.parametrize("path", sorted((VECTORS / "good").glob("*.json")), ids=names)
def test_good_vector_of_the_specification_is_understood(bundle, path):
    """Issue of the first release, part 3: its rootfs, hooks or devices are not here, so it may well
    be refused, but not for its form."""
    bundle.config = json.loads(path.read_text())
    # They were written for drafts before 1.0.
    bundle.config["ociVersion"] = "1.0.2"
    result = bundle.run("--console-socket", bundle.dir / "none")
    assert result.code in (0, 1)
    for line in result.err.splitlines():
        form = line.startswith("config.json:") and any(word in line for word in SYNTAX)
        # Minimal vectors of other platforms have no root, which Linux requires.
        assert not form or "root" in line, result
