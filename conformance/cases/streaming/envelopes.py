"""Feeds whose frames are envelopes: what stands in them, and what the feeds of such a revision tell."""

from __future__ import annotations

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.finding import shown
from conformance.play.streams import (
    ids,
    joined_stream,
    kinds,
    messages,
    of_type,
    payloads,
    quiet,
    snapshot,
    statuses,
    told,
)
from conformance.play.turns import held
from conformance.scenes.streaming import FAMILY, everything, talked_to, watching
from conformance.wire.exchange import ABSENT
from conformance.wire.framing import incoming, unwrap
from conformance.wire.socket import Socket
from fixtures.scripts import http_error, script
from fixtures.scripts import text as says

NOWHERE = "00000000-0000-0000-0000-000000000000"


def enveloped(t: Case, socket: Socket, many: bool) -> None:
    """Every frame is text that holds an envelope, and the data are an array of objects, or one object."""
    t.true(socket.events, "events came")
    for _, frame in incoming(socket.log):
        came = unwrap(frame, socket.heard.feed)
        t.expect(came.wrong, "", f"what is wrong with the frame {shown(frame.payload)}")
        if came.note is None:
            t.true(came.many == many and came.events, "the data of the envelope have the form of the feed", frame.payload)


@case("STREAM-107", "STREAM-108", "STREAM-109", needs=["llm-control"])
async def envelopes_of_the_stream(t: Case) -> None:
    _, socket = await everything(t)
    with t.judging("STREAM-107"):
        enveloped(t, socket, many=True)
    with t.judging("STREAM-108"):
        t.expect(sorted({str(e.get("type")) for e in socket.events} - set(payloads(t))), [], "other types of events")
    with t.judging("STREAM-109"):
        t.expect(sorted(set(statuses(socket.events)) - {*t.busy, *t.rest}), [], "other statuses")
        t.true({"running", "error"} <= set(statuses(socket.events)), "running and error were streamed", statuses(socket.events))


@case("STREAM-110")
async def data_of_a_client(t: Case) -> None:
    for said in ("", '{"type":"ping"}', b"\0\1"):
        for socket in await talked_to(t, said):
            t.expect(socket.log.close_code, 1002, f"the close code after {said!r}")


@case("STREAM-111")
async def after_id_of_what_is_to_come(t: Case) -> None:
    chat = await quiet(t)
    known = ids(await chat.history())
    near, far = await joined_stream(chat, after_id=known[0]), await joined_stream(chat, after_id=known[-1] + 10**9)
    for socket in (near, far):
        await told(socket, {"type": "status"})
    await chat.turn(script(says("more")))
    new = [i for i in ids(await chat.history()) if i > known[-1]]
    for wanted in new:
        await near.until({"type": "message", "message": {"id": wanted}})
    for socket in (near, far):
        await socket.until({"type": "message_part"})
        await told(socket, {"type": "status", "status": {"status": "running"}})
        await socket.ping()
    t.expect(ids(messages(near.events)), [*known[1:], *new], "the messages above the after_id")
    t.expect(ids(messages(far.events)), [], "the messages below the after_id")


@case("STREAM-113")
async def an_edit_streams_all_again(t: Case) -> None:
    chat = await quiet(t)
    await chat.turn(script(says("two")))
    old = await chat.history()
    socket = await joined_stream(chat)
    await told(socket, {"type": "message", "message": {"id": old[-1]["id"]}})
    start = len(socket.events)
    new = chat.dialect.message(t.given(await chat.edit(old[2]["id"], script(says("other")))))["id"]
    wanted = [*ids(old[:2]), new]
    await socket.until({"type": "message", "message": {"id": new}}, start=start)
    await socket.until({"type": "message", "message": {"id": old[1]["id"]}}, start=start)
    await chat.settled()
    await socket.ping()
    again = [i for i in ids(messages(socket.events[start:])) if i in ids(old) or i == new]
    t.expect(sorted(set(again)), wanted, "the messages streamed after the edit")
    t.expect(again[-1], new, "the last of them")


@case("STREAM-114", needs=["llm-control"])
async def the_archive_is_not_streamed(t: Case) -> None:
    for under_way in (await held(t, says("part")), None):
        chat = under_way.chat if under_way else await quiet(t)
        socket = under_way.socket if under_way else await joined_stream(chat)
        await told(socket, {"type": "message"})
        await socket.ping()
        before = len(socket.events)
        for archived in (True, False):
            t.accepted(await chat.patch(archived=archived))
        queued = t.given(await chat.send("behind it")) if under_way else t.given(await chat.interrupt())
        await told(socket, {"type": "queue_update"} if "queued_message" in queued else {"type": "status"}, start=before)
        t.expect(len(socket.events[before:]), 1, "the events up to the next thing that is told")


@case("STREAM-115", needs=["roles"])
async def no_workspace_to_watch(t: Case) -> None:
    chat = await t.new_chat()
    t.accepted(await chat.get())
    for name, operation in (("git", "streamGit"), ("desktop", "streamDesktop")):
        for actor in (t.alice, t.root):
            t.refused(await actor.get(chat.by(actor).url(operation)), f"{name}.no-workspace")
        t.refused(await t.bob.get(chat.url(operation)), "common.not-found")


@case("STREAM-117", needs=["llm-control"])
async def an_empty_queue(t: Case) -> None:
    chat = (under_way := await held(t, says("part"))).chat
    without = await joined_stream(chat)
    await told(without, {"type": "message"})
    queued = t.given(await chat.send("later"))["queued_message"]["id"]
    update = await without.until({"type": "queue_update"})
    t.expect([q["id"] for q in update["queued_messages"]], [queued], "the queue", "/queued_messages")
    with_queue = await joined_stream(chat)
    await told(with_queue, {"type": "queue_update"})
    t.expect([q["id"] for q in of_type(with_queue.events, "queue_update")[0]["queued_messages"]], [queued], "it in a snapshot")
    t.given(await chat.unqueue(queued))
    for socket in (under_way.socket, without, with_queue):
        update = await socket.until(lambda e: e["type"] == "queue_update" and not e.get("queued_messages"))
        t.expect(update.get("queued_messages", ABSENT), ABSENT, "queued_messages of an empty queue", "/queued_messages")
    await under_way.open()
    await chat.settled()
    t.expect(of_type(await snapshot(chat), "queue_update"), [], "the queue_update in the snapshot of a chat without a queue")


@case("WATCH-075", "WATCH-076", "WATCH-077", "WATCH-080", "WATCH-081")
async def envelopes_of_the_watch_feed(t: Case) -> None:
    watch = await watching(t)
    notes = [note.value for note in watch.socket.heard.notes]
    chat = await t.new_chat(script(http_error(400, "no such luck")))
    await chat.settled("error")
    failed = await told(watch.socket, {"kind": "status_change", "chat": {"id": chat.id, "status": "error"}})
    for archived in (True, False):
        t.given(await chat.patch(archived=archived))
    seen = await watch.so_far(chat)
    with t.judging("WATCH-075"):
        t.expect(notes, [{"type": "ping", "data": None}], "what a feed just opened tells of the connection")
        t.expect([n.value for n in watch.socket.heard.notes], notes, "what it has told of it since")
    with t.judging("WATCH-076"):
        enveloped(t, watch.socket, many=False)
        t.true(all({"kind", "chat"} <= set(e) for e in watch.socket.events), "an event has kind and chat", watch.socket.events)
    with t.judging("WATCH-077"):
        known = {"created", "deleted", "status_change", "title_change", "diff_status_change"}
        t.expect(sorted(set(kinds(watch.socket.events)) - known), [], "other kinds")
        t.true({"created", "status_change", "deleted"} <= set(kinds(seen)), "created, status_change, deleted came", kinds(seen))
    with t.judging("WATCH-080"):
        t.true(t.given(await chat.get())["last_error"], "the chat shows an error")
        t.expect(failed["chat"].get("last_error"), None, "last_error in the event", "/chat/last_error")
    with t.judging("WATCH-081"):
        empty = {"last_model_config_id": NOWHERE, "last_error": None, "archived": False}
        for event in seen:
            t.expect({k: event["chat"].get(k) for k in empty}, empty, f"what the chat in {event['kind']} does not tell", "/chat")


@case("WATCH-078", "WATCH-079", "WATCH-082")
async def archives_of_families(t: Case) -> None:
    watch = await watching(t)
    chat = await t.chat(script(FAMILY))
    child = t.given(await t.alice.get(t.url("getChat", chat=(await chat.children())[0]["id"])))
    start, seen = len(await watch.so_far(chat)), len(watch.socket.events)
    with t.judging("WATCH-082"):
        t.accepted(await chat.patch(title="By hand"))
        t.expect(kinds(await watch.so_far(chat, start)), [], "the events of a title in a PATCH")
    for archived, kind in ((True, "deleted"), (False, "created")):
        t.given(await chat.patch(archived=archived))
        event = await watch.until(chat, kind)
        with t.judging("WATCH-078"):
            t.expect(event["chat"]["archived"], False, f"archived in {kind}", "/chat/archived")
    await watch.so_far(chat)
    with t.judging("WATCH-079"):
        family = [e for e in watch.socket.events[seen:] if e["chat"]["id"] in (chat.id, child["id"])]
        told_of = [(e["kind"], e["chat"]["id"]) for e in family if e["kind"] in ("deleted", "created")]
        t.expect(told_of, [("deleted", chat.id), ("created", chat.id)], "the events of a family that goes and comes back")
