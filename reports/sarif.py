"""SARIF 2.1.0, which code hosts show: a rule for each requirement that somebody must look at, a result for each check."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, TextIO

from reports.record import Record, read
from reports.redact import visible
from reports.rows import Check, Verdict
from reports.story import story
from reports.summary import LABEL, TROUBLE, Result, Summary, summarize
from reports.text import one_line, writing

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVEL: dict[Verdict, str] = {"warn": "warning", "raced": "note"}  # all others: error
_MOST = 5  # results of one requirement


def render(record_path: Path, out: Path | TextIO) -> None:
    """Write the record as SARIF to `out`. Raises InvalidRecord, OSError."""
    record = read(record_path)
    summary = summarize(record)
    troubled = summary.troubled
    run = {
        "tool": {
            "driver": {
                "name": "chat-conformance",
                "version": record.header.suite_version,
                "rules": [_rule(result) for result in troubled],
            }
        },
        "automationDetails": {"id": f"chat-conformance/{record.header.profile}/"},
        "invocations": [_invocation(record, summary)],
        "results": [found for number, result in enumerate(troubled) for found in _results(record, result, number)],
        "properties": {"profile": record.header.profile, "spec_sha256": record.header.spec_sha256, "verdict": summary.words},
    }
    with writing(out) as buffer:
        json.dump(_visible({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}), buffer, ensure_ascii=False, indent=1)
        buffer.write("\n")


def _rule(result: Result) -> dict[str, Any]:
    return {
        "id": result.requirement,
        "shortDescription": {"text": one_line(result.text) or result.requirement},
        "defaultConfiguration": {"level": "error" if result.level == "MUST" else "warning"},
        "properties": {"tags": [result.area, result.level]},
    }


def _results(record: Record, result: Result, rule: int) -> list[dict[str, Any]]:
    found = []
    for number, check in enumerate([c for c in result.checks if c.verdict in TROUBLE][:_MOST]):
        lines = [f"{name}: {text}" for name, text in story(record, check)]
        message = one_line(check.message or check.reason) or LABEL[check.verdict]
        found.append(
            {
                "ruleId": result.requirement,
                "ruleIndex": rule,
                "level": _LEVEL.get(check.verdict, "error"),
                "message": {"text": "\n".join([f"{LABEL[check.verdict]}: {message}", *lines])},
                "locations": [_location(record, result)],
                "partialFingerprints": {"case/v1": _fingerprint(record, check, number)},
            }
        )
    return found


def _location(record: Record, result: Result) -> dict[str, Any]:
    """A server has no file: the place is that of the requirement, and its name says which server."""
    return {
        "physicalLocation": {"artifactLocation": {"uri": f"spec/requirements/{result.area}.yaml"}, "region": {"startLine": 1}},
        "logicalLocations": [{"name": record.header.target_name, "kind": "resource"}],
    }


def _fingerprint(record: Record, check: Check, number: int) -> str:
    name = json.dumps([record.header.profile, check.requirement, check.case, number])
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def _invocation(record: Record, summary: Summary) -> dict[str, Any]:
    return {
        "executionSuccessful": summary.state not in ("broken", "broken-off", "interrupted"),
        "exitCode": record.footer.exit,
        "exitCodeDescription": summary.words,
        "startTimeUtc": record.header.started_at,
        **({"exitSignalName": record.footer.ended.how} if record.footer.ended else {}),
    }


def _visible(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {name: _visible(item) for name, item in value.items()}
    return [_visible(item) for item in value] if isinstance(value, list) else value
