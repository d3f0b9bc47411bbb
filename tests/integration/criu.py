# SPDX-License-Identifier: Apache-2.0
"""criu(8) for tests: the real one, and the stand-in that does what a test says."""

import functools
import json
import os
import shutil
import subprocess

from harness import SOURCE, Box, parse

STAND_IN = SOURCE / "tests/stand-in/criu"


def find():
    """The real one: $CRIU, or what is installed."""
    return os.environ.get("CRIU") or shutil.which("criu", path="/usr/local/sbin:/usr/sbin:/usr/bin")


@functools.cache
def reason(feature=None):
    """Why the real one, or a feature of it, cannot be used here, or None."""
    program = find()
    if not program:
        return "criu is not installed"
    if not os.access("/tmp", os.W_OK):  # where it makes directories; read-only here
        subprocess.run(["mount", "-t", "tmpfs", "tests-tmp", "/tmp"], check=True)
    words = ["--feature", feature] if feature else []
    done = subprocess.run([program, "check", *words], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    errors = [line for line in done.stderr.splitlines() if "Error" in line]
    return f"criu check fails: {errors[-1] if errors else done.stderr[-200:]}"


class StandIn:
    """A program of its own, with its scenario beside it."""

    def __init__(self, directory, **scenario):
        self.program = directory / "criu"
        self.program.write_text(f'#!/bin/sh\nexec {STAND_IN} "$0" "$@"\n')
        self.program.chmod(0o755)
        self.play(**scenario)

    def play(self, *steps, **more):
        (self.program.parent / "criu.json").write_text(json.dumps({"steps": steps, **more}))
        out = self.program.parent / "criu.out"
        out.unlink(missing_ok=True)

    def records(self):
        text = (self.program.parent / "criu.out").read_text()
        return [parse(line) for line in text.splitlines()]

    @property
    def request(self):
        return self.records()[0]

    def options(self, number):
        """Values of this field; pairs as tuples."""
        found = self.request.options.get(str(number), [])
        return [tuple(v[k][0] for k in sorted(v)) if isinstance(v, Box) else v for v in found]
