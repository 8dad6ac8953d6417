"""How many turns run at once, in revisions that have a bound: chats of users, and those of sub-agents by themselves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fake_server.state.records import Chat

if TYPE_CHECKING:
    from fake_server.state.store import State

OPTION = "turns-at-once"


class Places:
    """The places that turns take, and who waits for one. There is always one where the revision has no bound."""

    def __init__(self, backend: State) -> None:
        limits = backend.revision.profile.table("limits")
        bounds = [limits[name]["max"] if name in limits else None for name in ("turns.at-once", "turns.children-at-once")]
        if backend.options.get(OPTION):
            bounds = [int(backend.options[OPTION])] * 2 if bounds[0] else bounds
        self._backend, self._bounds = backend, bounds
        self._taken: tuple[set[str], set[str]] = (set(), set())
        self._waiting: list[tuple[str, int, asyncio.Future[None]]] = []

    def waits(self, chat: Chat) -> bool:
        """Does the turn of this chat wait for a place?"""
        return any(chat_id == chat.id for chat_id, _, _ in self._waiting)

    async def take(self, chat: Chat) -> None:
        """Wait until the turn of this chat may run; first come, first served."""
        kind = int(chat.parent_chat_id is not None)
        most = self._bounds[kind]
        if chat.id in self._taken[kind]:
            return
        if most is None or (len(self._taken[kind]) < most and not any(k == kind for _, k, _ in self._waiting)):
            self._taken[kind].add(chat.id)
            return
        entry = (chat.id, kind, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        try:
            await entry[2]
        except asyncio.CancelledError:
            if entry in self._waiting:
                self._waiting.remove(entry)
            else:
                self.give_back(chat)
            raise

    def give_back(self, chat: Chat) -> None:
        """The turn of this chat has ended; the next that waits may run."""
        kind = int(chat.parent_chat_id is not None)
        if chat.id not in self._taken[kind]:
            return
        self._taken[kind].discard(chat.id)
        for entry in self._waiting:
            if entry[1] == kind:
                self._waiting.remove(entry)
                self._taken[kind].add(entry[0])
                entry[2].set_result(None)
                return
