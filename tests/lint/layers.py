#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""layers.py [ROOT] - no upward include, no include cycle, each library in one module only

Layers: base < oci < kernel < container < cli. A module is a header with the .c file of its name;
module A depends on module B when a file of A includes the header of B. A private header
x-internal.h stands beside the .c files of its layer and belongs to the module x.
"""

import fnmatch
import re
import sys

from ctext import code_only, files, line_of, report

LAYERS = ["base", "oci", "kernel", "container", "cli"]
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.M)
LIBRARIES = [
    (r"(yajl/|yajl_)", "src/base/json*.c"),
    (r"seccomp\.h$", "src/kernel/filter*.c"),
    (r"sys/capability\.h$", "src/kernel/caps.c"),
    (r"libmnl/", "src/kernel/net*.[ch]"),
]


def cycles(graph):
    """Strongly connected components with more than one member, or with an edge to itself (Tarjan)."""
    index, low, stack, on_stack, found = {}, {}, [], set(), []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        on_stack.add(node)
        for other in sorted(graph.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in on_stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            component = []
            while True:
                member = stack.pop()
                on_stack.discard(member)
                component.append(member)
                if member == node:
                    break
            if len(component) > 1:
                found.append(sorted(component))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def check(root):
    problems, graph = [], {}
    paths = files(root, "src/*/*.[ch]", "include/*/*.h")
    headers = {f"{p.parent.name}/{p.name}" for p in paths if p.suffix == ".h"}
    for path in paths:
        name = path.relative_to(root).as_posix()
        layer = path.parent.name
        if layer not in LAYERS:
            problems.append(f"{name}: '{layer}' is not a layer ({', '.join(LAYERS)})")
            continue
        text = path.read_text()
        module = f"{layer}/{path.stem.removesuffix('-internal')}"
        graph.setdefault(module, set())
        # Literals are needed here; only comments must not count.
        blanked = code_only(text)
        for match in INCLUDE.finditer(text):
            if blanked[match.start():match.start(0) + 9].strip() == "":
                continue
            where = f"{name}:{line_of(text, match.start())}"
            own, system = match.group(1), match.group(2)
            for pattern, allowed in LIBRARIES:
                if re.match(pattern, own or system) and not fnmatch.fnmatch(name, allowed):
                    problems.append(f"{where}: <{own or system}> belongs to {allowed} only")
            if not own:
                continue
            if f"{layer}/{own}" in headers and own.endswith("-internal.h"):
                own = f"{layer}/{own}"
            if own not in headers:
                problems.append(f"{where}: \"{own}\" is not a header of the form layer/name.h")
                continue
            other = own.split("/")[0]
            if own.endswith("-internal.h") and other != layer:
                problems.append(f"{where}: {own} is private to {other}")
            if LAYERS.index(other) > LAYERS.index(layer):
                problems.append(f"{where}: {layer} must not include {own} of a layer above it")
            target = own.removesuffix(".h").removesuffix("-internal")
            if target != module:
                graph[module].add(target)
    for component in cycles(graph):
        problems.append(f"include cycle: {' -> '.join(component + component[:1])}")
    return problems


if __name__ == "__main__":
    sys.exit(report(check(sys.argv[1] if len(sys.argv) > 1 else ".")))
