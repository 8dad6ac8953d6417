"""Wrong sends to chats at rest."""

from __future__ import annotations

from fake_server.faulting import Answer, changes, turns_off


@changes("sendMessage", red=["SEND-018", "MSG-011", "SCHEMA-sendMessage", "MSG-014"])
def sends_answer_both(answer: Answer) -> None:
    """The answer of a send at rest has a queued message too."""
    if answer.body.get("queued") is False:
        message = answer.body["message"]
        kept = ("id", "chat_id", "model_config_id", "content", "created_at")
        answer.body["queued_message"] = {k: v for k, v in message.items() if k in kept}


turns_off(
    "sends-run-nothing",
    "a send starts no turn",
    "send.runs",
    red=["SEND-019", "SEND-022", "QUEUE-019", "SEND-024", "SEND-025", "SEND-032", "RACE-001"],
)
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


turns_off(
    "sends-ignore-the-model",
    "model_config_id of a send is ignored",
    "send.uses-model",
    red=["SEND-024", "QUEUE-020", "EDIT-022", "SEND-006", "SEND-007", "SEND-009", "SEND-010", "SEND-011", "SEND-016"],
)
turns_off(
    "sends-use-the-default", "a send without a model runs on the default one", "send.keeps-model", red=["SEND-025", "MODEL-057"]
)
turns_off("sends-drop-servers", "a send without MCP servers clears them", "send.keeps-servers", red=["SEND-026"])
turns_off("sends-end-planning", "a send without a plan mode clears it", "send.keeps-plan-mode", red=["SEND-027"])


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


turns_off(
    "answers-are-split",
    "text and calls of an answer are two messages",
    "turn.one-message",
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


@changes("listPrompts", red=["SEND-030"])
def system_prompts_are_prompts(answer: Answer) -> None:
    """The system prompt of a chat is the first of its prompts."""
    chat = answer.backend.store.chats[answer.path_params["chat"]]
    if chat.system_prompt:
        answer.body["prompts"].append({"id": 1, "text": chat.system_prompt})


turns_off("sends-get-lost", "a send just after another is lost", "send.queues-while-pending", red=["SEND-031", "SEND-032"])
turns_off(
    "sends-at-once-all-run",
    "a send just after one that says the same is not queued",
    "send.queues-behind-another",
    red=["SEND-032", "RACE-001"],
)
