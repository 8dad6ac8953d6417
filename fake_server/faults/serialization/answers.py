"""Wrong objects in answers: chats, messages, refusals."""

from __future__ import annotations

from typing import Any

from fake_server.faulting import Answer, answers, changes, replaces, turns_off
from fake_server.faults.objects import drop, put, spoils, spoils_events, walk

GET, LIST, MESSAGES = "getChat", "listChats", "listMessages"


def _once(item: dict[str, Any], key: str, value: Any) -> None:
    if key in item:
        item[key] = value


# -- refusals --
spoils(
    "refusals-without-message", "the refusal of a label filter has no message", "refusal", put(message=None), LIST,
    where=lambda e: "label filter" in e["message"], red=["SER-001", "SCHEMA-listChats", "FILTER-005", "PAGE-024"],
)  # fmt: skip
spoils(
    "validations-without-detail", "the validation of a limit has no detail", "any", drop("detail"), LIST,
    where=lambda e: e.get("field") == "limit", red=["SER-002", "SCHEMA-listChats"],
)  # fmt: skip
spoils(
    "empty-details", "a refusal without detail has an empty one", "refusal", put(detail=""), LIST,
    where=lambda e: "detail" not in e and "retryable" not in e, red=["SER-003", "SCHEMA-listChats"],
)  # fmt: skip

# -- chats --
spoils("times-have-no-offset", "times have no offset", "chat", lambda c: put(created_at=c["created_at"].rstrip("Z"))(c), GET,
       red=["SER-006", "SCHEMA-getChat", "CHATOBJ-015", "CHAT-012", "CHATOBJ-017"])  # fmt: skip
spoils("ids-in-upper-case", "owner ids are in upper case", "chat", lambda c: put(owner_id=c["owner_id"].upper())(c), GET,
       red=["SER-007", "CHATOBJ-015", "CHAT-012", "OWN-042"])  # fmt: skip
spoils("chat-without-pin-order", "GET one chat leaves pin_order out when it is zero", "chat", drop("pin_order"), GET,
       where=lambda c: not c["pin_order"], red=["CHATOBJ-001", "SCHEMA-getChat", "CHATOBJ-015", "ARCH-011", "ARCH-014", "ARCH-016", "CHAT-012", "PIN-001", "PIN-004", "PIN-005", "PIN-006", "PIN-008"])  # fmt: skip
spoils("labels-are-null", "a chat without labels has null", "chat", put(labels=None), GET,
       where=lambda c: not c["labels"], red=["CHATOBJ-002", "SCHEMA-getChat", "CSRF-001", "CHAT-003", "PATCH-013", "PATCH-022", "PATCH-023"])  # fmt: skip
spoils("summary-left-out", "last_turn_summary is left out when there is none", "chat", drop("last_turn_summary"), "createChat",
       where=lambda c: c["last_turn_summary"] is None, red=["CHATOBJ-003", "SCHEMA-createChat", "CHAT-001"])  # fmt: skip
spoils("plan-mode-off", "a chat that is not in plan mode says so", "chat", lambda c: c.setdefault("plan_mode", "off"), GET,
       red=["CHATOBJ-004", "SCHEMA-getChat", "CHATOBJ-015", "CHAT-012", "PATCH-015", "PATCH-022", "PATCH-023", "SEND-027", "CHAT-003"])  # fmt: skip
spoils("status-completed", "a chat at rest is completed", "chat", put(status="completed"), LIST,
       where=lambda c: c["status"] == "waiting", red=["CHATOBJ-006", "SCHEMA-listChats", "CHAT-012", "CHATOBJ-149"])  # fmt: skip
spoils("unset-ids-are-null", "ids that are not set are null", "chat", put(workspace_id=None, agent_id=None), GET,
       red=["CHATOBJ-007", "SCHEMA-getChat", "CHATOBJ-015", "CHAT-012", "PATCH-017"])  # fmt: skip
spoils(
    "root-without-root-id",
    "a root chat names no root",
    "chat",
    drop("root_chat_id"),
    LIST,
    red=["CHATOBJ-008", "CHATOBJ-015", "SCHEMA-listChats", "CHAT-012"],
)
spoils("owner-without-name", "the owner's user name is left out", "chat", drop("owner_username"), LIST,
       red=["CHATOBJ-009", "CHATOBJ-015", "CHAT-012"])  # fmt: skip
spoils("list-without-diff-status", "the list leaves an empty diff_status out", "chat", drop("diff_status"), LIST,
       red=["CHATOBJ-010"])  # fmt: skip
spoils("get-without-diff-status", "GET shows children without an empty diff_status", "chat", drop("diff_status"), GET,
       red=["CHATOBJ-019"])  # fmt: skip
spoils("create-with-diff-status", "a create answer has an empty diff_status", "chat", put(diff_status={}), "createChat",
       red=["CHATOBJ-011", "SCHEMA-createChat", "CHATOBJ-010"])  # fmt: skip
spoils("list-with-files", "chats in the list have files", "chat", put(files=[]), LIST, red=["CHATOBJ-013", "SCHEMA-listChats"])
spoils("updated-before-created", "updated_at is the epoch", "chat", put(updated_at="1970-01-01T00:00:00Z"), GET,
       where=lambda c: len(c["labels"]) == 2 and "b" in c["labels"], red=["CHATOBJ-017", "PATCH-014"])  # fmt: skip
spoils("errors-stay", "a chat keeps its last error in every status", "chat", put(last_error={"message": "old", "retryable": False}),
       LIST, where=lambda c: c["status"] == "waiting", red=["CHATOBJ-018", "CHAT-012"])  # fmt: skip
spoils(
    "list-forgets-organizations",
    "the list shows another organization",
    "chat",
    put(client_type="ui"),
    LIST,
    red=["CHATOBJ-015", "CHAT-012"],
)
spoils("labels-lose-characters", "label values lose what is not ASCII", "chat",
       lambda c: put(labels={k: v.encode("ascii", "replace").decode() for k, v in c["labels"].items()})(c), GET, LIST, "createChat",
       red=["CHATOBJ-016", "SER-010", "PATCH-012", "ROUND-034"])  # fmt: skip

# -- messages --
spoils("messages-of-no-chat", "messages name no chat", "message", put(chat_id="00000000-0000-0000-0000-000000000000"), MESSAGES,
       red=["MSG-013", "MSG-014", "MSG-001", "SER-008", "STREAM-027", "STREAM-071", "STREAM-076"])  # fmt: skip
spoils("system-messages-shown", "tool messages are system messages", "message", put(role="system"), MESSAGES,
       where=lambda m: m["role"] == "tool", red=["MSG-002", "INT-004", "INT-006", "INT-011", "MSG-013", "PART-010", "PART-011", "PART-013", "PART-014", "ROUND-009", "STREAM-027", "STREAM-076", "TOOL-003", "TOOL-004", "TOOL-005", "TOOL-014", "TOOL-015", "TOOL-016", "TOOL-017", "TOOL-018", "TOOL-019", "TOOL-020", "TOOL-021", "TOOL-022", "USAGE-037", "TOOL-025", "CONF-067", "CONF-076", "TOOL-031", "TOOL-032", "TOOL-033", "TOOL-034", "ROUND-032"])  # fmt: skip
spoils("sends-without-author", "the message of a send names no author", "message", drop("created_by"), "sendMessage",
       where=lambda m: m["role"] == "user", red=["MSG-003", "MSG-014", "MSG-013"])  # fmt: skip
spoils("replies-have-an-author", "an assistant message has an author", "message",
       lambda m: put(created_by=m["model_config_id"])(m), MESSAGES, where=lambda m: m["role"] == "assistant",
       red=["MSG-004", "MSG-013", "STREAM-027", "STREAM-071"])  # fmt: skip
spoils("replies-without-model", "an assistant message names no model", "message", drop("model_config_id"), MESSAGES,
       where=lambda m: m["role"] == "assistant", red=["MSG-005", "MSG-013", "EDIT-022", "QUEUE-020", "SEND-024", "SEND-025", "STREAM-027", "STREAM-071", "TOOL-024", "MSG-060"])  # fmt: skip
spoils("usage-with-zeros", "usage holds zeros", "message", lambda m: m["usage"].setdefault("reasoning_tokens", 0), MESSAGES,
       where=lambda m: "usage" in m, red=["MSG-006", "SCHEMA-listMessages", "MSG-013", "MSG-007", "STREAM-027"])  # fmt: skip
spoils("cached-tokens-count-twice", "input tokens hold the cached ones", "message",
       lambda m: _once(m["usage"], "input_tokens", m["usage"]["input_tokens"] + m["usage"].get("cache_read_tokens", 0)), MESSAGES,
       where=lambda m: "input_tokens" in m.get("usage", {}), red=["MSG-007"])  # fmt: skip
spoils("usage-without-context-limit", "usage has no context limit", "message", lambda m: m["usage"].pop("context_limit", 0), MESSAGES,
       where=lambda m: "usage" in m, red=["MSG-008", "MSG-013", "SCHEMA-listMessages", "STREAM-027", "MSG-060"])  # fmt: skip
spoils("usage-of-users", "user messages have usage", "message", put(usage={"input_tokens": 1}), MESSAGES,
       where=lambda m: m["role"] == "user", red=["MSG-009", "MSG-014", "MSG-013", "STREAM-027"])  # fmt: skip
spoils("queued-without-time", "a queued message has no created_at", "queued", drop("created_at"), MESSAGES,
       red=["MSG-010", "SCHEMA-listMessages", "STREAM-029"])  # fmt: skip
spoils_events("snapshot-differs", "a message on the stream has another time", "stream", "message",
              put(created_at="2020-01-01T00:00:00Z"), red=["MSG-013", "STREAM-027", "STREAM-071"], where=lambda m: m["role"] == "assistant")  # fmt: skip
spoils("edit-answers-another-text", "the answer to an edit has another time", "message", put(created_at="2020-01-01T00:00:00Z"),
       "editMessage", red=["MSG-014", "MSG-013"])  # fmt: skip


@changes("sendMessage", red=["MSG-011", "SCHEMA-sendMessage", "SEND-018"])
def both_message_and_queued(answer: Answer) -> None:
    """The answer to a send has a queued_message of null beside the message."""
    answer.body.setdefault("queued_message", None)


@answers("listMessages", red=["MSG-012", "SCHEMA-listMessages"])
def has_more_left_out(answer: Answer) -> None:
    """has_more is left out when it is false and the page has a cursor of one."""
    if answer.status == 200 and answer.query.get("before_id") == "1":
        answer.body.pop("has_more", None)


@changes("getChat", red=["SER-005", "SEND-030"])
def chat_shows_its_tools(answer: Answer) -> None:
    """GET one chat shows its system prompt and tools."""
    chat = answer.backend.store.chats.get(answer.body.get("id"))
    if chat and chat.system_prompt:
        answer.body["x_system_prompt"] = chat.system_prompt


@answers(
    "patchChatACL",
    red=[
        *(
            "SER-009",
            "SCHEMA-patchChatACL",
            "ACL-001",
            "ACL-005",
            "ACL-006",
            "BODY-001",
            "BODY-002",
            "BODY-004",
            "ACL-013",
            "ACL-014",
        ),
        *("ACL-016", "ACL-017", "ACL-018", "ACL-020", "ACL-022", "ACL-025", "ACL-027", "ACL-028"),
    ],
)
def no_content_with_a_body(answer: Answer) -> None:
    """A change of sharing is answered 200 with an empty object."""
    if answer.status == 204:
        answer.status, answer.body = 200, {}
        answer.headers["content-type"] = "application/json"


@answers("listMessages", red=["SER-004"])
def internal_keys_shown(answer: Answer) -> None:
    """Parts show the provider's own data."""
    for item in walk(answer.body):
        if item.get("type") == "text":
            item["provider_metadata"] = {"a": 1}


turns_off(
    "edited-prompts-still-shown",
    "edited messages are still shown",
    "messages.hide-replaced",
    red=[
        "SER-008",
        "EDIT-018",
        "EDIT-020",
        "EDIT-022",
        "EDIT-023",
        "EDIT-024",
        "EDIT-025",
        "PROMPT-005",
        "STREAM-081",
        "ROUND-033",
    ],
)
replaces(
    "usage-is-not-kept",
    "usage of a turn is not kept",
    "store_answer",
    lambda right, backend, chat, content, made: right(backend, chat, content, made | {"usage": {}}),
    red=["MSG-007", "MSG-008", "MSG-059", "MSG-060"],
)
spoils("files-without-owner", "a linked file names another owner", "any", put(owner_id="00000000-0000-0000-0000-000000000000"), GET,
       where=lambda f: "mime_type" in f, red=["CHATOBJ-012"])  # fmt: skip
spoils("create-with-children", "a new chat has a child", "chat", put(children=[{}]), "createChat",
       red=["CHATOBJ-014", "SCHEMA-createChat", "CHAT-002", "CHATOBJ-001", "CHATOBJ-002", "CHATOBJ-003", "CHATOBJ-008", "CHATOBJ-009", "CHATOBJ-015", "CHATOBJ-150"])  # fmt: skip
