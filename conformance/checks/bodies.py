"""Bodies that must be refused, whatever the server's state."""

from __future__ import annotations

import re
from typing import Any

from conformance.checks.asked import NIL, Asked, Rules, Verdict, is_uuid, plain_uuid
from conformance.checks.requests import given

RULES = Rules()
judges = RULES.judges

_WITH_CONTENT = ("createChat", "sendMessage", "editMessage")
_TEXT, _LIST, _MAP, _FLAG, _NUMBER, _UUID = "text", "list", "map", "flag", "number", "uuid"
_FIELDS: dict[str, dict[str, str]] = {
    "createChat": {
        "organization_id": _UUID, "content": _LIST, "system_prompt": _TEXT, "workspace_id": _UUID,
        "model_config_id": _UUID, "mcp_server_ids": _LIST, "labels": _MAP, "unsafe_dynamic_tools": _LIST,
        "plan_mode": _TEXT, "client_type": _TEXT,
    },
    "sendMessage": {
        "content": _LIST, "model_config_id": _UUID, "mcp_server_ids": _LIST, "busy_behavior": _TEXT, "plan_mode": _TEXT,
    },
    "editMessage": {"content": _LIST, "model_config_id": _UUID},
    "patchChat": {
        "title": _TEXT, "archived": _FLAG, "workspace_id": _UUID, "pin_order": _NUMBER, "labels": _MAP, "plan_mode": _TEXT,
    },
    "patchChatACL": {"user_roles": _MAP, "group_roles": _MAP},
    "submitToolResults": {"results": _LIST},
}  # fmt: skip
_TYPES: dict[str, type | tuple[type, ...]] = {_TEXT: str, _UUID: str, _LIST: list, _MAP: dict, _FLAG: bool, _NUMBER: (int, float)}
_SENT_TYPES = frozenset({"text", "file", "file-reference"})
_LABEL = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._/-]*")


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == _FLAG or not isinstance(value, bool))


def _well_typed(asked: Asked) -> bool:
    fields = _FIELDS.get(asked.operation, {})
    return asked.body is not None and all(v is None or _is(v, fields[k]) for k, v in asked.body.items() if k in fields)


@judges("BODY-002", *_FIELDS)
def types(asked: Asked) -> Verdict:
    if asked.body is None:
        return None
    return None if _well_typed(asked) else asked.refused(400)


@judges("BODY-003", *_FIELDS)
def uuids(asked: Asked) -> Verdict:
    fields = _FIELDS[asked.operation]
    values = [v for k, v in (asked.body or {}).items() if fields.get(k) == _UUID and isinstance(v, str)]
    return asked.refused(400) if any(not is_uuid(value) for value in values) else None


# -- content -----------------------------------------------------------------------------------------------


def _parts(asked: Asked) -> list[dict[str, Any]]:
    content = given(asked.body, "content")
    if not _well_typed(asked) or not isinstance(content, list):
        return []
    return [{k.lower(): v for k, v in part.items()} for part in content if isinstance(part, dict)]


def _type(part: dict[str, Any]) -> str:
    kind = part.get("type")
    return kind.strip().lower() if isinstance(kind, str) else ""


def _is_bad(part: dict[str, Any]) -> str:
    """Which rule of content the part breaks; "" if none."""
    kind = _type(part)
    if kind not in _SENT_TYPES:
        return "type"
    if kind == "text" and not str(part.get("text") or "").strip():
        return "text"
    if kind == "file" and (not part.get("file_id") or plain_uuid(str(part["file_id"])) == NIL):
        return "file"
    if kind == "file-reference" and not part.get("file_name"):
        return "reference"
    return ""


def _content(asked: Asked, rule: str) -> Verdict:
    if asked.body is None or not _well_typed(asked):
        return None
    if rule == "none":
        return asked.refused(400) if not asked.body.get("content") else None
    return asked.refused(400) if any(_is_bad(part) == rule for part in _parts(asked)) else None


@judges("CREATE-010", "createChat")
def create_without_content(asked: Asked) -> Verdict:
    return _content(asked, "none")


@judges("CREATE-011", "createChat")
def create_blank_text(asked: Asked) -> Verdict:
    return _content(asked, "text")


@judges("CREATE-013", "createChat")
def create_part_type(asked: Asked) -> Verdict:
    return _content(asked, "type")


@judges("CREATE-015", "createChat")
def create_file_part(asked: Asked) -> Verdict:
    return _content(asked, "file")


@judges("CREATE-018", "createChat")
def create_reference_part(asked: Asked) -> Verdict:
    return _content(asked, "reference")


@judges("SEND-002", "sendMessage")
@judges("EDIT-007", "editMessage")
def sent_content(asked: Asked) -> Verdict:
    found = [_content(asked, rule) for rule in ("none", "text", "type", "file", "reference")]
    return next((verdict for verdict in found if verdict is not None), None)


# -- other fields ------------------------------------------------------------------------------------------


def _one_of(asked: Asked, name: str, *allowed: str) -> Verdict:
    value = given(asked.body, name)
    return asked.refused(400) if isinstance(value, str) and value not in ("", *allowed) and _well_typed(asked) else None


@judges("CREATE-024", "createChat")
@judges("SEND-001", "sendMessage")
@judges("PATCH-006", "patchChat")
def plan_mode(asked: Asked) -> Verdict:
    return _one_of(asked, "plan_mode", "plan")


@judges("SEND-005", "sendMessage")
def busy_behavior(asked: Asked) -> Verdict:
    return _one_of(asked, "busy_behavior", "queue", "interrupt")


@judges("CREATE-034", "createChat")
def client_type(asked: Asked) -> Verdict:
    return _one_of(asked, "client_type", "ui", "api")


@judges("CREATE-006", "createChat")
def system_prompt(asked: Asked) -> Verdict:
    value = given(asked.body, "system_prompt")
    too_long = isinstance(value, str) and len(value.encode("utf-8", "surrogatepass")) > asked.limit("create.system-prompt")
    return asked.refused(400) if too_long and _well_typed(asked) else None


@judges("CREATE-021", "createChat")
def nil_model(asked: Asked) -> Verdict:
    value = given(asked.body, "model_config_id")
    return asked.refused(400) if isinstance(value, str) and plain_uuid(value) == NIL else None


def _tools(asked: Asked) -> list[Any]:
    value = given(asked.body, "unsafe_dynamic_tools")
    return value if isinstance(value, list) and _well_typed(asked) else []


@judges("CREATE-028", "createChat")
def too_many_tools(asked: Asked) -> Verdict:
    return asked.refused(400) if len(_tools(asked)) > asked.limit("create.tools") else None


@judges("CREATE-030", "createChat")
def tool_without_name(asked: Asked) -> Verdict:
    return asked.refused(400) if any(isinstance(t, dict) and not t.get("name") for t in _tools(asked)) else None


@judges("CREATE-031", "createChat")
def tool_twice(asked: Asked) -> Verdict:
    names = [str(t.get("name")) for t in _tools(asked) if isinstance(t, dict)]
    return asked.refused(400) if len(names) != len(set(names)) else None


def _labels(asked: Asked) -> list[tuple[str, str]]:
    value = (asked.request.body or {}).get("labels") if asked.body is not None else None
    if not isinstance(value, dict) or not _well_typed(asked) or not all(isinstance(v, str) for v in value.values()):
        return []
    return list(value.items())


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


@judges("LABEL-001", "createChat", "patchChat")
def too_many_labels(asked: Asked) -> Verdict:
    return asked.refused(400, 409) if len(_labels(asked)) > asked.limit("labels.count") else None


@judges("LABEL-003", "createChat", "patchChat")
def long_label_key(asked: Asked) -> Verdict:
    most = asked.limit("labels.key")
    return asked.refused(400, 409) if any(_size(key) > most for key, _ in _labels(asked)) else None


@judges("LABEL-005", "createChat", "patchChat")
def long_label_value(asked: Asked) -> Verdict:
    most = asked.limit("labels.value")
    return asked.refused(400, 409) if any(_size(value) > most for _, value in _labels(asked)) else None


@judges("LABEL-008", "createChat", "patchChat")
def empty_label(asked: Asked) -> Verdict:
    return asked.refused(400, 409) if any(not key or not value for key, value in _labels(asked)) else None


@judges("LABEL-009", "createChat", "patchChat")
def label_key(asked: Asked) -> Verdict:
    return asked.refused(400, 409) if any(key and not _LABEL.fullmatch(key) for key, _ in _labels(asked)) else None


@judges("PATCH-004", "patchChat")
def blank_title(asked: Asked) -> Verdict:
    value = given(asked.body, "title")
    return asked.refused(400) if isinstance(value, str) and not value.strip() and _well_typed(asked) else None


@judges("PATCH-001", "patchChat")
def long_title(asked: Asked) -> Verdict:
    value = given(asked.body, "title")
    too_long = isinstance(value, str) and len(value.strip()) > asked.limit("patch.title")
    return asked.refused(400) if too_long and _well_typed(asked) else None


@judges("PATCH-007", "patchChat")
def negative_pin(asked: Asked) -> Verdict:
    value = given(asked.body, "pin_order")
    too_low = isinstance(value, int) and value < asked.limit("patch.pin-order", "min")
    return asked.refused(400, 409) if too_low and _well_typed(asked) else None


@judges("ACL-016", "patchChatACL")
def role(asked: Asked) -> Verdict:
    return asked.refused(400) if any(isinstance(r, str) and r not in ("", "read") for _, r in _roles(asked)) else None


@judges("ACL-017", "patchChatACL")
def role_key(asked: Asked) -> Verdict:
    return asked.refused(400) if any(not is_uuid(key) for key, _ in _roles(asked)) else None


def _roles(asked: Asked) -> list[tuple[str, Any]]:
    if not _well_typed(asked):
        return []
    maps = (given(asked.body, "user_roles"), given(asked.body, "group_roles"))
    return [pair for value in maps if isinstance(value, dict) for pair in value.items()]


@judges("TOOL-007", "submitToolResults")
def no_results(asked: Asked) -> Verdict:
    return asked.refused(400) if asked.body is not None and _well_typed(asked) and not asked.body.get("results") else None


@judges("TOOL-008", "submitToolResults")
def results_twice(asked: Asked) -> Verdict:
    results = given(asked.body, "results")
    names = [r.get("tool_call_id") for r in results if isinstance(r, dict)] if isinstance(results, list) else []
    return asked.refused(400, 409) if len(names) != len(set(map(str, names))) else None


# -- settings ----------------------------------------------------------------------------------------------


def _outside(asked: Asked, name: str, low: int, high: int) -> bool:
    value = given(asked.body, name)
    return isinstance(value, int) and not isinstance(value, bool) and not low <= value <= high


@judges("CONF-028", "putConfigRetentionDays", "putConfigDebugRetentionDays", "putConfigAutoArchiveDays")
def days(asked: Asked) -> Verdict:
    names = ("retention_days", "debug_retention_days", "auto_archive_days")
    return asked.refused(400) if any(_outside(asked, name, 0, 3650) for name in names) else None


_MOST_MS = (2**63 - 1) // 10**6


@judges("CONF-030", "putConfigWorkspaceTTL")
def workspace_ttl(asked: Asked) -> Verdict:
    value = given(asked.body, "workspace_ttl_ms")
    bad = _outside(asked, "workspace_ttl_ms", 60_000, 2_592_000_000) and value != 0
    # What has more nanoseconds than 64 bits hold slips past the check of the recorded servers.
    return asked.refused(400) if bad and abs(value) <= _MOST_MS else None


@judges("CONF-046", "putConfigComputerUseProvider")
def computer_use_provider(asked: Asked) -> Verdict:
    value = given(asked.body, "provider")
    return asked.refused(400) if isinstance(value, str) and value not in ("anthropic", "openai") else None


@judges("CONF-056", "putConfigUserCompactionThreshold")
def threshold(asked: Asked) -> Verdict:
    return asked.refused(400) if _outside(asked, "threshold_percent", 0, 100) else None


@judges("USAGE-007", "putUsageLimits")
def spend_limit(asked: Asked) -> Verdict:
    value = given(asked.body, "spend_limit_micros")
    return asked.refused(400) if isinstance(value, int) and value <= 0 else None


@judges("USAGE-008", "putUsageLimits")
def spend_period(asked: Asked) -> Verdict:
    value = given(asked.body, "period")
    return asked.refused(400) if isinstance(value, str) and value not in ("", "day", "week", "month") else None


@judges("USAGE-016", "putUserUsageLimit")
def user_limit(asked: Asked) -> Verdict:
    value = given(asked.body, "spend_limit_micros")
    return asked.refused(400) if asked.body is not None and (value is None or (isinstance(value, int) and value <= 0)) else None
