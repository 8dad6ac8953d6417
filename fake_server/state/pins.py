"""Pinned chats of an owner: their order is 1, 2, 3 … (chats.md section 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fake_server.faulting import replaceable
from fake_server.state.records import Chat

if TYPE_CHECKING:
    from fake_server.state.store import State


def pinned(backend: State, owner_id: str) -> list[Chat]:
    """The owner's pinned chats in order; archived ones don't count."""
    chats = (backend.store.chats[i] for i in backend.store.chats_of.get(owner_id, ()))
    return sorted((c for c in chats if c.pin_order > 0 and not c.archived), key=lambda c: (c.pin_order, c.id))


def pin(backend: State, chat: Chat) -> None:
    """Pin an unpinned chat behind all others."""
    others = pinned(backend, chat.owner_id)
    renumber(backend, others)
    chat.pin_order = len(others) + 1


def unpin(backend: State, chat: Chat) -> None:
    """Unpin a chat; its neighbours close up."""
    if chat.pin_order == 0:
        return
    chat.pin_order = 0
    renumber(backend, pinned(backend, chat.owner_id))


def move(backend: State, chat: Chat, to: int) -> None:
    """Move a pinned chat to this place, or to the nearest that there is."""
    others = [c for c in pinned(backend, chat.owner_id) if c is not chat]
    at = place_among(backend, len(others), to)
    chat.pin_order = at
    renumber(backend, others, gap=at)


@replaceable
def place_among(backend: State, others: int, to: int) -> int:
    """The place nearest to the wanted one."""
    return min(max(to, 1), others + 1)


@replaceable
def renumber(backend: State, chats: list[Chat], gap: int = 0) -> None:
    """Number these chats from 1 on, with one place left free if `gap` is one."""
    for number, chat in enumerate(chats, 1):
        chat.pin_order = number + (0 < gap <= number)
