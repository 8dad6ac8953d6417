"""Watch events whose chat is an older one than GET shows, or another one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from fake_server.faulting import Fault, declare, instead
from fake_server.state.records import Chat

Shown = Callable[[dict[str, Any], Chat], dict[str, Any]]  # what was remembered of the chat, and the chat; gives other fields


def _tells(name: str, doc: str, kinds: Iterable[str], shows: Shown, red: Iterable[str], remembers: Iterable[str] = ()) -> None:
    """A fault that tells of a chat with other fields in events of these kinds (none: all); remembers fields as first told."""

    def around(right: Callable[..., None], chat: Chat, kind: str, **extra: Any) -> None:
        memory = right.__self__.backend.faults.memory.setdefault(f"{name} {chat.id}", {})  # type: ignore[attr-defined]
        for field in remembers:
            memory.setdefault(field, getattr(chat, field))
        if kind == "status_change" and chat.status == "pending":
            memory["at the start"] = {field: getattr(chat, field) for field in ("title", "labels", "plan_mode", "pin_order")}
        others = shows(memory, chat) if not kinds or kind in kinds else {}
        kept = {field: getattr(chat, field) for field in others}
        try:
            _set(chat, others)
            right(chat, kind, **extra)
        finally:
            _set(chat, kept)

    declare(Fault(name, doc, frozenset(red), around={"Hub.watch": around}))


def _set(chat: Chat, fields: dict[str, Any]) -> None:
    for field, value in fields.items():
        setattr(chat, field, value)


def _first(*fields: str) -> Shown:
    return lambda memory, chat: {field: memory[field] for field in fields}


def _of_the_start(memory: dict[str, Any], chat: Chat) -> dict[str, Any]:
    return dict(memory.get("at the start", {})) if chat.status != "pending" else {}


ENDS = ("status_change",)
_tells("ends-tell-the-chat-of-the-start", "the end of a turn tells the chat as it was at its start", ENDS, _of_the_start,
       ["WATCH-105", "WATCH-104"])  # fmt: skip
_tells("ends-tell-the-first-title", "status_change tells the title that the chat was told with first", ENDS, _first("title"),
       ["WATCH-103", "WATCH-104", "WATCH-105", "WATCH-106", "WATCH-107", "WATCH-109"], ["title"])  # fmt: skip
_tells("events-tell-the-first-labels", "events tell the labels that the chat was created with", (), _first("labels"),
       ["WATCH-103", "WATCH-104", "WATCH-105"], ["labels"])  # fmt: skip
_tells("events-tell-the-first-plan-mode", "events tell the plan mode of the first one", (), _first("plan_mode"),
       ["WATCH-103", "WATCH-104", "WATCH-105"], ["plan_mode"])  # fmt: skip
_tells("events-tell-no-pin", "events tell every chat as not pinned", (), lambda memory, chat: {"pin_order": 0},
       ["WATCH-103", "WATCH-104", "WATCH-105"])  # fmt: skip
_tells("summaries-come-with-the-first-title", "summary_change tells the first title", ("summary_change",), _first("title"),
       ["WATCH-103", "WATCH-031", "WATCH-105", "WATCH-107", "WATCH-108", "WATCH-109"], ["title"])  # fmt: skip
_tells("events-tell-the-creation", "updated_at in events is created_at", (), lambda memory, chat: {"updated_at": chat.created_at},
       ["WATCH-103", "WATCH-104", "WATCH-105", "WATCH-107", "WATCH-108", "WATCH-109", "WATCH-110"])  # fmt: skip
_tells("renames-tell-a-chat-at-rest", "title_change tells every chat as waiting", ("title_change",),
       lambda memory, chat: {"status": "waiting"}, ["WATCH-110", "CHATOBJ-018"])  # fmt: skip
_tells("edits-tell-the-first-model", "events tell the first model of the chat once it was edited", (),
       _first("last_model_config_id"), ["WATCH-107", "WATCH-054"], ["last_model_config_id"])  # fmt: skip
_tells("children-are-told-with-other-labels", "events tell a child chat with a label that it does not have", (),
       lambda memory, chat: {"labels": {"of": "the root"}} if chat.parent_chat_id else {}, ["WATCH-108"])  # fmt: skip
_tells("actions-are-told-too-early", "action_required tells the chat as running still", ("action_required",),
       lambda memory, chat: {"status": "running"}, ["WATCH-109"])  # fmt: skip
_tells("ends-tell-no-summary", "status_change tells no summary", ENDS, lambda memory, chat: {"last_turn_summary": None},
       ["WATCH-104"])  # fmt: skip
_tells("archived-are-told-with-the-old-labels", "deleted and created tell the first labels", ("deleted", "created"),
       _first("labels"), ["WATCH-104"], ["labels"])  # fmt: skip


@instead("Hub.watch", red=["WATCH-111"])
def renamed_children_are_told_as_their_root(right: Any, chat: Chat, kind: str, **extra: Any) -> None:
    """The title_change of a child has the title of its root."""
    root = right.__self__.backend.store.chats.get(chat.root_chat_id or "")
    right(chat if root is None or kind != "title_change" else replace(chat, title=root.title, order=None), kind, **extra)
