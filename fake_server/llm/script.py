"""What a script says: turns, steps and faults as records, read from JSON with one clear error for anything wrong.

The grammar is that of docs/scripted-llm.md and spec/llm-script.schema.json; unknown keys are errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

Json = Any


class BadScript(ValueError):
    """The script can't be played. `where` is a JSON pointer into it, `problem` one sentence."""

    def __init__(self, problem: str, where: str = "") -> None:
        self.problem = problem
        self.where = where
        super().__init__(f"script{' at ' + where if where else ''}: {problem}")


class _Unset:
    """The script says nothing about it."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = _Unset()


# -- steps


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    text: str
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class Redacted:
    """A reasoning block that only the provider can read."""

    data: str


@dataclass(frozen=True, slots=True)
class Refusal:
    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`arguments` is JSON text; `pieces` are the fragments it is sent in."""

    id: str | None
    name: str
    arguments: str
    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    url: str
    title: str
    cited: str = ""


@dataclass(frozen=True, slots=True)
class WebSearch:
    """A tool that the provider runs itself, with its results (or an error code)."""

    id: str | None
    query: str
    results: tuple[Source, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class StreamError:
    """An error object inside of the stream."""

    message: str
    type: str = "server_error"
    code: str | None = None
    status: int = 500  # for an answer that is not a stream


@dataclass(frozen=True, slots=True)
class Wait:
    ms: float


@dataclass(frozen=True, slots=True)
class Gate:
    name: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Raw:
    data: bytes


@dataclass(frozen=True, slots=True)
class Fault:
    """A wire fault. Placed by its step, or by `at_byte` / `after_chunk` / `before` when it belongs to the turn.

    Bytes and chunks count the body of the answer: bytes of content (not of chunk framing), server-sent events.
    """

    kind: str
    at_byte: int | None = None
    after_chunk: int | None = None
    before: str | None = None
    ms: float = 0.0
    bytes: int = 1
    seconds: float | None = None
    value: str = ""


Step = Text | Reasoning | Redacted | Refusal | ToolCall | Source | WebSearch | StreamError | Wait | Gate | Raw | Fault


# -- turns


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counts them: `input` includes the cached ones, `output` the reasoning ones."""

    input: int = 10
    output: int = 5
    reasoning: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None


@dataclass(frozen=True, slots=True)
class HttpError:
    """An answer that is not a turn. `body` wins over `text` wins over the provider's form of message, type and code."""

    status: int
    message: str = "scripted failure"
    type: str | None = None
    code: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    retry_date: float | None = None  # Retry-After as an HTTP date, that many seconds after the answer
    body: Json = UNSET
    text: str | None = None
    content_type: str | None = None
    first: int | None = None  # only the first n identical requests fail


@dataclass(frozen=True, slots=True)
class Pacing:
    """`first_ms` until the first token, then `tokens_per_second`; `jitter` 0…1 varies each gap; `chars` a token at most."""

    first_ms: float = 0.0
    tokens_per_second: float = 0.0
    jitter: float = 0.0
    chars: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer of the LLM. `finish` None leaves the finish reason out, UNSET takes the fitting one."""

    steps: tuple[Step, ...] = ()
    finish: str | _Unset | None = UNSET
    usage: Usage | _Unset | None = UNSET
    cut: bool = False
    http_error: HttpError | None = None
    faults: tuple[Fault, ...] = ()
    pacing: Pacing | None = None
    seed: int | None = None
    id: str | None = None
    no_role: bool = False
    no_done: bool = False
    empty: bool = False
    double_finish: bool = False
    usage_chunk: bool | None = None

    @property
    def calls_tool(self) -> bool:
        return any(isinstance(step, ToolCall) for step in self.steps)

    @property
    def finish_reason(self) -> str | None:
        if isinstance(self.finish, _Unset):
            return "tool_calls" if self.calls_tool else "stop"
        return self.finish

    @property
    def usage_or_default(self) -> Usage | None:
        """What a provider that always reports usage reports; None when the script leaves it out on purpose."""
        return Usage() if isinstance(self.usage, _Unset) else self.usage


DEFAULT_TURN: Final = Turn(steps=(Text("Hello"), Text(" world")))


@dataclass(frozen=True, slots=True)
class Turns:
    """The n-th for the n-th call since the user's message.

    `by_attempt` instead: for the n-th identical request; `by_call`: identical requests count as calls, too (an answer that leaves
    nothing in the history is followed by a request like the one before).
    """

    turns: tuple[Node, ...]
    by_attempt: bool = False
    by_call: bool = False


Node = Turn | Turns


@dataclass(frozen=True, slots=True)
class Script:
    """A whole script: the turn(s), what the helper calls answer, and whether anything beyond it is an error."""

    node: Node
    title: str | Node | None = None
    label: str | Node | None = None
    strict: bool = False


Path = tuple[int, ...]


def pick(node: Node, turn: int, attempt: int) -> tuple[Path, Turn | None]:
    """The turn for the call with that turn number and attempt (both from 0), with its place in the script.

    None when the script has no turn for that call. Beyond the last attempt the last one is repeated.
    """
    path: Path = ()
    while isinstance(node, Turns):
        index = min(attempt, len(node.turns) - 1) if node.by_attempt else turn + attempt * node.by_call
        if index >= len(node.turns):
            return path, None
        turn = turn if node.by_attempt else 0
        node, path = node.turns[index], (*path, index)
    return path, node if turn == 0 else None


def at(node: Node, path: Path) -> Turn:
    """The turn at this place of a script, one of its `leaves`."""
    for index in path:
        assert isinstance(node, Turns)
        node = node.turns[index]
    assert isinstance(node, Turn)
    return node


def leaves(node: Node, path: Path = ()) -> list[Path]:
    """The places of all turns of a script."""
    if isinstance(node, Turn):
        return [path]
    return [leaf for i, inner in enumerate(node.turns) for leaf in leaves(inner, (*path, i))]
