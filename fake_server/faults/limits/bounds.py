"""Bounds that are one off, bodies read too strictly or too kindly, labels, PATCH."""

from __future__ import annotations

from typing import Any

from fake_server.faulting import Answer, Fault, answers, changes, declare, turns_off
from fake_server.rules.refusals import Refusal, refusal


def refuse(answer: Answer, key: str, **places: Any) -> None:
    """Make it an answer that refuses with this key."""
    gives(answer, refusal(key, **places))


def gives(answer: Answer, refused: Refusal) -> None:
    """Make it this refusal."""
    said = answer.backend.said(refused)
    answer.status, answer.body = said.status, said.body
    answer.headers["content-type"] = "application/json; charset=utf-8"  # a 204 had none


def message_of(answer: Answer) -> str:
    return str(answer.body.get("message", "")) if isinstance(answer.body, dict) else ""


def detail_of(answer: Answer) -> str:
    return str(answer.body.get("detail", "")) if isinstance(answer.body, dict) else ""


def reorders(name: str, doc: str, operation: str, first: str, then: str, *fields: str, red: list[str]) -> Fault:
    """Declare a fault that gives the refusal `then` instead of `first` when all these fields are filled, or empty."""

    def change(answer: Answer) -> None:
        sent = answer.sent if isinstance(answer.sent, dict) else {}
        if message_of(answer) == answer.backend.revision.errors[first].message and all(_odd(sent, field) for field in fields):
            refuse(answer, then)

    return declare(Fault(name, doc, frozenset(red), operations=frozenset({operation}), answer=change))


def _odd(sent: dict[str, Any], field: str) -> bool:
    return not sent.get("content") if field == "content" else bool(sent.get(field))


def other_status(name: str, key: str, status: int, *operations: str, red: list[str]) -> Fault:
    """Declare a fault that gives the refusal `key` another status."""

    def change(answer: Answer) -> None:
        row = answer.backend.revision.errors[key]
        detail = (row.detail or "").rpartition("]")[2].replace("{detail}", "")
        alike = detail_of(answer).endswith(detail) and (row.detail is not None) == bool(detail_of(answer))
        if answer.status == row.status and message_of(answer) == row.message and alike:
            answer.status = status

    doc = f"refuses with {status} what must be refused by {key}"
    return declare(Fault(name, doc, frozenset(red), operations=frozenset(operations), answer=change))


# -- bodies


def _patches(name: str, doc: str, said: str, *red: str) -> None:
    def change(answer: Answer) -> None:
        if answer.status == 400 and detail_of(answer).startswith(said) and answer.sent is None:
            answer.status, answer.body = 204, None

    declare(Fault(name, doc, frozenset(red), operations=frozenset({"patchChat"}), answer=change))


_patches("patch-takes-an-empty-body", "an empty body of PATCH changes nothing", "EOF", "BODY-001", "BODY-036")
_patches("patch-takes-any-type", "a field of the wrong type is passed over on PATCH", "json: cannot unmarshal", "BODY-002")
_patches("patch-takes-any-uuid", "a malformed UUID is passed over on PATCH", "invalid UUID", "BODY-003")
turns_off(
    "unknown-fields-are-refused",
    "a body with an unknown field is refused",
    "body.unknown-fields",
    red=["BODY-004", "BODY-011", "BODY-015", "ERR-172", "PATCH-024", "PROV-009"],
)
turns_off("media-type-must-be-json", "a body of another media type is refused", "body.any-media-type", red=["BODY-005"])
turns_off("field-names-are-exact", "field names in another case are refused", "body.any-case", red=["BODY-006"])
turns_off(
    "bytes-behind-are-refused", "bytes behind the body's value are refused", "body.bytes-behind", red=["BODY-007", "ROUND-005"]
)
turns_off("null-is-no-body", "a body null is refused", "body.null", red=["BODY-008", "ERR-013", "ERR-022"])
turns_off(
    "uuids-in-one-spelling",
    "UUIDs in bodies must be dashed lower case",
    "body.any-uuid",
    red=["BODY-010", "ACL-028", "ERR-041", "FILE-045"],
)
turns_off("create-body-has-no-cap", "a create body of any size is read", "create.body-cap", red=["BODY-011", "BODY-138"])
turns_off(
    "create-body-cap-one-off", "a create body may be a byte too long", "create.exact-body-cap", red=["BODY-011", "BODY-138"]
)
turns_off("tool-results-have-no-cap", "tool results of any size are read", "tool-results.body-cap", red=["BODY-013", "BODY-140"])
turns_off("send-body-has-a-cap", "a send is capped like create", "send.no-body-cap", red=["BODY-014", "ROUND-010", "BODY-139"])
turns_off("patch-body-has-a-cap", "a PATCH is capped like create", "patch.no-body-cap", red=["BODY-015"])

# -- labels

turns_off(
    "any-number-of-labels",
    "labels are not counted",
    "labels.count",
    red=["LABEL-001", "LABEL-010", "LABEL-011", "SCHEMA-createChat", "SCHEMA-getChat", "SCHEMA-listChats"],
)
turns_off(
    "labels-one-too-many", "51 labels are accepted", "labels.exact-count", red=["LABEL-001", "SCHEMA-getChat", "SCHEMA-listChats"]
)
turns_off(
    "label-keys-of-any-length",
    "keys of labels may have any length",
    "labels.key-length",
    red=["LABEL-003", "LABEL-010", "LABEL-011", "SCHEMA-createChat", "SCHEMA-getChat", "SCHEMA-listChats"],
)
turns_off(
    "label-key-one-too-long",
    "keys of labels may have 65 bytes",
    "labels.exact-key",
    red=["LABEL-003", "LABEL-010", "LABEL-011", "SCHEMA-createChat", "SCHEMA-getChat", "SCHEMA-listChats"],
)
turns_off(
    "label-values-of-any-length",
    "values of labels may have any length",
    "labels.value-length",
    red=["LABEL-005", "LABEL-007", "LABEL-010", "LABEL-011", "SCHEMA-createChat", "SCHEMA-getChat", "SCHEMA-listChats"],
)
turns_off(
    "label-value-one-too-long",
    "values of labels may have 257 bytes",
    "labels.exact-value",
    red=["LABEL-005", "LABEL-010", "LABEL-011", "SCHEMA-createChat", "SCHEMA-getChat", "SCHEMA-listChats"],
)
turns_off(
    "label-values-in-characters",
    "values of labels are measured in characters",
    "labels.counts-bytes",
    red=["LABEL-007", "LABEL-011"],
)
turns_off(
    "label-keys-may-be-empty",
    "empty keys of labels are accepted",
    "labels.key-empty",
    red=[
        "LABEL-008",
        "LABEL-010",
        "LABEL-011",
        "SCHEMA-createChat",
        "CREATE-036",
        "CREATE-039",
        "PATCH-020",
        "SCHEMA-getChat",
        "SCHEMA-listChats",
    ],
)
turns_off(
    "label-values-may-be-empty",
    "empty values of labels are accepted",
    "labels.value-empty",
    red=["LABEL-008", "LABEL-010", "LABEL-011", "SCHEMA-createChat", "SCHEMA-getChat", "SCHEMA-listChats"],
)
turns_off(
    "label-keys-of-anything",
    "keys of labels may hold anything",
    "labels.key-characters",
    red=["LABEL-009", "LABEL-010", "LABEL-011", "SCHEMA-createChat", "PATCH-019", "SCHEMA-getChat", "SCHEMA-listChats"],
)
turns_off(
    "create-takes-any-labels",
    "labels are not checked on create",
    "create.labels",
    red=["LABEL-011", "SCHEMA-createChat", "CREATE-036", "CREATE-039", "SCHEMA-listChats"],
)


@answers("patchChat", red=["LABEL-010"])
def first_bad_label_only(answer: Answer) -> None:
    """Of several bad labels only the first is reported."""
    if message_of(answer) == "Invalid labels.":
        answer.body["validations"] = answer.body["validations"][:1]


def _at_most(
    name: str, doc: str, most: int, size: Any, *red: str, operation: str = "patchChat", key: str = "labels.count"
) -> None:
    """A bound that is one too low."""

    def change(answer: Answer) -> None:
        if answer.status < 300 and isinstance(answer.sent, dict) and size(answer.sent) == most:
            refuse(answer, key)

    declare(Fault(name, doc, frozenset(red), operations=frozenset({operation}), answer=change))


_at_most("labels-one-too-few", "50 labels are refused", 50, lambda s: len(s["labels"] or ()), "LABEL-001")
_at_most(
    "title-one-too-short", "a title of 200 characters is refused", 200,
    lambda s: len((s["title"] or "").strip()), "PATCH-001", "PATCH-003", key="patch.title-length",
)  # fmt: skip
_at_most(
    "tools-one-too-few", "250 dynamic tools are refused", 250,
    lambda s: len(s["unsafe_dynamic_tools"] or ()), "CREATE-028", operation="createChat", key="create.tools-count",
)  # fmt: skip
_at_most(
    "system-prompt-one-too-short", "a system prompt of 10000 bytes is refused", 10_000,
    lambda s: len(s["system_prompt"]), "CREATE-006", operation="createChat", key="create.system-prompt",
)  # fmt: skip

# -- PATCH

turns_off("titles-of-any-length", "titles may have any length", "patch.title-length", red=["PATCH-001", "PATCH-003"])
turns_off("title-one-too-long", "titles may have 201 characters", "patch.exact-title", red=["PATCH-001", "PATCH-003"])
turns_off("title-in-bytes", "titles are measured in bytes", "patch.counts-characters", red=["PATCH-003"])
turns_off(
    "titles-may-be-blank",
    "blank titles are accepted",
    "patch.title-empty",
    red=["PATCH-004", "PATCH-020", "SCHEMA-getChat", "SCHEMA-listChats"],
)
turns_off(
    "plan-mode-of-anything",
    "any text is a plan mode",
    "common.plan-mode",
    red=[
        "PATCH-006",
        "CREATE-024",
        "SEND-001",
        "CHATOBJ-004",
        "CREATE-035",
        "CREATE-039",
        "PATCH-018",
        "PATCH-020",
        "SCHEMA-createChat",
        "SCHEMA-getChat",
        "SEND-008",
        "SEND-009",
        "SEND-011",
        "SCHEMA-listChats",
    ],
)
turns_off("pins-may-be-negative", "a negative pin order is accepted", "patch.pin-negative", red=["PATCH-007", "PATCH-020"])
turns_off(
    "any-workspace",
    "an unknown workspace is accepted",
    "common.workspace",
    red=["PATCH-008", "CREATE-020", "PATCH-017", "PATCH-020"],
)
turns_off(
    "null-fields-are-refused",
    "a null in a body is refused",
    "body.null-fields",
    red=["PATCH-010", "PATCH-013", "ACL-010", "ERR-022", "SEND-026", "SEND-027"],
)


@changes("patchChat", red=["PATCH-009", "PATCH-024"])
def empty_patch_moves_the_chat(answer: Answer) -> None:
    """A PATCH of nothing moves the chat up in the list."""
    chat = answer.backend.store.chats[answer.path_params["chat"]]
    if isinstance(answer.sent, dict) and not any(value is not None for value in answer.sent.values()):
        chat.updated_at = answer.backend.clock.now()
