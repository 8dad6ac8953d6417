"""What the three wires have in common."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import orjson

from fake_server.llm.calls import Call, WireName
from fake_server.llm.script import Fault, Gate, HttpError, StreamError, Turn, Wait

Json = Any
# A rendered stream: bytes are one server-sent event each, the rest is for the player.
Played = bytes | Wait | Gate | Fault

CREATED = 1_700_000_000  # constant, so that the same script and seed give the same bytes

_TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
    404: "not_found_error", 408: "timeout_error", 413: "request_too_large", 429: "rate_limit_error",
    500: "server_error", 503: "service_unavailable", 504: "timeout_error", 529: "overloaded_error",
}  # fmt: skip


class BadRequest(ValueError):
    """The request is not one of this wire; the message says why."""


class Ids:
    """Identifiers made from the seed and the request, so that the same seed gives the same bytes."""

    def __init__(self, seed: int, call: Call) -> None:
        self._base = f"{seed}:{call.fingerprint()}:{call.attempt}"
        self._count = 0

    def make(self, prefix: str, length: int = 24) -> str:
        self._count += 1
        return prefix + hashlib.sha256(f"{self._base}:{self._count}".encode()).hexdigest()[:length]


class Token(bytes):
    """A server-sent event that carries a token: the ones that pacing spaces out."""


def dumps(value: Json) -> bytes:
    """Compact JSON; lone surrogates, which orjson refuses, are written as escapes."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode()


def sse(data: Json, event: str = "") -> bytes:
    """One server-sent event."""
    line = b"data: " + dumps(data) + b"\n\n"
    return b"event: " + event.encode() + b"\n" + line if event else line


def error_type(error: HttpError) -> str:
    return error.type or _TYPES.get(error.status, "api_error" if error.status >= 500 else "invalid_request_error")


def texts_of(content: Json, *kinds: str) -> list[str]:
    """The texts of a message content: a string, or a list of blocks of these types."""
    if isinstance(content, str):
        return [content]
    if not isinstance(content, list):
        return []
    return [
        block["text"]
        for block in content
        if isinstance(block, dict) and block.get("type") in kinds and isinstance(block.get("text"), str)
    ]


class Wire(ABC):
    """One provider's protocol."""

    name: WireName
    path: str  # the end of the request path, after any /v1

    @abstractmethod
    def read(self, body: dict[str, Json], headers: list[tuple[str, str]]) -> Call:
        """The request, neutral. Raises BadRequest."""

    @abstractmethod
    def stream(self, turn: Turn, call: Call, ids: Ids) -> Iterator[Played]:
        """The turn as server-sent events, with the pauses and faults in their places."""

    @abstractmethod
    def whole(self, turn: Turn, call: Call, ids: Ids) -> dict[str, Json]:
        """The turn as the body of an answer that is not a stream."""

    @abstractmethod
    def error_body(self, error: HttpError) -> Json:
        """The provider's form of an HTTP error."""

    @abstractmethod
    def stream_error(self, error: StreamError) -> bytes:
        """The provider's form of an error inside of a stream."""
