"""What several plays of one case come to.

A case that fails has failed, also when it passes the next time. The one excuse is a race that the profile declares, in a play
that showed its sign: then the case is played again until it passes (`raced`) or fails without the sign.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from conformance.play.verdict import FAIL, HARNESS_ERROR, PASS, RACED, UNTESTABLE, WARN, Check, worst
from conformance.wire.exchange import ABSENT

MOST = 6  # plays of a case in all, while its failures show the sign of a race
_RED = (FAIL, WARN)


@dataclass(slots=True)
class Play:
    """One play of a case: its checks, the races whose sign was seen, and whether our own connection broke in it."""

    checks: list[Check]
    signs: frozenset[str] = frozenset()
    broken: str = ""  # the request at which the connection was lost
    ended_ms: float = 0.0  # since the run began
    unanswered: bool = False  # some request got no answer

    @property
    def uncertain(self) -> bool:
        """Is there something in it that another play may tell more of?"""
        doubtful = any(c.verdict in _RED or (c.verdict == UNTESTABLE and bool(c.exchanges)) for c in self.checks)
        return bool(self.broken) or self.unanswered or doubtful

    def of(self, requirement: str) -> str:
        """What this play says of a requirement; empty when nothing."""
        found = [c.verdict for c in self.checks if c.requirement == requirement]
        return worst(found) if found else ""


@dataclass(slots=True)
class Plays:
    """All plays of one case. `excusing`: the races that may excuse its failure."""

    excusing: frozenset[str]
    lenient: bool = False  # a failure that does not come again only warns
    plays: list[Play] = field(default_factory=list)

    def _excused(self, play: Play) -> frozenset[str]:
        return play.signs & self.excusing

    def wants_more(self, least: int = 1) -> bool:
        """Is there another play to make? A failure is played twice at least, so that it is known whether it comes again."""
        heard = [p for p in self.plays if not p.broken]
        if not heard:
            return len(self.plays) < MOST
        if len(heard) < least:
            return True
        if not any(p.uncertain for p in heard) or len(self.plays) >= max(MOST, least):
            return False
        return len(heard) < 2 or any(self._open(r) for r in self.requirements())

    def _open(self, requirement: str) -> bool:
        """Failed with a sign, or could not be judged beside one, and neither passed nor failed without."""
        said = [(p, p.of(requirement)) for p in self.plays if not p.broken]
        if any(v == PASS or (v in _RED and not self._excused(p)) for p, v in said):
            return False
        return any(self._excused(p) and v in (*_RED, UNTESTABLE) for p, v in said)

    def requirements(self) -> list[str]:
        """Every requirement that some play spoke of, in order."""
        return list(dict.fromkeys(c.requirement for p in self.plays for c in p.checks))

    def conclude(self) -> list[Check]:
        """The final checks of the case."""
        heard = [p for p in self.plays if not p.broken]
        if not heard:
            return self._never_heard()
        out: list[Check] = []
        for requirement in self.requirements():
            out += self._verdict(requirement, heard)
        return out

    def _never_heard(self) -> list[Check]:
        """Our connection broke in every play, at one request and another."""
        last = self.plays[-1]
        for check in last.checks:
            if check.verdict != PASS:
                check.verdict, check.message, check.expected, check.actual = UNTESTABLE, "", ABSENT, ABSENT
                check.reason = f"the connection broke in each of {len(self.plays)} plays, last at {last.broken}"
        return last.checks

    def _verdict(self, requirement: str, heard: list[Play]) -> list[Check]:
        mine = [(p, [c for c in p.checks if c.requirement == requirement]) for p in heard]
        mine = [(p, checks) for p, checks in mine if checks]
        said = [(p, p.of(requirement), checks) for p, checks in mine]
        passed = [checks for _, v, checks in said if v == PASS]
        plain = [checks for p, v, checks in said if v in _RED and not self._excused(p)]
        signed = [(p, checks) for p, v, checks in said if v in _RED and self._excused(p)]
        broken = [checks for _, v, checks in said if v == HARNESS_ERROR]
        if broken:
            chosen = _bad(broken[0], HARNESS_ERROR)
        elif plain:
            chosen = _bad(plain[0], *_RED)
            if self.lenient and passed and chosen.verdict == FAIL:
                chosen.verdict = WARN
                chosen.reason = "intermittent: it passed in another play"
        elif signed and passed:
            chosen = _bad(signed[0][1], *_RED)
            chosen.races = sorted({race for p, _ in signed for race in self._excused(p)})
            chosen.verdict = RACED
            chosen.reason = f"failed {len(signed)} of {len(said)} plays, each time with the sign of {', '.join(chosen.races)}"
        elif signed:
            chosen = _bad(signed[0][1], *_RED)
            chosen.reason = f"failed in each of {len(signed)} plays; no race does that"
        elif passed:
            for check in passed[0]:
                check.plays, check.passed = (len(said), len(passed)) if len(said) > 1 else (1, None)
            return passed[0]
        else:
            return said[-1][2][:1]
        if len(said) > 1:
            chosen.plays, chosen.passed = len(said), len(passed)
            if chosen.verdict in _RED and not chosen.reason:
                chosen.reason = f"failed {len(plain) + len(signed)} of {len(said)} plays"
        return [chosen]


def _bad(checks: list[Check], *verdicts: str) -> Check:
    return next(c for c in checks if c.verdict in verdicts)
