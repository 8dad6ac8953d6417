"""Titles: the fallback from the first message, the generated one, and those made on request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from fake_server.chats import debugging
from fake_server.faulting import replaceable
from fake_server.model_calls import retry
from fake_server.model_calls.classify import ModelError, classify
from fake_server.model_calls.helpers import ask, helper_model
from fake_server.model_calls.wires.base import Prompt, Tool, UserTurn
from fake_server.rules import authz
from fake_server.rules.refusals import refusal
from fake_server.state import model_choice, usage
from fake_server.state.records import Chat, Message, Part

if TYPE_CHECKING:
    from fake_server.backend import Backend

TITLE_WORDS, TITLE_RUNES, MODEL_WORDS = 6, 80, 8
TITLE_SECONDS, TITLE_TOKENS = 30.0, 256
TITLE_TOOL = Tool(
    "propose_title",
    "Give this conversation a short title.",
    {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]},
)


def kept(chat: Chat) -> dict[str, Any]:
    """What a client may have changed of a chat by the time that a model has answered."""
    return {key: getattr(chat, key) for key in ("title", "labels", "plan_mode", "pin_order")}


def write_back(chat: Chat, stale: dict[str, Any]) -> None:
    """What a fault does: everything is written as it was read before the model was asked."""
    for key, value in stale.items():
        setattr(chat, key, value)


def reference_text(part: Part) -> str:
    """A file reference as the text that the model (and the title) is made from."""
    start, end = part.get("start_line", 0), part.get("end_line", 0)
    lines = f"{start}" if start == end else f"{start}-{end}"
    head = f"[file-reference] {part['file_name']}:{lines}"
    content = part.get("content", "")
    return f"{head}\n```{part['file_name']}\n{content}\n```" if content else head


def fallback_title(content: list[Part], *, more: str = "…", room: bool = False) -> str:
    """The first six words of all text, `more` after them if there were more, at most 80 characters; else `New Chat`.

    `room`: what is cut leaves room for `more`.
    """
    texts = [part["text"] if part["type"] == "text" else reference_text(part) for part in content if part["type"] != "file"]
    words = " ".join(texts).split()
    more = more if len(words) > TITLE_WORDS else ""
    title = " ".join(words[:TITLE_WORDS])
    return (title[: TITLE_RUNES - len(more)] + more if room else (title + more)[:TITLE_RUNES]) or "New Chat"


@replaceable
def is_fallback(backend: Backend, chat: Chat, content: list[Part]) -> bool:
    """Is the title still the one made from the message's text alone? Never, when more than six words were cut at 80."""
    words = " ".join(part["text"] for part in content if part["type"] == "text").split()
    if not words:
        return False
    title = " ".join(words[:TITLE_WORDS])
    if len(words) <= TITLE_WORDS:
        return chat.title == title[:TITLE_RUNES]
    return chat.title == title[: TITLE_RUNES - 1] + "…"


@replaceable
def tidy(backend: Backend, text: str) -> str:
    """A model's title without quotes and surplus blanks; empty when it has more than eight words."""
    text = " ".join(text.strip().strip("\"'`").split())
    if len(text.split()) > MODEL_WORDS and backend.does("title.eight-words"):
        return ""
    return text[:TITLE_RUNES].strip()


@replaceable
def wants_title(backend: Backend, chat: Chat, shown: list[Message]) -> bool:
    """Is a chat with these messages titled by the model?"""
    return len(shown) == 1 and is_fallback(backend, chat, shown[0].content)


async def automatic_title(backend: Backend, chat: Chat) -> None:
    """Title a chat in its first turn. Failures are silent; a rename made meanwhile is lost, as on the real server."""
    shown = [m for m in backend.store.messages[chat.id] if m.role != "system" and not m.deleted]
    owner = backend.store.users[chat.owner_id]
    if not wants_title(backend, chat, shown) or not (backend.does("title.for-members") or authz.is_site_owner(owner)):
        return
    attempt, stale = 0, kept(chat)
    try:
        async with asyncio.timeout(TITLE_SECONDS):
            while True:
                attempt += 1
                try:
                    title, _ = await _ask_for_title(backend, chat, shown, asked=shown[0].id)
                    break
                except ModelError as error:
                    if not classify(backend.revision.error_rules, error, "").retryable:
                        return
                await backend.clock.sleep(retry.delay_ms(backend.revision.error_rules, attempt, 0) / 1000)
    except (TimeoutError, model_choice.OverrideUnavailable):
        return
    if not backend.does("title.changes-alone"):
        write_back(chat, stale)
    take_title(backend, chat, title, shown[0])


@replaceable
def take_title(backend: Backend, chat: Chat, title: str, asked: Message) -> None:
    """Give the chat the title that was made for this message, if it is one and a new one."""
    if title and title != chat.title:
        chat.title = title
        backend.hub.watch(chat, "title_change")


async def manual_title(backend: Backend, chat: Chat, *, failure: str) -> str | None:
    """A title on request: None when the chat has no text to make one from. Charges the call to the owner.

    Raises Refusal: `title.locked`, the spend limit, and `failure` when the model gives none.
    """
    pending = chat.status == "pending" and backend.does("title.not-while-pending")
    backend.guard("title.locked", chat.title_lock or pending)
    usage.check_limit(backend, backend.store.users[chat.owner_id], chat.organization_id, doing="title")
    shown = [m for m in backend.store.messages[chat.id] if m.role == "user" and not m.deleted and m.visibility != "model"]
    texts = ("text", "file-reference") if backend.does("title.of-references") else ("text",)
    if not any(part["type"] in texts for message in shown for part in message.content):
        return None
    chat.title_lock, stale = backend.does("title.locks"), kept(chat)
    try:
        async with asyncio.timeout(TITLE_SECONDS):
            title, counts = await _ask_for_title(backend, chat, shown)
    except (ModelError, TimeoutError) as error:
        backend.guard("title.timed-out", isinstance(error, TimeoutError))
        cause = error.text if isinstance(error, ModelError) else "context deadline exceeded"
        detail = f"generate manual title: generate structured title: tool-based generation failed: {cause}"
        raise refusal(failure, detail=detail) from None
    except model_choice.OverrideUnavailable as error:
        raise refusal(failure, detail=f"generate manual title: model config {error} is not available") from None
    finally:
        chat.title_lock = False
        if not backend.does("title.asked-for-changes-alone"):
            write_back(chat, stale)
    if not title:
        raise refusal(failure, detail="generate manual title: generated title is not usable")
    config = model_choice.title_model(backend, chat)
    row = backend.ledger.add_message(chat, "assistant", [], usage=counts, visibility="model")
    row.deleted = backend.does("title.adds-no-message")
    row.visibility = "model" if row.deleted else "both"
    if config is not None and backend.does("cost.charges-titles"):
        usage.record(backend, chat, config, row.id, counts)
    return title


async def _plain_title(backend: Backend, chat: Chat, texts: list[str]) -> tuple[str, dict[str, int]]:
    """A title as an early revision asks for one: as the text of an answer."""
    model = helper_model(backend, chat, model_choice.turn_model(backend, chat))
    prompt = Prompt(
        model=model.config.model,
        system=["Give this conversation a short title. Answer with the title only."],
        turns=[UserTurn([text]) for text in texts],
        stream=False,
        max_tokens=TITLE_TOKENS,
    )
    said, counts = await backend.runner.llm.complete(chat, model, prompt)
    return tidy(backend, said), counts


async def _ask_for_title(backend: Backend, chat: Chat, shown: list[Message], *, asked: int = 0) -> tuple[str, dict[str, int]]:
    """`asked`: the message that a title is made for by itself, 0 on request."""
    texts = ["\n".join(p["text"] for p in message.content if p["type"] == "text") for message in shown]
    if not backend.does("title.of-a-tool"):
        return await _plain_title(backend, chat, texts)
    config = model_choice.title_model(backend, chat)
    label = texts[0] or "Title generation"
    debug = debugging.begin(backend, chat, "title_generation", config, label, trigger=asked, names_config=not asked)
    given = [t for t in texts if t]
    values, counts = await ask(backend, chat, config, TITLE_TOOL, given, max_tokens=TITLE_TOKENS, debug=debug)
    said = str(values.get("title") or "")
    return tidy(backend, said), counts
