"""Controls: variations that the API allows. A server that varies so is right, and the suite must not notice.

Each control is a fault in form (it changes answers or frames) and turns nothing red.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import spec
from fake_server.backend import Backend
from fake_server.faulting import REGISTRY, Answer, Fault

Events = list[dict[str, Any]]
_DECODERS_WORDS = {row.message for row in spec.load(spec.DEFAULT).errors.values() if row.detail and "{detail}" in row.detail}


def _each_object(value: Any, change: Callable[[dict[str, Any]], None]) -> None:
    if isinstance(value, dict):
        change(value)
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _each_object(item, change)


def control_extra_fields(answer: Answer) -> None:
    """Every known object of an answer has a field more than the contract knows."""

    def add(item: dict[str, Any]) -> None:
        if "id" in item or "message" in item:
            item["x_new_field"] = {"added": "later"}

    _each_object(answer.body, add)


def control_extra_headers(answer: Answer) -> None:
    """Answers carry more headers."""
    answer.headers |= {"x-request-id": "42", "server": "another", "vary": "Accept-Encoding", "x-frame-options": "DENY"}


def control_other_details(answer: Answer) -> None:
    """Where the detail of a refusal carries a decoder's own words, these are other ones."""
    if isinstance(answer.body, dict) and answer.status >= 400 and answer.body.get("message") in _DECODERS_WORDS:
        answer.body["detail"] = "Something about the input, in other words."


def control_key_order(answer: Answer) -> None:
    """The keys of objects come in another order."""
    if isinstance(answer.body, dict):
        answer.body = dict(reversed(answer.body.items()))


def control_media_type_without_charset(answer: Answer) -> None:
    """The media type of JSON answers names no charset."""
    if answer.headers.get("content-type", "").startswith("application/json"):
        answer.headers["content-type"] = "application/json"


def control_event_extra_fields(batch: Events, memory: dict[str, Any]) -> Events:
    """Every event has a field more than the contract knows."""
    return [{**event, "x_new_field": 1} for event in batch]


def control_repeated_status(batch: Events, memory: dict[str, Any]) -> Events:
    """Every live status event comes once more."""
    if memory.setdefault("snapshot", True):
        memory["snapshot"] = False
        return batch
    return [copy for event in batch for copy in ([event, event] if event.get("type") == "status" else [event])]


def control_unknown_event(batch: Events, memory: dict[str, Any]) -> Events:
    """After the snapshot there are events of a type that the contract does not know."""
    if memory.setdefault("first", True):
        memory["first"] = False
        return batch
    return [*batch, {"type": "x_new_event", "chat_id": batch[-1]["chat_id"]}] if batch else batch


def control_sharing_in_another_order(answer: Answer) -> None:
    """The users that a chat is shared with come in another order."""
    if isinstance(answer.body, dict) and "groups" in answer.body and isinstance(answer.body.get("users"), list):
        answer.body["users"].reverse()


def control_no_build_version(answer: Answer) -> None:
    """Answers do not name the server's version."""
    answer.headers.pop("x-coder-build-version", None)


def control_validations_in_another_order(answer: Answer) -> None:
    """Several validations of a refusal come in another order."""
    if isinstance(answer.body, dict) and isinstance(answer.body.get("validations"), list):
        answer.body["validations"].reverse()


def far_apart_ids(backend: Backend) -> None:
    """Ids of messages are large and have gaps."""
    backend.store._message_ids = itertools.count(10**12, 7)


def large_queue_ids(backend: Backend) -> None:
    """Ids of queued messages are larger than those of messages."""
    backend.store._queue_ids = itertools.count(2**40, 3)


ANSWERS = (
    control_extra_fields,
    control_extra_headers,
    control_other_details,
    control_key_order,
    control_media_type_without_charset,
    control_sharing_in_another_order,
    control_no_build_version,
    control_validations_in_another_order,
)
STREAM = (control_event_extra_fields, control_repeated_status)
WATCH = (control_event_extra_fields,)
# Behaviours that a server may have or not.
OFF = {
    "control-one-event-a-frame": "stream.batches",
    "control-slow-frames": "stream.prompt",
    "control-each-status-once": "stream.status-twice",
}
PREPARED: dict[str, Callable[[Backend], None]] = {
    "control-far-apart-ids": far_apart_ids,
    "control-large-queue-ids": large_queue_ids,
}


def declare() -> list[str]:
    """Register the controls as faults that name nothing; gives the names of all controls."""
    names = list(PREPARED)
    for change in ANSWERS:
        name = change.__name__.replace("_", "-")
        REGISTRY[name] = Fault(name, change.__doc__ or "", frozenset(), answer=change)
        names.append(name)
    for name, point in OFF.items():
        REGISTRY[name] = Fault(name, f"without {point}", frozenset(), off=frozenset({point}))
        names.append(name)
    for socket, changes in (("stream", STREAM), ("watch", WATCH)):
        for frames in changes:
            name = f"{frames.__name__.replace('_', '-')}-{socket}"
            REGISTRY[name] = Fault(name, frames.__doc__ or "", frozenset(), socket=socket, events=frames)
            names.append(name)
    return names
