"""What came over a socket, as data: pure functions on events, and ways to know that nothing else is coming."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import Any

from conformance.play.actors import Actor, Chat
from conformance.play.case import Case
from conformance.play.verdict import Unmet
from conformance.wire.exchange import Frame
from conformance.wire.framing import Unwrapped, incoming, unwrap
from conformance.wire.socket import Event, NotSeen, Socket
from fixtures.scripts import script
from fixtures.scripts import text as says


def types(events: Iterable[Event]) -> list[str]:
    """The type of each event."""
    return [str(e.get("type")) for e in events]


def kinds(events: Iterable[Event]) -> list[str]:
    """The kind of each event of a watch feed."""
    return [str(e.get("kind")) for e in events]


def payloads(t: Case) -> dict[str, str]:
    """The key of the payload of each type of event that a chat's stream has; "" for those without one."""
    schemas = t.session.profile.asyncapi["components"]["schemas"]
    found = t.session.documents.event_names("StreamEvent").items()
    return {
        kind: next((key for key in schemas[name]["properties"] if key not in ("type", "chat_id")), "") for kind, name in found
    }


def of_type(events: Iterable[Event], kind: str) -> list[Event]:
    return [e for e in events if e.get("type") == kind]


def statuses(events: Iterable[Event]) -> list[str]:
    return [e["status"]["status"] for e in of_type(events, "status")]


def fresh(events: Iterable[Event]) -> list[Event]:
    """The events without statuses that only repeat the one before: a status may come any number of times, and late."""
    kept: list[Event] = []
    last: Any = None
    for event in events:
        if event.get("type") == "status" and event.get("status") == last:
            continue
        last = event.get("status") if event.get("type") == "status" else last
        kept.append(event)
    return kept


def messages(events: Iterable[Event]) -> list[dict[str, Any]]:
    return [e["message"] for e in of_type(events, "message")]


def parts(events: Iterable[Event], kind: str = "", role: str = "") -> list[dict[str, Any]]:
    """The live parts of this type and role."""
    found = [e["message_part"] for e in of_type(events, "message_part") if role in ("", e["message_part"].get("role"))]
    return [p["part"] for p in found if kind in ("", p["part"].get("type"))]


def joined(events: Iterable[Event], kind: str = "text") -> str:
    """The text of all live parts of this type together."""
    return "".join(p.get("text") or "" for p in parts(events, kind))


def says_text(text: str) -> Callable[[Event], bool]:
    """A pattern: the live part with this text."""

    def found(event: Event) -> bool:
        return text in [p.get("text") for p in parts([event])]

    found.__doc__ = f"a part with the text {text!r}"
    return found


def ids(rows: Iterable[dict[str, Any]]) -> list[Any]:
    return [row["id"] for row in rows]


def frames(socket: Socket) -> list[tuple[Frame, Unwrapped]]:
    """The frames that came, each with what stands in it; those that only tell of the connection are left out."""
    found = [(frame, unwrap(frame, socket.heard.feed)) for _, frame in incoming(socket.log)]
    return [(frame, came) for frame, came in found if came.note is None]


def about(socket: Socket, chat: Chat) -> list[Event]:
    """The events of a watch feed that concern this chat."""
    return [e for e in socket.events if isinstance(e.get("chat"), dict) and e["chat"].get("id") == chat.id]


def sentence(t: Case, failure: dict[str, Any]) -> str:
    """What the table of classes says to a client of a failure of this kind, where the model's provider has answered."""
    table = t.session.profile.table("error_classes")
    name, unknown = table["providers"].get(failure.get("provider")), table["unknown_provider"]
    text: str = table["messages"][failure["kind"]]
    return text.replace("{X}", name or unknown["start"]).replace("{x}", name or unknown["inside"])


def over(t: Case) -> Callable[[Event], bool]:
    """A pattern: the end of the turn, or a retry."""

    def found(event: Event) -> bool:
        """the end of the turn, or a retry"""
        ended = event["type"] == "status" and event["status"]["status"] in t.final
        return bool(ended or event["type"] == "retry")

    return found


async def told(socket: Socket, pattern: Any, n: int = 1, start: int = 0) -> Event:
    """Wait for an event that the case rests on but does not judge. Raises Unmet."""
    try:
        return await socket.until(pattern, n, start=start)
    except NotSeen as missing:
        raise Unmet(str(missing)) from None


async def joined_stream(chat: Chat, **params: Any) -> Socket:
    """The stream of a chat, open. Raises Unmet."""
    socket = await chat.stream(params=params)
    if not socket.opened:
        raise Unmet(f"opening the stream answered {socket.log.handshake.status}")
    return socket


async def marked(socket: Socket, chat: Chat) -> list[Event]:
    """All events of a resting chat's stream up to now, repeated statuses left out. Raises Unmet.

    Interrupts tell when: the status of each comes behind what came before it. There are two, since one status may be a late
    copy of an older one. Where a snapshot has an end of its own, that and a pong do.
    """
    end = chat.case.order.snapshot_end
    await told(socket, {"type": end or "status"})
    sent = [value for name, value in socket.log.request.params if name == "after_id"]
    after = int(sent[0]) if sent and sent[0].lstrip("+-").isdigit() else 0
    with contextlib.suppress(NotSeen):  # what does not come is for the case to judge
        for message in await chat.history():
            if message["id"] > after:
                await socket.until({"type": "message", "message": {"id": message["id"]}})
    if end:
        await socket.ping()
        return fresh(socket.events)
    seen = len(of_type(socket.events, "status"))
    for further in (1, 2):
        chat.case.given(await chat.by(chat.case.alice).interrupt())
        await told(socket, {"type": "status"}, seen + further)
    places = [i for i, e in enumerate(socket.events) if e.get("type") == "status"]
    return fresh(e for i, e in enumerate(socket.events[: places[seen + 1]]) if i != places[seen])


async def snapshot(chat: Chat, **params: Any) -> list[Event]:
    """What a new connection to a resting chat gets first. Raises Unmet."""
    return await marked(await joined_stream(chat, **params), chat)


async def quiet(t: Case, content: Any = None, by: Actor | None = None, **fields: Any) -> Chat:
    """A chat whose first turn, title and summary are all done, so that nothing happens to it by itself. Raises Unmet."""
    chat = await t.new_chat(content or script(says("Hello."), title="Quiet title"), by, **fields)
    if t.session.target.llm.kind == "live":
        await chat.finished()
    else:
        await chat.finished(title=chat.dialect.title("Quiet title"))
    return chat


def ended(t: Case, socket: Socket, start: int) -> Callable[[Event], bool]:
    """A pattern: with this event the turn that began behind the `start`-th has ended (an older one may be told late)."""

    def found(_: Event) -> bool:
        seen = statuses(socket.events[start:])
        return t.running in seen and seen[-1] in t.final

    found.__doc__ = "a running status, and then a final one"
    return found


async def turn_on(t: Case, chat: Chat, socket: Socket, content: Any) -> list[Event]:
    """What came during a turn on an idle chat. Raises Unmet.

    A real server now and then interrupts an ordinary send by itself; such a turn is ordered once more.
    """
    for _ in range(3):
        start, known = len(socket.events), ids(await chat.history())
        sent = chat.dialect.message(t.given(await chat.send(content)))["id"]
        await told(socket, {"type": "message", "message": {"id": sent}}, start=start)
        await chat.settled()
        added = [m for m in await chat.history() if m["id"] not in known]
        if any(m["role"] == "assistant" for m in added):
            for message in added:
                await told(socket, {"type": "message", "message": {"id": message["id"]}}, start=start)
            with contextlib.suppress(NotSeen):  # how it ends on the stream is for the case to judge
                await socket.until(ended(t, socket, start))
            await socket.ping()
            return socket.events[start:]
    raise Unmet("three sends in a row got no reply")
