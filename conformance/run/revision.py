"""Which revision of the API is this? Found from answers to probes of what differs, never from the version that a server names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import spec
from conformance.run.identities import QUICK
from conformance.run.target import Target
from conformance.wire.exchange import Request, Response
from conformance.wire.http import BadAnswer, TargetUnreachable, Wire

_ENOUGH = 0.5  # of a revision's probes must be answered its way: a wrong server may fail some


@dataclass(frozen=True, slots=True)
class Found:
    """`profile`: the revision that fits best, empty when none does; `why`: the answers that decided it, in words."""

    profile: str
    why: str


@dataclass(frozen=True, slots=True)
class Probe:
    """A GET that revisions answer in different ways: the statuses of this one, and words that its body has."""

    path: str
    status: tuple[int, ...]
    says: str = ""

    def fits(self, answer: Response) -> bool:
        return answer.status in self.status and self.says in _text(answer)


def probes(profile: str) -> list[Probe]:
    """The probes that a profile declares. Raises UnknownProfile."""
    rows: dict[str, Any] = spec.load(profile).traits["probes"]
    return [Probe(row["path"], tuple(row["status"]), row.get("says", "")) for row in rows.values()]


async def find(target: Target) -> Found | None:
    """Ask what all known revisions ask. None when nobody can ask, or nothing answers: the preflight tells why."""
    user = next((target.users[n] for n in ("alice", "bob", *target.users) if n in target.users and target.users[n].token), None)
    if user is None:
        return None
    known = {name: probes(name) for name in spec.profiles()}
    asked = {probe.path: spec.load(name).traits["token_header"] for name, rows in known.items() for probe in rows}
    answers: dict[str, Response] = {}
    wire = Wire(target.base_url, timeout=QUICK, connections=1, access=target.access)
    try:
        for path, header in asked.items():
            request = Request("GET", path, headers={header: user.token})
            answers[path] = (await wire.send(request, actor=None, case="probe", timeout=QUICK)).response
    except (TargetUnreachable, BadAnswer):
        return None
    finally:
        await wire.aclose()
    return judged(known, answers)


def judged(known: dict[str, list[Probe]], answers: dict[str, Response]) -> Found:
    """The revision whose probes were answered its way most often, if that is more than half and no other has as many."""
    scores = {name: sum(p.fits(answers[p.path]) for p in asked) / len(asked) for name, asked in known.items()}
    best = max(scores, key=lambda name: scores[name])
    if scores[best] <= _ENOUGH or list(scores.values()).count(scores[best]) > 1:
        said = "; ".join(f"GET {path} {_shown(answer)}" for path, answer in answers.items())
        return Found("", f"no known revision ({', '.join(known)}) answers like this: {said}; name one with --profile")
    fitting = [p for p in known[best] if p.fits(answers[p.path])]
    said = "; ".join(f"GET {p.path} {_shown(answers[p.path])}" for p in fitting)
    return Found(best, f"{len(fitting)} of {len(known[best])} probes are answered as {best} does: {said}")


def _text(answer: Response) -> str:
    return (answer.content or b"").decode("utf-8", "replace")


def _shown(answer: Response) -> str:
    said = answer.body.get("message") if isinstance(answer.body, dict) else ""
    return f"answered {answer.status}" + (f" {said[:60]!r}" if isinstance(said, str) and said else "")
