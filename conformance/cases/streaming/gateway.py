"""Model calls that a gateway of the server's own makes: keys that rest, errors in its words, streams that it reads anew."""

from __future__ import annotations

import asyncio
from typing import Any

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import heard_of, new_model, new_provider, secret, turn_calls
from conformance.play.streams import joined_stream, messages, of_type, over, told
from conformance.play.turns import held
from conformance.play.verdict import Failure, Unmet
from conformance.scenes.models import store
from conformance.scenes.streaming import (
    CLOSED,
    FORMS,
    MADE_IT,
    NEUTRAL,
    PASSING,
    Row,
    answers_with,
    failing,
    last_error,
    model_at,
    noticed,
    refused,
    tried_again,
    until_failed,
)
from conformance.wire.exchange import ABSENT
from fixtures.scripts import attempts, fault, http_error, script
from fixtures.scripts import text as says

TRIES = 12  # of turns that the gateway refuses until it has heard that providers changed

# What the provider asks for with its 429, and the delay_ms that comes of it.
WISHES: list[tuple[str, Row, int]] = [
    ("GATEWAY-001", {}, 60_000),
    ("GATEWAY-002", {"headers": {"Retry-After": "3"}}, 3000),
    ("GATEWAY-002", {"headers": {"Retry-After": "90"}}, 90_000),
    ("GATEWAY-003", {"headers": {"Retry-After": "9", "retry-after-ms": "1300"}}, 2000),
    ("GATEWAY-004", {"headers": {"Retry-After": "1.5"}}, 60_000),
    ("GATEWAY-004", {"headers": {"Retry-After": "soon"}}, 60_000),
    ("GATEWAY-004", {"retry_after": {"date_in": 3600}}, 60_000),
]


@case("GATEWAY-001", "GATEWAY-002", "GATEWAY-003", "GATEWAY-004")
async def wishes_of_the_provider(t: Case) -> None:
    async def delay(wish: Row) -> Any:
        chat, socket = await failing(t, http_error(429, "slow down", **wish), MADE_IT, **(await model_at(t)))
        await told(socket, {"type": "retry"})
        t.given(await chat.interrupt())  # it would keep a place for turns that others wait for
        return of_type(socket.events, "retry")[0]["retry"]["delay_ms"]

    delays = await asyncio.gather(*(delay(wish) for _, wish, _ in WISHES))
    for requirement in t.spec.requirements:
        with t.judging(requirement):
            for (judged, wish, wanted), waited in zip(WISHES, delays, strict=True):
                if judged == requirement:
                    t.expect(waited, wanted, f"delay_ms after a 429 with {wish or 'no wish'}", "/retry/delay_ms")


@case("GATEWAY-005", "GATEWAY-007", alone=True)
async def key_that_rests(t: Case) -> None:
    fields = await model_at(t)
    _, socket = await failing(t, http_error(429, "slow down"), MADE_IT, **fields)
    await told(socket, {"type": "retry"})
    other = await t.new_chat(script(MADE_IT), **fields)
    t.cleanup(other.interrupt)
    with t.judging("GATEWAY-005"):
        retry = await noticed(t, await joined_stream(other))
        t.expect(retry["kind"], "rate_limit", "the kind of the retry event", "/retry/kind")
        t.expect(await calls(t, other), 0, "the calls of the model")
    with t.judging("GATEWAY-007"):
        await used_again(t, fields)


@case("GATEWAY-006", "GATEWAY-007", alone=True, rows={"401": 401, "403": 403})
async def key_that_was_refused(t: Case, status: int) -> None:
    fields = await model_at(t)
    first = (await (await t.new_chat(script(refused(status)), **fields)).settled("error"))["last_error"]
    if first["kind"] != "auth":
        raise Unmet(f"a {status} of the provider is an error of kind {first['kind']}")
    other = await t.new_chat(script(MADE_IT), **fields)
    with t.judging("GATEWAY-006"):
        error = (await other.settled()).get("last_error") or {}
        t.expect(error.get("kind"), "auth", "the kind", "/last_error/kind")
        t.expect(await calls(t, other), 0, "the calls of the model")
    with t.judging("GATEWAY-007"):
        await used_again(t, fields)


async def calls(t: Case, chat: Chat) -> int:
    """How often the model was called for turns of this chat."""
    return len(await chat.model_calls())


async def used_again(t: Case, fields: Row) -> None:
    """Change another provider, and wait until a turn is answered: the gateway may hear of the change a moment later."""
    await new_provider(t)
    for _ in range(TRIES):
        chat = await t.new_chat(script(MADE_IT), **fields)
        socket = await joined_stream(chat)
        await told(socket, over(t))
        if await calls(t, chat):
            return
        await chat.interrupt()
    raise Failure("after a change of another provider the key still rests")


@case("GATEWAY-019", alone=True)
async def key_that_was_not_let_in(t: Case) -> None:
    fields = await model_at(t)
    for status, kind in ((403, ABSENT), (401, "auth")):
        await (await t.new_chat(script(refused(status)), **fields)).settled("error")
        other = await t.new_chat(script(MADE_IT), **fields)
        error = (await other.settled()).get("last_error") or {}
        t.expect(error.get("kind", ABSENT), kind, f"the kind after a {status}", "/last_error/kind")
        t.expect(await calls(t, other), int(kind is ABSENT), f"the calls of the model after a {status}")


@case("GATEWAY-008", rows={"401": 401, "403": 403, "429": 429})
async def next_key(t: Case, status: int) -> None:
    await goes_to_the_next_key(t, status)


@case("GATEWAY-020", rows={"401": 401, "429": 429})
async def next_key_but_for_403(t: Case, status: int) -> None:
    await goes_to_the_next_key(t, status)


async def goes_to_the_next_key(t: Case, status: int) -> None:
    """Judge that a call whose first key is refused so is made with the second one."""
    fields = await model_at(t, api_keys=[secret(t, "one"), secret(t, "two")])
    chat = await t.new_chat(script(attempts(http_error(status, "no"), MADE_IT)), **fields)
    t.cleanup(chat.interrupt)
    socket = await joined_stream(chat)
    await told(socket, over(t))
    t.expect(of_type(socket.events, "retry"), [], "the retry events")
    t.expect((await chat.settled())["status"], "waiting", "the status after the turn", "/status")
    keys = [call["key"] for call in await turn_calls(t, chat, 2)]
    t.true(keys[0] != keys[1], "the second call has another key than the first", keys)


@case("GATEWAY-009", rows={"401": 401, "403": 403})
async def what_a_refused_key_says(t: Case, status: int) -> None:
    await answers_for_the_provider(t, status)


@case("GATEWAY-021")
async def what_a_401_says(t: Case) -> None:
    await answers_for_the_provider(t, 401)


async def answers_for_the_provider(t: Case, status: int) -> None:
    """Judge the error of a turn whose only key is refused so."""
    error = await last_error(t, refused(status), **(await model_at(t)))
    t.expect(error.get("status_code"), 502, "the status", "/last_error/status_code")
    t.true(NEUTRAL not in error.get("detail", ""), "the detail is not the provider's", error.get("detail"))


TEXTS = {k: row | {"requirement": "GATEWAY-010"} for k, row in PASSING.items() if row["requirement"] == "RETRY-009"}


@case(rows={name: row for name, row in TEXTS.items() if "reset" not in name})
async def texts_of_failures(t: Case, row: Row) -> None:
    await tried_again(t, row)


@case("GATEWAY-011", rows={"reset": (400, "connection reset by peer"), "pipe": (503, "broken pipe")})
async def failure_that_speaks_of_loss(t: Case, row: tuple[int, str]) -> None:
    chat = await t.new_chat(script(http_error(*row)))
    t.cleanup(chat.interrupt)
    socket = await joined_stream(chat)
    await told(socket, over(t))
    await told(socket, {"type": "message"})
    t.expect(of_type(socket.events, "retry"), [], "the retry events")
    shown = await chat.settled()
    t.expect((shown["status"], shown.get("last_error")), ("waiting", None), "status and last_error")
    # not read from the list, where a turn without an answer looks like one that the server has lost
    await socket.ping()
    t.expect([m["role"] for m in messages(socket.events)], ["user"], "the messages")


@case("GATEWAY-025", rows={"reset": (400, "connection reset by peer"), "pipe": (503, "broken pipe")})
async def words_of_loss(t: Case, row: tuple[int, str]) -> None:
    _, socket = await failing(t, http_error(*row), MADE_IT)
    t.expect((await socket.until({"type": "retry"}))["retry"]["kind"], "timeout", "the kind of the retry", "/retry/kind")
    t.accepted(await t.alice.list())


@case("GATEWAY-012", rows={"flat": '{"detail": "flat"}', "text": '{"error": "just text"}'})
async def details_without_a_message(t: Case, body: str) -> None:
    error = await last_error(t, refused(400, None, text=body, content_type="application/json"))
    t.true(error.get("detail") and body not in error["detail"], "the detail is not the provider's body", error.get("detail"))


@case("GATEWAY-013")
async def comments(t: Case) -> None:
    shown = await (await t.new_chat(script(FORMS["comments"]))).settled()
    t.expect(shown["status"], "error", "the status after the turn", "/status")


@case("GATEWAY-014", rows={name: form for name, form in FORMS.items() if name != "comments"})
async def forms_of_the_answer(t: Case, form: Any) -> None:
    await answers_with(t, script(form), "still here")


@case("GATEWAY-022")
async def answers_without_an_end(t: Case) -> None:
    await answers_with(t, script(FORMS["no usage"]), "still here")
    _, socket = await failing(t, FORMS["no finish reason"], MADE_IT)
    retry = await socket.until({"type": "retry"})
    answer = await socket.until({"type": "message", "message": {"role": "assistant"}}, start=socket.events.index(retry))
    t.expect([part["text"] for part in answer["message"]["content"]], ["Made it."], "the answer that is stored")


@case("GATEWAY-015")
async def connection_reset_in_mid_stream(t: Case) -> None:
    seen = await held(t, says("half an answer"), after=(fault("reset"),))
    t.cleanup(seen.chat.interrupt)
    t.expect(of_type(await until_failed(seen), "retry"), [], "the retry events")
    shown = await seen.chat.settled()
    t.expect((shown["status"], shown.get("last_error")), ("waiting", None), "status and last_error")
    said = [p["text"] for m in await seen.chat.history() if m["role"] == "assistant" for p in m["content"]]
    t.expect(said, ["half an answer"], "the answer that is stored")


@case("GATEWAY-016")
async def nobody_listens(t: Case) -> None:
    chat = await t.new_chat(**(await model_at(t, base_url=CLOSED)))
    t.cleanup(chat.interrupt)
    retry = await noticed(t, await joined_stream(chat))
    t.expect(retry.get("status_code"), 502, "the status", "/retry/status_code")


@case("GATEWAY-017")
async def no_key_at_all(t: Case) -> None:
    chat = await t.new_chat(**(await model_at(t, api_keys=[])))
    t.cleanup(chat.interrupt)
    await told(await joined_stream(chat), over(t))
    made = await chat.model_calls()
    t.expect([call["key"] for call in made], [""], "the digests of the keys that the provider got")


@case("GATEWAY-018")
async def keys_of_users(t: Case) -> None:
    provider = await new_provider(t)
    t.given(await store(t.alice, provider["id"], secret(t)))
    model = (await new_model(t, provider, context_limit=100_000))["id"]
    await heard_of(t, model)
    error = await last_error(t, refused(429, "insufficient_quota"), model_config_id=model)
    t.expect((error["kind"], error["retryable"]), ("usage_limit", False), "kind and retryable", "/last_error")


@case("KEY-053", needs=["llm-control"])
async def no_key_and_no_gateway(t: Case) -> None:
    fields = await model_at(t, api_keys=[])
    chat = await t.chat(**fields)
    t.expect((await chat.get()).response.body["status"], "error", "the status after the turn", "/status")
    t.expect(await calls(t, chat), 0, "the calls of the model")
    with_key = await t.chat(**(await model_at(t)))
    t.expect((await with_key.get()).response.body["status"], "waiting", "the status with a key", "/status")
    t.expect(await calls(t, with_key), 1, "the calls of the model with a key")
