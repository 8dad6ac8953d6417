"""Recorded traffic for the tests of this folder, read once."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from typing import Any

from conformance.recordings.transcripts import load
from conformance.wire.exchange import Exchange, SocketLog
from fixtures.transcripts import files
from spec.documents import documents

PROFILE = "experimental-2026-05"


@cache
def recorded(profile: str = PROFILE) -> tuple[Exchange | SocketLog, ...]:
    """All that was said in all transcripts of the profile."""
    return tuple(item for path in files(profile) for item in load(path))


def operation(said: Exchange | SocketLog, profile: str = PROFILE) -> str:
    """The operationId of what was asked, empty when the documents do not speak of it."""
    match = documents(profile).match(said.request.method, said.request.path)
    return match.operation.id if match else ""


def answer(name: str, status: int, /, **wanted: Any) -> Exchange:
    """A copy of the first recorded answer of this operation whose body has all these keys and values.

    A value of `...` only asks for the key. Raises LookupError when there is none.
    """
    for said in recorded():
        if isinstance(said, Exchange) and said.response.status == status and operation(said) == name:
            body = said.response.body
            if all(isinstance(body, dict) and k in body and v in (..., body[k]) for k, v in wanted.items()):
                return copy.deepcopy(said)
    raise LookupError(f"no recorded {status} of {name} with {wanted}")


def stream(kind: str, feed: str = "streamChat") -> tuple[SocketLog, Any]:
    """A copy of a socket on which an event of this kind was seen, and that event in it."""
    for said in recorded():
        if isinstance(said, SocketLog) and operation(said) == feed:
            log = copy.deepcopy(said)
            for event in events(log):
                if kind in (event.get("type"), event.get("kind")):
                    return log, event
    raise LookupError(f"no recorded {kind} event")


def events(log: SocketLog) -> Iterator[Any]:
    """Every event that the server sent over this socket."""
    for frame in log.frames:
        if frame.direction == "in" and frame.kind == "text":
            told = frame.payload
            if isinstance(told, dict) and "data" in told:  # an envelope
                told = told["data"] if told["type"] == "data" else []
            yield from told if isinstance(told, list) else [told]


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object in this value, itself included."""
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from objects(item)
    elif isinstance(value, list):
        for item in value:
            yield from objects(item)
