"""The read marker: has_unread in the list, and what moves it."""

from __future__ import annotations

import asyncio

from conformance.actors import Chat
from conformance.case import case
from conformance.cases.lifecycle_create import titled
from conformance.context import Case
from conformance.verdict import Failure, Unmet
from fixtures.scripts import script, text

PING_SECONDS = 15


async def unread(t: Case, chat: Chat) -> bool:
    """has_unread in the list of the owner of the chat, which has a label of its own."""
    label = t.given(await chat.get())["labels"]["mark"]
    (found,) = t.accepted(await t.alice.list(label=f"mark:{label}"))
    shown: bool = found["has_unread"]
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


@case("READ-001", "READ-005")
async def an_answer_is_unread(t: Case) -> None:
    chat = await titled(t, labels={"mark": t.unique()})
    with t.judging("READ-001"):
        t.expect(await unread(t, chat), True, "has_unread after the first answer")
        await look(chat)
        await chat.turn(script(text("more")))
        t.expect(await unread(t, chat), True, "has_unread after another answer")
    with t.judging("READ-005"):
        t.expect(t.accepted(await chat.get())["has_unread"], False, "has_unread in GET", "/has_unread")


@case("READ-002")
async def the_owner_reads(t: Case) -> None:
    chat = await answered(t)
    async with await chat.stream() as socket:
        await socket.until({"type": "message", "message": {"role": "assistant"}})
        t.expect(await unread(t, chat), False, "has_unread once the owner's stream is open")


@case("READ-003", rows={"reader": "bob", "admin": "root"})
async def others_read(t: Case, name: str) -> None:
    chat, other = await answered(t), t.actor(name)
    seen = await chat.shared_with(other) if name == "bob" else chat.by(other)
    await look(seen)
    t.expect(await unread(t, chat), True, f"has_unread after a stream of {name}")
    await look(chat)
    t.expect(await unread(t, chat), False, "has_unread after the owner's own stream")


@case("READ-004")
async def reading_over_http(t: Case) -> None:
    chat = await answered(t)
    for answer in (await chat.get(), await chat.messages(), await chat.prompts()):
        t.accepted(answer)
    t.expect(await unread(t, chat), True, "has_unread after GET of chat, messages and prompts")


@case("READ-006", needs=["slow"], early=True)
async def closing_marks_as_read(t: Case) -> None:
    chat = await answered(t)
    async with await chat.stream() as socket:
        await socket.until({"type": "message", "message": {"role": "assistant"}})
        await chat.turn(script(text("more")))
        await socket.until({"type": "message", "message": {"role": "assistant"}}, n=2)
    try:
        async with asyncio.timeout(PING_SECONDS + t.deadline):
            # nothing tells when the server has noticed the end of the stream
            while True:
                if not await unread(t, chat):
                    return
                await asyncio.sleep(0.5)
    except TimeoutError:
        raise Failure("has_unread is still true after the owner closed the stream", expected=False, actual=True) from None
