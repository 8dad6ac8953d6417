"""Model calls that fail: kinds, back-off on a clock of the test's own, what is stored, and the client underneath."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

import spec
from fake_server.model_calls import retry
from fake_server.model_calls.classify import ModelError, classify, http_error
from fake_server.model_calls.http_client import Client, TransportError
from fake_server.revision import revision
from fake_server.state.clock import ManualClock
from fake_server.state.records import now
from fixtures import scripts as s
from tests.fake.live import kinds, opened, texts
from tests.fake.served import Served, scene
from tests.fake.test_stream_feed import idle_chat, send
from tests.fake.test_turns import stored

RULES = revision(spec.DEFAULT).error_rules
X = "OpenAI Compatible"
# status, text → kind, retryable
KINDS = [
    (400, "neutral", "generic", False),
    (400, "upstream: context canceled", "generic", False),
    (400, "Previous response with id 'r' not found.", "generic", True),
    (400, "model is overloaded", "overloaded", True),
    (529, "x", "overloaded", True),
    (402, "x", "usage_limit", False),
    (429, "insufficient_quota", "usage_limit", False),
    (401, "x", "auth", False),
    (403, "x", "auth", False),
    (403, "invalid model", "config", False),
    (429, "context length exceeded", "config", False),
    (503, "malformed config", "config", False),
    (429, "x", "rate_limit", True),
    (451, "x", "timeout", True),
    (400, "typeof is wrong", "timeout", True),
    (408, "x", "timeout", True),
    (502, "x", "timeout", True),
    (500, "x", "generic", True),
    (501, "x", "generic", False),
    (400, "wrapped status 503 inside", "generic", False),
    (None, "http 503", "timeout", True),
    (None, "error, status code: 401", "auth", False),
    (None, "nobody knows", "generic", False),
    (None, "dial tcp: connect: connection refused", "timeout", True),
    (None, "unexpected EOF", "timeout", True),
]


@pytest.mark.parametrize("status, text, kind, retryable", KINDS)
def test_status_and_text_decide_the_kind(status: int | None, text: str, kind: str, retryable: bool) -> None:
    error = ModelError(text) if status is None else http_error(status, text, detail=text, hint_ms=0)
    failure = classify(RULES, error, "openai-compat")
    assert (failure.kind, failure.retryable) == (kind, retryable)


def test_a_row_of_the_table_can_be_turned_off() -> None:
    error = http_error(529, "busy", detail="busy", hint_ms=0)
    assert classify(RULES, error, "", {"classify.overloaded"}.__contains__).kind == "generic"
    assert {row["name"] for row in RULES["classes"]} >= {"overloaded", "timeout", "config"}


def test_a_lost_tool_output_names_itself_only_if_the_error_names_the_provider() -> None:
    text = "No tool output found for function call c1"
    plain = classify(RULES, http_error(400, text, detail=text, hint_ms=0), "openai-compat")
    assert plain.message == f"{X} returned an unexpected error."
    assert plain.detail.endswith("match=function_call_output_missing.")
    named = classify(RULES, http_error(400, f"openai: {text}", detail=text, hint_ms=0), "openai")
    assert named.message.startswith("The chat continuation failed")


def test_the_back_off_doubles_up_to_a_minute_and_the_provider_may_ask_for_more() -> None:
    delays = [retry.delay_ms(RULES, n, 0) for n in range(1, 9)]
    assert delays == [1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000]
    assert retry.delay_ms(RULES, 1, 90_000) == 90_000
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for headers, hint in (
        ({"retry-after": "2"}, 2000),
        ({"retry-after": "4.25"}, 4250),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1500),
        ({"retry-after": "soon"}, 0),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "Thu, 01 Jan 2026 00:00:30 GMT"}, 30_000),
        ({"retry-after": "nan"}, 0),
    ):
        assert retry.hint_ms(headers, at) == hint


def test_a_step_is_tried_twenty_five_times() -> None:
    async def play(served: Served) -> None:
        chat = await idle_chat(served)
        clock = served.backend.clock = ManualClock(now())
        async with opened(served, "alice", f"/{chat}/stream") as live:
            await live.quiet(0.05)
            await send(served, chat, s.script(s.http_error(503, "busy")))
            for _ in range(24):
                await live.until(lambda e: e["type"] == "retry")
                async with opened(served, "alice", f"/{chat}/stream") as other:
                    assert kinds(await other.until(lambda e: e["type"] == "retry")) == ["status:running", "retry"]
                clock.advance(await clock.sleeper())
            turn = await live.status("error")
        retries = [e["retry"] for e in live.events if e["type"] == "retry"]
        assert [r["attempt"] for r in retries] == list(range(1, 25))
        assert [r["delay_ms"] for r in retries[:7]] == [1000, 2000, 4000, 8000, 16000, 32000, 60000]
        assert retries[0].keys() == {"attempt", "delay_ms", "error", "kind", "provider", "status_code", "retrying_at"}
        error = next(e["error"] for e in turn if e["type"] == "error")
        assert error == {
            "message": f"{X} is temporarily unavailable.", "detail": "busy", "kind": "timeout",
            "provider": "openai-compat", "retryable": True, "status_code": 503,
        }  # fmt: skip
        shown = (await served.call("alice", "GET", f"/{chat}")).json()
        assert shown["last_error"] == error

    scene(play)


def test_only_the_attempt_that_succeeds_is_stored() -> None:
    async def play(served: Served) -> None:
        chat = await idle_chat(served)
        clock = served.backend.clock = ManualClock(now())
        broken = s.turn(s.text("Begin "), s.fault("cut"))
        async with opened(served, "alice", f"/{chat}/stream") as live:
            await live.quiet(0.05)
            await send(served, chat, s.script(s.attempts(broken, s.turn(s.text("Made it.")))))
            first = await live.until(lambda e: e["type"] == "retry")
            assert texts(first) == ["Begin "]
            assert "status_code" not in first[-1]["retry"]
            clock.advance(await clock.sleeper())
            turn = await live.status("waiting")
        assert texts(turn) == ["Made it."]
        assert (await stored(served, chat))[-1]["content"][0]["text"] == "Made it."

    scene(play)


def test_what_was_said_before_a_final_failure_is_not_stored_but_stays_in_the_snapshot() -> None:
    async def play(served: Served) -> None:
        chat = await idle_chat(served)
        await send(served, chat, s.script(s.text("lost"), s.error("it broke")))
        await served.idle(chat)
        assert [row["role"] for row in (await stored(served, chat))][2:] == ["user"]
        shown = (await served.call("alice", "GET", f"/{chat}")).json()
        assert shown["last_error"] == {
            "message": "The chat request failed unexpectedly.", "kind": "generic", "provider": "openai-compat",
            "retryable": False,
        }  # fmt: skip
        assert shown["last_turn_summary"] is None
        async with opened(served, "alice", f"/{chat}/stream") as live:
            snapshot = await live.quiet()
            assert kinds(snapshot)[:2] == ["status:error", "part:text"]
            assert "error" not in kinds(snapshot)
        await send(served, chat, "again")
        await served.idle(chat)
        assert "last_error" not in (await served.call("alice", "GET", f"/{chat}")).json()

    scene(play)


def test_a_queue_stays_behind_an_error() -> None:
    async def play(served: Served) -> None:
        chat = await idle_chat(served)
        await send(served, chat, s.script(s.turns(s.turn(s.gate("g"), s.error("no")))))
        await served.server.llm.gates.wait_reached("g")
        assert (await send(served, chat, "q1"))["queued"]
        served.server.llm.gates.open("g")
        await served.idle(chat)
        assert served.backend.store.chats[chat].status == "error"
        assert (await send(served, chat, "q2"))["queued"]
        assert served.backend.store.chats[chat].status == "error"

    scene(play)


async def _answering(*answers: bytes) -> tuple[asyncio.Server, str, list[int]]:
    """A server that gives each request of a connection the next of these answers; `b""` hangs up."""
    left, connections = list(answers), [0]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections[0] += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = next(int(v) for k, _, v in (x.partition(b":") for x in head.split(b"\r\n")) if k == b"content-length")
                await reader.readexactly(size)
                answer = left.pop(0)
                writer.write(answer)
                if not answer or b"close" in answer:
                    break
        except (asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has hung up, or the test is over
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x", connections


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CASES = {
    "kept alive": ([OK, OK], ["ok", "ok"], 1),
    "closed while idle": ([OK, b"", OK], ["ok", "ok"], 2),
    "until close": ([b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nall"], ["all"], 1),
    "cut": ([b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\nok"], ["unexpected EOF"], 1),
    "no answer": ([b""], ["unexpected EOF"], 1),
    "not HTTP": ([b"hello close\r\n\r\n"], ["malformed HTTP response"], 1),
    "chunked": ([b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n", OK], ["ab", "ok"], 1),
}


@pytest.mark.parametrize("answers, expected, connections", CASES.values(), ids=CASES)
def test_the_model_client_says_how_a_connection_failed(answers: list[bytes], expected: list[str], connections: int) -> None:
    async def play() -> None:
        server, url, opened_connections = await _answering(*answers)
        client = Client()
        async with asyncio.timeout(10), server:
            for wanted in expected:
                try:
                    answer = await client.post(url, {}, b"{}")
                    got = (await answer.read()).decode()
                except TransportError as error:
                    got = str(error)
                assert wanted in got
            client.close()
        assert opened_connections == [connections]

    asyncio.run(play())


def test_a_refused_connection_is_called_so() -> None:
    async def play() -> None:
        with pytest.raises(TransportError, match="connection refused"):
            await Client().post("http://127.0.0.1:1/x", {}, b"")
        with pytest.raises(TransportError, match="unsupported protocol"):
            await Client().post("ftp://127.0.0.1/x", {}, b"")

    asyncio.run(play())
