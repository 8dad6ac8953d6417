"""One request to the LLM, read from any of the three wires into one neutral form, and what it is for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Json = Any
WireName = Literal["chat", "responses", "anthropic"]

# The server's own helper calls, by the name of the tool or schema that they ask an answer for.
HELPERS = {"propose_title": "title", "propose_turn_status_label": "label"}
SUMMARY_TEXT = "Scripted"
HELPER_TEXTS = {"title": "Scripted title", "label": "Scripted label"}


@dataclass(slots=True)
class Message:
    """One message of the history. An assistant message is one answer of the model, whatever the wire cuts it into."""

    role: str  # system | user | assistant | tool
    texts: list[str] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)  # (id, name) of the tool calls it makes
    results: list[str] = field(default_factory=list)  # ids of the tool calls that it answers


@dataclass(slots=True)
class Call:
    """A request, neutral. `schema_name`/`schema` come from a JSON-schema answer format, `forced` from the tool choice."""

    wire: WireName
    model: str
    stream: bool
    messages: list[Message]
    tools: list[str]
    body: dict[str, Json]
    headers: list[tuple[str, str]]
    schema_name: str = ""
    schema: Mapping[str, Json] = field(default_factory=dict)
    tool_schemas: dict[str, Mapping[str, Json]] = field(default_factory=dict)
    forced: bool = False
    include_usage: bool = True
    problems: list[str] = field(default_factory=list)
    purpose: str = ""
    turn: int = 0
    attempt: int = 0
    _fingerprint: str = ""

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")

    @property
    def root_chat(self) -> str:
        """The root chat that a server under test names in its headers."""
        return self.header("x-coder-chat-id")

    @property
    def chat(self) -> str:
        """The chat the request is for: the sub-chat if it names one."""
        return self.header("x-coder-subchat-id") or self.root_chat

    @property
    def key(self) -> str:
        """The API key as it was sent, without its scheme."""
        sent = self.header("x-api-key") or self.header("api-key") or self.header("authorization")
        return sent.partition(" ")[2].strip() if sent.lower().startswith("bearer") else sent

    @property
    def last_user(self) -> int:
        """Index of the last message that a user wrote, or -1."""
        return next((i for i in reversed(range(len(self.messages))) if self.messages[i].role == "user"), -1)

    @property
    def opening(self) -> str:
        """The first message that a user wrote, or nothing."""
        return next(("\n".join(m.texts) for m in self.messages if m.role == "user"), "")

    @property
    def user_texts(self) -> list[str]:
        index = self.last_user
        return self.messages[index].texts if index >= 0 else []

    @property
    def system_text(self) -> str:
        return "\n".join(text for m in self.messages if m.role == "system" for text in m.texts)

    @property
    def after_user(self) -> list[Message]:
        """What followed the last user message: the model's own answers and the results of its tools."""
        return self.messages[self.last_user + 1 :]

    def fingerprint(self) -> str:
        """Says whether two requests of one chat are the very same: a hash over messages, model and wire."""
        if self._fingerprint:
            return self._fingerprint
        turns = [(m.role, m.texts, m.calls, m.results) for m in self.messages]
        whole = [self.wire, self.model, self.stream, self.root_chat, self.chat, turns, self.tools]
        self._fingerprint = hashlib.sha256(repr(whole).encode("utf-8", "surrogatepass")).hexdigest()
        return self._fingerprint


def classify(call: Call) -> str:
    """What the request is for: turn, title, label, summary or helper (a structured answer of another kind).

    Helper calls are never streams. They ask for one tool (tool mode) or a schema (JSON-schema mode); a call without
    either that belongs to a chat is the summary of its history.
    """
    if call.stream:
        # The oldest servers stream the title call too; it is the one that offers an empty list of tools.
        return "title" if call.body.get("tools") == [] and not call.chat else "turn"
    names = [call.schema_name, *(call.tools if len(call.tools) == 1 else ())]
    for name in names:
        if name in HELPERS:
            return HELPERS[name]
    asked = [call.schema] if call.schema else [call.tool_schemas.get(n, {}) for n in names if n and call.forced]
    for schema in asked:
        properties = schema.get("properties")
        if isinstance(properties, dict):
            for purpose in ("title", "label"):
                if list(properties) == [purpose]:
                    return purpose
    if call.chat:
        return "helper" if names != [""] else "summary"
    if call.header("user-agent").startswith("coder-agents/") and not call.tools:
        # Early servers name no chat; theirs is the title that may be 256 tokens long.
        return "title" if call.body.get("max_tokens") == 256 else "summary"
    return "turn"


def history_turn(call: Call) -> int:
    """How many times the model has already answered since the last user message."""
    return sum(m.role == "assistant" for m in call.after_user)


def pairing_problems(call: Call) -> list[str]:
    """What is wrong with the tool calls and results of the history; empty when all pair up."""
    problems: list[str] = []
    open_calls: list[str] = []
    for message in call.messages:
        if message.role != "tool" and open_calls:
            problems += [f"No tool output found for function call {call_id}." for call_id in open_calls]
            open_calls = []
        open_calls += [call_id for call_id, _ in message.calls]
        for call_id in message.results:
            if call_id in open_calls:
                open_calls.remove(call_id)
            else:
                problems.append(f"No tool call found for function call output with call_id {call_id}.")
    return problems + [f"No tool output found for function call {call_id}." for call_id in open_calls]
