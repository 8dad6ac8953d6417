"""Archiving and bringing back: orders that reach a chat and its descendants."""

from __future__ import annotations

from fake_server.chats.steps import Steps
from fake_server.state.records import Chat


class Families(Steps):
    """Orders to a root with all its descendants, or to one child."""

    def family(self, chat: Chat) -> list[Chat]:
        """The chat and all its descendants: itself first, then by age."""
        store = self.backend.store
        found, at = [chat], 0
        while at < len(found):
            found.extend(store.chats[child] for child in store.children_of.get(found[at].id, ()))
            at += 1
        return [chat, *sorted(found[1:], key=lambda c: (c.created_at, c.id))]

    def archive(self, chat: Chat) -> None:
        """Archive a root with its descendants, or one child; active members are stopped, their queues stay."""
        backend = self.backend
        members = self._to_archive(chat)
        for member in members:
            backend.runner.settle(member)
            self._put(member, archived=True)
            if backend.does("archive.unpins"):
                member.pin_order = 0
        stops = backend.does("archive.stops-runs" if chat.parent_chat_id is None else "archive.stops-lone-children")
        for member in members:
            if member.status in ("pending", "running") and stops:
                self._stop(member)
        for member in self._announced(members):
            backend.hub.watch(member, "deleted")

    def unarchive(self, chat: Chat) -> None:
        """Bring back a root with all descendants, or one child. Nothing runs again by itself."""
        members = self._to_unarchive(chat)
        for member in members:
            self._put(member, archived=False)
        for member in self._announced(members):
            self.backend.hub.watch(member, "created")

    def _to_archive(self, chat: Chat) -> list[Chat]:
        return self.family(chat)

    def _to_unarchive(self, chat: Chat) -> list[Chat]:
        return self.family(chat) if self.backend.does("unarchive.cascade") else [chat]

    def _put(self, chat: Chat, *, archived: bool) -> None:
        chat.archived, chat.updated_at = archived, self.backend.clock.now()

    def _announced(self, members: list[Chat]) -> list[Chat]:
        """The members of a family that watchers are told of, in this order."""
        return members if self.backend.does("watch.family") else members[:1]
