"""Wrong edits."""

from __future__ import annotations

from fake_server.faulting import Answer, answers, changes, turns_off


@changes(
    "editMessage",
    red=[
        "EDIT-017",
        "EDIT-022",
        "EDIT-023",
        "EDIT-025",
        "EDIT-005",
        "MSG-013",
        "PAGE-040",
        "PROMPT-005",
        "SER-008",
        "STREAM-065",
    ],
)
def edits_keep_the_id(answer: Answer) -> None:
    """An edit answers the id of the edited message."""
    answer.body["message"]["id"] = int(answer.path_params["message"])


turns_off(
    "edits-keep-what-follows",
    "an edit removes the edited message alone",
    "edit.cuts-history",
    red=["EDIT-018", "EDIT-022", "EDIT-024", "LLM-002", "SER-008", "STREAM-065", "STREAM-081", "EDIT-068", "EDIT-069"],
)
turns_off("edits-keep-tool-messages", "an edit leaves later messages of tools", "edit.cuts-tool-messages", red=["EDIT-018"])
turns_off(
    "edits-run-nothing",
    "an edit starts no turn",
    "edit.runs",
    red=["EDIT-019", "EDIT-020", "EDIT-022", "EDIT-024", "WATCH-024", "RACE-001"],
)
turns_off("edits-keep-the-queue", "an edit leaves the queue", "edit.empties-queue", red=["EDIT-020"])
turns_off("edits-change-the-model", "an edit takes the chat's last model", "edit.keeps-model", red=["EDIT-022"])
turns_off("no-edits-during-turns", "a running chat has nothing to edit", "edit.during-turns", red=["EDIT-023"])
turns_off("edits-wait-for-tools", "an edit leaves the chat waiting for results", "edit.starts-over", red=["EDIT-024"])


@answers("editMessage", red=["EDIT-025", "EDIT-022", "EDIT-005"])
def edited_once_for_ever(answer: Answer) -> None:
    """What was edited can't be edited again."""
    edited = answer.backend.faults.memory.setdefault("edited", set())
    if answer.status == 200 and int(answer.path_params["message"]) in edited:
        answer.status, answer.body = 404, {"message": "Chat message not found."}
    elif answer.status == 200:
        edited.add(answer.body["message"]["id"])


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
    edited = next(m for m in answer.backend.store.messages[answer.path_params["chat"]] if m.id == answer.body["message"]["id"])
    for part in (*answer.body["message"]["content"], *edited.content):
        if part["type"] == "file":
            part["name"] = "file"
