"""The registry as a page: `python -m spec.registry_page` writes docs/requirements.md and docs/contract, and freezes new ids."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from spec import Requirement, registry
from spec.contract_page import contract
from spec.sources import cited

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "requirements.md"
FROZEN = ROOT / "tests" / "spec" / "frozen_ids.txt"

# Reading order of the areas; an area that is missing here stands at the end.
AREAS = {
    "auth": "Authentication, cross-site requests, routes",
    "ownership": "Who may do what",
    "limits": "Bounds, bodies and the order of checks",
    "lifecycle": "Life of a chat",
    "sequences": "Changes during turns, queues crossed with other operations, sub-agents",
    "paging": "Lists, filters, pages",
    "streaming": "Stream, retries, errors, watch",
    "serialization": "Objects and round trips",
    "files": "Files",
    "config": "Settings, AI providers, users' keys",
    "models": "Models",
    "usage": "Spend limits and cost",
    "administration": "Debug runs, skills, tool servers",
    "legacy": "The first generation: chats, messages, titles, models",
    "data-stream": "The first generation: answers line by line, tools",
    "properties": "Any sequence of actions, any input",
    "diff": "Walks beside a reference",
    "races": "Races that real servers have, measured",
    "schema": "Documents",
    "prose": "Wording of refusals",
}

INTRO = """# Requirements

Written by `python -m spec.registry_page` from `spec/requirements/*.yaml`; do not edit it here. How a level is chosen
stands in [DEVELOPERS.md](../DEVELOPERS.md). *Needs* is what a target must offer for the row to be judged, *profiles* the
revisions of the API that it holds in, *source* the [facts](contract/README.md) that it comes from, *seen* the recorded
scenarios that show it.
"""


def page(rows: Iterable[Requirement]) -> str:
    """The Markdown page for these requirements."""
    by_area: dict[str, list[Requirement]] = {}
    for row in rows:
        by_area.setdefault(row.area, []).append(row)
    order = sorted(by_area, key=lambda area: (list(AREAS).index(area) if area in AREAS else len(AREAS), area))
    out = [INTRO, "| area | MUST | SHOULD | MAY | all |", "|---|---:|---:|---:|---:|"]
    for area in order:
        out.append(f"| [{area}](#{area}) | {_counts(by_area[area])} |")
    out.append(f"| all | {_counts([row for rows_ in by_area.values() for row in rows_])} |")
    for area in order:
        out += ["", f"## {area}", "", f"{AREAS.get(area, area)}.", ""]
        out += ["| id | level | requirement | needs | profiles | source | seen |", "|---|---|---|---|---|---|---|"]
        out += [_line(row) for row in by_area[area]]
    return "\n".join(out) + "\n"


def _counts(rows: list[Requirement]) -> str:
    levels = [row.level for row in rows]
    return " | ".join(str(n) for n in (*(levels.count(level) for level in ("MUST", "SHOULD", "MAY")), len(rows)))


def _line(row: Requirement) -> str:
    seen = ", ".join(row.seen[:3]) + (" …" if len(row.seen) > 3 else "")
    text = _cell(row.text) + (f" *Not judged: {_cell(row.excluded)}*" if row.excluded else "")
    id = f'<a id="{row.id}"></a>{row.id}'
    source = ", ".join(f"[{_cell(part.name)}]({_relative(part.link)})" for part in cited(row.source))
    cells = (id, row.level, text, ", ".join(row.needs), ", ".join(row.profiles), source, seen)
    return f"| {' | '.join(cells)} |"


def _relative(link: str) -> str:
    """A place in the project as seen from this page."""
    return link.removeprefix("docs/") if link.startswith("docs/") else f"../{link}"


def _cell(text: str) -> str:
    for character in "\\|*`":
        text = text.replace(character, "\\" + character)
    return " ".join(text.replace("<", "&lt;").split())


def freeze(frozen: str, ids: Iterable[str]) -> str:
    """The snapshot `frozen` with the ids added that it does not have; nothing is ever taken out."""
    known = {line.split()[0] for line in frozen.splitlines() if line.strip()}
    lines = [*frozen.splitlines(), *sorted(set(ids) - known)]
    return "\n".join(sorted(lines)) + "\n"


def main() -> int:
    """Write the page and the snapshot; says what was written."""
    rows = registry()
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(rows.values()), encoding="utf-8")
    for path, text in contract(rows.values()).items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text, encoding="utf-8")
    FROZEN.parent.mkdir(parents=True, exist_ok=True)
    before = FROZEN.read_text(encoding="utf-8") if FROZEN.exists() else ""
    FROZEN.write_text(freeze(before, rows), encoding="utf-8")
    print(f"{len(rows)} requirements written to {PAGE.relative_to(ROOT)}; their ids are frozen in {FROZEN.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
