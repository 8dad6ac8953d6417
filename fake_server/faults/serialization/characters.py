"""Characters that get lost, or that become others, at one place or another."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from fake_server.faulting import Answer, Fault, changes, declare, frames, instead
from fake_server.state.records import Chat, Message, QueuedMessage

JOINER = "\u200d"


def _spelled(value: Any, spell: Callable[[str], str]) -> Any:
    """The JSON value with every text in it spelled otherwise."""
    if isinstance(value, dict):
        return {spell(key): _spelled(item, spell) for key, item in value.items()}
    if isinstance(value, list):
        return [_spelled(item, spell) for item in value]
    return spell(value) if isinstance(value, str) else value


def _results(results: list[dict[str, Any]], spell: Callable[[str], str], *, errors: bool) -> list[dict[str, Any]]:
    return [r | {"output": _spelled(r.get("output"), spell)} if r.get("is_error") or not errors else r for r in results]


@instead("told", red=["ROUND-035"])
def model_is_told_ascii(right: Callable[..., list[Message]], backend: Any, chat: Chat) -> list[Message]:
    """The model gets question marks for all but ASCII in what users write."""
    ascii_ = partial(_spelled, spell=lambda text: text.encode("ascii", "replace").decode())
    return [replace(m, content=ascii_(m.content)) if m.role == "user" else m for m in right(backend, chat)]


@instead("tidy", red=["TITLE-060"])
def model_titles_are_cut_at_bytes(right: Callable[..., str], backend: Any, text: str) -> str:
    """A model's title is cut to 80 bytes."""
    return right(backend, text).encode()[:80].decode(errors="ignore")


@instead("Lifecycle.tool_results", red=["ROUND-032"])
def outputs_end_at_a_nul(right: Callable[..., None], chat: Chat, caller: Any, results: Any, *more: Any) -> None:
    """The output of a client's tool is cut at a NUL."""
    right(chat, caller, _results(results, lambda text: text.split("\0")[0], errors=False), *more)


@instead("Lifecycle.tool_results", red=["ROUND-032"])
def errors_lose_their_nul(right: Callable[..., None], chat: Chat, caller: Any, results: Any, *more: Any) -> None:
    """A NUL in the output of a client's tool that failed is lost."""
    right(chat, caller, _results(results, lambda text: text.replace("\0", ""), errors=True), *more)


@instead("Lifecycle.tool_results", red=["ROUND-032"])
def outputs_are_composed(right: Callable[..., None], chat: Chat, caller: Any, results: Any, *more: Any) -> None:
    """Combining characters in the output of a client's tool are composed."""
    right(chat, caller, _results(results, lambda text: unicodedata.normalize("NFC", text), errors=False), *more)


@instead("Lifecycle.send", red=["ROUND-033"])
def queued_texts_lose_joiners(right: Callable[..., Any], *given: Any, **more: Any) -> Message | QueuedMessage:
    """Joiners in a queued text are lost."""
    made: Message | QueuedMessage = right(*given, **more)
    if isinstance(made, QueuedMessage):
        made.content = [_spelled(part, lambda text: text.replace(JOINER, "")) for part in made.content]
    return made


@instead("Lifecycle.edit", red=["ROUND-033"])
def edits_lose_their_nul(right: Callable[..., Message], *given: Any, content: Any, **more: Any) -> Message:
    """A NUL in an edited text is lost."""
    return right(*given, content=[_spelled(part, lambda text: text.replace("\0", "")) for part in content], **more)


@instead("Lifecycle.rename", red=["ROUND-034", "FILTER-064"])
def titles_are_composed(right: Callable[[Chat, str], None], chat: Chat, title: str) -> None:
    """Combining characters in a new title are composed."""
    right(chat, unicodedata.normalize("NFC", title))


@instead("Lifecycle.set_labels", red=["ROUND-034", "FILTER-064"])
def labels_lose_joiners(right: Callable[..., None], chat: Chat, labels: dict[str, str]) -> None:
    """Joiners in the values of labels are lost."""
    right(chat, {key: value.replace(JOINER, "") for key, value in labels.items()})


@changes("listChats", red=["FILTER-064"])
def labels_are_found_by_ascii(answer: Answer) -> None:
    """A label with a value outside ASCII finds nothing."""
    if not all(label.isascii() for label in answer.many("label")):
        answer.body = []


@frames("stream", red=["ROUND-036"])
def lone_joiners_are_lost(batch: list[dict[str, Any]], memory: dict[str, Any]) -> list[dict[str, Any]]:
    """A live piece of text that is a joiner or a combining mark alone is lost."""
    lost = [e for e in batch if e.get("message_part", {}).get("part", {}).get("text") in (JOINER, "\u0301")]
    return [event for event in batch if event not in lost]


@instead("Lifecycle.create", red=["CHAT-091"])
def first_titles_are_cut_at_bytes(right: Callable[..., Chat], *given: Any, **more: Any) -> Chat:
    """The first title is cut to 80 bytes where it is not ASCII."""
    chat = right(*given, **more)
    if not chat.title.isascii():
        chat.title = chat.title.encode()[:80].decode(errors="ignore")
    return chat


@instead("Lifecycle.create", red=["CHAT-091"])
def first_titles_know_one_blank(right: Callable[..., Chat], *given: Any, **more: Any) -> Chat:
    """An ideographic blank parts no words of the first title."""
    chat = right(*given, **more)
    text = str(more["content"][0].get("text", ""))
    if "\u3000" in text:
        chat.title = text[:80]
    return chat


def _told_otherwise(name: str, doc: str, role: str, spell: Callable[[str], str], red: list[str]) -> None:
    """A fault that stores texts of this role spelled otherwise."""

    def around(right: Callable[..., Message], chat: Chat, by: str, content: Any, **more: Any) -> Message:
        spelled = [part | {"text": spell(part["text"])} if part["type"] == "text" else part for part in content]
        return right(chat, by, spelled if by == role else content, **more)

    declare(Fault(name, doc, frozenset(red), around={"Ledger.add_message": around}))


_told_otherwise("questions-end-lines-in-lf", "line ends of users' texts become LF", "user",
                lambda text: text.replace("\r\n", "\n"), ["ROUND-037", "ROUND-033"])  # fmt: skip
_told_otherwise("answers-lose-blank-lines", "blank lines of answers are lost", "assistant",
                lambda text: text.replace("\n\n", "\n"), ["ROUND-037"])  # fmt: skip


@instead("Lifecycle._enqueue", red=["ROUND-038", "ROUND-033"])
def queued_texts_end_lines_in_lf(right: Any, chat: Any, entry: Any) -> None:
    """Lines of what is queued end in a line feed alone."""
    entry.content = [p | {"text": p["text"].replace("\r\n", "\n")} if "text" in p else p for p in entry.content]
    right(chat, entry)


def rounded(value: Any) -> Any:
    """The value as it is when its numbers were floats for a while."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return int(float(value)) if type(value) is int else value


@instead("Lifecycle._result_part", red=["ROUND-039"])
def large_numbers_in_results_are_rounded(right: Any, result: Any, tool: str) -> Any:
    """Whole numbers in results have 53 bits at most."""
    part = right(result, tool)
    return part | {"result": rounded(part["result"])}


@instead("store_answer", red=["ROUND-039"])
def large_numbers_in_arguments_are_rounded(right: Any, backend: Any, chat: Any, content: Any, made: Any) -> Any:
    """Whole numbers in arguments of calls have 53 bits at most."""
    return right(backend, chat, [p | {"args": rounded(p["args"])} if "args" in p else p for p in content], made)


@instead("Ledger.user_message", red=["ROUND-040"])
def texts_of_a_message_are_joined(right: Any, chat: Any, author: Any, content: Any, *what: Any) -> Any:
    """Texts of one message that stand side by side become one."""
    joined: list[Any] = []
    for part in content:
        if joined and part["type"] == joined[-1]["type"] == "text":
            joined[-1] = part | {"text": joined[-1]["text"] + part["text"]}
        else:
            joined.append(part)
    return right(chat, author, joined, *what)


@instead("Lifecycle._enqueue", red=["ROUND-040"])
def queued_files_come_last(right: Any, chat: Any, entry: Any) -> None:
    """Files of a queued message stand behind its texts."""
    entry.content = sorted(entry.content, key=lambda part: part["type"] == "file")
    right(chat, entry)
