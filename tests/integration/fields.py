# SPDX-License-Identifier: Apache-2.0
"""Every Linux-relevant field of config.json, generated from the specification's own schema.

A field knows its path as cruntime prints it ("process.rlimits[0].soft"), its rule in the schema,
and how to build the smallest sensible document that has it with a given text as its value.
"""

import copy
import json
import re

import schema
from harness import BASE_CONFIG

OTHER_PLATFORMS = {"solaris", "windows", "vm", "zos", "freebsd"}
# Of other platforms although they stand in a common object: unknown keys on Linux (R-BUND-17).
FOREIGN = {"process.commandLine", "process.user.username"}
MARK = "@the value@"

# Required by the text, though not by the schema (X-27 and others).
REQUIRED = {
    "": ["root"],
    "process.user": ["uid", "gid"],
    "process.ioPriority": ["class", "priority"],
    "linux.devices[]": ["type", "path", "major", "minor"],
    "linux.memoryPolicy": ["mode"],
    "linux.personality": ["domain"],
    "linux.resources.blockIO.throttleReadBpsDevice[]": ["rate"],
    "linux.resources.blockIO.throttleWriteBpsDevice[]": ["rate"],
    "linux.resources.blockIO.throttleReadIOPSDevice[]": ["rate"],
    "linux.resources.blockIO.throttleWriteIOPSDevice[]": ["rate"],
}
# Not required, but a sample is not much without.
WANTED = {"process.args", "process.user"}
# By the schema, but an object without it is a no-op (C-PIDS-04); the decoder defaults these.
OPTIONAL = {"linux.resources.pids.limit"}

# A valid value, where the first of the enumeration, or one of the type, would not be.
SAMPLES = {
    "ociVersion": "1.2.1",
    "root.path": "rootfs",
    "hostname": "inside",
    "domainname": "example.org",
    "mounts[].destination": "/tmp",
    "mounts[].type": "tmpfs",
    "mounts[].source": "tmpfs",
    "mounts[].options[]": "nosuid",
    "process.args[]": "/probe",
    "process.cwd": "/",
    "process.env[]": "A=b",
    "process.rlimits[].type": "RLIMIT_CORE",
    "process.rlimits[].soft": 0,
    "process.rlimits[].hard": 0,
    "process.execCPUAffinity.initial": "0",
    "process.execCPUAffinity.final": "0",
    "linux.memoryPolicy.nodes": "0",
    "linux.cgroupsPath": "/made-by-test",
    "linux.namespaces[].path": "/proc/self/ns/net",
    "linux.namespaces[].type": "network",
    "linux.devices[].type": "c",
    "linux.devices[].path": "/dev/test",
    "linux.uidMappings[].size": 65536,
    "linux.gidMappings[].size": 65536,
    "linux.maskedPaths[]": "/etc",
    "linux.readonlyPaths[]": "/etc",
    "linux.resources.devices[].type": "c",
    "linux.resources.devices[].access": "rw",
    "linux.resources.hugepageLimits[].pageSize": "2MB",
    "linux.resources.unified{}": "1",
    "linux.resources.cpu.cpus": "0",
    "linux.resources.cpu.mems": "0",
    "linux.intelRdt.memBwSchema": "MB:0=20",
    "linux.seccomp.defaultAction": "SCMP_ACT_ALLOW",
    "linux.seccomp.syscalls[].action": "SCMP_ACT_LOG",
    "linux.seccomp.syscalls[].names[]": "getcwd",
    "linux.seccomp.architectures[]": "SCMP_ARCH_X86_64",
    "linux.sysctl{}": "1",
    **{f"hooks.{point}[].{name}": value
       for point in ("prestart", "createRuntime", "createContainer", "startContainer", "poststart",
                     "poststop")
       for name, value in (("path", "/bin/true"), ("args[]", "true"), ("env[]", "A=b"),
                           ("timeout", 5))},
}
KEYS = {"annotations": "org.test.key", "linux.sysctl": "net.ipv4.ip_forward",
        "linux.resources.unified": "pids.max", "linux.resources.rdma": "mlx5_1",
        "linux.netDevices": "eth0"}

# What is valid is narrower than the schema's integer type: by the text, or by what can be applied.
ID = (0, 2**32 - 2)
I32, U32 = (-2**31, 2**31 - 1), (0, 2**32 - 1)
RANGES = {
    "process.consoleSize.height": (0, 65535),
    "process.consoleSize.width": (0, 65535),
    "process.user.uid": ID,
    "process.user.gid": ID,
    "process.user.umask": (0, 0o777),
    "process.user.additionalGids[]": ID,
    "process.oomScoreAdj": (-1000, 1000),
    "process.scheduler.nice": (-20, 19),
    "process.ioPriority.priority": (0, 7),
    "linux.devices[].major": (0, 2**12 - 1),
    "linux.devices[].minor": (0, 2**20 - 1),
    "linux.devices[].uid": ID,
    "linux.devices[].gid": ID,
    "linux.resources.devices[].major": (-1, 2**32 - 1),
    "linux.resources.devices[].minor": (-1, 2**32 - 1),
    "linux.resources.pids.limit": (-1, 2**63 - 1),
    "linux.resources.memory.limit": (-1, 2**63 - 1),
    "linux.resources.memory.reservation": (-1, 2**63 - 1),
    "linux.resources.memory.swap": (-1, 2**63 - 1),
    "linux.resources.memory.swappiness": (0, 100),
    "linux.resources.cpu.idle": (0, 1),
    "linux.seccomp.defaultErrnoRet": (0, 4095),
    "linux.seccomp.syscalls[].errnoRet": (0, 4095),
    "linux.seccomp.syscalls[].args[].index": (0, 5),
    "linux.timeOffsets.boottime.nanosecs": (0, 999999999),
    "linux.timeOffsets.monotonic.nanosecs": (0, 999999999),
    **{f"linux.resources.blockIO.{kind}[].{name}": (0, 2**32 - 1)
       for kind in ("weightDevice", "throttleReadBpsDevice", "throttleWriteBpsDevice",
                    "throttleReadIOPSDevice", "throttleWriteIOPSDevice")
       for name in ("major", "minor")},
}

# Enumerations that the schema has not, or has as a pattern.
FOREIGN_VALUES = {
    "process.rlimits[].type": ["RLIMIT_FOREIGN", "rlimit_core", "CORE", "RLIMIT_CORE "],
    "linux.devices[].type": ["x", "C", "cb", "c "],
    "linux.resources.devices[].type": ["x", "A", "ab", "p"],
    "linux.resources.devices[].access": ["x", "rwx", "R", "rw "],
    "linux.resources.hugepageLimits[].pageSize": ["64kB", "2M", "0MB", "02MB", "2mb", "MB", "2 MB"],
    "linux.resources.cpu.cpus": ["a", "0;1", "0-x"],
    "linux.resources.cpu.mems": ["a", "0;1", "0-x"],
    "process.execCPUAffinity.initial": ["a", "0;1", "0,,1", "1-0"],
    "process.execCPUAffinity.final": ["a", "0;1", "0-", "-1"],
    "linux.memoryPolicy.nodes": ["a", "0;1", "0,", "1-0"],
    "ociVersion": ["", "abc", "1", "1.0", "1.0.0.0", "v1.0.0", "01.0.0", "1.0.0-", "2.0.0",
                   "0.9.0", "1.0.0+", "1.0.0 "],
    "process.cwd": ["relative", ".", "./x"],
}
# Fields that are nothing without a namespace.
NEEDS = {"linux.uidMappings": "user", "linux.gidMappings": "user", "linux.timeOffsets": "time",
         "linux.sysctl": "network"}
MAPS = ("uidMappings", "gidMappings")
MAP = [{"containerID": 0, "hostID": 0, "size": 65536}]
# An empty string is what Go programs write for "not set".
EMPTY_IS_ABSENT = {"linux.rootfsPropagation"}


class Field:
    def __init__(self, steps, rule, required):
        self.steps, self.rule, self.required = steps, rule, required
        self.path, self.pattern = printed(steps, False), printed(steps, True)
        self.type = rule.get("type") or ("object" if "allOf" in rule else None)

    def __repr__(self):
        return self.path

    @property
    def range(self):
        low = self.rule.get("minimum", -2**63)
        high = self.rule.get("maximum", 2**63 - 1)
        return RANGES.get(self.pattern, (low, high))

    def document(self):
        """The smallest document in which the field has the value MARK."""
        root = copy.deepcopy(BASE_CONFIG)
        root["process"]["args"] = ["/probe", "exit", "0"]
        root["mounts"] = []
        del root["hostname"]
        root["linux"] = {"namespaces": [{"type": t} for t in ("mount", "pid", "uts")]}
        for prefix, namespace in NEEDS.items():
            if self.path.startswith(prefix):
                root["linux"]["namespaces"].append({"type": namespace})
                if namespace == "user":
                    root["linux"].update({name: copy.deepcopy(MAP) for name in MAPS})
        node, done = root, ()
        for step in self.steps:
            done += (step,)
            if done == self.steps:
                value = MARK
            else:
                field = BY_STEPS[done]
                value = node.get(step) if isinstance(node, dict) else None
                if not isinstance(value, dict) or field.type == "array":
                    value = field.container()
            if isinstance(node, list):
                node[:] = [value]
            else:
                node[step] = value
            node = value
        return root

    def container(self):
        """The container around the next step, with what it must have."""
        if self.type == "array":
            return [None]
        members = [f for f in FIELDS if f.steps[:-1] == self.steps
                   and (f.required or f.pattern in WANTED)]
        return {f.steps[-1]: f.sample() for f in members}

    def sample(self):
        if self.pattern in SAMPLES:
            return SAMPLES[self.pattern]
        if "enum" in self.rule:
            return self.rule["enum"][0]
        if self.type == "array":
            entry = [f for f in FIELDS if f.steps == self.steps + (0,)]
            return [entry[0].sample()]
        if self.type == "object":
            return self.container()
        return {"string": "text", "integer": max(self.range[0], 0), "boolean": False}[self.type]

    def text(self, raw):
        """The document with the JSON text RAW as the value, and line and column of that."""
        return place(self.document(), raw)

    def without(self):
        """The document without the field."""
        return dump(prune(self.document()))


def printed(steps, pattern):
    out = ""
    for i, step in enumerate(steps):
        parent = printed(steps[:i], pattern) if pattern else ""
        if isinstance(step, int):
            out += "[]" if pattern else f"[{step}]"
        elif pattern and parent in KEYS:
            out += "{}"
        else:
            out += f".{step}" if out else step
    return out


def dump(document):
    return json.dumps(document, indent=1)


def place(document, raw):
    """The text of DOCUMENT with RAW in the place of MARK, and the line and column of that."""
    before, _, after = dump(document).partition(json.dumps(MARK))
    assert before and after, document
    return before + raw + after, before.count("\n") + 1, len(before) - before.rfind("\n")


def prune(node):
    """NODE without the member whose value is MARK."""
    if isinstance(node, dict):
        return {k: prune(v) for k, v in node.items() if v != MARK}
    return [prune(v) for v in node if v != MARK] if isinstance(node, list) else node


def expand(rule, file):
    """RULE without references and with its allOf parts merged."""
    while "$ref" in rule:
        rule, file = schema.resolve(rule["$ref"], file)
    if "anyOf" in rule:
        return expand(rule["anyOf"][0], file)
    merged = {**rule, "properties": {}, "file": file}
    for part in rule.get("allOf", []):
        inner = expand(part, file)
        merged["properties"].update(inner["properties"])
        merged["required"] = merged.get("required", []) + inner.get("required", [])
    merged["properties"].update({k: (v, file) for k, v in rule.get("properties", {}).items()})
    return merged


def walk(steps, rule, file, required):
    rule = expand(rule, file)
    field = Field(steps, rule, required)
    yield field
    needed = rule.get("required", []) + REQUIRED.get(field.pattern, [])
    for name, (sub, where) in rule["properties"].items():
        inner = steps + (name,)
        path = printed(inner, True)
        if path not in FOREIGN and not (steps == () and name in OTHER_PLATFORMS):
            yield from walk(inner, sub, where, name in needed and path not in OPTIONAL)
    if field.type == "array":
        yield from walk(steps + (0,), rule["items"], rule["file"], True)
    if field.pattern in KEYS:
        sub = rule.get("additionalProperties") or rule["patternProperties"][".{1,}"]
        yield from walk(steps + (KEYS[field.pattern],), sub, rule["file"], False)


FIELDS = [f for f in walk((), schema.load("config-schema.json"), "config-schema.json", True)
          if f.steps]
BY_STEPS = {f.steps: f for f in FIELDS}
