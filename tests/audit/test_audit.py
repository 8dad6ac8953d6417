"""Recorded traffic of a real server is right, and each tampering with it is found."""

from __future__ import annotations

import base64
import io
import json
import random
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import spec
from conformance.checks import answers, bodies, requests, wire_form
from conformance.checks.asked import understand
from conformance.checks.order import STREAM, WATCH, OrderJudge
from conformance.recordings import audit, transcripts
from conformance.run.record import http_line, socket_line
from conformance.wire.exchange import ABSENT, Exchange, Request, Response, SocketLog
from conformance.wire.redact import Redactor
from fixtures.transcripts import files
from spec.documents import Documents, documents
from spec.feeds import feeds
from spec.tables import StreamOrder, stream_order
from tests.audit.mutate import Census, Mutation, Said, Tampering, mutations

PROFILE = spec.load("experimental-2026-05")
FILES = files(PROFILE.name)
FOLDER = FILES[0].parent
SAMPLE = 120


@pytest.fixture(scope="module")
def recordings() -> list[list[Said]]:
    return [transcripts.load(path) for path in FILES]


def audited(*paths: Path) -> tuple[int, str]:
    out = io.StringIO()
    return audit.run(list(paths), out=out), out.getvalue()


# At least this many exchanges, sockets and requirements are in the recordings of each revision.
LEAST = {"experimental-2026-05": (5000, 200, 400), "experimental-2026-03": (1700, 110, 260), "legacy-2025-05": (1200, -1, 60)}


@pytest.mark.parametrize("profile", LEAST)
def test_nothing_is_wrong_in_what_a_real_server_said(profile: str) -> None:
    found = audit.audit_files(files(profile))
    assert [f"{where}: {finding.requirement} {finding.message}" for where, finding in found.findings] == []
    assert found.unjudged == []
    exchanges, sockets, requirements = LEAST[profile]
    assert found.exchanges > exchanges and found.sockets > sockets and len(found.requirements) > requirements
    assert found.requirements & spec.registry().keys() <= spec.load(profile).requirements.keys()


OLDER = "experimental-2026-03"
WRONG: dict[str, tuple[str, Callable[[Any], object], str]] = {
    "a part without one of its keys": ("parts", lambda row: _stored(row)["content"][0].pop("url"), "PART-048"),
    "an object as the error of a chat": (
        "archive",
        lambda row: row["response"]["body"].update(last_error={}),
        "SCHEMA-createChat",
    ),
    "a frame without its envelope": (
        "stream-snapshot",
        lambda row: _first(row).update(frame=_first(row)["frame"]["data"]),
        "SCHEMA-frame-streamChat",
    ),
    "an envelope of another type": (
        "watch-basic",
        lambda row: _first(row)["frame"].update(type="hello"),
        "SCHEMA-frame-watchChats",
    ),
    "a chat that a watch event shows whole": (
        "watch-actions",
        lambda row: row["frames"][1]["frame"]["data"]["chat"].update(archived=True),
        "WATCH-081",
    ),
    "a retry with a kind": ("stream-retry", lambda row: _event(row, "retry")["retry"].update(kind="timeout"), "EVENT-028"),
}


def _stored(row: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = row["response"]["body"]["messages"][0]
    return message


def _first(row: dict[str, Any]) -> dict[str, Any]:
    frame: dict[str, Any] = row["frames"][0]
    return frame


def _event(row: dict[str, Any], kind: str) -> dict[str, Any]:
    events = [event for frame in row["frames"] for event in frame["frame"]["data"]]
    return next(event for event in events if event["type"] == kind)


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_in_the_older_revision_alone_is_found(tmp_path: Path, what: str) -> None:
    name, change, requirement = WRONG[what]
    path = next(path for path in files(OLDER) if path.stem == name)
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines[1:], 1):
        row = json.loads(line)
        try:
            change(row)
        except (KeyError, IndexError, StopIteration, TypeError, AttributeError):
            continue  # another kind of row
        lines[number] = json.dumps(row)
        break
    else:
        raise LookupError(f"no row of {name} to change")
    changed = tmp_path / path.name
    changed.write_text("\n".join(lines), encoding="utf-8")
    found = audit.audit_files([changed])
    assert (f"{changed}:{number + 1}", requirement) in {(where, finding.requirement) for where, finding in found.findings}


def test_every_passive_requirement_is_in_the_registry() -> None:
    tables = (wire_form, requests, bodies, answers)
    named = {row.requirement for table in tables for row in table.RULES.rows} | {r for r, _ in STREAM + WATCH}
    assert named <= spec.all_rows().keys()


def out_of_order(order: StreamOrder, said: list[Said]) -> set[str]:
    """What the recorded streams break when this order holds."""
    judge, docs = OrderJudge(order, feeds(PROFILE)), documents(PROFILE.name)
    known = [asked for one in said if (asked := understand(docs, one)) is not None]
    return {requirement for asked in known for requirement, finding in judge(asked) if finding is not None}


def test_the_order_is_judged_by_the_table(recordings: list[list[Said]]) -> None:
    order = stream_order(PROFILE.name)
    said = [one for recording in recordings for one in recording]
    assert out_of_order(order, said) == set()
    backwards = out_of_order(replace(order, snapshot=order.snapshot[::-1]), said)
    assert backwards & PROFILE.requirements.keys() == {"STREAM-024", "STREAM-026"}
    assert "STREAM-047" in out_of_order(replace(order, replaying=frozenset()), said)


def test_bounds_are_judged_by_the_table(recordings: list[list[Said]]) -> None:
    class Narrow(spec.Profile):
        def table(self, name: str) -> Any:
            rows = super().table(name)
            return rows | {"labels.count": rows["labels.count"] | {"max": 1}} if name == "limits" else rows

    def broken(docs: Documents) -> set[str]:
        known = [asked for recording in recordings for one in recording if (asked := understand(docs, one)) is not None]
        return {requirement for asked in known for requirement, finding in bodies.RULES.judge(asked) if finding is not None}

    assert broken(documents(PROFILE.name)) == set()
    assert broken(Documents(Narrow(PROFILE.name))) == {"LABEL-001"}


# -- tampering ---------------------------------------------------------------------------------------------


def tampered(tmp_path: Path, name: str, line: int, change: Callable[[dict[str, Any]], None]) -> Path:
    lines = (FOLDER / f"{name}.jsonl").read_text().splitlines()
    row = json.loads(lines[line - 1])
    change(row)
    lines[line - 1] = json.dumps(row)
    path = tmp_path / f"{name}.jsonl"
    path.write_text("\n".join(lines))
    return path


def _without_part_key(row: dict[str, Any]) -> None:
    del row["response"]["body"]["messages"][0]["content"][0]["file_id"]


def _other_status(row: dict[str, Any]) -> None:
    row["response"]["status"] = 201


def _id_as_text(row: dict[str, Any]) -> None:
    row["response"]["body"]["messages"][0]["id"] = str(row["response"]["body"]["messages"][0]["id"])


@pytest.mark.parametrize("change", [_without_part_key, _other_status, _id_as_text])
def test_one_tampered_body_is_one_clear_finding(tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    rows = (FOLDER / "messages-pagination.jsonl").read_text().splitlines()
    line = 1 + next(n for n, row in enumerate(rows) if '"method": "GET"' in row and '"messages": [{' in row)
    status, text = audited(tampered(tmp_path, "messages-pagination", line, change))
    assert status == 1
    assert f"messages-pagination.jsonl:{line}: " in text.splitlines()[0]
    assert re.search(r": [A-Z]+-\w+ \(MUST\)", text.splitlines()[0])
    assert re.fullmatch(r"\d+ exchanges, \d+ socket logs, \d+ judged, 0 unjudged, .*", text.splitlines()[-1])


def test_a_refusal_with_another_status_is_found(tmp_path: Path) -> None:
    rows = (FOLDER / "archive-forbids.jsonl").read_text().splitlines()
    line = 1 + next(n for n, row in enumerate(rows) if "Cannot send messages to an archived chat." in row)
    path = tampered(tmp_path, "archive-forbids", line, lambda row: row["response"].update(status=409))
    status, text = audited(path)
    assert status == 1 and f":{line}: " in text


@pytest.fixture(scope="module")
def census(recordings: list[list[Said]]) -> Census:
    made = Census()
    for recording in recordings:
        for said in recording:
            made.count(said)
    return made


@pytest.mark.parametrize("kind", ["drop", "type", "status", "id", "time", "role", "order", "twice"])
def test_most_tampering_is_caught(kind: str, recordings: list[list[Said]], census: Census) -> None:
    chance = random.Random(kind)
    pool: list[tuple[list[Said], Mutation]] = []
    for recording in recordings:
        found = [m for i, said in enumerate(recording) for m in mutations(said, i, census) if m.kind == kind]
        pool += [(recording, m) for m in chance.sample(found, min(3, len(found)))]
    sample = chance.sample(pool, min(SAMPLE, len(pool)))
    tampering = Tampering(PROFILE)
    missed = defaultdict(int)
    for recording, mutation in sample:
        if not tampering.caught(recording, mutation):
            missed[f"{recording[mutation.index].source}: {mutation.what}"] += 1
    rate = 1 - sum(missed.values()) / len(sample)
    print(f"{kind}: {100 * rate:.1f} % of {len(sample)} caught")
    assert len(sample) > 50
    assert rate >= 0.95, sorted(missed)


@pytest.mark.parametrize("noise", [None, 7, "x", [], [[]], [{}], {"messages": [1]}, {"message": 7}, {"id": []}, {"message": []}])
def test_no_answer_breaks_the_judges(noise: Any, recordings: list[list[Said]]) -> None:
    tampering = Tampering(PROFILE)
    for recording in recordings[::12]:
        changed: list[Said] = []
        for said in recording:
            if isinstance(said, Exchange):
                answer = Response(said.response.status, said.response.headers, noise)
                said = Exchange(said.id, said.actor, said.request, answer)
            changed.append(said)
        assert tampering.findings(changed)


# -- other forms of recordings -----------------------------------------------------------------------------


def as_record(path: Path, recording: list[Said]) -> Path:
    redactor = Redactor({})
    lines: list[dict[str, Any]] = [{"kind": "header", "profile": PROFILE.name}]
    lines += [socket_line(s, redactor) if isinstance(s, SocketLog) else http_line(s, redactor) for s in recording]
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return path


def test_a_run_record_is_read(tmp_path: Path) -> None:
    recording = transcripts.load(FOLDER / "stream-two-turns.jsonl")
    status, text = audited(as_record(tmp_path / "run.ndjson", recording))
    assert (status, text.count("\n")) == (0, 1)
    answer = next(said for said in recording if isinstance(said, Exchange) and said.response.status == 201)
    answer.response.body["owner_id"] = "Alice"
    status, text = audited(as_record(tmp_path / "bad.ndjson", recording))
    assert status == 1 and "bad.ndjson:" in text and "/owner_id" in text


def as_har(path: Path, recording: list[Said]) -> Path:
    def named(headers: dict[str, str]) -> list[dict[str, str]]:
        return [{"name": name, "value": value} for name, value in headers.items()]

    def asked(request: Request, actor: str | None) -> dict[str, Any]:
        query = "&".join(f"{k}={v}" for k, v in request.params)
        headers = named({**request.headers, **({"Coder-Session-Token": "<redacted>"} if actor else {})})
        shown: dict[str, Any] = {
            "method": request.method,
            "url": f"http://x{request.path}?{query}",
            "headers": [*headers, {"name": "Content-Type", "value": "application/json"}],
        }
        if request.body is not ABSENT:
            shown["postData"] = {"text": json.dumps(request.body)}
        return shown

    def answered(response: Response) -> dict[str, Any]:
        data = json.dumps(response.body).encode() if response.body is not ABSENT else response.content or b""
        content = {"size": len(data), "text": base64.b64encode(data).decode(), "encoding": "base64"}
        return {"status": response.status, "headers": named(response.headers), "content": content}

    entries: list[dict[str, Any]] = [{"request": {"url": "http://x/favicon.ico"}, "response": {"status": 200}}]
    for said in recording:
        response = said.handshake if isinstance(said, SocketLog) else said.response
        entry = {"request": asked(said.request, said.actor), "response": answered(response)}
        if isinstance(said, SocketLog):
            frames = [f for f in said.frames if f.direction == "in" and f.kind == "text"]
            entry["_webSocketMessages"] = [{"type": "receive", "opcode": 1, "data": json.dumps(f.payload)} for f in frames]
        entries.append(entry)
    path.write_text(json.dumps({"log": {"entries": entries}}, indent=1))
    return path


def test_a_har_is_read(tmp_path: Path) -> None:
    recording = transcripts.load(FOLDER / "stream-two-turns.jsonl")
    status, text = audited(as_har(tmp_path / "a.har", recording))
    assert (status, text.count("\n")) == (0, 1), text
    assert text.startswith("6 exchanges, 1 socket logs") or "1 socket logs" in text
    socket = next(said for said in recording if isinstance(said, SocketLog))
    socket.frames[0].payload.reverse()
    status, text = audited(as_har(tmp_path / "b.har", recording))
    assert status == 1 and "STREAM-024" in text


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.jsonl", b"", "empty"),
        ("binary.har", b"\xff\xfe\x00", "UTF-8"),
        ("text.jsonl", b"hello\n", "neither a transcript, a run record nor a HAR"),
        ("rows.jsonl", b'{"profile": "experimental-2026-05"}\n{"odd": 1}\n', ":2: unknown kind of row"),
        ("profile.jsonl", b'{"profile": "none-such"}\n', "unknown profile"),
        ("broken.ndjson", b'{"kind": "header"}\n{"kind": "exchange"}\n', ":2: no line of a run record"),
        ("log.har", b'{"log": {}}', "no log.entries"),
        ("entry.har", b'{"log": {"entries": [{}]}}', "log.entries[0]"),
    ],
)
def test_what_cannot_be_read_is_one_line_and_exit_2(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    status, text = audited(path)
    assert status == 2
    assert name in text and says in text and text.count("\n") == 1


def test_a_missing_file_is_one_line_and_exit_2(tmp_path: Path) -> None:
    status, text = audited(tmp_path / "none.jsonl")
    assert status == 2 and text.count("\n") == 1
