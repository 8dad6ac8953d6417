"""Titles on request (chats.md section 12)."""

from __future__ import annotations

from fake_server.chats.views import chat_view
from fake_server.endpoints.chats.chat import require
from fake_server.http.endpoint import CHATS, Call, Reply, guard, reply, route
from fake_server.state import model_choice
from fake_server.turns.titles import manual_title


@route("regenerateTitle", "POST", f"{CHATS}/{{chat}}/title/regenerate")
async def regenerate_title(call: Call) -> Reply:
    """Have the model make a title and keep it, unless the chat has been renamed meanwhile."""
    backend, chat = call.backend, call.chat
    require(call, "update")
    guard(call, "regenerate.not-owner", chat.owner_id != call.user.id)
    before = chat.title
    title = await manual_title(backend, chat, failure="title.regenerate-failed")
    if title and title != before and chat.title == before:
        chat.title = title
        chat.updated_at = backend.clock.now()
        backend.hub.watch(chat, "title_change")
    elif not backend.does("title.same-keeps-place"):
        chat.updated_at = backend.clock.now()
    return reply(200, chat_view(backend, chat))


@route("proposeTitle", "POST", f"{CHATS}/{{chat}}/title/propose")
async def propose_title(call: Call) -> Reply:
    """Have the model make a title and only show it."""
    backend, chat = call.backend, call.chat
    require(call, "update")
    guard(call, "propose.not-owner", chat.owner_id != call.user.id)
    if model_choice.of_organization(backend):
        model_choice.check_wanted(backend, call.user, None, chat.last_model_config_id)
    title = await manual_title(backend, chat, failure="title.propose-failed")
    if title and not backend.does("title.propose-changes-nothing"):
        chat.title = title
    return reply(200, {"title": title or ""})
