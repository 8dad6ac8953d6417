"""What a connection gets first that is opened at a certain moment of a turn: what GET shows then, and nothing that is over."""

from __future__ import annotations

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.streams import ids, joined_stream, messages, of_type, parts, says_text, snapshot, told
from conformance.scenes.limits import TOOL
from conformance.scenes.streaming import failing
from fixtures.scripts import attempts, gate, http_error, reasoning, script, tool_call, turn, turns
from fixtures.scripts import text as says

NO = http_error(503, "no")


@case("STREAM-138", "STREAM-140", needs=["llm-control"], early=True)
async def no_retry_that_is_over(t: Case) -> None:
    hold, later = t.gate(), t.gate()
    call = tool_call("list_templates", {}, id="o2")
    step = attempts(NO, turn(says("made it"), gate(hold), says(" now"), call))
    chat = await t.new_chat(script(turns(step, turn(says("the end"), gate(later)))))
    t.cleanup(chat.interrupt)
    await t.llm.reached(hold)
    with t.judging("STREAM-138"):
        late = await joined_stream(chat)
        await late.until(says_text("made it"))
        t.expect(of_type(late.events, "retry"), [], "the retries of a snapshot after the attempt that succeeds has begun")
    await t.llm.open(hold)
    await t.llm.reached(later)
    with t.judging("STREAM-140"):
        late = await joined_stream(chat)
        await late.until(says_text("the end"))
        t.expect(of_type(late.events, "retry"), [], "the retries of a snapshot in the next step")
        t.expect([p.get("text") for p in parts(late.events)], ["the end"], "the parts of a snapshot in the next step")


@case("STREAM-139", early=True)
async def no_retry_of_a_turn_that_has_ended(t: Case) -> None:
    for last, status in ((http_error(400, "no such luck"), "error"), (turn(says("Made it.")), t.idle)):
        chat, socket = await failing(t, NO, last)
        await told(socket, {"type": "retry"})
        await chat.settled(status)
        seen = await snapshot(chat)
        t.expect(of_type(seen, "retry"), [], f"the retries of a snapshot of a chat that came to {status}")
        t.expect(parts(seen), [], f"its parts, in {status}")


async def as_shown(t: Case, chat: Chat, moment: str) -> None:
    """A new connection gets the messages, the status and the queue that GET shows now. Raises Failure."""
    now, listed = t.given(await chat.get()), t.given(await chat.messages())
    wanted, queue = listed["messages"][::-1], listed["queued_messages"]
    async with await chat.stream() as socket:
        for message in wanted:
            await socket.until({"type": "message", "message": {"id": message["id"]}})
        if queue:
            await socket.until({"type": "queue_update"})
        await socket.ping()
        first = of_type(socket.events, "status")[0]["status"]["status"]
        t.expect(first, now["status"], f"the status of a snapshot {moment}", "/status")
        t.expect(ids(messages(socket.events)), ids(wanted), f"the messages of a snapshot {moment}")
        shown = [ids(e.get("queued_messages", [])) for e in of_type(socket.events, "queue_update")]
        t.expect(shown, [ids(queue)] if queue else [], f"the queue of a snapshot {moment}")


@case("STREAM-141", needs=["llm-control"])
async def snapshots_at_any_moment(t: Case) -> None:
    hold = t.gate()
    calls = turn(*(tool_call("lookup", {}, id=f"k{n}") for n in (1, 2)))
    steps = turns(calls, turn(says("some"), gate(hold), says("more")))
    chat = await t.new_chat(script(steps), unsafe_dynamic_tools=[TOOL])
    t.cleanup(chat.interrupt)
    await chat.settled("requires_action")
    await as_shown(t, chat, "while results are awaited")
    t.given(await chat.tool_results([{"tool_call_id": f"k{n}", "output": n} for n in (1, 2)]))
    await t.llm.reached(hold)
    await as_shown(t, chat, "after results were submitted")
    queued = [t.given(await chat.send(word))["queued_message"]["id"] for word in ("one", "two")]
    await as_shown(t, chat, "with two messages queued")
    t.given(await chat.unqueue(queued[0]))
    await as_shown(t, chat, "after one was deleted from the queue")


@case("STREAM-142", needs=["llm-control"])
async def late_readers_see_what_came_before(t: Case) -> None:
    hold = t.gate()
    chat = await t.chat("one")
    seen = [m["id"] for m in await chat.history()]
    t.given(await chat.send(script(says("so far "), says("so good"), gate(hold), says(" and on"))))
    await t.llm.reached(hold)
    before = await joined_stream(chat)
    await before.until(says_text("so good"))
    for after in (0, seen[0], seen[-1]):
        async with await chat.stream(params={"after_id": after}) as socket:
            await socket.until(says_text("so good"))
            t.expect([p["text"] for p in parts(socket.events)], ["so far ", "so good"], f"the parts with after_id={after}")


@case("STREAM-143", needs=["llm-control"])
async def readers_see_what_owners_see(t: Case) -> None:
    hold = t.gate()
    chat = await t.new_chat(script(says("so far "), says("so good"), gate(hold)))
    t.cleanup(chat.interrupt)
    await t.llm.reached(hold)
    t.given(await chat.send("Later"))
    theirs = await chat.shared_with(t.bob)
    found = []
    for seen in (chat, theirs):
        async with await seen.stream() as socket:
            await socket.until(says_text("so good"))
            await socket.until({"type": "queue_update"})
            await socket.ping()
            found.append([e["type"] for e in socket.events])
    t.expect(found[1], found[0], "the events of a reader's snapshot in the middle of a step")


@case("STREAM-144", needs=["llm-control"], early=True)
async def whatever_ends_a_retry(t: Case) -> None:
    hold = t.gate()
    chat = await t.new_chat(script(attempts(NO, turn(reasoning("so I think"), gate(hold), says("made it")))))
    t.cleanup(chat.interrupt)
    await t.llm.reached(hold)
    async with await chat.stream() as late:
        await late.until({"type": "message_part", "message_part": {"part": {"type": "reasoning"}}})
        await late.ping()
        t.expect(of_type(late.events, "retry"), [], "the retries of a snapshot once the next attempt reasons")


@case("STREAM-145", needs=["llm-control"])
async def no_parts_of_what_was_interrupted(t: Case) -> None:
    hold = t.gate()
    chat = await t.new_chat(script(says("so far "), says("so good"), gate(hold)))
    await t.llm.reached(hold)
    open_ = await joined_stream(chat)
    await open_.until(says_text("so good"))
    t.given(await chat.interrupt())
    await chat.answered("so far so good")
    t.expect(parts(await snapshot(chat)), [], "the parts of a snapshot after an interrupt whose answer is stored")


@case("STREAM-146", needs=["llm-control"], early=True)
async def the_queue_while_a_call_waits_to_be_tried_again(t: Case) -> None:
    hold, later = t.gate(), t.gate()
    lost = turn(says("lost"), gate(hold), cut=True)
    chat = await t.new_chat(script(attempts(lost, turn(gate(later), says("made it")))))
    await t.llm.reached(hold)
    open_ = await joined_stream(chat)
    waiting = t.given(await chat.send("Later"))["queued_message"]["id"]
    await t.llm.open(hold)
    await told(open_, {"type": "retry"})
    async with await chat.stream() as late:
        event = await late.until({"type": "queue_update"})
        t.expect(ids(event["queued_messages"]), [waiting], "the queue of a snapshot before the next attempt")
