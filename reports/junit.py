"""JUnit XML: a suite per area, a testcase per requirement and case, ordered by name. Red is what makes the run red."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO
from xml.etree import ElementTree as Xml

from reports.record import Record, read
from reports.rows import Check
from reports.story import story
from reports.summary import LABEL, WEIGHT, summarize
from reports.text import one_line, writing

_SKIPPED = ("untestable", "not-applicable", "expected-fail")


def render(record_path: Path, out: Path | TextIO) -> None:
    """Write the record as JUnit XML to `out`. Raises InvalidRecord, OSError.

    `fail` and `unexpected-pass` are failures, `harness-error` an error; `warn` too is a failure when the run
    was strict. What was not judged is skipped with its reason.
    """
    record = read(record_path)
    root = Xml.Element("testsuites", name=f"chat-conformance {record.header.profile}")
    areas: dict[str, dict[tuple[str, str], list[Check]]] = {}
    for check in record.checks:
        cases = areas.setdefault(check.area or "other", {})
        cases.setdefault((check.requirement, check.case), []).append(check)
    for area in sorted(areas):
        suite = Xml.SubElement(root, "testsuite", name=area, timestamp=_timestamp(record))
        _properties(suite, record)
        for _, checks in sorted(areas[area].items()):
            suite.append(_testcase(record, area, checks))
        _count(suite)
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    root.set("time", f"{record.footer.ms / 1000:.3f}")
    with writing(out) as buffer:
        Xml.indent(root)
        buffer.write('<?xml version="1.0" encoding="utf-8"?>\n')
        buffer.write(Xml.tostring(root, encoding="unicode") + "\n")


def _testcase(record: Record, area: str, checks: list[Check]) -> Xml.Element:
    check = min(checks, key=lambda c: WEIGHT.index(c.verdict))
    node = Xml.Element(
        "testcase",
        classname=f"{record.header.profile}.{area}",
        name=f"{check.requirement} {check.case}".strip(),
        time=f"{sum(c.ms for c in checks) / 1000:.3f}",
        file=f"spec/requirements/{area}.yaml",
    )
    summary = check.message or check.reason or check.text or LABEL[check.verdict]
    verdict = check.verdict
    if verdict in _SKIPPED:
        Xml.SubElement(node, "skipped", message=f"{LABEL[verdict]}: {check.reason or summary}")
    elif verdict == "harness-error":
        Xml.SubElement(node, "error", type=verdict, message=summary).text = _story(record, check)
    elif verdict in ("fail", "unexpected-pass") or (verdict == "warn" and record.header.strict):
        Xml.SubElement(node, "failure", type=f"{check.level} {verdict}", message=summary).text = _story(record, check)
    elif verdict in ("warn", "raced"):
        Xml.SubElement(node, "system-out").text = f"{LABEL[verdict]}: {summary}\n{_story(record, check)}"
    return node


def _story(record: Record, check: Check) -> str:
    head = f"{check.requirement} ({check.level}): {one_line(check.text)}"
    return "\n".join([head, *(f"{name:<9} {text}" for name, text in story(record, check, limit=600))])


def _properties(suite: Xml.Element, record: Record) -> None:
    header, scope = record.header, record.footer.requirements
    properties = Xml.SubElement(suite, "properties")
    for name, value in (
        ("profile", header.profile),
        ("target", header.target_name),
        ("suite_version", header.suite_version),
        ("spec_sha256", header.spec_sha256),
        ("seed", str(header.seed)),
        ("exit", str(record.footer.exit)),
        ("verdict", summarize(record).words),
        ("requirements_in_scope", str(scope.in_scope)),
        ("requirements_judged", str(scope.judged)),
    ):
        Xml.SubElement(properties, "property", name=name, value=value)


def _count(suite: Xml.Element) -> None:
    cases = suite.findall("testcase")
    suite.set("tests", str(len(cases)))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(case.find(tag) is not None for case in cases)))
    suite.set("time", f"{sum(float(case.get('time', '0')) for case in cases):.3f}")


def _timestamp(record: Record) -> str:
    """Whole seconds in UTC, with the zone; as it stands where it is no time."""
    try:
        return datetime.fromisoformat(record.header.started_at).astimezone(UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError):
        return record.header.started_at
