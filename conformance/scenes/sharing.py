"""Chats that are shared."""

from __future__ import annotations

from conformance.play.actors import Chat
from conformance.play.case import Case

Entries = dict[str, dict[str, str]]


async def entries(t: Case, chat: Chat) -> Entries:
    """The sharing list as {users: {id: role}, groups: {id: role}}. Raises Failure."""
    body = t.accepted(await chat.acl())
    return {part: {e["id"]: e["role"] for e in body.get(part) or []} for part in ("users", "groups")}


def shared(*users: str, groups: tuple[str, ...] = ()) -> Entries:
    return {"users": dict.fromkeys(users, "read"), "groups": dict.fromkeys(groups, "read")}
