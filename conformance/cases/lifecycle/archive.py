"""Archive: what it stops, keeps and forbids, for a chat and its children."""

from __future__ import annotations

from functools import partial
from typing import Any

from conformance.checks.times import moment
from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.turns import stuck
from conformance.play.verdict import Unmet
from conformance.scenes.lifecycle import TOOL, archived, becomes, family, titled
from conformance.wire.socket import NotSeen
from fixtures.scripts import gate, script, text, tool_call, turn, turns


async def answer_stored(chat: Chat) -> None:
    """Wait until the chat has an answer, if only a part of one. Raises Unmet."""
    async with await chat.stream() as socket:
        try:
            await socket.until({"type": "message", "message": {"role": "assistant"}})
        except NotSeen as missing:
            raise Unmet(str(missing)) from None


async def user_texts(chat: Chat) -> list[str]:
    return [m["content"][0]["text"] for m in await chat.history() if m["role"] == "user"]


@case("ARCH-001", "ARCH-002", "ARCH-003", "ARCH-015")
async def archive_and_back(t: Case) -> None:
    chat = await titled(t)
    stamps = [t.given(await chat.get())["updated_at"]]
    with t.judging("ARCH-001"):
        t.accepted(await chat.patch(archived=True))
        t.expect(t.accepted(await chat.get())["archived"], True, "archived", "/archived")
    stamps.append(t.given(await chat.get())["updated_at"])
    with t.judging("ARCH-003"):
        t.refused(await chat.patch(archived=True), "patch.already-archived")
        t.expect(await archived(chat), [True], "archived after a refusal")
    with t.judging("ARCH-002"):
        t.accepted(await chat.patch(archived=False))
        t.expect(t.accepted(await chat.get())["archived"], False, "archived", "/archived")
    stamps.append(t.given(await chat.get())["updated_at"])
    with t.judging("ARCH-015"):
        t.true(moment(stamps[0]) < moment(stamps[1]) < moment(stamps[2]), "updated_at moves with each change", stamps)
    with t.judging("ARCH-003"):
        t.refused(await chat.patch(archived=False), "patch.not-archived")
        t.expect(await archived(chat), [False], "archived after a refusal")


@case("ARCH-006")
async def archive_of_a_child(t: Case) -> None:
    root, (one, two) = await family(t, "child task", "another task")
    before = t.given(await root.get())["updated_at"]
    t.accepted(await one.patch(archived=True))
    t.expect(await archived(one, two, root), [True, False, False], "archived of the child, its sibling and the root")
    t.expect(t.accepted(await root.get())["updated_at"], before, "updated_at of the root", "/updated_at")
    left = [c["id"] for c in await root.children(0)]
    t.expect(left, [two.id], "the children of the root")
    t.accepted(await one.patch(archived=False))
    t.expect(await archived(one, root), [False, False], "archived after the child came back")


@case("ARCH-006")
async def archived_children_in_the_list(t: Case) -> None:
    if not t.knows("Chat", "children"):
        raise Unmet("the list of this revision has no families")
    mark = t.unique()
    root, (one, two) = await family(t, "child task", "another task", mark=mark)
    t.given(await one.patch(archived=True))
    (listed,) = await t.alice.marked(mark)
    t.expect([c["id"] for c in listed["children"]], [two.id], "the children of the root in the list", "/0/children")
    t.expect(await archived(root), [False], "archived of the root")


@case("ARCH-004", "ARCH-005", "ARCH-007")
async def archive_of_a_family(t: Case) -> None:
    root, (one, two) = await family(t, "child task", "another task")
    with t.judging("ARCH-004"):
        t.accepted(await root.patch(archived=True))
        t.expect(await archived(root, one, two), [True] * 3, "archived of the root and its children")
    with t.judging("ARCH-007"):
        t.expect(await archived(root, one), [True, True], "archived of the root and the child")
        t.refused(await one.patch(archived=False), "patch.parent-archived")
        t.expect(await archived(one), [True], "archived of the child after the refusal")
    with t.judging("ARCH-004"):
        t.accepted(await root.patch(archived=False))
        t.expect(await archived(root, one, two), [False] * 3, "archived of the root and its children, once it is back")
    with t.judging("ARCH-005"):
        for chat in (two, root):
            t.given(await chat.patch(archived=True))
        t.given(await root.patch(archived=False))
        t.expect(await archived(root, two), [False, False], "archived of the root and of the child archived before it")


@case("ARCH-008", needs=["llm-control"])
async def archive_stops_what_runs(t: Case) -> None:
    hold, *held = [t.gate() for _ in range(3)]
    slow = [script(text("part"), gate(name), text("late")) for name in held]
    spawns = [turn(tool_call("spawn_agent", {"type": "general", "prompt": p, "title": "Slow child"})) for p in slow]
    root = await t.new_chat(script(turns(*spawns, turn(text("part"), gate(hold), text("late")))))
    for name in (hold, *held):
        await t.llm.reached(name)
    shown = (await root.when(lambda c: len(c.get("children", [])) == 2, "two children"))["children"]
    lone, child = [Chat(t.alice, c["id"]) for c in shown]
    for chat, stopped in ((lone, [lone]), (root, [root, child])):
        t.accepted(await chat.patch(archived=True))
        for each in stopped:
            ended = await becomes(each, lambda c: c["status"] == "waiting", "status waiting")
            t.expect(ended["archived"], True, "archived", "/archived")
    for name in (hold, *held):
        await t.llm.open(name)
    answers = [m.get("content") for m in await root.history() if m["role"] == "assistant"]
    t.true("late" not in str(answers[2:]), "the turn does not go on", answers[2:])


@case("ARCH-009", needs=["llm-control"])
async def archive_keeps_the_queue(t: Case) -> None:
    if t.refuses("patch.archive-active"):
        chat, (first, second) = await stuck(t, "queued one", "queued two")
        t.given(await chat.patch(archived=True))
    else:
        hold = t.gate()
        chat = await t.new_chat(script(text("part"), gate(hold)))
        await t.llm.reached(hold)
        first, second = [t.given(await chat.send(said))["queued_message"]["id"] for said in ("queued one", "queued two")]
        t.given(await chat.patch(archived=True))
        await answer_stored(chat)
        await chat.settled("waiting")
    queue = [q["id"] for q in t.accepted(await chat.messages())["queued_messages"]]
    t.expect(queue, [first, second], "the queue of the archived chat", "/queued_messages")
    before = await user_texts(chat)
    t.given(await chat.patch(archived=False))
    # what is promoted runs next: had anything of the queue run by itself, it would stand before it
    t.accepted(await chat.promote(second))
    await becomes(chat, lambda c: c["status"] == "waiting", "the end of the promoted turn")
    t.expect((await user_texts(chat))[len(before) :][:1], ["queued two"], "the first message that ran after unarchiving")


@case("ARCH-010", "ARCH-012")
async def archive_while_results_are_awaited(t: Case) -> None:
    prompt = script(turns(turn(tool_call("look_up", {}, id="call_a")), turn(text("done"))))
    chat = await t.chat(prompt, unsafe_dynamic_tools=[TOOL])
    await chat.settled("requires_action")
    t.given(await chat.patch(archived=True))
    results = [{"tool_call_id": "call_a", "output": {}}]
    with t.judging("ARCH-010"):
        t.expect(t.accepted(await chat.get())["status"], "requires_action", "the status of the archived chat", "/status")
    with t.judging("ARCH-012"):
        t.refused(await chat.tool_results(results), "tool-results.archived")
        t.true("tool" not in [m["role"] for m in await chat.history()], "nothing of the results is stored")
        t.given(await chat.patch(archived=False))
        t.accepted(await chat.tool_results(results))
    await chat.settled("waiting")


async def shown(t: Case, chat: Chat) -> tuple[bool, bool]:
    """Whether the chat is archived, and whether it is pinned."""
    now = t.accepted(await chat.get())
    return now["archived"], now["pin_order"] > 0


@case("ARCH-011", "ARCH-014", "ARCH-016", alone=True)
async def archive_and_pins(t: Case) -> None:
    chats = [await titled(t) for _ in range(3)]
    for chat in chats:
        t.cleanup(partial(chat.patch, pin_order=0))
    first, second, third = chats
    with t.judging("ARCH-011"):
        t.given(await first.patch(archived=True))
        t.refused(await first.patch(pin_order=1), "patch.pin-archived")
        t.expect(await shown(t, first), (True, False), "archived and pinned after the refusal")
        t.given(await first.patch(archived=False))
        t.accepted(await first.patch(pin_order=1))
    with t.judging("ARCH-014"):
        t.given(await second.patch(pin_order=1))
        t.given(await second.patch(archived=True))
        t.expect(await shown(t, second), (True, False), "archived and pinned after archiving a pinned chat")
        t.given(await second.patch(archived=False))
        t.expect(await shown(t, second), (False, False), "archived and pinned after unarchiving it")
    with t.judging("ARCH-016"):
        t.refused(await third.patch(archived=True, pin_order=1), "patch.pin-archived")
        t.expect(await shown(t, third), (True, False), "archived and pinned after a PATCH with archived true and a pin")
        t.refused(await third.patch(archived=False, pin_order=1), "patch.pin-archived")
        t.expect(await shown(t, third), (False, False), "archived and pinned after a PATCH with archived false and a pin")


@case("ARCH-013")
async def what_an_archived_chat_allows(t: Case) -> None:
    mark = t.unique()
    chat = await titled(t, mark=mark)
    t.given(await chat.patch(archived=True))
    fields: dict[str, Any] = {"title": "Renamed", "labels": {"mark": mark, "a": "b"}, "plan_mode": "plan"}
    for field, value in fields.items():
        t.accepted(await chat.patch(**{field: value}))
    read = t.accepted(await chat.get())
    (listed,) = await t.alice.marked(mark, q="archived:true")
    for shown in (read, listed):
        for field, value in fields.items():
            t.expect(shown.get(field), value, f"{field} of the archived chat", f"/{field}")
        t.expect(shown["archived"], True, "archived", "/archived")
    t.expect(len(t.accepted(await chat.messages())["messages"]), 2, "messages of the archived chat", "/messages")
