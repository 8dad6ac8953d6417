"""Several readers of one chat, and readers that come back: nothing is lost, nothing comes twice."""

from __future__ import annotations

from collections.abc import Callable

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.streams import ids, joined, joined_stream, messages, of_type, quiet, says_text, statuses, told
from conformance.wire.socket import Event, Socket
from fixtures.scripts import attempts, gate, http_error, script, tool_call, turn, turns
from fixtures.scripts import text as says

FAILING = turns(turn(tool_call("list_templates", {}, id="c1")), attempts(http_error(503), http_error(400, "no such luck")))


def lasting(socket: Socket) -> list[Event]:
    """Messages, retries and errors."""
    return [e for e in socket.events if e.get("type") in ("message", "retry", "error")]


@case("STREAM-057", "STREAM-058")
async def several_readers(t: Case) -> None:
    chat = await quiet(t)
    mine = [await joined_stream(chat), await joined_stream(chat)]
    with t.judging("STREAM-058"):
        bobs = await joined_stream(await chat.shared_with(t.bob))
        await told(bobs, {"type": "message", "message": {"role": "assistant"}})
    for socket in mine:
        await told(socket, {"type": "message", "message": {"role": "assistant"}})
    t.given(await chat.send(script(FAILING, prefix=t.unique("ask"))))
    await told(mine[0], {"type": "error"})
    stored = ids(await chat.history())
    with t.judging("STREAM-057"):
        for socket in mine:
            for wanted in stored:
                await socket.until({"type": "message", "message": {"id": wanted}})
            await socket.until({"type": "error"})
        for kind in ("message", "retry", "error"):
            found = [of_type(lasting(socket), kind) for socket in mine]
            t.expect(found[1], found[0], f"the {kind} events of the second connection")
            t.true(found[0], f"{kind} events came", lasting(mine[0]))
    with t.judging("STREAM-058"):
        for wanted in stored:
            await bobs.until({"type": "message", "message": {"id": wanted}})
        t.expect(messages(bobs.events), messages(mine[0].events), "the messages of the other reader")


@case("STREAM-082", needs=["llm-control"])
async def parts_for_every_reader(t: Case) -> None:
    hold = t.gate()
    words = [f"word{n};" for n in range(9)]
    chat = await t.new_chat(script(gate(hold), *(says(word) for word in words)))
    await t.llm.reached(hold)
    theirs = await chat.shared_with(t.bob)
    sockets = [await joined_stream(seen) for seen in (chat, theirs, chat)]
    for socket in sockets:
        await told(socket, {"type": "message"})
    await t.llm.open(hold)
    await chat.settled()
    for socket in sockets:
        await socket.until(says_text(words[-1]))
        t.expect(joined(socket.events), "".join(words), "the text of the parts on each connection")


@case("STREAM-078")
async def back_in_mid_text(t: Case) -> None:
    hold, end = t.gate(), t.gate()
    text = turn(says("part a "), gate(hold), says("part b "), gate(end), says("part c"))
    chat = await t.new_chat(script(turns(turn(says("look "), tool_call("list_templates", {}, id="c1")), text)))
    await t.llm.reached(hold)
    before = await joined_stream(chat)
    await told(before, says_text("part a "))
    await told(before, {"type": "message"}, 3)
    seen = ids(messages(before.events))
    await before.aclose()
    await t.llm.open(hold)
    await t.llm.reached(end)
    after = await joined_stream(chat, after_id=max(seen))
    await after.until(says_text("part b "))
    await t.llm.open(end)
    await chat.settled()
    stored = await chat.history()
    for message in stored[len(seen) :]:
        await after.until({"type": "message", "message": {"id": message["id"]}})
    await after.ping()
    t.expect(sorted(seen + ids(messages(after.events))), ids(stored), "the messages before and after the reconnect")
    t.expect(joined(after.events), "part a part b part c", "the text of the answer on the new connection")


@case("STREAM-065", "STREAM-066", "STREAM-079", "STREAM-255")
async def edits(t: Case) -> None:
    chat = await quiet(t)
    await chat.turn(script(says("two")))
    old = await chat.history()
    near, far = await joined_stream(chat), await joined_stream(chat, after_id=t.limit("stream.after-id"))
    await told(near, {"type": "message", "message": {"id": old[-1]["id"]}})
    await told(far, {"type": "status"})
    with t.judging("STREAM-255"):
        t.expect(messages(far.events), [], "the messages of the first batch")
        if t.judges("STREAM-255"):
            await chat.turn(script(says("three")))
            for message in (await chat.history())[len(old) :]:
                await far.until({"type": "message", "message": {"id": message["id"]}})
    with t.judging("STREAM-079"):
        if t.judges("STREAM-079"):
            t.given(await chat.interrupt())
            await far.until({"type": "status"}, 2)
            t.expect(messages(far.events), [], "the messages before an edit")
    await told(near, {"type": "message", "message": {"id": (await chat.history())[-1]["id"]}})
    starts = [len(s.events) for s in (near, far)]
    new = t.message(t.given(await chat.edit(old[2]["id"], script(says("other")))))
    await chat.settled()
    await chat.kept_its_turn()
    wanted = [*ids(old[:2]), new["id"]]
    with t.judging("STREAM-065"):
        for socket, start in zip((near, far), starts, strict=True):
            await socket.until({"type": "message", "message": {"id": new["id"]}}, start=start)
            await socket.until({"type": "status", "status": {"status": "running"}}, start=start)
            t.expect(ids(messages(socket.events[start:]))[:3], wanted, "the messages after the edit")
    with t.judging("STREAM-066"):
        for socket, start in zip((near, far), starts, strict=True) if t.judges("STREAM-066") else ():
            update = await socket.until({"type": "queue_update"}, start=start)
            t.true("queued_messages" not in update, "the queue_update of an edit has no queued_messages", update)
    with t.judging("STREAM-079"):
        if not t.judges("STREAM-079"):
            return
        await far.until({"type": "message_part"}, start=starts[1])
        await far.until({"type": "status", "status": {"status": "waiting"}}, start=starts[1])
        t.true("running" in statuses(far.events[starts[1] :]), "statuses came", statuses(far.events))


@case("STREAM-147", needs=["llm-control"])
async def the_queue_for_every_reader(t: Case) -> None:
    hold = t.gate()
    chat = await t.new_chat(script(gate(hold), says("ok")))
    await t.llm.reached(hold)
    sockets = [await joined_stream(seen) for seen in (chat, chat, await chat.shared_with(t.bob))]
    for socket in sockets:
        await told(socket, {"type": "message"})
    for order, length in ((chat.send, 1), (chat.send, 2), (chat.interrupt, 1)):
        starts = [len(socket.events) for socket in sockets]
        t.given(await order())
        for socket, start in zip(sockets, starts, strict=True):
            await socket.until(queue_of(length), start=start)


def queue_of(length: int) -> Callable[[Event], bool]:
    """An update to a queue of this length."""

    def updates(event: Event) -> bool:
        return event["type"] == "queue_update" and len(event.get("queued_messages") or ()) == length

    updates.__doc__ = f"a queue_update with {length} messages"
    return updates
