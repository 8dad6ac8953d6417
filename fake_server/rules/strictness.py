"""How a server may be too strict about bodies: each a behaviour of the right server that a fault turns off."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import orjson

from fake_server.rules.decode import BadBody, Kind, Struct

if TYPE_CHECKING:
    from fake_server.http.request import Request

_UUID = re.compile(rb'"([0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"')


def check(call: Request, body: bytes, shape: Kind) -> None:
    """Object to a body that the right server takes, as the faults switched on say. Raises BadBody."""
    off = call.backend.faults.is_off
    media = call.header("content-type")
    if off("body.any-media-type") and media and "json" not in media:
        raise BadBody("the body must be JSON")
    if off("body.any-uuid") and any(found != found.lower() or len(found) == 32 for found in _UUID.findall(body)):
        raise BadBody("invalid UUID format")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        if off("body.bytes-behind") and body.lstrip()[:1] == b"{":
            raise BadBody("invalid character after top-level value") from None
        return
    if off("body.null") and value is None:
        raise BadBody("unexpected null")
    if not isinstance(value, dict) or not isinstance(shape, Struct):
        return
    if off("body.null-fields") and None in value.values():
        raise BadBody("unexpected null")
    strange = [name for name in value if name not in shape.fields]
    known = {name.casefold() for name in shape.fields}
    if off("body.any-case") and any(name.casefold() in known for name in strange):
        raise BadBody(f"unknown field {strange[0]}")
    if off("body.unknown-fields") and any(name.casefold() not in known for name in strange):
        raise BadBody(f"unknown field {strange[0]}")
