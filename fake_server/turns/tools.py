"""The tools that a model is offered, and what those give that run here without a workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fake_server.faulting import replaceable
from fake_server.model_calls.wires.base import Tool
from fake_server.rules.decode import BadBody, Bool, Integer, ListOf, MapOf, Maybe, Struct, Text, decode
from fake_server.rules.validate import BadUUID, parse_uuid
from fake_server.state import templates
from fake_server.state.records import Chat
from fake_server.turns.toolset import FILES, PLANNING, PROCESSES, Tools, active

if TYPE_CHECKING:
    from fake_server.state.store import State

NEEDS_CREATE = "chat has no workspace; use create_workspace first"
PLAN_PATH = "resolve chat-specific plan path: "
NUL = 'pq: invalid byte sequence for encoding "UTF8": 0x00'


class ToolError(Exception):
    """The tool has failed; `more` are further keys of its result."""

    def __init__(self, text: str, **more: Any) -> None:
        super().__init__(text)
        self.result: dict[str, Any] = {"error": text, **more}


def client_tools(backend: State, chat: Chat) -> dict[str, dict[str, Any]]:
    """The tools that the client runs, by name; a built-in one of the same name wins. None in plan mode."""
    planning = chat.planning and backend.does("tools.none-of-clients-in-plans")
    if planning or chat.parent_chat_id is not None:
        return {}
    own = active(backend, chat)
    return {tool["name"]: tool for tool in chat.dynamic_tools if tool["name"] not in own}


def offered(backend: State, chat: Chat) -> list[Tool]:
    """All tools of a model call, as the wires send them."""
    tools = [Tool(name, text, _schema(shape)) for name, (text, shape) in active(backend, chat).items()]
    for tool in client_tools(backend, chat).values():
        schema = tool.get("input_schema") or {"type": "object", "properties": {}}
        tools.append(Tool(tool["name"], tool.get("description") or "", schema))
    return tools


def _schema(shape: Struct) -> dict[str, Any]:
    kinds = {Text: "string", Integer: "integer", ListOf: "array", MapOf: "object", Bool: "boolean"}
    inner = {name: kind.kind if isinstance(kind, Maybe) else kind for name, kind in shape.fields.items()}
    return {"type": "object", "properties": {name: {"type": kinds[type(kind)]} for name, kind in inner.items()}}


@replaceable
def known_tools(backend: State, chat: Chat) -> Tools:
    """What a call is run by: the tools that are active in this turn."""
    return active(backend, chat)


@replaceable
def arguments(backend: State, name: str, text: str, tools: Tools) -> dict[str, Any]:
    """A call's arguments, checked. Raises ToolError."""
    if name not in tools:
        raise ToolError(inactive(backend, name))
    try:
        read: dict[str, Any] = decode(text.encode(), tools[name][1])
    except BadBody as error:
        raise ToolError(f"invalid parameters: {error}") from None
    return read


NO_TEMPLATES = "No templates are available to this chat. Inform the user."


@replaceable
def inactive(backend: State, name: str) -> str:
    return str(backend.revision.value("tools.unknown")).replace("{name}", name)


def run_plain(backend: State, chat: Chat, name: str, args: dict[str, Any]) -> Any:
    """The result of a built-in tool that needs no workspace, no other chat and no model. Raises ToolError."""
    planning, no_workspace = chat.planning, backend.revision.value("tools.no-workspace")
    if planning and (name == "write_file" or (name == "edit_files" and args["files"])):
        raise ToolError(PLAN_PATH + no_workspace)  # in plan mode these act on the plan's file only
    if name in FILES or name == "process_list":
        raise ToolError(no_workspace)
    if name in PROCESSES:
        if not args["process_id"] and backend.does("tools.asks-for-ids"):
            raise ToolError("process_id is required")
        if name == "process_signal" and args["signal"] not in ("terminate", "kill"):
            raise ToolError('signal must be "terminate" or "kill"')
        raise ToolError(no_workspace)
    if name in ("start_workspace", "stop_workspace"):
        raise ToolError(NEEDS_CREATE)
    if name == "list_templates":
        if "\0" in args["query"]:
            raise ToolError(NUL)
        rows = templates.listed(backend, args["query"])
        if not rows and backend.does("tools.tells-what-next"):
            return {"page": max(args["page"], 1), "templates": rows, "next_step": NO_TEMPLATES}
        return {"count": len(rows), "page": max(args["page"], 1), "templates": rows, "total_count": len(rows), "total_pages": 1}
    if name in ("read_template", "create_workspace"):
        wanted = args["template_id"].strip()
        if not wanted and backend.does("tools.asks-for-ids"):
            more = "" if name == "read_template" else "; use list_templates to find one"
            raise ToolError(f"template_id is required{more}")
        try:
            parse_uuid(wanted)
        except BadUUID as error:
            raise ToolError(f"invalid template_id: {error}") from None
        missing = "look up template: fetch object: sql: no rows in result set"
        raise ToolError("template not found" if name == "read_template" else missing)
    if name == "ask_user_question":
        return {"questions": _asked(args["questions"])}
    if name == "propose_plan":
        raise ToolError(PLAN_PATH + no_workspace)
    raise ToolError(inactive(backend, name))


def _asked(questions: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """The questions, as they are shown. Raises ToolError."""
    if not questions:
        raise ToolError("questions is required")
    for n, question in enumerate(questions):
        for field in ("header", "question"):
            if not question[field].strip():
                raise ToolError(f"questions[{n}].{field} is required")
        options = question["options"] or []
        if not 2 <= len(options) <= 4:
            raise ToolError(f"questions[{n}].options must contain 2-4 items")
        for m, option in enumerate(options):
            for field in ("label", "description"):
                if not option[field].strip():
                    raise ToolError(f"questions[{n}].options[{m}].{field} is required")
    return questions


def ends_turn(name: str) -> bool:
    """Does the run end, without another model call, once this tool has succeeded?"""
    return name in PLANNING
