"""Wire faults, exact to the byte, seen by a client that reads the bare connection."""

from __future__ import annotations

import asyncio
import itertools
import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from fake_server.llm.server import ScriptedLLM
from fixtures import scripts as s
from tests.llm.conftest import Run
from tests.llm.raw import REQUESTS, Answer, Connection, ask, body_for

WIRES = ["chat", "responses", "anthropic"]
TEXTS = [s.text("one "), s.text("zwö "), s.text("three")]


@pytest.fixture
def whole(llm: ScriptedLLM, run: Run[Any], wire: str) -> Answer:
    """The same answer without a fault."""
    answer = run(ask(llm.base_url, wire, s.script(s.turn(*TEXTS, seed=1, id="same"))))
    assert answer.ended == "complete"
    return answer


@pytest.mark.parametrize("wire", WIRES)
def test_one_event_is_one_chunk(wire: str, whole: Answer) -> None:
    assert whole.chunks == whole.events
    assert whole.headers["content-type"] == "text/event-stream"


@pytest.mark.parametrize(
    ("kind", "ended"), [("cut", "eof"), ("reset", "reset"), ("half_close", "eof"), ("malformed_chunk", "malformed")]
)
@pytest.mark.parametrize("wire", WIRES)
def test_ends_at_the_byte(llm: ScriptedLLM, run: Run[Any], wire: str, whole: Answer, kind: str, ended: str) -> None:
    for at in (0, 1, len(whole.chunks[0]), len(whole.chunks[0]) + 7, len(whole.body) - 1):
        prompt = s.script(s.turn(*TEXTS, seed=1, id="same", fault={"kind": kind, "at_byte": at}))
        answer = run(ask(llm.base_url, wire, prompt))
        if wire == "chat":  # the other wires make ids of their own for what stands inside
            assert answer.body == whole.body[:at]
        assert (len(answer.body), answer.ended) == (at, ended), at


@pytest.mark.parametrize("kind", ["cut", "reset"])
@pytest.mark.parametrize("wire", WIRES)
def test_ends_after_the_chunk(llm: ScriptedLLM, run: Run[Any], wire: str, whole: Answer, kind: str) -> None:
    for after in (0, 1, 3, len(whole.chunks)):
        prompt = s.script(s.turn(*TEXTS, fault={"kind": kind, "after_chunk": after}))
        answer = run(ask(llm.base_url, wire, prompt))
        assert (len(answer.chunks), answer.ended) == (after, "eof" if kind == "cut" else "reset")


@pytest.mark.parametrize("wire", WIRES)
def test_fault_step_ends_it_there(llm: ScriptedLLM, run: Run[Any], wire: str) -> None:
    answer = run(ask(llm.base_url, wire, s.script(s.text("one "), s.fault("reset"), s.text("never"))))
    assert b"one " in answer.body and b"never" not in answer.body and answer.ended == "reset"


@pytest.mark.parametrize("wire", WIRES)
def test_a_whole_answer_is_cut_at_the_byte_too(llm: ScriptedLLM, run: Run[Any], wire: str) -> None:
    for kind, ended in (("cut", "eof"), ("reset", "reset")):
        prompt = s.script(s.turn(*TEXTS, fault={"kind": kind, "at_byte": 17}))
        answer = run(ask(llm.base_url, wire, prompt, stream=False))
        assert (len(answer.body), answer.ended) == (17, ended)
    answer = run(ask(llm.base_url, wire, s.script(s.turn(*TEXTS, fault={"kind": "wrong_length", "bytes": 5})), stream=False))
    assert answer.ended == "eof" and len(answer.body) == int(answer.headers["content-length"]) - 5
    assert json.loads(answer.body)


def test_split_utf8_parts_a_character(llm: ScriptedLLM, run: Run[Any]) -> None:
    answer = run(ask(llm.base_url, "chat", s.script(s.fault("split_utf8"), s.text("a🚀b"))))
    at = next(i for i, chunk in enumerate(answer.chunks) if b"\xf0" in chunk)
    first, second = answer.chunks[at : at + 2]
    with pytest.raises(UnicodeDecodeError):
        first.decode()
    assert json.loads((first + second).decode()[6:])["choices"][0]["delta"]["content"] == "a🚀b"


def test_bad_utf8_is_no_text(llm: ScriptedLLM, run: Run[Any]) -> None:
    answer = run(ask(llm.base_url, "chat", s.script(s.fault("bad_utf8"), s.text("aüb"))))
    with pytest.raises(UnicodeDecodeError):
        answer.body.decode()
    assert answer.ended == "complete"


@pytest.mark.parametrize(
    ("kind", "options", "seen"),
    [
        ("bad_json", {}, b'data: {"id": nope\n\n'),
        ("empty_event", {}, b"data:\n\n"),
        ("comment", {}, b": keep-alive\n\n"),
        ("comment", {"value": "hey"}, b": hey\n\n"),
    ],
)
def test_odd_events(llm: ScriptedLLM, run: Run[Any], kind: str, options: dict[str, Any], seen: bytes) -> None:
    answer = run(ask(llm.base_url, "chat", s.script(s.text("a"), s.fault(kind, **options), s.text("b"))))
    assert answer.chunks[2] == seen and answer.ended == "complete" and answer.chunks[-1] == b"data: [DONE]\n\n"


def test_duplicated_and_truncated_events(llm: ScriptedLLM, run: Run[Any]) -> None:
    answer = run(ask(llm.base_url, "chat", s.script(s.fault("duplicate_event"), s.text("a"))))
    assert answer.chunks[1] == answer.chunks[2]
    answer = run(ask(llm.base_url, "chat", s.script(s.fault("truncated_event"), s.text("a"))))
    assert answer.ended == "eof" and b"\n" not in answer.chunks[-1] and answer.chunks[-1].startswith(b"data: {")


def test_raw_bytes_go_through(llm: ScriptedLLM, run: Run[Any]) -> None:
    answer = run(ask(llm.base_url, "chat", s.script(s.raw("data: x\r\n\r\n"), {"raw_base64": "/wA="})))
    assert answer.chunks[1:3] == [b"data: x\r\n\r\n", b"\xff\x00"]


def test_content_type(llm: ScriptedLLM, run: Run[Any]) -> None:
    for stream in (True, False):
        prompt = s.script(s.turn(fault={"kind": "content_type", "value": "text/html"}))
        assert run(ask(llm.base_url, "chat", prompt, stream=stream)).headers["content-type"] == "text/html"


def test_drip_slices_the_body(llm: ScriptedLLM, run: Run[Any]) -> None:
    answer = run(ask(llm.base_url, "chat", s.script(s.turn(s.text("a"), fault={"kind": "drip", "bytes": 100, "ms": 0}))))
    assert answer.ended == "complete" and max(map(len, answer.chunks)) == 100
    assert answer.data[-1] == "[DONE]"


def test_slow_headers_come_bit_by_bit(llm: ScriptedLLM, run: Run[Any]) -> None:
    async def first_bytes() -> tuple[bytes, float, float]:
        prompt = s.script(s.turn(s.text("a"), fault={"kind": "slow_headers", "bytes": 10, "ms": 10}))
        loop = asyncio.get_running_loop()
        async with await Connection.open(llm.base_url) as connection:
            begun = loop.time()
            await connection.send("/v1/chat/completions", body_for("chat", prompt))
            first = await connection.reader.read(4096)
            arrived = loop.time() - begun
            await connection.reader.readuntil(b"\r\n\r\n")
            return first, arrived, loop.time() - begun

    first, _, whole_head = run(first_bytes())
    assert len(first) < 100 and whole_head >= 0.08


@pytest.mark.parametrize(
    ("place", "head", "texts"),
    [({"before": "headers"}, False, 0), ({"before": "first_chunk"}, True, 0), ({"after_chunk": 2}, True, 2)],
)
def test_hang_until_the_client_gives_up(
    llm: ScriptedLLM, run: Run[Any], chat: str, place: dict[str, Any], head: bool, texts: int
) -> None:
    async def give_up() -> bytes:
        prompt = s.script(s.turn(*TEXTS, fault={"kind": "hang", **place}))
        async with await Connection.open(llm.base_url) as connection:
            await connection.send("/v1/chat/completions", body_for("chat", prompt), {"x-coder-chat-id": chat})
            await llm.journal.wait(chat)
            got = b""
            while got.count(b"data: ") < texts or (head and b"\r\n\r\n" not in got):
                got += await connection.reader.read(4096)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(connection.reader.read(1), 0.05)
        entries = await llm.journal.wait(chat, over=True)
        assert entries[0].outcome == "hung up"
        return got

    got = run(give_up())
    assert got.count(b"data: ") == texts and got.startswith(b"HTTP/1.1 200") == head


def test_hang_ends_by_itself_at_its_deadline(llm: ScriptedLLM, run: Run[Any]) -> None:
    prompt = s.script(s.turn(*TEXTS, fault={"kind": "hang", "after_chunk": 1, "seconds": 0.05}))
    answer = run(ask(llm.base_url, "chat", prompt))
    assert (len(answer.chunks), answer.ended) == (1, "eof")


def test_flags_of_the_end(llm: ScriptedLLM, run: Run[Any]) -> None:
    def data(**keys: Any) -> list[Any]:
        return run(ask(llm.base_url, "chat", 'script:{"steps": [{"text": "a"}], ' + json.dumps(keys)[1:])).data

    assert data(no_done=True)[-1] != "[DONE]"
    finishes = [d["choices"][0]["finish_reason"] for d in data(double_finish=True)[:-2]]
    assert finishes == [None, None, "stop", "stop"]
    assert all("usage" not in d for d in data(usage=None)[:-1])
    assert [len(d["choices"]) for d in data(finish=None)[:-1]] == [1, 1, 0]
    assert data(no_role=True)[0]["choices"][0]["delta"] == {"content": "a"}
    assert data(empty=True) == []


@pytest.mark.parametrize(("wire", "terminal"), [("responses", "response.completed"), ("anthropic", "message_stop")])
def test_streams_without_their_terminal_event(llm: ScriptedLLM, run: Run[Any], wire: str, terminal: str) -> None:
    for key, value in (("finish", None), ("no_done", True)):
        answer = run(ask(llm.base_url, wire, s.script(s.turn(s.text("a"), **{key: value}))))
        assert answer.ended == "complete" and all(d["type"] != terminal for d in answer.data)
    assert run(ask(llm.base_url, wire, s.script(s.text("a")))).data[-1]["type"] == terminal


def test_cut_closes_after_the_steps(llm: ScriptedLLM, run: Run[Any]) -> None:
    answer = run(ask(llm.base_url, "chat", s.script(s.turn(s.text("a"), cut=True))))
    assert answer.ended == "eof" and len(answer.chunks) == 2


@pytest.mark.parametrize(
    ("keys", "header"),
    [
        ({"retry_after": 7}, "7"),
        ({"retry_after": "0.5"}, "0.5"),
        ({"retry_after": "soon"}, "soon"),
        ({"headers": {"Retry-After": "-1"}}, "-1"),
        ({}, None),
    ],
)
def test_retry_after_forms(llm: ScriptedLLM, run: Run[Any], keys: dict[str, Any], header: str | None) -> None:
    answer = run(ask(llm.base_url, "chat", s.script(s.http_error(429, **keys))))
    assert (answer.status, answer.headers.get("retry-after")) == (429, header)


def test_retry_after_as_a_date_counts_from_the_answer(llm: ScriptedLLM, run: Run[Any]) -> None:
    answer = run(ask(llm.base_url, "chat", s.script(s.http_error(503, retry_after={"date_in": 60}))))
    ahead = parsedate_to_datetime(answer.headers["retry-after"]) - datetime.now(UTC)
    assert timedelta(seconds=55) < ahead < timedelta(seconds=61)


def test_bodies_of_http_errors(llm: ScriptedLLM, run: Run[Any]) -> None:
    def error(**keys: Any) -> tuple[str, bytes]:
        answer = run(ask(llm.base_url, "chat", s.script(s.http_error(400, **keys))))
        return answer.headers["content-type"], answer.body

    assert error(body={"detail": "x"}) == ("application/json", b'{"detail":"x"}')
    assert error(body=[{"error": None}]) == ("application/json", b'[{"error":null}]')
    assert error(text="<p>", content_type="text/html") == ("text/html", b"<p>")
    assert json.loads(error(message="m", code="c")[1])["error"] == {
        "message": "m", "type": "invalid_request_error", "param": None, "code": "c",
    }  # fmt: skip


@pytest.mark.parametrize("wire", WIRES)
def test_same_seed_same_bytes(llm: ScriptedLLM, run: Run[Any], wire: str) -> None:
    async def twice(seed: int) -> list[bytes]:
        # Attempts of one chat differ, so each request comes from a server that has seen nothing.
        answers = []
        for _ in range(2):
            async with ScriptedLLM(seed=seed) as fresh:
                prompt = s.script(
                    s.turn(s.reasoning("r"), *TEXTS, s.tool_call("t"), pacing={"first_ms": 1, "chars": 2, "jitter": 1})
                )
                answers.append((await ask(fresh.base_url, wire, prompt)).body)
        return answers

    first, again = run(twice(1))
    other, _ = run(twice(2))
    assert first == again and first != other and len(first) == len(other)


def test_pacing(llm: ScriptedLLM, run: Run[Any]) -> None:
    async def arrivals(**pacing: Any) -> list[float]:
        loop, times = asyncio.get_running_loop(), []
        async with await Connection.open(llm.base_url) as connection:
            await connection.send(
                "/v1/chat/completions", body_for("chat", s.script(s.turn(s.text("x", times=20), pacing=pacing)))
            )
            await connection.reader.readuntil(b'"role":"assistant","content":""')
            times.append(loop.time())
            for _ in range(20 // pacing["chars"]):
                await connection.reader.readuntil(b'"delta":{"content":')
                times.append(loop.time())
        return times

    times = run(arrivals(first_ms=60, tokens_per_second=100, chars=2))
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert gaps[0] >= 0.055
    assert 0.08 <= times[-1] - times[1] < 1  # nine gaps of 10 ms, on a schedule
    assert run(arrivals(chars=10))[-1] > 0


def test_keep_alive_and_pipelining(llm: ScriptedLLM, run: Run[Any]) -> None:
    async def several() -> list[str]:
        async with await Connection.open(llm.base_url) as connection:
            for i in range(3):
                await connection.send("/chat/completions", body_for("chat", s.script(s.text(f"n{i}"))))
            return [(await connection.answer()).data[1]["choices"][0]["delta"]["content"] for _ in range(3)]

    assert run(several()) == ["n0", "n1", "n2"]


def test_requests_that_are_no_http(llm: ScriptedLLM, run: Run[Any]) -> None:
    async def garbage() -> bytes:
        async with await Connection.open(llm.base_url) as connection:
            connection.writer.write(b"\x16\x03\x01 hello\r\n\r\n")
            return await connection.reader.read()

    assert run(garbage()).startswith(b"HTTP/1.1 400")


def test_large_bodies_and_continue(llm: ScriptedLLM, run: Run[Any]) -> None:
    async def large() -> Answer:
        async with await Connection.open(llm.base_url) as connection:
            body = body_for("chat", "x" * 5_000_000 + s.script(s.text("read")))
            await connection.send("/v1/chat/completions", body, {"expect": "100-continue"})
            assert await connection.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            return await connection.answer()

    assert b"read" in run(large()).body


@pytest.mark.parametrize("wire", WIRES)
def test_paths_with_and_without_v1(llm: ScriptedLLM, run: Run[Any], wire: str) -> None:
    async def statuses() -> list[int]:
        async with await Connection.open(llm.base_url) as connection:
            path = REQUESTS[wire][0]
            paths = [path, "/v1" + path, "/openai/v1" + path, path + "?api-version=1"]
            return [(await connection.ask(p, body_for(wire, "hi"))).status for p in paths]

    assert run(statuses()) == [200] * 4


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("body", [b"", b"nope", b"[]", b"{}", b'{"messages": 1, "input": 1}', b"[" * 1_000_000])
def test_bad_requests_get_the_providers_400(llm: ScriptedLLM, run: Run[Any], wire: str, body: bytes) -> None:
    async def bad() -> Answer:
        async with await Connection.open(llm.base_url) as connection:
            return await connection.ask(REQUESTS[wire][0], body)

    answer = run(bad())
    message = json.loads(answer.body)["error"]["message"]
    assert answer.status == 400 and message and "\n" not in message and len(message) < 300


def test_unknown_addresses(llm: ScriptedLLM, run: Run[Any]) -> None:
    async def statuses() -> list[int]:
        async with await Connection.open(llm.base_url) as connection:
            got = [
                await connection.ask("/v1/chat/completions", b"", method="GET"),
                await connection.ask("/gates", b"", method="GET"),
            ]
            return [answer.status for answer in got]

    # The control address is not served here.
    assert run(statuses()) == [405, 404]
