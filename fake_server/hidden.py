"""Are the packages that the fake server imports those that it came with? A project may have its own of the same names."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

_BESIDE = Path(__file__).resolve().parent.parent
_NEEDED = ("spec", "fixtures")


class Hidden(ImportError):
    """A package of the project stands in the way; one line that says which, and what to do."""


def look() -> None:
    """Raises Hidden."""
    for name in _NEEDED:
        found = find_spec(name)
        place = Path(found.origin).resolve().parent if found and found.origin else _BESIDE / name
        if place != _BESIDE / name:
            way = "rename it, or use a server of its own process: chat-conformance serve --port 0 --target-file target.json"
            raise Hidden(f"{place} hides the package `{name}` that the fake server needs; {way}")
