"""Opening sockets: which handshakes are refused, in which order that is looked at, and what a data frame of the client does."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from conformance.play.actors import Actor, Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.streams import ids, marked, messages, snapshot, told
from conformance.play.verdict import Unmet
from conformance.scenes.streaming import talked_to
from conformance.wire.exchange import Exchange
from conformance.wire.socket import Socket

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": KEY}
NO_NUMBERS = ["abc", "1.5", " 1", "0x10", "1_000"]
NUMBERS = ["", "0", "-1", "+5", "007"]
NOBODY = "00000000-0000-4000-8000-000000000000"


async def upgrade(actor: Actor, path: str, *, without: str = "", after_id: str | None = None, **headers: str) -> Exchange:
    """Ask for an upgrade by hand; for handshakes that are refused."""
    sent = UPGRADE | {k.replace("_", "-"): v for k, v in headers.items()}
    sent.pop(without, None)
    return await actor.get(path, headers=sent, params={} if after_id is None else {"after_id": after_id})


def opened(t: Case, socket: Socket, what: str) -> None:
    t.expect(socket.log.handshake.status, 101, f"the upgrade {what}")


def sockets(t: Case, chat: Chat) -> list[tuple[str, str]]:
    """Where sockets of this chat and its owner are opened, each behind the area of its refusals."""
    further = [("parts", chat.url("streamParts"))] if t.offers("streamParts") else []
    return [("stream", chat.url("streamChat")), ("watch", t.url("watchChats")), *further]


@case("STREAM-001", "STREAM-002", "STREAM-085")
async def plain_gets(t: Case) -> None:
    chat = await t.new_chat()
    for area, path in sockets(t, chat):
        with t.judging("STREAM-002" if area == "watch" else "STREAM-001"):
            t.refused(await t.alice.get(path), f"{area}.no-connection-upgrade")
            other = await upgrade(t.alice, path, Upgrade="h2c")
            t.refused(other, f"{area}.no-websocket-upgrade", value="h2c")
            opened(t, await t.alice.socket(path), "of a WebSocket client")
        with t.judging("STREAM-085"):
            headers = (await t.alice.get(path)).response.headers
            t.expect(headers.get("upgrade", "").lower(), "websocket", f"Upgrade of a 426 at {path}")


@case("STREAM-003", "STREAM-004", "STREAM-006")
async def ids_in_the_path(t: Case) -> None:
    chat = await t.chat()
    path, known = chat.url("streamChat"), ids(await chat.history())
    low, high = t.limit("stream.after-id", "min"), t.limit("stream.after-id")
    with t.judging("STREAM-003"):
        for bad in ("not-a-uuid", "123"):
            t.refused(await upgrade(t.alice, t.url("streamChat", chat=bad)), "common.chat-id")
        t.refused(await upgrade(t.alice, t.url("streamChat", chat=NOBODY)), "common.not-found")
        opened(t, await t.alice.socket(path), "of a chat by its id")
    with t.judging("STREAM-004"):
        for bad in (*NO_NUMBERS, str(high + 1), str(low - 1)):
            t.refused(await upgrade(t.alice, path, after_id=bad), "stream.after-id")
        for good in (*NUMBERS, str(high), str(low)):
            opened(t, await chat.stream(params={"after_id": good}), f"with after_id={good}")
    with t.judging("STREAM-006"):
        for before in ("", "0", "-1", str(low)):
            t.expect(ids(messages(await snapshot(chat, after_id=before))), known, f"the messages with after_id={before}")
        t.expect(messages(await snapshot(chat, after_id=str(max(known)))), [], "the messages above the highest id")


@case("STREAM-084")
async def after_id_twice(t: Case) -> None:
    chat = await t.chat()
    first, last = ids(await chat.history())
    for low, high in ((first, last), (last, first)):
        socket = await chat.stream(params=[("after_id", low), ("after_id", high)])
        opened(t, socket, "with two after_id")
        shown = ids(messages(await marked(socket, chat)))
        t.expect(shown, [i for i in (first, last) if i > low], f"the messages with after_id={low} and then {high}")


@case("STREAM-005")
async def right_before_after_id(t: Case) -> None:
    chat = await t.new_chat()
    t.refused(await upgrade(t.bob, chat.url("streamChat"), after_id="abc"), "common.not-found")
    t.refused(await upgrade(t.alice, chat.url("streamChat"), after_id="abc"), "stream.after-id")


@case("STREAM-007")
async def foreign_origins(t: Case) -> None:
    chat = await t.new_chat()
    own = urlsplit(t.session.target.base_url)
    for area, path in sockets(t, chat):
        t.refused(await upgrade(t.alice, path, Origin="http://evil.example"), f"{area}.origin-foreign", value="evil.example")
        t.refused(await upgrade(t.alice, path, Origin="null"), f"{area}.origin-bad", value="null")
        opened(t, await t.alice.socket(path, headers={"Origin": f"{own.scheme}://{own.netloc}"}), "from the own origin")


@case("STREAM-008")
async def nothing_is_negotiated(t: Case) -> None:
    chat = await t.new_chat()
    for path in (chat.url("streamChat"), t.url("watchChats")):
        socket = await t.alice.socket(path, subprotocols=["chat", "json"], compression="deflate")
        opened(t, socket, "that offers subprotocols and compression")
        for name in ("sec-websocket-protocol", "sec-websocket-extensions"):
            t.expect(socket.log.handshake.headers.get(name), None, f"the header {name}")


@case("STREAM-009")
async def odd_handshakes(t: Case) -> None:
    chat = await t.new_chat()
    for area, path in sockets(t, chat):
        t.refused(await upgrade(t.alice, path, Sec_WebSocket_Version="12"), f"{area}.version", value="12")
        t.refused(await upgrade(t.alice, path, without="Sec-WebSocket-Version"), f"{area}.version", value="")
        t.refused(await upgrade(t.alice, path, without="Sec-WebSocket-Key"), f"{area}.key-missing")
        t.refused(await upgrade(t.alice, path, Sec_WebSocket_Key="short"), f"{area}.key-bad", value="short")
        opened(t, await t.alice.socket(path), "with version and key as they should be")


@case("STREAM-010")
async def archived_chats(t: Case) -> None:
    chat = await t.chat()
    known = ids(await chat.history())
    t.given(await chat.patch(archived=True))
    socket = await chat.stream()
    opened(t, socket, "for an archived chat")
    await socket.until({"type": "message"}, len(known))
    t.expect(ids(messages(socket.events)), known, "the messages of the archived chat")


@case("STREAM-011", "STREAM-012")
async def without_a_workspace(t: Case) -> None:
    chat = await t.new_chat()
    for name, operation in (("git", "streamGit"), ("desktop", "streamDesktop")):
        path = chat.url(operation)
        with t.judging("STREAM-011"):
            t.refused(await upgrade(t.alice, path), f"{name}.no-workspace")
            t.refused(await t.alice.get(path), f"{name}.no-workspace")
        with t.judging("STREAM-012"):
            t.refused(await upgrade(t.bob, path), "common.not-found")
            t.refused(await upgrade(t.alice, path.replace(chat.id, NOBODY)), "common.not-found")


@case("STREAM-019", "STREAM-020")
async def client_data(t: Case) -> None:
    for said in ("", '{"type":"ping"}', b"\0\1"):
        closed: list[Socket] = []
        with t.judging("STREAM-019"):
            closed = await talked_to(t, said)
            for socket in closed:
                t.expect(socket.log.close_code, 1008, f"the close code after {said!r}")
        with t.judging("STREAM-020"):
            if not closed:
                raise Unmet("the sockets were not closed")
            for socket in closed:
                t.expect(socket.log.close_reason, "unexpected data message", "the reason of the close")


@case("STREAM-021")
async def control_frames(t: Case) -> None:
    chat = await t.new_chat()
    for path in (chat.url("streamChat"), t.url("watchChats")):
        socket = await t.alice.socket(path, close_timeout=t.deadline)
        opened(t, socket, "for control frames")
        for _ in range(2):
            await socket.ping()
        await socket.aclose()
        t.expect(socket.log.close_code, 1000, "the code with which the client's close was answered")


async def silent_connection(t: Case, path: str) -> AsyncIterator[tuple[float, Frame]]:
    """The frames of a socket whose client answers nothing at all, with the seconds since the handshake. Raises Unmet."""
    target, loop = urlsplit(t.session.target.base_url), asyncio.get_running_loop()
    secure = target.scheme == "https"
    port = target.port or (443 if secure else 80)
    reader, writer = await asyncio.open_connection(target.hostname, port, ssl=ssl.create_default_context() if secure else None)
    t.cleanup(lambda: _shut(writer))
    client = ClientProtocol(parse_uri(f"ws{'s' if secure else ''}://{target.netloc}{path}"))
    request = client.connect()
    request.headers[t.session.traits["token_header"]] = t.alice.token
    client.send_request(request)
    writer.write(b"".join(client.data_to_send()))
    began = loop.time()
    while data := await reader.read(65536):
        client.receive_data(data)
        for event in client.events_received():
            if isinstance(event, Frame):
                yield loop.time() - began, event
    if isinstance(client.handshake_exc, InvalidHandshake):
        raise Unmet(f"the handshake was refused: {client.handshake_exc}")


async def _shut(writer: asyncio.StreamWriter) -> None:
    writer.close()


@case("STREAM-022", "STREAM-023", early=True)
async def keepalive(t: Case) -> None:
    chat = await t.chat()
    pings: list[float] = []
    closed: tuple[float, int] | None = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(40):
            async for seconds, frame in silent_connection(t, chat.url("streamChat")):
                if frame.opcode is Opcode.PING:
                    pings.append(seconds)
                elif frame.opcode is Opcode.CLOSE:
                    closed = seconds, int.from_bytes(frame.data[:2], "big")
                    break
    with t.judging("STREAM-022"):
        pause = t.limit("ping.interval")
        in_time = pings and 0.8 * pause <= pings[0] <= 1.2 * pause
        t.true(in_time, f"the first ping comes about {pause} s after the handshake", pings)
    with t.judging("STREAM-023"):
        if closed is None:
            raise AssertionError("the connection ended without a close frame")
        t.expect(closed[1], 1001, "the close code")
        t.true(25 <= closed[0] <= 36, "the close comes about 30 s after the handshake", closed[0])


@case("STREAM-080")
async def lost_access(t: Case) -> None:
    chat = await t.chat()
    theirs = await chat.shared_with(t.bob)
    socket = await theirs.stream()
    opened(t, socket, "by a reader")
    await told(socket, {"type": "message"})
    t.given(await chat.set_acl(users={t.bob.id: ""}))
    t.refused(await upgrade(t.bob, chat.url("streamChat")), "common.not-found")
    await chat.shared_with(t.bob)
    opened(t, await theirs.stream(), "by a reader who may read again")
