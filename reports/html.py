"""The report as one HTML file that needs nothing else: filters, and for each failure what was said on the wire.

The head of the page is written here; the requirements are data in it (reports.page_data), shown by its script.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TextIO

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reports.page_data import data_of, packed
from reports.record import Record, read
from reports.rows import Coverage
from reports.summary import LABEL, WEIGHT, Summary, summarize
from reports.text import compact, counted, one_line, writing

# The size that the page may have. Details go to the worst requirements first, while they fit; without that, the
# report of a dead server, where all fails in the same way, would be tens of megabytes.
BUDGET = 1_350_000
_HEAD = 150_000  # of it for all that stands before the requirements

LEVELS = ("MUST", "SHOULD", "MAY")
_LEAD = {
    "conformant": "Everything in scope was judged, and the server keeps to it.",
    "not-conformant": "The server breaks at least one requirement that a conformant server must keep.",
    "incomplete": "Nothing is wrong in what was judged, but not everything in scope could be judged.",
    "partial": "Only some requirements were selected; what was judged of them is kept, and nothing is said of the others.",
    "interrupted": "The run was broken off before its end: it says nothing of the server as a whole.",
    "broken-off": "The server went away during the run, so it says nothing of the server as a whole.",
    "broken": "The run itself went wrong, so its verdict does not stand.",
}


def render(record_path: Path, out: Path | TextIO, *, budget: int = BUDGET) -> None:
    """Write the page to `out`, of about `budget` bytes at most, but for a line per requirement.

    Raises InvalidRecord, OSError.
    """
    record = read(record_path)
    summary = summarize(record)
    levels = Counter(result.level for result in summary.results)
    page = (
        _environment()
        .get_template("report.html.j2")
        .render(
            header=record.header,
            summary=summary,
            state_text=summary.words,
            lead=_lead(summary),
            facts=_facts(record, summary),
            outcomes=summary.outcomes(),
            bar=[(verdict, summary.counts[verdict], LABEL[verdict]) for verdict in WEIGHT if summary.counts[verdict]],
            chips=[(v, summary.counts[v], LABEL[v]) for v in WEIGHT if summary.counts[v]],
            levels=[(level, levels[level]) for level in LEVELS if levels[level]],
            areas=sorted(Counter(result.area for result in summary.results).items()),
            reasons=summary.reasons("untestable"),
            left_out=summary.reasons("not-applicable"),
            table=_table(summary),
            all_levels=LEVELS,
            notes=record.notes,
            races=[race for race in record.footer.races if race.worded != "never looked at"],
            coverage=_covered(record.footer.coverage),
            data=Markup(packed(data_of(record, summary, budget - _HEAD))),
            css=Markup(_asset("report.css")),
            js=Markup(_asset("report.js")),
        )
    )
    with writing(out) as buffer:
        buffer.write(page)


def _lead(summary: Summary) -> str:
    if summary.state == "not-conformant" and not summary.counts["fail"]:
        return "No MUST is broken, but what was found is not what this run was told to accept."
    if summary.state == "incomplete" and not summary.judged:
        return "Nothing was judged, so nothing can be said of the server."
    return f"{_LEAD[summary.state]} {one_line(summary.unfinished, 400)}".rstrip()


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("reports", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _asset(name: str) -> str:
    return resources.files("reports").joinpath("page", name).read_text(encoding="utf-8")


def _facts(record: Record, summary: Summary) -> list[tuple[str, str]]:
    header, footer = record.header, record.footer
    took = f", took {footer.ms / 1000:.1f} s" if footer.ms else ""
    facts = [
        ("Target", header.target_name),
        ("Server build", ", ".join(record.builds) or "its answers do not say"),
        ("Started", f"{header.started_at}{took}"),
        ("Judged by", f"{header.profile}{f', which extends {header.extends}' if header.extends else ''}"),
        ("Requirements", header.rests_on),
        ("Contract (SHA-256)", header.spec_sha256),
        ("Suite", header.suite_version),
        ("Checks", f"{summary.checks:,} on {record.exchanges:,} HTTP exchanges and {counted(record.sockets, 'socket')}"),
        ("Seed", "none" if header.seed is None else str(header.seed)),
        ("Exit status", str(footer.exit)),
        ("Options", _pairs(header.options | {"strict": header.strict})),
        ("Actors", _names(header.target.get("users"))),
        ("Declared capabilities", _declared(header.target.get("capabilities"))),
        ("Job", header.job),
        ("Run it again", " ".join(header.command)),
    ]
    return [(name, one_line(value, 600)) for name, value in facts if value]


def _pairs(value: Any) -> str:
    """An object of options on one line."""
    return ", ".join(f"{key} {compact(item, 80)}" for key, item in value.items()) if isinstance(value, dict) else ""


def _declared(capabilities: Any) -> str:
    """What the target is said to have, and what not."""
    if not isinstance(capabilities, dict):
        return ""
    has = [name for name, value in capabilities.items() if value]
    lacks = [name for name, value in capabilities.items() if not value]
    return "; ".join(f"{word} {', '.join(names)}" for word, names in (("has", has), ("has no", lacks)) if names)


def _names(users: Any) -> str:
    return ", ".join(users) if isinstance(users, dict) else ""


def _table(summary: Summary) -> list[tuple[str, list[tuple[int, int]]]]:
    """Area × level: how many of how many requirements in scope passed; the last row is of all areas."""
    scope = [r for r in summary.results if r.verdict != "not-applicable"]
    areas = sorted({result.area for result in scope})
    rows = [(area, [r for r in scope if r.area == area]) for area in areas] + [("all areas", scope)]
    table = []
    for name, mine in rows:
        levels = [[r for r in mine if r.level == level] for level in LEVELS]
        table.append((name, [(sum(r.verdict == "pass" for r in found), len(found)) for found in levels]))
    return table


Counts = list[tuple[str, int]]


def _covered(coverage: Coverage | None) -> list[tuple[str, str, list[tuple[str, str, Counts]]]]:
    """Tables of what was seen: title, how much in words, rows of (name, explanation, counts)."""
    if coverage is None:
        return []
    operations = [(one.operation, one.request, list(one.statuses.items())) for one in coverage.operations]
    events = [(feed, "", list(kinds.items())) for feed, kinds in coverage.events.items()]
    parts: list[tuple[str, str, Counts]] = [("parts", "of messages", list(coverage.parts.items()))] if coverage.parts else []
    tables = [("Operations by status", operations), ("Events and parts", events + parts)]
    return [(title, _share(rows), rows) for title, rows in tables if rows]


def _share(rows: list[tuple[str, str, Counts]]) -> str:
    counts = [number for _, _, cells in rows for _, number in cells]
    return f"{sum(map(bool, counts)):,} of {len(counts):,} seen"
