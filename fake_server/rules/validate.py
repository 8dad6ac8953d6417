"""Values of paths, queries and bodies: how they are spelled, and what is said of a bad one (chats.md sections 1, 4 and 7)."""

from __future__ import annotations

import re

NIL_UUID = "00000000-0000-0000-0000-000000000000"

_DASHED = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_HEX = re.compile(r"[0-9a-fA-F]{32}")
_INT = re.compile(r"[+-]?[0-9]+")


class BadUUID(ValueError):
    """Not a UUID; the text says why."""


class BadNumber(ValueError):
    """Not a whole number in range; the text says why."""


def parse_uuid(text: str) -> str:
    """The UUID in dashed lower case; accepted are dashed, undashed, `urn:uuid:…` and `{…}`. Raises BadUUID."""
    size = len(text.encode())
    if size == 45:
        if text[:9].lower() != "urn:uuid:":
            raise BadUUID(f"invalid urn prefix: {quote(text[:9])}")
        text = text[9:]
    elif size == 38:
        text = text[1:-1]
    elif size == 32:
        if not _HEX.fullmatch(text):
            raise BadUUID("invalid UUID format")
        text = text.lower()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
    elif size != 36:
        raise BadUUID(f"invalid UUID length: {size}")
    if not _DASHED.fullmatch(text):
        raise BadUUID("invalid UUID format")
    return text.lower()


def parse_int(text: str, bits: int = 64) -> int:
    """A whole number as the real server reads one. Raises BadNumber with the parser's words."""
    if not _INT.fullmatch(text):
        raise BadNumber(f"strconv.ParseInt: parsing {quote(text)}: invalid syntax")
    value = int(text) if len(text) < 40 else (1 << 200)
    if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
        raise BadNumber(f"strconv.ParseInt: parsing {quote(text)}: value out of range")
    return value


_BLANKS = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)


def trim(text: str) -> str:
    """The text without the blanks around it: what Unicode calls white space (unlike str.strip, no separator controls)."""
    return text.strip(_BLANKS)


def quote(text: str) -> str:
    """The text in double quotes, with escapes for quotes, backslashes and what can't be printed."""
    out = []
    for c in text:
        if c in '"\\':
            out.append("\\" + c)
        elif c in "\n\r\t\a\b\f\v":
            out.append({"\n": "\\n", "\r": "\\r", "\t": "\\t", "\a": "\\a", "\b": "\\b", "\f": "\\f", "\v": "\\v"}[c])
        elif not c.isprintable():
            code = ord(c)
            out.append(f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
        else:
            out.append(c)
    return '"' + "".join(out) + '"'
