# SPDX-License-Identifier: Apache-2.0
"""Bad config.json: refused before any side effect, with line, column and field (D-02, D-03, S-6x).
"""

import copy
import json
import os
import re
import resource
import subprocess
import time

import pytest

import harness

POSITION = re.compile(r"config\.json:(\d+):(\d+): ")


def refused_text(bundle, text):
    bundle.config = text
    result = bundle.run(timeout=10)
    assert result.code == 1 and result.out == "", result
    assert not bundle.exists()
    return result.err


# --- the document ---------------------------------------------------------------------------------

DOCUMENTS = {
    "empty": "", "blank": "  \n", "NUL bytes": "\0" * 100, "truncated": '{"ociVersion": "1.0.2", ',
    "array": "[]", "null": "null", "string": '"x"', "number": "1", "syntax": "{]",
    "two documents": "{}{}", "trailing garbage": '{"ociVersion": "1.0.2"} xx', "BOM": "\ufeff{}",
    "comment": "{} // no", "single quotes": "{'a': 1}", "trailing comma": '{"a": 1,}',
    "unquoted key": "{a: 1}", "control character": '{"a": "\n"}', "bad escape": '{"a": "\\x"}',
    "lone surrogate": '{"hostname": "\\ud800"}', "NaN": '{"a": NaN}', "hex": '{"a": 0x10}',
    "plus": '{"a": +1}', "leading zero": '{"a": 01}',
}


@pytest.mark.parametrize("text", DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_document_that_is_no_json_object_is_refused(bundle, text):
    """R-BUND-08, R-BUND-09, S-60, S-61, S-65, I-27."""
    assert "config.json" in refused_text(bundle, text)


def test_invalid_utf_8_is_refused(bundle):
    """R-BUND-03, S-65."""
    data = json.dumps(bundle.config).replace("inside", "in\udcffside")
    assert "config.json" in refused_text(bundle, data.encode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("depth", [65, 100000, 2000000])
def test_deep_nesting_is_refused(bundle, depth):
    """S-62, I-27: no crash, no memory."""
    bundle.config = '{"x": ' + "[" * depth + "]" * depth + "}"
    bundle.write_config()

    def caller():
        harness.default_signals()
        resource.setrlimit(resource.RLIMIT_STACK, (1 << 20, 1 << 20))

    options = {} if "asan" in harness.CRUNTIME else {"preexec_fn": caller}
    result = bundle.run(timeout=10, **options)
    assert result.code == 1 and "config.json" in result.err


def test_nesting_up_to_the_limit_is_accepted(bundle):
    """I-27."""
    nested = value = []
    for _ in range(55):
        value.append([])
        value = value[0]
    bundle.config["unknown"] = nested
    bundle.run_probe("read /etc/hosts")


@pytest.mark.parametrize("where", [(), ("process",), ("process", "user"), ("linux",),
                                   ("linux", "resources")])
def test_duplicate_key_is_refused_by_name(bundle, where):
    """R-BUND-04, X-13, S-63, D-02."""
    marker = bundle.config
    for part in where:
        marker = marker[part]
    marker["MARKER"] = 1
    text = json.dumps(bundle.config).replace('"MARKER": 1', '"twin": 1, "twin": 2')
    assert "twin" in refused_text(bundle, text)


NUL_PLACES = [("hostname",), ("process", "cwd"), ("process", "args", 0), ("process", "env", 0),
              ("root", "path"), ("mounts", 0, "destination"), ("mounts", 0, "source"),
              ("mounts", 1, "options", 0), ("linux", "cgroupsPath"), ("annotations", "a"),
              ("linux", "maskedPaths", 0), ("ociVersion",)]


@pytest.mark.parametrize("place", NUL_PLACES, ids=str)
def test_nul_in_a_string_is_refused(bundle, place):
    """R-BUND-20, S-64."""
    bundle.config["annotations"] = {"a": "b"}
    bundle.linux["cgroupsPath"] = "/x"
    node = bundle.config
    for part in place[:-1]:
        node = node[part]
    node[place[-1]] = node[place[-1]] + "\0tail"
    assert POSITION.search(bundle.refused())


def test_config_of_more_than_16_mib_is_refused(bundle):
    """S-68, I-27."""
    bundle.config = json.dumps(bundle.config) + " " * (16 << 20)
    bundle.write_config()
    start = harness.cpu_seconds()
    assert "config.json" in bundle.refused()
    assert harness.cpu_seconds() - start < 2


def test_config_of_nearly_16_mib_is_read(bundle):
    """S-68: in linear time."""
    bundle.config["annotations"] = {f"key{i}": "x" * 60 for i in range(100000)}
    bundle.probe("exit 0")
    start = harness.cpu_seconds()
    result = bundle.run()
    assert result.code in (0, 1)
    assert harness.cpu_seconds() - start < 10


@pytest.mark.parametrize("kind", ["missing", "directory", "fifo", "zero", "loop", "socket"])
def test_config_that_is_no_regular_file_is_refused(bundle, kind):
    """R-BUND-01, S-72, I-29: no hang."""
    path = bundle.dir / "config.json"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "zero":
        path.symlink_to("/dev/zero")
    elif kind == "loop":
        path.symlink_to("config.json")
    elif kind == "socket":
        harness.ConsoleSocket(str(path)).close()
    line = bundle.one_line(bundle.run(write=False, timeout=10))
    assert "config.json" in line
    assert not bundle.exists()


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_bundle_that_is_no_directory_is_refused(bundle, kind):
    """R-BUND-01, S-73."""
    path = bundle.dir / "other"
    if kind == "file":
        path.write_text("")
    line = bundle.one_line(bundle.command("create", "-b", path, bundle.id))
    assert str(path) in line


# --- messages -------------------------------------------------------------------------------------

def test_message_has_line_and_column_of_the_value(bundle):
    """D-03."""
    bundle.process["user"]["uid"] = "1000"
    text = json.dumps(bundle.config, indent=2)
    line = next(i for i, row in enumerate(text.split("\n"), 1) if '"uid": "1000"' in row)
    column = text.split("\n")[line - 1].index('"1000"') + 1
    message = bundle.refused()
    assert (f'config.json:{line}:{column}: process.user.uid: expected an integer from 0 to '
            '4294967294, found string "1000"') in message


def test_all_errors_are_reported_at_once(bundle):
    """D-03."""
    bundle.process["user"]["uid"] = "x"
    bundle.process["cwd"] = 5
    bundle.linux["namespaces"].append({"type": "nonsense"})
    bundle.config["mounts"].append({"type": "tmpfs"})
    result = bundle.run()
    assert result.code == 1
    for field in ("process.user.uid", "process.cwd", "linux.namespaces[6].type", "mounts[7]"):
        assert field in result.err
    assert len(POSITION.findall(result.err)) == 4


def test_no_more_than_twenty_errors_are_reported(bundle):
    """D-03."""
    bundle.config["mounts"] = [{"type": 1} for _ in range(100)]
    result = bundle.run()
    assert result.code == 1
    assert 1 <= len(POSITION.findall(result.err)) <= 21


def test_errors_are_one_object_in_a_json_log(bundle):
    """D-03, cli-reference 6."""
    log = bundle.dir / "log"
    bundle.globals = ["--log", str(log), "--log-format", "json"]
    bundle.process["user"]["uid"] = "x"
    bundle.process["cwd"] = 5
    assert bundle.run().code == 1
    entry = json.loads(log.read_text())
    assert entry["level"] == "error"
    assert "process.user.uid" in entry["msg"] and "process.cwd" in entry["msg"]


def test_terminal_control_characters_of_the_config_are_not_printed(bundle):
    """base/err.h: no terminal obeys a config."""
    bundle.process["cwd"] = "\x1b]0;owned\x07"
    result = bundle.run()
    assert result.code == 1
    assert "\x1b" not in result.err and "\x07" not in result.err


# --- what is lenient ------------------------------------------------------------------------------

@pytest.mark.parametrize("where", [(), ("process",), ("process", "user"), ("root",), ("linux",),
                                   ("linux", "resources"), ("mounts", 0),
                                   ("linux", "namespaces", 0), ("process", "capabilities")])
def test_unknown_key_is_ignored_at_every_level(bundle, where):
    """R-BUND-05, D-04."""
    node = bundle.config
    for part in where:
        node = node[part]
    node["notInTheSpecification"] = {"any": ["thing", 1, None]}
    bundle.probe("exit 0")
    assert bundle.run_ok().err == ""


@pytest.mark.parametrize("path", [
    ("hooks",), ("annotations",), ("hostname",), ("domainname",), ("mounts",),
    ("linux", "resources"), ("linux", "seccomp"), ("linux", "uidMappings"), ("linux", "sysctl"),
    ("linux", "maskedPaths"), ("linux", "readonlyPaths"), ("linux", "devices"),
    ("linux", "cgroupsPath"), ("linux", "rootfsPropagation"), ("linux", "timeOffsets"),
    ("process", "rlimits"), ("process", "env"), ("process", "oomScoreAdj"),
    ("process", "consoleSize"), ("process", "user", "additionalGids"),
    ("process", "user", "umask"), ("mounts", 0, "options")], ids=str)
def test_null_means_absent(bundle, path):
    """R-BUND-14: what Go callers write for unset members."""
    node = bundle.config
    for part in path[:-1]:
        node = node[part]
    node[path[-1]] = None
    if path == ("mounts",):
        bundle.linux["maskedPaths"] = bundle.linux["readonlyPaths"] = []
    bundle.probe("read /etc/hosts")
    assert bundle.run().code == 0


@pytest.mark.parametrize("block", ["windows", "vm", "solaris", "zos", "freebsd"])
def test_blocks_of_other_platforms_are_ignored(bundle, block):
    """R-BUND-17."""
    bundle.config[block] = {"anything": [1, 2]}
    bundle.probe("exit 0")
    bundle.run_ok()


@pytest.mark.parametrize("version", ["1.0.0", "1.0.2-dev", "1.1.0-rc.2", "1.1.0+dev", "1.2.1",
                                     "1.3.0", "1.99.0"])
def test_version_of_the_same_major_is_accepted(bundle, version):
    """R-BUND-11, R-BUND-12."""
    bundle.config["ociVersion"] = version
    bundle.probe("exit 0")
    bundle.run_ok()


@pytest.mark.parametrize("version", ["", "abc", "1", "1.0", "2.0.0", "0.9.0", "01.0.0", "1.0.0.0",
                                     "1.0.0-", "v1.0.0", 1, None])
def test_other_version_is_refused(bundle, version):
    """R-BUND-10."""
    bundle.config["ociVersion"] = version
    bundle.refused_config("ociVersion")


def test_missing_version_is_refused(bundle):
    """R-BUND-10."""
    del bundle.config["ociVersion"]
    bundle.refused_config("ociVersion")


@pytest.mark.parametrize("value", [1, True, None, ["x"], {"x": "y"}], ids=str)
def test_annotation_that_is_no_string_is_refused(bundle, value):
    """C-ANN-01."""
    bundle.config["annotations"] = {"key": value}
    bundle.refused_config("annotations.key")


def test_annotation_with_an_empty_key_is_refused(bundle):
    """C-ANN-01."""
    bundle.config["annotations"] = {"": "x"}
    bundle.refused_config("annotations")


def test_handler_annotation_is_refused(bundle):
    """D-14: never ignored."""
    bundle.config["annotations"] = {"run.oci.handler": "wasm"}
    bundle.refused_config("run.oci.handler")


# --- numbers and types, field by field ------------------------------------------------------------

INTEGERS = [
    ("process", "user", "uid"), ("process", "user", "gid"), ("process", "user", "umask"),
    ("process", "user", "additionalGids", 0), ("process", "oomScoreAdj"),
    ("process", "rlimits", 0, "soft"), ("process", "rlimits", 0, "hard"),
    ("process", "consoleSize", "height"), ("linux", "uidMappings", 0, "containerID"),
    ("linux", "uidMappings", 0, "size"), ("linux", "devices", 0, "major"),
    ("linux", "devices", 0, "fileMode"), ("linux", "resources", "devices", 0, "major"),
    ("linux", "resources", "memory", "limit"), ("linux", "resources", "memory", "swap"),
    ("linux", "resources", "cpu", "shares"), ("linux", "resources", "cpu", "quota"),
    ("linux", "resources", "cpu", "period"), ("linux", "resources", "pids", "limit"),
    ("linux", "timeOffsets", "monotonic", "secs"), ("hooks", "poststop", 0, "timeout"),
    ("linux", "seccomp", "defaultErrnoRet"),
    ("linux", "seccomp", "syscalls", 0, "args", 0, "index"),
]


def full_config(bundle):
    """The base with everything in it that the places above need."""
    config = copy.deepcopy(bundle.config)
    config["process"]["user"].update(umask=18, additionalGids=[5])
    config["process"]["oomScoreAdj"] = 0
    config["process"]["consoleSize"] = {"height": 1, "width": 1}
    config["linux"]["uidMappings"] = [{"containerID": 0, "hostID": 0, "size": 1}]
    config["linux"]["devices"] = [
        {"path": "/dev/x", "type": "c", "major": 1, "minor": 3, "fileMode": 438}]
    config["linux"]["resources"] = {
        "devices": [{"allow": False, "type": "c", "major": 1}],
        "memory": {"limit": -1, "swap": -1},
        "cpu": {"shares": 1024, "quota": -1, "period": 0}, "pids": {"limit": -1}}
    config["linux"]["timeOffsets"] = {"monotonic": {"secs": 0}}
    config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "syscalls": [
            {"names": ["mkdir"], "action": "SCMP_ACT_ALLOW",
             "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}]}]}
    config["hooks"] = {"poststop": [{"path": "/bin/true", "timeout": 5}]}
    return config


def put(config, place, value):
    node = config
    for part in place[:-1]:
        node = node[part]
    node[place[-1]] = value


def dotted(place):
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


@pytest.mark.parametrize("place", INTEGERS, ids=dotted)
def test_number_that_is_no_integer_of_the_field_is_refused(bundle, place):
    """S-66: exact value or refused, never a default, never wrapped."""
    base = full_config(bundle)
    for literal in ("1.0", "1.5", "1e3", "1e400", "9" * 400, '"5"', "true", "[]", "{}",
                    "18446744073709551616", "-9223372036854775809"):
        config = copy.deepcopy(base)
        put(config, place, "LITERAL")
        bundle.config = json.dumps(config).replace('"LITERAL"', literal)
        result = bundle.run()
        assert result.code == 1, (literal, result)
        assert f"{dotted(place)}: " in result.err, (literal, result)


TYPES = [
    ("process",), ("process", "terminal"), ("process", "cwd"), ("process", "args"),
    ("process", "args", 0), ("process", "env"), ("process", "env", 0), ("process", "user"),
    ("process", "capabilities"), ("process", "capabilities", "bounding"), ("process", "rlimits"),
    ("process", "rlimits", 0), ("process", "rlimits", 0, "type"), ("process", "noNewPrivileges"),
    ("root",), ("root", "path"), ("root", "readonly"), ("hostname",), ("mounts",), ("mounts", 0),
    ("mounts", 0, "destination"), ("mounts", 0, "type"), ("mounts", 1, "options"),
    ("mounts", 1, "options", 0), ("hooks",), ("hooks", "poststop"), ("hooks", "poststop", 0),
    ("hooks", "poststop", 0, "path"), ("annotations",), ("linux",), ("linux", "namespaces"),
    ("linux", "namespaces", 0), ("linux", "namespaces", 0, "type"), ("linux", "resources"),
    ("linux", "resources", "devices"), ("linux", "resources", "devices", 0, "allow"),
    ("linux", "resources", "memory"), ("linux", "resources", "cpu"), ("linux", "seccomp"),
    ("linux", "seccomp", "syscalls"), ("linux", "seccomp", "syscalls", 0, "names"),
    ("linux", "maskedPaths"), ("linux", "readonlyPaths", 0), ("linux", "devices"),
    ("linux", "uidMappings"), ("linux", "timeOffsets"), ("ociVersion",),
]


@pytest.mark.parametrize("place", TYPES, ids=dotted)
def test_value_of_the_wrong_type_is_refused(bundle, place):
    """R-BUND-07, S-67: never dropped, never a default."""
    base = full_config(bundle)
    node = base
    for part in place:
        node = node[part] if part in node or isinstance(part, int) else {}
    for wrong in ("text", 1, True, [], {}):
        if isinstance(wrong, type(node)) and isinstance(wrong, bool) == isinstance(node, bool):
            continue
        config = copy.deepcopy(base)
        put(config, place, wrong)
        bundle.config = config
        result = bundle.run()
        assert result.code == 1, (wrong, result)
        assert f"{dotted(place)}: " in result.err, (wrong, result)


@pytest.mark.parametrize("place", [
    ("process", "rlimits", 0, "type"), ("linux", "namespaces", 0, "type"),
    ("linux", "devices", 0, "type"), ("linux", "seccomp", "defaultAction"),
    ("linux", "seccomp", "syscalls", 0, "action"),
    ("linux", "seccomp", "syscalls", 0, "args", 0, "op"), ("linux", "rootfsPropagation")],
    ids=dotted)
def test_unknown_enumeration_value_is_refused(bundle, place):
    """R-BUND-06, D-02."""
    config = full_config(bundle)
    put(config, place, "nonsense")
    bundle.config = config
    result = bundle.run()
    assert result.code == 1 and f"{dotted(place)}: " in result.err


def test_random_damage_does_no_harm(bundle):
    """the documents of S-60, S-61 and S-65 by chance: a byte of a good config is changed; exit 0 or 1, nothing else."""
    import random
    chance = random.Random(1)
    bundle.probe("exit 0")
    good = json.dumps(bundle.config).encode()
    for _ in range(150):
        data = bytearray(good)
        for _ in range(chance.randint(1, 3)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        bundle.config = bytes(data)
        # `spec`-like early failures only: the document is parsed, nothing is started.
        bundle.write_config()
        done = subprocess.run([harness.CRUNTIME, "--root", bundle.root, "create", "-b", bundle.dir,
                               bundle.id], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=20, check=False)
        assert done.returncode in (0, 1), data
        if bundle.exists():
            bundle.delete("--force")
