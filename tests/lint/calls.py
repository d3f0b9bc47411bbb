#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""calls.py [ROOT] - forbidden calls and words

An exception is stated where it is made, with its reason: a comment "lint: REASON" on the line or
on the line above it.
"""

import re
import sys

from ctext import code_only, comments, files, line_of, report

UNSAFE = {
    "strcpy": "a bounded str_ function", "strcat": "a bounded str_ function",
    "sprintf": "snprintf or str_addf", "vsprintf": "vsnprintf or str_addv", "gets": "nothing",
    "stpcpy": "a bounded str_ function", "strncpy": "memcpy with a checked length",
    "strncat": "a bounded str_ function", "strtok": "strchr", "alloca": "the arena",
    "atoi": "parse_u32", "atol": "parse_i64", "atoll": "parse_i64", "atof": "nothing",
    "strtol": "parse_i64", "strtoll": "parse_i64", "strtoul": "parse_u64",
    "strtoull": "parse_u64", "system": "clone and execve",
    "popen": "clone and execve", "mktemp": "file_replace_at", "tmpnam": "file_replace_at",
    "getpwnam": "numeric ids (I-16)", "getpwuid": "numeric ids (I-16)",
    "getgrnam": "numeric ids (I-16)", "getgrgid": "numeric ids (I-16)",
    "setlocale": "nothing", "usleep": "poll on an event", "sleep": "poll on an event",
    "nanosleep": "poll on an event", "readdir_r": "readdir", "dup": "fcntl(F_DUPFD_CLOEXEC)",
    "creat": "openat with O_CLOEXEC", "pipe": "pipe2", "accept": "accept4",
    "epoll_create": "epoll_create1", "inotify_init": "inotify_init1", "kill": "proc_signal",
}
# Outside of base: memory comes from arenas and struct str.
MEMORY = {"malloc", "calloc", "realloc", "reallocarray", "strdup", "strndup", "asprintf",
          "vasprintf"}
# Descriptor-making calls, and what their arguments must contain.
CLOEXEC = {
    "open": "CLOEXEC", "openat": "CLOEXEC", "open_by_handle_at": "CLOEXEC", "socket": "CLOEXEC",
    "socketpair": "CLOEXEC", "pipe2": "CLOEXEC", "accept4": "CLOEXEC", "memfd_create": "CLOEXEC",
    "eventfd": "CLOEXEC", "timerfd_create": "CLOEXEC", "signalfd": "CLOEXEC",
    "epoll_create1": "CLOEXEC", "inotify_init1": "CLOEXEC", "recvmsg": "CLOEXEC",
    "dup3": "CLOEXEC", "sys_open_tree": "CLOEXEC", "sys_fsopen": "CLOEXEC",
    "sys_fsmount": "CLOEXEC", "sys_fspick": "CLOEXEC", "fopen": "e",
}
WORDS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|\bfor now\b|\bstub(bed)?\b", re.I)
CASED = ("TODO", "FIXME", "XXX", "HACK")
CALL = re.compile(r"(?<![\w.>])([a-z_][a-z0-9_]*)\s*\(")
SPDX = "SPDX-License-Identifier: Apache-2.0"


def arguments(code, start):
    """Text between the parenthesis at start and its partner."""
    depth = 0
    for i in range(start, len(code)):
        depth += {"(": 1, ")": -1}.get(code[i], 0)
        if depth == 0:
            return code[start + 1:i]
    return code[start + 1:]


def is_declaration(code, start):
    """`int open(...)` in a header or definition is not a call."""
    before = code[code.rfind("\n", 0, start) + 1:start]
    return re.match(r"^[a-z_][\w \t]*[ \t*]$", before) is not None and not before.strip().startswith(
        ("return", "else", "case"))


def check_calls(name, text):
    problems = []
    code = code_only(text)
    lines = text.split("\n")
    base = "/base/" in name
    for match in CALL.finditer(code):
        call, line = match.group(1), line_of(code, match.start())
        if is_declaration(code, match.start(1)):
            continue
        if any("lint:" in lines[i] for i in (line - 1, line - 2) if i >= 0):
            continue
        where = f"{name}:{line}"
        original = arguments(text, match.end() - 1)
        if call in UNSAFE:
            problems.append(f"{where}: {call}() is forbidden: use {UNSAFE[call]}")
        elif call in MEMORY and not base:
            problems.append(f"{where}: {call}() outside of base: use an arena or struct str")
        elif call == "getenv" and "src/cli/" not in name:
            problems.append(f"{where}: getenv() below cli: the caller passes what is needed")
        elif call == "dup2" and not re.search(r",\s*(STD\w+_FILENO|[012])\s*$", original):
            problems.append(f"{where}: dup2() onto something else than 0, 1 or 2")
        elif call in CLOEXEC:
            wanted = CLOEXEC[call]
            # Flags may have been put together a few lines above.
            given = re.search(r'"[a-z+]*e[a-z+]*"', original) if wanted == "e" \
                else wanted in original + "".join(lines[max(0, line - 11):line])
            if not given:
                problems.append(f"{where}: {call}() without close-on-exec ({wanted})")
    return problems


def check_text(name, text):
    problems = []
    if SPDX not in "\n".join(text.split("\n")[:3]):
        problems.append(f"{name}:1: no line '{SPDX}'")
    if name.endswith((".c", ".h")):
        for offset, comment in comments(text):
            where = f"{name}:{line_of(text, offset)}"
            if comment.startswith("//"):
                problems.append(f"{where}: // comment")
            for match in WORDS.finditer(comment):
                if match.group().upper() in CASED and match.group() not in CASED:
                    continue
                problems.append(f"{where}: '{match.group()}' in a comment")
    return problems


def check(root):
    problems = []
    for path in files(root, "src/*/*.[ch]", "include/*/*.h"):
        name = path.relative_to(root).as_posix()
        problems += check_calls(name, path.read_text())
    for path in files(root, "src/*/*.[ch]", "include/*/*.h", "tests/*/*.[ch]", "tests/*/*.py",
                      "tests/in", "tests/run", "tests/lint/run", ".ci/*", "Makefile"):
        problems += check_text(path.relative_to(root).as_posix(), path.read_text())
    return problems


if __name__ == "__main__":
    sys.exit(report(check(sys.argv[1] if len(sys.argv) > 1 else ".")))
