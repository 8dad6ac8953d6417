"""The queue of a chat: what is put there, when it runs, and what takes it out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.turns import held, ran, said, stuck, talk
from conformance.scenes.lifecycle import TOOL, UNKNOWN, becomes, first, other_model, queue, queue_ids, queued
from conformance.wire.exchange import Exchange
from fixtures.scripts import error, script, text, tool_call, turn, turns


@case("QUEUE-001", "QUEUE-002", "QUEUE-003", needs=["llm-control"])
async def sends_during_a_turn(t: Case) -> None:
    under_way = await held(t, text("part "))
    chat = under_way.chat
    answers = [await chat.send(queued(name)) for name in ("one", "two", "three")]
    with t.judging("QUEUE-001"):
        for answer, name in zip(answers, ("one", "two", "three"), strict=True):
            body = t.accepted(answer)
            t.expect(body["queued"], True, "queued", "/queued")
            t.expect(body["queued_message"]["chat_id"], chat.id, "the chat of the queued message", "/queued_message/chat_id")
            t.expect(
                [p["text"] for p in body["queued_message"]["content"]], [queued(name)], "its text", "/queued_message/content"
            )
            t.true("message" not in body, "the answer has no message", body)
    with t.judging("QUEUE-002"):
        expected = [t.given(answer)["queued_message"]["id"] for answer in answers]
        t.expect(await queue_ids(chat), expected, "the queue, oldest first", "/queued_messages")
        t.expect(talk(await chat.history()), ["first"], "the messages during the turn", "/messages")
    with t.judging("QUEUE-003"):
        await under_way.open()
        await ran(chat, ["first", "part late", "one", "to one", "two", "to two", "three", "to three"])


@case("QUEUE-004", needs=["llm-control"])
async def a_send_behind_a_queue(t: Case) -> None:
    chat, (one,) = await stuck(t, queued("one"))
    body = t.accepted(await chat.send(queued("two")))
    t.expect(body["queued"], True, "queued", "/queued")
    t.expect(await queue_ids(chat), [one, body["queued_message"]["id"]], "the queue", "/queued_messages")


@case("QUEUE-005", needs=["llm-control"])
async def a_queue_after_a_failure(t: Case) -> None:
    under_way = await held(t, text("part"), after=(error("it broke"),))
    chat = under_way.chat
    one = t.given(await chat.send(queued("one")))["queued_message"]["id"]
    await under_way.open()
    await becomes(chat, lambda c: c["status"] == "error", "status error")
    t.expect(await queue_ids(chat), [one], "the queue", "/queued_messages")
    t.expect(talk(await chat.history()), ["first"], "the messages", "/messages")


@case("QUEUE-006", "QUEUE-007", "QUEUE-008", needs=["llm-control"])
async def delete_from_the_queue(t: Case) -> None:
    chat, (one, two, three) = await stuck(t, "one", "two", "three")
    other = await t.new_chat()
    with t.judging("QUEUE-008"):
        await other.unqueue(two)
        t.expect(await queue_ids(chat), [one, two, three], "the queue after a delete through another chat", "/queued_messages")
    with t.judging("QUEUE-006"):
        t.accepted(await chat.unqueue(two))
        t.expect(await queue_ids(chat), [one, three], "the queue", "/queued_messages")
    with t.judging("QUEUE-007"):
        before = await queue_ids(chat)
        for unknown in (two, UNKNOWN, 0, -1):
            t.accepted(await chat.unqueue(unknown))
        t.expect(await queue_ids(chat), before, "the queue", "/queued_messages")


@case("QUEUE-023", needs=["llm-control"])
async def what_was_deleted_never_runs(t: Case) -> None:
    under_way = await held(t, text("part "))
    chat = under_way.chat
    ids = [t.given(await chat.send(queued(name)))["queued_message"]["id"] for name in ("one", "two", "three")]
    t.given(await chat.unqueue(ids[1]))
    await under_way.open()
    await ran(chat, ["first", "part late", "one", "to one", "three", "to three"])


Verb = Callable[[Chat, Any], Awaitable[Exchange]]
VERBS: dict[str, Verb] = {"delete": Chat.unqueue, "promote": Chat.promote}


@case("QUEUE-009", rows=VERBS)
async def bad_queue_ids(t: Case, verb: Verb) -> None:
    chat = await first(t)
    before = await chat.history()
    for bad in ("abc", "1.5", "9223372036854775808", "%20"):
        t.refused(await verb(chat, bad), "queue.id")
    t.true((await verb(chat, 2**63 - 1)).response.status != 400, "the highest 64-bit integer is an id")
    t.expect(await chat.history(), before, "the messages", "/messages")


@case("QUEUE-010", needs=["llm-control"])
async def deleted_while_archived(t: Case) -> None:
    chat, (one, two) = await stuck(t, queued("one"), queued("two"))
    t.given(await chat.patch(archived=True))
    t.accepted(await chat.unqueue(one))
    t.expect(await queue_ids(chat), [two], "the queue", "/queued_messages")


@case("QUEUE-016", needs=["llm-control"])
async def no_promotion_while_archived(t: Case) -> None:
    chat, (one, two) = await stuck(t, queued("one"), queued("two"))
    t.given(await chat.patch(archived=True))
    t.refused(await chat.promote(two), "promote.archived")
    t.expect(await queue_ids(chat), [one, two], "the queue after the refusal", "/queued_messages")
    t.expect(talk(await chat.history()), ["first"], "the messages after the refusal", "/messages")
    t.given(await chat.patch(archived=False))
    t.accepted(await chat.promote(two))


@case("QUEUE-011", needs=["llm-control"])
async def promote_on_an_idle_chat(t: Case) -> None:
    chat, (_, two, _) = await stuck(t, *(queued(name) for name in ("one", "two", "three")))
    t.accepted(await chat.promote(two))
    t.true(two not in await queue_ids(chat), "what was promoted is not queued any more")
    await ran(chat, ["first", "two", "to two", "one", "to one", "three", "to three"])


@case("QUEUE-012", "QUEUE-013", needs=["llm-control"])
async def promote_during_a_turn(t: Case) -> None:
    chat = (await held(t, text("partial"))).chat
    ids = [t.given(await chat.send(queued(name)))["queued_message"]["id"] for name in ("one", "two", "three")]
    with t.judging("QUEUE-012"):
        t.accepted(await chat.promote(ids[1]))
        ended = ["two", "to two", "one", "to one", "three", "to three"]
        seen = await ran(chat, ended)
        t.true("late" not in "".join(seen), "the turn does not go on", seen)
    with t.judging("QUEUE-013"):
        await ran(chat, ["first", "partial", *ended])


@case("QUEUE-014", "QUEUE-015", needs=["llm-control"])
async def promote_what_is_not_there(t: Case) -> None:
    chat, (one,) = await stuck(t, queued("one"))
    other = await t.chat()
    before = [(await c.get()).response.body["status"] for c in (chat, other)], await other.history()
    answers = [await chat.promote(UNKNOWN), await chat.promote(0), await other.promote(one)]
    with t.judging("QUEUE-014"):
        for answer in answers:
            t.refused(answer, "promote.unknown", chat=answer.request.path.split("/")[4])
    with t.judging("QUEUE-015"):
        for answer in answers:
            t.true(answer.response.status >= 400, "the promotion is refused", answer.response.status)
        after = [(await c.get()).response.body["status"] for c in (chat, other)], await other.history()
        t.expect(after, before, "statuses and messages")
        t.expect(await queue_ids(chat), [one], "the queue", "/queued_messages")
        t.accepted(await chat.promote(one))


@case("QUEUE-017", "QUEUE-018", needs=["llm-control"])
async def a_send_that_interrupts(t: Case) -> None:
    chat = (await held(t, text("partial"))).chat
    t.given(await chat.send(queued("one")))
    with t.judging("QUEUE-017"):
        body = t.accepted(await chat.send(queued("urgent"), busy_behavior="interrupt"))
        t.expect(body["queued"], True, "queued", "/queued")
        seen = await ran(chat, ["one", "to one", "urgent", "to urgent"])
        t.true("late" not in "".join(seen), "the turn does not go on", seen)
    with t.judging("QUEUE-018"):
        await ran(chat, ["first", "partial", "one", "to one", "urgent", "to urgent"])
        messages = await chat.history()
        t.expect([m["id"] for m in messages], sorted(m["id"] for m in messages), "the ids in the order of the messages")


@case("QUEUE-019")
async def an_interrupting_send_to_an_idle_chat(t: Case) -> None:
    chat = await first(t)
    body = t.accepted(await chat.send(queued("second"), busy_behavior="interrupt"))
    t.expect(body["queued"], False, "queued", "/queued")
    t.expect(talk([body["message"]]), ["second"], "the message", "/message")
    await ran(chat, ["first", "hello", "second", "to second"])


@case("QUEUE-020", "QUEUE-021", needs=["llm-control", "model-admin"])
async def options_of_queued_sends(t: Case) -> None:
    other = await other_model(t)
    under_way = await held(t, text("part "))
    chat = under_way.chat
    usual = t.given(await chat.get())["last_model_config_id"]
    answer = await chat.send(queued("one"), model_config_id=other, plan_mode="plan")
    with t.judging("QUEUE-021"):
        t.accepted(answer)
        t.expect(t.accepted(await chat.get()).get("plan_mode"), "plan", "the plan mode at once", "/plan_mode")
    with t.judging("QUEUE-020"):
        t.expect(t.accepted(answer)["queued_message"]["model_config_id"], other, "its model", "/queued_message/model_config_id")
        t.expect([entry["model_config_id"] for entry in await queue(chat)], [other], "the model in the queue", "/queued_messages")
        t.expect(t.accepted(await chat.get())["last_model_config_id"], usual, "the chat's model before", "/last_model_config_id")
        await under_way.open()
        messages = await said(chat, ["first", "part late", "one", "to one"])
        t.expect([m["model_config_id"] for m in messages], [usual, usual, other, other], "the models of the messages")
        t.expect(t.accepted(await chat.get())["last_model_config_id"], other, "the chat's model after", "/last_model_config_id")


@case("QUEUE-022")
async def a_send_while_results_are_awaited(t: Case) -> None:
    asks = turns(turn(tool_call("look_up", {}, id="call_a")), turn(text("done")))
    chat = await t.chat(script(asks, prefix="first"), unsafe_dynamic_tools=[TOOL])
    await chat.settled("requires_action")
    body = t.accepted(await chat.send(queued("one")))
    t.expect(body["queued"], True, "queued", "/queued")
    t.expect(t.accepted(await chat.get())["status"], "requires_action", "the status", "/status")
    t.given(await chat.tool_results([{"tool_call_id": "call_a", "output": {}}]))
    await ran(chat, ["first", "done", "one", "to one"])


@case("QUEUE-044", needs=["llm-control", "model-admin"])
async def a_queued_send_keeps_the_model_of_its_time(t: Case) -> None:
    other = await other_model(t)
    under_way = await held(t, text("part "))
    chat = under_way.chat
    usual = t.given(await chat.get())["last_model_config_id"]
    t.given(await chat.send(queued("one"), model_config_id=other))
    entry = t.accepted(await chat.send(queued("two")))["queued_message"]
    t.expect(entry.get("model_config_id"), usual, "the model in the queue", "/queued_message/model_config_id")
    await under_way.open()
    messages = await said(chat, ["first", "part late", "one", "to one", "two", "to two"])
    t.expect([m["model_config_id"] for m in messages], [usual] * 2 + [other] * 2 + [usual] * 2, "the models of the messages")
    t.expect(t.accepted(await chat.get())["last_model_config_id"], usual, "the chat's model after", "/last_model_config_id")
