"""A queue, and what else is done to its chat meanwhile: what waits is neither lost nor changed, and runs once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from conformance.play.actors import Chat
from conformance.play.actors import text as text_part
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import base_model, models_path, new_model
from conformance.play.turns import held, ran, stuck, talk
from conformance.play.verdict import Unmet
from conformance.scenes.files import new_file, part
from conformance.scenes.lifecycle import UNKNOWN, asks, awaits, other_model, queue, queue_ids, queued, wanted
from conformance.scenes.tool_servers import registered
from conformance.wire.exchange import Exchange
from conformance.wire.socket import NotSeen, Socket
from fixtures.scripts import attempts, gate, script, text, turn, usage

Act = Callable[[Case, Chat], Awaitable[Exchange]]
# What changes nothing of a queue: accepted or refused, by its owner.
CHANGED: dict[str, Act] = {
    "rename": lambda t, c: c.patch(title="Another title"),
    "label": lambda t, c: c.patch(labels={"a": "b"}),
    "plan mode on": lambda t, c: c.patch(plan_mode="plan"),
    "pin": lambda t, c: c.patch(pin_order=1),
}
SHARED: dict[str, Act] = {
    "share": lambda t, c: c.set_acl(users={t.bob.id: "read"}),
    "take a share back": lambda t, c: c.set_acl(users={t.bob.id: ""}),
    "plan mode off": lambda t, c: c.patch(plan_mode=""),
    "regenerate": lambda t, c: c.retitle(),
}
REFUSED: dict[str, Act] = {
    "bad label": lambda t, c: c.patch(labels={"": ""}),
    "bad send": lambda t, c: c.send([]),
    "edit of nothing": lambda t, c: c.edit(UNKNOWN),
    "delete of nothing": lambda t, c: c.unqueue(UNKNOWN),
    "results for nothing": lambda t, c: c.tool_results([{"tool_call_id": "x", "output": {}}]),
    "read": lambda t, c: c.messages(limit=1),
}
ARCHIVED: dict[str, Act] = {
    "look": lambda t, c: c.get(),  # it rests: archiving stops nothing
    "archive": lambda t, c: c.patch(archived=True),
}
IN_THE_ARCHIVE: dict[str, Act] = {
    "send to the archive": lambda t, c: c.send("never"),
    "edit in the archive": lambda t, c: c.edit(1),
    "promote in the archive": lambda t, c: c.promote(UNKNOWN),
}
BACK: dict[str, Act] = {"back": lambda t, c: c.patch(archived=False)}


async def untouched(t: Case, chat: Chat, *groups: dict[str, Act]) -> None:
    """None of these changes anything of the queue, which is looked at after each group. Raises Failure."""
    before = await queue(chat)
    for acts in groups:
        for name, act in acts.items():
            answer = await act(t, chat)
            t.true(answer.response.status < 500, f"{name} is answered", answer.response.status)
        t.expect(await queue(chat), before, f"the queue after: {', '.join(acts)}", "/queued_messages")


@case("CROSS-001", "CROSS-002", needs=["llm-control", "second-user"])
async def a_queue_during_a_turn(t: Case) -> None:
    under_way = await held(t, text("part "))
    chat = under_way.chat
    for name in ("one", "two", "three", "four"):
        t.given(await chat.send(queued(name)))
    with t.judging("CROSS-001"):
        await untouched(t, chat, CHANGED, SHARED, REFUSED)
    if gave_up := t.session.dialect.failure(t.given(await chat.get())):
        raise Unmet(f"the turn did not wait for its gate: {gave_up}")  # of a server so busy that the gate has given up
    with t.judging("CROSS-002"):
        await under_way.open()
        each = [words for name in ("one", "two", "three", "four") for words in (name, f"to {name}")]
        await ran(chat, ["first", "part late", *each])


@case("CROSS-003", "CROSS-004", needs=["llm-control", "second-user"])
async def a_queue_at_rest(t: Case) -> None:
    chat, ids = await stuck(t, *(queued(name) for name in ("one", "two", "three")))
    with t.judging("CROSS-003"):
        await untouched(t, chat, CHANGED, SHARED, REFUSED, ARCHIVED, IN_THE_ARCHIVE, BACK)
    with t.judging("CROSS-004"):
        t.given(await chat.get())
        t.accepted(await chat.promote(ids[2]))
        await ran(chat, ["first", "three", "to three", "one", "to one", "two", "to two"])


@case("CROSS-005", needs=["llm-control", "model-admin"])
async def the_model_of_a_queued_message_is_deleted(t: Case) -> None:
    model = await new_model(t, context_limit=64000)
    under_way = await held(t, text("part "))
    chat = under_way.chat
    t.given(await chat.send(queued("one"), model_config_id=model["id"]))
    t.given(await chat.send(queued("two")))
    t.given(await t.root.delete(models_path(t, model["id"])))
    t.expect(len(await queue(chat)), 2, "messages in the queue", "/queued_messages")
    await under_way.open()
    await ran(chat, ["first", "part late", "one", "to one", "two", "to two"])


@case("CROSS-006", needs=["llm-control", "model-admin"])
async def the_model_of_a_chat_with_a_queue_is_deleted(t: Case) -> None:
    model = await new_model(t, context_limit=64000)
    under_way = await held(t, text("part "), model_config_id=model["id"])
    chat = under_way.chat
    for name in ("one", "two"):
        t.given(await chat.send(queued(name)))
    t.given(await t.root.delete(models_path(t, model["id"])))
    await under_way.open()
    await ran(chat, ["first", "part late", "one", "to one", "two", "to two"])


@case("CROSS-007", needs=["llm-control", "model-admin"])
async def a_queue_of_several_models(t: Case) -> None:
    usual, other = str((await base_model(t))["id"]), await other_model(t)
    under_way = await held(t, text("part "))
    chat = under_way.chat
    chosen = {"one": other, "two": usual, "three": other}
    for name, model in chosen.items():
        t.given(await chat.send(queued(name), model_config_id=model))
    await under_way.open()
    await ran(chat, ["first", "part late", "one", "to one", "two", "to two", "three", "to three"])
    models = {said: m.get("model_config_id") for m in await chat.history() for said in talk([m])}
    t.expect({name: models[name] for name in chosen}, chosen, "the models of the messages")
    answers = {name: models[f"to {name}"] for name in chosen if f"to {name}" in models}
    t.expect(answers, {name: chosen[name] for name in answers}, "the models of their answers")
    t.expect(t.accepted(await chat.get())["last_model_config_id"], other, "the chat's last model", "/last_model_config_id")


@case("CROSS-008", needs=["llm-control"])
async def an_edit_during_a_turn_with_a_queue(t: Case) -> None:
    under_way = await held(t, text("part"))
    chat = under_way.chat
    for name in ("one", "two"):
        t.given(await chat.send(queued(name)))
    t.accepted(await chat.edit((await chat.history())[0]["id"], queued("new")))
    t.expect(await queue_ids(chat), [], "the queue after the edit", "/queued_messages")
    await under_way.open()
    await chat.turn(queued("after"))
    shown = talk(await chat.history())
    t.true(not {"one", "to one", "two", "to two"} & {*shown}, "nothing of the queue is said", shown)
    t.expect(shown[-2:], ["after", "to after"], "what was said at last")


@case("CROSS-009", needs=["llm-control"])
async def a_queue_during_a_retry(t: Case) -> None:
    hold = t.gate()
    failing = attempts(turn(text("lost"), gate(hold), cut=True), turn(text("whole")))
    chat = await t.new_chat(script(failing, prefix="first"))
    await t.llm.reached(hold)
    for name in ("one", "two"):
        t.given(await chat.send(queued(name)))
    await t.llm.open(hold)
    await ran(chat, ["first", "whole", "one", "to one", "two", "to two"])


@case("CROSS-010", needs=["llm-control", "model-admin"])
async def a_queue_during_a_compaction(t: Case) -> None:
    model, summary, hold = await new_model(t, compression_threshold=50), t.unique("summary"), t.gate()
    await t.llm.order(turn(text(summary)), model=model["model"], purpose="summary", times=1)
    big = turn(text("long"), gate(hold), usage=usage(900, 5))
    chat = await t.new_chat(script(big, prefix="first"), model_config_id=model["id"])
    await t.llm.reached(hold)
    t.given(await chat.send(queued("one")))
    await t.llm.open(hold)
    await ran(chat, ["one", "to one"])
    messages = await chat.history()
    (compacted, *_) = [*wanted(messages, summary)]
    t.true(0 < compacted < len(messages) - 2, "the chat was compacted before the queued message ran", compacted)
    *_, last = await chat.model_calls(wait=3)
    t.true(summary in str(last["body"]), "the queued message's turn begins with the summary")


@case("CROSS-011", needs=["llm-control"])
async def the_plan_mode_of_a_queued_turn(t: Case) -> None:
    under_way = await held(t, text("part "))
    chat = under_way.chat
    t.given(await chat.send(queued("one")))
    t.given(await chat.patch(plan_mode="plan"))
    await under_way.open()
    await ran(chat, ["first", "part late", "one", "to one"])
    calls = await chat.model_calls(wait=2)
    offered = [{(tool.get("function") or tool).get("name") for tool in call["body"].get("tools") or []} for call in calls]
    t.expect(["propose_plan" in names for names in offered[:2]], [False, True], "are tools for plans offered in each turn")


@case("CROSS-012", "QUEUE-011", needs=["llm-control"])
async def promoted_after_a_failure(t: Case) -> None:
    chat, ids = await stuck(t, *(queued(name) for name in ("one", "two", "three")))
    t.given(await chat.get())
    with t.judging("QUEUE-011"):
        t.accepted(await chat.promote(ids[0]))
        await ran(chat, ["first", "one", "to one", "two", "to two", "three", "to three"])
    with t.judging("CROSS-012"):
        t.expect(t.session.dialect.failure(t.accepted(await chat.get())), "", "the failure that the chat shows", "/last_error")


@case("CROSS-013", needs=["llm-control"])
async def queues_of_two_chats(t: Case) -> None:
    hold = t.gate()
    one, two = [await held(t, text("part "), hold=hold) for _ in range(2)]  # the very same first message
    for each, name in ((one, "one"), (two, "two")):
        t.given(await each.chat.send(queued(name)))
    before = await queue(two.chat)
    t.accepted(await one.chat.interrupt())
    await ran(one.chat, ["first", "part ", "one", "to one"])
    t.given(await one.chat.edit((await one.chat.history())[0]["id"], queued("new")))
    t.expect(await queue(two.chat), before, "the queue of the other chat", "/queued_messages")
    await two.open()
    await ran(two.chat, ["first", "part late", "two", "to two"])


@case("CROSS-014", needs=["llm-control"])
async def interrupted_again_and_again(t: Case) -> None:
    under_way, hold = await held(t, text("part ")), t.gate()
    chat = under_way.chat
    for message in (script(text("half"), gate(hold), text("never"), prefix="one"), queued("two"), queued("three")):
        t.given(await chat.send(message))
    t.given(await chat.interrupt())
    await t.llm.reached(hold)
    await seen(under_way.socket, {"type": "message_part", "message_part": {"part": {"text": "half"}}})
    t.accepted(await chat.interrupt())
    await ran(chat, ["first", "part ", "one", "half", "two", "to two", "three", "to three"])


@case("CROSS-015")
async def interrupted_while_results_are_awaited(t: Case) -> None:
    chat = await awaits(t, asks("a"), turn(text("never")))
    ids = [t.given(await chat.send(queued(name)))["queued_message"]["id"] for name in ("one", "two")]
    t.accepted(await chat.interrupt())
    await chat.settled(t.idle)
    t.expect(await queue_ids(chat), ids, "the queue after the interrupt", "/queued_messages")
    t.accepted(await chat.promote(ids[0]))
    await ran(chat, ["first", "one", "to one", "two", "to two"])


@case("CROSS-017", needs=["llm-control", "files"])
async def a_queued_message_with_a_file(t: Case) -> None:
    under_way, file = await held(t, text("part ")), await new_file(t)
    chat = under_way.chat
    t.given(await chat.send([text_part(queued("one")), part(file)]))
    await under_way.open()
    await ran(chat, ["first", "part late", "one", "to one"])
    files = [p["file_id"] for m in await chat.history() if m["role"] == "user" for p in m["content"] if p["type"] == "file"]
    t.expect(files, [file], "the files of the users' messages")


@case("CROSS-016", needs=["llm-control"], rows={"interrupt": False, "promotion": True})
async def a_queue_when_a_retry_is_stopped(t: Case, promotes: bool) -> None:
    hold = t.gate()
    failing = attempts(turn(text("lost"), gate(hold), cut=True), turn(text("whole")))
    chat = await t.new_chat(script(failing, prefix="first"))
    await t.llm.reached(hold)
    ids = [t.given(await chat.send(queued(name)))["queued_message"]["id"] for name in ("one", "two")]
    async with await chat.stream() as socket:
        await t.llm.open(hold)
        await seen(socket, {"type": "retry"})
        t.accepted(await (chat.promote(ids[1]) if promotes else chat.interrupt()))
    await ran(chat, ["two", "to two", "one", "to one"] if promotes else ["one", "to one", "two", "to two"])


async def seen(socket: Socket, event: dict[str, Any]) -> None:
    """Wait for this event. Raises Unmet."""
    try:
        await socket.until(event)
    except NotSeen as missing:
        raise Unmet(str(missing)) from None


@case("CROSS-018", needs=["llm-control", "admin"])
async def tool_servers_chosen_with_a_later_message(t: Case) -> None:
    server, under_way = await registered(t), await held(t, text("part "))
    chat = under_way.chat
    t.given(await chat.send(queued("one")))
    later = t.given(await chat.send(queued("two"), mcp_server_ids=[server]))["queued_message"]["id"]
    t.given(await chat.unqueue(later))
    await under_way.open()
    await ran(chat, ["first", "part late", "one", "to one"])
    t.expect(t.accepted(await chat.get())["mcp_server_ids"], [server], "the chat's servers", "/mcp_server_ids")
