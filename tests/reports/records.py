"""Records to render: small builders, one realistic mixed run, and large ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]

CHAT = "3f0c9a52-6c1d-4f0e-9a3b-0a4f6d1c7e21"
SENTENCES = {
    "AUTH-001": "A request without a token is refused with 401.",
    "SEND-004": "A send to an archived chat is refused with 400 before its body is read.",
    "SEND-011": "The message of a refused send names the field that is wrong.",
    "STRM-002": "Every part of the stored message was streamed before, in the same order.",
    "OWN-009": "A chat of somebody else answers as a chat that does not exist.",
    "TIME-001": "A chat's updated_at does not go back.",
    "QUE-003": "The eleventh queued message is refused with 429.",
    "LIFE-020": "An interrupt of an idle chat changes nothing.",
    "FILE-002": "A file that is too large is refused with 413.",
    "DIFF-001": "The diff of a chat with a workspace lists its changed files.",
}


def header(**over: Any) -> Row:
    return {
        "kind": "header",
        "suite_version": "0.1.0",
        "profile": "experimental-2026-05",
        "spec_sha256": "ab" * 32,
        "target": {"base_url": "http://127.0.0.1:3000", "users": {"alice": {"username": "alice"}}},
        "seed": 7,
        "started_at": "2026-11-21T10:00:00Z",
        **over,
    }


def http(id: str, **over: Any) -> Row:
    return {
        "kind": "exchange",
        "id": id,
        "as": "alice",
        "request": {
            "method": "POST",
            "path": f"/api/experimental/chats/{CHAT}/messages",
            "params": [],
            "headers": {"coder-session-token": "<token:alice>", "content-type": "application/json"},
            "body": {"content": [{"type": "text", "text": "hello"}]},
        },
        "response": {
            "status": 201,
            "headers": {"content-type": "application/json; charset=utf-8"},
            "body": {"message": {"id": 12, "chat_id": CHAT, "role": "user", "content": [{"type": "text", "text": "hello"}]}},
        },
        "t_ms": 1520.25,
        "ms": 4.5,
        "case": "send.archived",
        **over,
    }


def socket(id: str, events: int = 4, **over: Any) -> Row:
    parts = [
        {"type": "message_part", "message_part": {"role": "assistant", "part": {"type": "text", "text": f"w{n} "}}}
        for n in range(events)
    ]
    return {
        "kind": "exchange",
        "id": id,
        "as": "bob",
        "websocket": {"path": f"/api/experimental/chats/{CHAT}/stream", "params": [["after_id", "3"]]},
        "handshake": {"status": 101, "headers": {"upgrade": "websocket"}},
        "frames": [{"t_ms": 20.0 + n, "direction": "in", "kind": "text", "payload": [event]} for n, event in enumerate(parts)],
        "close": {"code": 1000, "reason": "", "by": "client"},
        "t_ms": 30.0,
        "case": "stream.parts",
        **over,
    }


def check(requirement: str, verdict: str = "pass", **over: Any) -> Row:
    row = {
        "kind": "check",
        "requirement": requirement,
        "level": "MUST",
        "verdict": verdict,
        "case": f"{requirement.lower()}.case",
        "area": requirement.split("-")[0].lower(),
        "text": SENTENCES.get(requirement, f"The sentence of {requirement}."),
        "source": "chats.md R82",
        "exchanges": ["x1"],
        "ms": 4.5,
        "attempt": 1,
    }
    return {**row, **over}


def footer(rows: list[Row], **over: Any) -> Row:
    """The footer that fits these rows."""
    checks = [row for row in rows if row["kind"] == "check"]
    counts: dict[str, int] = {}
    for row in checks:
        counts[row["verdict"]] = counts.get(row["verdict"], 0) + 1
    scope = {row["requirement"] for row in checks if row["verdict"] != "not-applicable"}
    judged = {row["requirement"] for row in checks if row["verdict"] not in ("not-applicable", "untestable")}
    red = any(row["verdict"] in ("fail", "unexpected-pass") for row in checks)
    broken = any(row["verdict"] == "harness-error" for row in checks)
    exit = 2 if broken else 1 if red else 3 if judged < scope or not scope else 0
    return {
        "kind": "footer",
        "counts": counts,
        "requirements": {"in_scope": len(scope), "judged": len(judged)},
        "exit": exit,
        "ms": 21340.0,
        **over,
    }


def write(path: Path, rows: list[Row]) -> Path:
    """The rows as a record file."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def whole(path: Path, *rows: Row, **over: Any) -> Path:
    """A record of these rows with a header before and a fitting footer after them."""
    return write(path, [header(), *rows, footer(list(rows), **over)])


def mixed() -> list[Row]:
    """One of every verdict, with what a real run writes."""
    rerun = "chat-conformance run --target target.json --seed 7 --requirement"
    curl = (
        f"curl -sS -X POST 'http://127.0.0.1:3000/api/experimental/chats/{CHAT}/messages' "
        "-H \"Coder-Session-Token: $ALICE_TOKEN\" -H 'Content-Type: application/json' "
        """-d '{"content": [{"type": "text", "text": "hello"}]}'"""
    )
    return [
        http("x1"),
        socket("x2"),
        http(
            "x3",
            **{"as": None},
            request={"method": "GET", "path": "/api/experimental/chats", "params": [["limit", "2"], ["q", "archived:true"]]},
        ),
        http("x4", response=None, error="connection reset by peer"),
        check("AUTH-001", case="no token: listChats", exchanges=["x3"]),
        check("AUTH-001", case="no token: getChat", exchanges=["x3"]),
        check("OWN-009"),
        check(
            "SEND-004",
            "fail",
            case="send.archived[owner]",
            message="The answer was 201 and the message was stored.",
            expected=400,
            actual=201,
            pointer="/status",
            reproduce=[
                f"curl -sS -X PATCH http://127.0.0.1:3000/api/experimental/chats/{CHAT} -d '{{\"archived\": true}}'",
                curl,
            ],
            rerun=f"{rerun} SEND-004",
        ),
        check(
            "SEND-004",
            "fail",
            case="send.archived[admin]",
            message="The answer was 201.",
            expected=400,
            actual=201,
            pointer="/status",
        ),
        check("SEND-004", case="send.archived[bob]"),
        check(
            "SEND-011",
            "warn",
            level="SHOULD",
            message="Other words than the table of refusals has.",
            expected={"message": "Invalid request.", "detail": "content[0].type is required"},
            actual={"message": "Bad request", "detail": "content[0].type is required"},
            pointer="/message",
            rerun=f"{rerun} SEND-011",
        ),
        check(
            "STRM-002",
            "raced",
            attempt=2,
            exchanges=["x2", "x1"],
            reason="failed 1 of 2 plays, each time with the sign of self-interrupt",
            message="Part 3 was never streamed.",
            reproduce=[f'websocat -H="Coder-Session-Token: $BOB_TOKEN" ws://127.0.0.1:3000/api/experimental/chats/{CHAT}/stream'],
            rerun=f"{rerun} STRM-002",
        ),
        check("TIME-001", "harness-error", exchanges=["x4"], message="KeyError: 'updated_at'", case="time.back"),
        check("QUE-003", "expected-fail", reason="known: the cap is configurable here, tracker 12"),
        check("LIFE-020", "unexpected-pass", reason="expectations.yaml expects it to fail: remove that entry"),
        check("FILE-002", "untestable", case="", exchanges=[], reason="the target file has no capability files"),
        check("DIFF-001", "not-applicable", level="MAY", case="", exchanges=[], reason="the profile leaves it out"),
        {"kind": "note", "text": "slowest case: stream.retry, 4.1 s", "topic": "time"},
    ]


def large(requirements: int, checks: int, *, failing: int = 0, body: int = 0) -> list[Row]:
    """Many checks spread over many requirements; the first `failing` checks fail, each with `body` more characters."""
    rows: list[Row] = []
    for number in range(checks):
        name = f"AREA{number % requirements % 12}-{number % requirements:03}"
        exchange = http(f"x{number + 1}", case=f"area.case_{number}[owner]")
        exchange["response"]["body"]["message"]["content"][0]["text"] = "text " * (body // 5)
        rows.append(exchange)
        more: Row = {}
        if number < failing:
            more = {
                "message": "The answer lacks the key that the presence table calls always present.",
                "expected": {"type": "text", "text": "hello", "created_at": "a time"},
                "actual": {"type": "text", "text": "hello"},
                "pointer": "/message/content/0",
                "reproduce": ["curl -sS -X POST http://127.0.0.1:3000/api/experimental/chats -d '" + "z" * 200 + "'"],
                "rerun": f"chat-conformance run --target target.json --seed 7 --requirement {name}",
            }
        text = f"Sentence {number % requirements} says what every server of this profile answers to such a request, and when."
        verdict = "fail" if number < failing else "pass"
        rows.append(check(name, verdict, case=f"area.case_{number}[owner]", exchanges=[f"x{number + 1}"], text=text, **more))
    return rows
