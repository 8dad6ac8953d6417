"""What the watch feed tells of turns."""

from __future__ import annotations

from conformance.play.actors import Chat, text
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.streams import joined_stream, kinds, quiet, told
from conformance.play.turns import stuck
from conformance.scenes.lifecycle import other_model
from conformance.scenes.streaming import TOOL, Watch, running, watching
from conformance.wire.socket import Event
from fixtures.scripts import gate, http_error, script, tool_call, turn, turns
from fixtures.scripts import text as says


def statuses(events: list[Event]) -> list[str]:
    """The statuses that status_change told, but for running."""
    changes = [e["chat"]["status"] for e in events if e["kind"] == "status_change"]
    return [status for status in changes if status != "running"]


TEMPLATES = script(turns(turn(tool_call("list_templates", {})), turn(says("Done."))))


@case("WATCH-016")
async def summary_of_a_turn(t: Case) -> None:
    watch, chat = await watching(t), await quiet(t)
    start = len(await watch.so_far(chat))
    await chat.turn(TEMPLATES)
    t.true("last_turn_summary" in t.given(await chat.get()), "a chat shows its summary")
    await watch.until(chat, "summary_change", 2)
    seen = await watch.so_far(chat, start)
    end = max(i for i, e in enumerate(seen) if e["kind"] == "status_change")
    t.true("summary_change" in kinds(seen[end:]), "summary_change comes after the end of the turn", kinds(seen))
    shown = t.given(await chat.get())["last_turn_summary"]
    t.expect(seen[-1]["chat"]["last_turn_summary"], shown, "the summary in the event", "/chat/last_turn_summary")


@case("WATCH-013", "WATCH-015")
async def turn_on_an_idle_chat(t: Case) -> None:
    watch, chat = await watching(t), await quiet(t)
    start = len(await watch.so_far(chat))
    await chat.turn(TEMPLATES)
    with t.judging("WATCH-015"):
        await watch.until(chat, "status_change", status="waiting", n=2)
        t.expect(statuses(await watch.so_far(chat, start))[-2:], ["pending", "waiting"], "the last two statuses")
    with t.judging("WATCH-013"):
        changes = [e for e in await watch.so_far(chat) if e["kind"] == "status_change"]
        t.true(changes and all(e["chat"]["status"] != "running" for e in changes), "no status_change is to running", changes)


@case("WATCH-014", "WATCH-023", needs=["llm-control"])
async def queue_and_interrupt(t: Case) -> None:
    watch = await watching(t)
    chat, _ = await running(t)
    start = len(await watch.so_far(chat))
    with t.judging("WATCH-014"):
        queued = t.given(await chat.send("later"))["queued_message"]["id"]
        t.true("status_change" not in kinds(await watch.so_far(chat, start)), "a queued send tells no status_change")
    t.given(await chat.unqueue(queued))
    with t.judging("WATCH-023"):
        t.given(await chat.interrupt())
        await watch.until(chat, "status_change", status="waiting")
        idle = await quiet(t)
        await watch.until(idle, "status_change", status="waiting")
        start = len(await watch.so_far(idle))
        t.given(await idle.interrupt())
        seen = statuses(await watch.so_far(idle, start))
        t.expect(sorted(set(seen)), ["waiting"], "the statuses of the interrupt of an idle chat")


@case("WATCH-030", needs=["llm-control"])
async def promoted_at_rest(t: Case) -> None:
    watch = await watching(t)
    chat, (queued,) = await stuck(t, "queued")
    await told(watch.socket, {"kind": "status_change", "chat": {"id": chat.id, "status": "error"}})
    start = len(await watch.so_far(chat))
    t.given(await chat.promote(queued))
    t.expect(statuses(await watch.so_far(chat, start))[:1], ["pending"], "the first status after the promotion")


@case("WATCH-031")
async def failures_clear_the_summary(t: Case) -> None:
    watch, chat = await watching(t), await quiet(t)
    await chat.turn(script(http_error(400, "no such luck")))
    event = await watch.until(chat, "summary_change", last_turn_summary=None)
    t.expect(event["chat"].get("title"), t.given(await chat.get())["title"], "the title in the event", "/chat/title")


@case("WATCH-017", "WATCH-018")
async def titles_and_failures(t: Case) -> None:
    watch = await watching(t, await quiet(t, by=t.titled))
    with t.judging("WATCH-017"):
        chat = await t.new_chat(script(says("x"), title="Made by the model"), t.titled)
        title = chat.dialect.title("Made by the model")
        await chat.settled(title=title)
        await watch.until(chat, "title_change", title=title)
    with t.judging("WATCH-018"):
        chat = await t.new_chat(script(http_error(400, "no such luck")), t.titled)
        await chat.settled("error")
        event = await watch.until(chat, "status_change", status="error")
        shown = t.given(await chat.get())["last_error"]
        t.expect(event["chat"].get("last_error"), shown, "last_error in the event", "/chat/last_error")


@case("WATCH-019", "WATCH-020", "WATCH-032", needs=["llm-control"])
async def client_tools(t: Case) -> None:
    watch, hold = await watching(t), t.gate()
    steps = turns(turn(tool_call("lookup", '{"a": 1}', id="k1")), turn(gate(hold), says("Done.")))
    chat = await t.new_chat(script(steps, title="Quiet title"), unsafe_dynamic_tools=[TOOL])
    await chat.settled("requires_action", title="Quiet title")
    with t.judging("WATCH-032"):
        event = await watch.until(chat, "summary_change")
        t.expect(event["chat"]["last_turn_summary"], "Waiting for user input", "the summary", "/chat/last_turn_summary")
        t.expect(t.given(await chat.get())["last_turn_summary"], "Waiting for user input", "the summary that GET shows")
    with t.judging("WATCH-019"):
        event = await watch.until(chat, "action_required")
        t.expect(event["tool_calls"], [{"tool_call_id": "k1", "tool_name": "lookup", "args": '{"a": 1}'}], "tool_calls")
        seen = await watch.so_far(chat)
        before = statuses(seen[: kinds(seen).index("action_required")])
        t.expect(before[-1:], ["requires_action"], "the status before action_required")
    start = len(await watch.so_far(chat))
    with t.judging("WATCH-020"):
        t.given(await chat.tool_results([{"tool_call_id": "k1", "output": 1}]))
        await t.llm.reached(hold)
        seen = [e["kind"] for e in await watch.so_far(chat, start) if e["chat"]["status"] != "running"]
        t.expect(seen, [], "the events of submitting the results")


@case("WATCH-024")
async def edits(t: Case) -> None:
    watch, chat = await watching(t), await quiet(t)
    start = len(await watch.so_far(chat))
    (first, *_) = await chat.history()
    t.given(await chat.edit(first["id"], script(says("other"))))
    await chat.settled()
    await watch.until(chat, "status_change", status="waiting", n=2)
    t.expect(statuses(await watch.so_far(chat, start))[:2], ["pending", "waiting"], "the statuses of the edit")


@case("WATCH-027", needs=["files"])
async def the_chat_in_events(t: Case) -> None:
    file = t.given(await t.alice.upload(b"hello", name="notes.txt"))["id"]
    watch = await watching(t)
    spawn = script(turn(tool_call("spawn_agent", {"type": "general", "prompt": "Say hello", "title": "Kid"})))
    chat = await t.chat([text(spawn), {"type": "file", "file_id": file}])
    t.true(t.given(await chat.get()).get("files"), "GET shows the files of the chat")
    for event in await watched_to_the_end(watch, chat):
        shown = event["chat"]
        t.expect((shown["has_unread"], shown["children"]), (False, []), f"has_unread and children in {event['kind']}", "/chat")
        t.expect(sorted({"files", "warnings"} & set(shown)), [], f"other fields in {event['kind']}", "/chat")


async def watched_to_the_end(watch: Watch, chat: Chat) -> list[Event]:
    await watch.until(chat, "status_change", status="waiting")
    return await watch.so_far(chat)


@case("WATCH-028", needs=["llm-control"])
async def large_events(t: Case) -> None:
    watch, hold, much = await watching(t), t.gate(), "y" * 9000
    call = turn(gate(hold), tool_call("lookup", {"x": much}, id="k1"))
    chat = await t.new_chat(script(call), unsafe_dynamic_tools=[TOOL])
    await t.llm.reached(hold)
    socket = await joined_stream(chat)
    await t.llm.open(hold)
    event = await socket.until({"type": "action_required"})
    t.true(much in event["action_required"]["tool_calls"][0]["args"], "the stream has the whole arguments")
    await watch.until(chat, "status_change", status="requires_action")
    found = [e for e in await watch.so_far(chat) if e["kind"] == "action_required"]
    t.true(all(much in e["tool_calls"][0]["args"] for e in found), "what is told is whole", found)


@case("WATCH-054", needs=["model-admin"])
async def a_send_on_another_model(t: Case) -> None:
    other, watch, chat = await other_model(t), await watching(t), await quiet(t)
    usual = t.given(await chat.get())["last_model_config_id"]
    for model in (other, usual):
        start = len(await watch.so_far(chat))
        await chat.turn("Hello again", model_config_id=model)
        t.expect(t.given(await chat.get())["last_model_config_id"], model, "the chat's model", "/last_model_config_id")
        changes = [e for e in await watch.so_far(chat, start) if e["kind"] == "status_change"]
        t.true(changes, "a status_change was sent")
        t.expect({e["chat"].get("last_model_config_id") for e in changes}, {model}, "the models that status_change told")
