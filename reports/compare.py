"""Two runs side by side: what is new, what is mended, and what can't be said."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from reports.page_data import read_any
from reports.plain import cell, document, listed, table
from reports.record import Record
from reports.rows import Verdict
from reports.summary import LABEL, RED, Result, Summary, summarize
from reports.text import one_line, shorten, writing

# Class → what it means; the order is that of reports, the gravest first.
CLASSES = {
    "new-failure": "failed now, and did not before",
    "still-failing": "failed before and now",
    "newly-not-judged": "was judged before, and could not be judged now",
    "no-longer-executed": "was in the old run, and is not in the new one",
    "new-warning": "warns now, and did not before",
    "fixed": "failed or warned before, and passes now",
    "new-requirement": "was not in the old run",
    "not-comparable": "the runs judge by different contracts or scopes",
}
GATES = ("new-failure",)  # classes that turn the exit status red unless others are named
_BAD = (*RED, "warn", "raced")
_JUDGED = ("pass", *_BAD, "expected-fail")
_MOST = 100  # rows of one class in Markdown


@dataclass(frozen=True, slots=True)
class Change:
    """A requirement whose outcome is worth telling. `old`, `new`: verdicts, "" where it was not in that run."""

    requirement: str
    level: str
    kind: str
    old: str
    new: str
    text: str
    why: str = ""


@dataclass(slots=True)
class Comparison:
    """The changes from one run to the next; `remarks` say what makes the runs different in kind."""

    old: Summary
    new: Summary
    changes: list[Change] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def of(self, kind: str) -> list[Change]:
        return [change for change in self.changes if change.kind == kind]

    def exit_status(self, gates: Iterable[str] = GATES) -> int:
        """1 if there is a change of one of these classes, else 0."""
        wanted = set(gates)
        return 1 if any(change.kind in wanted for change in self.changes) else 0


def compare(old: Path, new: Path) -> Comparison:
    """Compare two records, or HTML reports of them. Raises InvalidRecord, OSError."""
    one, other = read_any(old), read_any(new)
    found = Comparison(summarize(one), summarize(other))
    found.remarks += _remarks(one, other)
    if one.header.profile != other.header.profile:
        found.changes.append(Change("", "", "not-comparable", one.header.profile, other.header.profile, found.remarks[0]))
        return found
    found.changes += changes_between(found.old, found.new)
    return found


def changes_between(old: Summary, new: Summary) -> list[Change]:
    """What changed from one run to another of the same profile, by requirement."""
    before = {result.requirement: result for result in old.results}
    after = {result.requirement: result for result in new.results}
    changes = []
    for requirement in sorted(before.keys() | after.keys()):
        kind = _kind(before.get(requirement), after.get(requirement), old.record, new.record)
        if kind:
            changes.append(_change(requirement, kind, before.get(requirement), after.get(requirement)))
    return changes


def _remarks(one: Record, other: Record) -> list[str]:
    remarks = []
    if one.header.profile != other.header.profile:
        remarks.append(f"judged by {one.header.profile} and by {other.header.profile}: neither says anything of the other")
    elif one.header.spec_sha256 != other.header.spec_sha256:
        remarks.append("the contract changed in between (another SHA-256): a sentence may judge more or less than before")
    if one.header.target_name != other.header.target_name:
        remarks.append(f"different targets: {one.header.target_name} and {other.header.target_name}")
    for name, record in (("old", one), ("new", other)):
        if record.header.partial:
            remarks.append(f"the {name} run judged only some requirements")
        if record.footer.ended:
            remarks.append(f"the {name} run did not come to its end: {one_line(record.footer.ended.reason)}")
    return remarks


def _kind(old: Result | None, new: Result | None, one: Record, other: Record) -> str:
    if new is None:
        return "not-comparable" if other.header.partial else "no-longer-executed"
    if old is None:
        if one.header.partial:
            return "new-failure" if new.verdict in RED else "not-comparable"
        return "new-failure" if new.verdict in RED else "new-requirement"
    was, now = old.verdict, new.verdict
    if now in RED:
        return "still-failing" if was in RED else "new-failure"
    if now not in _JUDGED:
        return "newly-not-judged" if was in _JUDGED else ""
    if now in ("warn", "raced"):
        return "new-warning" if was == "pass" else ""
    return "fixed" if was in _BAD and now == "pass" else ""


def _change(requirement: str, kind: str, old: Result | None, new: Result | None) -> Change:
    known = new or old
    assert known is not None
    why = new.checks[0] if new else None
    return Change(
        requirement,
        known.level,
        kind,
        _label(old),
        _label(new),
        known.text,
        one_line(why.message or why.reason) if why and kind != "fixed" else "",
    )


def _label(result: Result | None) -> str:
    verdict: Verdict | None = result.verdict if result else None
    return LABEL[verdict] if verdict else "not in the run"


def counts(found: Comparison) -> list[tuple[str, int, str]]:
    """(class, how many, what it means) of each class that occurs."""
    return [(kind, len(found.of(kind)), means) for kind, means in CLASSES.items() if found.of(kind)]


def console(found: Comparison, out: TextIO) -> None:
    """A line for each change, but for those of what was left out of a narrowed run."""
    print(f"old  {_words(found.old)}\nnew  {_words(found.new)}", file=out)
    for remark in found.remarks:
        print(f"note: {remark}", file=out)
    for kind, number, means in counts(found):
        print(f"{kind}: {number}  ({means})", file=out)
        for change in found.of(kind)[: _MOST if kind in ("new-failure", "fixed", "still-failing") else 10]:
            outcome = f"{change.old} -> {change.new}"
            line = f"  {change.requirement or 'profiles'}  {change.level}  {outcome}  {shorten(change.why, 120)}"
            print(line.rstrip(), file=out)
    if not found.changes:
        print("nothing changed", file=out)


def _words(summary: Summary) -> str:
    header = summary.record.header
    return f"{header.profile} at {one_line(header.target_name)}, {header.started_at}: {summary.words}"


def markdown(found: Comparison, out: Path | TextIO) -> None:
    """A comment for a pull request: counts, then a folded table for each class."""
    title = "nothing changed" if not found.changes else ", ".join(f"{number} {kind}" for kind, number, _ in counts(found))
    lines = [f"## {'❌' if found.exit_status() else '✅'} Chat API conformance: {title}", ""]
    lines += [f"- {name}: {_escaped(_words(summary))}" for name, summary in (("old", found.old), ("new", found.new))]
    lines += [f"- {_escaped(remark)}" for remark in found.remarks] + [""]
    for kind, number, means in counts(found):
        is_open = " open" if kind == "new-failure" else ""
        lines += [f"<details{is_open}><summary>{number} {kind}: {means}</summary>", ""]
        lines += ["| requirement | level | old | new | |", "|---|---|---|---|---|"]
        for change in found.of(kind)[:_MOST]:
            cells = (
                change.requirement or "profiles",
                change.level,
                change.old,
                change.new,
                shorten(change.why or change.text, 200),
            )
            lines.append("| " + " | ".join(map(_escaped, cells)) + " |")
        if number > _MOST:
            lines.append(f"| … | | | | and {number - _MOST} more |")
        lines += ["", "</details>", ""]
    with writing(out) as buffer:
        buffer.write("\n".join(lines))


def _escaped(text: str) -> str:
    """Text in which nothing is Markdown, HTML, a mention or an end of a cell."""
    text = html.escape(one_line(text), quote=False)
    return "".join(f"&#{ord(c)};" if c in "\\`*_{}[]()#+!|~$@" else c for c in text)


def page(found: Comparison, out: Path | TextIO) -> None:
    """The same as one HTML file: both runs side by side."""
    rows = [
        (
            change.requirement or "profiles",
            [
                cell(change.level),
                cell(change.kind, change.kind),
                cell(change.old),
                cell(change.new),
                cell(shorten(change.why or change.text, 300)),
            ],
        )
        for kind in CLASSES
        for change in found.of(kind)
    ]
    numbers = [f"{number} {kind}: {means}" for kind, number, means in counts(found)]
    pieces = [
        listed([f"Old: {_words(found.old)}", f"New: {_words(found.new)}", *found.remarks]),
        "<h2>What changed</h2>",
        listed(numbers or ["nothing changed"]),
        table("Changes", ("Requirement", "Level", "Class", "Old", "New", "What"), rows) if rows else "",
    ]
    with writing(out) as buffer:
        buffer.write(document("Two runs compared", *pieces))
