"""Feeds as profiles declare them: a made-up one wraps the same events in envelopes, and nothing else has to know."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import spec
from conformance.checks import passive
from conformance.checks.documents import HEADERS, DocumentJudge, requirement_ids
from conformance.recordings.replay.segments import Until, flat, split
from conformance.recordings.transcripts import load
from conformance.wire.exchange import ABSENT, Exchange, Frame, Request, Response, SocketLog
from conformance.wire.framing import heard, unwrap
from spec.feeds import feeds
from tests.spec.test_extended_profile import write
from tests.spec.traffic import recorded, stream

BASE, WRAPPED = spec.DEFAULT, "wrapped"
PROFILE = """
    extends: experimental-2026-05
    feeds:
      streamChat: {framing: envelope, frame: StreamFrame}
      watchChats: {framing: envelope, frame: WatchFrame}
      sendMessage: {framing: lines, key: type, union: Line, ids: line}
"""
ASYNCAPI = """
    components:
      schemas:
        StreamFrame:
          $replace:
            oneOf: [{$ref: '#/components/schemas/StreamData'}, {$ref: '#/components/schemas/FeedError'}]
            discriminator: type
        WatchFrame:
          oneOf: [{$ref: '#/components/schemas/WatchData'}, {$ref: '#/components/schemas/Ping'}]
          discriminator: type
        StreamData: {type: object, properties: {type: {const: data}}}
        WatchData: {type: object, properties: {type: {const: data}}}
        Ping: {type: object, properties: {type: {const: ping}, data: {type: 'null'}}}
        FeedError: {type: object, properties: {type: {const: error}, data: {type: object, required: [message]}}}
        Line: {oneOf: [{$ref: '#/components/schemas/TextLine'}, {$ref: '#/components/schemas/EndLine'}], discriminator: type}
        TextLine: {type: object, properties: {type: {const: '0'}, data: {type: string}}}
        EndLine: {type: object, properties: {type: {const: d}, data: {type: object}}}
"""
OPENAPI = """
    paths:
      /api/experimental/chats/{chat}/messages:
        post: {responses: {'200': {content: {text/plain: {schema: {type: string}}}}}}
"""


@pytest.fixture(scope="module")
def wrapped(tmp_path_factory: pytest.TempPathFactory) -> spec.Profile:
    folder = tmp_path_factory.mktemp("spec")
    for name, text in (("profile.yaml", PROFILE), ("asyncapi.yaml", ASYNCAPI), ("openapi.yaml", OPENAPI)):
        write(folder / WRAPPED / name, text)
    return spec.load(WRAPPED, folder)


def in_envelopes(log: SocketLog) -> SocketLog:
    """The same socket, each frame in an envelope."""
    log = copy.deepcopy(log)
    for frame in log.frames:
        if frame.direction == "in" and frame.kind == "text" and not log.request.path.endswith("/git"):
            frame.payload = {"type": "data", "data": frame.payload}
    return log


def red(profile: spec.Profile, said: SocketLog | Exchange) -> set[str]:
    observers = passive.observers(profile, recorded=True)
    return {requirement for requirement, finding in observers.observe(said) if finding is not None}


def test_the_made_up_profile_has_its_feeds(wrapped: spec.Profile) -> None:
    own, base = feeds(wrapped), feeds(spec.load(BASE))
    assert (own["streamChat"].framing, own["streamChat"].many, own["streamChat"].most) == ("envelope", True, 256)
    assert (own["watchChats"].framing, own["watchChats"].many) == ("envelope", False)
    assert own["streamGit"] == base["streamGit"]
    assert set(requirement_ids(wrapped)) - set(requirement_ids(spec.load(BASE))) == {
        "SCHEMA-frame-sendMessage",
        "SCHEMA-line-0",
        "SCHEMA-line-d",
    }


def test_recordings_in_envelopes_are_right_in_the_one_profile_and_wrong_in_the_other(wrapped: spec.Profile) -> None:
    base, told = spec.load(BASE), 0
    for _, recording in itertools.groupby(recorded(), lambda said: said.case):
        observers = passive.observers(wrapped, recorded=True)
        for said in recording:
            other = in_envelopes(said) if isinstance(said, SocketLog) else said
            assert [finding for _, finding in observers.observe(other) if finding is not None] == [], said.id
            feed = "watchChats" if said.request.path.endswith("/watch") else "streamChat"
            if not isinstance(said, SocketLog) or said.request.path.endswith(("/git", "/desktop")):
                continue
            own, their = heard(said, feeds(base)[feed]), heard(other, feeds(wrapped)[feed])
            assert [event.value for event in own.events] == [event.value for event in their.events] and own.first == their.first
            if own.events:
                told += 1
                assert f"SCHEMA-frame-{feed}" in red(wrapped, said) & red(base, other)
    assert told > 150


def _status_last(log: SocketLog) -> None:
    log.frames[0].payload["data"].reverse()


def _say(payload: Any) -> Callable[[SocketLog], None]:
    return lambda log: log.frames.append(Frame(1.0, "in", payload))


CHANGES: list[tuple[str, Callable[[SocketLog], Any], set[str]]] = [
    ("streamChat", lambda log: log.frames[0].payload["data"][0].pop("status"), {"SCHEMA-event-status"}),
    (
        "streamChat",
        lambda log: log.frames[0].payload["data"][0].update(type="progress"),
        {"SCHEMA-frame-streamChat", "STREAM-024"},
    ),
    ("streamChat", _status_last, {"STREAM-024"}),
    ("streamChat", _say({"type": "data", "data": []}), {"SCHEMA-frame-streamChat"}),
    ("streamChat", _say({"type": "data", "data": {"type": "status"}}), {"SCHEMA-frame-streamChat"}),
    ("streamChat", _say({"type": "error", "data": {"message": "no"}}), set()),
    ("streamChat", _say({"type": "error", "data": {}}), {"SCHEMA-frame-streamChat"}),
    ("streamChat", _say({"type": "ping", "data": None}), {"SCHEMA-frame-streamChat"}),
    ("streamChat", _say("hello"), {"SCHEMA-frame-streamChat"}),
    ("watchChats", _say({"type": "ping", "data": None}), set()),
    ("watchChats", _say({"type": "ping", "data": 1}), {"SCHEMA-frame-watchChats"}),
    ("watchChats", _say({"type": "ping"}), {"SCHEMA-frame-watchChats"}),
    ("watchChats", _say({"type": "data", "data": None}), {"SCHEMA-frame-watchChats"}),
    ("watchChats", lambda log: log.frames[0].payload["data"]["chat"].pop("title"), {"SCHEMA-watch-created", "CHATOBJ-001"}),
]


@pytest.mark.parametrize(("feed", "change", "found"), CHANGES)
def test_what_is_wrong_in_an_envelope_is_found(
    wrapped: spec.Profile, feed: str, change: Callable[[SocketLog], Any], found: set[str]
) -> None:
    log = in_envelopes(_with_one_frame(feed))
    assert red(wrapped, log) == set()
    change(log)
    assert found <= red(wrapped, log) and bool(found) == bool(red(wrapped, log))


def _with_one_frame(feed: str) -> SocketLog:
    """A recorded socket that begins with a frame of more than one event, or tells of a chat that was made."""
    for said in recorded():
        if isinstance(said, SocketLog) and said.frames and said.frames[0].kind == "text":
            first = said.frames[0].payload
            told = len(first) if isinstance(first, list) else first.get("kind") == "created"
            if ("/watch" in said.request.path) == (feed == "watchChats") and told and (feed == "watchChats" or told > 1):
                log = copy.deepcopy(said)
                log.frames = log.frames[:1]
                return log
    raise LookupError(feed)


def test_a_finding_names_its_place_in_the_log(wrapped: spec.Profile) -> None:
    log, event = stream("status")
    log.frames.insert(0, Frame(0.0, "in", b"", "ping"))
    del event["chat_id"]
    for profile, said, place in ((spec.load(BASE), log, ""), (wrapped, in_envelopes(log), "/data")):
        pointers = [finding.pointer for finding in DocumentJudge(profile).findings(said)]
        assert pointers[0] == f"/frames/1{place}/0/chat_id", "by the frame's index among all that the log has"


def test_a_replay_splits_envelopes_by_what_is_in_them(wrapped: spec.Profile) -> None:
    feed = feeds(wrapped)["streamChat"]
    frames = [
        {"t_ms": 1, "frame": {"type": "ping", "data": None}},
        {"t_ms": 2, "frame": {"type": "data", "data": [{"type": "a"}, {"type": "b"}]}},
        {"t_ms": 900, "frame": {"type": "data", "data": [{"type": "c"}]}},
    ]
    ping = {"type": "ping", "data": None}
    assert flat(frames, feed) == [(1, ping), (2, {"type": "a"}), (2, {"type": "b"}), (900, {"type": "c"})]
    segments = split(frames, [Until(({"type": "ping"},), 0), Until(({"type": "b"},), 200)], feed)
    assert [segment.events for segment in segments] == [[ping], [{"type": "a"}, {"type": "b"}], [{"type": "c"}]]


def _answer(content: bytes, status: int = 200) -> Exchange:
    path = "/api/experimental/chats/f920dd55-8c1e-4a29-beb3-b6d3f3dda7e0/messages"
    headers = {"content-type": "text/plain; charset=utf-8"}
    return Exchange("x1", "alice", Request("POST", path, body={}), Response(status, headers, ABSENT, content))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'0:"a"\nd:{}\n', {}),
        (b"", {}),
        (b'{"message":"no"}\n', {}),
        (b"0:7\nd:{}\n", {"SCHEMA-line-0": "/frames/0/data"}),
        (b'0:"a"\nx:1\n', {"SCHEMA-frame-sendMessage": "/frames/1"}),
        (b'0:"a"\nd:{}', {"SCHEMA-frame-sendMessage": "/frames/1"}),
        (b'0:"a"\n\nd:{}\n', {"SCHEMA-frame-sendMessage": "/frames/1"}),
    ],
)
def test_an_answer_that_streams_is_judged_line_by_line(wrapped: spec.Profile, content: bytes, found: dict[str, str]) -> None:
    findings = [finding for finding in DocumentJudge(wrapped).findings(_answer(content)) if finding.requirement != HEADERS]
    assert {finding.requirement: finding.pointer for finding in findings} == found


def test_recorded_lines_keep_their_times(tmp_path: Path, wrapped: spec.Profile) -> None:
    said = [{"t_ms": 3, "line": '0:"a"'}, {"t_ms": 9, "line": '0:"b', "unterminated": True}]
    answer = {"status": 200, "headers": {"content-type": "text/plain"}, "lines": said}
    row = {"as": "alice", "request": {"method": "POST", "path": "/api/experimental/chats/x/messages"}, "response": answer}
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, [{"about": "", "profile": WRAPPED}, row])))
    (read,) = load(tmp_path / "x.jsonl")
    assert isinstance(read, Exchange) and read.response.content == b'0:"a"\n0:"b'
    assert [(frame.t_ms, frame.offset) for frame in read.response.lines] == [(3, 0), (9, 6)]
    assert [event.value for event in heard(read, feeds(wrapped)["sendMessage"]).events] == [{"type": "0", "data": "a"}]


def test_what_a_record_cut_is_no_frame_of_any_form(wrapped: spec.Profile) -> None:
    for feed in [*feeds(wrapped).values(), None]:
        assert unwrap(Frame(0.0, "in", ABSENT), feed) == ([], False, "", None, "")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{framing: array, key: type, union: X, ids: x}", "`most` belongs to arrays"),
        ("{framing: object, key: type, union: X, ids: x, most: 3}", "`most` belongs to arrays"),
        ("{framing: object, key: type, union: X, ids: x, frame: X}", "`frame` belongs to envelopes"),
        ("{framing: sse, key: type, union: X, ids: x}", "one of array, envelope, object, lines"),
        ("{framing: object, union: X}", "no ids, no key"),
        ("{framing: object, key: type, union: X, ids: x, max: 3}", r"max\?"),
    ],
)
def test_a_row_that_is_no_feed_is_told(tmp_path: Path, row: str, said: str) -> None:
    write(tmp_path / "odd" / "profile.yaml", f"{{extends: {BASE}, feeds: {{other: {row}}}}}")
    with pytest.raises(ValueError, match=f"spec/odd/profile.yaml: feeds: other: .*{said}"):
        feeds(spec.load("odd", tmp_path))
