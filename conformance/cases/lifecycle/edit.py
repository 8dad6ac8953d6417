"""Edit: the new message, what it removes, the turn that it starts."""

from __future__ import annotations

from conformance.checks.times import instant
from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.turns import held, said, stuck, talk
from conformance.scenes.lifecycle import ANSWER, NEW, TOOL, becomes, first, other_model
from fixtures.scripts import http_error, script, text, tool_call, turn, turns


async def prompts(chat: Chat) -> list[str]:
    """The texts of the prompts, oldest first; of the user's messages where no list of prompts is offered."""
    if not chat.case.offers("listPrompts"):
        return talk([m for m in await chat.history() if m["role"] == "user"])
    return [p["text"].split(" script:")[0] for p in (await chat.prompts()).response.body["prompts"]][::-1]


@case("EDIT-017", "EDIT-018", "EDIT-019", "EDIT-025", "EDIT-067", "EDIT-068")
async def edit_of_an_idle_chat(t: Case) -> None:
    chat = await first(t)
    await chat.turn(script(text("to second"), prefix="second"))
    await chat.turn(script(turns(turn(tool_call("list_templates", {})), turn(text("to third"))), prefix="third"))
    before = await chat.history()
    old = next(m for m in before if talk([m]) == ["second"])
    answer = await chat.edit(old["id"], NEW)
    with t.judging("EDIT-017"):
        made = t.message(t.accepted(answer))
        t.true(made["id"] > max(m["id"] for m in before), "the new id is higher than all before", made["id"])
        t.expect((made["role"], talk([made])), ("user", ["new"]), "the new message", "/message")
        t.true(made["id"] in [m["id"] for m in await chat.history()], "the new id is among the messages")
    with t.judging("EDIT-019"):
        await becomes(chat, lambda c: c["status"] == "waiting", "status waiting")
        t.expect(talk(await chat.history())[-2:], ["new", "better"], "the end of what was said")
    for requirement in ("EDIT-018", "EDIT-068"):
        with t.judging(requirement):
            shown = await chat.history()
            kept = [m["id"] for m in before if m["id"] < old["id"]]
            t.expect([m["id"] for m in shown if m["id"] <= before[-1]["id"]], kept, "what remains of the messages")
            t.expect(await prompts(chat), ["first", "new"], "the prompts")
    with t.judging("EDIT-067"):
        t.expect(t.accepted(answer)["id"], t.message(t.given(answer))["id"], "the answer is the message", "/id")
        t.expect((t.accepted(answer)["role"], t.accepted(answer)["chat_id"]), ("user", chat.id), "whose message, and where")
    with t.judging("EDIT-025"):
        newest = t.message(t.given(answer))["id"]
        again = t.message(t.accepted(await chat.edit(newest, script(text("best"), prefix="newer"))))
        t.true(again["id"] > newest, "the id of the second edit is higher still", again["id"])
        shown = await chat.history()
        t.true(
            newest not in [m["id"] for m in shown] and again["id"] in [m["id"] for m in shown], "it takes the place of the first"
        )
        t.refused(await chat.edit(old["id"], NEW), "edit.not-found")


@case("EDIT-020", needs=["llm-control"])
async def edit_and_queue(t: Case) -> None:
    chat, (queued,) = await stuck(t, "later")
    before = t.given(await chat.messages())
    t.expect([q["id"] for q in before["queued_messages"]], [queued], "the queue before")
    t.accepted(await chat.edit(before["messages"][-1]["id"], NEW))
    t.expect((await chat.messages()).response.body["queued_messages"], [], "the queue", "/queued_messages")
    await said(chat, ["new", "better"])


@case("EDIT-021")
async def edit_after_an_error(t: Case) -> None:
    chat = await t.chat(script(http_error(400, "scripted failure")))
    failed = await chat.settled("error")
    t.true(failed.get("last_error"), "a failed chat has last_error", failed)
    t.accepted(await chat.edit((await chat.history())[0]["id"], NEW))
    shown = await becomes(chat, lambda c: c["status"] == "waiting", "status waiting")
    t.true(not shown.get("last_error"), "last_error is gone", shown.get("last_error"), "/last_error")


@case("EDIT-022", needs=["model-admin"])
async def edit_keeps_the_model(t: Case) -> None:
    chat, other = await first(t), await other_model(t)
    model = (await chat.history())[0]["model_config_id"]
    await chat.turn(ANSWER, model_config_id=other)
    t.true(t.given(await chat.get())["last_model_config_id"] == other, "the chat's last model is the other")
    edited = t.message(t.accepted(await chat.edit((await chat.history())[0]["id"], NEW)))
    t.expect(edited["model_config_id"], model, "the model of the new message", "/message/model_config_id")
    messages = await said(chat, ["new", "better"])
    t.expect([m["model_config_id"] for m in messages], [model] * 2, "the models of the turn's messages")
    if "model_config_id" not in t.fields("editMessage"):
        return
    chosen = t.accepted(await chat.edit(edited["id"], NEW, model_config_id=other))["message"]
    t.expect(chosen["model_config_id"], other, "the model of a message edited with one", "/message/model_config_id")


@case("EDIT-023", needs=["llm-control"])
async def edit_during_a_turn(t: Case) -> None:
    under_way = await held(t, text("partial"))
    chat = under_way.chat
    old = (await chat.history())[0]["id"]
    edited = t.message(t.accepted(await chat.edit(old, NEW)))
    t.true(edited["id"] > old, "the id is new", edited["id"])
    # what becomes of the turns is racy on a real server; what the user has said is not
    t.expect(await prompts(chat), ["new"], "the prompts", "/prompts")
    await chat.settled()
    t.expect(await prompts(chat), ["new"], "the prompts, once the chat is at rest", "/prompts")


@case("EDIT-024")
async def edit_while_results_are_awaited(t: Case) -> None:
    asks = turns(turn(tool_call("look_up", {}, id="call_a")), turn(text("done")))
    chat = await t.chat(script(asks, prefix="first"), unsafe_dynamic_tools=[TOOL])
    await chat.settled("requires_action")
    t.accepted(await chat.edit((await chat.history())[0]["id"], NEW))
    messages = await said(chat, ["new", "better"])
    t.expect([m["role"] for m in messages], ["user", "assistant"], "the messages")
    t.refused(await chat.tool_results([{"tool_call_id": "call_a", "output": {}}]), "tool-results.not-waiting")


@case("EDIT-072")
async def the_time_of_an_edit(t: Case) -> None:
    chat = await first(t)
    await chat.turn(ANSWER)
    before = await chat.history()
    made = t.message(t.accepted(await chat.edit(before[-2]["id"], NEW)))
    old, new = (instant(m["created_at"]) for m in (before[-1], made))
    t.true(old and new and old < new, "the new message is later than all before", made["created_at"], "/created_at")
