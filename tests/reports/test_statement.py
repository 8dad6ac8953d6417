"""Statements say no more than the record does, and a record that was altered is found out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.cli.main import main
from reports import statement
from tests.reports import records
from tests.reports.records import Row, check, footer, header, http, whole, write
from tests.reports.test_html import EVIL

EXCEPTION = {"requirement": "A-2", "reason": "not done", "owner": "Ann", "link": "", "until": "2027-01-01"}


def _texts(record: Path) -> tuple[str, str, dict[str, Any]]:
    folder = record.parent
    for name in ("s.html", "s.md", "s.json"):
        statement.render(record, folder / name)
    return (folder / "s.html").read_text(), (folder / "s.md").read_text(), json.loads((folder / "s.json").read_text())


def test_it_says_what_was_judged_with_its_exceptions(tmp_path: Path) -> None:
    expected = check("A-2", "expected-fail", reason="expected: not done")
    page, text, said = _texts(whole(tmp_path / "r", http("x1"), check("A-1"), expected, expectations=[EXCEPTION]))
    for shown in (page, text):
        assert "The server conforms to experimental-2026-05, with 1 exception listed below." in shown
        assert "A-2: not done (owner Ann; until 2027-01-01)" in shown and "ab" * 32 in shown
    assert said["predicateType"] == statement.PREDICATE and said["predicate"]["exceptions"] == [EXCEPTION]
    assert said["subject"] == [{"name": "r", "digest": {"sha256": statement.digest(tmp_path / "r")}}]


ENDS: dict[str, dict[str, Any]] = {
    "interrupted": {"ended": {"how": "interrupted", "reason": "by hand"}, "exit": 3},
    "gone": {"ended": {"how": "target-gone", "reason": "it went away"}, "exit": 2},
    "harness": {"exit": 2},
    "incomplete": {"exit": 3},
}


@pytest.mark.parametrize("end", [*ENDS, "partial", "failed"])
def test_only_a_whole_green_run_conforms(end: str, tmp_path: Path) -> None:
    rows: list[Row] = [http("x1"), check("A-1", "fail", message="Wrong.") if end == "failed" else check("A-1")]
    path = write(tmp_path / "r", [header(partial=end == "partial"), *rows, footer(rows, **ENDS.get(end, {}))])
    page, text, _ = _texts(path)
    for shown in (page, text):
        assert "conforms to" not in shown
        assert ("does not conform" if end == "failed" else "No statement on conformance") in shown


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    bad = check("A-1", "fail", text=EVIL, message=EVIL)
    page, text, _ = _texts(whole(tmp_path / "r", http("x1"), bad, check("A-2", "untestable", reason=EVIL)))
    assert "<script" not in page + text and "<img" not in page + text


def _rows(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _passed(rows: list[Row]) -> None:
    next(row for row in rows if row.get("verdict") == "fail")["verdict"] = "pass"


def _counted(rows: list[Row]) -> None:
    rows[-1]["requirements"]["judged"] += 1


def _left_out(rows: list[Row]) -> None:
    decides = next(row for row in rows if row.get("verdict") == "fail")["deciding"]
    rows.remove(next(row for row in rows if row.get("id") == decides))


def _green(rows: list[Row]) -> None:
    rows[-1]["exit"] = 0


ALTERED: dict[str, Callable[[list[Row]], None]] = {f.__name__: f for f in (_passed, _counted, _left_out, _green)}


@pytest.mark.parametrize("how", ALTERED)
def test_what_was_altered_is_found(how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = tmp_path / "run.ndjson"
    run = ["run", "--fault", "list-gives-one-too-few", "--requirement", "PAGE-007", "--requirement", "PAGE-001", "--fuzz", "off"]
    assert main([*run, "--record", str(record), "--statement", str(tmp_path / "s.json")]) == 1
    verify = ["report", str(record), "--verify", "--against", str(tmp_path / "s.json")]
    assert main(verify) == 0, capsys.readouterr()
    rows = _rows(record)
    ALTERED[how](rows)
    write(record, rows)
    assert main(verify) == 1 and capsys.readouterr().out.count("ALTERED") >= 2


def test_what_a_failed_case_led_to_is_no_sign_of_an_alteration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = str(tmp_path / "run.ndjson")  # a page of none, which should have been refused, breaks another row, too
    run = [
        "run",
        "--fault",
        "messages-take-any-page-size",
        "--requirement",
        "PAGE-031",
        "--requirement",
        "PAGE-028",
        "--fuzz",
        "off",
    ]
    assert main([*run, "--record", record]) == 1
    assert main(["report", record, "--verify"]) == 0, capsys.readouterr()


def test_a_statement_needs_a_record() -> None:
    assert main(["run", "--statement", "s.html"]) == 2
    assert records.mixed()
