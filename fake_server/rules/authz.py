"""Who may do what: the role table of chats.md section 2, and the two deployment rights of config.md section 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fake_server.faulting import replaceable
from fake_server.state.records import Chat, StoredFile, User

if TYPE_CHECKING:
    from fake_server.state.store import State

CHAT_ROLE = "agents-access"
ORG_ADMIN = "organization-admin"


def is_site_owner(user: User) -> bool:
    return "owner" in user.site_roles


def is_site_auditor(user: User) -> bool:
    return "auditor" in user.site_roles


def is_member(user: User, organization_id: str) -> bool:
    return organization_id in user.org_roles


def has_org_role(user: User, organization_id: str, role: str) -> bool:
    return role in user.org_roles.get(organization_id, ())


def can(backend: State, user: User, action: str, chat: Chat) -> bool:
    """May the user `read`, `update` or `share` this chat?"""
    if chat.owner_id == user.id and _keeps_own(backend, user, chat.organization_id):
        return True
    if is_site_owner(user):
        return True
    if not backend.does("access.by-organization"):
        return False
    return has_org_role(user, chat.organization_id, ORG_ADMIN) or (action == "read" and shared_with(backend, user, chat))


def _keeps_own(backend: State, user: User, organization_id: str) -> bool:
    """Has the user the own chats of this organization still? They go with the chat role, and with the membership."""
    if has_org_role(user, organization_id, CHAT_ROLE) or not backend.does("access.by-organization"):
        return True
    return not backend.does("access.own-by-role" if is_member(user, organization_id) else "access.own-by-membership")


def permitted(backend: State, user: User, action: str, chat: Chat, place: str) -> bool:
    """`can`, at one place below the chat (`messages`, `acl`, …; `chat` itself).

    The fault point `access.<kind of caller>-<action>-<place>` decides the other way round for that kind, there only.
    """
    allowed = can(backend, user, action, chat)
    if not backend.faults.active:
        return allowed
    seen_as = kind(backend, user, chat)
    if chat.parent_chat_id is not None:
        allowed = allowed != backend.faults.is_off(f"access.{seen_as}-{action} of children")
    return allowed != backend.faults.is_off(f"access.{seen_as}-{action}-{place}")


def kind(backend: State, user: User, chat: Chat) -> str:
    """What the caller is to this chat, by the actors' names of the role table."""
    if chat.owner_id == user.id:
        return "owner"
    seen_as = rank(user, chat.organization_id)
    above = seen_as in ("site_owner", "org_admin")
    return "reader" if not above and shared_with(backend, user, chat) else seen_as


def rank(user: User, organization_id: str) -> str:
    """What the user is in the organization: site_owner, org_admin, auditor, org_auditor, member (chat role) or outsider."""
    if is_site_owner(user):
        return "site_owner"
    for role, name in ((ORG_ADMIN, "org_admin"), (CHAT_ROLE, "member"), ("organization-auditor", "org_auditor")):
        if has_org_role(user, organization_id, role):
            return name
    return "auditor" if is_site_auditor(user) else "outsider"


@replaceable
def shared_with(backend: State, user: User, chat: Chat) -> bool:
    """Does the sharing list of the chat's root let this user read?"""
    if sharing_disabled(backend) and backend.does("acl.off"):
        return False
    root = backend.store.chats.get(chat.family_id, chat)
    if backend.does("acl.members-only") and not is_member(user, chat.organization_id):
        return False
    # The only group is an organization's Everyone, whose id is the organization's.
    return root.acl_users.get(user.id) == "read" or any(
        role == "read" and is_member(user, group) for group, role in root.acl_groups.items()
    )


def sharing_disabled(backend: State) -> bool:
    return str(backend.options.get("CODER_DISABLE_CHAT_SHARING", "")).lower() in ("1", "t", "true")


def can_create(backend: State, user: User, organization_id: str) -> bool:
    """May the user create chats and upload files in this organization?"""
    if is_site_owner(user) or not backend.does("access.by-organization"):
        return True
    return has_org_role(user, organization_id, CHAT_ROLE) or has_org_role(user, organization_id, ORG_ADMIN)


@replaceable
def can_read_file(backend: State, user: User, file: StoredFile) -> bool:
    """May the user read this file: as its owner with the chat role, as an admin, or through a chat that links it?"""
    by_role = backend.does("access.by-organization")
    if file.owner_id == user.id and (has_org_role(user, file.organization_id, CHAT_ROLE) or not by_role):
        return True
    if is_site_owner(user) or has_org_role(user, file.organization_id, ORG_ADMIN):
        return True
    linked = backend.store.chats_of_file.get(file.id, ()) if backend.does("access.linked-files") else ()
    return any(can(backend, user, "read", backend.store.chats[chat_id]) for chat_id in linked)


def can_read_deployment(user: User) -> bool:
    """May the user read the deployment's configuration?"""
    return is_site_owner(user) or is_site_auditor(user)


def can_update_deployment(user: User) -> bool:
    """May the user change the deployment's configuration?"""
    return is_site_owner(user)
