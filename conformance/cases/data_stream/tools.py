"""Tools that the model calls: their lines, their results, and the calls of the model that follow."""

from __future__ import annotations

import json
from typing import Any

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.answers import (
    MYSELF,
    WORKSPACES,
    Answer,
    answered,
    ask,
    begun,
    empty,
    invocations,
    order_of,
    talk,
    texts,
)
from fixtures.scripts import gate, http_error, script, tool_call, turn, turns
from fixtures.scripts import text as says

ME = {"owner": "me"}
OFFERED = {
    "coder_create_template", "coder_create_template_version", "coder_create_workspace", "coder_create_workspace_build",
    "coder_delete_template", "coder_list_templates", "coder_template_version_parameters", "coder_list_workspaces",
    "coder_get_authenticated_user", "coder_get_template_version_logs", "coder_get_workspace", "coder_get_workspace_agent_logs",
    "coder_get_workspace_build_logs", "coder_upload_tar_file", "coder_update_template_active_version",
}  # fmt: skip


def then_done(*steps: Any) -> Any:
    """A script: the model says this, and in its next call that it is done."""
    return turns(turn(*steps), turn(says("done")))


@case("LTOOL-001", "LTOOL-002", "LTOOL-005", "LTOOL-018")
async def one_tool(t: Case) -> None:
    call = tool_call(WORKSPACES, ME, id="call_1", pieces=3)
    (chat, answer), o = await talk(t, then_done(call)), order_of(t)
    with t.judging("LTOOL-001"):
        first = o.tool_start + o.tool_piece * len(answer.of(o.tool_piece)) + o.tool + o.result + o.finish + o.end
        t.expect(answer.calls, [first, o.text + o.finish + o.end], "the kinds of the lines of both calls of the model")
        t.expect(answer.of(o.tool_start), [{"toolCallId": "call_1", "toolName": WORKSPACES}], "the start of the tool call")
        t.expect(answer.of(o.tool), [{"toolCallId": "call_1", "toolName": WORKSPACES, "args": ME}], "the whole of it")
        t.expect([line["toolCallId"] for line in answer.of(o.result)], ["call_1"], "the call that the result answers")
        reasons = [line["finishReason"] for kind in (o.finish, o.end) for line in answer.of(kind)]
        t.expect(reasons, ["tool-calls", "stop"] * 2, "the reasons of the finishes")
    with t.judging("LTOOL-002"):
        pieces = [line["argsTextDelta"] for line in answer.of(o.tool_piece)]
        t.expect([len(pieces), json.loads("".join(pieces))], [3, ME], "the pieces of the arguments")
    with t.judging("LTOOL-005"):
        result = answer.of(o.result)[0]["result"]
        kept = {"state": "result", "toolCallId": "call_1", "toolName": WORKSPACES, "args": ME, "result": result}
        found = invocations((await chat.history())[1])
        t.expect(found, [kept], "the tool call as it is kept")
        t.exactly([[i["args"], i["result"]] for i in found], [[ME, result]], "its arguments and its result as they are kept")
    with t.judging("LTOOL-018"):
        t.exactly([line["result"] for line in answer.of(o.result)], [[]], "the workspaces of who has none")


ARGUMENTS = {
    "nested": {"owner": "me", "b": {"y": [1, {"z": None}], "x": True}},
    "characters": {"owner": 'a<b>&"\\ é中🎈 \u2028'},
    "numbers": {"owner": "me", "n": [0, -1, 2.5, 1e21, 9007199254740991]},
}


@case("LTOOL-003", rows=ARGUMENTS)
async def arguments(t: Case, value: dict[str, Any]) -> None:
    answer, order = await answered(t, then_done(tool_call(WORKSPACES, value, id="call_1", pieces=2))), order_of(t)
    t.exactly([line["args"] for line in answer.of(order.tool)], [value], "the arguments of the tool call")


@case("LTOOL-004", "LTOOL-016")
async def many_calls(t: Case) -> None:
    n, o = 14, order_of(t)
    made = [turn(tool_call(WORKSPACES, ME, id=f"call_{k}")) for k in range(n)]
    chat, answer = await talk(t, turns(*made, turn(says("done"))))
    with t.judging("LTOOL-004"):
        t.expect([len(answer.of(o.finish)), len(answer.of(o.end))], [n + 1, n + 1], "how many finishes there are of each kind")
    with t.judging("LTOOL-016"):
        t.expect([line["toolCallId"] for line in answer.of(o.result)], [f"call_{k}" for k in range(n)], "the calls with results")
        t.expect([answer.text, len(await chat.history())], ["done", n + 2], "the text in the end, and how many messages are kept")


@case("LTOOL-006")
async def text_and_tools(t: Case) -> None:
    steps = (says("before "), tool_call(WORKSPACES, ME, id="call_1"), says("between "), says("it"))
    chat, _ = await talk(t, then_done(*steps))
    message = (await chat.history())[1]
    t.expect([p["type"] for p in message["parts"]], ["text", "tool-invocation", "text"], "the kinds of the parts")
    t.expect([message["parts"][0]["text"], message["parts"][2]["text"]], ["before ", "between it"], "their texts")
    t.expect(message["content"], "before between it", "the content of the message", "/1/content")


@case("LTOOL-007", "LTOOL-019")
async def unknown_tools(t: Case) -> None:
    (chat, answer), o = await talk(t, then_done(tool_call("no_such_tool", {"a": 1}, id="call_1"))), order_of(t)
    with t.judging("LTOOL-007"):
        t.expect(answer.of(o.result), [{"toolCallId": "call_1", "result": None}], "the result of a tool that does not exist")
        t.expect(answer.text, "done", "the text that follows")
    with t.judging("LTOOL-019"):
        (kept,) = invocations((await chat.history())[1])
        t.expect([kept["state"], "result" in kept], ["result", False], "its state as it is kept, and whether it has a result")


@case("LTOOL-008")
async def failing_tools(t: Case) -> None:
    call = tool_call("coder_get_workspace", {"workspace_id": "x"}, id="call_1")
    (chat, answer), o = await talk(t, then_done(call)), order_of(t)
    (result,) = [line["result"] for line in answer.of(o.result)]
    t.true("error" in result, "the result of a tool that failed has an error", sorted(result))
    t.true(isinstance(result["error"], str) and result["error"], "the error is a text", result["error"])
    t.expect(answer.text, "done", "the text that follows")
    t.exactly(invocations((await chat.history())[1])[0].get("result"), result, "the result as it is kept")


NEVER: dict[str, dict[str, Any]] = {
    "empty": {"requirement": "LTOOL-009", "arguments": ""},
    "cut": {"requirement": "LTOOL-010", "arguments": '{"owner": "me"'},
    "array": {"requirement": "LTOOL-010", "arguments": "[1, 2]"},
    "words": {"requirement": "LTOOL-010", "arguments": "not json"},
}


@case(rows=NEVER)
async def calls_that_are_never_whole(t: Case, row: dict[str, Any]) -> None:
    call = tool_call(WORKSPACES, row["arguments"], id="call_1")
    (chat, answer), o = await talk(t, turn(says("hm "), call, finish="stop")), order_of(t)
    t.expect([len(answer.of(o.tool_start)), answer.of(o.tool), answer.of(o.result)], [1, [], []], "start, whole and result of it")
    (kept,) = invocations((await chat.history())[1])
    t.exactly([kept["state"], kept["args"]], ["partial-call", row["arguments"]], "state and arguments as they are kept")


@case("LTOOL-011")
async def two_tools(t: Case) -> None:
    calls = (tool_call(WORKSPACES, ME, id="call_1", pieces=2), tool_call("coder_list_templates", {}, id="call_2"))
    (chat, answer), o = await talk(t, then_done(*calls)), order_of(t)
    for kind in (o.tool, o.result):
        t.expect(
            [line["toolCallId"] for line in answer.of(kind)], ["call_1", "call_2"], f"the ids of the lines of the kind {kind}"
        )
    t.expect([i["state"] for i in invocations((await chat.history())[1])], ["result"] * 2, "the states of both as they are kept")
    t.expect(answer.text, "done", "the text that follows")


def told(answer: Answer) -> list[Any]:
    """The ids of the users that the results tell of."""
    return [line["result"].get("id") for line in answer.of(answer.order.result)]


@case("LTOOL-012", "LTOOL-020")
async def whose_rights(t: Case) -> None:
    prompt = script(then_done(tool_call(MYSELF, {}, id="call_1")), prefix=t.unique("m"))
    chat = await empty(t)
    with t.judging("LTOOL-012"):
        t.expect(told(await ask(chat, prompt)), [t.alice.id], "whom the tool tells of")
    with t.judging("LTOOL-020"):
        t.expect(told(await ask(chat.by(t.root), prompt)), [t.root.id], "whom it tells of when the site owner asks")


@case("LTOOL-013")
async def tools_on_offer(t: Case) -> None:
    chat, _ = await talk(t, says("answer"))
    (call,) = await chat.model_calls("turn", 1)
    offered = [tool["function"]["name"] for tool in call["body"]["tools"]]
    t.expect(sorted(OFFERED - set(offered)), [], "tools that the model is not offered")
    for tool in call["body"]["tools"]:
        t.expect(tool["function"]["parameters"]["type"], "object", f"what {tool['function']['name']} takes")


@case("LTOOL-014")
async def tools_are_called_at_once(t: Case) -> None:
    chat, hold, o = await empty(t), t.gate(), order_of(t)
    first = turn(tool_call(WORKSPACES, ME, id="call_1"), gate(hold), says("late"))
    lines = await begun(chat, script(turns(first, turn(says("done"))), prefix=t.unique("m")))
    await lines.until({"type": o.result, "data": {"toolCallId": "call_1"}})
    t.true(await t.llm.holds(hold), "the model still speaks")
    await t.llm.open(hold)
    await lines.until_closed()
    t.expect([e["data"] for e in lines.events if e["type"] == o.text], ["late", "done"], "the texts in the end")


@case("LTOOL-015")
async def tools_without_a_call(t: Case) -> None:
    answer = await answered(t, turns(turn(says("one "), finish="tool_calls"), turn(says("two"))))
    t.expect(answer.text, "one two", "the text of the answer")


@case("LTOOL-017")
async def a_later_call_is_refused(t: Case) -> None:
    steps = turns(turn(says("look "), tool_call(WORKSPACES, ME, id="call_1")), http_error(400, "no"))
    (chat, answer), o = await talk(t, steps), order_of(t)
    t.expect([len(answer.calls), answer.kinds[-2:]], [1, o.finish + o.end], "calls with lines, and the last kinds of lines")
    t.expect(texts(await chat.history()), ["look "], "what is kept")
