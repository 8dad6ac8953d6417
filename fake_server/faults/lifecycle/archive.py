"""Wrong archives."""

from __future__ import annotations

from typing import Any

from fake_server.chats.views import chat_view
from fake_server.faulting import Answer, Fault, answers, changes, declare, instead, replaces, turns_off
from fake_server.faults.lifecycle.patch import _chat, _refuse, _sent
from fake_server.state.records import Chat


def _single(answer: Answer) -> bool:
    """Has the chat neither parent nor children?"""
    chat = _chat(answer)
    return chat.parent_chat_id is None and not answer.backend.store.children_of.get(chat.id)


@changes("patchChat", red=["ARCH-001", "SCHEMA-patchChat", "EDIT-014", "ERR-152", "SEND-017", "ARCH-061"])
def archive_answers_200(answer: Answer) -> None:
    """Archiving a chat without family is answered with 200."""
    if _sent(answer) == {"archived": True} and _single(answer):
        answer.status = 200


@changes("patchChat", red=["ARCH-002", "SCHEMA-patchChat", "ARCH-061"])
def unarchive_answers_200(answer: Answer) -> None:
    """Unarchiving a chat without family is answered with 200."""
    if _sent(answer) == {"archived": False} and _single(answer):
        answer.status = 200


turns_off("archive-twice", "archiving an archived chat is accepted", "patch.already-archived", red=["ARCH-003", "ARCH-040"])
turns_off("unarchive-twice", "unarchiving a chat that is not archived is accepted", "patch.not-archived",
          red=["ARCH-003", "PATCH-020"])  # fmt: skip
replaces(
    "archive-leaves-children",
    "archiving a root leaves its children",
    "Lifecycle._to_archive",
    lambda right, chat: [chat],
    red=["ARCH-004", "ARCH-007", "ARCH-008", "WATCH-008", "CHILD-015"],
)
turns_off(
    "unarchive-leaves-children",
    "unarchiving a root leaves its children",
    "unarchive.cascade",
    red=["ARCH-004", "WATCH-008", "CHILD-015"],
)
declare(
    Fault(
        "unarchive-remembers",
        "a child archived by itself stays archived",
        frozenset(["ARCH-005"]),
        around={
            "Lifecycle._to_archive": lambda right, chat: [each for each in right(chat) if not each.archived],
            "Lifecycle._to_unarchive": lambda right, chat: [each for each in right(chat) if each.updated_at >= chat.updated_at],
        },
    )
)


@changes("patchChat", red=["ARCH-006"])
def archiving_a_child_moves_its_root(answer: Answer) -> None:
    """Archiving a child moves updated_at of its root."""
    root = answer.backend.store.chats.get(_chat(answer).parent_chat_id or "")
    if root is not None and _sent(answer).get("archived"):
        root.updated_at = answer.backend.clock.now()


turns_off("child-comes-back-alone", "a child can be unarchived under an archived root", "patch.parent-archived", red=["ARCH-007"])
turns_off("archive-lets-run", "archiving stops no turn", "archive.stops-runs", red=["ARCH-008", "STREAM-068"])
turns_off("lone-child-runs-on", "archiving a child alone does not stop it", "archive.stops-lone-children", red=["ARCH-008"])


@changes("listChats", red=["ARCH-006"])
def list_embeds_archived_children(answer: Answer) -> None:
    """The list shows archived children under a chat that is not archived."""
    store = answer.backend.store
    for chat in answer.body:
        known = [store.chats[i] for i in store.children_of.get(chat["id"], ())]
        chat["children"] += [chat_view(answer.backend, c, diff_status=True) for c in known if c.archived and not chat["archived"]]


@instead("Lifecycle.unarchive", red=["ARCH-009"])
def unarchive_runs_queue(right: Any, chat: Chat) -> None:
    """Unarchiving runs what is queued."""
    right(chat)
    for member in right.__self__.family(chat):
        if right.__self__.backend.ledger.promote_next(member):
            right.__self__.backend.runner.wake(member)


@changes("patchChat", red=["ARCH-010", "ARCH-012"])
def archive_ends_waiting_for_results(answer: Answer) -> None:
    """Archiving a chat that awaits tool results sets it waiting."""
    if _sent(answer).get("archived") and _chat(answer).status == "requires_action":
        _chat(answer).status = "waiting"


turns_off("archived-chats-are-pinned", "archived chats can be pinned", "patch.pin-archived", red=["ARCH-011", "ARCH-016"])
turns_off(
    "archived-chats-take-results", "archived chats take tool results", "tool-results.archived", red=["ARCH-012", "CHILD-015"]
)


@answers("patchChat", red=["ARCH-013"])
def archived_chats_keep_labels(answer: Answer) -> None:
    """Labels of an archived chat can't be changed."""
    if answer.status == 204 and set(_sent(answer)) == {"labels"} and _chat(answer).archived:
        _refuse(answer, 400, "Cannot change labels of an archived chat.")


turns_off("archive-keeps-pins", "archiving keeps the pin", "archive.unpins", red=["ARCH-014"])


@instead("Lifecycle._put", red=["ARCH-015"])
def archive_keeps_place(right: Any, chat: Chat, *, archived: bool) -> None:
    """Archiving leaves updated_at."""
    since = chat.updated_at
    right(chat, archived=archived)
    chat.updated_at = since


replaces(
    "pin-by-new-state",
    "a pin is judged by the archived state of the same request",
    "set_pin",
    lambda right, call, order, archived, pin: right(call, order, archived and call.chat.archived, pin),
    red=["ARCH-016"],
)
