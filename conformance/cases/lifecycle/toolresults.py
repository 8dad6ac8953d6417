"""Tools: calls that the client answers, those that the server runs, and what is stored of them."""

from __future__ import annotations

from typing import Any

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.turns import said, talk
from conformance.scenes.lifecycle import TOOL, asks, awaits, becomes, made_up, outputs, queued, results
from fixtures.scripts import Turn, script, text, tool_call, turn, turns

DONE = turn(text("done"))
OPTIONS = [{"label": "Red", "description": "warm"}, {"label": "Blue", "description": "cold"}]
QUESTION = {"header": "Colour", "question": "Which?", "options": OPTIONS}


async def played(t: Case, *each: Turn, **fields: Any) -> list[dict[str, Any]]:
    """The messages of a chat after a first turn of these model calls. Raises Unmet."""
    chat = await t.chat(script(turns(*each), prefix="first"), **fields)
    return await chat.history()


@case("TOOL-001")
async def a_dynamic_call(t: Case) -> None:
    chat = await t.chat(script(turns(asks("a", "b"), DONE)), unsafe_dynamic_tools=[TOOL])
    t.expect(t.accepted(await chat.get())["status"], "requires_action", "the status", "/status")
    last = (await chat.history())[-1]
    t.expect(last["role"], "assistant", "the role of the last message", "/role")
    calls = [(p["type"], p["tool_call_id"], p["tool_name"], p["args"]) for p in last["content"]]
    t.expect(calls, [("tool-call", name, "look_up", {"q": name}) for name in ("a", "b")], "its parts", "/content")


@case("TOOL-002", "TOOL-003", "TOOL-005", "TOOL-006", "TOOL-023", "MSG-015")
async def results_of_a_client(t: Case) -> None:
    chat = await awaits(t, asks("a", "b"), DONE)
    submitted = [{"tool_call_id": "b", "output": {"found": 1}}, {"tool_call_id": "a", "output": "none", "is_error": True}]
    with t.judging("TOOL-002"):
        t.accepted(await chat.tool_results(submitted))
        await said(chat, ["first", "done"])
    await chat.settled("waiting")
    stored = [m for m in await chat.history() if m["role"] == "tool"]
    with t.judging("TOOL-003"):
        parts = [[(p["type"], p["tool_call_id"]) for p in m["content"]] for m in stored]
        t.expect(parts, [[("tool-result", "b")], [("tool-result", "a")]], "the messages of role tool")
    with t.judging("TOOL-005"):
        errors = {p["tool_call_id"]: p.get("is_error", False) for p in results(stored)}
        t.expect(errors, {"a": True, "b": False}, "is_error of the results")
    with t.judging("MSG-015"):
        t.accepted(await chat.get())
        t.expect([m.get("created_by") for m in stored], [t.alice.id] * len(stored), "the authors of the results")
    before = await chat.history()
    with t.judging("TOOL-023"):
        t.refused(await chat.tool_results(submitted), "tool-results.not-waiting", status="waiting")
        t.expect(await chat.history(), before, "the messages", "/messages")
    with t.judging("TOOL-006"):
        idle = await t.chat()
        t.refused(await idle.tool_results(outputs(a={})), "tool-results.not-waiting", status="waiting")
        t.expect(len(await idle.history()), 2, "messages of the idle chat")


@case("TOOL-004")
async def kinds_of_output(t: Case) -> None:
    values = {"object": {"a": {"b": [1]}}, "array": [1, "two", None], "text": "plain", "digits": "5", "number": 5.5}
    values |= {"true": True, "false": False, "null": None, "empty": ""}
    chat = await awaits(t, asks(*values), DONE)
    t.accepted(await chat.tool_results(outputs(**values)))
    stored = {p["tool_call_id"]: p.get("result") for p in results(await chat.history())}
    for name, value in values.items():
        t.expect(stored[name], value, f"the result of {name}", "/result")


CALL_A, CALL_B = outputs(a={}, b={})
BAD: dict[str, dict[str, Any]] = {
    "none": {"requirement": "TOOL-007", "key": "tool-results.empty", "results": []},
    "twice": {"requirement": "TOOL-008", "key": "tool-results.duplicate", "results": [CALL_A, CALL_A, CALL_B], "id": "a"},
    "one-left-out": {"requirement": "TOOL-009", "key": "tool-results.missing", "results": [CALL_A], "id": "b"},
    "another-too": {
        "requirement": "TOOL-010",
        "key": "tool-results.unexpected",
        "results": [CALL_A, CALL_B, {"tool_call_id": "z", "output": {}}],
        "id": "z",
    },
    "no-output": {
        "requirement": "TOOL-011",
        "key": "tool-results.no-output",
        "results": [CALL_A, {"tool_call_id": "b"}],
        "id": "b",
    },
}


@case(rows=BAD)
async def bad_results(t: Case, row: dict[str, Any]) -> None:
    chat = await awaits(t, asks("a", "b"), DONE)
    t.refused(await chat.tool_results(row["results"]), row["key"], **{k: v for k, v in row.items() if k == "id"})
    t.expect(results(await chat.history()), [], "results stored after the refusal")
    right = outputs(a={}, b=None) if row["requirement"] == "TOOL-011" else [CALL_A, CALL_B]
    t.accepted(await chat.tool_results(right))


@case("TOOL-007")
async def no_results_for_an_idle_chat(t: Case) -> None:
    chat = await t.chat()
    t.refused(await chat.tool_results([]), "tool-results.empty")
    t.refused(await chat.tool_results([CALL_A]), "tool-results.not-waiting")


@case("TOOL-012")
async def after_a_refusal(t: Case) -> None:
    chat = await awaits(t, asks("a", "b"), DONE)
    for row in BAD.values():
        answer = await chat.tool_results(row["results"])
        t.true(answer.response.status >= 400, "bad results are refused", answer.response.status)
        t.expect(t.accepted(await chat.get())["status"], "requires_action", "the status after a refusal", "/status")
    t.accepted(await chat.tool_results([CALL_A, CALL_B]))
    await said(chat, ["first", "done"])


@case("TOOL-013")
async def body_before_status(t: Case) -> None:
    chat = await t.chat()
    for content in (b"", b"{broken", b"[1]", b'{"results": {}}', b'{"results": [{"tool_call_id": 5}]}'):
        t.refused(await chat.actor.post(chat.url("submitToolResults"), content=content), "common.bad-json")
    t.refused(await chat.tool_results([CALL_A]), "tool-results.not-waiting")


@case("TOOL-014", "MSG-004", "TOOL-026", "TOOL-047")
async def promote_while_results_are_awaited(t: Case) -> None:
    chat = await awaits(t, asks("a", "b"), DONE)
    entry = t.given(await chat.send(queued("instead")))["queued_message"]["id"]
    with t.judging("TOOL-014"):
        t.accepted(await chat.promote(entry))
        messages = await said(chat, ["first", "instead", "to instead"])
        roles = [m["role"] for m in messages]
        t.expect(roles, ["user", "assistant", "tool", "tool", "user", "assistant"], "the messages")
        found = [(p["tool_call_id"], p.get("is_error")) for p in results(messages)]
        t.expect(sorted(found), [("a", True), ("b", True)], "the results stored")
    await made_up(t, chat, "Tool execution interrupted by queued message promotion")
    with t.judging("TOOL-047"):
        before = await chat.history()
        t.refused(await chat.tool_results(outputs(a=1, b=2)), "tool-results.not-waiting", status="waiting")
        t.expect(await chat.history(), before, "the messages after results that came too late")


@case("TOOL-025", needs=["llm-control"])
async def no_client_tools_in_plan_mode(t: Case) -> None:
    script_of_both = script(turns(asks("a"), DONE), prefix="first")
    usual = await t.chat(script_of_both, unsafe_dynamic_tools=[TOOL])
    t.expect(t.accepted(await usual.get())["status"], "requires_action", "the status without a plan mode", "/status")
    chat = await t.chat(script_of_both, unsafe_dynamic_tools=[TOOL], plan_mode="plan")
    t.expect(t.accepted(await chat.get())["status"], "waiting", "the status in plan mode", "/status")
    messages = await chat.history()
    t.expect([(p["tool_call_id"], p.get("is_error")) for p in results(messages)], [("a", True)], "the results stored")
    t.expect(talk(messages), ["first", "done"], "what was said")
    for offers, wanted in ((usual, True), (chat, False)):
        (asked, *_) = await offers.model_calls(wait=1)
        t.expect("look_up" in str(asked["body"].get("tools")), wanted, "is the client's tool offered")


@case("TOOL-015")
async def results_twice(t: Case) -> None:
    chat = await awaits(t, asks("a"), asks("b"), DONE)
    t.given(await chat.tool_results(outputs(a=1)))
    await becomes(chat, lambda c: c["status"] == "requires_action", "requires_action again")
    t.accepted(await chat.tool_results(outputs(b=2)))
    messages = await said(chat, ["first", "done"])
    t.exactly([p["result"] for p in results(messages)], [1, 2], "the results stored")


@case("TOOL-016")
async def built_in_and_dynamic(t: Case) -> None:
    step = turn(tool_call("list_templates", {}, id="server"), tool_call("look_up", {}, id="client"))
    chat = await awaits(t, step, DONE)
    t.expect([p["tool_call_id"] for p in results(await chat.history())], ["server"], "the results stored by the server")
    t.accepted(await chat.tool_results(outputs(client=1)))
    messages = await said(chat, ["first", "done"])
    t.expect([p["tool_call_id"] for p in results(messages)], ["server", "client"], "all results")


# Calls that fail: the model is told so, and the turn goes on.
FAILING: dict[str, dict[str, Any]] = {
    "unknown": {"requirement": "TOOL-017", "tool": "no_such_tool", "arguments": {"x": 1}},
    "read_file": {"requirement": "TOOL-018", "tool": "read_file", "arguments": {"path": "/etc/hosts"}},
    "execute": {"requirement": "TOOL-018", "tool": "execute", "arguments": {"command": "true"}},
}


@case(rows=FAILING)
async def failing_calls(t: Case, row: dict[str, Any]) -> None:
    messages = await played(t, turn(tool_call(row["tool"], row["arguments"], id="c1")), DONE)
    (result,) = results(messages)
    t.expect((result["tool_call_id"], result.get("is_error")), ("c1", True), "the result of the call")
    t.expect(talk(messages), ["first", "done"], "what was said")


@case("TOOL-019")
async def results_in_order(t: Case) -> None:
    step = turn(*(tool_call(name, {}, id=f"c{i}") for i, name in enumerate(["list_templates", "no_such_tool", "list_templates"])))
    messages = await played(t, step, DONE)
    stored = [[p["tool_call_id"] for p in m["content"]] for m in messages if m["role"] == "tool"]
    t.expect(stored, [["c0"], ["c1"], ["c2"]], "the calls of the messages of role tool")


@case("TOOL-020", rows={reason: reason for reason in ("stop", "length", "content_filter")})
async def calls_with_another_finish(t: Case, reason: str) -> None:
    messages = await played(t, turn(tool_call("list_templates", {}, id="c1"), finish=reason), DONE)
    t.expect([p["tool_call_id"] for p in results(messages)], ["c1"], "the results")
    t.expect(talk(messages), ["first", "done"], "what was said")


@case("TOOL-021")
async def a_question_ends_the_turn(t: Case) -> None:
    question = turn(tool_call("ask_user_question", {"questions": [QUESTION]}, id="q1"))
    messages = await played(t, question, turn(text("too much")), plan_mode="plan")
    t.expect([m["role"] for m in messages], ["user", "assistant", "tool"], "the messages")
    t.true("is_error" not in results(messages)[0], "the question was asked", results(messages))
    failing = turn(tool_call("ask_user_question", {"questions": []}, id="q2"))
    t.expect(talk(await played(t, failing, DONE, plan_mode="plan")), ["first", "done"], "what was said after a bad question")


@case("TOOL-022")
async def a_child_runs(t: Case) -> None:
    task = script(text("child done"), prefix="task")
    spawn = turn(tool_call("spawn_agent", {"type": "general", "prompt": task, "title": "Child"}, id="s1"))
    chat = await t.chat(script(turns(spawn, DONE)))
    (result,) = results(await chat.history())
    child = Chat(t.alice, result["result"]["chat_id"])
    shown = t.accepted(await child.get())
    t.expect(shown["parent_chat_id"], chat.id, "the parent of the child", "/parent_chat_id")
    await said(child, ["task", "child done"])
