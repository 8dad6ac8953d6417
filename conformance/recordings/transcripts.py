"""Transcripts as exchanges and socket logs: recorded traffic is judged by the checks that judge a live run.

What a recording left out is left out here too: a response whose bytes were not kept has neither `body` nor
`content`, and one whose headers were not kept has none; checks must not judge what is not there.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from conformance.wire.exchange import ABSENT, Exchange, Frame, Request, Response, SocketLog
from conformance.wire.framing import lines
from conformance.wire.redact import COOKIE, ISSUED, ISSUES_TOKENS
from fixtures.transcripts import Row, Transcript, TranscriptError, kept_length, read, request_content

_MASKED = re.compile(r"<token:([^<>]*)>")


@dataclass(slots=True)
class _Connection:
    """An `open` row and what was sent over it since."""

    row: Row
    sent: list[Frame] = field(default_factory=list)


def load(path: str | Path) -> list[Exchange | SocketLog]:
    """What was said in that transcript file, in its order; a socket stands where it was closed.

    Raises TranscriptError with file and line for a file that is not a transcript.
    """
    return convert(read(path))


def convert(transcript: Transcript) -> list[Exchange | SocketLog]:
    """What was said in that transcript. `source` is file:line, ids are name:line."""
    said: list[Exchange | SocketLog] = []
    connections: dict[str, _Connection] = {}
    for row in transcript.rows:
        try:
            _convert(transcript, row, connections, said)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
            raise TranscriptError(f"{transcript.path}:{row.line}: malformed {row.kind} row: {error!r}") from error
    return said


def _convert(transcript: Transcript, row: Row, connections: dict[str, _Connection], said: list[Exchange | SocketLog]) -> None:
    data = row.data
    if row.kind == "request":
        if "response" in data:
            said.append(_exchange(transcript, row))
        for during in data.get("during", ()):
            _convert(transcript, Row(row.line, "request", during), connections, said)
    elif row.kind == "open":
        connections[data["open"]["conn"]] = _Connection(row)
    elif row.kind == "send":
        sent = data["send"]
        connections[sent["conn"]].sent.append(_client_frame(sent))
    elif row.kind == "socket":
        said.append(_socket(transcript, row, connections.pop(data.get("conn", ""), None)))


def _request(recorded: dict[str, Any], method: str) -> Request:
    path, _, query = recorded["path"].partition("?")
    params = parse_qsl(query, keep_blank_values=True, errors="replace")
    params += [(name, str(value)) for name, value in recorded.get("params", {}).items()]
    return Request(
        method,
        path,
        params=params,
        headers=dict(recorded.get("headers", {})),
        body=recorded.get("body", ABSENT),
        content=request_content(recorded),
    )


def _response(recorded: dict[str, Any]) -> Response:
    headers = {name.lower(): value for name, value in recorded.get("headers", {}).items()}
    response = Response(recorded["status"], headers)
    body = recorded.get("body", ABSENT)
    if "body_base64" in recorded:
        response.content = base64.b64decode(recorded["body_base64"])
    if "lines" in recorded:
        response.content = "".join(
            line["line"] + ("" if line.get("unterminated") else "\n") for line in recorded["lines"]
        ).encode()
        response.lines = lines(response.content)
        for frame, line in zip(response.lines, recorded["lines"], strict=True):
            frame.t_ms = float(line.get("t_ms", 0))
    elif kept_length(body) is not None or body is ABSENT:
        pass
    elif body == "" and response.content is None:
        # The recorder wrote "" for no bytes at all, whatever the type; a JSON "" would come with its bytes.
        response.content = b""
    elif response.media_type == "application/json" or not isinstance(body, str):
        response.body = body
    elif response.content is None:
        response.content = body.encode("utf-8", "surrogatepass")
    return response


def _exchange(transcript: Transcript, row: Row) -> Exchange:
    return Exchange(
        id=f"{transcript.name}:{row.line}",
        actor=row.actor,
        request=_request(row.data["request"], row.data["request"]["method"]),
        response=_response(row.data["response"]),
        t_ms=float(row.line),
        case=transcript.name,
        source=f"{transcript.path}:{row.line}",
        racy=row.racy,
        gives_back=given_back(row.data["request"]["path"], row.data["response"]),
    )


def given_back(path: str, *answers: Any) -> str:
    """Whose token stood in recorded answers: its name stands in the place of it. Where tokens are issued there is one."""
    shown = repr(answers)
    if "<token:" not in shown or ISSUES_TOKENS.search(path.partition("?")[0]):
        return ""
    for answer in answers:
        if isinstance(answer, dict) and isinstance(answer.get("headers"), dict):
            cookies = [value for name, value in answer["headers"].items() if name.lower() == "set-cookie"]
            shown = shown.replace(repr(cookies[0]), "") if cookies else shown
    return next((name for name in _MASKED.findall(shown) if name not in (ISSUED, COOKIE)), "")


def _client_frame(sent: dict[str, Any]) -> Frame:
    # The recording says in which order client frames were sent, not when.
    if "binary" in sent:
        return Frame(0.0, "out", bytes.fromhex(sent["binary"]), "binary")
    if "ping" in sent:
        return Frame(0.0, "out", b"", "ping")
    if "close" in sent:
        return Frame(0.0, "out", sent["close"], "close")
    return Frame(0.0, "out", sent["text"])


def _socket(transcript: Transcript, row: Row, connection: _Connection | None) -> SocketLog:
    data = row.data
    recorded = dict(data["websocket"])
    opened = connection.row.data if connection else data
    if connection:
        recorded = {**opened["open"], **recorded}
    request = _request(recorded, "GET")
    frames = [Frame(float(item.get("t_ms", 0)), "in", b"", item["control"]) for item in data.get("control_frames", ())]
    frames += [Frame(float(item["t_ms"]), "in", item["frame"]) for item in data.get("frames", ())]
    frames.sort(key=lambda frame: frame.t_ms)
    if connection:
        last = frames[-1].t_ms if frames else 0.0
        frames += [Frame(last, sent.direction, sent.payload, sent.kind) for sent in connection.sent]
    close = data.get("close") or {}
    return SocketLog(
        id=f"{transcript.name}:{row.line}",
        actor=(connection.row if connection else row).actor,
        request=request,
        handshake=_response(opened.get("handshake") or {"status": 101}),
        frames=frames,
        close_code=close.get("code"),
        close_reason=close.get("reason", ""),
        closed_by=close.get("by", ""),
        t_ms=float(row.line),
        case=transcript.name,
        source=f"{transcript.path}:{row.line}",
        racy=row.racy,
        gives_back=given_back(recorded["path"], opened.get("handshake"), data.get("frames"), close),
    )
