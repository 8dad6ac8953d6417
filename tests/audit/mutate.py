"""Systematic tampering with recorded traffic: each mutation changes one thing that a right server would never show so."""

from __future__ import annotations

import copy
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from conformance.checks import passive
from conformance.checks.objects import FREE
from conformance.wire.exchange import ABSENT, Exchange, SocketLog
from spec import Profile
from spec.documents import documents

Said = Exchange | SocketLog
Place = tuple[str | int, ...]
_OTHER_UUID = "0f0f0f0f-1111-4222-8333-444444444444"
_SUCCESS = {200: (201, 202, 500), 201: (200, 202), 202: (200, 204), 204: (200, 201)}
_REFUSED = (400, 401, 403, 404, 409)


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change: its class, which exchange of the recording, what it does."""

    kind: str
    index: int
    what: str
    apply: Callable[[Said], None]


def generic(place: Place) -> str:
    return "/".join("*" if isinstance(step, int) else step for step in place)


def payload(said: Said) -> Any:
    """The JSON that came: the body, or the payloads of the frames."""
    if isinstance(said, Exchange):
        return said.response.body
    return [frame.payload for frame in said.frames]


def containers(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every object and array with its place, free JSON of clients and tools left out."""
    if isinstance(value, dict):
        yield place, value
        for key, item in value.items():
            if key not in FREE and not re.search(r"[-0-9]{4}", key):
                yield from containers(item, (*place, key))
    elif isinstance(value, list):
        yield place, value
        for at, item in enumerate(value):
            yield from containers(item, (*place, at))


def at(value: Any, place: Place) -> Any:
    for step in place:
        value = value[step]
    return value


def shape(said: Said, place: Place, value: dict[str, Any]) -> str:
    """Objects of one shape have the same keys always: operation, status, place, and what tells variants apart."""
    answer = said.response if isinstance(said, Exchange) else said.handshake
    variant = "/".join(str(value.get(key)) for key in ("type", "kind", "role", "status") if isinstance(value.get(key), str))
    if variant and "owner_id" in value:
        variant = ""
    path = re.sub(r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|/-?\d+(?=/|$)", "*", said.request.path)
    return f"{said.request.method} {path} {answer.status} {generic(place)} {variant}"


class Census:
    """Which keys every object of a shape has, over many recordings."""

    def __init__(self) -> None:
        self._objects: Counter[str] = Counter()
        self._keys: dict[str, Counter[str]] = defaultdict(Counter)

    def count(self, said: Said) -> None:
        for place, value in containers(payload(said)):
            if isinstance(value, dict):
                name = shape(said, place, value)
                self._objects[name] += 1
                self._keys[name].update(value.keys())

    def always(self, said: Said, place: Place, value: dict[str, Any], key: str) -> bool:
        name = shape(said, place, value)
        return self._objects[name] >= 4 and self._keys[name][key] == self._objects[name]


def _edit(place: Place, key: str | int, change: Callable[[Any, Any], None]) -> Callable[[Said], None]:
    def apply(said: Said) -> None:
        root = payload(said)
        if isinstance(said, SocketLog):
            number = place[0]
            assert isinstance(number, int)
            change(at(said.frames[number].payload, place[1:]), key)
        else:
            change(at(root, place), key)

    return apply


def _drop(holder: Any, key: Any) -> None:
    del holder[key]


def _retype(holder: Any, key: Any) -> None:
    value = holder[key]
    if isinstance(value, bool):
        holder[key] = "true"
    elif isinstance(value, int | float):
        holder[key] = str(value)
    elif isinstance(value, str):
        holder[key] = 7
    elif isinstance(value, list):
        holder[key] = {"0": value}
    elif isinstance(value, dict):
        holder[key] = [value]
    else:
        holder[key] = 7


def _set(new: Any) -> Callable[[Any, Any], None]:
    def change(holder: Any, key: Any) -> None:
        holder[key] = new

    return change


def _swap(holder: Any, key: Any) -> None:
    holder[key], holder[key + 1] = holder[key + 1], holder[key]


def _double(holder: Any, key: Any) -> None:
    holder.insert(key, copy.deepcopy(holder[key]))


def _status(new: int) -> Callable[[Said], None]:
    def apply(said: Said) -> None:
        (said.response if isinstance(said, Exchange) else said.handshake).status = new

    return apply


def mutations(said: Said, index: int, census: Census) -> Iterator[Mutation]:
    """All mutations of one exchange or socket."""
    if isinstance(said, Exchange) and said.racy is not True:
        status = said.response.status
        others = _SUCCESS.get(status) or tuple(other for other in _REFUSED if other != status)
        for new in others:
            yield Mutation("status", index, f"{status} becomes {new}", _status(new))
    value = payload(said)
    if value is ABSENT:
        return
    for place, holder in containers(value):
        if isinstance(said, SocketLog) and not place:
            continue
        if isinstance(holder, dict):
            yield from _of_object(said, index, census, place, holder)
        elif isinstance(said, Exchange):
            yield from _of_list(index, place, holder)
    if isinstance(said, SocketLog):
        yield from _of_socket(said, index)


def _of_object(said: Said, index: int, census: Census, place: Place, holder: dict[str, Any]) -> Iterator[Mutation]:
    for key in holder:
        where = generic((*place, key))
        if census.always(said, place, holder, key):
            yield Mutation("drop", index, f"{where} goes", _edit(place, key, _drop))
        if key not in ("args", "result", "output"):
            yield Mutation("type", index, f"{where} changes its type", _edit(place, key, _retype))
    if isinstance(holder.get("chat_id"), str):
        yield Mutation("id", index, f"{generic(place)}/chat_id is another", _edit(place, "chat_id", _set(_OTHER_UUID)))
    if isinstance(holder.get("created_at"), str):
        yield Mutation("time", index, f"{generic(place)}/created_at is no time", _edit(place, "created_at", _set("yesterday")))


def _of_list(index: int, place: Place, holder: list[Any]) -> Iterator[Mutation]:
    rows = [row for row in holder if isinstance(row, dict)]
    if len(rows) < 2 or len(rows) != len(holder):
        return
    if all(isinstance(row.get("id"), int) and "role" in row for row in rows):
        yield Mutation("order", index, f"{generic(place)} out of order", _edit(place, 0, _swap))
        yield Mutation("twice", index, f"{generic(place)} has one twice", _edit(place, 0, _double))


def _of_socket(said: SocketLog, index: int) -> Iterator[Mutation]:
    frames = [
        (n, frame.payload) for n, frame in enumerate(said.frames) if frame.direction == "in" and isinstance(frame.payload, list)
    ]
    for number, events in frames:
        for place, event in enumerate(events):
            if event.get("type") == "message":
                yield Mutation("twice", index, "a message event comes twice", _edit((number,), place, _double))
            elif event.get("type") == "message_part" and event["message_part"].get("role") == "assistant":
                change = _set("tool")
                yield Mutation("role", index, "a part has another role", _edit((number, place, "message_part"), "role", change))
    if frames and len(frames[0][1]) > 1:
        yield Mutation("order", index, "the snapshot does not begin with its status", _edit((frames[0][0],), 0, _swap))


class Tampering:
    """Judges one recording with one thing changed."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        documents(profile.name)

    def caught(self, recording: list[Said], mutation: Mutation) -> set[str]:
        """The requirements that the change turned red."""
        changed = copy.deepcopy(recording[mutation.index])
        mutation.apply(changed)
        # Most changes show by themselves; only the others need the whole recording.
        found = self.findings([changed])
        return found or self.findings([*recording[: mutation.index], changed, *recording[mutation.index + 1 :]])

    def findings(self, recording: list[Said]) -> set[str]:
        """The requirements that are red in this recording."""
        observers = passive.observers(self._profile, recorded=True)
        return {r for said in recording for r, finding in observers.observe(said) if finding is not None}
