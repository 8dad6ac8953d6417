"""docs/real-bugs*.md: each row names a requirement and a fault that there are, and the fault turns that requirement red."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import spec
from fake_server.faulting import load_all

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.glob("real-bugs*.md"))
HEAD = ["what was wrong", "fixed in", "requirement", "fault"]
WHERE = re.compile(r"(near )?([0-9a-f]{10}|[\w.-]+/[\w.-]+#\d+|#\d+)|near")
LEAST = 60  # bugs on all pages


def tables(page: Path) -> list[list[str]]:
    """The rows of a page's tables, heads left out, each a list of its cells."""
    lines = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row != HEAD and not set("".join(row)) <= set("-: ")]


ROWS = [(page.name, row) for page in PAGES for row in tables(page)]


def test_there_are_enough_of_them() -> None:
    assert len(ROWS) >= LEAST


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_table_has_the_same_columns(page: Path) -> None:
    assert [len(row) for row in tables(page)] == [len(HEAD)] * len(tables(page))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_bug_says_where_it_was_fixed(page: Path) -> None:
    assert [row[1] for row in tables(page) if not WHERE.fullmatch(row[1])] == []


def test_no_bug_is_told_twice() -> None:
    told = [row[0] for _, row in ROWS]
    assert sorted(told) == sorted(set(told))


def test_each_fault_turns_its_requirement_red() -> None:
    faults, requirements = load_all(), spec.registry()
    wrong = [
        f"{page}: {requirement} and {fault}"
        for page, (_, _, requirement, fault) in ROWS
        if requirement not in requirements or fault not in faults or requirement not in faults[fault].red
    ]
    assert wrong == []
