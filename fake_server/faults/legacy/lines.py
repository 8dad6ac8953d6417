"""Wrong about the lines of an answer: which come, when, in which order, and what they say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson

from fake_server.faulting import Answer, answers, frames, instead, replaces, turns_off
from fake_server.state.records import new_id

LACKS = "chats.have-life-cycles"

Line = dict[str, Any]
Memory = dict[str, Any]


def told(name: str, doc: str, kinds: str, change: Callable[[Line, Memory], list[Line]], *, red: list[str]) -> None:
    """A fault that tells other lines in place of one of these kinds; the memory lasts as long as the answer."""

    def wrong(batch: list[Line], memory: Memory) -> list[Line]:
        return [new for line in batch for new in (change(line, memory) if line["type"] in kinds else [line])]

    wrong.__name__, wrong.__doc__ = name, doc
    frames("answer", red=red)(wrong)


def says(kind: str, data: Any) -> Line:
    return {"type": kind, "data": data}


def data(**changed: Any) -> Callable[[Line, Memory], list[Line]]:
    """The line with other values under these keys."""
    return lambda line, memory: [{**line, "data": {**line["data"], **changed}}]


def late(line: Line, memory: Memory) -> list[Line]:
    """Each line but the first comes with the next one of its kinds."""
    if "w" not in memory:
        memory["w"] = []
        return [line]
    held, memory["w"] = memory["w"], [line]
    return list(held)


# -- order
@frames("answer", red=["LSTREAM-001", "LTOOL-001"])
def starts_behind_pieces(batch: list[Line], memory: Memory) -> list[Line]:
    """The start of a tool call comes behind its first piece."""
    out: list[Line] = []
    for line in batch:
        held = memory.pop("start", [])
        out += [line, *held] if line["type"] == "c" else [*held, line]
        if line["type"] == "b":
            memory["start"] = [out.pop()]
    return out


told(
    "tools-have-two-names",
    "The whole of a tool call has another name.",
    "9",
    lambda line, memory: [says("9", {**line["data"], "toolName": line["data"]["toolName"].upper()})],
    red=["LSTREAM-002", "LTOOL-001"],
)
told(
    "thoughts-before-results",
    "A thought stands before the result of a tool.",
    "a",
    lambda line, memory: [says("g", "hm"), line],
    red=["LSTREAM-003", "LTOOL-001"],
)
told(
    "ends-twice",
    "The finish of the message comes twice.",
    "d",
    lambda line, memory: [line, line],
    red=["LSTREAM-004", "LSTREAM-014", "LSTREAM-017", "LSTREAM-025", "LSTREAM-027", "LTOOL-017"],
)


@instead("App._last_line", red=["LSTREAM-005"])
async def finish_behind_errors(right: Any, *args: Any) -> Any:
    """A finish of the message follows an error."""
    usage = {"promptTokens": None, "completionTokens": None}
    return await right(*args) + b"d:" + orjson.dumps({"finishReason": "error", "usage": usage}) + b"\n"


@frames("answer", red=["LSTREAM-006", "LSTREAM-050"])
def steps_start_late(batch: list[Line], memory: Memory) -> list[Line]:
    """The start of a step comes behind its first line."""
    out: list[Line] = []
    for line in batch:
        if line["type"] == "f":
            memory["start"] = [line]
        else:
            out += [line, *memory.pop("start", [])]
    return out


# -- plain answers
@answers("sendMessage", red=["LSTREAM-010", "SCHEMA-headers"])
def streams_without_their_version(answer: Answer) -> None:
    """An answer does not say that it is a data stream."""
    answer.headers.pop("x-vercel-ai-data-stream", None)


@frames("answer", red=["LSTREAM-011", "LSTREAM-012", "LSTREAM-014", "LSTREAM-020", "LSTREAM-026", "LSTREAM-033"])
def pieces_are_joined(batch: list[Line], memory: Memory) -> list[Line]:
    """Neighbouring pieces of text behind the first come as one line."""
    out: list[Line] = []
    for line in batch:
        if line["type"] == "0" and "text" in memory:
            memory["text"] += line["data"]
            continue
        text, memory["text"] = memory.get("text", ""), ""
        out += [*([says("0", text)] if text else []), line]
    return out


told(
    "lines-come-late",
    "Each line comes when the next one does.",
    "0ed",
    lambda line, memory: [*late(line, memory), *(memory.pop("w", []) if line["type"] == "d" else [])],
    red=["LSTREAM-012"],
)
turns_off(
    "heads-come-first",
    "The head of an answer comes before its first line.",
    "stream.head-with-first-line",
    red=["LSTREAM-013", "LSTREAM-024"],
)
told(
    "steps-are-continued", "A step says that it is continued.", "e", data(isContinued=True), red=["LSTREAM-014", "SCHEMA-line-e"]
)


def _zeros(line: Line, memory: Memory) -> list[Line]:
    usage = {key: count or 0 for key, count in line["data"]["usage"].items()}
    return [says(line["type"], {**line["data"], "usage": usage})]


told("no-tokens-are-zero", "Tokens that were not told are zero.", "ed", _zeros, red=["LSTREAM-015"])
told(
    "tokens-are-not-told",
    "The tokens of a message are not told.",
    "d",
    data(usage={"promptTokens": None, "completionTokens": None}),
    red=["LSTREAM-016"],
)
replaces(
    "reasons-of-the-provider",
    "The model's own word for why it finished is told.",
    "Answerer.reason",
    lambda right, finish: {"content_filter": "content-filter", "length": "length"}.get(finish, right(finish)),
    red=["LSTREAM-017"],
)


@frames("answer", red=["LSTREAM-018", "LSTREAM-012", "LSTREAM-014", "LSTREAM-025", "LSTREAM-013"])
def steps_have_starts(batch: list[Line], memory: Memory) -> list[Line]:
    """Each step has a start."""
    out: list[Line] = []
    for line in batch:
        out += [line] if memory.get("begun") else [says("f", {"messageId": new_id()}), line]
        memory["begun"] = line["type"] != "d"
    return out


replaces(
    "empty-pieces-count",
    "A piece without text gives a line.",
    "Answerer.counts",
    lambda right, piece: True,
    red=[
        "LSTREAM-019",
        "LMSG-003",
        "LSTREAM-011",
        "LSTREAM-012",
        "LSTREAM-014",
        "LSTREAM-020",
        "LSTREAM-025",
        "LSTREAM-026",
        "LSTREAM-037",
        "SCHEMA-line-0",
        "SCHEMA-listMessages",
        "LSTREAM-013",
        "LTOOL-001",
    ],
)
told(
    "line-ends-are-one",
    "A carriage return is left out of text.",
    "0",
    lambda line, memory: [says("0", line["data"].replace("\r", ""))],
    red=["LSTREAM-020"],
)
replaces(
    "markup-as-it-is",
    "Markup is not escaped in lines.",
    "App._lines",
    lambda right, app, event, memory: [event["type"].encode() + b":" + orjson.dumps(event["data"]) + b"\n"],
    red=["LSTREAM-021"],
)


@instead("Answerer.chunks", red=["LSTREAM-022"])
async def chunks_are_texts(right: Any, answer: Any) -> Any:
    """Each chunk of the model's answer is decoded by itself."""
    async for chunk in right(answer):
        yield chunk.decode("utf-8", "replace").encode()


replaces(
    "failed-calls-are-told",
    "A failed call of the model gives a line with an error.",
    "Answerer.failed",
    lambda right, asked, failure: [says("3", str(failure))],
    red=["LSTREAM-023", "LSTREAM-024", "LTOOL-017", "SCHEMA-frame-sendMessage"],
)
turns_off(
    "no-length-of-nothing", "An answer without lines does not tell its length.", "stream.empty-has-length", red=["LSTREAM-024"]
)


@instead("Answerer.end", red=["LSTREAM-025"])
def breaks_are_errors(right: Any, reading: Any) -> Any:
    """Where the model's stream breaks off the finish says error."""
    line = right(reading)
    return line if reading.finished or not reading.reason else says("d", {**line["data"], "finishReason": "error"})


@frames("answer", red=["LSTREAM-026"])
def five_hundred_pieces(batch: list[Line], memory: Memory) -> list[Line]:
    """Of an answer the first five hundred lines of text come."""
    memory["count"] = memory.get("count", 0) + sum(line["type"] == "0" for line in batch)
    return [line for line in batch if line["type"] != "0" or memory["count"] <= 500]


told(
    "always-a-reason",
    "Where the model gave no reason the finish says stop.",
    "d",
    lambda line, memory: [says("d", {**line["data"], "finishReason": line["data"]["finishReason"] or "stop"})],
    red=["LSTREAM-027"],
)
replaces(
    "lines-are-apart",
    "An empty line stands between lines.",
    "App._lines",
    lambda right, *args: [line + b"\n" for line in right(*args)],
    red=["LSTREAM-028", "SCHEMA-frame-sendMessage"],
)


# -- tools
def _says_stop(line: Line, memory: Memory) -> list[Line]:
    return [says("e", {**line["data"], "finishReason": "stop"})]


told("steps-always-stop", "The finish of a step always says stop.", "e", _says_stop, red=["LTOOL-001"])
told(
    "pieces-of-calls-are-kept-back",
    "The pieces of a tool call give no lines.",
    "c",
    lambda line, memory: [],
    red=["LTOOL-002", "LSTREAM-002"],
)
told(
    "objects-in-arguments-are-lost",
    "Objects inside of arguments are left out of the whole.",
    "9",
    lambda line, memory: [
        says("9", {**line["data"], "args": {k: v for k, v in (line["data"]["args"] or {}).items() if not isinstance(v, dict)}})
    ],
    red=["LTOOL-003", "LSTREAM-002"],
)
told(
    "one-finish-of-all",
    "The finish of the message comes once, at the end.",
    "d",
    lambda line, memory: [] if line["data"]["finishReason"] == "tool-calls" else [line],
    red=["LTOOL-004", "LTOOL-001", "LTOOL-017"],
)


@frames("answer", red=["LTOOL-014"])
def tools_behind_text(batch: list[Line], memory: Memory) -> list[Line]:
    """What becomes of a tool call is told when the model has ended."""
    out: list[Line] = []
    for line in batch:
        if line["type"] in "9a":
            memory.setdefault("w", []).append(line)
        else:
            out += [*(memory.pop("w", []) if line["type"] in "ed" else []), line]
    return out


# -- clients that hang up, and two at once
@instead("Answerer.lines", red=["LSTREAM-040", "PROP-007"])
async def hanging_up_takes_back(right: Any, asked: Any) -> Any:
    """A client that hangs up takes its message back."""
    ended = False
    try:
        async for line in right(asked):
            yield line
        ended = True
    finally:
        if not ended and asked.message in right.__self__.history(asked.chat):
            right.__self__.history(asked.chat).remove(asked.message)


@instead("Answerer._one_call", red=["LSTREAM-041"])
async def unfinished_answers_are_kept(right: Any, asked: Any, answer: Any, reading: Any, gathered: Any) -> Any:
    """What a client has read before it hung up is kept."""
    ended = False
    try:
        async for line in right(asked, answer, reading, gathered):
            yield line
        ended = True
    finally:
        if not ended:
            gathered.end()
            right.__self__.keep_answer(asked.chat, gathered.messages)


turns_off(
    "models-speak-on",
    "The server listens to the model to its end when its client is gone.",
    "stream.ends-with-client",
    red=["LSTREAM-042", "LSTREAM-041"],
)


@instead("Answerer.lines", red=["LSTREAM-043"])
async def one_answer_at_a_time(right: Any, asked: Any) -> Any:
    """A message is not answered while another one is."""
    lock = right.__self__.backend.faults.memory.setdefault(f"answer {asked.chat.id}", asyncio.Lock())
    if not lock.locked():
        async with lock:
            async for line in right(asked):
                yield line


@instead("Answerer.is_first", red=["LSTREAM-044"])
def first_until_answered(right: Any, chat: Any) -> Any:
    """A chat without an answer is asked for a title."""
    return not any(message["role"] == "assistant" for message in right.__self__.history(chat))
