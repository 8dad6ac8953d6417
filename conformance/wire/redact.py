"""Secrets out of everything that is written down: tokens, keys and what carries them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from weakref import WeakSet

import orjson

from conformance.play.verdict import Check
from conformance.wire.exchange import ABSENT, Exchange, Response, SocketLog
from conformance.wire.needles import LONG, SHAPE, Needles

_SECRET_HEADERS = {
    "coder-session-token",
    "authorization",
    "cookie",
    "set-cookie",
    "x-csrf-token",
    "x-api-key",
    "proxy-authorization",
}
_SECRET_KEYS = {"session_token", "key", "password", "api_key", "api_keys", "token", "control_token"}
_MOST_HEADERS = 4096  # remembered
_TOKEN_SHAPE = re.compile(rf"\b{SHAPE.pattern}\b")
_SHORTEST = 12  # nothing shorter can hold a part of a token; most parameters of a run are
_USERINFO = re.compile(r"(?<=://)[^/?#\s\"'@]*:[^/?#\s\"']*@")
_NAMED = [b'token"', b'"key"', b'"password"', b'"api_key']  # all of them stand in one of these
_COOKIE = re.compile(r"(?:^|,)\s*([^=;,\s]+)=([^;,\s]{12,})")
_MOST_COOKIES = 256
ISSUED, COOKIE = "fresh", "cookie"
ISSUES_TOKENS = re.compile(r"/(?:users/login|users/[^/]+/keys(?:/tokens)?|chats/files/[^/]+/download-url)$")


_live: WeakSet[Redactor] = WeakSet()


def without_secrets(text: str) -> str:
    """The text without what any redactor of this process knows: for complaints, which may come from anywhere."""
    for redactor in list(_live):
        text = redactor.text(text)
    return _TOKEN_SHAPE.sub("<token>", _USERINFO.sub("<redacted>@", text))


class Redactor:
    """Replaces the known secrets, in whatever form, by `<token:NAME>`, and what looks like a session token by `<token>`."""

    def __init__(self, tokens: dict[str, str]) -> None:
        self._needles = Needles()
        self._shortest = _SHORTEST
        self._shown: dict[tuple[str, str], tuple[str, str]] = {}  # headers: most are the same in every answer
        self._answer: tuple[bytes, bool] = (b"", False)  # the last one that was looked through
        self._cookies = 0
        for name, token in tokens.items():
            self.learn(name, token)
        _live.add(self)

    def learn(self, name: str, token: str) -> None:
        """A secret made or sent during the run."""
        if token:
            self._needles.add(name, token)
            self._shortest = min(self._shortest, len(token))
            self._shown.clear()

    def text(self, value: str) -> str:
        """The text without secrets."""
        if len(value) < self._shortest:
            return value
        if "@" in value:
            value = _USERINFO.sub("<redacted>@", value)
        if len(value) <= LONG and not self._needles.within(value.encode("utf-8", "surrogatepass")):
            return value
        return _TOKEN_SHAPE.sub("<token>", self._needles.masked(value, "<token:%s>"))

    def data(self, value: bytes) -> bytes:
        """The bytes without secrets."""
        return self.text(value.decode("latin-1")).encode("latin-1", "replace") if self._needles.within(value) else value

    def headers(self, headers: dict[str, str]) -> dict[str, str]:
        shown = dict(map(self._header, headers.items()))
        return headers if shown == headers else shown

    def _header(self, pair: tuple[str, str]) -> tuple[str, str]:
        known = self._shown.get(pair)
        if known is not None:
            return known
        name, value = pair
        shown = name, value
        if len(name) + len(value) >= self._shortest and self.text(line := f"{name}: {value}") != line:
            shown = self.text(name), self.text(value)
        if name.lower() in _SECRET_HEADERS and shown[1] == value and value:
            shown = shown[0], "<redacted>"
        if len(self._shown) < _MOST_HEADERS:
            self._shown[pair] = shown
        return shown

    def params(self, params: Iterable[tuple[str, str]]) -> list[list[str]]:
        return [[self.text(k), self.text(v)] for k, v in params]

    def json(self, value: Any, raw: bytes | None = None) -> Any:
        """The JSON value without secrets: known ones anywhere, and strings under the names that hold secrets.

        `raw`: the bytes that it was read from, if they are at hand.
        """
        return value if self._harmless(value, raw) else self._clean(value, "")

    def check(self, check: Check) -> None:
        """Take the secrets out of a judgement, before anything that shows it cuts it."""
        check.message, check.reason, check.pointer = self.text(check.message), self.text(check.reason), self.text(check.pointer)
        check.reproduce = [self.text(line) for line in check.reproduce]
        check.rerun = self.text(check.rerun)
        if check.expected is not ABSENT:
            check.expected = self._clean(check.expected, "")
        if check.actual is not ABSENT:
            check.actual = self._clean(check.actual, "")

    def _harmless(self, value: Any, raw: bytes | None) -> bool:
        """Is there nothing in the text of this JSON that could be a secret? True for nearly all that is said in a run."""
        if raw is None:
            try:
                raw = orjson.dumps(value)
            except TypeError:  # integers beyond 64 bits, lone surrogates
                return False
        for word in _NAMED:  # a loop: every body comes by here, and any() takes twice as long
            if word in raw:
                return False
        if b"@" in raw and b"://" in raw:
            return False
        return not (self._answer[1] if raw is self._answer[0] else self._needles.within(raw))

    def _clean(self, value: Any, key: str) -> Any:
        if isinstance(value, str):
            shown = self.text(value)
            return "<redacted>" if key in _SECRET_KEYS and shown == value and len(value) > 8 else shown
        if isinstance(value, bytes):
            return self.data(value)
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self._clean(item, key) for item in value]
        if isinstance(value, dict):
            return {self.text(k) if isinstance(k, str) else k: self._clean(v, str(k)) for k, v in value.items()}
        return value

    # -- what the target gives back -----------------------------------------------------------------

    def hear(self, said: Exchange | SocketLog) -> None:
        """Learn what an exchange issued, and note on it whose secret it gives back where the API gives none."""
        if isinstance(said, SocketLog):
            said.gives_back = self._given_back(said.handshake, [self._frames(said), said.close_reason.encode(errors="replace")])
            return
        response = said.response
        if "set-cookie" in response.headers:
            self._learn_cookies(response.headers["set-cookie"])
        issued = ""
        if response.status < 300 and said.request.method == "POST" and ISSUES_TOKENS.search(said.request.path):
            body = response.body if isinstance(response.body, dict) else {}
            issued = next((made for key in ("session_token", "key", "url") if isinstance(made := body.get(key), str)), "")
            issued = issued.rpartition("token=")[2]  # of a link
            if len(issued) >= _SHORTEST:
                self.learn(ISSUED, issued)
        said.gives_back = self._given_back(response, [response.content or b""])

    def _learn_cookies(self, header: str) -> None:
        for name, value in _COOKIE.findall(header):
            if self._cookies < _MOST_COOKIES and re.search("session|csrf|token", name, re.IGNORECASE):
                self._cookies += 1
                self.learn(COOKIE, value)

    def _given_back(self, response: Response, texts: list[bytes]) -> str:
        if self.headers(response.headers) is not response.headers:
            for pair in response.headers.items():
                if self._header(pair) != pair and pair[0] != "set-cookie" and (name := self._foreign(f"{pair[0]}: {pair[1]}")):
                    return f"{name}, in the header {pair[0] if len(pair[0]) < _SHORTEST else '(its name)'}"
        for text in texts:
            held = self._needles.within(text)
            self._answer = (text, held)
            if held and (name := self._foreign(text.decode("utf-8", "replace"))):
                return name
        return ""

    def _foreign(self, text: str) -> str:
        """Whose secret stands in a text, but for one that was just issued or is a cookie's."""
        return next((name for name in self._needles.names(text) if name not in (ISSUED, COOKIE)), "")

    def _frames(self, log: SocketLog) -> bytes:
        texts = [f.payload for f in log.frames if f.direction == "in"]
        try:
            return orjson.dumps([p.decode("latin-1") if isinstance(p, bytes) else p for p in texts])
        except TypeError:
            return repr(texts).encode("utf-8", "replace")
