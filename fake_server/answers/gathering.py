"""What an answer leaves behind: the messages that its pieces make."""

from __future__ import annotations

from typing import Any

Json = Any


class Gathered:
    """Gathers the pieces of one model call. `messages`: those that are complete, as they are kept."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Json]] = []
        self._open: dict[str, Json] | None = None
        self._written: dict[str, dict[str, Json]] = {}  # call id → the invocation that its arguments are written to

    @property
    def _message(self) -> dict[str, Json]:
        if self._open is None:
            self._open = {"id": "", "content": "", "role": "assistant"}
        return self._open

    @property
    def _parts(self) -> list[dict[str, Json]]:
        parts: list[dict[str, Json]] = self._message.setdefault("parts", [])
        return parts

    def text(self, text: str) -> None:
        """A piece of text: it goes on in the part before, if that is one."""
        self._message["content"] += text
        if self._parts and self._parts[-1]["type"] == "text":
            self._parts[-1]["text"] += text
        else:
            self._parts.append({"type": "text", "text": text})

    def started(self, message_id: str) -> None:
        """The model begins a message: its first part says so."""
        self._message["id"] = message_id
        self._parts.append({"type": "step-start"})

    def thought(self, text: str) -> None:
        """A piece of what the model thinks: all of it is one part, where the first stood."""
        part = next((part for part in self._parts if part["type"] == "reasoning"), None)
        if part is None:
            part = {"type": "reasoning", "reasoning": ""}
            self._parts.append(part)
        part["reasoning"] += text

    def call_started(self, call_id: str, name: str) -> None:
        """A tool call begins."""
        invocation = {"state": "partial-call", "toolCallId": call_id, "toolName": name, "args": ""}
        self._written[call_id] = invocation
        self._parts.append({"type": "tool-invocation", "toolInvocation": invocation})

    def call_piece(self, call_id: str, delta: str) -> None:
        """A piece of its arguments."""
        invocation = self._written.get(call_id)
        if invocation is not None and invocation["state"] == "partial-call":
            invocation["args"] += delta

    def _first(self, call_id: str) -> dict[str, Json]:
        """The first invocation with this id, whatever came since; one of its own for a call of the message before."""
        for part in self._parts:
            if part["type"] == "tool-invocation" and part["toolInvocation"]["toolCallId"] == call_id:
                found: dict[str, Json] = part["toolInvocation"]
                return found
        self.call_started(call_id, "")
        return self._first(call_id)

    def called(self, call_id: str, name: str, args: Json) -> None:
        """The arguments are complete: the tool runs."""
        invocation = self._first(call_id)
        invocation |= {"state": "call", "toolName": name, "args": args}
        invocation.pop("result", None)

    def result(self, call_id: str, result: Json) -> None:
        """What the tool gave; nothing is kept of null."""
        invocation = self._first(call_id)
        invocation["state"] = "result"
        if result is not None:
            invocation["result"] = result

    def finished(self) -> None:
        """The model has ended: the message is complete, even if it is empty."""
        self.messages.append(self._message)
        self._open, self._written = None, {}

    def end(self) -> None:
        """No more comes: what is there of a message is all of it."""
        if self._open is not None:
            self.finished()
