"""Messages as clients post them and as they are kept, of servers whose messages are the client's own objects."""

from __future__ import annotations

import base64
import re
from decimal import Decimal
from typing import Any

from fake_server.rules.decode import (
    UNSET,
    BadBody,
    Bool,
    Integer,
    Kind,
    ListOf,
    MapOf,
    Maybe,
    Raw,
    Struct,
    Text,
    TooLarge,
    plain,
)

Json = Any
_LARGEST_INTEGER = 1 << 63  # what is beyond is kept as a fraction, which is written with an exponent
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]")


def floats(value: Json) -> Json:
    """A JSON value whose numbers went through floating point: large integers lose digits, 1.0 is 1 and -0.0 is 0."""
    if isinstance(value, bool | str) or value is None:
        return value
    if isinstance(value, list):
        return [floats(item) for item in value]
    if isinstance(value, dict):
        return {key: floats(item) for key, item in value.items()}
    number = float(value)
    if not number.is_integer() or abs(number) >= _LARGEST_INTEGER * 2:
        return number
    return int(Decimal(repr(number)))


class Any_(Kind):
    """Any JSON value; its numbers go through floating point."""

    def read(self, value: Json, owner: str, path: str) -> Json:
        too_large = _too_large(value)
        if too_large:
            raise BadBody(f"json: cannot unmarshal number {too_large} into Go struct field {owner}.{path} of type float64")
        return floats(value)


def _too_large(value: Json) -> str:
    if isinstance(value, TooLarge):
        return value.digits
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((found for found in map(_too_large, inside) if found), "")


class Bytes(Kind):
    """Base64 text, or a list of byte values; given as base64 text, "" when absent."""

    name = "[]uint8"

    @property
    def zero(self) -> str:
        return ""

    def read(self, value: Json, owner: str, path: str) -> str:
        if isinstance(value, list):
            return base64.b64encode(bytes(self._byte(item, owner, path) for item in value)).decode()
        if not isinstance(value, str):
            raise self.refuse(value, owner, path)
        text = value.replace("\n", "").replace("\r", "")
        body = text.rstrip("=") if len(text) % 4 == 0 and len(text) - len(text.rstrip("=")) <= 2 else text
        wrong = _NOT_BASE64.search(body)
        if wrong or len(text) % 4:
            raise BadBody(f"illegal base64 data at input byte {wrong.start() if wrong else len(text)}")
        return base64.b64encode(base64.b64decode(text)).decode()

    def _byte(self, value: Json, owner: str, path: str) -> int:
        if value is None:
            return 0
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 255:
            return value
        said = f"number {value}" if isinstance(value, int | float) and not isinstance(value, bool) else "string"
        raise BadBody(f"json: cannot unmarshal {said} into Go struct field {owner}.{path} of type uint8")


class _Own(Struct):
    """A shape of the client library that the server took its messages from."""

    def __init__(self, name: str, fields: dict[str, Kind], package: str = "aisdk") -> None:
        super().__init__(name, fields)
        self.name = f"{package}.{name}"


_ANY = Any_()
INVOCATION = _Own(
    "ToolInvocation",
    {
        "state": Text("aisdk.ToolInvocationState"),
        "step": Maybe(Integer(64, "int")),
        "toolCallId": Text(),
        "toolName": Text(),
        "args": _ANY,
        "result": _ANY,
    },
)
SOURCE = _Own(
    "SourceInfo", {"uri": Text(), "contentType": Text(), "data": Text(), "metadata": MapOf(_ANY, "map[string]interface {}")}
)
DETAIL = _Own("ReasoningDetail", {"type": Text(), "text": Text(), "signature": Text(), "data": Text()})
PART = _Own(
    "Part",
    {
        "type": Text("aisdk.PartType"),
        "text": Text(),
        "reasoning": Text(),
        "details": ListOf(DETAIL),
        "toolInvocation": Maybe(INVOCATION),
        "source": Maybe(SOURCE),
        "mimeType": Text(),
        "data": Bytes(),
    },
)
ATTACHMENT = _Own("Attachment", {"name": Text(), "contentType": Text(), "url": Text()})
MESSAGE = _Own(
    "Message",
    {
        "id": Text(),
        "createdAt": Raw(),
        "content": Text(),
        "role": Text(),
        "parts": ListOf(PART),
        "annotations": ListOf(_ANY),
        "experimental_attachments": ListOf(ATTACHMENT),
    },
)
SEND = Struct("CreateChatMessageRequest", {"model": Text(), "message": MESSAGE, "thinking": Bool()})

# What is kept of each kind of object even when it is empty; everything else is left out then.
_ALWAYS = {
    "message": ("id", "content", "role"),
    "part": ("type",),
    "detail": ("type",),
    "invocation": ("state", "toolCallId", "toolName", "args"),
    "source": (),
    "attachment": ("url",),
}


def _kept(kind: str, value: dict[str, Json]) -> dict[str, Json]:
    always = _ALWAYS[kind]
    return {key: item for key, item in value.items() if key in always or not (item is None or item == "" or item in ([], {}))}


def kept(message: dict[str, Json]) -> dict[str, Json]:
    """A posted message (as MESSAGE reads it) as it is kept: without what is empty."""
    created = plain(message["createdAt"])
    own = {**message, "createdAt": None, "parts": [_part(part) for part in message["parts"] or ()]}
    own["experimental_attachments"] = [_kept("attachment", item) for item in message["experimental_attachments"] or ()]
    out = _kept("message", own)
    if created is not None and created is not UNSET:
        out["createdAt"] = created
    return out


def _part(part: dict[str, Json]) -> dict[str, Json]:
    out = _kept("part", {**part, "details": [_kept("detail", item) for item in part["details"] or ()]})
    for key, kind in (("toolInvocation", "invocation"), ("source", "source")):
        if part[key] is not None:
            out[key] = _kept(kind, part[key])
    invocation = part["toolInvocation"]
    if invocation is not None:
        out["toolInvocation"] |= {key: invocation[key] for key in ("step", "result") if invocation[key] is not None}
    return out


def holds_nul(value: Json) -> bool:
    """Is there a U+0000 in it anywhere? The database takes none."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in key or holds_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(map(holds_nul, value))
