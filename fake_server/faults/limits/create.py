"""Create that takes what it must refuse, refuses what it must take, or reports the wrong thing first."""

from __future__ import annotations

import re

from fake_server.faulting import Answer, answers, changes, turns_off
from fake_server.faults.limits.bounds import detail_of, gives, message_of, other_status, refuse, reorders
from fake_server.rules.refusals import Refusal
from fake_server.state import usage

turns_off(
    "organization-not-required",
    "the organization is looked up though missing",
    "create.organization-required",
    red=["CREATE-001", "CREATE-002", "BODY-008"],
)
reorders(
    "content-before-organization", "bad content is reported before a missing organization", "createChat",
    "create.organization-required", "content.required", "content", red=["CREATE-002", "ERR-013"],
)  # fmt: skip
reorders(
    "content-before-membership", "bad content is reported before a foreign organization", "createChat",
    "create.not-member", "content.required", "content", red=["CREATE-003", "OWN-040"],
)  # fmt: skip
reorders(
    "content-before-the-right", "bad content is reported before the want of the right to create", "createChat",
    "common.forbidden", "content.required", "content", red=["CREATE-004", "OWN-036", "OWN-037"],
)  # fmt: skip
reorders(
    "content-before-system-prompt", "bad content is reported before a long system prompt", "createChat",
    "create.system-prompt", "content.required", "content", red=["CREATE-009", "ERR-015"],
)  # fmt: skip
reorders(
    "plan-mode-before-model", "a bad plan mode is reported before a bad model", "createChat",
    "create.model-nil", "common.plan-mode", "plan_mode", red=["CREATE-035", "ERR-016"],
)  # fmt: skip
reorders(
    "client-type-before-tools", "a bad client type is reported before bad tools", "createChat",
    "create.tool-name", "create.client-type", "client_type", red=["CREATE-036", "ERR-019"],
)  # fmt: skip


@answers("createChat", red=["CREATE-005", "BODY-002"])
def organization_before_the_body(answer: Answer) -> None:
    """The organization is checked before a malformed plan mode."""
    if answer.status == 400 and ".plan_mode" in detail_of(answer) and "unmarshal" in detail_of(answer):
        refuse(answer, "create.not-member")


turns_off(
    "system-prompt-of-any-length",
    "a system prompt may have any length",
    "create.system-prompt",
    red=["CREATE-006", "CREATE-003", "CREATE-008", "CREATE-009", "ERR-015"],
)
turns_off(
    "system-prompt-one-too-long",
    "a system prompt may be a byte too long",
    "create.exact-system-prompt",
    red=["CREATE-006", "CREATE-003", "CREATE-009", "ERR-015"],
)
turns_off("system-prompt-in-characters", "a system prompt is measured in characters", "create.counts-bytes", red=["CREATE-008"])
turns_off(
    "content-not-required",
    "content may be missing",
    "content.required",
    red=[
        "CREATE-010",
        "SEND-002",
        "EDIT-007",
        "CREATE-002",
        "CREATE-009",
        "CREATE-035",
        "CREATE-037",
        "CREATE-039",
        "EDIT-008",
        "EDIT-012",
        "SEND-008",
        "SEND-011",
        "SEND-017",
        "BODY-008",
    ],
)
turns_off(
    "texts-may-be-blank",
    "a text part may be blank",
    "content.text-empty",
    red=["CREATE-011", "SEND-002", "EDIT-007", "CREATE-012", "EDIT-008"],
)
turns_off(
    "any-part-is-text",
    "a part of an unknown type is taken for text",
    "content.known-types",
    red=["CREATE-013", "EDIT-007", "SEND-002"],
)
turns_off("part-types-are-exact", "the type of a part must be spelled exactly", "content.type-normalised", red=["CREATE-014"])
other_status("missing-file-id-is-404", "content.file-id", 404, "createChat", red=["CREATE-015", "SCHEMA-createChat"])
other_status(
    "unknown-file-is-404", "content.file-unknown", 404, "createChat", red=["CREATE-016", "CREATE-017", "SCHEMA-createChat"]
)
turns_off("foreign-files-may-be-named", "files of others may be named", "content.file-unknown", red=["CREATE-017"])
turns_off(
    "file-references-without-name",
    "a file reference needs no name",
    "content.file-name",
    red=["CREATE-018", "EDIT-007", "SCHEMA-editMessage", "SCHEMA-listMessages", "SCHEMA-sendMessage", "SEND-002"],
)
other_status("unknown-workspace-is-404", "common.workspace", 404, "createChat", red=["CREATE-020", "SCHEMA-createChat"])
other_status(
    "nil-model-is-404",
    "create.model-nil",
    404,
    "createChat",
    red=["CREATE-021", "CREATE-035", "CREATE-037", "CREATE-039", "SCHEMA-createChat"],
)
other_status(
    "unknown-model-is-404", "create.model-unknown", 404, "createChat", red=["CREATE-022", "CREATE-038", "SCHEMA-createChat"]
)
other_status("no-model-is-500", "create.no-default-model", 500, "createChat", red=["CREATE-023", "CREATE-065"])
turns_off(
    "any-mcp-server",
    "unknown MCP servers are accepted",
    "common.mcp-servers",
    red=["CREATE-025", "SEND-003", "CREATE-026", "CREATE-035", "CREATE-036", "CREATE-039", "SEND-008", "SEND-011"],
)
turns_off("any-number-of-tools", "dynamic tools are not counted", "create.tools-count", red=["CREATE-028"])
turns_off("tools-one-too-many", "251 dynamic tools are accepted", "create.exact-tools", red=["CREATE-028"])
turns_off(
    "tools-without-name",
    "a dynamic tool needs no name",
    "create.tool-name",
    red=["CREATE-030", "CREATE-036", "CREATE-037", "CREATE-039"],
)
turns_off(
    "tools-named-twice", "two tools may have one name", "create.tool-duplicate", red=["CREATE-031", "CREATE-032", "CREATE-033"]
)
turns_off(
    "any-client-type",
    "any text is a client type",
    "create.client-type",
    red=["CREATE-034", "CREATE-036", "CREATE-037", "CREATE-039", "SCHEMA-createChat"],
)


@answers("createChat", red=["CREATE-012"])
def first_part_is_blamed(answer: Answer) -> None:
    """The refusal of a part always names the first."""
    if message_of(answer) == "Invalid input part.":
        answer.body["detail"] = re.sub(r"\[\d+\]", "[0]", detail_of(answer))


@answers("createChat", red=["CREATE-019"])
def lines_are_validated(answer: Answer) -> None:
    """A file reference whose lines run backwards is refused."""
    if answer.status == 201 and any(part["start_line"] > part["end_line"] for part in answer.sent["content"]):
        refuse(answer, "common.bad-json", detail="start_line is after end_line")


@answers("createChat", red=["CREATE-026"])
def unknown_servers_are_sorted(answer: Answer) -> None:
    """The unknown MCP servers are listed in the order of their ids."""
    if message_of(answer).startswith("One or more MCP"):
        answer.body["detail"] = "Invalid IDs: " + ", ".join(sorted(answer.sent["mcp_server_ids"]))


@answers("createChat", red=["CREATE-032"])
def tool_names_in_any_case(answer: Answer) -> None:
    """Names of tools that differ in case only count as one."""
    names = [tool["name"].lower() for tool in answer.sent["unsafe_dynamic_tools"] or ()] if answer.status == 201 else []
    if len(names) > len(set(names)):
        refuse(answer, "create.tool-duplicate", name=names[0])


@answers("createChat", red=["CREATE-033"])
def tools_need_a_description(answer: Answer) -> None:
    """A dynamic tool without a description is refused."""
    if answer.status == 201 and not all(tool["description"] for tool in answer.sent["unsafe_dynamic_tools"] or ()):
        refuse(answer, "common.bad-json", detail="description is required")


def over_the_limit(answer: Answer) -> Refusal | None:
    """The refusal that a reached spend limit is, if the caller has reached his."""
    try:
        usage.check_limit(answer.backend, answer.caller, answer.backend.store.organization_id)
    except Refusal as refused:
        return refused
    return None


@answers("createChat", "sendMessage", red=["CREATE-037", "SEND-017"])
def spend_limit_before_all_checks(answer: Answer) -> None:
    """A reached spend limit is reported before bad fields."""
    refused = over_the_limit(answer) if answer.status == 400 and answer.actor else None
    if refused:
        gives(answer, refused)


def _names_unknown_model(answer: Answer) -> bool:
    wanted = (answer.sent or {}).get("model_config_id")
    return bool(wanted) and wanted not in answer.backend.store.model_configs


@answers("createChat", red=["CREATE-038"])
def model_before_spend_limit(answer: Answer) -> None:
    """An unknown model is reported on create before a reached spend limit."""
    if answer.status == 409 and _names_unknown_model(answer):
        refuse(answer, "create.model-unknown", detail="no such model")


@answers("sendMessage", red=["SEND-016"])
def model_of_a_send_before_spend_limit(answer: Answer) -> None:
    """An unknown model is reported on send before a reached spend limit."""
    if answer.status == 409 and _names_unknown_model(answer):
        refuse(answer, "send.model-unknown")


@answers("createChat", red=["CREATE-039", "CREATE-024", "CREATE-035"])
def refused_create_makes_a_chat(answer: Answer) -> None:
    """The chat is stored before its plan mode is checked."""
    if message_of(answer) == "Invalid plan_mode value." and answer.sent["labels"]:
        config = next(iter(answer.backend.store.model_configs))
        answer.backend.lifecycle.create(
            answer.caller,
            organization_id=answer.sent["organization_id"],
            content=[{"type": "text", "text": "made too early"}],
            model_config_id=config,
            labels=answer.sent["labels"],
        )


@changes("createChat", red=["FILE-040", "FILE-045", "CREATE-017"])
def files_alone_are_no_content(answer: Answer) -> None:
    """A message needs a text part."""
    if all(part["type"].strip().lower() == "file" for part in answer.sent["content"]):
        refuse(answer, "content.required")
