"""Wrong pins."""

from __future__ import annotations

from fake_server.faulting import Answer, answers, changes, turns_off
from fake_server.faults.lifecycle.patch import _chat, _refuse, _sent

turns_off("pins-take-the-number-sent", "a chat is pinned at the number that was sent", "pin.appended", red=["PIN-001", "PIN-008"])
turns_off("pins-leave-gaps", "pins are not renumbered", "pin.renumbers", red=["PIN-002", "PIN-003", "PIN-004", "PIN-008"])
turns_off("pins-go-past-the-end", "a pin may be moved past the last place", "pin.clamped", red=["PIN-003"])


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
