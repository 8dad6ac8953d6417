"""Wrong in a revision whose chats are their owner's alone: the archive stops things, what is not read is read, answers are wrapped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fake_server.endpoints.chats.files import PICTURES
from fake_server.faulting import Answer, Fault, answers, changes, declare, instead, turns_off
from fake_server.faults.limits.bounds import other_status, reorders
from fake_server.faults.models.providers import refuse
from fake_server.state.records import Chat

LACKS = "access.by-organization"  # the faults of this module are ones only in revisions without it
# What came later is there already.
for _name, _point, _red in (
    ("archive-stops-turns", "archive.stops-runs", ["ARCH-039"]),
    ("unarchive-brings-back-families", "unarchive.cascade", ["ARCH-037"]),
    ("edits-are-wrapped", "edit.wraps-message", ["EDIT-067", "MSG-001", "MSG-036", "SCHEMA-editMessage"]),
    (
        "promotions-are-only-accepted",
        "promote.only-accepts",
        ["QUEUE-065", "QUEUE-015", "QUEUE-066", "QUEUE-067", "QUEUE-068", "SCHEMA-promoteQueuedMessage"],
    ),
    ("promotions-keep-the-partial-answer", "promote.interrupts", ["QUEUE-066", "SCHEMA-promoteQueuedMessage"]),
    ("queued-messages-keep-their-model", "queue.checks-model", ["SEND-054"]),
    ("nil-is-no-choice", "send.nil-is-no-choice", ["SEND-056"]),
    ("patches-rename", "patch.renames", ["PATCH-045", "PATCH-046"]),
    ("creates-are-bounded", "create.body-cap", ["BODY-037"]),
    ("lists-are-nested", "list.nests", ["PAGE-061"]),
    ("messages-have-a-lower-cursor", "messages.take-after-id", ["PAGE-064"]),
    ("searches-know-more-keys", "list.q-whole-language", ["FILTER-040"]),
    ("searches-keep-letter-case", "list.q-keeps-case", ["FILTER-042"]),
    ("lists-take-labels", "list.filters-labels", ["FILTER-043"]),
    ("documents-are-taken", "upload.documents", ["FILE-091", "FILE-092"]),
):
    turns_off(_name, f"{_name.replace('-', ' ')}, as in a later revision", _point, red=_red)
reorders(
    "servers-before-models", "bad tool servers are reported before a bad model", "createChat",
    "create.model-nil", "common.mcp-servers", "mcp_server_ids", red=["CREATE-064", "ERR-016"],
)  # fmt: skip
other_status("unknown-model-is-a-bad-request", "send.model-unknown", 400, "sendMessage", red=["SEND-055", "SEND-011"])


@instead("upload_file", red=["FILE-096", "ERR-142", "FILE-019"])
async def kinds_before_organizations(right: Any, call: Any) -> Any:
    """The type of an upload is looked at first."""
    call.backend.guard("upload.type", call.header("content-type") not in PICTURES)
    return await right(call)


turns_off(
    "org-admin-finds-chats", "Organization admins interrupt chats of others.",
    "access.org_admin-read-interrupt", "access.org_admin-update-interrupt", red=["OWN-087"],
)  # fmt: skip
turns_off(
    "outsider-sends", "Anyone without a role may send.", "access.outsider-read-messages", "access.outsider-update-messages",
    red=["OWN-088", "OWN-003", "OWN-004", "OWN-009", "OWN-010"],
)  # fmt: skip
turns_off(
    "outsider-reads-messages", "Anyone without a role may read messages.", "access.outsider-read-messages",
    red=["OWN-003", "OWN-004", "OWN-009", "OWN-010"],
)  # fmt: skip
turns_off(
    "outsider-deletes-from-queues", "Anyone without a role may delete from queues.",
    "access.outsider-read-queue", "access.outsider-update-queue", red=["OWN-018", "OWN-019", "OWN-010", "OWN-088"],
)  # fmt: skip


def _refuses(name: str, operation: str, status: int, red: list[str], when: Callable[[Answer], bool]) -> None:
    """Declare a fault: what this operation has done is answered with a refusal."""

    def deny(answer: Answer) -> None:
        if answer.status < 300 and when(answer):
            refuse(answer, status, "This is refused.")

    declare(Fault(name, f"{name.replace('-', ' ')}", frozenset(red), operations=frozenset({operation}), answer=deny))


def _chat(answer: Answer) -> Chat:
    chat: Chat = answer.backend.store.chats[answer.path_params["chat"]]
    return chat


_refuses("no-sends-to-the-archive", "sendMessage", 400, ["SEND-053"], lambda a: _chat(a).archived)
_refuses("no-edits-in-the-archive", "editMessage", 400, ["EDIT-070"], lambda a: _chat(a).archived)
_refuses("no-promotions-in-the-archive", "promoteQueuedMessage", 400, ["QUEUE-067"], lambda a: _chat(a).archived)
_refuses("site-owner-only-reads", "sendMessage", 404, ["OWN-089"], lambda a: a.caller.id != _chat(a).owner_id)
_refuses("auditors-may-not-upload", "uploadFile", 403, ["FILE-090"], lambda a: a.actor == "auditor")


turns_off(
    "every-field-is-read", "fields of later revisions are decoded", "body.leaves-fields-unread",
    red=["CREATE-061", "CREATE-060", "EDIT-071", "PATCH-046", "SEND-057"],
)  # fmt: skip


@answers(red=["GATE-001"])
def chats_are_listed_without_the_experiment(answer: Answer) -> None:
    """The list of chats is empty while the experiment is off."""
    if answer.status == 403 and answer.method == "GET" and answer.path.endswith("/chats"):
        answer.status, answer.body = 200, []


@answers(red=["GATE-002"])
def the_experiment_comes_before_the_token(answer: Answer) -> None:
    """Nobody's create is forbidden while the experiment is off."""
    if answer.status == 401 and answer.method == "POST" and not answer.backend.options.get("CODER_EXPERIMENTS", "agents"):
        answer.status = 403


@answers(red=["GATE-003"])
def sockets_are_not_found_without_the_experiment(answer: Answer) -> None:
    """Streams are not found while the experiment is off."""
    if answer.status == 403 and answer.path.endswith("/stream"):
        answer.status = 404


@answers(red=["GATE-004"])
def tool_servers_need_no_experiment(answer: Answer) -> None:
    """Tool servers are listed while the experiment is off."""
    if answer.status == 403 and answer.method == "GET" and answer.path.endswith("/servers"):
        answer.status, answer.body = 200, []


@changes("interruptChat", red=["INT-037"])
def interrupted_pending_chats_wait(answer: Answer) -> None:
    """The answer to an interrupt of a pending chat says that it waits."""
    if answer.body["status"] == "pending":
        answer.body["status"] = "waiting"


@answers(red=["ROUTE-044", "SCHEMA-unrouted"])
def prompts_are_listed(answer: Answer) -> None:
    """A chat has a list of prompts."""
    if answer.status == 404 and answer.path.endswith("/prompts"):
        answer.status, answer.body = 200, {"prompts": []}


@answers(red=["ROUTE-045", "ROUTE-001", "ROUTE-011"])
def names_are_not_found(answer: Answer) -> None:
    """A name of letters alone that is no chat id is not found."""
    if answer.status == 400 and answer.path.rpartition("/")[2].isalpha():
        answer.status = 404


@answers("listChats", red=["FILTER-041"])
def search_takes_any_archive(answer: Answer) -> None:
    """Any text is a boolean in a search of the archive."""
    named = [v["field"] for v in answer.body.get("validations", [])] if answer.status == 400 else []
    if named == ["archived"] and "boolean" in str(answer.body):
        answer.status, answer.body = 200, []


@answers("listMessages", red=["PAGE-066"])
def messages_begin_anywhere(answer: Answer) -> None:
    """A bad before_id is passed over."""
    if answer.status == 400 and [v["field"] for v in answer.body.get("validations", [])] == ["before_id"]:
        answer.status, answer.body = 200, {"messages": [], "queued_messages": [], "has_more": False}


@answers("uploadFile", red=["FILE-089"])
def unknown_organization_is_forbidden(answer: Answer) -> None:
    """An upload to an organization that does not exist is forbidden."""
    if answer.status == 500:
        answer.status = 403


@changes("downloadFile", red=["FILE-094"])
def nameless_files_are_named(answer: Answer) -> None:
    """A file without a name gets one."""
    if answer.headers["content-disposition"] == "inline":
        answer.headers["content-disposition"] = "inline; filename=file"


@changes("downloadFile", red=["FILE-095", "SCHEMA-headers"])
def files_are_saved(answer: Answer) -> None:
    """Files are to be saved, not shown."""
    answer.headers["content-disposition"] = answer.headers["content-disposition"].replace("inline", "attachment")


@changes("getChat", red=["CHAT-068", "CHATOBJ-015"])
def children_have_no_parent(answer: Answer) -> None:
    """A sub-agent's chat names its root alone."""
    answer.body.pop("parent_chat_id", None)


@changes("createChat", red=["CHAT-067", "CHAT-012", "CHATOBJ-015"])
def created_chats_have_a_parent(answer: Answer) -> None:
    """A created chat has itself as its parent."""
    answer.body["parent_chat_id"] = answer.body["id"]


@changes("createChat", red=["CHAT-069", "CHAT-011"])
def references_are_not_in_titles(answer: Answer) -> None:
    """File references are left out of the first title."""
    answer.body["title"] = answer.body["title"].partition(" [file-reference]")[0]


@changes("patchChat", red=["ARCH-038"])
def children_stay_with_their_root(answer: Answer) -> None:
    """A sub-agent's chat can't be unarchived while its root is archived."""
    chat = _chat(answer)
    root = answer.backend.store.chats[chat.family_id]
    if root.archived and root is not chat and not chat.archived:
        chat.archived = True


@changes("interruptChat", red=["QUEUE-068"])
def interrupts_start_the_queue(answer: Answer) -> None:
    """An interrupt of a chat that rests drops the first message of its queue."""
    chat = _chat(answer)
    answer.backend.store.queues[chat.id][:1] = []


@changes("promoteQueuedMessage", red=["OWN-090"])
def promotions_of_others_are_queued_again(answer: Answer) -> None:
    """What the site owner promotes in another's chat is hidden."""
    chat = _chat(answer)
    if answer.caller.id != chat.owner_id:
        answer.backend.store.messages[chat.id][-1].deleted = True


@answers("createChat", red=["CREATE-062", "CREATE-065"])
def everybody_names_a_model(answer: Answer) -> None:
    """A create without a model is refused, whoever asks."""
    if answer.status == 201 and answer.sent.get("model_config_id") is None:
        refuse(answer, 400, "Name a model.")


@answers("createChat", red=["CREATE-063"])
def unreadable_default_is_a_bad_request(answer: Answer) -> None:
    """A member's create without a model is a bad request."""
    if answer.status == 500:
        answer.status = 400


turns_off(
    "org-auditor-reads-messages", "Organization auditors read messages.", "access.org_auditor-read-messages",
    red=["OWN-005", "OWN-009"],
)  # fmt: skip
turns_off("site-owner-reads-nothing", "The site owner finds no diffs.", "access.site_owner-read-diff", red=["OWN-008"])
_refuses("owners-delete-nothing", "deleteQueuedMessage", 404, ["OWN-016"], lambda a: a.caller.id == _chat(a).owner_id)


@changes("downloadFile", red=["FILE-025", "FILE-010", "FILE-036"])
def files_end_otherwise(answer: Answer) -> None:
    """The last byte of a long file is another one."""
    if len(answer.body) > 1000:
        answer.body = answer.body[:-1] + b"0"


@changes("downloadFile", red=["FILE-026", "FILE-019", "FILE-091", "FILE-093", "SCHEMA-downloadFile"])
def pictures_have_no_type(answer: Answer) -> None:
    """Pictures are served as bytes of no known type."""
    answer.headers["content-type"] = "application/octet-stream"


@answers("createChat", red=["BODY-003", "SCHEMA-createChat"])
def malformed_ids_are_not_found(answer: Answer) -> None:
    """A malformed UUID in a create is one that is not found."""
    if answer.status == 400 and "invalid UUID" in str(answer.body.get("detail")):
        answer.status = 404


@changes("listMessages", red=["CHAT-005", "CHAT-016", "LLM-008", "MSG-013", "SER-008"])
def hidden_messages_are_shown(answer: Answer) -> None:
    """The messages begin with one of role system."""
    if answer.body["messages"] and not answer.body["has_more"]:
        answer.body["messages"].append(answer.body["messages"][-1] | {"role": "system", "id": 1})
