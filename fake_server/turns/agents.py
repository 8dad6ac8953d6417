"""Sub-agents: the tools by which a chat starts child chats, waits for them, talks to them and stops them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from fake_server.chats.views import shown_status
from fake_server.faulting import replaceable
from fake_server.rules.refusals import Refusal
from fake_server.rules.validate import BadUUID, parse_uuid
from fake_server.state import model_choice
from fake_server.state.records import Chat, Message
from fake_server.state.usage import check_limit
from fake_server.turns.titles import fallback_title
from fake_server.turns.tools import ToolError

if TYPE_CHECKING:
    from fake_server.backend import Backend

TYPES = ("general", "explore")
WAIT_SECONDS = 300
NOT_A_DESCENDANT = "target chat is not a descendant of current chat"


async def run_agent_tool(backend: Backend, chat: Chat, name: str, args: dict[str, Any]) -> dict[str, Any]:
    """The result of one of these tools. Raises ToolError."""
    shown = backend.revision.shown
    try:
        return shown("sub-agent", await _run(backend, chat, name, args))
    except ToolError as error:
        error.result = shown("sub-agent", error.result)
        raise


async def _run(backend: Backend, chat: Chat, name: str, args: dict[str, Any]) -> dict[str, Any]:
    if name == "spawn_agent":
        return _spawn(backend, chat, args)
    if name == "message_agent" and not backend.does("agents.find-target-first"):
        _checked_message(args)
    child = _target(backend, chat, args["chat_id"])
    if name == "wait_agent":
        seconds = args["timeout_seconds"] or 0
        return await _wait(backend, child, seconds if seconds > 0 else WAIT_SECONDS)
    if name == "message_agent":
        return _message(backend, child, args)
    works = child.status != "waiting"
    stopped = backend.lifecycle.interrupt(child) if works else child
    if not backend.does("agents.close-only-stops"):
        child.archived = True
    if name == "interrupt_agent":
        return _about(backend, stopped, interrupted=works)
    if stopped.status != "waiting":
        raise ToolError("set target chat waiting", type=child.agent_type)
    return _about(backend, child, terminated=True)


def _about(backend: Backend, child: Chat, **more: Any) -> dict[str, Any]:
    """A result as it is streamed: its keys in alphabetical order."""
    status = shown_status(backend, child)
    result = {"chat_id": child.id, "status": status, "title": child.title, "type": child.agent_type, **more}
    return dict(sorted(result.items()))


def _spawn(backend: Backend, chat: Chat, args: dict[str, Any]) -> dict[str, Any]:
    kind = args["type"].strip() if backend.does("agents.have-types") else TYPES[0]
    if kind not in TYPES:
        raise ToolError(f"type must be one of: {', '.join(TYPES)}")
    prompt = args["prompt"].strip()
    if not prompt:
        raise ToolError("prompt is required")
    owner = backend.store.users[chat.owner_id]
    try:
        check_limit(backend, owner, chat.organization_id, doing="spawn")
    except Refusal as refused:
        body = backend.said(refused).body
        spent, limit = body["spent_micros"] / 1e6, body["limit_micros"] / 1e6
        said = f"usage limit exceeded: spent ${spent:.2f} of ${limit:.2f} limit, resets at {body['resets_at']}"
        raise ToolError(f"create child chat: execute transaction: {said}") from None
    content = [{"type": "text", "text": prompt}]
    child = Chat(
        owner_id=chat.owner_id,
        organization_id=chat.organization_id,
        title=args["title"].strip() or fallback_title(content, more="..."),
        last_model_config_id=model_choice.subagent_model(backend, owner, chat, kind),
        plan_mode="" if kind == "explore" else chat.plan_mode,
        parent_chat_id=chat.id,
        root_chat_id=chat.family_id,
        workspace_id=chat.workspace_id,
        mcp_server_ids=list(chat.mcp_server_ids),
        client_type=chat.client_type,
        api_key_id=chat.api_key_id,
        agent_type=kind,
    )
    backend.lifecycle.insert(child, content, created_by=chat.owner_id)
    return _about(backend, child)


def _target(backend: Backend, chat: Chat, raw: str) -> Chat:
    try:
        child = backend.store.chats.get(parse_uuid(raw.strip()))
    except BadUUID:
        raise ToolError("chat_id must be a valid UUID") from None
    if child is None:
        raise ToolError(NOT_A_DESCENDANT)
    above: str | None = child.parent_chat_id
    while above is not None and above != chat.id:
        above = backend.store.chats[above].parent_chat_id
    if above is None and backend.does("agents.own-only"):
        raise ToolError(NOT_A_DESCENDANT, type=child.agent_type or "general")
    return child


async def _wait(backend: Backend, child: Chat, seconds: int) -> dict[str, Any]:
    try:
        async with asyncio.timeout(seconds):
            await backend.runner.until_idle(child)
    except TimeoutError:
        raise ToolError("timed out waiting for delegated subagent completion", type=child.agent_type) from None
    report = report_of(backend, child)
    if child.status == "error" and backend.does("agents.failures-are-errors"):
        raise ToolError(report or "agent reached error status", type=child.agent_type)
    told = {"last_error": child.last_error["message"]} if child.status == "error" and child.last_error else {}
    return _about(backend, child, report=report, **told)


@replaceable
def report_of(backend: Backend, child: Chat) -> str:
    """The last answer of a sub-agent; "" if there is none."""
    rows: list[Message] = backend.store.messages[child.id]
    for message in reversed(rows):
        if message.role == "assistant" and not message.deleted:
            text = " ".join(part["text"].strip() for part in message.content if part["type"] == "text").strip()
            if text:
                return text
    return ""


def _checked_message(args: dict[str, Any]) -> str:
    text = str(args["message"]).strip()
    if not text:
        raise ToolError("message is required")
    return text


def _message(backend: Backend, child: Chat, args: dict[str, Any]) -> dict[str, Any]:
    text = _checked_message(args)
    if not backend.does("agents.take-messages"):
        return _about(backend, child, interrupted=args["interrupt"])
    try:
        backend.lifecycle.send(
            child,
            backend.store.users[child.owner_id],
            content=[{"type": "text", "text": text}],
            busy_behavior="interrupt" if args["interrupt"] else "queue",
        )
    except Refusal as refused:
        raise ToolError(str(backend.said(refused).body["message"]), type=child.agent_type) from None
    return _about(backend, child, interrupted=args["interrupt"])
