"""Which operation a request is, and whether the judge by the documents sees what is wrong and nothing else."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import datetime
from typing import Any

import jsonschema
import pytest
from jsonschema_rs import validator_for

import spec
from conformance.checks.documents import DocumentJudge, judge
from conformance.wire.exchange import ABSENT, Exchange, Frame, SocketLog
from spec.documents import documents
from tests.spec.traffic import PROFILE, answer, events, objects, operation, recorded, stream

BASE = "/api/experimental/chats"
ID = "195d788a-3cfb-4b35-8b51-82721a103f86"


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", BASE, "listChats"),
        ("POST", BASE, "createChat"),
        ("GET", f"{BASE}/", "listChats"),
        ("PUT", BASE, "unrouted"),
        ("GET", f"{BASE}/{ID}", "getChat"),
        ("GET", f"{BASE}/{ID}/", "getChat"),
        ("GET", f"{BASE}//{ID}", "getChat"),
        ("GET", f"{BASE}/not-a-uuid", "getChat"),
        ("DELETE", f"{BASE}/{ID}", "unrouted"),
        ("HEAD", f"{BASE}/{ID}", "unrouted"),
        ("GET", f"{BASE}/models", "listModels"),
        ("GET", f"{BASE}/models/", "getChat"),
        ("POST", f"{BASE}/models", "unrouted"),
        ("PATCH", f"{BASE}/watch", "patchChat"),
        ("GET", f"{BASE}/watch", "watchChats"),
        ("GET", f"{BASE}/by-workspace/", "getChat"),
        ("POST", f"{BASE}/files", "uploadFile"),
        ("PATCH", f"{BASE}/files", "unrouted"),
        ("GET", f"{BASE}/files/x", "downloadFile"),
        ("POST", f"{BASE}/files?organization={ID}", "uploadFile"),
        ("GET", f"{BASE}/{ID}/messages", "listMessages"),
        ("GET", f"{BASE}/{ID}/messages/", "unrouted"),
        ("PATCH", f"{BASE}/{ID}/messages/%20", "editMessage"),
        ("POST", f"{BASE}/{ID}/queue/7/promote", "promoteQueuedMessage"),
        ("GET", f"{BASE}/{ID}/stream", "streamChat"),
        ("GET", f"{BASE}/{ID}/stream/", "streamChat"),
        ("GET", f"{BASE}/{ID}/stream/git", "streamGit"),
        ("GET", f"{BASE}/{ID}/stream/bogus", "unrouted"),
        ("GET", f"{BASE}/{ID}/no-such-thing", "unrouted"),
        ("GET", "/api/v2/no-such-thing", ""),
        ("GET", "/", ""),
    ],
)
def test_the_operation_of_a_request(method: str, path: str, name: str) -> None:
    match = documents(PROFILE).match(method, path)
    assert (match.operation.id if match else "") == name


def test_path_parameters_are_decoded() -> None:
    match = documents(PROFILE).match("PATCH", f"{BASE}/%7B{ID}%7D/messages/a%20b")
    assert match is not None
    assert match.params == {"chat": "{" + ID + "}", "message": "a b"}


# The judge

Change = Callable[[Exchange], object]


@pytest.mark.parametrize(
    ("name", "status", "change", "pointer"),
    [
        ("getChat", 200, lambda x: x.response.body.pop("labels"), "/labels"),
        ("getChat", 200, lambda x: x.response.body.update(labels=None), "/labels"),
        ("getChat", 200, lambda x: x.response.body.update(pin_order="0"), "/pin_order"),
        ("getChat", 200, lambda x: x.response.body.update(status="completed"), "/status"),
        ("getChat", 200, lambda x: x.response.body.update(id="7"), "/id"),
        ("getChat", 200, lambda x: x.response.body.update(created_at="2026-11-20 10:00:00"), "/created_at"),
        ("getChat", 200, lambda x: x.response.body.update(plan_mode=""), "/plan_mode"),
        ("getChat", 200, lambda x: x.response.body.update(last_error=None), "/last_error"),
        ("getChat", 200, lambda x: x.response.body.update(files=[]), "/files"),
        ("getChat", 200, lambda x: setattr(x.response, "status", 202), ""),
        ("getChat", 200, lambda x: x.response.headers.update({"content-type": "text/html"}), ""),
        ("getChat", 200, lambda x: (setattr(x.response, "body", ABSENT), setattr(x.response, "content", b"{")), ""),
        ("listMessages", 200, lambda x: x.response.body["messages"][0].update(id="1"), "/messages/0/id"),
        ("listMessages", 200, lambda x: x.response.body["messages"][0].update(role="bot"), "/messages/0/role"),
        ("listMessages", 200, lambda x: x.response.body["messages"][0].update(content=[]), "/messages/0/content"),
        (
            "listMessages",
            200,
            lambda x: x.response.body["messages"][0]["content"][0].pop("file_id"),
            "/messages/0/content/0/file_id",
        ),
        (
            "listMessages",
            200,
            lambda x: x.response.body["messages"][0]["content"][0].update(type="audio"),
            "/messages/0/content/0/type",
        ),
        (
            "listMessages",
            200,
            lambda x: x.response.body["messages"][0]["content"][0].update(type="tool-call"),
            "/messages/0/content/0/tool_call_id",
        ),
        ("sendMessage", 200, lambda x: x.response.body.update(queued=not x.response.body["queued"]), None),
        ("sendMessage", 404, lambda x: x.response.body.pop("message"), "/message"),
        ("sendMessage", 404, lambda x: x.response.body.update(detail=""), "/detail"),
        ("sendMessage", 409, lambda x: x.response.body.update(spent_micros=1.5), "/spent_micros"),
        ("patchChat", 204, lambda x: setattr(x.response, "content", b"{}"), ""),
        ("proposeTitle", 200, lambda x: x.response.body.update(title=None), "/title"),
        ("listChats", 200, lambda x: setattr(x.response, "body", {}), ""),
        ("regenerateTitle", 409, lambda x: x.response.body.update(message=1), "/message"),
    ],
)
def test_a_wrong_answer_is_found(name: str, status: int, change: Change, pointer: str | None) -> None:
    wanted = {"messages": ..., "has_more": ...} if name == "listMessages" else {}
    said = answer(name, status, **wanted) if name != "listChats" else _first("listChats", 200)
    if name == "listMessages" and not said.response.body["messages"]:
        pytest.fail("the first recorded page is empty")
    assert judge(spec.load(PROFILE), said) == []
    change(said)
    found = judge(spec.load(PROFILE), said)
    assert {f.requirement for f in found} == {f"SCHEMA-{name}"}
    assert all(f.exchange == said.id for f in found)
    if pointer is not None:
        assert pointer in {f.pointer for f in found}


def _first(name: str, status: int) -> Exchange:
    for said in recorded():
        if isinstance(said, Exchange) and operation(said) == name and said.response.status == status:
            return copy.deepcopy(said)
    raise LookupError(name)


@pytest.mark.parametrize("header", ["x-content-type-options", "www-authenticate"])
def test_a_missing_header_is_found_apart(header: str) -> None:
    said = answer("getChat", 401)
    del said.response.headers[header]
    assert [f.requirement for f in judge(spec.load(PROFILE), said)] == ["SCHEMA-headers"]


def test_a_wrong_header_is_found() -> None:
    said = answer("getChat", 401)
    said.response.headers["www-authenticate"] = "Basic"
    assert [f.actual for f in judge(spec.load(PROFILE), said)] == ["Basic"]


@pytest.mark.parametrize(
    ("kind", "feed", "change", "requirement"),
    [
        ("status", "streamChat", lambda e: e["status"].update(status="done"), "SCHEMA-event-status"),
        ("status", "streamChat", lambda e: e.update(type="progress"), "SCHEMA-frame-streamChat"),
        ("message_part", "streamChat", lambda e: e["message_part"]["part"].pop("url"), "SCHEMA-event-message_part"),
        ("message_part", "streamChat", lambda e: e["message_part"].update(role="user"), "SCHEMA-event-message_part"),
        ("message", "streamChat", lambda e: e["message"].update(id=str(e["message"]["id"])), "SCHEMA-event-message"),
        ("queue_update", "streamChat", lambda e: e.update(queued_messages=[]), "SCHEMA-event-queue_update"),
        ("retry", "streamChat", lambda e: e["retry"].update(attempt=0), "SCHEMA-event-retry"),
        ("error", "streamChat", lambda e: e["error"].pop("retryable"), "SCHEMA-event-error"),
        (
            "action_required",
            "streamChat",
            lambda e: e["action_required"]["tool_calls"][0].update(args={}),
            "SCHEMA-event-action_required",
        ),
        ("status_change", "watchChats", lambda e: e["chat"].pop("title"), "SCHEMA-watch-status_change"),
        ("created", "watchChats", lambda e: e.update(kind="made"), "SCHEMA-frame-watchChats"),
    ],
)
def test_a_wrong_event_is_found(kind: str, feed: str, change: Callable[[dict[str, Any]], object], requirement: str) -> None:
    log, event = stream(kind, feed)
    assert judge(spec.load(PROFILE), log) == []
    change(event)
    found = judge(spec.load(PROFILE), log)
    assert [f.requirement for f in found] == [requirement]
    assert found[0].pointer.startswith("/frames/")


@pytest.mark.parametrize("payload", [{"type": "status"}, [], "hello", [{}] * 257])
def test_a_wrong_frame_is_found(payload: Any) -> None:
    log, event = stream("status")
    frame = payload if payload != [{}] * 257 else [event] * 257
    log.frames.append(Frame(1.0, "in", frame))
    assert [f.requirement for f in judge(spec.load(PROFILE), log)] == ["SCHEMA-frame-streamChat"]


def test_a_binary_frame_on_a_text_feed_is_found() -> None:
    log, _ = stream("created", "watchChats")
    log.frames.append(Frame(1.0, "in", b"{}", "binary"))
    assert [f.requirement for f in judge(spec.load(PROFILE), log)] == ["SCHEMA-frame-watchChats"]


def test_a_text_frame_on_the_desktop_feed_is_found() -> None:
    log, _ = stream("status")
    log.request.path = f"{BASE}/{ID}/stream/desktop"
    assert {f.requirement for f in judge(spec.load(PROFILE), log)} == {"SCHEMA-frame-streamDesktop"}


def test_frames_of_the_client_are_not_judged() -> None:
    log, _ = stream("status")
    log.frames.append(Frame(1.0, "out", "x"))
    assert judge(spec.load(PROFILE), log) == []


def test_unknown_keys_are_allowed_and_only_the_strict_judge_minds_them() -> None:
    profile = spec.load(PROFILE)
    open_judge, strict = DocumentJudge(profile), DocumentJudge(profile, strict=True)
    for said in (answer("getChat", 200), answer("listMessages", 200), answer("getChatACL", 200)):
        for count, place in enumerate(_closed_objects(said.response.body)):
            place["x_unknown"] = {"any": 1}
            assert open_judge.findings(said) == []
            found = strict.findings(said)
            assert found and all("x_unknown" in f.message for f in found), count
            del place["x_unknown"]


def _closed_objects(body: Any) -> list[dict[str, Any]]:
    """The objects of a body whose keys the documents name; labels, arguments and results are free."""
    free = [v for o in objects(body) for k, v in o.items() if k in ("labels", "args", "result")]
    hidden = {id(o) for value in free for o in objects(value)}
    return [o for o in objects(body) if id(o) not in hidden]


def test_a_strict_judge_minds_unknown_keys_in_events() -> None:
    strict = DocumentJudge(spec.load(PROFILE), strict=True)
    log, event = stream("message_part")
    event["message_part"]["part"]["x_unknown"] = 1
    assert [f.requirement for f in strict.findings(log)] == ["SCHEMA-event-message_part"]


def test_a_request_outside_the_documents_is_not_judged() -> None:
    said = answer("getChat", 200)
    said.request.path = "/no-such-place"
    assert list(DocumentJudge(spec.load(PROFILE))(said)) == []


def test_half_a_surrogate_pair_is_a_finding_and_no_crash() -> None:
    said = answer("uploadFile", 201)
    said.response.body["id"] = "a\ud800"
    assert [f.requirement for f in judge(spec.load(PROFILE), said)] == ["SCHEMA-uploadFile"]


def test_what_a_recording_left_out_is_not_judged() -> None:
    said = answer("getChat", 200)
    said.response.body, said.response.content = ABSENT, None
    assert judge(spec.load(PROFILE), said) == []


def test_a_clean_answer_counts_as_judged() -> None:
    judged = list(DocumentJudge(spec.load(PROFILE))(answer("getChat", 200)))
    assert judged == [("SCHEMA-getChat", None), ("SCHEMA-headers", None)]


# Two validators, one verdict


def formats() -> jsonschema.FormatChecker:
    checker = jsonschema.FormatChecker(formats=["uuid"])

    @checker.checks("date-time", ValueError)
    def is_date_time(value: object) -> bool:
        return not isinstance(value, str) or (datetime.fromisoformat(value).tzinfo is not None and "T" in value)

    return checker


def _variants(body: Any) -> list[Any]:
    out = [body]
    for number, place in enumerate(list(objects(body))[:4]):
        for key in list(place)[number::7]:
            for change in (ABSENT, None, "", 7, [], {}):
                changed = copy.deepcopy(body)
                target = list(objects(changed))[number]
                if change is ABSENT:
                    del target[key]
                else:
                    target[key] = change
                out.append(changed)
    return out


@pytest.mark.parametrize("strict", [False, True], ids=["open", "strict"])
def test_another_validator_comes_to_the_same_verdicts(strict: bool) -> None:
    docs = documents(PROFILE)
    checker = formats()
    seen: set[tuple[str, int]] = set()
    verdicts = {True: 0, False: 0}
    for said in recorded():
        name, body = operation(said), getattr(said, "response", said and ABSENT)
        if isinstance(said, SocketLog) or not name or (name, said.response.status) in seen:
            continue
        body = said.response.body
        doc = (docs.operations.get(name) or docs.unrouted).responses.get(said.response.status)
        if doc is None or not isinstance(body, (dict, list)) or "application/json" not in doc.media:
            continue
        seen.add((name, said.response.status))
        schema = docs.standalone(doc.media["application/json"], strict=strict)
        ours = validator_for(schema, validate_formats=True)
        other = jsonschema.Draft202012Validator(schema, format_checker=checker)
        for variant in _variants(body)[:60]:
            verdict = ours.is_valid(variant)
            assert verdict == other.is_valid(variant), f"{name} {said.response.status}: {variant}"
            verdicts[verdict] += 1
    assert verdicts[True] > 100 and verdicts[False] > 100


def test_both_validators_agree_on_events() -> None:
    docs = documents(PROFILE)
    checker = formats()
    kinds: dict[str, Any] = {}
    for said in recorded():
        if isinstance(said, SocketLog):
            for event in events(said):
                kinds.setdefault(event.get("type") or event.get("kind"), event)
    for union in ("StreamEvent", "WatchEvent"):
        for strict in (False, True):
            schema = docs.schema(union, strict=strict)
            ours = validator_for(schema, validate_formats=True)
            other = jsonschema.Draft202012Validator(schema, format_checker=checker)
            for event in kinds.values():
                for variant in _variants(event)[:40]:
                    assert ours.is_valid(variant) == other.is_valid(variant), variant
