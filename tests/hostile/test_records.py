"""The record of a run that does not end, and odd files given to what reads them: one clear line, and what there is is read."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import jsonschema_rs
import orjson
import pytest

from conformance.cli.main import main
from conformance.run.record import RecordWriter, socket_line
from conformance.wire.caps import Caps, Room, fault_of
from conformance.wire.exchange import Exchange, Frame, Request, Response, SocketLog
from conformance.wire.redact import Redactor
from tests.hostile.proxy import ANSWERS, HEAD, Asked, pour, reset
from tests.hostile.stage import Stage, child, play

SCHEMA = jsonschema_rs.validator_for(orjson.loads((Path("reports") / "record.schema.json").read_bytes()))
BELOW_A_CHAT = r"GET /api/experimental/chats/[0-9a-f-]{36}/(messages|prompts)"


def _tool(folder: Path, *arguments: str) -> tuple[int, str]:
    out = folder / "said.txt"
    status = child(out, "conformance.cli", *arguments)
    return status, out.read_text()


def _comes(path: Path, word: bytes) -> bool:
    """Does this word come to stand in the file? Follows it as it is written."""
    follower = subprocess.Popen(
        ["timeout", "60", "tail", "-n", "+1", "-F", str(path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert follower.stdout is not None
    try:
        return any(word in line for line in follower.stdout)
    finally:
        follower.kill()
        follower.stdout.close()
        follower.wait()


def test_a_run_that_is_killed_leaves_what_it_did(stage: Stage, tmp_path: Path) -> None:
    async def wrong_then_silent(asked: Asked) -> None:
        if "/prompts" in asked.path:
            await asked.reader.read()  # until the client has enough
        await ANSWERS["no-objects"](asked)

    with stage.proxy(wrong_then_silent, BELOW_A_CHAT) as proxy:
        folder = stage.aim(tmp_path, proxy.url)
        record = folder / "run.ndjson"
        command = ["-m", "conformance.cli", "run", "--target", str(folder / "target.json"), "--record", str(record)]
        process = subprocess.Popen([sys.executable, *command, "--area", "paging"], stdout=subprocess.DEVNULL)

        try:
            assert _comes(record, b"first-play")
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(30)
    record.write_bytes(record.read_bytes() + b'{"kind":"exchange","id":"x')
    rows = [json.loads(line) for line in record.read_bytes().split(b"\n")[:-1]]
    for row in rows:
        SCHEMA.validate(row)
    assert not any(row["kind"] == "footer" for row in rows)
    status, said = _tool(tmp_path, "report", str(record))
    assert status == 2
    assert "has no footer" in said and "failed once:" in said and "HARNESS ERROR" in said
    status, said = _tool(tmp_path, "audit", str(record))
    assert status == 1 and "exchanges" in said and "Traceback" not in said


def test_what_broken_exchanges_leave_keeps_to_the_schema(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kinds = {"reset": reset, "endless-body": ANSWERS["endless-body"], "status-000": ANSWERS["status-000"]}
    for name, played in stage.play(tmp_path, kinds, BELOW_A_CHAT, ["PAGE-025"]).items():
        played.ended_well()
        for line in played.lines:
            SCHEMA.validate(line)
        record = str(tmp_path / name / "run.ndjson")
        assert main(["report", record]) == 0, capsys.readouterr()
        assert main(["audit", record]) in (0, 1), capsys.readouterr()


def test_long_frames_are_cut() -> None:
    long = [{"type": "message", "text": "x" * 100_000}]
    frames = [Frame(float(n), "in", long) for n in range(100)]
    log = SocketLog("w1", None, Request("GET", "/x"), Response(101), frames, weight=100 * 100_000)
    line = socket_line(log, Redactor({}))
    SCHEMA.validate(line)
    assert {frame["payload_length"] for frame in line["frames"]} == {len(orjson.dumps(long))}
    assert len(orjson.dumps(line)) < 2**20


def test_a_silent_run_writes_its_record(tmp_path: Path) -> None:
    writer = RecordWriter(tmp_path / "r", Redactor({}))
    writer.exchange(Exchange("x1", None, Request("GET", "/x"), Response(200)))
    assert _comes(tmp_path / "r", b"exchange")
    writer.close()


ODD = {
    "deep.jsonl": b"[" * 100_000,
    "deep.ndjson": b'{"kind":"header","profile":"experimental-2026-05"}\n' + b"[" * 100_000 + b"\n{}\n",
    "digits.jsonl": b'{"profile": ' + b"1" * 5000 + b"}",
    "list.har": b'{"log": []}',
    "none.har": b'{"log": {"entries": 7}}',
    "binary.jsonl": b"\xff\xfe\x00",
    "blank.jsonl": b"\n\n",
    "rows.jsonl": b'{"profile": "experimental-2026-05"}\n{"request": 5, "response": []}\n',
    "form.jsonl": b'{"profile": "experimental-2026-05"}\n{"request": {"path": 7, "method": null}, "response": {"status": "x"}}\n',
}


@pytest.mark.parametrize("name", sorted(ODD))
@pytest.mark.parametrize("command", ["audit", "replay"])
def test_odd_files_are_told_in_one_line(command: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / name
    path.write_bytes(ODD[name])
    extra = ["--target", "http://127.0.0.1:9"] if command == "replay" else []
    status = main([command, str(path), *extra])
    said = "".join(capsys.readouterr())
    assert status == 2, said
    assert len(said.strip().splitlines()) == 1 and len(said) < 500, said


@pytest.mark.parametrize("kind", ["no-json", "null", "no-objects", "nested-1000-deep", "a-number-of-5000-digits", "endless-body"])
def test_replay_takes_any_answer(kind: str, stage: Stage, tmp_path: Path) -> None:
    rows = [
        {"profile": "experimental-2026-05", "about": "one request"},
        {"as": "alice", "request": {"method": "GET", "path": "/api/experimental/chats"}, "response": {"status": 200, "body": []}},
    ]
    transcript = tmp_path / "one.jsonl"
    transcript.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with stage.proxy(ANSWERS[kind], "/api/") as proxy:
        folder = stage.aim(tmp_path, proxy.url)
        status, said = _tool(tmp_path, "replay", str(transcript), "--target", str(folder / "target.json"))
    assert status in (1, 2), said
    assert "Traceback" not in said


def test_unknown_statuses_are_not_waited_for(stage: Stage, tmp_path: Path) -> None:
    body = b'{"id":"11111111-1111-4111-8111-111111111111","status":"dreaming"}'

    async def dreaming(asked: Asked) -> None:
        await pour(asked, HEAD + b"content-length: %d\r\n" % len(body), body, 1)

    with stage.proxy(dreaming, r"GET /api/experimental/chats/[0-9a-f-]{36}$") as proxy:
        played = play([stage.aim(tmp_path / "dreaming", proxy.url)], ["PAGE-025", "PROMPT-001"], seconds=600)["dreaming"]
    played.ended_well()
    assert not {line["requirement"] for line in played.of("pass")} & {"PAGE-025", "PROMPT-001"}


def test_brackets_in_texts_are_no_depth() -> None:
    caps = Caps()
    assert fault_of(orjson.dumps({"text": "[{" * 500 + '"\\'}), caps.answer, "answer") == ""
    assert fault_of(orjson.dumps([[{"text": "]"}] * 100]), caps.answer, "answer") == ""
    assert fault_of(b'{"a":' * 65 + b"1" + b"}" * 65, caps.answer, "answer") != ""


def test_room_is_given_back() -> None:
    room = Room(100)
    assert room.take(60, "a") and not room.take(60, "b")
    room.give(20, "a")
    assert room.take(60, "b") and room.leave("a") == 40 and room.free == 40
