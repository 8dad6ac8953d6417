"""The walks: what a reference beside the target predicts, the target shows."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.verdict import NOT_APPLICABLE, PASS, UNTESTABLE, Failure
from conformance.walks.coverage import Coverage, possible
from conformance.walks.differ import AREAS, Found
from conformance.walks.phase import Difference, Outcome, Phase, effort, worded
from conformance.walks.sides import NoReference, reference


@case(*AREAS.values(), fuzz=True, early=True)
async def as_the_reference(t: Case) -> None:
    session, options = t.session, t.session.options
    reached = Coverage(session.profile)
    others = Coverage(session.profile)
    session.wire.listeners.append(lambda said: None if said.case == t.name else others.observe(said))
    outcome = Outcome()
    session.walks = lambda: summary(t, outcome, reached, others)
    try:
        async with reference(session) as twin:
            phase = Phase(t, twin, effort(options.fuzz, options.fuzz_time), reached)
            outcome = phase.outcome
            await phase.play()
    except NoReference as error:
        for requirement in t.spec.requirements:
            t.settle(requirement, NOT_APPLICABLE, reason=str(error))
        return
    judge(t, outcome)


def summary(t: Case, outcome: Outcome, reached: Coverage, others: Coverage) -> dict[str, Any]:
    """What the record's footer says of the walks."""
    return {
        "walks": outcome.walks,
        "steps": outcome.steps,
        "raced": outcome.raced,
        "not_again": outcome.vanished,
        "astray": outcome.astray[:20],
        "left_out": outcome.excused,
        "triples": {
            "possible": possible(t.session.profile),
            "walks": len(reached.reached),
            "cases": len(others.reached),
            "together": len(reached.reached | others.reached),
        },
    }


def judge(t: Case, outcome: Outcome) -> None:
    """Each area: failed by what differs in it, passed where something was compared and nothing differed."""
    failures: dict[str, tuple[Failure, list[Any]]] = {}
    rows = t.session.profile.requirements
    for difference in outcome.differences:
        for found in difference.found:
            requirement = AREAS[found.area]
            if requirement not in failures:
                failures[requirement] = (_failure(t, difference, found), difference.exchanges)
    for found, steps, exchanges in outcome.words.values():
        prose = wording(t, found)
        failure = Failure(
            f"{found.what} {found.pointer}: {found.actual!r} instead of {found.expected!r}; the way there: {worded(steps)[:600]}",
            expected=found.expected, actual=found.actual, pointer=found.pointer, exchange=found.exchange,
        )  # fmt: skip
        failures.setdefault(prose or AREAS["words"], (failure, exchanges))
    for area, requirement in AREAS.items():
        if requirement in failures or requirement not in rows:
            continue
        said = [outcome.exchanges[area]] if area in outcome.exchanges else []
        if outcome.compared[area] or (area == "words" and outcome.compared["answer"]):
            t.settle(requirement, PASS, said=said or list(outcome.exchanges.values())[:1])
        else:
            t.settle(requirement, UNTESTABLE, reason="no walk has compared this", said=said)
    for requirement, (failure, exchanges) in failures.items():
        if requirement in rows:
            t.settle(requirement, failure=failure, said=exchanges)


def _failure(t: Case, difference: Difference, found: Found) -> Failure:
    path = write(t.session.options.walks, AREAS[found.area], difference)
    where = f"; transcript: {path}" if path else ""
    return Failure(
        f"{found.what} {found.pointer or '/'}: {found.actual!r} instead of {found.expected!r} as on the reference; "
        f"the shortest way there ({difference.again} of {difference.plays} plays): {worded(difference.steps)[:900]}{where}",
        expected=found.expected,
        actual=found.actual,
        pointer=found.pointer,
        exchange=found.exchange,
    )


def wording(t: Case, found: Found) -> str:
    """The SHOULD row of the refusal whose words the reference has used; "" where there is none."""
    if not found.pointer.endswith("/message"):
        return ""
    rows = [row for row in t.session.profile.errors.values() if row.message == found.expected and row.prose]
    return rows[0].prose if len(rows) == 1 and rows[0].prose in t.session.profile.requirements else ""


def write(folder: str, name: str, difference: Difference) -> str:
    """The walk as a transcript that `replay` plays; gives its path, "" where none is wanted."""
    if not folder:
        return ""
    path = Path(folder) / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows: Iterable[Any] = [difference.head, *difference.rows]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)
