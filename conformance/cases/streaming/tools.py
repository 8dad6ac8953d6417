"""Interrupts, and calls of the client's own tools, as readers of the stream see them."""

from __future__ import annotations

import json
from typing import Any

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.streams import ids, joined_stream, messages, of_type, statuses, told
from conformance.play.turns import Watched, held
from conformance.wire.socket import Event
from fixtures.scripts import gate, script, tool_call, turn, turns
from fixtures.scripts import text as says

SCHEMA = {"type": "object", "properties": {}}
TOOLS = [{"name": name, "description": "d", "input_schema": SCHEMA} for name in ("lookup", "echo")]
AS_WRITTEN = '{ "b" : 1,"a":2 }'
DONE = turn(says("Done."))


@case("STREAM-070", "STREAM-071", needs=["llm-control"])
async def interrupt(t: Case) -> None:
    seen = await held(t, says("half"))
    start = len(seen.socket.events)
    t.given(await seen.chat.interrupt())
    await seen.chat.settled("waiting")
    with t.judging("STREAM-070"):
        await seen.socket.until({"type": "status", "status": {"status": "waiting"}}, start=start)
    (kept,) = [m for m in await seen.chat.history() if m["role"] == "assistant"]
    with t.judging("STREAM-071"):
        event = await seen.socket.until({"type": "message", "message": {"id": kept["id"]}}, start=start)
        t.expect(event["message"], kept, "the partial answer", "/message")


@case("STREAM-072", needs=["llm-control"])
async def interrupt_with_a_queue(t: Case) -> None:
    seen = await held(t, says("half"))
    t.given(await seen.chat.send(script(says("next"))))
    t.given(await seen.chat.interrupt())
    await seen.chat.when(lambda c: c["status"] == "waiting", "the end of the queued turn")
    stored = [m["id"] for m in await seen.chat.history()][:3]
    for message in stored:
        await told(seen.socket, {"type": "message", "message": {"id": message}})
    came = [i for i in ids(messages(seen.socket.events)) if i in stored]
    t.expect(came, stored, "the order of the first three messages")


async def asking(t: Case) -> tuple[Watched, list[Event]]:
    """A chat that waits for the results of two calls, and what a second connection got. Raises Unmet."""
    hold = t.gate()
    calls = (tool_call("lookup", AS_WRITTEN, id="k1"), tool_call("echo", {"x": "ü"}, id="k2"))
    chat = await t.new_chat(script(turns(turn(gate(hold), *calls), DONE)), unsafe_dynamic_tools=TOOLS)
    await t.llm.reached(hold)
    sockets = [await joined_stream(chat) for _ in range(2)]
    for socket in sockets:
        await told(socket, {"type": "message"})
    await t.llm.open(hold)
    for socket in sockets:
        await told(socket, {"type": "action_required"})
        await told(socket, {"type": "status", "status": {"status": "requires_action"}})
    await chat.settled("requires_action")
    first, second = sockets
    return Watched(chat, first, first.events, await chat.history()), second.events


def results(*each: str) -> list[dict[str, Any]]:
    return [{"tool_call_id": call, "output": {"found": call}} for call in each]


@case("STREAM-073", "STREAM-074", "STREAM-075", "STREAM-076", "STREAM-077", "STREAM-256", needs=["llm-control"])
async def calls_of_the_client(t: Case) -> None:
    seen, other = await asking(t)
    (call,) = of_type(seen.live, "action_required")[:1]
    listed = call["action_required"]["tool_calls"]
    with t.judging("STREAM-074"):
        t.expect([c.get("tool_call_id") for c in listed], ["k1", "k2"], "the calls", "/action_required/tool_calls")
        t.expect([c.get("tool_name") for c in listed], ["lookup", "echo"], "the tools", "/action_required/tool_calls")
        t.true(all("args" in c for c in listed), "every call has args", listed)
    with t.judging("STREAM-075"):
        t.exactly(listed[0].get("args"), AS_WRITTEN, "the arguments as written", "/action_required/tool_calls/0/args")
    with t.judging("STREAM-256"):
        meant = json.loads(listed[0]["args"])
        t.exactly(meant, json.loads(AS_WRITTEN), "the arguments as JSON", "/action_required/tool_calls/0/args")
    start = len(seen.socket.events)
    t.given(await seen.chat.tool_results(results("k1", "k2")))
    await seen.chat.settled("waiting")
    await told(seen.socket, {"type": "message", "message": lambda m: said(m) == "Done."}, start=start)
    with t.judging("STREAM-077"):
        await seen.socket.until({"type": "status", "status": {"status": "running"}}, start=start)
    with t.judging("STREAM-076"):
        for message in await seen.chat.history():
            if message["role"] == "tool":
                event = await seen.socket.until({"type": "message", "message": {"id": message["id"]}}, start=start)
                t.expect(event["message"], message, "the result in the stream", "/message")
        t.true(of_tools(await seen.chat.history()) == ["k1", "k2"], "both results are stored")
    with t.judging("STREAM-073"):
        for events in (seen.socket.events, other):
            t.expect(len(of_type(events, "action_required")), 1, "the number of action_required events of a connection")
            before = events[: events.index(of_type(events, "action_required")[0])]
            t.true("requires_action" in statuses(before), "requires_action comes first", statuses(before))


@case("STREAM-073", "WATCH-019")
async def calls_once_more(t: Case) -> None:
    watch = await t.alice.watch()
    calls = [turn(tool_call("lookup", {}, id=call)) for call in ("k1", "k2")]
    chat = await t.new_chat(script(turns(*calls, DONE)), unsafe_dynamic_tools=TOOLS)
    await chat.settled("requires_action")
    sockets = [await joined_stream(chat) for _ in range(2)]
    for socket in sockets:
        await told(socket, {"type": "message"}, 2)
    t.given(await chat.tool_results(results("k1")))

    def second(calls: Any) -> bool:
        """the second call"""
        return [c["tool_call_id"] for c in calls] == ["k2"]

    with t.judging("STREAM-073"):
        for socket in sockets:
            await socket.until({"type": "action_required", "action_required": {"tool_calls": second}})
    with t.judging("WATCH-019"):
        await watch.until({"kind": "action_required", "chat": {"id": chat.id}, "tool_calls": second})


def said(message: dict[str, Any]) -> Any:
    return message["content"][0].get("text") if message["content"] else None


def of_tools(stored: list[dict[str, Any]]) -> list[str]:
    """The calls that have results."""
    return [p["tool_call_id"] for m in stored if m["role"] == "tool" for p in m["content"]]
