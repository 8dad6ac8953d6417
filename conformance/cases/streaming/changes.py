"""What the stream tells of the queue and of changes to the chat, and of what it tells nothing."""

from __future__ import annotations

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.streams import ids, joined_stream, marked, messages, of_type, quiet, snapshot, statuses, told, types
from conformance.wire.socket import Socket
from fixtures.scripts import gate, script
from fixtures.scripts import text as says


async def running(t: Case) -> tuple[Chat, Socket, str]:
    """A chat in the middle of its first answer, its stream, and the gate that the answer waits at. Raises Unmet."""
    hold = t.gate()
    chat = await t.new_chat(script(says("one "), gate(hold), says("two")))
    await t.llm.reached(hold)
    socket = await joined_stream(chat)
    await told(socket, {"type": "message"})
    return chat, socket, hold


@case("STREAM-060", "STREAM-061", "STREAM-062", needs=["llm-control"])
async def queued_send(t: Case) -> None:
    chat, socket, hold = await running(t)
    start = len(socket.events)
    queued = t.given(await chat.send(script(says("later"))))["queued_message"]
    with t.judging("STREAM-060"):
        update = await socket.until({"type": "queue_update"}, start=start)
        t.expect(ids(update["queued_messages"]), [queued["id"]], "the queue", "/queued_messages")
    await t.llm.open(hold)
    await chat.settled()
    stored = await chat.history()
    await told(socket, {"type": "message", "message": {"id": stored[-1]["id"]}}, start=start)
    seen = socket.events[start:]
    with t.judging("STREAM-060"):
        reply = next(i for i, e in enumerate(seen) if e["type"] == "message" and e["message"]["role"] == "assistant")
        t.true("message" not in types(seen[:reply]), "no message comes before the present answer", seen[:reply])
        t.true("pending" not in statuses(seen[:reply]), "no pending comes before the present answer", statuses(seen[:reply]))
    with t.judging("STREAM-061"):
        taken = next(i for i, e in enumerate(seen) if e["type"] == "message" and e["message"]["role"] == "user")
        t.expect(types(seen[taken:]).count("queue_update"), 1, "the queue updates behind the message that was taken up")
        first = next(i for i, e in enumerate(seen[reply:]) if e["type"] == "queue_update") + reply
        t.true(taken < first, "the message comes before the queue_update", types(seen))
    with t.judging("STREAM-062"):
        last = of_type(seen, "queue_update")[-1]
        t.true("queued_messages" not in last, "the last queue_update has no queued_messages", last)


@case("STREAM-063", "STREAM-064", needs=["llm-control"])
async def deleted_from_the_queue(t: Case) -> None:
    chat, socket, _ = await running(t)
    kept, gone = [t.given(await chat.send(f"queued {n}"))["queued_message"]["id"] for n in range(2)]
    await told(socket, {"type": "queue_update", "queued_messages": lambda q: ids(q) == [kept, gone]})
    start = len(socket.events)
    with t.judging("STREAM-063"):
        t.given(await chat.unqueue(gone))
        await socket.until({"type": "queue_update", "queued_messages": lambda q: ids(q) == [kept]}, start=start)
    start = len(socket.events)
    with t.judging("STREAM-064"):
        t.given(await chat.unqueue(gone))
        await socket.until({"type": "queue_update", "queued_messages": lambda q: ids(q) == [kept]}, start=start)


@case("STREAM-067", "STREAM-069")
async def nothing_is_told(t: Case) -> None:
    chat = await quiet(t)
    stored, known = len(await chat.history()), len(await snapshot(chat))
    socket = await joined_stream(chat)
    await told(socket, {"type": "message"}, stored)
    with t.judging("STREAM-067"):
        t.given(await chat.patch(archived=True))
        t.given(await chat.patch(archived=False))
        t.expect(types((await marked(socket, chat))[known:]), [], "the events of archiving and unarchiving")
    start = len(socket.events)
    with t.judging("STREAM-069"):
        other = await joined_stream(chat)
        await told(other, {"type": "message"}, stored)
        for change in ({"title": "Named"}, {"labels": {"a": "b"}}, {"pin_order": 1}, {"pin_order": 0}, {"plan_mode": "plan"}):
            t.given(await chat.patch(**change))
        t.given(await chat.patch(plan_mode=""))
        await chat.shared_with(t.bob)
        t.expect(types((await marked(other, chat))[known:]), [], "the events of other changes")
        t.expect(set(types(socket.events[start:])) - {"status"}, set(), "the events on the first connection")


@case("STREAM-068", needs=["llm-control"])
async def archived_in_mid_turn(t: Case) -> None:
    chat, socket, _ = await running(t)
    start = len(socket.events)
    await chat.settled("running")
    t.given(await chat.patch(archived=True))
    await socket.until({"type": "status", "status": {"status": "waiting"}}, start=start)
    await chat.settled("waiting")
    stored = await chat.history()
    t.expect(ids(messages(socket.events))[:1], ids(stored)[:1], "the message before")
