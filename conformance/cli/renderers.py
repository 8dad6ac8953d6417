"""The renderers there are: found by their entry points, so that conformance never imports reports."""

from __future__ import annotations

from importlib import metadata


def renderers() -> dict[str, metadata.EntryPoint]:
    """Every renderer by its name."""
    return {found.name: found for found in metadata.entry_points(group="chat_conformance.renderers")}
