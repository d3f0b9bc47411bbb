# SPDX-License-Identifier: Apache-2.0
"""The field tables of oci/config against the JSON schema of the runtime-spec.

A new release of the spec fails here with the name of the key that has no place yet. The second half
generates bad documents from the schema (checklist 23, S-66, S-67). The tables are printed by the
unit program test_tables of the build under test.
"""

import copy
import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "tests" / "spec" / "schema"
BUILD = pathlib.Path(os.environ.get("CRUNTIME", ROOT / "build" / "cruntime")).parent
PROGRAM = next((p for p in (BUILD / "unit" / "test_tables", BUILD / "default/unit/test_tables")
                if p.exists()), BUILD / "unit" / "test_tables")

# Keys that a Linux runtime treats as unknown (R-BUND-17, C-PROC-19, C-USER-06).
FOREIGN = {
    "": {"solaris", "windows", "vm", "zos", "freebsd"},
    "process": {"commandLine"},
    "process.user": {"username"},
}
# The text requires these, the schema does not (X-27, C-ROOT-01, C-DEV-03 is checked in code).
REQUIRED_BY_TEXT = {
    "": {"root"},
    "process.user": {"uid", "gid"},
    "process.ioPriority": {"priority"},
    "linux.personality": {"domain"},
    "linux.memoryPolicy": {"mode"},
    "linux.resources.blockIO.throttleReadBpsDevice[]": {"rate"},
    "linux.resources.blockIO.throttleWriteBpsDevice[]": {"rate"},
    "linux.resources.blockIO.throttleReadIOPSDevice[]": {"rate"},
    "linux.resources.blockIO.throttleWriteIOPSDevice[]": {"rate"},
}
# The schema requires these, the text does not (C-PIDS-04, X-28).
OPTIONAL_BY_TEXT = {"linux.resources.pids": {"limit"}}
# The r-forms that podman and docker send (C-PROP-02).
MORE_NAMES = {"RootfsPropagation": {"rprivate", "rshared", "rslave", "runbindable"}}


# ---- the schema -------------------------------------------------------------------------------

def load(name):
    return json.loads((SCHEMA / name).read_text())


def pointer(document, path):
    for part in filter(None, path.split("/")):
        document = document[part]
    return document


def resolved(schema, file):
    """SCHEMA without $ref and allOf at its top, and the file that its own references mean."""
    while "$ref" in schema:
        name, path = schema["$ref"].split("#")
        file = name or file
        schema = pointer(load(file), path)
    if "allOf" in schema or "anyOf" in schema:
        merged = {"type": "object", "properties": {}, "required": []}
        for part in schema.get("allOf", schema.get("anyOf")):
            part, file = resolved(part, file)  # the parts of each are in one file
            merged["properties"].update(part.get("properties", {}))
            merged["required"] += part.get("required", [])
        schema = merged
    return schema, file


def children(schema, file, path):
    """(path, key, schema, file) of what an object, a map or an array consists of."""
    dot = path + "." if path else ""
    for key, sub in schema.get("properties", {}).items():
        yield dot + key, key, *resolved(sub, file)
    if isinstance(schema.get("additionalProperties"), dict):
        yield path + "{}", None, *resolved(schema["additionalProperties"], file)
    if "items" in schema:
        yield path + "[]", None, *resolved(schema["items"], file)


def schema_objects(schema, file, path=""):
    """Yields (path, schema) of every object with named members, without foreign ones."""
    if schema.get("properties"):
        yield path, schema
    for sub_path, key, sub, sub_file in children(schema, file, path):
        if key is None or key not in FOREIGN.get(path, ()):
            yield from schema_objects(sub, sub_file, sub_path)


CONFIG = load("config-schema.json")
OBJECTS = dict(schema_objects(CONFIG, "config-schema.json"))


# ---- the program ------------------------------------------------------------------------------

def run_program(mode, data=b""):
    assert PROGRAM.exists(), f"{PROGRAM} is not built, run 'make check-unit'"
    done = subprocess.run([str(PROGRAM), mode], input=data, stdout=subprocess.PIPE, timeout=60,
                          check=True)
    return done.stdout.decode().splitlines()


@pytest.fixture(scope="module")
def tables():
    """{path: {key: required}} and {enumeration: {name}}"""
    fields, names = {}, {}
    for line in run_program("tables"):
        kind, *rest = line.split("\t")
        if kind == "field":
            fields.setdefault(rest[0], {})[rest[1]] = rest[2] == "required"
        else:
            names.setdefault(rest[0], set()).add(rest[1])
    return fields, names


def verdicts(documents):
    """The verdict of the decoder on each text."""
    lines = run_program("decode", b"".join(d.encode() + b"\0" for d in documents))
    assert len(lines) == len(documents)
    return lines


# ---- keys and names ---------------------------------------------------------------------------

def test_every_object_of_the_schema_has_a_table(tables):
    """R-BUND-06: an object without a table would be ignored."""
    fields, _ = tables
    assert sorted(set(OBJECTS) - set(fields)) == [], "objects without a table"
    assert sorted(set(fields) - set(OBJECTS)) == [], "tables without an object"


@pytest.mark.parametrize("path", sorted(OBJECTS))
def test_table_has_the_keys_of_the_schema(tables, path):
    """I-12: a key of the spec that no table has would be ignored like an unknown one."""
    keys = set(OBJECTS[path]["properties"]) - FOREIGN.get(path, set())
    ours = set(tables[0][path])
    assert sorted(keys - ours) == [], f"keys of '{path}' that have no place in the table"
    assert sorted(ours - keys) == [], f"fields of '{path}' that the spec does not have"


@pytest.mark.parametrize("path", sorted(OBJECTS))
def test_required_members_are_those_of_the_spec(tables, path):
    """X-27, X-28: where schema and text differ, the text wins."""
    required = set(OBJECTS[path].get("required", [])) | REQUIRED_BY_TEXT.get(path, set())
    required -= OPTIONAL_BY_TEXT.get(path, set())
    assert {key for key, is_required in tables[0][path].items() if is_required} == required


def test_enumerations_have_the_names_of_the_schema(tables):
    """R-BUND-06, C-NS-01, C-SEC-02, C-SEC-06, C-SEC-09, C-SCHED-01, C-MPOL-01, C-PROP-01"""
    definitions = load("defs-linux.json")["definitions"]
    expected = {name: set(d["enum"]) for name, d in definitions.items() if "enum" in d}
    io = CONFIG["properties"]["process"]["properties"]["ioPriority"]["properties"]["class"]
    expected["IOPriorityClass"] = set(io["enum"])
    for name, more in MORE_NAMES.items():
        expected[name] |= more
    assert tables[1] == expected


# ---- documents made from the schema -------------------------------------------------------------

# A string for each member whose text matters to the decoder.
STRINGS = {
    "process.rlimits[].type": "RLIMIT_CPU",
    "linux.devices[].type": "c",
    "linux.devices[].path": "/dev/x",
    "linux.resources.devices[].type": "c",
    "linux.resources.devices[].access": "r",
    "linux.resources.cpu.cpus": "0-3",
    "linux.resources.cpu.mems": "0",
    "linux.resources.hugepageLimits[].pageSize": "2MB",
    "process.execCPUAffinity.initial": "0",
    "process.execCPUAffinity.final": "1",
    "linux.memoryPolicy.nodes": "0",
}
# The text has no flag for it (C-PERS-02).
EMPTY = {"linux.personality.flags"}


def sample(schema, file, path=""):
    """A value that has every member of SCHEMA."""
    kind = schema.get("type", "object")
    if "enum" in schema:
        return schema["enum"][0]
    if kind == "string":
        return STRINGS.get(path, "x")
    if kind == "integer":
        return 1
    if kind == "boolean":
        return True
    if path in EMPTY:
        return []
    if kind == "array":
        return [sample(sub, f, p) for p, _, sub, f in children(schema, file, path)]
    if "patternProperties" in schema:
        return {"a.b": "1"}
    value = {}
    for sub_path, key, sub, sub_file in children(schema, file, path):
        if key not in FOREIGN.get(path, ()):
            value[key or "name"] = sample(sub, sub_file, sub_path)
    return value


SAMPLE = sample(CONFIG, "config-schema.json")


def places(schema, file, path="", keys=()):
    """Yields (path, keys into SAMPLE, schema) of every value."""
    if keys:
        yield path, keys, schema
    if path in EMPTY:
        return
    for sub_path, key, sub, sub_file in children(schema, file, path):
        if key not in FOREIGN.get(path, ()) or key is None:
            step = key or (0 if sub_path.endswith("[]") else "name")
            yield from places(sub, sub_file, sub_path, (*keys, step))


PLACES = list(places(CONFIG, "config-schema.json"))


def with_value(keys, text):
    """SAMPLE as text, with TEXT at KEYS."""
    document = copy.deepcopy(SAMPLE)
    inner = document
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = "@@"
    return json.dumps(document).replace('"@@"', text, 1)


def shown(keys):
    """How messages write the place: process.rlimits[0].type"""
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else ("." if text else "") + key
    return text


def kind_of(schema):
    return schema.get("type", "object")


def check_refused(cases):
    """CASES: (keys, text of the value). Each must be refused at its place."""
    bad = []
    for (keys, text), verdict in zip(cases, verdicts([with_value(k, t) for k, t in cases])):
        if f": {shown(keys)}" not in verdict:
            bad.append(f"{shown(keys)} = {text[:60]}: {verdict}")
    assert bad == []


def test_a_document_with_every_member_is_read():
    assert verdicts([json.dumps(SAMPLE)]) == ["ok"]
    assert len(PLACES) > 250


def test_wrong_types_are_refused_everywhere():
    """S-67, R-BUND-07"""
    values = {"object": "{}", "array": "[]", "string": '"x"', "integer": "1", "boolean": "true"}
    cases = []
    for _, keys, schema in PLACES:
        cases += [(keys, text) for kind, text in values.items() if kind != kind_of(schema)]
    check_refused(cases)


def test_numbers_are_exact_or_refused():
    """S-66, R-BUND-13: the notation of an integer, and the range of the field."""
    numbers = [k for _, k, s in PLACES if kind_of(s) == "integer"]
    texts = ["1.0", "1.5", "1e3", "-0", "1e400", "-1.0", "9" * 400, "-" + "9" * 400,
             str(2**64), str(-2**63 - 1)]
    check_refused([(keys, text) for keys in numbers for text in texts])

    cases = []
    for _, keys, schema in PLACES:
        if kind_of(schema) == "integer":
            cases += [(keys, str(schema[end] + step)) for end, step in
                      (("minimum", -1), ("maximum", 1)) if end in schema]
    check_refused(cases)


def test_names_outside_of_an_enumeration_are_refused():
    """R-BUND-06; the empty string is "not set" for rootfsPropagation only."""
    cases = []
    for path, keys, schema in PLACES:
        if "enum" in schema:
            cases += [(keys, '"nonsense"'), (keys, json.dumps(schema["enum"][0] + "x")),
                      (keys, json.dumps(schema["enum"][0].swapcase()))]
            if path != "linux.rootfsPropagation":
                cases.append((keys, '""'))
    check_refused(cases)


def test_null_is_absent(tables):
    """R-BUND-14; a required member that is null is missing, and an item of an array is a value."""
    absent, refused = [], []
    for path, keys, _ in PLACES:
        table, _, key = path.rpartition(".")
        if path.endswith(("[]", "{}")) or tables[0].get(table, {}).get(key, False) \
                or path in ("linux.devices[].major", "linux.devices[].minor"):
            refused.append((keys, "null"))
        else:
            absent.append((keys, "null"))
    found = verdicts([with_value(k, t) for k, t in absent])
    assert [shown(k) for (k, _), v in zip(absent, found) if v != "ok"] == []

    found = verdicts([with_value(k, t) for k, t in refused])
    assert [shown(k) for (k, _), v in zip(refused, found) if v == "ok"] == []


def test_hostile_strings_are_refused_in_every_string():
    """S-64, S-65, R-BUND-20"""
    strings = [k for _, k, s in PLACES if kind_of(s) == "string"]
    documents = [with_value(k, t) for k in strings for t in ('"/\\u0000x"', '"\\ud800"')]
    assert [v for v in verdicts(documents) if "must not contain" not in v and "half of" not in v] \
        == []


def test_unknown_keys_are_ignored_in_every_object():
    """R-BUND-05; the keys of maps are data, and those of timeOffsets are clocks (C-TIME-06)."""
    documents = []
    for path, keys, _ in PLACES:
        if path in OBJECTS and path != "linux.timeOffsets":
            document = copy.deepcopy(SAMPLE)
            inner = document
            for key in keys:
                inner = inner[key]
            inner["unknownKey"] = {"a": [None, 1.5]}
            documents.append(json.dumps(document))
    assert set(verdicts(documents)) == {"ok"}
    assert len(documents) > 30
