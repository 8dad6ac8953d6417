"""Which tools a turn may use: what the model is offered, and what becomes of a call of any other."""

from __future__ import annotations

from typing import Any

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.turns import talk
from conformance.scenes.lifecycle import calls, results
from fixtures.scripts import Turn, script, text, tool_call, turn, turns

LOOKING = ("read_file", "execute", "process_output")
CHANGING = ("write_file", "edit_files", "attach_file", "process_list", "process_signal")
WORKSPACES = ("list_templates", "read_template", "create_workspace", "start_workspace", "stop_workspace")
AGENTS = ("spawn_agent", "wait_agent", "message_agent", "close_agent")
PLANNING = ("ask_user_question", "propose_plan")
STOPPING = "interrupt_agent"  # what later revisions have in place of close_agent
BUILT_IN = (*LOOKING, *CHANGING, *WORKSPACES, *AGENTS, STOPPING, *PLANNING, "advisor")
DONE = turn(text("done"))


async def offered(t: Case, chat: Chat) -> set[str]:
    """The built-in tools that the first model call of the chat was offered; skills and other servers' tools may be there, too."""
    (asked,) = await calls(t, chat, 1)
    names = {str((tool.get("function") or tool).get("name")) for tool in asked["body"].get("tools", [])}
    return names & set(BUILT_IN)


async def family(t: Case, kind: str, *task: Turn, **fields: Any) -> tuple[Chat, Chat]:
    """A chat and its sub-agent of this type, both at rest after a turn. Raises Unmet."""
    prompt = script(turns(*task, turn(text("child done"))), prefix="task")
    spawn = turn(tool_call("spawn_agent", {"type": kind, "prompt": prompt, "title": "Child"}, id="s1"))
    root = await t.chat(script(turns(spawn, DONE)), **fields)
    shown = await root.when(lambda c: c.get("children"), "a child")
    child = Chat(root.actor, shown["children"][0]["id"])
    await child.settled("waiting")
    return root, child


# The turn, what it has of the built-in tools that matter, and what it must not have.
TURNS: dict[str, dict[str, Any]] = {
    "explorer": {"requirement": "TOOL-027", "kind": "explore", "has": LOOKING, "lacks": {*BUILT_IN} - {*LOOKING}},
    "explorer-in-plan": {
        "requirement": "TOOL-027", "kind": "explore", "plan": "plan", "has": LOOKING, "lacks": {*BUILT_IN} - {*LOOKING}
    },
    "general": {
        "requirement": "TOOL-028", "kind": "general", "has": (*LOOKING, *CHANGING),
        "lacks": {*WORKSPACES, *AGENTS, STOPPING, *PLANNING},
    },
    "general-in-plan": {
        "requirement": "TOOL-029", "kind": "general", "plan": "plan", "has": LOOKING, "lacks": {*BUILT_IN} - {*LOOKING}
    },
    "root-in-plan": {
        "requirement": "TOOL-030", "plan": "plan", "has": (*LOOKING, "write_file", "spawn_agent", *PLANNING),
        "lacks": {"process_list", "process_signal", "message_agent", "close_agent", STOPPING, "advisor"},
    },
    "root": {"requirement": "TOOL-030", "has": (*LOOKING, *CHANGING, *WORKSPACES, *AGENTS), "lacks": {*PLANNING}},
}  # fmt: skip


@case(rows=TURNS, needs=["llm-control"])
async def tools_of_a_turn(t: Case, row: dict[str, Any]) -> None:
    fields = {"plan_mode": row["plan"]} if "plan" in row else {}
    chat = (await family(t, row["kind"], **fields))[1] if "kind" in row else await t.chat(**fields)
    t.accepted(await chat.get())
    found = await offered(t, chat)
    wanted = {STOPPING if name == "close_agent" and t.refuses("interrupt.at-rest") else name for name in row["has"]}
    t.expect(sorted(wanted - found), [], "tools that the model lacks")
    t.expect(sorted(row["lacks"] & found), [], "tools that this turn must not have")


@case("TOOL-031", "TOOL-032")
async def calls_of_an_explorer(t: Case) -> None:
    prompt = script(text("grandchild"), prefix="task")
    tried: dict[str, dict[str, Any]] = {"list_templates": {}, "spawn_agent": {"type": "general", "prompt": prompt}}
    tried |= {"write_file": {"path": "/tmp/x", "content": "x"}, "process_list": {}, "no_such_tool": {}}
    step = turn(*(tool_call(name, given, id=name) for name, given in tried.items()))
    root, child = await family(t, "explore", step)
    with t.judging("TOOL-031"):
        found = {p["tool_call_id"]: p for p in results(await child.history())}
        t.expect({name: p.get("is_error") for name, p in found.items()}, dict.fromkeys(tried, True), "is_error of the results")
        t.expect([c["id"] for c in t.accepted(await root.get())["children"]], [child.id], "the sub-agents of the family")
        usual = await t.chat(script(turns(turn(tool_call("list_templates", {}, id="c1")), DONE)))
        t.true("is_error" not in results(await usual.history())[0], "a root may list templates")
    with t.judging("TOOL-032"):
        said = {p["tool_call_id"]: p["result"].get("error") for p in results(await child.history())}
        t.expect(said, {name: f"Tool not active in this turn: {name}" for name in tried}, "what the results say")


@case("TOOL-031")
async def calls_in_plan_mode(t: Case) -> None:
    root, child = await family(t, "general", plan_mode="plan")
    before = await child.history()
    tells = tool_call("message_agent", {"chat_id": child.id, "message": "one more"}, id="m1")
    await root.turn(script(turns(turn(tells, tool_call("list_templates", {}, id="l1")), DONE), prefix="then"))
    errors = {p["tool_call_id"]: p.get("is_error", False) for p in results(await root.history())}
    t.expect([errors["m1"], errors["l1"]], [True, False], "is_error of message_agent and of list_templates")
    await child.settled()
    t.expect(talk(await child.history()), talk(before), "what was said to the sub-agent")
    t.given(await root.patch(plan_mode=""))
    await root.turn(script(turns(turn(tells), DONE), prefix="at last"))
    t.expect(results(await root.history())[-1].get("is_error"), None, "is_error of message_agent out of plan mode")


WRONG: dict[str, dict[str, Any]] = {
    "process_output": {"wait_timeout": 5, "process_id": "p"},
    "message_agent": {"chat_id": "x", "message": "m", "interrupt": "yes"},
    "edit_files": {"files": [{"path": "/tmp/x", "edits": [{"old_text": 5}]}]},
    "list_templates": {"page": "two"},
}


@case("TOOL-033")
async def arguments_of_a_wrong_type(t: Case) -> None:
    step = turn(*(tool_call(name, given, id=name) for name, given in WRONG.items()), tool_call("list_templates", {}, id="good"))
    messages = await (await t.chat(script(turns(step, DONE), prefix="first"))).history()
    found = {p["tool_call_id"]: p for p in results(messages)}
    t.expect(found["good"].get("is_error"), None, "is_error of the call whose arguments are right")
    for name in WRONG:
        t.expect(found[name].get("is_error"), True, f"is_error of the call of {name}")
        said = str(found[name]["result"].get("error"))
        t.true(said.startswith("invalid parameters: "), f"the result of {name} says that its arguments are wrong", said)
    t.expect(talk(messages), ["first", "done"], "what was said")


@case("TOOL-034")
async def arguments_that_are_missing(t: Case) -> None:
    step = turn(tool_call("process_output", {}, id="process_id"), tool_call("read_template", {}, id="template_id"))
    found = results(await (await t.chat(script(turns(step, DONE)))).history())
    for part in found:
        t.expect(part.get("is_error"), True, "is_error of the result")
        t.expect(part["result"].get("error"), f"{part['tool_call_id']} is required", "what the result says")
    t.expect(len(found), 2, "the results")
