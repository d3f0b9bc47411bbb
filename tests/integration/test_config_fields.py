# SPDX-License-Identifier: Apache-2.0
"""Every field of config.json with values that are wrong, generated from the schema.

Each case is one run of the program, so one test goes through all cases of a kind; the message of a
failure names them all.
"""

import json
import os
import re
import subprocess

import pytest

import harness
from fields import EMPTY_IS_ABSENT, FIELDS, FOREIGN_VALUES, MARK, dump, place, prune
from harness import CRUNTIME

TOP = sorted({f.steps[0] for f in FIELDS})

WRONG_TYPES = {
    "string": ["5", "true", "[]", "{}", '["a"]'],
    "integer": ["[]", "{}", "false"],
    "boolean": ["0", "1", '"true"', '""', "[]", "{}"],
    "array": ["5", '"text"', "true", "{}", '{"0": 1}'],
    "object": ["5", '"text"', "true", "[]", "[{}]"],
}
# S-66
INTEGERS = ["-1", "0", str(2**31), str(2**32), str(2**32 + 1), str(2**32 + 1000), str(2**63),
            str(2**64), str(2**64 + 1), "1.0", "1.5", "1e3", "1E0", "-0", "-0.0", "1e400", "-1e400",
            "1" * 400, "-" + "1" * 400, "1e-1", '"5"', '""', '"0x10"', "true", "-2147483649",
            str(-2**63 - 1), str(2**63 - 1), str(2**32 - 1), str(2**32 - 2), str(2**64 - 1)]


class Attempt:
    """Runs documents and says what is wrong with the outcome."""

    def __init__(self, bundle):
        self.bundle = bundle
        self.file = bundle.dir / "config.json"
        bundle.root.mkdir(0o700)
        self.groups = harness.cgroups()
        self.problems = []
        self.count = 0

    def run(self, text):
        self.file.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.count += 1
        done = subprocess.run(
            [CRUNTIME, "--root", self.bundle.root, "run", "-b", self.bundle.dir, self.bundle.id],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=harness.TIMEOUT, check=False)
        assert not harness.SANITIZER.search(done.stderr), done.stderr
        return done

    def note(self, case, done, what):
        self.problems.append(f"{case}: {what}: exit status {done.returncode}, {done.stderr!r}")

    def clean(self, case, done):
        """Nothing may be left after a run that ended, whatever its outcome."""
        left = sorted(os.listdir(self.bundle.root)) if self.bundle.root.exists() else []
        if left:
            self.note(case, done, f"left {left}")
            self.bundle.command("delete", "--force", self.bundle.id)
        if harness.cgroups() != self.groups:
            self.note(case, done, f"left cgroups {harness.cgroups() ^ self.groups}")
            self.groups = harness.cgroups()

    def refused(self, case, text, start):
        """The run must fail with exactly one line, beginning with START. It has no side effect: all
        begin with a directory in the state root, and none was made there."""
        os.utime(self.bundle.root, ns=(0, 0))
        done = self.run(text)
        self.clean(case, done)
        if self.bundle.root.stat().st_mtime_ns != 0:
            self.note(case, done, "refused after something was made in the state root")
        lines = done.stderr.splitlines()
        if done.returncode != 1 or done.stdout:
            self.note(case, done, "not refused")
        elif len(lines) != 1 or not lines[0].startswith(start):
            self.note(case, done, f"expected one line that begins with {start!r}")

    def finish(self):
        assert self.count > 0
        assert not self.problems, (f"{len(self.problems)} of {self.count}:\n"
                                   + "\n".join(self.problems[:30]))


@pytest.fixture
def attempt(bundle):
    attempt = Attempt(bundle)
    # For programs that are not root in the end.
    bundle.rootfs.chmod(0o755)
    for directory in (bundle.dir, *bundle.dir.parents):
        if directory.stat().st_mode & 0o1 == 0:
            directory.chmod(0o711)
    yield attempt
    attempt.finish()


def fields(top, kind=None):
    return [f for f in FIELDS if f.steps[0] == top and kind in (None, f.type)]


def refuse(attempt, field, raw, what=""):
    text, line, column = field.text(raw)
    attempt.refused(f"{field} = {raw[:60]}", text,
                    f"config.json:{line}:{column}: {field}: {what}")


@pytest.mark.parametrize("top", TOP)
def test_wrong_type_is_refused_with_position_and_path(attempt, top):
    """S-67, R-BUND-06, R-BUND-07: every field, never a default."""
    for field in fields(top):
        for raw in WRONG_TYPES[field.type]:
            refuse(attempt, field, raw, "expected ")
        if field.steps[-1] == 0:
            refuse(attempt, field, "null", "expected ")


@pytest.mark.parametrize("top", sorted({f.steps[0] for f in FIELDS if f.type == "integer"}))
def test_integer_outside_its_range_is_refused(attempt, top):
    """S-66, S-77, R-BUND-13: and every number that is not written as an integer. Each field gets a
    third of the odd ones here; all of them for all fields: tests/unit/test_schema.py."""
    for i, field in enumerate(fields(top, "integer")):
        low, high = field.range
        for raw in [*INTEGERS[i % 3::3], str(low - 1), str(high + 1)]:
            if not re.fullmatch(r"0|-?[1-9]\d*", raw) or not low <= int(raw) <= high:
                refuse(attempt, field, raw, "expected an integer from ")


# Reasons that only the kernel knows and that have no position: the root file system is of no use to
# the id that host ids were mapped to.
NO_POSITION = {"linux.uidMappings[].hostID": "'/dev'", "linux.gidMappings[].hostID": "'/dev'"}


def names_the_field(field, line):
    return "config.json:" in line or NO_POSITION.get(field.pattern, "\0") in line


@pytest.mark.parametrize("top", sorted({f.steps[0] for f in FIELDS if f.type == "integer"}))
def test_integer_inside_its_range_is_no_type_error(attempt, top):
    """S-66: it is applied, or refused for a reason other than its form."""
    for field in fields(top, "integer"):
        low, high = field.range
        for raw in {*INTEGERS, str(low), str(high)}:
            if not re.fullmatch(r"0|-?[1-9]\d*", raw) or not low <= int(raw) <= high:
                continue
            text, _, _ = field.text(raw)
            done = attempt.run(text)
            attempt.clean(f"{field} = {raw}", done)
            if "expected an integer" in done.stderr:
                attempt.note(f"{field} = {raw}", done, "refused")
            elif done.returncode not in (0, 1) or (done.returncode == 1) != bool(done.stderr):
                attempt.note(f"{field} = {raw}", done, "strange outcome")
            elif done.returncode == 1 and not names_the_field(field, done.stderr):
                attempt.note(f"{field} = {raw}", done, "refused without its reason")


@pytest.mark.parametrize("top", TOP)
def test_foreign_value_of_an_enumeration_is_refused(attempt, top):
    """R-BUND-06, S-69, S-70"""
    for field in fields(top, "string"):
        values = FOREIGN_VALUES.get(field.pattern, [])
        if "enum" in field.rule:
            name = field.rule["enum"][0]
            values = ["FOREIGN", name.swapcase(), name + " ", name[:-1]]
            if field.pattern not in EMPTY_IS_ABSENT:
                values.append("")
        for value in values:
            refuse(attempt, field, json.dumps(value))
    if attempt.count == 0:
        attempt.count = 1  # nothing to try in this object


@pytest.mark.parametrize("top", TOP)
def test_null_is_the_same_as_absent(attempt, top):
    """R-BUND-14: for required members too, which are then missing."""
    def outcome(case, text):
        done = attempt.run(text)
        attempt.clean(case, done)
        return done.returncode, re.sub(r"\.json:\d+:\d+", ".json", done.stderr), done

    for field in fields(top):
        if field.steps[-1] == 0 or field.pattern.endswith("{}"):
            continue
        code, text, done = outcome(field, field.text("null")[0])
        if (code, text) != outcome(field, field.without())[:2]:
            attempt.note(f"{field} = null", done, "not as when it is absent")
        if field.required and not re.search(re.escape(str(field)) + ": required, but missing|'"
                                            + str(field.steps[-1]) + "' is required", text):
            attempt.note(f"{field} = null", done, "not missed")
        if not field.required and "required, but missing" in text:
            attempt.note(f"{field} = null", done, "missed")
    if attempt.count == 0:
        attempt.count = 1


@pytest.mark.parametrize("raw, what", [
    (r'"a\u0000b"', "a string must not contain \\u0000"),
    (r'"\u0000"', "a string must not contain \\u0000"),
    (r'"a\ud800b"', "half of a surrogate pair in a string"),
    (r'"a\udc00"', "half of a surrogate pair in a string"),
    ('"a\udcffb"', "invalid UTF-8 in a string"),
    ('"a\udcc0\udc80"', "invalid UTF-8 in a string"),
    ('"a\udced\udca0\udc80"', "invalid UTF-8 in a string"),
], ids=["nul", "only-nul", "high-surrogate", "low-surrogate", "0xff", "overlong", "cesu"])
def test_string_that_is_none_is_refused_everywhere(attempt, raw, what):
    """S-64, S-65, R-BUND-03, R-BUND-20: every string, and the keys of every map."""
    for field in FIELDS:
        if field.type == "string":
            text, line, column = field.text(raw)
            offset = re.search(r"\\u|[\udc80-\udcff]", raw).start()
            attempt.refused(f"{field} = {raw!a}", text.encode("utf-8", "surrogateescape"),
                            f"config.json:{line}:{column + offset}: {what}")
        if field.pattern.endswith("{}"):
            text, _, _ = field.text("null")
            key = json.dumps(field.steps[-1])
            assert text.count(key) == 1
            attempt.refused(f"key of {field} = {raw!a}",
                            text.replace(key, raw).encode("utf-8", "surrogateescape"),
                            "config.json:")


@pytest.mark.parametrize("top", TOP)
def test_missing_required_member_is_refused_at_its_object(attempt, top):
    """S-67, X-27, X-28, R-BUND-06: what the text requires, also where the schema does not."""
    for field in fields(top):
        if not field.required or not isinstance(field.steps[-1], str):
            continue
        line, column = 1, 1
        if len(field.steps) > 1:
            node = document = prune(field.document())
            for step in field.steps[:-2]:
                node = node[step]
            node[field.steps[-2]] = MARK
            _, line, column = place(document, "{}")
        attempt.refused(field, field.without(), f"config.json:{line}:{column}: ")
        if str(field) not in (text := attempt.run(field.without()).stderr) \
                and f"'{field.steps[-1]}' is required" not in text:
            attempt.problems.append(f"{field}: {text!r}")
    if attempt.count == 0:
        attempt.count = 1


def test_duplicate_key_is_refused_in_every_object(attempt):
    """S-63, R-BUND-04: the message names the key and where it comes again."""
    for field in FIELDS:
        if isinstance(field.steps[-1], str):
            raw = f'null, {json.dumps(field.steps[-1])}: null'
            text, line, column = field.text(raw)
            attempt.refused(f"{field} twice", text, f"config.json:{line}:{column + 6}: "
                            f"duplicate key \"{field.steps[-1]}\"")


def test_unknown_key_is_ignored_in_every_object(attempt):
    """R-BUND-05, R-BUND-16, D-04: at every level, also when its value is strange. Not in maps, where the keys
    are values."""
    parents = {f.steps[:-1]: f for f in FIELDS
               if isinstance(f.steps[-1], str) and not f.pattern.endswith("{}")}
    for field in parents.values():
        if field.steps[:-1] == ("linux", "timeOffsets"):
            continue
        document = field.document()
        node = document
        for step in field.steps[:-1]:
            node = node[step]
        node[field.steps[-1]] = field.sample()
        plain = attempt.run(dump(document))
        attempt.clean(field, plain)
        for value in (5, "text", [None], {"uid": []}):
            node["org.test.unknown"] = value
            done = attempt.run(dump(document))
            attempt.clean(field, done)
            if (done.returncode, re.sub(r":\d+:\d+", "", done.stderr)) != (
                    plain.returncode, re.sub(r":\d+:\d+", "", plain.stderr)):
                attempt.note(f"unknown key beside {field}", done, "not ignored")


def test_generated_documents_are_valid_apart_from_the_value(attempt):
    """The generator's own test: with a sample as its value every document starts, or is refused
    with a message about that very field."""
    for field in FIELDS:
        text, _, _ = place(field.document(), json.dumps(field.sample()))
        done = attempt.run(text)
        attempt.clean(field, done)
        last = [s for s in field.steps if isinstance(s, str)][-1]
        names = [s for s in field.steps if isinstance(s, str)]
        if done.returncode != 0 and not any(n in done.stderr for n in (last, *names)):
            attempt.note(field, done, "the sample is no good")


# --- exact effect ---------------------------------------------------------------------------------

def time_offset(clock):
    def read(seen, index):
        line = [l for l in seen.timens_offsets.splitlines() if l.startswith(clock)][0]
        return int(line.split()[index])
    return read


# What the container sees of the field.
EFFECTS = {
    "process.user.uid": lambda seen: single(seen.uid),
    "process.user.gid": lambda seen: single(seen.gid),
    "process.user.additionalGids[]": lambda seen: single(seen.groups),
    "process.user.umask": lambda seen: seen.umask,
    "process.oomScoreAdj": lambda seen: int(seen.oom_score_adj),
    "process.rlimits[].hard": lambda seen: seen.rlimits.CORE[1],
    "process.rlimits[].soft": lambda seen: seen.rlimits.CORE[0],
    "linux.uidMappings[].hostID": lambda seen: int(seen.uid_map.split()[1]),
    "linux.gidMappings[].hostID": lambda seen: int(seen.gid_map.split()[1]),
    "linux.uidMappings[].size": lambda seen: int(seen.uid_map.split()[2]),
    "linux.gidMappings[].size": lambda seen: int(seen.gid_map.split()[2]),
    "linux.timeOffsets.monotonic.secs": lambda seen: time_offset("monotonic")(seen, 1),
    "linux.timeOffsets.monotonic.nanosecs": lambda seen: time_offset("monotonic")(seen, 2),
    "linux.timeOffsets.boottime.secs": lambda seen: time_offset("boottime")(seen, 1),
    "linux.timeOffsets.boottime.nanosecs": lambda seen: time_offset("boottime")(seen, 2),
    "linux.devices[].major": lambda seen: seen.dev_test.major,
    "linux.devices[].minor": lambda seen: seen.dev_test.minor,
    "linux.devices[].fileMode": lambda seen: seen.dev_test.mode,
    "linux.devices[].uid": lambda seen: seen.dev_test.uid,
    "linux.devices[].gid": lambda seen: seen.dev_test.gid,
}
# Beyond what the kernel does: a clock may not go below zero nor far into the future, and only
# CAP_SYS_RESOURCE lowers an oom score below the caller's.
REFUSED_BY_KERNEL = {"process.oomScoreAdj": "oom_score_adj': access denied",
                     "linux.timeOffsets.monotonic.secs": r"timeOffsets|time namespace",
                     "linux.timeOffsets.boottime.secs": r"timeOffsets|time namespace",
                     "linux.uidMappings[].size": "beyond the largest id|must not be 0",
                     "linux.gidMappings[].size": "beyond the largest id|must not be 0",
                     "linux.uidMappings[].hostID": "beyond the largest id|'/dev'",
                     "linux.gidMappings[].hostID": "beyond the largest id|'/dev'"}


def single(values):
    assert len(set(values)) == 1, values
    return values[0]


def effect_document(field, value):
    document = field.document()
    document["mounts"] = [{"destination": "/proc", "type": "proc", "source": "proc"},
                          {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}]
    document["process"]["args"] = ["/probe", "report", "--", "stat", "/dev/test"]
    text = place(document, str(value))[0]
    # The soft limit is at most the hard one.
    if field.steps[-1] == "soft":
        text = text.replace('"hard": 0', '"hard": 18446744073709551615')
    return text


@pytest.mark.parametrize("pattern", EFFECTS)
def test_integer_has_exactly_the_effect_of_its_value(attempt, pattern):
    """S-66, R-BUND-13: no value is cut to fewer bits on its way, in whichever of its forms."""
    (field,) = [f for f in FIELDS if f.pattern == pattern]
    low, high = field.range
    values = {low, low + 1, high - 1, high, 0, 1, 1000, 2**16, 2**31, 2**32 - 1, 2**32 + 1, 2**63}
    applied = 0
    for value in sorted(v for v in values if low <= v <= high):
        done = attempt.run(effect_document(field, value))
        attempt.clean(f"{field} = {value}", done)
        if done.returncode != 0:
            if not re.search(REFUSED_BY_KERNEL.get(pattern, r"(?!)"), done.stderr):
                attempt.note(f"{field} = {value}", done, "refused")
            continue
        seen, device = [harness.parse(line) for line in done.stdout.splitlines()]
        seen["dev_test"] = device
        found = EFFECTS[pattern](seen)
        if found != value:
            attempt.note(f"{field} = {value}", done, f"has become {found}")
        applied += 1
    assert applied > 0
