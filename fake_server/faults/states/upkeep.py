"""Compaction, costs, links to files and searches that are not as they should be."""

from __future__ import annotations

import copy
from typing import Any

from fake_server.faulting import Answer, answers, changes, instead, replaces, turns_off
from fake_server.faults.limits.bounds import other_status, refuse
from fake_server.http.endpoint import gateway_is_off
from fake_server.state.records import Chat

LACKS = "error.before-status"  # the faults of this module are ones only in revisions without it

turns_off("nothing-is-compacted", "compacts what has nothing new", "compact.nothing", red=["COMPACT-124"])
turns_off("turns-are-compacted", "compacts in the midst of a turn", "compact.busy", red=["COMPACT-125"])
turns_off("others-compact", "compacts the chats of others", "compact.not-owner", red=["COMPACT-126"])
other_status("archived-chats-compact-in-conflict", "compact.archived", 409, "compactChat", red=["COMPACT-127"])
turns_off("healthy-chats-are-mended", "mends what is in order", "reconcile.healthy", red=["RECONCILE-101"])
turns_off("orders-without-the-gateway", "chats are made while the gateway is off", "common.gateway-off", red=["GATEWAY-023"])
turns_off("chats-have-any-number-of-files", "the files of a chat are not counted", "content.files-count", red=["FILE-226"])
replaces(
    "nobody-shares-by-source",
    "chats that others share are not found by their source",
    "shared_chats",
    lambda right, backend, user, archived: [],
    red=["FILTER-167"],
)


@instead("has_wanted", red=["FILTER-169", "FILTER-300", "FILTER-301"])
def words_of_titles_are_not_found(right: Any, backend: Any, chat: Any, words: str) -> bool:
    """A search looks at no title."""
    untitled = copy.copy(chat)
    untitled.title = ""
    return bool(right(backend, untitled, words))


replaces(
    "kept-servers-are-checked",
    "tool servers that the chat has are checked again",
    "check_mcp_servers",
    lambda right, backend, ids, kept=(): right(backend, ids),
    red=["MCP-113"],
)


@changes("compactChat", red=["COMPACT-123"])
def compactions_wait(answer: Answer) -> None:
    """The answer to a compaction says that the chat waits."""
    answer.body["status"] = "waiting"


@instead("Runner.compact", red=["COMPACT-128", "CHATOBJ-018"])
def failures_outlast_compactions(right: Any, chat: Chat) -> None:
    """A compaction leaves the error of the chat until it is done."""
    error = chat.last_error
    right(chat)
    chat.last_error = error


@instead("Runner._drop", red=["CAPACITY-102"])
def clients_hold_no_places(right: Any, chat: Chat, **_: Any) -> Any:
    """A chat that awaits the results of its client's tools gives its place back."""
    return right(chat)


@answers("listModels", red=["GATEWAY-024", "MODEL-001", "SCHEMA-listModels"])
def no_models_without_the_gateway(answer: Answer) -> None:
    """No models are listed while the gateway is off."""
    if gateway_is_off(answer.backend):
        refuse(answer, "common.gateway-off")


@changes("getChatCost", red=["COST-216", "SCHEMA-getChatCost"])
def costs_count_no_requests(answer: Answer) -> None:
    """The cost of a chat does not tell how many requests it took."""
    answer.body.pop("request_count")


@answers("getChatCost", red=["COST-217"])
def costs_are_the_owners(answer: Answer) -> None:
    """The cost of a chat is shown to its owner alone."""
    if answer.status == 200 and answer.backend.store.chats[answer.path_params["chat"]].owner_id != answer.caller.id:
        refuse(answer, "common.not-found")


@changes("createFileDownloadURL", red=["FILE-222", "SCHEMA-createFileDownloadURL"])
def links_have_no_type(answer: Answer) -> None:
    """A link does not tell the type of its file."""
    answer.body.pop("mime_type")


@changes("downloadFileByToken", red=["FILE-223", "SCHEMA-headers"])
def linked_files_are_stored(answer: Answer) -> None:
    """What a link gives may be stored."""
    answer.headers["cache-control"] = "private"


@answers("downloadFileByToken", red=["FILE-224"])
def links_need_no_token(answer: Answer) -> None:
    """A file that there is comes with any token."""
    file = answer.backend.store.files.get(answer.path_params["file"])
    if answer.status == 404 and file is not None:
        answer.status, answer.body = 200, file.data
        answer.headers |= {
            "content-type": file.media_type,
            "cache-control": "no-store",
            "content-disposition": "inline; filename=file",
        }


@answers("createFileDownloadURL", red=["FILE-225", "SCHEMA-createFileDownloadURL"])
def links_are_forbidden(answer: Answer) -> None:
    """Who may not read a file is told so when asking for a link."""
    if answer.status == 404 and answer.path_params["file"] in answer.backend.store.files:
        refuse(answer, "common.forbidden")
