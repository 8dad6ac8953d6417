"""`--github`: what failed as annotations of a GitHub job, and the summary of its page."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TextIO

from conformance.cli.renderers import renderers
from conformance.play.verdict import FAIL, HARNESS_ERROR, RACED, UNEXPECTED_PASS, WARN
from conformance.recordings.reading import record_lines
from conformance.wire.redact import without_secrets

_LEVELS = {FAIL: "error", HARNESS_ERROR: "error", UNEXPECTED_PASS: "error", WARN: "warning", RACED: "notice"}
_MOST = 50  # annotations; a page shows fewer


def tell(record: Path, out: TextIO) -> None:
    """Print a workflow command for each requirement that is not as it should be; add the summary to the page of the step."""
    told: dict[str, str] = {}
    for line in record_lines(record):
        if line["kind"] == "check" and line["verdict"] in _LEVELS and line["requirement"] not in told:
            words = f"{line.get('text', '')} {line.get('message') or line.get('reason', '')}".strip()
            title = f"{line['requirement']} ({line['level']})"
            told[line["requirement"]] = f"::{_LEVELS[line['verdict']]} title={_property(title)}::{_text(words)}"
    for text in sorted(told.values())[:_MOST]:
        print(text, file=out)
    out.flush()
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "summary.md"
            renderers()["markdown"].load()(record, page)
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(page.read_text(encoding="utf-8"))


def _text(words: str) -> str:
    return without_secrets(words)[:2000].replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(words: str) -> str:
    return _text(words).replace(":", "%3A").replace(",", "%2C")
