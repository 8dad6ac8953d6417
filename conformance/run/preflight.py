"""Before a run: is there a server to judge? One line with cause and next step for each thing that would spoil it."""

from __future__ import annotations

import time
from typing import Any

from conformance.needs import more_with
from conformance.play import routing
from conformance.play.llm_control import control_headers
from conformance.run.identities import QUICK, Problem, ask, identify, look, new_chat, refused, slips_of_the_file, value_of, words
from conformance.run.session import Session
from conformance.run.target import listed_models
from conformance.wire.client import NoAnswer
from conformance.wire.exchange import Request
from conformance.wire.http import BadAnswer, TargetUnreachable
from conformance.wire.socket import open_socket

__all__ = ["Problem", "clock_skew", "preflight", "upgrade_works"]
_OF_A_MODEL = 60.0  # seconds that a turn of a real model may take
_CONTROL_ANSWERS = {
    200: "",
    401: "it asks for a token; put that of its target file, or of --control-token-env, under llm.control_token",
    403: "it does not take this name for its own; use the address that it was started with",
}


async def preflight(session: Session) -> list[Problem]:
    """Look at the target from each actor's side; also sets the run's deadline from a measured round trip."""
    target = session.target
    path = session.documents.url("listChats")
    try:
        first = await ask(session, None, "GET", path)
        warm = [await ask(session, None, "GET", path) for _ in range(3)]
    except TargetUnreachable as error:
        return [Problem(f"no answer from {target.shown_url}: {error}; is the server up? check base_url")]
    # a turn is some dozen round trips and the server's own scheduling; ten seconds leave room for a busy machine
    session.deadline = session.options.deadline or min(40.0, max(10.0, min(x.ms for x in warm) * 0.4))
    if target.llm.kind == "live":
        session.deadline = session.options.deadline or max(_OF_A_MODEL, session.deadline)
    if not target.users:
        text = "the target has no users, so nothing can be judged; give a target file (docs/i-have-a-server.md)"
        return [Problem(f"{target.shown_url} answered {first.response.status}; {text}")]
    problems = slips_of_the_file(target)
    if problems:
        return problems
    try:
        known = await look(session)
        problems = refused(session, known)
        if any(p.fatal for p in problems):
            return problems
        if not await _is_a_chat_server(session, first.response.status):
            what = "it refuses nobody, forgets what it is told, and knows chats that do not exist"
            return [*problems, Problem(f"{target.shown_url} does not behave as a chat server: {what}; is base_url right?")]
        problems += await identify(session, known)
        if any(p.fatal for p in problems):
            return problems
        problems += await _surroundings(session) + await _models(session)
        session.routing = await routing.find(session)
    except TargetUnreachable as error:
        return [*problems, Problem(f"no answer from {target.shown_url}: {error}")]
    return problems


async def _is_a_chat_server(session: Session, without_token: int) -> bool:
    """Does it do one thing at least that only a chat server does? (a wrong chat server does some, a null server none)"""
    users = session.target.users
    names = [n for n in ("alice", "bob", "root") if n in users] + [n for n in users if n not in ("alice", "bob", "root")]
    for name in names:
        if users[name].token and await _has_chats(session, name, without_token):
            return True
    return False


async def _has_chats(session: Session, name: str, without_token: int) -> bool:
    url = session.documents.url
    listed = await ask(session, name, "GET", url("listChats"))
    if without_token == 401 and listed.response.status == 200 and isinstance(value_of(listed.response), list):
        return True
    if session.target.capabilities.get("experiment-off"):  # it shows nobody any chat, but asks who wants to see them
        return without_token == 401 and listed.response.status == 403
    if session.options.read_only:
        return False
    answer = (await ask(session, name, "POST", url("createChat"), new_chat(session))).response
    made = value_of(answer)
    if not answer.ok or not isinstance(made, dict):
        return False
    if made.get("title") == words(session):
        return True
    chat = str(made.get("id"))
    own, unknown = await ask(session, name, "GET", url("getChat", chat=chat)), await ask(session, name, "GET", url("getChat"))
    if own.response.status == 200 and unknown.response.status == 404:
        return True
    messages = await ask(session, name, "GET", url("listMessages", chat=chat))
    return words(session) in str(value_of(messages.response))


async def _surroundings(session: Session) -> list[Problem]:
    target, out = session.target, []
    if not target.organization_id and session.traits.get("organizations"):
        out.append(Problem("organization_id is missing from the target file; chats can't be created", False))
    if "alice" not in target.users:
        out.append(Problem("users.alice is missing, who owns the chats; little will be judged", False))
    out += [Problem(line, False) for line in more_with(session)]
    if target.llm.kind == "scripted" and target.llm.control_url:
        try:
            health = await session.control.request(
                "GET", f"{target.llm.control_url.rstrip('/')}/health", headers=control_headers(target), timeout=QUICK
            )
            complaint = _CONTROL_ANSWERS.get(health.status, f"/health answered {health.status}")
        except NoAnswer as error:
            complaint = str(error)
        if complaint:
            out.append(Problem(f"llm.control_url does not serve this run: {complaint}", False))
    return out


async def _models(session: Session) -> list[Problem]:
    """Chats are created with the models of the target file: one that is gone (an earlier run made it anew) is replaced."""
    target = session.target
    if not target.model_config_ids or "root" not in target.users or "listModelConfigs" not in session.documents.operations:
        return []
    listed = value_of((await ask(session, "root", "GET", session.documents.url("listModelConfigs"))).response)
    configs = [c for c in listed_models(session.traits, listed) if c.get("id")]
    there = [str(c["id"]) for c in sorted(configs, key=lambda c: not c.get("is_default"))]
    gone = [known for known in target.model_config_ids if known not in there]
    if not there or not gone:
        return []
    target.model_config_ids = [known for known in target.model_config_ids if known in there] or there[:1]
    return [Problem(f"model_config_ids: {gone[0]} is not on the server any more; {target.model_config_ids[0]} is used", False)]


async def upgrade_works(session: Session, actor: str = "alice") -> Problem | None:
    """Can a WebSocket be opened at all? (a proxy in between may not pass upgrades on)"""
    user = session.target.users.get(actor)
    if user is None or "watchChats" not in session.documents.operations:
        return None
    request: Any = Request("GET", session.documents.url("watchChats"), headers={session.traits["token_header"]: user.token})
    try:
        socket = await open_socket(session.wire, request, actor=actor, case="preflight", deadline=QUICK)
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

    request = Request("GET", session.documents.url("getChat"))
    answer = await session.wire.send(request, actor=None, case="preflight", timeout=QUICK)
    stamp = answer.response.headers.get("date")
    if not stamp:
        return None
    skew = abs(parsedate_to_datetime(stamp).timestamp() - time.time())
    return Problem(f"the server's clock differs by {skew:.0f} s from this machine's", False) if skew > 60 else None
