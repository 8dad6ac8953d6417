"""Wrong about titles, and about what the model is told."""

from __future__ import annotations

import asyncio
from typing import Any

from fake_server.faulting import Answer, answers, instead, replaces, turns_off
from fake_server.rules.refusals import Refusal

Json = dict[str, Any]


# -- titles
replaces(
    "titles-are-capitalized", "The words of a title begin with capitals.", "Answerer.title",
    lambda right, *args: right(*args).title(), red=["LTITLE-001", "LTITLE-005", "LTITLE-002", "LTITLE-003", "LTITLE-006", "LTITLE-008", "LTITLE-009", "LTITLE-011", "LTITLE-014"],
)  # fmt: skip


@instead("Answerer.entitle", red=["LTITLE-002"])
async def answers_before_titles(right: Any, asked: Any) -> None:
    """The title is made beside the answer."""
    task = asyncio.ensure_future(right(asked))
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    right.__self__.backend.faults.memory.setdefault("titles", []).append(task)


turns_off(
    "titles-of-41-bytes", "A title is cut to 41 bytes.", "title.exact-length", red=["LTITLE-003", "LTITLE-009", "LTITLE-011"]
)
replaces(
    "every-message-names", "Each message makes a title anew.", "Answerer.is_first", lambda right, chat: True, red=["LTITLE-004"]
)

LACKS = "chats.have-life-cycles"
replaces(
    "titles-are-trimmed", "A title loses the blanks at its ends.", "Answerer.title",
    lambda right, *args: right(*args).strip(), red=["LTITLE-005"],
)  # fmt: skip


@instead("Answerer.entitle", red=["LTITLE-006"])
async def titles_may_fail(right: Any, asked: Any) -> None:
    """A message whose title can't be made is answered all the same."""
    try:
        await right(asked)
    except Refusal:
        return


@instead("Answerer.name", red=["LTITLE-007"])
def titles_without_a_time(right: Any, chat: Any, title: str) -> None:
    """A new title does not move updated_at."""
    before = chat.updated_at
    right(chat, title)
    chat.updated_at = before


turns_off("titles-are-tried-once", "A failed call of the model is not made again.", "llm.tries-again", red=["LTITLE-008"])
replaces(
    "no-title-of-the-content", "Where the model says nothing there is no title.", "Answerer.title",
    lambda right, asked, gathered: right(asked, gathered) if gathered.messages else "", red=["LTITLE-009"],
)  # fmt: skip
replaces(
    "no-empty-titles", "An empty title is replaced by the content.", "Answerer.title",
    lambda right, asked, gathered: right(asked, gathered) or asked.message["content"], red=["LTITLE-010"],
)  # fmt: skip
replaces(
    "titles-are-cut-at-characters", "A title is cut between characters.", "Answerer.name",
    lambda right, chat, title: right(chat, title.encode()[:40].decode("utf-8", "ignore")), red=["LTITLE-011"],
)  # fmt: skip


@instead("Answerer.name", red=["LTITLE-012"])
def title_calls_are_messages(right: Any, chat: Any, title: str) -> None:
    """The title that the model makes is a message of the chat."""
    right(chat, title)
    right.__self__.history(chat).append({"id": "", "content": title, "role": "assistant"})


@instead("body", red=["LTITLE-013"])
def titles_of_another_model(right: Any, backend: Any, model: Any, messages: Any, tools: Any) -> Any:
    """A title is made by a model of the server's choice."""
    return right(backend, model, messages, tools) | ({} if tools else {"model": "gpt-4o"})


turns_off(
    "titles-outlive-clients", "A title is made to its end without its client.", "title.ends-with-client", red=["LTITLE-014"]
)


@answers("sendMessage", red=["LTITLE-015"])
def failed_titles_say_nothing(answer: Answer) -> None:
    """The refusal of a message whose title can't be made does not say why."""
    if answer.status == 500:
        answer.body["detail"] = "error in stream"


# -- what the model is told
@instead("Answerer.history_for", red=["LHIST-001", "LHIST-003", "LHIST-007"])
def history_of_two(right: Any, asked: Any) -> Any:
    """The model is told the first message and the last."""
    history = right(asked)
    return [*history[:1], *history[1:][-1:]]


@instead("Answerer.told", red=["LHIST-002"])
def content_is_told(right: Any, system: str, messages: list[Json]) -> Any:
    """The content of a user's message is told, too."""

    def told(message: Json) -> Json:
        parts = [{"type": "text", "text": message["content"]}, *message.get("parts", ())]
        return {**message, "parts": parts} if message["role"] == "user" else message

    return right(system, [told(message) for message in messages])


replaces(
    "system-messages-are-hidden", "Messages of the role system are not told.", "Answerer.told",
    lambda right, system, messages: right(system, [m for m in messages if m["role"] != "system"]), red=["LHIST-003"],
)  # fmt: skip
replaces(
    "no-stream-is-asked-for", "The model is asked for a whole answer.", "body",
    lambda right, *args: right(*args) | {"stream": False}, red=["LHIST-004", "LHIST-001", "LHIST-002", "LHIST-005", "LHIST-006", "LHIST-007"],
)  # fmt: skip


@instead("Answerer.told", red=["LHIST-005", "LHIST-007"])
def results_are_not_told(right: Any, system: str, messages: list[Json]) -> Any:
    """The results of tools are told as empty texts."""
    told = right(system, messages)
    return [{**m, "content": [{"type": "text", "text": ""}]} if m["role"] == "tool" else m for m in told]


@instead("Answerer.told", red=["LHIST-006"])
def attachments_are_not_told(right: Any, system: str, messages: list[Json]) -> Any:
    """Attachments are not told."""
    return right(system, [{**message, "experimental_attachments": []} for message in messages])


@instead("Answerer.history_for", red=["LHIST-007"])
def tools_are_forgotten(right: Any, asked: Any) -> Any:
    """Tool calls of earlier answers are not told."""
    history = right(asked)
    at = max((n for n, m in enumerate(history) if m["role"] == "user"), default=0)

    def bare(m: Json) -> Json:
        return {**m, "parts": [p for p in m.get("parts", ()) if p["type"] != "tool-invocation"]}

    return [bare(message) if n < at else message for n, message in enumerate(history)]
