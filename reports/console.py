"""The verdict in a terminal: each failure in at most 15 lines, then the summary with its denominators."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import wrap
from typing import TextIO

from reports.record import Record, read
from reports.redact import visible
from reports.rows import Verdict
from reports.story import story
from reports.summary import LABEL, RED, STATES, Result, Summary, summarize
from reports.text import counted, got, one_line, sent, writing

WIDTH = 110
_LAST_SHOWN = 4  # exchanges before a target went away
_MOST_REASONS, _MOST_NOTES = 5, 3  # so that the end fits a screen
SHOUT: dict[Verdict, str] = {
    "fail": "FAIL",
    "warn": "WARN",
    "raced": "RACED",
    "harness-error": "ERROR",
    "unexpected-pass": "UNEXPECTED PASS",
}
_STYLES = {"red": "31;1", "yellow": "33;1", "green": "32;1", "dim": "2", "bold": "1"}
_STYLE_OF: dict[str, str] = {
    "fail": "red",
    "harness-error": "red",
    "unexpected-pass": "red",
    "raced": "yellow",
    "warn": "yellow",
    "conformant": "green",
    "not-conformant": "red",
    "incomplete": "yellow",
    "partial": "yellow",
    "interrupted": "yellow",
    "broken-off": "red",
    "broken": "red",
}


class _Screen:
    """Lines of harmless text with our own styles around them."""

    def __init__(self, color: bool) -> None:
        self.color = color
        self.lines: list[str] = []

    def paint(self, style: str, text: str) -> str:
        text = visible(text).replace("\n", " ")
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.color and style else text

    def add(self, *pieces: tuple[str, str]) -> None:
        """One line of (style, text) pieces."""
        self.lines.append("".join(self.paint(style, text) for style, text in pieces).rstrip())

    def field(self, name: str, text: str) -> None:
        self.add(("dim", f"  {name:<9}"), ("", text))


def render(
    record_path: Path,
    out: Path | TextIO,
    *,
    limit: int = 20,
    color: bool | None = None,
    width: int = WIDTH,
    cut_off: bool = False,
) -> None:
    """Write failures and summary of the record to `out`.

    The `limit` worst requirements are shown in full, the others on a line each. `color` None: if `out` is a
    terminal and NO_COLOR is not set. `cut_off`: what there is of a record without a footer, too. Raises InvalidRecord,
    OSError.
    """
    record = read(record_path, cut_off=cut_off)
    summary = summarize(record)
    if color is None:
        terminal = not isinstance(out, Path) and out.isatty()
        color = terminal and not os.environ.get("NO_COLOR")
    screen = _Screen(color)
    for number, result in enumerate(summary.troubled):
        if number < limit:
            _failure(screen, record, result, width)
        else:
            if number == limit and limit:
                screen.add(("dim", f"The other {len(summary.troubled) - limit} in short:"))
            _short(screen, result, width)
    if len(summary.troubled) > limit:
        screen.add()
    if cut_off:
        for note in record.first_plays[-limit:]:
            screen.add(("", f"  failed once: {one_line(note.text)}"))
    _summary(screen, summary, width)
    with writing(out, styled=True) as buffer:
        buffer.write("\n".join(screen.lines) + "\n")


def _failure(screen: _Screen, record: Record, result: Result, width: int) -> None:
    """At most 14 lines and an empty one."""
    screen.add(
        (_STYLE_OF[result.verdict], SHOUT[result.verdict]),
        ("bold", f"  {result.requirement}"),
        ("dim", f"  {result.level}  {result.area}"),
    )
    lines = wrap(one_line(result.text, 400), width - 2) or ["(no text in the record)"]
    for line in lines[:2]:
        screen.add(("", f"  {line}"))
    others = sum(c.verdict == result.verdict for c in result.checks) - 1
    for name, text in story(record, result.checks[0], more=others):
        screen.field(name, text)
    screen.add()


def _short(screen: _Screen, result: Result, width: int) -> None:
    check = result.checks[0]
    what = one_line(check.message or check.reason or result.text)
    head = f"{result.requirement}  {result.level}  "
    screen.add(
        (_STYLE_OF[result.verdict], f"{SHOUT[result.verdict]:<5} "),
        ("", head + what[: max(20, width - len(head) - 6)]),
    )


def _summary(screen: _Screen, summary: Summary, width: int) -> None:
    record = summary.record
    state = summary.state
    screen.add(
        ("bold", f"{record.header.profile} at {one_line(record.header.target_name)}: "),
        (_STYLE_OF[state], summary.words.upper() if summary.words == STATES[state] else summary.words),
        ("dim", f" (exit {record.footer.exit})"),
    )
    for label, count, whole in summary.outcomes():
        indent = "  " if label in ("in scope", "judged", "untestable", "not reached", "not applicable") else "    "
        share = f" of {whole:,}" if whole is not None else ""
        name = f"requirements {label}" if label == "in scope" else label
        screen.add(("", f"{indent}{name:<{30 - len(indent)}}{count:>6,}{share}"))
    for verdict in (*RED, "warn"):
        if ids := [result.requirement for result in summary.results if result.verdict == verdict]:
            head = f"  {LABEL[verdict]}: "
            screen.add((_STYLE_OF[verdict], head), ("", _ids(ids, width - len(head))))
    reasons = summary.reasons("untestable")
    for reason, ids in reasons[:_MOST_REASONS]:
        head = f"  untestable, {one_line(reason, 80)}: "
        screen.add(("", head + _ids(ids, width - len(head))))
    if len(reasons) > _MOST_REASONS:
        left = sum(len(ids) for _, ids in reasons[_MOST_REASONS:])
        screen.add(("", f"  untestable for {len(reasons) - _MOST_REASONS} further reasons: {left}"))
    if summary.plays:
        passed, plays = summary.plays
        screen.add(("", f"  played several times: {passed:,} of {plays:,} plays of a judgement passed"))
    if summary.unfinished:
        screen.add(("yellow", f"  {one_line(summary.unfinished, 400)}"))
        for id in record.footer.ended.exchanges[-_LAST_SHOWN:] if record.footer.ended else ():
            exchange = record.exchange(id)
            if exchange:
                screen.add(("dim", f"    before: {sent(exchange, 80)} -> {got(exchange, 40)}"[: width + 8]))
    for race in record.footer.races:
        if race.worded != "never looked at":
            excused = f"; excused {_ids(race.excused, 40)}" if race.excused else ""
            screen.add(("", f"  race {race.race}: {race.worded}{excused}"))
    if walks := record.footer.walks:
        of = walks.triples
        reached = f"{of.together:,} of {of.possible:,} triples reached; by scenario cases alone {of.cases:,}"
        again = f"; {len(walks.not_again)} differences did not come again" if walks.not_again else ""
        raced = f"; {walks.raced} excused by races" if walks.raced else ""
        screen.add(("", f"  walks: {walks.walks:,} of {walks.steps:,} steps; {reached}{raced}{again}"))
    for note in record.notes[-_MOST_NOTES:]:
        screen.add(("", f"  note: {one_line(note.text)}"))
    if record.footer.slowest:
        longest = ", ".join(f"{slow.case} {slow.ms / 1000:.1f} s" for slow in record.footer.slowest[:3])
        screen.add(("dim", f"  longest: {one_line(longest)}"))
    seconds = f"{record.footer.ms / 1000:.1f} s, " if record.footer.ms else ""
    seed = f"seed {record.header.seed}, " if record.header.seed is not None else ""
    screen.add(
        (
            "dim",
            f"  {counted(summary.checks, 'check')}, {counted(record.exchanges, 'exchange')}, "
            f"{counted(record.sockets, 'socket')}, {seconds}{seed}suite {record.header.suite_version}",
        )
    )


def _ids(ids: list[str], room: int) -> str:
    """As many ids as fit, at least one, and how many more."""
    text = ids[0]
    for number, id in enumerate(ids[1:], 1):
        if len(text) + len(id) + 2 > room - 12:
            return f"{text} and {len(ids) - number} more"
        text += f", {id}"
    return text
