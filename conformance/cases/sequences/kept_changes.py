"""What is changed of a chat stays, whatever goes on in it meanwhile and afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from conformance.play.actors import Chat, text
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.turns import said, talk
from conformance.play.verdict import Unmet
from conformance.scenes.lifecycle import REFERENCE, TOOL, asks, becomes, outputs, queued, titled
from conformance.wire.exchange import Exchange
from fixtures.scripts import attempts, error, gate, http_error, script, tool_call, turn, turns
from fixtures.scripts import text as says

LABELS, TITLE = {"kept": "yes"}, "Named by hand"
BESIDE_TITLES: dict[str, Any] = {"labels": LABELS, "plan_mode": "plan", "pin_order": 1}


@dataclass(slots=True)
class Scene:
    """A chat in whose turn something is changed. `gate`: where that turn waits; "" when it awaits the client."""

    chat: Chat
    gate: str = ""
    queue: list[int] = field(default_factory=list)

    async def open(self) -> None:
        await self.chat.case.llm.open(self.gate)


async def under_way(t: Case, whole: Callable[[str], Any], **fields: Any) -> Scene:
    """A chat that keeps its first title and whose first turn, `whole` with the name of a gate, waits there. Raises Unmet."""
    hold = t.gate()
    chat = await t.new_chat([REFERENCE, text(script(whole(hold), prefix="first"))], **fields)
    await t.llm.reached(hold)
    return Scene(chat, hold)


async def answered(t: Case) -> Scene:
    return await under_way(t, lambda hold: turn(says("part"), gate(hold), says(" late")))


async def failing(t: Case) -> Scene:
    return await under_way(t, lambda hold: turn(says("part"), gate(hold), error("it broke")))


async def tried_again(t: Case) -> Scene:
    return await under_way(t, lambda hold: attempts(turn(says("lost"), gate(hold), cut=True), turn(says("whole"))))


async def with_a_queue(t: Case) -> Scene:
    scene = await answered(t)
    scene.queue = [t.given(await scene.chat.send(queued(name)))["queued_message"]["id"] for name in ("one", "two")]
    return scene


async def awaited(t: Case) -> Scene:
    chat = await t.chat([REFERENCE, text(script(turns(asks("a"), turn(says("done")))))], unsafe_dynamic_tools=[TOOL])
    await chat.settled("requires_action")
    return Scene(chat)


async def at_rest(t: Case) -> Scene:
    return Scene(await titled(t))


async def about_to_await(t: Case) -> Scene:
    call = tool_call("look_up", {"q": "a"}, id="a")
    done = turn(says("done"))
    return await under_way(t, lambda hold: turns(turn(says("part"), gate(hold), call), done), unsafe_dynamic_tools=[TOOL])


async def promoted(scene: Scene) -> None:
    scene.chat.case.given(await scene.chat.promote(scene.queue[1]))


async def interrupted(scene: Scene) -> None:
    scene.chat.case.given(await scene.chat.interrupt())
    await scene.open()


async def edited(scene: Scene) -> None:
    scene.chat.case.given(await scene.chat.edit((await scene.chat.history())[0]["id"], queued("another")))


async def awaiting(scene: Scene) -> None:
    chat, given = scene.chat, scene.chat.case.given
    given(await chat.patch(plan_mode=""))  # in plan mode the client is not called
    await scene.open()
    await chat.settled("requires_action")
    given(await chat.patch(plan_mode="plan"))
    await answered_by_the_client(scene)


async def answered_by_the_client(scene: Scene) -> None:
    scene.chat.case.given(await scene.chat.tool_results(outputs(a={})))


ENDINGS: dict[str, tuple[Callable[[Case], Awaitable[Scene]], Callable[[Scene], Awaitable[None]]]] = {
    "answer": (answered, Scene.open),
    "failure": (failing, Scene.open),
    "retry": (tried_again, Scene.open),
    "queue": (with_a_queue, Scene.open),
    "promotion": (with_a_queue, promoted),
    "interrupt": (answered, interrupted),
    "edit": (answered, edited),
    "edit at rest": (at_rest, edited),
    "tool results": (awaited, answered_by_the_client),
    "awaiting": (about_to_await, awaiting),
}


async def change(t: Case, chat: Chat) -> None:
    """Change all that can be of a chat. Raises Unmet."""
    t.given(await chat.patch(title=TITLE, **BESIDE_TITLES))
    await chat.shared_with(t.bob)


KEPT = {"KEEP-001": "title", "KEEP-002": "labels", "KEEP-003": "plan_mode", "KEEP-004": "pin_order"}


@case(*KEPT, "KEEP-005", rows=ENDINGS, needs=["llm-control", "second-user"])
async def changes_during_a_turn(t: Case, row: Any) -> None:
    begin, end = row
    scene: Scene = await begin(t)
    chat = scene.chat
    await change(t, chat)
    await end(scene)
    for number in range(2):
        if number:
            t.given(await chat.send(queued("afterwards")))
        await chat.settled(*t.final)
        after = await chat.get()
        for requirement, key in KEPT.items():
            with t.judging(requirement):
                kept(t, t.accepted(after), key)
        with t.judging("KEEP-005"):
            t.accepted(await chat.by(t.bob).get())


def kept(t: Case, shown: dict[str, Any], key: str) -> None:
    """The chat shows what `change` has made of this key. Raises Failure."""
    if key == "pin_order":
        t.true(shown[key] > 0, "the chat is still pinned", shown[key], f"/{key}")
    else:
        t.exactly(shown.get(key), {"title": TITLE, "labels": LABELS, "plan_mode": "plan"}[key], key, f"/{key}")


AFTERWARDS = {"answer": says(" late"), "failure": error("it broke"), "interrupt": None}


@case("KEEP-006", "KEEP-017", rows=AFTERWARDS, needs=["llm-control", "second-user"])
async def what_is_taken_away_during_a_turn(t: Case, after: Any) -> None:
    chat, hold = await titled(t, labels=LABELS, plan_mode="plan"), t.gate()
    t.given(await chat.patch(pin_order=1))
    bobs = await chat.shared_with(t.bob)
    t.given(await bobs.get())
    t.given(await chat.send(script(says("part"), gate(hold), after or says("never"))))
    await t.llm.reached(hold)
    t.given(await chat.set_acl(users={t.bob.id: ""}))
    t.given(await chat.patch(labels={}, plan_mode="", pin_order=0))
    if after is None:
        t.given(await chat.interrupt())
    await t.llm.open(hold)
    await chat.settled(*t.final)
    with t.judging("KEEP-006"):
        t.refused(await bobs.get(), "common.not-found")
        t.given(await chat.get())
    with t.judging("KEEP-017"):
        shown = t.accepted(await chat.get())
        left = {key: shown[key] for key in BESIDE_TITLES if shown.get(key)}
        t.expect(left, {}, "what is there of labels, plan mode and pin")


PASSING = {"archived", "updated_at", "pin_order", "has_unread", "last_turn_summary"}  # what archiving changes, or time


@case("KEEP-018", needs=["second-user"])
async def what_an_archived_chat_keeps(t: Case) -> None:
    chat = await titled(t)
    await change(t, chat)
    before, shares = t.given(await chat.get()), t.given(await chat.acl())
    for archived in (True, False):
        t.given(await chat.patch(archived=archived))
    after = t.accepted(await chat.get())
    for key in (key for key in before.keys() - PASSING if t.knows("Chat", key)):
        t.exactly(after.get(key), before[key], key, f"/{key}")
    t.expect(t.accepted(await chat.acl()), shares, "the shares")
    t.accepted(await chat.by(t.bob).get())


@case("KEEP-007", "KEEP-008", needs=["llm-control"])
async def a_title_made_during_a_turn(t: Case) -> None:
    scene = await answered(t)
    made = t.given(await scene.chat.retitle())["title"]
    t.given(await scene.chat.propose())
    await scene.open()
    with t.judging("KEEP-007"):
        await said(scene.chat, ["first", "part late"])
    with t.judging("KEEP-008"):
        t.expect(t.accepted(await scene.chat.get())["title"], made, "the title after the turn", "/title")


@case("KEEP-009", needs=["llm-control"], rows={"regenerate": Chat.retitle, "propose": Chat.propose})
async def changes_while_a_title_is_made(t: Case, ask: Callable[[Chat], Coroutine[Any, Any, Exchange]]) -> None:
    chat, hold = await titled(t), t.gate()
    late = turn(gate(hold), tool_call("propose_title", {"title": "Made meanwhile"}))
    await t.llm.order(late, chat=chat.id, purpose="title", times=1)
    waiting = asyncio.create_task(ask(chat))
    await t.llm.reached(hold)
    t.given(await chat.patch(**BESIDE_TITLES))
    await t.llm.open(hold)
    t.given(await waiting)
    shown = t.accepted(await chat.get())
    for key in BESIDE_TITLES:
        kept(t, shown, key)


@case("KEEP-010", needs=["llm-control"])
async def changes_while_a_turn_is_summed_up(t: Case) -> None:
    scene, hold = await answered(t), t.gate()
    chat, late = scene.chat, turn(gate(hold), tool_call("propose_turn_status_label", {"label": "Summed up late"}))
    await t.llm.order(late, chat=chat.id, purpose="label", times=1)
    await scene.open()
    await t.llm.reached(hold)
    t.given(await chat.patch(plan_mode="plan", pin_order=1, title=TITLE))
    await t.llm.open(hold)
    shown = await becomes(chat, lambda c: c["last_turn_summary"], "a summary of the turn")
    for key in ("title", "plan_mode", "pin_order"):
        kept(t, shown, key)


@case("KEEP-011", needs=["llm-control"])
async def changes_while_the_first_title_is_made(t: Case) -> None:
    hold = t.gate()
    late = turn(gate(hold), tool_call("propose_title", {"title": "Late title"}))
    chat = await t.chat(script(says("ok"), title=late), t.titled)
    await t.llm.reached(hold)
    t.given(await chat.patch(**BESIDE_TITLES))
    before = t.given(await chat.get())["title"]
    await t.llm.open(hold)
    shown = await becomes(chat, lambda c: c["title"] != before, "a title that the model made")
    for key in BESIDE_TITLES:
        kept(t, shown, key)


@case("KEEP-012")
async def two_changes_at_once(t: Case) -> None:
    chat = await titled(t)
    # before, not beside: right servers may lose a pin that meets another change of its chat while its owner pins others
    t.given(await chat.patch(pin_order=1))
    changes = {"title": TITLE, "labels": LABELS, "plan_mode": "plan"}
    for answer in await asyncio.gather(*(chat.patch(**{key: value}) for key, value in changes.items())):
        t.accepted(answer)
    shown = t.accepted(await chat.get())
    for key in KEPT.values():
        kept(t, shown, key)
    # beside a send a rename may be refused
    for answer in await asyncio.gather(chat.send(queued("more")), chat.patch(labels={"more": "yes"})):
        t.accepted(answer)
    after = await chat.settled()
    t.exactly(after["labels"].get("more"), "yes", "the label that was set beside a send", "/labels/more")
    for key in ("title", "plan_mode", "pin_order"):
        kept(t, after, key)


@case("KEEP-013", needs=["llm-control"])
async def earlier_messages(t: Case) -> None:
    """Whatever comes later, what was said stays as it was, every field."""
    scene = await answered(t)
    chat = scene.chat
    await scene.open()
    await chat.settled()
    known = await chat.history()
    hold = t.gate()
    prompts = [script(http_error(400, "scripted failure")), queued("more"), script(says("cut"), gate(hold), says("short"))]
    for prompt in prompts:
        t.given(await chat.send(prompt))
        if prompt is prompts[-1]:
            await t.llm.reached(hold)
            t.given(await chat.interrupt())
            await t.llm.open(hold)
        await chat.settled()
        now = await chat.history()
        t.expect(now[: len(known)], known, "the messages of the earlier turns")
        known = now
    for archived in (True, False):
        t.given(await chat.patch(archived=archived))
        t.expect((await chat.history())[: len(known)], known, "the messages after archiving, and after unarchiving")


@case("KEEP-015", needs=["second-user"])
async def a_failure_stays_until_the_next_turn(t: Case) -> None:
    chat = await t.chat([REFERENCE, text(script(http_error(400, "scripted failure")))])
    before = await chat.settled("error")
    await change(t, chat)
    t.given(await chat.propose())
    for archived in (True, False):
        t.given(await chat.patch(archived=archived))
    after = t.accepted(await chat.get())
    t.expect((after["status"], after.get("last_error")), ("error", before.get("last_error")), "status and last_error")
    await chat.turn(queued("again"))
    t.expect(talk(await chat.history())[-1:], ["to again"], "what was said at last")


@case("KEEP-016", needs=["second-user"])
async def open_calls_stay_open(t: Case) -> None:
    chat = (await awaited(t)).chat
    await change(t, chat)
    t.given(await chat.retitle())
    t.given(await chat.patch(plan_mode=""))
    for archived in (True, False):
        t.given(await chat.patch(archived=archived))
    t.expect(t.accepted(await chat.get())["status"], "requires_action", "the status", "/status")
    t.accepted(await chat.tool_results(outputs(a={})))
    await chat.settled(t.idle)
    t.expect(talk(await chat.history())[-1:], ["done"], "what was said at last")


@case("KEEP-014", needs=["llm-control"])
async def back_from_the_archive_during_a_turn(t: Case) -> None:
    scene = await answered(t)
    chat = scene.chat
    for archived in (True, False):
        t.given(await chat.patch(archived=archived))
    await scene.open()
    await chat.turn(queued("again"))
    t.expect(t.accepted(await chat.get())["archived"], False, "archived", "/archived")
    t.expect(talk(await chat.history()), ["first", "part", "again", "to again"], "what was said")


@case("KEEP-021", needs=["llm-control"])
async def a_first_title_for_a_chat_in_the_archive(t: Case) -> None:
    hold = t.gate()
    late = turn(gate(hold), tool_call("propose_title", {"title": "Late title"}))
    chat = await t.chat(script(says("ok"), title=late), t.titled)
    await t.llm.reached(hold)
    t.given(await chat.patch(archived=True))
    before = t.given(await chat.get())["title"]
    await t.llm.open(hold)
    with suppress(Unmet):  # a title that comes too late may be dropped
        await chat.when(lambda c: c["title"] != before, "a title that the model made")
    t.expect(t.accepted(await chat.get())["archived"], True, "is the chat archived", "/archived")
