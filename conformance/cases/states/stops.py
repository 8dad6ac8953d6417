"""Interrupts and archives: which states take them, and what they leave going."""

from __future__ import annotations

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.turns import held, ran, said
from conformance.scenes.lifecycle import archived, asks, awaits, becomes, family, first, results
from fixtures.scripts import gate, http_error, script, text, tool_call, turn, turns


@case("INT-139")
async def nothing_to_interrupt(t: Case) -> None:
    idle, broken = await first(t), await t.new_chat(script(http_error(400)))
    await becomes(broken, lambda c: c["status"] == "error", "status error")
    put_away = await first(t)
    t.given(await put_away.patch(archived=True))
    for chat, state in ((idle, "W"), (broken, "E0"), (put_away, "XW")):
        before = t.given(await chat.get()), await chat.history()
        t.refused(await chat.interrupt(), "interrupt.at-rest", state=state)
        after = t.accepted(await chat.get()), await chat.history()
        t.expect(
            (after[0]["status"], after[0].get("last_error"), after[1]),
            (before[0]["status"], before[0].get("last_error"), before[1]),
            "the chat after a refusal",
        )
    under_way = (await held(t, text("part"))).chat
    t.accepted(await under_way.interrupt())


@case("INT-138", "INT-141", needs=["llm-control"])
async def a_running_turn(t: Case) -> None:
    chat = (await held(t, text("par"), text("tial "))).chat
    answer = await chat.interrupt()
    again = await chat.interrupt()
    with t.judging("INT-138"):
        t.expect(t.accepted(answer)["status"], "interrupting", "the status in the answer", "/status")
        await said(chat, ["first", "partial "])
    with t.judging("INT-141"):
        t.refused(again, "interrupt.at-rest", state="I0")


@case("INT-140")
async def awaited_results(t: Case) -> None:
    chat = await awaits(t, asks("one", "two"), turn(text("went on")))
    t.expect(t.accepted(await chat.interrupt())["status"], t.running, "the status in the answer", "/status")
    await ran(chat, ["went on"])
    found = results(await chat.history())
    t.expect([(p["tool_call_id"], p.get("is_error")) for p in found], [("one", True), ("two", True)], "the results made up")


@case("ARCH-162")
async def children_go_with_their_root(t: Case) -> None:
    root, (child,) = await family(t, "child task")
    for value in (True, False):
        t.refused(await child.patch(archived=value), "patch.archive-child")
        t.expect(await archived(child, root), [False, False], "archived after a refusal")
    t.accepted(await root.patch(archived=True))
    t.refused(await child.patch(archived=False), "patch.archive-child")
    t.expect(await archived(child, root), [True, True], "archived with the root")


@case("ARCH-163", needs=["llm-control"])
async def active_chats_stay(t: Case) -> None:
    under_way = await held(t, text("part "))
    chat = under_way.chat
    t.refused(await chat.patch(archived=True), "patch.archive-active", state="R0")
    t.expect(await archived(chat), [False], "archived after a refusal")
    await under_way.open()
    await said(chat, ["first", "part late"])
    t.accepted(await chat.patch(archived=True))
    hold = t.gate()
    spawn = turn(
        tool_call(
            "spawn_agent", {"type": "general", "prompt": script(turn(text("at work"), gate(hold))), "title": "Child"}, id="s"
        )
    )
    root = await t.chat(script(turns(spawn, turn(text("done")))))
    await t.llm.reached(hold)
    t.refused(await root.patch(archived=True), "patch.archive-active", state="R0")
    t.expect(await archived(root), [False], "archived of a root with a child at work")
