"""Wrong only where one thing meets another that no scenario case brings together: what the walks are for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fake_server.faulting import Answer, answers, changes, frames, instead, turns_off
from fake_server.faults.objects import Object
from fake_server.state.records import Chat, Message


def _queued(answer: Answer) -> int:
    return len(answer.backend.store.queues.get(answer.path_params.get("chat", ""), ()))


@changes("sendMessage", red=["DIFF-001", "MSG-014"])
def third_queued_sends_name_no_model(answer: Answer) -> None:
    """The answer to a send that is queued as the third, or later, names no model."""
    if _queued(answer) > 2:
        answer.body["queued_message"].pop("model_config_id", None)


@answers("patchChat", red=["DIFF-002"])
def bad_labels_of_a_queue_are_told_otherwise(answer: Answer) -> None:
    """The validation of a label is worded otherwise for a chat with a queue."""
    if answer.status == 400 and _queued(answer) and answer.body.get("validations"):
        answer.body = answer.body | {"validations": [v | {"detail": "wrong"} for v in answer.body["validations"]]}


@changes("getChat", red=["DIFF-003"])
def pins_hide_while_a_queue_waits(answer: Answer) -> None:
    """A pinned chat with a queue shows no pin."""
    if _queued(answer):
        answer.body["pin_order"] = 0


@changes("listMessages", red=["DIFF-004", "MSG-013"])
def answers_in_shared_chats_lose_their_usage(answer: Answer) -> None:
    """The last answer of a chat that is shared and has a label shows its owner no usage."""
    chat = answer.backend.store.chats[answer.path_params["chat"]]
    if chat.acl_users and chat.labels and answer.body["messages"]:
        answer.body["messages"][0].pop("usage", None)


@changes("listMessages", red=["DIFF-005", "MSG-014"])
def queues_forget_the_model_of_the_third(answer: Answer) -> None:
    """The third queued message names no model."""
    for entry in answer.body["queued_messages"][2:3]:
        entry.pop("model_config_id", None)


@changes("listChats", red=["DIFF-006"])
def offsets_count_before_titles(answer: Answer) -> None:
    """An offset skips chats that the title in q leaves out, too."""
    if "title:" in answer.query.get("q", "") and answer.query.get("offset") == "1" and answer.body:
        mine = [c for c in answer.backend.store.chats.values() if c.owner_id == answer.caller.id and not c.parent_chat_id]
        if "title" not in max(mine, key=lambda c: c.updated_at).title.lower():
            answer.body.pop(0)


@changes("listMessages", red=["DIFF-007"])
def pages_of_one_skip_results(answer: Answer) -> None:
    """A page of one message, after a cursor, that is a tool's result is empty."""
    if answer.query.get("limit") == "1" and "before_id" in answer.query:
        answer.body["messages"] = [m for m in answer.body["messages"] if m["role"] != "tool"]


@frames("stream", red=["DIFF-008"])
def queues_of_three_are_not_told(batch: list[Object], memory: Object) -> list[Object]:
    """A live change of the queue to three messages or more is not told."""
    live, memory["live"] = memory.get("live", False), True
    return [e for e in batch if not live or e["type"] != "queue_update" or len(e.get("queued_messages") or ()) < 3]


@frames("stream", red=["DIFF-009"])
def snapshots_have_two_of_the_queue(batch: list[Object], memory: Object) -> list[Object]:
    """A snapshot shows the first two of the queue alone."""
    first, memory["first"] = memory.get("first", True), False
    return [e | {"queued_messages": e["queued_messages"][:2]} if e.get("queued_messages") and first else e for e in batch]


@frames("watch", red=["DIFF-010"])
def statuses_come_with_the_old_title(batch: list[Object], memory: Object) -> list[Object]:
    """A change of status shows the title from before a rename of the chat's owner."""
    out = []
    for event in batch:
        chat, titles = event.get("chat") or {}, memory.setdefault("titles", {})
        if event.get("kind") == "title_change" and "Name " in chat.get("title", ""):
            memory.setdefault("renamed", set()).add(chat["id"])
        elif chat.get("id") not in memory.get("renamed", ()):
            titles[chat.get("id")] = chat.get("title")
        elif event.get("kind") == "status_change":
            event = event | {"chat": chat | {"title": titles.get(chat["id"], "Old")}}
        out.append(event)
    return out


@instead("Ledger.add_message", red=["DIFF-011"])
def models_forget_what_was_said_before_sharing(right: Any, chat: Any, role: str, *rest: Any, **named: Any) -> Any:
    """In a shared chat with a label the model no longer hears what its user said earlier."""
    message = right(chat, role, *rest, **named)
    if role == "user" and chat.labels and chat.acl_users:
        for earlier in right.__self__.state.store.messages[chat.id][:-1]:
            earlier.visibility = "user" if earlier.role == "user" else earlier.visibility
    return message


@instead("told", red=["DIFF-011"])
def answers_are_told_otherwise_while_two_wait(right: Any, backend: Any, chat: Chat) -> list[Message]:
    """While a queue of two waits the model is told its answers in another wording."""
    rows: list[Message] = right(backend, chat)
    if len(backend.store.queues.get(chat.id, ())) < 2:
        return rows
    said = [(m, [p | {"text": f"{p['text']}!"} if p.get("text") else p for p in m.content]) for m in rows]
    return [replace(m, content=content) if m.role == "assistant" else m for m, content in said]


@changes("getCostSummary", red=["DIFF-012"])
def pins_cost_one_less(answer: Answer) -> None:
    """The costs of a user with a pinned chat count one micro less."""
    chats = answer.backend.store.chats.values()
    if answer.body.get("total_cost_micros") and any(c.pin_order and c.owner_id == answer.caller.id for c in chats):
        answer.body["total_cost_micros"] -= 1


@changes("listMessages", red=["DIFF-013"])
def readers_see_no_results(answer: Answer) -> None:
    """Who reads the chat of somebody else sees no results of tools in chats with more than three messages."""
    chat = answer.backend.store.chats[answer.path_params["chat"]]
    if answer.caller.id != chat.owner_id and len(answer.body["messages"]) > 3:
        answer.body["messages"] = [m for m in answer.body["messages"] if m["role"] != "tool"]


turns_off(
    "queues-keep-deleted-models",
    "a queued message is stored with a model that was deleted meanwhile",
    "queue.replaces-model",
    red=["DIFF-004", "DIFF-003"],
)
