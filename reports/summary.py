"""Checks rolled up to requirements, and the run's verdict in words. Every renderer counts through here."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from reports.record import Record
from reports.rows import Check, Verdict

# The first verdict that any of its checks has is the requirement's: one failed case outweighs many passed,
# and one judged case makes a requirement judged though another case could not be played.
WEIGHT: tuple[Verdict, ...] = (
    "harness-error",
    "fail",
    "unexpected-pass",
    "warn",
    "raced",
    "expected-fail",
    "pass",
    "untestable",
    "not-applicable",
)
TROUBLE: tuple[Verdict, ...] = WEIGHT[:5]
RED: tuple[Verdict, ...] = ("harness-error", "fail", "unexpected-pass")
LABEL: dict[Verdict, str] = {
    "harness-error": "harness error",
    "fail": "failed",
    "unexpected-pass": "unexpected pass",
    "raced": "raced",
    "warn": "warned",
    "expected-fail": "expected fail",
    "pass": "passed",
    "untestable": "untestable",
    "not-applicable": "not applicable",
}
STATES = {
    "conformant": "conformant",
    "not-conformant": "not conformant",
    "incomplete": "incomplete",
    "partial": "partial",
    "interrupted": "interrupted",
    "broken-off": "broken off",
    "broken": "harness error",
}
_STATE_OF_END = {"interrupted": "interrupted", "timeout": "interrupted", "target-gone": "broken-off"}
_RANK = {verdict: rank for rank, verdict in enumerate(WEIGHT)}


@dataclass(frozen=True, slots=True)
class Result:
    """One requirement with all its checks, the weightiest first."""

    requirement: str
    level: str
    area: str
    text: str
    source: str
    verdict: Verdict
    checks: list[Check]

    @property
    def troubled(self) -> bool:
        """Must somebody look at it?"""
        return self.verdict in TROUBLE


@dataclass(frozen=True, slots=True)
class Summary:
    """A record in numbers. All numbers are of requirements, but for `checks`."""

    record: Record
    results: list[Result]
    counts: Counter[Verdict]
    checks: int

    @property
    def in_scope(self) -> int:
        return self.record.footer.requirements.in_scope

    @property
    def judged(self) -> int:
        return self.record.footer.requirements.judged

    @property
    def unreached(self) -> int:
        """In scope, but neither judged nor declared untestable: the run did not come to them."""
        return max(0, self.in_scope - self.judged - self.counts["untestable"])

    @property
    def state(self) -> str:
        """A key of STATES. A record cannot be conformant with anything red or anything left unjudged."""
        ended = self.record.footer.ended
        if ended and ended.how in _STATE_OF_END:
            return _STATE_OF_END[ended.how]
        if self.record.footer.exit == 2:
            return "broken"
        if self.record.footer.exit == 1 or any(self.counts[verdict] for verdict in RED):
            return "not-conformant"
        if self.record.footer.exit == 3 or not self.in_scope or self.judged < self.in_scope:
            return "incomplete"
        return "partial" if self.record.header.partial else "conformant"

    @property
    def words(self) -> str:
        """The verdict in words: a narrowed run says how much it was narrowed, one that was broken off says so."""
        if self.state == "partial":
            left_out = self.record.footer.requirements.not_selected
            passed = self.judged - self.counts["warn"] - self.counts["expected-fail"]
            return f"{passed:,} of {self.in_scope:,} selected requirements passed; {left_out:,} not selected"
        return STATES[self.state]

    @property
    def plays(self) -> tuple[int, int] | None:
        """Of the judgements whose cases were played several times: how many plays passed, of how many; None without any."""
        several = [check for result in self.results for check in result.checks if check.passed is not None]
        return (sum(c.passed or 0 for c in several), sum(c.plays for c in several)) if several else None

    @property
    def unfinished(self) -> str:
        """Why the run did not come to its end; empty when it did."""
        return self.record.footer.ended.reason if self.record.footer.ended else ""

    @property
    def troubled(self) -> list[Result]:
        """What somebody must look at, the worst first."""
        return [result for result in self.results if result.troubled]

    def reasons(self, verdict: Verdict) -> list[tuple[str, list[str]]]:
        """Why requirements have this verdict, with their ids; the commonest reason first."""
        ids: dict[str, list[str]] = {}
        for result in self.results:
            if result.verdict == verdict:
                ids.setdefault(result.checks[0].reason or "no reason given", []).append(result.requirement)
        return sorted(ids.items(), key=lambda item: (-len(item[1]), item[0]))

    def outcomes(self) -> list[tuple[str, int, int | None]]:
        """Rows of (label, count, out of): first the scope, then every verdict that occurred.

        The denominator of a judgement is what was judged, of an untestable one what was in scope.
        """
        rows: list[tuple[str, int, int | None]] = [
            ("in scope", self.in_scope, None),
            ("judged", self.judged, self.in_scope),
        ]
        for verdict in ("pass", "fail", "unexpected-pass", "warn", "raced", "expected-fail", "harness-error"):
            if self.counts[verdict] or verdict in ("pass", "fail", "warn"):
                rows.append((LABEL[verdict], self.counts[verdict], self.judged))
        rows.append((LABEL["untestable"], self.counts["untestable"], self.in_scope))
        if self.unreached:
            rows.append(("not reached", self.unreached, self.in_scope))
        rows.append((LABEL["not-applicable"], self.counts["not-applicable"], None))
        return rows


def summarize(record: Record) -> Summary:
    """The record's checks by requirement: troubled ones first, then by area and id."""
    groups: dict[str, list[Check]] = {}
    for check in record.checks:
        groups.setdefault(check.requirement, []).append(check)
    results = [_result(checks) for checks in groups.values()]
    results.sort(key=lambda r: (_RANK[r.verdict] if r.troubled else len(WEIGHT), r.area, r.requirement))
    return Summary(record, results, Counter(r.verdict for r in results), len(record.checks))


def _result(checks: list[Check]) -> Result:
    # Not by case: the order of the record is the order of the run, and sorting is stable.
    checks = sorted(checks, key=lambda check: _RANK[check.verdict])
    first = checks[0]
    text = next((check.text for check in checks if check.text), "")
    source = next((check.source for check in checks if check.source), "")
    area = next((check.area for check in checks if check.area), "other")
    return Result(first.requirement, first.level, area, text, source, first.verdict, checks)
