"""Send and edit: what is refused, what is reported first, and the bound of the queue."""

from __future__ import annotations

from typing import Any

from conformance.checks.asked import NIL
from conformance.play.actors import Chat, text
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.limits import (
    UNKNOWN,
    kept_busy,
    place_for,
    priced_model,
    readable,
    refused_alike,
    tries,
    twins,
)
from conformance.scenes.paging import MAX_ID
from conformance.wire.exchange import ABSENT

BROKEN = b"{broken"
# Content that neither send nor edit takes.
BAD_CONTENT: list[tuple[Any, str]] = [
    *tries("content.required", "content", ABSENT, None, []),
    *tries("content.text-empty", "content", [text(" ")], [text("good"), {"type": "text"}]),
    *tries("content.type", "content", [{"type": "image"}], [{"text": "x"}], [{"type": "tool-call", "text": "x"}]),
    *tries("content.file-id", "content", [{"type": "file"}], [{"type": "file", "file_id": NIL}]),
    *tries("content.file-unknown", "content", [{"type": "file", "file_id": UNKNOWN}]),
    *tries("content.file-name", "content", [{"type": "file-reference"}]),
]
MODEL: tuple[dict[str, Any], str] = ({"model_config_id": UNKNOWN}, "send.model-unknown")
BUSY: tuple[dict[str, Any], str] = ({"busy_behavior": "x"}, "send.busy-behavior")
PLAN: tuple[dict[str, Any], str] = ({"plan_mode": "x"}, "common.plan-mode")
SERVERS: tuple[dict[str, Any], str] = ({"mcp_server_ids": [UNKNOWN]}, "common.mcp-servers")
CONTENT: tuple[dict[str, Any], str] = ({"content": []}, "content.required")


TABLE: dict[str, dict[str, Any]] = {
    "plan-mode": {
        "requirement": "SEND-001", "on": "send", "tries": tries("common.plan-mode", "plan_mode", "Plan", "act", " plan"),
        "good": {"plan_mode": "plan"},
    },
    "content": {"requirement": "SEND-002", "on": "send", "tries": BAD_CONTENT},
    "mcp-servers": {
        "requirement": "SEND-003", "on": "send", "tries": tries("common.mcp-servers", "mcp_server_ids", [UNKNOWN], [NIL]),
        "good": {"mcp_server_ids": []},
    },
    "busy-behavior": {
        "requirement": "SEND-005", "on": "send",
        "tries": tries("send.busy-behavior", "busy_behavior", "Queue", "INTERRUPT", "drop", " queue"),
        "good": {"busy_behavior": "queue"},
    },
    "model": {"requirement": "SEND-006", "on": "send", "tries": [MODEL]},
    "order-first": {"requirement": "SEND-008", "on": "send", "in_order": True, "tries": [CONTENT, SERVERS, PLAN]},
    "order-last": {"requirement": "SEND-009", "on": "send", "in_order": True, "tries": [PLAN, BUSY, MODEL]},
    "plan-mode-not-saved": {
        "requirement": "SEND-010", "on": "send",
        "tries": [({"plan_mode": "plan", "model_config_id": UNKNOWN}, key) for key in (MODEL[1], "common.model-unknown")],
        "good": {"plan_mode": "plan"},
    },
    "nothing-changed": {"requirement": "SEND-011", "on": "send", "tries": [CONTENT, SERVERS, PLAN, BUSY, MODEL]},
    "edit-content": {"requirement": "EDIT-007", "on": "edit", "tries": BAD_CONTENT},
    "edit-model": {"requirement": "EDIT-010", "on": "edit", "tries": [({"model_config_id": UNKNOWN}, "edit.model-unknown")]},
    "edit-nothing-changed": {
        "requirement": "EDIT-012", "on": "edit",
        "tries": [CONTENT, ({"model_config_id": UNKNOWN}, "edit.model-unknown"), (BROKEN, "common.bad-json")],
    },
}  # fmt: skip


@case(rows=TABLE)
async def refused_message(t: Case, row: dict[str, Any]) -> None:
    await twins(t, row)


@case(rows={"send": {"requirement": "SEND-012"}, "edit": {"requirement": "EDIT-011"}})
async def nil_model(t: Case, row: dict[str, Any]) -> None:
    place = await place_for(t, row["requirement"].split("-")[0].lower())
    model = t.given(await place.chat.get())["last_model_config_id"]
    t.accepted(await place.ask({"model_config_id": NIL}))
    t.expect(t.accepted(await place.chat.get())["last_model_config_id"], model, "the model", "/last_model_config_id")


@case(rows={"send": {"requirement": "SEND-004"}, "edit": {"requirement": "EDIT-013"}})
async def archived_before_the_body(t: Case, row: dict[str, Any]) -> None:
    kind = row["requirement"].split("-")[0].lower()
    place = await place_for(t, kind)
    t.given(await place.chat.patch(archived=True))
    bodies: list[Any] = [{}, BROKEN, {"content": []}]
    await refused_alike(t, place, [(sent, f"{kind}.archived") for sent in bodies])
    said = [(await place.ask(sent)).response.body for sent in bodies]
    t.expect(said, [said[0]] * 3, "the refusals of a good, a malformed and an empty body")
    t.given(await place.chat.patch(archived=False))
    t.refused(await place.ask(BROKEN), "common.bad-json")
    t.accepted(await place.ask({}))


@case("SEND-007")
async def deleted_model(t: Case) -> None:
    place, model = await place_for(t, "send"), await priced_model(t, t.named("model"))
    t.given(await t.root.delete(t.url("deleteModelConfig", model_config=model)))
    await refused_alike(t, place, [({"model_config_id": model}, "send.model-unknown")])
    t.accepted(await place.ask({}))


@case("SEND-013")
async def bound_of_the_queue(t: Case) -> None:
    place, most = await kept_busy(t), t.limit("queue.length")
    for i in range(most):
        t.expect(t.accepted(await place.ask({"content": [text(f"message {i}")]}))["queued"], True, f"message {i + 1} is queued")
    full: list[tuple[Any, str]] = [({}, "send.queue-full"), ({"busy_behavior": "interrupt"}, "send.queue-full")]
    await refused_alike(t, place, readable(t, "send", full))
    queue = t.accepted(await place.chat.messages())["queued_messages"]
    said = [q["content"][0]["text"] for q in queue]
    t.expect(said, [f"message {i}" for i in range(most)], "the queue", "/queued_messages")
    t.given(await place.chat.unqueue(queue[0]["id"]))
    t.accepted(await place.ask({}))


# -- edit: which message


@case("EDIT-001", rows={"word": "x", "zero": "0", "negative": "-1", "fraction": "1.5", "large": str(2**63), "plus": "1e3"})
async def malformed_message_id(t: Case, spelled: str) -> None:
    place = await place_for(t, "edit")
    await refused_alike(t, place, [({}, "edit.id")], message=spelled)
    t.accepted(await place.ask({}))


@case("EDIT-002")
async def message_id_before_the_body(t: Case) -> None:
    place = await place_for(t, "edit")
    for message in ("x", "0"):
        await refused_alike(t, place, [(BROKEN, "edit.id"), (b"", "edit.id"), ({"content": []}, "edit.id")], message=message)
    bodies: list[Any] = [{}, BROKEN]
    said = [(await place.ask(sent, message="x")).response.body for sent in bodies]
    t.expect(said[1], said[0], "the refusal of a bad id with a malformed body, beside that with a good one")
    broken = await place.ask(BROKEN)
    t.refused(broken, "common.bad-json")
    t.true(broken.response.body != said[1], "a malformed body is refused otherwise", broken.response.body)
    t.accepted(await place.ask({}))


@case("EDIT-003", "EDIT-004", "EDIT-008", "EDIT-009")
async def which_message(t: Case) -> None:
    place, other = await place_for(t, "edit"), await place_for(t, "edit")
    model: dict[str, Any] = {"model_config_id": UNKNOWN}
    with t.judging("EDIT-003"):
        await refused_alike(t, place, [({}, "edit.not-found")], message=MAX_ID)
    with t.judging("EDIT-004"):
        before = await other.state()
        await refused_alike(t, place, [({}, "edit.not-found")], message=other.message)
        t.expect(await other.state(), before, "the other chat")
    with t.judging("EDIT-008"):
        await refused_alike(t, place, [CONTENT, ({"content": [text("")]}, "content.text-empty")], message=MAX_ID)
        await refused_alike(t, place, [({}, "edit.not-found")], message=MAX_ID)
    with t.judging("EDIT-009"):
        await refused_alike(t, place, [(model, "edit.not-found")], message=MAX_ID)
        await refused_alike(t, place, [(model, "edit.model-unknown")])
    t.given(await place.ask({}))


@case("EDIT-005")
async def message_that_was_replaced(t: Case) -> None:
    place = await place_for(t, "edit")
    answer = await place.ask({"content": [{"type": "file-reference", "file_name": "a"}, text("again")]})
    new = t.message(t.given(answer))["id"]
    await place.chat.settled()
    await refused_alike(t, place, [({}, "edit.not-found")])
    t.accepted(await place.ask({}, message=new))


@case("EDIT-006")
async def message_of_the_assistant(t: Case) -> None:
    place = await place_for(t, "edit")
    reply = next(m["id"] for m in await place.chat.history() if m["role"] == "assistant")
    await refused_alike(t, place, [({}, "edit.not-user")], message=reply)
    t.accepted(await place.ask({}))


@case("EDIT-016")
async def message_of_another_user(t: Case) -> None:
    place, secret = await place_for(t, "edit"), t.unique("secret")
    foreign = await t.chat([{"type": "file-reference", "file_name": "a"}, text(secret)], by=t.bob)
    theirs = await foreign.history()
    before = await place.state()
    answer = await place.ask({}, message=theirs[0]["id"])
    t.true(400 <= answer.response.status <= 500, "the edit is refused", answer.response.status)
    t.true(secret.encode() not in (answer.response.content or b""), "the refusal shows nothing of the message")
    t.expect(await Chat(t.bob, foreign.id).history(), theirs, "the messages of the other user's chat")
    t.expect(await place.state(), before, "the caller's chat")
    t.accepted(await place.ask({}))
