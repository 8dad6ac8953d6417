"""What reaches the model: the conversation, tools, results, headers; and what ends a call."""

from __future__ import annotations

from typing import Any

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import chosen_model, new_model
from conformance.play.turns import held, said
from conformance.play.verdict import Failure, Unmet
from conformance.scenes.lifecycle import calls, is_helper, items, wanted
from fixtures.scripts import gate, script, text, tool_call, turn, turns, usage

TOOL = {
    "name": "look_up",
    "description": "Looks a word up",
    "input_schema": {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
}


@case("LLM-001", needs=["llm-control"])
async def the_model_gets_the_conversation(t: Case) -> None:
    first, second = t.unique("first"), t.unique("second")
    chat = await t.chat(script(text("the first"), text(" answer"), prefix=first))
    await chat.turn(script(turns(turn(tool_call("list_templates", {}, id="step1")), turn(text("done"))), prefix=second), tries=1)
    before, step, after = await calls(t, chat, 3)
    t.expect(len(items(before)), 1, "messages of the first call")
    t.expect(wanted(items(before), first), [0], "the place of the first message in the first call")
    t.expect(wanted(items(step), first, "the first answer", second), [0, 1, 2], "the conversation of the second call")
    t.expect(len(items(step)), 3, "messages of the second call")
    t.expect(wanted(items(after), first, "the first answer", second), [0, 1, 2], "the conversation of the third call")
    t.true("step1" in str(items(after)[3:]), "the call of the step before follows the newest user message", items(after)[3:])


@case("LLM-001", needs=["llm-control"])
async def the_model_gets_what_was_interrupted(t: Case) -> None:
    chat = (await held(t, text("part so far"))).chat
    t.given(await chat.interrupt())
    try:
        await said(chat, ["first", "part so far"])
    except Failure as failure:
        raise Unmet(str(failure)) from None
    second = t.unique("second")
    await chat.turn(script(text("done"), prefix=second), tries=1)
    *_, last = await calls(t, chat, 2)
    found = items(last)
    t.expect(len(found), 3, "messages of the call after an interrupt")
    t.expect(
        wanted(found[1:], "part so far", second), [0, 1], "where the answer so far and the next message stand behind the first"
    )


@case("LLM-002", needs=["llm-control"])
async def the_model_forgets_what_was_edited(t: Case) -> None:
    first, gone, new = t.unique("first"), t.unique("gone"), t.unique("new")
    chat = await t.chat(script(text("kept"), text(" answer"), prefix=first))
    await chat.turn(script(text("forgotten"), text(" answer"), prefix=gone), tries=1)
    edited = (await chat.history())[2]["id"]
    t.given(await chat.edit(edited, script(text("ok"), prefix=new)))
    *_, last = await calls(t, chat, 3)
    found = items(last)
    t.expect(wanted(found, gone, "forgotten answer"), [-1, -1], "where what the edit removed stands in the model call")
    t.expect(wanted(found, first, "kept answer", new), [0, 1, 2], "where what remains stands")


@case("LLM-003", "LLM-004", needs=["llm-control"])
async def dynamic_tools_reach_the_model(t: Case) -> None:
    asks = turn(tool_call("look_up", {"word": "a"}, id="call_a"), tool_call("look_up", {"word": "b"}, id="call_b"))
    chat = await t.chat(script(turns(asks, turn(text("done")))), unsafe_dynamic_tools=[TOOL])
    await chat.settled("requires_action")
    (asked,) = await calls(t, chat, 1)
    with t.judging("LLM-004"):
        t.accepted(await chat.get())
        offered = [tool.get("function") or tool for tool in asked["body"].get("tools", [])]
        (found,) = [tool for tool in offered if tool.get("name") == "look_up"] or [{}]
        t.expect(found.get("description"), TOOL["description"], "the tool's description", "/tools")
        t.exactly(found.get("parameters") or found.get("input_schema"), TOOL["input_schema"], "its schema", "/tools")
    t.given(await chat.tool_results([{"tool_call_id": c, "output": {"found": f"value of {c}"}} for c in ("call_b", "call_a")]))
    with t.judging("LLM-003"):
        await chat.settled("waiting")
        *_, told = await calls(t, chat, 2)
        for call in ("call_a", "call_b"):
            answers = [x for x in items(told) if f"value of {call}" in str(x)]
            t.true(answers and call in str(answers[0]).replace(f"value of {call}", ""), f"the result of {call} is named by it")


@case("LLM-005", needs=["llm-control"])
async def an_interrupt_ends_the_call(t: Case) -> None:
    hold = t.gate()
    chat = await t.new_chat(script(text("a"), gate(hold), text("b")))
    await t.llm.reached(hold)
    t.given(await chat.interrupt())
    try:
        await t.llm.left(hold)
    except Unmet as unmet:
        raise Failure(f"the model call under way goes on: {unmet}") from None


@case("LLM-006", "LLM-007", needs=["llm-control"])
async def how_the_model_is_called(t: Case) -> None:
    chat = await t.chat(script(text("An answer"), prefix=t.unique("ask")), t.titled)
    (asked,) = await calls(t, chat, 1)
    with t.judging("LLM-006"):
        t.accepted(await chat.get())
        headers = {name.lower(): value for name, value in asked["headers"].items()}
        t.expect(headers.get("x-coder-chat-id"), chat.id, "the chat that a model call names")
        t.expect(headers.get("x-coder-owner-id"), t.titled.id, "the owner that it names")
    with t.judging("LLM-007"):
        t.accepted(await chat.get())
        t.expect(asked["stream"], True, "is a turn's call a stream")
        for purpose in ("title", "label") if "last_turn_summary" in t.session.known_keys else ("title",):
            await chat.model_calls(purpose, wait=1)
        for entry in await chat.model_calls(""):
            helper = is_helper(entry) or not entry["body"].get("tools")
            t.expect(entry["stream"], not helper, f"is the call a stream: {entry['purpose']}")


@case("LLM-012", "TOOL-024", needs=["llm-control", "model-admin"])
async def a_sub_agent(t: Case) -> None:
    if t.offers("putConfigModelOverride") and (await chosen_model(t, "general", t.given))["model_config_id"]:
        raise Unmet("the deployment chooses the model of sub-agents")
    model = (await new_model(t))["id"]
    spawn = turn(
        tool_call("spawn_agent", {"type": "general", "prompt": script(text("child done"), prefix="task"), "title": "Kid"})
    )
    chat = await t.chat(script(turns(spawn, turn(text("done")))), model_config_id=model)
    child = Chat(t.alice, (await chat.children())[0]["id"])
    with t.judging("TOOL-024"):
        t.expect(t.accepted(await child.get())["last_model_config_id"], model, "the sub-agent's model", "/last_model_config_id")
        await child.settled("waiting")
        t.expect([m.get("model_config_id") for m in await child.history()], [model] * 2, "the models of its messages")
    with t.judging("LLM-012"):
        await child.settled("waiting")
        named = [{k.lower(): v for k, v in call["headers"].items()} for call in await child.model_calls()]
        t.true(named, "a model call names the sub-agent")
        t.expect([h.get("x-coder-subchat-id") for h in named], [child.id] * len(named), "the sub-agent that its calls name")
        t.expect([h.get("x-coder-chat-id") for h in named], [chat.id] * len(named), "the root chat that they name")


@case("COMPACT-022", needs=["llm-control", "model-admin"])
async def compacted_again_and_again(t: Case) -> None:
    model = await new_model(t, compression_threshold=0)
    chat = await t.chat(script(turn(text("more"), usage=usage(20, 5))), model_config_id=model["id"])
    messages = await chat.history()
    answers = [p for m in messages if m["role"] == "assistant" for p in m["content"] if p["type"] == "text"]
    t.expect(len(answers), 4, "the answers of the turn")
    summaries = [p for m in messages for p in m["content"] if p.get("tool_name") == "chat_summarized"]
    t.expect(len(summaries), 8, "the parts that tell of compactions")
    t.expect((await chat.settled())["status"], t.idle, "the status after the turn", "/status")


@case("TOOL-068")
async def arguments_that_never_become_json(t: Case) -> None:
    first, bad = tool_call("list_templates", {}, id="good"), tool_call("list_templates", "{nope", id="bad")
    chat = await t.new_chat(script(turns(turn(first), turn(bad), turn(text("never")))))
    shown = await chat.settled()
    t.expect((shown["status"], shown.get("last_error")), (t.idle, None), "status and error after the turn")
    t.expect([m["role"] for m in await chat.history()], ["user", "assistant", "tool"], "the roles of the messages")
    t.true(await chat.turn(script(text("fine"))), "the next turn is answered")


async def compacted(t: Case, old: str, summary: str) -> tuple[Chat, list[dict[str, Any]]]:
    """A chat whose talk from `old` on became `summary`, and the parts that tell of it. Raises Unmet."""
    model = await new_model(t, compression_threshold=50)
    await t.llm.order(turn(text(summary)), model=model["model"], purpose="summary")
    long = turn(text("a long"), text(" answer"), usage=usage(900, 5))
    chat = await t.chat(script(turns(long, turn(text("after"))), prefix=old), model_config_id=model["id"])

    async def parts() -> list[dict[str, Any]]:
        return [p for m in await chat.history() for p in m["content"] if p.get("tool_name") == "chat_summarized"]

    if not (shown := await parts()):
        await chat.turn(script(text("more")))  # before whose call it takes place in later revisions
    if not (shown := shown or await parts()):
        raise Unmet("no compaction took place")
    return chat, shown


@case("LLM-013", needs=["llm-control", "model-admin"])
async def after_a_compaction(t: Case) -> None:
    old, summary = t.unique("old"), t.unique("summary")
    chat, _ = await compacted(t, old, summary)
    *_, last = await calls(t, chat, 2)
    found = items(last)
    t.true(summary in str(found), "the model gets the summary", found)
    t.expect(wanted(found, old, "a long answer"), [-1, -1], "where stands what the summary is made of")


@case("COMPACT-001", needs=["llm-control", "model-admin"])
async def parts_of_a_compaction(t: Case) -> None:
    summary, about = t.unique("summary"), {"source": "automatic", "threshold_percent": 50}
    chat, shown = await compacted(t, t.unique("old"), summary)
    t.accepted(await chat.get())
    call, result = (p.get("args") or p.get("result") or {} for p in shown)
    t.exactly({k: call.get(k) for k in about}, about, "the arguments of the call", "/args")
    t.exactly({k: result.get(k) for k in (*about, "summary")}, about | {"summary": summary}, "its result", "/result")


@case("LLM-014", needs=["llm-control"])
async def dynamic_tools_in_every_turn(t: Case) -> None:
    chat = await t.chat("first", unsafe_dynamic_tools=[TOOL])
    await chat.turn("second", tries=1)
    t.given(await chat.edit((await chat.history())[-2]["id"], "anew"))
    await chat.answered("anew")
    for turn_, call in zip(("first", "second", "edited"), await calls(t, chat, 3), strict=True):
        names = [(tool.get("function") or tool).get("name") for tool in call["body"].get("tools", [])]
        t.true("look_up" in names, f"the chat's tool is offered in the {turn_} turn", names)
