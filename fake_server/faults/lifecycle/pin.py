"""Wrong pins."""

from __future__ import annotations

from typing import Any

from fake_server.faulting import Answer, answers, changes, instead, replaces, turns_off
from fake_server.faults.lifecycle.patch import _chat, _refuse, _sent
from fake_server.state import pins


@instead("set_pin", red=["PIN-001", "PIN-008"])
def pins_take_the_number_sent(right: Any, call: Any, order: int, before_archived: bool, before_pin: int) -> None:
    """A chat is pinned at the number that was sent."""
    right(call, order, before_archived, before_pin)
    if order and not before_pin:
        pins.move(call.backend, call.chat, order)


replaces(
    "pins-leave-gaps",
    "pins are not renumbered",
    "renumber",
    lambda right, backend, chats, gap=0: None,
    red=["PIN-002", "PIN-003", "PIN-004", "PIN-008"],
)
replaces(
    "pins-go-past-the-end",
    "a pin may be moved past the last place",
    "place_among",
    lambda right, backend, others, to: to,
    red=["PIN-003"],
)


@changes("patchChat", red=["PIN-005", "PIN-004", "SCHEMA-patchChat", "PATCH-007"])
def unpin_answers_200(answer: Answer) -> None:
    """Unpinning is answered with 200."""
    if _sent(answer) == {"pin_order": 0}:
        answer.status = 200


@answers("patchChat", red=["PIN-005"])
def children_are_not_unpinned(answer: Answer) -> None:
    """Unpinning a child is refused like pinning it."""
    if answer.status == 204 and _sent(answer) == {"pin_order": 0} and _chat(answer).parent_chat_id:
        _refuse(answer, 400, "Cannot pin a child chat.")


turns_off("children-are-pinned", "child chats can be pinned", "patch.pin-child", red=["PIN-006"])


@changes("patchChat", red=["PIN-007"])
def pins_move_the_chat(answer: Answer) -> None:
    """Pinning moves updated_at."""
    if "pin_order" in _sent(answer):
        _chat(answer).updated_at = answer.backend.clock.now()
