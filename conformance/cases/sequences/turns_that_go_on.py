"""Turns of several steps, and what goes on after a turn that was stopped, failed or was compacted."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import uuid4

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import new_model
from conformance.play.turns import held, ran, rests, said, talk
from conformance.play.verdict import Unmet
from conformance.scenes.chatmaking import child
from conformance.scenes.lifecycle import (
    TOOL,
    asks,
    awaits,
    calls,
    compacting,
    first,
    items,
    other_model,
    outputs,
    queue,
    queued,
    results,
    wanted,
)
from fixtures.scripts import attempts, gate, http_error, reasoning, script, text, tool_call, turn, turns, usage

LOOK = tool_call("list_templates", {}, id="look")


@case("TURN-001", needs=["model-admin"])
async def an_edit_with_another_model(t: Case) -> None:
    chat, other = await first(t), await other_model(t)
    for model in (other, t.given(await chat.get())["last_model_config_id"]):
        made = t.message(t.accepted(await chat.edit((await chat.history())[0]["id"], queued("new"), model_config_id=model)))
        t.expect(made["model_config_id"], model, "the model of the new message", "/message/model_config_id")
        await chat.settled()
        t.expect({m["model_config_id"] for m in await chat.history()}, {model}, "the models of the messages")
        t.expect(t.accepted(await chat.get())["last_model_config_id"], model, "the chat's last model", "/last_model_config_id")


@case("TURN-002", needs=["llm-control", "model-admin"])
async def an_edit_behind_a_compaction(t: Case) -> None:
    model, summary, old = await new_model(t, compression_threshold=50), t.unique("summary"), t.unique("old")
    await t.llm.order(turn(text(summary)), model=model["model"], purpose="summary", times=1)
    chat = await t.chat(script(text("a first"), text(" answer"), prefix=old), model_config_id=model["id"])
    await chat.turn(script(turns(turn(text("long"), usage=usage(900, 5)), turn(text("after"))), prefix="second"), tries=1)
    await compacting(t, chat)
    (edited,) = [m["id"] for m in await chat.history() if talk([m]) == ["second"]]
    mark = t.unique("new")
    t.given(await chat.edit(edited, script(text("ok"), prefix=mark)))
    await chat.settled()
    t.expect(talk(await chat.history()), [old, "a first answer", mark, "ok"], "what was said")
    *_, last = await chat.model_calls(wait=4)
    t.expect(wanted(items(last), old, "a first answer", mark, summary), [0, 1, 2, -1], "where it stands in the model call")


@case("TURN-003", "TURN-013", needs=["llm-control"])
async def a_failure_in_the_second_step(t: Case) -> None:
    steps, mark = turns(turn(text("looking"), LOOK), http_error(400, "scripted failure")), t.unique("first")
    chat = await t.chat(script(steps, prefix=mark))
    await chat.settled("error")
    with t.judging("TURN-003"):
        messages = await chat.history()
        t.expect([m["role"] for m in messages], ["user", "assistant", "tool"], "the roles of the messages")
        t.expect(talk(messages)[1:2], ["looking"], "the answer of the first step")
        await chat.turn(queued("again"), tries=1)
        t.expect(talk(await chat.history()), [mark, "looking", "again", "to again"], "what was said in the end")
    with t.judging("TURN-013"):
        t.accepted(await chat.get())
        *_, last = await calls(t, chat, 3)
        told = [item for item in items(last) if "look" in str(item) and "script:" not in str(item)]
        t.expect(len(told), 2, "items of the next model call that are about the first step: its call and the result")


@case("TURN-016")
async def one_of_two_calls_fails(t: Case) -> None:
    fails = tool_call("wait_agent", {"chat_id": str(uuid4())}, id="bad")
    chat = await t.chat(script(turns(turn(LOOK, fails), turn(text("done"))), prefix="first"))
    found = {p["tool_call_id"]: bool(p.get("is_error")) for p in results(await said(chat, ["first", "done"]))}
    t.expect(found, {"look": False, "bad": True}, "is_error of the results")


@case("TURN-004", needs=["llm-control"])
async def a_retry_in_the_second_step(t: Case) -> None:
    again = attempts(turn(reasoning("mused"), text("lost"), cut=True), turn(text("whole")))
    chat = await t.chat(script(turns(turn(text("looking"), LOOK), again), prefix="first"))
    messages = await said(chat, ["first", "looking", "whole"])
    t.expect([m["role"] for m in messages], ["user", "assistant", "tool", "assistant"], "the roles of the messages")
    t.expect(len(results(messages)), 1, "the results of the first step")
    t.true("mused" not in str(messages[1:]), "nothing of what the failed attempt thought is kept", messages[1:])


@case("TURN-005")
async def ids_of_calls_used_again(t: Case) -> None:
    chat = await awaits(t, asks("a"), asks("a"), turn(text("done")))
    for number in (1, 2):
        t.accepted(await chat.tool_results(outputs(a={"number": number})))
        await chat.settled("requires_action" if number == 1 else t.idle)
    t.expect([p["result"] for p in results(await chat.history())], [{"number": 1}, {"number": 2}], "the results")
    t.given(await chat.send(script(turns(asks("a"), turn(text("over"))), prefix="second")))
    await chat.settled("requires_action")
    t.accepted(await chat.tool_results(outputs(a={"number": 3})))
    await chat.settled(t.idle)
    t.expect(talk(await chat.history()), ["first", "done", "second", "over"], "what was said")


@case("TURN-006", needs=["llm-control"])
async def an_interrupt_while_a_tool_runs(t: Case) -> None:
    hold = t.gate()
    kid = await child(t, script(gate(hold), text("late"), prefix="task"), t.alice, {})
    await t.llm.reached(hold)
    await kid.root.settled()
    waits = turn(text("waiting"), tool_call("wait_agent", {"chat_id": kid.id}, id="w1"))
    async with await kid.root.stream() as socket:
        t.given(await kid.root.send(script(turns(waits, turn(text("never"))), prefix="then")))
        await socket.until({"type": "message_part", "message_part": {"part": {"type": "tool-call", "tool_call_id": "w1"}}})
        await kid.root.model_calls(wait=3)
    t.given(await kid.root.interrupt())
    messages = await rests(kid.root, lambda m: bool(talk(m)[-1:] == ["waiting"]), "what was said at last", "waiting")
    (result,) = [p for p in results(messages) if p["tool_call_id"] == "w1"]
    t.expect(result.get("is_error"), True, "is_error of the result that was made up", "/is_error")
    mark = t.unique("again")
    await kid.root.turn(script(text("fine"), prefix=mark), tries=1)
    *_, last = await kid.root.model_calls(wait=4)
    told = [item for item in items(last) if "w1" in str(item) and "script:" not in str(item)]
    t.expect(len(told), 2, "items of the next model call that are about the call: itself and its one result")


@case("TURN-007", needs=["llm-control"])
async def what_failed_is_not_forgotten(t: Case) -> None:
    mark, again = t.unique("failed"), t.unique("again")
    chat = await t.chat(script(text("hello"), prefix=t.unique("first")))
    t.given(await chat.send(script(http_error(400, "scripted failure"), prefix=mark)))
    await chat.settled("error")
    await chat.turn(script(text("ok"), prefix=again), tries=1)
    *_, last = await calls(t, chat, 3)
    t.expect(wanted(items(last), mark, again), [2, 3], "where the messages stand in the model call")


@case("TURN-008", needs=["llm-control"])
async def messages_of_the_same_text(t: Case) -> None:
    under_way = await held(t, text("part "))
    chat = under_way.chat
    for _ in range(2):
        t.given(await chat.send(queued("same")))
    t.expect(len(await queue(chat)), 2, "messages in the queue", "/queued_messages")
    await under_way.open()
    await ran(chat, ["first", "part late", "same", "to same", "same", "to same"])
    await chat.turn(queued("same"), tries=5)
    found = Counter(talk(await chat.history()))
    t.true(found["same"] >= 3, "three messages of the same text", found)


@case("TURN-009")
async def a_turn_of_many_steps(t: Case) -> None:
    steps = [turn(tool_call("list_templates", {}, id=f"step{n}")) for n in range(24)]
    chat = await t.chat(script(turns(*steps, turn(text("done"))), prefix="first"))
    messages = await said(chat, ["first", "done"])
    t.expect([p["tool_call_id"] for p in results(messages)], [f"step{n}" for n in range(24)], "the calls that were answered")


@case("TURN-010", needs=["llm-control"])
async def interrupted_twice(t: Case) -> None:
    chat: Chat = (await held(t, text("part"))).chat
    for answer in [await chat.interrupt(), await chat.interrupt()]:
        t.expect(t.accepted(answer)["status"], t.idle, "the status in the answer", "/status")
    await said(chat, ["first", "part"])
    t.given(await chat.interrupt())
    await said(chat, ["first", "part"])


@case("TURN-011", needs=["llm-control"])
async def an_earlier_message_edited_during_a_turn(t: Case) -> None:
    chat, hold = await first(t), t.gate()
    await chat.turn(queued("second"), tries=1)
    before = await chat.history()
    t.given(await chat.send(script(text("part"), gate(hold), text("late"), prefix="third")))
    await t.llm.reached(hold)
    t.accepted(await chat.edit(before[2]["id"], queued("instead")))
    await t.llm.open(hold)
    await chat.settled()
    shown = await chat.history()
    t.expect(shown[:2], before[:2], "the messages before the edited one")
    t.true(
        not {"second", "to second", "third", "late", "partlate"} & {*talk(shown)}, "nothing of what came after it", talk(shown)
    )
    await chat.turn(queued("again"))
    t.expect(talk(await chat.history())[-2:], ["again", "to again"], "what was said at last")


@case("TURN-014", "TURN-015", needs=["llm-control", "model-admin"])
async def compacted_twice(t: Case) -> None:
    model = await new_model(t, compression_threshold=50)
    marks = [t.unique(name) for name in ("summary", "newer", "after", "instead")]
    for summary in marks[:2]:
        await t.llm.order(turn(text(summary)), model=model["model"], purpose="summary", times=1)
    big = script(turns(turn(text("long"), usage=usage(900, 5)), turn(text("short"))), prefix=t.unique("first"))
    chat = await t.chat(big, model_config_id=model["id"])
    await compacting(t, chat)
    await chat.turn(big, tries=1)
    await compacting(t, chat)
    for requirement, said_then in (("TURN-014", marks[2]), ("TURN-015", marks[3])):
        with t.judging(requirement):
            if requirement == "TURN-014":
                await chat.turn(script(text("ok"), prefix=said_then), tries=1)
            else:
                t.accepted(await chat.edit((await chat.history())[-2]["id"], script(text("ok"), prefix=said_then)))
                await chat.settled()
            *_, last = await calls(t, chat, 5 if requirement == "TURN-014" else 6)
            places = wanted(items(last), *marks[:2], said_then)
            t.expect([min(place, 1) for place in places], [-1, 0, 1], "where summaries and message stand in the model call")


@case("TURN-012", "KEEP-020", needs=["llm-control", "model-admin"])
async def a_compacted_turn(t: Case) -> None:
    model, summary = await new_model(t, compression_threshold=50), t.unique("summary")
    await t.llm.order(turn(text(summary)), model=model["model"], purpose="summary", times=1)
    kept: dict[str, Any] = {"labels": {"kept": "yes"}, "plan_mode": "plan"}
    chat = await t.chat(script(turn(text("long"), usage=usage(900, 5)), prefix="first"), model_config_id=model["id"], **kept)
    await compacting(t, chat)
    messages = await chat.history()
    places = [n for n, m in enumerate(messages) if "chat_summarized" in {p.get("tool_name") for p in m["content"]}]
    if not places:
        raise Unmet("no compaction took place")
    with t.judging("TURN-012"):
        t.true(places[-1] < len(messages) - 1, "the turn goes on behind the compaction", [m["role"] for m in messages])
        t.expect((messages[-1]["role"], len(talk(messages[-1:]))), ("assistant", 1), "the last message, and its texts")
    with t.judging("KEEP-020"):
        shown = t.accepted(await chat.get())
        t.exactly({key: shown.get(key) for key in kept}, kept, "labels and plan mode")


@case("TURN-017", needs=["llm-control"])
async def plan_mode_during_a_model_call(t: Case) -> None:
    hold, asked = t.gate(), tool_call("look_up", {}, id="p1")
    chat = await t.new_chat(script(turns(turn(gate(hold), asked), turn(text("ok")))), unsafe_dynamic_tools=[TOOL])
    await t.llm.reached(hold)
    t.given(await chat.patch(plan_mode="plan"))
    await t.llm.open(hold)
    shown = await chat.settled()
    t.expect(shown["status"], "requires_action", "the status after a call of the client's tool", "/status")
    t.given(await chat.tool_results([{"tool_call_id": "p1", "output": {}}]))
    await chat.settled(t.idle)
    t.given(await chat.send(script(turns(turn(asked), turn(text("ok"))))))
    shown = await chat.settled()
    t.expect(shown["status"], t.idle, "the status after the next turn, in which the client has no tools", "/status")
