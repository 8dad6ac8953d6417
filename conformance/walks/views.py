"""What is looked at on both sides between two steps, and how it is asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from conformance.walks.differ import shown
from conformance.walks.kinds import named_gate
from conformance.walks.kinds import shown as marker
from conformance.walks.sides import Side
from conformance.walks.steps import BUSY, State
from conformance.walks.telling import request, told
from conformance.wire.exchange import Exchange
from conformance.wire.socket import NotSeen

Value = list[tuple[str, Any]]  # what belongs to which area
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class View:
    """One thing that is looked at. `local`: nothing is asked of the server for it."""

    name: str
    look: Callable[[Side], Awaitable[Value]]
    local: bool = False


def _of(area: str, name: str, ask: Callable[..., Awaitable[Exchange]], *given: Any) -> View:
    """`ask` gets the side, and what is given."""

    async def look(side: Side) -> Value:
        return [(area, shown(await ask(side, *given)))]

    return View(name, look)


def _view(name: str, look: Callable[..., Awaitable[Value]], *given: Any, local: bool = False) -> View:
    return View(name, partial(_with_side, look, given), local)


def _with_side(look: Callable[..., Awaitable[Value]], given: tuple[Any, ...], side: Side) -> Awaitable[Value]:
    return look(side, *given)


def chat_views(names: Iterable[str]) -> list[View]:
    """These chats as their owners see them, with history and queue."""
    out = []
    for name in names:
        out.append(_of("chat", f"GET chat {name}", _recent, name, "chat"))
        out.append(_view(f"messages of {name}", _messages, name))
    return out


async def _recent(side: Side, name: str, what: str) -> Exchange:
    """What was asked a moment ago, once; else asked now."""
    chat = side.chat(name)
    return side.recent.pop((name, what), None) or await (chat.get() if what == "chat" else chat.all_messages())


async def _messages(side: Side, name: str) -> Value:
    answer = shown(await _recent(side, name, "messages"))
    body = answer["body"]
    if not isinstance(body, dict):
        return [("history", answer)]
    side.history[name] = [m.get("id") for m in side.t.session.dialect.history(body)]
    queue = body.get("queued_messages") or []
    side.queue[name] = [entry.get("id") for entry in queue]
    return [
        ("history", answer | {"body": {k: v for k, v in body.items() if k != "queued_messages"}}),
        ("queue", {"queued_messages": queue}),
    ]


def held_views(gates: dict[str, int]) -> list[View]:
    """Chats that wait at a gate: the model's call waits there, and the owner has been shown all before it."""

    def one(chat: str, gate: int) -> View:
        async def look(side: Side) -> Value:
            waits = await side.waits_at(gate)
            return [("stream", {"waits": waits, "shown": await side.heard(chat, marker(named_gate(side.tag, gate)))})]

        return View(f"turn of {chat} at its gate", look)

    return [one(chat, gate) for chat, gate in gates.items()]


def stream_views(side: Side, state: State) -> list[View]:
    """What came over the open sockets since the last look."""
    out = []
    for chat, actor in side.sockets:
        if chat == "watch":
            out.append(_view(f"watch feed of {actor}", _watched, actor, state, local=True))
        else:
            out.append(_view(f"stream of {chat} to {actor}", _streamed, chat, actor, local=True))
    return out


async def _streamed(side: Side, chat: str, actor: str) -> Value:
    socket = side.sockets[chat, actor]
    if not socket.opened:
        return [("others", {"handshake": socket.log.handshake.status})]
    return [("stream", told(socket.events, side.marks[chat, actor]) | {"closed": socket.closed.is_set()})]


_OF_WATCH = ("id", "owner_id", "title", "archived", "labels", "pin_order", "plan_mode", "root_chat_id", "parent_chat_id")


async def _watched(side: Side, actor: str, state: State) -> Value:
    """By chat: the kinds of events that came, and what the last one of each says of the chat."""
    names = {side.ids[name]: name for name in state.chats if name in side.ids}
    came: dict[str, dict[str, Any]] = {}
    socket = side.sockets["watch", actor]
    for event in socket.events[side.marks.get(("watch", actor), 0) :]:
        chat = event.get("chat")
        name = names.get(str(chat.get("id"))) if isinstance(chat, dict) else None
        if name is None or not isinstance(chat, dict):
            continue
        kind = str(event.get("kind"))
        said = {key: chat[key] for key in _OF_WATCH if key in chat}
        if kind == "status_change":
            if state.chats[name].run != BUSY:  # whether `pending` of a turn from the queue is told is chance
                said["status"] = chat.get("status")
            if state.chats[name].stale:
                said = {key: said[key] for key in ("id", "status") if key in said}
        if kind == "created":
            said.pop("title", None)  # the model may have given another one by then
        came.setdefault(name, {})[kind] = said
    told_of = {f"{name} {kind}": value for name, kinds in came.items() for kind, value in kinds.items()}
    return [("watch", {"closed": socket.closed.is_set(), "chats": told_of})]


# -- a whole look


def whole_views(side: Side, state: State, *, everything: bool = True, flat: bool = False) -> list[View]:
    """Everything else: what others see, pages, a fresh snapshot, what the model received; `everything`: lists and costs, too;
    `flat`: no lists in which the order of children is chance."""
    out: list[View] = []
    for chat in state.chats.values():
        out += _others(side, chat.name, chat.child) + _pages(side, chat.name, chat.messages)
        out.append(_view(f"model calls of {chat.name}", _received, chat.name))
        if not chat.child:
            out.append(_view(f"snapshot of {chat.name}", _snapshot, chat.name))
    if everything:
        out.append(_view("model calls of all chats", _received_by_any))
    for actor in ("alice", "bob") if everything else ():
        if not (flat and any(c.child and c.owner == actor for c in state.chats.values())):
            out += _lists(actor, state)
        if side.knows("getCostSummary"):
            out.append(_of("usage", f"costs of {actor}", _cost, actor))
    return out


async def _get(side: Side, name: str, actor: str) -> Exchange:
    return await side.chat(name, actor).get()


async def _page(side: Side, name: str, actor: str, places: Mapping[str, int]) -> Exchange:
    """A page of messages; cursors are given by the place of a message."""
    ids = side.history[name] if places else []
    return await side.chat(name, actor).messages(**{k: v if k == "limit" else ids[v] for k, v in places.items()})


async def _acl(side: Side, name: str) -> Exchange:
    return await side.chat(name).acl()


async def _prompts(side: Side, name: str) -> Exchange:
    return await side.chat(name).prompts()


async def _list(side: Side, actor: str, params: Mapping[str, Any], after: str = "") -> Exchange:
    return await side.people[actor].list(**params, **({"after_id": side.ids[after]} if after else {}))


async def _cost(side: Side, actor: str) -> Exchange:
    return await side.people[actor].get(side.t.url("getCostSummary", user="me"))


def _others(side: Side, name: str, child: bool) -> list[View]:
    out = []
    for actor in ("bob" if side.owners[name] == "alice" else "alice", "root"):
        out.append(_of("others", f"GET chat {name} by {actor}", _get, name, actor))
        out.append(_of("others", f"messages of {name} by {actor}", _page, name, actor, {}))
    if side.knows("getChatACL") and not child:
        out.append(_of("others", f"ACL of {name}", _acl, name))
    return out


def _pages(side: Side, name: str, messages: int) -> list[View]:
    out = [_of("page", f"prompts of {name}", _prompts, name)] if side.knows("listPrompts") else []
    middle = messages // 2
    cursors = [{"limit": 1}, {"before_id": messages - 1, "limit": 1}, {"before_id": middle, "limit": 1}] if middle else []
    cursors += [{"after_id": middle - 1, "limit": 2}] if middle else []
    return out + [_of("page", f"messages of {name} {c}", _page, name, "", c) for c in cursors]


_QUERIES = ("archived:true", "archived:false title:name", "has_unread:true", 'title:"title w"', "title:\u984c", "pr_status:open")
_PARAMS: tuple[dict[str, Any], ...] = (
    {},
    {"label": "area:a"},
    {"limit": 2},
    {"limit": 1, "offset": 1},
    {"limit": 2, "label": "side:x"},
    *({"q": q} for q in _QUERIES),
    {"q": "title:title", "limit": 1, "offset": 1},
)
_OF_FEW: tuple[dict[str, Any], ...] = ({}, {"label": "area:a"}, *({"q": q} for q in _QUERIES[:4]))


def _lists(actor: str, state: State) -> list[View]:
    mine = [c.name for c in state.roots if c.owner == actor]
    asked = _PARAMS if len(mine) > 2 else _OF_FEW if mine else _PARAMS[:1]  # pages of one or two chats show little
    out = [_of("list", f"list of {actor} {p}", _list, actor, p) for p in asked]
    return out + [_of("list", f"list of {actor} after {name}", _list, actor, {"limit": 2}, name) for name in mine[:2]]


async def _snapshot(side: Side, name: str) -> Value:
    socket = await side.t.session.dialect.stream(side.chat(name, "root"))
    try:
        if socket.opened:
            try:
                await socket.until({"type": "status"}, deadline=1.0)
                await socket.ping()
            except NotSeen:
                pass
        return [("snapshot", told(socket.events, 0) if socket.opened else {"handshake": socket.log.handshake.status})]
    finally:
        await socket.aclose()


async def _received(side: Side, name: str) -> Value:
    return [("model", [request(entry) for entry in await side.requests(name)])]


async def _received_by_any(side: Side) -> Value:
    """Calls in which a server names no chat, whatever the order between chats."""
    return [("model", sorted((request(entry) for entry in await side.unnamed_requests()), key=_place_of))]


def _place_of(call: dict[str, Any]) -> tuple[Any, ...]:
    """By what a call opens with, and how much was said by then: alike on both sides, though ids are not."""
    said = [json.dumps(message, sort_keys=True) for message in call["messages"]]
    return [_ID.sub("", text) for text in said[:1]], len(said), [_ID.sub("", text) for text in said]
