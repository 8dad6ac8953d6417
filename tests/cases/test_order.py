"""What adds up on a stream: pieces that are told live, and what is stored of them."""

from __future__ import annotations

from typing import Any

import spec
from conformance.checks.asked import Wrong
from conformance.checks.feeds import Told
from conformance.checks.order import Disturbed, text_adds_up
from conformance.wire.exchange import Request, Response, SocketLog
from conformance.wire.framing import Event
from spec.tables import stream_order

PROFILE = spec.load(spec.DEFAULT)
ORDER = stream_order(PROFILE.name, PROFILE.folder)
CHAT = "8efc5111-5468-4fcd-a166-7b6b2b821207"


def status(name: str) -> dict[str, Any]:
    return {"type": "status", "status": {"status": name}}


def piece(text: str) -> dict[str, Any]:
    return {"type": "message_part", "message_part": {"role": "assistant", "part": {"type": "text", "text": text}}}


def message(number: int, role: str, text: str) -> dict[str, Any]:
    usage = {"usage": {}} if role == "assistant" else {}
    return {"type": "message", "message": {"id": number, "role": role, "content": [{"type": "text", "text": text}], **usage}}


def told(*live: dict[str, Any]) -> Told:
    events = [Event(at, at, value["type"], value, f"/frames/{at}/0") for at, value in enumerate((status("waiting"), *live))]
    log = SocketLog("w1", "alice", Request("GET", "/"), Response(101))
    return Told(log, CHAT, 0, ORDER, events, 1)


LOST = (status("running"), piece("one "), piece("two"), message(4, "user", "ask"), status("waiting"))
WHOLE = (message(6, "user", "ask"), status("running"), piece("one "), piece("two"), message(8, "assistant", "one two"))


def test_a_turn_that_got_lost_is_no_text_that_does_not_add_up() -> None:
    assert text_adds_up(told(*LOST, *WHOLE, status("waiting")), Disturbed(ORDER)) is None
    assert text_adds_up(told(*WHOLE, status("waiting")), Disturbed(ORDER)) is True


def test_text_that_comes_twice_does_not_add_up_even_where_a_question_does() -> None:
    twice = (*WHOLE[:-1], piece("one two"), WHOLE[-1], WHOLE[0], status("waiting"))
    assert isinstance(text_adds_up(told(*twice), Disturbed(ORDER)), Wrong)
