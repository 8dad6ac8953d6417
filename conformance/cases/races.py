"""How often the races that real servers have show in this one: each is measured, and none of them excuses itself."""

from __future__ import annotations

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.races import signs_in
from conformance.play.streams import joined, parts, statuses, told
from conformance.play.turns import held, watched
from fixtures.scripts import gate, script, turn
from fixtures.scripts import text as says

SENDS, BURST = 12, 300


@case("RACE-001")
async def turns_one_after_the_other(t: Case) -> None:
    chat = await t.chat(script(says("first")))
    for n in range(SENDS):
        sent = t.message(t.given(await chat.send(script(says(f"answer {n}")))))
        await chat.settled()
        if n % 3 == 2:
            t.given(await chat.edit(sent["id"], script(says(f"other answer {n}"))))
            await chat.settled()
        await chat.history()
    lost = signs_in(t.session.traits, t.exchanges)
    t.true(not lost, "each turn ended with an answer", await chat.history())


@case("RACE-002", needs=["llm-control"])
async def heads_of_a_queue(t: Case) -> None:
    gates = [t.gate() for _ in range(3)]
    under_way = await held(t, says("part"))
    for hold in gates:
        t.given(await under_way.chat.send(script(turn(gate(hold), says("done")))))
    await told(under_way.socket, {"type": "queue_update"}, 3)
    opened = under_way.gate
    skipped = 0
    for hold in gates:
        start = len(under_way.socket.events)
        await t.llm.open(opened)
        await t.llm.reached(hold)
        await told(under_way.socket, {"type": "status", "status": {"status": "running"}}, start=start)
        await under_way.socket.ping()
        seen = "pending" not in statuses(under_way.socket.events[start:])
        t.looked("pending-skipped", "queued turns", seen=seen)
        skipped += seen
        opened = hold
    await t.llm.open(opened)
    await under_way.chat.settled("waiting")
    t.expect(skipped, 0, "queued turns whose pending was not streamed")


@case("RACE-003", needs=["llm-control"])
async def a_burst_of_parts(t: Case) -> None:
    seen = await watched(t, *(says(f"{n} ") for n in range(BURST)))
    stored = "".join(p.get("text", "") for p in seen.content("assistant"))
    lost = joined(seen.live) != stored
    t.looked("burst-drops-parts", "bursts", seen=lost)
    t.expect(len(parts(seen.live, "text", "assistant")) if lost else BURST, BURST, "the parts that came live")
