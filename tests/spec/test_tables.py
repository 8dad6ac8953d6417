"""The tables of roles, limits and order against the documents, the refusals and the recorded traffic."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import conformance
import spec
from conformance import target
from conformance.exchange import Exchange, SocketLog
from fake_server import seeding
from spec.documents import documents
from spec.feeds import feeds
from tests.spec.traffic import PROFILE, events, operation, recorded

PROFILE_DATA = spec.load(PROFILE)
ROLES = PROFILE_DATA.table("roles")
LIMITS = PROFILE_DATA.table("limits")
ORDER = PROFILE_DATA.table("stream_order")
TRAITS = PROFILE_DATA.traits


def expected(name: str, actor: str) -> str:
    """What the table says for this operation and actor: allowed, or the key of a refusal."""
    outcome: str = ROLES["classes"][ROLES["operations"][name]][actor]
    return outcome.format(operation=ROLES["nouns"].get(name, ""))


def test_the_roles_cover_every_operation_on_chats() -> None:
    tagged = {o.id for o in documents(PROFILE).operations.values() if not {"admin", "config"} & set(o.tags)}
    chats = {name for name in tagged if documents(PROFILE).operations[name].path in _chat_paths()}
    assert chats <= set(ROLES["operations"])
    assert set(ROLES["operations"]) <= set(documents(PROFILE).operations)


def _chat_paths() -> set[str]:
    return set(spec.read_yaml(PROFILE, "openapi.yaml")["paths"])


def test_every_class_speaks_of_every_actor_and_every_refusal_exists() -> None:
    for name in ROLES["operations"]:
        for actor in ROLES["actors"]:
            outcome = expected(name, actor)
            assert outcome == "allowed" or outcome in PROFILE_DATA.errors, (name, actor)


def _actor(name: str | None, *, shared: bool) -> str:
    if name == "bob":
        return "reader" if shared else "member"
    return next(actor for actor, user in ROLES["actors"].items() if user == name)


def test_the_roles_are_those_of_the_recorded_server() -> None:
    compared = 0
    for said in recorded():
        if not said.case.startswith("role-") or said.case == "role-debug-runs" or not isinstance(said, Exchange):
            continue
        name = operation(said)
        if name not in ROLES["operations"]:
            continue
        shared = said.case == "role-shared-reader" or (said.case == "role-acl-patch" and _shared_by_now(said))
        outcome = expected(name, _actor(said.actor, shared=shared))
        status = said.response.status
        if outcome == "allowed":
            assert status not in (401, 403, 404), said.id
        else:
            row = PROFILE_DATA.errors[outcome]
            assert (status, said.response.body["message"]) == (row.status, row.message), said.id
        compared += 1
    assert compared > 150


def _shared_by_now(said: Exchange) -> bool:
    # In that scenario bob is first a stranger (404) and, once the chat was shared with him, a reader.
    return said.response.status != 404


def test_nobody_gets_nowhere() -> None:
    seen = 0
    for said in recorded():
        if said.case in ("auth-no-token-get", "auth-no-token-write") and isinstance(said, Exchange):
            row = PROFILE_DATA.errors["auth.no-token"]
            assert said.response.status == row.status and said.response.body["message"] == row.message
            seen += 1
    assert seen > 30


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_names_what_exists(name: str) -> None:
    row: dict[str, Any] = LIMITS[name]
    docs = documents(PROFILE)
    assert row.get("refusal") is None or row["refusal"] in PROFILE_DATA.errors
    operations = row.get("operation", [])
    for operation_id in [operations] if isinstance(operations, str) else operations:
        found = docs.operations[operation_id]
        if "parameter" in row:
            schema = docs.standalone(next(p for p in found.parameters if p["name"] == row["parameter"])["schema"])
            if schema.get("type") == "integer":
                assert (row["min"], row.get("max")) == (schema["minimum"], schema["maximum"])
                assert row.get("default") == schema.get("default") or row["parameter"] == "offset"
            else:
                assert row["max"] == schema["maxItems"]
        elif "field" in row:
            body = docs.standalone(found.request["application/json"])
            body = body["$defs"][body["$ref"].rpartition("/")[2]]
            assert row["field"].partition("/")[0] in body["properties"]


def test_every_bound_that_is_asked_for_exists() -> None:
    # A rule that asks for a bound that the profile has not does not judge: a misspelled one would be silent.
    code = "".join(path.read_text() for path in Path(conformance.__file__).parent.rglob("*.py"))
    asked = re.findall(r'limit(?:\((?:asked, )?|": )"([a-z-]+\.[a-z-]+)"(?:, "(\w+)"\))?', code)
    assert len({name for name, _ in asked}) > 15
    for name, bound in asked:
        assert (bound or "max") in LIMITS[name], (name, bound)


def test_the_order_speaks_of_known_events() -> None:
    kinds = set(documents(PROFILE).event_names("StreamEvent"))
    named = {event for feed in ORDER["feeds"].values() for event in feed["events"]}
    assert named == kinds
    assert {row["event"] for row in ORDER["snapshot"]} | set(ORDER["never_in_snapshot"]) == kinds


def _end_of_snapshot(kinds: list[str], order: list[str]) -> int:
    """How many of the first frame's events are the snapshot: live ones may follow in the same frame."""
    for at in range(1, len(kinds)):
        if kinds[at] not in order[1:] or order.index(kinds[at]) < order.index(kinds[at - 1]):
            return at
    return len(kinds)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_every_recorded_connection_begins_as_the_order_says() -> None:
    order = [row["event"] for row in ORDER["snapshot"]]
    checked = 0
    for said in recorded():
        if not isinstance(said, SocketLog) or operation(said) != "streamChat" or said.handshake.status != 101:
            continue
        first = next((f.payload for f in said.frames if f.direction == "in" and f.kind == "text"), None)
        if first is None:
            continue
        shown = first[: _end_of_snapshot([event["type"] for event in first], order)]
        kinds = [event["type"] for event in shown]
        assert kinds[0] == "status" and kinds.count("status") == 1
        assert kinds == sorted(kinds, key=order.index)
        times = [event["message"]["created_at"] for event in shown if event["type"] == "message"]
        assert [_instant(time) for time in times] == sorted(_instant(time) for time in times), said.id
        checked += 1
    assert checked > 100


def test_the_recorded_server_sends_every_status_as_often_as_the_order_says() -> None:
    counted = 0
    for said in recorded():
        if isinstance(said, SocketLog) and operation(said) == "streamChat" and said.case.startswith("stream-two-turns"):
            live = [e["status"]["status"] for e in events(said) if e["type"] == "status"][1:]
            for status in ("pending", "running", "waiting"):
                assert live.count(status) % ORDER["status_copies"] == 0, (said.id, status)
                counted += 1
    assert counted


@pytest.mark.parametrize("name", spec.profiles())
def test_a_profile_declares_what_its_documents_tables_and_requirements_speak_of(name: str) -> None:
    profile = spec.load(name)
    traits, docs = profile.traits, documents(name)
    statuses = traits["statuses"]
    assert {*statuses["busy"], *statuses["rest"]} == set(docs.schema("ChatStatus")["$defs"]["ChatStatus"]["enum"])
    assert not set(statuses["busy"]) & set(statuses["rest"]) and set(statuses["final"]) <= set(statuses["rest"])
    assert set(statuses["final"]) == set(profile.table("stream_order")["end"])
    assert set(traits["retired"]) == {o.id for o in docs.operations.values() if "retired" in o.tags}
    for feed in feeds(profile).values():
        assert docs.operations[feed.operation] and docs.event_names(feed.union)
        assert not feed.frame or set(docs.event_names(feed.frame)) <= {"data", "ping", "error"}
    assert set(profile.table("roles")["actors"].values()) - {None} <= set(traits["actors"])
    assert set(traits["capabilities"]) == {need for row in profile.requirements.values() for need in row.needs}
    assert set(traits["capabilities"]) <= spec.capabilities().keys()


def test_the_reference_server_seeds_the_actors_that_the_profile_declares() -> None:
    roles = {name: (tuple(row.get("site", ())), tuple(row.get("organization", ()))) for name, row in TRAITS["actors"].items()}
    assert roles == seeding.ACTORS and list(roles) == target.actors_of(spec.DEFAULT)
