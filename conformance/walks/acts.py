"""What somebody may do in a walk to begin and end turns: when it is drawn, with which arguments, and which request it is."""

from __future__ import annotations

from typing import Any

from conformance.walks.drawing import LABELS, Arguments, Draw, anything, verb
from conformance.walks.kinds import KINDS, TOOL, named_gate, prompt
from conformance.walks.sides import Side
from conformance.walks.steps import BUSY, ChatState, Step
from conformance.wire.exchange import Exchange

_UNKNOWN_ID = 999_999_999
_UNKNOWN_UUID = "5f0ad8cf-2a6e-4f0f-9d7d-6a5d7ad0c0de"


def _content(side: Side, step: Step) -> Any:
    """The content that a step sends: the script of its turn, and files."""
    kind = step.args["kind"]
    parts: list[dict[str, Any]] = []
    if kind in KINDS:
        parts.append({"type": "text", "text": prompt(kind, f"w{step.number}", named_gate(side.tag, step.number))})
    elif kind == "blank":
        parts.append({"type": "text", "text": " "})
    elif kind == "plain":
        parts.append(
            {"type": "text", "text": "\u516d\u3064\u306e\u8a00\u8449 \u3067 \u4f5c\u308b \u984c\u540d \u306f \u3053\u308c"}
        )
    parts += [{"type": "file", "file_id": side.ids.get(name, _UNKNOWN_UUID)} for name in step.args.get("files", ())]
    return parts


def _turn(d: Draw) -> Arguments:
    """The kind of a turn; now and then a content that is refused, and files."""
    kind = "blank" if d.chance(0.03) else "none" if d.chance(0.02) else "plain" if d.chance(0.02) else d.kind()
    args: Arguments = {"kind": kind}
    if d.state.files and d.chance(0.3):
        args["files"] = [d.one(d.state.files) for _ in range(d.rng.randint(1, 2))]
    elif d.chance(0.01):
        args["files"] = ["unknown"]
    return args


def _model(d: Draw) -> Arguments:
    return {"model": d.one(d.state.models)} if d.state.models and d.chance(0.5) else {}


def _given(side: Side, step: Step) -> dict[str, Any]:
    """The optional fields that a step names."""
    out: dict[str, Any] = {
        key: step.args[key] for key in ("labels", "plan_mode", "client_type", "busy_behavior") if key in step.args
    }
    if "model" in step.args:
        out["model_config_id"] = side.ids.get(step.args["model"], _UNKNOWN_UUID)
    if step.args.get("tools"):
        out["unsafe_dynamic_tools"] = [TOOL]
    return out


# -- chats and turns


def _new(d: Draw, chat: None) -> Arguments:
    args = _turn(d) | ({"tools": True} if d.chance(0.7) else {}) | _model(d)
    if d.chance(0.3):
        args["labels"] = d.one(LABELS)
    if d.chance(0.15):
        args["plan_mode"] = d.one(("plan", "", "x"))
    if d.chance(0.1):
        args["client_type"] = d.one(("ui", "api"))
    return args


@verb("create", "createChat", _new, stirs=True, weight=3)
async def _create(side: Side, step: Step) -> Exchange:
    model = {} if "model" in step.args else {"model_config_id": side.ids["model"]}
    return await side.people[step.actor].create(_content(side, step), **model | _given(side, step))


def _more(d: Draw, chat: ChatState) -> Arguments:
    args = _turn(d) | _model(d)
    if d.chance(0.25):
        args["busy_behavior"] = d.one(("interrupt", "queue", "interrupt", "x"))
    if d.chance(0.1):
        args["plan_mode"] = d.one(("plan", "", "x"))
    return args


@verb("send", "sendMessage", _more, when=anything, weight=12, stirs=True)
async def _send(side: Side, step: Step) -> Exchange:
    return await side.chat(step.chat, step.actor).send(_content(side, step), **_given(side, step))


def _place(d: Draw, chat: ChatState) -> Arguments | None:
    if not chat.messages:
        return None
    near = [*chat.users[-3:], *chat.users] or [0]
    return {"place": d.rng.randrange(chat.messages) if d.chance(0.1) else d.one(near)} | _turn(d) | _model(d)


@verb("edit", "editMessage", _place, when=lambda c: c.messages > 0, weight=5, stirs=True)
async def _edit(side: Side, step: Step) -> Exchange:
    message = side.message(step.chat, step.args["place"])
    return await side.chat(step.chat, step.actor).edit(message, _content(side, step), **_given(side, step))


@verb("interrupt", "interruptChat", stirs=True, when=anything, weight=3)
async def _interrupt(side: Side, step: Step) -> Exchange:
    return await side.chat(step.chat, step.actor).interrupt()


@verb(
    "open",
    "getChat",
    lambda d, chat: {"gate": d.one(chat.gates)},
    when=lambda c: c.run == BUSY and bool(c.gates),
    stirs=True,
    weight=9,
    foreign=0,
)
async def _open(side: Side, step: Step) -> None:
    await side.t.llm.open(named_gate(side.tag, step.args["gate"]))


def _entry(d: Draw, chat: ChatState) -> Arguments:
    return {"place": d.rng.randrange(chat.queue) if chat.queue else -1}


def _queued(side: Side, step: Step) -> Any:
    place, queue = step.args["place"], side.queue[step.chat]
    return queue[place] if 0 <= place < len(queue) else _UNKNOWN_ID


@verb("promote", "promoteQueuedMessage", _entry, when=lambda c: c.queue > 0, weight=6, stirs=True)
async def _promote(side: Side, step: Step) -> Exchange:
    return await side.chat(step.chat, step.actor).promote(_queued(side, step))


@verb("unqueue", "deleteQueuedMessage", _entry, stirs=True, when=lambda c: c.queue > 0, weight=4)
async def _unqueue(side: Side, step: Step) -> Exchange:
    return await side.chat(step.chat, step.actor).unqueue(_queued(side, step))


OUTPUTS: dict[str, Any] = {
    "text": "found",
    "object": {"a": [1, None]},
    "nul": "a\u0000b",
    "null": None,
    "unicode": "\u65e5\u672c \U0001f600",
}


def _results(d: Draw, chat: ChatState) -> Arguments:
    ids = list(chat.asks) or ["a-w0"]
    if d.chance(0.15):
        ids = d.one((ids[:-1], [*ids, "other"], [*ids, ids[0]], []))
    if d.chance(0.3):
        ids = ids[::-1]
    return {"ids": ids, "output": d.one(OUTPUTS), "error": d.chance(0.2)}


@verb("results", "submitToolResults", _results, stirs=True, when=lambda c: bool(c.asks), weight=14)
async def _submit(side: Side, step: Step) -> Exchange:
    output, failed = OUTPUTS[step.args["output"]], {"is_error": True} if step.args["error"] else {}
    given = [{"tool_call_id": name, "output": output} | failed for name in step.args["ids"]]
    return await side.chat(step.chat, step.actor).tool_results(given)


@verb("results-unasked", "submitToolResults", lambda d, chat: {}, when=lambda c: not c.asks, weight=0.7)
async def _unasked(side: Side, step: Step) -> Exchange:
    return await side.chat(step.chat, step.actor).tool_results([{"tool_call_id": "a", "output": "x"}])
