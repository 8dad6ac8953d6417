"""What the scripts that write generated registry files share: reading and writing rows, keeping what was added by hand."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

Row = dict[str, Any]
BY_HAND = ("level", "needs", "excluded", "unkillable")


def read(path: Path) -> list[Row]:
    """The rows of a registry file; none when it is not there yet."""
    return (yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None) or []


def kept(row: Row, old: Row | None) -> Row:
    """The generated row with the fields that may be changed by hand as the file has them."""
    return row | {name: old[name] for name in BY_HAND if name in old} if old else row


def dump(head: str, rows: Iterable[Row]) -> str:
    """A registry file as text: a comment, then one field a line."""
    return f"# {head}\n" + "".join(_block(row) for row in rows)


def _block(row: Row) -> str:
    lines: list[str] = []
    for name, value in row.items():
        shown = yaml.safe_dump(value, allow_unicode=True, width=100_000, default_flow_style=True)
        lines.append(f"{'  ' if lines else '- '}{name}: {shown.removesuffix('...' + chr(10)).strip()}")
    return "\n".join(lines) + "\n"


def write(files: dict[Path, str], root: Path) -> None:
    """Write what differs; says which files."""
    for path, text in files.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"written: {path.relative_to(root)}")
