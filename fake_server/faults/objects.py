"""What most wrong answers are: one kind of object, in the answers of some operations, is not as it should be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fake_server.faulting import Answer, Fault, declare

Object = dict[str, Any]
Change = Callable[[Object], Any]


def walk(value: Any) -> Iterator[Object]:
    """Every object in a JSON value, outermost first."""
    if isinstance(value, dict):
        yield value
        for item in list(value.values()):
            yield from walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from walk(item)


def is_chat(item: Object) -> bool:
    return "last_model_config_id" in item and "owner_id" in item


def is_message(item: Object) -> bool:
    return "role" in item and "chat_id" in item


def is_queued(item: Object) -> bool:
    return "content" in item and "chat_id" in item and "role" not in item


def is_part(item: Object) -> bool:
    return "type" in item and "start_line" in item  # two of the keys that every part has in every revision


def is_refusal(item: Object) -> bool:
    return "message" in item and "queued" not in item and "id" not in item


def is_event(item: Object) -> bool:
    return "chat_id" in item or "kind" in item


KINDS: dict[str, Callable[[Object], bool]] = {
    "chat": is_chat,
    "message": is_message,
    "queued": is_queued,
    "part": is_part,
    "refusal": is_refusal,
    "any": lambda item: True,
}


def spoils(
    name: str, doc: str, kind: str, change: Change, *operations: str, red: Iterable[str], where: Change | None = None
) -> None:
    """Declare a fault that changes every object of a kind (for which `where` holds) in the answers of these operations."""
    chosen = KINDS[kind]

    def spoil(answer: Answer) -> None:
        for item in list(walk(answer.body)):
            if chosen(item) and (where is None or where(item)):
                change(item)

    declare(Fault(name, doc, frozenset(red), operations=frozenset(operations), answer=spoil))


def spoils_events(
    name: str, doc: str, socket: str, kind: str, change: Change, *, red: Iterable[str], where: Change | None = None
) -> None:
    """Declare a fault that changes every object of a kind in the frames of a socket; `kind` may be `event` itself."""
    chosen = KINDS.get(kind, is_event)

    def spoil(batch: list[Object], memory: Object) -> list[Object]:
        copies = [_copy(event) for event in batch]
        for event in copies:
            items = [event] if kind == "event" else list(walk(event))
            for item in items:
                if chosen(item) and (where is None or where(item)):
                    change(item)
        return copies

    declare(Fault(name, doc, frozenset(red), socket=socket, events=spoil))


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _copy(v) for k, v in value.items()}
    return [_copy(v) for v in value] if isinstance(value, list) else value


def put(**values: Any) -> Change:
    """Set these keys."""
    return lambda item: item.update(values)


def drop(*keys: str) -> Change:
    """Leave these keys out."""

    def change(item: Object) -> None:
        for key in keys:
            item.pop(key, None)

    return change
