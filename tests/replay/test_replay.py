"""The replayer finds nothing against a server that plays the recording back, and finds each change made to it."""

from __future__ import annotations

import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from conformance.recordings.replay import Report, replay, run, sockets
from fixtures.transcripts import Transcript, files, read
from tests.replay.playback import Tamper, serving

FOLDER = files("experimental-2026-05")[0].parent
QUICK = [
    "acl-key-spelling", "acl-outsider", "auth-csrf", "auth-token-lifecycle", "by-workspace", "config-site-roles",
    "cost-users", "create-body-cap", "edit-history-cut", "files-names", "list-pagination", "messages-pagination",
    "pin-order", "provider-crud", "queue-delete-archived", "limits-precedence",
]  # fmt: skip
SOCKETS = ["stream-two-turns", "archive-watch", "stream-watch-handshake", "list-has-unread"]


def transcript(name: str) -> Transcript:
    return read(FOLDER / f"{name}.jsonl")


def played(name: str, tamper: Tamper | None = None) -> Report:
    recorded = transcript(name)
    with serving(recorded, tamper) as target:
        return replay([recorded.path], target)


def different(report: Report) -> list[int]:
    return [row.line for row in report.files[0].rows if not row.equal]


@pytest.mark.parametrize("name", QUICK + SOCKETS)
def test_the_recording_itself_is_equal(name: str) -> None:
    report = played(name)
    if different(report):  # how long a socket must be quiet is real time: a busy machine may send the next frame later
        report = played(name)
    assert different(report) == []
    assert report.total > 0 and report.equal == report.total
    assert not report.files[0].remarks


def at(line: int, change: Callable[[dict[str, Any]], None]) -> Tamper:
    def tamper(here: int, answer: dict[str, Any]) -> dict[str, Any]:
        if here == line:
            change(answer)
        return answer

    return tamper


def _set(*path: str | int, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(answer: dict[str, Any]) -> None:
        place: Any = answer
        for step in path[:-1]:
            place = place[step]
        if value is _DROP:
            del place[path[-1]]
        else:
            place[path[-1]] = value

    return change


_DROP = object()
HTTP_CHANGES = {
    "status": _set("status", value=201),
    "media type": _set("headers", "content-type", value="text/html"),
    "missing key": _set("body", "messages", 0, "role", value=_DROP),
    "extra key": _set("body", "messages", 0, "extra", value=1),
    "null instead of absent": _set("body", "messages", 0, "created_by", value=None),
    "another text": _set("body", "messages", 0, "content", 0, "text", value="else"),
    "a number as text": _set("body", "messages", 0, "id", value="17"),
    "an id of another object": _set("body", "messages", 0, "chat_id", value="11111111-2222-4333-8444-555555555556"),
    "two ids in one": lambda answer: _set("body", "messages", 0, "id", value=answer["body"]["messages"][1]["id"])(answer),
    "no time": _set("body", "messages", 0, "created_at", value="yesterday"),
    "0 for false": _set("body", "has_more", value=0),
    "shorter list": _set("body", "messages", 0, "content", value=[]),
}


@pytest.mark.parametrize("change", HTTP_CHANGES)
def test_a_changed_answer_is_one_different_row(change: str) -> None:
    recorded = transcript("edit-history-cut")
    rows = [r for r in recorded.rows if r.kind == "request" and r.data["request"]["path"].endswith("/messages")]
    line = next(r.line for r in reversed(rows) if r.data["request"]["method"] == "GET")
    report = played("edit-history-cut", at(line, HTTP_CHANGES[change]))
    assert different(report) == [line]


def test_rows_that_lack_an_id_say_which_row_lost_it() -> None:
    recorded = transcript("messages-pagination")
    first = recorded.rows[0].line
    report = played("messages-pagination", at(first, _set("body", value={"message": "no"})))
    assert any(row.follows == (first,) for row in report.files[0].rows)


def _events(answer: dict[str, Any]) -> list[Any]:
    return [item for item in answer["frames"] if item["frame"]]


def _parts_swapped(answer: dict[str, Any]) -> None:
    parts = [f for item in _events(answer) for f in item["frame"] if f["type"] == "message_part"]
    parts[0]["message_part"], parts[1]["message_part"] = parts[1]["message_part"], parts[0]["message_part"]


def _message_lost(answer: dict[str, Any]) -> None:
    for item in _events(answer):
        item["frame"] = [e for e in item["frame"] if not (e["type"] == "message" and e["message"]["role"] == "user")]


def _message_twice(answer: dict[str, Any]) -> None:
    for item in _events(answer):
        item["frame"] = [e for e in item["frame"] for _ in range(2 if e["type"] == "message" else 1)]


def _other_text(answer: dict[str, Any]) -> None:
    for item in _events(answer):
        for event in item["frame"]:
            if event["type"] == "message_part":
                event["message_part"]["part"]["text"] += "?"


@pytest.mark.parametrize("change", [_parts_swapped, _message_lost, _message_twice, _other_text])
def test_changed_frames_are_found(change: Callable[[dict[str, Any]], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "PATIENCE_SECONDS", 0.5)
    recorded = transcript("stream-live-reasoning")
    line = next(r.line for r in recorded.rows if r.kind == "socket")
    report = played("stream-live-reasoning", at(line, change))
    assert line in different(report)


def test_one_line_tells_each_difference() -> None:
    recorded = transcript("by-workspace")
    line = next(r.line for r in recorded.rows if r.kind == "request")
    out = io.StringIO()
    with serving(recorded, at(line, _set("status", value=418))) as target:
        assert run(target, [recorded.path], out=out) == 1
    assert f"by-workspace.jsonl:{line} GET" in out.getvalue()
    assert "expected 200, actual 418" in out.getvalue()
    assert "rows equal: " in out.getvalue().splitlines()[-1]


def test_nobody_there_is_one_line_and_exit_2() -> None:
    out = io.StringIO()
    assert run({"base_url": "http://127.0.0.1:9"}, [FOLDER / "by-workspace.jsonl"], out=out) == 2
    assert len(out.getvalue().splitlines()) == 1


def test_what_is_no_transcript_is_one_line_and_exit_2(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text("[]\n")
    out = io.StringIO()
    assert run({"base_url": "http://127.0.0.1:9"}, [bad], out=out) == 2
    assert "bad.jsonl:1" in out.getvalue() and len(out.getvalue().splitlines()) == 1


@contextmanager
def hanging_up() -> Iterator[str]:
    """A server that answers the first two requests and drops every connection after them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            answered = 0
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    if answered < 2 and connection.recv(65536):
                        answered += 1
                        body = json.dumps({"message": "none"}).encode()
                        head = f"HTTP/1.1 404 X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                        connection.sendall(head.encode() + body)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def test_a_server_that_hangs_up_is_given_up() -> None:
    with hanging_up() as url:
        report = replay([FOLDER / "acl-share.jsonl"], {"base_url": url})
    assert report.equal == 0 and report.total > 10
    assert "given up" in str(report.files[0].rows[-1].differences)
