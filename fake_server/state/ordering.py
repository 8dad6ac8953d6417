"""The order of the chat list, kept up to date so that a page costs the same however many chats there are."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from datetime import datetime

from fake_server.state.records import Chat

Key = tuple[bool, int, datetime, str]


def sort_key(chat: Chat) -> Key:
    """Descending, this is the order of the list: pinned ones by their number, then the last changed first."""
    return chat.pin_order > 0, -chat.pin_order, chat.updated_at, chat.id


class OwnedOrder:
    """The root chats of one owner, active and archived ones apart. Chats report changes by themselves (model.Chat)."""

    __slots__ = ("changed", "joined", "placed", "sorted")

    def __init__(self) -> None:
        self.joined = 0  # how many of the owner's chats have been taken up
        self.changed: dict[str, Chat] = {}
        self.placed: dict[str, tuple[bool, Key]] = {}
        self.sorted: dict[bool, list[Key]] = {False: [], True: []}

    def update(self, chats: dict[str, Chat], ids: list[str]) -> None:
        """Take up new chats and put changed ones where they belong."""
        for chat_id in ids[self.joined :]:
            chat = chats[chat_id]
            chat.order = self.changed
            self.changed[chat_id] = chat
        self.joined = len(ids)
        for chat_id, chat in self.changed.items():
            old = self.placed.get(chat_id)
            if old is not None:
                keys = self.sorted[old[0]]
                del keys[bisect_left(keys, old[1])]
            key = sort_key(chat)
            insort(self.sorted[chat.archived], key)
            self.placed[chat_id] = chat.archived, key
        self.changed.clear()


class ListOrder:
    """The order of every owner's list."""

    def __init__(self, chats: dict[str, Chat], chats_of: dict[str, list[str]]) -> None:
        self._chats, self._chats_of = chats, chats_of
        self._owners: dict[str, OwnedOrder] = {}

    def walk(self, owner_id: str, archived: bool, after: Key | None = None) -> Iterator[Chat]:
        """The owner's root chats in this archived state, in order, from behind the key `after` on.

        To be used up before any chat changes.
        """
        owned = self._owners.setdefault(owner_id, OwnedOrder())
        owned.update(self._chats, self._chats_of.get(owner_id, []))
        keys = owned.sorted[archived]
        end = len(keys) if after is None else bisect_left(keys, after)
        for at in range(end - 1, -1, -1):
            yield self._chats[keys[at][3]]
