"""The reader of recorded traffic, and recorded traffic as exchanges."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.recordings.transcripts import load
from conformance.wire.exchange import ABSENT, Exchange, SocketLog
from fixtures import transcripts

HEAD = {"about": "a test", "profile": "experimental-2026-05", "needs": []}
JSON = {"content-type": "application/json; charset=utf-8"}
TEXT = {"content-type": "text/plain"}


def written(tmp_path: Path, *rows: Any) -> Path:
    path = tmp_path / "scenario.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in (HEAD, *rows)) + "\n", encoding="utf-8")
    return path


def only(path: Path) -> Exchange:
    (said,) = load(path)
    assert isinstance(said, Exchange)
    return said


def test_long_texts_are_expanded_wherever_they_stand() -> None:
    short = {"a": [{"$repeat": "ab", "times": 3}], "b": {"$concat": ["x", {"$repeat": "y", "times": 2}, "z"]}}
    assert transcripts.expand(short) == {"a": ["ababab"], "b": "xyyz"}


def test_an_object_that_only_resembles_an_abbreviation_is_left_alone() -> None:
    value = {"$repeat": "a", "times": 2, "more": 1}
    assert transcripts.expand(value) == value


@pytest.mark.parametrize(
    ("request_row", "content"),
    [
        ({"content": "é"}, "é".encode()),
        ({"content_base64": "//4="}, b"\xff\xfe"),
        ({"content_gen": {"prefix": "<", "fill": "ab", "count": 2, "suffix": ">"}}, b"<abab>"),
        ({"content_gen": {"prefix_base64": "/w==", "fill": "\0", "count": 2, "suffix": "x"}}, b"\xff\0\0x"),
        ({"content": "\ufffd", "content_base64": "/w=="}, b"\xff"),
        ({"body": {}}, None),
    ],
)
def test_raw_request_bodies(request_row: dict[str, Any], content: bytes | None) -> None:
    assert transcripts.request_content(request_row) == content


def test_query_parameters_come_from_the_path_and_from_params(tmp_path: Path) -> None:
    row = {
        "request": {"method": "GET", "path": "/x?a=1&a=%202&b=", "params": {"c": 3}},
        "response": {"status": 200, "headers": {"Content-Type": "application/json"}, "body": []},
    }
    said = only(written(tmp_path, row))
    assert said.request.path == "/x"
    assert said.request.params == [("a", "1"), ("a", " 2"), ("b", ""), ("c", "3")]
    assert said.response.headers == {"content-type": "application/json"}
    assert said.response.body == []


@pytest.mark.parametrize(
    ("response", "body", "content"),
    [
        ({"status": 204, "headers": {}, "body": ""}, ABSENT, b""),
        ({"status": 401, "headers": {"content-type": "application/json"}, "body": ""}, ABSENT, b""),
        ({"status": 200, "headers": {"content-type": "text/plain"}, "body": "hi"}, ABSENT, b"hi"),
        (
            {"status": 200, "headers": {"content-type": "image/png"}, "body_base64": "//4="},
            ABSENT,
            b"\xff\xfe",
        ),
        ({"status": 200, "headers": {"content-type": "text/plain"}, "body": "<12 bytes>"}, ABSENT, None),
        ({"status": 200, "headers": {"content-type": "text/plain"}, "body_len": 12}, ABSENT, None),
        ({"status": 200, "headers": {"content-type": "application/json"}, "body": None}, None, None),
        (
            {"status": 200, "headers": {}, "lines": [{"line": "a"}, {"line": "b", "unterminated": True}]},
            ABSENT,
            b"a\nb",
        ),
    ],
)
def test_response_bodies(tmp_path: Path, response: dict[str, Any], body: Any, content: bytes | None) -> None:
    said = only(written(tmp_path, {"request": {"method": "GET", "path": "/x"}, "response": response}))
    assert said.response.body is body or said.response.body == body
    assert said.response.content == content


def test_a_socket_is_put_together_from_its_rows(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {
            "as": "bob",
            "open": {"conn": "s1", "path": "/w?after_id=3"},
            "handshake": {"status": 101, "headers": {}},
        },
        {"until": {"conn": "s1", "all": []}},
        {"send": {"conn": "s1", "text": "x"}},
        {
            "as": "bob",
            "websocket": {"path": "/w?after_id=3"},
            "conn": "s1",
            "frames": [{"t_ms": 5, "frame": {"kind": "created"}}],
            "control_frames": [{"t_ms": 2, "control": "ping"}],
            "close": {"code": 1008, "reason": "unexpected data message", "by": "server"},
        },
    )
    (log,) = load(path)
    assert isinstance(log, SocketLog)
    assert (log.actor, log.request.path, log.request.params) == ("bob", "/w", [("after_id", "3")])
    assert log.handshake.status == 101
    assert [(f.direction, f.kind) for f in log.frames] == [("in", "ping"), ("in", "text"), ("out", "text")]
    assert (log.close_code, log.close_reason, log.closed_by) == (1008, "unexpected data message", "server")
    assert log.source.endswith("scenario.jsonl:5")


def test_a_refused_upgrade(tmp_path: Path) -> None:
    shake = {"status": 400, "headers": {"content-type": "application/json"}, "body": {"message": "no"}}
    (log,) = load(written(tmp_path, {"as": None, "websocket": {"path": "/w"}, "handshake": shake}))
    assert isinstance(log, SocketLog)
    assert (log.actor, log.handshake.status, log.handshake.body) == (None, 400, {"message": "no"})
    assert log.frames == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("[]\n", ":1: a row must be"),
        ("{}\n", ":1: the first row must name its profile"),
        (json.dumps(HEAD) + "\n{oops\n", ":2: not JSON"),
        (json.dumps(HEAD) + '\n{"other": 1}\n', ":2: unknown kind of row with the keys other"),
        (json.dumps(HEAD) + '\n{"request": {}, "response": {"status": 200}}\n', ":2: malformed request row"),
    ],
)
def test_what_is_not_a_transcript_is_said_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(transcripts.TranscriptError, match=r"bad\.jsonl") as caught:
        load(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_shipped_transcript_is_read() -> None:
    paths = transcripts.files("experimental-2026-05")
    said = [item for path in paths for item in load(path)]
    lines = [line for path in paths for line in path.read_text(encoding="utf-8").split("\n")]
    asked = sum('"request": {' in line and '"response": {' in line for line in lines)
    assert len(paths) > 300
    assert sum(isinstance(item, Exchange) for item in said) == asked
    assert sum(len(item.frames) for item in said if isinstance(item, SocketLog)) > 2000
