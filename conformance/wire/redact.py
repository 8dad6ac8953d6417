"""Secrets out of everything that is written down: tokens, keys and what carries them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import orjson

_SECRET_HEADERS = {
    "coder-session-token",
    "authorization",
    "cookie",
    "set-cookie",
    "x-csrf-token",
    "x-api-key",
}
_SECRET_KEYS = {"session_token", "key", "password", "api_key", "api_keys", "token"}
_TOKEN_LENGTH = 33
_MOST_HEADERS = 4096  # remembered
_TOKEN_SHAPE = re.compile(r"\b[A-Za-z0-9]{10}-[A-Za-z0-9]{22}\b")
# Anywhere: in serialized JSON the end of an escape such as \n may stand right before. The dash comes first for speed.
_TOKEN_LIKE = re.compile(r"-(?<=[A-Za-z0-9]{10}-)[A-Za-z0-9]{22}")
_TOKEN_LIKE_BYTES = re.compile(_TOKEN_LIKE.pattern.encode())
_NAMED = [f'"{key}":'.encode() for key in sorted(_SECRET_KEYS)]


class Redactor:
    """Replaces the known tokens by `<token:NAME>`, and whatever looks like a session token by `<token>`."""

    def __init__(self, tokens: dict[str, str]) -> None:
        self._names: dict[str, str] = {}
        self._odd: list[str] = []  # known tokens of another shape; a run makes hundreds of tokens, nearly all of the usual one
        self._suspicious = list(_NAMED)
        self._shortest = _TOKEN_LENGTH  # nothing shorter can hold a token; most texts of a run are
        self._shown: dict[tuple[str, str], str] = {}  # headers: most are the same in every answer
        for name, token in tokens.items():
            if token:
                self.learn(name, token)

    def learn(self, name: str, token: str) -> None:
        """A token made during the run."""
        self._names[token] = name
        if _TOKEN_SHAPE.fullmatch(token) is None:
            self._odd.append(token)
            self._suspicious.append(_escaped(token))
            self._shortest = min(self._shortest, len(token))
        self._shown.clear()

    def text(self, value: str) -> str:
        if len(value) < self._shortest:
            return value
        if _TOKEN_LIKE.search(value) is None and not any(token in value for token in self._odd):
            return value
        for token, name in self._names.items():
            if token in value:
                value = value.replace(token, f"<token:{name}>")
        return _TOKEN_SHAPE.sub("<token>", value)

    def headers(self, headers: dict[str, str]) -> dict[str, str]:
        return {k: self._header(k, v) for k, v in headers.items()}

    def _header(self, name: str, value: str) -> str:
        known = self._shown.get((name, value))
        if known is not None:
            return known
        shown = self.text(value)
        if name.lower() in _SECRET_HEADERS and shown == value and value:
            shown = "<redacted>"
        if len(self._shown) < _MOST_HEADERS:
            self._shown[name, value] = shown
        return shown

    def params(self, params: Iterable[tuple[str, str]]) -> list[list[str]]:
        return [[k, self.text(v)] for k, v in params]

    def json(self, value: Any) -> Any:
        """The JSON value without secrets: known tokens anywhere, and strings under the names that hold secrets."""
        return value if self._harmless(value) else self._clean(value, "")

    def _harmless(self, value: Any) -> bool:
        """Is there nothing in the text of this JSON that could be a secret? True for nearly all that is said in a run."""
        try:
            text = orjson.dumps(value)
        except TypeError:  # integers beyond 64 bits, lone surrogates
            return False
        for word in self._suspicious:  # a loop: every body comes by here, and any() takes twice as long
            if word in text:
                return False
        return _TOKEN_LIKE_BYTES.search(text) is None

    def _clean(self, value: Any, key: str) -> Any:
        if isinstance(value, str):
            shown = self.text(value)
            return "<redacted>" if key in _SECRET_KEYS and shown == value and len(value) > 8 else shown
        if isinstance(value, list):
            return [self._clean(item, key) for item in value]
        if isinstance(value, dict):
            return {k: self._clean(v, k) for k, v in value.items()}
        return value


def _escaped(token: str) -> bytes:
    """The token as it stands inside serialized JSON."""
    return orjson.dumps(token)[1:-1]
