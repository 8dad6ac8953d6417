"""Nothing secret leaves a report and nothing hides in one: tokens are masked, control characters shown."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

MASK = "<redacted>"

# A session token is 10 characters, "-", 22 characters. Longer runs count too, lest a letter more unmask it.
# A run is looked at from its beginning only and never given back, or a long one would take the square of its length.
_TOKEN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]{10,}+-[A-Za-z0-9]{22,}")
# A digit or some length tells a credential from a sentence about bearer tokens.
_BEARER = re.compile(r"\b(bearer|basic)(\s+)(?=\S*\d|\S{20})[^\s\"',;<>$]{4,}", re.IGNORECASE)
_HEADER_LINE = re.compile(
    r"\b(authorization|cookie|coder-session-token|coder_session_token|x-api-key)(\\?[\"']?\s*[:=]\s*\\?[\"']?)"
    r"((?:(?:bearer|basic)\s+)?)[^\s\"'\\,;&<>$]{4,}",
    re.IGNORECASE,
)
_PROVIDER_KEY = re.compile(r"(?:(?<![A-Za-z])|(?<=\\[nrt]))sk-[A-Za-z0-9_-]{16,}")
_SECRET_HEADERS = {
    "authorization",
    "cookie",
    "set-cookie",
    "coder-session-token",
    "x-api-key",
    "x-csrf-token",
    "proxy-authorization",
}
_SECRET_KEYS = {"session_token", "password", "api_key", "token", "secret", "control_token"} | _SECRET_HEADERS

# Control characters, lone surrogates and direction marks could rewrite the lines around them.
_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]")

_SURROGATE = re.compile(r"[\ud800-\udfff]")
_DEEPEST = 100
_SHORT = 100


# User and password in an address.
_USERINFO = re.compile(r"(?<=://)[^/?#\s\"'@<>]+@")


def redact(text: str) -> str:
    """The text with tokens, bearer credentials, provider keys and passwords of addresses masked, without lone surrogates.

    Takes time in proportion to the text's length.
    """
    text = _SURROGATE.sub(_escaped, text)
    if "@" in text:
        text = _USERINFO.sub(f"{MASK}@", text)
    if "-" in text:
        text = _PROVIDER_KEY.sub(MASK, _TOKEN.sub("<token>", text))
    text = _HEADER_LINE.sub(rf"\1\2\3{MASK}", text)
    return _BEARER.sub(rf"\1\2{MASK}", text)


_redacted = lru_cache(4096)(redact)  # the names and most of the short texts of a record come in line after line


def _text(value: str) -> str:
    return _redacted(value) if len(value) < _SHORT else redact(value)


def clean(value: Any, key: str = "", depth: int = 0) -> Any:
    """The JSON value with every secret masked: by its form anywhere, by its name where the name tells it.

    What is nested deeper than 100 levels is replaced by a remark, so that nothing that follows can overflow.
    """
    if depth > _DEEPEST:
        return "(nested too deep to show)"
    if isinstance(value, str):
        if value and key.lower() in _SECRET_KEYS and not value.startswith("<"):
            return MASK
        return _text(value)
    if isinstance(value, list):
        return [clean(item, key, depth + 1) for item in value]
    if isinstance(value, dict):
        return {_text(name): clean(item, name, depth + 1) for name, item in value.items()}
    return value


def visible(text: str) -> str:
    """The text with control characters, lone surrogates and direction marks written as `\\uXXXX`."""
    return _HIDDEN.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"
