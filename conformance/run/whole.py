"""One run from its options to its record: target up, preflight, cases, conclusion."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import spec
from conformance.play.declaration import CaseSpec
from conformance.play.verdict import Check
from conformance.provision import BadManifest, Order, Provisioned, ProvisionFailed, is_loopback, provisioned
from conformance.run import embedded, expectations
from conformance.run.header import header
from conformance.run.preflight import Problem, preflight
from conformance.run.record import RecordFailed, RecordWriter
from conformance.run.revision import Found, find
from conformance.run.scheduler import Done, Scheduler
from conformance.run.session import UNUSABLE, Options, Session
from conformance.run.shards import Plan, Shard, names_sha256, plan
from conformance.run.target import Target, load, without_password
from conformance.run.timing import Timing
from conformance.wire.access import Access
from conformance.wire.http import TargetUnreachable
from conformance.wire.redact import Redactor

_BUDGET = {"off": 600.0, "quick": 600.0, "deep": 3600.0}  # seconds for a run


@dataclass(slots=True)
class RunConfig:
    """What the user asked for. `target` None: one that is made for this run by `provision`, else the embedded fake server.

    `config_changes` None: settings of the whole server may be changed if it is on this machine.
    """

    target: str | Target | None = None
    target_options: str = ""  # how the command line names it, where that is not by its file
    provision: Order | None = None
    config_changes: bool | None = None
    profile: str = ""
    record: Path | None = None
    seed: int | None = None
    jobs: int = 16
    fuzz: str = "quick"
    strict: bool = False
    read_only: bool = False
    max_rps: float = 0
    faults: tuple[str, ...] = ()
    fail_fast: bool = False
    deadline: float = 0
    shuffle: bool = False
    expect: Path | None = None
    repeat: int = 1
    allow_intermittent: bool = False
    timeout: float | None = 0  # seconds for the run as a whole; 0: none; None: what runs of this kind need at most
    command: tuple[str, ...] = ()  # the words of the command line
    fuzz_time: float = 0  # seconds that deep walks take; 0: their usual time
    walks: str = ""  # where transcripts of walks with a difference go
    reproducers: str = ""  # folder that the ways to failures are written to
    access: Access = field(default_factory=Access)  # how the target is reached, where it is not the embedded one
    shard: Shard | None = None  # the part of the run that is played here
    revision: Found | None = None  # what was found of the target's revision, where nobody named one
    on_start: Callable[[Session, int], None] | None = None


@dataclass(slots=True)
class Selection:
    """The cases to play; `complete` says that none was left out, so all requirements are in scope."""

    cases: list[CaseSpec]
    complete: bool = True
    requirements: set[str] | None = None


@dataclass(slots=True)
class Outcome:
    """How a run ended."""

    exit_status: int | None = None
    footer: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    session: Session | None = None
    scheduler: Scheduler | None = None
    error: BaseException | None = None
    timing: Timing = field(default_factory=Timing)
    left: list[str] = field(default_factory=list)  # what is to be told of taking back what was made for the run, a line each
    _loop: asyncio.AbstractEventLoop | None = None
    _task: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """Start no further case."""
        if self.scheduler is not None:
            self.scheduler.stop = True

    def break_off(self, how: str, reason: str) -> None:
        """End the run now; what was judged so far stands. To be called on the run's own loop."""
        if self.session is not None:
            self.session.end(how, reason)
        if self.scheduler is not None:
            self.scheduler.abort()
        elif self._task is not None:
            self._task.cancel()

    def interrupt(self, reason: str) -> None:
        """End the run now, from whatever thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.break_off, "interrupted", reason)

    def begin(self) -> None:
        """The run begins on this loop, in this task."""
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()


def _budget(fuzz: str, profile: str) -> float:
    """Seconds that a run may take where nobody says so: three times as long where few turns run at once."""
    few = "turns.at-once" in spec.load(profile).table("limits")
    return _BUDGET[fuzz] * (3 if few else 1)


class Unusable(Exception):
    """Nothing can be judged: the preflight found a fatal problem."""


@contextlib.asynccontextmanager
async def _target(config: RunConfig) -> AsyncIterator[tuple[Target, Provisioned | None]]:
    if config.provision is not None:
        async with provisioned(config.provision) as made:
            config.revision = config.revision or made.found
            yield made.target, made
    elif config.target:
        target = load(config.target) if isinstance(config.target, str) else config.target
        target.reached(config.access)
        if config.profile:
            target.profile = config.profile
        yield target, None
    else:
        async with embedded.embedded_target(config.faults, config.profile) as target:
            yield target, None


@contextlib.contextmanager
def _rare_collections() -> Iterator[None]:
    """What a run makes lives until it ends, or has no cycles: looking for them all the time takes a twelfth of it."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


async def play(config: RunConfig, chosen: Selection, done: Done, outcome: Outcome) -> None:
    """Play the chosen cases; fills `outcome`. Raises BadTarget, EmbeddedFailed, RecordFailed or Unusable."""
    outcome.begin()
    seed = config.seed if config.seed is not None else random.SystemRandom().randrange(2**32)
    if config.shard is not None and config.seed is None:
        seed = 0  # all shards have one
    making = contextlib.ExitStack()
    making.enter_context(outcome.timing.phase("the target started, or made"))
    async with _target(config) as (target, made):
        making.close()
        if config.target and not config.profile and not target.named_profile and config.revision is None:
            config.revision = await find(target)
            target.profile = (config.revision.profile if config.revision else "") or target.profile
        options = Options(
            seed=seed,
            jobs=config.jobs,
            fuzz=config.fuzz,
            strict=config.strict,
            read_only=config.read_only,
            max_rps=config.max_rps,
            deadline=config.deadline,
            faults=config.faults,
            target_name=_name(config),
            target_options=config.provision.options if config.provision else config.target_options,
            config_changes=is_loopback(target.base_url) if config.config_changes is None else config.config_changes,
            partial=not chosen.complete or chosen.requirements is not None or config.shard is not None,
            repeat=config.repeat,
            allow_intermittent=config.allow_intermittent,
            timeout=_budget(config.fuzz, target.profile) if config.timeout is None else config.timeout,
            command=config.command,
            fuzz_time=config.fuzz_time,
            walks=config.walks,
            embedded=config.target is None,
            headers=tuple(name for name, _ in target.access.headers),
            reproducers=config.reproducers,
        )
        secrets = target.secrets() | ({"admin": config.provision.admin_token} if config.provision else {})
        writer = RecordWriter(config.record, Redactor(secrets))
        session = Session(target, options, writer)
        cases = _cases(config, chosen, session)
        whole = _plan(config, chosen, cases, session)
        if whole is not None and config.shard is not None:
            cases = whole.parts[config.shard.number - 1]
        session.sharded = whole is not None
        writer.line(header(session) | ({"shard": whole.line(config.shard)} if whole and config.shard else {}))
        outcome.session = session
        if writer.failed:
            raise RecordFailed(writer.failed)
        try:
            if whole is not None and not cases:
                raise Unusable(f"shard {config.shard} has no case (chosen: {whole.digest['cases']}); take fewer shards")
            try:
                with _rare_collections():
                    await _judge(config, chosen, cases, done, outcome, session)
            except asyncio.CancelledError:
                if session.ended is None:
                    raise
            finally:
                if made is not None:
                    with outcome.timing.phase("taking back what was made"):
                        outcome.left = await _taken_back(made, session)
            outcome.footer = session.conclude()
            outcome.exit_status = outcome.footer["exit"]
        except Unusable as error:
            session.give_up("preflight", str(error))
            raise
        except Exception as error:
            session.give_up("broken", f"the suite broke off: {type(error).__name__}: {error}")
            raise
        finally:
            writer.close()
            await session.liveness.aclose()
            await session.wire.aclose()
            await session.control.aclose()
        if writer.failed:
            outcome.exit_status = UNUSABLE
            raise RecordFailed(writer.failed)


def _name(config: RunConfig) -> str:
    """What the target is called: its file, or its address; nothing for the embedded one."""
    if isinstance(config.target, str):
        return config.target
    return without_password(config.provision.url if config.provision else config.target.base_url if config.target else "")


async def _taken_back(made: Provisioned, session: Session) -> list[str]:
    """Take back what was made for the run; what is left is told in its record."""
    try:
        left = await made.take_back()
    except (ProvisionFailed, BadManifest, TargetUnreachable) as error:
        left = [str(error)]
    if made.manifest.path.exists():
        left.append(f"not all could be taken back; try again: chat-conformance deprovision {made.manifest.path}")
    for line in left:
        session.writer.note(line, "taken-back", session.wire.now_ms())
    return left


def _spread(cases: list[CaseSpec]) -> list[CaseSpec]:
    """In the order to start them: at first every other one waits long; one of each module in turn, so that work mixes."""
    turn: Counter[str] = Counter()
    keyed = []
    for case in cases:
        keyed.append((turn[case.module], case))
        turn[case.module] += 1
    ordered = [case for _, case in sorted(keyed, key=lambda k: k[0])]
    early, rest = [c for c in ordered if c.early], [c for c in ordered if not c.early]
    return [case for pair in zip_longest(early, rest) for case in pair if case is not None]


def _cases(config: RunConfig, chosen: Selection, session: Session) -> list[CaseSpec]:
    """The chosen cases that hold in the profile and that this run does not leave out."""
    cases = [case for case in chosen.cases if not case.fuzz or config.fuzz != "off"]
    kept = {requirement for case in cases for requirement in case.requirements}
    session.switched_off = {r for case in chosen.cases for r in case.requirements} - kept
    held = [found for case in cases if (found := case.held(session.profile.requirements)) is not None]
    return [case for case in held if not case.any_model or session.target.llm.kind == "live"]


def _plan(config: RunConfig, chosen: Selection, cases: list[CaseSpec], session: Session) -> Plan | None:
    """The plan that a shard is a part of. What its header says anyway is not said again."""
    session.selected = _scope(chosen, cases, session)
    if config.shard is None:
        return None
    target = session.target
    expected = config.expect.read_bytes() if config.expect is not None and config.expect.is_file() else b""
    return plan(
        cases,
        config.shard,
        jobs=config.jobs,
        partial=not chosen.complete or chosen.requirements is not None,
        scope_sha256=names_sha256(session.selected or ()),
        expectations_sha256=names_sha256([expected.decode("utf-8", "replace")]),
        actors=sorted(target.tokens()),
        llm=target.llm.kind,
        capabilities=sorted(f"{name}={value}" for name, value in target.capabilities.items()),
    )


async def _judge(
    config: RunConfig, chosen: Selection, cases: list[CaseSpec], done: Done, outcome: Outcome, session: Session
) -> None:
    if config.expect is not None:
        session.expectations = expectations.load(config.expect, session.profile.name)
        session.complaints = session.expectations.complaints(session.profile.requirements)
    with outcome.timing.phase("preflight"):
        outcome.problems = await preflight(session)
    if any(problem.fatal for problem in outcome.problems):
        outcome.exit_status = UNUSABLE
        raise Unusable(session.redactor.text("; ".join(p.text for p in outcome.problems if p.fatal)))
    if config.revision is not None:
        session.writer.note(config.revision.why, "revision", session.wire.now_ms())
        if not config.revision.profile:
            raise Unusable(session.redactor.text(f"{session.target.shown_url}: {config.revision.why}"))
    declared = {case.name: case for case in chosen.cases}
    if config.shuffle:
        random.Random(session.options.seed).shuffle(cases)
    else:
        cases = _spread(cases)
    if config.on_start:
        config.on_start(session, len(cases))

    def finished(case: CaseSpec, checks: list[Check]) -> None:
        wanted = chosen.requirements
        session.add(c for c in checks if wanted is None or c.requirement in wanted)
        done(declared[case.name], checks)
        if session.writer.failed:
            outcome.stop()
        if config.fail_fast and any(c.verdict == "fail" for c in checks):
            session.end("stopped", "the run was ordered to stop at the first failure")
            outcome.stop()

    outcome.scheduler = Scheduler(session, finished)
    outcome.scheduler.timing = outcome.timing
    session.liveness.lost = lambda: outcome.break_off("target-gone", session.gone.reason if session.gone else "")
    if session.ended:
        outcome.scheduler.stop = True
    watchdog = asyncio.create_task(_watch(session, outcome))
    try:
        await outcome.scheduler.play(cases)
    finally:
        watchdog.cancel()


async def _watch(session: Session, outcome: Outcome) -> None:
    """Once a second: is the target silent, is the run's budget used up?"""
    budget = session.options.timeout
    while True:
        await asyncio.sleep(1)
        session.liveness.look()
        if budget and session.wire.now_ms() > 1000 * budget:
            outcome.break_off("timeout", f"the run's {budget:g} s were used up (--timeout)")
            return


def _scope(chosen: Selection, cases: list[CaseSpec], session: Session) -> set[str] | None:
    if chosen.requirements is not None:
        return chosen.requirements & session.profile.requirements.keys()
    return None if chosen.complete else {r for case in cases for r in case.requirements}
