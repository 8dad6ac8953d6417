"""Requests that must be refused, whatever the server's state: bad tokens, ids, parameters and bodies."""

from __future__ import annotations

import re
from typing import Any

from conformance.checks.asked import NIL, Asked, Rules, Verdict, Wrong, integer, is_uuid, plain_uuid

RULES = Rules()
judges = RULES.judges

_TOKEN = re.compile(r"[^-]{10}-[^-]{22}")
_READS = ("GET", "HEAD", "OPTIONS")


def _header(asked: Asked, name: str) -> str:
    return next((v for k, v in asked.request.headers.items() if k.lower() == name), "")


def _has_token(asked: Asked) -> bool:
    """Did any credential go along, in a place where servers look for one?"""
    if asked.said.actor is not None:
        return True
    cookie = re.search(r"(?:^|;\s*)coder_session_token=[^;\s]", _header(asked, "cookie"))
    bearer = _header(asked, "authorization").lower().startswith("bearer ")
    return bool(
        cookie or bearer or _header(asked, "coder-session-token") or asked.one("coder_session_token") or asked.one("access_token")
    )


def _without_token(asked: Asked) -> Verdict:
    if _has_token(asked) or asked.status == 429:
        return None
    if asked.status == 401:
        return True
    return Wrong("a request without a token must be refused with 401", "", 401, asked.status)


@judges("AUTH-001")
def reads_need_a_token(asked: Asked) -> Verdict:
    if asked.is_socket or asked.request.method not in _READS or not asked.below_chats or not asked.secured:
        return None
    return None if asked.below_chats.startswith("/config") else _without_token(asked)


@judges("AUTH-003")
def settings_need_a_token(asked: Asked) -> Verdict:
    is_read = asked.request.method == "GET" and asked.below_chats.startswith("/config/")
    return _without_token(asked) if is_read else None


@judges("AUTH-002")
def writes_need_a_token(asked: Asked) -> Verdict:
    if asked.is_socket or asked.request.method in _READS or not asked.below_chats:
        return None
    return _without_token(asked)


@judges("AUTH-004", "streamChat", "streamGit", "streamDesktop", "watchChats")
def sockets_need_a_token(asked: Asked) -> Verdict:
    return _without_token(asked) if asked.is_socket else None


@judges("AUTH-027")
def other_routes_need_a_token(asked: Asked) -> Verdict:
    elsewhere = "/ai/providers" in asked.request.path or "/ai-provider-keys" in asked.request.path
    return _without_token(asked) if elsewhere else None


@judges("AUTH-005")
def malformed_token(asked: Asked) -> Verdict:
    sent = _header(asked, "coder-session-token")
    others = _header(asked, "cookie") or asked.one("coder_session_token")
    if not sent or "<" in sent or _TOKEN.fullmatch(sent) or others or asked.said.actor is not None:
        return None
    return asked.refused(401, 400)


@judges("AUTH-012")
def refused_shows_nothing(asked: Asked) -> Verdict:
    if asked.status != 401 or asked.request.method == "HEAD" or not asked.response.headers:
        return None
    body = asked.answer
    if isinstance(body, dict) and isinstance(body.get("message"), str) and body.keys() <= {"message", "detail", "validations"}:
        return True
    return Wrong(
        "a 401 is an error object and nothing else", "", "message, detail", sorted(body) if isinstance(body, dict) else body
    )


@judges("AUTH-013")
def refused_names_the_scheme(asked: Asked) -> Verdict:
    if asked.status != 401 or not asked.response.headers:
        return None
    shown = asked.response.headers.get("www-authenticate", "")
    return shown.lower().startswith("bearer") or Wrong(
        "a 401 names the Bearer scheme", "/headers/www-authenticate", "Bearer …", shown
    )


@judges("ROUTE-001")
def chat_id_is_a_uuid(asked: Asked) -> Verdict:
    return asked.refused(400) if "chat" in asked.path and not asked.is_socket and not is_uuid(asked.path["chat"]) else None


@judges("ROUTE-010")
def other_methods(asked: Asked) -> Verdict:
    preflight = _header(asked, "access-control-request-method")  # a browser's own question
    if asked.request.method not in ("HEAD", "OPTIONS") or not asked.below_chats or preflight:
        return None
    return True if asked.status == 401 else asked.refused(405, 400)


@judges("STREAM-003", "streamChat")
def stream_of_no_uuid(asked: Asked) -> Verdict:
    return asked.refused(400) if asked.is_socket and not is_uuid(asked.path["chat"]) else None


@judges("STREAM-004", "streamChat")
def stream_cursor_is_a_number(asked: Asked) -> Verdict:
    cursor = asked.one("after_id")
    return asked.refused(400) if cursor and integer(cursor) is None and is_uuid(asked.path["chat"]) else None


@judges("STREAM-001", "streamChat")
@judges("STREAM-002", "watchChats")
def plain_get_of_a_socket(asked: Asked) -> Verdict:
    upgrades = _header(asked, "upgrade") or not _has_token(asked) or _header(asked, "origin")
    if asked.is_socket or upgrades or asked.query or ("chat" in asked.path and not is_uuid(asked.path["chat"])):
        return None
    if asked.status == 426:
        return True
    return Wrong("a GET without an upgrade is answered with 426", "", 426, asked.status) if asked.status < 300 else None


@judges("ROUTE-016")
def retired_routes(asked: Asked) -> Verdict:
    return asked.refused(410, 400) if asked.retired else None


# -- the list ----------------------------------------------------------------------------------------------


@judges("PAGE-011", "listChats")
def list_limit(asked: Asked) -> Verdict:
    return _natural(asked, "limit", 32)


@judges("PAGE-012", "listChats")
def list_offset(asked: Asked) -> Verdict:
    return _natural(asked, "offset", 32)


def _natural(asked: Asked, name: str, bits: int) -> Verdict:
    text = asked.one(name)
    if not text:
        return None
    number = integer(text, bits)
    return asked.refused(400) if number is None or number < 0 else None


@judges("PAGE-013", "listChats")
def list_cursor(asked: Asked) -> Verdict:
    cursor = asked.one("after_id")
    return asked.refused(400) if cursor and not is_uuid(cursor) else None


@judges("PAGE-015", "listChats")
def list_parameters_once(asked: Asked) -> Verdict:
    twice = any(len(asked.query.get(name, ())) > 1 for name in ("limit", "offset", "after_id"))
    return asked.refused(400) if twice else None


@judges("FILTER-005", "listChats")
def list_label(asked: Asked) -> Verdict:
    bad = any(not (":" in label and all(label.split(":", 1))) for label in asked.query.get("label", ()))
    return asked.refused(400) if bad else None


def _terms(asked: Asked) -> list[str]:
    """The terms of q; none if quotes make its reading a matter of its own."""
    q = asked.one("q")
    return [] if '"' in q else q.split()


@judges("FILTER-007", "listChats")
def list_bare_word(asked: Asked) -> Verdict:
    return asked.refused(400) if any(":" not in term for term in _terms(asked)) else None


@judges("FILTER-008", "listChats")
def list_unknown_key(asked: Asked) -> Verdict:
    keys = [term.partition(":")[0].lower() for term in _terms(asked) if ":" in term]
    known = asked.profile.traits["search_keys"]
    return asked.refused(400) if any(key and key not in known for key in keys) else None


@judges("FILTER-010", "listChats")
def list_key_twice(asked: Asked) -> Verdict:
    keys = [term.partition(":")[0].lower() for term in _terms(asked)]
    return asked.refused(400) if any(keys.count(key) > 1 for key in ("archived", "has_unread", "title", "pr")) else None


@judges("FILTER-009", "listChats")
def list_flag(asked: Asked) -> Verdict:
    pairs = [term.lower().split(":") for term in _terms(asked)]
    flags = [pair[1] for pair in pairs if len(pair) == 2 and pair[0] in ("archived", "has_unread")]
    good = {"1", "t", "true", "0", "f", "false"}
    return asked.refused(400) if any(flag and flag not in good for flag in flags) else None


# -- messages, prompts, by workspace -----------------------------------------------------------------------


@judges("PAGE-031", "listMessages")
def messages_limit(asked: Asked) -> Verdict:
    text = asked.one("limit")
    number = integer(text, 32) if text else None
    low, most = asked.limit("messages.limit", "min"), asked.limit("messages.limit")
    return asked.refused(400) if number is not None and (0 <= number < low or number > most) else None


@judges("PAGE-032", "listMessages")
def messages_limit_is_natural(asked: Asked) -> Verdict:
    return _natural(asked, "limit", 32)


@judges("PAGE-033", "listMessages")
def messages_cursors(asked: Asked) -> Verdict:
    found = [_natural(asked, name, 64) for name in ("before_id", "after_id")]
    return next((verdict for verdict in found if verdict is not None), None)


@judges("PAGE-034", "listMessages")
def messages_interval(asked: Asked) -> Verdict:
    before, after = (integer(asked.one(name)) if asked.one(name) else None for name in ("before_id", "after_id"))
    return asked.refused(400) if before and after and 0 < before <= after else None


@judges("PROMPT-008", "listPrompts")
def prompts_limit(asked: Asked) -> Verdict:
    number = integer(asked.one("limit"), 32) if asked.one("limit") else None
    return asked.refused(400) if number is not None and number > asked.limit("prompts.limit") else None


@judges("PROMPT-009", "listPrompts")
def prompts_limit_is_natural(asked: Asked) -> Verdict:
    return _natural(asked, "limit", 32)


def _workspaces(asked: Asked) -> list[str]:
    text = asked.one("workspace_ids")
    return [item.strip() for item in text.split(",")] if text else []


@judges("CHAT-022", "chatsByWorkspace")
def too_many_workspaces(asked: Asked) -> Verdict:
    return asked.refused(400) if len(_workspaces(asked)) > asked.limit("by-workspace.ids") else None


@judges("CHAT-023", "chatsByWorkspace")
def workspace_ids(asked: Asked) -> Verdict:
    return asked.refused(400) if any(not is_uuid(item) for item in _workspaces(asked)) else None


# -- ids in paths, files -----------------------------------------------------------------------------------


@judges("EDIT-001", "editMessage")
def edited_id(asked: Asked) -> Verdict:
    number = integer(asked.path["message"])
    return asked.refused(400) if is_uuid(asked.path["chat"]) and (number is None or number <= 0) else None


@judges("QUEUE-009", "deleteQueuedMessage", "promoteQueuedMessage")
def queue_id(asked: Asked) -> Verdict:
    number = integer(asked.path["queuedMessage"])
    return asked.refused(400) if is_uuid(asked.path["chat"]) and number is None else None


@judges("FILE-002", "uploadFile")
def upload_names_no_organization(asked: Asked) -> Verdict:
    return asked.refused(400) if not asked.one("organization") else None


@judges("FILE-003", "uploadFile")
def upload_organization(asked: Asked) -> Verdict:
    text = asked.one("organization")
    return asked.refused(400) if text and not is_uuid(text) else None


@judges("FILE-011", "uploadFile")
def upload_size(asked: Asked) -> Verdict:
    content = asked.request.content
    return asked.refused(413, 400) if content is not None and len(content) > asked.limit("upload.size") else None


@judges("FILE-030", "downloadFile")
def download_id(asked: Asked) -> Verdict:
    return asked.refused(400) if not is_uuid(asked.path["file"]) else None


def given(body: dict[str, Any] | None, name: str) -> Any:
    """The field of a sent body; None if absent or null."""
    return None if body is None else body.get(name)


@judges("CREATE-001", "createChat")
def create_organization(asked: Asked) -> Verdict:
    if asked.body is None:
        return None
    value = asked.body.get("organization_id")
    return asked.refused(400) if value is None or (isinstance(value, str) and plain_uuid(value) == NIL) else None
