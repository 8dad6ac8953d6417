"""Markdown for the summary page of a CI job: the verdict, a table of counts, the failures folded away."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TextIO

from reports.console import SHOUT
from reports.record import Record, read
from reports.story import story
from reports.summary import Result, Summary, summarize
from reports.text import one_line, writing

_SIGN = {"conformant": "✅", "partial": "◐", "incomplete": "⚠️", "interrupted": "⚠️"}  # all others: ❌
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~$@&])")


def render(record_path: Path, out: Path | TextIO, *, limit: int = 30) -> None:
    """Write the summary to `out`; the `limit` worst requirements with details. Raises InvalidRecord, OSError.

    At most about 5 KB a requirement, so that with the default limit it fits the 1 MiB that CI systems take.
    """
    record = read(record_path)
    summary = summarize(record)
    header = record.header
    lines = [
        f"## {_SIGN.get(summary.state, '❌')} Chat API {_plain(header.profile)}: {summary.words}",
        "",
        f"Judged {_plain(header.target_name)} with suite {_plain(header.suite_version)}, seed {header.seed}.",
        "",
        *([f"Requirements of the contract: {_plain(header.rests_on)}.", ""] if header.rests_on else []),
        "| requirements | count | of |",
        "|---|--:|--:|",
    ]
    for label, count, whole in summary.outcomes():
        lines.append(f"| {label} | {count:,} | {f'{whole:,}' if whole is not None else ''} |")
    lines.append("")
    _troubles(lines, record, summary, limit)
    reasons = summary.reasons("untestable")
    if reasons:
        lines += ["### Untestable here", ""]
        lines += [f"- {_plain(reason)}: {_plain(_some(ids))}" for reason, ids in reasons]
        lines.append("")
    if summary.unfinished:
        lines += [f"**{_plain(summary.unfinished)}**", ""]
    races = [race for race in record.footer.races if race.worded != "never looked at"]
    if races:
        lines += ["### Races of the server", "", *(f"- {_plain(race.race)}: {_plain(race.worded)}" for race in races), ""]
    notes = record.notes
    if notes:
        lines += ["### Notes", "", *(f"- {_plain(one_line(note.text))}" for note in notes[:20]), ""]
    with writing(out) as buffer:
        buffer.write("\n".join(lines))


def _troubles(lines: list[str], record: Record, summary: Summary, limit: int) -> None:
    troubled = summary.troubled
    if not troubled:
        return
    lines += ["### To look at", ""]
    for result in troubled[:limit]:
        lines += _detail(record, result)
    if len(troubled) > limit:
        rest = _some([result.requirement for result in troubled[limit:]], 60)
        lines += [f"…and {len(troubled) - limit} more: {_plain(rest)}", ""]


def _detail(record: Record, result: Result) -> list[str]:
    title = f"{SHOUT[result.verdict]} {result.requirement} ({result.level}): {one_line(result.text)}"
    facts = [f"{name:<9} {text}" for name, text in story(record, result.checks[0])]
    return [f"<details><summary>{_html(title)}</summary>", "", *_fenced(facts), "", "</details>", ""]


def _fenced(lines: list[str]) -> list[str]:
    """A code block that nothing inside can close."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", *lines, fence]


def _plain(text: str) -> str:
    """Text in which nothing is Markdown, HTML, a mention or an end of line."""
    return _SPECIAL.sub(r"\\\1", one_line(text)) if text else "-"


def _html(text: str) -> str:
    # A link or a mention in a summary line would be live: break them up with entities.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;").replace("`", "&#96;")


def _some(ids: list[str], limit: int = 20) -> str:
    return ", ".join(ids[:limit]) + (f" and {len(ids) - limit} more" if len(ids) > limit else "")
