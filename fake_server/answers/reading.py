"""What a model streams, as servers of the first generation read it: server-sent events of chat completions, chunk by chunk.

They have little patience: a comment with a blank line behind it, a named event, broken JSON, an error object or an overlong
line end the reading, and nobody is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fake_server.model_calls.wires.base import loads

Json = Any
LONGEST_LINE = 1 << 16  # bytes


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer, perhaps an empty one."""

    text: str


@dataclass(frozen=True, slots=True)
class CallStart:
    """A tool call begins."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class CallPiece:
    """A piece of a call's arguments."""

    id: str
    delta: str


@dataclass(frozen=True, slots=True)
class Thought:
    """A piece of what the model thinks."""

    text: str


@dataclass(frozen=True, slots=True)
class Started:
    """The model begins a message that has an id."""

    id: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The model says that it has ended; `completion`: how many tokens it has written, where that is told here."""

    reason: str
    completion: int | None = None


Piece = Text | Thought | CallStart | CallPiece | Started | Finished


class BrokenOff(Exception):
    """The reading breaks off with an error: what came is not kept."""


def reason_of(finish: str | None) -> str:
    """How a model's word for why it has finished is told."""
    return "tool-calls" if finish == "tool_calls" else "stop"


class Reading:
    """Reads one answer.

    At its end `reason` says how it ended (empty: without a word of the model), `finished` whether the model said so, and
    `usage` what it cost. `reason_of`: how the model's word for it is told.
    """

    def __init__(self, reason_of: Callable[[str | None], str] = reason_of) -> None:
        self.ended = self.finished = False
        self.reason = ""
        self._reason_of = reason_of
        self.usage: dict[str, int | None] = {"promptTokens": None, "completionTokens": None}
        self._rest = b""
        self._name = ""
        self._data: list[bytes] = []
        self._call = ""
        self._done = False

    def broken(self) -> None:
        """The connection has broken: that is as if the model had ended."""

    def feed(self, data: bytes) -> Iterator[Piece]:
        """The pieces that these bytes complete; none once the reading has `ended`. Raises BrokenOff."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            if self.ended:
                return
            yield from self._line(line.removesuffix(b"\r"))
        self.ended |= len(self._rest) >= LONGEST_LINE

    def _line(self, line: bytes) -> Iterator[Piece]:
        if len(line) >= LONGEST_LINE:
            self.ended = True
            return
        if not line:
            name, data = self._name, b"\n".join(self._data)
            self._name, self._data = "", []
            yield from self._event(name, data)
            return
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")

    def _event(self, name: str, data: bytes) -> Iterator[Piece]:
        if self._done or data.startswith(b"[DONE]"):
            self._done = True
            return
        try:
            chunk = loads(data)
        except ValueError:
            self.ended = True
            return
        if isinstance(chunk, dict) and "error" in chunk:
            self.ended = True
            return
        choices = chunk.get("choices") if isinstance(chunk, dict) and (not name or name.startswith("response.")) else None
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            self.ended, self.reason, self.usage = True, "", dict.fromkeys(self.usage)
            return
        yield from self._choice(chunk, choice)

    def _choice(self, chunk: dict[str, Json], choice: dict[str, Json]) -> Iterator[Piece]:
        finish = choice.get("finish_reason")
        self.reason = self._reason_of(finish)
        usage: Json = chunk.get("usage") if isinstance(chunk.get("usage"), dict) else {}
        self.usage = {"promptTokens": usage.get("prompt_tokens"), "completionTokens": usage.get("completion_tokens")}
        delta: Json = choice.get("delta") if isinstance(choice.get("delta"), dict) else {}
        if isinstance(delta.get("content"), str):
            yield Text(delta["content"])
        for call in delta.get("tool_calls") or ():
            yield from self._called(call)
        if finish:
            self.finished = True
            yield Finished(self.reason)

    def _called(self, call: dict[str, Json]) -> Iterator[Piece]:
        function = call.get("function") or {}
        if call.get("id"):
            self._call = str(call["id"])
            yield CallStart(self._call, str(function.get("name") or ""))
        if function.get("arguments"):
            if not self._call:
                raise BrokenOff
            yield CallPiece(self._call, str(function["arguments"]))
