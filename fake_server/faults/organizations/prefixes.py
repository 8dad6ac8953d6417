"""Wrong about which prefix serves what, and about files, links and edits."""

from __future__ import annotations

import re
from typing import Any

from fake_server.faulting import Answer, answers, changes, instead, replaces, turns_off
from fake_server.faults.limits.bounds import refuse
from fake_server.rules.refusals import Refusal, refusal

LACKS = "models.of-deployment"  # the faults of this module are ones only in revisions without it

OLD, NEW = "/api/experimental/chats", "/api/v2/chats"


@answers("listChats", red=["ROUTE-300", "SCHEMA-listChats"])
def only_members_with_a_role_list(answer: Answer) -> None:
    """Who may not have chats may not list them."""
    if answer.status == 200 and answer.actor == "carol":
        refuse(answer, "common.forbidden")


@changes("getConfigUserPrompt", red=["ROUTE-301"])
def old_prefix_shows_more(answer: Answer) -> None:
    """A setting that is read at the old prefix shows a key more."""
    if answer.path.startswith(OLD):
        answer.body["prefix"] = "experimental"


@instead("App._find", red=["ROUTE-302"])
def old_prefix_is_read_only(right: Any, app: Any, call: Any) -> Any:
    """Chats are only read at the old prefix."""
    if re.fullmatch(f"{OLD}/[^/]+", call.path) and call.method == "PATCH":
        raise refusal("common.route-not-found")
    return right(app, call)


@instead("App._find", red=["ROUTE-303"])
def advice_moved_along(right: Any, app: Any, call: Any) -> Any:
    """The advisor's settings are served below both prefixes."""
    call.path = call.path.replace(f"{NEW}/config/advisor", f"{OLD}/config/advisor")
    return right(app, call)


@instead("App._find", red=["ROUTE-304"])
def old_catalogue_is_a_chat(right: Any, app: Any, call: Any) -> Any:
    """The name of the catalogue is taken for the id of a chat at the old prefix."""
    call.path = call.path.replace(f"{OLD}/models", f"{NEW}/models")
    return right(app, call)


@instead("App._find", red=["ROUTE-305"])
def model_configs_are_a_chat(right: Any, app: Any, call: Any) -> Any:
    """The name of the model configs is taken for the id of a chat."""
    call.path = call.path.replace(f"{NEW}/model-configs", f"{NEW}/models")
    return right(app, call)


@instead("App._find", red=["ROUTE-306", "SCHEMA-unrouted"])
def titles_are_still_regenerated(right: Any, app: Any, call: Any) -> Any:
    """Regenerating a title proposes one."""
    call.path = call.path.replace("/title/regenerate", "/title/propose")
    return right(app, call)


@instead("App._find", red=["ROUTE-307", "SCHEMA-unrouted"])
def providers_are_retired_twice(right: Any, app: Any, call: Any) -> Any:
    """The retired providers answer below both prefixes."""
    call.path = call.path.replace(f"{NEW}/providers", f"{OLD}/providers")
    return right(app, call)


@instead("App._answer_to", red=["ROUTE-308", "SCHEMA-getChat"])
async def old_prefix_tells_of_chats(right: Any, app: Any, call: Any, refused: Refusal) -> Any:
    """Chats that can't be read are forbidden at the old prefix."""
    hidden = refused.key == "common.not-found" and re.fullmatch(f"{OLD}/[^/]+", call.path)
    return await right(app, call, refusal("common.forbidden") if hidden and call.method == "GET" else refused)


@instead("App._find", red=["WATCH-300", "SCHEMA-watchChats"])
def old_prefix_has_no_feed(right: Any, app: Any, call: Any) -> Any:
    """The watch feed is not served at the old prefix."""
    if call.path == f"{OLD}/watch":
        raise refusal("common.route-not-found")
    return right(app, call)


turns_off("files-of-many-chats", "a file may be in many chats", "content.file-unavailable", red=["FILE-300", "ERR-344"])
turns_off("messages-of-any-number-of-files", "a message may name any number of files", "content.files-count", red=["FILE-301"])
turns_off("old-files-stay", "the oldest files make no room", "files.oldest-go", red=["FILE-302", "FILE-303"])


@instead("make_room", red=["FILE-303", "FILE-302"])
def old_files_are_hidden(right: Any, backend: Any, chat: Any, named: set[str], wanted: int) -> None:
    """The oldest files leave the chat, but are there still."""
    del chat.file_ids[: max(0, len(chat.file_ids) + wanted - 50)]


@changes("createFileDownloadURL", red=["FILE-304"])
def links_lead_nowhere(answer: Answer) -> None:
    """Links that were asked for at the old prefix have a token too long."""
    answer.body["url"] += "x" * answer.path.startswith(OLD)


@changes("editMessage", red=["EDIT-300"])
def edits_keep_tool_servers(answer: Answer) -> None:
    """An edit that names no tool servers keeps those that there were."""
    chat = answer.backend.store.chats[answer.path_params["chat"]]
    known = answer.backend.faults.memory.setdefault(chat.id, list(answer.backend.store.mcp_servers))
    chat.mcp_server_ids = chat.mcp_server_ids or known[-1:]


replaces(
    "clearing-marks-nothing",
    "clearing leaves no mark that clients see",
    "clear",
    lambda right, backend, chat: backend.ledger.add_message(chat, "user", [], visibility="model") and None,
    red=["CLEAR-001", "CLEAR-003", "CLEAR-006", "CLEAR-007"],
)


@instead("clear", red=["CLEAR-002", "CLEAR-001", "CLEAR-003", "CLEAR-006", "CLEAR-007", "ERR-352"])
def clearing_asks_the_model(right: Any, backend: Any, chat: Any) -> None:
    """Clearing begins a turn."""
    right(backend, chat)
    backend.ledger.set_status(chat, "pending")
    backend.runner.wake(chat)


@changes("clearChat", red=["CLEAR-006", "CHATOBJ-018"])
def clearing_keeps_the_error(answer: Answer) -> None:
    """A failed chat that is cleared keeps its error."""
    chat = answer.backend.store.chats[answer.path_params["chat"]]
    chat.last_error = {"message": "It failed.", "kind": "generic", "retryable": False}


@instead("turns", red=["CLEAR-008"])
def cleared_is_told(right: Any, backend: Any, chat: Any) -> Any:
    """The model is told what was cleared, too."""
    rows = backend.store.messages[chat.id]
    marks = [row for row in rows if row.visibility == "model" and not row.content]
    for row in marks:
        rows.remove(row)
    return right(backend, chat)


turns_off("clears-nothing", "what was cleared is cleared again", "clear.nothing", red=["CLEAR-003"])
turns_off("clears-in-a-turn", "a chat is cleared while its turn runs", "clear.busy", red=["CLEAR-004"])
turns_off("clears-for-administrators", "administrators clear chats of others", "clear.not-owner", red=["CLEAR-005"])
turns_off(
    "compacts-what-was-cleared",
    "a chat without anything to sum up is compacted",
    "compact.nothing",
    red=["CLEAR-007", "COMPACT-124"],
)


turns_off(
    "searches-for-whole-words", "words of messages are searched for whole", "search.by-stem", red=["FILTER-300", "FILTER-301"]
)
replaces(
    "punctuation-finds-all",
    "a search for punctuation finds every chat",
    "has_wanted",
    lambda right, backend, chat, words: right(backend, chat, words) or not any(map(str.isalnum, words)),
    red=["FILTER-301"],
)
replaces(
    "a-budget-for-each-prefix",
    "requests for files have a budget for each prefix",
    "files_path",
    lambda right, backend, path: path,
    red=["ROUTE-309"],
)
