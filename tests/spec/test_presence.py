"""The presence tables: each row turns red when its key is wrong, and the tables agree with documents and registry."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

import spec
from conformance.checks.part_presence import Parts, Presence
from conformance.checks.presence import PresenceJudge, Rule, Table, judge
from conformance.wire.exchange import Exchange, SocketLog
from spec.documents import documents
from tests.spec.traffic import PROFILE, answer, operation, recorded, stream

TABLE = spec.load(PROFILE).table("presence")
PARTS = spec.load(PROFILE).table("part_presence")
JUDGE = PresenceJudge(spec.load(PROFILE))
Change = Callable[[Any], object]


def red(said: Exchange | SocketLog) -> set[str]:
    return {f.requirement for f in JUDGE.findings(said)}


EACH = pytest.mark.parametrize("profile", spec.profiles())


@EACH
def test_every_requirement_of_the_tables_is_registered(profile: str) -> None:
    assert PresenceJudge(spec.load(profile)).requirement_ids() <= set(spec.load(profile).requirements)


@EACH
def test_every_place_of_the_tables_is_an_operation_or_event(profile: str) -> None:
    docs, table = documents(profile), spec.load(profile).table("presence")
    for key in table["answers"]:
        name, status = key.split()
        assert int(status) in docs.operations[name].responses
    for key in table["events"]:
        feed, kind = key.split()
        union = {"streamChat": "StreamEvent", "watchChats": "WatchEvent"}[feed]
        assert kind == "*" or kind in docs.event_names(union)


@EACH
def test_every_object_is_placed_somewhere_and_every_place_used(profile: str) -> None:
    table = spec.load(profile).table("presence")
    targets = [t for rows in (table["answers"], table["events"], table["inside"]) for r in rows.values() for t in r.values()]
    targets += table["refusals"].values()
    placed = {target.partition(" ")[0] for target in targets} - {"part"}
    assert placed == set(table["objects"])
    places = {t.partition(" ")[2] for t in targets} | {"list-child", "get-child"}
    for rows in table["objects"].values():
        for row in rows:
            assert set(row.get("at", ())) <= places, row


@pytest.mark.parametrize("profile", [name for name in spec.profiles() if "part_presence" in spec.load(name).tables])
def test_the_tables_name_only_keys_that_the_documents_know(profile: str) -> None:
    docs, parts = documents(profile), spec.load(profile).table("part_presence")
    known = set(docs.schema("Chat")["$defs"]["Chat"]["properties"])
    anywhere = set().union(*(documents(name).known_keys for name in spec.profiles()))
    for row in spec.load(profile).table("presence")["objects"]["chat"]:
        named = {k for word in ("set", "always", "optional", "constant", "one_of") for k in row.get(word, ())}
        assert named <= known and set(row.get("never", ())) <= anywhere, row
    part = docs.schema("ChatStreamPart")["$defs"] | docs.schema("ChatMessagePart")["$defs"]
    keys = {key for schema in part.values() for key in schema.get("properties", {})}
    assert set(parts["optional_keys"]) | set(parts["common"]["keys"]) | set(parts["common_ids"]["keys"]) <= keys


@pytest.mark.parametrize(
    ("name", "status", "change", "requirement"),
    [
        ("getChat", 200, lambda b: b.pop("title"), "CHATOBJ-001"),
        ("getChat", 200, lambda b: b.pop("labels"), "CHATOBJ-002"),
        ("getChat", 200, lambda b: b.update(children=None), "CHATOBJ-002"),
        ("getChat", 200, lambda b: b.pop("last_turn_summary"), "CHATOBJ-003"),
        ("getChat", 200, lambda b: b.update(status="completed"), "CHATOBJ-006"),
        ("getChat", 200, lambda b: b.update(workspace_id=None), "CHATOBJ-007"),
        ("getChat", 200, lambda b: b.pop("root_chat_id"), "CHATOBJ-008"),
        ("getChat", 200, lambda b: b.pop("owner_username"), "CHATOBJ-009"),
        ("getChat", 200, lambda b: b.update(files=[]), "CHATOBJ-012"),
        ("getChat", 200, lambda b: b.update(has_unread=True), "READ-005"),
        ("getChat", 200, lambda b: b.update(warnings=[]), "FILE-046"),
        ("createChat", 201, lambda b: b.update(diff_status={"chat_id": b["id"]}), "CHATOBJ-011"),
        ("createChat", 201, lambda b: b.update(parent_chat_id=b["id"]), "CHAT-002"),
        ("interruptChat", 200, lambda b: b.update(children=[copy.deepcopy(b)]), "CHATOBJ-014"),
        ("sendMessage", 200, lambda b: b.update(queued_message=b.get("message")), "MSG-011"),
        ("sendMessage", 200, lambda b: b.pop("queued"), "MSG-011"),
        ("editMessage", 200, lambda b: b["message"].pop("created_by"), "MSG-003"),
        ("editMessage", 200, lambda b: b["message"].pop("role"), "MSG-001"),
        ("editMessage", 200, lambda b: b["message"].update(usage={"input_tokens": 1}), "MSG-009"),
        ("editMessage", 200, lambda b: b["message"]["content"][0].pop("url"), "PART-001"),
        ("editMessage", 200, lambda b: b["message"]["content"][0].pop("file_id"), "PART-002"),
        ("editMessage", 200, lambda b: b["message"]["content"][0].update(name=""), "PART-003"),
        ("editMessage", 200, lambda b: b["message"]["content"][0].update(type="image"), "PART-004"),
        ("editMessage", 200, lambda b: b["message"]["content"][0].update(created_at="2026-01-01T00:00:00Z"), "PART-006"),
        ("editMessage", 200, lambda b: b["message"]["content"][0].update(url="http://x"), "PART-026"),
        ("editMessage", 200, lambda b: b["message"]["content"][0].update(tool_name="x"), "PART-026"),
        ("editMessage", 200, lambda b: b["message"]["content"][0].update(skill_dir="/x"), "SER-004"),
        ("listMessages", 200, lambda b: b.update(queued_messages=None), "MSG-012"),
        ("listPrompts", 200, lambda b: b.pop("prompts"), "PROMPT-010"),
        ("getChatDiff", 200, lambda b: b.update(branch=""), "EVENT-006"),
        ("getChatACL", 200, lambda b: b.update(users=None), "ACL-011"),
        ("listModels", 200, lambda b: b["providers"][0].pop("models"), "MODEL-002"),
        ("getChat", 404, lambda b: b.pop("message"), "SER-001"),
        ("getChat", 404, lambda b: b.update(validations=[]), "SER-002"),
        ("getChat", 404, lambda b: b.update(detail=None), "SER-003"),
        ("listMessages", 400, lambda b: b.update(validations=[{"field": "limit"}]), "SER-002"),
    ],
)
def test_a_wrong_key_is_found(name: str, status: int, change: Change, requirement: str) -> None:
    said = answer(name, status)
    assert red(said) == set()
    change(said.response.body)
    assert requirement in red(said)


@pytest.mark.parametrize(
    ("kind", "feed", "change", "requirement"),
    [
        ("error", "streamChat", lambda e: e["error"].update(detail=""), "EVENT-001"),
        ("retry", "streamChat", lambda e: e["retry"].pop("attempt"), "EVENT-002"),
        ("action_required", "streamChat", lambda e: e["action_required"]["tool_calls"][0].pop("args"), "EVENT-003"),
        ("status_change", "watchChats", lambda e: e.update(tool_calls=[]), "EVENT-004"),
        ("message_part", "streamChat", lambda e: e["message_part"].pop("role"), "EVENT-005"),
        ("message_part", "streamChat", lambda e: e["message_part"]["part"].pop("text"), "PART-001"),
        ("queue_update", "streamChat", lambda e: e.update(queued_messages=[{"id": 1}]), "MSG-010"),
        ("status_change", "watchChats", lambda e: e["chat"].update(has_unread=True), "WATCH-027"),
        ("status_change", "watchChats", lambda e: e["chat"].update(files=[{}]), "CHATOBJ-013"),
    ],
)
def test_a_wrong_key_in_an_event_is_found(kind: str, feed: str, change: Change, requirement: str) -> None:
    log, event = stream(kind, feed)
    assert red(log) == set()
    change(event)
    assert requirement in red(log)


@pytest.mark.parametrize(
    ("wanted", "change", "requirement"),
    [
        ({"role": "assistant"}, lambda m: m.update(created_by=m["chat_id"]), "MSG-004"),
        ({"usage": ...}, lambda m: m["usage"].update(cache_read_tokens=0), "MSG-006"),
    ],
)
def test_a_wrong_key_of_a_message_is_found(wanted: dict[str, Any], change: Change, requirement: str) -> None:
    said, message = _listed(lambda m: all(k in m and v in (..., m[k]) for k, v in wanted.items()))
    change(message)
    assert red(said) == {requirement}


@pytest.mark.parametrize(
    ("kind", "change", "requirement"),
    [
        ("reasoning", lambda p: p.pop("completed_at"), "PART-007"),
        ("tool-call", lambda p: p.pop("tool_call_id"), "PART-008"),
        ("tool-result", lambda p: p.pop("result"), "PART-010"),
        ("tool-result", lambda p: p.update(is_error=False), "PART-003"),
        ("source", lambda p: p.pop("source_id"), "PART-016"),
        ("file", lambda p: p.update(created_at="2026-01-01T00:00:00Z"), "PART-026"),
        ("file-reference", lambda p: p.update(args={}), "PART-026"),
        ("context-file", lambda p: p.update(context_file_content="x"), "SER-004"),
        ("skill", lambda p: p.update(skill_description=""), "PART-003"),
    ],
)
def test_a_wrong_key_of_a_part_is_found(kind: str, change: Change, requirement: str) -> None:
    said, message = _listed(lambda m: any(p["type"] == kind for p in m.get("content", ())))
    assert red(said) == set()
    change(next(p for p in message["content"] if p["type"] == kind))
    assert red(said) == {requirement}


def _listed(wanted: Callable[[dict[str, Any]], bool]) -> tuple[Exchange, dict[str, Any]]:
    for said in recorded():
        if isinstance(said, Exchange) and operation(said) == "listMessages" and said.response.status == 200:
            for number, message in enumerate(said.response.body["messages"]):
                if wanted(message):
                    found = copy.deepcopy(said)
                    return found, found.response.body["messages"][number]
    raise LookupError("no such message was recorded")


def test_a_child_chat_is_judged_where_it_stands() -> None:
    for said in recorded():
        if isinstance(said, Exchange) and operation(said) == "listChats" and isinstance(said.response.body, list):
            with_child = [n for n, chat in enumerate(said.response.body) if chat.get("children")]
            if with_child:
                found = copy.deepcopy(said)
                child = found.response.body[with_child[0]]["children"][0]
                del child["diff_status"]
                child["children"] = [1]
                assert red(found) == {"CHATOBJ-010", "CHAT-013"}
                return
    pytest.fail("no child was recorded")


def test_a_failed_chat_names_its_error_and_only_that_one() -> None:
    said = answer("getChat", 200, status="error")
    error = said.response.body.pop("last_error")
    assert red(said) == {"CHATOBJ-005"}
    said.response.body.update(last_error=error, status="waiting")
    assert red(said) == {"CHATOBJ-018"}


# The parts by themselves: kinds and places that no recording shows together


def parts_red(part: dict[str, Any], place: str) -> set[str]:
    judged = Presence()
    Parts(PARTS).judge(part, "", place, judged, "x")
    return {finding.requirement for finding in judged.wrong}


def part(kind: str, **more: Any) -> dict[str, Any]:
    common = {**PARTS["common"]["keys"], **PARTS["common_ids"]["keys"]}
    return {**common, "type": kind, **more}


@pytest.mark.parametrize(
    ("shown", "place", "requirements"),
    [
        (part("tool-call", tool_call_id="a", args_delta="{"), "live", set()),
        (part("tool-call", tool_call_id="a", tool_name="b"), "live", set()),
        (part("tool-call", tool_call_id="a", args_delta="{", args={}), "live", {"PART-009"}),
        (part("tool-call", tool_call_id="a", args=None, created_at="2026-01-01T00:00:00Z"), "live", set()),
        (part("tool-call", tool_call_id="a", args_delta="{"), "stored", {"PART-026"}),
        (part("tool-result", tool_call_id="a", result_delta="x"), "live", set()),
        (part("tool-result", tool_call_id="a", result_reset=True, result=1), "live", {"PART-010"}),
        (part("tool-result", tool_call_id="a", result=None), "stored", set()),
        (part("tool-result", tool_call_id="a", result_delta="x", result=1), "stored", {"PART-026"}),
        (part("reasoning", text="x"), "live", set()),
        (part("reasoning", text="x", completed_at="2026-01-01T00:00:00Z"), "live", {"PART-007"}),
        (part("file", media_type="image/png", created_at="2026-01-01T00:00:00Z"), "live", set()),
        (part("skill", skill_name="x"), "live", {"PART-026"}),
        (part("text", text=1, extra="free"), "stored", set()),
        (part("text", start_line=1), "stored", {"PART-026"}),
        ({**part("text"), "type": None}, "stored", {"PART-004"}),
    ],
)
def test_parts_by_kind_and_place(shown: dict[str, Any], place: str, requirements: set[str]) -> None:
    assert parts_red(shown, place) == requirements


def test_a_rule_speaks_only_of_its_places() -> None:
    rule = Rule("X-1", at=frozenset({"list"}), never=frozenset({"a"}))
    assert rule.stands("list") and not rule.stands("get")


def test_a_remembered_shape_says_the_same_as_the_rules() -> None:
    broken = 0
    for rules in JUDGE._rules.values():
        keys = {k for rule in rules for k in (*rule.always, *rule.set, *rule.never, *rule.optional, *rule.exactly_one)}
        keys |= {k for rule in rules for k, *_ in (*rule.holds, *rule.constant, *rule.one_of)}
        right: dict[str, Any] = {key: "x" for rule in rules for key in (*rule.always, *rule.set, *rule.exactly_one[:1])}
        right |= {key: allowed[0] for rule in rules for key, allowed in rule.one_of}
        right |= {key: value for rule in rules for key, value in rule.constant}
        table = Table(rules)
        values = (None, "", 0, False, True, "x", 7, [], [1], {}, {"a": 1})
        changed = [right | {key: value} for key in sorted(keys) for value in values]
        lacking = [{k: v for k, v in right.items() if k != key} for key in sorted(keys)]
        for value in [right, {}, *changed, *lacking] * 2:
            speaking = [rule for rule in rules if rule.applies(value)]
            wrong = [(rule.id, *found) for rule in speaking for found in rule.broken(value)]
            told, found = table.judge(value)
            ids = list(dict.fromkeys(rule.id for rule in speaking))
            assert (list(told), sorted(found, key=str)) == (ids, sorted(wrong, key=str)), value
            broken += bool(wrong)
    assert broken > 1000


def test_judging_gives_every_requirement_that_was_looked_at() -> None:
    judged = dict(JUDGE(answer("getChatDiff", 200)))
    assert judged == {"EVENT-006": None}


def test_what_is_no_object_is_left_to_the_documents() -> None:
    said = answer("getChat", 200)
    said.response.body = []
    assert judge(spec.load(PROFILE), said) == []
