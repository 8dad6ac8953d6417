"""Answers a message while its request is open: the title first, then calls of the model until it asks for no more tools."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from fake_server.answers import prompt, provider, tools
from fake_server.answers.gathering import Gathered
from fake_server.answers.messages import MessagesReading, check
from fake_server.answers.reading import (
    BrokenOff,
    CallPiece,
    CallStart,
    Finished,
    Piece,
    Reading,
    Started,
    Text,
    Thought,
    reason_of,
)
from fake_server.model_calls.http_client import Answer, Client, TransportError
from fake_server.model_calls.wires.base import loads
from fake_server.rules import posted
from fake_server.rules.refusals import refusal
from fake_server.state.language_models import LanguageModel
from fake_server.state.records import Chat, User

if TYPE_CHECKING:
    from fake_server.state.store import State

Json = Any
Line = dict[str, Json]  # `type` stands before the colon, `data` behind it
TITLE_BYTES = 40
UNSTORABLE = "pq: unsupported Unicode escape sequence"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is answered: a message in a chat, by whom, with which model; `address`: by which the server knows itself."""

    chat: Chat
    caller: User
    model: LanguageModel
    message: dict[str, Json]
    address: str


class Answerer:
    """Gives the answers of all chats of one backend."""

    def __init__(self, backend: State) -> None:
        self.backend = backend
        self.http = Client()

    async def close(self) -> None:
        """Hang up."""
        self.http.close()

    # -- what was said ------------------------------------------------------------------------------------------

    def history(self, chat: Chat) -> list[dict[str, Json]]:
        """The messages of a chat, oldest first."""
        return self.backend.store.said.setdefault(chat.id, [])

    def keep_asked(self, asked: Asked) -> None:
        """Keep the message of the client. Refuses what the database can't hold."""
        self._keep(asked.chat, [asked.message])

    def keep_answer(self, chat: Chat, messages: list[dict[str, Json]]) -> None:
        """Keep what one call of the model has left. Refuses what the database can't hold."""
        self._keep(chat, messages)

    def _keep(self, chat: Chat, messages: list[dict[str, Json]]) -> None:
        self.backend.guard("messages.unstorable", posted.holds_nul(messages), detail=UNSTORABLE)
        self.history(chat).extend(messages)

    # -- the title ----------------------------------------------------------------------------------------------

    def is_first(self, chat: Chat) -> bool:
        """Is a message to this chat its first one?"""
        return not self.history(chat)

    def reading(self, model: LanguageModel) -> Reading | MessagesReading:
        """Reads an answer of this model."""
        return MessagesReading() if model.provider.speaks_messages else Reading(self.reason)

    def _told(self, asked: Asked, system: str, messages: list[dict[str, Json]]) -> list[dict[str, Json]]:
        if asked.model.provider.speaks_messages:
            check(messages)
        return self.told(system, messages)

    def told(self, system: str, messages: list[dict[str, Json]]) -> list[dict[str, Json]]:
        """The messages as the model gets them. Raises CannotBeTold."""
        return prompt.told(system, messages)

    async def entitle(self, asked: Asked) -> None:
        """Give the chat a title if this is its first message. Refuses when that fails: then nothing is kept."""
        if not self.is_first(asked.chat):
            return
        gathered = Gathered()
        try:
            messages = self._told(asked, prompt.TITLE, [asked.message])
            answer = await provider.call(self.backend, self.http, asked.model, messages, [])
            reading = self.reading(asked.model)
        except prompt.CannotBeTold as error:
            raise refusal("send.no-stream", detail=str(error)) from None
        except provider.CallFailed as error:
            raise refusal("title.failed", detail=f"{asked.model.provider.failure}: {error}") from None
        with suppress(BrokenOff):  # what came is the title
            async with aclosing(self._pieces(answer, reading)) as pieces:
                async for piece in pieces:
                    self._gather(gathered, piece)
        gathered.end()
        self.name(asked.chat, self.title(asked, gathered))

    def title(self, asked: Asked, gathered: Gathered) -> str:
        """The title that an answer makes: its first message's text, or what was asked if it has none."""
        return str(gathered.messages[0]["content"] if gathered.messages else asked.message["content"])

    def name(self, chat: Chat, title: str) -> None:
        """Give a chat this title, cut to so many bytes. Refuses what is no text then."""
        cut = title.encode("utf-8", "replace")[: self.backend.bound("title.exact-length", TITLE_BYTES)]
        try:
            shown = cut.decode()
        except UnicodeDecodeError as error:
            raise self._not_utf8(cut[error.start]) from None
        if "\0" in shown:
            raise self._not_utf8(0)
        chat.title = shown
        chat.updated_at = self.backend.clock.now()

    def _not_utf8(self, byte: int) -> Exception:
        return refusal("title.unstorable", detail=f'pq: invalid byte sequence for encoding "UTF8": 0x{byte:02x}')

    # -- the answer ---------------------------------------------------------------------------------------------

    async def lines(self, asked: Asked) -> AsyncGenerator[Line, None]:
        """The answer, line by line, as it comes. A refusal that it ends with is told as it is, without a prefix."""
        self.keep_asked(asked)
        going_on = True
        while going_on:
            try:
                messages = self._told(asked, prompt.SYSTEM, self.history_for(asked))
            except prompt.CannotBeTold as error:
                raise refusal("send.no-stream", detail=str(error)) from None
            try:
                answer = await provider.call(self.backend, self.http, asked.model, messages, tools.offered())
            except provider.CallFailed as failure:
                for line in self.failed(asked, failure):
                    yield line
                return
            reading, gathered = self.reading(asked.model), Gathered()
            try:
                async with aclosing(self._one_call(asked, answer, reading, gathered)) as told:
                    async for line in told:
                        yield line
            except BrokenOff:
                return
            gathered.end()
            self.keep_answer(asked.chat, gathered.messages)
            going_on = self.goes_on(asked, reading, gathered)

    def failed(self, asked: Asked, failure: provider.CallFailed) -> list[Line]:
        """What is told of a call of the model that has failed: nothing."""
        return []

    def reason(self, finish: str | None) -> str:
        """How a model's word for why it has finished is told."""
        return reason_of(finish)

    def history_for(self, asked: Asked) -> list[dict[str, Json]]:
        """What the model is told of a chat."""
        return list(self.history(asked.chat))

    def goes_on(self, asked: Asked, reading: Reading | MessagesReading, gathered: Gathered) -> bool:
        """Is the model called once more after it has ended so?"""
        return reading.reason == "tool-calls"

    async def _one_call(
        self, asked: Asked, answer: Answer, reading: Reading | MessagesReading, gathered: Gathered
    ) -> AsyncGenerator[Line, None]:
        calls: dict[str, list[str]] = {}  # id → name, and the text of its arguments so far
        async with aclosing(self._pieces(answer, reading)) as pieces:
            async for piece in pieces:
                self._gather(gathered, piece)
                yield self.line(piece)
                if isinstance(piece, CallStart):
                    calls[piece.id] = [piece.name, ""]
                elif isinstance(piece, CallPiece):
                    call = calls.setdefault(piece.id, ["", ""])
                    call[1] += piece.delta
                    if self.complete(call[1]):
                        del calls[piece.id]
                        async for line in self._run(asked, gathered, piece.id, *call):
                            yield line
        yield self.end(reading)

    def end(self, reading: Reading | MessagesReading) -> Line:
        """The line that ends what is told of one call of the model."""
        return {"type": "d", "data": {"finishReason": reading.reason, "usage": reading.usage}}

    async def _run(self, asked: Asked, gathered: Gathered, call_id: str, name: str, text: str) -> AsyncGenerator[Line, None]:
        """Run a tool: what it is called with, and what it gives."""
        args = _sorted(posted.floats(loads(text)))
        gathered.called(call_id, name, args)
        yield {"type": "9", "data": {"toolCallId": call_id, "toolName": name, "args": args}}
        result = await tools.run(self.backend, self.works_for(asked), asked.address, name, args)
        gathered.result(call_id, result)
        yield {"type": "a", "data": {"toolCallId": call_id, "result": result}}

    async def _pieces(self, answer: Answer, reading: Reading | MessagesReading) -> AsyncGenerator[Piece, None]:
        """The pieces of an answer as they come, until the reading or the answer ends, or the connection breaks."""
        try:
            async for data in self.chunks(answer):
                for piece in reading.feed(data):
                    if self.counts(piece):
                        yield piece
                if reading.ended:
                    return
        except TransportError:
            reading.broken()
        finally:
            if self.backend.does("llm.hangs-up"):
                answer.close()

    def chunks(self, answer: Answer) -> AsyncIterator[bytes]:
        """The bytes of an answer as they come."""
        return answer.chunks()

    def counts(self, piece: Piece) -> bool:
        """Does this piece say anything?"""
        return not isinstance(piece, Text) or bool(piece.text)

    def _gather(self, gathered: Gathered, piece: Piece) -> None:
        match piece:
            case Text(text):
                gathered.text(text)
            case CallStart(call_id, name):
                gathered.call_started(call_id, name)
            case CallPiece(call_id, delta):
                gathered.call_piece(call_id, delta)
            case Thought(text):
                gathered.thought(text)
            case Started(message_id):
                gathered.started(message_id)
            case Finished():
                gathered.finished()

    def line(self, piece: Piece) -> Line:
        """The line that tells of a piece."""
        match piece:
            case Text(text):
                return {"type": "0", "data": text}
            case CallStart(call_id, name):
                return {"type": "b", "data": {"toolCallId": call_id, "toolName": name}}
            case CallPiece(call_id, delta):
                return {"type": "c", "data": {"toolCallId": call_id, "argsTextDelta": delta}}
            case Thought(text):
                return {"type": "g", "data": text}
            case Started(message_id):
                return {"type": "f", "data": {"messageId": message_id}}
            case Finished(reason, completion):
                usage = {"promptTokens": None, "completionTokens": completion}
                return {"type": "e", "data": {"finishReason": reason, "usage": usage, "isContinued": False}}

    def works_for(self, asked: Asked) -> User:
        """With whose rights the tools work."""
        return asked.caller

    def complete(self, text: str) -> bool:
        """Are these all the arguments of a call: an object, or null?"""
        try:
            return isinstance(loads(text), dict | None)
        except ValueError:
            return False


def _sorted(value: Json) -> Json:
    """The value with the keys of its objects in order."""
    return orjson.loads(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))
