"""What verbs of walks are, and what they draw from."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from conformance.walks.kinds import KINDS
from conformance.walks.sides import Side
from conformance.walks.steps import ChatState, State, Step
from conformance.wire.exchange import Exchange

Arguments = dict[str, Any]
LABELS: tuple[dict[str, str], ...] = ({}, {"area": "a"}, {"area": "b", "side": "x"}, {"area": "ä/b"}, {"": "x"}, {"side": "y"})


@dataclass(slots=True)
class Draw:
    """What a verb draws its arguments from."""

    rng: random.Random
    state: State
    number: int
    slow: bool  # may turns take seconds?

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def one(self, items: Any) -> Any:
        return self.rng.choice(list(items))

    def kind(self) -> str:
        names = [name for name, kind in KINDS.items() if self.slow or not kind.slow]
        return self.rng.choices(names, [KINDS[name].weight for name in names])[0]


@dataclass(frozen=True, slots=True)
class Verb:
    """`draw` gives the arguments for a chat (None for those without one), or None where there is nothing to do; `when`: which
    chats it is drawn for; `operation`: what the revision must have; `foreign`: how often somebody else than the owner does it."""

    name: str
    operation: str
    play: Callable[[Side, Step], Awaitable[Exchange | None]]
    draw: Callable[[Draw, Any], Arguments | None]
    when: Callable[[ChatState], bool] | None = None
    weight: float = 2.0
    foreign: float = 0.15
    stirs: bool = False  # it may begin or end a turn


VERBS: dict[str, Verb] = {}


def verb(name: str, operation: str, draw: Any = None, **options: Any) -> Callable[[Any], Any]:
    def declare(play: Any) -> Any:
        VERBS[name] = Verb(name, operation, play, draw or (lambda d, chat: {}), **options)
        return play

    return declare


def anything(chat: ChatState) -> bool:
    """For verbs that are drawn for every chat."""
    return True
