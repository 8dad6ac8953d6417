"""File names in Content-Disposition headers: read and written (RFC 2183, RFC 5987)."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote_from_bytes, unquote_to_bytes

MAX_NAME = 255  # bytes
_SPECIALS = frozenset('()<>@,;:\\"/[]?= \t')


def _is_token(text: str) -> bool:
    return bool(text) and all("!" <= c <= "~" and c not in _SPECIALS for c in text)


def _parameters(header: str) -> dict[str, str] | None:
    """The parameters of the header by lower-case name; None when it is malformed."""
    kind, _, rest = header.partition(";")
    if not _is_token(kind.strip().lower()):
        return None
    found: dict[str, str] = {}
    rest = rest.strip()
    while rest:
        name, equals, rest = rest.partition("=")
        name = name.strip().lower()
        if not equals or not _is_token(name) or name in found:
            return None
        rest = rest.lstrip()
        if rest.startswith('"'):
            value, after = _quoted(rest)
            if after is None:
                return None
            rest = after
        else:
            value, semicolon, behind = rest.partition(";")
            value = value.strip()
            if not _is_token(value):
                return None
            rest = semicolon + behind
        found[name] = value
        rest = rest.strip()
        if rest and not rest.startswith(";"):
            return None
        rest = rest[1:].strip()
    return found


def _quoted(text: str) -> tuple[str, str | None]:
    """The value of the quoted string that the text starts with, and what follows it (None: it has no end)."""
    out: list[str] = []
    i = 1
    while i < len(text):
        c = text[i]
        if c == '"':
            return "".join(out), text[i + 1 :]
        if c == "\\" and i + 1 < len(text) and text[i + 1] in _SPECIALS:
            i += 1
            c = text[i]
        out.append(c)
        i += 1
    return "", None


def sent_name(header: str) -> str:
    """The file name that a header gives, without control characters and surrounding blanks; "" when there is none."""
    found = _parameters(header) or {}
    name = found.get("filename", "")
    extended = found.get("filename*")
    if extended is not None:
        charset, _, rest = extended.partition("'")
        _, _, encoded = rest.partition("'")
        if charset.lower() in ("utf-8", "us-ascii"):
            name = unquote_to_bytes(encoded).decode("utf-8", "replace")
    return "".join(c for c in name if unicodedata.category(c) != "Cc").strip()


def cut_name(name: str) -> str:
    """The name cut to what is stored: whole characters, at most 255 bytes."""
    return name.encode()[:MAX_NAME].decode("utf-8", "ignore")


def header_for(kind: str, name: str) -> str:
    """`inline` or `attachment`, with a file name if there is one."""
    if not name:
        return kind
    if any(not " " <= c <= "~" for c in name):
        return f"{kind}; filename*=utf-8''{quote_from_bytes(name.encode(), safe='!#$&+-.^_`{|}~')}"
    if _is_token(name):
        return f"{kind}; filename={name}"
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'{kind}; filename="{escaped}"'
