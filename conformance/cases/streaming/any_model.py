"""What holds whatever a model says: judged where the LLM behind the target is a real one, which follows no script."""

from __future__ import annotations

from typing import Any

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.streams import joined, joined_stream, messages, of_type, parts, statuses, told, types
from conformance.scenes.lifecycle import moved

ASKED = "Please answer with one short sentence of plain text. Use no tools."
AGAIN = "And now with another one, please."


async def asked(t: Case) -> tuple[Chat, list[dict[str, Any]]]:
    """A chat at rest, of which the model has answered the first message; and its messages."""
    chat = await t.chat(ASKED)
    return chat, await chat.history()


def words(message: dict[str, Any]) -> str:
    """The text of a message."""
    return "".join(part.get("text") or "" for part in message["content"] if part["type"] == "text")


@case("CHAT-016", "MSG-006", "MSG-009", any_model=True)
async def first_turn(t: Case) -> None:
    chat, kept = await asked(t)
    answers = [m for m in kept if m["role"] == "assistant"]
    with t.judging("CHAT-016"):
        t.expect((await chat.settled())["status"], "waiting", "the status afterwards", "/status")
        t.true(any(words(m).strip() for m in answers), "the model's answer is a message", kept)
    with t.judging("MSG-006"):
        for message in (m for m in answers if "usage" in m):
            t.true(all(isinstance(n, int) and n for n in message["usage"].values()), "usage holds whole numbers", message)
    with t.judging("MSG-009"):
        t.true(all("usage" not in m for m in kept if m["role"] == "user"), "user messages have no usage", kept)


@case("SEND-019", "SEND-021", "SEND-028", "SEND-029", any_model=True)
async def second_turn(t: Case) -> None:
    chat, before = await asked(t)
    then = t.given(await chat.get())
    await chat.turn(AGAIN)
    now, kept = t.given(await chat.get()), await chat.history()
    new = kept[len(before) :]
    with t.judging("SEND-019"):
        t.expect((now["status"], new[0]["role"], words(new[0])), ("waiting", "user", AGAIN), "status, and what was sent")
        t.true(any(m["role"] == "assistant" for m in new), "the answer is added", new)
    with t.judging("SEND-021"):
        t.true(moved(then, now), "updated_at moves", now["updated_at"], "/updated_at")
    with t.judging("SEND-028"):
        t.expect([m["id"] for m in kept], sorted(m["id"] for m in kept), "the ids, in the order of messages")
    with t.judging("SEND-029"):
        t.true(len([m for m in new if m["role"] == "assistant"]) >= 1, "a model call adds an assistant message", new)


@case("STREAM-039", "STREAM-040", "STREAM-043", "STREAM-047", "STREAM-048", "STREAM-050", "MSG-013", any_model=True)
async def turn_that_streams(t: Case) -> None:
    chat, before = await asked(t)
    socket = await joined_stream(chat)
    await told(socket, {"type": "message", "message": {"id": before[-1]["id"]}})
    start = len(socket.events)
    await chat.turn(AGAIN)
    kept = {m["id"]: m for m in await chat.history()}
    await told(socket, {"type": "message", "message": {"id": max(kept)}})
    await told(socket, {"type": "status", "status": {"status": "waiting"}}, start=start)
    seen = socket.events[start:]
    roles = [m["role"] for m in messages(seen)]
    with t.judging("STREAM-039"):
        t.true({"user", "assistant"} <= {*roles}, "the user's message and the answer came", roles)
        t.true("running" in statuses(seen) and parts(seen, "text"), "running, and parts, came", types(seen))
    with t.judging("STREAM-040"):
        t.expect(roles[0], "user", "the first message")
    with t.judging("STREAM-043"):
        said = "".join(words(m) for m in kept.values() if m["role"] == "assistant" and m["id"] > before[-1]["id"])
        t.true(joined(seen), "text came live", types(seen))
        t.expect(joined(seen), said, "the live text together")
    with t.judging("STREAM-047"):
        came = [m["id"] for m in messages(seen)]
        t.expect(len(came), len({*came}), "how many messages came, and how many there are")
    with t.judging("STREAM-048"):
        t.expect(statuses(seen)[-1], t.given(await chat.get())["status"], "the last status that was streamed")
    with t.judging("STREAM-050"):
        model = {e["message_part"]["role"] for e in of_type(seen, "message_part") if e["message_part"]["part"]["type"] == "text"}
        t.expect(model, {"assistant"}, "the role of parts of text")
    with t.judging("MSG-013"):
        for message in messages(seen):
            t.expect(message, kept[message["id"]], "a message on the stream")


@case("STREAM-025", "STREAM-027", "STREAM-028", "STREAM-030", any_model=True)
async def snapshot_at_rest(t: Case) -> None:
    chat, kept = await asked(t)
    socket = await joined_stream(chat)
    await told(socket, {"type": "message", "message": {"id": kept[-1]["id"]}})
    with t.judging("STREAM-025"):
        t.expect(statuses(socket.events)[0], t.given(await chat.get())["status"], "the status of the snapshot")
    with t.judging("STREAM-027"):
        t.expect(messages(socket.events), kept, "the messages of the snapshot")
    with t.judging("STREAM-030"):
        t.true("queue_update" not in types(socket.events), "no queue_update came", types(socket.events))
    with t.judging("STREAM-028"):
        later = await joined_stream(chat, after_id=kept[0]["id"])
        await told(later, {"type": "message", "message": {"id": kept[-1]["id"]}})
        t.expect([m["id"] for m in messages(later.events)], [m["id"] for m in kept[1:]], "the messages after the first")


@case("EDIT-017", "EDIT-019", any_model=True)
async def edit_at_rest(t: Case) -> None:
    chat, before = await asked(t)
    answer = await chat.edit(before[0]["id"], AGAIN)
    with t.judging("EDIT-017"):
        t.true(t.message(t.accepted(answer))["id"] > max(m["id"] for m in before), "the new id is higher", answer.response.body)
    with t.judging("EDIT-019"):
        t.given(answer)
        shown = await chat.settled()
        kept = await chat.history()
        t.expect((shown["status"], words(kept[0])), ("waiting", AGAIN), "status, and the edited text")
        t.true(any(m["role"] == "assistant" for m in kept), "a new answer was added", kept)


@case("INT-007", any_model=True)
async def interrupt_at_rest(t: Case) -> None:
    chat, before = await asked(t)
    t.expect(t.accepted(await chat.interrupt())["status"], "waiting", "the status", "/status")
    t.expect(await chat.history(), before, "the messages")
