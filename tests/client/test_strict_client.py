"""A client that was made from the documents of spec/ alone, and that takes no key that they don't know and misses none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from fake_server.serve import running_server
from fixtures.transcripts import files
from tests.client import tour, tour_admin
from tests.client.client import Client
from tests.client.models import JSON, Strict, Unexpected, build

Tour = Callable[[Client], Coroutine[Any, Any, None]]
# Texts of the recordings that are written in short, and a proxy's page that was recorded where no server answered.
SHORTENED = ("$repeat", "$concat")


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Strict:
    return build(tmp_path_factory.mktemp("models"))


def play(strict: Strict, *tours: Tour, faults: tuple[str, ...] = ()) -> Client:
    """Go on these tours with a client of a fresh server; gives the client."""

    async def scene() -> Client:
        async with running_server(faults=faults) as server:
            client = Client(server.target, strict)
            try:
                for one in tours:
                    await one(client)
            finally:
                await client.close()
            return client

    return asyncio.run(scene())


def test_the_reference_server_says_what_the_documents_say(strict: Strict) -> None:
    client = play(strict, tour.life, tour_admin.administration, tour.everything_wrong)
    succeeded = {operation for operation, status in client.steps if status < 300}
    wanted = {name for name, operation in strict.docs.operations.items() if operation.judged and min(operation.responses) < 300}
    assert wanted - succeeded - tour.OUT_OF_REACH == set()
    assert client.steps.total() > 900
    assert {kind for feed, kind in client.events if feed == "streamChat"} >= {"status", "message", "message_part", "queue_update"}
    assert {kind for feed, kind in client.events if feed == "watchChats"} >= {
        "created",
        "status_change",
        "title_change",
        "deleted",
    }


@pytest.mark.parametrize(
    ("fault", "where"),
    [
        ("created-chat-names-no-servers", r"createChat 201: /mcp_server_ids: Field required"),
        ("breaks-schema-listMessages", r"listMessages \d+: /"),
        ("no-debug-runs-is-null", r"listDebugRuns 200: /"),
    ],
)
def test_a_wrong_server_is_told_by_operation_and_place(strict: Strict, fault: str, where: str) -> None:
    with pytest.raises(Unexpected, match=where):
        play(strict, tour.life, faults=(fault,))


def test_a_key_more_and_a_key_less_are_told(strict: Strict) -> None:
    skill = {"id": "8ddafaa6-baad-4d11-b782-1df53e94d76c", "name": "one", "description": "", "content": "---"}
    skill |= {"created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}
    strict.answer("getUserSkill", 200, JSON, json.dumps(skill).encode())
    with pytest.raises(Unexpected, match=r"^getUserSkill 200: /more: Extra"):
        strict.answer("getUserSkill", 200, JSON, json.dumps(skill | {"more": 1}).encode())
    for key in skill:
        with pytest.raises(Unexpected, match=rf"^getUserSkill 200: /{key}: Field required"):
            strict.answer("getUserSkill", 200, JSON, json.dumps({k: v for k, v in skill.items() if k != key}).encode())
    event = {"type": "status", "chat_id": skill["id"], "status": {"status": "waiting"}}
    assert strict.event("StreamEvent", event) == "status"
    with pytest.raises(Unexpected, match=r"^StreamEvent status: /status/since: Extra"):
        strict.event("StreamEvent", event | {"status": {"status": "waiting", "since": 1}})


def test_real_servers_said_what_the_documents_say(strict: Strict) -> None:
    judged, wrong = 0, []
    for file in files("experimental-2026-05"):
        for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), 1):
            row = json.loads(line or "{}")
            answer = row.get("response") or {}
            media = (answer.get("headers") or {}).get("content-type", "").split(";")[0]
            if "request" not in row or media != JSON or not isinstance(answer.get("body"), dict | list):
                continue
            match = strict.docs.match(row["request"]["method"], row["request"]["path"])
            if match is None or any(word in line for word in SHORTENED):
                continue
            judged += 1
            try:
                strict.answer(match.operation.id, answer["status"], media, json.dumps(answer["body"]).encode())
            except Unexpected as error:
                wrong.append(f"{file.name}:{number} {error}")
    assert judged > 4000
    assert wrong == []
