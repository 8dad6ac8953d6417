"""The record of a run, read: every line checked, what renderers need kept, secrets masked.

Exchanges can be many and large, so only their places in the file are kept; `Record.exchange` reads one again.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from reports.redact import clean
from reports.rows import FORMAT, Check, Control, Exchange, Footer, Header, HttpExchange, Note, Scope, SocketExchange

BUILD = "x-coder-build-version"  # the header in which a server says what it is
_MOST_BUILDS = 5  # more than one: the server was changed during the run, or several answer
FIRST_PLAY = "first-play"  # the topic of notes on what failed once


class InvalidRecord(ValueError):
    """This file is not a whole record; the message is one line for the user."""


class EmptyRecord(InvalidRecord):
    """The file has no line: the run never began to write."""


class MissingFooter(InvalidRecord):
    """The last line is not the footer: the run was cut off, so nothing may be concluded from it."""


class BadLine(InvalidRecord):
    """One line is not what it has to be; `number` counts from 1."""

    def __init__(self, path: Path, number: int, why: str) -> None:
        super().__init__(f"{path}: line {number}: {why}")
        self.number = number


@dataclass(slots=True)
class Record:
    """A whole record. `exchanges` and `sockets` are how many of each it holds.

    `builds`: what the server's answers said of its build. `first_plays` says what failed before it was played again; all that is
    known of a failure in a run that was cut off.
    """

    path: Path
    header: Header
    footer: Footer
    checks: list[Check]
    notes: list[Note]
    exchanges: int
    sockets: int
    first_plays: list[Note]
    builds: list[str]
    _places: dict[str, tuple[int, int]]
    _unpacked: bytes | None = None  # of a packed file all of it

    def exchange(self, id: str) -> Exchange | None:
        """The exchange of that id, read from the file again; None if the record does not hold it."""
        place = self._places.get(id)
        if place is None:
            return None
        with self.path.open("rb") if self._unpacked is None else BytesIO(self._unpacked) as file:
            file.seek(place[0])
            return _exchange(clean(_json(file.read(place[1]))))


def read(path: Path | str, *, cut_off: bool = False) -> Record:
    """The record at `path`. `cut_off`: also one without a footer, as far as it goes; its footer then says exit 2.

    Raises EmptyRecord, MissingFooter or BadLine (all InvalidRecord), or OSError.
    """
    path = Path(path)
    header: Header | None = None
    footer: Footer | None = None
    checks: list[Check] = []
    notes: list[Note] = []
    places: dict[str, tuple[int, int]] = {}
    sockets = 0
    builds: dict[str, None] = {}
    offset = 0
    unpacked = _unpacked(path)
    with path.open("rb") if unpacked is None else BytesIO(unpacked) as file:
        for number, line in enumerate(file, 1):
            place = (offset, len(line))
            offset += len(line)
            if not line.strip():
                continue
            if footer is not None:
                raise BadLine(path, number, "there is a line after the footer; was the file appended to?")
            try:
                row = _parse(path, number, line)
            except BadLine:
                if header is None or line.endswith(b"\n"):
                    raise
                break  # the run was cut off while it wrote its last line
            if header is None:
                header = _first_line(path, number, row)
            elif isinstance(row, Header):
                raise BadLine(path, number, "a second header; are these two records in one file?")
            elif isinstance(row, Check):
                checks.append(row)
            elif isinstance(row, Note):
                notes.append(row)
            elif isinstance(row, Footer):
                footer = row
            elif not isinstance(row, Control):
                if row.id in places:
                    raise BadLine(path, number, f"exchange id {row.id!r} is used twice")
                places[row.id] = place
                sockets += isinstance(row, SocketExchange)
                answer = row.handshake if isinstance(row, SocketExchange) else row.response
                if answer is not None and (build := answer.headers.get(BUILD)) and len(builds) < _MOST_BUILDS:
                    builds[build] = None
    if header is None:
        raise EmptyRecord(f"{path}: the record is empty; make one with: chat-conformance run --record {path}")
    if footer is None:
        if not cut_off:
            raise MissingFooter(f"{path}: the record has no footer, so the run was cut off; run it again")
        judged = len({check.requirement for check in checks})
        scope = Scope(in_scope=judged, judged=judged)
        footer = Footer(kind="footer", counts={}, requirements=scope, exit=2)
    first_plays = [note for note in notes if note.topic == FIRST_PLAY]
    notes = [note for note in notes if note.topic != FIRST_PLAY]
    return Record(
        path, header, footer, checks, notes, len(places) - sockets, sockets, first_plays, list(builds), places, unpacked
    )


def _unpacked(path: Path) -> bytes | None:
    """What a packed file (gzip) holds, as far as it goes; None for one that is not packed."""
    with path.open("rb") as file:
        if file.read(2) != b"\x1f\x8b":
            return None
        file.seek(0)
        pieces, unpacker = [], zlib.decompressobj(31)
        try:
            while data := file.read(2**20):
                pieces.append(unpacker.decompress(data))
        except zlib.error as error:
            raise InvalidRecord(f"{path}: can't be unpacked ({error}); is it damaged?") from None
        return b"".join(pieces)


_MODELS: dict[str, TypeAdapter[Any]] = {
    "header": TypeAdapter(Header),
    "http": TypeAdapter(HttpExchange),
    "socket": TypeAdapter(SocketExchange),
    "check": TypeAdapter(Check),
    "note": TypeAdapter(Note),
    "control": TypeAdapter(Control),
    "footer": TypeAdapter(Footer),
}


def _first_line(path: Path, number: int, row: Any) -> Header:
    if not isinstance(row, Header):
        raise BadLine(path, number, "the first line must be the header; is this a record of `run --record`?")
    if row.record > FORMAT:
        raise BadLine(path, number, f"record format {row.record} is newer than {FORMAT}, which this tool reads")
    return row


def _parse(path: Path, number: int, line: bytes) -> Any:
    try:
        value = _json(line)
    except ValueError as error:
        raise BadLine(path, number, f"not JSON ({error})") from None
    kind = value.get("kind") if isinstance(value, dict) else None
    if kind not in ("header", "exchange", "check", "note", "control", "footer"):
        raise BadLine(path, number, "no object with a kind of header, exchange, check, note, control or footer")
    try:
        if kind == "exchange":
            return _exchange(value)
        return _MODELS[kind].validate_python(clean(value))
    except ValidationError as error:
        raise BadLine(path, number, f"{kind}: {_wrong(error)}") from None
    except RecursionError:
        raise BadLine(path, number, f"{kind}: nested too deep") from None


def _exchange(value: dict[str, Any]) -> Exchange:
    model = _MODELS["socket" if "websocket" in value else "http"]
    row: Exchange = model.validate_python(value)
    return row


def _json(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except ValueError:
        # The slower parser also takes lone surrogates, which a server may well send; nothing else here does.
        try:
            return clean(json.loads(line))
        except RecursionError:
            raise ValueError("nested too deep") from None


def _wrong(error: ValidationError) -> str:
    """The first thing wrong, as `where: what`."""
    what = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(step) for step in what["loc"])
    text = what["msg"].removeprefix("Value error, ")
    return f"{where}: {text}" if where else text
