"""Objects as a whole: the same chat, message and event wherever it is shown."""

from __future__ import annotations

import re
from typing import Any

from conformance.checks.times import precedes
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.streams import of_type
from conformance.play.turns import watched
from conformance.scenes.streaming import TOOL
from fixtures.scripts import attempts, http_error, script, tool_call, turn
from fixtures.scripts import text as says

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
# What depends on time, and what depends on where a chat is shown.
VARIES = {"status", "title", "updated_at", "last_turn_summary", "last_error", "has_unread", "diff_status", "files", "warnings"}


def lasting(chat: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in chat.items() if k not in VARIES}


@case("SER-005", "SER-006", "SER-007", "SER-009", "SER-010", "CHATOBJ-015", "CHATOBJ-016", "CHATOBJ-017", needs=["second-user"])
async def a_chat_everywhere(t: Case) -> None:
    mark = t.unique()
    labels = {"Mark.1/x_y-z": mark, "b": 'Ünï <&> "q" 🎈'}
    secret = t.unique("secret")
    made = t.given(
        await t.alice.create(
            "Ünï words", labels=labels, system_prompt=secret, unsafe_dynamic_tools=[TOOL | {"description": secret}]
        )
    )
    chat = await t.chat(labels={"mark": mark})
    chat.id = made["id"]
    await chat.settled()
    changed = await (chat.set_acl(users={t.bob.id: "read"}) if t.offers("patchChatACL") else chat.patch())
    got = t.given(await chat.get())
    found = t.given(await t.alice.list(label=f"Mark.1/x_y-z:{mark}", limit=50))
    (listed,) = [c for c in found if c["id"] == chat.id]
    with t.judging("SER-005"):
        for place in (made, got, listed):
            t.true(secret not in str(place) and t.bob.id not in str(place), "a chat keeps its prompt, tools and sharing", place)
    with t.judging("SER-006"):
        for key in ("created_at", "updated_at"):
            t.true(TIME.fullmatch(got[key]), f"{key} is a time of RFC 3339", got[key], f"/{key}")
    with t.judging("SER-007"):
        for key in {"id", "owner_id", "organization_id", "last_model_config_id"} & set(got):
            t.true(UUID.fullmatch(got[key]), f"{key} is a UUID in lower case", got[key], f"/{key}")
        for message in await chat.history():
            t.true(type(message["id"]) is int and message["id"] > 0, "a message id is a positive integer", message["id"])
    with t.judging("SER-009"):
        t.accepted(changed)
        t.true(not changed.response.content, "a 204 has no body", changed.response.content)
    with t.judging("SER-010"):
        labelled = t.knows("Chat", "labels")
        answer = await (chat.get() if labelled else chat.messages())
        # what is said in it may stand in the title, too
        t.true(("🎈" if labelled else "Ünï").encode() in (answer.response.content or b""), "it is UTF-8", answer.response.content)
    with t.judging("CHATOBJ-015"):
        again = {"shared": got["shared"]} if "shared" in got else {}  # it was shared meanwhile
        t.expect(lasting(got), lasting(made) | again, "the chat in GET, compared with the create answer")
        t.expect(lasting(listed), lasting(got), "the chat in the list, compared with GET")
    with t.judging("CHATOBJ-016"):
        t.exactly(got["labels"], labels, "the labels", "/labels")
    with t.judging("CHATOBJ-017"):
        early = precedes(got["updated_at"], got["created_at"])
        t.expect(early, False, f"is updated_at {got['updated_at']} before created_at {got['created_at']}", "/updated_at")


@case("SER-008")
async def message_ids_are_never_reused(t: Case) -> None:
    chat = await t.chat()
    before = await chat.history()
    edited = t.message(t.given(await chat.edit(before[0]["id"], "other")))
    await chat.settled()
    t.true(edited["id"] > before[-1]["id"], "the replacement has a new, higher id", edited["id"], "/message/id")
    later = {m["id"] for m in await chat.history()}
    t.true(not later & {m["id"] for m in before}, "no id is used again", sorted(later))


@case("MSG-002", needs=["llm"])
async def roles_of_messages(t: Case) -> None:
    chat = await t.chat(script({"turns": [turn(tool_call("list_templates", {})), turn(says("x"))]}), system_prompt="be brief")
    shown = [m["role"] for m in await chat.history()]
    t.expect(shown, ["user", "assistant", "tool", "assistant"], "the roles of the messages")


@case("CHATOBJ-005", "EVENT-001", needs=["llm-control"])
async def errors_of_a_turn(t: Case) -> None:
    seen = await watched(t, tool_call("list_templates"), then=(http_error(400, "no such thing"),))
    with t.judging("CHATOBJ-005"):
        chat = t.given(await seen.chat.get())
        t.expect(chat["status"], "error", "the status", "/status")
        t.true(isinstance(chat.get("last_error"), dict), "a chat in error has last_error", chat)
    with t.judging("EVENT-001"):
        (error,) = [e["error"] for e in seen.live if e["type"] == "error"]
        t.true(error["message"] and error["retryable"] is False, "the error has message and retryable", error)
        t.true(all(v not in (None, "", 0) for k, v in error.items() if k != "retryable"), "nothing in it is null or empty", error)


@case("EVENT-002", "EVENT-005", needs=["llm-control"])
async def retries_of_a_turn(t: Case) -> None:
    failing = attempts(http_error(503, "busy"), turn(says("fine")))
    socket = (await watched(t, tool_call("list_templates", {}, id="o1"), then=(failing,))).socket
    with t.judging("EVENT-002"):
        retry = (await socket.until({"type": "retry"}))["retry"]
        t.true(
            retry["attempt"] == 1 and retry["delay_ms"] >= 1000 and retry["error"], "a retry has attempt, delay and error", retry
        )
        t.true(TIME.fullmatch(retry["retrying_at"]), "retrying_at is a time", retry, "/retry/retrying_at")
        t.true(all(v not in (None, "") for v in retry.values()), "nothing in it is null or empty", retry)
    with t.judging("EVENT-005"):
        event = of_type(socket.events, "message_part")[-1]
        t.expect(event["message_part"]["role"], "assistant", "the role of a part", "/message_part/role")
        t.expect(event["message_part"]["part"]["text"], "fine", "the text of the part", "/message_part/part/text")


@case("EVENT-003", "EVENT-004", needs=["llm-control"])
async def calls_of_client_tools(t: Case) -> None:
    watch = await t.alice.watch()
    seen = await watched(t, tool_call("lookup", {"a": 1}, id="k1"), unsafe_dynamic_tools=[TOOL])
    with t.judging("EVENT-003"):
        event = await seen.socket.until({"type": "action_required"})
        (call,) = event["action_required"]["tool_calls"]
        t.expect({k: type(v) for k, v in call.items()}, {"tool_call_id": str, "tool_name": str, "args": str}, "the call's fields")
        t.expect((call["tool_call_id"], call["tool_name"]), ("k1", "lookup"), "the call")
    with t.judging("EVENT-004"):
        told = await watch.until({"kind": "action_required", "chat": {"id": seen.chat.id}})
        t.true(told.get("tool_calls"), "an action_required event has tool_calls", told)
        others = [e for e in watch.events if e["kind"] != "action_required" and e["chat"]["id"] == seen.chat.id]
        t.true(others and not any("tool_calls" in e for e in others), "no other event has tool_calls", others)


@case("EVENT-006")
async def nothing_known_of_changes(t: Case) -> None:
    chat = await t.new_chat()
    t.expect(t.accepted(await chat.diff()), {"chat_id": chat.id}, "the diff of a new chat")
