# SPDX-License-Identifier: Apache-2.0
"""C text for the checks: the files, and code without comments and literals."""

import pathlib
import re

TOKEN = re.compile(r"""
    (?P<comment>/\*.*?\*/)
  | (?P<line>//[^\n]*)
  | (?P<literal>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
""", re.S | re.X)


def blank(text):
    return re.sub(r"[^\n]", " ", text)


def code_only(text):
    """Same length and lines; comments are blanks, literals keep their quotes only."""
    def replace(match):
        if match.group("literal"):
            literal = match.group()
            return literal[0] + "_" * (len(literal) - 2) + literal[-1]
        return blank(match.group())
    return TOKEN.sub(replace, text)


def comments(text):
    """(offset, text) of every comment."""
    return [(m.start(), m.group()) for m in TOKEN.finditer(text) if not m.group("literal")]


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def files(root, *patterns):
    return sorted(p for pattern in patterns for p in pathlib.Path(root).glob(pattern))


def report(problems):
    """Prints them; the exit status."""
    for problem in problems:
        print(problem)
    return 1 if problems else 0
