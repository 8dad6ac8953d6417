"""What later revisions do for a chat: sum it up, tell what it cost, read its context anew, mend it."""

from __future__ import annotations

from fake_server.chats.transitions import ACTIVE, state_of
from fake_server.chats.views import chat_view
from fake_server.endpoints.chats.chat import require
from fake_server.http.endpoint import CHATS, Call, Reply, check_gateway, guard, reply, route
from fake_server.turns import clearing
from fake_server.turns.compaction import has_something


@route("compactChat", "POST", f"{CHATS}/{{chat}}/compact")
async def compact_chat(call: Call) -> Reply:
    """Sum up the history in a turn of its own. The body is not read."""
    backend, chat = call.backend, call.chat
    require(call, "update")
    guard(call, "compact.not-owner", chat.owner_id != call.user.id)
    guard(call, "compact.archived", chat.archived)
    guard(call, "compact.busy", chat.status in ACTIVE)
    guard(call, "compact.nothing", not has_something(backend, chat))
    backend.runner.compact(chat)
    return reply(200, chat_view(backend, chat))


@route("clearChat", "POST", f"{CHATS}/{{chat}}/clear")
async def clear_chat(call: Call) -> Reply:
    """Let the model forget the conversation so far. The body is not read."""
    backend, chat = call.backend, call.chat
    require(call, "update")
    guard(call, "clear.not-owner", chat.owner_id != call.user.id)
    guard(call, "clear.archived", chat.archived)
    guard(call, "clear.busy", chat.status in ACTIVE or bool(backend.store.queues.get(chat.id)))
    guard(call, "clear.nothing", not clearing.something_told(backend, chat))
    clearing.clear(backend, chat)
    return reply(200, chat_view(backend, chat))


@route("getChatCost", "GET", f"{CHATS}/{{chat}}/cost")
async def get_chat_cost(call: Call) -> Reply:
    """What the model calls of the chat's family have cost: nothing here, since none has a price."""
    made = call.backend.store.requests.get(call.chat.family_id, 0)
    return reply(200, {"chat_id": call.chat.id, "total_cost_micros": 0, "request_count": made, "unpriced_request_count": made})


@route("refreshChatContext", "PUT", f"{CHATS}/{{chat}}/context")
async def refresh_chat_context(call: Call) -> Reply:
    """There are no workspaces whose files could have changed."""
    require(call, "update")
    check_gateway(call)
    return reply(200, chat_view(call.backend, call.chat))


@route("reconcileInvalidChat", "POST", f"{CHATS}/{{chat}}/reconcile-invalid")
async def reconcile_invalid_chat(call: Call) -> Reply:
    """No chat here contradicts itself."""
    require(call, "update")
    call.backend.guard("reconcile.healthy", True, state=state_of(call.backend, call.chat))
    return reply(200, chat_view(call.backend, call.chat))
