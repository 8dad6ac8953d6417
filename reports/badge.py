"""The verdict as an SVG badge. Green only when everything in scope was judged and nothing is red."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TextIO

from reports.record import read
from reports.redact import visible
from reports.summary import RED, STATES, Summary, summarize
from reports.text import shorten, writing

_COLOR = {"conformant": "#237a3b", "not-conformant": "#b3261e", "incomplete": "#8a5a00"}

# Widths of Verdana 11 px, rounded: narrow, wide and all other letters. A pixel off is not seen in a badge.
_NARROW, _WIDE = "fijlrtI.,:;'|()[]/- ", "mwMW@%"


def render(record_path: Path, out: Path | TextIO, *, label: str = "") -> None:
    """Write the badge to `out`; `label` is its left half, else the profile. Raises InvalidRecord, OSError."""
    summary = summarize(read(record_path))
    left = visible(shorten(label or f"chat API {summary.record.header.profile}", 60))
    with writing(out) as buffer:
        buffer.write(_svg(left, _text(summary), _COLOR.get(summary.state, "#5f6368")))


def _text(summary: Summary) -> str:
    if summary.state == "partial":
        return f"partial: {summary.words.replace(' requirements', '')}"
    if summary.state in ("broken", "broken-off", "interrupted"):
        return STATES[summary.state]
    if summary.state == "not-conformant":
        red = sum(summary.counts[verdict] for verdict in RED)
        return f"{red or 'not'} {'failed' if red else 'conformant'} of {summary.judged} judged" if red else "not conformant"
    if summary.state == "incomplete":
        return f"incomplete: {summary.judged} of {summary.in_scope} judged"
    warned = summary.counts["warn"]
    return f"{summary.judged} of {summary.in_scope}" + (f", {warned} warned" if warned else "")


def _width(text: str) -> int:
    return round(sum(4.2 if c in _NARROW else 10 if c in _WIDE else 7.1 for c in text)) + 12


def _svg(left: str, right: str, color: str) -> str:
    a, b = _width(left), _width(right)
    title = escape(f"{left}: {right}", quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{a + b}" height="20" '
        f'role="img" aria-label="{title}">'
        f"<title>{title}</title>"
        f'<clipPath id="r"><rect width="{a + b}" height="20" rx="3"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{a}" height="20" fill="#444"/>'
        f'<rect x="{a}" width="{b}" height="20" fill="{color}"/></g>'
        '<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f'<text x="{a / 2:g}" y="14" textLength="{a - 12}">{escape(left)}</text>'
        f'<text x="{a + b / 2:g}" y="14" textLength="{b - 12}">{escape(right)}</text></g></svg>\n'
    )
