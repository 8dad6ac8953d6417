"""`chat-conformance doctor`: one line for each thing that would spoil a run."""

from __future__ import annotations

import asyncio

import spec
from conformance.cli.given import Options as Given
from conformance.cli.given import UsageError
from conformance.cli.provision import access
from conformance.play import routing
from conformance.run import target as targets
from conformance.run.preflight import Problem, clock_skew, preflight, upgrade_works
from conformance.run.revision import find
from conformance.run.session import OK, UNUSABLE, Options, Session
from conformance.wire.http import BadAnswer, TargetUnreachable


async def _look(session: Session) -> list[Problem]:
    try:
        problems = await preflight(session)
        if not any(p.fatal for p in problems):
            problems += [p for p in [await upgrade_works(session), await clock_skew(session)] if p]
            if wrong := await routing.contradiction(session):
                problems.append(Problem(wrong, False))
        return problems
    except (TargetUnreachable, BadAnswer) as error:
        return [Problem(str(error))]
    finally:
        await session.wire.aclose()
        await session.control.aclose()


def command(options: Given) -> int:
    try:
        target = targets.load(options.target).reached(access(options))
        found = asyncio.run(find(target))
        named = target.named_profile
        target.profile = named or (found.profile if found else "") or spec.DEFAULT
        session = Session(target, Options(target_name=options.target))
    except (targets.BadTarget, spec.UnknownProfile) as error:
        raise UsageError(str(error)) from error
    problems = asyncio.run(_look(session))
    if found and not any(p.fatal for p in problems):
        if named and named != found.profile:
            problems.append(Problem(f"the target file names {named}, but {found.why}", False))
        elif not found.profile:
            problems.append(Problem(found.why))
        print(f"revision: {found.why if found.profile else 'unknown'}")
    for problem in problems:
        print(f"{'broken' if problem.fatal else 'note'}: {problem.text}")
    if not any(p.fatal for p in problems):
        print(f"routing: {session.routing}")
    if not problems:
        print(f"ready: {target.base_url} as {target.profile}; next: chat-conformance run --target {options.target}")
    return UNUSABLE if any(p.fatal for p in problems) else OK
