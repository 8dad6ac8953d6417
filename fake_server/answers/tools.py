"""The tools that a model is offered, and what each gives on a server that has neither templates nor workspaces.

A tool is a call of the server's own API, at the address by which the server knows itself, with the rights of the caller.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fake_server.faulting import replaceable
from fake_server.rules.decode import BadBody, Kind, MapOf, Struct, Text
from fake_server.rules.validate import BadUUID, parse_uuid
from fake_server.state.accounts import user_view
from fake_server.state.records import User, new_id

if TYPE_CHECKING:
    from fake_server.state.store import State

Json = Any
ACCESS_URL = "CODER_ACCESS_URL"
GONE = "404: Resource not found or you do not have access to this resource"


class ToolFailed(Exception):
    """The tool has failed; the text is what it gives as its error."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: what it asks the server for, with which argument an id (`ids`), and what that says when there is no such thing.

    `terse`: of a malformed id it is not said what is wrong with it. `refusal` "": it succeeds.
    """

    description: str
    method: str
    path: str
    needed: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    refusal: str = ""
    terse: bool = False
    objects: frozenset[str] = field(default_factory=frozenset)

    def offered(self, name: str) -> dict[str, Json]:
        """What the model is told of it."""
        kinds = {key: "object" if key in self.objects else "string" for key in (*self.needed, *self.more)}
        parameters: dict[str, Json] = {"type": "object", "properties": {key: {"type": kind} for key, kind in kinds.items()}}
        if self.needed:
            parameters["required"] = list(self.needed)
        return {"type": "function", "function": {"name": name, "description": self.description, "parameters": parameters}}

    def arguments(self, name: str, args: dict[str, Json] | None) -> dict[str, str]:
        """The arguments, checked. Raises ToolFailed."""
        kinds: dict[str, Kind] = {
            key: MapOf(Text(), "map[string]string") if key in self.objects else Text() for key in (*self.needed, *self.more)
        }
        words = name.removeprefix("coder_").split("_")
        shape = Struct("".join(map(str.capitalize, words)) + "Args", kinds)
        try:
            values: dict[str, str] = shape.read(args or {}, "", "")
        except BadBody as error:
            raise ToolFailed(f"failed to unmarshal args: {error}") from None
        for key in self.ids:
            try:
                values[key] = parse_uuid(values[key])
            except BadUUID as error:
                raise ToolFailed(f"{key} must be a valid UUID" + ("" if self.terse else f": {error}")) from None
        return values


# In the order in which they are offered.
TOOLS: dict[str, Tool] = {
    "coder_create_template": Tool(
        "Make a template.", "POST", "organizations/{organization}/templates",
        ("name", "display_name", "description", "version_id"), ("icon",), ("version_id",),
        '404: Template version "{version_id}" does not exist.\n\ttemplate_version_id: Template version does not exist',
    ),
    "coder_create_template_version": Tool(
        "Make a version of a template.", "POST", "organizations/{organization}/templateversions",
        ("file_id",), ("template_id",), ("file_id",), "404: File not found.",
    ),
    "coder_create_workspace": Tool(
        "Make a workspace.", "POST", "users/{user}/workspaces",
        ("user", "template_version_id", "name", "rich_parameters"), (), ("template_version_id",),
        '400: Template version "{template_version_id}" doesn\'t exist.\n\ttemplate_version_id: template not found',
        terse=True, objects=frozenset({"rich_parameters"}),
    ),
    "coder_create_workspace_build": Tool(
        "Start, stop or delete a workspace.", "POST", "workspaces/{workspace_id}/builds",
        ("workspace_id", "transition"), ("template_version_id",), ("workspace_id",), GONE,
    ),
    "coder_delete_template": Tool(
        "Delete a template.", "DELETE", "templates/{template_id}", ("template_id",), (), ("template_id",), GONE
    ),
    "coder_list_templates": Tool("List the templates.", "GET", "templates"),
    "coder_template_version_parameters": Tool(
        "Show the parameters of a template's version.", "GET", "templateversions/{template_version_id}/rich-parameters",
        ("template_version_id",), (), ("template_version_id",), GONE,
    ),
    "coder_list_workspaces": Tool("List workspaces.", "GET", "workspaces?q=owner%3A%22{owner}%22", (), ("owner",)),
    "coder_get_authenticated_user": Tool("Show who is asking.", "GET", "users/me"),
    "coder_get_template_version_logs": Tool(
        "Show the log of a template's version.", "GET", "templateversions/{template_version_id}/logs?follow",
        ("template_version_id",), (), ("template_version_id",), GONE,
    ),
    "coder_get_workspace": Tool(
        "Show a workspace.", "GET", "workspaces/{workspace_id}", ("workspace_id",), (), ("workspace_id",), GONE, terse=True
    ),
    "coder_get_workspace_agent_logs": Tool(
        "Show the log of a workspace's agent.", "GET", "workspaceagents/{workspace_agent_id}/logs",
        ("workspace_agent_id",), (), ("workspace_agent_id",),
        "404: Agent doesn't exist with that id, or you do not have access to it.",
    ),
    "coder_get_workspace_build_logs": Tool(
        "Show the log of a workspace's build.", "GET", "workspacebuilds/{workspace_build_id}/logs?follow",
        ("workspace_build_id",), (), ("workspace_build_id",), GONE,
    ),
    "coder_upload_tar_file": Tool("Keep files.", "POST", "files", ("files",), (), objects=frozenset({"files"})),
    "coder_update_template_active_version": Tool(
        "Choose the version of a template that is used.", "PATCH", "templates/{template_id}/versions",
        ("template_id", "template_version_id"), (), ("template_id", "template_version_id"), GONE,
    ),
}  # fmt: skip


def offered() -> list[dict[str, Json]]:
    """All tools as the model is told of them."""
    return [tool.offered(name) for name, tool in TOOLS.items()]


@replaceable
async def run(backend: State, caller: User, address: str, name: str, args: dict[str, Json] | None) -> Json:
    """What a tool gives: its result, or an object with its error; null if there is none of that name."""
    tool = TOOLS.get(name)
    if tool is None:
        return None
    try:
        return await _result(backend, caller, address, name, tool, args)
    except ToolFailed as error:
        return {"error": str(error)}


async def _result(backend: State, caller: User, address: str, name: str, tool: Tool, args: dict[str, Json] | None) -> Json:
    values = tool.arguments(name, args)
    if name == "coder_list_workspaces":
        values["owner"] = values["owner"] or "me"
    places = {"organization": backend.store.organization_id, **values}
    url = f"{address}/api/v2/{tool.path.format(**places)}"
    await _reach(backend, tool.method, url)
    if tool.refusal:
        status, _, text = tool.refusal.partition(": ")
        raise ToolFailed(f"{tool.method} {url}: unexpected status code {status}: {text.format(**values)}")
    if name == "coder_get_authenticated_user":
        return user_view(backend, caller)
    return {"hash": new_id()} if name == "coder_upload_tar_file" else []


async def _reach(backend: State, method: str, url: str) -> None:
    """Try the address that the server was told to be its own; what it does not know is not tried. Raises ToolFailed."""
    if not backend.options.get(ACCESS_URL):
        return
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        _, writer = await asyncio.open_connection(parts.hostname, port)
        writer.close()
    except OSError:
        said = f"dial tcp {parts.hostname}:{port}: connect: connection refused"
        raise ToolFailed(f'{method.capitalize()} "{url}": {said}') from None
