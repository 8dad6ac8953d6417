"""The label of a chat's last turn: written by the model after a success, by the server otherwise. Root chats only."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fake_server.chats import debugging
from fake_server.faulting import replaceable
from fake_server.model_calls.classify import ModelError
from fake_server.model_calls.helpers import ask
from fake_server.model_calls.wires.base import Tool
from fake_server.state import model_choice
from fake_server.state.records import Chat, ModelConfig
from fake_server.turns.titles import kept, write_back

if TYPE_CHECKING:
    from fake_server.backend import Backend

FINISHED = "Finished latest turn"
STILL_WORKING = "Still working on request"
WAITING_FOR_USER = "Waiting for user input"
LABEL_TOOL = Tool(
    "propose_turn_status_label",
    "Say in a few words what the last turn achieved.",
    {"type": "object", "properties": {"label": {"type": "string"}}, "required": ["label"]},
)
SUMMARY_TOOL = Tool(
    "chat_summary",
    "Sum this conversation up in a sentence.",
    {"type": "object", "properties": {"summary": {"type": "string"}}, "required": ["summary"]},
)
LABEL_TOKENS, SUMMARY_TOKENS = 64, 256
LEAST_TEXT, SUMMARY_RUNES = 200, 300
_FORBIDDEN_STARTS = ("agent", "i", "it", "the", "we")


@replaceable
def write_summary(backend: Backend, chat: Chat, text: str | None) -> None:
    """Set or clear the label and tell the watchers; nothing when a label that is not there is cleared."""
    if chat.parent_chat_id is not None or (text is None and chat.last_turn_summary is None):
        return
    if not backend.does("summary.of-turns"):
        return
    chat.last_turn_summary = text
    backend.hub.watch(chat, "summary_change")


async def label(backend: Backend, chat: Chat) -> None:
    """Label the turn that has just ended, unless something has happened to the chat by the time the model has answered."""
    if chat.parent_chat_id is not None or not backend.does("summary.of-turns"):
        return
    since, stale = chat.updated_at, kept(chat)
    text = FINISHED
    said = _last_words(backend, chat)
    if said:
        config = model_choice.turn_model(backend, chat)
        try:
            debug = _debug(backend, chat, config)
            values, _ = await ask(backend, chat, config, LABEL_TOOL, [said], max_tokens=LABEL_TOKENS, debug=debug)
            text = accepted(str(values.get("label") or "")) or FINISHED
        except ModelError:
            text = FINISHED
    if chat.updated_at == since:
        if not backend.does("summary.changes-alone"):
            write_back(chat, stale)
        write_summary(backend, chat, text)


async def summarise_chat(backend: Backend, chat: Chat) -> None:
    """Say what the chat is about, in revisions that do: a child's is the start of its last answer."""
    if not backend.does("summary.of-chats"):
        return
    shown = [m for m in backend.store.messages[chat.id] if not m.deleted and m.visibility != "model" and m.role != "system"]
    lines = ((m.role, " ".join(part["text"] for part in m.content if part["type"] == "text")) for m in shown if m.role != "tool")
    texts = [f"[{role}]: {text}" for role, text in lines if text]
    if chat.parent_chat_id is not None:
        said = " ".join(re.findall(r"[^.!?]+[.!?]*", _last_words(backend, chat))[:3]).strip()
        text = re.sub(r"\s+", " ", said)[:SUMMARY_RUNES]
    elif len("\n".join(texts)) < LEAST_TEXT:
        return
    else:
        try:
            config = model_choice.turn_model(backend, chat)
            values, _ = await ask(backend, chat, config, SUMMARY_TOOL, texts, max_tokens=SUMMARY_TOKENS, debug=debugging.NoRun())
        except ModelError:
            return
        text = str(values.get("summary") or "").strip()
    if text:
        chat.summary = text
        backend.hub.watch(chat, "chat_summary_change")


def _debug(backend: Backend, chat: Chat, config: ModelConfig | None) -> debugging.DebugRun:
    asked = next((m.id for m in reversed(backend.store.messages[chat.id]) if m.role == "user" and not m.deleted), 0)
    return debugging.begin(backend, chat, "quickgen", config, "Turn status label", trigger=asked, names_config=False)


def accepted(text: str) -> str:
    """The label if it is one: 2 to 5 words in one fragment that says nothing of the agent; else nothing."""
    text = " ".join(text.strip().strip("\"'").split())
    words = text.split()
    if not 2 <= len(words) <= 5 or re.search(r"[.!?;:\n]\s*\S", text) or words[0].lower() in _FORBIDDEN_STARTS:
        return ""
    return text.rstrip(".")


def _last_words(backend: Backend, chat: Chat) -> str:
    """The text of the last answer to the newest user message; an empty answer, or one of reasoning alone, is not stored."""
    for message in reversed(backend.store.messages[chat.id]):
        if message.role == "user" and not message.deleted and backend.does("summary.of-this-turn"):
            break
        if message.role == "assistant" and not message.deleted and message.visibility != "model":
            return " ".join(part["text"].strip() for part in message.content if part["type"] == "text").strip()
    return ""
