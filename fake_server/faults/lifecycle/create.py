"""Wrong creates and gets: what is shown, the first title, the first turn, children."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fake_server.chats.views import message_view
from fake_server.faulting import Answer, answers, changes, instead, replaces, turns_off
from fake_server.state.records import Chat

NIL = "00000000-0000-0000-0000-000000000000"


def _stored(answer: Answer) -> Chat:
    """The chat that the answer is about."""
    chat: Chat = answer.backend.store.chats[str(UUID(answer.path_params.get("chat") or answer.body["id"]))]
    return chat


def _texts(answer: Answer) -> str:
    """The text of the content that was sent."""
    content = answer.sent.get("content") if isinstance(answer.sent, dict) else None
    return " ".join(p.get("text", "") for p in content or [] if isinstance(p, dict))


@changes("createChat", red=["CHAT-001", "CHAT-012", "CHATOBJ-002", "CHATOBJ-015", "SCHEMA-createChat"])
def created_chat_names_no_servers(answer: Answer) -> None:
    """The answer of create has no mcp_server_ids."""
    del answer.body["mcp_server_ids"]


@changes("createChat", red=["CHAT-002", "CHAT-012", "CHATOBJ-015"])
def created_chat_has_another_root(answer: Answer) -> None:
    """The root_chat_id of a created chat is the nil UUID."""
    answer.body["root_chat_id"] = NIL


@changes("createChat", red=["CHAT-003"])
def created_chat_forgets_client_type(answer: Answer) -> None:
    """The client_type ui is not kept."""
    if answer.body["client_type"] == "ui":
        answer.body["client_type"] = _stored(answer).client_type = "api"


turns_off("client-type-is-ui", "the client_type is ui by default", "create.api-by-default", red=["CHAT-004"])


@changes("listMessages", red=["CHAT-005", "MSG-002", "SEND-030", "STREAM-027", "LLM-009"])
def system_prompts_are_shown(answer: Answer) -> None:
    """The system prompt of a chat is listed as its first message."""
    if _stored(answer).system_prompt and not answer.body["has_more"]:
        stored = answer.backend.store.messages[_stored(answer).id]
        answer.body["messages"].append(message_view(answer.backend, next(m for m in stored if m.role == "system")))


@changes("createChat", red=["CHAT-006"])
def first_title_keeps_line_ends(answer: Answer) -> None:
    """The first title keeps the line ends of the message."""
    if "\n" in _texts(answer):
        answer.body["title"] = _stored(answer).title = _texts(answer)[:80]


@changes("createChat", red=["CHAT-006"])
def first_title_joins_parts(answer: Answer) -> None:
    """The first title has no blank between two text parts."""
    content = answer.sent["content"]
    if len(content) > 1 and all(part.get("type") == "text" for part in content):
        answer.body["title"] = _stored(answer).title = "".join(part["text"] for part in content)


@changes("createChat", red=["CHAT-007"])
def ellipsis_from_six_words_on(answer: Answer) -> None:
    """A first message of exactly six words is cut too."""
    if len(answer.body["title"].split()) == 6 and _texts(answer).strip() == answer.body["title"]:
        answer.body["title"] = _stored(answer).title = answer.body["title"] + "…"


@changes("createChat", red=["CHAT-008"])
def first_title_is_untitled(answer: Answer) -> None:
    """A chat that begins with a file is called Untitled."""
    if answer.body["title"] == "New Chat":
        answer.body["title"] = _stored(answer).title = "Untitled"


@changes("createChat", red=["CHAT-009"])
def first_title_has_100_characters(answer: Answer) -> None:
    """The first title is cut to a hundred characters."""
    if len(answer.body["title"]) == 80:
        answer.body["title"] = _stored(answer).title = " ".join(_texts(answer).split()[:6])[:100]


replaces(
    "no-generated-title",
    "no title is generated",
    "take_title",
    lambda right, *of: None,
    red=["CHAT-010", "TITLE-014", "TITLE-016"],
)


@changes("createChat", red=["CHAT-011"])
def title_with_a_file_reference(answer: Answer) -> None:
    """A chat with a file reference is titled by the model too."""
    if answer.sent["content"][0].get("type") == "text" and answer.sent["content"][-1].get("type") == "file-reference":
        answer.body["title"] = _stored(answer).title = "The title of a model"


@changes("getChat", red=["CHAT-012", "CHATOBJ-015"])
def get_shows_names_in_capitals(answer: Answer) -> None:
    """GET shows the owner's username in capitals."""
    answer.body["owner_username"] = answer.body["owner_username"].upper()


@changes("getChat", red=["CHAT-013", "CHATOBJ-015"])
def child_is_its_own_root(answer: Answer) -> None:
    """A child chat names itself as root."""
    if "parent_chat_id" in answer.body:
        answer.body["root_chat_id"] = answer.body["id"]


@changes("getChat", red=["CHAT-014", "CHATOBJ-019"])
def children_oldest_first(answer: Answer) -> None:
    """GET of a root embeds the oldest child first."""
    answer.body["children"].reverse()


@answers("interruptChat", red=["CHAT-015"])
def children_are_not_interrupted(answer: Answer) -> None:
    """An interrupt of a child is refused."""
    if answer.status == 200 and _stored(answer).parent_chat_id:
        answer.status, answer.body = 400, {"message": "Cannot interrupt a child chat."}


@instead("Lifecycle._first_turn", red=["CHAT-016", "CHAT-017"])
def ui_chats_wait(right: Any, chat: Chat) -> None:
    """The first turn of a chat of the UI does not start."""
    if chat.client_type == "api":
        right(chat)


@changes("getChat", red=["CHAT-017", "RACE-001"])
def ui_hides_errors(answer: Answer) -> None:
    """A chat of the UI is waiting after a turn that failed."""
    if answer.body["client_type"] == "ui" and answer.body["status"] == "error":
        answer.body["status"] = "waiting"
        answer.body.pop("last_error", None)


@changes("getChat", red=["CHAT-018"])
def summary_before_the_first_turn(answer: Answer) -> None:
    """A chat has a summary during its first turn."""
    if answer.body["status"] == "running":
        answer.body["last_turn_summary"] = answer.body["last_turn_summary"] or "Working on it"


replaces(
    "summary-survives-failures",
    "a summary is never cleared",
    "write_summary",
    lambda right, backend, chat, text: None if text is None else right(backend, chat, text),
    red=["CHAT-019", "INT-015", "WATCH-031"],
)


@changes("getChatDiff", red=["CHAT-020", "EVENT-006"])
def diff_without_changes(answer: Answer) -> None:
    """The diff of a chat without git data says so in words."""
    answer.body["diff"] = "no changes"


@changes("chatsByWorkspace", red=["CHAT-021"])
def no_workspace_is_the_nil_workspace(answer: Answer) -> None:
    """Without workspaces, by-workspace answers for the nil UUID."""
    if not answer.query.get("workspace_ids"):
        answer.body = {NIL: NIL}


turns_off("any-number-of-workspaces", "by-workspace takes any number of ids", "by-workspace.count", red=["CHAT-022"])


@answers("chatsByWorkspace", red=["CHAT-023"])
def bad_workspaces_are_skipped(answer: Answer) -> None:
    """by-workspace passes over ids that are no UUIDs."""
    if answer.status == 400 and "Invalid workspace ID" in answer.body["message"]:
        answer.status, answer.body = 200, {}


@changes("chatsByWorkspace", red=["CHAT-024"])
def workspaces_without_chat(answer: Answer) -> None:
    """by-workspace names every workspace that was asked for."""
    ids = answer.query.get("workspace_ids", "")
    answer.body = {i.strip(): NIL for i in ids.split(",")} if ids else {}


@changes("listDebugRuns", red=["CHAT-025", "OWN-011", "SCHEMA-listDebugRuns"])
def no_debug_runs_is_null(answer: Answer) -> None:
    """No debug runs are an object."""
    answer.body = {}


turns_off("summary-of-an-older-answer", "an empty answer is labelled by the one before", "summary.of-this-turn", red=["CHAT-026"])
turns_off("oldest-chat-of-a-workspace", "by-workspace gives the oldest chat.", "by-workspace.newest", red=["CHAT-046"])
turns_off(
    "archived-chat-of-a-workspace",
    "by-workspace gives archived chats, too.",
    "by-workspace.leaves-out-archived",
    red=["CHAT-046"],
)
