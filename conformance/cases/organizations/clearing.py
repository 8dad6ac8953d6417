"""Clearing: the model forgets what was said, which stays in the chat."""

from __future__ import annotations

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.turns import held, said
from conformance.scenes.lifecycle import becomes, first
from conformance.wire.exchange import Exchange
from fixtures.scripts import http_error, script, text

MARK = "chat_cleared"


async def clear(chat: Chat) -> Exchange:
    return await chat.actor.post(chat.url("clearChat"))


@case("CLEAR-001", "CLEAR-003", "CLEAR-007")
async def cleared(t: Case) -> None:
    chat = await first(t)
    before = await chat.history()
    with t.judging("CLEAR-001"):
        t.expect(t.accepted(await clear(chat))["status"], t.idle, "the status in the answer", "/status")
        after = await chat.history()
        t.expect(after[: len(before)], before, "the messages that were there")
        added = [(m["role"], p["type"], p.get("tool_name")) for m in after[len(before) :] for p in m["content"]]
        t.expect(added, [("assistant", "tool-call", MARK), ("tool", "tool-result", MARK)], "the parts behind them")
    with t.judging("CLEAR-003"):
        t.refused(await clear(chat), "clear.nothing")
        t.expect(len(await chat.history()), len(before) + 2, "how many messages there are after a refusal")
    with t.judging("CLEAR-007"):
        t.refused(await t.alice.post(chat.url("compactChat")), "compact.nothing")


@case("CLEAR-002", "CLEAR-008", needs=["llm-control"])
async def what_the_model_is_told(t: Case) -> None:
    old, new = t.unique("old"), t.unique("new")
    chat = await t.chat(script(text("hello"), prefix=old))
    asked = len(await chat.model_calls(wait=1))
    t.accepted(await clear(chat))
    with t.judging("CLEAR-002"):
        t.expect(t.accepted(await chat.get())["status"], t.idle, "the status after that", "/status")
        t.expect(len(await chat.model_calls()), asked, "how often the model was asked")
    await chat.turn(script(text("anew"), prefix=new))
    with t.judging("CLEAR-008"):
        told = str((await chat.model_calls(wait=asked + 1))[-1]["body"]["messages"])
        t.true(new in told and old not in told, "the model is told what was said after the clearing alone", told)


@case("CLEAR-004", needs=["llm-control"])
async def when_it_can_not_be(t: Case) -> None:
    under_way = await held(t, text("part "))
    t.refused(await clear(under_way.chat), "clear.busy")
    await under_way.open()
    await said(under_way.chat, ["first", "part late"])
    t.given(await under_way.chat.patch(archived=True))
    t.refused(await clear(under_way.chat), "clear.archived")
    t.given(await under_way.chat.patch(archived=False))
    t.accepted(await clear(under_way.chat))


@case("CLEAR-005", needs=["roles", "second-user"])
async def by_others(t: Case) -> None:
    chat = await first(t)
    before = await chat.history()
    for name in ("root", "orgadmin"):
        t.refused(await clear(chat.by(t.actor(name))), "clear.not-owner")
    t.refused(await clear(chat.by(t.bob)), "common.not-found")
    t.expect(await chat.history(), before, "the messages after refusals")
    t.accepted(await clear(chat))


@case("CLEAR-006")
async def after_a_failure(t: Case) -> None:
    chat = await first(t)
    t.given(await chat.send(script(http_error(400))))
    await becomes(chat, lambda c: c["status"] == "error", "status error")
    t.true("last_error" not in t.accepted(await clear(chat)), "the answer has no last_error")
    shown = t.accepted(await chat.get())
    t.expect((shown["status"], "last_error" in shown), (t.idle, False), "the status, and whether there is an error")
