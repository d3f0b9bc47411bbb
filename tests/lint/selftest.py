#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every check must find what it is for: each gets a bad sample, and a good one that looks alike."""

import pathlib
import tempfile
import unittest

import calls
import layers
import sizes

SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"


class Tree(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.root = pathlib.Path(self.directory.name)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SPDX + text)

    def problems(self, module):
        return "\n".join(module.check(self.root))


class Layers(Tree):
    def test_upward_include_is_found(self):
        self.write("include/kernel/ns.h", "")
        self.write("src/oci/config.c", '#include "kernel/ns.h"\n')
        self.assertIn("src/oci/config.c:2: oci must not include kernel/ns.h",
                      self.problems(layers))

    def test_downward_include_is_fine(self):
        self.write("include/base/err.h", "")
        self.write("src/cli/main.c", '#include "base/err.h"\n')
        self.assertEqual("", self.problems(layers))

    def test_cycle_of_headers_is_found(self):
        self.write("include/base/a.h", '#include "base/b.h"\n')
        self.write("include/base/b.h", '#include "base/c.h"\n')
        self.write("include/base/c.h", '#include "base/a.h"\n')
        self.assertIn("include cycle: base/a -> base/b -> base/c -> base/a", self.problems(layers))

    def test_cycle_through_sources_is_found(self):
        for one, other in (("a", "b"), ("b", "a")):
            self.write(f"include/base/{one}.h", "")
            self.write(f"src/base/{one}.c", f'#include "base/{one}.h"\n#include "base/{other}.h"\n')
        self.assertIn("include cycle: base/a -> base/b -> base/a", self.problems(layers))

    def test_library_outside_its_module_is_found(self):
        self.write("src/kernel/ns.c", "#include <seccomp.h>\n")
        self.write("src/kernel/filter_profile.c", "#include <seccomp.h>\n")
        self.assertEqual(1, self.problems(layers).count("<seccomp.h>"))

    def test_include_in_a_comment_does_not_count(self):
        self.write("include/cli/opt.h", "")
        self.write("src/base/err.c", '/*\n#include "cli/opt.h"\n*/\n')
        self.assertEqual("", self.problems(layers))

    def test_private_header_belongs_to_its_module(self):
        self.write("include/oci/config.h", "")
        self.write("src/oci/config-internal.h", '#include "oci/config.h"\n')
        self.write("src/oci/config.c", '#include "config-internal.h"\n')
        self.write("src/oci/config_linux.c", '#include "config-internal.h"\n')
        self.assertEqual("", self.problems(layers))

    def test_private_header_of_another_layer_is_found(self):
        self.write("src/oci/config-internal.h", "")
        self.write("src/cli/main.c", '#include "oci/config-internal.h"\n')
        self.assertIn("oci/config-internal.h is private to oci", self.problems(layers))

    def test_header_without_layer_is_found(self):
        self.write("src/base/err.c", '#include "err.h"\n')
        self.assertIn("not a header of the form", self.problems(layers))


class Sizes(Tree):
    def function(self, lines, head="int f(void)\n{\n"):
        return head + "\tx();\n" * lines + "}\n"

    def test_long_function_is_found(self):
        self.write("src/base/a.c", self.function(81))
        self.assertIn("function f: 81 lines", self.problems(sizes))

    def test_function_at_the_limit_is_fine(self):
        self.write("src/base/a.c", self.function(80))
        self.assertEqual("", self.problems(sizes))

    def test_table_is_no_function(self):
        self.write("src/base/a.c", "static const int t[] = {\n" + "\t1,\n" * 100 + "};\n")
        self.assertEqual("", self.problems(sizes))

    def test_function_with_its_brace_elsewhere_is_found(self):
        self.write("src/base/a.c", self.function(3, head="int f(void) {\n"))
        self.assertIn("brace of a function", self.problems(sizes))

    def test_long_file_is_found(self):
        self.write("include/base/a.h", "\n" * 800)
        self.assertIn("801 lines", self.problems(sizes))


class Calls(Tree):
    def source(self, text, name="src/kernel/a.c"):
        self.write(name, f"void f(void)\n{{\n\t{text}\n}}\n")
        return self.problems(calls)

    def test_each_forbidden_call_is_found(self):
        for call in calls.UNSAFE:
            with self.subTest(call):
                self.assertIn(f"{call}() is forbidden", self.source(f"{call}(x);"))

    def test_memory_outside_base_is_found(self):
        for call in calls.MEMORY:
            with self.subTest(call):
                self.assertIn("outside of base", self.source(f"p = {call}(x);"))

    def test_memory_in_base_is_fine(self):
        self.assertEqual("", self.source("p = malloc(x);", "src/base/a.c"))

    def test_getenv_below_cli_is_found(self):
        self.assertIn("getenv() below cli", self.source("getenv(x);", "src/container/a.c"))

    def test_getenv_in_cli_is_fine(self):
        self.assertEqual("", self.source("getenv(x);", "src/cli/a.c"))

    def test_descriptor_without_cloexec_is_found(self):
        for call in calls.CLOEXEC:
            with self.subTest(call):
                self.assertIn(f"{call}() without close-on-exec", self.source(f"x = {call}(1, (2));"))

    def test_descriptor_with_cloexec_on_the_next_line_is_fine(self):
        self.assertEqual("", self.source("fd = openat(d, p,\n\t\t    O_RDONLY | O_CLOEXEC);"))

    def test_flags_that_were_put_together_before_are_fine(self):
        self.assertEqual("", self.source("int flags = O_RDONLY | O_CLOEXEC;\n\topen(p, flags);"))

    def test_dup2_onto_anything_but_stdio_is_found(self):
        self.assertIn("dup2() onto", self.source("dup2(fd, 5);"))

    def test_dup2_onto_stdio_is_fine(self):
        self.assertEqual("", self.source("dup2(fd, STDIN_FILENO);"))

    def test_longer_name_is_no_call_of_it(self):
        self.assertEqual("", self.source("str_strcpy(x);\n\tx.open(y);\n\tp->open(y);"))

    def test_call_in_a_comment_or_literal_does_not_count(self):
        self.assertEqual("", self.source('/* strcpy(a) */\n\tsay("strcpy(x)");'))

    def test_reason_permits_an_exception(self):
        self.assertEqual("", self.source("/* lint: nothing to race with */\n\tsleep(1);"))

    def test_line_comment_is_found(self):
        self.assertIn("// comment", self.source("x(); // later"))

    def test_address_in_a_literal_is_no_line_comment(self):
        self.assertEqual("", self.source('say("http://example.org");'))

    def test_unfinished_work_is_found(self):
        for word in ("TODO", "FIXME: x", "XXX", "HACK", "good enough for now", "a stub"):
            with self.subTest(word):
                self.assertIn("in a comment", self.source(f"/* {word} */"))

    def test_missing_licence_line_is_found(self):
        (self.root / "src/base").mkdir(parents=True)
        (self.root / "src/base/a.c").write_text("int x;\n")
        self.assertIn("no line 'SPDX", self.problems(calls))


if __name__ == "__main__":
    unittest.main()
