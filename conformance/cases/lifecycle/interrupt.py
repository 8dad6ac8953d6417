"""Interrupt: what it stops, what is kept of the turn, and what runs next."""

from __future__ import annotations

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.turns import held, ran, rests, said, talk
from conformance.play.verdict import Absent, Unmet
from conformance.scenes.lifecycle import becomes, first, made_up, moved, queued, results, with_client_tool
from conformance.wire.socket import NotSeen
from fixtures.scripts import attempts, gate, http_error, reasoning, script, text, tool_call, turn


@case("INT-001", "INT-002", needs=["llm-control"])
async def interrupt_in_a_text(t: Case) -> None:
    chat = (await held(t, text("par"), text("tial "))).chat
    answer = await chat.interrupt()
    with t.judging("INT-001"):
        t.expect(t.accepted(answer)["status"], "waiting", "the status in the answer", "/status")
        t.expect(answer.response.body["id"], chat.id, "the chat in the answer", "/id")
        t.expect(t.accepted(await chat.get())["status"], "waiting", "the status", "/status")
    with t.judging("INT-002"):
        (_, partial) = await said(chat, ["first", "partial "])
        t.expect(partial["role"], "assistant", "the role of the partial answer", "/role")
        t.true(not partial.get("usage"), "a partial answer has no usage", partial.get("usage"), "/usage")


@case("INT-003", needs=["llm-control"])
async def interrupt_before_a_word(t: Case) -> None:
    hold = t.gate()
    chat = await t.new_chat(script(gate(hold), text("late"), prefix="first"))
    await t.llm.reached(hold)
    t.given(await chat.interrupt())
    await t.llm.open(hold)
    await becomes(chat, lambda c: c["status"] == "waiting", "status waiting")
    await chat.turn(queued("second"))  # what the turn still adds, if it does, is there when another has ended
    answers = [m for m in await chat.history() if m["role"] != "user"]
    t.expect(talk(answers), ["to second"], "the answers")
    t.expect(len(answers), 1, "messages that are not the user's")


@case("INT-004", needs=["llm-control"])
async def interrupt_after_a_call(t: Case) -> None:
    chat = (await held(t, text("calling"), tool_call("list_templates", {"query": "x"}, id="open"))).chat
    t.given(await chat.interrupt())
    _, partial, *answered = await said(chat, ["first", "calling"])
    t.expect([p["type"] for p in partial["content"]], ["text", "tool-call"], "the partial answer", "/content")
    (result,) = results(answered)
    t.expect((result["tool_call_id"], result.get("is_error")), ("open", True), "the result stored for the call")


@case("INT-005", needs=["llm-control"])
async def interrupt_in_the_reasoning(t: Case) -> None:
    chat = (await held(t, reasoning("be"), reasoning("cause"))).chat
    t.given(await chat.interrupt())
    _, partial = await rests(chat, lambda found: len(found) == 2, "a message and its answer", "two messages")
    kept = [(p["type"], p.get("text")) for p in partial["content"]]
    if t.refuses("interrupt.at-rest"):  # later revisions keep each piece as a part
        kept = [("reasoning", "".join(text for kind, text in kept if kind == "reasoning"))]
    t.expect(kept, [("reasoning", "because")], "the parts kept", "/content")


@case("INT-006", needs=["llm-control"])
async def interrupt_in_the_second_call(t: Case) -> None:
    earlier = turn(text("looking"), tool_call("list_templates", {}, id="c1"))
    chat = (await held(t, text("partial"), earlier=(earlier,))).chat
    t.given(await chat.interrupt())
    messages = await said(chat, ["first", "looking", "partial"])
    t.expect([m["role"] for m in messages], ["user", "assistant", "tool", "assistant"], "the messages")
    (result,) = results(messages)
    t.expect(result["tool_call_id"], "c1", "the result of the step before")
    t.true("is_error" not in result, "it is the one that the tool gave", result)


@case("INT-013", rows={"broken": b"{broken", "text": b"\xff", "list": b"[]"}, needs=["llm-control"])
async def bodies_of_interrupts(t: Case, content: bytes) -> None:
    chat = (await held(t, text("part"))).chat
    t.accepted(await chat.actor.post(chat.url("interruptChat"), content=content))
    await said(chat, ["first", "part"])


@case("INT-007", "INT-008", "INT-013")
async def interrupt_of_an_idle_chat(t: Case) -> None:
    chat = await first(t)
    shown = await chat.finished()
    before = await chat.history()
    answer = await chat.interrupt()
    with t.judging("INT-007"):
        t.expect(t.accepted(answer)["status"], "waiting", "the status in the answer", "/status")
        t.expect(t.accepted(await chat.get())["status"], "waiting", "the status", "/status")
        t.expect(await chat.history(), before, "the messages", "/messages")
    with t.judging("INT-008"):
        after = t.accepted(await chat.get())
        t.true(moved(shown, after), "updated_at moves", after["updated_at"], "/updated_at")
    with t.judging("INT-013"):
        if t.refuses("interrupt.at-rest"):
            raise Absent("an interrupt of a chat at rest is refused")
        for content in (b"", b"{broken", b"[]", b'{"x": 1}', b"\xff"):
            body = t.accepted(await chat.actor.post(chat.url("interruptChat"), content=content))
            t.expect(body["status"], "waiting", f"the status after the body {content!r}", "/status")


@case("INT-009")
async def interrupt_after_an_error(t: Case) -> None:
    chat = await t.chat(script(http_error(400, "scripted failure")))
    failed = await chat.settled("error")
    t.true(failed.get("last_error"), "a failed chat has last_error", failed)
    for shown in (t.accepted(await chat.interrupt()), t.accepted(await chat.get())):
        t.expect(shown["status"], "waiting", "the status", "/status")
        t.true(not shown.get("last_error"), "last_error is gone", shown.get("last_error"), "/last_error")


@case("INT-010", needs=["llm-control"])
async def interrupt_with_a_queue(t: Case) -> None:
    chat = (await held(t, text("partial"))).chat
    for name in ("one", "two"):
        t.given(await chat.send(queued(name)))
    t.accepted(await chat.interrupt())
    await ran(chat, ["first", "partial", "one", "to one", "two", "to two"])


@case("INT-011", "MSG-004", "TOOL-026")
async def interrupt_while_results_are_awaited(t: Case) -> None:
    calls = turn(tool_call("look_up", {}, id="call_a"), tool_call("look_up", {}, id="call_b"))
    chat = await with_client_tool(t, calls, turn(text("late")))
    await chat.settled("requires_action")
    with t.judging("INT-011"):
        for shown in (t.accepted(await chat.interrupt()), t.accepted(await chat.get())):
            t.expect(shown["status"], "waiting", "the status", "/status")
        found = [(p["tool_call_id"], p.get("is_error")) for p in results(await chat.history())]
        t.expect(sorted(found), [("call_a", True), ("call_b", True)], "the results stored")
        t.refused(await chat.tool_results([{"tool_call_id": "call_a", "output": {}}]), "tool-results.not-waiting")
        t.expect(talk(await chat.history()), ["first"], "what was said")
    await made_up(t, chat, "Tool execution interrupted by user")


@case("INT-012", needs=["llm-control"])
async def interrupt_before_a_retry(t: Case) -> None:
    chat = await t.new_chat(script(attempts(*[http_error(503, "busy", retry_after=60)] * 6, turn(text("late"))), prefix="first"))
    socket = await chat.stream()
    try:
        await socket.until({"type": "retry"})
    except NotSeen as missing:
        raise Unmet(str(missing)) from None
    t.accepted(await chat.interrupt())
    await becomes(chat, lambda c: c["status"] == "waiting", "status waiting")
    await chat.turn(queued("second"))  # what the turn still adds, if it does, is there when another has ended
    answers = [m for m in await chat.history() if m["role"] != "user"]
    t.expect(talk(answers), ["to second"], "the answers")
    t.expect(len(answers), 1, "messages that are not the user's")
    statuses = [e["status"]["status"] for e in socket.events if e.get("type") == "status"]
    t.true("error" not in statuses, "the chat is never in error", statuses)


@case("INT-014", needs=["llm"])
async def interrupt_of_an_archived_chat(t: Case) -> None:
    chat = await first(t)
    t.given(await chat.patch(archived=True))
    shown = t.accepted(await chat.interrupt())
    t.expect((shown["status"], shown["archived"]), ("waiting", True), "status and archived in the answer")
    t.expect(talk(await chat.history()), ["first", "hello"], "what was said")


@case("INT-015", needs=["llm-control"])
async def interrupt_clears_the_label(t: Case) -> None:
    hold = t.gate()
    chat = await first(t)
    await chat.when(lambda c: c["last_turn_summary"], "a label of its last turn")
    t.given(await chat.send(script(text("partial"), gate(hold), prefix="second")))
    await t.llm.reached(hold)
    t.accepted(await chat.interrupt())
    await becomes(chat, lambda c: c["last_turn_summary"] is None and c["status"] == "waiting", "a last_turn_summary of null")
