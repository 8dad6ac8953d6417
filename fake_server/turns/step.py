"""One model call's answer as it grows: the parts that readers see live, and the parts that are stored in the end."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from fake_server.chats.views import stamp
from fake_server.model_calls.wires.base import (
    CallDone,
    CallPiece,
    Finish,
    Piece,
    ProviderResult,
    Reasoning,
    ReasoningEnd,
    Source,
    Text,
    TextEnd,
    Usage,
)
from fake_server.rules.decode import first_value, plain
from fake_server.state.records import Part, new_id


class Step:
    """Collects the pieces of one answer. `publish(role, part)` is called for each live part, `now` gives the time."""

    def __init__(self, publish: Callable[[str, Part], None], now: Callable[[], datetime], later: bool = False) -> None:
        self._publish, self._now = publish, now
        # later: live reasoning has its time, calls are whole when all is said, pieces of text stay apart when cut off
        self._later = later
        self._held: list[CallDone] = []
        self.parts: list[Part] = []  # finished, in the order of storage
        self.calls: list[CallDone] = []  # to be run here, in the order of completion
        self.results: dict[int, Part] = {}  # results by position of the call, as far as they are known
        self.attached: list[Part] = []  # files that its tools attached
        self.counts: dict[str, int] = {}
        self.runs_tools = False
        self.stored = False  # what the model has said is stored already
        self.finish = ""
        self.began = False
        self._since = time.monotonic()
        self.runtime_ms = 0
        self._text: list[str] | None = None
        self._reasoning: list[str] | None = None
        self._reasoning_since = ""
        self._open_calls: dict[str, CallPiece] = {}

    def take(self, piece: Piece) -> None:
        """One more piece of the answer."""
        self.began = True
        match piece:
            case Text():
                if self._text is None:
                    self._text = []
                self._text.append(piece.text)
                self._publish("assistant", {"type": "text", "text": piece.text})
            case TextEnd():
                self._close_text()
            case Reasoning():
                if self._reasoning is None:
                    self._reasoning, self._reasoning_since = [], stamp(self._now())
                self._reasoning.append(piece.text)
                timed = {"created_at": stamp(self._now())} if self._later else {}
                self._publish("assistant", {"type": "reasoning", "text": piece.text, **timed})
            case ReasoningEnd():
                self._close_reasoning()
            case CallPiece():
                self._open_calls[piece.id] = piece
                if piece.shown:
                    part = _call_part(piece.id, piece.name, piece.by_provider)
                    if piece.delta:
                        part["args_delta"] = piece.delta
                    self._publish("assistant", part)
            case CallDone():
                if self._later and not piece.by_provider:
                    self._held.append(piece)
                else:
                    self._call(piece)
            case ProviderResult():
                part = _call_part(piece.id, piece.name, True)
                part["type"], part["result"], part["created_at"] = "tool-result", {}, stamp(self._now())
                self.parts.append(part)
                self._publish("tool", part)
            case Source():
                part = {"type": "source", "source_id": piece.id or new_id(), "url": piece.url}
                if piece.title:
                    part["title"] = piece.title
                self.parts.append(part)
                self._publish("assistant", part)
            case Usage():
                self.counts = piece.counts
            case Finish():
                for call in self._held:
                    self._call(call)
                self._held = []
                self.runs_tools, self.finish = piece.runs_tools, piece.reason
                self.runtime_ms = int((time.monotonic() - self._since) * 1000)

    def result(self, position: int, result: Any, *, is_error: bool = False) -> None:
        """The result of the call at this position; shown when all are there (see `publish_results`)."""
        call = self.calls[position]
        part = _call_part(call.id, call.name, False)
        part["type"], part["result"], part["created_at"] = "tool-result", result, stamp(self._now())
        if is_error:
            part["is_error"] = True
        self.results[position] = part

    def publish_results(self) -> None:
        """Show the results that are known, in call order."""
        for position in sorted(self.results):
            self._publish("tool", self.results[position])

    def final(self) -> list[Part]:
        """The stored content of a finished answer: nothing if it has neither text nor a call nor a source."""
        return self.parts if any(part["type"] != "reasoning" for part in self.parts) else []

    def partial(self) -> list[Part]:
        """The stored content of an answer that was cut off: all that is there, open pieces included."""
        self._close_reasoning()
        if self._later and self._text:
            self.parts.extend({"type": "text", "text": piece} for piece in self._text)
            self._text = None
        self._close_text()
        for call in self._held:
            self._call(call)
        self._held = []
        for piece in self._open_calls.values():
            self.parts.append(_call_part(piece.id, piece.name, piece.by_provider))
        self._open_calls = {}
        return self.parts

    def _close_text(self) -> None:
        if self._text is not None:
            self.parts.append({"type": "text", "text": "".join(self._text)})
            self._text = None

    def _close_reasoning(self) -> None:
        if self._reasoning is not None:
            times = {"created_at": self._reasoning_since, "completed_at": stamp(self._now())}
            self.parts.append({"type": "reasoning", "text": "".join(self._reasoning), **times})
            self._reasoning = None

    def _call(self, call: CallDone) -> None:
        self._open_calls.pop(call.id, None)
        part = _call_part(call.id, call.name, call.by_provider)
        part["args"] = plain(first_value(call.arguments.encode()))
        commands = parsed_commands(part["args"]) if call.name == "execute" else []
        if commands:
            part["parsed_commands"] = commands
        part["created_at"] = stamp(self._now())
        if not call.by_provider:
            self.calls.append(call)
        self.parts.append(part)
        self._publish("assistant", part)


def _call_part(call_id: str, name: str, by_provider: bool) -> Part:
    part: Part = {"type": "tool-call", "tool_call_id": call_id}
    if name:
        part["tool_name"] = name
    if by_provider:
        part["provider_executed"] = True
    return part


_SEPARATOR = re.compile(r"&&|\|\||[;|\n]")
_WORD = re.compile(r"""(?:[^\s"']|"(?:\\.|[^"\\])*"|'[^']*')+""")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


def parsed_commands(args: Any) -> list[list[str]]:
    """The commands of an `execute` call: for each the program and, if there is one, its first argument that is no flag."""
    command = args.get("command") if isinstance(args, dict) else None
    found = []
    for one in _SEPARATOR.split(command) if isinstance(command, str) else ():
        words = [word.strip("\"'") for word in _WORD.findall(one)]
        while words and _ASSIGNMENT.match(words[0]):
            words.pop(0)
        if words:
            argument = next((word for word in words[1:] if not word.startswith("-")), None)
            found.append([words[0]] if argument is None else [words[0], argument])
    return found
