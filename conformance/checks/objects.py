"""The objects inside answers and events: walked once, judged by what holds for each by itself, and remembered by id."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from conformance.checks.asked import NIL, Judged
from conformance.checks.times import instant, precedes
from conformance.play.meaning import difference
from conformance.wire.exchange import ABSENT, Exchange, Finding, SocketLog

# Free JSON of clients, models and tools: what stands inside is not the server's.
FREE = frozenset({
    "args", "result", "labels", "model_config", "metadata", "normalized_request", "normalized_response", "attempts", "summary",
    "input_schema", "settings", "usage", "annotations", "createdAt",
})  # fmt: skip
_UUID_KEYS = frozenset({
    "organization_id", "owner_id", "chat_id", "root_chat_id", "parent_chat_id", "last_model_config_id", "model_config_id",
    "ai_provider_id", "created_by", "file_id", "user_id", "workspace_id", "mcp_server_config_id",
})  # fmt: skip
_PLAIN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_HIDDEN = frozenset({"system_prompt", "dynamic_tools", "unsafe_dynamic_tools", "user_acl", "group_acl", "acl"})


class Seen(NamedTuple):
    """One object of an answer or event: where it stands, what it is ("" for any other), its keys."""

    pointer: str
    kind: str
    value: dict[str, Any]


def kind_of(value: dict[str, Any]) -> str:
    """chat, message, queued, file or ""; by the keys that only it has."""
    if "owner_id" in value:
        return "chat" if "last_model_config_id" in value else "file" if "mime_type" in value else ""
    if "chat_id" in value and isinstance(value.get("id"), int):
        return "message" if "role" in value else "queued" if "content" in value else ""
    return ""


def objects_of(said: Exchange | SocketLog) -> list[Seen]:
    """Every object in the answer, or in the frames that came; outermost first."""
    found: list[Seen] = []
    if isinstance(said, Exchange):
        _gather(said.response.body, "", found)
        return found
    for number, frame in enumerate(said.frames):
        if frame.direction == "in" and frame.kind == "text":
            _gather(frame.payload, f"/frames/{number}", found)
    return found


_NESTED = (dict, list)


def _gather(value: Any, pointer: str, found: list[Seen]) -> None:
    if type(value) is dict:
        found.append(Seen(pointer, kind_of(value), value))
        for key, item in value.items():
            if item and type(item) in _NESTED and key not in FREE:
                _gather(item, f"{pointer}/{key}", found)
    elif type(value) is list:
        for at, item in enumerate(value):
            if type(item) in _NESTED:
                _gather(item, f"{pointer}/{at}", found)


def keep_first(found: dict[str, Finding | None], judged: Iterable[Judged]) -> None:
    """Enter what was judged: of each requirement the first finding, or None as long as all was as it should be."""
    for requirement, finding in judged:
        if found.get(requirement) is None:
            found[requirement] = finding


@lru_cache(maxsize=4096)
def _formal(keys: tuple[str, ...], kind: str) -> tuple[tuple[str, bool], ...]:
    """The keys that hold a time (True) or a UUID (False)."""
    uuids = _UUID_KEYS | {"id"} if kind in ("chat", "file") else _UUID_KEYS
    return tuple((key, key.endswith("_at")) for key in keys if key.endswith("_at") or key in uuids)


_FORMS = {"SER-006": ("time", "no RFC 3339 time"), "SER-007": ("UUID", "no UUID in lower case with dashes")}


class FormJudge:
    """What holds for each object by itself: ids, times, hidden keys."""

    def __call__(self, said: Exchange | SocketLog, objects: list[Seen]) -> Iterable[Judged]:
        found: dict[str, Finding | None] = {}
        for seen in objects:
            self._forms(seen, said.id, found)
            if seen.kind == "chat":
                keep_first(found, self._chat(seen, said.id))
        return found.items()

    def _forms(self, seen: Seen, exchange: str, found: dict[str, Finding | None]) -> None:
        for key, is_time in _formal(tuple(seen.value), seen.kind):
            item = seen.value[key]
            if item is None:
                continue
            if is_time:
                requirement, good = "SER-006", instant(item) is not None
            elif item == "" and not seen.kind:
                continue  # a setting that is not set
            else:
                requirement, good = "SER-007", isinstance(item, str) and _PLAIN.fullmatch(item) is not None
            if good:
                found.setdefault(requirement)
            elif found.get(requirement) is None:
                expected, text = _FORMS[requirement]
                found[requirement] = Finding(requirement, text, f"{seen.pointer}/{key}", expected, item, exchange)

    def _chat(self, seen: Seen, exchange: str) -> Iterator[Judged]:
        value = seen.value
        early = precedes(value.get("updated_at"), value.get("created_at"))
        if early:
            text, where = "updated before it was created", f"{seen.pointer}/updated_at"
            yield "CHATOBJ-017", Finding("CHATOBJ-017", text, where, value["created_at"], value["updated_at"], exchange)
        elif early is not None:
            yield "CHATOBJ-017", None
        if isinstance(status := value.get("diff_status"), dict):
            name, own = status.get("chat_id"), value.get("id")
            text, where = "diff_status is of another chat", f"{seen.pointer}/diff_status/chat_id"
            yield "CHATOBJ-010", None if name == own else Finding("CHATOBJ-010", text, where, own, name, exchange)
        if shown := sorted(_HIDDEN & value.keys()):
            text = "a chat shows what is not for clients"
            yield "SER-005", Finding("SER-005", text, f"{seen.pointer}/{shown[0]}", ABSENT, shown, exchange)
        else:
            yield "SER-005", None


# What never changes about an object, and the requirement that says so.
_FIXED: dict[str, tuple[str, tuple[str, ...]]] = {
    "chat": (
        "CHATOBJ-015",
        ("organization_id", "owner_id", "created_at", "root_chat_id", "parent_chat_id", "client_type"),
    ),
    "message": ("MSG-013", ("role", "created_at", "created_by", "model_config_id", "content", "usage")),
    "queued": ("MSG-014", ("chat_id", "model_config_id", "content")),
    "file": ("CHATOBJ-012", ("owner_id", "organization_id", "name", "mime_type", "created_at")),
}


_MEMORY = 2**26  # bytes of the answers in which there was something new; a right server stays far below


class IdentityJudge:
    """The same object is the same wherever it is shown: remembers every object of one run or recording by its id."""

    def __init__(self, known_keys: frozenset[str]) -> None:
        self._keys = known_keys
        self._room = _MEMORY
        self._known: dict[tuple[str, str], tuple[dict[str, Any], str]] = {}
        self._chat_of: dict[int, tuple[str, str]] = {}

    def __call__(self, said: Exchange | SocketLog, objects: list[Seen]) -> Iterable[Judged]:
        found: dict[str, Finding | None] = {}
        before = len(self._known)
        for seen in objects:
            if seen.kind and seen.value.get("id") not in (None, NIL):
                keep_first(found, self._object(seen, said))
        if len(self._known) > before:
            self._room -= said.weight
        return found.items()

    def _object(self, seen: Seen, said: Exchange | SocketLog) -> Iterator[Judged]:
        requirement, keys = _FIXED[seen.kind]
        value, name = seen.value, (seen.kind, str(seen.value["id"]))
        shown = {key: value[key] for key in keys if key in value}
        if seen.kind == "message":
            yield from self._owner_of_message(seen, said)
        known = self._known.get(name)
        if known is None and self._room < 0:
            return
        if known is None:
            self._known[name] = (shown, said.source or said.id)
            return
        before, where = known
        differs = difference(shown, before, self._keys, seen.pointer) if shown != before else None
        if differs is None:
            yield requirement, None
            return
        pointer, actual, expected = differs
        text = f"this {seen.kind} was another one in {where}"
        yield requirement, Finding(requirement, text, pointer, expected, actual, said.id)

    def _owner_of_message(self, seen: Seen, said: Exchange | SocketLog) -> Iterator[Judged]:
        number, chat = seen.value["id"], str(seen.value["chat_id"])
        known, where = self._chat_of.get(number, (chat, said.source or said.id))
        if self._room >= 0:
            self._chat_of.setdefault(number, (known, where))
        text = f"the id was a message of another chat in {where}"
        yield "SER-008", None if known == chat else Finding("SER-008", text, f"{seen.pointer}/chat_id", known, chat, said.id)
