"""What is news to the owner of a chat: an answer after the look at a turn under way, calls, what an interrupt kept."""

from __future__ import annotations

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.lifecycle import TOOL, titled
from conformance.scenes.reading import answered, look, unread
from fixtures.scripts import gate, script, tool_call
from fixtures.scripts import text as says


async def news_after_a_look(t: Case, looks: int, *, interrupted: bool) -> bool:
    """has_unread at the end of a turn that was looked at under way; so often is the list read before it goes on."""
    chat, hold = await answered(t), t.gate()
    t.given(await chat.send(script(says("so far"), gate(hold), says(" and on"))))
    await t.llm.reached(hold)
    await look(chat)
    for _ in range(looks):
        with t.judging("READ-034"):
            t.expect(await unread(t, chat), False, "has_unread after a look during a turn")
    if interrupted:
        t.given(await chat.interrupt())
    await t.llm.open(hold)
    await chat.settled(t.idle)
    return await unread(t, chat)


@case("READ-034", "READ-036", needs=["llm-control"])
async def looks_at_turns_under_way(t: Case) -> None:
    for requirement, interrupted in (("READ-034", False), ("READ-036", True)):
        for looks in (1, 5, 25):  # a server that notices late that a stream was closed reads what has come until then
            news = await news_after_a_look(t, looks, interrupted=interrupted)
            if news:
                break
        with t.judging(requirement):
            t.expect(news, True, "has_unread once a turn has ended that was looked at under way")


@case("READ-035")
async def calls_are_news(t: Case) -> None:
    chat = await titled(t, labels={"mark": t.unique()}, unsafe_dynamic_tools=[TOOL])
    await look(chat)
    t.expect(await unread(t, chat), False, "has_unread of a chat that was read")
    t.given(await chat.send(script(tool_call("look_up", {}, id="n1"))))
    await chat.settled("requires_action")
    t.expect(await unread(t, chat), True, "has_unread of a chat that awaits tool results")
