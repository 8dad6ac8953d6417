"""Messages of a chat: read, send, edit, and the user's prompts (chats.md section 11)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from fake_server.chats.file_links import link_files
from fake_server.chats.views import message_view, queued_view
from fake_server.endpoints.chats.chat import (
    BODY_CAP,
    EFFORT,
    PLAN_MODE,
    check_effort,
    check_files,
    check_mcp_servers,
    check_plan_mode,
    forced_servers,
    named_servers,
    require,
)
from fake_server.faulting import replaceable
from fake_server.http.endpoint import CHATS, Call, Reply, guard, reply, route
from fake_server.rules.content import CONTENT, file_ids, stored_parts
from fake_server.rules.decode import ListOf, Maybe, Struct, Text, Uuid
from fake_server.rules.refusals import refusal
from fake_server.rules.validate import NIL_UUID, BadNumber, parse_int
from fake_server.state import model_choice
from fake_server.state.records import Chat, Message, QueuedMessage

if TYPE_CHECKING:
    from fake_server.backend import Backend

DEFAULT_LIMIT, MAX_LIMIT = 50, 200
DEFAULT_PROMPTS, MAX_PROMPTS = 500, 2000
NUL_IN_STORAGE = "\ue000\ue001"  # how a NUL character is kept; only prompts show it so

SEND = Struct(
    "CreateChatMessageRequest",
    {
        "content": CONTENT,
        "model_config_id": Maybe(Uuid()),
        "mcp_server_ids": ListOf(Uuid()),
        "busy_behavior": Text("codersdk.ChatBusyBehavior"),
        "plan_mode": Maybe(PLAN_MODE),
        "reasoning_effort": EFFORT,
    },
)
EDIT = Struct(
    "EditChatMessageRequest",
    {"content": CONTENT, "model_config_id": Maybe(Uuid()), "mcp_server_ids": ListOf(Uuid()), "reasoning_effort": EFFORT},
)


def visible(backend: Backend, message: Message) -> bool:
    """Do clients see this message? Not the hidden ones (system, model only), nor those that were edited away."""
    if message.deleted and backend.does("messages.hide-replaced"):
        return False
    return message.visibility != "model"


@route("listMessages", "GET", f"{CHATS}/{{chat}}/messages")
async def list_messages(call: Call) -> Reply:
    """A page of messages, newest first; oldest first when only `after_id` is given."""
    backend, chat = call.backend, call.chat
    problems = call.problems()
    before = problems.integer(call, "before_id", bits=64)
    after = problems.integer(call, "after_id", bits=64) if backend.does("messages.take-after-id") else 0
    limit = problems.integer(call, "limit", default=DEFAULT_LIMIT)
    problems.refuse()
    backend.guard("messages.limit", not 0 < limit <= MAX_LIMIT)
    backend.guard("messages.cursors", bool(before and after and after >= before))
    rows = backend.store.messages.get(chat.id, [])
    first, last = between(backend, rows, after, before)
    ascending = bool(after and not before) and backend.does("messages.after-ascending")
    places = range(first, last) if ascending else range(last - 1, first - 1, -1)
    page: list[Message] = []
    has_more = False
    for at in places:
        if visible(backend, rows[at]):
            if len(page) == limit:
                has_more = True
                break
            page.append(rows[at])
    shown_queue = queue_of_page(backend, chat, first=not (before or after))
    return reply(
        200,
        {
            "messages": [message_view(backend, m) for m in page],
            "queued_messages": [queued_view(backend, q) for q in shown_queue],
            "has_more": has_more,
        },
    )


@replaceable
def between(backend: Backend, rows: list[Message], after: int, before: int) -> tuple[int, int]:
    """The place of the first row behind `after`, and that behind the last row before `before` (0: no bound)."""
    first = bisect_right(rows, after, key=_message_id) if after else 0
    return first, bisect_left(rows, before, key=_message_id) if before else len(rows)


@replaceable
def queue_of_page(backend: Backend, chat: Chat, *, first: bool) -> Sequence[QueuedMessage]:
    """What is queued, as the first page shows it."""
    return backend.store.queues.get(chat.id, ()) if first else ()


def _message_id(message: Message) -> int:
    return message.id


@route("sendMessage", "POST", f"{CHATS}/{{chat}}/messages")
async def send_message(call: Call) -> Reply:
    """Send a message: it starts a turn, or waits in the queue of a busy chat."""
    backend, chat, user = call.backend, call.chat, call.user
    require(call, "update")
    if backend.does("access.owner-before-body"):
        guard(call, "send.not-owner", chat.owner_id != user.id)
    if backend.does("send.archived-before-body"):
        guard(call, "send.archived", chat.archived)
    body = await call.json(SEND, cap=None if backend.does("send.no-body-cap") else BODY_CAP)
    guard(call, "send.not-owner", chat.owner_id != user.id)
    content = stored_parts(backend, user, body["content"])
    check_mcp_servers(backend, body["mcp_server_ids"], chat.mcp_server_ids)
    if body["plan_mode"] is not None:
        check_plan_mode(backend, body["plan_mode"])
    backend.guard("send.busy-behavior", body["busy_behavior"] not in ("", "queue", "interrupt"))
    guard(call, "send.archived", chat.archived)  # it may have been archived while the body was read
    model_choice.check_wanted(backend, user, _given(body["model_config_id"]), chat.last_model_config_id)
    check_effort(backend, body["reasoning_effort"])
    check_files(backend, chat, file_ids(content))
    before = last_id(backend, chat)
    servers = named_servers(backend, body["mcp_server_ids"])
    result = backend.lifecycle.send(
        chat,
        user,
        content=content,
        model_config_id=_given(body["model_config_id"]),
        of_no_model=body["model_config_id"] == NIL_UUID and not backend.does("send.nil-is-no-choice"),
        mcp_server_ids=None if servers is None else [*servers, *(i for i in forced_servers(backend) if i not in servers)],
        plan_mode=body["plan_mode"],
        busy_behavior=body["busy_behavior"] or "queue",
        reasoning_effort=body["reasoning_effort"],
        token=call.token,
    )
    warnings = link_files(backend, chat, file_ids(content))
    if isinstance(result, Message):
        answer: dict[str, Any] = {"message": message_view(backend, result), "queued": False}
    else:
        answer = {"queued_message": queued_view(backend, result), "queued": True}
    answer |= inserted(backend, chat, before)
    if warnings and backend.does("messages.warn"):
        answer["warnings"] = warnings
    return reply(200, answer)


def _given(model_config_id: str | None) -> str | None:
    """The nil UUID stands for no choice."""
    return None if model_config_id == NIL_UUID else model_config_id


@route("editMessage", "PATCH", f"{CHATS}/{{chat}}/messages/{{message}}")
@replaceable
async def edit_message(call: Call) -> Reply:
    """Replace a user message: it and what came after it is gone, and a turn starts."""
    backend, chat, user = call.backend, call.chat, call.user
    require(call, "update")
    guard(call, "edit.not-owner", chat.owner_id != user.id)
    guard(call, "edit.archived", chat.archived)
    try:
        message_id = parse_int(call.params["message"])
    except BadNumber:
        raise refusal("edit.id") from None
    backend.guard("edit.id", message_id <= 0)
    body = await call.json(EDIT)
    content = stored_parts(backend, user, body["content"])
    guard(call, "edit.archived", chat.archived)
    model_choice.check_wanted(backend, user, _given(body["model_config_id"]), chat.last_model_config_id)
    check_effort(backend, body["reasoning_effort"])
    check_mcp_servers(backend, body["mcp_server_ids"], chat.mcp_server_ids)
    check_files(backend, chat, file_ids(content))
    before = last_id(backend, chat)
    shown_before = [row.id for row in backend.store.messages[chat.id] if visible(backend, row)]
    message = backend.lifecycle.edit(
        chat,
        user,
        message_id,
        content=content,
        model_config_id=_given(body["model_config_id"]),
        reasoning_effort=body["reasoning_effort"],
        token=call.token,
    )
    if (servers := named_servers(backend, body["mcp_server_ids"])) is not None:
        chat.mcp_server_ids = [*servers, *(i for i in forced_servers(backend) if i not in servers)]
    shown = message_view(backend, message)
    if not backend.does("edit.wraps-message"):
        return reply(200, shown)
    answer: dict[str, Any] = {"message": shown} | inserted(backend, chat, before)
    if backend.does("edit.tells-deleted"):
        left = {row.id for row in backend.store.messages[chat.id] if visible(backend, row)}
        answer["deleted_message_ids"] = [row for row in shown_before if row not in left]
    warnings = link_files(backend, chat, file_ids(content))
    if warnings and backend.does("messages.warn"):
        answer["warnings"] = warnings
    return reply(200, answer)


def last_id(backend: Backend, chat: Chat) -> int:
    """The id of the last row of a chat, hidden or not; 0 where there is none."""
    rows = backend.store.messages.get(chat.id)
    return rows[-1].id if rows else 0


def inserted(backend: Backend, chat: Chat, before: int) -> dict[str, Any]:
    """All visible rows behind this id, in revisions whose answers tell them; nothing where there are none."""
    rows = [row for row in backend.store.messages.get(chat.id, ()) if row.id > before and visible(backend, row)]
    if not rows or not backend.does("messages.tell-inserted"):
        return {}
    return {"messages": [message_view(backend, row) for row in rows]}


@route("listPrompts", "GET", f"{CHATS}/{{chat}}/prompts")
async def list_prompts(call: Call) -> Reply:
    """The texts that the user has sent, newest first."""
    backend = call.backend
    problems = call.problems()
    limit = problems.integer(call, "limit")
    problems.refuse()
    backend.guard("prompts.limit", limit > MAX_PROMPTS)
    prompts: list[dict[str, Any]] = []
    for message, text in _prompts(backend, call.chat):
        if len(prompts) == (limit or DEFAULT_PROMPTS):
            break
        prompts.append({"id": message.id, "text": text.replace("\0", NUL_IN_STORAGE)})
    return reply(200, {"prompts": prompts})


def _prompts(backend: Backend, chat: Chat) -> Iterator[tuple[Message, str]]:
    for message in reversed(backend.store.messages.get(chat.id, ())):
        if message.role != "user" or not visible(backend, message):
            continue
        text = "".join(p["text"] for p in message.content if p["type"] == "text")
        if text.strip() or not backend.does("prompts.skip-textless"):
            yield message, text
