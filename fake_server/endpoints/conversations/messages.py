"""Messages of a chat: read them all, and send one, which is answered while the request is open."""

from __future__ import annotations

from typing import Any

from fake_server.answers.answering import Asked
from fake_server.answers.tools import ACCESS_URL
from fake_server.endpoints.conversations.chats import CHAT
from fake_server.faulting import replaceable
from fake_server.http.endpoint import TEXT, Call, Reply, Stream, reply, route
from fake_server.rules.posted import SEND, kept
from fake_server.rules.refusals import refusal
from fake_server.state.language_models import LanguageModel
from fake_server.state.store import State

MESSAGES = f"{CHAT}/messages"
_KIND = (b"x-vercel-ai-data-stream", b"v1")


@route("listMessages", "GET", MESSAGES, when="api.first-generation")
async def list_messages(call: Call) -> Reply:
    """All messages, oldest first."""
    return reply(200, call.backend.answerer.history(call.chat))


@route("sendMessage", "POST", MESSAGES, when="api.first-generation")
async def send_message(call: Call) -> Reply:
    """Keep a message and answer it: the first one of a chat gives it its title before anything is told."""
    backend = call.backend
    body = await read_message(call)
    model = model_of(backend, body["model"])
    if model is None:
        raise refusal("send.model")
    address = str(backend.options.get(ACCESS_URL) or f"http://{call.header('host')}").rstrip("/")
    asked = Asked(call.chat, call.user, model, kept(body["message"]), address)
    await call.while_there("title.ends-with-client", backend.answerer.entitle(asked))
    return reply(200, Stream(backend.answerer.lines(asked)), headers=[_KIND], media=TEXT)


@replaceable
async def read_message(call: Call) -> dict[str, Any]:
    """What the body of a message says."""
    found: dict[str, Any] = await call.json(SEND)
    return found


@replaceable
def model_of(backend: State, name: str) -> LanguageModel | None:
    """The model of this id."""
    return backend.store.language_models.get(name)
