"""Replay: a recorded scenario is played against a target, and the answers are compared with the recorded ones."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

from conformance.recordings.replay import plan
from conformance.recordings.replay.player import Unreachable, Wire
from conformance.recordings.replay.report import FileResult, Report, RowResult, write_file
from conformance.recordings.replay.scenario import Scenario
from conformance.recordings.replay.world import World
from conformance.run.embedded import EmbeddedFailed, embedded_target
from conformance.run.target import Target
from fixtures.transcripts import Transcript, TranscriptError, read

__all__ = ["FileResult", "Report", "RowResult", "replay", "replay_embedded", "run"]

_TOGETHER = 16
_SERVERS = 3  # at once
_MALFORMED = (LookupError, TypeError, ValueError, AttributeError, RecursionError)


async def _replay(transcripts: list[Transcript], target: Target, together: int, done: Callable[[FileResult], None]) -> Report:
    start = time.monotonic()
    wire = Wire(target.base_url)
    report = Report()
    try:
        world = World(target, wire)
        await world.learn()
        gate = asyncio.Semaphore(together)

        async def one(transcript: Transcript) -> FileResult:
            async with gate:
                try:
                    result = await Scenario(transcript, world).play()
                except _MALFORMED as error:
                    raise TranscriptError(f"{transcript.path}: can't be played: {error!r}") from error
            done(result)
            return result

        first = [t for t in transcripts if plan.needs_untouched(t)]
        alone = [t for t in transcripts if t not in first and plan.is_shared(t)]
        mixed = [t for t in transcripts if t not in first and t not in alone]
        # The longest first, so that the end is not one long scenario.
        mixed.sort(key=plan.seconds, reverse=True)
        results = {t.path: await one(t) for t in first}
        results |= {t.path: r for t, r in zip(mixed, await asyncio.gather(*map(one, mixed)), strict=True)}
        for transcript in plan.order(alone):
            results[transcript.path] = await one(transcript)
        report.files = [results[t.path] for t in transcripts]
    finally:
        await wire.close()
    report.seconds = time.monotonic() - start
    return report


def replay(
    files: Iterable[Path],
    target: Target | dict[str, Any],
    *,
    together: int = _TOGETHER,
    done: Callable[[FileResult], None] = lambda result: None,
) -> Report:
    """Play the scenarios of these files against a target, at most `together` at once; `done` hears of each that ended.

    Scenarios that touch what all users of a server share run alone. Raises TranscriptError for a file that is no
    transcript, Unreachable when the target does not answer at all.
    """
    transcripts = [read(path) for path in files]
    known = target if isinstance(target, Target) else Target.model_validate(target)
    return asyncio.run(_replay(transcripts, known, together, done))


async def _replay_embedded(
    transcripts: list[Transcript], together: int, done: Callable[[FileResult], None], faults: Sequence[str] = ()
) -> Report:
    groups: dict[tuple[str, ...], list[Transcript]] = {}
    lane = itertools.cycle(("alone", "alone too"))  # they wait more than they work, and only one at a time runs on a server
    for transcript in transcripts:
        options = plan.start_options(transcript)
        # Limits count the requests of the minute before: each such scenario wants a server of its own.
        own = transcript.name if "rate-limits" in transcript.needs or plan.shows_all_chats(transcript) else ""
        own = own or (next(lane) if plan.is_shared(transcript) and not plan.needs_untouched(transcript) else "")
        groups.setdefault((*options, own), []).append(transcript)
    report, servers = Report(), asyncio.Semaphore(_SERVERS)
    start = time.monotonic()

    async def one(group: list[Transcript]) -> list[FileResult]:
        # Recorded servers of early revisions look for pending chats each second: some rows show a chat that waits for that.
        options = ("pick-up-ms=1000", *plan.start_options(group[0]))
        extra = [word for option in options for word in ("--option", option)]
        async with servers, embedded_target(faults, group[0].profile, extra) as target:
            return (await _replay(group, target, together, done)).files

    report.files = [file for files in await asyncio.gather(*map(one, groups.values())) for file in files]
    order = [transcript.path.name for transcript in transcripts]
    report.files.sort(key=lambda file: order.index(file.name))
    report.seconds = time.monotonic() - start
    return report


def replay_embedded(
    files: Iterable[Path],
    *,
    together: int = _TOGETHER,
    done: Callable[[FileResult], None] = lambda result: None,
    faults: Sequence[str] = (),
) -> Report:
    """Play the scenarios against embedded fake servers, each started as the scenario needs it, and wrong in these ways.

    Raises TranscriptError for a file that is no transcript, EmbeddedFailed when the server does not come up.
    """
    return asyncio.run(_replay_embedded([read(path) for path in files], together, done, faults))


def run(
    target: Target | dict[str, Any] | None,
    files: list[Path],
    *,
    explain: bool = False,
    out: TextIO | None = None,
    faults: Sequence[str] = (),
) -> int:
    """Replay and print; 0 when every row is equal, 1 when not, 2 when there was nothing to compare.

    Of the way to a failure: 1 when it shows the failure still, 0 when no longer. Without a target: against embedded fake
    servers, with these faults.
    """
    stream = out or sys.stdout

    def done(result: FileResult) -> None:
        write_file(result, stream, explain)

    try:
        report = replay_embedded(files, done=done, faults=faults) if target is None else replay(files, target, done=done)
    except (TranscriptError, EmbeddedFailed) as error:
        print(f"replay: {error}", file=stream)
        return 2
    except Unreachable as error:
        url = target.base_url if isinstance(target, Target) else (target or {}).get("base_url")
        print(f"replay: {url} does not answer ({error}); see: chat-conformance doctor --target …", file=stream)
        return 2
    except _MALFORMED as error:
        print(f"replay: these transcripts can't be played: {error!r}", file=stream)
        return 2
    report.write_summary(stream)
    if not report.total:
        return 2
    ways = [(file, file.finding) for file in report.files if file.is_way]
    if any(row is None for _, row in ways):
        return 2
    plain = [file for file in report.files if not file.is_way]
    good = all(row.equal for file in plain for row in file.judged) and not any(row and row.still for _, row in ways)
    return 0 if good else 1
