# SPDX-License-Identifier: Apache-2.0
"""Validation under the JSON schemas of the specification (tests/spec/schema).

As much of JSON Schema draft 4 as these files use.
"""

import json
import re

from harness import SOURCE

DIRECTORY = SOURCE / "tests/spec/schema"
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def load(name):
    return json.loads((DIRECTORY / name).read_text())


def is_type(value, name):
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def resolve(reference, file):
    name, _, pointer = reference.partition("#")
    file = name or file
    node = load(file)
    for part in pointer.strip("/").split("/"):
        if part:
            node = node[part]
    return node, file


def check_scalar(value, rule, path):
    kinds = rule.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(is_type(value, k) for k in kinds):
        yield f"{path}: not of type {kinds}: {value!r}"
    if "enum" in rule and value not in rule["enum"]:
        yield f"{path}: {value!r} is not one of {rule['enum']}"
    if "pattern" in rule and isinstance(value, str) and not re.search(rule["pattern"], value):
        yield f"{path}: {value!r} does not match {rule['pattern']}"
    if is_type(value, "number"):
        if value < rule.get("minimum", value):
            yield f"{path}: {value} is below {rule['minimum']}"
        if value > rule.get("maximum", value):
            yield f"{path}: {value} is above {rule['maximum']}"


def problems(value, rule, file, path="$"):
    if "$ref" in rule:
        target, where = resolve(rule["$ref"], file)
        yield from problems(value, target, where, path)
        return
    yield from check_scalar(value, rule, path)
    for part in rule.get("allOf", []):
        yield from problems(value, part, file, path)
    for name in ("anyOf", "oneOf"):
        if name in rule and all(any(problems(value, r, file, path)) for r in rule[name]):
            yield f"{path}: none of {name} fits"
    if isinstance(value, dict):
        for name in rule.get("required", []):
            if name not in value:
                yield f"{path}: '{name}' is missing"
        for name, member in value.items():
            if name in rule.get("properties", {}):
                yield from problems(member, rule["properties"][name], file, f"{path}.{name}")
                continue
            for pattern, sub in rule.get("patternProperties", {}).items():
                if re.search(pattern, name):
                    yield from problems(member, sub, file, f"{path}.{name}")
    if isinstance(value, list):
        if len(value) < rule.get("minItems", 0):
            yield f"{path}: fewer than {rule['minItems']} entries"
        for i, entry in enumerate(value):
            yield from problems(entry, rule.get("items", {}), file, f"{path}[{i}]")


def validate(value, file):
    found = list(problems(value, load(file), file))
    assert not found, found
