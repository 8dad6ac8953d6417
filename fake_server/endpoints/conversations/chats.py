"""Chats: make, list and read them."""

from __future__ import annotations

from typing import Any

from fake_server.chats.views import stamp
from fake_server.endpoints.administration.shared import V2
from fake_server.faulting import replaceable
from fake_server.http.endpoint import Call, Reply, enter_chats, mount, not_found, reply, resolve_chat, route
from fake_server.state.records import Chat
from fake_server.state.store import State

CHATS = f"{V2}/chats"
CHAT = f"{CHATS}/{{chat}}"
TITLE = "New Chat"

mount(CHATS, enter_chats, when="api.first-generation")


@replaceable
def enter_chat(call: Call) -> None:
    """Entering what is below a chat: one that the caller may read, with a token for everything."""
    resolve_chat(call)
    if call.token.scope != "all":
        raise not_found()


mount(CHAT, enter_chat, when="api.first-generation")


def view(backend: State, chat: Chat) -> dict[str, Any]:
    """A chat as it is shown."""
    return {"id": chat.id, "created_at": stamp(chat.created_at), "updated_at": stamp(chat.updated_at), "title": chat.title}


@route("createChat", "POST", CHATS, when="api.first-generation")
async def create_chat(call: Call) -> Reply:
    """A new chat. Nothing of the request is read."""
    backend = call.backend
    if not backend.does("create.reads-no-body") and await call.body():
        await call.json()
    backend.guard("create.failed", call.token.scope != "all", detail="unauthorized: rbac: forbidden")
    return reply(201, view(backend, made(backend, call.user.id)))


@replaceable
def made(backend: State, owner_id: str) -> Chat:
    """A new chat of this user."""
    now = backend.clock.now()
    chat = Chat(owner_id, backend.store.organization_id, TITLE, "", created_at=now, updated_at=now)
    backend.store.chats[chat.id] = chat
    backend.store.chats_of.setdefault(owner_id, []).append(chat.id)
    return chat


@route("listChats", "GET", CHATS, when="api.first-generation")
async def list_chats(call: Call) -> Reply:
    """The caller's own chats, newest first."""
    chats = listed(call.backend, call.user.id) if call.token.scope == "all" else []
    return reply(200, [view(call.backend, chat) for chat in chats])


@replaceable
def listed(backend: State, owner_id: str) -> list[Chat]:
    """A user's chats in the order of the list."""
    return [backend.store.chats[chat_id] for chat_id in reversed(backend.store.chats_of.get(owner_id, []))]


@route("getChat", "GET", CHAT, when="api.first-generation")
async def get_chat(call: Call) -> Reply:
    """One chat."""
    return reply(200, view(call.backend, call.chat))
