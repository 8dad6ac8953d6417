"""The LLM behind a target: one that follows no script, and none at all. What can't be judged is not applicable."""

from __future__ import annotations

import asyncio

import pytest

import spec
from conformance.run.collection import all_cases
from conformance.run.target import Llm, Target
from conformance.run.whole import Outcome, RunConfig, Selection, play
from fake_server.serve import running_server

ANY_MODEL = [case for case in all_cases() if case.any_model]
SOME = ("paging.list", "lifecycle.send", "lifecycle.get", "usage.cost")
OTHERS = [case for case in all_cases() if case.module.endswith(SOME)]


def judged_with_any_model(profile: str) -> set[str]:
    """What cases for any model judge in this profile; nothing where the server streams its answers, of which scripts tell."""
    held = spec.load(profile).requirements
    return {r for case in ANY_MODEL for r in case.requirements if r in held}


def played(profile: str, kind: str, faults: tuple[str, ...] = ()) -> Outcome:
    """A run of the cases for any model and of others against a server whose LLM babbles, declared as of this kind."""

    async def scene() -> Outcome:
        async with running_server(faults, profile=profile) as server:
            server.llm.director.babble = 7
            target = Target.model_validate(server.target)
            target.llm = Llm.model_validate({"kind": kind})
            outcome = Outcome()
            config = RunConfig(target=target, profile=profile, seed=1, fuzz="off", deadline=8)
            chosen = Selection([*ANY_MODEL, *OTHERS], complete=False)
            await play(config, chosen, lambda case, checks: None, outcome)
            return outcome

    return asyncio.run(scene())


def came_to(outcome: Outcome, *verdicts: str) -> set[str]:
    assert outcome.session is not None
    return {requirement for requirement, verdict in outcome.session.verdicts().items() if verdict in verdicts}


# What a model does to an extension of an extension it does to the extension.
@pytest.mark.parametrize(
    "profile", [name for name in spec.profiles() if judged_with_any_model(name) and len(spec.chain(name)) < 3]
)
def test_a_model_that_follows_no_script_is_put_up_with(profile: str) -> None:
    outcome = played(profile, "live")
    held, judged = spec.load(profile).requirements, judged_with_any_model(profile)
    assert outcome.session is not None
    red = [
        (c.requirement, c.case, c.message or c.reason)
        for c in outcome.session.checks
        if c.verdict in ("fail", "warn", "untestable")
    ]
    assert (outcome.exit_status, red) == (0, []), red
    assert judged <= came_to(outcome, "pass") and len(judged) > 15
    assert {"SEND-022", "COST-020"} & held.keys() <= came_to(outcome, "not-applicable")


def test_without_a_model_nothing_of_it_is_judged() -> None:
    outcome = played(spec.DEFAULT, "none")
    assert outcome.exit_status == 0 and "PAGE-001" in came_to(outcome, "pass")
    assert {"SEND-019", "SEND-022"} <= came_to(outcome, "not-applicable")


def test_a_wrong_server_is_found_with_any_model() -> None:
    outcome = played(spec.DEFAULT, "live", ("messages-come-twice",))
    assert outcome.exit_status == 1 and "STREAM-047" in came_to(outcome, "fail")
