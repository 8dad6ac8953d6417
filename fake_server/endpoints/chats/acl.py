"""Sharing of a chat (chats.md section 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fake_server.endpoints.chats.chat import require
from fake_server.faulting import replaceable
from fake_server.http.endpoint import CHATS, Call, Problems, Reply, reply, route
from fake_server.rules import authz
from fake_server.rules.decode import MapOf, Struct, Text
from fake_server.rules.validate import BadUUID, parse_uuid, quote
from fake_server.state.records import User

if TYPE_CHECKING:
    from fake_server.backend import Backend

ROLES = MapOf(Text("codersdk.ChatRole"), "map[string]codersdk.ChatRole")
PATCH = Struct("UpdateChatACL", {"user_roles": ROLES, "group_roles": ROLES})


def _check_place(call: Call) -> None:
    backend, chat = call.backend, call.chat
    backend.guard("acl.disabled", authz.sharing_disabled(backend))
    backend.guard("acl.child", chat.parent_chat_id is not None, id=chat.family_id)


def _uuid_or_none(text: str) -> str | None:
    try:
        return parse_uuid(text)
    except BadUUID:
        return None


@route("getChatACL", "GET", f"{CHATS}/{{chat}}/acl")
async def get_chat_acl(call: Call) -> Reply:
    """Who the chat is shared with."""
    _check_place(call)
    store, chat = call.backend.store, call.chat
    ids = dict.fromkeys(_uuid_or_none(key) for key in chat.acl_users)
    users = [store.users[i] for i in ids if i in store.users]
    groups = [_group_view(call.backend, group, role) for group, role in chat.acl_groups.items()]
    # A key in another spelling names the user, but is not what his role is looked up by.
    return reply(200, {"users": [_user_view(u, chat.acl_users.get(u.id, "")) for u in users], "groups": groups})


def _user_view(user: User, role: str) -> dict[str, Any]:
    view = {"id": user.id, "username": user.username}
    if user.name:
        view["name"] = user.name
    return view | {"role": role}


def _group_view(backend: Backend, group: str, role: str) -> dict[str, Any]:
    """The only kind of group: everybody in an organization, under the organization's id."""
    organization = parse_uuid(group)
    members = sum(not u.deleted and authz.is_member(u, organization) for u in backend.store.users.values())
    return {
        "id": organization,
        "name": "Everyone",
        "display_name": "",
        "organization_id": organization,
        "members": [],
        "total_member_count": members,
        "avatar_url": "",
        "quota_allowance": 0,
        "source": "user",
        "organization_name": "coder",
        "organization_display_name": "Coder",
        "role": role if group == organization else "",
    }


@route("patchChatACL", "PATCH", f"{CHATS}/{{chat}}/acl")
@replaceable
async def patch_chat_acl(call: Call) -> Reply:
    """Add and remove readers; entries that are not named stay."""
    backend, chat = call.backend, call.chat
    if backend.does("acl.child-first"):
        _check_place(call)
    require(call, "share")
    _check_place(call)
    body = await entries_of(call)
    users, groups = body["user_roles"] or {}, body["group_roles"] or {}
    own = any(_uuid_or_none(key) == call.user.id for key in users)
    if backend.does("acl.self-first"):
        backend.guard("acl.self", own)
    problems = call.problems()
    _check_entries(backend, problems, "group_roles", groups)
    _check_entries(backend, problems, "user_roles", users)
    problems.refuse()
    backend.guard("acl.self", own)
    for stored, changes in ((chat.acl_users, users), (chat.acl_groups, groups)):
        merge_entries(backend, stored, changes)
    return reply(204)


@replaceable
def merge_entries(backend: Backend, stored: dict[str, str], changes: dict[str, str]) -> None:
    """Add the entries that are named, and take away those without a role."""
    for key, role in changes.items():
        if role:
            stored[key] = role
        else:
            stored.pop(key, None)


@replaceable
async def entries_of(call: Call) -> dict[str, Any]:
    """The body of a change."""
    return dict(await call.json(PATCH))


def _check_entries(backend: Backend, problems: Problems, field: str, entries: dict[str, str]) -> None:
    store = backend.store
    for key, role in entries.items():
        if role not in ("", "read"):
            problems.add("acl.role", field=field, role=quote(role))
        uuid = _uuid_or_none(key)
        if uuid is None:
            problems.add("acl.uuid", field=field, id=key)
        elif role and field == "group_roles":
            if uuid != store.organization_id:
                problems.add("acl.no-group", id=uuid)
        elif field == "user_roles" and (role or not backend.does("acl.removes-unknown")) and not _known(backend, uuid):
            problems.add("acl.no-user", id=uuid)


def _known(backend: Backend, user_id: str) -> bool:
    user = backend.store.users.get(user_id)
    return user is not None and not (user.deleted and backend.does("acl.deleted-users"))
