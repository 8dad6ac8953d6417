"""Where a profile serves what the one that it extends serves elsewhere, and where it serves it a second time.

`moves` of profile.yaml: beginnings of paths of the base's documents, each with what stands in its place; the longest one that
fits counts, and one that is moved to itself stays. `beside`: second places of all that stands below a beginning.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def moved(path: str, moves: dict[str, str]) -> str:
    """The path in its new place, or as it is where nothing moves it."""
    fitting = [start for start in moves if f"{path}/".startswith(f"{start}/")]
    start = max(fitting, key=len, default="")
    return moves[start] + path.removeprefix(start) if start else path


def moved_document(document: dict[str, Any], moves: dict[str, str], where: str) -> dict[str, Any]:
    """The OpenAPI document with its paths and mounts in their new places. Raises ValueError for two paths in one place."""
    paths = {moved(path, moves): item for path, item in document.get("paths", {}).items()}
    if len(paths) < len(document.get("paths", {})):
        raise ValueError(f"{where}: two paths are moved to one place")
    mounts = list(dict.fromkeys(moved(path, moves) for path in document.get("x-mounts", [])))
    return document | {"paths": paths} | ({"x-mounts": mounts} if mounts else {})


def moved_channels(document: dict[str, Any], moves: dict[str, str]) -> dict[str, Any]:
    """The AsyncAPI document with the addresses of its channels in their new places."""
    channels = {
        name: channel | ({"address": moved(channel["address"], moves)} if "address" in channel else {})
        for name, channel in document.get("channels", {}).items()
    }
    return document | ({"channels": channels} if channels else {})


def second_places(path: str, beside: dict[str, str]) -> Iterator[str]:
    """The other places of what is served at this path."""
    for second, first in beside.items():
        if f"{path}/".startswith(f"{first}/"):
            yield second + path.removeprefix(first)
