"""Who each token of the target file is, as the server tells it: slips of the file are told as such before anything is judged.

A server that can't tell (it has only chats, or tells nonsense) is no slip: only what it says twice over, or of one user and
not of all, is believed. What the file leaves out is filled in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from conformance.run.session import Session
from conformance.run.target import Target, chat_roles
from conformance.wire.exchange import ABSENT, Exchange, Request, Response
from conformance.wire.http import BadAnswer, TargetUnreachable

QUICK = 4.0  # seconds; a closed port, or one that accepts and says nothing, is known by then
_TRIES = 3  # of a request whose connection broke
# Roles that an actor has or has not by what the profile says of it; others don't matter.
_SITE_ROLES = {"owner", "auditor", "user-admin", "template-admin"}
_ADMIN_ROLES = {"organization-admin", "organization-auditor", "organization-user-admin", "organization-template-admin"}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that spoils a run; `fatal`: nothing can be judged at all."""

    text: str
    fatal: bool = True


@dataclass(slots=True)
class Known:
    """What a server tells of the user behind a token; a set is None where it tells none."""

    chats_status: int
    id: str = ""
    username: str = ""
    organizations: list[str] = field(default_factory=list)
    site: set[str] | None = None
    organization: dict[str, set[str]] | None = None


async def ask(session: Session, actor: str | None, method: str, path: str, body: Any = ABSENT) -> Exchange:
    """One request of the preflight, sent again when its connection broke. Raises TargetUnreachable."""
    headers = {session.traits["token_header"]: session.target.users[actor].token} if actor else {}
    for left in reversed(range(_TRIES)):
        try:
            request = Request(method, path, headers=dict(headers), body=body)
            return await session.wire.send(request, actor=actor, case="preflight", timeout=QUICK)
        except BadAnswer as error:
            raise TargetUnreachable(str(error), error.exchange) from error
        except TargetUnreachable:
            if not left or session.wire.now_ms() > 1000 * QUICK:
                raise
    raise AssertionError("unreachable")


def value_of(response: Response) -> Any:
    """The JSON value of an answer, whatever it calls itself; ABSENT if it is none."""
    if response.body is not ABSENT or not response.content:
        return response.body
    try:
        return orjson.loads(response.content)
    except ValueError:
        return ABSENT


def slips_of_the_file(target: Target) -> list[Problem]:
    """What is wrong with the users of a target file, whatever the server says."""
    out = []
    for key, hint in (("token", "make one for each user"), ("id", "give each actor a user of its own")):
        first: dict[str, str] = {}
        for name, user in target.users.items():
            value = getattr(user, key)
            if value and value in first:
                out.append(Problem(f"users.{name}.{key} is that of users.{first[value]}; {hint}"))
            first.setdefault(value, name)
    return out


async def look(session: Session) -> dict[str, Known]:
    """Ask who each token of the target file is. Raises TargetUnreachable."""
    names = [name for name, user in session.target.users.items() if user.token]
    return dict(zip(names, await asyncio.gather(*(_look(session, name) for name in names)), strict=True))


async def identify(session: Session, known: dict[str, Known]) -> list[Problem]:
    """Where the server contradicts the target file; fills in ids and names that the file leaves out. Raises TargetUnreachable."""
    problems = await _strangers(session, known)
    if not any(p.fatal for p in problems):
        problems += await _rights(session, known)
    if not any(p.fatal for p in problems):
        problems += _fill_in(session.target, known)
    return problems


async def _look(session: Session, name: str) -> Known:
    url = session.documents.url
    chats, me, roles = await asyncio.gather(
        *(
            ask(session, name, "GET", path)
            for path in (url("listChats"), url("getUser", user="me"), url("getUserRoles", user="me"))
        )
    )
    found = Known(chats.response.status)
    told = value_of(me.response)
    if me.response.status == 200 and isinstance(told, dict):
        found.id, found.username = _text(told.get("id")), _text(told.get("username"))
        found.organizations = [_text(o) for o in _list(told.get("organization_ids"))]
    rights = value_of(roles.response)
    if found.id and roles.response.status == 200 and isinstance(rights, dict):
        here, there = set(_names(rights.get("roles"))), set(_names(told.get("roles")))
        found.site = here if here == there else None  # told twice, and alike
        told_of = rights.get("organization_roles")
        if isinstance(told_of, dict):
            found.organization = {key: set(_names(value)) for key, value in told_of.items()}
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _names(value: Any) -> list[str]:
    """Role names, which stand alone or in objects."""
    names = [_text(item.get("name") if isinstance(item, dict) else item) for item in _list(value)]
    return [name for name in names if name not in ("", "member", "organization-member")]


def refused(session: Session, known: dict[str, Known]) -> list[Problem]:
    """Tokens that are not accepted; a server that knows its user but not its chats is wrong by itself."""
    path = session.documents.url("listChats")
    bad = [name for name, seen in known.items() if seen.chats_status == 401 and not seen.id]
    if bad and len(bad) == len(known):
        what = "no token of the target file is accepted (each answered 401)"
        return [Problem(f"{what}; have they expired, or are they another server's? make new ones, or correct base_url")]
    out = [Problem(f"users.{n}: the token is not accepted (401); make a new one and update the target file") for n in bad]
    out += [
        Problem(f"GET {path} answers 401 to users.{name}, whose token is good elsewhere", False)
        for name, seen in known.items()
        if seen.chats_status == 401 and seen.id
    ]
    if any(seen.chats_status == 404 for seen in known.values()):
        out.append(Problem(f"GET {path} answered 404; is this a server of profile {session.profile.name}?", False))
    return out


async def _strangers(session: Session, known: dict[str, Known]) -> list[Problem]:
    """Tokens that are another user's than the file says."""
    out: list[Problem] = []
    first: dict[str, str] = {}
    distinct = len({seen.id for seen in known.values() if seen.id})
    for name, seen in known.items():
        if not seen.id:
            continue
        text = _stranger(session.target, name, seen, first.get(seen.id, ""))
        first.setdefault(seen.id, name)
        if text:
            owner = await _owner(session, name)
            believed = owner == seen.id if owner else distinct > 1
            me = session.documents.url("getUser", user="me")
            other = "" if believed else f"; {me} may be wrong, and is not believed"
            out.append(Problem(f"users.{name}: {text}{other}", believed))
    return out


def _stranger(target: Target, name: str, seen: Known, twin: str) -> str:
    user = target.users[name]
    who = seen.username or seen.id
    if twin:
        return f"the token is {who}'s, and so is that of users.{twin}; give each actor a user of its own"
    if user.id and user.id.lower() != seen.id.lower():
        return f"the token is {who}'s, whose id is {seen.id}, not {user.id}; correct the id or the token"
    if user.username and seen.username and user.username != seen.username:
        return f"the token is {seen.username}'s, not {user.username}'s; correct the username or the token"
    return ""


async def _owner(session: Session, name: str) -> str:
    """Whose a chat of this token is, as the chat itself says; "" if there is none to ask."""
    listed = value_of((await ask(session, name, "GET", session.documents.url("listChats"))).response)
    chats = [chat for chat in _list(listed) if isinstance(chat, dict)]
    if not chats and not session.options.read_only:
        made = await ask(session, name, "POST", session.documents.url("createChat"), new_chat(session))
        chats = [chat] if isinstance(chat := value_of(made.response), dict) and made.response.ok else []
    return _text(chats[0].get("owner_id")) if chats else ""


def words(session: Session) -> str:
    """What the preflight says in its own chats."""
    return f"preflight {session.run_id}"


def new_chat(session: Session) -> Any:
    """The body of the preflight's own chats."""
    return session.dialect.creation(session.target, [{"type": "text", "text": words(session)}], {})


async def _rights(session: Session, known: dict[str, Known]) -> list[Problem]:
    """Actors with other rights than theirs; believed where the server does not say the same of all."""
    out = []
    organization = session.target.organization_id
    sites = {frozenset(seen.site) for seen in known.values() if seen.site is not None}
    for name, seen in known.items():
        if name not in session.traits["actors"]:
            continue  # of another revision: nobody asks for them here
        if seen.site is not None and len(sites) > 1:
            wanted = _SITE_ROLES.intersection(session.traits["actors"][name].get("site", ()))
            out += _compared(name, seen, wanted, seen.site & _SITE_ROLES, "site")
        roles = (seen.organization or {}).get(organization)
        if roles is None:
            continue
        declared = set(session.traits["actors"][name].get("organization", ()))
        wanted = declared & _ADMIN_ROLES
        if not wanted <= roles or (not wanted and roles & _ADMIN_ROLES):
            out += _compared(name, seen, wanted, roles & _ADMIN_ROLES, "organization")
        for role in chat_roles(session.traits):
            plain = not session.traits["actors"][name]
            if plain and role in roles:
                out.append(Problem(f"users.{name}: {_called(seen)} has the role {role}; {name} is a member without it"))
            if role in declared - roles - (seen.site or set()) and await _may_not_create(session, name):
                out.append(Problem(f"users.{name}: {_called(seen)} may have no chats (403); give the role {role} to it"))
    for name, seen in known.items():
        if organization and seen.organizations and organization not in seen.organizations:
            others = ", ".join(seen.organizations[:3])
            out.append(
                Problem(
                    f"organization_id: {_called(seen)} (users.{name}) is a member of {others}, not of {organization}; correct it"
                )
            )
            break
    return out


def _called(seen: Known) -> str:
    return seen.username or seen.id


def _compared(name: str, seen: Known, wanted: Iterable[str], there: Iterable[str], where: str) -> list[Problem]:
    wanted, there = set(wanted), set(there)
    if wanted == there:
        return []
    has = f"has the {where} roles {', '.join(sorted(there))}" if there else f"has no {where} role"
    needs = f"must have {', '.join(sorted(wanted))}" if wanted else "must have none"
    return [Problem(f"users.{name}: {_called(seen)} {has}; {name} {needs}")]


async def _may_not_create(session: Session, name: str) -> bool:
    if session.options.read_only:
        return False
    made = await ask(session, name, "POST", session.documents.url("createChat"), new_chat(session))
    return made.response.status == 403


def _fill_in(target: Target, known: dict[str, Known]) -> list[Problem]:
    out = []
    for name, seen in known.items():
        user = target.users[name]
        user.id, user.username = user.id or seen.id, user.username or seen.username
        if not user.id:
            out.append(Problem(f"users.{name} has no id, and the server does not tell it; what needs it is not judged", False))
    if not target.organization_id and "alice" in known and len(known["alice"].organizations) == 1:
        target.organization_id = known["alice"].organizations[0]
    return out
