"""Sub-agents and who started them: what each gets of the other, and that neither is touched by what is done to the other."""

from __future__ import annotations

import json
from typing import Any

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.turns import ran, said, talk
from conformance.play.verdict import Unmet
from conformance.scenes.chatmaking import Child, child, spawning
from conformance.scenes.lifecycle import becomes, family, other_model, queue, queue_ids, queued, results
from conformance.scenes.streaming import watching
from conformance.scenes.tool_servers import registered
from conformance.wire.socket import NotSeen
from fixtures.scripts import gate, http_error, script, text, tool_call, turn, turns

# What comes by itself, or with what a child does.
BY_ITSELF = {"children", "last_turn_summary", "summary", "has_unread", "updated_at", "files"}


async def all_of(*chats: Chat) -> list[Any]:
    """What the chats show and hold, without what comes by itself. Raises Unmet."""
    found: list[Any] = []
    for chat in chats:
        shown = chat.case.given(await chat.get())
        found.append({key: value for key, value in shown.items() if key not in BY_ITSELF})
        found += [await chat.history(), await queue(chat)]
    return found


async def marked(*chats: Chat) -> None:
    """Give the chats what a change of their relatives could take from them. Raises Unmet."""
    for chat in chats:
        chat.case.given(await chat.patch(title="Named by hand", labels={"kept": "yes"}, plan_mode="plan"))


async def busy(t: Case, chat: Chat) -> None:
    """Much is done to a chat at rest: sent, failed, edited, renamed, labelled, planned, shared, archived and brought back."""
    for changed in ({"title": "Another", "labels": {"a": "b"}, "plan_mode": "plan"}, {"plan_mode": ""}):
        t.given(await chat.patch(**changed))
    await chat.turn(queued("more"))
    t.given(await chat.send(script(http_error(400, "scripted failure"))))
    await chat.settled()
    t.given(await chat.edit((await chat.history())[0]["id"], queued("new")))
    await chat.settled()
    if not t.refuses("interrupt.at-rest"):
        t.given(await chat.interrupt())


@case("CHILD-001")
async def what_is_done_to_a_child(t: Case) -> None:
    root, (one, two) = await family(t, queued("child task"), queued("another task"))
    await marked(root, two)
    before = await all_of(root, two)
    await busy(t, one)
    t.expect(await all_of(root, two), before, "the root and the other child")
    for archived in () if t.refuses("patch.archive-child") else (True, False):
        t.given(await one.patch(archived=archived))
        t.expect(await all_of(root, two), before, "the root and the other child")


@case("CHILD-002")
async def what_is_done_to_a_root(t: Case) -> None:
    root, (one, two) = await family(t, queued("child task"), queued("another task"))
    await marked(one, two)
    before = await all_of(one, two)
    await busy(t, root)
    t.given(await root.patch(pin_order=1))
    t.expect(await all_of(one, two), before, "the children")


@case("CHILD-003", needs=["model-admin"])
async def what_a_child_gets(t: Case) -> None:
    model = await other_model(t)
    root = await t.chat(spawning(queued("child task")), model_config_id=model)
    (shown,) = await root.children()
    whole = t.given(await root.get())
    for key in ("owner_id", "organization_id", "client_type", "mcp_server_ids", "workspace_id"):
        if t.knows("Chat", key):
            t.expect(shown.get(key), whole.get(key), f"{key} of the child beside that of its root", f"/{key}")
    t.expect((shown["archived"], shown["pin_order"]), (False, 0), "archived and pin_order of the child")


@case("CHILD-004")
async def plan_mode_of_a_child(t: Case) -> None:
    for mode, wanted in (("plan", "plan"), ("", None)):
        root = await t.chat(spawning(queued("child task")), plan_mode=mode)
        (shown,) = await root.children()
        t.expect(t.accepted(await Chat(t.alice, shown["id"]).get()).get("plan_mode"), wanted, "its plan mode", "/plan_mode")


@case("CHILD-005", needs=["admin"])
async def servers_of_a_child(t: Case) -> None:
    made = await registered(t)
    root = await t.chat(spawning(queued("child task")), mcp_server_ids=[made])
    (shown,) = await root.children()
    t.expect(t.accepted(await Chat(t.alice, shown["id"]).get())["mcp_server_ids"], [made], "its servers", "/mcp_server_ids")


async def both_held(t: Case) -> tuple[Chat, str, Chat, str]:
    """A root and its child, each with a turn that waits at a gate. Raises Unmet."""
    above, below = t.gate(), t.gate()
    task = script(text("part"), gate(below), text(" late"), prefix="task")
    spawn = tool_call("spawn_agent", {"type": "general", "prompt": task, "title": "Kid"}, id="spawn")
    root = await t.new_chat(script(turns(turn(spawn), turn(text("part"), gate(above), text(" late"))), prefix="first"))
    for hold in (above, below):
        await t.llm.reached(hold)
    return root, above, Chat(t.alice, (await root.children())[0]["id"]), below


async def goes_on_alone(t: Case, chat: Chat, name: str, hold: str, stopped: Chat, words: str) -> None:
    """Interrupt `stopped` and judge that the turn and the queue of `chat`, which waits at the gate `hold`, go on."""
    waiting = t.given(await chat.send(queued("one")))["queued_message"]["id"]
    t.given(await stopped.interrupt())
    await stopped.settled(t.idle)
    t.expect(t.accepted(await chat.get())["status"], t.running, f"the status of the {name}", "/status")
    t.expect(await queue_ids(chat), [waiting], f"the queue of the {name}", "/queued_messages")
    await t.llm.open(hold)
    await ran(chat, [words, "part late", "one", "to one"])


@case("CHILD-006", needs=["llm-control"])
async def an_interrupted_root(t: Case) -> None:
    root, _, kid, hold = await both_held(t)
    await goes_on_alone(t, kid, "child", hold, root, "task")


@case("CHILD-007", needs=["llm-control"])
async def an_interrupted_child(t: Case) -> None:
    root, hold, kid, _ = await both_held(t)
    await goes_on_alone(t, root, "root", hold, kid, "first")


async def asked(t: Case, root: Chat, *calls: dict[str, Any]) -> dict[str, Any]:
    """Let the root call these tools; gives the results by the ids of the calls. Raises Unmet."""
    await root.turn(script(turns(turn(*calls), turn(text("done"))), prefix="then"))
    return {p["tool_call_id"]: p for p in results(await root.history())}


@case("CHILD-008")
async def waiting_for_a_child(t: Case) -> None:
    root, (kid,) = await family(t, queued("child task"))
    await kid.turn(queued("more"))
    found = await asked(t, root, tool_call("wait_agent", {"chat_id": kid.id}, id="w1"))
    t.true(not found["w1"].get("is_error"), "the result is no error", found["w1"], "/is_error")
    t.true("to more" in json.dumps(found["w1"]["result"]), "it holds the child's last answer", found["w1"], "/result")


@case("CHILD-009", needs=["llm-control"])
async def waiting_until_a_child_has_ended(t: Case) -> None:
    hold = t.gate()
    kid = await child(t, script(gate(hold), text("the report"), prefix="task"), t.alice, {})
    await t.llm.reached(hold)
    await kid.root.settled()
    waits = turns(turn(text("waiting"), tool_call("wait_agent", {"chat_id": kid.id}, id="w1")), turn(text("done")))
    t.given(await kid.root.send(script(waits, prefix="then")))
    await kid.root.model_calls(wait=3)
    t.expect(t.accepted(await kid.root.get())["status"], t.running, "the root's status while the child works", "/status")
    await t.llm.open(hold)
    await kid.root.settled(t.idle)
    (result,) = [p for p in results(await kid.root.history()) if p["tool_call_id"] == "w1"]
    t.true("the report" in json.dumps(result["result"]), "the result holds the child's answer", result, "/result")


@case("CHILD-010", "CHILD-020")
async def waiting_for_a_child_that_fails(t: Case) -> None:
    root, (kid,) = await family(t, script(http_error(400, "scripted failure")))
    await kid.settled("error")
    found = await asked(t, root, tool_call("wait_agent", {"chat_id": kid.id}, id="w1"))
    with t.judging("CHILD-010"):
        t.expect(found["w1"].get("is_error"), True, "is_error of the result", "/is_error")
        t.expect(talk(await root.history())[-1:], ["done"], "the root's turn goes on")
    with t.judging("CHILD-020"):
        t.expect(found["w1"]["result"].get("status"), "error", "the status in the result", "/result/status")
        t.true(found["w1"]["result"].get("last_error"), "the result tells the error", found["w1"], "/result")
        t.expect(talk(await root.history())[-1:], ["done"], "the root's turn goes on")


@case("CHILD-011")
async def a_message_to_a_child(t: Case) -> None:
    root, (kid,) = await family(t, queued("child task"))
    told = tool_call("message_agent", {"chat_id": kid.id, "message": queued("one more")}, id="m1")
    found = await asked(t, root, told)
    t.true(not found["m1"].get("is_error"), "the result is no error", found["m1"], "/is_error")
    await said(kid, ["child task", "to child task", "one more", "to one more"])


async def held_child(t: Case) -> tuple[Child, str]:
    """A sub-agent's chat whose first turn has shown `part` and waits at a gate, the root at rest; and the gate. Raises Unmet."""
    hold = t.gate()
    kid = await child(t, script(text("part"), gate(hold), text(" late"), prefix="task"), t.alice, {})
    await t.llm.reached(hold)
    async with await kid.stream() as socket:
        try:
            await socket.until({"type": "message_part", "message_part": {"part": {"text": "part"}}})
        except NotSeen as missing:
            raise Unmet(str(missing)) from None
    await kid.root.settled()
    return kid, hold


@case("CHILD-012", needs=["llm-control"])
async def an_interrupting_message_to_a_child(t: Case) -> None:
    kid, _ = await held_child(t)
    told = tool_call("message_agent", {"chat_id": kid.id, "message": queued("instead"), "interrupt": True}, id="m1")
    await asked(t, kid.root, told)
    messages = await said(kid, ["task", "part", "instead", "to instead"])
    t.expect([m["id"] for m in messages], sorted(m["id"] for m in messages), "the ids, in the order of the conversation")


@case("CHILD-016", needs=["llm-control"])
async def a_message_to_a_child_that_works(t: Case) -> None:
    kid, hold = await held_child(t)
    found = await asked(t, kid.root, tool_call("message_agent", {"chat_id": kid.id, "message": queued("one")}, id="m1"))
    t.true(not found["m1"].get("is_error"), "the result is no error", found["m1"], "/is_error")
    t.expect(t.accepted(await kid.get())["status"], t.running, "the status of the child", "/status")
    t.expect(len(await queue(kid)), 1, "messages in the queue of the child", "/queued_messages")
    await t.llm.open(hold)
    await ran(kid, ["task", "part late", "one", "to one"])


@case("CHILD-013", needs=["llm-control"])
async def a_closed_child(t: Case) -> None:
    await stopped_by(t, "close_agent")


@case("CHILD-019", needs=["llm-control"])
async def a_child_told_to_stop(t: Case) -> None:
    await stopped_by(t, "interrupt_agent")


async def stopped_by(t: Case, tool: str) -> None:
    """Judge that this tool stops a sub-agent's turn and no more."""
    kid, _ = await held_child(t)
    found = await asked(t, kid.root, tool_call(tool, {"chat_id": kid.id}, id="c1"))
    t.true(not found["c1"].get("is_error"), "the result is no error", found["c1"], "/is_error")
    t.expect((await becomes(kid, lambda c: c["status"] == t.idle, "rest"))["archived"], False, "archived", "/archived")
    await said(kid, ["task", "part"])
    await kid.turn(queued("again"))
    t.expect(talk(await kid.history())[-2:], ["again", "to again"], "what is said to it afterwards")


@case("CHILD-014")
async def chats_that_are_no_children(t: Case) -> None:
    root, _ = await family(t, queued("child task"))
    _, (foreign,) = await family(t, queued("another task"))
    before = await all_of(foreign)
    calls = [
        tool_call("wait_agent", {"chat_id": foreign.id}, id="w1"),
        tool_call("message_agent", {"chat_id": foreign.id, "message": "never"}, id="m1"),
        tool_call("close_agent", {"chat_id": foreign.id}, id="c1"),
    ]
    found = await asked(t, root, *calls)
    errors = {name: found[name].get("is_error") for name in ("w1", "m1", "c1")}
    t.expect(errors, dict.fromkeys(errors, True), "is_error of the results")
    t.expect(await all_of(foreign), before, "the child of the other root")


@case("CHILD-015", needs=["llm-control"])
async def children_of_an_archived_root(t: Case) -> None:
    root, (kid,) = await family(t, queued("child task"))
    await marked(kid)
    before = await all_of(kid)
    first = (await kid.history())[0]["id"]
    t.given(await root.patch(archived=True))
    t.refused(await kid.send("never"), "send.archived")
    t.refused(await kid.edit(first, "never"), "edit.archived")
    t.refused(await kid.promote(1), "promote.archived")
    t.refused(await kid.tool_results([{"tool_call_id": "x", "output": {}}]), "tool-results.archived")
    t.expect([m["id"] for m in await kid.history()], [m["id"] for m in before[1]], "the child's messages")
    t.given(await root.patch(archived=False))
    t.expect(await all_of(kid), before, "the child, once its root is back")
    await kid.turn(queued("again"))


@case("CHILD-017", needs=["llm-control"])
async def a_family_at_work_is_archived(t: Case) -> None:
    watch = await watching(t)
    root, _, kid, _ = await both_held(t)
    t.given(await root.patch(archived=True))
    for chat in (root, kid):
        event = await watch.until(chat, "deleted")
        t.expect(event["chat"]["archived"], True, "is the chat in the event archived", "/chat/archived")


@case("CHILD-018")
async def a_child_moves_no_root(t: Case) -> None:
    root, (kid,) = await family(t, "child task")
    await root.finished()
    before = t.given(await root.get())["updated_at"]
    await kid.turn(queued("more"), tries=1)
    t.expect(
        t.accepted(await root.get())["updated_at"], before, "updated_at of the root after a turn of its child", "/updated_at"
    )
