"""The read marker: has_unread in the list, and what moves it."""

from __future__ import annotations

import asyncio

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.verdict import Failure, Unmet
from conformance.scenes.lifecycle import family, let_go, titled
from conformance.scenes.reading import answered, look, unread
from fixtures.scripts import gate, script, text, tool_call, turn

PING_SECONDS = 15


@case("READ-001", "READ-005")
async def an_answer_is_unread(t: Case) -> None:
    chat = await titled(t, labels={"mark": t.unique()})
    with t.judging("READ-001"):
        t.expect(await unread(t, chat), True, "has_unread after the first answer")
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


@case("READ-007")
async def what_was_read_stays_read(t: Case) -> None:
    chat = await answered(t)
    await look(chat)
    if await unread(t, chat):
        raise Unmet("has_unread is true after the owner's stream")
    t.given(await chat.retitle())
    t.expect(await unread(t, chat), False, "has_unread after a new title")
    for archived in (True, False):
        t.given(await chat.patch(archived=archived))
    t.expect(await unread(t, chat), False, "has_unread after archiving and unarchiving")


@case("READ-008")
async def children_are_unread_too(t: Case) -> None:
    mark = t.unique()
    root, (child,) = await family(t, "child task", labels={"mark": mark})
    if "assistant" not in [m["role"] for m in await child.history()]:
        raise Unmet("the child has no answer")

    async def shown() -> list[bool]:
        (listed,), got = t.accepted(await t.alice.list(label=f"mark:{mark}")), t.accepted(await root.get())
        return [c["has_unread"] for place in (listed, got) for c in place["children"]]

    t.expect(await shown(), [True, True], "has_unread of an answered child, in the list and in GET of its root")
    await look(child)
    t.expect(await shown(), [False, False], "has_unread of the child after the owner's stream of it")


@case("READ-009", needs=["llm-control"])
async def what_does_not_move_a_chat(t: Case) -> None:
    hold, titling, labelling = [t.gate() for _ in range(3)]
    title = turn(gate(titling), tool_call("propose_title", {"title": "Late title"}))
    chat = await t.new_chat(script(text("ok"), gate(hold), title=title), t.titled)
    await t.llm.reached(hold)
    await t.llm.order(turn(gate(labelling)), chat=chat.id, purpose="label", times=1)
    await t.llm.open(hold)
    for name in (titling, labelling):
        await t.llm.reached(name)
    before = (await let_go(chat))["updated_at"]
    await t.llm.open(titling)
    titled_late = await chat.when(lambda c: c["title"] == "Late title", "the title that was being generated")
    t.expect(titled_late["updated_at"], before, "updated_at after the first title", "/updated_at")
    await look(chat)
    t.expect(t.accepted(await chat.get())["updated_at"], before, "updated_at after the owner's stream", "/updated_at")
    await t.llm.open(labelling)
    labelled = await chat.when(lambda c: c["last_turn_summary"], "the summary of the turn")
    t.expect(labelled["updated_at"], before, "updated_at after the summary of the turn", "/updated_at")


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
