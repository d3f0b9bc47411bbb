# SPDX-License-Identifier: Apache-2.0
"""tests/rows itself: it finds what is missing, and is not content with a mention."""

import importlib.machinery
import importlib.util
import pathlib

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
LOADER = importlib.machinery.SourceFileLoader("rows", str(TESTS / "rows"))
rows = importlib.util.module_from_spec(importlib.util.spec_from_loader("rows", LOADER))
LOADER.exec_module(rows)

# Made up here: this file is searched as well.
ONE, TWO, THREE = (f"C-MADE-0{n}" for n in (1, 2, 3))


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "unit").mkdir()
    (tmp_path / "rows.txt").write_text(f"# comment\n\n{ONE} M one\n{TWO} - two\n")
    return tmp_path


def missing(tree, python="", c=""):
    (tree / "unit/test_a.py").write_text(python)
    (tree / "unit/test_a.c").write_text(c)
    _, _, found, mistakes = rows.check(tree)
    assert mistakes == []
    return found


def mistakes(tree, python):
    (tree / "unit/test_a.py").write_text(python)
    return "\n".join(rows.check(tree)[3])


@pytest.mark.parametrize("python", [
    'def test_x():\n    """%s"""\n',
    "def test_x():\n    pass  # %s\n",
    "# %s\ndef test_x():\n    pass\n",
    'TABLE = [("%s", 1)]\n\n\ndef test_x():\n    assert TABLE\n',
    "# %s\nTABLE = [1]\n\n\n@mark(TABLE)\ndef test_x():\n    pass\n",
], ids=["docstring", "comment", "above", "table", "above-table"])
def test_citation_in_a_test_counts(tree, python):
    assert missing(tree, python % ONE) == [TWO]


@pytest.mark.parametrize("python", [
    '"""%s"""\n\n\ndef test_x():\n    pass\n',
    'def helper():\n    """%s"""\n',
    "# %s\n\n\ndef test_x():\n    pass\n",
    'TABLE = ["%s"]\n\n\ndef test_x():\n    pass\n',
], ids=["header", "helper", "far-above", "unused-table"])
def test_citation_elsewhere_does_not_count(tree, python):
    assert missing(tree, python % ONE) == [ONE, TWO]


def test_citations_of_unit_programs(tree):
    header = f"/* header: {TWO} */\n#include <x>\n\n"
    test = "static void does_it(void **state)\n{\n\t(void)state;\n}\n"
    helper = f"/* {TWO} */\nstatic int helper(void)\n{{\n}}\n\n"
    assert missing(tree, c=header + helper + f"/* {ONE}:\n * why */\n" + test) == [TWO]
    for start in ("static const struct row table[] = {", "static const struct {\n\tint a;\n} t[] = {"):
        table = f"{start}\n\t/* {ONE} */\n\t{{ 1 }},\n}};\n\n"
        assert missing(tree, c=header + table + test) == [TWO]
    assert missing(tree, c=header + test.replace("(void)state;", f"/* {ONE} */")) == [TWO]


@pytest.mark.parametrize("text", [
    f"{ONE}, -02", f"{ONE} to {TWO}", f"{ONE} to -02", f"{ONE}/02", f"{ONE}..02", f"{ONE}..{TWO}",
    f"{ONE},\n    -02", f"{ONE} and -02"])
def test_ids_are_spelled_out(tree, text):
    assert "spell out each id" in mistakes(tree, f'def test_x():\n    """{text}"""\n')


@pytest.mark.parametrize("text", [f"{ONE}, {TWO}", f"{ONE} and {TWO}", f"{ONE}: 02 of it"])
def test_lists_of_ids_are_no_ranges(tree, text):
    assert mistakes(tree, f'def test_x():\n    """{text}"""\n') == ""


def test_unknown_id_is_a_mistake(tree):
    found = mistakes(tree, f'def test_x():\n    """{THREE}"""\n')
    assert found == f"unit/test_a.py:2: there is no row '{THREE}'"


@pytest.mark.parametrize("line, text", [
    (f"{ONE} needs hardware that no test machine has", ""),
    (f"{TWO} needs hardware that no test machine has", f"{TWO} is tested"),
    (f"{THREE} needs hardware that no test machine has", f"there is no row '{THREE}'"),
    (ONE, "no reason"), (f"{ONE} later", "no reason"), (f"{ONE} will be tested later", "no reason"),
    (f"{ONE} a good reason\n{ONE} a good reason", "twice"), ("what is this", "is no id")])
def test_exclusion_needs_a_reason(tree, line, text):
    (tree / "excluded-rows.txt").write_text(f"# comment\n{line}\n")
    found = mistakes(tree, f'def test_x():\n    """{TWO}"""\n')
    assert text in found and bool(text) == bool(found)
