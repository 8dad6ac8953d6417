"""Objects of early revisions that are not as they should be."""

from __future__ import annotations

from typing import Any

from fake_server.faulting import Answer, answers, changes

LACKS = "access.by-organization"  # the faults of this module are ones only in revisions without it

NIL = "00000000-0000-0000-0000-000000000000"


@changes("getChat", red=["CHATOBJ-040", "CHATOBJ-015", "SCHEMA-getChat"])
def chats_of_no_owner(answer: Answer) -> None:
    """A chat does not say whether it is archived."""
    answer.body.pop("archived")


@changes("getChat", red=["CHATOBJ-041", "CHATOBJ-048", "SCHEMA-getChat"])
def no_error_no_key(answer: Answer) -> None:
    """A chat without an error has no last_error."""
    if answer.body["last_error"] is None:
        answer.body.pop("last_error")


@changes("getChat", red=["CHATOBJ-042", "CHATOBJ-015", "SCHEMA-getChat"])
def no_servers_no_list(answer: Answer) -> None:
    """A chat without tool servers has no list of them."""
    answer.body["mcp_server_ids"] = answer.body["mcp_server_ids"] or None


@changes("listChats", red=["CHATOBJ-043", "SCHEMA-listChats"])
def listed_as_completed(answer: Answer) -> None:
    """A chat at rest is listed as completed."""
    answer.body = [{**c, "status": "completed"} if c["status"] == "waiting" else c for c in answer.body]


@changes("createChat", red=["CHATOBJ-044", "CHATOBJ-015", "SCHEMA-createChat"])
def no_workspace_is_null(answer: Answer) -> None:
    """A new chat has workspace_id null."""
    answer.body["workspace_id"] = answer.body.get("workspace_id")


@changes("listChats", red=["CHATOBJ-045"])
def lists_without_changes(answer: Answer) -> None:
    """A listed chat has no diff_status."""
    answer.body = [{k: v for k, v in c.items() if k != "diff_status"} for c in answer.body]


@changes("createChat", red=["CHATOBJ-046"])
def changes_from_the_start(answer: Answer) -> None:
    """A new chat has diff_status."""
    chat = answer.body["id"]
    empty = {"chat_id": chat, "pull_request_title": "", "pull_request_draft": False, "changes_requested": False}
    answer.body["diff_status"] = empty | {"additions": 0, "deletions": 0, "changed_files": 0}


@changes("getChat", red=["CHATOBJ-047"])
def chats_have_pins(answer: Answer) -> None:
    """A chat has pin_order."""
    answer.body["pin_order"] = 0


@changes("getChat", red=["CHATOBJ-048"])
def failures_pass_unsaid(answer: Answer) -> None:
    """A chat in error does not say why."""
    answer.body["last_error"] = None


def _messages(answer: Answer) -> list[dict[str, Any]]:
    return list(answer.body["messages"])


@changes("listMessages", red=["MSG-036", "MSG-013", "MSG-014"])
def questions_of_nobody(answer: Answer) -> None:
    """A user message does not name its author."""
    for message in _messages(answer):
        message.pop("created_by", None)


@changes("listMessages", red=["MSG-037", "SCHEMA-listMessages"])
def no_word_of_more(answer: Answer) -> None:
    """A page does not say whether there are more."""
    answer.body.pop("has_more")


@changes("sendMessage", red=["MSG-038"])
def queued_for_a_model(answer: Answer) -> None:
    """A queued message names a model."""
    if "queued_message" in answer.body:
        answer.body["queued_message"]["model_config_id"] = NIL


@changes("listMessages", red=["PART-048", "MSG-013", "MSG-014", "PART-016", "SCHEMA-listMessages"])
def parts_leave_out_what_is_empty(answer: Answer) -> None:
    """A stored part has no url when that is empty."""
    for part in (p for m in _messages(answer) for p in m.get("content", [])):
        part.pop("url", None)


@changes("listMessages", red=["PART-049", "MSG-013", "PART-008", "PART-024", "ROUND-011", "SCHEMA-listMessages"])
def calls_are_requests(answer: Answer) -> None:
    """A stored call has a type that no client knows."""
    for part in (p for m in _messages(answer) for p in m.get("content", [])):
        part["type"] = "tool-request" if part["type"] == "tool-call" else part["type"]


@changes("listMessages", red=["PART-050", "MSG-013"])
def thoughts_have_times(answer: Answer) -> None:
    """A stored reasoning part tells when it came."""
    for part in (p for m in _messages(answer) for p in m.get("content", []) if p["type"] == "reasoning"):
        part["created_at"] = "2024-01-01T00:00:00Z"


@changes("listMessages", red=["PART-051", "PART-026"])
def pictures_have_names(answer: Answer) -> None:
    """A stored file part has the name of the file."""
    for part in (p for m in _messages(answer) for p in m.get("content", []) if p["type"] == "file"):
        part["file_name"] = "a.png"


@answers("listChats", red=["SER-001", "SCHEMA-listChats", "PAGE-011", "PAGE-015"])
def bad_limits_are_refused_in_silence(answer: Answer) -> None:
    """The refusal of a list's limit has no message."""
    if answer.status == 400 and "limit" in answer.query:
        answer.body["message"] = None


@changes(
    "patchChat",
    red=[
        "SER-009",
        "SCHEMA-patchChat",
        "BODY-002",
        "BODY-008",
        "BODY-036",
        "OWN-024",
        "PATCH-009",
        "PATCH-010",
        "PATCH-024",
        "PATCH-046",
    ],
)
def no_change_is_told(answer: Answer) -> None:
    """A PATCH that changes nothing is answered 200 with an empty object."""
    if not any(value is not None for value in answer.sent.values()):
        answer.status, answer.body = 200, {}
        answer.headers["content-type"] = "application/json"


@changes("listMessages", red=["SER-010"])
def texts_are_ascii(answer: Answer) -> None:
    """A text in Latin letters loses those that are not ASCII."""
    for part in (p for m in _messages(answer) for p in m.get("content", [])):
        if part["type"] == "text" and max(part["text"], default="") < "\u0180":
            part["text"] = part["text"].encode("ascii", "replace").decode()
