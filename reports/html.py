"""The report as one HTML file that needs nothing else: filters, and for each failure what was said on the wire."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TextIO

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reports.record import Record, read
from reports.rows import Check
from reports.summary import LABEL, TROUBLE, WEIGHT, Result, Summary, summarize
from reports.text import compact, counted, difference, one_line, shorten, writing
from reports.transcript import transcript

# The size that the page may have. Details go to the worst requirements first, while they fit; without that, the
# report of a dead server, where all fails in the same way, would be tens of megabytes.
BUDGET = 1_350_000

# Of one requirement: checks in full, further ones on a line each, and names of passed cases.
_FULL, _SHORT, _NAMES = 3, 20, 12

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


@dataclass(frozen=True, slots=True)
class _Section:
    title: str
    note: str
    html: Markup


def render(record_path: Path, out: Path | TextIO, *, budget: int = BUDGET) -> None:
    """Write the page to `out`, of about `budget` characters at most, but for a line per requirement.

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
            sections=_sections(record, summary, budget),
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


def _sections(record: Record, summary: Summary, room: int) -> list[_Section]:
    """What needs a look first, then the others by area."""
    areas: dict[str, list[Result]] = {}
    for result in summary.results:
        if not result.troubled:
            areas.setdefault(result.area, []).append(result)
    sections = []
    for area in sorted(areas):
        rows = [_requirement(record, result) for result in areas[area]]
        passed = sum(result.verdict == "pass" for result in areas[area])
        sections.append(_Section(area, f"{passed} of {len(rows)} passed", Markup("").join(rows)))
    if summary.troubled:
        room -= sum(len(section.html) for section in sections)
        rows = _troubled(record, summary.troubled, room)
        sections.insert(0, _Section("To look at", str(len(rows)), Markup("").join(rows)))
    return sections


def _troubled(record: Record, results: list[Result], room: int) -> list[Markup]:
    """The rows of these results: all of them in brief, then in full, one by one, as long as there is room."""
    rows = [_requirement(record, result) for result in results]
    room -= sum(map(len, rows))
    for number, result in enumerate(results):
        full = _requirement(record, result, full=_FULL)
        room -= len(full) - len(rows[number])
        if room < 0 and number:
            break
        rows[number] = full
    return rows


def _requirement(record: Record, result: Result, *, full: int = 0) -> Markup:
    """One row; up to `full` of its troubled checks are shown with all there is, else one of them in a line."""
    shown = [check for check in result.checks if check.verdict in TROUBLE][:full]
    others = [check for check in result.checks if check.verdict != "pass" and check not in shown]
    limit = _SHORT if full or not result.troubled else 1
    rest = [(LABEL[check.verdict], one_line(check.case, 120) or "no case", _gist(check)) for check in others[:limit]]
    if len(others) > limit:
        rest.append((f"{len(others) - limit} more", "in the record", ""))
    details = [_check(record, check) for check in shown]
    return _macro("requirement", result, LABEL[result.verdict], details, rest, _passed(result))


def _gist(check: Check) -> str:
    """The check in a line."""
    if check.message or check.reason or not (check.has("expected") and check.has("actual")):
        return one_line(check.message or check.reason, 100)
    return f"{check.pointer} expected {compact(check.expected, 40)}, actual {compact(check.actual, 40)}"


def _passed(result: Result) -> str:
    names = [one_line(check.case, 80) or "no case" for check in result.checks if check.verdict == "pass"]
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return ", ".join(names[:_NAMES]) + more


def _check(record: Record, check: Check) -> Markup:
    both = check.has("expected") and check.has("actual")
    pairs = [("At", check.pointer)] if check.pointer else []
    pairs += [("Expected", compact(check.expected, 600))] if check.has("expected") else []
    pairs += [("Actual", compact(check.actual, 600))] if check.has("actual") else []
    commands = [("To see it", "\n".join(shorten(line, 4000) for line in check.reproduce))] if check.reproduce else []
    commands += [("To judge it again", check.rerun)] if check.rerun else []
    said = transcript(record, check)
    return _macro(
        "check",
        check,
        LABEL[check.verdict],
        difference(check.expected, check.actual) if both else [],
        pairs,
        said,
        commands,
        len({*check.exchanges, check.twin} - {""}) - len(said),
    )


def _macro(name: str, *values: Any) -> Markup:
    module = _environment().get_template("parts.html.j2").module
    html: Markup = getattr(module, name)(*values)
    return html
