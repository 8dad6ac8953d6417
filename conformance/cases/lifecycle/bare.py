"""Edits, promotions and sends where little may be chosen: what was not asked for is not looked at."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from conformance.checks.asked import NIL
from conformance.play.actors import Chat, text
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.turns import held, ran, said, stuck, talk
from conformance.scenes.files import upload
from conformance.scenes.lifecycle import ANSWER, NEW, REFERENCE, UNTITLED, family, first, other_model, queue_ids, queued, titled
from conformance.scenes.limits import UNKNOWN
from fixtures.scripts import text as says


@case("CHAT-068")
async def whose_child(t: Case) -> None:
    root, (child,) = await family(t, "child task")
    shown, above = t.accepted(await child.get()), t.accepted(await root.get())
    t.expect((shown.get("parent_chat_id"), shown["root_chat_id"]), (root.id, root.id), "parent and root of the child")
    t.expect((above.get("parent_chat_id"), above["root_chat_id"]), (None, root.id), "parent and root of the root")


@case("CHAT-069")
async def titles_of_references_and_files(t: Case) -> None:
    file = {"type": "file", "file_id": t.given(await upload(t))["id"]}
    for content, title in (
        ([file], "New Chat"),
        ([text("one two"), REFERENCE | {"content": ""}], "one two [file-reference] a.go:1-2"),
        ([text("one two three four five six")], "one two three four five six"),
        ([text("one two three four five six seven"), REFERENCE], "one two three four five six\u2026"),
        ([text(f"with {UNTITLED}"), file], f"with {UNTITLED}"),
    ):
        t.expect(t.accepted(await t.alice.create(content))["title"], title, "the first title", "/title")


@case("EDIT-069", needs=["llm-control"])
async def edited_during_a_turn(t: Case) -> None:
    under_way = await held(t, says("partial"))
    chat = under_way.chat
    t.accepted(await chat.edit((await chat.history())[0]["id"], NEW))
    await under_way.open()
    await said(chat, ["new", "better"])


@case("EDIT-071")
async def no_model_of_an_edit(t: Case) -> None:
    chat = await first(t)
    before = (await chat.history())[0]
    for model in (UNKNOWN, "x"):
        edited = chat.dialect.message(t.accepted(await chat.edit(before["id"], NEW, model_config_id=model)))
        t.expect(edited["model_config_id"], before["model_config_id"], "the model of the new message", "/model_config_id")
        before = edited
    await said(chat, ["new", "better"])


@case("QUEUE-065", needs=["llm-control"])
async def what_a_promotion_answers(t: Case) -> None:
    chat, (_, two) = await stuck(t, queued("one"), queued("two"))
    made = t.accepted(await chat.promote(two))
    t.expect((made["role"], made["chat_id"], talk([made])), ("user", chat.id, ["two"]), "the message that was promoted")
    t.true(made["id"] in [m["id"] for m in await chat.history()], "it is in the history at once")
    t.true(two not in await queue_ids(chat), "it is not queued any more")
    await ran(chat, ["first", "two", "to two", "one", "to one"])


@case("QUEUE-066", needs=["llm-control"])
async def a_promotion_gives_the_turn_up(t: Case) -> None:
    under_way = await held(t, says("partial"))
    chat = under_way.chat
    one = t.given(await chat.send(queued("one")))["queued_message"]["id"]
    t.accepted(await chat.promote(one))
    await under_way.open()
    await said(chat, ["first", "one", "to one"])


@case("QUEUE-068", needs=["llm-control"])
async def an_interrupt_starts_no_queue(t: Case) -> None:
    chat, (one, two) = await stuck(t, queued("one"), queued("two"))
    t.expect(t.accepted(await chat.interrupt())["status"], t.idle, "the status in the answer", "/status")
    t.expect(await queue_ids(chat), [one, two], "the queue", "/queued_messages")
    t.expect(t.accepted(await chat.get())["status"], t.idle, "the status", "/status")
    t.accepted(await chat.promote(two))  # had the queue run by itself, its first message would stand before this one
    await ran(chat, ["first", "two", "to two", "one", "to one"])


@case("SEND-054", needs=["llm-control", "model-admin"])
async def queued_messages_forget_their_model(t: Case) -> None:
    under_way, other = await held(t, says("part ")), await other_model(t)
    chat = under_way.chat
    model = t.given(await chat.get())["last_model_config_id"]
    for name, wanted in (("one", other), ("two", UNKNOWN)):
        t.expect(t.accepted(await chat.send(queued(name), model_config_id=wanted))["queued"], True, "queued", "/queued")
    await under_way.open()
    await ran(chat, ["first", "part late", "one", "to one", "two", "to two"])
    t.expect({m["model_config_id"] for m in await chat.history()}, {model}, "the models of the messages")


@case("SEND-055", "SEND-056")
async def models_that_are_none(t: Case) -> None:
    chat = await first(t)
    before, model = await chat.history(), t.given(await chat.get())["last_model_config_id"]
    with t.judging("SEND-055"):
        t.refused(await chat.send(ANSWER, model_config_id=UNKNOWN), "send.model-unknown")
        t.expect(await chat.history(), before, "the messages after a refusal")
    with t.judging("SEND-056"):
        sent = t.accepted(await chat.send(ANSWER, model_config_id=NIL))["message"]
        t.true("model_config_id" not in sent, "the message names no model", sent.get("model_config_id"))
        await said(chat, ["first", "hello", "second", "answer"])
        t.expect(t.accepted(await chat.get())["last_model_config_id"], model, "the chat's model", "/last_model_config_id")


@case("SEND-057")
async def no_choices_of_a_send(t: Case) -> None:
    chat = await first(t)
    t.accepted(await chat.send(ANSWER, busy_behavior="nonsense", plan_mode=5))
    await said(chat, ["first", "hello", "second", "answer"])


@case("PATCH-045", "PATCH-046")
async def what_a_patch_does_not_set(t: Case) -> None:
    chat = await titled(t)
    before = t.given(await chat.get())
    other: dict[str, Any] = {"labels": "x", "pin_order": -1, "workspace_id": str(uuid4()), "plan_mode": 5}
    for requirement, fields in (("PATCH-045", {"title": "Renamed"}), ("PATCH-046", other)):
        with t.judging(requirement):
            t.accepted(await chat.patch(**fields))
            t.expect(t.accepted(await Chat(t.alice, chat.id).get()), before, "the chat after the PATCH")


@case("INT-037", needs=["llm-control"])
async def interrupted_before_it_runs(t: Case) -> None:
    chat = await t.new_chat(NEW)
    shown = t.accepted(await chat.interrupt())
    t.expect(shown["status"], "pending", "the status in the answer", "/status")
    await said(chat, ["new", "better"])
