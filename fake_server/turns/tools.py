"""The tools that a model is offered, and what those give that run here without a workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from fake_server import templates
from fake_server.decode import BadBody, Integer, Kind, ListOf, MapOf, Raw, Struct, Text, decode
from fake_server.model import Chat
from fake_server.turns.wires.base import Tool
from fake_server.validate import BadUUID, parse_uuid

if TYPE_CHECKING:
    from fake_server.backend import Backend

NO_WORKSPACE = "no workspace is associated with this chat. Use the create_workspace tool to create one"
NEEDS_CREATE = "chat has no workspace; use create_workspace first"
PLAN_PATH = "resolve chat-specific plan path: " + NO_WORKSPACE
NUL = 'pq: invalid byte sequence for encoding "UTF8": 0x00'

TEXT, NUMBER = Text(), Integer(64, "int")
_QUESTION = Struct(
    "Question",
    {
        "header": TEXT,
        "question": TEXT,
        "options": ListOf(Struct("QuestionOption", {"label": TEXT, "description": TEXT})),
    },
)


def _args(name: str, /, **fields: Kind) -> Struct:
    shape = Struct(name, fields)
    shape.name = f"chattool.{name}"
    return shape


# Every built-in tool: what it is for, and its arguments.
BUILT_IN: dict[str, tuple[str, Struct]] = {
    "read_file": ("Read a file.", _args("readFileArgs", path=TEXT, offset=NUMBER, limit=NUMBER)),
    "write_file": ("Write a file.", _args("writeFileArgs", path=TEXT, content=TEXT)),
    "edit_files": ("Edit files.", _args("editFilesArgs", files=ListOf(Raw()))),
    "attach_file": ("Show a file to the user.", _args("attachFileArgs", path=TEXT)),
    "execute": ("Run a shell command.", _args("executeArgs", command=TEXT, timeout=TEXT)),
    "process_output": ("Read what a process wrote.", _args("processOutputArgs", process_id=TEXT)),
    "process_list": ("List processes.", _args("processListArgs")),
    "process_signal": ("Signal a process.", _args("processSignalArgs", process_id=TEXT, signal=TEXT)),
    "list_templates": ("List workspace templates.", _args("listTemplatesArgs", query=TEXT, page=NUMBER)),
    "read_template": ("Describe a template.", _args("readTemplateArgs", template_id=TEXT)),
    "create_workspace": (
        "Create a workspace.",
        _args("createWorkspaceArgs", template_id=TEXT, name=TEXT, parameters=MapOf(TEXT)),
    ),
    "start_workspace": ("Start the workspace.", _args("startWorkspaceArgs")),
    "stop_workspace": ("Stop the workspace.", _args("stopWorkspaceArgs")),
    "spawn_agent": ("Start a sub-agent.", _args("spawnAgentArgs", type=TEXT, prompt=TEXT, title=TEXT)),
    "wait_agent": ("Wait for a sub-agent.", _args("waitAgentArgs", chat_id=TEXT, timeout_seconds=NUMBER)),
    "message_agent": ("Send to a sub-agent.", _args("messageAgentArgs", chat_id=TEXT, message=TEXT, interrupt=Raw())),
    "close_agent": ("Stop a sub-agent.", _args("closeAgentArgs", chat_id=TEXT)),
}
PLANNING: dict[str, tuple[str, Struct]] = {
    "ask_user_question": ("Ask the user.", _args("askUserQuestionArgs", questions=ListOf(_QUESTION))),
    "propose_plan": ("Show the plan to the user.", _args("proposePlanArgs", path=TEXT)),
}
ADVISOR: dict[str, tuple[str, Struct]] = {
    "advisor": ("Ask a stronger model for advice.", _args("advisorArgs", question=TEXT)),
}
AGENT_TOOLS = ("spawn_agent", "wait_agent", "message_agent", "close_agent")
FILE_TOOLS = ("read_file", "write_file", "edit_files", "attach_file", "execute")
PROCESS_TOOLS = ("process_output", "process_list", "process_signal")
PLAN_FILE_TOOLS = ("write_file", "edit_files")  # in plan mode these act on the plan's file only


class ToolError(Exception):
    """The tool has failed; `more` are further keys of its result."""

    def __init__(self, text: str, **more: Any) -> None:
        super().__init__(text)
        self.result: dict[str, Any] = {"error": text, **more}


def client_tools(backend: Backend, chat: Chat) -> dict[str, dict[str, Any]]:
    """The tools that the client runs, by name; a built-in one of the same name wins. None in plan mode."""
    planning = chat.plan_mode == "plan" and backend.does("tools.none-of-clients-in-plans")
    if planning or chat.parent_chat_id is not None:
        return {}
    own = built_in(chat, advisor=False)
    return {tool["name"]: tool for tool in chat.dynamic_tools if tool["name"] not in own}


def built_in(chat: Chat, *, advisor: bool) -> dict[str, tuple[str, Struct]]:
    """The built-in tools of this chat's turns."""
    tools = dict(BUILT_IN)
    if chat.parent_chat_id is not None:
        tools = {name: tool for name, tool in tools.items() if name not in AGENT_TOOLS}
    elif chat.plan_mode == "plan":
        tools |= PLANNING
    return tools | ADVISOR if advisor and chat.parent_chat_id is None else tools


def offered(backend: Backend, chat: Chat, *, advisor: bool) -> list[Tool]:
    """All tools of a model call, as the wires send them."""
    tools = [Tool(name, text, _schema(shape)) for name, (text, shape) in built_in(chat, advisor=advisor).items()]
    for tool in client_tools(backend, chat).values():
        schema = tool.get("input_schema") or {"type": "object", "properties": {}}
        tools.append(Tool(tool["name"], tool.get("description") or "", schema))
    return tools


def _schema(shape: Struct) -> dict[str, Any]:
    kinds = {Text: "string", Integer: "integer", ListOf: "array", MapOf: "object"}
    properties = {name: {"type": kinds[type(kind)]} if type(kind) in kinds else {} for name, kind in shape.fields.items()}
    return {"type": "object", "properties": properties}


def arguments(name: str, text: str, tools: dict[str, tuple[str, Struct]]) -> dict[str, Any]:
    """A call's arguments, checked. Raises ToolError."""
    if name not in tools:
        raise ToolError(f"Tool not active in this turn: {name}")
    try:
        read: dict[str, Any] = decode(text.encode(), tools[name][1])
    except BadBody as error:
        raise ToolError(f"invalid parameters: {error}") from None
    return read


def run_plain(backend: Backend, chat: Chat, name: str, args: dict[str, Any]) -> Any:
    """The result of a built-in tool that needs no workspace, no other chat and no model. Raises ToolError."""
    if chat.plan_mode == "plan" and name in PLAN_FILE_TOOLS:
        raise ToolError(PLAN_PATH)
    if name in FILE_TOOLS or name in PROCESS_TOOLS:
        raise ToolError(NO_WORKSPACE)
    if name in ("start_workspace", "stop_workspace"):
        raise ToolError(NEEDS_CREATE)
    if name == "list_templates":
        if "\0" in args["query"]:
            raise ToolError(NUL)
        rows = templates.listed(backend, args["query"])
        return {"count": len(rows), "page": max(args["page"], 1), "templates": rows, "total_count": len(rows), "total_pages": 1}
    if name in ("read_template", "create_workspace"):
        try:
            parse_uuid(args["template_id"])
        except BadUUID as error:
            raise ToolError(f"invalid template_id: {error}") from None
        missing = "look up template: fetch object: sql: no rows in result set"
        raise ToolError("template not found" if name == "read_template" else missing)
    if name == "ask_user_question":
        if not args["questions"]:
            raise ToolError("questions is required")
        for number, question in enumerate(args["questions"]):
            if not 2 <= len(question["options"]) <= 4:
                raise ToolError(f"questions[{number}].options must contain 2-4 items")
        return {"questions": args["questions"]}
    if name == "propose_plan":
        raise ToolError(PLAN_PATH)
    raise ToolError(f"Tool not active in this turn: {name}")


def ends_turn(name: str) -> bool:
    """Does the run end, without another model call, once this tool has succeeded?"""
    return name in PLANNING


def verbatim(value: Any) -> str:
    """A JSON value as text."""
    return orjson.dumps(value).decode()
