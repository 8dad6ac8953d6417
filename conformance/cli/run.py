"""`chat-conformance run`: judge a server, print a verdict, write the reports."""

from __future__ import annotations

import asyncio
import contextlib
import fnmatch
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from _pytest.mark.expression import Expression

import spec
from conformance.cli.given import Options, UsageError, closest
from conformance.cli.progress import Progress
from conformance.cli.provision import FAILURES, access, order, secret_of
from conformance.cli.renderers import renderers
from conformance.cli.report import KINDS, statement
from conformance.cli.values import check_outputs, need_descriptors
from conformance.play.declaration import CaseSpec
from conformance.provision import Order, profile_of
from conformance.recordings import reproducers
from conformance.recordings.reading import record_lines
from conformance.run import target
from conformance.run.collection import all_cases
from conformance.run.expectations import BadExpectations, to_paste, to_write
from conformance.run.record import RecordFailed
from conformance.run.revision import Found, find
from conformance.run.session import INCOMPLETE, UNUSABLE
from conformance.run.whole import Outcome, RunConfig, Selection, Unusable, play
from conformance.wire.redact import without_secrets

_PASTED = 6  # lines of entries that stand at the end; more would hide the verdict


def command(options: Options) -> int:
    if (options.target or options.url) and options.fault:
        raise UsageError(f"--fault makes the embedded fake server wrong; leave {'--target' if options.target else '--url'} out")
    if options.target and options.url:
        raise UsageError("--target and --url both name the server; leave one out")
    need_descriptors(options.jobs)
    file = Path(options.target) if options.target and "://" not in options.target else None
    names = ("record", *KINDS, "reproducers", "statement")
    reports = {f"--{name}": getattr(options, name) for name in names} | {"--write-expectations": options.write_expectations}
    if options.statement and not options.record:
        raise UsageError("--statement states what a record says: name the record, too, with --record")
    check_outputs(reports, {"--target": file, "--expect": options.expect})
    try:
        wanted, described = _asked(options)
        profile, found = asyncio.run(_profile(options, wanted, described))
    except FAILURES as error:
        raise UsageError(str(error)) from error
    if spec.is_unfinished(profile.name) and not options.unfinished:
        raise UsageError(f"the profile {profile.name} is unfinished: its verdicts mean little; to judge by it, add --unfinished")
    chosen = _select(_wanted(profile, options.requirement, options.area), options.k)
    with _unnamed_file() as unnamed:
        record, outcome = options.record or unnamed, Outcome()
        progress = Progress(sys.stdout, quiet=options.quiet, verbose=options.verbose)
        try:
            config = _config(options, record, progress)
            config.command = ("chat-conformance", "run", *options.argv)
            config.revision, config.profile = found, profile.name if found else options.profile
            config.provision, config.target = wanted, config.target or described
            if wanted is not None:
                wanted.profile = profile.name
            asyncio.run(_play(config, chosen, progress, outcome))
        except (*FAILURES, BadExpectations, Unusable, RecordFailed) as error:
            progress.stop()
            raise UsageError(str(error)) from error
        except asyncio.CancelledError:
            raise UsageError("the run was interrupted before it began") from None
        return _finish(options, record, outcome, progress, found)


def _asked(options: Options) -> tuple[Order | None, target.Target | None]:
    """What --url and its tokens ask for: a target to be made, or one with a single user. Raises UsageError and FAILURES."""
    if not options.url:
        return None, None
    if not options.token_env:
        return order(options), None
    if options.admin_token_env:
        raise UsageError("--admin-token-env makes users for the run, --token-env judges as the one that there is; leave one out")
    token = secret_of("--token-env", options.token_env)
    return None, target.of_one_user(options.url, token)


async def _profile(options: Options, wanted: Order | None, described: target.Target | None) -> tuple[spec.Profile, Found | None]:
    """The profile that the options or the target file name; else the one that the target's answers show, and why."""
    if wanted is not None:
        return await profile_of(wanted)
    if described is None and options.target:
        described = target.load(options.target)
    if described is not None:
        described.reached(access(options))
    found, name = None, options.profile
    if described is not None:
        name = name or described.named_profile
        found = None if name else await find(described)
    return spec.load(name or (found.profile if found else "") or spec.DEFAULT), found


def _wanted(profile: spec.Profile, globs: Iterable[str], areas: Iterable[str]) -> set[str] | None:
    """The selected requirement ids; None: all. Raises UsageError for a glob or area that names nothing."""
    globs, areas = list(globs), list(areas)
    if not globs and not areas:
        return None
    out: set[str] = set()
    for glob in globs:
        found = set(fnmatch.filter(profile.requirements, glob))
        if not found:
            raise UsageError(f"--requirement {glob}: no such requirement in {profile.name}; see: chat-conformance list")
        out |= found
    for area in areas:
        found = {r.id for r in profile.requirements.values() if r.area == area}
        if not found:
            known = sorted({r.area for r in profile.requirements.values()})
            raise UsageError(f"--area {area}: no such area{closest(area, known)}; known: {', '.join(known)}")
        out |= found
    return out


def _config(options: Options, record: Path, progress: Progress) -> RunConfig:
    return RunConfig(
        target=options.target,
        target_options=f"--url {options.url} --token-env {options.token_env}" if options.token_env else "",
        config_changes=options.allow_config_changes,
        profile=options.profile,
        record=record,
        seed=options.seed,
        jobs=options.jobs,
        fuzz=options.fuzz,
        strict=options.strict,
        read_only=options.read_only,
        max_rps=options.max_rps,
        faults=tuple(options.fault),
        fail_fast=options.x,
        shuffle=options.shuffle,
        expect=options.expect,
        repeat=options.repeat,
        allow_intermittent=options.allow_intermittent,
        reproducers=str(options.reproducers or ""),
        timeout=options.timeout,
        fuzz_time=options.fuzz_time or 0,
        walks=options.walks,
        shard=options.shard,
        access=access(options),
        on_start=progress.start,
    )


def _select(wanted: set[str] | None, expression: str) -> Selection:
    """The cases to play. Raises UsageError for an expression that can't be read or that no case matches."""
    every = all_cases()
    cases = every
    # what only the passive checks judge needs every case's traffic
    if wanted is not None and wanted <= {r for case in every for r in case.requirements}:
        cases = [case for case in cases if wanted & set(case.requirements)]
    if expression:
        cases = _matching(cases, expression)
    if not cases:
        raise UsageError(f"no case matches{f' -k {expression}' if expression else ''}; see: chat-conformance list")
    return Selection(cases, len(cases) == len(every), wanted)


def _matching(cases: list[CaseSpec], text: str) -> list[CaseSpec]:
    """The cases whose module or name has the words of a -k expression, as in pytest."""
    try:
        expression = Expression.compile(text)
    except SyntaxError as error:
        raise UsageError(f"-k {text}: {error.msg}; words, and, or, not and parentheses make an expression") from error

    def holds(case: CaseSpec) -> bool:
        said = f"{case.module}.{case.name}".lower()
        return expression.evaluate(lambda word, /, **_: word.lower() in said)

    return [case for case in cases if holds(case)]


async def _play(config: RunConfig, chosen: Selection, progress: Progress, outcome: Outcome) -> None:
    """The run, which ends at the first of these signals; at the second the process ends at once."""
    loop = asyncio.get_running_loop()
    signals = [s for s in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", None)) if s is not None]

    def interrupt(name: str) -> None:
        if outcome.session is not None and outcome.session.ended:
            os._exit(INCOMPLETE)
        if config.provision is not None:
            print("interrupted; what was made for the run is taken back", file=sys.stderr, flush=True)
        outcome.interrupt(f"the run was interrupted ({name})")

    for one in signals:
        loop.add_signal_handler(one, interrupt, signal.Signals(one).name)
    try:
        await play(config, chosen, progress.done, outcome)
    finally:
        for one in signals:
            loop.remove_signal_handler(one)


@contextlib.contextmanager
def _unnamed_file() -> Iterator[Path]:
    """A file that nothing is left of, however the process ends; by a path that can be opened while this lasts."""
    with tempfile.TemporaryFile() as file:
        yield Path(f"/dev/fd/{file.fileno()}")


def _finish(options: Options, record: Path, outcome: Outcome, progress: Progress, found: Found | None) -> int:
    progress.stop()
    if found is not None:
        print(f"revision: {without_secrets(found.why)}", file=sys.stderr)
    for line in outcome.left:
        print(f"note: {without_secrets(line)}", file=sys.stderr)
    for problem in outcome.problems:
        print(f"note: {without_secrets(problem.text)}", file=sys.stderr)
    known = renderers()
    status = outcome.exit_status
    for kind, out in [
        ("console", sys.stdout),
        *((k, getattr(options, k)) for k in KINDS),
    ]:
        if out is None:
            continue
        try:
            if isinstance(out, Path):
                out.parent.mkdir(parents=True, exist_ok=True)
            known[kind].load()(record, out, **(_shown(options) if out is sys.stdout else {}))
        except Exception as error:  # a renderer that crashes never changes the verdict
            print(
                f"chat-conformance: the {kind} report failed: {type(error).__name__}: {without_secrets(str(error))}",
                file=sys.stderr,
            )
            continue
        if isinstance(out, Path):
            print(f"{kind}: {out}")
    if options.profile_time and outcome.session is not None:
        print("\n".join(outcome.timing.told(_waits(record))))
    if options.record:
        print(f"record: {options.record}")
    if options.reproducers:
        print(f"reproducers: {options.reproducers}, {len(reproducers.write(record, options.reproducers))} files")
    if options.statement:
        statement().render(options.record, options.statement)
        print(f"statement: {options.statement}")
    if options.write_expectations and outcome.session is not None:
        options.write_expectations.parent.mkdir(parents=True, exist_ok=True)
        options.write_expectations.write_text(to_write(outcome.session.checks, outcome.session.profile.name), encoding="utf-8")
        print(f"expectations: {options.write_expectations}")
    _tell_expectations(options, outcome)
    return status if status is not None else UNUSABLE


def _shown(options: Options) -> dict[str, Any]:
    """How many failures the terminal shows in full."""
    return {"limit": 0} if options.quiet else {"limit": sys.maxsize} if options.verbose else {}


def _waits(record: Path) -> Counter[str]:
    """By case: the milliseconds that its requests took to be answered."""
    found: Counter[str] = Counter()
    for line in record_lines(record):
        if line["kind"] == "exchange":
            found[line.get("case", "")] += line.get("ms", 0)
    return found


def _tell_expectations(options: Options, outcome: Outcome) -> None:
    """What is wrong with the expectations file, and the entries to paste for what failed unexpectedly."""
    session = outcome.session
    assert session is not None
    for complaint in session.complaints:
        print(f"{options.expect}: {complaint}", file=sys.stderr)
    entries = to_paste(session.checks)
    if entries and options.expect:
        print(f"to expect these failures, paste into {options.expect}:\n{entries}", end="")
    elif entries and not options.quiet and not options.write_expectations:
        if entries.count("\n") <= _PASTED:
            print(f"to expect it, paste into a file for --expect:\n{entries}", end="")
        else:
            print("to expect these failures: --write-expectations F.yaml writes an entry for each")
