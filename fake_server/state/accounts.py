"""Users, their tokens and their roles: making, finding and showing them (bootstrap.md, config.md sections 0 and 3)."""

from __future__ import annotations

import math
import re
import secrets
import string
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from fake_server.chats.views import stamp
from fake_server.rules.authz import has_org_role, is_site_auditor, is_site_owner
from fake_server.rules.validate import BadUUID, parse_uuid
from fake_server.state.records import Token, User
from fake_server.state.usage import ZERO_TIME

if TYPE_CHECKING:
    from fake_server.state.store import State

ORGANIZATION_NAME = "coder"
SITE_ROLES = {"owner": "Owner", "auditor": "Auditor", "user-admin": "User Admin", "template-admin": "Template Admin"}
ORG_ROLES = {
    "organization-admin": "Organization Admin",
    "organization-auditor": "Organization Auditor",
    "organization-member": "Organization Member",
    "organization-user-admin": "Organization User Admin",
    "organization-template-admin": "Organization Template Admin",
    "organization-workspace-creation-ban": "Organization Workspace Creation Ban",
    "agents-access": "Coder Agents User",
}
SESSION_SECONDS = 86400
MIN_ENTROPY_BITS = 52
MAX_PASSWORD = 64

USERNAME = re.compile(r"[a-zA-Z0-9]+(?:-[a-zA-Z0-9]+)*")
_ALPHABET = string.ascii_letters + string.digits


def make_user(
    backend: State,
    username: str,
    *,
    email: str = "",
    name: str = "",
    password: str = "",
    site_roles: Iterable[str] = (),
    org_roles: Iterable[str] | None = (),
) -> User:
    """A new active user; a member of the organization with these roles, or of none when `org_roles` is None."""
    organization = backend.store.organization_id
    stamped = backend.clock.now()
    user = User(
        username=username,
        email=email or f"{username}@example.com",
        name=name,
        password=password,
        site_roles=set(site_roles),
        org_roles={} if org_roles is None else {organization: set(org_roles)},
        created_at=stamped,
        updated_at=stamped,
    )
    backend.store.users[user.id] = user
    return user


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def make_token(backend: State, user: User, *, name: str = "", seconds: int = SESSION_SECONDS, scope: str = "all") -> Token:
    """A new token; what the client sends is `wire_token` of it."""
    now = backend.clock.now()
    token = Token(
        id=_random(10),
        secret=_random(22),
        user_id=user.id,
        expires_at=now + timedelta(seconds=seconds),
        name=name,
        lifetime_seconds=seconds,
        scope=scope,
        created_at=now,
    )
    backend.store.tokens[token.id] = token
    return token


def wire_token(token: Token) -> str:
    """The token as clients send it."""
    return f"{token.id}-{token.secret}"


def live_users(backend: State) -> list[User]:
    """All users that are not deleted."""
    return [user for user in backend.store.users.values() if not user.deleted]


def members(backend: State, organization_id: str) -> list[User]:
    """The members of an organization, i.e. of its group Everyone."""
    return [user for user in live_users(backend) if organization_id in user.org_roles]


def find_user(backend: State, caller: User, name: str) -> User | None:
    """The user that `me`, an id or a user name (in any case) means; None when there is none."""
    if name == "me":
        return caller
    try:
        user = backend.store.users.get(parse_uuid(name))
        return None if user is None or user.deleted else user
    except BadUUID:
        wanted = name.lower()
        return next((u for u in live_users(backend) if u.username.lower() == wanted), None)


def can_read_user(backend: State, caller: User, user: User) -> bool:
    """May the caller know of this user?"""
    if caller.id == user.id or is_site_owner(caller) or is_site_auditor(caller):
        return True
    if caller.site_roles & {"user-admin", "template-admin"}:
        return True
    return any(has_org_role(caller, org, "organization-admin") for org in user.org_roles)


def can_manage_user(caller: User) -> bool:
    """May the caller create and change users?"""
    return is_site_owner(caller) or "user-admin" in caller.site_roles


def can_read_personal(caller: User, user: User) -> bool:
    """May the caller read and change what is personal to this user, such as own provider keys?"""
    return caller.id == user.id or can_manage_user(caller)


def role_views(roles: Iterable[str], names: dict[str, str], organization_id: str = "") -> list[dict[str, str]]:
    """Roles as the API shows them."""
    of = {"organization_id": organization_id} if organization_id else {}
    return [{"name": role, "display_name": names.get(role, role), **of} for role in sorted(roles)]


def user_view(backend: State, user: User) -> dict[str, Any]:
    """A user as the API shows it."""
    seen = backend.store.last_seen.get(user.id)
    whole = not backend.does("users.leave-empty-out")
    view = {
        "id": user.id,
        "username": user.username,
        **({"avatar_url": ""} if whole else {}),
        **({"name": user.name} if user.name or whole else {}),
        "email": user.email,
        "created_at": stamp(user.created_at),
        "updated_at": stamp(user.updated_at),
        "last_seen_at": stamp(seen) if seen else ZERO_TIME,
        "status": user.status,
        "login_type": user.login_type,
        "organization_ids": list(user.org_roles),
        "roles": role_views(user.site_roles, SITE_ROLES),
        "has_ai_seat": False,
    }
    return backend.revision.shown("user", view)


def password_problem(password: str) -> str:
    """What is wrong with a password; "" when it will do."""
    if len(password) > MAX_PASSWORD:
        return f"password must be no more than {MAX_PASSWORD} characters"
    kinds = (string.ascii_lowercase, string.ascii_uppercase, string.digits, string.punctuation + " ")
    pool = sum(len(kind) for kind in kinds if any(c in kind for c in password))
    pool += len({c for c in password if not c.isascii()})
    bits = len(re.sub(r"(.)\1{2,}", r"\1\1", password)) * math.log2(pool or 1)
    return (
        "" if bits >= MIN_ENTROPY_BITS else "insecure password, try including more special characters or using a longer password"
    )
