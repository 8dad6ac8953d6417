"""Decide what a call is answered with: an order, the script in its prompt, a helper's answer, or the default turn."""

from __future__ import annotations

import json
import random
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fake_server.llm.calls import HELPER_TEXTS, SUMMARY_TEXT, Call, history_turn
from fake_server.llm.orders import Orders
from fake_server.llm.reading import find_script
from fake_server.llm.script import (
    DEFAULT_TURN,
    BadScript,
    HttpError,
    Node,
    Path,
    Reasoning,
    Script,
    Text,
    ToolCall,
    Turn,
    at,
    leaves,
    pick,
)

_WORDS = ("well", "indeed", "the", "answer", "is", "short", "and", "plain", "ünïcödé", "42", "perhaps", "so", "to", "speak")
_REMEMBERED = 5_000


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something that a strict test must not leave behind. `kind` is one of script, order, call, gate, problem."""

    kind: str
    chat: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}" + (f" (chat {self.chat})" if self.chat else "")


@dataclass(slots=True)
class _Use:
    """What is left of one script in one chat."""

    chat: str
    unused: set[Path]


@dataclass(frozen=True, slots=True)
class Decision:
    """`turn` to play; `by` says who said so."""

    turn: Turn
    by: str


class Refused(Exception):
    """Nothing answers this call (strict), or its script is bad; the message says why."""


def helper_turn(call: Call, texts: Mapping[str, str]) -> Turn:
    """The answer to a helper call: the one tool called with these texts, or the same object as JSON text."""
    tool = call.tools[0] if len(call.tools) == 1 else ""
    schema = call.tool_schemas.get(tool) or call.schema
    properties = schema.get("properties")
    known = {"summary": SUMMARY_TEXT, **texts}
    wanted = {k: v for k, v in known.items() if isinstance(properties, dict) and k in properties}
    values = json.dumps(wanted or dict(texts))
    return Turn(steps=(ToolCall(None, tool, values, (values,)),) if tool else (Text(values),))


def _answered(call: Call) -> int:
    """How many times the model has answered since the user's message, however many messages a server makes of one answer."""
    try:
        script = find_script(call.user_texts)
    except BadScript:
        script = None
    if script is None:
        return history_turn(call)
    turns = [turn for path in leaves(script.node) if (turn := at(script.node, path)).calls_tool]
    count = 0
    rest: list[tuple[list[str], str]] = []
    for message in call.after_user:
        if message.role != "assistant":
            continue
        said = ([call_id for call_id, _ in message.calls], "".join(message.texts))
        if rest and said == rest[0]:
            rest = rest[1:]
            continue
        count += 1
        rest = next((pieces[1:] for turn in turns if len(pieces := _pieces(turn)) > 1 and pieces[0] == said), [])
    return count


def _pieces(turn: Turn) -> list[tuple[list[str], str]]:
    """An answer in as many messages as there are calls in it, and one for the text behind: ids of calls, and text."""
    pieces: list[tuple[list[str], str]] = []
    text = ""
    for step in turn.steps:
        if isinstance(step, Text):
            text += step.text
        elif isinstance(step, ToolCall):
            pieces.append(([step.id or ""], text))
            text = ""
    return [*pieces, ([], text)] if text else pieces


class Director:
    """Keeps what must outlive one call: counts of identical requests, what was used of each script, surprises."""

    def __init__(self, orders: Orders, *, strict: bool = False, babble: int | None = None) -> None:
        """`babble`: a seed; every call is then answered with made-up words, whatever scripts and orders say."""
        self.orders = orders
        self.strict = strict
        self.babble = babble
        self.clear()

    def clear(self) -> None:
        self._attempts: OrderedDict[str, int] = OrderedDict()
        self._uses: OrderedDict[tuple[Any, ...], _Use] = OrderedDict()
        self._surprises: list[Leftover] = []
        self._babbled_so_far = 0

    def number(self, call: Call) -> None:
        """Set the call's turn number (from its history) and attempt (identical requests so far)."""
        call.turn = _answered(call)
        key = call.fingerprint()
        call.attempt = self._attempts.get(key, 0)
        self._attempts[key] = call.attempt + 1
        self._attempts.move_to_end(key)
        if len(self._attempts) > _REMEMBERED:
            self._attempts.popitem(last=False)

    def decide(self, call: Call) -> Decision:
        """Raises Refused."""
        if self.babble is not None:
            return self._babbled(call)
        order = self.orders.find(call)
        if order is not None:
            order.used += 1
            path, turn = pick(order.reply, call.turn, call.attempt)
            if turn is None and isinstance(order.reply, Turn):
                path, turn = (), order.reply  # an order for any turn answers any turn alike
            order.turns_used.add(path)
            return self._beyond(call, f"order {order.name}") if turn is None else Decision(turn, f"order {order.name}")
        if call.purpose in HELPER_TEXTS:
            return self._helper(call)
        if call.purpose in ("summary", "helper"):
            return Decision(helper_turn(call, HELPER_TEXTS), "helper")
        return self._prompted(call)

    def _babbled(self, call: Call) -> Decision:
        """As a model that follows nobody's script: another number of words and pieces each time."""
        self._babbled_so_far += 1
        draw = random.Random(f"{self.babble} {self._babbled_so_far}")
        said = []
        for _ in range(draw.randint(1, 6)):
            said.append(" ".join(draw.choices(_WORDS, k=draw.randint(1, 9))) + draw.choice((" ", ". ", "\n")))
        if call.purpose not in ("turn", "compaction") and not call.stream:
            return Decision(helper_turn(call, dict.fromkeys(HELPER_TEXTS, said[0].strip())), "babble")
        thought = (Reasoning(draw.choice(_WORDS)),) if draw.random() < 0.3 else ()
        return Decision(Turn(steps=(*thought, *map(Text, said))), "babble")

    def _helper(self, call: Call) -> Decision:
        scripted: str | Node | None = None
        try:
            script = find_script(call.user_texts)
            scripted = getattr(script, call.purpose) if script else None
        except BadScript:
            pass  # helper calls may hold the prompt in part only
        if scripted is None or isinstance(scripted, str):
            text = HELPER_TEXTS[call.purpose] if scripted is None else scripted
            if call.stream:
                return Decision(Turn(steps=(Text(text),)), "helper")
            return Decision(helper_turn(call, {call.purpose: text} if scripted else HELPER_TEXTS), "helper")
        _, turn = pick(scripted, 0, call.attempt)
        return Decision(turn or DEFAULT_TURN, "script")

    def _prompted(self, call: Call) -> Decision:
        try:
            script = find_script(call.user_texts)
        except BadScript as problem:
            self._surprise(call, str(problem))
            raise Refused(str(problem)) from None
        if script is None:
            if self.strict:
                text = f"nobody expected this {call.purpose}: the prompt has no script"
                near = self.orders.nearest(call)
                self._surprise(call, f"{text}; {near}" if near else text)
                raise Refused(self._surprises[-1].text)
            return Decision(DEFAULT_TURN, "default")
        use = self._use(call, script)
        path, turn = pick(script.node, call.turn, call.attempt)
        if turn is None:
            return self._beyond(call, "script", strict=script.strict)
        use.unused.discard(path)
        return Decision(turn, "script")

    def _use(self, call: Call, script: Script) -> _Use:
        key = (call.chat, call.last_user, hash(tuple(call.user_texts)))
        use = self._uses.get(key)
        if use is None:
            use = self._uses[key] = _Use(call.chat, set(leaves(script.node)))
            if len(self._uses) > _REMEMBERED:
                self._uses.popitem(last=False)
        return use

    def _beyond(self, call: Call, by: str, *, strict: bool = False) -> Decision:
        """The script has no turn for this call: the default turn, or a refusal when strict."""
        text = f"call {call.turn + 1} since the user's message is one more than the {by} has turns for"
        self._surprise(call, text)
        if strict or self.strict:
            raise Refused(text)
        return Decision(DEFAULT_TURN, f"beyond {by}")

    def _surprise(self, call: Call, text: str) -> None:
        self._surprises.append(Leftover("call", call.chat, text))
        del self._surprises[:-_REMEMBERED]

    def leftovers(self, chat: str | None = None) -> list[Leftover]:
        """Scripts and orders not used up, and calls that nobody expected; of one chat, or of all."""
        found = [s for s in self._surprises if chat is None or s.chat == chat]
        for use in self._uses.values():
            if chat is None or use.chat == chat:
                found += [
                    Leftover("script", use.chat, f"turn {'.'.join(str(i + 1) for i in leaf)} of the script was never asked for")
                    for leaf in sorted(use.unused)
                ]
        for order in self.orders.all:
            of = order.match.fields.get("chat", "")
            if chat is not None and of != chat:
                continue
            if order.used == 0:
                found.append(Leftover("order", of, f"order {order.name!r} matched nothing"))
            elif order.times is not None and order.used < order.times:
                found.append(Leftover("order", of, f"order {order.name!r} was used {order.used} of {order.times} times"))
        return found


def applies(error: HttpError | None, call: Call) -> HttpError | None:
    """The error, if it is meant for this attempt."""
    return error if error is not None and (error.first is None or call.attempt < error.first) else None
