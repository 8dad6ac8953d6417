"""Answers that must fit their request, whatever the server's state: pages, filters, ids, what was just stored."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from conformance.checks.asked import Asked, Rules, Verdict, Wrong, integer, is_uuid, plain_uuid
from conformance.checks.times import instant

RULES = Rules()
judges = RULES.judges


def _rows(asked: Asked, *path: str) -> list[dict[str, Any]] | None:
    """The array of objects at this place of a 200 answer; None if there is none (schemas judge that)."""
    value = asked.answer if asked.status == 200 else None
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        return None
    return value


def _chats(asked: Asked) -> list[dict[str, Any]] | None:
    return _rows(asked)


def _messages(asked: Asked) -> list[dict[str, Any]] | None:
    rows = _rows(asked, "messages")
    return rows if rows is not None and all(_is_id(row.get("id")) for row in rows) else None


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _limit(asked: Asked, name: str) -> int:
    default = asked.limit(name, "default")
    return integer(asked.one("limit"), 32) or default if asked.one("limit") else default


def _cursor(asked: Asked, name: str) -> int:
    return integer(asked.one(name)) or 0 if asked.one(name) else 0


def _each(rows: list[dict[str, Any]] | None, wrong: Callable[[int, dict[str, Any]], Wrong | None]) -> Verdict:
    """Judge every row; not judged when there is none."""
    if not rows:
        return None
    found = (wrong(at, row) for at, row in enumerate(rows))
    return next((w for w in found if w is not None), True)


# -- the list of chats -------------------------------------------------------------------------------------


@judges("PAGE-002", "listChats")
def only_roots(asked: Asked) -> Verdict:
    def wrong(at: int, row: dict[str, Any]) -> Wrong | None:
        parent = row.get("parent_chat_id")
        return Wrong("a child chat stands in the list by itself", f"/{at}/parent_chat_id", None, parent) if parent else None

    return _each(_chats(asked), wrong)


@judges("PAGE-003", "listChats")
def archived_filter(asked: Asked) -> Verdict:
    q = asked.one("q").lower()
    if "archived:" in q.replace("archived:true", "").replace("archived:false", ""):
        return None
    wanted = "archived:true" in q

    def wrong(at: int, row: dict[str, Any]) -> Wrong | None:
        shown = row.get("archived")
        return None if shown is wanted else Wrong("the list has a chat of the other kind", f"/{at}/archived", wanted, shown)

    return _each(_chats(asked), wrong)


@judges("PAGE-005", "listChats")
def newest_first(asked: Asked) -> Verdict:
    rows = [(at, row) for at, row in enumerate(_chats(asked) or []) if row.get("pin_order") == 0]
    times = [(at, instant(row.get("updated_at"))) for at, row in rows]
    if len(times) < 2 or any(time is None for _, time in times):
        return None
    for (_, first), (at, second) in itertools.pairwise(times):
        if first is not None and second is not None and second > first:
            return Wrong("the list is not in the order of updated_at", f"/{at}/updated_at")
    return True


@judges("PAGE-006", "listChats")
def pinned_first(asked: Asked) -> Verdict:
    pins = [row.get("pin_order") for row in _chats(asked) or []]
    if len(pins) < 2 or not all(_is_id(pin) for pin in pins) or not any(pins):
        return None
    order = [int(pin or 1 << 40) for pin in pins]
    return True if order == sorted(order) else Wrong("pinned chats are not first, in their order", "", sorted(order), pins)


@judges("PAGE-007", "listChats")
def list_is_cut(asked: Asked) -> Verdict:
    rows = _chats(asked)
    if rows is None or not asked.one("limit"):
        return None
    limit = _limit(asked, "list.limit")
    return True if len(rows) <= limit else Wrong("the list is longer than its limit", "", limit, len(rows))


@judges("FILTER-001", "listChats")
def labels_match(asked: Asked) -> Verdict:
    wanted = dict(label.split(":", 1) for label in asked.query.get("label", ()) if ":" in label)
    if not wanted:
        return None

    def wrong(at: int, row: dict[str, Any]) -> Wrong | None:
        labels = row.get("labels")
        shown = {key: labels.get(key) for key in wanted} if isinstance(labels, dict) else labels
        return None if shown == wanted else Wrong("a listed chat lacks the label", f"/{at}/labels", wanted, shown)

    return _each(_chats(asked), wrong)


@judges("OWN-014", "listChats")
def one_owner(asked: Asked) -> Verdict:
    rows = _chats(asked) if "source:" not in asked.one("q").lower() else None  # the chats of others are asked for
    owners = {str(row.get("owner_id")) for row in rows or []}
    if not rows or len(rows) < 2:
        return None
    return True if len(owners) == 1 else Wrong("the list shows chats of several owners", "", "one owner", sorted(owners))


# -- messages ----------------------------------------------------------------------------------------------


@judges("PAGE-025", "listMessages")
def messages_descend(asked: Asked) -> Verdict:
    if _cursor(asked, "after_id") and not _cursor(asked, "before_id"):
        return None
    return _ordered(asked, -1)


@judges("PAGE-026", "listMessages")
def messages_ascend(asked: Asked) -> Verdict:
    if not _cursor(asked, "after_id") or _cursor(asked, "before_id"):
        return None
    return _ordered(asked, 1)


def _ordered(asked: Asked, sign: int) -> Verdict:
    ids = [row["id"] for row in _messages(asked) or []]
    if len(ids) < 2:
        return None
    wanted = sorted(set(ids), reverse=sign < 0)
    return True if ids == wanted else Wrong("the messages are not in order, or not each once", "/messages", wanted, ids)


@judges("PAGE-027", "listMessages")
def messages_in_interval(asked: Asked) -> Verdict:
    before, after = _cursor(asked, "before_id"), _cursor(asked, "after_id")
    if not before and not after:
        return None

    def wrong(at: int, row: dict[str, Any]) -> Wrong | None:
        good = (not before or row["id"] < before) and (not after or row["id"] > after)
        return None if good else Wrong("a message lies outside the page", f"/messages/{at}/id", [after, before], row["id"])

    return _each(_messages(asked), wrong)


@judges("PAGE-028", "listMessages")
def has_more(asked: Asked) -> Verdict:
    rows = _messages(asked)
    if rows is None or not isinstance(asked.answer.get("has_more"), bool):
        return None
    limit = _limit(asked, "messages.limit")
    if len(rows) > limit:
        return Wrong("the page is longer than its limit", "/messages", limit, len(rows))
    if len(rows) < limit and asked.answer["has_more"]:
        return Wrong("the page is not full, and yet there are more", "/has_more", False, True)
    return True


@judges("PAGE-039", "listMessages")
def queue_only_without_cursor(asked: Asked) -> Verdict:
    queued = _rows(asked, "queued_messages")
    if queued is None or not (_cursor(asked, "before_id") or _cursor(asked, "after_id")):
        return None
    return True if not queued else Wrong("the queue is shown with a cursor", "/queued_messages", [], len(queued))


@judges("QUEUE-002", "listMessages")
def queue_oldest_first(asked: Asked) -> Verdict:
    times = [instant(row.get("created_at")) for row in _rows(asked, "queued_messages") or []]
    if len(times) < 2 or None in times:
        return None
    return (
        True if times == sorted(t for t in times if t is not None) else Wrong("the queue is not oldest first", "/queued_messages")
    )


@judges("MSG-001", "listMessages", "sendMessage", "editMessage")
def messages_name_their_chat(asked: Asked) -> Verdict:
    body = asked.answer if asked.status == 200 and isinstance(asked.answer, dict) else {}
    rows = [(f"/{key}/{at}", row) for key in ("messages", "queued_messages") for at, row in enumerate(_rows(asked, key) or [])]
    rows += [(f"/{key}", body[key]) for key in ("message", "queued_message") if isinstance(body.get(key), dict)]
    for where, row in rows:
        if row.get("chat_id") != asked.chat:
            return Wrong("a message is of another chat", f"{where}/chat_id", asked.chat, row.get("chat_id"))
    return True if rows else None


@judges("PROMPT-001", "listPrompts")
def prompts_descend(asked: Asked) -> Verdict:
    rows = _rows(asked, "prompts") or []
    ids: list[int] = [row["id"] for row in rows if _is_id(row.get("id"))]
    if len(ids) < 2 or len(ids) < len(rows):
        return None
    wanted = sorted(set(ids), reverse=True)
    return True if ids == wanted else Wrong("the prompts are not newest first, each once", "/prompts", wanted, ids)


@judges("PROMPT-003", "listPrompts")
def prompts_have_text(asked: Asked) -> Verdict:
    def wrong(at: int, row: dict[str, Any]) -> Wrong | None:
        text = row.get("text")
        blank = isinstance(text, str) and not text.strip()
        return Wrong("a prompt without text is listed", f"/prompts/{at}/text", "text", text) if blank else None

    return _each(_rows(asked, "prompts"), wrong)


@judges("PROMPT-007", "listPrompts")
def prompts_are_cut(asked: Asked) -> Verdict:
    rows = _rows(asked, "prompts")
    limit = _limit(asked, "prompts.limit")
    if rows is None or not asked.one("limit"):
        return None
    return True if len(rows) <= limit else Wrong("there are more prompts than the limit", "/prompts", limit, len(rows))


# -- one chat ----------------------------------------------------------------------------------------------


@judges("CHAT-012", "getChat", "interruptChat", "regenerateTitle")
def chat_is_the_one_asked_for(asked: Asked) -> Verdict:
    if asked.status != 200 or not isinstance(asked.answer, dict):
        return None
    shown = asked.answer.get("id")
    return True if shown == asked.chat else Wrong("the answer is another chat", "/id", asked.chat, shown)


@judges("CHAT-020", "getChatDiff")
def diff_of_the_chat(asked: Asked) -> Verdict:
    if asked.status != 200 or not isinstance(asked.answer, dict):
        return None
    shown = asked.answer.get("chat_id")
    return True if shown == asked.chat else Wrong("the diff is of another chat", "/chat_id", asked.chat, shown)


@judges("INT-138", "interruptChat")
def interrupted_stops(asked: Asked) -> Verdict:
    # One that waits for results goes on with others, so that its chat runs.
    statuses = asked.profile.traits["statuses"]
    if asked.status != 200 or not isinstance(asked.answer, dict) or asked.answer.get("status") == statuses["active"]:
        return None
    shown, wanted = asked.answer.get("status"), statuses["busy"][-1]
    return True if shown == wanted else Wrong("an interrupted chat is stopping", "/status", wanted, shown)


@judges("INT-001", "interruptChat")
def interrupted_rests(asked: Asked) -> Verdict:
    if asked.status != 200 or not isinstance(asked.answer, dict):
        return None
    shown = asked.answer.get("status")
    statuses = asked.profile.traits["statuses"]
    # A turn that only waits to run is not interrupted: its chat stays as it is.
    fine = {statuses["idle"], *statuses["busy"]} - {statuses["active"]}
    return True if shown in fine else Wrong(f"an interrupted chat is {statuses['idle']}", "/status", statuses["idle"], shown)


@judges("CHAT-024", "chatsByWorkspace")
def only_asked_workspaces(asked: Asked) -> Verdict:
    if asked.status != 200 or not isinstance(asked.answer, dict):
        return None
    wanted = {plain_uuid(item.strip()) for item in asked.one("workspace_ids").split(",") if is_uuid(item.strip())}
    extra = sorted(asked.answer.keys() - wanted)
    return Wrong("a workspace that was not asked for", f"/{extra[0]}", sorted(wanted), extra) if extra else True


# -- what was just stored ----------------------------------------------------------------------------------


def _created(asked: Asked, key: str) -> Any:
    return asked.answer.get(key) if asked.status == 201 and isinstance(asked.answer, dict) else None


@judges("CHAT-002", "createChat")
def created_is_a_root(asked: Asked) -> Verdict:
    if asked.status != 201 or not isinstance(asked.answer, dict):
        return None
    shown, parent = asked.answer.get("root_chat_id"), asked.answer.get("parent_chat_id")
    if parent is not None:
        return Wrong("a created chat has a parent", "/parent_chat_id", None, parent)
    return (
        True
        if shown == asked.answer.get("id")
        else Wrong("a created chat is its own root", "/root_chat_id", asked.answer.get("id"), shown)
    )


@judges("CHAT-003", "createChat")
def created_as_sent(asked: Asked) -> Verdict:
    if asked.body is None or asked.status != 201 or not isinstance(asked.answer, dict):
        return None
    sent = asked.request.body
    if asked.answer.get("labels") != (sent.get("labels") or {}):
        return Wrong("the labels are not those sent", "/labels", sent.get("labels") or {}, asked.answer.get("labels"))
    if (asked.answer.get("plan_mode") or "") != (sent.get("plan_mode") or ""):
        return Wrong("the plan mode is not the one sent", "/plan_mode", sent.get("plan_mode"), asked.answer.get("plan_mode"))
    wanted = sent.get("client_type") or "api"
    shown = asked.answer.get("client_type")
    return True if shown == wanted else Wrong("the client type is not the one sent", "/client_type", wanted, shown)


@judges("OWN-042", "createChat")
def created_where_asked(asked: Asked) -> Verdict:
    sent = (asked.body or {}).get("organization_id")
    shown = _created(asked, "organization_id")
    if not isinstance(sent, str) or shown is None:
        return None
    return True if shown == plain_uuid(sent) else Wrong("another organization", "/organization_id", plain_uuid(sent), shown)


_SENT_KEYS = {"text": ("text",), "file": ("file_id",), "file-reference": ("file_name", "start_line", "end_line", "content")}


def _part_as_stored(part: dict[str, Any]) -> dict[str, Any]:
    lowered = {str(k).lower(): v for k, v in part.items()}
    kind = str(lowered.get("type", "")).strip().lower()
    stored = {"type": kind}
    for key in _SENT_KEYS.get(kind, ()):
        value = lowered.get(key, 0 if key.endswith("line") else "")
        stored[key] = plain_uuid(value) if key == "file_id" else value.strip() if key == "text" else value
    return stored


def _as_stored(asked: Asked) -> list[dict[str, Any]] | None:
    content = (asked.body or {}).get("content")
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        return None
    try:
        stored = [_part_as_stored(part) for part in content]
        [str(value).encode() for part in stored for value in part.values()]
    except (AttributeError, UnicodeEncodeError):  # lone surrogates and odd types are stored otherwise
        return None
    return stored


@judges("PART-020", "sendMessage", "editMessage")
def stored_as_sent(asked: Asked) -> Verdict:
    wanted = _as_stored(asked)
    if wanted is None or asked.status != 200 or not isinstance(asked.answer, dict):
        return None
    key = "queued_message" if isinstance(asked.answer.get("queued_message"), dict) else "message"
    shown = (asked.answer.get(key) or {}).get("content")
    if not isinstance(shown, list):
        return None
    if len(shown) != len(wanted):
        return Wrong("there are not as many parts as were sent", f"/{key}/content", len(wanted), len(shown))
    for at, (part, sent) in enumerate(zip(shown, wanted, strict=True)):
        for name, value in sent.items():
            if not isinstance(part, dict) or part.get(name) != value:
                return Wrong("the part is not the one sent", f"/{key}/content/{at}/{name}", value, part)
    return True


@judges("SEND-018", "sendMessage")
def sent_by_a_user(asked: Asked) -> Verdict:
    message = asked.answer.get("message") if asked.status == 200 and isinstance(asked.answer, dict) else None
    if not isinstance(message, dict):
        return None
    if asked.answer.get("queued") is not False:
        return Wrong("a stored message is not queued", "/queued", False, asked.answer.get("queued"))
    shown = message.get("role")
    return True if shown == "user" else Wrong("a sent message is the user's", "/message/role", "user", shown)


@judges("QUEUE-001", "sendMessage")
def queued_says_so(asked: Asked) -> Verdict:
    if asked.status != 200 or not isinstance(asked.answer, dict) or "queued_message" not in asked.answer:
        return None
    shown = asked.answer.get("queued")
    return True if shown is True else Wrong("queued must be true", "/queued", True, shown)


@judges("EDIT-017", "editMessage")
def edited_is_newer(asked: Asked) -> Verdict:
    message = asked.answer.get("message") if asked.status == 200 and isinstance(asked.answer, dict) else None
    edited = integer(asked.path["message"])
    if not isinstance(message, dict) or edited is None or not _is_id(message.get("id")):
        return None
    if message.get("role") != "user":
        return Wrong("an edited message is the user's", "/message/role", "user", message.get("role"))
    return True if message["id"] > edited else Wrong("the new id is not higher", "/message/id", f"> {edited}", message["id"])


@judges("MODEL-015", "createModelConfig")
def model_config_as_sent(asked: Asked) -> Verdict:
    if asked.status != 201 or asked.body is None or not isinstance(asked.answer, dict):
        return None
    known = asked.profile.openapi["components"]["schemas"]["ChatModelConfig"]["properties"]
    for key in known.keys() & {"ai_provider_id", "context_limit", "compression_threshold"}:
        sent = asked.body.get(key)
        sent = plain_uuid(sent) if key == "ai_provider_id" and isinstance(sent, str) else sent
        if sent is not None and asked.answer.get(key) != sent:
            return Wrong("the model config is not the one sent", f"/{key}", sent, asked.answer.get(key))
    return True


@judges("USAGE-004", "putUsageLimits")
def usage_limit_as_sent(asked: Asked) -> Verdict:
    if asked.status != 200 or asked.body is None or not isinstance(asked.answer, dict):
        return None
    sent, shown = asked.body.get("spend_limit_micros"), asked.answer.get("spend_limit_micros")
    return True if sent == shown else Wrong("the limit is not the one sent", "/spend_limit_micros", sent, shown)
