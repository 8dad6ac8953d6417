"""Which built-in tools a turn may use: what the model is offered, and what is run when it calls it all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fake_server.rules.decode import Bool, Integer, Kind, ListOf, MapOf, Maybe, Struct, Text
from fake_server.state import settings
from fake_server.state.records import Chat

if TYPE_CHECKING:
    from fake_server.state.store import State

Tools = dict[str, tuple[str, Struct]]  # by name: what the tool is for, and its arguments

TEXT, NUMBER = Text(), Integer(64, "int")
LINE = Maybe(Integer(64))


def _args(name: str, /, *, package: str = "chattool", **fields: Kind) -> Struct:
    shape = Struct(name, fields)
    shape.name = f"{package}.{name}" if name else "struct {}"
    return shape


class _Edit(Struct):
    """One edit of `edit_files`, which reads two spellings of its texts."""

    def __init__(self) -> None:
        texts = dict.fromkeys(("old_text", "search", "new_text", "replace"), TEXT)
        super().__init__("editFileEdit", {**texts, "replace_all": Bool()})
        tags = {"OldText": "old_text", "Search": "search", "NewText": "new_text", "Replace": "replace"}
        listed = [f'{field} string "json:\\"{tag}\\""' for field, tag in tags.items()]
        listed.append('ReplaceAll bool "json:\\"replace_all\\""')
        self.listed = "struct { " + "; ".join(listed) + " }"
        self.name = "chattool.editFileEdit"

    def read(self, value: object, owner: str, path: str) -> dict[str, object]:
        if isinstance(value, dict):
            self.short = owner  # an error inside names the type around it
            return super().read(value, owner, path)
        error = self.refuse(value, owner, path)
        raise type(error)(str(error).replace(self.name, self.listed))


_FILE = _args("editFileEdits", path=TEXT, edits=ListOf(_Edit()))
_OPTION = _args("askUserQuestionOption", label=TEXT, description=TEXT)
_QUESTION = _args("askUserQuestion", header=TEXT, question=TEXT, options=ListOf(_OPTION))
_SOME = Maybe(TEXT)
_EXECUTE = _args("ExecuteArgs", command=TEXT, model_intent=_SOME, timeout=_SOME, workdir=_SOME, run_in_background=Maybe(Bool()))
_CREATE = _args("createWorkspaceArgs", template_id=TEXT, name=TEXT, parameters=MapOf(TEXT), preset_id=TEXT)

FILES: Tools = {
    "read_file": ("Read a file.", _args("ReadFileArgs", path=TEXT, offset=LINE, limit=LINE)),
    "write_file": ("Write a file.", _args("WriteFileArgs", path=TEXT, content=TEXT)),
    "edit_files": ("Edit files.", _args("EditFilesArgs", files=ListOf(_FILE))),
    "attach_file": ("Show a file to the user.", _args("AttachFileArgs", path=TEXT, name=TEXT)),
    "execute": ("Run a shell command.", _EXECUTE),
}
PROCESSES: Tools = {
    "process_output": ("Read what a process wrote.", _args("ProcessOutputArgs", process_id=TEXT, wait_timeout=Maybe(TEXT))),
    "process_list": ("List processes.", _args("")),
    "process_signal": ("Signal a process.", _args("ProcessSignalArgs", process_id=TEXT, signal=TEXT)),
}
WORKSPACES: Tools = {
    "list_templates": ("List workspace templates.", _args("listTemplatesArgs", query=TEXT, page=NUMBER)),
    "read_template": ("Describe a template.", _args("readTemplateArgs", template_id=TEXT)),
    "create_workspace": ("Create a workspace.", _CREATE),
    "start_workspace": ("Start the workspace.", _args("startWorkspaceArgs", parameters=MapOf(TEXT))),
    "stop_workspace": ("Stop the workspace.", _args("stopWorkspaceArgs")),
}
_SPAWN = _args("spawnAgentArgs", package="chatd", type=TEXT, prompt=TEXT, title=TEXT)
_WAIT = _args("waitAgentArgs", package="chatd", chat_id=TEXT, timeout_seconds=Maybe(NUMBER))
_MESSAGE = _args("messageAgentArgs", package="chatd", chat_id=TEXT, message=TEXT, interrupt=Bool())
_CLOSE = _args("closeAgentArgs", package="chatd", chat_id=TEXT)
AGENTS: Tools = {
    "spawn_agent": ("Start a sub-agent.", _SPAWN),
    "wait_agent": ("Wait for a sub-agent.", _WAIT),
    "message_agent": ("Send to a sub-agent.", _MESSAGE),
    "close_agent": ("Stop a sub-agent.", _CLOSE),
    "interrupt_agent": ("Stop what a sub-agent does.", _args("interruptAgentArgs", package="chatd", chat_id=TEXT)),
}
PLANNING: Tools = {
    "ask_user_question": ("Ask the user.", _args("askUserQuestionArgs", questions=ListOf(_QUESTION))),
    "propose_plan": ("Show the plan to the user.", _args("ProposePlanArgs", path=TEXT)),
}
ADVISOR: Tools = {"advisor": ("Ask another model for advice.", _args("AdvisorArgs", package="chatadvisor", question=TEXT))}

EVERY: Tools = FILES | PROCESSES | WORKSPACES | AGENTS | PLANNING
LOOKING = ("read_file", "execute", "process_output")  # all that an explorer has, and a sub-agent of a chat in plan mode
NOT_IN_PLANS = ("process_list", "process_signal", "message_agent", "close_agent", "interrupt_agent")


def active(backend: State, chat: Chat) -> Tools:
    """The built-in tools of this chat's turns."""
    other = "close_agent" if backend.does("agents.are-interrupted") else "interrupt_agent"
    tools = {name: tool for name, tool in _active(backend, chat).items() if name != other}
    return backend.revision.shown("tools", tools)


def _active(backend: State, chat: Chat) -> Tools:
    does, planning = backend.does, chat.planning
    if chat.parent_chat_id is None:
        if not planning:
            return FILES | PROCESSES | WORKSPACES | AGENTS | (ADVISOR if advisor_enabled(backend) else {})
        gone = NOT_IN_PLANS if does("tools.plans-look-only") else ()
        return {name: tool for name, tool in EVERY.items() if name not in gone}
    tools = FILES | PROCESSES | ({} if does("tools.children-make-no-workspaces") else WORKSPACES)
    exploring = chat.agent_type == "explore" and does("tools.explorers-look-only")
    if exploring or (planning and does("tools.plan-children-look-only")):
        return {name: tools[name] for name in LOOKING}
    return tools


def advisor_enabled(backend: State) -> bool:
    """Does the deployment offer the advisor?"""
    return bool(settings.setting(backend, "advisor").get("enabled")) and backend.does("advisor.offered")
