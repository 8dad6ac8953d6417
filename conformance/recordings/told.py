"""A recorded scenario for reading: a line for each of its steps."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import spec
from fixtures.transcripts import Row, Transcript, TranscriptError, files, read

_LONG = 160  # characters of a body


def scenario(name: str, profiles: Iterable[str] = (spec.DEFAULT,)) -> Transcript | None:
    """The recorded scenario that a requirement of these profiles names: `archive-forbids`, or `PROFILE/archive`."""
    named, _, stem = name.rpartition("/")
    for path in (path for profile in ([named] if named else profiles) for path in files(profile)):
        if path.stem == stem:
            try:
                return read(path)
            except TranscriptError:
                return None
    return None


def told(transcript: Transcript) -> Iterator[str]:
    """What it is about, then its steps: who asked what, what came, and the note of whoever recorded it."""
    yield str(transcript.head.get("about", ""))
    for row in transcript.rows:
        if line := _step(row):
            note = f"   # {row.data['note']}" if row.data.get("note") else ""
            yield f"  {line}{note}"


def _step(row: Row) -> str:
    data = row.data
    if row.kind == "request":
        request, answer = data["request"], data.get("response")
        asked = f"{row.actor or 'nobody'}: {request['method']} {request['path']}{_params(request)}{_body(request)}"
        if answer is None:
            return f"{asked} -> left without an answer"
        lines = [line["line"] for line in answer.get("lines", ())]
        return f"{asked} -> {answer['status']}{_body(answer)}{f' {_short(lines)}' if lines else ''}"
    if row.kind == "socket":
        frames = data.get("frames") or []
        shook = (data.get("handshake") or {}).get("status")
        closed = data.get("close") or {}
        end = f", closed {closed['code']} by {closed.get('by')}" if closed.get("code") else ""
        shown = f" {_short(frames[0]['frame'])}" if frames else ""
        came = f"{len(frames)} frames{shown}{end}" if shook in (None, 101) else f"{shook}{_body(data['handshake'])}"
        return f"{row.actor or 'nobody'}: WebSocket {data['websocket']['path']} -> {came}"
    if row.kind == "open":
        return f"{row.actor or 'nobody'}: WebSocket {data['open']['path']} opened"
    return ""


def _params(request: dict[str, Any]) -> str:
    return f" {_short(request['params'])}" if request.get("params") else ""


def _body(said: dict[str, Any]) -> str:
    value = said.get("body", said.get("content", ""))
    return f" {_short(value)}" if value not in ("", None) else ""


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return (text if len(text) <= _LONG else f"{text[: _LONG - 1]}…").replace("\n", "⏎")
