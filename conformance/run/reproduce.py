"""How to see it again without the suite: one request as a line for a shell, if it shows the fault by itself.

Tokens are shell variables (`$ALICE_TOKEN`); of an embedded server, whose address is gone with the run, the address is `$URL`.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import orjson

from conformance.play.verdict import Check
from conformance.wire.client import target_of
from conformance.wire.exchange import ABSENT, Exchange, Request, SocketLog
from conformance.wire.redact import Redactor

if TYPE_CHECKING:
    from conformance.run.session import Session

_LONG = 2000  # bytes of a body that stand in a line as they are
_MOST = 2 * _LONG  # characters of the commands that print a body
_LEAST_RUN = 400  # times that a byte comes again in what is said as so many of it
_RUN = re.compile(rb"(.)\1{%d,}" % _LEAST_RUN, re.DOTALL)
_TOKEN = re.compile(r"<token:([A-Za-z0-9_-]+)>")
_PLAIN = re.compile(r"[\w:=;,./ -]*")
UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
UNIQUE = re.compile(r"\b[A-Za-z]+-[0-9a-f]{6}-[0-9a-f]+-[0-9]+")  # words of a case's own (`Case.unique`)
_UPGRADE = "-H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13'"
_UPGRADE += " -H 'Sec-WebSocket-Key: Y29uZm9ybWFuY2U9PT09PQ=='"
_SAFE = ("GET", "HEAD")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)")
# A token that no user has, in the form of one; in two pieces, since what has that form is masked wherever it is written down.
_NOBODY = "nobody"
_MADE_UP = "NOBODY_TOKEN=$(printf %s-%s nobodysown has0this0token0at0all0)"


def ways(check: Check, decides: Exchange | SocketLog, earlier: list[Exchange | SocketLog] | None, session: Session) -> list[str]:
    """The commands that show a failure: the request that decides if it does so alone, else the whole way as a transcript; of what
    no answer shows by itself (what a model was asked, a time beside another one) the command that judges it anew.

    `earlier`: what was said before in its case; None: it is not known, and not nothing.
    """
    known, users = repr(session.target.redacted()), session.target.users.keys()
    if earlier is not None and stands_alone(decides, earlier, known, users, refusal=check.finding in ("status", "wording")):
        found = line(decides, "" if session.options.embedded else session.target.base_url, session.redactor)
        masked = session.redactor.text(_text(decides.request))
        if found and {*_TOKEN.findall(masked)} <= {*users}:
            return [found]
    if not can_be_played(check, decides):
        return [check.rerun]
    folder = session.options.reproducers
    played = f"chat-conformance replay{session.where} {shlex.quote(folder or 'out')}/{check.requirement}.jsonl"
    return [played if folder else f"{check.rerun} --reproducers out; {played}"]


def line(exchange: Exchange | SocketLog, base_url: str, redactor: Redactor) -> str:
    """A line to paste into a shell. `base_url` "": `$URL`. Empty where no line can say the body."""
    found = _line(exchange, base_url, lambda text: redactor.text(text).replace("<token>", f"<token:{_NOBODY}>"))
    return f"{_MADE_UP}; {found}" if f"${_variable(_NOBODY)}" in found else found


def _line(exchange: Exchange | SocketLog, base_url: str, clean: Callable[[str], str]) -> str:
    request = exchange.request
    params = [(k, clean(v)) for k, v in request.params]
    path = target_of(clean(request.path), params)
    url = _word(base_url + path) if base_url else f'"$URL"{_word(path)}'
    headers = "".join(f" -H {_word(f'{k}: {clean(v)}')}" for k, v in request.headers.items())
    how = "--path-as-is " if "/." in request.path else ""
    if isinstance(exchange, SocketLog):
        return f"curl --http1.1 -isSN -g -m 5 --output - {how}{_UPGRADE}{headers} {url}"
    method = "--head" if request.method == "HEAD" else f"-X {request.method}"
    how += "-g " if re.search(r"[\[\]{}]", path) else ""
    how += "-m 20 " if exchange.error else ""
    content = _content(request)
    if content is None:
        return f"curl -isS {how}{method}{headers} {url}"
    said = _said(content, clean)
    if said is None:
        return ""
    headers += "" if "content-type" in {k.lower() for k in request.headers} else " -H content-type:"
    if isinstance(said, str):
        return f"curl -isS {how}{method}{headers} --data-raw {said} {url}"
    return f"{said[0]} | curl -isS {how}{method}{headers} --data-binary @- {url}"


def _content(request: Request) -> bytes | None:
    if request.body is ABSENT:
        return request.content
    try:
        return orjson.dumps(request.body)
    except TypeError:  # integers beyond 64 bits, lone surrogates
        return json.dumps(request.body).encode()


def _said(content: bytes, clean: Callable[[str], str]) -> str | tuple[str] | None:
    """The body as a word of a command line, or as commands that print it (in a tuple); None if that would be long."""
    if len(content) <= _LONG and b"\0" not in content:
        try:
            return _word(clean(content.decode()))
        except UnicodeDecodeError:
            pass
    pieces, at = [], 0
    while at < len(content):
        near = _RUN.search(content, at, at + _MOST + _LEAST_RUN)  # what is said as it is, is short
        run = _RUN.match(content, near.start()) if near else None
        if run is None and len(content) - at > _MOST:
            return None
        pieces.append(_printed(content[at : run.start() if run else None]))
        if run is None:
            break
        pieces.append(f"head -c {run.end() - run.start()} /dev/zero | tr '\\0' {_octal(run[1])}")
        at = run.end()
    if sum(map(len, pieces)) > _MOST:
        return None
    return ("{ " + "; ".join(piece for piece in pieces if piece) + "; }",)


def _printed(data: bytes) -> str:
    if not data:
        return ""
    return "printf '%b' " + shlex.quote("".join(chr(b) if 31 < b < 127 and b not in b"\\" else f"\\0{b:03o}" for b in data))


def _octal(byte: bytes) -> str:
    return f"'\\{byte[0]:03o}'"


def _word(text: str) -> str:
    """The text as one word of a shell, tokens in it as variables."""
    pieces = _TOKEN.split(text)
    if len(pieces) == 1:
        return shlex.quote(text)
    if all(_PLAIN.fullmatch(piece) for piece in pieces[::2]):
        return '"' + "".join(f"${_variable(p)}" if n % 2 else p for n, p in enumerate(pieces)) + '"'
    return "".join(f'"${_variable(p)}"' if n % 2 else shlex.quote(p) for n, p in enumerate(pieces) if p)


def _variable(name: str) -> str:
    return re.sub(r"\W", "_", name.upper()) + "_TOKEN"


def can_be_played(check: Check, decides: Exchange | SocketLog) -> bool:
    """Does the answer that decides show by itself what was found, so that a replay can tell whether it is still so?"""
    if check.finding in ("status", "wording") or isinstance(decides, SocketLog):
        return True
    values = [*_leaves(check.expected), *_leaves(check.actual)]
    if values and all(isinstance(value, str) and _TIME.fullmatch(value) for value in values):
        return False  # it is not the time that is wrong, but that it is another one
    if check.pointer or check.finding in ("missing-key", "extra-key", "wrong-type", "leak"):
        return True
    # A number, a truth or a sentence of ours stands in every answer or in none.
    shown = [value for value in _leaves(check.actual) if isinstance(value, str) and value]
    text = repr(decides.response.body)
    return bool(shown) and all(value in text for value in shown)


def _leaves(value: Any) -> list[Any]:
    if value is ABSENT:
        return []
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    return [leaf for item in value for leaf in _leaves(item)] if isinstance(value, list) else [value]


def stands_alone(
    exchange: Exchange | SocketLog, earlier: Iterable[Exchange | SocketLog], known: str, users: Iterable[str], *, refusal: bool
) -> bool:
    """Does this request show what it shows without those before it in its case?

    `known`: what the target has anyway, as text. `refusal`: it is a wrong status or a wrong refusal that it shows.
    """
    if exchange.actor is not None and exchange.actor not in users:
        return False
    request, earlier = exchange.request, list(earlier)
    text = _text(request)
    wanted = {u for u in UUID.findall(text) if u not in known}
    made = "".join(_answer(one) for one in earlier) if wanted else ""
    if any(uuid in made for uuid in wanted):
        return False
    words = set(UNIQUE.findall(text))
    wrote = [x for x in earlier if isinstance(x, Exchange) and x.request.method not in _SAFE and x.response.ok]
    if words and any(word in _text(x.request) for x in wrote for word in words):
        return False
    if request.method in _SAFE:
        return refusal or not wrote
    return not any(x.request.path == request.path and x.request.method != "POST" for x in wrote)


def _text(request: Request) -> str:
    content = _content(request) or b""
    return f"{request.path} {request.params} {request.headers} {content[:65536].decode('utf-8', 'replace')}"


def _answer(said: Exchange | SocketLog) -> str:
    return repr(said.response.body if isinstance(said, Exchange) else said.frames)
