"""How to see it again: one exchange as a curl or websocat line, tokens as shell variables."""

from __future__ import annotations

import json
import shlex
from typing import Any
from urllib.parse import urlencode

import orjson

from conformance.wire.exchange import ABSENT, Exchange, SocketLog
from conformance.wire.redact import Redactor

_LONG = 2000


def _variable(actor: str | None) -> str:
    return f"${(actor or 'nobody').upper()}_TOKEN"


def _headers(headers: dict[str, str], actor: str | None, redactor: Redactor) -> str:
    out = ""
    for name, value in headers.items():
        shown = redactor.text(value)
        if shown == f"<token:{actor}>":
            out += f' -H "{name}: {_variable(actor)}"'
        elif not (name == "content-type" and value == "application/json"):
            out += f" -H {shlex.quote(f'{name}: {redactor.headers({name: value})[name]}')}"
        else:
            out += " -H 'content-type: application/json'"
    return out


def reproduce(exchange: Exchange | SocketLog, base_url: str, redactor: Redactor) -> str:
    """A line to paste into a shell; bodies over 2,000 bytes are cut with a remark."""
    request = exchange.request
    params = [(k, redactor.text(v)) for k, v in request.params]
    query = f"?{urlencode(params)}" if params else ""
    headers = _headers(request.headers, exchange.actor, redactor)
    if isinstance(exchange, SocketLog):
        url = "ws" + base_url.removeprefix("http") + request.path + query
        return f"websocat{headers} {shlex.quote(url)}"
    line = f"curl -i -X {request.method}{headers}"
    body = _body(request.body, request.content)
    if body is not None:
        cut = "" if len(body) <= _LONG else f"  # body cut; {len(body)} bytes were sent"
        return (
            f"{line} --data-binary {shlex.quote(redactor.text(body[:_LONG]))} {shlex.quote(base_url + request.path + query)}{cut}"
        )
    return f"{line} {shlex.quote(base_url + request.path + query)}"


def _body(body: Any, content: bytes | None) -> str | None:
    if body is not ABSENT:
        try:
            return orjson.dumps(body).decode()
        except TypeError:  # integers beyond 64 bits, lone surrogates
            return json.dumps(body)
    return content.decode("utf-8", "backslashreplace") if content is not None else None
