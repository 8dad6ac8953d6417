"""Wrong changes by PATCH: labels, plan mode, workspace, several fields at once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fake_server.endpoints.chats.chat import PATCH, check_labels, require
from fake_server.faulting import Answer, answers, changes, instead, replaces, turns_off
from fake_server.state.records import Chat

NIL = "00000000-0000-0000-0000-000000000000"


def _chat(answer: Answer) -> Chat:
    """The chat that was patched."""
    chat: Chat = answer.backend.store.chats[str(UUID(answer.path_params["chat"]))]
    return chat


def _sent(answer: Answer) -> dict[str, Any]:
    """The fields that were sent, without those that were null."""
    return {k: v for k, v in answer.sent.items() if v is not None} if isinstance(answer.sent, dict) else {}


def _refuse(answer: Answer, status: int, message: str) -> None:
    """Make the answer a refusal."""
    answer.status, answer.body = status, {"message": message}
    answer.headers["content-type"] = "application/json; charset=utf-8"


replaces(
    "labels-are-merged",
    "labels of a PATCH are added to those there are",
    "Lifecycle.set_labels",
    lambda right, chat, labels: right(chat, {**chat.labels, **labels}),
    red=["PATCH-012", "PATCH-013", "PATCH-022", "PATCH-024", "OWN-016", "OWN-022", "OWN-023", "KEEP-017"],
)


@changes("patchChat", red=["PATCH-012"])
def label_values_are_trimmed(answer: Answer) -> None:
    """PATCH takes blanks from the ends of label values."""
    _chat(answer).labels = {key: value.strip() or value for key, value in _chat(answer).labels.items()}


turns_off("labels-keep-place", "a change of labels leaves updated_at", "labels.move-chat", red=["PATCH-014"])


@changes("patchChat", red=["PATCH-015", "PATCH-022", "KEEP-017"])
def plan_mode_is_never_cleared(answer: Answer) -> None:
    """An empty plan_mode sets the plan mode."""
    if _sent(answer).get("plan_mode") == "":
        _chat(answer).plan_mode = "plan"


@changes("patchChat", red=["PATCH-016"])
def plan_mode_moves_the_chat(answer: Answer) -> None:
    """A change of the plan mode moves updated_at."""
    if "plan_mode" in _sent(answer):
        _chat(answer).updated_at = answer.backend.clock.now()


@changes("patchChat", red=["PATCH-017"])
def nil_workspace_is_bound(answer: Answer) -> None:
    """The nil UUID is taken for a workspace."""
    if _sent(answer).get("workspace_id") == NIL:
        _chat(answer).workspace_id = NIL


@answers("patchChat", red=["PATCH-018"])
def bad_plan_mode_comes_late(answer: Answer) -> None:
    """A PATCH with a bad plan_mode applies its title."""
    if answer.status == 400 and "plan_mode" in answer.body["message"] and _sent(answer).get("title"):
        _chat(answer).title = answer.sent["title"]


@instead("patch_chat", red=["PATCH-019", "PATCH-020"])
async def patch_checks_labels_first(right: Any, call: Any) -> Any:
    """PATCH checks labels before it changes anything."""
    require(call, "update")
    body = await call.json(PATCH)
    check_labels(call.backend, body["labels"])
    return await right(call)


@answers("patchChat", red=["PATCH-021"])
def running_chats_keep_labels(answer: Answer) -> None:
    """Labels of a running chat can't be changed."""
    if answer.status == 204 and "labels" in _sent(answer) and _chat(answer).status == "running":
        _refuse(answer, 409, "The chat is running.")


@changes("patchChat", red=["PATCH-022"])
def all_fields_but_one(answer: Answer) -> None:
    """A PATCH of four fields forgets the plan mode."""
    if {"title", "labels", "archived", "plan_mode"} <= set(_sent(answer)):
        _chat(answer).plan_mode = ""


@changes("patchChat", red=["PATCH-023"])
def children_have_no_labels(answer: Answer) -> None:
    """A child chat gets no labels."""
    if _chat(answer).parent_chat_id:
        _chat(answer).labels = {}


@changes("patchChat", red=["PATCH-024", "PATCH-009"])
def unknown_fields_move_the_chat(answer: Answer) -> None:
    """A PATCH without any known field moves updated_at."""
    if not _sent(answer):
        _chat(answer).updated_at = answer.backend.clock.now()
