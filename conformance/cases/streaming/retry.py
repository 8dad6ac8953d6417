"""Model calls that fail for a while: what is tried again, after which notice, and what is left of it."""

from __future__ import annotations

import asyncio
import itertools
from datetime import datetime
from typing import Any

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.streams import joined_stream, of_type, parts, sentence, statuses, told
from conformance.scenes.streaming import (
    CLOSED,
    MADE_IT,
    PASSING,
    Row,
    answered,
    failing,
    model_at,
    noticed,
    tried_again,
)
from fixtures.scripts import attempts, fault, gate, http_error, script, tool_call, turn, turns
from fixtures.scripts import text as says


@case(rows=PASSING)
async def passing_failure(t: Case, row: Row) -> None:
    await tried_again(t, row)


@case("RETRY-007")
async def nobody_listens(t: Case) -> None:
    chat = await t.new_chat(**(await model_at(t, base_url=CLOSED)))
    t.cleanup(chat.interrupt)
    socket = await joined_stream(chat)
    for n in (1, 2):
        t.expect((await noticed(t, socket, n))["kind"], "timeout", "the kind of the retry event", "/retry/kind")
    t.accepted(await chat.interrupt())


@case("RETRY-010", "RETRY-017", "RETRY-018", "RETRY-020", "RETRY-022")
async def what_a_retry_says(t: Case) -> None:
    chat, socket = await failing(t, http_error(503, "no", retry_after=60), MADE_IT)
    await told(socket, {"type": "retry"})
    status = t.given(await chat.get())["status"]
    with t.judging("RETRY-020"):
        t.expect(status, "running", "the status during the wait", "/status")
        seen = statuses(socket.events)
        t.true(not set(seen) & {"waiting", "error", "requires_action"}, "the stream shows no end of the turn", seen)
    retry = of_type(socket.events, "retry")[0]["retry"]
    with t.judging("RETRY-010"):
        t.expect(retry.get("attempt"), 1, "the attempt", "/retry/attempt")
        t.true(isinstance(retry.get("delay_ms"), int) and retry["delay_ms"] > 0, "delay_ms is a positive integer", retry)
        t.true(isinstance(retry.get("error"), str) and retry["error"], "error is a text", retry)
        t.true(datetime.fromisoformat(retry["retrying_at"]).tzinfo, "retrying_at is a time with an offset", retry)
    with t.judging("RETRY-017"):
        t.true(retry.get("kind") and isinstance(retry.get("provider"), str), "kind and provider are there", retry)
        t.expect(retry.get("status_code"), 503, "the status that the provider answered", "/retry/status_code")
    with t.judging("RETRY-018"):
        t.true("detail" not in retry and "retryable" not in retry, "neither detail nor retryable is there", retry)
    with t.judging("RETRY-022"):
        t.expect(retry.get("error"), sentence(t, retry), "the sentence", "/retry/error")


@case("RETRY-017")
async def nobody_answered(t: Case) -> None:
    _, socket = await failing(t, turn(says("x"), fault("cut")), MADE_IT)
    await told(socket, {"type": "retry"})
    retry = of_type(socket.events, "retry")[0]["retry"]
    t.true(retry.get("kind") and retry.get("provider"), "kind and provider are there", retry)
    t.true("status_code" not in retry, "there is no status when the provider did not answer", retry)


@case("RETRY-011", "RETRY-012", "RETRY-016", "RETRY-019", needs=["llm-control"], early=True)
async def failures_in_a_row(t: Case) -> None:
    broken = turn(says("lost"), fault("cut"))
    step = attempts(broken, broken, turn(tool_call("list_templates", {}, id="o1")))
    hold = t.gate()  # who is late is not told of the first retry everywhere
    chat = await t.new_chat(
        script(turns(turn(gate(hold), tool_call("list_templates", {}, id="o0")), step, attempts(broken, MADE_IT)))
    )
    t.cleanup(chat.interrupt)
    socket = await joined_stream(chat)
    await t.llm.open(hold)
    for n in (1, 2):
        await told(socket, lambda e, n=n: e["type"] == "retry" and e["retry"]["attempt"] == n)
    tool = await told(socket, {"type": "message", "message": {"role": "tool"}}, 2)
    await told(socket, {"type": "retry"}, start=socket.events.index(tool))
    seen = [r["retry"] for r in of_type(socket.events[socket.events.index(tool) :], "retry")]
    first = [r["retry"] for r in of_type(socket.events[: socket.events.index(tool)], "retry")]
    with t.judging("RETRY-011"):
        t.expect([r["attempt"] for r in first], [1, 2], "the attempts of the first step")
        t.expect([r["attempt"] for r in seen], [1], "the attempts of the second step")
    await told(socket, {"type": "message", "message": lambda m: answered(chat, m)})
    with t.judging("RETRY-012"):
        t.expect([r["delay_ms"] for r in (*first, *seen)], [1000, 2000, 1000], "the waits")
    with t.judging("RETRY-019"):
        await chat.settled()
        kept = [p for m in await chat.history() if m["role"] == "assistant" for p in m["content"] if p["type"] == "text"]
        t.expect([p["text"] for p in kept], ["Made it."], "the stored texts")
    with t.judging("RETRY-016"):
        calls = [call["t_ms"] for call in await chat.model_calls(wait=6)]
        gaps = [later - before for before, later in itertools.pairwise(calls)]
        early = [gap for gap, wanted in zip(gaps, (0, 1000, 2000, 0, 1000), strict=False) if gap < wanted * 0.97]
        t.true(not early, "the model is not called earlier than announced", gaps)


@case("RETRY-012", "RETRY-021", "STREAM-035", "STREAM-083", early=True)
async def four_failures(t: Case) -> None:
    no = http_error(503, "no")
    chat, socket = await failing(t, turn(says("lost"), fault("cut")), no, no, no, MADE_IT)
    with t.judging("RETRY-021"):
        for n in (1, 2, 3):
            await noticed(t, socket, n)
        last = await noticed(t, socket, 4)
    waits = {e["retry"]["attempt"]: e["retry"]["delay_ms"] for e in of_type(socket.events, "retry")}
    with t.judging("RETRY-012"):
        t.expect(waits, {n: 500 * 2**n for n in waits}, "the waits by attempt")
    with t.judging("STREAM-035"):
        wanted, again = [last], await joined_stream(chat)
        await told(again, {"type": "message"})
        t.expect([e["retry"] for e in of_type(again.events, "retry")], wanted, "the retry of the snapshot")
    with t.judging("STREAM-083"):
        t.expect(parts(again.events), [], "the parts in a snapshot during the wait")


# What the provider asks for, and the delay_ms that comes of it.
HINTS: dict[str, tuple[str, Row, Any]] = {
    "longer": ("RETRY-013", {"headers": {"Retry-After": "1.5"}}, 1500),
    "shorter": ("RETRY-013", {"headers": {"Retry-After": "0.5"}}, 1000),
    "longer than any back-off": ("RETRY-013", {"headers": {"Retry-After": "90"}}, 90_000),
    "in an hour, by another clock": ("RETRY-013", {"retry_after": {"date_in": 3600}}, range(3_000_000, 4_200_000)),
    "milliseconds": ("RETRY-014", {"headers": {"Retry-After": "9", "retry-after-ms": "1300"}}, 1300),
    "unreadable": ("RETRY-015", {"headers": {"Retry-After": "soon"}}, 1000),
}


@case("RETRY-013", "RETRY-014", "RETRY-015", needs=["model-admin"])
async def wishes_of_the_provider(t: Case) -> None:
    fields = await model_at(t)

    async def delay(wish: Row) -> Any:
        _, socket = await failing(t, http_error(429, "slow down", **wish), MADE_IT, **fields)
        await told(socket, {"type": "retry"})
        return of_type(socket.events, "retry")[0]["retry"]["delay_ms"]

    delays = await asyncio.gather(*(delay(wish) for _, wish, _ in HINTS.values()))
    for requirement in ("RETRY-013", "RETRY-014", "RETRY-015"):
        with t.judging(requirement):
            for (judged, wish, wanted), waited in zip(HINTS.values(), delays, strict=True):
                near = wanted if isinstance(wanted, range) else (wanted,)
                if judged == requirement:
                    t.true(waited in near, f"delay_ms after {wish} is {wanted}", waited, "/retry/delay_ms")
