"""What is done for a chat beside its turns: compaction, efforts, costs, places for turns."""

from __future__ import annotations

from uuid import uuid4

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.turns import ran, said
from conformance.scenes.lifecycle import asks, awaits, becomes, first, outputs, queued
from conformance.wire.exchange import ABSENT
from fixtures.scripts import gate, http_error, script, text

SUMMARY = "chat_summarized"


@case("COMPACT-123", "COMPACT-124", "COMPACT-127")
async def compaction(t: Case) -> None:
    chat = await first(t)
    t.given(await chat.patch(archived=True))
    archived = await t.alice.post(chat.url("compactChat"))
    t.given(await chat.patch(archived=False))
    with t.judging("COMPACT-127"):
        t.refused(archived, "compact.archived")
        t.expect(t.accepted(await chat.get())["status"], t.idle, "the status after a refusal", "/status")
    with t.judging("COMPACT-123"):
        answer = await t.alice.post(chat.url("compactChat"))
        await becomes(chat, lambda c: c["status"] == t.idle, "status waiting")
        t.expect(t.accepted(answer)["status"], t.running, "the status in the answer", "/status")
        parts = [p for m in await chat.history() for p in m.get("content", []) if p.get("tool_name") == SUMMARY]
        t.expect([p["type"] for p in parts], ["tool-call", "tool-result"], "the parts of the summary")
        t.expect(parts[1]["result"]["source"], "manual", "its source", "/result/source")
    with t.judging("COMPACT-124"):
        t.refused(await t.alice.post(chat.url("compactChat")), "compact.nothing")


@case("COMPACT-125", needs=["llm-control"])
async def compaction_during_a_turn(t: Case) -> None:
    chat, hold = await first(t), t.gate()
    t.given(await chat.send(script(text("part "), gate(hold), text("late"), prefix="second")))
    await t.llm.reached(hold)
    t.refused(await t.alice.post(chat.url("compactChat")), "compact.busy")
    await t.llm.open(hold)
    await ran(chat, ["second", "part late"])


@case("COMPACT-126")
async def compaction_for_others(t: Case) -> None:
    chat = await first(t)
    for name in ("root", "orgadmin"):
        t.refused(await t.actor(name).post(chat.url("compactChat")), "compact.not-owner")
    t.refused(await t.bob.post(chat.url("compactChat")), "common.not-found")
    t.expect(t.accepted(await chat.get())["status"], t.idle, "the status after refusals", "/status")


@case("COMPACT-128")
async def compaction_after_a_failure(t: Case) -> None:
    chat = await first(t)
    t.given(await chat.send(script(http_error(400))))
    await becomes(chat, lambda c: c["status"] == "error", "status error")
    t.true("last_error" not in t.accepted(await t.alice.post(chat.url("compactChat"))), "the answer has no last_error")
    await becomes(chat, lambda c: c["status"] == t.idle and "last_error" not in c, "status waiting without last_error")


@case("RECONCILE-101")
async def nothing_to_mend(t: Case) -> None:
    chat = await first(t)
    before = t.given(await chat.get())
    t.refused(await t.alice.post(chat.url("reconcileInvalidChat")), "reconcile.healthy", state="W")
    t.expect(t.accepted(await chat.get())["status"], before["status"], "the status after a refusal", "/status")


@case("EFFORT-101", "EFFORT-102")
async def efforts(t: Case) -> None:
    chat = await first(t, reasoning_effort="low")
    message = (await chat.history())[0]["id"]
    with t.judging("EFFORT-101"):
        for value in ("x", "High", ""):
            shown = f'"{value}"'
            t.refused(await t.alice.create(reasoning_effort=value), "common.effort", value=shown)
            t.refused(await chat.send(reasoning_effort=value), "common.effort", value=shown)
            t.refused(await chat.edit(message, reasoning_effort=value), "common.effort", value=shown)
        t.expect([m["id"] for m in await chat.history()][:1], [message], "the messages after refusals")
    with t.judging("EFFORT-102"):
        t.expect(t.accepted(await chat.get()).get("last_reasoning_effort"), "low", "the effort of the create")
        await chat.turn(queued("second"))
        t.expect(t.accepted(await chat.get()).get("last_reasoning_effort"), "low", "the effort after a send without one")
        t.given(await chat.send(queued("third"), reasoning_effort="max"))
        await chat.settled()
        t.expect(t.accepted(await chat.get()).get("last_reasoning_effort"), "max", "the effort of a send")
        t.given(await chat.edit(message, queued("edited"), reasoning_effort="none"))
        await chat.settled()
        t.expect(t.accepted(await chat.get()).get("last_reasoning_effort"), "none", "the effort of an edit")


@case("COST-217")
async def costs_of_a_chat(t: Case) -> None:
    chat = await first(t)
    for name in ("alice", "orgadmin", "root"):
        shown = t.accepted(await t.actor(name).get(chat.url("getChatCost")))
        t.expect(shown["chat_id"], chat.id, f"the chat as {name} sees it", "/chat_id")
    for name in ("bob", "carol"):
        t.refused(await t.actor(name).get(chat.url("getChatCost")), "common.not-found")
    t.refused(await t.alice.get(t.url("getChatCost", chat=str(uuid4()))), "common.not-found")


@case("CAPACITY-101", alone=True, needs=["llm-control"])
async def more_turns_than_places(t: Case) -> None:
    gates = [t.gate() for _ in range(t.limit("turns.at-once"))]
    chats = [await t.new_chat(script(text("at work "), gate(hold), text("late"))) for hold in gates]
    for hold in gates:
        await t.llm.reached(hold)
    further = await t.new_chat(queued("further"))
    shown = t.accepted(await further.get())
    t.expect((shown["status"], shown.get("queued_for_capacity", ABSENT)), (t.running, True), "a chat beyond the places")
    t.expect(t.accepted(await chats[0].get()).get("queued_for_capacity", ABSENT), ABSENT, "a chat that has a place")
    t.given(await chats[0].interrupt())
    await said(further, ["further", "to further"])
    t.expect(t.accepted(await further.get()).get("queued_for_capacity", ABSENT), ABSENT, "the chat when it has run")


@case("CAPACITY-102", alone=True)
async def clients_hold_places(t: Case) -> None:
    chats = [await awaits(t, asks(f"p{n}")) for n in range(t.limit("turns.at-once"))]
    further = await t.new_chat(queued("further"))
    t.expect(t.given(await further.get()).get("queued_for_capacity", ABSENT), True, "queued_for_capacity beside chats that wait")
    t.accepted(await chats[0].tool_results(outputs(p0={})))
    await said(further, ["further", "to further"])


@case("GATEWAY-023", "GATEWAY-024")
async def without_the_gateway(t: Case) -> None:
    path = t.url("createChat")
    with t.judging("GATEWAY-023"):
        t.refused(await t.alice.create(), "common.gateway-off")
        t.refused(await t.alice.request("POST", path, content=b"{broken"), "common.gateway-off")
        t.refused(await t.nobody.post(path, {}), "auth.no-token")
        t.accepted(await t.alice.list())
    with t.judging("GATEWAY-024"):
        t.accepted(await t.alice.list())
        t.accepted(await t.alice.get(t.url("listModels" if t.offers("listModels") else "listModelConfigs")))
        t.refused(await t.alice.patch(t.url("patchChat", chat=str(uuid4())), {}), "common.not-found")
