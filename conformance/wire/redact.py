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
_TOKEN_SHAPE = re.compile(r"\b[A-Za-z0-9]{10}-[A-Za-z0-9]{22}\b")
# In serialized JSON, where the end of an escape such as \n may stand right before a token. The dash comes first for speed.
_SUSPICIOUS = re.compile(rb"-(?<=[A-Za-z0-9]{10}-)[A-Za-z0-9]{22}")
_NAMED = [f'"{key}":'.encode() for key in sorted(_SECRET_KEYS)]


class Redactor:
    """Replaces the known tokens by `<token:NAME>`, and whatever looks like a session token by `<token>`."""

    def __init__(self, tokens: dict[str, str]) -> None:
        self._names = {token: name for name, token in tokens.items() if token}
        # nothing shorter can hold a token; most texts of a run are
        self._shortest = min([_TOKEN_LENGTH, *map(len, self._names)])
        self._tokens = [_escaped(token) for token in self._names]

    def learn(self, name: str, token: str) -> None:
        """A token made during the run."""
        self._names[token] = name
        self._shortest = min(self._shortest, len(token))
        self._tokens.append(_escaped(token))

    def text(self, value: str) -> str:
        if len(value) < self._shortest:
            return value
        for token, name in self._names.items():
            if token in value:
                value = value.replace(token, f"<token:{name}>")
        return _TOKEN_SHAPE.sub("<token>", value)

    def headers(self, headers: dict[str, str]) -> dict[str, str]:
        return {k: self._header(k, v) for k, v in headers.items()}

    def _header(self, name: str, value: str) -> str:
        shown = self.text(value)
        return "<redacted>" if name.lower() in _SECRET_HEADERS and shown == value and value else shown

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
        return not any(word in text for word in (*_NAMED, *self._tokens)) and _SUSPICIOUS.search(text) is None

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
