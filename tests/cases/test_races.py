"""The sign of a lost turn: a chat at rest on a message that nobody answered, though no client stopped its turn."""

from __future__ import annotations

from typing import Any

import spec
from conformance.exchange import Exchange, Request, Response
from conformance.races import signs_in

TRAITS = spec.load("experimental-2026-05").traits
CHAT = f"{TRAITS['chats_path']}/c"


def said(method: str, path: str, body: Any = None, status: int = 200) -> Exchange:
    return Exchange("x", "alice", Request(method, path), Response(status, body=body))


def rests_with(*roles: str, whole: bool = True) -> list[Exchange]:
    """The chat at rest, and its messages, newest first as the API lists them; `whole`: each answer ended by itself."""
    rows = [{"id": n, "role": role} | ({"usage": {}} if whole and role == "assistant" else {}) for n, role in enumerate(roles)]
    listed = {"messages": rows[::-1], "queued_messages": []}
    return [said("GET", CHAT, {"status": "waiting"}), said("GET", f"{CHAT}/messages", listed)]


def test_an_answer_that_nobody_stopped_is_missing() -> None:
    assert signs_in(TRAITS, rests_with("user", "assistant")) == set()
    assert signs_in(TRAITS, rests_with("user", "assistant", "user")) == {"self-interrupt"}


def test_what_a_client_stopped_is_no_accident() -> None:
    stop = said("POST", f"{CHAT}/interrupt", {})
    assert signs_in(TRAITS, [stop, *rests_with("user")]) == set()


def test_one_stop_explains_the_oldest_answer_that_is_not_whole_and_no_later_one() -> None:
    stop = said("POST", f"{CHAT}/interrupt", {})
    assert signs_in(TRAITS, [stop, *rests_with("user", "assistant", "user", whole=False)]) == {"self-interrupt"}
    assert signs_in(TRAITS, [stop, *rests_with("user", "user")]) == {"self-interrupt"}
