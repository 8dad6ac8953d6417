"""What is news to the owner of a chat: an answer after the look at a turn under way, calls, what an interrupt kept."""

from __future__ import annotations

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.lifecycle import TOOL, titled
from conformance.scenes.reading import answered, look, unread
from fixtures.scripts import gate, script, tool_call
from fixtures.scripts import text as says


@case("READ-034", "READ-036", needs=["llm-control"])
async def looks_at_turns_under_way(t: Case) -> None:
    for interrupted in (False, True):
        chat, hold = await answered(t), t.gate()
        t.given(await chat.send(script(says("so far"), gate(hold), says(" and on"))))
        await t.llm.reached(hold)
        await look(chat)
        with t.judging("READ-034"):
            t.expect(await unread(t, chat), False, "has_unread after a look during a turn")
        if interrupted:
            t.given(await chat.interrupt())
        await t.llm.open(hold)
        await chat.settled(t.idle)
        with t.judging("READ-036" if interrupted else "READ-034"):
            t.expect(await unread(t, chat), True, "has_unread once that turn has ended")


@case("READ-035")
async def calls_are_news(t: Case) -> None:
    chat = await titled(t, labels={"mark": t.unique()}, unsafe_dynamic_tools=[TOOL])
    await look(chat)
    t.expect(await unread(t, chat), False, "has_unread of a chat that was read")
    t.given(await chat.send(script(tool_call("look_up", {}, id="n1"))))
    await chat.settled("requires_action")
    t.expect(await unread(t, chat), True, "has_unread of a chat that awaits tool results")
