"""The tables of roles, limits and order against the documents, the refusals and the recorded traffic."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import conformance
import spec
from conformance.run import target
from conformance.wire.exchange import Exchange, SocketLog
from fake_server import seeding
from fake_server.serve import assemble
from spec.documents import documents
from spec.feeds import feeds
from tests.spec.traffic import PROFILE, events, operation, recorded

PROFILE_DATA = spec.load(PROFILE)
ROLES = PROFILE_DATA.table("roles")
LIMITS = PROFILE_DATA.table("limits")
ORDER = PROFILE_DATA.table("stream_order")
EACH = pytest.mark.parametrize("profile", spec.profiles())
# The profiles whose chats have a status and a stream of their own.
STREAMED = [name for name in spec.profiles() if "stream_order" in spec.load(name).tables]


def expected(name: str, actor: str, profile: str = PROFILE) -> str:
    """What the table says for this operation and actor: allowed, or the key of a refusal."""
    roles = spec.load(profile).table("roles")
    outcome: str = roles["classes"][roles["operations"][name]][actor]
    return outcome.format(operation=roles["nouns"].get(name, ""))


@EACH
def test_the_roles_cover_every_operation_on_chats(profile: str) -> None:
    roles, operations = spec.load(profile).table("roles"), documents(profile).operations
    tagged = {o.id for o in operations.values() if not {"admin", "config"} & set(o.tags)}
    paths = _chat_paths()
    assert {name for name in tagged if operations[name].path in paths} <= set(roles["operations"])
    assert set(roles["operations"]) <= set(operations)


def _chat_paths() -> set[str]:
    return set(spec.read_yaml(PROFILE, "openapi.yaml")["paths"])


@EACH
def test_every_class_speaks_of_every_actor_and_every_refusal_exists(profile: str) -> None:
    roles = spec.load(profile).table("roles")
    for kind, cells in roles["classes"].items():
        assert set(cells) == set(roles["actors"]), kind
    for name in roles["operations"]:
        for actor in roles["actors"]:
            outcome = expected(name, actor, profile)
            assert outcome == "allowed" or outcome in spec.load(profile).errors, (name, actor)


def test_the_roles_of_the_older_revision_are_those_of_its_recorded_server() -> None:
    profile, compared = spec.load("experimental-2026-03"), 0
    roles = profile.table("roles")
    for said in recorded(profile.name):
        name = operation(said, profile.name)
        if not said.case.startswith("roles-chat-") or name not in roles["operations"]:
            continue
        actor = next(actor for actor, user in roles["actors"].items() if user == said.actor)
        outcome = expected(name, actor, profile.name)
        status = (said.handshake if isinstance(said, SocketLog) else said.response).status
        assert status not in (401, 403, 404) if outcome == "allowed" else status == profile.errors[outcome].status, said.id
        compared += 1
    assert compared > 100


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


@pytest.mark.parametrize(("profile", "name"), [(p, name) for p in spec.profiles() for name in spec.load(p).table("limits")])
def test_a_limit_names_what_exists(profile: str, name: str) -> None:
    row: dict[str, Any] = spec.load(profile).table("limits")[name]
    docs = documents(profile)
    assert row.get("refusal") is None or row["refusal"] in spec.load(profile).errors
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
    tables = [spec.load(name).table("limits") for name in spec.profiles() if "limits" in spec.load(name).tables]
    for name, bound in asked:
        assert any((bound or "max") in table.get(name, ()) for table in tables), (name, bound)


@pytest.mark.parametrize("profile", STREAMED)
def test_the_order_speaks_of_known_events(profile: str) -> None:
    kinds, order = set(documents(profile).event_names("StreamEvent")), spec.load(profile).table("stream_order")
    named = {event for feed in order["feeds"].values() for event in feed["events"]}
    assert named == kinds
    assert {row["event"] for row in order["snapshot"]} | set(order["never_in_snapshot"]) == kinds
    assert set(order["message_once_unless"]) <= set(documents(profile).operations)


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


@pytest.mark.parametrize("profile", [name for name in spec.profiles() if "line_order" in spec.load(name).tables])
def test_the_order_speaks_of_every_kind_of_line(profile: str) -> None:
    table = spec.load(profile).table("line_order")
    assert sorted(table["call"].values()) == sorted(documents(profile).event_names("Line"))
    reasons = documents(profile).schema("FinishReason")["$defs"]["FinishReason"]["enum"]
    assert table["goes_on"] in reasons


@pytest.mark.parametrize("name", STREAMED)
def test_the_statuses_are_those_of_the_documents(name: str) -> None:
    profile = spec.load(name)
    statuses = profile.traits["statuses"]
    assert {*statuses["busy"], *statuses["rest"]} == set(documents(name).schema("ChatStatus")["$defs"]["ChatStatus"]["enum"])
    assert not set(statuses["busy"]) & set(statuses["rest"]) and set(statuses["final"]) <= set(statuses["rest"])
    assert set(statuses["final"]) == set(profile.table("stream_order")["end"])


@pytest.mark.parametrize("name", spec.profiles())
def test_a_profile_declares_what_its_documents_tables_and_requirements_speak_of(name: str) -> None:
    profile = spec.load(name)
    traits, docs = profile.traits, documents(name)
    assert set(traits["retired"]) == {o.id for o in docs.operations.values() if "retired" in o.tags}
    for feed in feeds(profile).values():
        assert docs.operations[feed.operation] and docs.event_names(feed.union)
        assert not feed.frame or set(docs.event_names(feed.frame)) <= {"data", "ping", "error"}
    assert set(profile.table("roles")["actors"].values()) - {None} <= set(traits["actors"])
    assert set(traits["capabilities"]) == {need for row in profile.requirements.values() for need in row.needs}
    assert set(traits["capabilities"]) <= spec.capabilities().keys()


def test_a_target_has_the_actors_that_its_profile_declares() -> None:
    for name in spec.profiles():
        assert target.actors_of(name) == list(spec.load(name).traits["actors"])
    assert target.actors_of("no-such-profile") == target.actors_of(spec.DEFAULT)


@EACH
def test_the_reference_server_seeds_the_actors_that_the_profile_declares(profile: str) -> None:
    backend, declared = assemble(profile), spec.load(profile).traits["actors"]
    seeding.seed(backend, "http://127.0.0.1:1/v1")
    seeded = seeding.target_users(backend)
    assert list(seeded) == list(declared) == target.actors_of(profile)
    for name, row in declared.items():
        user = backend.store.users[seeded[name]["id"]]
        site, organization = set(row.get("site", ())), set(row.get("organization", ()))
        assert user.site_roles == site and user.org_roles == {backend.store.organization_id: organization}, name
