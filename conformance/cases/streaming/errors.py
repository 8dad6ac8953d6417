"""Model calls that fail for good: what the stream tells, what the chat shows, what is kept."""

from __future__ import annotations

import asyncio
from typing import Any

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import heard_of, new_model, new_provider, providers_path
from conformance.play.streams import of_type, sentence, statuses, told
from conformance.play.turns import held
from conformance.play.verdict import Absent
from conformance.scenes.streaming import NEUTRAL, before_failing, failed, last_error, model_at, refused, until_failed
from fixtures.scripts import error as says_error
from fixtures.scripts import raw, script
from fixtures.scripts import text as says

KINDS = {
    *("generic", "overloaded", "rate_limit", "timeout", "startup_timeout", "auth", "config", "usage_limit"),
    *("missing_key", "provider_disabled"),
}


@case("ERROR-001", "ERROR-002", needs=["llm-control"])
async def how_a_turn_fails(t: Case) -> None:
    seen = await before_failing(t, refused(400))
    with t.judging("ERROR-001"):
        events = await until_failed(seen)
        t.expect(of_type(events, "retry"), [], "the retry events")
        t.expect((await seen.chat.settled())["status"], "error", "the status after the turn", "/status")
    _, events = await failed(t, refused(400))
    with t.judging("ERROR-002"):
        t.expect(len(of_type(events, "error")), 1, "the number of error events")
        t.true("error" in statuses(events), "an error status is streamed", statuses(events))


@case("ERROR-003", "ERROR-011", "ERROR-012", "ERROR-013", "ERROR-016", needs=["llm-control"])
async def what_an_error_says(t: Case) -> None:
    seen = await before_failing(t, refused(400))
    await seen.open()
    error = (await told(seen.socket, {"type": "error"}))["error"]
    shown = (await seen.chat.settled("error"))["last_error"]
    with t.judging("ERROR-003"):
        wanted = {"kind": "generic", "retryable": False, "status_code": 400}
        t.expect({k: error.get(k) for k in wanted}, wanted, "kind, retryable and status", "/error")
    with t.judging("ERROR-011"):
        t.expect(shown, error, "last_error", "/last_error")
    with t.judging("ERROR-013"):
        t.expect(error.get("detail"), NEUTRAL, "the detail", "/error/detail")
    with t.judging("ERROR-016"):
        t.true(isinstance(error.get("message"), str) and error["message"], "message is a text", error)
        t.true(isinstance(error.get("retryable"), bool), "retryable is true or false", error)
        t.true(error.get("kind") in KINDS, "kind is one of the ten", error.get("kind"))
    with t.judging("ERROR-012"):
        t.expect((await seen.chat.turn(script(says("better")))).get("last_error"), None, "last_error after a turn that went well")
        t.expect((await seen.chat.history())[-1]["content"][0]["text"], "better", "the answer to the next send")


def row(requirement: str, failure: Any, kind: str, **more: Any) -> dict[str, Any]:
    return {"requirement": requirement, "failure": failure, "kind": kind} | more


OWN = {"own": True, "needs": ["model-admin"]}
CLASSES = {
    "402": row("ERROR-004", refused(402), "usage_limit"),
    "context": row("ERROR-005", refused(400, "context length exceeded"), "config"),
    "model": row("ERROR-005", refused(400, "model not found: x"), "config"),
    "quota": row("ERROR-006", refused(400, "you exceeded your quota"), "usage_limit"),
    "401": row("ERROR-007", refused(401), "auth", **OWN),
    "403": row("ERROR-007", refused(403), "auth", **OWN),
    **{str(status): row("ERROR-008", refused(status), "generic") for status in (404, 409, 418, 422, 501)},
    "429 quota": row("ERROR-009", refused(429, "insufficient_quota"), "usage_limit", **OWN),
    "500 quota": row("ERROR-010", refused(500, "quota exceeded"), "usage_limit"),
    "503 config": row("ERROR-010", refused(503, "malformed config"), "config"),
    "400 auth": row("ERROR-010", refused(400, "unauthorized request"), "auth"),
    "400 billing": row("ERROR-010", refused(400, "please check billing"), "usage_limit"),
    "400 canceled": row("ERROR-010", refused(400, "upstream: context canceled, server error"), "generic", early=True),
    "400 mentions a status": row("ERROR-010", refused(400, "wrapped status 503 inside"), "generic"),
}


@case(rows=CLASSES)
async def class_of_a_failure(t: Case, row: dict[str, Any]) -> None:
    if row.get("early") and t.refuses("interrupt.at-rest"):
        raise Absent("the text is none that this revision knows")
    error = await last_error(t, row["failure"], **(await model_at(t) if row.get("own") else {}))
    t.expect(error["kind"], row["kind"], "the kind", "/last_error/kind")
    t.expect(error["retryable"], False, "retryable", "/last_error/retryable")


@case("ERROR-022", "ERROR-023")
async def status_and_sentence(t: Case) -> None:
    failures = [refused(status) for status in (402, 404, 409, 422)] + [refused(400, "model not found: x")]
    errors = await asyncio.gather(*(last_error(t, failure) for failure in failures))
    with t.judging("ERROR-022"):
        t.expect([e.get("status_code") for e in errors], [402, 404, 409, 422, 400], "the statuses", "/last_error/status_code")
    with t.judging("ERROR-023"):
        t.expect([e["message"] for e in errors], [sentence(t, e) for e in errors], "the sentences", "/last_error/message")


@case("ERROR-014")
async def long_details(t: Case) -> None:
    most = t.limit("error.detail", "cut_to")
    for length in (most, most + 1, 4 * most):
        error = await last_error(t, refused(400, "ü" * length))
        wanted = "ü" * most if length == most else "ü" * (most - 1) + "…"
        t.expect(error.get("detail"), wanted, f"the detail of {length} characters", "/last_error/detail")


@case(
    "ERROR-015", rows={"flat": '{"detail": "flat"}', "text": '{"error": "just text"}', "array": '[{"error": {"message": "in"}}]'}
)
async def details_without_a_message(t: Case, body: str) -> None:
    error = await last_error(t, refused(400, None, text=body, content_type="application/json"))
    t.expect(error.get("detail"), body, "the detail", "/last_error/detail")


@case("ERROR-017", needs=["llm-control"])
async def text_before_a_failure(t: Case) -> None:
    seen = await held(t, says("half an answer"), after=(says_error("it broke", type="server_error", code="oops"),))
    await seen.open()
    await seen.chat.settled("error")
    t.expect([m["role"] for m in await seen.chat.history()], ["user"], "the stored messages")


@case("ERROR-018")
async def error_in_the_stream(t: Case) -> None:
    chat = await t.new_chat(script(says("half"), says_error("it broke", type="x", code="oops")))
    error = (await chat.settled("error"))["last_error"]
    t.expect(error["retryable"], False, "retryable", "/last_error/retryable")
    t.true("status_code" not in error, "there is no status_code", error)


DELTA = '{"tool_calls":[{"index":0,"id":"z","type":"custom","function":{"name":"list_templates","arguments":""}}]}'
CHUNK = '{"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":%s,"finish_reason":null}]}'


@case("ERROR-019", rows={"bad JSON": '{"id": nope', "type of a call": CHUNK % DELTA})
async def nonsense_in_the_stream(t: Case, data: str) -> None:
    chat = await t.new_chat(script(says("half "), raw(f"data: {data}\n\n")))
    shown = await chat.settled()
    t.expect(shown["status"], "error", "the status after the turn", "/status")
    t.true(shown.get("last_error"), "last_error is there")


@case("ERROR-020")
async def provider_switched_off(t: Case) -> None:
    own = await new_provider(t)
    model = (await new_model(t, own, context_limit=100_000))["id"]
    await heard_of(t, model)
    chat = await t.chat(model_config_id=model)
    t.given(await t.root.patch(providers_path(t, own["id"]), {"enabled": False}))
    t.given(await chat.send("now?"))
    error = (await chat.when(lambda c: c.get("last_error"), "an error"))["last_error"]
    t.expect(error["kind"], "generic", "the kind", "/last_error/kind")
    t.true("provider" not in error and "status_code" not in error, "neither provider nor status_code is there", error)
    t.given(await t.root.patch(providers_path(t, own["id"]), {"enabled": True}))
    await heard_of(t, model)
    t.true("last_error" not in await chat.turn("and now?"), "a turn on the provider that is back succeeds")


@case("ERROR-021")
async def failed_first_turn(t: Case) -> None:
    chat = await t.new_chat(script(refused(400)))
    await chat.settled("error")
    stored = t.accepted(await chat.messages())["messages"]
    t.expect([m["role"] for m in stored], ["user"], "the stored messages", "/messages")
