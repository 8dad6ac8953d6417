"""Allure results: a folder of files that the Allure report reads. Needs the `allure` extra."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO
from uuid import uuid4

from reports.record import Record, read
from reports.redact import visible
from reports.rows import Check, Verdict
from reports.summary import LABEL, summarize
from reports.text import deciding, got, one_line, pretty, sent

_STATUS: dict[Verdict, str] = {
    "pass": "passed",
    "warn": "passed",
    "fail": "failed",
    "unexpected-pass": "failed",
    "raced": "broken",
    "harness-error": "broken",
    "untestable": "skipped",
    "not-applicable": "skipped",
    "expected-fail": "skipped",
}
_STEPS = 12  # exchanges of one check
_SEVERITY = {"MUST": "critical", "SHOULD": "normal", "MAY": "minor"}


class MissingExtra(RuntimeError):
    """The packages of an extra are not installed; the message says how to."""


def render(record_path: Path, out: Path | TextIO) -> None:
    """Write one Allure result a check into the folder `out`, with the exchange of what was not passed.

    Raises MissingExtra, InvalidRecord, OSError, and ValueError when `out` is not a path.
    """
    try:
        from allure_commons import model2 as allure
        from allure_commons.logger import AllureFileLogger
    except ImportError:
        raise MissingExtra("Allure results need the extra: pip install 'chat-conformance[allure]'") from None
    if not isinstance(out, Path):
        raise ValueError("Allure results go to a folder: give a path")
    record = read(record_path)
    logger: Any = AllureFileLogger(out)  # type: ignore[no-untyped-call]
    start = _milliseconds(record.header.started_at)
    seen: Counter[tuple[str, str]] = Counter()
    for check in record.checks:
        seen[check.requirement, check.case] += 1
        digest = _digest(record, check, seen[check.requirement, check.case])
        result = allure.TestResult(
            uuid=str(uuid4()),
            name=visible(f"{check.requirement} {check.case}".strip()),
            fullName=visible(f"{record.header.profile}#{check.requirement}#{check.case}"),
            historyId=digest,
            testCaseId=digest,
            status=_STATUS[check.verdict],
            statusDetails=allure.StatusDetails(
                message=visible(check.message or check.reason or LABEL[check.verdict]),
                trace=visible(_trace(check)),
                flaky=check.verdict == "raced",
                known=check.verdict == "expected-fail",
            ),
            stage="finished",
            description=visible(f"{check.text}\n\nSource: {check.source or 'not given'}"),
            labels=[
                allure.Label("parentSuite", visible(record.header.profile)),
                allure.Label("suite", visible(check.area or "other")),
                allure.Label("story", visible(check.requirement)),
                allure.Label("severity", _SEVERITY[check.level]),
                allure.Label("tag", check.level),
                allure.Label("tag", check.verdict),
                allure.Label("framework", "chat-conformance"),
            ],
            start=start,
            stop=start + round(check.ms),
        )
        if check.verdict not in ("pass", "not-applicable"):
            result.attachments = _attach(allure, logger, record, check)
            result.steps = _steps(allure, record, check, start)
        logger.report_result(result)
    _write_properties(out, record)


def _attach(allure: Any, logger: Any, record: Record, check: Check) -> list[Any]:
    exchange = record.exchange(deciding(check) or "")
    if exchange is None:
        return []
    source = f"{uuid4()}-attachment.json"
    body = json.dumps(exchange.model_dump(by_alias=True, exclude_unset=True), ensure_ascii=False, indent=2)
    logger.report_attached_data(visible(body), source)
    return [allure.Attachment(name=visible(sent(exchange, 0)), source=source, type="application/json")]


def _steps(allure: Any, record: Record, check: Check, start: int) -> list[Any]:
    """The exchanges of the check, in their order; the one that decides is broken as the check is."""
    steps = []
    for id in check.exchanges[-_STEPS:]:
        if exchange := record.exchange(id):
            decides = id == deciding(check)
            steps.append(
                allure.TestStepResult(
                    name=visible(f"{sent(exchange, 80)} → {got(exchange, 40)}"),
                    status=_STATUS[check.verdict] if decides else "passed",
                    stage="finished",
                    start=start + round(exchange.t_ms),
                    stop=start + round(exchange.t_ms + exchange.ms),
                )
            )
    return steps


def _trace(check: Check) -> str:
    lines = []
    if check.pointer:
        lines.append(f"at {check.pointer}")
    if check.has("expected"):
        lines.append(f"expected {pretty(check.expected)}")
    if check.has("actual"):
        lines.append(f"actual {pretty(check.actual)}")
    lines += check.reproduce
    if check.rerun:
        lines.append(f"again: {check.rerun}")
    return "\n".join(lines)


def _digest(record: Record, check: Check, number: int) -> str:
    """What is the same check in the next run. `number`: of those of this requirement and case, from 1."""
    name = json.dumps([record.header.profile, check.requirement, check.case, *([number] if number > 1 else [])])
    return hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()


def _milliseconds(time: str) -> int:
    try:
        return round(datetime.fromisoformat(time).timestamp() * 1000)
    except ValueError:
        return round(datetime.now(UTC).timestamp() * 1000)


def _write_properties(out: Path, record: Record) -> None:
    lines = {
        "profile": record.header.profile,
        "target": record.header.target_name,
        "suite": record.header.suite_version,
        "seed": str(record.header.seed),
        "verdict": summarize(record).words,
    }
    text = "".join(f"{key} = {visible(one_line(value))}\n" for key, value in lines.items())
    (out / "environment.properties").write_text(text, encoding="utf-8")
