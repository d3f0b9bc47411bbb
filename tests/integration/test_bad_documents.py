# SPDX-License-Identifier: Apache-2.0
"""A config.json that is no document, has several mistakes, or is too deep or too big."""

import json
import os
import re
import subprocess

import pytest

from harness import CRUNTIME, cpu_seconds
from marks import named


# --- the document ---------------------------------------------------------------------------------

@pytest.mark.parametrize("text, where", named([
    ("empty", b"", "1:1: syntax error: the document is empty"),
    ("blanks", b" \n\t\n ", "3:2: syntax error: the document is empty"),
    ("nul", b"\0", "1:1: syntax error"),
    ("nul-behind", b'{"ociVersion": "1.0.0"}\0', "1:24: syntax error"),
    ("nul-inside", b'{"oci\0Version": "1.0.0"}', "1:"),
    ("truncated", b'{"ociVersion": "1.0', "1:"),
    ("open", b'{"ociVersion": "1.0.0",', "1:24: syntax error: the document ends too early"),
    ("array", b'[{"ociVersion": "1.0.0"}]', "1:1: expected an object as the document"),
    ("null", b"null", "1:1: expected an object"),
    ("string", b'"text"', "1:1: expected an object"),
    ("number", b"17", "1:1: expected an object"),
    ("garbage", b'{"ociVersion": "1.0.0"} x', "1:25: syntax error"),
    ("two", b'{"ociVersion": "1.0.0"}\n{"ociVersion": "1.0.0"}', "2:1: syntax error"),
    ("bom", b'\xef\xbb\xbf{"ociVersion": "1.0.0"}', "1:1: syntax error"),
    ("utf-16", '{"ociVersion": "1.0.0"}'.encode("utf-16"), "1:1: syntax error"),
    ("vector", b"{]", "1:2: syntax error"),
    ("comma", b'{"ociVersion": "1.0.0",}', "1:24: syntax error"),
    ("single-quotes", b"{'ociVersion': '1.0.0'}", "1:2: syntax error"),
    ("comment", b'{"ociVersion": "1.0.0"} // x', "1:25: syntax error"),
    ("nan", b'{"ociVersion": NaN}', "1:16: syntax error"),
    ("zero", b'{"process": {"user": {"uid": 01}}}', "1:"),
    ("form-feed", b'{"ociVersion":\f"1.0.0"}', "1:15: syntax error"),
    ("newline", b'{"ociVersion": "1.\n0"}', "1:"),
    ("empty-object", b"{}", "1:1: ociVersion: required, but missing\n"
     "config.json:1:1: root: required, but missing"),
]))
def test_text_that_is_no_config_is_refused(bundle, text, where):
    """S-60, S-61, R-BUND-08, R-BUND-09"""
    bundle.config = text
    bundle.write_config()
    begin = cpu_seconds()
    result = bundle.run(write=False)
    assert cpu_seconds() - begin < 1
    assert result.code == 1 and result.out == "", result
    assert result.err.startswith("config.json:" + where), result
    assert len(result.err.splitlines()) == where.count("\n") + 1, result


@pytest.mark.parametrize("opening", ["[", '{"a":'])
@pytest.mark.parametrize("depth", [65, 100_000, 2_000_000])
def test_deep_nesting_is_refused_without_much_memory(bundle, depth, opening):
    """S-62: also where unknown keys are ignored."""
    bundle.config = '{"ociVersion": "1.0.0", "x": ' + opening * depth
    bundle.write_config()
    process = bundle.popen("run", "-b", bundle.dir, bundle.id, stderr=subprocess.PIPE)
    line = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 1
    assert "nested too deeply, the limit is 64 levels" in line, line
    assert usage.ru_maxrss < 64 * 1024 or "asan" in CRUNTIME
    process.stderr.close()


def test_depth_of_the_limit_is_accepted(bundle):
    """S-62: 64 levels with the document's own."""
    bundle.probe("exit 0")
    bundle.config["x"] = json.loads("[" * 63 + "]" * 63)
    bundle.run_ok()


def test_all_errors_come_at_once_in_the_order_of_the_document(bundle):
    """D-03: each on its line, with place, path, what is allowed and a suggestion."""
    bundle.config["process"]["user"]["uid"] = "1000"
    bundle.config["process"]["rlimits"][0]["type"] = "RLIMIT_NOFILES"
    bundle.config["linux"]["namespaces"].append({"type": "networks"})
    bundle.config["hostname"] = 5
    data = bundle.write_config().decode().split("\n")
    result = bundle.run(write=False)
    assert result.code == 1, result
    lines = result.err.splitlines()
    assert len(lines) == 4, result
    for line, (text, path, what) in zip(lines, [
            ('"1000"', "process.user.uid",
             'expected an integer from 0 to 4294967294, found string "1000"'),
            ('"RLIMIT_NOFILES"', "process.rlimits[0].type",
             'unknown value "RLIMIT_NOFILES", did you mean "RLIMIT_NOFILE"?'),
            ("5,", "hostname", "expected a string, found number 5"),
            ('"networks"', "linux.namespaces[6].type",
             'unknown value "networks", did you mean "network"?')]):
        row, column = [(i + 1, r.index(text) + 1) for i, r in enumerate(data) if text in r
                       and path.rsplit(".", 1)[-1] in r][0]
        assert line == f"config.json:{row}:{column}: {path}: {what}"


def test_long_list_of_errors_ends_with_their_number(bundle):
    """D-03: at most 20."""
    bundle.process["env"] = [5] * 1000
    result = bundle.run()
    lines = result.err.splitlines()
    assert result.code == 1 and 10 <= len(lines) <= 21, result
    assert lines[-1] == f"… and {1000 - len(lines) + 1} more errors"


# --- size -----------------------------------------------------------------------------------------

BIG = {
    "blanks": lambda c: json.dumps(c) + " " * (16 * 2**20 - 10000),
    "annotations": lambda c: c.update(annotations={f"org.test.{i}": "x" for i in range(100_000)}),
    "syscalls": lambda c: c["linux"].update(seccomp={
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["no_such_call"] * 50_000, "action": "SCMP_ACT_ERRNO"}]}),
    "known-syscalls": lambda c: c["linux"].update(seccomp={
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["getcwd"] * 50_000, "action": "SCMP_ACT_ERRNO"}]}),
    "rules": lambda c: c["linux"].update(seccomp={
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["getcwd", "read"], "action": "SCMP_ACT_ERRNO", "args": [
            {"index": 1, "value": i + 2**40, "op": "SCMP_CMP_EQ"}]} for i in range(2_500)]}),
    "devices": lambda c: c["linux"]["resources"].update(devices=[
        {"allow": i % 2 == 0, "type": "c", "major": i % 4096, "minor": i, "access": "r"}
        for i in range(20_000)]),
    "env": lambda c: c["process"]["env"].append("A=" + "x" * 2**20),
    "many-env": lambda c: c["process"].update(env=[f"A{i}=b" for i in range(50_000)]),
    "args": lambda c: c["process"].update(args=["/probe", *["x" * 1000] * 15_000]),
    "groups": lambda c: c["process"]["user"].update(additionalGids=list(range(65_536))),
    "too-many-groups": lambda c: c["process"]["user"].update(
        additionalGids=list(range(65_537))),
    "maps": lambda c: c["linux"].update(
        namespaces=c["linux"]["namespaces"] + [{"type": "user"}],
        uidMappings=[{"containerID": i, "hostID": i, "size": 1} for i in range(20_000)],
        gidMappings=[{"containerID": i, "hostID": i, "size": 1} for i in range(20_000)]),
    "masks": lambda c: c["linux"].update(maskedPaths=[f"/proc/no{i}" for i in range(50_000)]),
    "hooks": lambda c: c.update(hooks={"poststop": [{"path": "x"}] * 50_000}),
    "sysctl": lambda c: c["linux"].update(sysctl={f"net.x{i}": "1" for i in range(50_000)}),
    "unified": lambda c: c["linux"]["resources"].update(
        unified={f"x{i}.max": "1" for i in range(50_000)}),
    "rlimits": lambda c: c["process"].update(
        rlimits=[{"type": "RLIMIT_CORE", "soft": 1, "hard": 1}] * 50_000),
    "namespaces": lambda c: c["linux"].update(namespaces=[{"type": "pid"}] * 100_000),
    "capabilities": lambda c: c["process"]["capabilities"].update(bounding=["CAP_X"] * 100_000),
    "numbers": lambda c: c.update(x=[0] * 1_000_000),
    "digits": lambda c: json.dumps(c)[:-1] + ', "x": ' + "1" * 10_000_000 + "}",
    "string": lambda c: c.update(x="x" * 15_000_000),
    "escapes": lambda c: c.update(x="\x01" * 2_000_000),
    "keys": lambda c: c.update(x={str(i): 0 for i in range(300_000)}),
}


@pytest.mark.parametrize("name", BIG)
def test_big_config_starts_or_is_refused_in_two_seconds(bundle, name):
    """S-68: linear time; a refusal has a position or names what is too much."""
    bundle.probe("exit 0")
    text = BIG[name](bundle.config)
    if text:
        bundle.config = text
    bundle.write_config()
    begin = cpu_seconds()
    result = bundle.run(write=False)
    # Sanitizers are slow.
    assert cpu_seconds() - begin < (20 if "asan" in CRUNTIME else 2)
    assert result.code in (0, 1), result
    assert result.code == 1 or result.err == "" or result.err.startswith("warning: "), result
    if result.code == 1:
        assert re.search("config.json|linux.resources.devices|argument", result.err), result


def test_two_thousand_mounts_start_in_two_seconds(bundle):
    """S-68"""
    bundle.probe("exit 0")
    for i in range(2000):
        bundle.mount(f"/tmp/m{i}", "tmpfs", "tmpfs")
    begin = cpu_seconds()
    bundle.run_ok()
    assert cpu_seconds() - begin < (20 if "asan" in CRUNTIME else 2)


def test_config_above_the_limit_is_refused(bundle):
    """I-27, S-68: 16 MiB, also when it is a sparse file of many gigabytes."""
    bundle.write_config()
    for size in (16 * 2**20 + 1, 2**40):
        os.truncate(bundle.dir / "config.json", size)
        line = bundle.refused(write=False)
        assert "config.json" in line and "16777216" in line
