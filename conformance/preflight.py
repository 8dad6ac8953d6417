"""Before a run: is there a server to judge? One line with cause and next step for each thing that would spoil it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from conformance import routing
from conformance.exchange import ABSENT, Request
from conformance.session import Session
from conformance.wire.client import NoAnswer
from conformance.wire.http import BadAnswer, TargetUnreachable
from conformance.wire.socket import open_socket

_QUICK = 4.0  # seconds; a closed port, or one that accepts and says nothing, is known by then


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that spoils a run; `fatal`: nothing can be judged at all."""

    text: str
    fatal: bool = True


async def preflight(session: Session) -> list[Problem]:
    """Look at the target from each actor's side; also sets the run's deadline from a measured round trip."""
    target = session.target
    path = session.traits["chats_path"]
    try:
        first = await session.wire.send(Request("GET", path), actor=None, case="preflight", timeout=_QUICK)
        warm = [await session.wire.send(Request("GET", path), actor=None, case="preflight", timeout=_QUICK) for _ in range(3)]
    except (TargetUnreachable, BadAnswer) as error:
        return [Problem(f"no answer from {target.base_url}: {error}; is the server up? check base_url")]
    # a turn is some dozen round trips and the server's own scheduling; ten seconds leave room for a busy machine
    session.deadline = session.options.deadline or min(40.0, max(10.0, min(x.ms for x in warm) * 0.4))
    if not target.users:
        text = "the target has no users, so nothing can be judged; give a target file (docs/i-have-a-server.md)"
        return [Problem(f"{target.base_url} answered {first.response.status}; {text}")]
    problems = [p for p in await asyncio.gather(*(_actor(session, name) for name in target.users)) if p]
    if problems and not any(p for p in problems if not p.fatal):
        return problems
    if not await _is_a_chat_server(session, first.response.status):
        what = "it refuses nobody, forgets what it is told, and knows chats that do not exist"
        return [*problems, Problem(f"{target.base_url} does not behave as a chat server: {what}; is base_url right?")]
    problems += await _surroundings(session)
    session.routing = await routing.find(session)
    return problems


async def _is_a_chat_server(session: Session, without_token: int) -> bool:
    """Does it do one thing at least that only a chat server does? (a wrong chat server does some, a null server none)"""
    user = session.target.users.get("alice")
    if user is None:
        return True
    path, headers = session.traits["chats_path"], {session.traits["token_header"]: user.token}

    async def ask(method: str, below: str, body: Any = ABSENT) -> Any:
        request = Request(method, path + below, headers=headers, body=body)
        return (await session.wire.send(request, actor="alice", case="preflight", timeout=_QUICK)).response

    try:
        listed = await ask("GET", "")
        if without_token == 401 and listed.status == 200 and isinstance(listed.body, list):
            return True
        if session.options.read_only:
            return False
        words = f"preflight {session.run_id}"
        part = {"type": "text", "text": words}
        body = {"organization_id": session.target.organization_id, "content": [part]}
        made = await ask("POST", "", body)
        if made.status != 201 or not isinstance(made.body, dict):
            return False
        if made.body.get("title") == words:
            return True
        own, unknown = await ask("GET", f"/{made.body.get('id')}"), await ask("GET", f"/{uuid4()}")
        if own.status == 200 and unknown.status == 404:
            return True
        messages = await ask("GET", f"/{made.body.get('id')}/messages")
        return words in str(messages.body)
    except (TargetUnreachable, BadAnswer):
        return False


async def _actor(session: Session, name: str) -> Problem | None:
    user = session.target.users[name]
    headers = {session.traits["token_header"]: user.token}
    try:
        answer = await session.wire.send(
            Request("GET", session.traits["chats_path"], headers=headers),
            actor=name,
            case="preflight",
            timeout=_QUICK,
        )
    except (TargetUnreachable, BadAnswer) as error:
        return Problem(f"no answer for {name}: {error}")
    if answer.response.status == 401:
        return Problem(
            f"users.{name}: the token is not accepted (401); make a new one and update the target file",
            name == "alice",
        )
    if answer.response.status == 404:
        return Problem(
            f"GET {session.traits['chats_path']} answered 404; is this a server of profile {session.profile.name}?",
            False,
        )
    return None


async def _surroundings(session: Session) -> list[Problem]:
    target, out = session.target, []
    if not target.organization_id and session.traits.get("organizations"):
        out.append(Problem("organization_id is missing from the target file; chats can't be created", False))
    for name in ("alice", "bob", "root"):
        if name not in target.users:
            out.append(Problem(f"users.{name} is missing; what needs that actor will be untestable", False))
    if target.llm.kind != "scripted":
        out.append(Problem(f"the LLM is {target.llm.kind}: what needs scripted turns will be untestable", False))
    elif target.llm.control_url:
        try:
            health = await session.control.request("GET", f"{target.llm.control_url.rstrip('/')}/health", timeout=_QUICK)
            complaint = "" if health.status == 200 else f"/health answered {health.status}"
        except NoAnswer as error:
            complaint = str(error)
        if complaint:
            out.append(Problem(f"llm.control_url does not answer: {complaint}", False))
    return out


async def upgrade_works(session: Session, actor: str = "alice") -> Problem | None:
    """Can a WebSocket be opened at all? (a proxy in between may not pass upgrades on)"""
    user = session.target.users.get(actor)
    if user is None:
        return None
    request: Any = Request("GET", f"{session.traits['chats_path']}/watch", headers={session.traits["token_header"]: user.token})
    try:
        socket = await open_socket(session.wire, request, actor=actor, case="preflight", deadline=_QUICK)
    except (TargetUnreachable, BadAnswer) as error:
        return Problem(f"WebSocket upgrade failed: {error}; does a proxy drop upgrades?", False)
    await socket.aclose()
    if not socket.opened:
        return Problem(
            f"WebSocket upgrade of /watch answered {socket.log.handshake.status}; does a proxy drop upgrades?",
            False,
        )
    return None


async def clock_skew(session: Session) -> Problem | None:
    """Does the server's Date header agree with this machine's clock? Times in answers are compared with it."""
    from email.utils import parsedate_to_datetime

    request = Request("GET", f"{session.traits['chats_path']}/{uuid4()}")
    answer = await session.wire.send(request, actor=None, case="preflight", timeout=_QUICK)
    stamp = answer.response.headers.get("date")
    if not stamp:
        return None
    skew = abs(parsedate_to_datetime(stamp).timestamp() - time.time())
    return Problem(f"the server's clock differs by {skew:.0f} s from this machine's", False) if skew > 60 else None
