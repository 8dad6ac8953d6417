"""What is said to a model and what comes back, without the spelling of any provider."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from fake_server.model_calls.classify import ModelError

Json = Any


# -- what is asked ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Tool:
    """A tool that is offered; `parameters` is a JSON Schema."""

    name: str
    description: str
    parameters: dict[str, Json]


@dataclass(slots=True)
class Attachment:
    """A file shown to the model."""

    media_type: str
    name: str
    data: bytes


@dataclass(slots=True)
class UserTurn:
    parts: list[str | Attachment]


@dataclass(slots=True)
class CallMade:
    """A tool call of the model; `arguments` is JSON text."""

    id: str
    name: str
    arguments: str


@dataclass(slots=True)
class AssistantTurn:
    text: str = ""
    reasoning: str = ""
    calls: list[CallMade] = field(default_factory=list)


@dataclass(slots=True)
class ToolTurn:
    id: str
    name: str
    content: str
    is_error: bool = False


Turn = UserTurn | AssistantTurn | ToolTurn


@dataclass(slots=True)
class Prompt:
    """One call of a model. `structured` names the one tool or schema that the answer must fill (helper calls)."""

    model: str
    system: list[str]
    turns: list[Turn]
    tools: list[Tool] = field(default_factory=list)
    stream: bool = True
    max_tokens: int = 32_000
    options: dict[str, Json] = field(default_factory=dict)  # the model config's call options
    structured: Tool | None = None
    echoes_reasoning: bool = False  # earlier answers keep what they were thought out with


# -- what is answered ---------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Text:
    text: str


@dataclass(slots=True)
class TextEnd:
    pass


@dataclass(slots=True)
class Reasoning:
    text: str


@dataclass(slots=True)
class ReasoningEnd:
    pass


@dataclass(slots=True)
class CallPiece:
    """A fragment of a call's arguments. `shown`: readers get a part for it, even when the fragment is empty."""

    id: str
    name: str
    delta: str
    by_provider: bool = False
    shown: bool = True


@dataclass(slots=True)
class CallDone:
    """A call is complete; `arguments` is its JSON text."""

    id: str
    name: str
    arguments: str
    by_provider: bool = False


@dataclass(slots=True)
class ProviderResult:
    """The provider has run a tool of its own."""

    id: str
    name: str


@dataclass(slots=True)
class Source:
    """A web page that the answer rests on; without an id one is made up."""

    url: str
    title: str
    id: str = ""


@dataclass(slots=True)
class Usage:
    """Token counts by the API's names; zeros are left out."""

    counts: dict[str, int]


@dataclass(slots=True)
class Finish:
    """The model has ended. `runs_tools`: the calls made are to be run; `reason`: why it ended, where the wire says so."""

    runs_tools: bool
    reason: str = ""


Piece = Text | TextEnd | Reasoning | ReasoningEnd | CallPiece | CallDone | ProviderResult | Source | Usage | Finish


class Reader(Protocol):
    """Turns one provider's stream into pieces."""

    def event(self, name: str, data: bytes) -> Iterator[Piece]:
        """One server-sent event. Raises ModelError."""
        ...

    def end(self) -> Iterator[Piece]:
        """The stream has ended in order."""
        ...


class Wire(Protocol):
    """One provider API."""

    path: str

    def headers(self, key: str) -> dict[str, str]:
        """Headers that carry the key."""
        ...

    def body(self, prompt: Prompt) -> dict[str, Json]:
        """The request's JSON."""
        ...

    def reader(self) -> Reader:
        """A reader for one streamed answer."""
        ...

    def answer(self, body: Json) -> tuple[str, dict[str, int]]:
        """Text of an answer that was not streamed (of the structured tool: its arguments), and its usage."""
        ...


def loads(data: bytes | str) -> Json:
    """JSON, lenient where the real server is: broken UTF-8 and lone surrogates become U+FFFD. Raises ValueError."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        text = data if isinstance(data, str) else data.decode("utf-8", "replace")
        return _clean(json.loads(text, parse_constant=_refuse))


def _refuse(name: str) -> Json:
    raise ValueError(f"invalid character {name[0]!r} looking for beginning of value")


def _clean(value: Json) -> Json:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return value


def is_json(text: str) -> bool:
    """Is this a complete JSON value?"""
    try:
        loads(text)
    except ValueError:
        return False
    return True


def stream_error(data: bytes | str) -> ModelError:
    """The provider sent an error object in mid-stream."""
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    return ModelError(f"received error while streaming: {text}")


def counts(**values: int | None) -> dict[str, int]:
    """Token counts without those that are zero or unknown."""
    return {name: value for name, value in values.items() if value}


class Events:
    """Splits a byte stream into server-sent events; with `blank`, an empty line is an event also when none stands before it."""

    def __init__(self, *, blank: bool = False) -> None:
        self._blank = blank
        self._rest = b""
        self._name = ""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterator[tuple[str, bytes]]:
        """The events that this chunk completes: name and data."""
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            if line.endswith(b"\r"):
                line = line[:-1]
            if not line:
                if self._data or self._name or self._blank:
                    yield self._name, b"\n".join(self._data)
                self._name, self._data = "", []
                continue
            name, _, value = line.partition(b":")
            value = value[1:] if value.startswith(b" ") else value
            if name == b"data":
                self._data.append(value)
            elif name == b"event":
                self._name = value.decode("utf-8", "replace")
