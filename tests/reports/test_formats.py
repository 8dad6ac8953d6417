"""JUnit, Markdown, badge and Allure results, read by what reads such files."""

from __future__ import annotations

import json
import re
from importlib.metadata import entry_points
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest

from reports import allure, annotations, badge, junit, markdown, sarif
from reports.record import InvalidRecord
from tests.reports import records
from tests.reports.records import Row, check, header, http, whole, write


def _junit(path: Path) -> ElementTree.Element:
    out = StringIO()
    junit.render(path, out)
    return ElementTree.fromstring(out.getvalue().encode())


def _case(root: ElementTree.Element, name: str) -> ElementTree.Element:
    return next(case for case in root.iter("testcase") if case.get("name") == name)


def test_every_renderer_is_found_by_its_entry_point() -> None:
    found = {point.name: point.value for point in entry_points(group="chat_conformance.renderers")}
    names = ("html", "junit", "markdown", "badge", "console", "allure", "sarif", "annotations")
    assert {name: found.get(name) for name in names} == {name: f"reports.{name}:render" for name in names}


@pytest.mark.parametrize("name", ["html", "junit", "markdown", "badge", "console", "allure", "sarif", "annotations"])
def test_an_invalid_record_is_refused_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    render = next(iter(entry_points(group="chat_conformance.renderers", name=name))).load()
    path = write(tmp_path / "cut.ndjson", [header(), http("x1"), check("A-1")])
    with pytest.raises(InvalidRecord):
        render(path, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["cut.ndjson"] or not list((tmp_path / "out").iterdir())


def test_junit_has_one_testcase_per_requirement_and_case(mixed: Path) -> None:
    root = _junit(mixed)
    rows = [row for row in records.mixed() if row["kind"] == "check"]
    names = [case.get("name") for case in root.iter("testcase")]
    assert sorted(map(str, names)) == sorted({f"{r['requirement']} {r['case']}".strip() for r in rows})
    assert _case(root, "SEND-004 send.archived[owner]").find("failure") is not None
    assert _case(root, "TIME-001 time.back").find("error") is not None
    skipped = _case(root, "FILE-002").find("skipped")
    assert skipped is not None and skipped.get("message") == "untestable: the target file has no capability files"


def test_junit_counts_are_true(mixed: Path) -> None:
    root = _junit(mixed)
    assert root.tag == "testsuites"
    for node in (root, *root):
        cases = list(node.iter("testcase"))
        assert int(node.get("tests", "")) == len(cases)
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(node.get(name, "")) == sum(case.find(tag) is not None for case in cases)
        float(node.get("time", ""))
    for case in root.iter("testcase"):
        assert len([child for child in case if child.tag in ("failure", "error", "skipped")]) <= 1


@pytest.mark.parametrize(("strict", "red"), [(False, 0), (True, 1)])
def test_junit_is_as_red_as_the_run(tmp_path: Path, strict: bool, red: int) -> None:
    rows = [http("x1"), check("A-1", "warn", level="SHOULD"), check("A-2", "raced"), check("A-3")]
    path = write(tmp_path / "r", [header(strict=strict), *rows, records.footer(rows)])
    assert _junit(path).get("failures") == str(red)


def test_two_attempts_of_one_case_are_one_testcase(tmp_path: Path) -> None:
    path = whole(tmp_path / "r", http("x1"), check("A-1", attempt=1), check("A-1", "fail", attempt=2))
    root = _junit(path)
    assert root.get("tests") == "1" and root.get("failures") == "1"


def test_junit_has_a_stable_order_files_a_zone_and_properties(tmp_path: Path) -> None:
    rows = [http("x1"), *(check(f"A-{n}", case=f"c{n % 3}") for n in range(9)), check("A-1", case="b")]
    one = _junit(whole(tmp_path / "one", *rows))
    other = _junit(whole(tmp_path / "other", rows[0], *reversed(rows[1:])))
    names = [[case.get("name") for case in root.iter("testcase")] for root in (one, other)]
    assert names[0] == names[1] == sorted(map(str, names[0]))
    assert {case.get("file") for case in one.iter("testcase")} == {"spec/requirements/a.yaml"}
    for suite in one:
        assert suite.get("timestamp") == "2026-11-21T10:00:00+00:00"
        assert {p.get("name") for p in suite.iter("property")} >= {"profile", "spec_sha256", "verdict", "seed"}


def test_sarif_names_rules_and_results(mixed: Path) -> None:
    out = StringIO()
    sarif.render(mixed, out)
    (run,) = json.loads(out.getvalue())["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules[0] == "TIME-001" and "AUTH-001" not in rules
    levels = {result["ruleId"]: result["level"] for result in run["results"]}
    assert levels["SEND-004"] == "error" and levels["SEND-011"] == "warning" and levels["STRM-002"] == "note"
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    prints = [result["partialFingerprints"]["case/v1"] for result in run["results"]]
    assert len(set(prints)) == len(prints)
    assert run["invocations"][0]["executionSuccessful"] is False, "a harness error is no result"


def test_annotations_are_one_line_each_and_say_the_verdict_last(tmp_path: Path) -> None:
    evil = "x\n::error::injected\r%0A"
    rows = [check(f"A-{n}", "fail", message=evil, text=evil, case=evil) for n in range(30)]
    out = StringIO()
    annotations.render(whole(tmp_path / "r", http("x1"), *rows, check("B-1", "warn")), out)
    lines = out.getvalue().splitlines()
    assert all(line.startswith(("::error title=", "::warning title=")) for line in lines)
    assert sum(line.startswith("::error title=A-") for line in lines) == 9 and "21 more" in lines[9]
    assert lines[-1].startswith("::error title=Chat API experimental-2026-05%3A not conformant::")
    out = StringIO()
    annotations.render(whole(tmp_path / "green", http("x1"), check("A-1")), out)
    assert out.getvalue().startswith("::notice title=Chat API experimental-2026-05%3A conformant::in scope 1")


def test_markdown_says_the_verdict_and_folds_the_failures(mixed: Path) -> None:
    out = StringIO()
    markdown.render(mixed, out)
    text = out.getvalue()
    assert text.startswith("## ❌ Chat API experimental-2026-05: harness error\n")
    assert "| judged | 8 | 9 |" in text
    assert text.count("<details>") == text.count("</details>") == 5
    assert "<summary>FAIL SEND-004 (MUST): A send to an archived chat is refused" in text


def test_markdown_cannot_be_broken_out_of(tmp_path: Path) -> None:
    evil = "``` </details> <script>alert(1)</script> [x](http://evil) @team | a\n# head"
    path = whole(
        tmp_path / "r",
        http("x1"),
        check("A-1", "fail", case=evil, text=evil, message=evil, expected=evil, actual=evil, rerun=evil),
        check("A-2", "untestable", reason=evil),
        {"kind": "note", "text": evil},
    )
    out = StringIO()
    markdown.render(path, out)
    outside = re.sub(r"^(`{4,})text\n.*?^\1$", "", out.getvalue(), flags=re.DOTALL | re.MULTILINE)
    assert "case " not in outside, "the fence must be longer than any run of backticks inside"
    assert "<script" not in outside.replace("\\<script", "") and "\n# head" not in outside
    assert not re.search(r"(?<!\\)\[x", outside.replace("<summary>", "").split("<details>")[0])
    assert len(re.findall(r"(?<!\\)</details>", outside)) == 1
    assert not re.search(r"(?<!\\)@team", outside)


@pytest.mark.parametrize("name", ["html", "junit", "markdown", "badge", "console", "sarif", "annotations"])
def test_ten_thousand_results_are_rendered(name: str, ten_thousand: Path, tmp_path: Path) -> None:
    next(iter(entry_points(group="chat_conformance.renderers", name=name))).load()(ten_thousand, tmp_path / "out")
    assert (tmp_path / "out").stat().st_size < (8_000_000 if name == "junit" else 1_500_000)


@pytest.fixture(scope="session")
def ten_thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = records.large(10_000, 10_000, failing=100, body=100)
    return whole(tmp_path_factory.mktemp("many") / "r", *rows)


def test_markdown_stays_small(tmp_path: Path) -> None:
    out = StringIO()
    markdown.render(whole(tmp_path / "r", *records.large(900, 900, failing=900, body=4000)), out)
    assert len(out.getvalue().encode()) < 200_000
    assert "…and 870 more: " in out.getvalue()


GREEN = "#237a3b"
BADGES: list[tuple[str, list[Row], Row, str]] = [
    ("all judged", [check("A-1"), check("A-2")], {}, "2 of 2"),
    ("a warning", [check("A-1"), check("A-2", "warn", level="SHOULD")], {}, "2 of 2, 1 warned"),
    ("a failure", [check("A-1", "fail"), check("A-2")], {}, "1 failed of 2 judged"),
    ("untestable", [check("A-1"), check("A-2", "untestable", reason="no")], {}, "incomplete: 1 of 2 judged"),
    ("nothing", [], {}, "incomplete: 0 of 0 judged"),
    ("exit 0 but a failure", [check("A-1", "fail")], {"exit": 0}, "1 failed of 1 judged"),
    ("exit 0 but unreached", [check("A-1")], {"exit": 0, "requirements": {"in_scope": 9, "judged": 1}}, "incomplete: 1 of 9"),
    ("red without a failure (strict)", [check("A-1", "warn")], {"exit": 1}, "not conformant"),
    ("a harness error", [check("A-1", "harness-error")], {}, "harness error"),
]


@pytest.mark.parametrize(("rows", "over", "text"), [row[1:] for row in BADGES], ids=[row[0] for row in BADGES])
def test_a_badge_is_green_only_when_all_was_judged(tmp_path: Path, rows: list[Row], over: Row, text: str) -> None:
    out = StringIO()
    badge.render(whole(tmp_path / "r", http("x1"), *rows, **over), out)
    root = ElementTree.fromstring(out.getvalue())
    title = root.find("{http://www.w3.org/2000/svg}title")
    assert title is not None and title.text and text in title.text
    assert (GREEN in out.getvalue()) == (text.startswith("2 of 2"))


def test_allure_results_are_what_allure_reads(mixed: Path, tmp_path: Path) -> None:
    out = tmp_path / "allure"
    allure.render(mixed, out)
    results = [json.loads(path.read_text(encoding="utf-8")) for path in out.glob("*-result.json")]
    rows = [row for row in records.mixed() if row["kind"] == "check"]
    assert len(results) == len(rows)
    failed = next(r for r in results if r["name"] == "SEND-004 send.archived[owner]")
    assert failed["status"] == "failed" and "expected 400" in failed["statusDetails"]["trace"]
    attachment = json.loads((out / failed["attachments"][0]["source"]).read_text(encoding="utf-8"))
    assert attachment["as"] == "alice" and attachment["response"]["status"] == 201
    assert {r["status"] for r in results} == {"passed", "failed", "broken", "skipped"}
    assert len({r["historyId"] for r in results}) == len(results)
    (step,) = failed["steps"]
    assert step["status"] == "failed" and step["name"].startswith("alice: POST") and "201" in step["name"]
    assert "profile = experimental-2026-05" in (out / "environment.properties").read_text(encoding="utf-8")


def test_allure_tells_two_checks_of_one_case_apart(tmp_path: Path) -> None:
    out = tmp_path / "allure"
    allure.render(whole(tmp_path / "r", http("x1"), check("A-1", attempt=1), check("A-1", "fail", attempt=2)), out)
    results = [json.loads(path.read_text(encoding="utf-8")) for path in out.glob("*-result.json")]
    assert len({r["historyId"] for r in results}) == 2


def test_allure_needs_a_folder(mixed: Path) -> None:
    with pytest.raises(ValueError, match="give a path"):
        allure.render(mixed, StringIO())
