"""Races: accidents of real servers that a profile declares, each with the sign by which one occurrence is known.

A case that fails with the sign is played again; one that fails without it has failed. How often each race was looked at and
how often it was seen is measured over the whole run, and beyond the rate that a race is declared with it excuses nothing.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from conformance.play.verdict import RACED, Check, failed
from conformance.wire.exchange import Exchange, SocketLog

_MARK = "script:"
_OUTPUT = ("text", "reasoning", "tool_call", "raw", "source")  # steps of a script that say something


@dataclass(frozen=True, slots=True)
class Race:
    """One declared race. `at_most`: by occasion, the share beyond which it is no accident; `excuses`: areas."""

    name: str
    text: str
    requirement: str
    at_most: dict[str, float]
    sign: str = ""
    excuses: frozenset[str] = frozenset()


def declared(traits: dict[str, Any]) -> dict[str, Race]:
    """The races of a profile, from the key `races` of its profile.yaml."""
    return {
        name: Race(name, row["text"], row["requirement"], row["at_most"], row.get("sign", ""), frozenset(row.get("excuses", ())))
        for name, row in (traits.get("races") or {}).items()
    }


@dataclass(frozen=True, slots=True)
class Sight:
    """A moment at which a race could have shown, and whether it did."""

    race: str
    occasion: str
    seen: bool
    exchange: str
    case: str = ""


@dataclass(slots=True)
class Count:
    """How often a race was looked at on one occasion, and how often it was seen."""

    looked: int = 0
    seen: int = 0

    def interval(self) -> tuple[float, float]:
        """The 95 % interval (Wilson) of the share of occurrences; (0, 1) when it was never looked at."""
        if not self.looked:
            return 0.0, 1.0
        z, n = 1.96, self.looked
        share = self.seen / n
        middle = (share + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(slots=True)
class Tally:
    """The measure of one race in a run."""

    race: Race
    counts: dict[str, Count] = field(default_factory=lambda: defaultdict(Count))
    first: Sight | None = None  # the first one seen, else the first one looked at
    excused: set[str] = field(default_factory=set)  # requirements

    def add(self, sight: Sight) -> None:
        count = self.counts[sight.occasion]
        count.looked += 1
        count.seen += sight.seen
        if self.first is None or (sight.seen and not self.first.seen):
            self.first = sight

    @property
    def looked(self) -> int:
        return sum(count.looked for count in self.counts.values())

    @property
    def seen(self) -> int:
        return sum(count.seen for count in self.counts.values())

    def beyond(self) -> str:
        """On which occasion it was surely seen more often than any accident is; empty when on none."""
        for occasion, count in self.counts.items():
            limit = self.race.at_most.get(occasion, 1.0)
            if count.interval()[0] > limit:
                return f"{count.seen} of {count.looked} {occasion}, where an accident is at most {limit:.0%}"
        return ""

    def worded(self) -> str:
        """`4 of 61 edits (2 to 16 %), 1 of 290 sends (0 to 2 %)`."""
        shown = []
        for occasion, count in sorted(self.counts.items()):
            low, high = (round(100 * share) for share in count.interval())
            shown.append(f"{count.seen} of {count.looked} {occasion} ({low} to {high} %)")
        return ", ".join(shown) or "never looked at"

    def line(self) -> dict[str, Any]:
        """What the record's footer says of it."""
        rows = []
        for occasion, count in sorted(self.counts.items()):
            low, high = count.interval()
            rows.append(
                {"occasion": occasion, "looked": count.looked, "seen": count.seen, "low": round(low, 4), "high": round(high, 4)}
            )
        return {
            "race": self.race.name,
            "text": self.race.text,
            "requirement": self.race.requirement,
            "occasions": rows,
            "excused": sorted(self.excused),
            "worded": self.worded(),
        }


class _Turns:
    """What is known of one chat: who ordered which turn, and which of them the client itself may have ended."""

    def __init__(self) -> None:
        self.ordered: dict[Any, str] = {}  # user message id → occasion, the outcome not known yet
        self.known: set[Any] = set()  # user messages whose outcome is known
        self.stopped: set[Any] = set()  # ordered before an act of the client that ends turns
        self.stops = 0  # such acts that no turn known by its id explains
        self.resting = False  # seen waiting, without an error: what has no answer by then gets none
        self.failed = False  # seen with an error: that is what has no answer then got
        self.accounted = False  # the error that it rests with is, though what is done at rest is followed by another look
        self.idle = False  # seen in any status of rest: an act of the client then ends no turn
        self.awaits = False  # that status is one in which the client is asked for something: messages are queued then
        self.silent: set[Any] = set()  # ordered with a script that says nothing


class LostTurns:
    """The sign `lost-turn`: a chat rests, without an error, on a user's message that got no answer, and no client stopped it.

    Feed it exchanges in the order in which they were answered; each gives what it lets one see.
    """

    def __init__(self, race: str, traits: dict[str, Any]) -> None:
        self._race, self._prefix = race, f"{traits['chats_path']}/"
        self._statuses = traits["statuses"]
        self._chats: dict[str, _Turns] = defaultdict(_Turns)

    def observe(self, said: Exchange | SocketLog) -> Iterator[Sight]:
        if isinstance(said, SocketLog) or not said.request.path.startswith(self._prefix) or said.response.status >= 300:
            return
        chat, _, rest = said.request.path[len(self._prefix) :].partition("/")
        method, body = said.request.method, said.response.body
        if method == "GET":
            if not rest:
                self._look(self._chats[chat], body if isinstance(body, dict) else {})
            elif rest == "messages" and (self._chats[chat].resting or self._chats[chat].failed) and _whole(said):
                yield from self._read(self._chats[chat], said)
        else:
            self._act(self._chats[chat], said, method, rest)

    def _look(self, turns: _Turns, chat: dict[str, Any]) -> None:
        failed = turns.failed = chat.get("status") == self._statuses["failed"] or chat.get("last_error") is not None
        turns.resting = chat.get("status") == self._statuses["idle"] and not failed
        turns.idle = chat.get("status") in self._statuses["rest"]
        turns.awaits = turns.idle and chat.get("status") not in (self._statuses["idle"], self._statuses["failed"])
        if failed and not turns.accounted:  # what has no answer by now has an error instead
            pending = turns.ordered.keys() - turns.stopped
            turns.stopped |= pending
            turns.stops = max(turns.stops, int(not pending))
        turns.accounted = failed

    def _act(self, turns: _Turns, said: Exchange, method: str, rest: str) -> None:
        body, asked = said.response.body, said.request.body
        archives = (method, rest) == ("PATCH", "") and isinstance(asked, dict) and asked.get("archived") is True
        stops = rest == "interrupt" or archives
        occasion = ""
        if method == "POST" and rest == "messages":
            occasion = "sends"
            stops = isinstance(asked, dict) and asked.get("busy_behavior") == "interrupt"
        elif method == "PATCH" and rest.startswith("messages/"):
            occasion, stops = "edits", True
        elif rest.endswith("/promote"):
            occasion, stops = "promotions", True
        if stops and not turns.idle:
            pending = turns.ordered.keys() - turns.stopped
            turns.stopped |= pending
            turns.stops += not pending
        message = body.get("message", body) if isinstance(body, dict) else None
        made = message.get("id") if isinstance(message, dict) and occasion else None
        if isinstance(made, int) and not isinstance(made, bool):
            turns.ordered[made] = occasion
            if _says_nothing(asked):
                turns.silent.add(made)
        if occasion or rest == "tool-results":
            turns.accounted = False
        queued = occasion == "sends" and isinstance(body, dict) and body.get("queued") is True
        turns.awaits = turns.idle = turns.awaits and queued and not stops
        turns.resting = turns.failed = False

    def _read(self, turns: _Turns, said: Exchange) -> Iterator[Sight]:
        body = said.response.body
        listed = body.get("messages") if isinstance(body, dict) else None
        if not isinstance(listed, list) or (body.get("queued_messages") and not turns.failed):
            return
        rows = [m for m in listed if isinstance(m, dict) and isinstance(m.get("id"), int)]
        for message, newer in pairwise([*reversed(rows), {"role": None}]):
            made = message.get("id")
            if message.get("role") != "user" or made in turns.known:
                continue
            turns.known.add(made)
            occasion = turns.ordered.pop(made, "")
            answered = newer.get("role") not in ("user", None)
            ended_otherwise = turns.failed or made in turns.stopped or made in turns.silent or _says_nothing(message)
            if not answered and ended_otherwise:
                continue
            if not occasion and turns.stops and (not answered or "usage" not in newer):
                turns.stops -= 1  # this turn, the oldest that is not whole, is the one that was stopped
                if not answered:
                    continue
            yield Sight(self._race, occasion or "other turns", not answered, said.id, said.case)
        turns.stops = 0


def _whole(said: Exchange) -> bool:
    """Does this list begin with the newest message?"""
    return not any(name in ("before_id", "after_id") for name, _ in said.request.params)


def _says_nothing(asked: Any) -> bool:
    """Does the script in this content order a turn without any output?"""
    parts = asked.get("content") if isinstance(asked, dict) else None
    texts = [p["text"] for p in parts or [] if isinstance(p, dict) and isinstance(p.get("text"), str)]
    text = next((t for t in texts if _MARK in t), "")
    if not text:
        return False
    try:
        turn, _ = json.JSONDecoder().raw_decode(text.split(_MARK, 1)[1].lstrip())
    except (ValueError, RecursionError):
        return False
    while isinstance(turn, dict) and "steps" not in turn:
        further = turn.get("turns") or turn.get("attempts") or [None]
        turn = further[0] if isinstance(further, list) else None
    steps = turn.get("steps") if isinstance(turn, dict) else None
    if not isinstance(steps, list):
        return False
    return not any(isinstance(s, dict) and any(s.get(kind) for kind in _OUTPUT) for s in steps)


_SIGNS: dict[str, Callable[[str, dict[str, Any]], LostTurns]] = {"lost-turn": LostTurns}


class RaceWatch:
    """All declared signs, looked for in one row of exchanges."""

    def __init__(self, traits: dict[str, Any]) -> None:
        self._signs = [_SIGNS[race.sign](race.name, traits) for race in declared(traits).values() if race.sign]

    def observe(self, said: Exchange | SocketLog) -> Iterator[Sight]:
        for sign in self._signs:
            yield from sign.observe(said)


def signs_in(traits: dict[str, Any], exchanges: Iterable[Exchange | SocketLog]) -> set[str]:
    """The races that showed their sign in these exchanges of one play."""
    watch = RaceWatch(traits)
    return {sight.race for said in exchanges for sight in watch.observe(said) if sight.seen}


class Races:
    """The races of one run: measured over all that is said, and what each excused."""

    def __init__(self, traits: dict[str, Any]) -> None:
        self.tallies = {name: Tally(race) for name, race in declared(traits).items()}
        self._watch = RaceWatch(traits)

    def observe(self, said: Exchange | SocketLog) -> None:
        """Look for signs in an exchange."""
        for sight in self._watch.observe(said):
            self.sighted(sight)

    def sighted(self, sight: Sight) -> None:
        """A race could have shown."""
        self.tallies[sight.race].add(sight)

    def excusing(self, areas: Iterable[str]) -> frozenset[str]:
        """The races that may excuse a failure in one of these areas."""
        wanted = set(areas)
        return frozenset(name for name, tally in self.tallies.items() if tally.race.excuses & wanted)

    def settle(self, checks: Iterable[Check]) -> Iterator[Check]:
        """Enter what was excused; a race that shows far more often than any accident excuses nothing: gives what fails then."""
        beyond = {name: tally.beyond() for name, tally in self.tallies.items()}
        for check in checks:
            if check.verdict != RACED:
                continue
            wrong = [f"{name} was seen in {beyond[name]}" for name in check.races if beyond[name]]
            if wrong:
                check.verdict, check.reason = failed(check.level), f"{check.reason}; but {'; '.join(wrong)}"
                yield check
            for name in check.races:
                self.tallies[name].excused |= set() if wrong else {check.requirement}
