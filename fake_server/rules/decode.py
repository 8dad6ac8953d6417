"""Request bodies: JSON read the way the real server reads it, into typed values.

Rules (chats.md section 1, config.md section 0): the content type is not looked at; only the first value is read; unknown
fields are ignored; field names match without regard to case, the last duplicate counts; null leaves the zero value; a wrong
type, a number with a fraction in an integer field or a malformed UUID refuses the body. Invalid UTF-8 and lone surrogates
become U+FFFD.
"""

from __future__ import annotations

import codecs
import json
import math
import re
import sys
from typing import Any

import orjson

from fake_server.rules.dates import BadDate, parse_date
from fake_server.rules.validate import NIL_UUID, BadUUID, parse_uuid

UNSET: Any = type("Unset", (), {"__repr__": lambda self: "UNSET", "__bool__": lambda self: False})()

_SPACE = " \t\r\n"
_SURROGATE = re.compile("[\ud800-\udfff]")


EACH_BYTE = "each-byte-replaced"  # how bytes that are no UTF-8 are decoded: each becomes U+FFFD
_MOST_DIGITS = 4000  # the interpreter makes no integers of many more; no field takes one of so many


def _each_byte_replaced(wrong: UnicodeError) -> tuple[str, int]:
    assert isinstance(wrong, UnicodeDecodeError)
    return "\ufffd" * (wrong.end - wrong.start), wrong.end


codecs.register_error(EACH_BYTE, _each_byte_replaced)


class BadBody(ValueError):
    """The body can't be read; the text is what the decoder says of it."""


class TooLarge(float):
    """A number beyond what any field takes; its repr is what was sent."""

    def __new__(cls, digits: str) -> TooLarge:
        made = super().__new__(cls, "inf")
        made.digits = digits
        return made

    digits: str

    def __repr__(self) -> str:
        return self.digits


class Kind:
    """The type of a field: `zero` is its value when absent or null, `read` turns a JSON value into it."""

    name = "interface {}"

    @property
    def zero(self) -> Any:
        return None

    def read(self, value: Any, owner: str, path: str) -> Any:
        raise NotImplementedError

    def refuse(self, value: Any, owner: str, path: str) -> BadBody:
        """The error for a JSON value of another type."""
        place = f"struct field {owner}.{path}" if path else "value"
        said = _kind_of(value) if isinstance(self, Integer | Number) else _kind_of(value).partition(" ")[0]
        return BadBody(f"json: cannot unmarshal {said} into Go {place} of type {self.name}")


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int | float):
        return "number"
    return "array" if isinstance(value, list) else "object"


class Exponent(float):
    """A number that was written with an exponent; `text` is how."""

    text = ""


def _exponent(text: str) -> float:
    if "e" not in text and "E" not in text:
        return float(text)
    number = Exponent(text)
    number.text = text
    return number


def plain(value: Any) -> Any:
    """A value as the real server's database gives it back: no number has an exponent, so that 1e3 is 1000."""
    if isinstance(value, Exponent):
        return int(value) if value.is_integer() and abs(value) < 2**63 else float(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    return {key: plain(item) for key, item in value.items()} if isinstance(value, dict) else value


class Text(Kind):
    def __init__(self, name: str = "string") -> None:
        self.name = name

    @property
    def zero(self) -> str:
        return ""

    def read(self, value: Any, owner: str, path: str) -> str:
        if isinstance(value, str):
            return value
        raise self.refuse(value, owner, path)


class Integer(Kind):
    def __init__(self, bits: int = 64, name: str = "") -> None:
        self.name = name or f"int{bits}"
        self.low, self.high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1

    @property
    def zero(self) -> int:
        return 0

    def read(self, value: Any, owner: str, path: str) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high:
            return value
        error = self.refuse(value, owner, path)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise error
        written = value.text if isinstance(value, Exponent) else repr(value)
        raise BadBody(str(error).replace("unmarshal number", f"unmarshal number {written}", 1))


class Number(Kind):
    name = "float64"

    @property
    def zero(self) -> float:
        return 0.0

    def read(self, value: Any, owner: str, path: str) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool | TooLarge):
            return float(value) if isinstance(value, Exponent) else value
        raise self.refuse(value, owner, path)


class Bool(Kind):
    name = "bool"

    @property
    def zero(self) -> bool:
        return False

    def read(self, value: Any, owner: str, path: str) -> bool:
        if isinstance(value, bool):
            return value
        raise self.refuse(value, owner, path)


class Uuid(Kind):
    """A UUID in any accepted spelling, given in the dashed lower-case one; the nil UUID when absent."""

    name = "uuid.UUID"

    @property
    def zero(self) -> str:
        return NIL_UUID

    def read(self, value: Any, owner: str, path: str) -> str:
        if not isinstance(value, str):
            raise self.refuse(value, owner, path)
        try:
            return parse_uuid(value)
        except BadUUID as error:
            raise BadBody(str(error)) from None


class Moment(Kind):
    """A time in RFC 3339, which nothing here reads; None when absent."""

    name = "time.Time"

    def read(self, value: Any, owner: str, path: str) -> None:
        try:
            parse_date(value if isinstance(value, str) else "")
        except BadDate as error:
            raise BadBody(str(error)) from None


class Raw(Kind):
    """Any JSON value, kept as it is; UNSET when absent (null is a value)."""

    name = "json.RawMessage"

    @property
    def zero(self) -> Any:
        return UNSET

    def read(self, value: Any, owner: str, path: str) -> Any:
        return plain(_bounded(value))


def _bounded(value: Any) -> Any:
    """The value with numbers that nothing here can hold cut down to the largest that can be held."""
    if isinstance(value, TooLarge):
        return -sys.float_info.max if value.digits.startswith("-") else sys.float_info.max
    if isinstance(value, list):
        return [_bounded(item) for item in value]
    if isinstance(value, dict):
        return {key: _bounded(item) for key, item in value.items()}
    return value


class Maybe(Kind):
    """A value, or None when absent or null."""

    def __init__(self, kind: Kind) -> None:
        # what reads itself from text is named by its pointer where it may be absent
        self.kind, self.name = kind, f"*{kind.name}" if isinstance(kind, Uuid) else kind.name

    def read(self, value: Any, owner: str, path: str) -> Any:
        if isinstance(self.kind, Uuid) and not isinstance(value, str):
            raise self.refuse(value, owner, path)
        return self.kind.read(value, owner, path)


class ListOf(Kind):
    """A list; None when absent or null. A null item is the item's zero value."""

    def __init__(self, item: Kind, name: str = "") -> None:
        self.item, self.name = item, name or f"[]{item.name}"

    def read(self, value: Any, owner: str, path: str) -> list[Any]:
        if not isinstance(value, list):
            raise self.refuse(value, owner, path)
        item = self.item
        return [item.zero if v is None else item.read(v, owner, path) for v in value]


class MapOf(Kind):
    """An object with free keys; None when absent or null. A null value is the item's zero value."""

    def __init__(self, item: Kind, name: str = "") -> None:
        self.item, self.name = item, name or f"map[string]{item.name}"

    def read(self, value: Any, owner: str, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.refuse(value, owner, path)
        item = self.item
        return {k: item.zero if v is None else item.read(v, owner, path) for k, v in value.items()}


class Struct(Kind):
    """An object with known fields, read into a dict that has every field (zero values where absent)."""

    def __init__(self, name: str, fields: dict[str, Kind]) -> None:
        self.name, self.fields = f"codersdk.{name}", fields
        self.short = name
        self._folded = {key.casefold(): key for key in fields}
        if len(self._folded) != len(fields):
            raise ValueError(f"{name}: two fields differ only in case")

    @property
    def zero(self) -> dict[str, Any]:
        return {key: kind.zero for key, kind in self.fields.items()}

    def read(self, value: Any, owner: str, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.refuse(value, owner, path)
        result = self.zero
        for sent, v in value.items():
            key = sent if sent in self.fields else self._folded.get(sent.casefold(), "")
            if not key:
                continue
            kind = self.fields[key]
            if v is None and not isinstance(kind, Raw):
                if isinstance(kind, Maybe | ListOf | MapOf):
                    result[key] = None  # null empties what can be empty, and leaves the rest as it was
                continue
            result[key] = kind.read(v, self.short, f"{path}.{key}" if path else key)
        return result


_PLACES = {
    "Expecting property name enclosed in double quotes": "looking for beginning of object key string",
    "Expecting value": "looking for beginning of value",
    "Expecting ':' delimiter": "after object key",
    "Invalid control character at": "in string literal",
    "Invalid \\escape": "in string escape code",
    "Invalid \\uXXXX escape": "in \\u hexadecimal character escape",
}


def _no_constant(text: str) -> Any:
    raise BadBody(f"invalid character '{text[0]}' looking for beginning of value")


_WITH_EXPONENT = re.compile(rb"[0-9][eE][+-]?[0-9]")


def _integer(text: str) -> Any:
    return int(text) if len(text) <= _MOST_DIGITS else TooLarge(text)


def _fraction(text: str) -> Any:
    return TooLarge(text) if math.isinf(float(text)) else _exponent(text)


_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_int=_integer, parse_float=_fraction)


def _explain(error: json.JSONDecodeError) -> BadBody:
    text, pos = error.doc, error.pos
    if error.msg.startswith("Unterminated string") or pos >= len(text.rstrip(_SPACE)):
        return BadBody("unexpected EOF")
    if error.msg == "Expecting ',' delimiter":
        where = "after object key:value pair" if _inside_object(text, pos) else "after array element"
    else:
        where = next((say for msg, say in _PLACES.items() if error.msg.startswith(msg)), "in value")
    return BadBody(f"invalid character {_quoted(text[pos].encode()[:1].decode('latin-1'))} {where}")


_ESCAPES = {"'": "\\'", "\\": "\\\\", "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


def _quoted(char: str) -> str:
    """A character in single quotes; what can't be printed is escaped."""
    if char in _ESCAPES:
        return f"'{_ESCAPES[char]}'"
    return f"'{char}'" if char.isprintable() else f"'\\x{ord(char):02x}'" if ord(char) < 0x80 else f"'\\u{ord(char):04x}'"


def _inside_object(text: str, pos: int) -> bool:
    depth: list[str] = []
    in_string, i = False, 0
    while i < pos:
        c = text[i]
        if in_string:
            if c == "\\":
                i += 1
            elif c == '"':
                in_string = False
        elif c == '"':
            in_string = True
        elif c in "{[":
            depth.append(c)
        elif c in "}]" and depth:
            depth.pop()
        i += 1
    return bool(depth) and depth[-1] == "{"


def _clean(value: Any) -> Any:
    """The value with every lone surrogate replaced."""
    if isinstance(value, str):
        return _SURROGATE.sub("�", value)
    if isinstance(value, list):
        return [_clean(v) for v in value]
    if isinstance(value, dict):
        return {_clean(k): _clean(v) for k, v in value.items()}
    return value


def first_value(body: bytes, *, truncated: bool = False) -> Any:
    """The first JSON value of the body. `truncated` says that the body goes on past its cap.

    Raises BadBody, with the words `http: request body too large` when the value does not end before the cap.
    """
    if not truncated and not _WITH_EXPONENT.search(body):
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            pass  # something behind the value, odd bytes, or really malformed: read slowly
    text = body.decode("utf-8", errors=EACH_BYTE)
    start = len(text) - len(text.lstrip(_SPACE))
    try:
        if start == len(text):
            raise BadBody("EOF")
        try:
            value, _ = _DECODER.raw_decode(text, start)
        except json.JSONDecodeError as error:
            raise _explain(error) from None
        except RecursionError:
            raise BadBody("exceeded max depth") from None
    except BadBody as error:
        if truncated and str(error) in ("EOF", "unexpected EOF"):
            raise BadBody("http: request body too large") from None
        raise
    return _clean(value) if "\\ud" in text or "\\uD" in text else value


def decode(body: bytes, shape: Kind, *, truncated: bool = False) -> Any:
    """The body read as `shape`. Raises BadBody."""
    value = first_value(body, truncated=truncated)
    return shape.zero if value is None else shape.read(value, "", "")
