"""Wrong edits."""

from __future__ import annotations

from typing import Any

from fake_server.faulting import Answer, Fault, answers, changes, declare, instead, turns_off
from fake_server.rules.refusals import refusal
from fake_server.state.records import Chat, Message


def _edited(answer: Answer) -> dict[str, Any]:
    """The message of an answer to an edit, which is the whole answer in early revisions."""
    found: dict[str, Any] = answer.body.get("message", answer.body)
    return found


@changes(
    "editMessage",
    red=[
        "EDIT-017",
        "EDIT-022",
        "EDIT-023",
        "EDIT-025",
        "EDIT-005",
        "MSG-013",
        "MSG-014",
        "PAGE-040",
        "PROMPT-005",
        "SER-008",
        "STREAM-065",
    ],
)
def edits_keep_the_id(answer: Answer) -> None:
    """An edit answers the id of the edited message."""
    _edited(answer)["id"] = int(answer.path_params["message"])


@instead(
    "Lifecycle._cut",
    red=[
        "EDIT-018",
        "EDIT-022",
        "EDIT-024",
        "LLM-002",
        "SER-008",
        "STREAM-065",
        "STREAM-081",
        "EDIT-068",
        "EDIT-069",
        "ROUND-033",
    ],
)
def edits_keep_what_follows(right: Any, chat: Chat, old: Message) -> None:
    """An edit removes the edited message alone."""
    old.deleted = True


@instead("Lifecycle._cut", red=["EDIT-018"])
def edits_keep_tool_messages(right: Any, chat: Chat, old: Message) -> None:
    """An edit leaves later messages of tools."""
    kept = [m for m in right.__self__.backend.store.messages[chat.id] if m.role == "tool" and not m.deleted]
    right(chat, old)
    for message in kept:
        message.deleted = False


@instead("Lifecycle._start_over", red=["EDIT-019", "EDIT-020", "EDIT-022", "EDIT-024", "WATCH-024", "RACE-001"])
def edits_run_nothing(right: Any, chat: Chat) -> None:
    """An edit starts no turn."""
    right.__self__.backend.ledger.set_status(chat, chat.status if chat.status == "requires_action" else "waiting")


turns_off("edits-keep-the-queue", "an edit leaves the queue", "edit.empties-queue", red=["EDIT-020"])


@instead("Lifecycle.edit", red=["EDIT-022"])
def edits_change_the_model(right: Any, chat: Chat, *of: Any, **sent: Any) -> Message:
    """An edit takes the chat's last model."""
    edited: Message = right(chat, *of, **sent | {"model_config_id": sent["model_config_id"] or chat.last_model_config_id})
    return edited


@instead("Lifecycle.edit", red=["EDIT-023"])
def no_edits_during_turns(right: Any, chat: Chat, *of: Any, **sent: Any) -> Message:
    """A running chat has nothing to edit."""
    if chat.status == "running":
        raise refusal("edit.not-found")
    edited: Message = right(chat, *of, **sent)
    return edited


@instead("Lifecycle._start_over", red=["EDIT-024"])
def edits_wait_for_tools(right: Any, chat: Chat) -> None:
    """An edit leaves the chat waiting for results."""
    if chat.status != "requires_action":
        right(chat)


@answers("editMessage", red=["EDIT-025", "EDIT-022", "EDIT-005", "ROUND-033"])
def edited_once_for_ever(answer: Answer) -> None:
    """What was edited can't be edited again."""
    edited = answer.backend.faults.memory.setdefault("edited", set())
    if answer.status == 200 and int(answer.path_params["message"]) in edited:
        answer.status, answer.body = 404, {"message": "Chat message not found."}
    elif answer.status == 200:
        edited.add(_edited(answer)["id"])


@changes("editMessage", red=["LLM-009"])
def edits_drop_the_prompt(answer: Answer) -> None:
    """The system prompt of a chat is gone after an edit."""
    chat = answer.backend.store.chats[answer.path_params["chat"]]
    chat.system_prompt = ""
    for message in answer.backend.store.messages[chat.id]:
        message.deleted = message.deleted or message.role == "system"


@changes("editMessage", red=["EDIT-046"])
def edited_files_lose_their_names(answer: Answer) -> None:
    """The files of an edited message have another name."""
    edited = next(m for m in answer.backend.store.messages[answer.path_params["chat"]] if m.id == _edited(answer)["id"])
    for part in (*_edited(answer)["content"], *edited.content):
        if part["type"] == "file":
            part["name"] = "file"


def _noting_the_time(right: Any, chat: Any, old: Any) -> None:
    right.__self__.backend.faults.memory[f"edited {chat.id}"] = old.created_at
    right(chat, old)


def _at_the_old_time(right: Any, chat: Any, role: str, *what: Any, **more: Any) -> Any:
    old = right.__self__.state.faults.memory.pop(f"edited {chat.id}", None)
    return right(chat, role, *what, **(more | {"created_at": old} if old else more))


declare(
    Fault(
        "edits-have-the-old-time",
        "the message that an edit makes has the time of the one that it replaces",
        frozenset(["EDIT-072"]),
        around={"Lifecycle._cut": _noting_the_time, "Ledger.add_message": _at_the_old_time},
    )
)


@instead("prompt_of", red=["LLM-014"])
def edited_chats_have_no_tools(right: Any, backend: Any, chat: Chat, model: Any) -> Any:
    """Once a chat has been edited, the model is not offered its client's tools any more."""
    prompt, own = right(backend, chat, model), {tool["name"] for tool in chat.dynamic_tools}
    edited = any(m.deleted and m.role == "user" for m in backend.store.messages[chat.id])
    prompt.tools = [tool for tool in prompt.tools if not edited or tool.name not in own]
    return prompt
