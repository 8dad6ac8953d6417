"""A run that was narrowed, interrupted, or lost its target is never shown as conformant, in no format."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from reports import compare, matrix, statement, trend
from tests.reports.records import check, footer, header, http, write

FORMATS = ("html", "junit", "markdown", "badge", "console", "sarif", "annotations", "allure")
TOOLS = ("matrix", "trend", "compare", "statement")
ENDS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "narrowed": (
        {"partial": True},
        {"requirements": {"in_scope": 2, "judged": 2, "not_selected": 40}},
        "2 of 2 selected requirements passed; 40 not selected",
    ),
    "interrupted": ({}, {"exit": 3, "ended": {"how": "interrupted", "reason": "^C", "exchanges": []}}, "interrupted"),
    "out of time": ({}, {"exit": 3, "ended": {"how": "timeout", "reason": "600 s", "exchanges": []}}, "interrupted"),
    "target gone": ({}, {"exit": 2, "ended": {"how": "target-gone", "reason": "gone", "exchanges": ["x1"]}}, "broken off"),
}


def _written(name: str, path: Path, folder: Path) -> Path:
    """The file that this renderer or tool makes of the record."""
    out = folder / "out" / f"out.{name}"
    out.parent.mkdir()
    if name == "matrix":
        matrix.render([path], out)
    elif name == "trend":
        trend.render(path.parent, out)
    elif name == "compare":
        compare.page(compare.compare(path, path), out)
    elif name == "statement":
        statement.render(path, out)
    else:
        next(iter(entry_points(group="chat_conformance.renderers", name=name))).load()(path, out)
    return out / "environment.properties" if name == "allure" else out


def _shown(name: str, path: Path, folder: Path) -> str:
    out = _written(name, path, folder)
    text = re.sub(r"<(style|script)[^>]*>.*?</\1>", "", out.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = re.sub(r'"?chat-conformance"?|Chat API conformance', "", text)  # our own name
    return text.replace("\\", "").replace(" requirements", "")


@pytest.mark.parametrize("name", [*FORMATS, *TOOLS])
@pytest.mark.parametrize("end", ENDS)
def test_it_says_how_the_run_ended(name: str, end: str, tmp_path: Path) -> None:
    more_header, more_footer, words = ENDS[end]
    rows = [http("x1"), check("A-1"), check("A-2")]
    path = write(tmp_path / "r.ndjson", [header(**more_header), *rows, footer(rows, **more_footer)])
    shown = _shown(name, path, tmp_path)
    assert words.replace(" requirements", "") in shown.lower()
    assert "conformant" not in re.sub(r"a conformant server", "", shown.lower())


@pytest.mark.parametrize("name", FORMATS)
def test_a_whole_green_run_is_conformant_or_green(name: str, tmp_path: Path) -> None:
    rows = [http("x1"), check("A-1"), check("A-2")]
    shown = _shown(name, write(tmp_path / "r", [header(), *rows, footer(rows)]), tmp_path).lower()
    assert "conformant" in shown or "2 of 2" in shown


def test_what_was_red_before_the_end_does_not_change_the_word(tmp_path: Path) -> None:
    rows = [http("x1"), check("A-1", "fail", message="wrong")]
    end = {"exit": 3, "ended": {"how": "interrupted", "reason": "^C", "exchanges": []}}
    shown = _shown("console", write(tmp_path / "r", [header(), *rows, footer(rows, **end)]), tmp_path)
    assert "INTERRUPTED" in shown and "NOT CONFORMANT" not in shown
