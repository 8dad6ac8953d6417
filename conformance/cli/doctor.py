"""`chat-conformance doctor`: one line for each thing that a run rests on."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter

import orjson

import spec
from conformance.cli.given import Options as Given
from conformance.cli.given import UsageError
from conformance.cli.provision import access
from conformance.run import target as targets
from conformance.run.checkup import BROKEN, NOTE, Finding, look_at
from conformance.run.revision import Found, find
from conformance.run.session import OK, UNUSABLE, Options, Session
from conformance.wire.access import is_loopback


async def _look(session: Session, found: Found | None, named: str) -> list[Finding]:
    try:
        return await look_at(session, found, named)
    finally:
        await session.wire.aclose()
        await session.control.aclose()


def command(options: Given) -> int:
    if options.explain:
        return _explain(options.profile or spec.DEFAULT)
    if not options.target:
        raise UsageError("doctor: missing option --target; see: chat-conformance doctor --help")
    try:
        target = targets.load(options.target).reached(access(options))
        found = asyncio.run(find(target))
        named = options.profile or target.named_profile
        target.profile = named or (found.profile if found else "") or spec.DEFAULT
        changes = is_loopback(target.base_url) if options.allow_config_changes is None else options.allow_config_changes
        session = Session(target, Options(target_name=options.target, config_changes=changes, read_only=options.read_only))
    except (targets.BadTarget, spec.UnknownProfile) as error:
        raise UsageError(str(error)) from error
    findings = asyncio.run(_look(session, found, named))
    findings = [dataclasses.replace(f, text=session.redactor.text(f.text), cure=session.redactor.text(f.cure)) for f in findings]
    broken = any(finding.state == BROKEN for finding in findings)
    if options.json:
        told = {"target": target.shown_url, "profile": target.profile, "ready": not broken}
        told["findings"] = [dataclasses.asdict(finding) for finding in findings]
        print(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
        return UNUSABLE if broken else OK
    for finding in sorted(findings, key=lambda f: f.state in (BROKEN, NOTE)):
        cure = f"; {finding.cure}" if finding.cure else ""
        print(f"{finding.state if finding.state in (BROKEN, NOTE) else finding.name}: {finding.text}{cure}")
    if not broken:
        print(f"ready: {target.shown_url} as {target.profile}; next: chat-conformance run --target {options.target}")
    return UNUSABLE if broken else OK


def _explain(profile: str) -> int:
    """The actors and capabilities that a target file may name, and how many requirements need each."""
    held = spec.load(profile)
    needed = Counter(need for row in held.requirements.values() for need in row.needs)
    print(f"users of a target file ({profile}), with the roles that each has:")
    for actor, roles in held.traits["actors"].items():
        rights = [f"{role} ({where})" for where, names in (roles or {}).items() for role in names]
        print(f"  {actor:<12} {', '.join(rights) or 'a member without any'}")
    print("capabilities of a target file, what true says of the server, and how many requirements need it:")
    for name, text in spec.capabilities().items():
        print(f"  {name:<20} {needed[name] or '':>4} {text}")
    return 0
