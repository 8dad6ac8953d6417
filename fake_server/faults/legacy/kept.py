"""Wrong about what is kept of answers, about the tools that run in them, and about when an answer ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fake_server.answers.tools import TOOLS
from fake_server.faulting import Fault, declare, frames, instead, replaces
from fake_server.state.records import new_id

LACKS = "chats.have-life-cycles"

Json = dict[str, Any]


def keeps(name: str, doc: str, change: Callable[[Json], Any], *, red: list[str]) -> None:
    """A fault that changes each message of the assistant before it is kept."""

    def wrong(right: Any, chat: Any, messages: list[Json]) -> None:
        for message in messages:
            change(message)
        right(chat, messages)

    replaces(name, doc, "Answerer.keep_answer", wrong, red=red)


def of_calls(change: Callable[[Json], Any]) -> Callable[[Json], None]:
    """A change of each tool invocation."""

    def each(message: Json) -> None:
        for part in message.get("parts", ()):
            if part["type"] == "tool-invocation":
                change(part["toolInvocation"])

    return each


# -- messages
@instead("Answerer.keep_answer", red=["LSTREAM-030", "LSTREAM-031", "LSTREAM-033", "LSTREAM-036", "LSTREAM-045"])
def one_message_an_answer(right: Any, chat: Any, messages: list[Json]) -> None:
    """All calls of the model in one answer are kept as one message."""
    history = right.__self__.history(chat)
    if history[-1]["role"] != "assistant" or not messages:
        right(chat, messages)
        return
    history[-1]["content"] += messages[0]["content"]
    history[-1]["parts"] = history[-1].get("parts", []) + messages[0].get("parts", [])


keeps(
    "kept-texts-are-trimmed",
    "The content of an answer loses the blanks at its ends.",
    lambda m: m.update(content=m["content"].strip()),
    red=["LSTREAM-031", "LSTREAM-020", "LSTREAM-030", "LSTREAM-033"],
)


def _asked(part: Any, chat: Any) -> list[Json]:
    """The messages of the client that are not kept yet."""
    waiting: list[Json] = part.backend.faults.memory.setdefault(f"asked {chat.id}", [])
    return waiting


def _kept_with_its_answer(right: Any, chat: Any, messages: list[Json]) -> None:
    waiting = _asked(right.__self__, chat)
    right.__self__.history(chat).extend(waiting)
    waiting.clear()
    right(chat, messages)


declare(
    Fault(
        "questions-are-kept-with-answers", "The user's message is kept with the first part of its answer.", frozenset({"LSTREAM-032"}),
        around={
            "Answerer.keep_asked": lambda right, asked: _asked(right.__self__, asked.chat).append(asked.message),
            "Answerer.keep_answer": _kept_with_its_answer,
            "Answerer.history_for": lambda right, asked: [*right(asked), *_asked(right.__self__, asked.chat)],
        },
    )
)  # fmt: skip
declare(
    Fault(
        "answers-are-kept-together", "What an answer leaves is kept when it has ended.", frozenset({"LSTREAM-033"}),
        around={
            "Answerer.keep_answer": lambda right, chat, messages: right.__self__.backend.faults.memory.setdefault(
                f"kept {chat.id}", []
            ).extend(messages),
            "Answerer.goes_on": lambda right, asked, *rest: _all_at_once(right, asked, *rest),
            "Answerer.history_for": lambda right, asked: [
                *right(asked), *right.__self__.backend.faults.memory.get(f"kept {asked.chat.id}", ())
            ],
        },
    )
)  # fmt: skip


def _all_at_once(right: Any, asked: Any, *rest: Any) -> Any:
    more = right(asked, *rest)
    if not more:
        right.__self__.history(asked.chat).extend(right.__self__.backend.faults.memory.pop(f"kept {asked.chat.id}", []))
    return more


@instead("Answerer._one_call", red=["LSTREAM-034"])
async def answers_are_shown_early(right: Any, asked: Any, *rest: Any) -> Any:
    """A message of the assistant is shown before its call of the model has ended."""
    history, early = right.__self__.history(asked.chat), {"id": "", "content": "one", "role": "assistant"}
    async for line in right(asked, *rest):
        if early not in history:
            history.append(early)
        yield line
    history.remove(early)


keeps(
    "answers-have-times",
    "A message of the assistant has a createdAt.",
    lambda m: m.update(createdAt="2025-05-02T10:00:00Z"),
    red=["LSTREAM-035", "LSTREAM-037"],
)
keeps(
    "answers-have-ids",
    "A message of the assistant has an id.",
    lambda m: m.update(id=new_id()),
    red=["LSTREAM-036", "LSTREAM-037"],
)
replaces(
    "empty-answers-are-not-kept",
    "An answer without any text is not kept.",
    "Answerer.keep_answer",
    lambda right, chat, messages: right(chat, [m for m in messages if m["content"] or m.get("parts")]),
    red=["LSTREAM-037"],
)


@instead("Answerer.keep_answer", red=["LSTREAM-045"])
def late_answers_are_lost(right: Any, chat: Any, messages: list[Json]) -> None:
    """The answer to a message is lost when another one has been answered meanwhile."""
    last = right.__self__.history(chat)[-1]
    if last["role"] != "assistant" or any(part["type"] == "tool-invocation" for part in last.get("parts", ())):
        right(chat, messages)


# -- tools
keeps(
    "texts-before-tools",
    "The text parts of an answer stand before its tool calls.",
    lambda m: m.get("parts", []).sort(key=lambda part: part["type"] != "text"),
    red=["LTOOL-006"],
)
keeps(
    "calls-without-arguments-are-called",
    "A call without arguments is kept as called.",
    of_calls(lambda call: call.update(state="call") if call["args"] == "" else None),
    red=["LTOOL-009"],
)
keeps(
    "broken-arguments-are-lost",
    "Arguments that never became an object are not kept.",
    of_calls(lambda call: call.update(args="") if call["state"] == "partial-call" else None),
    red=["LTOOL-010"],
)


def runs(name: str, doc: str, wrong: Callable[..., Any], *, red: list[str]) -> None:
    """A fault in the running of tools; `wrong` gets the result, the name of the tool, and what it was called with."""

    async def run(right: Any, backend: Any, caller: Any, address: Any, tool: str, args: Any) -> Any:
        return wrong(await right(backend, caller, address, tool, args), tool)

    replaces(name, doc, "run", run, red=red)


runs(
    "tools-that-are-not-fail",
    "A tool that does not exist has an error as result.",
    lambda result, tool: result if tool in TOOLS else {"error": "unknown tool"},
    red=["LTOOL-007", "LTOOL-019"],
)
runs(
    "errors-of-tools-are-texts",
    "A tool that fails has a text as result.",
    lambda result, tool: result["error"] if isinstance(result, dict) and "error" in result else result,
    red=["LTOOL-008"],
)
runs(
    "no-workspaces-are-null",
    "The list of no workspaces is null.",
    lambda result, tool: result or None,
    red=["LTOOL-018", "LTOOL-005"],
)
keeps(
    "nulls-are-kept",
    "A result of null is kept.",
    of_calls(lambda call: call.setdefault("result", None) if call["state"] == "result" else None),
    red=["LTOOL-019", "SCHEMA-listMessages"],
)


@frames("answer", red=["LTOOL-011"])
def one_tool_a_call(batch: list[Json], memory: Json) -> list[Json]:
    """Of several tool calls in one call of the model the first is told whole."""
    out: list[Json] = []
    for line in batch:
        memory["n"] = 0 if line["type"] == "d" else memory.get("n", 0) + (line["type"] == "9")
        out += [] if line["type"] in "9a" and memory["n"] > 1 else [line]
    return out


@instead("Answerer.works_for", red=["LTOOL-012"])
def tools_of_the_site_owner(right: Any, asked: Any) -> Any:
    """Tools work with the rights of the site owner."""
    return next(iter(right.__self__.backend.store.users.values()))


@instead("Answerer.works_for", red=["LTOOL-020"])
def tools_of_the_chats_owner(right: Any, asked: Any) -> Any:
    """Tools work with the rights of the user whose chat it is."""
    return right.__self__.backend.store.users[asked.chat.owner_id]


@instead("body", red=["LTOOL-013"])
def a_tool_is_missing(right: Any, backend: Any, model: Any, messages: Any, tools: list[Json]) -> Any:
    """The first tool is not offered."""
    return right(backend, model, messages, tools[1:])


# -- when an answer ends
@instead("Answerer.goes_on", red=["LTOOL-015"])
def no_call_no_more(right: Any, asked: Any, reading: Any, gathered: Any) -> Any:
    """The model is called again only if it has called a tool."""
    called = [p for m in gathered.messages for p in m.get("parts", ()) if p["type"] == "tool-invocation"]
    return right(asked, reading, gathered) and bool(called)


@instead("Answerer.goes_on", red=["LTOOL-004", "LTOOL-016"])
def ten_calls_at_most(right: Any, asked: Any, *rest: Any) -> Any:
    """The model is called ten times at most."""
    return right(asked, *rest) and len(right.__self__.history(asked.chat)) <= 10


@instead("Answerer.failed", red=["LTOOL-017"])
def failures_take_back(right: Any, asked: Any, failure: Any) -> Any:
    """A failed call of the model takes back what the one before has left."""
    history = right.__self__.history(asked.chat)
    if history[-1]["role"] == "assistant":
        history.pop()
    return right(asked, failure)


# -- of the other provider type
keeps(
    "steps-lose-their-ids", "A message whose step has an id is kept without it.", lambda m: m.update(id=""), red=["LSTREAM-050"]
)
keeps(
    "thoughts-are-texts",
    "What the model thinks is kept as text.",
    lambda m: [p.update(type="text", text=p.pop("reasoning")) for p in m.get("parts", ()) if p["type"] == "reasoning"],
    red=["LSTREAM-051"],
)
keeps(
    "steps-have-no-part",
    "A message has no part that says that a step started.",
    lambda m: m.update(parts=[p for p in m.get("parts", ()) if p["type"] != "step-start"]),
    red=["LSTREAM-052"],
)
