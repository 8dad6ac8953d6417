"""The organization, its members and their roles (bootstrap.md section 3)."""

from __future__ import annotations

from typing import Any

from fake_server.chats.views import stamp
from fake_server.endpoints.administration.shared import V2
from fake_server.http.endpoint import Call, Reply, forbidden, mount, not_found, reply, route, sign_in
from fake_server.rules.authz import has_org_role, is_site_auditor, is_site_owner
from fake_server.rules.decode import ListOf, Struct, Text
from fake_server.rules.validate import BadUUID, parse_uuid
from fake_server.state.accounts import ORG_ROLES, ORGANIZATION_NAME, can_manage_user, find_user, members, role_views
from fake_server.state.records import User

PATH = f"{V2}/organizations"
ORGANIZATION = f"{PATH}/{{organization}}"
MEMBER = f"{ORGANIZATION}/members/{{user}}"
ROLES = Struct("UpdateRoles", {"roles": ListOf(Text())})


def enter_organization(call: Call) -> None:
    """Entering a path below an organization: it must be the one there is, and the caller must know of it."""
    sign_in(call)
    name = call.params["organization"]
    try:
        known = parse_uuid(name) == call.backend.store.organization_id
    except BadUUID:
        known = name in ("default", ORGANIZATION_NAME)
    if not known or not _knows(call):
        raise not_found()


def _knows(call: Call) -> bool:
    user = call.user
    return call.backend.store.organization_id in user.org_roles or is_site_owner(user) or is_site_auditor(user)


mount(ORGANIZATION, enter_organization)


def _view(call: Call) -> dict[str, Any]:
    created = min((u.created_at for u in call.backend.store.users.values()), default=call.backend.clock.now())
    return {
        "id": call.backend.store.organization_id,
        "name": ORGANIZATION_NAME,
        "display_name": "Coder",
        "icon": "",
        "description": "Builtin default organization.",
        "created_at": stamp(created),
        "updated_at": stamp(created),
        "is_default": True,
    }


def _member_view(call: Call, user: User) -> dict[str, Any]:
    organization = call.backend.store.organization_id
    roles = user.org_roles.get(organization, set())
    return {
        "user_id": user.id,
        "organization_id": organization,
        "created_at": stamp(user.created_at),
        "updated_at": stamp(user.updated_at),
        "roles": role_views(roles, ORG_ROLES, organization),
    }


def _may_manage(call: Call) -> bool:
    return can_manage_user(call.user) or has_org_role(call.user, call.backend.store.organization_id, "organization-admin")


def _user(call: Call) -> User:
    user = find_user(call.backend, call.user, call.params["user"])
    if user is None:
        raise not_found()
    return user


def _member(call: Call) -> User:
    user = _user(call)
    if call.backend.store.organization_id not in user.org_roles:
        raise not_found()
    return user


@route("listOrganizations", "GET", PATH)
async def list_organizations(call: Call) -> Reply:
    """The organizations that the caller knows of."""
    return reply(200, [_view(call)] if _knows(call) else [])


@route("getOrganization", "GET", ORGANIZATION)
async def get_organization(call: Call) -> Reply:
    """The organization, by id, name or `default`."""
    return reply(200, _view(call))


@route("listMembers", "GET", f"{ORGANIZATION}/members")
async def list_members(call: Call) -> Reply:
    """Its members with their roles."""
    rows = sorted(members(call.backend, call.backend.store.organization_id), key=lambda u: u.username)
    return reply(
        200,
        [
            _member_view(call, user)
            | {
                "username": user.username,
                "avatar_url": "",
                "name": user.name,
                "email": user.email,
                "global_roles": role_views(user.site_roles, {}),
            }
            for user in rows
        ],
    )


@route("addMember", "POST", MEMBER)
async def add_member(call: Call) -> Reply:
    """Make a user a member."""
    if not _may_manage(call):
        raise forbidden()
    user = _user(call)
    user.org_roles.setdefault(call.backend.store.organization_id, set())
    return reply(200, _member_view(call, user))


@route("removeMember", "DELETE", MEMBER)
async def remove_member(call: Call) -> Reply:
    """Let a member go; what he made stays."""
    user = _member(call)
    if not _may_manage(call):
        raise forbidden()
    del user.org_roles[call.backend.store.organization_id]
    user.updated_at = call.backend.clock.now()
    return reply(204)


@route("putMemberRoles", "PUT", f"{MEMBER}/roles")
async def put_member_roles(call: Call) -> Reply:
    """Replace a member's roles; they hold from the next request on."""
    user, backend = _member(call), call.backend
    body = await call.json(ROLES)
    backend.guard("users.own-organization-roles", user.id == call.user.id)
    if not _may_manage(call):
        raise forbidden()
    roles = set(body["roles"] or ())
    for role in sorted(roles):
        backend.guard("users.organization-role", role not in ORG_ROLES, role=role)
    user.org_roles[backend.store.organization_id] = roles - {"organization-member"}
    user.updated_at = backend.clock.now()
    return reply(200, _member_view(call, user))
