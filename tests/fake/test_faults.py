"""The list of faults: what `chat-conformance faults` prints, and the family of other wordings."""

from __future__ import annotations

import json

import pytest

import spec
from fake_server.faulting import load_all
from fake_server.faults.__main__ import main


def test_json_names_every_fault_with_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--format", "json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(rows) == set(load_all())
    assert all(row["doc"] and row["red"] for row in rows.values())
    assert rows["secret-unchecked"]["red"] == ["AUTH-007"]


def test_text_is_one_line_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(load_all())
    assert any(line.startswith("secret-unchecked ") and line.endswith("[AUTH-007]") for line in lines)


def test_every_fault_names_requirements_that_there_are() -> None:
    assert {r for fault in load_all().values() for r in fault.red} <= set(spec.all_rows())


def test_each_wording_that_is_required_has_a_fault_of_other_words() -> None:
    rows = spec.registry()
    wanted = {row.prose for row in spec.load(spec.DEFAULT).errors.values() if row.prose and not rows[row.prose].excluded}
    named = {requirement for name, f in load_all().items() if name.startswith("prose-") for requirement in f.red}
    assert wanted <= named
