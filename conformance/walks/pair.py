"""The two sides of one walk, and what is known between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from conformance.play.races import RaceWatch
from conformance.walks.coverage import Coverage
from conformance.walks.differ import Differ, Found, chances, left_out, passed_over
from conformance.walks.sides import Side, both
from conformance.walks.steps import State, Step
from conformance.wire.exchange import Exchange


class Astray(Exception):
    """The walk can't go on, and that is not the target's doing; the text says why."""


@dataclass(slots=True)
class Walk:
    """What came of one: the steps taken, the differences behind the last of them, and how many a race excused."""

    steps: list[Step] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    raced: int = 0


class Pair:
    """A target, its twin, and the state between them. `begin` comes first."""

    def __init__(self, target: Side, twin: Side, coverage: Coverage | None = None) -> None:
        self.target, self.twin, self.coverage = target, twin, coverage
        session = target.t.session
        statuses = session.traits["statuses"]
        turning = frozenset({*statuses["busy"], statuses["idle"]})
        self.differ = Differ(session.known_keys, left_out(session.profile), turning)
        self.chances = chances(session.profile)
        self.flat = "order-of-children" in passed_over(session.profile)
        self.passes_queued = "turns-from-the-queue" in passed_over(session.profile)
        self.state = State()
        self.kinds: dict[int, str] = {}  # gate → kind of the turn that has it
        self.watched: set[tuple[str, str]] = set()  # chats whose owner has opened a stream
        self.signs = RaceWatch(session.traits)
        self.excusing = session.races.excusing({"diff"})
        self.heard = 0  # exchanges in which signs were looked for
        self.partial = False  # some chats were left behind: what shows all of them is not compared any more
        self.walk = Walk()
        self.rows: list[dict[str, Any]] = []  # of the transcript
        self.words: list[Found] = []  # refusals in other words, which end no walk
        self.young: set[tuple[str, str]] = set()  # streams of which it is chance how much they have shown
        self.held: dict[str, int] = {}  # the gates at which chats of the family wait that was touched last
        self.lost_child = ""
        self.hasty = False  # a difference that is known comes soon or not at all
        self.looked: dict[tuple[str, str], Exchange] = {}  # what the reference answered last of each chat
        self.stirred = True  # may the last step have begun or ended a turn?

    async def begin(self) -> None:
        """Make the people on both sides. Raises Unmet."""
        await both(self.twin.begin(), self.target.begin())
        self._alias()

    def _alias(self) -> None:
        alias, ours, theirs = self.differ.bindings.alias, self.twin, self.target
        for name, actor in ours.people.items():
            alias(actor.id, theirs.people[name].id)
        alias(ours.t.session.target.organization_id, theirs.t.session.target.organization_id)
        alias(ours.ids["model"], theirs.ids["model"])
        models = zip(ours.t.session.target.model_config_ids, theirs.t.session.target.model_config_ids, strict=False)
        for one, other in models:
            alias(one, other)


def family_of(name: str) -> str:
    """The root chat of this one."""
    return name.partition(".")[0]
