"""What the model does in a turn: the kinds of scripts that a walk draws from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fixtures.scripts import Turn, attempts, error, gate, http_error, reasoning, script, tool_call, turn, turns
from fixtures.scripts import text as says

TOOL = {"name": "look_up", "description": "looks up", "input_schema": {"type": "object", "properties": {}}}


@dataclass(frozen=True, slots=True)
class Kind:
    """`make(word, gate)` gives the script; `word` is new in each turn. `group`: what coverage counts it as. `held`: it waits at
    the gate. `weight`: how often it is drawn. `slow`: it takes seconds of the server's own clock."""

    group: str
    make: Callable[[str, str], Turn]
    held: bool = False
    weight: int = 2
    slow: bool = False


def shown(name: str) -> str:
    """The text that a held turn says right before its gate: whoever reads the stream knows by it that all before has come."""
    return f"<{name}>"


def _held(name: str, *after: Any) -> Turn:
    return turn(says(shown(name)), gate(name), *after)


def _spawn(word: str, prompt: str) -> Turn:
    asked = {"type": "general", "prompt": prompt, "title": f"Child {word}"}
    return turn(tool_call("spawn_agent", asked, id=f"s-{word}"))


def _asks(word: str, *names: str) -> Turn:
    return turn(*(tool_call("look_up", {"q": name}, id=f"{name}-{word}") for name in names))


def _listing(call: str) -> Any:
    return tool_call("list_templates", {"query": call}, id=call)


def _done(word: str) -> Turn:
    return turn(says(f"done {word}"))


# None whose turn leaves neither an answer nor an error: that is what the sign of a lost turn is known by.
KINDS: dict[str, Kind] = {
    "text": Kind("text", lambda w, g: turn(says(f"answer {w}")), weight=6),
    "pieces": Kind("text", lambda w, g: turn(says("Grüße "), says("日本語 \U0001f600\n"), says(f'"<{w}>" \\'))),
    "length": Kind("text", lambda w, g: turn(says(f"cut off {w}"), finish="length"), weight=1),
    "usage": Kind(
        "tools",
        lambda w, g: turns(
            turn(_listing(f"u-{w}"), usage={"input_tokens": 10, "output_tokens": 5}),
            turn(says(f"paid {w}"), usage={"input_tokens": 7, "output_tokens": 3, "cache_read_tokens": 2, "reasoning_tokens": 1}),
        ),
    ),
    "reasoning": Kind("reasoning", lambda w, g: turn(reasoning(f"thought {w}"), says(f"so {w}"))),
    "tool": Kind("tools", lambda w, g: turns(turn(says(f"look {w}"), _listing(f"t-{w}")), _done(w))),
    "parallel": Kind("tools", lambda w, g: turns(turn(_listing(f"p-{w}"), _listing(f"q-{w}")), _done(w))),
    "reused": Kind("tools", lambda w, g: turns(turn(_listing("same")), turn(_listing("same")), _done(w))),
    "unknown-tool": Kind("tools", lambda w, g: turns(turn(tool_call("no_such_tool", {"a": w}, id=f"n-{w}")), _done(w)), weight=1),
    "asks": Kind("action", lambda w, g: turns(_asks(w, "a"), _done(w)), weight=3),
    "asks-two": Kind("action", lambda w, g: turns(_asks(w, "a", "b"), _done(w)), weight=3),
    "asks-again": Kind("action", lambda w, g: turns(_asks(w, "a"), _asks(w, "b", "c"), _done(w))),
    "asks-both": Kind("action", lambda w, g: turns(turn(_listing(f"m-{w}"), *_asks(w, "a")["steps"]), _done(w))),
    "empty": Kind("empty", lambda w, g: turn()),
    "refused": Kind("failure", lambda w, g: http_error(400, f"bad request {w}")),
    "breaks": Kind("failure", lambda w, g: turn(says(f"part {w}"), error("it broke"))),
    "retries": Kind("failure", lambda w, g: attempts(http_error(503, "busy"), turn(says(f"again {w}"))), weight=1, slow=True),
    "held": Kind("text", lambda w, g: turn(says(shown(g)), gate(g), says(f"late {w}")), held=True, weight=8),
    "held-tool": Kind("tools", lambda w, g: turns(turn(_listing(f"h-{w}")), _held(g, says(f"late {w}"))), held=True, weight=2),
    "held-thought": Kind(
        "reasoning", lambda w, g: turn(reasoning(f"thought {w}"), says(shown(g)), gate(g), says(f"late {w}")), held=True
    ),
    "held-asks": Kind("action", lambda w, g: turns(_held(g, *_asks(w, "a")["steps"]), _done(w)), held=True),
    "held-breaks": Kind("failure", lambda w, g: _held(g, error("it broke")), held=True, weight=3),
    "child": Kind("agent", lambda w, g: turns(_spawn(w, script(says(f"child {w}"), prefix="task")), _done(w)), weight=3),
    "child-held": Kind(
        "agent",
        lambda w, g: turns(_spawn(w, script(says(shown(g)), gate(g), says(f"child late {w}"), prefix="task")), _done(w)),
        held=True,
    ),
    "compacts": Kind(
        "tools",
        lambda w, g: turns(
            turn(_listing(f"c-{w}"), usage={"input_tokens": 99_000, "output_tokens": 5}), turn(says(f"after {w}"))
        ),
        weight=1,
    ),
}
GROUPS = tuple(dict.fromkeys(kind.group for kind in KINDS.values()))


def prompt(kind: str, word: str, gate_name: str) -> str:
    """A user's message that orders such a turn."""
    return script(KINDS[kind].make(word, gate_name), prefix=f"say {word}", title=f"Title {word}", label=f"Label {word}")


def named_gate(tag: str, number: int) -> str:
    """The gate of the turn that this step orders."""
    return f"{tag}-{number}"
