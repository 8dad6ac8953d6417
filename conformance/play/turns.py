"""A turn seen from its first piece to its end: held at a gate until somebody watches, so that nothing is missed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.verdict import Failure, Unmet
from conformance.wire.patience import kind_of
from conformance.wire.socket import Event, NotSeen, Socket
from fixtures.scripts import gate, script, turn, turns


@dataclass(slots=True)
class Watched:
    """A chat after a turn that was watched: the socket, what came live, and the stored messages, oldest first."""

    chat: Chat
    socket: Socket
    live: list[Event]
    stored: list[dict[str, Any]]

    @property
    def parts(self) -> list[dict[str, Any]]:
        """The live parts, in order of arrival."""
        return [e["message_part"]["part"] for e in self.live if e.get("type") == "message_part"]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages that came live."""
        return [e["message"] for e in self.live if e.get("type") == "message"]

    def content(self, role: str) -> list[dict[str, Any]]:
        """All stored parts of this role's messages, in order."""
        return [part for m in self.stored if m["role"] == role for part in m.get("content", [])]


async def watched(t: Case, *steps: Any, then: tuple[Any, ...] = (), finals: int = 1, **fields: Any) -> Watched:
    """Play `steps` (and further turns `then`) as the first turn of a new chat, watched by its owner from before the first piece.

    The first turn of a chat is used since a real server now and then loses a later one by itself. Raises Unmet.
    """
    hold = t.gate()
    first = turn(gate(hold), *steps)
    chat = await t.new_chat(script(turns(first, *then) if then else first), **fields)
    await t.llm.reached(hold)
    socket = await chat.stream()
    await socket.until({"type": "message"})
    start = len(socket.events)
    await t.llm.open(hold)

    def ended(event: Event) -> bool:
        """a final status"""
        return event.get("type") == "status" and event["status"]["status"] in t.final

    await socket.until(ended, finals, start=start)
    await chat.settled()
    stored = await chat.history()
    for message in stored[1:]:
        await socket.until({"type": "message", "message": {"id": message["id"]}}, start=start)
    await drained(socket, start)
    return Watched(chat, socket, socket.events[start:], stored)


async def drained(socket: Socket, start: int) -> None:
    """Both copies of the final status have come where the server sends two; a pong shows that nothing else is under way."""
    await socket.ping()


@dataclass(slots=True)
class Held:
    """A chat whose first turn is under way and waits at a gate, and the owner's stream of it."""

    chat: Chat
    gate: str
    socket: Socket

    async def open(self) -> None:
        """Let the turn go on."""
        await self.chat.case.llm.open(self.gate)


async def held(
    t: Case, *steps: Any, after: tuple[Any, ...] = (), earlier: tuple[Any, ...] = (), hold: str = "", **fields: Any
) -> Held:
    """A chat whose first turn has shown `steps` (of the call after those of `earlier`) and waits, before `after`. Raises Unmet.

    `hold`: the gate, if it is that of another turn, too.

    That the model has said something does not mean that the server has read it; that its readers have seen it does.
    """
    hold = hold or t.gate()
    first = turns(*earlier, turn(*steps, gate(hold), *(after or ({"text": "late"},))))
    chat = await t.new_chat(script(first, prefix="first"), **fields)
    await t.llm.reached(hold)
    socket = await chat.stream()
    texts = "".join(s.get("text", "") + s.get("reasoning", "") for s in steps)
    calls = {s["tool_call"]["id"] for s in steps if "tool_call" in s}

    mark = "args_delta" if t.order.calls_at_end else "args"

    def shown(_: Event) -> bool:
        """the parts before the gate"""
        parts = [e["message_part"]["part"] for e in socket.events if e.get("type") == "message_part"]
        whole = {p["tool_call_id"] for p in parts if p["type"] == "tool-call" and mark in p}
        return calls <= whole and "".join(p.get("text", "") for p in parts if p["type"] != "tool-call").endswith(texts)

    try:
        await socket.until(shown)
    except NotSeen as missing:
        raise Unmet(str(missing)) from None
    return Held(chat, hold, socket)


async def stuck(t: Case, *queued: str) -> tuple[Chat, list[int]]:
    """A chat at rest with a queue, since its first turn failed; and the ids of the queue. Raises Unmet."""
    turn_under_way = await held(t, {"text": "part"}, after=({"error": {"message": "it broke"}},))
    chat = turn_under_way.chat
    entries = [t.given(await chat.send(said)) for said in queued]
    if not all(entry.get("queued_message") for entry in entries):
        raise Unmet("a send during a turn was not queued")
    await turn_under_way.open()
    await chat.settled("error")
    return chat, [entry["queued_message"]["id"] for entry in entries]


def talk(messages: list[dict[str, Any]]) -> list[str]:
    """What was said, in order: texts of users (without their scripts) and of the model, messages without text left out."""
    texts = ["".join(p.get("text", "") for p in m.get("content", []) if p["type"] == "text") for m in messages]
    return [text.split(" script:")[0] for text in texts if text]


Messages = list[dict[str, Any]]


async def said(chat: Chat, expected: list[str], what: str = "what was said") -> Messages:
    """Wait until the chat rests and exactly `expected` was said in it; gives its messages. Raises Failure."""
    return await rests(chat, lambda messages: talk(messages) == expected, what, expected)


async def ran(chat: Chat, expected: list[str]) -> list[str]:
    """Wait until the chat rests and what was said in it ends so; gives what was said. Raises Failure.

    The more turns, the more of them get lost: in the further plays of a case it is enough that each answer has come in one of
    them, and that this one lacks nothing but answers.
    """
    try:
        return talk(await rests(chat, lambda m: talk(m)[-len(expected) :] == expected, "the end of what was said", expected))
    except Failure as failure:
        whole: list[str] = failure.actual
        shown = [text for text in whole if text in expected]
        missing = {place for place, text in enumerate(expected) if text not in shown}
        follows = all(place and place - 1 not in missing for place in missing)
        if shown != [text for text in expected if text in shown] or not follows or not await chat.lost_a_turn():
            raise
        seen = chat.case.session.answers_seen.setdefault(chat.case.name, set())
        seen.update(shown)
        if chat.case.attempt == 1 or not seen.issuperset(expected):
            raise
        return whole


async def rests(chat: Chat, reached: Callable[[Messages], bool], what: str, expected: Any) -> Messages:
    """Wait until the chat is waiting with an empty queue and its messages are so; gives the messages. Raises Failure."""
    messages: Messages = []
    pause = 0.015
    clock = asyncio.get_running_loop().time
    stirred, before = clock(), ""
    kind, patience = f"rest {kind_of(what)}", chat.case.session.wire.patience
    try:
        async with asyncio.timeout(patience.of(kind, 2 * chat.case.deadline)) as limit:  # a queue is several turns
            while True:
                shown = (await chat.get()).response.body
                chat.hurry(shown, limit)
                status = shown["status"]
                answer = (await chat.all_messages()).response.body
                messages = chat.dialect.history(answer)
                resting = status == chat.case.idle and not answer["queued_messages"]
                if resting and reached(messages):
                    patience.met(kind)
                    return messages
                now = f"{status} {len(answer['queued_messages'])} {[m['id'] for m in messages]}"
                if not resting or now != before:
                    stirred, before = clock(), now
                elif clock() - stirred > chat.case.deadline / 3:
                    raise TimeoutError  # nothing will come of it
                # messages are stored after the status is written, and nothing tells when
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, 0.25)
    except TimeoutError:
        patience.vain(kind, chat.case.name)
        seen = talk(messages)
        what = f"{what}, with the chat waiting and nothing queued"
        raise Failure(f"{what}: {seen} instead of {expected}", expected=expected, actual=seen) from None
