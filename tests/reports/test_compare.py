"""Two runs compared: every class of change, the texts, and the exit status."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from conformance.cli.main import main
from reports import compare
from tests.reports.records import Row, check, footer, header, http, whole, write
from tests.reports.test_html import EVIL


def _record(path: Path, *checks: Row, **over: Any) -> Path:
    rows = [http("x1"), *checks]
    return write(path, [header(**over), *rows, footer(rows)])


OLD = (
    check("A-1"),
    check("A-2", "fail", message="Wrong."),
    check("A-3", "fail", message="Wrong."),
    check("A-4"),
    check("A-5"),
    check("A-6", "warn", message="Odd."),
    check("A-7"),
)
NEW = (
    check("A-1", "fail", message="Broken now."),
    check("A-2"),
    check("A-3", "fail", message="Wrong still."),
    check("A-4", "untestable", reason="nobody to ask"),
    check("A-6"),
    check("A-7", "warn", message="Odd now."),
    check("A-8"),
)


def test_every_class_of_change(tmp_path: Path) -> None:
    found = compare.compare(_record(tmp_path / "old", *OLD), _record(tmp_path / "new", *NEW))
    assert {c.requirement: c.kind for c in found.changes} == {
        "A-1": "new-failure",
        "A-2": "fixed",
        "A-3": "still-failing",
        "A-4": "newly-not-judged",
        "A-5": "no-longer-executed",
        "A-6": "fixed",
        "A-7": "new-warning",
        "A-8": "new-requirement",
    }
    assert found.exit_status() == 1 and found.exit_status(["not-comparable"]) == 0 and found.exit_status(["fixed"]) == 1
    out = io.StringIO()
    compare.console(found, out)
    assert "A-1  MUST  passed -> failed  Broken now." in out.getvalue()


def test_the_same_run_twice_changes_nothing(tmp_path: Path) -> None:
    found = compare.compare(_record(tmp_path / "old", *OLD), _record(tmp_path / "new", *OLD))
    assert {c.kind for c in found.changes} == {"still-failing"} and found.exit_status() == 0
    green = [_record(tmp_path / name, check("A-1"), check("A-2")) for name in ("one", "two")]
    out = io.StringIO()
    compare.console(compare.compare(*green), out)
    assert out.getvalue().endswith("nothing changed\n")


def test_other_profiles_and_narrowed_runs_are_not_compared(tmp_path: Path) -> None:
    old = _record(tmp_path / "old", *OLD)
    other = compare.compare(old, _record(tmp_path / "new", *NEW, profile="experimental-2026-03"))
    assert [c.kind for c in other.changes] == ["not-comparable"] and "experimental-2026-03" in other.remarks[0]
    narrowed = compare.compare(old, _record(tmp_path / "few", check("A-1", "fail", message="Broken."), partial=True))
    kinds = {c.requirement: c.kind for c in narrowed.changes}
    assert kinds.pop("A-1") == "new-failure" and set(kinds.values()) == {"not-comparable"}
    widened = compare.compare(_record(tmp_path / "few2", check("A-1"), partial=True), _record(tmp_path / "all", *NEW))
    assert {c.requirement: c.kind for c in widened.changes}["A-3"] == "new-failure", "what was not selected hides no failure"


def test_the_command_gates_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = str(_record(tmp_path / "old", *OLD)), str(_record(tmp_path / "new", *NEW))
    markdown, page = tmp_path / "c.md", tmp_path / "c.html"
    assert main(["compare", old, new, "--markdown", str(markdown), "--html", str(page)]) == 1
    assert "| A-1 | MUST | passed | failed | Broken now. |" in markdown.read_text() and "A-8" in page.read_text()
    assert main(["compare", old, new, "--gate", "none"]) == 0
    assert main(["compare", old, new, "--gate", "newly-not-judged"]) == 1
    assert main(["compare", new, old, "--gate", "new-failure"]) == 1
    assert main(["compare", old, str(tmp_path / "missing")]) == 2
    assert capsys.readouterr().err.startswith("chat-conformance: no record ")


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    new = _record(tmp_path / "new", check("A-1", "fail", message=EVIL, text=EVIL))
    found = compare.compare(whole(tmp_path / "old", http("x1"), check("A-1")), new)
    compare.markdown(found, tmp_path / "c.md")
    compare.page(found, tmp_path / "c.html")
    for path in (tmp_path / "c.md", tmp_path / "c.html"):
        text = path.read_text(encoding="utf-8")
        assert "<script" not in text and "<img" not in text
