"""Handshakes that fail, keepalive, client data, and the watch feed."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.exceptions import ConnectionClosed

from fake_server.http import sockets
from fixtures import scripts as s
from tests.fake.live import opened
from tests.fake.served import Served, scene

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
REFUSED = {
    "no upgrade": ({"Connection": "keep-alive"}, 426, 'Connection header "keep-alive" does not contain Upgrade'),
    "other protocol": (UPGRADE | {"Upgrade": "h2c"}, 426, 'Upgrade header "h2c" does not contain websocket'),
    "version": (UPGRADE | {"Sec-WebSocket-Version": "12"}, 400, 'version (only 13 is supported): "12"'),
    "key": (UPGRADE | {"Sec-WebSocket-Key": "short"}, 400, 'invalid Sec-WebSocket-Key "short"'),
    "origin": (UPGRADE | {"Origin": "http://evil.example"}, 403, 'request Origin "evil.example" is not authorized'),
    "null origin": (UPGRADE | {"Origin": "null"}, 403, 'request Origin "null" is not a valid URL with a host'),
}


@pytest.mark.parametrize("headers, status, reason", REFUSED.values(), ids=REFUSED)
def test_a_refused_upgrade_answers_with_its_reason_and_then_json(headers: dict[str, str], status: int, reason: str) -> None:
    async def play(served: Served) -> None:
        chat = (await served.create())["id"]
        for path, failed in ((f"/{chat}/stream", "chat stream"), ("/watch", "chat watch stream")):
            answer = await served.call("alice", "GET", path, headers=headers)
            assert answer.status_code == status
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"
            text, _, rest = answer.text.partition("\n")
            assert reason in text
            assert json.loads(rest) == {
                "message": f"Failed to open {failed}.",
                "detail": f"failed to accept WebSocket connection: {text}",
            }

    scene(play)


def test_access_and_after_id_are_checked_before_the_upgrade() -> None:
    async def play(served: Served) -> None:
        chat = (await served.create())["id"]
        for actor, path, status in (
            (None, f"/{chat}/stream", 401),
            ("alice", "/x/stream", 400),
            ("bob", f"/{chat}/stream?after_id=abc", 404),
            ("alice", f"/{chat}/stream?after_id=abc", 400),
            ("alice", f"/{chat}/stream/git", 400),
        ):
            answer = await served.call(actor, "GET", path, headers=UPGRADE)
            assert answer.status_code == status
            assert answer.headers["content-type"].startswith("application/json")
        assert (await served.call("alice", "POST", f"/{chat}/stream", headers=UPGRADE)).status_code == 405

    scene(play)


@pytest.mark.parametrize("data", ["text", "", b"\x00"])
def test_client_data_closes_with_1008(data: str | bytes) -> None:
    async def play(served: Served) -> None:
        chat = (await served.create())["id"]
        for path in (f"/{chat}/stream", "/watch"):
            async with opened(served, "alice", path) as live:
                await live.socket.send(data)
                with pytest.raises(ConnectionClosed) as closed:
                    while True:
                        await live.socket.recv()
                assert closed.value.rcvd is not None
                assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "unexpected data message")

    scene(play)


def test_pings_are_answered_and_a_close_is_echoed() -> None:
    async def play(served: Served) -> None:
        async with opened(served, "alice", "/watch", ping_interval=None) as live:
            await asyncio.wait_for(await live.socket.ping(), 5)
            await live.socket.close(4000, "bye")
            assert (live.socket.close_code, live.socket.close_reason) == (4000, "bye")

    scene(play)


def test_a_client_that_answers_no_ping_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "PING_SECONDS", 0.1)

    async def play(served: Served) -> None:
        port = int(served.server.base_url.rsplit(":", 1)[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = {"Host": served.server.base_url[7:], "Coder-Session-Token": served.tokens["bob"], **UPGRADE}
        lines = ["GET /api/experimental/chats/watch HTTP/1.1", *(f"{k}: {v}" for k, v in head.items()), "", ""]
        writer.write("\r\n".join(lines).encode())
        said = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert said.startswith(b"HTTP/1.1 101 ")
        assert b"Sec-WebSocket-Extensions" not in said
        frames = await asyncio.wait_for(reader.readuntil(b"Ping failed"), 5)
        assert frames.count(b"\x89") == 1
        assert frames.endswith(b"\x88\x0d\x03\xe9Ping failed")
        writer.close()

    scene(play)


def test_the_watch_feed_tells_the_owner_and_nobody_else() -> None:
    async def play(served: Served) -> None:
        async with opened(served, "alice", "/watch") as own, opened(served, "root", "/watch") as other:
            chat = (await served.create(text="one two three four five six seven"))["id"]
            told = await own.until(lambda e: e["kind"] == "summary_change")
            assert told[0]["kind"] == "created"
            assert told[0]["chat"]["title"] == "one two three four five six…"
            ends = [e["chat"]["status"] for e in told if e["kind"] == "status_change"]
            assert ends == ["waiting"]
            assert {e["kind"] for e in told} == {"created", "title_change", "status_change", "summary_change"}
            assert told[-1]["chat"]["last_turn_summary"] == "Scripted label"
            await served.call("alice", "PATCH", f"/{chat}", json={"labels": {"a": "b"}, "pin_order": 1})
            await served.call("root", "PATCH", f"/{chat}", json={"title": "By root"})
            assert [e["kind"] for e in await own.until(lambda e: True)] == ["title_change"]
            assert await other.quiet() == []

    scene(play)


def test_a_watch_event_of_eight_thousand_bytes_is_lost() -> None:
    async def play(served: Served) -> None:
        tools = [{"name": "mine", "input_schema": {}}]
        call = s.script(s.tool_call("mine", {"x": "y" * 9000}, id="c"))
        async with opened(served, "alice", "/watch") as live:
            chat = (await served.create(text=call, unsafe_dynamic_tools=tools))["id"]
            told = await live.until(lambda e: e["kind"] == "summary_change")
            assert "action_required" not in [e["kind"] for e in told]
            assert served.backend.store.chats[chat].status == "requires_action"

    scene(play)
