"""What a target lacks of what requirements need: what it is declared not to have is no fault of anybody, and is not judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from conformance.play.routing import NEEDS as ROUTING_NEEDS
from conformance.play.verdict import NOT_APPLICABLE

if TYPE_CHECKING:
    from conformance.play.declaration import CaseSpec
    from conformance.run.session import Session

# Needs that every server is taken to meet; any other must be declared among the target's capabilities.
_KNOWN = frozenset({"second-user", "roles", "admin", "exclusive", "model-admin", "llm", "llm-control", "files", "slow"})
_ACTORS = {
    "second-user": ("bob",),
    "roles": ("carol", "orgadmin", "orgauditor", "auditor"),
    "admin": ("root",),
    "exclusive": ("root",),
    "model-admin": ("root",),
}
NO_CHANGES = "settings of the whole server are left alone without --allow-config-changes"
READ_ONLY = "the run is read-only"


def obstacle(session: Session, needs: Iterable[str]) -> tuple[str, str] | None:
    """Why these needs can't be met here, as (verdict, reason); None when they can."""
    for need in needs:
        if why := _hindrance(session, need):
            return NOT_APPLICABLE, why
    return None


def _hindrance(session: Session, need: str) -> str:
    target = session.target
    if need in ROUTING_NEEDS:
        return session.routing.obstacle(need)
    if target.capabilities.get(need) is False:
        return f"the target declares that it has no {need}"
    if need == "exclusive" and not session.options.config_changes:
        return NO_CHANGES
    if need not in _KNOWN and not target.capabilities.get(need):
        return f"the target file does not declare the capability {need}"
    for name in _ACTORS.get(need, ()):
        if name not in target.tokens():
            return no_token(name)
    if need == "llm" and target.llm.kind != "scripted":
        return f"the target's LLM is {target.llm.kind}, not scripted"
    if need == "llm-control" and not target.llm.control_url:
        return "the target file names no llm.control_url"
    return ""


def no_token(actor: str) -> str:
    """The reason of what needs an actor that the target file does not have."""
    return f"the target file has no token for {actor}"


def obstacle_of_case(session: Session, case: CaseSpec, needs: Iterable[str]) -> tuple[str, str] | None:
    """Why a case can't be played for a requirement with these needs; None when it can."""
    asked = (need for need in (*needs, *case.needs) if not (case.any_model and need == "llm"))
    if found := obstacle(session, asked):
        return found
    if case.alone and not session.options.config_changes:
        return NOT_APPLICABLE, NO_CHANGES
    if case.writes and session.options.read_only:
        return NOT_APPLICABLE, READ_ONLY
    return None


def lacking(session: Session) -> str:
    """What this run has not, of all that requirements need, in words; nothing where it has all of it."""
    target = session.target
    wanted = {need for row in session.profile.requirements.values() for need in row.needs if need in _KNOWN}
    actors = [name for name in session.traits["actors"] if name not in target.tokens()]
    found = [f"users {', '.join(actors)}"] if actors else []
    found += [need for need in sorted(wanted) if target.capabilities.get(need) is False]
    found += [] if target.llm.kind == "scripted" else ["a scripted LLM"]
    found += [] if target.llm.kind != "scripted" or target.llm.control_url else ["the LLM's control address"]
    found += [] if session.options.config_changes else ["--allow-config-changes"]
    return "; ".join([*found, *(["leave to write (--read-only)"] if session.options.read_only else [])])


def more_with(session: Session) -> list[str]:
    """What the target file would have to have for more to be judged: a line for each, with how many requirements wait for it."""
    counted: Counter[str] = Counter()
    for row in session.profile.requirements.values():
        known = [need for need in row.needs if need in _KNOWN]
        if not row.excluded and (found := obstacle(session, known)):
            counted[found[1]] += 1
    return [f"{count} requirements are not judged: {why}" for why, count in counted.most_common()]
