#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""sizes.py [ROOT] - no file over 800 lines, no function over 80

A function is what stands between a `{` and a `}` that are alone in column 0, as clang-format writes
them. One that is formatted otherwise is reported, so that it cannot escape the count.
"""

import re
import sys

from ctext import code_only, files, report

FILE_MAX, FUNCTION_MAX = 800, 80
PATTERNS = ("src/*/*.[ch]", "include/*/*.h", "tests/*/*.[ch]", "tests/*/*.py", "tests/in",
            "tests/run")


def check_functions(name, lines):
    problems, start = [], None
    for number, line in enumerate(code_only("\n".join(lines)).split("\n"), 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            length = number - start - 1
            if length > FUNCTION_MAX:
                title = re.search(r"(\w+)\(", " ".join(lines[max(0, start - 6):start - 1][::-1]))
                problems.append(f"{name}:{start}: function {title.group(1) if title else ''}: "
                                f"{length} lines, {FUNCTION_MAX} are the limit")
            start = None
        elif re.match(r"[A-Za-z_].*\)\s*\{\s*$", line) and not re.match(
                r"(struct|union|enum|extern|do|else)\b[^(]*\{", line):
            problems.append(f"{name}:{number}: the brace of a function stands on its own line")
    return problems


def check(root):
    problems = []
    for path in files(root, *PATTERNS):
        name = path.relative_to(root).as_posix()
        lines = path.read_text().split("\n")
        if lines and lines[-1] == "":
            lines.pop()
        if len(lines) > FILE_MAX:
            problems.append(f"{name}: {len(lines)} lines, {FILE_MAX} are the limit")
        if path.suffix == ".c":
            problems += check_functions(name, lines)
    return problems


if __name__ == "__main__":
    sys.exit(report(check(sys.argv[1] if len(sys.argv) > 1 else ".")))
