"""The queue of a chat, and stopping it (chats.md section 12)."""

from __future__ import annotations

from fake_server.chats.views import chat_view, message_view
from fake_server.endpoints.chats.chat import require
from fake_server.http.endpoint import CHATS, Call, Reply, guard, reply, route
from fake_server.rules.refusals import refusal
from fake_server.rules.validate import BadNumber, parse_int
from fake_server.state import model_choice


def _queue_id(call: Call) -> int:
    try:
        return parse_int(call.params["queued"])
    except BadNumber as error:
        raise refusal("queue.id", detail=str(error)) from None


@route("deleteQueuedMessage", "DELETE", f"{CHATS}/{{chat}}/queue/{{queued}}")
async def delete_queued_message(call: Call) -> Reply:
    """Take a message out of the queue; one that is not there is no error."""
    require(call, "update")
    call.backend.lifecycle.delete_queued(call.chat, _queue_id(call))
    return reply(204)


@route("promoteQueuedMessage", "POST", f"{CHATS}/{{chat}}/queue/{{queued}}/promote")
async def promote_queued_message(call: Call) -> Reply:
    """Run a queued message next, whatever is running now."""
    backend, chat = call.backend, call.chat
    require(call, "update")
    guard(call, "promote.not-owner", chat.owner_id != call.user.id)
    guard(call, "promote.archived", chat.archived)
    if model_choice.of_organization(backend):
        model_choice.check_wanted(backend, call.user, None, chat.last_model_config_id)
    message = backend.lifecycle.promote(chat, call.user, _queue_id(call), call.token)
    if message is not None and not backend.does("promote.only-accepts"):
        return reply(200, message_view(backend, message))
    return reply(202, {"message": "Queued message promotion accepted."})


@route("interruptChat", "POST", f"{CHATS}/{{chat}}/interrupt")
async def interrupt_chat(call: Call) -> Reply:
    """Stop what the chat is doing. The body is not read."""
    require(call, "update")
    if call.header("content-length") not in ("", "0", None) and not call.backend.does("interrupt.ignores-body"):
        await call.json()
    chat = call.backend.lifecycle.interrupt(call.chat)
    return reply(200, chat_view(call.backend, chat))
