"""The records of the shards of one run, put together into the record that one run would have written.

What makes them one run is proven: the same contract, seed, options and target build; every case in one shard, none in two.
"""

from __future__ import annotations

import fnmatch
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import spec
from conformance.play.races import Races
from conformance.play.verdict import JUDGED, NOT_APPLICABLE, PASS, RACED, UNEXPECTED_PASS, UNTESTABLE, Check, failed, worst
from conformance.recordings.reading import Unreadable, record_lines
from conformance.recordings.verify import contradictions
from conformance.run.coverage import together
from conformance.run.session import exit_of
from conformance.run.shards import names_sha256

BUILD = "x-coder-build-version"  # the header in which a server says what it is
_SAME = ("suite_version", "profile", "spec_sha256", "seed", "strict")
_OPTIONS = ("fuzz", "repeat", "allow_intermittent", "read_only", "faults")  # those that verdicts hang on


class NotOnePlan(ValueError):
    """These records are no shards of one run; the text says which differs, and in what."""


@dataclass(slots=True)
class Part:
    """What is kept of one shard's record. Exchanges are read from it again when they are written."""

    path: Path
    header: dict[str, Any] = field(default_factory=dict)
    footer: dict[str, Any] = field(default_factory=dict)
    checks: list[dict[str, Any]] = field(default_factory=list)
    builds: set[str] = field(default_factory=set)

    @property
    def number(self) -> int:
        return int(self.header["shard"]["number"])

    def named(self, id: str) -> str:
        """The id of one of its exchanges among those of all shards."""
        return f"{self.number}.{id}"


def read(path: Path) -> Part:
    """A shard's record. One without a footer is a shard that was lost. Raises Unreadable and NotOnePlan."""
    part, exchanges = Part(path), set()
    for line in record_lines(path):
        if line["kind"] == "header":
            part.header = line
        elif line["kind"] == "footer":
            part.footer = line
        elif line["kind"] == "check":
            part.checks.append(line)
        elif line["kind"] == "exchange":
            exchanges.add(line["id"])
            answer = line.get("response") or line.get("handshake") or {}
            part.builds |= {answer["headers"][BUILD]} if BUILD in answer.get("headers", {}) else set()
    if not part.header:
        raise Unreadable(f"{path}: no run record: it has no header")
    if "shard" not in part.header:
        raise NotOnePlan(f"{path}: the record of a whole run, not of a shard; shards are played with: run --shard i/n")
    if part.footer and (wrong := contradictions(part.header, part.footer, part.checks, exchanges)):
        raise NotOnePlan(f"{path}: was altered: {wrong[0]}")
    return part


def merge(paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """The lines of the merged record. Raises Unreadable and NotOnePlan before the first one."""
    parts = sorted((read(path) for path in paths), key=lambda part: part.number)
    lost = _proven(parts)
    return _lines(parts, lost)


def _proven(parts: list[Part]) -> list[int]:
    """The numbers of the shards that are missing or were cut off. Raises NotOnePlan."""
    first = parts[0]
    for part in parts[1:]:
        for what, one, other in _differing(first, part):
            raise NotOnePlan(f"{part.path} is of another plan than {first.path}: {what} is {other!r}, not {one!r}")
    number, named = Counter(part.number for part in parts).most_common(1)[0]
    if named > 1:
        twice = [str(part.path) for part in parts if part.number == number]
        raise NotOnePlan(f"shard {number} is there {named} times: {', '.join(twice)}")
    plan = first.header["shard"]["plan"]
    played = list(itertools.chain.from_iterable(part.header["shard"]["cases"] for part in parts))
    if len(played) != len({*played}):
        case = Counter(played).most_common(1)[0][0]
        raise NotOnePlan(f"{case} is a case of two shards")
    missing = {*range(1, plan["of"] + 1)} - {part.number for part in parts}
    if not missing and (len(played) != plan["cases"] or names_sha256(played) != plan["cases_sha256"]):
        raise NotOnePlan(f"the shards have {len(played)} cases, which are not the {plan['cases']} of the plan")
    return sorted(missing | {part.number for part in parts if not part.footer})


def _differing(one: Part, other: Part) -> Iterator[tuple[str, Any, Any]]:
    for key in _SAME:
        if one.header.get(key) != other.header.get(key):
            yield key, one.header.get(key), other.header.get(key)
    for key in _OPTIONS:
        values = [part.header.get("options", {}).get(key) for part in (one, other)]
        if values[0] != values[1]:
            yield f"--{key.replace('_', '-')}", *values
    plans = [part.header["shard"]["plan"] for part in (one, other)]
    for key in plans[0].keys() | plans[1].keys():
        if plans[0].get(key) != plans[1].get(key):
            yield key.replace("_sha256", ""), plans[0].get(key), plans[1].get(key)
    if one.footer and other.footer and one.builds != other.builds:
        yield "the target's build", ", ".join(sorted(one.builds)), ", ".join(sorted(other.builds))


def _lines(parts: list[Part], lost: list[int]) -> Iterator[dict[str, Any]]:
    first = parts[0]
    plan = first.header["shard"]["plan"]
    header = {key: value for key, value in first.header.items() if key != "shard"}
    yield header | {"partial": plan["partial"], "merged": {"of": plan["of"], "lost": lost}}
    for part in parts:
        yield from _told(part)
    profile = spec.load(first.header["profile"])
    if profile.sha256 != first.header["spec_sha256"]:
        raise NotOnePlan(f"{first.path}: played by another contract; merge with the suite {first.header['suite_version']}")
    judged, races = _judgements(parts, profile, lost)
    yield from judged
    yield _footer(parts, lost, judged, races)


def _told(part: Part) -> Iterator[dict[str, Any]]:
    """What was said in this shard, under ids that no other shard has."""
    for line in record_lines(part.path):
        if line["kind"] == "exchange":
            yield line | {"id": part.named(line["id"])}
        elif line["kind"] in ("note", "control"):
            yield line


def _judgements(parts: list[Part], profile: spec.Profile, lost: list[int]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Every check of the merged record, and what its footer says of races."""
    checks = [_renamed(part, check) for part in parts for check in part.checks]
    judged = {check["requirement"] for check in checks if check["case"]}
    kept: dict[str, None] = {}
    out = []
    for check in checks:
        alone = not check["case"]  # nobody judged it, and each shard says so
        if alone and (check["requirement"] in judged or check["requirement"] in kept):
            continue
        kept |= {check["requirement"]: None} if alone else {}
        out.append(check)
    out += _unreached(parts, profile, {check["requirement"] for check in out}, lost)
    races = _races(parts, profile, out)
    out += _stale(parts, profile, out)
    return out, races


def _renamed(part: Part, check: dict[str, Any]) -> dict[str, Any]:
    lists = {key: [part.named(id) for id in check[key]] for key in ("exchanges", "play") if check.get(key)}
    return check | lists | {key: part.named(check[key]) for key in ("deciding", "twin") if check.get(key)}


def _line(profile: spec.Profile, requirement: str, verdict: str, case: str, **more: Any) -> dict[str, Any]:
    row = profile.requirements[requirement]
    check = Check(requirement, row.level, verdict, case, area=row.area, text=row.text, source=row.source)
    return check.line() | more


def _unreached(parts: list[Part], profile: spec.Profile, done: set[str], lost: list[int]) -> Iterator[dict[str, Any]]:
    """What no shard has judged; where shards were lost, it may be that they would have."""
    why = f"no shard that is here has judged it, and lost are: {', '.join(map(str, lost))}"
    for part in parts:
        said = part.footer.get("shard", {})
        for requirement in said.get("unreached", ()):
            if requirement not in done:
                done.add(requirement)
                verdict, reason = (UNTESTABLE, why) if lost else (said["verdict"], said["reason"])
                yield _line(profile, requirement, verdict, "", reason=reason)


def _stale(parts: list[Part], profile: spec.Profile, checks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries of the expectations that no shard met, and what passes of them."""
    unmet = [set(part.footer["shard"]["unmet"]) for part in parts if part.footer]
    globs = set.intersection(*unmet) if unmet else set()
    passed = {requirement for requirement, verdict in verdicts(checks).items() if verdict == PASS}
    shown = {check["requirement"]: check["exchanges"][-1:] for check in checks if check.get("exchanges")}
    message = "expected to fail, and passes: take the entry out"
    return [
        _line(profile, requirement, UNEXPECTED_PASS, "expectations", message=message, exchanges=shown[requirement])
        for glob in sorted(globs)
        for requirement in sorted(fnmatch.filter(passed, glob))
    ]


def _races(parts: list[Part], profile: spec.Profile, checks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """How often each race was seen in all shards; one beyond its rate excuses nothing."""
    races = Races(profile.traits)
    for row in (row for part in parts for row in part.footer.get("races", ())):
        tally = races.tallies[row["race"]]
        tally.excused |= set(row["excused"])
        for occasion in row["occasions"]:
            count = tally.counts[occasion["occasion"]]
            count.looked += occasion["looked"]
            count.seen += occasion["seen"]
    beyond = {name: found for name, tally in races.tallies.items() if (found := tally.beyond())}
    for check in checks:
        wrong = [f"{name} was seen in {beyond[name]}" for name in check.get("races", ()) if name in beyond]
        if wrong and check["verdict"] == RACED:
            check |= {"verdict": failed(check["level"]), "reason": f"{check['reason']}; but {'; '.join(wrong)}"}
    for name in beyond:
        races.tallies[name].excused.clear()
    return [tally.line() for tally in races.tallies.values()]


def verdicts(checks: Iterable[dict[str, Any]]) -> dict[str, str]:
    """What each requirement came to."""
    seen: dict[str, list[str]] = defaultdict(list)
    for check in checks:
        seen[check["requirement"]].append(check["verdict"])
    return {requirement: worst(found) for requirement, found in seen.items()}


def _footer(parts: list[Part], lost: list[int], checks: list[dict[str, Any]], races: list[dict[str, Any]]) -> dict[str, Any]:
    ends = [part.footer for part in parts if part.footer]
    header = parts[0].header
    came_to = verdicts(checks)
    counts = Counter(came_to.values())
    ended = next((end["ended"] for end in ends if end.get("ended")), None)
    if ended is None and lost:
        of = header["shard"]["plan"]["of"]
        told = ", ".join(map(str, lost))
        ended = {"how": "interrupted", "reason": f"lost of {of} shards: {told}; what they would have judged is not judged"}
    levels = {check["requirement"]: check["level"] for check in checks}
    complaints = ends[0].get("complaints", []) if ends else []
    how = ended["how"] if ended else ""
    everything = len(spec.load(header["profile"]).requirements)
    slowest = sorted((slow for end in ends for slow in end.get("slowest", ())), key=lambda slow: -slow["ms"])
    return {
        "kind": "footer",
        "counts": dict(counts),
        "requirements": {
            "in_scope": sum(n for verdict, n in counts.items() if verdict != NOT_APPLICABLE),
            "judged": sum(n for verdict, n in counts.items() if verdict in JUDGED),
            "not_selected": everything - len(came_to) if header["shard"]["plan"]["partial"] else 0,
        },
        "races": races,
        "checks": len(checks),
        "complaints": complaints,
        "expectations": _met(ends),
        "ms": max((end.get("ms", 0) for end in ends), default=0),
        "judging_ms": round(sum(end.get("judging_ms", 0) for end in ends), 1),
        "slowest": slowest[:5],
        "coverage": together(end["coverage"] for end in ends if end.get("coverage")),
        "exit": exit_of(came_to, levels, how=how, strict=header["strict"], complaints=complaints),
        **({"walks": walks} if (walks := next((end["walks"] for end in ends if end.get("walks")), None)) else {}),
        **({"ended": ended | {"exchanges": []}} if ended else {}),
    }


def _met(ends: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries of the expectations that some shard met, once each."""
    found: dict[str, dict[str, Any]] = {}
    for row in (row for end in ends for row in end.get("expectations", ())):
        found.setdefault(f"{row['requirement']} {row['reason']}", row)
    return list(found.values())
