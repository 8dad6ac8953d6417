"""Registered tool servers that chats may name."""

from __future__ import annotations

from typing import Any

from conformance.play.case import Case


def at(t: Case, server: Any = "") -> str:
    """The path of this server, or of all."""
    return t.url("getMCPServer", server=server) if server else t.url("listMCPServers")


def wanted(t: Case, **fields: Any) -> dict[str, Any]:
    """What a server is registered with; switched off, since chats would call it, unless only others can be named."""
    plain = {
        "display_name": t.unique("Server"),
        "slug": t.named("s"),
        "url": "http://127.0.0.1:1/mcp",
        "enabled": not t.session.traits["names_disabled_servers"],
    }
    return plain | {"transport": "streamable_http", "auth_type": "none", "availability": "default_off"} | fields


async def registered(t: Case) -> str:
    """The id of a server of the case's own; removed at the end. Raises Unmet."""
    made = str(t.given(await t.root.post(at(t), wanted(t)))["id"])
    t.cleanup(lambda: t.root.delete(at(t, made)))
    return made
