"""Expected failures: green while they fail, red when stale, unmatched or expired."""

from __future__ import annotations

import asyncio
import json
from datetime import date
from pathlib import Path

import pytest

from conformance.cli.main import main
from conformance.run.expectations import BadExpectations, load, to_paste, to_write
from fake_server.serve import running_server
from tests.proof.bench import Run, cases_for, run_against

PROFILE = "experimental-2026-05"


def run(path: Path, *faults: str) -> Run:
    async def scene() -> Run:
        async with running_server(faults=list(faults)) as server:
            return await run_against(server.target, cases_for(["PROMPT-00[89]"]), expect=path)

    return asyncio.run(scene())


def written(folder: Path, text: str) -> Path:
    path = folder / "expect.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_expected_failure_is_counted_apart(tmp_path: Path) -> None:
    path = written(tmp_path, "- requirement: PROMPT-008\n  reason: no bound yet\n  link: https://example.org/1\n")
    seen = run(path, "prompts-have-no-bound")
    assert seen.verdicts["PROMPT-008"] == "expected-fail"
    assert seen.footer["counts"]["fail"] == 0
    assert seen.footer["counts"]["expected-fail"] == 1
    assert "https://example.org/1" in next(c.reason for c in seen.checks if c.verdict == "expected-fail")


def test_a_stale_entry_is_red(tmp_path: Path) -> None:
    seen = run(written(tmp_path, "- requirement: PROMPT-008\n  reason: no bound yet\n"))
    assert seen.verdicts["PROMPT-008"] == "unexpected-pass"
    assert seen.footer["exit"] == 1


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ("- {requirement: PROMPT-999, reason: x}", "PROMPT-999: no such requirement"),
        ("- {requirement: PROMPT-008, reason: x, until: 2020-01-01}", "PROMPT-008: expired on 2020-01-01"),
    ],
    ids=["unmatched", "expired"],
)
def test_an_entry_that_hides_nothing_is_red(tmp_path: Path, entry: str, complaint: str) -> None:
    seen = run(written(tmp_path, entry))
    assert seen.footer["exit"] == 1
    assert seen.footer["complaints"][0].startswith(complaint)


def test_a_glob_names_many() -> None:
    assert fn_matches("PROMPT-*", "PROMPT-008")


def fn_matches(glob: str, requirement: str) -> bool:
    from conformance.run.expectations import Entry, Expectations

    return Expectations([Entry(requirement=glob, reason="x")], date(2026, 1, 1)).of(requirement) is not None


@pytest.mark.parametrize(
    "text", ["requirement: X", "- {requirement: X}", "- {requirement: X, reason: y, untill: 2020-01-01}", "- ["], ids=range(4)
)
def test_a_bad_file_is_one_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadExpectations) as error:
        load(written(tmp_path, text), PROFILE)
    assert len(str(error.value).splitlines()) == 1


def test_the_entry_to_paste_is_a_valid_one(tmp_path: Path) -> None:
    seen = run(written(tmp_path, "[]"), "prompts-have-no-bound")
    path = written(tmp_path, to_paste(seen.checks))
    assert [e.requirement for e in load(path, PROFILE).entries] == ["PROMPT-008"]


def test_a_written_file_wants_its_reasons(tmp_path: Path) -> None:
    asked = ["--fault", "list-gives-one-too-few", "--requirement", "PAGE-007", "--fuzz", "off"]
    path, record = tmp_path / "known.yaml", tmp_path / "run.ndjson"
    assert main(["run", *asked, "--write-expectations", str(path)]) == 1
    with pytest.raises(BadExpectations, match="still says FILL IN"):
        load(path, "experimental-2026-05")
    text = path.read_text().replace("FILL IN", "pages are cut too early").replace('owner: ""', "owner: Ann")
    path.write_text(text + "  until: 2999-01-01\n")
    assert main(["run", *asked, "--expect", str(path), "--record", str(record)]) == 0
    footer = json.loads(record.read_text().splitlines()[-1])
    entry = {"requirement": "PAGE-007", "reason": "pages are cut too early", "owner": "Ann", "link": "", "until": "2999-01-01"}
    assert footer["expectations"] == [entry]


def test_nothing_failed_is_a_file_too(tmp_path: Path) -> None:
    path = written(tmp_path, to_write([], "experimental-2026-05"))
    assert load(path, "experimental-2026-05").entries == []
