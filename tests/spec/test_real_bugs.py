"""docs/real-bugs.md: each row names a requirement and a fault that there are, and the fault turns that requirement red."""

from __future__ import annotations

import re
from pathlib import Path

import spec
from fake_server.faulting import load_all

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "real-bugs.md"
HEAD = ["what was wrong", "fixed in", "requirement", "fault"]
_FIX = r"([0-9a-f]{10}( \(#\d+\))?|[\w.-]+/[\w.-]+#\d+)"
WHERE = re.compile(rf"(near )?{_FIX}(, {_FIX})*|near")
LEAST = 170


def tables() -> list[list[str]]:
    """The rows of the page's tables, heads left out, each a list of its cells."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row != HEAD and not set("".join(row)) <= set("-: ")]


ROWS = tables()


def test_there_are_enough_of_them() -> None:
    assert len(ROWS) >= LEAST


def test_every_table_has_the_same_columns() -> None:
    assert [row for row in ROWS if len(row) != len(HEAD)] == []


def test_each_bug_says_where_it_was_fixed() -> None:
    assert [row[1] for row in ROWS if not WHERE.fullmatch(row[1])] == []


def test_no_bug_is_told_twice() -> None:
    for told in ([row[0] for row in ROWS], [row[3] for row in ROWS]):
        assert sorted(told) == sorted(set(told))


def test_each_fault_turns_its_requirement_red() -> None:
    faults, requirements = load_all(), spec.registry()
    wrong = [
        f"{requirement} and {fault}"
        for _, _, requirement, fault in ROWS
        if requirement not in requirements or fault not in faults or requirement not in faults[fault].red
    ]
    assert wrong == []
