"""Orders to chats, their queues and what they answer, where states decide."""

from __future__ import annotations

from typing import Any

from fake_server.chats.lifecycle import INTERRUPTED_BY_USER
from fake_server.chats.queueing import Queueing
from fake_server.faulting import Answer, Fault, answers, changes, declare, instead, replaces, turns_off
from fake_server.faults.limits.bounds import message_of, refuse
from fake_server.state.model_choice import live_config
from fake_server.state.records import Chat, Message, Token, User

LACKS = "error.before-status"  # the faults of this module are ones only in revisions without it

turns_off("children-are-archived-alone", "children are archived by themselves", "patch.archive-child", red=["ARCH-162"])
turns_off("active-chats-are-archived", "a chat is archived in the midst of its turn", "patch.archive-active", red=["ARCH-163"])
turns_off("idle-chats-are-interrupted", "chats at rest are interrupted", "interrupt.at-rest", red=["INT-139", "INT-141"])
turns_off("unknown-in-the-queue-is-deleted", "deletes what is not queued", "queue.unknown", red=["QUEUE-169"])
turns_off("empty-queues-know-no-ids", "what an empty queue has not is not found", "queue.empty-promote", red=["QUEUE-170"])
turns_off("edits-tell-no-deleted", "edits do not tell what is gone", "edit.tells-deleted", red=["EDIT-172"])
replaces(
    "promoted-wait-their-turn",
    "a promoted message runs when its turn comes",
    "Ledger._next",
    lambda right, queue: queue.pop(0),
    red=["QUEUE-171"],
)


@changes("interruptChat", red=["INT-138"])
def interrupts_are_over_at_once(answer: Answer) -> None:
    """The answer to an interrupt of a turn says that the chat waits already."""
    if answer.body["status"] == "interrupting":
        answer.body["status"] = "waiting"


@instead("Lifecycle._answer_pending", red=["INT-140"])
def interrupted_calls_end_well(right: Any, chat: Chat, text: str) -> list[Message]:
    """The results that an interrupt makes up are no errors."""
    rows: list[Message] = right(chat, text)
    for row in rows if text == INTERRUPTED_BY_USER else ():
        row.content = [{k: v for k, v in part.items() if k != "is_error"} for part in row.content]
    return rows


@instead("Lifecycle.delete_queued", red=["QUEUE-173"])
def archived_queues_are_emptied(right: Any, chat: Chat, queue_id: int) -> None:
    """A message is taken out of the queue of an archived chat."""
    if chat.archived:
        Queueing.delete_queued(right.__self__, chat, queue_id)
    else:
        right(chat, queue_id)


@instead("Lifecycle.promote", red=["QUEUE-015"])
def any_queue_is_promoted_from(right: Any, chat: Chat, caller: User, queue_id: int, token: Token | None = None) -> Message | None:
    """A promotion takes messages from the queues of other chats."""
    store = right.__self__.backend.store
    place = next((i for i, queue in store.queues.items() if any(e.id == queue_id for e in queue)), chat.id)
    message: Message | None = right(store.chats[place], caller, queue_id, token)
    return message


@answers("proposeTitle", red=["CHAT-015"])
def children_have_no_proposals(answer: Answer) -> None:
    """No title is proposed for a child."""
    chat = answer.backend.store.chats.get(answer.path_params["chat"])
    if answer.status == 200 and chat is not None and chat.parent_chat_id:
        refuse(answer, "common.not-found")


@answers("editMessage", red=["EDIT-012", "MSG-003"])
def refused_contents_are_stored(answer: Answer) -> None:
    """An edit without content is refused, and stored."""
    chat = answer.backend.store.chats.get(answer.path_params["chat"])
    if message_of(answer) == "Content is required." and chat is not None:
        answer.backend.ledger.add_message(chat, "user", [{"type": "text", "text": "x"}])


declare(
    Fault(
        "chats-keep-disabled-models",
        "a chat whose model is disabled goes on with it, in vain",
        frozenset(["MODEL-222"]),
        around={
            "Lifecycle._model_to_send": lambda right, chat, wanted: right(chat, wanted) if wanted else chat.last_model_config_id,
            "turn_model": lambda right, backend, chat: live_config(backend, chat.last_model_config_id) or right(backend, chat),
        },
    )
)


@answers("sendMessage", red=["SEND-010"])
def refused_plan_modes_are_stored(answer: Answer) -> None:
    """A send whose model is refused sets the plan mode of the chat."""
    if message_of(answer).startswith("Invalid model_config_id: "):
        chat = answer.backend.store.chats[answer.path_params["chat"]]
        chat.plan_mode = answer.sent["plan_mode"] or chat.plan_mode


@changes("sendMessage", red=["SEND-158"])
def sends_tell_no_messages(answer: Answer) -> None:
    """The answer to a send that is not queued has the message alone."""
    if not answer.body["queued"]:
        answer.body.pop("messages", None)


@changes("sendMessage", red=["QUEUE-172"])
def sends_tell_no_head(answer: Answer) -> None:
    """The answer to a queued send does not tell what runs instead."""
    if answer.body["queued"]:
        answer.body.pop("messages", None)


@changes("getChat", red=["CREATE-166"])
def second_turns_are_being_stopped(answer: Answer) -> None:
    """A chat whose second turn was just ordered is shown as one that is being stopped."""
    rows = answer.backend.store.messages[answer.body["id"]]
    asked = [row for row in rows if row.role == "user" and row.visibility != "model"]
    if answer.body["status"] == "running" and len(asked) == 2 and rows[-1] is asked[1]:
        answer.body["status"] = "interrupting"
