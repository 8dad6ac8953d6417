"""A run: one target, one profile, one seed; what was judged, and what it came to."""

from __future__ import annotations

import secrets
import shlex
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import spec
from conformance.checks import passive
from conformance.needs import lacking, obstacle, obstacle_of_case
from conformance.play.declaration import CaseSpec
from conformance.play.evidence import enter
from conformance.play.odd_answers import brief, without_answer
from conformance.play.races import Races
from conformance.play.routing import Routing
from conformance.play.verdict import (
    EXPECTED_FAIL,
    FAIL,
    HARNESS_ERROR,
    JUDGED,
    NOT_APPLICABLE,
    PASS,
    RACED,
    UNEXPECTED_PASS,
    UNTESTABLE,
    WARN,
    Check,
    failed,
    worst,
)
from conformance.profiles import dialect
from conformance.run.coverage import Coverage
from conformance.run.expectations import Expectations
from conformance.run.liveness import Gone, Liveness
from conformance.run.record import RecordWriter
from conformance.run.reproduce import ways
from conformance.run.target import Target
from conformance.wire.caps import Caps
from conformance.wire.client import HttpClient
from conformance.wire.exchange import Exchange, Finding, Request, SocketLog
from conformance.wire.http import TargetUnreachable, Wire
from conformance.wire.redact import Redactor
from spec.documents import documents
from spec.feeds import Feed, feeds
from spec.sources import facts

_BATCH_BYTES = 2**21  # of their answers, at the most
_SHOWN = 20  # ids of exchanges in which the same is wrong
_BATCH = 64  # exchanges judged in one go: that takes five sixths of the time that one by one takes
OK, NOT_CONFORMANT, UNUSABLE, INCOMPLETE = 0, 1, 2, 3


@dataclass(slots=True)
class Options:
    """What a run was asked to do."""

    seed: int = 0
    jobs: int = 16
    fuzz: str = "quick"
    strict: bool = False
    read_only: bool = False
    config_changes: bool = True  # settings that hold for the whole server may be changed for a while
    max_rps: float = 0
    target_name: str = ""
    target_options: str = ""  # how the command line names the target, where that is not by its file
    faults: tuple[str, ...] = ()  # of the embedded target
    deadline: float = 0  # seconds to wait for what must come; 0: measured
    partial: bool = False  # only some requirements were selected: the others are out of scope
    repeat: int = 1  # plays of each case at least
    allow_intermittent: bool = False  # what fails once and passes the next time only warns
    timeout: float = 0  # seconds for the run as a whole; 0: no bound
    command: tuple[str, ...] = ()  # the words of the command line
    fuzz_time: float = 0  # seconds that deep walks take; 0: their usual time
    walks: str = ""  # the folder that transcripts of walks with a difference go to
    headers: tuple[str, ...] = ()  # names of those that go with every request
    embedded: bool = False  # the target is gone with the run
    reproducers: str = ""  # folder that the ways to failures are written to


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run was broken off. `how`: `interrupted`, `target-gone`, `timeout` or `stopped`."""

    how: str
    reason: str


# Exit status of each; `stopped` is the user's own order to end at the first failure.
_EXIT_OF_END = {"interrupted": INCOMPLETE, "timeout": INCOMPLETE, "target-gone": UNUSABLE}
_LAST_SECONDS = 2000.0  # ms before its last answer in which a target that goes away may already fail
_PROBE = 3.0  # seconds that the question whether the target is still there waits


def exit_of(verdicts: dict[str, str], levels: dict[str, str], *, how: str, strict: bool, complaints: Iterable[str]) -> int:
    """The exit status that these verdicts of requirements come to. `how` the run was broken off, "" when it was not."""
    seen = set(verdicts.values())
    if how in _EXIT_OF_END:
        return _EXIT_OF_END[how]
    if any(complaints) or (strict and any(v == WARN and levels[r] == "SHOULD" for r, v in verdicts.items())):
        return NOT_CONFORMANT
    if seen & {FAIL, UNEXPECTED_PASS}:
        return NOT_CONFORMANT
    if HARNESS_ERROR in seen or not verdicts:
        return UNUSABLE
    return INCOMPLETE if UNTESTABLE in seen or not seen & JUDGED else OK


@dataclass(slots=True)
class Tally:
    """What the passive checks saw of one requirement."""

    judged: int = 0
    exchange: str = ""
    cases: set[str] = field(default_factory=set)
    first: tuple[Finding, Exchange | SocketLog] | None = None  # what was found, without what is long in it
    found: int = 0
    found_in: dict[str, None] = field(default_factory=dict)  # ids of the first exchanges
    failed_cases: set[str] = field(default_factory=set)

    def enter(self, exchange: Exchange | SocketLog, finding: Finding | None, clean: Callable[[str], str]) -> None:
        self.judged += 1
        self.exchange = exchange.id
        self.cases.add(exchange.case)
        if finding is None:
            return
        self.found += 1
        self.failed_cases.add(exchange.case)
        if len(self.found_in) < _SHOWN:
            self.found_in[exchange.id] = None
        if self.first is None:
            short = replace(finding, expected=brief(finding.expected, clean), actual=brief(finding.actual, clean))
            self.first = (short, without_answer(exchange))


class Session:
    """Everything that the cases of one run share."""

    def __init__(self, target: Target, options: Options, writer: RecordWriter | None = None) -> None:
        self.target, self.options = target, options
        self.profile = spec.load(target.profile)
        self.traits: dict[str, Any] = self.profile.traits
        self.dialect = dialect(self.profile)
        self.documents = documents(self.profile.name)
        self.known_keys = self.documents.known_keys
        self.writer = writer or RecordWriter(None, Redactor(target.secrets()))
        self.redactor = self.writer.redactor
        caps = Caps(**self.profile.table("caps"))
        self.wire = Wire(target.base_url, connections=options.jobs + 4, max_rps=options.max_rps, caps=caps, access=target.access)
        self.control = HttpClient(connections=256)  # each call that waits at a gate holds one
        self.run_id = secrets.token_hex(3)
        self.deadline = 10.0
        self.feeds = feeds(self.profile)
        self.routing = Routing()  # found out by the preflight
        self.checks: list[Check] = []
        self._explained: set[str] = set()  # requirements whose facts the record has
        self.listeners: list[Callable[[Check], None]] = []
        self.doubters: list[Callable[[Check], None]] = []  # are told what failed once and is played again
        self.playing: dict[str, float] = {}  # cases that are played, and since when (monotonic)
        self.selected: set[str] | None = None
        self.sharded = False  # other runs play the other cases: what nobody judges here is judged there, or where all is merged
        self.unreached: list[str] = []  # what nothing in this shard has judged
        self.expectations: Expectations | None = None
        self.complaints: list[str] = []  # entries of the expectations file that are red by themselves
        self.switched_off: set[str] = set()  # what only the property phase judges, in a run without it
        self._tallies: dict[str, Tally] = defaultdict(Tally)
        self._seen: list[Exchange | SocketLog] = []
        self._seen_weight = 0
        self.stumbles: list[tuple[Exchange | SocketLog, str]] = []  # what no check could read
        self._observers = passive.observers(self.profile)
        self._coverage = Coverage(self.profile)
        self.judging_seconds = 0.0
        self.answers_seen: dict[str, set[str]] = {}  # by case, over all its plays
        self.lost_at: dict[str, dict[int, str]] = {}  # by case and play: the request at which the connection was lost
        self.began = time.monotonic()
        self.ended: Ended | None = None
        self.wire.listeners.append(self._observe)
        self.liveness = Liveness(self._answers, self.wire.now_ms)
        self.races = Races(self.traits)
        self.walks: Callable[[], dict[str, Any]] | None = None  # what the footer says of the walks
        self._accepting: set[str] = set()  # cases in which the target accepted something
        self._writing: set[str] = set()  # those in which it accepted a change

    def feed(self, request: Request) -> Feed | None:
        """What the profile declares of the events that this request asks for; None for what is no feed of it."""
        match = documents(self.profile.name).match(request.method, request.path)
        return self.feeds.get(match.operation.id) if match else None

    @property
    def gone(self) -> Gone | None:
        """Set when the target went away."""
        return self.liveness.gone

    async def _answers(self) -> bool:
        """Does the target answer anything at all, on a fresh connection?"""
        wire = Wire(self.target.base_url, timeout=_PROBE, connections=1, access=self.target.access)
        try:
            await wire.send(Request("GET", self.documents.url("listChats")), actor=None, case="probe", timeout=_PROBE)
        except TargetUnreachable:
            return False
        finally:
            await wire.aclose()
        return True

    def end(self, how: str, reason: str) -> None:
        """The run is broken off; the first reason counts."""
        self.ended = self.ended or Ended(how, reason)

    def in_doubt(self, ended_ms: float) -> bool:
        """May what a play that ended then saw be the doing of a target that went away?"""
        return self.gone is not None and ended_ms > self.gone.heard_ms - _LAST_SECONDS

    # -- what is said on the wire -------------------------------------------------------------------

    def _observe(self, exchange: Exchange | SocketLog) -> None:
        self.redactor.hear(exchange)
        self.writer.exchange(exchange)
        if exchange.error:
            return  # there is nothing to judge
        self.liveness.answered(exchange)
        status = exchange.response.status if isinstance(exchange, Exchange) else exchange.handshake.status
        if status < 400:
            self._accepting.add(exchange.case)
            if exchange.request.method != "GET":
                self._writing.add(exchange.case)
        self.races.observe(exchange)
        self._seen.append(exchange)
        self._seen_weight += exchange.weight
        if len(self._seen) >= _BATCH or self._seen_weight > _BATCH_BYTES:
            self._judge_seen()

    def _judge_seen(self) -> None:
        began = time.thread_time()
        for exchange in self._seen:
            self._coverage.see(exchange)
            try:
                for requirement, finding in self._observers.observe(exchange):
                    self._tallies[requirement].enter(exchange, finding, self.redactor.text)
            except passive.Stumbled as error:
                self.stumbles.append((without_answer(exchange), str(error)))
        self._seen.clear()
        self._seen_weight = 0
        self.judging_seconds += time.thread_time() - began

    def show(self, check: Check, decides: Exchange | SocketLog | None, earlier: list[Exchange | SocketLog] | None) -> None:
        """Enter the commands that show this failure. `earlier`: what its case said before; None where that is not kept."""
        if decides is not None:
            wrote = earlier is None and decides.case in self._writing
            check.reproduce = ways(check, decides, None if wrote else earlier or [], self)

    @property
    def where(self) -> str:
        """The options of a command that name this run's target."""
        options = self.options
        named = options.target_options or (options.target_name and f"--target {shlex.quote(options.target_name)}")
        return (named and f" {named}") + "".join(f" --fault {name}" for name in options.faults)

    def rerun(self, requirement: str) -> str:
        """The command that judges this requirement again."""
        profile = f" --profile {self.profile.name}" if self.profile.name != spec.DEFAULT else ""
        return f"chat-conformance run{self.where}{profile} --requirement {requirement} --seed {self.options.seed}"

    def passively(self) -> dict[str, tuple[set[str], set[str]]]:
        """By requirement: the cases whose exchanges the passive checks judged it by, and those among them that it failed in."""
        self._judge_seen()
        return {r: (tally.cases, tally.failed_cases) for r, tally in self._tallies.items()}

    # -- scope ----------------------------------------------------------------------------------------

    def check(self, requirement: str, verdict: str, case: str) -> Check:
        """A check line with all that the registry says of the requirement."""
        row = self.profile.requirements[requirement]
        return Check(
            requirement,
            row.level,
            verdict,
            case,
            area=row.area,
            text=row.text,
            source=row.source,
            rerun=self.rerun(requirement),
        )

    def obstacle(self, needs: Iterable[str]) -> tuple[str, str] | None:
        """Why these needs can't be met here, as (verdict, reason); None when they can."""
        return obstacle(self, needs)

    def areas(self, case: CaseSpec) -> set[str]:
        """The areas that this case judges in."""
        return {self.profile.requirements[r].area for r in case.requirements if r in self.profile.requirements}

    def blocked(self, case: CaseSpec) -> list[Check]:
        """The checks of a case that can't be played on this target; empty when it can."""
        out = []
        for requirement in case.requirements:
            row = self.profile.requirements[requirement]
            hindered = obstacle_of_case(self, case, row.needs)
            if hindered:
                check = self.check(requirement, hindered[0], case.name)
                check.reason = hindered[1]
                out.append(check)
        return out if len(out) == len(case.requirements) else []

    def add(self, checks: Iterable[Check]) -> None:
        for check in checks:
            if check.requirement not in self._explained:
                self._explained.add(check.requirement)
                check.facts = facts(check.source)
            if self.expectations is not None:
                self.expectations.apply(check)
            self.redactor.check(check)
            self.checks.append(check)
            self.writer.check(check)
            for listener in self.listeners:
                listener(check)

    def failed_once(self, checks: Iterable[Check]) -> None:
        """Write down what the first play of a case came to: its verdict comes with the second, and the run may not get there."""
        for check in checks:
            if check.verdict in (FAIL, WARN):
                for doubter in self.doubters:
                    doubter(check)
                text = f"{check.requirement} {check.verdict} in {check.case}: {check.message}"
                self.writer.note(text, "first-play", self.wire.now_ms())

    # -- the end ----------------------------------------------------------------------------------------

    def conclude(self) -> dict[str, Any]:
        """Add what the passive checks saw and what nobody judged; gives the footer."""
        self._judge_seen()
        if self.wire.limited:
            text = f"the server's rate limiter refused {self.wire.limited} requests, which were sent again later: requests waited"
            text += f" {self.wire.limited_ms / 1000:.0f} s for it in all; --max-rps N or fewer --jobs keep below its limit"
            self.writer.note(text, "rate-limit", self.wire.now_ms())
        self.add(list(self._passive_checks()))
        self.add(list(self._stumbled()))
        self.add(list(self._race_checks()))
        for check in self.races.settle(self.checks):
            self.writer.check(check)
        self.add(list(self._unjudged()))
        self.add(self._stale())
        verdicts = self.verdicts()
        counts: dict[str, int] = defaultdict(int)
        for verdict in verdicts.values():
            counts[verdict] += 1
        in_scope = sum(n for v, n in counts.items() if v != NOT_APPLICABLE)
        footer = {
            "kind": "footer",
            "counts": {
                v: counts.get(v, 0)
                for v in (PASS, FAIL, WARN, RACED, UNTESTABLE, NOT_APPLICABLE, HARNESS_ERROR, EXPECTED_FAIL, UNEXPECTED_PASS)
            },
            "requirements": {
                "in_scope": in_scope,
                "judged": sum(n for v, n in counts.items() if v in JUDGED),
                "not_selected": len(self.profile.requirements) - len(verdicts) if self.options.partial else 0,
            },
            "races": [tally.line() for tally in self.races.tallies.values()],
            "checks": len(self.checks),
            "complaints": self.complaints,
            "expectations": self.expectations.told() if self.expectations else [],
            "ms": round(1000 * (time.monotonic() - self.began), 1),
            "judging_ms": round(1000 * self.judging_seconds, 1),
            "slowest": self._slowest(),
            "coverage": self._coverage.line(),
            "exit": self.exit_status(verdicts),
        }
        if self.sharded:
            verdict, reason = self._unreached()
            unmet = self.expectations.unmet() if self.expectations else []
            footer["shard"] = {"unreached": self.unreached, "verdict": verdict, "reason": reason, "unmet": unmet}
        footer |= {"walks": self.walks()} if self.walks else {}
        if self.ended:
            last = list(self.gone.last) if self.gone else []
            footer["ended"] = {"how": self.ended.how, "reason": self.ended.reason, "exchanges": last}
        self.writer.line(footer)
        self.writer.close()
        return footer

    def give_up(self, how: str, reason: str) -> None:
        """End the record of a run that could judge nothing, or in which the suite itself broke: why, and exit status 2."""
        reason = self.redactor.text(reason)
        counts = Counter(self.verdicts().values())
        scope = {"in_scope": 0, "judged": sum(n for verdict, n in counts.items() if verdict in JUDGED)}
        scope["in_scope"] = sum(n for verdict, n in counts.items() if verdict != NOT_APPLICABLE)
        ended = {"how": how, "reason": reason, "exchanges": []}
        self.writer.note(reason, how)
        self.writer.line({"kind": "footer", "counts": counts, "requirements": scope, "exit": UNUSABLE, "ended": ended})
        self.writer.close()

    def _slowest(self, count: int = 5) -> list[dict[str, Any]]:
        """The cases that took longest, each with its milliseconds."""
        took: dict[str, float] = defaultdict(float)
        for check in self.checks:
            if check.ms:
                took[check.case] = max(took[check.case], check.ms)
        return [{"case": case, "ms": took[case]} for case in sorted(took, key=lambda c: -took[c])[:count]]

    def verdicts(self) -> dict[str, str]:
        """What each requirement in scope came to."""
        by_id: dict[str, list[str]] = defaultdict(list)
        for check in self.checks:
            by_id[check.requirement].append(check.verdict)
        return {requirement: worst(seen) for requirement, seen in by_id.items()}

    def exit_status(self, verdicts: dict[str, str]) -> int:
        levels = {requirement: row.level for requirement, row in self.profile.requirements.items()}
        how = self.ended.how if self.ended else ""
        return exit_of(verdicts, levels, how=how, strict=self.options.strict, complaints=self.complaints)

    def _in_scope(self, requirement: str) -> bool:
        return self.selected is None or requirement in self.selected

    def _passive_checks(self) -> Iterable[Check]:
        for requirement, tally in self._tallies.items():
            if requirement not in self.profile.requirements or not self._in_scope(requirement):
                continue
            if tally.first is None and not tally.cases & self._accepting - {"preflight"}:
                continue  # a server that refuses everything earns no pass by refusing well
            if tally.first is None:
                check = self.check(requirement, PASS, "every exchange")
                check.exchanges, check.message = [tally.exchange], f"judged {tally.judged} times"
                yield check
                continue
            yield self._passive_failure(requirement, tally, *tally.first)

    def _passive_failure(self, requirement: str, tally: Tally, finding: Finding, exchange: Exchange | SocketLog) -> Check:
        check = self.check(requirement, failed(self.profile.requirements[requirement].level), "every exchange")
        more = tally.found - 1
        check.message = finding.message + (f" (and {more} more of {tally.judged})" if more else "")
        enter(check, finding, exchange)
        check.exchanges = list(tally.found_in)
        self.show(check, exchange, None)
        return check

    def _race_checks(self) -> Iterable[Check]:
        """A race is no fault of the run's verdict, but one that its server should not have."""
        for tally in self.races.tallies.values():
            requirement = tally.race.requirement
            if requirement in self.profile.requirements and self._in_scope(requirement) and tally.first is not None:
                check = self.check(requirement, WARN if tally.seen else PASS, tally.first.case)
                check.message, check.exchanges = f"seen in {tally.worded()}", [tally.first.exchange]
                check.deciding, check.finding, check.expected, check.actual = tally.first.exchange, "wrong-value", 0, tally.seen
                yield check

    def _stumbled(self) -> Iterable[Check]:
        """The first exchange that a check of ours could not read, under what the documents say of it."""
        for exchange, why in self.stumbles[:1]:
            match = self.documents.match(exchange.request.method, exchange.request.path)
            requirement = f"SCHEMA-{match.operation.id}" if match else ""
            if requirement in self.profile.requirements:
                check = self.check(requirement, HARNESS_ERROR, "every exchange")
                check.reason, check.exchanges = f"{why} ({len(self.stumbles)} times in all)", [exchange.id]
                yield check

    def _unjudged(self) -> Iterable[Check]:
        done, unreached = {check.requirement for check in self.checks}, None
        for requirement, row in self.profile.requirements.items():
            if requirement in done or not self._in_scope(requirement):
                continue
            if row.excluded:
                verdict, reason = NOT_APPLICABLE, f"not judged by this suite: {row.excluded}"
            elif requirement in self.switched_off:
                verdict, reason = NOT_APPLICABLE, "the run was ordered without the property phase"
            elif found := self.obstacle(row.needs):
                verdict, reason = found
            elif self.sharded:
                self.unreached.append(requirement)
                continue
            else:
                verdict, reason = unreached = unreached or self._unreached()
            check = self.check(requirement, verdict, "")
            check.reason = reason
            yield check

    def _unreached(self) -> tuple[str, str]:
        """What a requirement comes to whose needs are met, and that nothing has judged."""
        missed = lacking(self)
        if self.ended or not missed:
            return UNTESTABLE, self.ended.reason if self.ended else "nothing in this run could judge it"
        return NOT_APPLICABLE, f"nothing that this run could do judges it; it is without {missed}"

    def _stale(self) -> Iterable[Check]:
        if self.expectations is None or self.sharded:
            return
        passed = [requirement for requirement, verdict in self.verdicts().items() if verdict == PASS]
        for requirement in self.expectations.stale(passed):
            check = self.check(requirement, UNEXPECTED_PASS, "expectations")
            check.message = "expected to fail, and passes: take the entry out"
            check.exchanges = next((c.exchanges[-1:] for c in self.checks if c.requirement == requirement and c.exchanges), [])
            yield check
