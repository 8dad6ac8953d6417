"""Workspace templates: only named, so that the list of allowed ones has something to allow (config.md section 6.7).

They come from the start option `templates`, a mapping or `NAME=ID,NAME=ID`; none by default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fake_server.rules.validate import parse_uuid
from fake_server.state import settings

if TYPE_CHECKING:
    from fake_server.state.store import State


def known(backend: State) -> dict[str, str]:
    """The names of all templates by id; may be changed."""
    stored: dict[str, str] | None = backend.store.settings.get("templates")
    if stored is None:
        given = backend.options.get("templates") or {}
        pairs = given.items() if isinstance(given, dict) else (pair.split("=", 1) for pair in str(given).split(","))
        stored = backend.store.settings["templates"] = {parse_uuid(template_id): name for name, template_id in pairs}
    return stored


def listed(backend: State, query: str = "") -> list[dict[str, Any]]:
    """The templates that a chat's tools see, by name: all, or those allowed; `query` is part of the name."""
    allowed = settings.setting(backend, "template_allowlist")
    rows = known(backend).items()
    if allowed:
        rows = {i: name for i, name in rows if i in allowed}.items()
    organization = backend.store.organization_id
    return [
        {"id": template_id, "name": name, "organization_id": organization}
        for template_id, name in sorted(rows, key=lambda row: row[1])
        if query.lower() in name.lower()
    ]
