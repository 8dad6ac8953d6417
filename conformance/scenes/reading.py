"""What the owner of a chat has read of it."""

from __future__ import annotations

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.verdict import Unmet
from conformance.scenes.lifecycle import titled


async def unread(t: Case, chat: Chat) -> bool:
    """has_unread in the list of the owner of the chat, which has a label of its own."""
    label = t.given(await chat.get())["labels"]["mark"]
    listed = t.accepted(await t.alice.list(label=f"mark:{label}"))
    t.expect([c["id"] for c in listed], [chat.id], "the chats in the list with the label that only this chat has")
    shown: bool = listed[0]["has_unread"]
    return shown


async def answered(t: Case) -> Chat:
    """A chat with an answer that nobody has read. Raises Unmet."""
    chat = await titled(t, labels={"mark": t.unique()})
    if not await unread(t, chat):
        raise Unmet("has_unread of a chat just answered is not true")
    return chat


async def look(chat: Chat) -> None:
    """Open the stream, see the answer, close it."""
    async with await chat.stream() as socket:
        await socket.until({"type": "message", "message": {"role": "assistant"}})
