"""Copies of bytes, read into exchanges: in whatever pieces they come."""

from __future__ import annotations

from itertools import count

import pytest

from conformance.proxy.reading import Conversation
from conformance.wire.exchange import Exchange, SocketLog

ASKED = (
    b"HEAD /a HTTP/1.1\r\nhost: x\r\n\r\n",
    b"POST /b?q=1&q=2 HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 7\r\n\r\n" + b'{"a":1}',
    b"GET /c HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
)
ANSWERED = (
    b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
)
FROM_CLIENT = b"\x88\x82\x00\x00\x00\x00\x03\xe8"


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_connection_is_read_in_any_pieces(size: int) -> None:
    told: list[Exchange | SocketLog] = []
    talk = Conversation(count(1), told.append, lambda headers: "user1")

    def say(asked: bool, data: bytes) -> None:
        for at in range(0, len(data), size):
            talk.read(asked, data[at : at + size], 1.0)

    for request, answer in zip(ASKED, ANSWERED, strict=True):
        say(True, request)
        say(False, answer)
    server = b"\x01\x03[1," + b"\x00\x02 2" + b"\x80\x01]" + b"\x88\x02\x03\xe8"
    say(False, server)
    say(True, FROM_CLIENT)
    talk.read(False, None, 2.0)
    head, post, socket = told
    assert isinstance(head, Exchange) and isinstance(post, Exchange) and isinstance(socket, SocketLog)
    assert (head.request.method, head.response.status) == ("HEAD", 200)
    assert (post.request.params, post.request.body) == ([("q", "1"), ("q", "2")], {"a": 1})
    assert (post.response.status, post.response.content) == (201, b"abc")
    assert [frame.payload for frame in socket.frames] == [[1, 2]]
    assert (socket.close_code, socket.closed_by) == (1000, "server")


def test_what_is_no_http_is_not_read() -> None:
    told: list[Exchange | SocketLog] = []
    talk = Conversation(count(1), told.append, lambda headers: None)
    talk.read(True, b"\x16\x03\x01 no http\r\n\r\n", 1.0)
    talk.read(True, ASKED[0], 1.0)
    talk.read(False, ANSWERED[0], 1.0)
    assert told == []
