"""Failures of the model told in the provider's own words, which also decide whether a call is tried again."""

from __future__ import annotations

from typing import Any

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.streams import joined_stream, of_type, over, told
from conformance.scenes.streaming import MADE_IT, answered, before_failing, failed, failing, model_at, noticed
from fixtures.scripts import fault, http_error, turn
from fixtures.scripts import text as says

WORDS = {408: "request timeout", 429: "too many requests", 500: "internal server error", 503: "service unavailable"}
WORDS |= {504: "gateway timeout", 400: "bad request", 401: "unauthorized", 403: "forbidden", 502: "bad gateway"}
AGAIN: dict[str, dict[str, Any]] = {
    **{str(status): {"requirement": "RETRY-043", "first": http_error(status, "no")} for status in (408, 429, 500, 503, 504)},
    "cut": {"requirement": "RETRY-044", "first": turn(says("half"), fault("cut"))},
    "400 rate limit": {"requirement": "RETRY-045", "first": http_error(400, "rate limit reached")},
}
FINAL = {
    "401": {"requirement": "ERROR-044", "status": 401},
    "403": {"requirement": "ERROR-044", "status": 403},
    "502": {"requirement": "RETRY-045", "status": 502},
}


@case(rows=AGAIN)
async def tried_again(t: Case, row: dict[str, Any]) -> None:
    chat, socket = await failing(t, row["first"], MADE_IT)
    await noticed(t, socket)
    await socket.until({"type": "message", "message": lambda m: answered(chat, m)})
    t.expect((await chat.settled())["status"], t.idle, "the status after the turn", "/status")


@case(rows=FINAL)
async def not_tried_again(t: Case, row: dict[str, Any]) -> None:
    chat, socket = await failing(t, http_error(row["status"], "no"), MADE_IT)
    await socket.until(over(t))
    t.expect(of_type(socket.events, "retry"), [], "the retry events")
    t.expect((await chat.settled())["status"], "error", "the status after the turn", "/status")


@case("RETRY-046")
async def words_of_a_retry(t: Case) -> None:
    for status in (503, 429):
        _, socket = await failing(t, http_error(status, "a neutral text"), MADE_IT)
        retry = await noticed(t, socket)
        t.expect(retry["error"], f"{WORDS[status]}: a neutral text", "the error of a retry", "/retry/error")


@case("STREAM-112", needs=["llm-control"])
async def joined_during_the_wait(t: Case) -> None:
    chat, socket = await failing(t, http_error(503, "no"), http_error(503, "no"), http_error(503, "no"), MADE_IT)
    await noticed(t, socket, 3)
    late = await joined_stream(chat)
    await told(late, {"type": "message"})
    await late.until({"type": "message", "message": lambda m: answered(chat, m)}, deadline=late.deadline + 4)
    t.expect(of_type(late.events, "retry"), [], "the retry events")


@case("ERROR-045", "ERROR-046", needs=["llm-control"])
async def words_of_an_error(t: Case) -> None:
    for status, words in ((400, "a neutral text"), (403, "not for you")):
        _, events = await failed(t, http_error(status, words))
        (error,) = [e["error"] for e in of_type(events, "error")]
        with t.judging("ERROR-046"):
            t.expect(error["message"], f"stream response: {WORDS[status]}: {words}", "the message", "/error/message")
    with t.judging("ERROR-045"):
        seen = await before_failing(t, http_error(400, "a neutral text"))
        await seen.open()
        error = (await told(seen.socket, {"type": "error"}))["error"]
        shown = (await seen.chat.settled("error"))["last_error"]
        t.true(isinstance(shown, str) and shown, "last_error is a text", shown, "/last_error")
        t.expect(error["message"], shown, "the message of the error event", "/error/message")


@case("ERROR-047", needs=["llm-control"])
async def providers_that_can_not_be_used(t: Case) -> None:
    ways: tuple[dict[str, Any], ...] = ({"enabled": False}, {"api_keys": []})
    for fields in ways:
        chat = await t.new_chat(t.unique("ask"), **(await model_at(t, **fields)))
        t.expect((await chat.settled())["status"], "error", f"the status after a turn with {fields}", "/status")
        t.expect(await chat.model_calls(), [], "the calls of the model")
