"""From what a case wrote to what a reader sees: conditions and answers of another shape become typed findings."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from conformance.play.evidence import as_failure, differing
from conformance.play.finding import KINDS, TEMPLATES, Found, sentence, shown
from conformance.play.meaning import difference
from conformance.play.told import locate, of_condition
from conformance.play.verdict import Failure
from conformance.wire.exchange import ABSENT, Exchange, Frame, Request, Response, SocketLog

BODY: dict[str, Any] = {
    "id": "chat-1",
    "title": "A title",
    "files": [{"id": "file-1"}, {"id": "file-2"}],
    "count": 1234,
    "no": None,
}


def said(id: str, body: Any) -> Exchange:
    return Exchange(id, "alice", Request("GET", "/chats"), Response(200, {}, body))


def true(holds: Any, what: str, actual: Any = ABSENT) -> Failure:
    """As a case's `t.true`."""
    assert not holds
    found, looked = of_condition(sys._getframe(1), what, actual)
    return Failure(sentence(found, shown), kind=found.kind, expected=found.expected, actual=found.actual, hints=looked)


def expect(actual: Any, expected: Any, what: str) -> Failure:
    """As a case's `t.expect`."""
    found = difference(actual, expected, frozenset({"id", "title", "files"}))
    assert found is not None
    return differing(sys._getframe(1), what, found, actual)


def _conditions() -> dict[str, tuple[Failure, str, Any, Any, str]]:
    body, names = BODY, [f["id"] for f in BODY["files"]]
    return {
        "key": (true("status" in body, "it is there"), "missing-key", "status", sorted(body), ""),
        "no key": (true("title" not in body, "none"), "extra-key", "no key title", "title", "/title"),
        "item": (true("file-9" in names, "listed"), "missing-item", "file-9", names, ""),
        "no item": (true("file-1" not in names, "gone"), "extra-item", 'no "file-1"', "file-1", ""),
        "equal": (true(body["title"] == "Other", "same"), "wrong-value", "Other", "A title", "/title"),
        "not equal": (true(body["title"] != "A title", "new"), "wrong-value", 'anything but "A title"', "A title", "/title"),
        "less": (true(body["count"] < 10, "few"), "wrong-value", "less than 10", 1234, "/count"),
        "chain": (true(10 <= body["count"] < 20, "some"), "wrong-value", "less than 20", 1234, "/count"),
        "type": (true(isinstance(body["title"], int), "number"), "wrong-type", "a number", "A title", "/title"),
        "get": (true(body.get("no"), "a text"), "does-not-hold", "a text", None, "/no"),
        "and": (true(body["id"] and body["count"] == 1, "one"), "wrong-value", 1, 1234, "/count"),
        "all": (true(all(f["id"] == "file-1" for f in body["files"]), "first"), "wrong-value", "file-1", "file-2", "/files/1/id"),
        "given": (true(await_like(body), "it holds", "what was seen"), "does-not-hold", "it holds", "what was seen", ""),
    }


def await_like(_: Any) -> bool:
    """Nothing that may be called again."""
    return False


CONDITIONS = _conditions()


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions(name: str) -> None:
    failure, kind, expected, actual, pointer = CONDITIONS[name]
    assert (failure.kind, failure.expected, failure.actual) == (kind, expected, actual)
    other = said("x2", {"id": "another"})
    assert locate([said("x1", BODY), other], failure.hints)[1] == pointer


def test_the_exchange_is_found_that_a_value_stands_in() -> None:
    earlier, last = said("x1", BODY), said("x2", {"id": "another"})
    failure = expect([f["id"] for f in BODY["files"]], ["file-2"], "the files")
    assert failure.kind == "extra-item" and locate([earlier, last], failure.hints)[0] == "x1"
    failure = expect(BODY, {**BODY, "title": "Other"}, "the chat")
    assert locate([earlier, last], failure.hints) == ("x1", "/title")
    assert (failure.expected, failure.actual, failure.kind) == ("Other", "A title", "wrong-value")


def test_an_event_is_found_in_its_frame() -> None:
    event = {"type": "status", "status": {"status": "running"}}
    log = SocketLog("w1", "alice", Request("GET", "/stream"), Response(101), [Frame(1.0, "in", [{}, event])])
    failure = expect(event["status"], {"status": "waiting"}, "the status")
    assert locate([log, said("x2", {})], failure.hints) == ("w1", "/frames/0/1/status/status")


READS: dict[str, tuple[Callable[[Any], Any], str, Any, Any]] = {
    "no key": (lambda body: body["status"], "missing-key", "status", sorted(BODY)),
    "no element": (lambda body: body["files"][5]["id"], "missing-item", "6 elements at least", BODY["files"]),
    "null": (lambda body: body["no"]["id"], "wrong-type", "an object", "null"),
    "no object": (lambda body: body["title"].get("x"), "wrong-type", "an object", "a string"),
    "no number": (lambda body: int(body["title"]), "unreadable", "a number", "A title"),
    "not listed": (
        lambda body: next(f for f in body["files"] if f["id"] == "file-9"),
        "missing-item",
        'one whose id is "file-9"',
        BODY["files"],
    ),
}


@pytest.mark.parametrize("name", READS)
def test_what_reading_an_answer_raises(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read, kind, expected, actual = READS[name]
    monkeypatch.setattr("conformance.play.told.OURS", "/tests/cases/")
    with pytest.raises(Exception) as caught:
        read(BODY)
    failure = as_failure(caught.value)
    assert (failure.kind, failure.expected, failure.actual) == (kind, expected, actual)
    assert locate([said("x1", BODY), said("x2", {})], failure.hints)[0] == "x1"
    assert "Error" not in str(failure)


def test_every_kind_has_its_sentence() -> None:
    for kind in KINDS:
        text = sentence(Found(kind, "the chat", "one", {"a": 1}), shown)
        assert text and "{what}" not in text and TEMPLATES[kind]
