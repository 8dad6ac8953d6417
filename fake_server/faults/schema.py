"""Answers, events and frames that break their schema, one fault for each operation and kind of event.

What is broken is what nothing else looks at: a key that is optional and absent, which comes with a value of the wrong
type. Where an operation has no such key, it is the `detail` of its refusals.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from typing import Any

import spec
from fake_server.faulting import Answer, AnswerFault, EventsFault, Fault, declare
from spec.documents import Documents, Operation, Schema, documents

DOCS: Documents = documents(spec.DEFAULT)
# The profiles of which there are faults here: the default and all that extend it.
PROFILES = (spec.DEFAULT, *(p for p in spec.profiles(unfinished=True) if spec.DEFAULT in spec.chain(p)[1:]))
LATER = "error.before-status"  # what came later is there only in revisions without it
# What turns red beside the schema itself, by operation or event: checks that do look at what is broken.
ALSO: dict[str, list[str]] = {
    "SCHEMA-createChat": ["CREATE-012", "CREATE-026"],
    "SCHEMA-listChats": ["CHAT-012"],
    "SCHEMA-listModels": ["MODEL-008"],
    "SCHEMA-getChat": ["ROUTE-009"],
    "SCHEMA-unrouted": ["ROUTE-009"],
    "SCHEMA-createModelConfig": ["MODEL-013", "MODEL-015"],
    "SCHEMA-listMCPServers": ["MCP-003"],
    "SCHEMA-createMCPServer": ["MCP-002"],
    "SCHEMA-getModelConfig": ["MODEL-301"],
    "SCHEMA-getMCPServer": ["MCP-002", "MCP-003"],
    "SCHEMA-watch-created": ["WATCH-027"],
    "SCHEMA-parts-message_part": ["SER-007"],
    "SCHEMA-frame-streamChat": ["STREAM-014", "STREAM-017", "STREAM-026", "STREAM-029", "STREAM-067", "STREAM-069"],
    "SCHEMA-frame-watchChats": ["WATCH-003", "WATCH-021", "WATCH-029", "EVENT-004", "WATCH-214"],
    # the chat of an event of the stream becomes a number, which other checks look at too
    **{f"SCHEMA-event-{kind}": ["SER-007", "STREAM-015"] for p in PROFILES for kind in documents(p).event_names("StreamEvent")},
    **{f"SCHEMA-watch-{kind}": ["WATCH-027"] for kind in DOCS.event_names("WatchEvent")},
}
# Operations whose optional keys are looked at.
BY_REFUSAL = frozenset(
    (
        "createChat", "getChat", "getChatDiff", "listMessages", "sendMessage", "editMessage", "updateModelConfig",
        "listModelConfigs", "getCostSummary", "getUsageLimitStatus", "listDebugRuns", "getDebugRun",
        "reconcileInvalidChat", "refreshChatContext",
    )
)  # fmt: skip


class Shape:
    """A schema, standalone, that can be asked for a way to break it."""

    def __init__(self, schema: Schema, docs: Documents = DOCS) -> None:
        self._root, self.forced = docs.standalone(schema), False
        self.path = self._search(self._root)

    def _resolve(self, schema: Schema) -> dict[str, Any]:
        while isinstance(schema, dict) and "$ref" in schema:
            schema = self._root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
        return schema if isinstance(schema, dict) else {}

    def _properties(self, schema: Schema) -> Iterator[tuple[str, Schema, bool]]:
        """The properties of an object schema, through references and allOf: name, schema, and whether it is required."""
        schema = self._resolve(schema)
        for part in schema.get("allOf", []):
            yield from self._properties(part)
        for name, inner in schema.get("properties", {}).items():
            yield name, inner, name in schema.get("required", [])

    def _wrong(self, schema: Schema) -> Any:
        """A value that is not of this schema's type; None when any value is."""
        kinds = self._resolve(schema).get("type")
        if not kinds:
            return None
        return 7 if "object" in kinds else {"broken": [None]}

    def _search(self, schema: Schema) -> tuple[list[str], Any] | None:
        """Where an optional key is (in the objects of an array, too), and a wrong value for it."""
        schema = self._resolve(schema)
        if schema.get("type") == "array":
            return self._search(schema.get("items"))
        rows = list(self._properties(schema))
        required = {name for name, _, needed in rows if needed}
        for name, inner, _ in reversed(rows):
            value = self._wrong(inner)
            if name not in required and inner is not False and value is not None:
                return [name], value
        for name, inner, _ in rows:
            found = self._search(inner)
            if found:
                return [name, *found[0]], found[1]
        return None

    def spoil(self, body: Any, path: list[str] | None = None) -> None:
        """Break this body, where the key is absent."""
        if self.path is None:
            return
        step, *rest = self.path[0] if path is None else path
        for item in body if isinstance(body, list) else [body]:
            if isinstance(item, dict) and rest:
                self.spoil(item.get(step), rest)
            elif isinstance(item, dict):
                item[step] = self.path[1] if self.forced else item.get(step, self.path[1])


@cache
def _answer(profile: str, operation: str) -> Shape | None:
    """The schema of the successful answers of an operation of this profile; None when they are not JSON."""
    docs = documents(profile)
    found = docs.operations.get(operation)
    schemas = [
        doc.media["application/json"]
        for status, doc in (found.responses.items() if found else ())
        if status < 300 and "application/json" in doc.media
    ]
    return Shape(schemas[-1], docs) if schemas else None


def _spoilt(operation: Operation, profile: str) -> AnswerFault:
    """What breaks the schema of the answers of one operation, which this profile has."""

    def success(answer: Answer) -> None:
        shape = _answer(answer.backend.revision.name, operation.id)
        if shape and answer.operation == operation.id and answer.status < 300:
            shape.spoil(answer.body)

    def refusal(answer: Answer) -> None:
        # a refusal on the way to the operation (no token, no such chat) is one of its answers too
        match = documents(answer.backend.revision.name).match(answer.method, answer.path)
        asked = match is not None and match.operation.id == operation.id
        if asked and answer.status >= 400 and isinstance(answer.body, dict):
            answer.body["detail"] = 7

    right = _answer(profile, operation.id)
    return success if right and right.path and operation.id not in BY_REFUSAL else refusal


@cache
def _told(profile: str, union: str, kind: str) -> Shape:
    """The schema of one kind of event of this profile."""
    docs = documents(profile)
    shape = Shape({"$ref": f"#/components/schemas/{docs.event_names(union)[kind]}"}, docs)
    if union in ("StreamEvent", "PartsEvent"):  # their optional keys are looked at, or there are none
        shape.path, shape.forced = (["chat_id"], 7), True
    return shape


def _event(union: str, key: str, kind: str) -> EventsFault:
    """What breaks the schema of one kind of event."""

    def change(batch: list[dict[str, Any]], memory: dict[str, Any]) -> list[dict[str, Any]]:
        batch, shape = copy.deepcopy(batch), _told(memory["profile"], union, kind)
        for event in batch:
            if event.get(key) == kind:
                shape.spoil(event)
        return batch

    return change


def _unknown(key: str) -> EventsFault:
    """An event of an unknown kind beside the others."""
    return lambda batch, memory: [*batch, {**batch[-1], key: "nonsense"}] if batch else batch


def _also(name: str) -> frozenset[str]:
    return frozenset([name, *ALSO.get(name, [])])


_operations = {
    operation.id: (operation, profile)
    for profile in reversed(PROFILES)
    for operation in (*documents(profile).operations.values(), documents(profile).unrouted)
}
for _operation, _profile in _operations.values():
    if _operation.judged or _operation.id == DOCS.unrouted.id:
        declare(
            Fault(
                f"breaks-schema-{_operation.id}",
                f"an answer of {_operation.id} leaves its schema",
                _also(f"SCHEMA-{_operation.id}"),
                answer=_spoilt(_operation, _profile),
            )
        )
for _socket, _feed, _union, _key, _prefix in (
    ("stream", "streamChat", "StreamEvent", "type", "event"),
    ("watch", "watchChats", "WatchEvent", "kind", "watch"),
    ("parts", "streamParts", "PartsEvent", "type", "parts"),
):
    _having = [p for p in PROFILES if _union in spec.load(p).asyncapi["components"]["schemas"]]
    _kinds = {kind for p in _having for kind in documents(p).event_names(_union)}
    _early = DOCS.event_names(_union) if spec.DEFAULT in _having else {}
    for _kind in sorted(_kinds - {"diff_status_change", "context_dirty"}):  # which need a workspace
        declare(
            Fault(
                f"breaks-schema-{_prefix}-{_kind}",
                f"a {_kind} event of {_feed} leaves its schema",
                _also(f"SCHEMA-{_prefix}-{_kind}"),
                socket=_socket,
                events=_event(_union, _key, _kind),
                lacks="" if _kind in _early else LATER,
            )
        )
    declare(
        Fault(
            f"breaks-schema-frame-{_feed}",
            f"frames of {_feed} hold events of an unknown kind",
            _also(f"SCHEMA-frame-{_feed}"),
            socket=_socket,
            events=_unknown(_key),
        )
    )
