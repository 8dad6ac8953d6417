"""Users: the first one, signing in, making, finding, suspending, deleting, site roles (bootstrap.md sections 1 to 3)."""

from __future__ import annotations

import re
from typing import Any

from fake_server.endpoints.administration.shared import V2, enter_user, target_user
from fake_server.http.auth import COOKIE
from fake_server.http.endpoint import Call, Reply, forbidden, mount, reply, route
from fake_server.rules.decode import ListOf, Maybe, Struct, Text, Uuid
from fake_server.rules.refusals import refusal
from fake_server.state.accounts import (
    SITE_ROLES,
    USERNAME,
    can_manage_user,
    can_read_user,
    live_users,
    make_token,
    make_user,
    password_problem,
    user_view,
    wire_token,
)
from fake_server.state.records import User

USERS = f"{V2}/users"
USER = f"{USERS}/{{user}}"
EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
MAX_USERNAME = 32

FIRST = Struct("CreateFirstUserRequest", {"email": Text(), "username": Text(), "name": Text(), "password": Text()})
LOGIN = Struct("LoginWithPasswordRequest", {"email": Text(), "password": Text()})
CREATE = Struct(
    "CreateUserRequestWithOrgs",
    {
        "email": Text(),
        "username": Text(),
        "name": Text(),
        "password": Text(),
        "login_type": Text("codersdk.LoginType"),
        "user_status": Maybe(Text("codersdk.UserStatus")),
        "organization_ids": ListOf(Uuid()),
    },
)
ROLES = Struct("UpdateRoles", {"roles": ListOf(Text())})

mount(USER, enter_user)


def _check_fields(call: Call, body: dict[str, Any], *required: str) -> None:
    """Refuse with everything that is wrong with email, user name and password."""
    problems = call.problems()
    for field in required:
        if not body[field]:
            problems.add("users.required", field=field)
        elif field == "email" and not EMAIL.fullmatch(body[field]):
            problems.add("users.email", value=body[field])
        elif field == "username" and (len(body[field]) > MAX_USERNAME or not USERNAME.fullmatch(body[field])):
            problems.add("users.username", value=body[field])
    problems.refuse()


def _check_password(call: Call, password: str) -> None:
    problem = password_problem(password)
    call.backend.guard("users.password", bool(problem), reason=problem)


# -- before anybody has a token ---------------------------------------------------------------------------------------


@route("getFirstUser", "GET", f"{USERS}/first", auth=False)
async def get_first(call: Call) -> Reply:
    """Is there a user at all?"""
    if not call.backend.store.users:
        raise refusal("users.no-first")
    return reply(200, {"message": "The initial user has already been created!"})


@route("createFirstUser", "POST", f"{USERS}/first", auth=False)
async def create_first(call: Call) -> Reply:
    """Make the site owner, once."""
    body = await call.json(FIRST)
    _check_fields(call, body, "email", "username", "password")
    call.backend.guard("users.first-exists", bool(call.backend.store.users))
    _check_password(call, body["password"])
    user = make_user(
        call.backend,
        body["username"],
        email=body["email"],
        name=body["name"],
        password=body["password"],
        site_roles=("owner",),
    )
    return reply(201, {"user_id": user.id, "organization_id": call.backend.store.organization_id})


@route("loginUser", "POST", f"{USERS}/login", auth=False)
async def login(call: Call) -> Reply:
    """A session token for email and password."""
    body = await call.json(LOGIN)
    _check_fields(call, body, "email", "password")
    wanted = body["email"].lower()
    user = next((u for u in live_users(call.backend) if u.email.lower() == wanted), None)
    if user is None or user.password != body["password"]:
        raise refusal("users.login")
    call.backend.guard("users.login-suspended", user.status == "suspended")
    call.backend.store.last_seen[user.id] = call.backend.clock.now()
    token = wire_token(make_token(call.backend, user))
    kept = f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax".encode()
    return reply(201, {"session_token": token}, headers=[(b"set-cookie", kept)])


@route("logoutUser", "POST", f"{USERS}/logout")
async def logout(call: Call) -> Reply:
    """Forget the caller's token."""
    if call.backend.does("users.sign-out"):
        call.backend.store.tokens.pop(call.token.id, None)
    return reply(200, {"message": "Logged out!"})


# -- users ------------------------------------------------------------------------------------------------------------


@route("listUsers", "GET", USERS)
async def list_users(call: Call) -> Reply:
    """Users that the caller may know of, by name; `q` is part of a user name or email."""
    wanted = call.first_query("q").lower()
    users = [u for u in live_users(call.backend) if can_read_user(call.backend, call.user, u)]
    users = [u for u in users if wanted in u.username.lower() or wanted in u.email.lower()]
    users.sort(key=lambda u: u.username.lower())
    problems = call.problems()
    limit, offset = problems.integer(call, "limit"), problems.integer(call, "offset")
    problems.refuse()
    page = users[offset : offset + limit] if limit else users[offset:]
    return reply(200, {"users": [user_view(call.backend, u) for u in page], "count": len(users)})


@route("createUser", "POST", USERS)
async def create_user(call: Call) -> Reply:
    """A new user, member of the organizations named."""
    body = await call.json(CREATE)
    backend = call.backend
    _check_fields(call, body, "email", "username")
    organizations = body["organization_ids"] or []
    backend.guard("users.no-organization", not organizations)
    if not can_manage_user(call.user):
        raise forbidden()
    for organization in organizations:
        backend.guard("users.organization", organization != backend.store.organization_id, id=organization)
    backend.guard("users.login-none", body["login_type"] == "none")
    if (body["login_type"] or "password") == "password":
        _check_password(call, body["password"])
    email, username = body["email"].lower(), body["username"].lower()
    taken = any(email == u.email.lower() or username == u.username.lower() for u in live_users(backend))
    backend.guard("users.exists", taken)
    user = make_user(backend, body["username"], email=body["email"], name=body["name"], password=body["password"])
    user.login_type = body["login_type"] or "password"
    user.status = body["user_status"] or "dormant"
    return reply(201, user_view(backend, user))


@route("getUser", "GET", USER)
async def get_user(call: Call) -> Reply:
    """One user."""
    return reply(200, user_view(call.backend, target_user(call)))


def _managed(call: Call) -> User:
    user = target_user(call)
    if not can_manage_user(call.user):
        raise forbidden()
    return user


@route("deleteUser", "DELETE", USER)
async def delete_user(call: Call) -> Reply:
    """Delete a user: his tokens die with him, what he made stays."""
    user = _managed(call)
    call.backend.guard("users.delete-self", user.id == call.user.id)
    if not call.backend.does("users.delete"):
        return reply(200, {"message": "User has been deleted!"})
    user.deleted = True
    user.updated_at = call.backend.clock.now()
    for token in [t for t in call.backend.store.tokens.values() if t.user_id == user.id]:
        del call.backend.store.tokens[token.id]
    call.backend.store.user_settings.pop(user.id, None)
    return reply(200, {"message": "User has been deleted!"})


def _set_status(call: Call, user: User, status: str) -> Reply:
    user.status = status
    user.updated_at = call.backend.clock.now()
    return reply(200, user_view(call.backend, user))


@route("suspendUser", "PUT", f"{USER}/status/suspend")
async def suspend_user(call: Call) -> Reply:
    """Suspend a user: his tokens stop working."""
    user = _managed(call)
    call.backend.guard("users.suspend-self", user.id == call.user.id)
    call.backend.guard("users.suspend-owner", "owner" in user.site_roles)
    return _set_status(call, user, "suspended")


@route("activateUser", "PUT", f"{USER}/status/activate")
async def activate_user(call: Call) -> Reply:
    """Let a suspended user in again."""
    user = _managed(call)
    return _set_status(call, user, "active" if call.backend.does("users.reactivate") else user.status)


@route("getUserRoles", "GET", f"{USER}/roles")
async def get_roles(call: Call) -> Reply:
    """A user's site roles, and the roles in his organizations."""
    user = target_user(call)
    organizations = {organization: sorted(roles) for organization, roles in user.org_roles.items()}
    return reply(200, {"roles": sorted(user.site_roles), "organization_roles": organizations})


@route("putUserRoles", "PUT", f"{USER}/roles")
async def put_roles(call: Call) -> Reply:
    """Replace a user's site roles."""
    user = target_user(call)
    body = await call.json(ROLES)
    call.backend.guard("users.own-roles", user.id == call.user.id)
    if not can_manage_user(call.user) or ("owner" in user.site_roles and "owner" not in call.user.site_roles):
        raise forbidden()
    roles = set(body["roles"] or ()) - {"member"}
    for role in sorted(roles):
        call.backend.guard("users.site-role", role not in SITE_ROLES, role=role)
    if "owner" in roles and "owner" not in call.user.site_roles:
        raise forbidden()
    user.site_roles = roles
    user.updated_at = call.backend.clock.now()
    return reply(200, user_view(call.backend, user))
