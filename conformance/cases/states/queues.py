"""Orders to a queue that has not what they name, and the queue of a chat that has failed."""

from __future__ import annotations

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.turns import held, ran, stuck, talk
from conformance.scenes.lifecycle import UNKNOWN, first, queue_ids, queued
from fixtures.scripts import text


@case("QUEUE-169", "QUEUE-170", needs=["llm-control"])
async def what_is_not_queued(t: Case) -> None:
    idle = await first(t)
    with t.judging("QUEUE-169"):
        t.refused(await idle.unqueue(UNKNOWN), "queue.empty-delete", state="W")
    with t.judging("QUEUE-170"):
        t.refused(await idle.promote(UNKNOWN), "queue.empty-promote", state="W")
    chat = (await held(t, text("part "))).chat
    one, two = [t.given(await chat.send(queued(name)))["queued_message"]["id"] for name in ("one", "two")]
    with t.judging("QUEUE-169"):
        t.refused(await chat.unqueue(UNKNOWN), "queue.unknown")
        t.expect(await queue_ids(chat), [one, two], "the queue after a refusal")
        t.accepted(await chat.unqueue(two))
    with t.judging("QUEUE-170"):
        t.refused(await chat.promote(UNKNOWN), "queue.unknown")
        t.expect((await queue_ids(chat))[:1], [one], "the queue after a refusal")
        t.accepted(await chat.promote(one))


@case("QUEUE-171", needs=["llm-control"])
async def promoted_in_its_place(t: Case) -> None:
    under_way = await held(t, text("part "))
    chat = under_way.chat
    ids = [t.given(await chat.send(queued(name)))["queued_message"]["id"] for name in ("one", "two")]
    t.accepted(await chat.promote(ids[1]))
    left = await queue_ids(chat)
    t.true(left in (ids, ids[:1], []), "what is left of the queue is in its order", left)
    await ran(chat, ["two", "to two", "one", "to one"])


@case("QUEUE-172", needs=["llm-control"])
async def failed_with_a_queue(t: Case) -> None:
    chat, _ = await stuck(t, queued("one"))
    body = t.accepted(await chat.send(queued("two")))
    t.expect(body["queued"], True, "queued", "/queued")
    t.expect([p["text"] for p in body["queued_message"]["content"]], [queued("two")], "what is queued", "/queued_message")
    t.expect(talk(body["messages"]), ["one"], "what runs", "/messages")
    await ran(chat, ["one", "to one", "two", "to two"])


@case("QUEUE-173", needs=["llm-control"])
async def queues_of_archived_chats(t: Case) -> None:
    chat, (one,) = await stuck(t, queued("one"))
    t.given(await chat.patch(archived=True))
    t.refused(await chat.unqueue(one), "queue.empty-delete", state="XE1")
    t.expect(await queue_ids(chat), [one], "the queue after a refusal")
    t.given(await chat.patch(archived=False))
    t.accepted(await chat.unqueue(one))


@case("SEND-158", "EDIT-172", "CREATE-166")
async def what_answers_tell(t: Case) -> None:
    chat = await first(t)
    sent = t.given(await chat.send(queued("second")))
    with t.judging("CREATE-166"):
        t.true(t.given(await chat.get())["status"] in (t.running, t.idle, "error"), "the status is one of three")
    with t.judging("SEND-158"):
        t.accepted(await chat.messages())
        t.true(sent["message"] in sent.get("messages", []), "messages has the message", sent.get("messages"), "/messages")
    await chat.settled()
    shown = [m["id"] for m in await chat.history()]
    edited = await chat.edit(sent["message"]["id"], queued("other"))
    with t.judging("EDIT-172"):
        wanted = [i for i in shown if i >= sent["message"]["id"]]
        t.expect(t.accepted(edited).get("deleted_message_ids"), wanted, "the messages taken away", "/deleted_message_ids")
