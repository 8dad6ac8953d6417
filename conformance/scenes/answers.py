"""Messages whose answer is the answer to their request: chats without messages, answers taken apart, answers under way."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from conformance.checks.lines import LineOrder, calls, line_order
from conformance.play.actors import Actor, Chat, parts
from conformance.play.case import Case
from conformance.play.verdict import Unmet
from conformance.wire.exchange import Exchange
from conformance.wire.framing import Heard, heard
from conformance.wire.lines import Lines
from fixtures.scripts import gate, script, text

WORKSPACES = "coder_list_workspaces"  # a tool that every user may call
MYSELF = "coder_get_authenticated_user"
NEW = "New Chat"


@dataclass(slots=True)
class Answer:
    """The lines of an answer, by kind: `said` has them as they came."""

    exchange: Exchange
    said: Heard
    order: LineOrder

    def of(self, kind: str) -> list[Any]:
        """The payloads of the lines of this kind."""
        return [line.value["data"] for line in self.said.events if line.type == kind]

    @property
    def kinds(self) -> str:
        """The kinds of all lines."""
        return "".join(line.type for line in self.said.events)

    @property
    def text(self) -> str:
        """All text."""
        return "".join(self.of(self.order.text))

    @property
    def errors(self) -> list[Any]:
        """The lines that are errors."""
        return [note.value["data"] for note in self.said.notes]

    @property
    def calls(self) -> list[str]:
        """The kinds of the lines of each call of the model."""
        return ["".join(line.type for line in call.lines) for call in calls(self.said, self.order)]


def order_of(t: Case) -> LineOrder:
    """The kinds of lines of the profile."""
    return line_order(t.session.profile.table("line_order"))


def answer_in(t: Case, exchange: Exchange) -> Answer:
    """What this answer of lines says."""
    return Answer(exchange, heard(exchange, t.session.feed(exchange.request)), order_of(t))


async def empty(t: Case, by: Actor | None = None) -> Chat:
    """A chat without messages. Raises Unmet."""
    actor = by or t.alice
    return Chat(actor, t.given(await actor.create())["id"])


def body_of(chat: Chat, prompt: Any, fields: dict[str, Any]) -> Any:
    """The body of a message that says this, parts or one text; `fields` of it or beside it are as they are given."""
    chat.opening = chat.opening or Chat(chat.actor, chat.id, prompt).opening
    return chat.dialect.sending(chat.case.session.target, parts(prompt), fields)


async def ask(chat: Chat, prompt: Any = "Hello there", **fields: Any) -> Answer:
    """Send a message and read its answer. Raises Failure unless that is a stream."""
    answer = await chat.actor.post(chat.url("sendMessage"), body_of(chat, prompt, fields))
    chat.case.accepted(answer)
    return answer_in(chat.case, answer)


async def answered(t: Case, *steps: Any, **fields: Any) -> Answer:
    """The answer to the first message of a new chat, whose script says this. Raises Failure unless that is a stream."""
    return (await talk(t, *steps, **fields))[1]


async def talk(t: Case, *steps: Any, title: Any = None, **fields: Any) -> tuple[Chat, Answer]:
    """A new chat, and the answer to its first message, whose script says this. Raises Failure unless that is a stream."""
    chat = await empty(t)
    return chat, await ask(chat, script(*steps, prefix=t.unique("m"), title=title), **fields)


async def begun(chat: Chat, prompt: Any, **fields: Any) -> Lines:
    """The answer to a message, as it comes. Raises Unmet when it is no stream."""
    lines = await chat.actor.lines(chat.url("sendMessage"), body_of(chat, prompt, fields))
    if not lines.opened:
        raise Unmet(f"the message answered {lines.exchange.response.status}")
    return lines


@dataclass(slots=True)
class Held:
    """An answer whose model waits at a gate, behind what it has said."""

    chat: Chat
    gate: str
    lines: Lines

    async def goes_on(self) -> Answer:
        """Open the gate and read the rest."""
        await self.chat.case.llm.open(self.gate)
        await self.lines.until_closed()
        return answer_in(self.chat.case, self.lines.exchange)


async def held(t: Case, *steps: Any, then: Any = None, chat: Chat | None = None, before: bool = True) -> Held:
    """An answer under way: the model has said `steps` and waits at a gate before `then`. Raises Unmet.

    `before`: the lines of the last text of `steps` have been seen.
    """
    hold, chat = t.gate(), chat or await empty(t)
    first = script(*steps, gate(hold), then or text("late"), prefix=t.unique("m"))
    lines = await begun(chat, first)
    await t.llm.reached(hold)
    said = [step["text"] for step in steps if "text" in step]
    if before and said:
        await lines.until({"type": order_of(t).text, "data": said[-1]})
    return Held(chat, hold, lines)


def texts(messages: list[dict[str, Any]], role: str = "assistant") -> list[str]:
    """The content of each message of this role."""
    return [message["content"] for message in messages if message["role"] == role]


def invocations(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The tool invocations of a message, in its order."""
    return [part["toolInvocation"] for part in message.get("parts", []) if part["type"] == "tool-invocation"]


async def model_calls(chat: Chat, purpose: str = "turn", wait: int = 0) -> list[dict[str, Any]]:
    """The requests of this chat that the scripted model received. Raises Unmet."""
    return await chat.model_calls(purpose, wait)


async def call_about(t: Case, word: str) -> dict[str, Any]:
    """The request to the scripted model whose last message of the user has this word, whatever else it has. Raises Unmet."""
    found = [call for call in await t.llm.journal("", purpose="turn") if word in "".join(said_to(call, "user")[-1:])]
    if not found:
        raise Unmet(f"the model was not asked about {word}")
    return found[-1]


def said_to(call: dict[str, Any], role: str) -> list[str]:
    """The texts of the messages of this role in a request to the model."""
    found = [m["content"] for m in call["body"]["messages"] if m["role"] == role]
    return ["".join(b.get("text", "") for b in c) if isinstance(c, list) else str(c or "") for c in found]


async def in_flight(work: Any) -> asyncio.Task[Any]:
    """A request that is under way while the case goes on."""
    task: asyncio.Task[Any] = asyncio.ensure_future(work)
    await asyncio.sleep(0)
    return task
