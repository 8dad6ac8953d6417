"""The run record (NDJSON): written line by line as the run goes; everything that people read is rendered from it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import zlib
from pathlib import Path
from typing import IO, Any

import orjson

from conformance.play.verdict import Check
from conformance.wire.caps import KEPT
from conformance.wire.exchange import ABSENT, Exchange, Frame, Response, SocketLog
from conformance.wire.redact import Redactor

_BUFFER = 2**18  # bytes
_LONG = 16_384  # longer bodies and frames are cut in the record; their length and hash are kept
_MARGIN = 1024  # bytes behind a cut that are looked at, so that no secret stands across it
_LONG_SOCKET = 2**19  # bytes of frames in one line; of what comes later only the length is kept
_SECONDS = 0.5  # between two times that what was said is written through to the file


class RecordFailed(OSError):
    """The record can't be written; the text says which, why, and what to do next."""


class _Packed:
    """A file that what is written is packed into (gzip); what was flushed can be unpacked, whatever becomes of the process."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._packer, self._lock = file, zlib.compressobj(6, zlib.DEFLATED, 31), threading.Lock()

    def write(self, data: bytes) -> None:
        with self._lock:
            self._file.write(self._packer.compress(data))

    def flush(self) -> None:
        with self._lock:
            self._file.write(self._packer.flush(zlib.Z_SYNC_FLUSH))
            self._file.flush()

    def close(self) -> None:
        """A second time does nothing, as with any file."""
        with self._lock:
            if not self._file.closed:
                self._file.write(self._packer.flush())
                self._file.close()


class RecordWriter:
    """Writes header, exchanges, checks and footer, packed if the name ends in `.gz`. Without its footer a record is invalid."""

    def __init__(self, path: Path | None, redactor: Redactor) -> None:
        self._redactor = redactor
        self._file: IO[bytes] | _Packed | None = None
        self._path, self.failed = path, ""  # why nothing more can be written; empty while all is well
        if path is not None:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                file = path.open("wb", buffering=_BUFFER)
                self._file = _Packed(file) if path.suffix == ".gz" else file
            except OSError as error:
                self._fail(error)
                raise RecordFailed(self.failed) from error
        self._closed = threading.Event()
        if self._file is not None:  # in a thread, so that a run that is killed while all wait loses nothing
            threading.Thread(target=self._keep_written, args=(self._file,), daemon=True, name="record").start()

    def _keep_written(self, file: IO[bytes] | _Packed) -> None:
        while not self._closed.wait(_SECONDS):
            with contextlib.suppress(OSError, ValueError, zlib.error):  # a full disk is told where lines are written
                file.flush()

    @property
    def redactor(self) -> Redactor:
        """What takes the secrets out of all that is written."""
        return self._redactor

    def _fail(self, error: OSError) -> None:
        why = error.strerror or type(error).__name__
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        self._file = None
        self.failed = f"the record {self._path} can't be written: {why}; make room or name another with --record"

    def line(self, value: dict[str, Any]) -> None:
        if self._file is not None:
            try:
                self._file.write(_dumps(value) + b"\n")
                if value["kind"] == "header":  # whether it can be written at all is known before anything is played
                    self._file.flush()
            except OSError as error:
                self._fail(error)

    def exchange(self, exchange: Exchange | SocketLog) -> None:
        if self._file is not None:
            self.line(
                socket_line(exchange, self._redactor) if isinstance(exchange, SocketLog) else http_line(exchange, self._redactor)
            )

    def check(self, check: Check) -> None:
        if self._file is None:
            return
        line = check.line()
        for key in ("expected", "actual", "message", "reason"):
            if key in line:
                line[key] = self._redactor.json(line[key])
        self.line(line)

    def note(self, text: str, topic: str = "", t_ms: float = 0.0) -> None:
        """Something to tell that judges nothing."""
        if self._file is not None:
            self.line({"kind": "note", "topic": topic, "text": self._redactor.text(text)[:_LONG], "t_ms": t_ms})

    def control(self, case: str, method: str, path: str, params: dict[str, Any], body: Any, t_ms: float) -> None:
        """What a case told the scripted LLM: no judgement rests on it, but who plays the case again needs it."""
        if self._file is not None:
            call = {"method": method, "path": path, "params": params} | ({} if body is None else {"body": body})
            self.line({"kind": "control", "case": case, "call": self._redactor.json(call), "t_ms": t_ms})

    def close(self) -> None:
        self._closed.set()
        if self._file is not None:
            try:
                self._file.close()
            except OSError as error:
                self._fail(error)


def _dumps(value: Any) -> bytes:
    try:
        return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:  # integers beyond 64 bits, lone surrogates
        return json.dumps(value, default=_plain).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    return repr(value)


def _cut_frames(lines: list[dict[str, Any]], weight: int) -> list[dict[str, Any]]:
    """The frames of a socket, the long ones cut. `weight`: bytes that all of them take in memory, about."""
    if weight <= _LONG:
        return lines
    room = _LONG_SOCKET
    for line in lines:
        payload = line["payload"]
        raw = payload.encode("utf-8", "backslashreplace") if isinstance(payload, str) else _dumps(payload)
        keep = min(_LONG, max(room, 0))
        room -= min(len(raw), keep)
        if len(raw) > keep:
            line["payload"] = raw[:keep].decode("utf-8", "ignore")
            line |= {"payload_length": len(raw), "payload_sha256": hashlib.sha256(raw).hexdigest()}
    return lines


def _bodies(body: Any, content: bytes | None, redactor: Redactor, fault: str = "") -> dict[str, Any]:
    if fault and content is not None:
        kept = redactor.text(content.decode("utf-8", "backslashreplace"))
        return {"content": kept[:KEPT], "truncated": fault}
    if body is not ABSENT:
        shown = redactor.json(body, content)
        raw = _dumps(shown) if content is None or len(content) > _LONG else b""
        if len(raw) <= _LONG:
            return {"body": shown}
        content = raw
    if not content:
        return {}
    kept = redactor.data(content[: _LONG + _MARGIN])[:_LONG].decode("utf-8", "backslashreplace")
    out: dict[str, Any] = {"content": kept}
    if len(content) > _LONG:
        out |= {"content_length": len(content), "content_sha256": hashlib.sha256(content).hexdigest()}
    return out


def _request(exchange: Exchange | SocketLog, redactor: Redactor) -> dict[str, Any]:
    request = exchange.request
    return {
        "method": request.method,
        "path": redactor.text(request.path),
        "params": redactor.params(request.params),
        "headers": redactor.headers(request.headers),
        **_bodies(request.body, request.content, redactor),
    }


def _answer(response: Response, redactor: Redactor) -> dict[str, Any]:
    return {
        "status": response.status,
        "headers": redactor.headers(response.headers),
        **_bodies(response.body, response.content, redactor, response.fault),
    }


def http_line(exchange: Exchange, redactor: Redactor) -> dict[str, Any]:
    """The record line of an HTTP exchange."""
    response = exchange.response
    return {
        "kind": "exchange",
        "id": exchange.id,
        "as": exchange.actor,
        "request": _request(exchange, redactor),
        "response": None if exchange.error else _answer(response, redactor),
        **({"error": redactor.text(exchange.error)} if exchange.error else {}),
        "t_ms": exchange.t_ms,
        "ms": exchange.ms,
        "case": exchange.case,
    }


def socket_line(log: SocketLog, redactor: Redactor) -> dict[str, Any]:
    """The record line of a socket: handshake, frames with relative times, and how it closed."""

    def frame(f: Frame, payload: Any) -> dict[str, Any]:
        shown = payload.hex() if isinstance(payload, bytes) else payload
        return {"t_ms": f.t_ms, "direction": f.direction, "kind": f.kind, "payload": shown}

    return {
        "kind": "exchange",
        "id": log.id,
        "as": log.actor,
        "websocket": {
            "path": redactor.text(log.request.path),
            "params": redactor.params(log.request.params),
            "headers": redactor.headers(log.request.headers),
        },
        "handshake": None if log.error else _answer(log.handshake, redactor),
        **({"error": redactor.text(log.error or log.fault)} if log.error or log.fault else {}),
        "frames": _cut_frames(
            [frame(*pair) for pair in zip(log.frames, redactor.json([f.payload for f in log.frames]), strict=True)], log.weight
        ),
        "close": {"code": log.close_code, "reason": redactor.text(log.close_reason), "by": log.closed_by},
        "t_ms": log.t_ms,
        "case": log.case,
    }
