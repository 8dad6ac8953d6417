"""The stream as it follows stored versions: what is to be forgotten, numbers of live parts, and their own socket."""

from __future__ import annotations

import json

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.streams import ids, joined_stream, messages, of_type, snapshot, statuses, told, types
from conformance.play.turns import held, stuck
from conformance.scenes.lifecycle import asks, awaits, first, queued
from conformance.scenes.streaming import failing, watching
from conformance.wire.socket import Event
from fixtures.scripts import http_error, text, turn

ORDER = ("history_reset", "message", "queue_update", "status", "error", "action_required", "retry", "preview_reset")


@case("STREAM-250")
async def edits_start_over(t: Case) -> None:
    chat = await first(t)
    await chat.turn(queued("second"))
    socket = await joined_stream(chat)
    await told(socket, {"type": "preview_reset"})
    start = len(socket.events)
    edited = t.given(await chat.edit((await chat.history())[2]["id"], queued("other")))["message"]
    await socket.until({"type": "status", "status": {"status": t.idle}}, start=start)
    t.accepted(await chat.messages())
    live = socket.events[start:]
    reset = next(iter(of_type(live, "history_reset")), None)
    t.true(
        reset is not None and live.index(reset) < live.index(of_type(live, "message")[0]),
        "history_reset comes first",
        types(live),
    )
    stored = await chat.history()
    t.expect(ids(messages(live)), ids(stored), "the messages that came again and anew")
    shown = await snapshot(chat, after_id=edited["id"])
    t.expect(types(shown)[:1], ["history_reset"], "the first event of a new connection")
    t.expect(ids(messages(shown)), ids(stored), "the messages of a new connection")


@case("STREAM-246", "STREAM-247", "STREAM-248", "STREAM-249", "STREAM-253")
async def first_batches(t: Case) -> None:
    chat, _ = await stuck(t, queued("one"))
    shown, stored = await snapshot(chat), await chat.history()
    with t.judging("STREAM-246"):
        before = types(shown)[: types(shown).index("status")]
        t.expect(sorted({*before} - {*ORDER[:3]}), [], "other events before the status")
    with t.judging("STREAM-247"):
        kinds = [kind for kind in types(shown) if kind != "message_part"]  # what an attempt has said comes behind all
        t.expect(kinds, sorted(kinds, key=[*ORDER, *sorted({*kinds} - {*ORDER})].index), "the order of events")
    with t.judging("STREAM-248"):
        t.expect(messages(shown), stored, "the messages")
    with t.judging("STREAM-249"):
        t.expect(ids(messages(await snapshot(chat, after_id=stored[-1]["id"]))), [], "the messages behind the last")
        t.expect(ids(messages(await snapshot(chat, after_id=stored[0]["id"] - 1))), ids(stored), "the messages behind none")
    with t.judging("STREAM-253"):
        t.expect(len(of_type(shown, "error")), 1, "error events of a chat in error")
        waiting = await snapshot(await awaits(t, asks("one")))
        t.expect(
            [e["action_required"]["tool_calls"][0]["tool_call_id"] for e in of_type(waiting, "action_required")], ["one"], "calls"
        )
        t.expect(len(of_type(await snapshot(await first(t)), "error")), 0, "error events of a chat that waits")


@case("STREAM-251", "STREAM-252", needs=["llm-control"])
async def numbers_of_parts(t: Case) -> None:
    chat, socket = await failing(t, http_error(503, retry_after=0), turn(text("one "), text("two")))
    await socket.until({"type": "status", "status": {"status": t.idle}})
    t.accepted(await chat.get())
    parts = [e["message_part"] for e in of_type(socket.events, "message_part")]
    by_attempt: dict[tuple[int, int], list[int]] = {}
    for part in parts:
        by_attempt.setdefault((part["history_version"], part["generation_attempt"]), []).append(part["seq"])
    with t.judging("STREAM-251"):
        t.true(parts, "parts came live")
        for numbers in by_attempt.values():
            t.expect(numbers, list(range(1, len(numbers) + 1)), "the numbers of one attempt")
    with t.judging("STREAM-252"):
        retry = socket.events.index(of_type(socket.events, "retry")[0])
        behind = types(socket.events[retry:])
        t.true(
            "preview_reset" in behind[: behind.index("message_part")], "a preview_reset stands between retry and parts", behind
        )


@case("STREAM-254", needs=["llm-control"])
async def parts_by_themselves(t: Case) -> None:
    under_way = await held(t, text("part "))
    chat = under_way.chat
    part = of_type(under_way.socket.events, "message_part")[-1]["message_part"]
    named = {key: part[key] for key in ("history_version", "generation_attempt")}
    socket, other = [await t.alice.socket(chat.url("streamParts")) for _ in range(2)]
    await socket.ping()
    t.expect(socket.events, [], "what comes before an attempt is named")
    await socket.send(json.dumps(named))
    await other.send(json.dumps(named | {"history_version": named["history_version"] + 1000}))
    came = await socket.until({"type": "message_part"})
    t.accepted(await chat.get())
    t.expect(came["message_part"], part, "the part so far")
    await under_way.open()
    await socket.until({"type": "message_part", "message_part": {"part": {"text": "late"}}})
    await other.ping()
    t.expect(other.events, [], "the parts of an unknown attempt")
    t.true(t.idle not in statuses(socket.events), "the socket has parts alone")


@case("WATCH-211", "WATCH-212", "WATCH-214")
async def turns_as_watched(t: Case) -> None:
    watch, chat = await watching(t), await first(t)
    start = len(await watch.so_far(chat))
    await chat.turn(queued("second"))
    with t.judging("WATCH-211"):
        t.accepted(await chat.get())
        shown = statuses_of(await watch.so_far(chat, start))
        t.expect([shown[:1], shown[-1:]], [[t.running], [t.idle]], "the first and the last status", "/chat/status")
    with t.judging("WATCH-212"):
        waiting = await awaits(t, asks("one"))
        event = await watch.until(waiting, "action_required")
        t.expect(event["chat"]["status"], "requires_action", "the status in action_required", "/chat/status")
        told_of = statuses_of(await watch.so_far(waiting))
        t.true("requires_action" not in told_of, "no status_change tells it", told_of)
    with t.judging("WATCH-214"):
        t.accepted(await chat.get())
        known = set(t.session.documents.event_names("WatchEvent"))
        t.expect(sorted({str(e.get("kind")) for e in watch.socket.events} - known), [], "other kinds of events")


@case("WATCH-213", needs=["llm-control"])
async def an_interrupt_as_watched(t: Case) -> None:
    watch, under_way = await watching(t), await held(t, text("part "))
    chat = under_way.chat
    start = len(await watch.so_far(chat))
    t.accepted(await chat.interrupt())
    await watch.until(chat, "status_change", status=t.idle)
    shown = statuses_of(await watch.so_far(chat, start))
    t.true(shown in ([t.idle], ["interrupting", t.idle]), "interrupting and then waiting is told", shown)


def statuses_of(events: list[Event]) -> list[str]:
    """The statuses that the status_change events among these tell."""
    return [e["chat"]["status"] for e in events if e.get("kind") == "status_change"]
