"""Runs of a folder over time: what each came to, and since when a requirement fails, as one page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TextIO

from reports.compare import CLASSES, changes_between
from reports.page_data import read_any
from reports.plain import cell, document, escaped, folded, listed, table
from reports.record import InvalidRecord
from reports.summary import RED, Summary, summarize
from reports.text import one_line, shorten, writing

_SUFFIXES = (".ndjson", ".ndjson.gz", ".jsonl", ".html")
_TOLD = ("new-failure", "fixed", "newly-not-judged", "no-longer-executed")
_WIDE, _HIGH, _MOST = 640, 120, 200


class NothingToShow(ValueError):
    """The folder has no record that could be read; the message is one line for the user."""


def render(folder: Path, out: Path | TextIO) -> list[Summary]:
    """Write the page of the records (or HTML reports) in `folder`, by when they started. Gives the runs.

    A file that can't be read is told on the page. Raises NothingToShow, OSError.
    """
    runs: list[Summary] = []
    unread: list[str] = []
    written = out.resolve() if isinstance(out, Path) else None
    for path in sorted(folder.iterdir()):
        if path.name.endswith(_SUFFIXES) and path.is_file() and path.resolve() != written:
            try:
                runs.append(summarize(read_any(path)))
            except InvalidRecord as error:
                unread.append(f"left out: {one_line(str(error))}")
    if not runs:
        raise NothingToShow(
            f"{folder}: no record ({', '.join(_SUFFIXES)}) in it; write one with: run --record {folder}/1.ndjson.gz"
        )
    runs.sort(key=lambda run: run.record.header.started_at)
    series: dict[tuple[str, str], list[Summary]] = {}
    for run in runs:
        series.setdefault((run.record.header.target_name, run.record.header.profile), []).append(run)
    pieces = [listed(unread)]
    for (target, profile), mine in series.items():
        pieces += [f"<h2>{escaped(one_line(target, 120))}, {escaped(profile)}</h2>", _chart(mine), _table(mine), *_changes(mine)]
    with writing(out) as buffer:
        buffer.write(document(f"Chat API conformance: {len(runs)} runs over time", *pieces))
    return runs


def _failed(run: Summary) -> int:
    return sum(run.counts[verdict] for verdict in RED)


def _table(runs: Sequence[Summary]) -> str:
    rows = []
    for run in runs:
        header = run.record.header
        cells = [cell(run.words, run.state), cell(f"{run.judged:,} of {run.in_scope:,}"), cell(str(_failed(run)))]
        cells += [cell(str(run.counts["warn"])), cell(str(run.counts["untestable"])), cell(header.spec_sha256[:12])]
        cells += [cell(one_line(", ".join(run.record.builds), 60) or "not said"), cell(f"{run.record.footer.ms / 1000:,.0f} s")]
        rows.append((header.started_at, cells))
    return table("Runs", ("Started", "Verdict", "Judged", "Failed", "Warned", "Untestable", "Contract", "Build", "Took"), rows)


def _chart(runs: Sequence[Summary]) -> str:
    """Failed requirements of each run as bars; the numbers stand in the table, too."""
    most = max((_failed(run) for run in runs), default=0)
    if len(runs) < 2 or not most:
        return ""
    wide = _WIDE / len(runs)
    bars = []
    for number, run in enumerate(runs):
        high = _HIGH * _failed(run) / most
        title = escaped(f"{run.record.header.started_at}: {_failed(run)} failed")
        bars.append(
            f'<rect x="{number * wide + 1:.1f}" y="{_HIGH - high:.1f}" width="{max(1, wide - 2):.1f}" '
            f'height="{max(high, 1):.1f}" fill="var(--fail)"><title>{title}</title></rect>'
        )
    label = escaped(f"Failed requirements of {len(runs)} runs, at most {most}")
    return (
        f'<svg viewBox="0 0 {_WIDE} {_HIGH}" width="100%" height="{_HIGH}" role="img" aria-label="{label}">{"".join(bars)}</svg>'
    )


def _changes(runs: Sequence[Summary]) -> Iterable[str]:
    """What changed from each run to the next, the latest first."""
    for old, new in reversed(list(pairwise(runs))):
        found = [change for change in changes_between(old, new) if change.kind in _TOLD]
        if found:
            words = ", ".join(
                f"{sum(c.kind == kind for c in found)} {kind}" for kind in CLASSES if any(c.kind == kind for c in found)
            )
            rows = [(c.requirement, [cell(c.kind, c.kind), cell(shorten(c.why or c.text, 200))]) for c in found[:_MOST]]
            more = f"<p>and {len(found) - _MOST} more</p>" if len(found) > _MOST else ""
            inner = table("Changes", ("Requirement", "Change", "What"), rows) + more
            yield folded(f"{new.record.header.started_at}: {words}", inner, is_open=new is runs[-1])
