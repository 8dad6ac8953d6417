"""Frames and events of the stream: their form, whatever they tell of."""

from __future__ import annotations

from typing import Any

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.streams import frames, joined, joined_stream, of_type, payloads, says_text, told
from conformance.scenes.streaming import everything
from conformance.wire.socket import Event
from fixtures.scripts import gate, script
from fixtures.scripts import text as says

PIECES = 300


def well_formed(t: Case, event: Event, chat: Chat) -> None:
    """The payload stands under the key of the type, and nothing else does."""
    keys = payloads(t)
    key = keys[event["type"]]
    wanted: Any = list if key == "queued_messages" else dict
    if event["type"] != "queue_update" or key in event:
        t.true(isinstance(event.get(key), wanted), f"a {event['type']} event has its payload under {key}", event)
    others = set(event) - {"type", "chat_id", key}
    t.expect(sorted(others & set(keys.values())), [], f"other payloads of a {event['type']} event")


@case("STREAM-013", "STREAM-015", "STREAM-016", "STREAM-017", "STREAM-018", needs=["llm-control"])
async def each_type(t: Case) -> None:
    chat, socket = await everything(t)
    with t.judging("STREAM-013"):
        for frame, came in frames(socket):
            whole = came.many and came.events and all(isinstance(e, dict) for e in came.events)
            t.true(whole, "a frame is text that holds an array of events", frame.payload)
    with t.judging("STREAM-015"):
        for event in socket.events:
            t.true(isinstance(event.get("type"), str), "an event has a type", event, "/type")
            t.expect(event.get("chat_id"), chat.id, f"the chat of a {event.get('type')} event", "/chat_id")
    with t.judging("STREAM-016"):
        for event in socket.events:
            if event.get("type") in payloads(t):
                well_formed(t, event, chat)
    with t.judging("STREAM-017"):
        found = {str(e.get("type")) for e in socket.events}
        t.expect(sorted(found - set(payloads(t))), [], "types of events that are none of the seven")
    with t.judging("STREAM-018"):
        shown = {e["status"]["status"] for e in of_type(socket.events, "status")}
        t.expect(sorted(shown - {*t.busy, *t.rest}), [], "other statuses")
        for status in ("running", "requires_action", "error"):
            t.true(status in shown, f"the status {status} was streamed", sorted(shown))


@case("STREAM-014", "STREAM-031", needs=["llm", "llm-control"])
async def long_snapshots(t: Case) -> None:
    hold, end = t.gate(), t.gate()
    text = "0123456789" * PIECES
    chat = await t.new_chat(script(says(text, pieces=PIECES), gate(hold), says("mark"), gate(end)))
    await t.llm.reached(hold)
    first = await joined_stream(chat)
    await told(first, {"type": "message"})
    await t.llm.open(hold)
    await told(first, says_text("mark"))  # the server has read whatever was said before
    again = await joined_stream(chat)
    with t.judging("STREAM-031"):
        await again.until(says_text("mark"))
        t.expect(joined(again.events), f"{text}mark", "the text of the parts of the present step")
    await told(again, {"type": "message"})
    with t.judging("STREAM-014"):
        most = t.session.feeds["streamChat"].most
        for _, came in [*frames(first), *frames(again)]:
            t.true(len(came.events) <= most, f"a frame holds at most {most} events", len(came.events))
