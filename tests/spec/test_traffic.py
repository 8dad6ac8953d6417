"""All recorded traffic of a real server against the documents in their strict form: everything fits, without exception."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from functools import cache
from typing import Any
from uuid import UUID

import pytest
from jsonschema_rs import Validator, validator_for

import spec
from conformance.checks.documents import DocumentJudge
from conformance.checks.presence import PresenceJudge
from conformance.wire.exchange import ABSENT, Exchange, SocketLog
from fixtures.transcripts import files
from spec.documents import documents
from tests.spec.traffic import PROFILE, events, operation, recorded

EACH = pytest.mark.parametrize("profile", [name for name in spec.profiles() if files(name)])


@EACH
def test_every_request_answer_and_frame_fits_the_documents(profile: str) -> None:
    judge, traffic = DocumentJudge(spec.load(profile), strict=True), recorded(profile)
    nowhere = {"message": "Route not found."}
    answered = [s for s in traffic if isinstance(s, SocketLog) or s.response.body != nowhere]
    unknown = Counter(f"{s.request.method} {s.request.path}" for s in answered if not operation(s, profile))
    assert not unknown, "requests that the documents do not speak of"
    wrong = [f"{f.exchange} {f.requirement} {f.pointer}: {f.message}, {f.actual}" for s in traffic for f in judge.findings(s)]
    assert not wrong, f"{len(wrong)} findings, of them:\n" + "\n".join(wrong[:20])


@EACH
def test_every_object_has_the_keys_of_the_tables(profile: str) -> None:
    judge = PresenceJudge(spec.load(profile))
    wrong = [f"{f.exchange} {f.requirement} {f.pointer}: {f.message}" for s in recorded(profile) for f in judge.findings(s)]
    assert not wrong, f"{len(wrong)} findings, of them:\n" + "\n".join(wrong[:20])


@EACH
def test_no_request_on_a_socket_goes_unjudged(profile: str) -> None:
    judge = DocumentJudge(spec.load(profile), strict=True)
    for said in recorded(profile):
        # A slash at the end is no way of asking that the documents bind.
        if isinstance(said, SocketLog) and said.handshake.status == 101 and not said.request.path.endswith("/"):
            judged = Counter(requirement for requirement, _ in judge(said))
            frames = sum(f.direction == "in" and f.kind == "text" for f in said.frames)
            assert judged[f"SCHEMA-frame-{operation(said, profile)}"] == frames
            kinds = ("SCHEMA-event-", "SCHEMA-watch-", "SCHEMA-git-", "SCHEMA-parts-")
            assert sum(n for r, n in judged.items() if r.startswith(kinds)) == sum(1 for _ in events(said))


@pytest.mark.parametrize(
    "name",
    sorted(
        {"listChats", "createChat", "getChat", "patchChat", "listMessages", "sendMessage", "editMessage", "listPrompts"}
        | {"deleteQueuedMessage", "promoteQueuedMessage", "interruptChat", "regenerateTitle", "proposeTitle"}
        | {"submitToolResults", "getChatDiff", "getChatACL", "patchChatACL", "uploadFile", "downloadFile"}
        | {"chatsByWorkspace", "listModels", "streamChat", "watchChats", "streamGit", "streamDesktop"}
    ),
)
def test_the_traffic_shows_every_operation(name: str) -> None:
    statuses = {(s.response if isinstance(s, Exchange) else s.handshake).status for s in recorded() if operation(s) == name}
    documented = documents(PROFILE).operations[name].responses
    good = {status for status in documented if status < 300}
    assert statuses <= set(documented)
    # Sockets of a workspace were never opened on the recorded servers: they had none.
    assert good & statuses or name in ("streamGit", "streamDesktop")


# Requests


@cache
def _request_schema(name: str) -> Validator:
    docs = documents(PROFILE)
    return validator_for(docs.standalone(docs.operations[name].request["application/json"]), validate_formats=True)


def _sent(said: Exchange) -> Any:
    if said.request.body is not ABSENT:
        return said.request.body
    text = (said.request.content or b"").decode("utf-8", "replace")
    try:
        value = json.JSONDecoder().raw_decode(text.lstrip())[0]
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, UnicodeEncodeError):
        return ABSENT
    return value


# Texts that are counted without the blanks around them.
TRIMMED = ("title", "system_prompt", "custom_prompt", "plan_mode_instructions")


def _canonical(value: Any, key: str = "") -> Any:
    """The same request in the spelling of the documents: servers match keys, types and UUIDs more loosely."""
    if isinstance(value, dict):
        free = key in ("labels", "input_schema", "output")
        return {(k if free else _canonical_text(k).lower()): _canonical(v, "" if free else k) for k, v in value.items()}
    if isinstance(value, list):
        return [_canonical(item, key) for item in value]
    if isinstance(value, str):
        if key.lower() == "type":
            return value.strip().lower()
        return value.strip() if key in TRIMMED else _canonical_text(value)
    return value


def _canonical_text(text: str) -> str:
    if re.fullmatch(r"(urn:uuid:|\{)?[0-9a-fA-F-]{32,36}\}?", text):
        return str(UUID(text))
    return text


def test_what_a_server_accepted_is_valid_by_the_request_schemas() -> None:
    docs, judged = documents(PROFILE), 0
    for said in recorded():
        name = operation(said)
        if not isinstance(said, Exchange) or said.response.status >= 300 or name == "uploadFile":
            continue
        if name in docs.operations and "application/json" in docs.operations[name].request:
            body = _sent(said)
            if body is not ABSENT:
                errors = [e.message[-200:] for e in _request_schema(name).iter_errors(_canonical(body))]
                assert not errors, f"{said.id} {name}: {errors}"
                judged += 1
    assert judged > 1000


# Refusals that no schema of one request can foresee: they depend on what the server holds, or compare two items.
STATEFUL = re.compile(
    r"references a file that does not exist|Duplicate|Invalid IDs|archived|Invalid model config ID|Workspace|"
    r"Missing tool result|Unexpected tool result|pin a child|Target the root|own chat sharing role|does not exist|"
    r"No default chat model|too large|must be a positive integer|at most 10000 characters|is required\.|"
    r"Only user messages|update chat ACL|CSRF|file_id is required"
)


def test_what_a_server_refused_for_its_form_is_invalid_by_the_request_schemas() -> None:
    docs, refused = documents(PROFILE), 0
    for said in recorded():
        name = operation(said)
        if not isinstance(said, Exchange) or said.response.status != 400 or "/chats" not in said.request.path:
            continue
        if name not in ("createChat", "sendMessage", "editMessage", "patchChat", "patchChatACL", "submitToolResults"):
            continue
        body, text = _sent(said), json.dumps(said.response.body) if said.response.body else "CSRF"
        if body is ABSENT or "application/json" not in docs.operations[name].request or STATEFUL.search(text):
            continue
        assert not _request_schema(name).is_valid(body), f"{said.id} {name} was refused: {text[:200]}"
        refused += 1
    assert refused > 100


def test_judging_is_quick() -> None:
    profile = spec.load(PROFILE)
    judges = (DocumentJudge(profile), PresenceJudge(profile))
    ordinary = [s for s in recorded() if isinstance(s, Exchange) and operation(s) in ("getChat", "sendMessage")]
    for said in ordinary:
        for judge in judges:
            judge.findings(said)
    began = time.process_time()
    for said in ordinary:
        for judge in judges:
            judge.findings(said)
    assert (time.process_time() - began) / len(ordinary) < 300e-6  # seconds; 40 µs on an idle machine
