"""Recorded answers and those of the reference server, read by the public package of the protocol: it is told what we read."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

from conformance.recordings import transcripts
from conformance.wire.exchange import Exchange, Request, Response
from conformance.wire.framing import heard
from fixtures.scripts import script, text, tool_call, turn, turns
from fixtures.transcripts import files
from spec import load
from spec.feeds import feeds
from tests.client.data_stream.conftest import HOME
from tests.fake.served import Served, scene

PROFILE = "legacy-2025-05"
CHATS = "/api/v2/chats"
FEED = feeds(load(PROFILE))["sendMessage"]
Told = list[list[Any]]


def public(bodies: list[tuple[bytes, int]]) -> list[dict[str, Any]]:
    """What the package tells of each body, which comes in chunks of so many bytes."""
    asked = json.dumps([(base64.b64encode(body).decode(), size) for body, size in bodies])
    command = ["node", str(Path(__file__).with_name("read.mjs")), str(HOME)]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=60, check=True)
    read: list[dict[str, Any]] = json.loads(done.stdout)
    return read


def ours(body: bytes) -> tuple[Told, bool]:
    """The lines as we read them, and whether one of them is an error."""
    answer = Response(200, {"content-type": "text/plain"}, content=body)
    came = heard(Exchange("x", None, Request("POST", "/"), answer), FEED)
    return [[event.type, event.value["data"]] for event in came.events], bool(came.notes)


def recorded() -> list[bytes]:
    """The bodies of all recorded answers that stream."""
    said = [one for path in files(PROFILE) for one in transcripts.load(path) if isinstance(one, Exchange)]
    return [one.response.content or b"" for one in said if one.response.media_type == "text/plain" and one.response.status == 200]


def agree(bodies: list[bytes], sizes: tuple[int, ...]) -> int:
    """The package is told of each body what we read, however it is cut, up to a line that is an error. Gives how many were."""
    asked = [(body, size) for body in bodies for size in sizes]
    errors = 0
    for (body, _), read in zip(asked, public(asked), strict=True):
        lines, wrong = ours(body)
        errors += wrong
        assert read["told"] == (lines[: len(read["told"])] if wrong else lines), body
        assert ("error" in read) is wrong, read
    return errors


def test_recorded_answers() -> None:
    bodies = recorded()
    assert len(bodies) > 250
    assert agree(bodies, (4096,)) > 4
    agree(bodies[::10], (7,))


def test_answers_of_the_reference_server() -> None:
    steps = turns(turn(text('a<b> "é🎈\u2028'), tool_call("coder_list_workspaces", {"owner": "me"}, pieces=3)), turn(text("end")))
    bodies: list[bytes] = []

    async def play(server: Served) -> None:
        chat = (await server.call("alice", "POST", CHATS)).json()["id"]
        for prompt in (script(steps), "Hello"):
            message = {"role": "user", "content": prompt, "parts": [{"type": "text", "text": prompt}]}
            answer = await server.call(
                "alice", "POST", f"{CHATS}/{chat}/messages", json={"model": "fake-model", "message": message}
            )
            assert answer.status_code == 200
            bodies.append(answer.content)

    scene(play, profile=PROFILE)
    assert agree(bodies, (1, 3, 4096)) == 0
