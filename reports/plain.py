"""Pages without a script: the frame that those of `compare`, `matrix` and `trend` share, and tables."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources


@cache
def _style() -> str:
    return resources.files("reports").joinpath("page", "plain.css").read_text(encoding="utf-8")


def escaped(text: str) -> str:
    return html.escape(text, quote=True)


def document(title: str, *pieces: str) -> str:
    """A whole page; `pieces` are markup already."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escaped(title)}</title><style>{_style()}</style></head><body><main><h1>{escaped(title)}</h1>\n"
        + "\n".join(pieces)
        + "\n</main></body></html>\n"
    )


def cell(text: str, kind: str = "") -> str:
    """A cell of a table; `kind` gives its colour, the text has to say it, too."""
    return f'<td class="c {escaped(kind)}">{escaped(text)}</td>' if kind else f"<td>{escaped(text)}</td>"


def table(name: str, heads: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    """A table that scrolls by itself; each row has a head and cells that are markup already."""
    head = "".join(f'<th scope="col">{escaped(text)}</th>' for text in heads)
    body = "\n".join(f'<tr><th scope="row">{escaped(first)}</th>{"".join(cells)}</tr>' for first, cells in rows)
    return (
        f'<div class="wide" tabindex="0" role="group" aria-label="{escaped(name)}"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def listed(items: Iterable[str]) -> str:
    """A list of texts; nothing for none."""
    inner = "".join(f"<li>{escaped(item)}</li>" for item in items)
    return f"<ul>{inner}</ul>" if inner else ""


def folded(title: str, inner: str, *, is_open: bool = False) -> str:
    return f"<details{' open' if is_open else ''}><summary>{escaped(title)}</summary>{inner}</details>"
