"""What a new connection gets first: exactly what is there, in a fixed order."""

from __future__ import annotations

from datetime import datetime

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.streams import (
    fresh,
    ids,
    joined,
    joined_stream,
    messages,
    of_type,
    parts,
    quiet,
    says_text,
    snapshot,
    statuses,
    told,
    types,
)
from conformance.scenes.streaming import TOOL, failing
from fixtures.scripts import gate, http_error, script, tool_call, turn, turns
from fixtures.scripts import text as says


async def held(t: Case, *queued: str) -> tuple[Chat, str]:
    """A chat in the middle of its second step, with a queue; and the gate that it waits at. Raises Unmet."""
    hold = t.gate()
    first = turn(says("step one "), tool_call("list_templates", {}, id="o1"))
    chat = await t.new_chat(script(turns(first, turn(says("part a "), says("part b"), gate(hold), says(" part c")))))
    await t.llm.reached(hold)
    for text in queued:
        t.given(await chat.send(text))
    return chat, hold


@case("STREAM-024", "STREAM-025", "STREAM-027", "STREAM-028", "STREAM-030", "STREAM-032", "STREAM-036", needs=["llm"])
async def resting_chat(t: Case) -> None:
    chat = await t.chat(
        script(turns(turn(says("a"), tool_call("list_templates", {}, id="o1")), turn(says("b")))), system_prompt="Be brief."
    )
    stored, status = await chat.history(), t.given(await chat.get())["status"]
    shown = await snapshot(chat)
    with t.judging("STREAM-024"):
        t.expect(types(shown)[:1], ["status"], "the first event")
        for after_id in (stored[0]["id"], stored[-1]["id"]):
            t.expect(types(await snapshot(chat, after_id=after_id))[:1], ["status"], f"the first event with after_id={after_id}")
    with t.judging("STREAM-025"):
        t.expect(statuses(shown), [status], "the statuses of the snapshot")
    with t.judging("STREAM-027"):
        t.true(len(stored) >= 4, "the chat has its messages", ids(stored))
        came = messages(shown)  # those of one step share their created_at and come in any order
        t.expect(sorted(came, key=lambda m: m["id"]), stored, "the messages of the snapshot")
        times = [datetime.fromisoformat(m["created_at"]) for m in came]
        t.expect(times, sorted(times), "their created_at")
    with t.judging("STREAM-028"):
        for place, message in enumerate(stored):
            after = await snapshot(chat, after_id=message["id"])
            t.expect(sorted(ids(messages(after))), ids(stored[place + 1 :]), f"the messages after {message['id']}")
    with t.judging("STREAM-030"):
        t.expect(of_type(shown, "queue_update"), [], "the queue_update of a chat without a queue")
    with t.judging("STREAM-032"):
        t.true("b" in [p.get("text") for m in messages(shown) for p in m["content"]], "the last step is stored", messages(shown))
        t.expect(parts(shown), [], "the parts in the snapshot of a chat at rest")
    with t.judging("STREAM-036"):
        t.true("system" not in [m["role"] for m in messages(shown)], "no system message is shown", messages(shown))


@case("STREAM-026", "STREAM-029", "STREAM-031")
async def middle_of_a_step(t: Case) -> None:
    chat, _ = await held(t, "queued A", "queued B")
    watcher = await joined_stream(chat)
    await told(watcher, says_text("part b"))
    socket = await joined_stream(chat)
    with t.judging("STREAM-029"):
        update = await socket.until({"type": "queue_update"})
        listed = t.given(await chat.messages())["queued_messages"]
        t.expect([q["content"][0]["text"] for q in listed], ["queued A", "queued B"], "the queue that GET shows")
        t.expect(update.get("queued_messages"), listed, "the queue of the snapshot", "/queued_messages")
        t.expect(types(fresh(socket.events))[-1:], ["queue_update"], "the last event of the snapshot")
        later = await joined_stream(chat, after_id=(await chat.history())[-1]["id"])
        update = await later.until({"type": "queue_update"})
        t.expect(update.get("queued_messages"), listed, "the queue of a snapshot with after_id", "/queued_messages")
    await told(socket, {"type": "message"}, 3)
    with t.judging("STREAM-026"):
        order = t.order.snapshot
        places = [order.index(kind) for kind in types(fresh(socket.events))]
        t.expect(places, sorted(places), "the places of the events in the order of the snapshot")
        t.true(len(set(places)) >= 4, "status, parts, messages and the queue are there", types(socket.events))
    with t.judging("STREAM-031"):
        t.expect(joined(socket.events), "part a part b", "the text of the parts of the present step")


@case("STREAM-033")
async def requires_action(t: Case) -> None:
    chat = await t.chat(script(tool_call("lookup", {"a": 1}, id="k1")), unsafe_dynamic_tools=[TOOL])
    await chat.settled("requires_action")
    shown = await snapshot(chat)
    t.expect(statuses(shown), ["requires_action"], "the status of the snapshot")
    t.true("action_required" not in types(shown), "the snapshot has no action_required", types(shown))


@case("STREAM-034")
async def failed_chat(t: Case) -> None:
    chat = await t.chat(script(http_error(400, "no such luck")))
    await chat.settled("error")
    shown = await snapshot(chat)
    t.expect(statuses(shown), ["error"], "the status of the snapshot")
    t.true("error" not in types(shown), "the snapshot has no error", types(shown))


@case("STREAM-035", needs=["llm-control"])
async def waiting_for_a_retry(t: Case) -> None:
    chat, watcher = await failing(t, http_error(503, retry_after=60), turn(says("late")))
    retry = await told(watcher, {"type": "retry"})
    again = await joined_stream(chat)
    await told(again, {"type": "message"}, 3)
    t.expect(of_type(again.events, "retry"), [retry], "the retry of the snapshot")
    t.given(await chat.interrupt())
    await chat.settled("waiting")
    if not t.refuses("interrupt.at-rest"):  # later revisions tell the last retry until another attempt begins
        t.true("retry" not in types(await snapshot(chat)), "the snapshot after the retries has no retry")


@case("STREAM-037")
async def just_created(t: Case) -> None:
    for n in range(5):
        chat = await t.new_chat(f"first words {n}")
        socket = await joined_stream(chat)
        first = (await socket.until({"type": "message"}))["message"]
        t.expect([p["text"] for p in first["content"]], [f"first words {n}"], "the first message of the stream")
        t.expect(first["role"], "user", "its role", "/role")


@case("STREAM-081")
async def edited_away(t: Case) -> None:
    chat = await quiet(t)
    gone = ids(await chat.history())
    t.given(await chat.edit(gone[0], script(says("Other."), title="Quiet title")))
    await chat.settled()
    shown = ids(messages(await snapshot(chat)))
    t.expect([i for i in shown if i in gone], [], "removed messages in the snapshot")
    t.expect(shown, ids(await chat.history()), "the messages of the snapshot")
