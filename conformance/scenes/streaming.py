"""Streams: what fails, what is tried again, what is seen of it."""

from __future__ import annotations

from typing import Any

from conformance.play.actors import Actor, Chat
from conformance.play.case import Case
from conformance.play.provisioning import heard_of, new_model, new_provider
from conformance.play.streams import (
    about,
    joined_stream,
    of_type,
    over,
    payloads,
    quiet,
    statuses,
    told,
)
from conformance.play.turns import Held, held, watched
from conformance.play.verdict import Failure, Unmet
from conformance.wire.socket import Event, Socket
from fixtures.scripts import attempts, fault, gate, http_error, raw, script, tool_call, turn, turns, wait_ms
from fixtures.scripts import error as says_error
from fixtures.scripts import text as says

NEUTRAL = "a neutral text"


def refused(status: int, message: str | None = NEUTRAL, **keys: Any) -> Any:
    return http_error(status, message, **keys)


async def before_failing(t: Case, failure: Any, **fields: Any) -> Held:
    """A chat whose first turn waits in its first step; its second step fails. Raises Unmet."""
    hold = t.gate()
    first = turn(tool_call("list_templates", {}, id="o1"), gate(hold))
    chat = await t.new_chat(script(turns(first, failure)), **fields)
    t.cleanup(chat.interrupt)
    await t.llm.reached(hold)
    socket = await chat.stream()
    await told(socket, {"type": "message"})
    return Held(chat, hold, socket)


async def until_failed(seen: Held) -> list[Event]:
    """Let the turn go on, and wait until it has ended or is tried again."""
    start = len(seen.socket.events)
    await seen.open()

    await seen.socket.until(over(seen.chat.case), start=start)
    return seen.socket.events[start:]


async def failed(t: Case, failure: Any, **fields: Any) -> tuple[Chat, list[Event]]:
    """A chat whose turn has failed, and what came meanwhile. Raises Unmet when it does not end in error."""
    seen = await before_failing(t, failure, **fields)
    start = len(seen.socket.events)
    await seen.open()
    await told(seen.socket, {"type": "status", "status": {"status": "error"}}, start=start)
    await seen.chat.settled("error")
    if t.refuses("interrupt.at-rest"):
        behind = t.message(t.given(await seen.chat.send("behind it")))
        last = await told(seen.socket, {"type": "message", "message": {"id": behind["id"]}}, start=start)
        return seen.chat, seen.socket.events[start : seen.socket.events.index(last)]
    # an interrupt of a chat at rest streams a status of its own, behind everything that the turn has told
    t.given(await seen.chat.interrupt())
    await told(seen.socket, {"type": "status", "status": {"status": "waiting"}}, start=start)
    return seen.chat, seen.socket.events[start:]


async def last_error(t: Case, failure: Any, **fields: Any) -> dict[str, Any]:
    """The last_error of a chat whose first turn was this."""
    chat = await t.new_chat(script(failure), **fields)
    t.cleanup(chat.interrupt)
    socket = await joined_stream(chat)
    await told(socket, over(t))
    t.expect(of_type(socket.events, "retry"), [], "the retry events")
    shown = await chat.settled()
    return dict(shown["last_error"])


TOOL = {"name": "lookup", "description": "d", "input_schema": {"type": "object", "properties": {}}}


async def everything(t: Case) -> tuple[Chat, Socket]:
    """A stream on which each type that there is has come. Raises Unmet."""
    lists, lookup = tool_call("list_templates", {}, id="o1"), turn(tool_call("lookup", {"a": 1}, id="k1"))
    if "action_required" in payloads(t):
        seen = await watched(t, lists, then=(lookup,), unsafe_dynamic_tools=[TOOL])
        chat, socket = seen.chat, seen.socket
        await told(socket, {"type": "action_required"})
    else:
        under_way = await held(t, says("part"), earlier=(turn(lists),))
        chat, socket = under_way.chat, under_way.socket
    fails = script(attempts(http_error(503, retry_after=0), http_error(400, "no")), prefix=t.unique("ask"))
    queued = t.given(await chat.send(fails))
    await told(socket, {"type": "queue_update"})
    t.given(await chat.get())  # what the promotion is made from
    t.given(await chat.promote(queued["queued_message"]["id"]))
    for event in ({"type": "retry"}, {"type": "error"}, {"type": "status", "status": {"status": "error"}}):
        await told(socket, event)
    return chat, socket


async def talked_to(t: Case, said: str | bytes) -> list[Socket]:
    """A stream and a watch feed to which the client has said something; both closed. Raises NotSeen."""
    chat = await t.new_chat()
    sockets = [await joined_stream(chat), await t.alice.watch()]
    for socket in sockets:
        await socket.ping()
        await socket.send(said)
        await socket.until_closed()
    return sockets


FORMS: dict[str, Any] = {
    "comments": turn(raw(": comment\n\n"), says("still "), raw(": another\n\n"), says("here")),
    "no usage": {**turn(says("still here")), "usage": None},
    "no finish reason": turn(says("still here"), finish=None),
}


async def answers_with(t: Case, prompt: str, text: str) -> None:
    chat = await t.new_chat(prompt)
    shown = await chat.settled()
    t.expect((shown["status"], shown.get("last_error")), ("waiting", None), "status and last_error")
    said = [p["text"] for m in await chat.history() if m["role"] == "assistant" for p in m["content"]]
    t.expect(said, [text], "the answer that is stored")


MADE_IT = turn(says("Made it."))
CLOSED = "http://127.0.0.1:1/v1"  # nobody listens there
_TIME_TO_JOIN = 2500  # milliseconds
Row = dict[str, Any]


def fails(requirement: str, first: Any, kind: str, own: Row | None = None) -> Row:
    """What the model does at first, and the kind of the retry event; `own`: fields of an AI provider of its own."""
    return {"requirement": requirement, "first": first, "kind": kind, "own": own}


def http(requirement: str, status: int, kind: str, message: str = "no") -> Row:
    return fails(requirement, http_error(status, message), kind)


PASSING = {
    "503": http("RETRY-001", 503, "timeout"),
    "529": http("RETRY-002", 529, "overloaded"),
    "500": http("RETRY-003", 500, "generic"),
    "408": http("RETRY-004", 408, "timeout"),
    "502": http("RETRY-004", 502, "timeout"),
    "504": http("RETRY-004", 504, "timeout"),
    # a provider of its own, and a wish: a gateway takes a key out of use that was told to slow down, for a minute at least
    "429": fails("RETRY-005", http_error(429, "slow down", retry_after=1), "rate_limit", {}),
    "cut": fails("RETRY-006", turn(says("x"), fault("cut")), "timeout"),
    "overloaded in the stream": fails("RETRY-008", turn(says("x"), says_error("now overloaded")), "overloaded"),
    "400 overloaded": http("RETRY-009", 400, "overloaded", "we are overloaded"),
    "400 rate limit": http("RETRY-009", 400, "rate_limit", "rate limit reached"),
    "422 timed out": http("RETRY-009", 422, "timeout", "it timed out"),
    "400 connection reset": http("RETRY-009", 400, "timeout", "connection reset by peer"),
    "400 server error": http("RETRY-009", 400, "generic", "a server error"),
}


async def failing(t: Case, *each: Any, **fields: Any) -> tuple[Chat, Socket]:
    """A chat with a call that goes as `each` says, attempt by attempt, and its stream. Raises Unmet.

    Where the model can be held back the stream is there first, behind a step before that call. Else that step takes its
    time; a stream that is late even so gets the notice in its snapshot as long as the wait lasts.
    """
    hold = t.gate() if t.session.target.llm.control_url else ""
    before = turn(gate(hold) if hold else wait_ms(_TIME_TO_JOIN), tool_call("list_templates", {}, id="o1"))
    chat = await t.new_chat(script(turns(before, attempts(*each))), **fields)
    t.cleanup(chat.interrupt)
    socket = await joined_stream(chat)
    if hold:
        await t.llm.open(hold)
    return chat, socket


async def model_at(t: Case, **provider: Any) -> dict[str, Any]:
    """Fields of a chat on a model of an AI provider of its own. Raises Unmet."""
    own = await new_provider(t, **provider)
    model = (await new_model(t, own, context_limit=100_000))["id"]
    if provider.get("base_url") != CLOSED:
        await heard_of(t, model)
    return {"model_config_id": model}


async def noticed(t: Case, socket: Socket, n: int = 1) -> dict[str, Any]:
    """The notice before the n-th retry, after the wait before it; a failure that ends the turn instead is not waited for."""

    def said(event: Any) -> bool:
        """a retry event (or the end of the turn)"""
        ended = event["type"] == "status" and event["status"]["status"] in t.final
        return ended or (event["type"] == "retry" and event["retry"]["attempt"] >= n)

    event = await socket.until(said, deadline=socket.deadline + 2 ** (n - 2))
    if "retry" not in event:
        if event is socket.events[0] and not t.session.target.llm.control_url:
            raise Unmet("the turn was over before its stream was there, and no gate can hold this model back")
        raise Failure(f"the turn ended instead of a retry {n}: {statuses(socket.events)}")
    return dict(event["retry"])


def answered(chat: Chat, message: Any) -> bool:
    return bool(message["role"] == "assistant" and "Made it." in "".join(p.get("text") or "" for p in message["content"]))


async def tried_again(t: Case, row: Row) -> None:
    fields = {} if row["own"] is None else await model_at(t, **row["own"])
    chat, socket = await failing(t, row["first"], MADE_IT, **fields)
    retry = await noticed(t, socket)
    t.expect(retry["kind"], row["kind"], "the kind of the retry event", "/retry/kind")
    await socket.until({"type": "message", "message": lambda m: answered(chat, m)})
    t.expect((await chat.settled())["status"], "waiting", "the status after the turn", "/status")


FAMILY = turns(turn(tool_call("spawn_agent", {"type": "general", "prompt": "Say hello", "title": "Kid"})), turn(says("Done.")))


class Watch:
    """A watch feed, and a chat of the same owner whose small changes show how far the feed has come."""

    def __init__(self, case: Case, socket: Socket, beacon: Chat) -> None:
        self.case, self.socket, self.beacon = case, socket, beacon

    async def so_far(self, chat: Chat, start: int = 0) -> list[Event]:
        """All events about this chat up to now, from the `start`-th on. Raises Unmet."""
        came = len(self.socket.events)
        for change, event in self.beacon.dialect.signals(self.case.unique("mark")):
            self.case.given(await self.beacon.patch(**change))
            await told(self.socket, {"kind": event["kind"], "chat": {"id": self.beacon.id} | event["chat"]}, start=came)
        return about(self.socket, chat)[start:]

    async def until(self, chat: Chat, kind: str, n: int = 1, **fields: Any) -> Event:
        """Wait for this event. Raises NotSeen."""
        return await self.socket.until({"kind": kind, "chat": {"id": chat.id} | fields}, n)


async def watching(t: Case, beacon: Chat | None = None) -> Watch:
    beacon = beacon or await quiet(t)
    socket = await beacon.actor.watch()
    if not socket.opened:
        raise Unmet(f"opening the watch feed answered {socket.log.handshake.status}")
    return Watch(t, socket, beacon)


async def running(t: Case, by: Actor | None = None) -> tuple[Chat, str]:
    """A chat in the middle of its first answer, and the gate that it waits at. Raises Unmet."""
    hold = t.gate()
    chat = await t.new_chat(script(says("one "), gate(hold), says("two"), title="Quiet title"), by)
    await t.llm.reached(hold)
    await chat.settled("running", title=chat.dialect.title("Quiet title"))
    return chat, hold
