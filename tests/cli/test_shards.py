"""Shards of a run, and the records that they are merged into."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.cli.main import main
from conformance.recordings.reading import record_lines
from conformance.run.collection import all_cases
from conformance.run.shards import costs, split
from tests.cli.test_commands import called, served

NARROW = ("--area", "limits", "--requirement", "PAGE-0[0-3]*", "--fuzz", "off", "-q")
FAULTS = ("list-gives-one-too-few", "messages-take-any-page-size")


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run against a wrong server, whole and in three shards; an entry of the expectations is met, one is stale."""
    folder = tmp_path_factory.mktemp("shards")
    (folder / "e.yaml").write_text("- {requirement: PAGE-007, reason: known}\n- {requirement: PAGE-001, reason: mended}\n")
    with served(folder, *(word for fault in FAULTS for word in ("--fault", fault))) as target:
        for shard in ("1/3", "2/3", "3/3", ""):
            name = f"{shard[:1] or 'whole'}.ndjson"
            part = ("--shard", shard) if shard else ()
            expect = ("--expect", str(folder / "e.yaml"), "--seed", "3")
            main(["run", "--target", str(target), *NARROW, *expect, *part, "--record", str(folder / name)])
    yield folder


def shards(folder: Path, numbers: str = "123") -> list[str]:
    return [str(folder / f"{number}.ndjson") for number in numbers]


def verdicts(record: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for line in record_lines(record):
        if line["kind"] == "check":
            found[line["requirement"]].add(line["verdict"])
    return found


def footer(record: Path) -> dict[str, Any]:
    return list(record_lines(record))[-1]


def changed(folder: Path, number: str, change: Any) -> Path:
    """A copy of a shard's record with another header."""
    lines = list(record_lines(folder / f"{number}.ndjson"))
    change(lines[0])
    path = folder / "changed.ndjson"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_three_shards_merged_are_one_run(records: Path) -> None:
    merged = records / "merged.ndjson"
    assert main(["merge", *shards(records), "--record", str(merged)]) == 1
    assert verdicts(merged) == verdicts(records / "whole.ndjson")
    assert {"fail"} <= verdicts(merged)["PAGE-031"] and {"expected-fail"} <= verdicts(merged)["PAGE-007"]
    assert "unexpected-pass" in verdicts(merged)["PAGE-001"]
    one, whole = footer(merged), footer(records / "whole.ndjson")
    assert one["requirements"] == whole["requirements"] and one["exit"] == whole["exit"] == 1
    assert {k: v for k, v in whole["counts"].items() if v} == one["counts"]
    assert main(["report", str(merged), "--html", str(records / "merged.html")]) == 0


def test_no_case_is_played_twice_and_none_is_left_out(records: Path) -> None:
    headers = [next(record_lines(Path(path))) for path in shards(records)]
    cases = [case for header in headers for case in header["shard"]["cases"]]
    assert len(cases) == len({*cases}) == headers[0]["shard"]["plan"]["cases"]
    assert all(header["shard"]["cases"] for header in headers)


def test_a_lost_shard_is_an_incomplete_run(records: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["merge", *shards(records, "13")]) == 3
    assert "lost of 3 shards: 2" in capsys.readouterr().out


def test_a_shard_that_was_cut_off_is_lost(records: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cut = records / "cut.ndjson"
    cut.write_bytes((records / "2.ndjson").read_bytes()[:-200])
    assert main(["merge", *shards(records, "13"), str(cut)]) == 3
    assert "lost of 3 shards: 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (lambda header: header.update(seed=4), "of another plan"),
        (lambda header: header.update(spec_sha256="0" * 64), "spec_sha256"),
        (lambda header: header["options"].update(repeat=2), "--repeat"),
        (lambda header: header["shard"]["plan"].update(scope_sha256="0"), "scope"),
        (lambda header: header["shard"].update(number=1), "shard 1 is there 2 times"),
        (lambda header: header["shard"]["cases"].pop(), "which are not the"),
        (lambda header: header.pop("shard"), "not of a shard"),
    ],
    ids=["seed", "contract", "options", "scope", "number", "cases", "whole"],
)
def test_what_is_not_one_plan_is_told(
    change: Any, hint: str, records: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    others = [*shards(records, "13"), str(changed(records, "2", change))]
    status, told = called("merge", *others, cwd=records, monkeypatch=monkeypatch, capsys=capsys)
    assert status == 2 and told.count("\n") == 1 and hint in told


def test_another_build_is_another_plan(records: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = records / "built.ndjson"
    other.write_text((records / "2.ndjson").read_text().replace('"x-coder-build-version":"', '"x-coder-build-version":"other-'))
    assert main(["merge", *shards(records, "13"), str(other)]) == 2
    assert "the target's build" in capsys.readouterr().err


@pytest.mark.parametrize("shard", ["4/3", "0/3", "1", "1/0", "a/b"])
def test_what_is_no_shard_is_told(shard: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--shard", shard]) == 2
    assert "--shard" in capsys.readouterr().err


def test_parts_cost_about_the_same() -> None:
    known = costs()
    loads = [sum(known.get(case.name, 1) / (1 if case.alone else 16) for case in part) for part in split(all_cases(), 4, jobs=16)]
    assert max(loads) < 1.1 * min(loads)
    assert known.keys() <= {case.name for case in all_cases()}
