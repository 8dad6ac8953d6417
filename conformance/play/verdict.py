"""Verdicts: what one judgement of one requirement came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from conformance.wire.exchange import ABSENT

PASS, FAIL, WARN = "pass", "fail", "warn"
NOT_APPLICABLE, UNTESTABLE, RACED = "not-applicable", "untestable", "raced"
HARNESS_ERROR, EXPECTED_FAIL, UNEXPECTED_PASS = "harness-error", "expected-fail", "unexpected-pass"
JUDGED = frozenset({PASS, FAIL, WARN, RACED, EXPECTED_FAIL, UNEXPECTED_PASS})
# Worst first: what a requirement comes to when several cases judged it.
RANK = [FAIL, UNEXPECTED_PASS, HARNESS_ERROR, WARN, RACED, EXPECTED_FAIL, PASS, UNTESTABLE, NOT_APPLICABLE]


class Failure(AssertionError):
    """The target did not do what the requirement says.

    `kind`: of finding (`play/finding.py`); found out by the values if it is not given. `hints`: values that may stand in what was
    said, each with the pointer from there to what is wrong; of no use where `exchange` is known.
    """

    def __init__(
        self,
        message: str,
        *,
        expected: Any = ABSENT,
        actual: Any = ABSENT,
        pointer: str = "",
        exchange: str = "",
        kind: str = "",
        hints: list[tuple[Any, str | None]] | None = None,
    ) -> None:
        super().__init__(message)
        self.expected, self.actual, self.pointer, self.exchange = expected, actual, pointer, exchange
        self.kind, self.hints = kind, hints or []


class Unmet(Exception):
    """A precondition could not be made: the requirement can't be judged here, which is nobody's pass and nobody's fault."""


class Absent(Unmet):
    """What the precondition takes is not there by declaration, of the target or of its revision: not applicable."""


@dataclass(slots=True)
class Check:
    """One judgement of one requirement; a line of the record."""

    requirement: str
    level: str
    verdict: str
    case: str
    area: str = ""
    text: str = ""
    source: str = ""
    facts: list[list[str]] = field(default_factory=list)  # what the source says, [name, text, place], once for each requirement
    message: str = ""
    reason: str = ""
    finding: str = ""  # its kind
    expected: Any = ABSENT
    actual: Any = ABSENT
    pointer: str = ""
    exchanges: list[str] = field(default_factory=list)
    deciding: str = ""  # the one of the exchanges that shows it
    twin: str = ""  # one that is nearly the same and was accepted
    reproduce: list[str] = field(default_factory=list)
    rerun: str = ""
    play: list[str] = field(default_factory=list)  # first and last exchange of the play of its case, of a failure
    ms: float = 0.0
    attempt: int = 1
    races: list[str] = field(default_factory=list)  # that excuse it
    plays: int = 1  # of its case, in all
    passed: int | None = None  # of those plays, when there were several

    def line(self) -> dict[str, Any]:
        """The record line; absent and empty fields are left out."""
        out: dict[str, Any] = {"kind": "check"}
        for name in self.__slots__:
            value = getattr(self, name)
            if value is ABSENT or (value in ("", [], None) and name not in ("message", "case", "expected", "actual")):
                continue
            out[name] = value
        return out


def failed(level: str) -> str:
    """The verdict of a requirement that does not hold: level alone sets severity."""
    return FAIL if level == "MUST" else WARN


def worst(verdicts: list[str]) -> str:
    """What a requirement comes to over all its checks. A judgement outranks 'could not be judged'."""
    return min(verdicts, key=RANK.index)
