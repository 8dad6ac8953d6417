"""Shelves of chats and histories long enough to be turned page by page."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from conformance.checks.times import moment
from conformance.play.actors import Actor, Chat
from conformance.play.case import Case
from conformance.play.streams import quiet
from conformance.wire.exchange import Exchange


def ids(answer: Exchange) -> list[str]:
    """The ids of a list answer."""
    return [chat["id"] for chat in answer.response.body]


@dataclass(frozen=True, slots=True)
class Shelf:
    """A list that holds only what one case has made: somebody's, with these parameters."""

    actor: Actor
    where: dict[str, Any]

    async def list(self, **params: Any) -> Exchange:
        return await self.actor.list(**self.where, **params)


async def shelved(t: Case, n: int) -> tuple[Shelf, list[Chat]]:
    """`n` chats at rest, newest first, and the list that holds them alone. Raises Unmet."""
    mark = t.unique()
    shelf = Shelf(*await t.session.dialect.shelf(t, mark))
    bounded = "turns.at-once" in t.session.profile.table("limits")
    places = asyncio.Semaphore(t.limit("turns.at-once") // 2 if bounded else n)  # other cases want some, too

    async def one() -> Chat:
        async with places:
            return await quiet(t, by=shelf.actor, **({"mark": mark} if shelf.where else {}))

    chats = await asyncio.gather(*(one() for _ in range(n)))
    seen = {c.id: moment((await c.get()).response.body["updated_at"]) for c in chats}
    return shelf, sorted(chats, key=lambda c: (seen[c.id], c.id), reverse=True)


MAX_ID = 2**63 - 1


def message_ids(answer: Exchange) -> list[int]:
    return [m["id"] for m in answer.response.body["messages"]]


async def talked(t: Case, turns: int = 3) -> tuple[Chat, list[int]]:
    """A chat at rest after some turns, and the ids of its messages, oldest first."""
    chat = await t.chat("one")
    for _ in range(turns - 1):
        await chat.turn("more", tries=1)
    return chat, [m["id"] for m in await chat.history()]
