"""Debug runs, skills and tool servers that are wrong."""

from __future__ import annotations

from fake_server.faulting import Answer, answers, changes, turns_off
from fake_server.faults.models.providers import empty, refuse
from fake_server.state import model_choice

# -- debug runs --
turns_off("turns-leave-no-debug-run", "turns are not recorded", "debug.chat_turn", red=["DEBUG-001", "DEBUG-009"])
turns_off(
    "titles-leave-no-debug-run", "generated titles are not recorded", "debug.title_generation", red=["DEBUG-002", "DEBUG-005"]
)
turns_off("debug-steps-are-all-first", "each step of a debug run has number 1", "debug.numbers-steps", red=["DEBUG-003"])
turns_off("debug-runs-oldest-first", "debug runs are listed oldest first", "debug.newest-first", red=["DEBUG-004", "DEBUG-005"])
turns_off("one-debug-run-too-many", "101 debug runs are listed", "debug.limit", red=["DEBUG-005"])
turns_off("debug-runs-of-all-chats", "a debug run is found through any chat", "debug.own-runs", red=["DEBUG-007"])
turns_off("failed-runs-are-completed", "the debug run of a failed turn is completed", "debug.status-error", red=["DEBUG-009"])
turns_off("debug-runs-for-all", "debug runs are recorded unasked", "debug.only-when-on", red=["DEBUG-010", "CHAT-025"])


@answers("getDebugRun", red=["DEBUG-006"])
def malformed_run_is_not_found(answer: Answer) -> None:
    """A malformed id of a debug run answers 404."""
    if answer.status == 400:
        refuse(answer, 404, "Resource not found or you do not have access to this resource")


@changes("getDebugRun", red=["DEBUG-008"])
def debug_run_without_totals(answer: Answer) -> None:
    """A debug run by itself has no summary."""
    answer.body["summary"] = {}


@answers(red=["DEBUG-011"])
def members_read_a_debug_run(answer: Answer) -> None:
    """Bob reads a debug run whose id he knows."""
    if answer.status == 404 and "/debug/runs/" in answer.path and answer.actor == "bob":
        run = answer.backend.store.debug_runs[answer.path_params["chat"]][0]
        answer.status, answer.body = 200, run.view | {"steps": []}


# -- skills --
turns_off("skills-stay-as-they-are", "a skill's content is not replaced", "skills.replaced", red=["SKILL-003"])
turns_off("skills-stay", "a deleted skill stays", "skills.deleted", red=["SKILL-004", "SKILL-009", "SKILL-011"])
turns_off("skills-without-a-body", "a skill may have a head alone", "skills.body", red=["SKILL-005"])
turns_off("skills-of-one-name", "a second skill replaces the first", "skills.taken", red=["SKILL-006"])
turns_off("skills-named-otherwise", "a PATCH takes any name", "skills.renamed", red=["SKILL-007"])
turns_off("skills-of-any-size", "a skill may be as large as you like", "skills.content-size", red=["SKILL-008"])
turns_off("one-skill-too-many", "a user may have 101 skills", "skills.exact-limit", red=["SKILL-009"])
turns_off("skills-are-open", "whoever knows a user reads his skills", "skills.are-private", red=["SKILL-010", "SKILL-011"])


@changes("createUserSkill", red=["SKILL-001"])
def skills_are_trimmed(answer: Answer) -> None:
    """The answer has the content without the blanks around it."""
    answer.body["content"] = answer.body["content"].strip()


@changes("listUserSkills", red=["SKILL-002"])
def skills_last_first(answer: Answer) -> None:
    """Skills are listed in reverse."""
    answer.body.reverse()


@answers("patchUserSkill", red=["SKILL-011"])
def owners_change_skills(answer: Answer) -> None:
    """The site owner may change the skills of others."""
    if answer.status == 403 and answer.actor == "root0":
        skill = answer.backend.store.skills[answer.path_params["user"]][answer.path_params["skill"]]
        skill["description"] = "Changed by the owner"
        answer.status, answer.body = 200, skill


@answers("deleteUserSkill", red=["SKILL-012"])
def any_skill_is_deleted(answer: Answer) -> None:
    """Deleting a skill that is not there answers 204."""
    if answer.status == 404 and answer.path_params["user"] == "me":
        empty(answer)


# -- tool servers --
turns_off("mcp-addresses-are-open", "everybody sees the addresses of tool servers", "mcp.hides-addresses", red=["MCP-003"])
turns_off("mcp-disabled-is-shown", "everybody sees disabled tool servers", "mcp.hides-disabled", red=["MCP-004", "MCP-115"])
turns_off("mcp-slugs-twice", "a PATCH takes the slug of another tool server", "mcp.slug-taken", red=["MCP-006"])
turns_off("mcp-any-value", "a tool server takes any transport", "mcp.one-of", red=["MCP-007"])
turns_off("mcp-keeps-secrets", "secrets outlive the way of signing in", "mcp.forgets-secrets", red=["MCP-009"])
turns_off("mcp-needs-no-key", "a tool server of api_key needs no key", "mcp.api-key", red=["MCP-010"])
turns_off("mcp-servers-stay", "a removed tool server stays", "mcp.removed", red=["MCP-011"])


@changes("createMCPServer", red=["MCP-001"])
def mcp_blanks_stay(answer: Answer) -> None:
    """The answer has the description as it was sent, blanks and all."""
    answer.body["description"] = answer.sent["description"]


@answers("patchMCPServer", red=["MCP-002"])
def mcp_id_before_right(answer: Answer) -> None:
    """The id of a tool server is looked at before the right of an auditor."""
    if answer.status == 403 and "-" not in answer.path_params["server"] and answer.actor == "auditor":
        refuse(answer, 400, "Invalid MCP server config ID.")


@changes("patchMCPServer", red=["MCP-005"])
def mcp_patch_clears_the_description(answer: Answer) -> None:
    """A PATCH of a tool server clears the description that it does not name."""
    answer.backend.store.mcp_servers[answer.body["id"]]["description"] = ""


@answers("getMCPServer", red=["MCP-008"])
def mcp_malformed_is_unknown(answer: Answer) -> None:
    """A malformed id of a tool server answers 404."""
    if answer.status == 400:
        refuse(answer, 404, "Resource not found or you do not have access to this resource")


# -- the rest --
turns_off("answers-without-vary", "no answer has a Vary header", "route.vary", red=["ROUTE-023"])


@answers("putUserProviderKey", red=["KEY-013", "SCHEMA-putUserProviderKey"])
def keys_of_blanks_are_kept(answer: Answer) -> None:
    """A provider key of nothing but blanks is accepted."""
    key = answer.sent["api_key"] if answer.sent else ""
    if answer.status == 400 and key and not key.strip():
        model_choice.user_keys(answer.backend, answer.caller.id)[answer.path_params["provider"]] = key
        empty(answer)


turns_off(
    "prefixed-models-decide",
    "a model listed under another type decides whether that type is available",
    "catalog.own-models-decide",
    red=["MODEL-058", "MODEL-059"],
)


@changes("listModels", red=["MODEL-059"])
def catalogue_remembers_keys(answer: Answer) -> None:
    """A type that was available to a user once stays so."""
    seen = answer.backend.faults.memory.setdefault(answer.caller.id, set())
    for entry in answer.body["providers"]:
        if entry["available"]:
            seen.add(entry["provider"])
        entry["available"] = entry["provider"] in seen
