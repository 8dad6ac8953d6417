"""Wrong about messages: how they are read, kept and shown."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import orjson

from fake_server.faulting import Answer, changes, instead, replaces, turns_off
from fake_server.rules.posted import SEND
from fake_server.rules.refusals import Refusal, refusal
from fake_server.state.records import new_id

LACKS = "chats.have-life-cycles"

Json = dict[str, Any]


# -- as they are shown
def shows(name: str, doc: str, change: Callable[[Json], Any], *, red: list[str]) -> None:
    """A fault that changes each message that is shown."""

    def wrong(answer: Answer) -> None:
        for message in answer.body:
            change(message)

    wrong.__name__, wrong.__doc__ = name, doc
    changes("listMessages", red=red)(wrong)


def of_parts(change: Callable[[Json], Any]) -> Callable[[Json], None]:
    """A change of each part of a message."""

    def each(message: Json) -> None:
        for part in message.get("parts", ()):
            change(part)

    return each


def of_tools(change: Callable[[Json], Any]) -> Callable[[Json], None]:
    """A change of each tool invocation of a message."""
    return of_parts(lambda part: change(part["toolInvocation"]) if "toolInvocation" in part else None)


def without(key: str) -> Callable[[Json], Any]:
    """Takes the key out where its value is empty."""
    return lambda item: item[key] or item.pop(key) if key in item else None


shows(
    "empty-content-left-out",
    "A message without content has no such key.",
    without("content"),
    red=["LMSG-001", "LMSG-002", "LMSG-027", "SCHEMA-listMessages", "LSTREAM-037"],
)
shows(
    "empty-lists-shown",
    "A message has annotations, even if they are none.",
    lambda m: m.setdefault("annotations", []),
    red=["LMSG-002", "LMSG-016", "LMSG-027", "SCHEMA-listMessages", "LSTREAM-037"],
)
shows(
    "empty-texts-shown",
    "Every part has a text.",
    of_parts(lambda part: part.setdefault("text", "")),
    red=["LMSG-003", "LMSG-004", "LMSG-023", "LMSG-024", "LMSG-026", "SCHEMA-listMessages"],
)
shows(
    "null-arguments-left-out",
    "Arguments of null are left out.",
    of_tools(without("args")),
    red=["LMSG-004", "SCHEMA-listMessages", "LTOOL-009"],
)
shows(
    "data-as-numbers",
    "The data of a file is a list of bytes.",
    of_parts(lambda p: p.update(data=list(base64.b64decode(p["data"]))) if "data" in p else None),
    red=["LMSG-025", "LMSG-023", "SCHEMA-listMessages"],
)
shows(
    "results-may-be-null",
    "A result of null is shown.",
    of_tools(lambda call: call.setdefault("result", None) if call["state"] == "result" else None),
    red=["LMSG-026", "LTOOL-019", "LMSG-004", "SCHEMA-listMessages"],
)


shows(
    "calls-stay-calls",
    "A tool call that has a result is shown as called.",
    of_tools(lambda call: call.update(state="call") if call["state"] == "result" else None),
    red=["LTOOL-005", "LTOOL-011", "LTOOL-019"],
)


@changes(
    "listMessages",
    red=[
        "LMSG-005",
        "LMSG-006",
        "LMSG-007",
        "LMSG-008",
        "LMSG-009",
        "LMSG-010",
        "LMSG-011",
        "LMSG-012",
        "LMSG-013",
        "LMSG-035",
        "SCHEMA-listMessages",
    ],
)
def no_messages_are_null(answer: Answer) -> None:
    """A new chat's messages are null."""
    answer.body = answer.body or None


@changes(
    "listMessages",
    red=[
        "LMSG-033",
        "LMSG-001",
        "LMSG-002",
        "LMSG-003",
        "LMSG-004",
        "LMSG-016",
        "LMSG-018",
        "LMSG-019",
        "LMSG-020",
        "LMSG-021",
        "LMSG-022",
        "LMSG-023",
        "LMSG-024",
        "LMSG-025",
        "LMSG-026",
        "LMSG-028",
        "LMSG-029",
        "LMSG-030",
        "LMSG-034",
        "LSTREAM-030",
        "LSTREAM-031",
        "LSTREAM-033",
        "LSTREAM-035",
        "LSTREAM-036",
        "LSTREAM-037",
        "LSTREAM-040",
        "LSTREAM-045",
        "LTOOL-009",
        "LTOOL-010",
    ],
)
def newest_messages_first(answer: Answer) -> None:
    """The messages have the newest first."""
    answer.body.reverse()


# -- as they are read
def reads(name: str, doc: str, change: Callable[[Json], Any], *, red: list[str]) -> None:
    """A fault that changes the object that a body is before it is looked at."""

    async def wrong(right: Any, call: Any) -> Any:
        try:
            value = orjson.loads(await call.body())
            change(value)
            call._body = orjson.dumps(value)
        except (orjson.JSONDecodeError, AttributeError, TypeError, KeyError):
            pass
        return await right(call)

    replaces(name, doc, "read_message", wrong, red=red)


def parts_of(value: Json) -> list[Json]:
    """The parts that a body has."""
    return [part for part in value["message"].get("parts") or () if isinstance(part, dict)]


@instead("read_message", red=["LMSG-006"])
async def anything_is_an_object(right: Any, call: Any) -> Any:
    """A body that is JSON, but no object, is taken for an empty one."""
    body = (await call.body()).strip()
    return SEND.zero if body and body[:1] in b'["1t' else await right(call)


@instead("read_message", red=["LMSG-007"])
async def no_body_is_an_object(right: Any, call: Any) -> Any:
    """An empty body is taken for an empty object."""
    return await right(call) if (await call.body()).strip() else SEND.zero


def _loose_thinking(value: Json) -> None:
    if not isinstance(value.get("thinking"), bool):
        value.pop("thinking", None)


def _loose_tools(value: Json) -> None:
    for part in parts_of(value):
        if not isinstance(part.get("toolInvocation"), dict):
            part.pop("toolInvocation", None)


def _padded(value: Json) -> None:
    for part in parts_of(value):
        if "data" in part:
            part["data"] += "=" * (-len(part["data"]) % 4)


def _says_something(value: Json) -> None:
    if not value.get("message"):
        raise refusal("common.bad-json", detail="no message")


reads("thinking-of-any-type", "thinking may be of any type.", _loose_thinking, red=["LMSG-008"])
reads("tools-of-any-type", "A tool invocation that is no object is left out.", _loose_tools, red=["LMSG-009"])
reads("base64-without-padding", "Base64 need not be padded.", _padded, red=["LMSG-035", "LMSG-025"])
reads(
    "messages-must-be-there", "A message that is left out is refused.", _says_something, red=["LMSG-027", "ERR-292", "LMSG-016"]
)


@instead("model_of", red=["LMSG-010", "LMSG-011", "LMSG-012"])
def unknown_models_are_replaced(right: Any, backend: Any, name: str) -> Any:
    """For a model that is not there another one answers."""
    return right(backend, name) or next(iter(backend.store.language_models.values()), None)


@instead("model_of", red=["LMSG-011"])
def models_in_any_case(right: Any, backend: Any, name: str) -> Any:
    """The id of a model is compared without regard to letter case and blanks."""
    return right(backend, name.strip().lower())


@instead("model_of", red=["LMSG-012"])
def a_model_by_default(right: Any, backend: Any, name: str) -> Any:
    """Who names no model gets the first one."""
    return right(backend, name or next(iter(backend.store.language_models), ""))


@instead("read_message", red=["LMSG-013"])
async def models_before_json(right: Any, call: Any) -> Any:
    """Of a body that can't be read an unknown model is told first."""
    try:
        return await right(call)
    except Refusal:
        names = [name.encode() for name in call.backend.store.language_models]
        body = await call.body()
        unknown = b'"model"' in body and not any(name in body for name in names)
        raise refusal("send.model") if unknown else refusal("common.bad-json", detail="EOF") from None


turns_off("unknown-fields-of-messages", "Unknown fields of a message are refused.", "body.unknown-fields", red=["LMSG-014"])
turns_off("messages-are-json-by-type", "A Content-Type that is not JSON is refused.", "body.any-media-type", red=["LMSG-015"])
turns_off("message-keys-as-written", "Keys are known as they are written alone.", "body.any-case", red=["LMSG-016"])
turns_off(
    "nothing-behind-messages", "What follows the first JSON value is refused.", "body.bytes-behind", red=["LMSG-017", "LMSG-029"]
)


# -- as they are kept
def keeps(name: str, doc: str, change: Callable[[Json], Any], *, red: list[str]) -> None:
    """A fault that changes the client's message before it is kept."""

    def wrong(right: Any, asked: Any) -> None:
        change(asked.message)
        right(asked)

    replaces(name, doc, "Answerer.keep_asked", wrong, red=red)


def put(key: str, made: Callable[[Any], Any]) -> Callable[[Json], None]:
    """Makes another value of what stands under the key."""
    return lambda item: item.update({key: made(item[key])}) if key in item else None


KNOWN_ROLES = ("user", "assistant", "system")
KNOWN_STATES = ("partial-call", "call", "result")
KNOWN_PARTS = ("text", "reasoning", "source", "file", "step-start", "tool-invocation")

keeps(
    "ids-of-the-server",
    "Messages get ids of the server's own.",
    put("id", lambda _: new_id()),
    red=["LMSG-018", "LMSG-001", "LMSG-016", "LMSG-019", "LMSG-027", "LMSG-028"],
)
keeps("created-at-is-a-text", "createdAt is kept as text.", put("createdAt", str), red=["LMSG-020"])
keeps(
    "annotations-are-objects",
    "Annotations that are no objects are left out.",
    put("annotations", lambda all_: [item for item in all_ if isinstance(item, dict)]),
    red=["LMSG-021"],
)
keeps(
    "attachments-without-names",
    "Attachments lose their names.",
    lambda m: [item.pop("name", None) for item in m.get("experimental_attachments", ())],
    red=["LMSG-022"],
)
keeps(
    "reasoning-without-details",
    "Reasoning loses its details.",
    of_parts(lambda part: part.pop("details", None)),
    red=["LMSG-023"],
)
keeps(
    "unknown-parts-are-dropped",
    "Parts of unknown types are left out.",
    put("parts", lambda parts: [part for part in parts if part["type"] in KNOWN_PARTS]),
    red=["LMSG-024"],
)
keeps(
    "states-are-checked",
    "A tool invocation of an unknown state is kept as a call.",
    of_tools(put("state", lambda state: state if state in KNOWN_STATES else "call")),
    red=["LMSG-026"],
)
keeps(
    "control-characters-are-dropped",
    "Control characters are left out of what is kept.",
    put("content", lambda text: "".join(c for c in text if c >= " ")),
    red=["LMSG-028"],
)
keeps(
    "replacement-characters-are-dropped",
    "U+FFFD is left out of what is kept.",
    put("content", lambda text: text.replace("\ufffd", "")),
    red=["LMSG-029"],
)
keeps(
    "texts-of-64-kib",
    "Texts of more than 65,536 characters are cut.",
    of_parts(put("text", lambda text: text[:65536])),
    red=["LMSG-030"],
)
keeps(
    "unknown-roles-are-users",
    "A message of an unknown role is kept as a user's.",
    put("role", lambda role: role if role in KNOWN_ROLES else "user"),
    red=["LMSG-034", "LMSG-027"],
)
turns_off("nul-is-kept", "U+0000 is kept as any character.", "messages.unstorable", red=["LMSG-031"])


@instead("Answerer.keep_asked", red=["LMSG-019", "LMSG-017", "LMSG-032", "LMSG-033"])
def same_id_same_message(right: Any, asked: Any) -> None:
    """A message with the id of an earlier one takes its place."""
    history = asked.chat and right.__self__.history(asked.chat)
    history[:] = [message for message in history if not message["id"] or message["id"] != asked.message["id"]]
    right(asked)


@instead("Answerer.told", red=["LMSG-032"])
def parts_without_tools_are_skipped(right: Any, system: str, messages: list[Json]) -> Any:
    """What can't be told to the model is left out."""
    kept = [
        {**m, "parts": [p for p in m.get("parts", ()) if p["type"] != "tool-invocation" or "toolInvocation" in p]}
        for m in messages
    ]
    return right(system, kept)
