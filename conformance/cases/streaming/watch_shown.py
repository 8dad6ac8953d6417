"""The chat inside of watch events: what GET shows of it at that moment, or later."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.streams import quiet
from conformance.scenes.lifecycle import family, other_model
from conformance.scenes.streaming import TOOL, Watch, running, watching
from conformance.wire.socket import Event
from fixtures.scripts import gate, http_error, script, text, tool_call, turn, turns

# What events leave out, and what a turn moves by itself.
LEFT_OUT = {"has_unread", "children", "files", "diff_status", "warnings", "summary"}
MOVING = {"status", "updated_at", "last_error", "last_turn_summary"}


def shown(t: Case, chat: dict[str, Any], but: set[str] = LEFT_OUT) -> dict[str, Any]:
    """What the contract knows of a chat, without these fields; of a pin only whether there is one: others move its number."""
    found = {key: value for key, value in t.known(chat).items() if key not in but}
    return found | {"pin_order": bool(chat["pin_order"])} if "pin_order" in found else found


# What later revisions tell each in an event of its own, with the chat as it was when that was begun.
APART = {"updated_at", "last_turn_summary"}


def at_last(t: Case) -> set[str]:
    """What the last event of a turn need not show as GET does."""
    return LEFT_OUT | (APART if t.refuses("interrupt.at-rest") else set())


async def all_told(t: Case, watch: Watch, chat: Chat, start: int, after: str) -> list[Event]:
    """Every event from the `start`-th on shows the chat as it is now, the last one in every field. Raises Failure."""
    seen, now = await watch.so_far(chat, start), t.accepted(await chat.get())
    t.true(seen, f"events came {after}")
    still = LEFT_OUT | MOVING
    for event in seen:
        t.expect(shown(t, event["chat"], still), shown(t, now, still), f"the chat in the {event['kind']} {after}", "/chat")
    but = at_last(t)
    told = f"the chat in the last event, a {seen[-1]['kind']}, {after}"
    t.expect(shown(t, seen[-1]["chat"], but), shown(t, now, but), told, "/chat")
    return seen


async def changed(t: Case, chat: Chat, n: int) -> None:
    """Title, labels, pin and plan mode of the chat are others than before. Raises Unmet."""
    t.cleanup(partial(chat.patch, pin_order=0))
    pin, plan = {"pin_order": n % 2}, {"plan_mode": "plan" if n % 2 else ""}
    for change in ({"title": f"Named {n}"}, {"labels": {"n": str(n)}}, pin, plan):
        t.given(await chat.patch(**change))


@case("WATCH-103", "WATCH-104")
async def what_is_told_after_changes(t: Case) -> None:
    watch, chat = await watching(t), await quiet(t, labels={"n": "0"})

    async def edit() -> Any:
        return t.given(await chat.edit((await chat.history())[0]["id"], "Hello anew"))

    orders: dict[str, tuple[str, Callable[[], Awaitable[Any]], tuple[str, ...]]] = {
        "of a send": ("WATCH-103", lambda: chat.send("Hello again"), (t.idle,)),
        "of an edit": ("WATCH-103", edit, (t.idle,)),
        "of a turn that fails": ("WATCH-103", lambda: chat.send(script(http_error(400, "no such luck"))), ("error",)),
        "of a send after a failure": ("WATCH-103", lambda: chat.send("Hello again"), (t.idle,)),
        "of an interrupt at rest": ("WATCH-104", chat.interrupt, (t.idle,)),
        "of archiving": ("WATCH-104", lambda: chat.patch(archived=True), ()),
        "of unarchiving": ("WATCH-104", lambda: chat.patch(archived=False), ()),
    }
    for n, (what, (requirement, order, ends)) in enumerate(orders.items(), 1):
        if what != "of unarchiving":
            await changed(t, chat, n)
        start = len(await watch.so_far(chat))
        await order()
        await (chat.finished() if ends == (t.idle,) else chat.settled(*ends))
        with t.judging(requirement):
            await all_told(t, watch, chat, start, what)


@case("WATCH-105", needs=["llm-control"])
async def what_is_changed_during_a_turn(t: Case) -> None:
    watch, chat, hold = await watching(t), await quiet(t), t.gate()  # an own title: it would be told again at its turn's end
    t.given(await chat.send(script(text("one "), gate(hold), text("two"))))
    await t.llm.reached(hold)
    for n in (1, 2, 3):
        await changed(t, chat, n)
    start = len(await watch.so_far(chat))
    await t.llm.open(hold)
    await chat.finished()
    seen = await all_told(t, watch, chat, start, "of the end of the turn")
    t.expect(seen[0]["chat"]["title"], "Named 3", "the title in the first of them", "/chat/title")


@case("WATCH-106", needs=["llm-control"])
async def the_title_made_during_a_turn(t: Case) -> None:
    watch = await watching(t, await quiet(t, by=t.titled))
    chat, hold = await running(t, t.titled)
    await t.llm.open(hold)
    await chat.settled(t.idle)
    event = await watch.until(chat, "status_change", status=t.idle)
    t.expect(event["chat"]["title"], chat.dialect.title("Quiet title"), "the title told at the end of the turn", "/chat/title")
    t.expect(t.accepted(await chat.get())["title"], event["chat"]["title"], "the title that GET shows", "/title")


@case("WATCH-107", needs=["model-admin"])
async def models_of_edits_and_queues(t: Case) -> None:
    other, watch, chat = await other_model(t), await watching(t), await quiet(t)
    start, first = len(await watch.so_far(chat)), (await chat.history())[0]["id"]
    t.given(await chat.edit(first, "Hello anew", model_config_id=other))
    await chat.finished()
    await all_told(t, watch, chat, start, "of an edit on another model")
    t.expect(t.accepted(await chat.get())["last_model_config_id"], other, "the chat's model", "/last_model_config_id")


@case("WATCH-108")
async def the_child_in_events(t: Case) -> None:
    watch = await watching(t)
    root, (child,) = await family(t, "child task", labels={"of": "the root"})
    await root.finished()
    for chat in (root, child):
        await watch.until(chat, "status_change", status=t.idle)
        seen, now = await watch.so_far(chat), t.accepted(await chat.get())
        still = LEFT_OUT | MOVING | {"title"}
        for event in seen:
            t.expect(shown(t, event["chat"], still), shown(t, now, still), f"the chat in a {event['kind']}", "/chat")
        last, told = seen[-1], f"the chat in the last event, a {seen[-1]['kind']}"
        but = at_last(t) | {"title"}  # which its model makes meanwhile
        t.expect(shown(t, last["chat"], but), shown(t, now, but), told, "/chat")


@case("WATCH-109")
async def the_chat_that_asks_for_an_action(t: Case) -> None:
    watch = await watching(t)
    call = turns(turn(tool_call("lookup", {}, id="k1")), turn(text("Done.")))
    chat = await t.new_chat(script(call, title="Quiet title"), unsafe_dynamic_tools=[TOOL])
    await chat.settled("requires_action", title="Quiet title")
    event = await watch.until(chat, "action_required")
    t.expect(event["chat"]["status"], "requires_action", "the status in action_required", "/chat/status")
    start = len(await watch.so_far(chat))
    t.given(await chat.tool_results([{"tool_call_id": "k1", "output": 1}]))
    await chat.finished()
    if "last_turn_summary" in t.session.known_keys:  # the call has one, too, which is not that of the answer
        await watch.until(chat, "summary_change", status=t.idle, last_turn_summary=bool)
    await all_told(t, watch, chat, start, "of what came of the results")


@case("WATCH-110", needs=["llm-control"])
async def renamed_while_it_runs(t: Case) -> None:
    watch, hold = await watching(t), t.gate()
    chat = await t.new_chat(script(text("one "), gate(hold), text("two"), title="Quiet title"))
    await t.llm.reached(hold)
    await chat.settled(t.running, title="Quiet title")
    t.given(await chat.patch(title="By hand"))
    event = await watch.until(chat, "title_change", title="By hand")
    now = t.accepted(await chat.get())
    t.expect(shown(t, event["chat"]), shown(t, now), "the chat in the title_change of a rename during a turn", "/chat")


@case("WATCH-111")
async def a_renamed_child(t: Case) -> None:
    watch = await watching(t)
    _, (child,) = await family(t, "child task")
    t.given(await child.patch(title="By hand"))
    event = await watch.until(child, "title_change")
    now = t.accepted(await child.get())
    t.expect(event["chat"]["title"], "By hand", "the title in the title_change of a child", "/chat/title")
    t.expect(now["title"], "By hand", "the title that GET shows", "/title")
