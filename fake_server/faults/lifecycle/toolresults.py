"""Wrong tools: results of clients, and what the server runs itself."""

from __future__ import annotations

from typing import Any

from fake_server.chats.queueing import INTERRUPTED_BY_PROMOTION
from fake_server.faulting import Answer, answers, changes, instead, replaces, turns_off
from fake_server.state import model_choice
from fake_server.state.records import Chat, Message, Part, User
from fake_server.turns import tools
from fake_server.turns.loop import unexpected
from fake_server.turns.run import Run
from fake_server.turns.tools import ToolError
from fake_server.turns.toolset import ADVISOR, EVERY

replaces(
    "clients-run-no-tools",
    "the server answers the client's tools",
    "left_to_client",
    lambda right, backend, chat: (),
    red=["TOOL-001", "EVENT-003", "EVENT-004", "FILE-038", "PART-012", "PART-014", "USAGE-034", "WATCH-028", "TOOL-025"],
)
replaces(
    "results-end-the-turn",
    "no model call follows the results",
    "Lifecycle._go_on",
    lambda right, chat: right.__self__.backend.ledger.write_status(chat, "waiting"),
    red=["TOOL-002", "TOOL-012", "TOOL-015", "TOOL-016", "QUEUE-022", "USAGE-034", "STREAM-073", "WATCH-019"],
)


@instead("Lifecycle.tool_results", red=["TOOL-003"])
def results_in_call_order(right: Any, chat: Chat, caller: User, results: list[dict[str, Any]], token: Any) -> None:
    """Results are stored in the order of the calls."""
    asked = list(right.__self__.backend.ledger.pending_calls(chat))
    right(
        chat, caller, sorted(results, key=lambda r: asked.index(r["tool_call_id"]) if r["tool_call_id"] in asked else 99), token
    )


@instead("Lifecycle._result_part", red=["TOOL-004", "TOOL-015", "ROUND-009"])
def results_are_text(right: Any, result: dict[str, Any], tool: str) -> Part:
    """Results are stored as text."""
    part: Part = right(result, tool)
    return part if isinstance(part["result"], (dict, list)) else part | {"result": str(part["result"])}


replaces(
    "failed-results-succeed",
    "is_error of a result is ignored",
    "Lifecycle._result_part",
    lambda right, result, tool: right(result | {"is_error": False}, tool),
    red=["TOOL-005"],
)
turns_off(
    "results-at-any-time",
    "results are never too late",
    "tool-results.not-waiting",
    red=["TOOL-006", "TOOL-023", "TOOL-007", "TOOL-013", "BODY-013", "EDIT-024", "INT-011", "TOOL-047"],
)
turns_off("no-results-will-do", "an empty list is not looked at", "tool-results.empty", red=["TOOL-007", "ERR-160"])
turns_off("results-twice", "the last of two results counts", "tool-results.duplicate", red=["TOOL-008", "TOOL-012"])
turns_off("some-results-will-do", "open calls may be left out", "tool-results.missing", red=["TOOL-009", "TOOL-012"])
turns_off(
    "results-of-any-call",
    "results of unknown calls are stored",
    "tool-results.unexpected",
    red=["TOOL-010", "TOOL-012", "PART-003", "SCHEMA-listMessages"],
)
turns_off("results-without-output", "a result without output is null", "tool-results.no-output", red=["TOOL-011", "TOOL-012"])


@answers("submitToolResults", red=["TOOL-012", "TOOL-007", "TOOL-008", "TOOL-009", "TOOL-010", "TOOL-011", "ARCH-012"])
def refused_results_end_the_wait(answer: Answer) -> None:
    """After a refusal the chat awaits no results any more."""
    chat = answer.backend.store.chats[answer.path_params["chat"]]
    if answer.status == 400 and chat.status == "requires_action":
        chat.status = "waiting"


@answers("submitToolResults", red=["TOOL-013", "BODY-013", "OWN-010", "OWN-034"])
def status_before_the_body(answer: Answer) -> None:
    """A chat that awaits nothing refuses whatever is sent."""
    chat = answer.backend.store.chats[answer.path_params["chat"]]
    if answer.status == 400 and "valid JSON" in answer.body["message"] and chat.status == "waiting":
        answer.status, answer.body = 409, {"message": "Chat is not waiting for tool results."}


@instead("left_to_client", red=["TOOL-015", "STREAM-073", "WATCH-019"])
def results_once_a_turn(right: Any, backend: Any, chat: Chat) -> Any:
    """A turn asks the client once."""
    own, rows = right(backend, chat), backend.store.messages[chat.id]
    return () if any(part.get("tool_name") in own for m in rows if m.role == "tool" for part in m.content) else own


@instead("run_here", red=["TOOL-016"])
async def built_in_tools_wait(right: Any, backend: Any, run: Run, step: Any, calls: list[int]) -> None:
    """None run beside the client's."""
    if len(calls) == len(step.calls):
        await right(backend, run, step, calls)


@instead("run_tool", red=["TOOL-017", "TOOL-025"])
async def unknown_tools_fail(right: Any, backend: Any, run: Run, step: Any, position: int) -> None:
    """A call of an unknown tool fails the turn."""
    if step.calls[position].name not in tools.known_tools(backend, run.chat):
        raise unexpected(backend)
    await right(backend, run, step, position)


turns_off(
    "results-backwards",
    "results of a step are stored last first",
    "tools.results-in-order",
    red=["TOOL-019", "PART-010", "STREAM-052"],
)


@instead("run_tools", red=["TOOL-020"])
async def calls_need_their_finish(right: Any, backend: Any, run: Run, step: Any) -> bool:
    """Calls run for one finish reason alone."""
    step.runs_tools = step.runs_tools and step.finish in ("", "tool_calls")
    return bool(await right(backend, run, step))


replaces("questions-go-on", "the turn goes on after a question", "planned", lambda right, backend, step: False, red=["TOOL-021"])


@instead("Lifecycle._first_turn", red=["TOOL-022"])
def children_sleep(right: Any, chat: Chat) -> None:
    """A child chat runs no turn."""
    if chat.parent_chat_id is None:
        right(chat)


turns_off(
    "failed-tools-look-well",
    "the result of a failed tool is not marked",
    "tools.mark-errors",
    red=["TOOL-018", "TOOL-017", "TOOL-021", "PART-013", "PART-010", "USAGE-037", "TOOL-025"],
)


@instead("Lifecycle._answer_pending", red=["MSG-004"])
def made_up_results_have_an_author(right: Any, chat: Chat, text: str) -> list[Message]:
    """The owner is their author."""
    rows: list[Message] = right(chat, text)
    for row in rows:
        row.created_by = chat.owner_id
    return rows


replaces(
    "made-up-results-blame-promotions",
    "an interrupt is told as a promotion",
    "Lifecycle._answer_pending",
    lambda right, chat, text: right(chat, INTERRUPTED_BY_PROMOTION),
    red=["TOOL-026"],
)
turns_off("plans-use-client-tools", "plan mode has the client's tools", "tools.none-of-clients-in-plans", red=["TOOL-025"])


@instead(
    "subagent_model",
    red=["TOOL-024", "COST-006", "COST-015", "COST-016", "COST-017", "COST-020", "COST-031", "COST-032", "USAGE-037"],
)
def children_use_the_default(right: Any, backend: Any, owner: Any, parent: Chat, context: str) -> str:
    """A sub-agent runs on the default model."""
    chosen, usual = str(right(backend, owner, parent, context)), model_choice.default_model_config(backend)
    return usual.id if usual and chosen == parent.last_model_config_id else chosen


@changes("submitToolResults", red=["MSG-015"])
def results_name_nobody(answer: Answer) -> None:
    """A client's results have no author."""
    for message in answer.backend.store.messages[answer.path_params["chat"]]:
        if message.role == "tool":
            message.created_by = None


turns_off(
    "explorers-have-it-all",
    "an explore sub-agent has the tools of a general one",
    "tools.explorers-look-only",
    red=["TOOL-027", "TOOL-032"],
)
turns_off(
    "children-make-workspaces", "sub-agents have the tools for workspaces", "tools.children-make-no-workspaces", red=["TOOL-028"]
)
turns_off("plans-reach-no-children", "sub-agents of plans may write", "tools.plan-children-look-only", red=["TOOL-029"])
turns_off("plans-signal-processes", "plan mode takes no tool away", "tools.plans-look-only", red=["TOOL-030", "TOOL-031"])
replaces(
    "tools-not-offered-run",
    "what is not offered is run when it is called",
    "known_tools",
    lambda right, backend, chat: EVERY | ADVISOR,
    red=["TOOL-031", "TOOL-032"],
)
replaces(
    "inactive-tools-are-unknown",
    "another text for tools that are not active",
    "inactive",
    lambda right, backend, name: f"unknown tool {name}",
    red=["TOOL-032"],
)


@instead("arguments", red=["TOOL-033"])
def arguments_are_guessed(right: Any, backend: Any, name: str, text: str, known: Any) -> Any:
    """Arguments of a wrong type count as missing."""
    try:
        return right(backend, name, text, known)
    except ToolError:
        if name not in known:
            raise
        return known[name][1].zero


turns_off("no-id-needed", "a tool without its id says what it says without a workspace", "tools.asks-for-ids", red=["TOOL-034"])


@answers("promoteQueuedMessage", "submitToolResults", red=["TOOL-047"])
def results_after_a_promotion(answer: Answer) -> None:
    """Results for calls that a promotion has closed are accepted."""
    promoted = answer.backend.faults.memory.setdefault("promoted", set())
    if answer.operation == "promoteQueuedMessage":
        promoted.add(answer.path_params["chat"])
    elif answer.status == 409 and answer.path_params["chat"] in promoted:
        answer.status, answer.body = 204, b""
