"""Steps of a walk, and the state that the next one is drawn from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

BUSY, REST = "busy", "rest"


@dataclass(frozen=True, slots=True)
class Step:
    """One act. `number` is its own and stays so when others are taken out; `chat` names a chat by the step that made it
    (`c3`, the children of its sub-agents `c3.0`, `c3.1`). `args` name messages and queue entries by their places."""

    number: int
    verb: str
    actor: str = "alice"
    chat: str = ""
    args: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        said = ", ".join([*([self.chat] if self.chat else []), *(f"{k}={v!r}" for k, v in self.args.items())])
        return f"{self.actor} {self.verb}({said})"


@dataclass(slots=True)
class ChatState:
    """What the reference shows of a chat between two steps, as far as drawing asks."""

    name: str
    owner: str
    child: bool = False
    status: str = ""
    run: str = REST  # a turn waits or runs (then it waits at a gate), or none does
    failed: bool = False
    asks: tuple[str, ...] = ()  # ids of the calls that the client must answer
    archived: bool = False
    pinned: bool = False
    plan: bool = False
    shared: bool = False
    labelled: bool = False
    stale: bool = False  # changed during a turn, whose last events may still show the chat of before
    chance: int | None = None  # place of the message behind which what the model has said is chance
    queue: int = 0
    users: tuple[int, ...] = ()  # places of the users' messages
    messages: int = 0
    kind: str = ""  # of the turn ordered last
    gates: tuple[int, ...] = ()  # steps whose turns wait at a gate not opened yet, or will

    @property
    def situation(self) -> str:
        """What coverage counts it as."""
        who = "child-" if self.child else ""
        if self.archived:
            return f"{who}archived"
        if self.run == BUSY:
            return f"{who}busy-queue" if self.queue else f"{who}busy"
        if self.asks:
            return f"{who}asks"
        if self.queue:
            return f"{who}backlog"
        return f"{who}failed" if self.failed else f"{who}rest"


@dataclass(slots=True)
class State:
    """What a walk has made so far, as the reference shows it."""

    chats: dict[str, ChatState] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)  # name → who uploaded it
    models: dict[str, bool] = field(default_factory=dict)  # further models: is it still there?

    @property
    def roots(self) -> list[ChatState]:
        return [chat for chat in self.chats.values() if not chat.child]


_OF_ROOTS = ("rest", "busy", "busy-queue", "asks", "backlog", "failed", "archived")
SITUATIONS: tuple[str, ...] = ("none", *_OF_ROOTS, *(f"child-{name}" for name in _OF_ROOTS))
