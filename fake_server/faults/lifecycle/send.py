"""Wrong sends to chats at rest."""

from __future__ import annotations

from typing import Any

from fake_server.chats import orders
from fake_server.faulting import Answer, changes, instead, replaces, turns_off
from fake_server.state.records import Chat, Message, Part, QueuedMessage, User


@changes("sendMessage", red=["SEND-018", "MSG-011", "SCHEMA-sendMessage", "MSG-014"])
def sends_answer_both(answer: Answer) -> None:
    """The answer of a send at rest has a queued message too."""
    if answer.body.get("queued") is False:
        message = answer.body["message"]
        kept = ("id", "chat_id", "model_config_id", "content", "created_at")
        answer.body["queued_message"] = {k: v for k, v in message.items() if k in kept}


@instead("Lifecycle.send", red=["SEND-019", "SEND-022", "QUEUE-019", "SEND-024", "SEND-025", "SEND-032", "RACE-001"])
def sends_run_nothing(right: Any, chat: Chat, caller: User, **sent: Any) -> Any:
    """A send starts no turn."""
    made = right(chat, caller, **sent)
    if isinstance(made, Message):
        right.__self__.backend.runner.discard(chat)
        right.__self__.backend.ledger.set_status(chat, "waiting")
    return made


turns_off(
    "sent-text-is-kept-as-it-is",
    "text is not trimmed",
    "content.text-trimmed",
    red=["SEND-020", "PART-005", "SEND-018", "BODY-014"],
)
turns_off("turns-move-no-chat", "updated_at stays through turns", "status.moves-chat", red=["SEND-021", "INT-008"])
turns_off(
    "errors-outlive-the-next-turn",
    "last_error outlives the next turn",
    "status.clears-error",
    red=["SEND-022", "EDIT-021", "INT-009", "CHATOBJ-018", "ERROR-012", "ERROR-020"],
)


@changes("sendMessage", red=["SEND-023"])
def interrupted_chats_queue(answer: Answer) -> None:
    """A send after an interrupt is answered as if it were queued."""
    rows = answer.backend.store.messages[answer.path_params["chat"]]
    if len(rows) > 1 and rows[-2].role == "assistant" and rows[-2].usage is None and "message" in answer.body:
        message = answer.body.pop("message")
        kept = ("id", "chat_id", "model_config_id", "content", "created_at")
        answer.body |= {"queued": True, "queued_message": {k: v for k, v in message.items() if k in kept}}


replaces(
    "sends-ignore-the-model",
    "model_config_id of a send is ignored",
    "Lifecycle._model_to_send",
    lambda right, chat, wanted: right(chat, None),
    red=["SEND-024", "QUEUE-020", "EDIT-022", "SEND-006", "SEND-007", "SEND-009", "SEND-010", "SEND-011", "SEND-016"],
)


@instead("Lifecycle._model_to_send", red=["SEND-025", "MODEL-057"])
def sends_use_the_default(right: Any, chat: Chat, wanted: str | None) -> str:
    """A send without a model runs on the default one."""
    return orders.model_for(right.__self__.backend, wanted, "", "send.model-unknown")


replaces(
    "sends-drop-servers",
    "a send without MCP servers clears them",
    "Lifecycle._apply_options",
    lambda right, chat, servers, plan_mode: right(chat, servers or (), plan_mode),
    red=["SEND-026"],
)
replaces(
    "sends-end-planning",
    "a send without a plan mode clears it",
    "Lifecycle._apply_options",
    lambda right, chat, servers, plan_mode: right(chat, servers, plan_mode or ""),
    red=["SEND-027"],
)


@changes(
    "sendMessage",
    "listMessages",
    red=["SEND-028", "MSG-013", "ROUND-006", "ROUND-008", "SER-008", "STREAM-078", "STREAM-027", "STREAM-028", "STREAM-081"],
)
def later_ids_are_lower(answer: Answer) -> None:
    """The messages of the second turn have ids below those of the first."""
    rows = [m.id for m in answer.backend.store.messages[answer.path_params["chat"]] if m.visibility != "model"]
    shown = answer.body.get("messages") or [answer.body.get("message") or {}]
    for message in shown:
        if len(rows) in (3, 4) and message.get("id") in rows[2:]:
            message["id"] = 1 + rows[2:].index(message["id"])


@instead(
    "store_answer",
    red=[
        "SEND-029",
        "ERR-165",
        "INT-011",
        "TOOL-001",
        "TOOL-002",
        "TOOL-004",
        "TOOL-007",
        "TOOL-008",
        "TOOL-009",
        "TOOL-010",
        "TOOL-011",
        "TOOL-012",
        "TOOL-014",
        "TOOL-016",
        "ROUND-006",
        "ROUND-008",
        "STREAM-032",
    ],
)
def answers_are_split(right: Any, backend: Any, chat: Chat, content: list[Part], made: dict[str, Any]) -> Message:
    """Text and calls of an answer are two messages."""
    if len(content) > 1:
        right(backend, chat, [content.pop(0)], made | {"usage": None})
    stored: Message = right(backend, chat, content, made)
    return stored


@changes("listPrompts", red=["SEND-030"])
def system_prompts_are_prompts(answer: Answer) -> None:
    """The system prompt of a chat is the first of its prompts."""
    chat = answer.backend.store.chats[answer.path_params["chat"]]
    if chat.system_prompt:
        answer.body["prompts"].append({"id": 1, "text": chat.system_prompt})


@instead("Lifecycle._enqueue", red=["SEND-031", "SEND-032"])
def sends_get_lost(right: Any, chat: Chat, entry: QueuedMessage) -> None:
    """A send just after another is lost."""
    if chat.status != "pending":
        right(chat, entry)


@instead("Lifecycle._queues", red=["SEND-032", "RACE-001"])
def sends_at_once_all_run(right: Any, chat: Chat, content: list[Part], busy_behavior: str) -> bool:
    """A send just after one that says the same is not queued."""
    store = right.__self__.backend.store
    same = store.messages[chat.id][-1].content == content
    return bool(store.queues.get(chat.id)) if same else bool(right(chat, content, busy_behavior))
