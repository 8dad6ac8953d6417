"""Recorded traffic in any of its forms, as exchanges and socket logs in the order of time."""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import zlib
from collections.abc import Iterator
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from conformance.recordings import transcripts
from conformance.wire.exchange import ABSENT, Exchange, Frame, Request, Response, SocketLog
from fixtures.transcripts import TranscriptError, read

Said = Exchange | SocketLog
_API = "/api/"


_MALFORMED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


class Unreadable(ValueError):
    """A file that holds no recorded traffic; the text is one line that says what and where."""


def read_traffic(path: str | Path) -> tuple[list[Said], str]:
    """What was said in this file, and the profile that it names ("" if none). Raises Unreadable."""
    path = Path(path)
    try:
        text = _text(_unpacked(path))
    except (OSError, zlib.error) as error:
        raise Unreadable(f"{path}: cannot be read: {getattr(error, 'strerror', '') or error}") from None
    except UnicodeDecodeError as error:
        raise Unreadable(f"{path}: is no UTF-8 text: {error.reason} at byte {error.start}") from None
    if not text.strip():
        raise Unreadable(f"{path}: empty; give a transcript .jsonl, a run record .ndjson or a .har")
    try:
        first = json.loads(text.lstrip().split("\n", 1)[0])
    except (ValueError, RecursionError):
        first = None
    if isinstance(first, dict) and first.get("kind") == "header":
        return list(_record(path, text)), str(first.get("profile", ""))
    if isinstance(first, dict) and "log" not in first:
        try:
            transcript = read(path)
            return transcripts.convert(transcript), transcript.profile
        except TranscriptError as error:
            raise Unreadable(str(error)) from None
    return list(_har(path, text)), ""


def _text(data: bytes) -> str:
    """The text; a character that a run was cut off in is left out."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data" and error.end == len(data):
            return data[: error.start].decode("utf-8-sig")
        raise


def record_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a run record; a last one that was cut off is left out. Raises Unreadable, OSError."""
    for number, line in enumerate(BytesIO(_unpacked(path)), 1):
        if line.strip():
            try:
                value = json.loads(line)
                value["kind"]
            except _MALFORMED as error:
                if not line.endswith(b"\n"):
                    return
                raise Unreadable(f"{path}:{number}: no line of a run record: {error!r}") from None
            yield value


def _unpacked(path: Path) -> bytes:
    """What is in the file, unpacked if it is gzip, as far as it goes. Raises OSError, zlib.error."""
    data = path.read_bytes()
    return zlib.decompressobj(31).decompress(data) if data.startswith(b"\x1f\x8b") else data


# -- run records -------------------------------------------------------------------------------------------


def _record(path: Path, text: str) -> Iterator[Said]:
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
            if value["kind"] != "exchange":
                continue
            if value["handshake" if "websocket" in value else "response"] is None:
                continue  # there was no answer
            said = _recorded_socket(value) if "websocket" in value else _recorded_exchange(value)
        except _MALFORMED as error:
            if number == len(lines):
                return  # the run was cut off while it wrote this
            raise Unreadable(f"{path}:{number}: no line of a run record: {error!r}") from None
        said.source = f"{path}:{number}"
        yield said


def _body(shown: dict[str, Any]) -> tuple[Any, bytes | None]:
    """Body and content; neither when the record kept only a part."""
    if "body" in shown:
        return shown["body"], None
    if "content_length" in shown or "truncated" in shown:
        return ABSENT, None
    return ABSENT, str(shown.get("content", "")).encode()


def _recorded_request(shown: dict[str, Any]) -> Request:
    body, content = _body(shown)
    params = shown.get("params") or []
    pairs = list(params.items()) if isinstance(params, dict) else [(str(k), str(v)) for k, v in params]
    return Request(shown.get("method", "GET"), shown["path"], pairs, dict(shown.get("headers") or {}), body, content or None)


def _recorded_response(shown: dict[str, Any]) -> Response:
    body, content = _body(shown)
    headers = {name.lower(): str(value) for name, value in (shown.get("headers") or {}).items()}
    return Response(int(shown["status"]), headers, body, content, str(shown.get("truncated", "")))


def _recorded_exchange(value: dict[str, Any]) -> Exchange:
    return Exchange(
        id=value["id"],
        actor=value.get("as"),
        request=_recorded_request(value["request"]),
        response=_recorded_response(value["response"]),
        t_ms=float(value.get("t_ms", 0)),
        ms=float(value.get("ms", 0)),
        case=value.get("case", ""),
        gives_back=transcripts.given_back(value["request"]["path"], value["response"]),
    )


def _recorded_socket(value: dict[str, Any]) -> SocketLog:
    frames = []
    for item in value.get("frames") or []:
        payload = ABSENT if "payload_length" in item else item["payload"]
        if item["kind"] != "text" and isinstance(payload, str):
            payload = bytes.fromhex(payload)
        frames.append(Frame(float(item["t_ms"]), item["direction"], payload, item["kind"]))
    close = value.get("close") or {}
    return SocketLog(
        id=value["id"],
        actor=value.get("as"),
        request=_recorded_request(value["websocket"]),
        handshake=_recorded_response(value["handshake"]),
        frames=frames,
        close_code=close.get("code"),
        close_reason=close.get("reason") or "",
        closed_by=close.get("by") or "",
        t_ms=float(value.get("t_ms", 0)),
        case=value.get("case", ""),
        fault=str(value.get("error", "")),
        racy=any(frame.payload is ABSENT for frame in frames),
        gives_back=transcripts.given_back(
            value["websocket"]["path"], value["handshake"], [f for f in frames if f.direction == "in"], close
        ),
    )


# -- browsers ----------------------------------------------------------------------------------------------


def _har(path: Path, text: str) -> Iterator[Said]:
    try:
        entries = json.loads(text)["log"]["entries"]
    except RecursionError:
        raise Unreadable(f"{path}: neither a transcript, a run record nor a HAR: nested too deep") from None
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise Unreadable(f"{path}: neither a transcript, a run record nor a HAR: {reason}") from None
    except (LookupError, TypeError):
        entries = None
    if not isinstance(entries, list):
        raise Unreadable(f"{path}: JSON, but no HAR: it has no log.entries")
    for number, entry in enumerate(entries):
        try:
            if urlsplit(entry["request"]["url"]).path.startswith(_API) and entry["response"]["status"]:
                yield _har_entry(f"{path}:entry {number}", entry)
        except (*_MALFORMED, binascii.Error) as error:
            raise Unreadable(f"{path}: log.entries[{number}] is malformed: {error!r}") from None


def _har_headers(items: list[dict[str, str]]) -> dict[str, str]:
    return {item["name"].lower(): item["value"] for item in items if not item["name"].startswith(":")}


def _har_request(shown: dict[str, Any]) -> Request:
    url = urlsplit(shown["url"])
    headers = _har_headers(shown.get("headers", []))
    posted = (shown.get("postData") or {}).get("text")
    body, content = _parsed(posted.encode(), headers.get("content-type", "")) if posted is not None else (ABSENT, None)
    return Request(shown["method"], url.path, parse_qsl(url.query, keep_blank_values=True), headers, body, content)


def _parsed(data: bytes, media: str) -> tuple[Any, bytes | None]:
    if media.split(";")[0].strip().lower() == "application/json":
        try:
            return json.loads(data), None
        except ValueError:
            pass
    return ABSENT, data


def _har_response(shown: dict[str, Any]) -> Response:
    response = Response(int(shown["status"]), _har_headers(shown.get("headers", [])))
    content = shown.get("content") or {}
    if content.get("text") is not None:
        data = content["text"].encode()
        if content.get("encoding") == "base64":
            data = base64.b64decode(content["text"])
        response.body, response.content = _parsed(data, response.headers.get("content-type", ""))
    elif not content.get("size"):
        response.content = b""
    return response


def _har_entry(source: str, entry: dict[str, Any]) -> Said:
    request, response = _har_request(entry["request"]), _har_response(entry["response"])
    name = source.rpartition("/")[2]
    if "_webSocketMessages" not in entry and response.status != 101:
        # Who asked is not told: it is nobody only if no credential went along.
        return Exchange(name, _har_actor(request), request, response, source=source)
    log = SocketLog(name, _har_actor(request), request, response, source=source)
    start = _epoch(entry.get("startedDateTime", ""))
    for message in entry.get("_webSocketMessages") or []:
        kind: Literal["text", "binary"] = "text" if message.get("opcode", 1) == 1 else "binary"
        payload: Any = message["data"]
        if kind == "binary":
            payload = base64.b64decode(payload)
        else:
            with contextlib.suppress(ValueError):
                payload = json.loads(payload)
        t_ms = 1000 * (float(message.get("time", start)) - start)
        log.frames.append(Frame(t_ms, "out" if message["type"] == "send" else "in", payload, kind))
    return log


def _har_actor(request: Request) -> str | None:
    names = request.headers.keys() | {name for name, _ in request.params}
    known = {"cookie", "authorization", "coder-session-token", "coder_session_token", "access_token"}
    return "someone" if names & known else None


def _epoch(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0
