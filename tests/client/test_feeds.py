"""Feeds of every framing, from real servers on loopback: what is read of them, of broken ones too, and where reading ends."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from conformance.play.case import Case
from conformance.play.declaration import CaseSpec
from conformance.play.verdict import Check
from conformance.run.session import Options, Session
from conformance.run.target import Target
from conformance.wire.caps import Caps
from conformance.wire.exchange import Exchange, Request, SocketLog
from conformance.wire.feed import Feed, NotSeen
from conformance.wire.framing import heard, unwrap
from conformance.wire.http import BadAnswer, ConnectionLost, Wire
from conformance.wire.lines import Lines, open_lines
from conformance.wire.socket import Socket, open_socket
from spec.documents import documents
from spec.feeds import Feed as Declared

ARRAY = Declared("streamChat", "array", "type", "StreamEvent", "event", most=3)
OBJECT = Declared("watchChats", "object", "kind", "WatchEvent", "watch")
ARRAYS = Declared("streamChat", "envelope", "type", "StreamEvent", "event", most=3)
OBJECTS = Declared("watchChats", "envelope", "kind", "WatchEvent", "watch")
LINES = Declared("sendMessage", "lines", "type", "Line", "line")
END = {"type": "end", "kind": "end"}
OK = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


@asynccontextmanager
async def listening(
    frames: list[str | bytes], declared: Declared | None, caps: Caps | None = None, *, stay: bool = False
) -> AsyncIterator[Socket]:
    """A socket over which a server sends these frames; then it closes, or stays until the client goes."""

    async def speak(connection: ServerConnection) -> None:
        for frame in frames:
            await connection.send(frame)
        if stay:
            await connection.wait_closed()

    async with serve(speak, "127.0.0.1", 0) as server, asyncio.timeout(30):
        port = server.sockets[0].getsockname()[1]
        wire = Wire(f"http://127.0.0.1:{port}", caps=caps)
        async with await open_socket(wire, Request("GET", "/x"), actor=None, declared=declared) as opened:
            yield opened
        await wire.aclose()


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """The address of a server that reads one request whole and then does this."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(row.split(b":")[1]) for row in head.lower().split(b"\r\n") if row.startswith(b"content-length"))
        await reader.readexactly(length)
        with suppress(ConnectionError):
            await handler(reader, writer)
        with suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()
        done.set()

    done = asyncio.Event()
    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server, asyncio.timeout(30):
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await done.wait()


@asynccontextmanager
async def answered(handler: Handler, caps: Caps | None = None, heard_of: list[Any] | None = None) -> AsyncIterator[Lines]:
    """The answer of such a server."""
    async with serving(handler) as url:
        wire = Wire(url, caps=caps)
        wire.listeners += [heard_of.append] if heard_of is not None else []
        try:
            async with await open_lines(wire, Request("POST", "/x", body={"a": 1}), LINES, actor=None) as opened:
                yield opened
        finally:
            await wire.aclose()


def saying(*pieces: bytes) -> Handler:
    """Answers with these pieces, each a chunk, and ends."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"".join(map(chunk, pieces)) + chunk(b""))
        await writer.drain()

    return say


def wrongs(feed: Feed) -> list[bool]:
    """Of each frame: is it wrong by its framing?"""
    return [bool(unwrap(frame, feed.heard.feed).wrong) for frame in feed.frames if frame.direction == "in"]


def data(value: Any) -> str:
    return json.dumps({"type": "data", "data": value})


A, B = {"type": "a", "kind": "a"}, {"type": "b", "kind": "b"}
FRAMED = {
    "an array": (ARRAY, [json.dumps([A, B]), json.dumps([A])], [(A, "/frames/0/0"), (B, "/frames/0/1"), (A, "/frames/1/0")]),
    "an object": (OBJECT, [json.dumps(A), json.dumps(B)], [(A, "/frames/0"), (B, "/frames/1")]),
    "an array in an envelope": (
        ARRAYS,
        [data([A, B]), data([B])],
        [(A, "/frames/0/data/0"), (B, "/frames/0/data/1"), (B, "/frames/1/data/0")],
    ),
    "an object in an envelope": (OBJECTS, [data(A), data(B)], [(A, "/frames/0/data"), (B, "/frames/1/data")]),
    "undeclared": (None, [json.dumps([A]), json.dumps(B)], [(A, "/frames/0/0"), (B, "/frames/1")]),
}


@pytest.mark.parametrize("name", FRAMED)
def test_events_of_a_socket_and_where_they_stand(name: str) -> None:
    declared, frames, events = FRAMED[name]

    async def scene() -> None:
        async with listening(list(frames), declared) as socket:
            assert await socket.until(dict(events[-1][0]), sum(event == events[-1][0] for event, _ in events))
            assert await socket.until_closed() == (1000, "")
            assert [(event.value, event.pointer) for event in socket.heard.events] == events
            assert socket.events == [event for event, _ in events] and socket.notes == []
            assert [event.type for event in socket.heard.events] == [event["type"] for event, _ in events]
            assert [frame.offset for frame in socket.frames] == [0, len(frames[0])]
            assert not any(wrongs(socket))

    asyncio.run(scene())


def test_pings_and_errors_of_envelopes_are_notes() -> None:
    ping, error = {"type": "ping", "data": None}, {"type": "error", "data": {"message": "no"}}

    async def scene() -> None:
        async with listening([json.dumps(ping), data(A), json.dumps(error)], OBJECTS) as socket:
            assert await socket.until_note({"type": "error"}) == error
            assert socket.notes == [ping, error] and socket.events == [A]
            assert [(note.pointer, note.type) for note in socket.heard.notes] == [("/frames/0", "ping"), ("/frames/2", "error")]
            assert not any(wrongs(socket))
            with pytest.raises(NotSeen, match="the socket closed"):
                await socket.until({"type": "ping"})

    asyncio.run(scene())


BROKEN: dict[str, list[str | bytes]] = {
    "cut JSON": ['[{"type": "a', '{"type": "data", "data": [{"type'],
    "no JSON": ["hello", ""],
    "bytes": [json.dumps([A]).encode(), b"\x00"],
    "other values": ["null", "7", '"a"'],
}


@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.parametrize("declared", [ARRAY, OBJECT, ARRAYS, OBJECTS])
def test_a_broken_frame_is_wrong_and_what_follows_is_read(declared: Declared, what: str) -> None:
    good = {"array": json.dumps([END]), "object": json.dumps(END)}
    last = good.get(declared.framing) or data([END] if declared.many else END)

    async def scene() -> None:
        async with listening([*BROKEN[what], last], declared) as socket:
            await socket.until(END)
            assert socket.events == [END] and not socket.fault
            assert wrongs(socket) == [True] * len(BROKEN[what]) + [False]

    asyncio.run(scene())


OTHER_FORMS = [
    (ARRAY, json.dumps(A), [A]),
    (ARRAY, "[]", []),
    (ARRAY, json.dumps([A] * 4), [A] * 4),
    (ARRAY, data([A]), [{"type": "data", "data": [A]}]),
    (OBJECT, json.dumps([A]), [A]),
    (ARRAYS, json.dumps([A]), [A]),
    (ARRAYS, data(A), [A]),
    (ARRAYS, data([]), []),
    (ARRAYS, data([A] * 4), [A] * 4),
    (ARRAYS, json.dumps({"type": "news", "data": [A]}), [{"type": "news", "data": [A]}]),
    (ARRAYS, json.dumps({"type": "data", "data": [A], "more": 1}), [{"type": "data", "data": [A], "more": 1}]),
    (OBJECTS, data([A]), [A]),
    (OBJECTS, json.dumps(A), [A]),
]


@pytest.mark.parametrize(("declared", "frame", "events"), OTHER_FORMS)
def test_a_frame_of_another_form_is_wrong_and_read_as_well_as_can_be(declared: Declared, frame: str, events: list[Any]) -> None:
    async def scene() -> None:
        async with listening([frame], declared) as socket:
            await socket.until_closed()
            assert wrongs(socket) == [True] and socket.events == events

    asyncio.run(scene())


def caps(**bounds: int) -> Caps:
    socket = {"bytes": 2**24, "frames": 8000, "events": 8000, "pings": 1000} | bounds
    frame = {"bytes": bounds.get("frame", 2**22), "values": 100, "depth": 8}
    return Caps(socket=socket, frame=frame)


OVER = {
    "events": (caps(events=5), [json.dumps([A, B])] * 9, "the socket has more than 5 events; reading stopped"),
    "frames": (caps(frames=5), [json.dumps([A])] * 9, "the socket has more than 5 frames; reading stopped"),
    "bytes": (caps(bytes=90), [json.dumps([A])] * 9, "the socket has sent more than 90 bytes; reading stopped"),
    "values": (caps(), [json.dumps([A] * 60)], "the frame has more than 100 values"),
    "depth": (caps(), ["[" * 20 + "]" * 20], "the frame is nested deeper than 8 levels"),
    "frame": (caps(frame=60), [json.dumps([A] * 9)], "a frame is larger than 60 bytes; reading stopped"),
}


@pytest.mark.parametrize("cap", OVER)
def test_a_socket_over_a_cap_is_a_bad_answer(cap: str) -> None:
    bounds, frames, fault = OVER[cap]

    async def scene() -> None:
        async with listening(list(frames), ARRAY, bounds, stay=True) as socket:
            with pytest.raises(BadAnswer, match=fault):
                await socket.until(END)
            assert socket.fault == socket.log.fault == fault

    asyncio.run(scene())


def test_notes_count_towards_the_cap_of_events() -> None:
    async def scene() -> None:
        async with listening(['{"type": "ping", "data": null}'] * 9, OBJECTS, caps(events=5), stay=True) as socket:
            with pytest.raises(BadAnswer, match="more than 5 events"):
                await socket.until(END)

    asyncio.run(scene())


def test_what_does_not_come_is_not_waited_for_beyond_the_deadline() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + chunk(b'0:"a"\n'))
        await reader.read()

    async def scene() -> None:
        for declared in (ARRAY, OBJECT, ARRAYS, OBJECTS):
            async with listening([data(A)], declared, stay=True) as socket:
                await _in_vain(socket)
        async with answered(silent) as lines:
            await lines.until({"type": "0"})
            await _in_vain(lines)

    asyncio.run(scene())


async def _in_vain(feed: Feed) -> None:
    with pytest.raises(NotSeen, match=r"0\.2 s went by"):
        await feed.until(END, deadline=0.2)
    with pytest.raises(NotSeen, match=r"0\.2 s went by"):
        await feed.until_note({"type": "error"}, deadline=0.2)
    with pytest.raises(NotSeen, match=r"still open after 0\.2 s"):
        await feed.until_closed(deadline=0.2)


# -- answers that stream their lines -----------------------------------------------------------------------


TEXT = '0:"Grüße "\nb:{"toolCallId":"c1"}\n0:"a:b"\n{"message":"no"}\nd:{}\n'.encode()
EVENTS = [
    {"type": "0", "data": "Grüße "},
    {"type": "b", "data": {"toolCallId": "c1"}},
    {"type": "0", "data": "a:b"},
    {"type": "d", "data": {}},
]


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_lines_are_events_wherever_the_chunks_end(size: int) -> None:
    pieces = [TEXT[at : at + size] for at in range(0, len(TEXT), size)]
    told: list[Any] = []

    async def scene() -> Exchange:
        async with answered(saying(*pieces), heard_of=told) as lines:
            assert lines.opened and lines.exchange.response.status == 200
            assert await lines.until({"type": "d"}) == EVENTS[-1]
            assert await lines.until_note({"type": "error"}) == {"type": "error", "data": {"message": "no"}}
            assert await lines.until_closed() == (None, "")
            assert lines.events == EVENTS and not any(wrongs(lines))
            starts = [0, *(at + 1 for at, byte in enumerate(TEXT[:-1]) if byte == ord("\n"))]
            assert [frame.offset for frame in lines.frames] == starts
            assert [event.offset for event in lines.heard.events] == [*starts[:3], starts[4]]
            return lines.exchange

    exchange = asyncio.run(scene())
    assert told == [exchange] and exchange.response.content == TEXT and exchange.ms > 0
    again = heard(exchange, LINES)
    exchange.response.lines = []  # as a record has it
    assert [event.value for event in heard(exchange, LINES).events] == [event.value for event in again.events] == EVENTS
    assert [event.pointer for event in heard(exchange, LINES).events] == [f"/frames/{n}" for n in (0, 1, 2, 4)]


def test_a_line_is_told_of_before_the_answer_ends() -> None:
    async def scene() -> None:
        seen = asyncio.Event()

        async def two(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(OK + chunk(b'0:"one"\n'))
            await seen.wait()
            writer.write(chunk(b'0:"two"\n') + chunk(b""))

        async with answered(two) as lines:
            await lines.until({"data": "one"})
            assert not lines.closed.is_set()
            seen.set()
            await lines.until({"data": "two"})
            await lines.until_closed()

    asyncio.run(scene())


NO_LINES = [
    b'0:"cut', b'0:"not ended"', b'00:"a"\n', b"\n", b"hello\n", b'0:"a\n', b'0:"\xff"\n', b'{"message":\n', b'["a"]\n',
    b':"a"\n',
]  # fmt: skip


@pytest.mark.parametrize("line", NO_LINES)
def test_a_line_of_another_form_is_wrong(line: bytes) -> None:
    async def scene() -> None:
        async with answered(saying(b'0:"a"\n', line)) as lines:
            await lines.until_closed()
            assert wrongs(lines) == [False, True] and len(lines.events) == 1 and not lines.notes

    asyncio.run(scene())


def test_what_of_a_line_came_before_the_client_hung_up_is_nobodys_fault() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + chunk(b'0:"a"\n0:"b'))
        await reader.read()

    async def scene() -> None:
        async with answered(endless) as lines:
            await lines.until({"type": "0"})
        assert lines.closed.is_set() and not lines.fault and not lines.reset
        assert lines.exchange.response.content == b'0:"a"\n' and wrongs(lines) == [False]

    asyncio.run(scene())


def test_an_answer_that_breaks_off_is_a_bad_one() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + chunk(b'0:"a"\n') + b"ff\r\n0:")
        await writer.drain()

    async def scene() -> None:
        async with answered(cut) as lines:
            await lines.until({"type": "0"})
            with pytest.raises(BadAnswer, match="broke off"):
                await lines.until({"type": "d"})
            with pytest.raises(BadAnswer, match="broke off"):
                await lines.until_closed()

    asyncio.run(scene())


def test_a_connection_that_is_reset_is_no_answer() -> None:
    async def scene() -> None:
        seen = asyncio.Event()

        async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(OK + chunk(b'0:"a"\n'))
            await seen.wait()
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

        async with answered(reset) as lines:
            await lines.until({"type": "0"})
            seen.set()
            with pytest.raises(ConnectionLost):
                await lines.until({"type": "d"})

    asyncio.run(scene())


LONG = {
    "events": (caps(events=5), [b'0:"a"\n' * 9], "the answer has more than 5 events; reading stopped"),
    "frames": (caps(frames=5), [b'0:"a"\n' * 9], "the answer has more than 5 lines; reading stopped"),
    "bytes": (caps(bytes=40), [b'0:"a"\n' * 9], "the answer has sent more than 40 bytes; reading stopped"),
    "frame": (caps(frame=50), [b"0:", *[b"x" * 40] * 9], "a line is larger than 50 bytes; reading stopped"),
    "whole line": (caps(frame=50), [b'0:"' + b"x" * 60 + b'"\n'], "a line is larger than 50 bytes; reading stopped"),
    "depth": (caps(), [b"0:" + b"[" * 20 + b"]" * 20 + b"\n"], "the frame is nested deeper than 8 levels"),
}


@pytest.mark.parametrize("cap", LONG)
def test_an_answer_over_a_cap_is_a_bad_one(cap: str) -> None:
    bounds, pieces, fault = LONG[cap]

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"".join(map(chunk, pieces)))
        await reader.read()

    async def scene() -> None:
        async with answered(endless, bounds) as lines:
            with pytest.raises(BadAnswer, match=fault):
                await lines.until(END)
            assert lines.fault == lines.exchange.response.fault == fault

    asyncio.run(scene())


def test_a_refusal_is_read_whole() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = b'{"message":"no"}'
        writer.write(b"HTTP/1.1 400 Bad\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body)

    async def scene() -> None:
        told: list[Any] = []
        async with answered(refuse, heard_of=told) as lines:
            assert not lines.opened and lines.closed.is_set() and lines.events == []
            assert lines.exchange.response.status == 400 and lines.exchange.response.body == {"message": "no"}
        assert told == [lines.exchange]

    asyncio.run(scene())


def test_a_refused_socket_has_no_events() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async def scene() -> SocketLog:
        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        async with server:
            wire = Wire(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            async with await open_socket(wire, Request("GET", "/x"), actor=None, declared=ARRAY) as opened:
                assert not opened.opened and opened.events == []
                with pytest.raises(NotSeen, match="the socket closed"):
                    await opened.until(A)
            await wire.aclose()
        return opened.log

    assert asyncio.run(scene()).handshake.status == 404


def test_a_case_hears_an_answer_that_streams() -> None:
    async def judged(t: Case) -> None:
        lines = await t.nobody.lines(documents(t.session.profile.name).operations["sendMessage"].url(), {"content": []})
        t.expect(await lines.until({"type": "d"}), {"type": "d", "data": {}}, "the end")
        t.expect(len(lines.events), 4, "the lines")

    async def scene() -> list[Check]:
        async with serving(saying(TEXT)) as url:
            session = Session(Target(base_url=url), Options())
            told: list[Exchange] = []
            session.wire.listeners.append(told.append)
            session.feeds = session.feeds | {"sendMessage": LINES}
            checks = await Case(session, CaseSpec("judged", judged, ("SEND-004",))).run()
            await session.wire.aclose()
            await session.control.aclose()
            assert [said.response.content for said in told] == [TEXT]
            return checks

    (check,) = asyncio.run(scene())
    assert (check.verdict, check.exchanges) == ("pass", ["x1"])
