"""Send to a chat at rest: what is answered and stored, the turn that it starts, and the options that it carries."""

from __future__ import annotations

import asyncio
from typing import Any

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.turns import held, rests, said, talk
from conformance.play.verdict import Failure, Unmet
from conformance.scenes.lifecycle import ANSWER, becomes, first, moved, other_model, system_text
from conformance.scenes.tool_servers import registered
from conformance.wire.exchange import ABSENT
from fixtures.scripts import gate, http_error, script, text, tool_call, turn, turns


async def ran(chat: Chat, content: Any = ANSWER, **fields: Any) -> dict[str, Any]:
    """A send whose turn is judged: gives the chat afterwards. Raises Failure."""
    try:
        return await chat.turn(content, **fields)
    except Unmet as unmet:
        raise Failure(str(unmet)) from None


@case("SEND-018", "SEND-019", "SEND-020", "SEND-021", "SEND-028")
async def send_to_an_idle_chat(t: Case) -> None:
    chat = await first(t)
    before, known = t.given(await chat.get()), await chat.history()
    answer = await chat.send("  second \n")
    with t.judging("SEND-018"):
        body = t.accepted(answer)
        t.expect(body["queued"], False, "queued", "/queued")
        t.expect(body["message"]["chat_id"], chat.id, "the chat of the message", "/message/chat_id")
        t.expect((body["message"]["role"], talk([body["message"]])), ("user", ["second"]), "the message", "/message")
        t.true("queued_message" not in body, "the answer has no queued_message", body)
        stored = [m for m in await chat.history() if m["id"] == body["message"]["id"]]
        t.expect(len(stored), 1, "messages that have the id in the answer")
    with t.judging("SEND-021"):
        after = await becomes(chat, lambda c: c["status"] == "waiting", "status waiting")
        t.true(moved(before, after), "updated_at moves", after["updated_at"], "/updated_at")
    with t.judging("SEND-020"):
        sent = t.given(answer)["message"]
        (stored_text,) = [p["text"] for m in await chat.history() if m["id"] == sent["id"] for p in m["content"]]
        t.expect((sent["content"][0]["text"], stored_text), ("second", "second"), "the text in the answer and as stored")
    with t.judging("SEND-028"):
        new = [m["id"] for m in await chat.history()][len(known) :]
        t.true(t.given(answer)["message"]["id"] > max(m["id"] for m in known), "the id sent is higher than all before", new)
        t.expect(new, sorted(new), "the ids of the new turn, in the order of its messages")
    with t.judging("SEND-019"):
        chat = await first(t)
        shown = await ran(chat)
        t.expect(shown["status"], "waiting", "the status afterwards", "/status")
        t.expect(talk(await chat.history())[-2:], ["second", "answer"], "what the send has added")


@case("SEND-022")
async def send_after_an_error(t: Case) -> None:
    chat = await t.chat(script(http_error(400, "scripted failure")))
    failed = await chat.settled("error")
    t.true(failed.get("last_error"), "a failed chat has last_error", failed)
    shown = await ran(chat)
    t.true(not shown.get("last_error"), "last_error is gone", shown.get("last_error"), "/last_error")
    t.expect(shown["status"], "waiting", "the status afterwards", "/status")
    t.expect(talk(await chat.history())[-2:], ["second", "answer"], "what the send has added")


@case("SEND-023", "INT-016", needs=["llm-control"])
async def send_after_an_interrupt(t: Case) -> None:
    under_way = await held(t, text("partial"))
    chat = under_way.chat
    t.given(await chat.interrupt())
    await said(chat, ["first", "partial"])
    await under_way.open()
    with t.judging("SEND-023"):
        body = t.accepted(await chat.send(ANSWER))
        t.expect(body["queued"], False, "queued", "/queued")
        t.expect(talk([body["message"]]), ["second"], "the message", "/message")
    with t.judging("INT-016"):
        # the turn goes on behind the gate, if it does: whatever it adds is there when the next turn has ended
        await becomes(chat, lambda c: c["status"] == "waiting", "status waiting")
        seen = talk(await chat.history())
        t.expect(seen[:3], ["first", "partial", "second"], "the beginning of what was said")
        t.true(set(seen[3:]) <= {"answer"}, "only the next send adds to the chat", seen)


@case("SEND-024", "SEND-025", needs=["model-admin"])
async def send_with_a_model(t: Case) -> None:
    chat, other = await first(t), await other_model(t)
    before = t.given(await chat.get())["last_model_config_id"]
    with t.judging("SEND-024"):
        shown = await ran(chat, model_config_id=other)
        t.true(before != other, "the chat had another model", before)
        t.expect(shown["last_model_config_id"], other, "the chat's last model", "/last_model_config_id")
        t.expect([m["model_config_id"] for m in (await chat.history())[-2:]], [other] * 2, "the models of the turn's messages")
    if t.given(await chat.get())["last_model_config_id"] != other:
        raise Unmet("the chat's last model is not the one sent")
    with t.judging("SEND-025"):
        shown = await ran(chat)
        t.expect(shown["last_model_config_id"], other, "the chat's last model", "/last_model_config_id")
        t.expect([m["model_config_id"] for m in (await chat.history())[-2:]], [other] * 2, "the models of the turn's messages")


@case("SEND-026", needs=["admin"])
async def send_and_mcp_servers(t: Case) -> None:
    made = await registered(t)
    chat = await first(t, mcp_server_ids=[made])
    for sent, expected in ((None, [made]), (ABSENT, [made]), ([], []), (None, [])):
        fields: dict[str, Any] = {} if sent is ABSENT else {"mcp_server_ids": sent}
        t.accepted(await chat.send("more", **fields))
        shown = await chat.settled("waiting")
        t.expect(shown["mcp_server_ids"], expected, f"the chat's servers after {fields}", "/mcp_server_ids")


@case("SEND-027")
async def send_with_a_plan_mode(t: Case) -> None:
    chat = await first(t)
    for sent, expected in (("plan", "plan"), (None, "plan"), ("", None), (None, None)):
        t.accepted(await chat.send("more", plan_mode=sent))
        shown = await chat.settled("waiting")
        t.expect(shown.get("plan_mode"), expected, f"the plan mode after a send with {sent!r}", "/plan_mode")


@case("SEND-029")
async def one_message_for_each_model_call(t: Case) -> None:
    look = turn(text("one"), tool_call("list_templates", {}, id="c1"))
    chat = await t.chat(script(turns(look, turn(tool_call("list_templates", {}, id="c2")), turn(text("three")))))
    kinds = [[p["type"] for p in m["content"]] for m in await chat.history() if m["role"] == "assistant"]
    t.expect(kinds, [["text", "tool-call"], ["tool-call"], ["text"]], "the parts of the assistant messages")


@case("SEND-030", "LLM-009", "LLM-010", needs=["llm-control"])
async def the_system_prompt(t: Case) -> None:
    mark = t.unique("prompt")
    chat = await first(t, system_prompt=f"Answer\u200b as  \r\n{mark}\n\n\n\nalways\n")
    await chat.turn("more")
    asked, *_ = await chat.model_calls(wait=1)
    with t.judging("SEND-030"):
        t.true(mark in str(asked["body"]), "the system prompt reaches the model")
        for answer in (await chat.get(), await chat.messages(), await chat.prompts()):
            t.true(mark not in str(t.accepted(answer)), f"{answer.request.path} does not show the system prompt")
        roles = {m["role"] for m in await chat.history()}
        t.expect(roles, {"user", "assistant"}, "the roles of the messages")
    with t.judging("LLM-010"):
        t.accepted(await chat.get())
        sent = system_text(asked)
        t.true(f"Answer as\n{mark}\n\nalways" in sent, "the system prompt reaches the model cleaned", sent[-200:])
    with t.judging("LLM-009"):
        t.accepted(await chat.edit((await chat.history())[0]["id"], "Edited"))
        await chat.settled()
        _, *later = await chat.model_calls(wait=3)
        t.expect([mark in system_text(call) for call in later], [True] * len(later), "is the system prompt in the later calls")


@case("SEND-031")
async def two_sends_at_once(t: Case) -> None:
    chat = await first(t)
    marks = [t.unique("a"), t.unique("b")]
    for answer in await asyncio.gather(*(chat.send(mark) for mark in marks)):
        t.accepted(answer)
    messages = await rests(chat, lambda found: set(marks) <= set(talk(found)), "what was said", f"all of {marks} among it")
    t.expect(sorted(said for said in talk(messages) if said in marks), sorted(marks), "the messages sent")


@case("SEND-032", needs=["llm-control"])
async def one_of_several_sends_runs(t: Case) -> None:
    chat, hold = await first(t), t.gate()
    content = script(gate(hold), text("answer"), prefix="second")
    answers = [t.accepted(answer) for answer in await asyncio.gather(*(chat.send(content) for _ in range(6)))]
    t.expect(sorted(answer["queued"] for answer in answers), [False, *[True] * 5], "which of the sends were queued")
    listed = t.accepted(await chat.messages())
    t.expect((talk(listed["messages"])[0], len(listed["queued_messages"])), ("second", 5), "the last message, and the queue")
