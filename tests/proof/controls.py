"""Controls: variations that the API allows. A server that varies so is right, and the suite must not notice.

Each control is a fault in form (it changes answers or frames) and turns nothing red.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
import re
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import spec
from fake_server.backend import Backend
from fake_server.faulting import REGISTRY, Answer, Fault
from fake_server.schedule import Schedule
from fake_server.state.model_choice import default_model_config

Events = list[dict[str, Any]]
_DECODERS_WORDS = {row.message for row in spec.load(spec.DEFAULT).errors.values() if row.detail and "{detail}" in row.detail}


# What stands under these keys is the user's, the client's or the model's own.
_OWN = frozenset({"labels", "args", "result", "output", "input_schema", "metadata", "attempts", "summary"})
_ID = re.compile(r"[0-9a-f-]{36}")
_counted = itertools.count()


def _each_object(value: Any, change: Callable[[dict[str, Any]], None]) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if key not in _OWN:
                _each_object(item, change)
        change(value)
    elif isinstance(value, list):
        for item in value:
            _each_object(item, change)


def _add(item: dict[str, Any]) -> None:
    if not all(_ID.fullmatch(key) for key in item):  # a map of ids has no fields
        item["x_new_field"] = {"added": next(_counted)}


def control_extra_fields(answer: Answer) -> None:
    """Every object of an answer has a field more than the contract knows, another one each time."""
    _each_object(answer.body, _add)


def control_extra_fields_of_successes(answer: Answer) -> None:
    """Every object of an answer that is no refusal has a field more. (Refusals must not differ from one time to the next.)"""
    if answer.status < 300:
        _each_object(answer.body, _add)


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


def _rewrite_times(answer: Answer, rewrite: Callable[[str], str]) -> None:
    def change(item: dict[str, Any]) -> None:
        for key, value in item.items():
            if key.endswith("_at") and isinstance(value, str) and value.endswith("Z"):
                item[key] = rewrite(value)

    _each_object(answer.body, change)


def control_times_with_offset(answer: Answer) -> None:
    """Times are written with an offset instead of Z; in answers, not in events."""
    _rewrite_times(answer, lambda text: text[:-1] + "+00:00")


def control_times_with_nanoseconds(answer: Answer) -> None:
    """Times are written with nine digits after the second; in answers, not in events."""
    _rewrite_times(answer, lambda text: f"{text[:-1] if '.' in text else text[:-1] + '.'}".ljust(29, "0") + "Z")


def control_event_extra_fields(batch: Events, memory: dict[str, Any]) -> Events:
    """Every object of an event has a field more than the contract knows, another one each time."""
    batch = copy.deepcopy(batch)
    _each_object(batch, _add)
    return batch


def control_repeated_status(batch: Events, memory: dict[str, Any]) -> Events:
    """Every live status event comes once more."""
    if memory.setdefault("snapshot", True):
        memory["snapshot"] = False
        return batch
    return [one for event in batch for one in ([event, event] if event.get("type") == "status" else [event])]


def control_late_status(batch: Events, memory: dict[str, Any]) -> Events:
    """Every live status event comes once more, with the next frame."""
    if memory.setdefault("late", None) is None:
        memory["late"] = []
        return batch
    late, memory["late"] = memory["late"], [event for event in batch if event.get("type") == "status"]
    return [*late, *batch]


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


def status_after_snapshot(backend: Backend) -> None:
    """A new connection gets the status of its snapshot once more behind it."""
    subscribe = backend.hub._subscribe

    def twice(*args: Any) -> Any:
        feed, snapshot = subscribe(*args)
        feed.put(snapshot[0])
        return feed, snapshot

    backend.hub._subscribe = twice  # type: ignore[method-assign]


def late_labels(backend: Backend) -> None:
    """The summary of a turn comes a while behind its end."""
    spawn, close = backend.runner.spawn, backend.runner.close
    labels: list[Coroutine[Any, Any, None]] = []

    def later(work: Coroutine[Any, Any, None]) -> None:
        async def delayed() -> None:
            await asyncio.sleep(0.3)
            await work

        if getattr(work, "__name__", "") == "label":
            labels.append(work)
            spawn(delayed())
        else:
            spawn(work)

    async def closing() -> None:
        await close()
        for label in labels:  # one that was never begun is told so
            label.close()

    backend.runner.spawn, backend.runner.close = later, closing  # type: ignore[method-assign]


ANSWERS = (
    control_extra_fields,
    control_extra_fields_of_successes,
    control_extra_headers,
    control_other_details,
    control_times_with_nanoseconds,
    control_times_with_offset,
    control_key_order,
    control_media_type_without_charset,
    control_sharing_in_another_order,
    control_no_build_version,
    control_validations_in_another_order,
)
STREAM = (control_event_extra_fields, control_repeated_status, control_late_status)
WATCH = (control_event_extra_fields,)
# Behaviours that a server may have or not.
OFF = {
    "control-one-event-a-frame": "stream.batches",
    "control-slow-frames": "stream.prompt",
    "control-each-status-once": "stream.status-twice",
    "control-skips-intermediate-statuses": "queue.tells-pending",
}


def dear_default(backend: Backend) -> None:
    """The default model has a name and prices of its own, as it may have where others have set it up."""
    default = default_model_config(backend)
    assert default is not None
    default.model, default.display_name = "dear-model", "Dear"
    default.model_config = {"cost": {"input_price_per_million_tokens": "3", "output_price_per_million_tokens": "15"}}


PREPARED: dict[str, Callable[[Backend], None]] = {
    "control-far-apart-ids": far_apart_ids,
    "control-large-queue-ids": large_queue_ids,
    "control-status-after-snapshot": status_after_snapshot,
    "control-late-labels": late_labels,
    "control-dear-default": dear_default,
}


def _controls() -> Iterator[Fault]:
    for change in ANSWERS:
        yield Fault(change.__name__.replace("_", "-"), change.__doc__ or "", frozenset(), answer=change)
    for name, point in OFF.items():
        yield Fault(name, f"without {point}", frozenset(), off=frozenset({point}))
    for socket, changes in (("stream", STREAM), ("watch", WATCH)):
        for frames in changes:
            name = f"{frames.__name__.replace('_', '-')}-{socket}"
            yield Fault(name, frames.__doc__ or "", frozenset(), socket=socket, events=frames)


# What a server may do now and then as well as always: near to the faults that come so.
NOW_AND_THEN = {
    "control-extra-fields-of-successes": Schedule(every=3),
    "control-key-order": Schedule(every=7),
    "control-event-extra-fields-stream": Schedule(chance=0.1),
    "control-one-event-a-frame": Schedule(every=3),
}
FAULTS = {control.name: control for control in _controls()}
FAULTS |= {f"{name}-now-and-then": replace(FAULTS[name], name=f"{name}-now-and-then", when=w) for name, w in NOW_AND_THEN.items()}
NAMES = [*PREPARED, *FAULTS]


@contextmanager
def registered() -> Iterator[None]:
    """While this lasts, a server can be started with the controls as if they were faults."""
    REGISTRY.update(FAULTS)
    try:
        yield
    finally:
        for name in FAULTS:
            del REGISTRY[name]
