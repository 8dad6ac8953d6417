"""What `doctor` looks at: everything that a run rests on, each with what is wrong, why, and what to do."""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from conformance.play import routing
from conformance.provision import settings
from conformance.provision.admin import Admin, ProvisionFailed
from conformance.provision.make import answered
from conformance.run.identities import QUICK, Known, Problem, ask, look
from conformance.run.preflight import clock_skew, preflight, upgrade_works
from conformance.run.revision import Found
from conformance.run.session import Session
from conformance.wire.client import NoAnswer
from conformance.wire.exchange import Request
from conformance.wire.http import BadAnswer, TargetUnreachable

OK, NOTE, BROKEN = "ok", "note", "broken"
BUILD = "x-coder-build-version"  # the header in which a server says what it is
_SOON = 14 * 86400  # seconds; a certificate that ends before


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `cure`: what to do about it, where it is not in order."""

    name: str
    state: str
    text: str
    cure: str = ""


def of_problem(problem: Problem) -> Finding:
    """A problem of the preflight; what to do stands behind the semicolon."""
    text, _, cure = problem.text.partition("; ")
    return Finding("run", BROKEN if problem.fatal else NOTE, text, cure)


async def look_at(session: Session, found: Found | None, named: str) -> list[Finding]:
    """Look at everything, as far as the target lets one. `found`: its revision by its answers; `named`: by its file."""
    out = await _secured(session)
    try:
        problems = await preflight(session)
        reached = session.wire.access.proxy_of(session.target.base_url)
        through = " through a proxy" if reached else ""
        if any(p.fatal for p in problems):
            return [*(f for f in out if f.state != OK), *map(of_problem, problems)]
        out.append(Finding("reachable", OK, f"{session.target.shown_url} answers{through}, {await _round_trip(session):.0f} ms"))
        out += [await _build(session), *_revision(session, found, named)]
        known = await look(session)
        out += [await _actor(session, name, seen) for name, seen in known.items()]
        out.append(await _sockets(session))
        out += await _clock(session)
        out += await _llm(session)
        out.append(Finding("routing", OK, str(session.routing)))
        out.append(await _settings(session))
        if wrong := await routing.contradiction(session):
            problems.append(Problem(wrong, False))
        return out + [of_problem(problem) for problem in problems]
    except (TargetUnreachable, BadAnswer) as error:
        return [*(f for f in out if f.state != OK), Finding("reachable", BROKEN, str(error), "is the server up? check base_url")]


async def _secured(session: Session) -> list[Finding]:
    """The certificate of an https address."""
    parts, access = urlsplit(session.target.base_url), session.target.access
    if parts.scheme != "https":
        return [Finding("tls", OK, "none, the address is plain http")]
    if access.proxy_of(session.target.base_url):
        return [Finding("tls", OK, "checked by every request, through the proxy")]
    cure = "trust its authority with --ca-file F.pem or SSL_CERT_FILE"
    try:
        async with asyncio.timeout(QUICK):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or 443, ssl=access.trusted())
    except ssl.SSLError as error:
        return [
            Finding("tls", BROKEN, f"certificate verify failed or no TLS: {getattr(error, 'verify_message', '') or error}", cure)
        ]
    except (OSError, TimeoutError):
        return []  # told as unreachable
    shown = writer.get_extra_info("ssl_object")
    writer.close()
    left = ssl.cert_time_to_seconds(shown.getpeercert()["notAfter"]) - time.time()
    text = f"{shown.version()}, the certificate is trusted and ends in {left / 86400:.0f} days"
    return [Finding("tls", NOTE if left < _SOON else OK, text, "renew it" if left < _SOON else "")]


async def _round_trip(session: Session) -> float:
    path = session.documents.url("listChats")
    return min([(await ask(session, None, "GET", path)).ms for _ in range(3)])


async def _build(session: Session) -> Finding:
    answer = await ask(session, None, "GET", session.documents.url("listChats"))
    build = answer.response.headers.get(BUILD, "")
    return Finding("build", OK, build or f"the server names none (no header {BUILD})")


def _revision(session: Session, found: Found | None, named: str) -> list[Finding]:
    if found is None:
        return []
    if not found.profile:
        return [
            Finding(
                "revision", BROKEN, f"unknown: {found.why}", "is this a server of one of these revisions? name it with --profile"
            )
        ]
    out = [Finding("revision", OK, found.why)]
    if named and named != found.profile:
        out.append(
            Finding("revision", NOTE, f"the target file names {named}, but {found.why}", "correct profile in the target file")
        )
    return out


async def _actor(session: Session, name: str, seen: Known) -> Finding:
    here = (seen.organization or {}).get(session.target.organization_id, set())
    roles = sorted({*(seen.site or ()), *here})
    answer = await ask(session, name, "GET", session.documents.url("listChats"))
    limit = answer.response.headers.get("x-ratelimit-limit", "")
    text = f"{seen.username or seen.id or 'nobody that the server tells of'}, the token is accepted"
    text += f", roles {', '.join(roles)}" if roles else ", no roles"
    text += f", {limit} requests a minute" if limit else ", no rate limit"
    return Finding(f"actor {name}", OK, text)


async def _sockets(session: Session) -> Finding:
    if not any(operation.socket for operation in session.documents.operations.values()):
        return Finding("websocket", OK, "this revision has none")
    if problem := await upgrade_works(session):
        text, _, cure = problem.text.partition("; ")
        return Finding("websocket", NOTE, text, cure)
    if "alice" not in session.target.users:
        return Finding("websocket", NOTE, "not looked at, for there is no alice", "add users.alice to the target file")
    return Finding("websocket", OK, "an upgrade is answered with 101")


async def _clock(session: Session) -> list[Finding]:
    if problem := await clock_skew(session):
        return [Finding("clock", NOTE, problem.text, "set the clocks of both by NTP")]
    answer = await session.wire.send(Request("GET", session.documents.url("getChat")), actor=None, case="doctor", timeout=QUICK)
    if stamp := answer.response.headers.get("date"):
        skew = parsedate_to_datetime(stamp).timestamp() - time.time()
        return [Finding("clock", OK, f"within {abs(skew) + 1:.0f} s of this machine's")]
    return []


async def _llm(session: Session) -> list[Finding]:
    """A scripted turn, as alice."""
    target = session.target
    if target.llm.kind != "scripted":
        cure = "put the scripted LLM behind the server: chat-conformance llm, or run --url"
        return [Finding("llm", NOTE, f"the target's LLM is {target.llm.kind}, not scripted", cure)]
    if session.options.read_only or "alice" not in target.users:
        return [Finding("llm", NOTE, "not looked at", "a turn needs users.alice, and leave to write")]
    admin = Admin(session.wire, session.profile, target.users["alice"].token)
    began = time.monotonic()
    try:
        why = await answered(admin, target, began + session.deadline)
    except (ProvisionFailed, NoAnswer) as error:
        why = str(error)
    if why:
        where = f" at {target.llm.base_url}" if target.llm.base_url else ""
        cure = f"can the server reach the scripted LLM{where}? is its model that of model_config_ids?"
        return [Finding("llm", BROKEN, f"a scripted turn was not answered as its script says: {why}", cure)]
    return [Finding("llm", OK, f"a scripted turn was answered in {time.monotonic() - began:.1f} s")]


async def _settings(session: Session) -> Finding:
    """What holds for the whole server, and a run would change for a while."""
    if not session.options.config_changes or session.target.capabilities.get("exclusive") is False:
        return Finding("settings", OK, "a run leaves settings of the whole server alone")
    root = session.target.users.get("root")
    if root is None:
        return Finding("settings", OK, "a run changes none, for it has no root")
    found = await settings.read(Admin(session.wire, session.profile, root.token))
    if not found:
        return Finding("settings", OK, "this revision has none that a run would change")
    names = sorted(path.rpartition("/config/")[2].rpartition("/chats/")[2] for path in found)
    text = f"a run changes these of the whole server and puts them back: {', '.join(names)}"
    return Finding("settings", OK, text, "leave them alone with --no-allow-config-changes")
