"""One chat: create, read, change (chats.md sections 5, 8 and 9)."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, Any

from fake_server.chats.file_links import MAX_FILES, link_files
from fake_server.chats.views import chat_view
from fake_server.faulting import replaceable
from fake_server.http.endpoint import (
    CHATS,
    Call,
    Problems,
    Reply,
    check_gateway,
    forbidden,
    not_found,
    place,
    reply,
    route,
)
from fake_server.rules import authz
from fake_server.rules.content import CONTENT, file_ids, stored_parts
from fake_server.rules.decode import UNSET, Bool, Integer, ListOf, MapOf, Maybe, Raw, Struct, Text, Uuid
from fake_server.rules.efforts import EFFORTS
from fake_server.rules.labels import label_problems
from fake_server.rules.validate import NIL_UUID, quote, trim
from fake_server.state import model_choice, pins, workspaces
from fake_server.state.records import Chat
from fake_server.turns.titles import kept, write_back

if TYPE_CHECKING:
    from fake_server.backend import Backend

BODY_CAP = 262144
MAX_SYSTEM_PROMPT = 10_000  # bytes, though the text says characters
MAX_TOOLS = 250
MAX_TITLE = 200  # characters

PLAN_MODE = Text("codersdk.ChatPlanMode")
EFFORT = Maybe(Text("codersdk.ChatReasoningEffort"))
CREATE = Struct(
    "CreateChatRequest",
    {
        "organization_id": Uuid(),
        "content": CONTENT,
        "system_prompt": Text(),
        "workspace_id": Maybe(Uuid()),
        "model_config_id": Maybe(Uuid()),
        "mcp_server_ids": ListOf(Uuid()),
        "labels": MapOf(Text()),
        "unsafe_dynamic_tools": ListOf(Struct("DynamicTool", {"name": Text(), "description": Text(), "input_schema": Raw()})),
        "plan_mode": PLAN_MODE,
        "client_type": Text("codersdk.ChatClientType"),
        "reasoning_effort": EFFORT,
    },
)
PATCH = Struct(
    "UpdateChatRequest",
    {
        "title": Maybe(Text()),
        "archived": Maybe(Bool()),
        "workspace_id": Maybe(Uuid()),
        "pin_order": Maybe(Integer(32)),
        "labels": Maybe(MapOf(Text())),
        "plan_mode": Maybe(PLAN_MODE),
    },
)


@route("createChat", "POST", CHATS)
async def create_chat(call: Call) -> Reply:
    """Make a chat and start its first turn. The order of the checks is the contract's."""
    backend, user = call.backend, call.user
    cap = backend.bound("create.exact-body-cap", BODY_CAP) if backend.does("create.body-cap") else None
    body = await call.json(CREATE, cap=cap)
    organization = body["organization_id"] if backend.does("create.names-organization") else backend.store.organization_id
    backend.guard("create.organization-required", organization == NIL_UUID)
    backend.guard("create.not-member", not authz.is_member(user, organization))
    other_way = backend.faults.is_off(f"access.{authz.rank(user, organization)}-create")
    backend.guard("common.forbidden", authz.can_create(backend, user, organization) == other_way)
    size = len(body["system_prompt"].encode() if backend.does("create.counts-bytes") else body["system_prompt"])
    longest = backend.bound("create.exact-system-prompt", MAX_SYSTEM_PROMPT)
    backend.guard("create.system-prompt", size > longest, count=size)
    content = stored_parts(backend, user, body["content"])
    wanted = body["workspace_id"]
    backend.guard("common.workspace", wanted is not None and not workspaces.usable(backend, user, wanted))
    model = model_choice.resolve_model(backend, user, body["model_config_id"])
    check_plan_mode(backend, body["plan_mode"])
    check_mcp_servers(backend, body["mcp_server_ids"])
    servers = named_servers(backend, body["mcp_server_ids"]) or []
    if backend.does("create.labels"):
        check_labels(backend, body["labels"])
    tools = _checked_tools(backend, body["unsafe_dynamic_tools"] or [])
    client_type = body["client_type"]
    backend.guard("create.client-type", client_type not in ("", "ui", "api"), value=quote(client_type))
    check_effort(backend, body["reasoning_effort"])
    check_files(backend, None, file_ids(content))
    chat = backend.lifecycle.create(
        user,
        organization_id=organization,
        content=content,
        model_config_id=model,
        system_prompt=body["system_prompt"],
        workspace_id=wanted if wanted in backend.store.workspaces else None,
        mcp_server_ids=[*servers, *(i for i in forced_servers(backend) if i not in servers)],
        labels=body["labels"] or {},
        dynamic_tools=tools,
        plan_mode=body["plan_mode"],
        client_type=client_type or ("api" if backend.does("create.api-by-default") else "ui"),
        reasoning_effort=body["reasoning_effort"],
        token=call.token,
    )
    warnings = link_files(backend, chat, file_ids(content))
    return reply(201, chat_view(backend, chat, files=True, warnings=warnings))


def _checked_tools(backend: Backend, tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    backend.guard("create.tools-count", len(tools) > backend.bound("create.exact-tools", MAX_TOOLS))
    seen: set[str] = set()
    for tool in tools:
        backend.guard("create.tool-name", not tool["name"])
        backend.guard("create.tool-duplicate", tool["name"] in seen, name=quote(tool["name"]))
        seen.add(tool["name"])
    return [{k: v for k, v in tool.items() if v is not UNSET} for tool in tools]


def check_plan_mode(backend: Backend, value: str) -> None:
    """Refuse a plan_mode that is not "plan" or ""."""
    backend.guard("common.plan-mode", value not in ("", "plan"))


@replaceable
def check_mcp_servers(backend: Backend, ids: list[str] | None, kept: Container[str] = ()) -> None:
    """Refuse unknown MCP server ids, and known ones that stand there twice; those that the chat has already may be `kept`."""
    if not ids:
        return
    known = backend.store.mcp_servers
    if backend.does("mcp.only-enabled"):
        bad = [i for i in dict.fromkeys(ids) if i not in kept and not known.get(i, {}).get("enabled")]
        backend.guard("common.mcp-servers", bool(bad), ids=", ".join(bad))
        return
    unknown = [i for i in ids if i not in known]
    backend.guard("common.mcp-servers", bool(unknown) or len(set(ids)) < len(ids), ids=", ".join(unknown))


def named_servers(backend: Backend, ids: list[str] | None) -> list[str] | None:
    """The ids that a request names, each once; None where it names none."""
    return None if ids is None else list(dict.fromkeys(ids))


def forced_servers(backend: Backend) -> list[str]:
    """The servers that every chat has, in revisions that add them to what is shown."""
    if not backend.does("mcp.shows-forced"):
        return []
    return [i for i, server in backend.store.mcp_servers.items() if server["enabled"] and server["availability"] == "force_on"]


def check_effort(backend: Backend, value: str | None) -> None:
    """Refuse a reasoning_effort that is none of the seven."""
    backend.guard("common.effort", value is not None and value not in EFFORTS, value=quote(value or ""))


def check_files(backend: Backend, chat: Chat | None, named: list[str]) -> None:
    """Refuse files beyond those that a chat may have."""
    kept = chat.file_ids if chat and not backend.does("files.oldest-go") else []
    backend.guard("content.files-count", len({*kept, *named}) > MAX_FILES)
    taken = any(set(backend.store.chats_of_file.get(i, ())) - ({chat.id} if chat else set()) for i in named)
    backend.guard("content.file-unavailable", taken)


def check_labels(backend: Backend, labels: dict[str, str] | None) -> None:
    """Refuse bad labels, with everything that is wrong with them."""
    problems = Problems(backend)
    for key, places in label_problems(backend, labels or {}):
        problems.add(key, **places)
    problems.refuse()


@route("getChat", "GET", f"{CHATS}/{{chat}}")
async def get_chat(call: Call) -> Reply:
    """One chat with its files and children."""
    chat, backend = call.chat, call.backend
    shown = chat_view(backend, chat, files=True, children=shown_children(backend, chat, chat.archived))
    if backend.runner.places.waits(chat):
        shown["queued_for_capacity"] = True
    return reply(200, shown)


def shown_children(backend: Backend, chat: Chat, archived: bool) -> list[Chat]:
    """The chat's children in this archived state, newest first."""
    ids = backend.store.children_of.get(chat.id)
    if not ids or chat.parent_chat_id:
        return []
    children = [backend.store.chats[i] for i in ids]
    wanted = [c for c in children if c.archived == archived]
    return sorted(wanted, key=lambda c: (c.created_at, c.id), reverse=True)


def require(call: Call, action: str) -> None:
    """Refuse with the 404 of unknown chats when the caller may read this one, but not `update` it; 403 for `share`."""
    if not authz.permitted(call.backend, call.user, action, call.chat, place(call)):
        raise forbidden() if action == "share" else not_found()


@route("patchChat", "PATCH", f"{CHATS}/{{chat}}")
@replaceable
async def patch_chat(call: Call) -> Reply:
    """Change a chat: a sequence of independent changes; one that is refused leaves the earlier ones in force."""
    if call.backend.does("access.before-body"):
        require(call, "update")
        check_gateway(call)
    body = await call.json(PATCH, cap=None if call.backend.does("patch.no-body-cap") else BODY_CAP)
    require(call, "update")
    backend, chat = call.backend, call.chat
    if body["plan_mode"] is not None:
        check_plan_mode(backend, body["plan_mode"])
    before_archived, before_pin, stale = chat.archived, chat.pin_order, kept(chat)
    if not backend.does("patch.changes-alone"):
        await backend.clock.sleep(0.02)
    if body["title"] is not None and backend.does("patch.renames"):
        rename_chat(call, body["title"])
    if body["labels"] is not None:
        check_labels(backend, body["labels"])
        backend.lifecycle.set_labels(chat, body["labels"])
    if body["archived"] is not None:
        _set_archived(call, body["archived"])
    if body["pin_order"] is not None:
        set_pin(call, body["pin_order"], before_archived, before_pin)
    if body["workspace_id"] is not None:
        wanted = body["workspace_id"]
        backend.guard("common.workspace", wanted != NIL_UUID and not workspaces.usable(backend, call.user, wanted))
        chat.workspace_id = wanted if wanted in backend.store.workspaces else None
        chat.updated_at = backend.clock.now()
    if body["plan_mode"] is not None:
        chat.plan_mode = body["plan_mode"]
    if not backend.does("patch.changes-alone"):
        write_back(chat, {key: value for key, value in stale.items() if body[key] is None})
    return reply(204)


@replaceable
def rename_chat(call: Call, title: str) -> None:
    backend = call.backend
    if backend.does("patch.title-trimmed"):
        title = trim(title)
    backend.guard("patch.title-empty", not trim(title))
    size = len(title if backend.does("patch.counts-characters") else title.encode())
    backend.guard("patch.title-length", size > backend.bound("patch.exact-title", MAX_TITLE))
    backend.lifecycle.rename(call.chat, title)


def _set_archived(call: Call, archived: bool) -> None:
    backend, chat = call.backend, call.chat
    backend.guard("patch.archive-child", chat.parent_chat_id is not None)
    backend.guard("patch.already-archived", archived and chat.archived)
    backend.guard("patch.not-archived", not archived and not chat.archived)
    if archived:
        backend.lifecycle.archive(chat)
        return
    parent = backend.store.chats.get(chat.parent_chat_id or "")
    backend.guard("patch.parent-archived", parent is not None and parent.archived)
    backend.lifecycle.unarchive(chat)


@replaceable
def set_pin(call: Call, order: int, before_archived: bool, before_pin: int) -> None:
    """Pin, move or unpin. Whether the chat is archived or pinned is judged by what it was before this request."""
    backend, chat = call.backend, call.chat
    backend.guard("patch.pin-negative", order < 0)
    if order == 0:
        pins.unpin(backend, chat)
        return
    backend.guard("patch.pin-archived", before_archived)
    backend.guard("patch.pin-child", chat.parent_chat_id is not None)
    if before_pin > 0:
        if not chat.archived:
            pins.move(backend, chat, order)
        return
    backend.guard("patch.pin-archived", chat.archived)
    pins.pin(backend, chat)
