"""Workflow commands of GitHub Actions: an annotation for each failed requirement, and the verdict; to be printed by a step."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from reports.record import Record, read
from reports.story import story
from reports.summary import LABEL, RED, Result, summarize
from reports.text import one_line, writing

_MOST = 10  # of each kind: a step shows no more
_GREEN = ("conformant", "partial")


def render(record_path: Path, out: Path | TextIO) -> None:
    """Write the annotations to `out`, e.g. /dev/stdout. Raises InvalidRecord, OSError."""
    record = read(record_path)
    summary = summarize(record)
    lines = []
    for kind, results in (
        ("error", [result for result in summary.results if result.verdict in RED]),
        ("warning", [result for result in summary.results if result.verdict in ("warn", "raced")]),
    ):
        lines += [_annotation(record, kind, result) for result in results[: _MOST - 1]]
        if len(results) >= _MOST:
            more = ", ".join(result.requirement for result in results[_MOST - 1 :][:50])
            lines.append(f"::{kind} title={_value(f'{len(results) - _MOST + 1} more')}::{_text(more)}")
    kind = "notice" if summary.state in _GREEN else "error" if summary.state in ("not-conformant", "broken") else "warning"
    title = f"Chat API {record.header.profile}: {summary.words}"
    counts = ", ".join(f"{label} {count}" for label, count, _ in summary.outcomes())
    lines.append(f"::{kind} title={_value(title)}::{_text(counts)}")
    with writing(out) as buffer:
        buffer.write("\n".join(lines) + "\n")


def _annotation(record: Record, kind: str, result: Result) -> str:
    title = f"{result.requirement} {LABEL[result.verdict]} ({result.level})"
    told = [one_line(result.text), *(f"{name:<9} {text}" for name, text in story(record, result.checks[0]))]
    return f"::{kind} title={_value(title)}::{_text(chr(10).join(told))}"


def _text(text: str) -> str:
    """The message of a command: nothing in it ends the line."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _value(text: str) -> str:
    """A property of a command."""
    return _text(text).replace(":", "%3A").replace(",", "%2C")
