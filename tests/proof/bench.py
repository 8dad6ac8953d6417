"""What the proofs stand on: play cases in this process against a server in this process, and see what turned red."""

from __future__ import annotations

import fnmatch
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import spec
from conformance.play.declaration import CaseSpec
from conformance.play.verdict import JUDGED, Check
from conformance.run.collection import all_cases, modules, specs_of
from conformance.run.target import Target
from conformance.run.whole import Outcome, RunConfig, Selection, Unusable, play
from fake_server.faulting import Fault, load_all
from fake_server.revision import revision

PASSIVE = "every exchange"
PROPERTIES = ("PROP-", "FUZZ-", "DIFF-")  # judged by the property phase alone


@dataclass(slots=True)
class Run:
    """A run's checks, what each requirement came to, and the footer."""

    checks: list[Check] = field(default_factory=list)
    verdicts: dict[str, str] = field(default_factory=dict)
    footer: dict[str, Any] = field(default_factory=dict)
    refused: str = ""
    passively: dict[str, tuple[set[str], set[str]]] = field(default_factory=dict)

    def ids(self, *verdicts: str) -> set[str]:
        return {requirement for requirement, verdict in self.verdicts.items() if verdict in verdicts}

    def told(self, cases: list[CaseSpec] | None) -> dict[str, str]:
        """What each requirement came to; where a part of the cases was played, each that any of them tells of."""
        told = self.verdicts.keys() if cases is None else {check.requirement for check in self.checks if check.case}
        return {requirement: self.verdicts[requirement] for requirement in sorted(told)}

    def judges(self) -> dict[str, list[str]]:
        """The cases that judged each requirement, whether they declare it or their exchanges are judged in passing."""
        found = {requirement: set(cases) for requirement, (cases, _) in self.passively.items()}
        for check in self.checks:
            if check.verdict in JUDGED and check.case != PASSIVE:
                found.setdefault(check.requirement, set()).add(check.case)
        return {requirement: sorted(cases) for requirement, cases in found.items()}

    def killers(self) -> dict[str, str]:
        """For each requirement that turned red, one case in which it did."""
        found: dict[str, str] = {}
        for check in self.checks:
            if check.verdict in ("fail", "warn", "raced") and check.case != PASSIVE:
                found.setdefault(check.requirement, check.case)
        for requirement in self.red - found.keys():
            found[requirement] = min(self.passively[requirement][1] - {"preflight"}, default="preflight")
        return {requirement: found[requirement] for requirement in sorted(self.red)}

    @property
    def red(self) -> set[str]:
        """What a fault turns red: everything judged and not green."""
        return self.ids("fail", "warn", "raced")

    @property
    def failed(self) -> set[str]:
        """What has failed without an excuse."""
        return self.ids("fail", "warn")

    def why(self, requirement: str) -> str:
        """The first message or reason of a requirement's worst check."""
        mine = [c for c in self.checks if c.requirement == requirement and c.verdict == self.verdicts[requirement]]
        return mine[0].message or mine[0].reason if mine else ""


def cases_for(globs: Iterable[str] | None) -> list[CaseSpec]:
    """The cases that judge a requirement matching one of these globs; None: all but the property phase."""
    if globs is None:
        return all_cases()  # the property phase among them, switched off by fuzz="off"
    wanted = list(globs)
    return [c for c in _importable() if any(fnmatch.fnmatch(r, g) for r in c.requirements for g in wanted)]


def telling(profile: str, every: int, links: int = 3) -> list[CaseSpec] | None:
    """The cases that tell of a profile what its base does not: all (None), but for one that stands on so many profiles, itself
    among them, those that judge what its base has not, and every so many-th of the others."""
    chain = spec.chain(profile)
    if len(chain) < links:
        return None
    own = spec.load(profile).requirements.keys() - spec.load(chain[1]).requirements.keys()
    return [case for n, case in enumerate(all_cases()) if own & set(case.requirements) or not (case.fuzz or n % every)]


def _importable() -> Iterator[CaseSpec]:
    """The cases of every module that can be imported; one that is being written does not hinder work on the others."""
    for module in modules():
        try:
            yield from specs_of(module)
        except Exception as error:
            print(f"left out: {module}: {type(error).__name__}: {error}", file=sys.stderr)


# What a server must be started with before it offers what these needs name.
OPTIONS = {
    "rate-limits": {"CODER_DANGEROUS_DISABLE_RATE_LIMITS": "false"},
    "sharing-disabled": {"CODER_DISABLE_CHAT_SHARING": "true"},
    "debug-forced": {"CODER_CHAT_DEBUG_LOGGING_ENABLED": "true"},
    "own-keys-off": {"CODER_AI_GATEWAY_ALLOW_BYOK": "false"},
    "gateway-off": {"CODER_AI_GATEWAY_ENABLED": "false"},
    "gateway-llm": {"CODER_CHAT_AI_GATEWAY_ROUTING_ENABLED": "true"},
    "long-waits": {"long-waits": "true"},
    "stored-shares": {"stored-shares": "true"},
    "held-pending": {"held-pending": "1"},
    "experiment-off": {"CODER_EXPERIMENTS": ""},
    "workspaces": {"workspaces": "true"},
    "no-models": {"no-models": "true"},
    "anthropic-llm": {"anthropic-llm": "true"},
}


def scoped(fault: Fault, profile: str) -> Fault:
    """The fault as one that names those requirements alone that hold in this profile."""
    return replace(fault, red=fault.red & spec.load(profile).requirements.keys())


def faults_of(profile: str = spec.DEFAULT) -> dict[str, Fault]:
    """The faults that are any in this profile, by name: each with the requirements of the profile that it turns red."""
    off = revision(profile).off
    faults = {name: scoped(fault, profile) for name, fault in load_all().items() if not fault.lacks or fault.lacks in off}
    return {name: fault for name, fault in faults.items() if fault.red}


def options_for(requirements: Iterable[str], profile: str = spec.DEFAULT) -> dict[str, str]:
    """The start options of a server on which all these requirements can be judged."""
    rows = spec.load(profile).requirements
    return {k: v for r in requirements for need in rows[r].needs for k, v in OPTIONS.get(need, {}).items()}


def judged_only_with(options: dict[str, str], profile: str = spec.DEFAULT) -> set[str]:
    """The requirements that can be judged on no other servers than those started with some of these options."""
    rows = spec.load(profile).requirements.values()
    return {r.id for r in rows if any(OPTIONS.get(need, {}).items() & options.items() for need in r.needs)}


async def run_against(target: dict[str, Any] | str, cases: list[CaseSpec] | None = None, **options: Any) -> Run:
    """Play these cases (None: all) against a target; a target that the preflight refuses gives an empty Run."""
    # complete: what the passive checks see counts, whichever cases are played
    chosen = Selection(cases if cases is not None else cases_for(None), complete=True)
    outcome = Outcome()
    aim = target if isinstance(target, str) else Target.model_validate(target)
    defaults: dict[str, Any] = {"seed": 1, "fuzz": "off", "deadline": 2.5}  # a server in this process answers at once
    config = RunConfig(target=aim, **(defaults | options))
    try:
        await play(config, chosen, lambda case, checks: None, outcome)
    except Unusable as error:
        return Run(refused=str(error))
    session = outcome.session
    assert session is not None
    return Run(session.checks, session.verdicts(), outcome.footer, passively=session.passively())
