"""Wrong about the sharing of chats."""

from __future__ import annotations

from typing import Any

from fake_server.faulting import Answer, answers, changes, instead, replaces, turns_off
from fake_server.rules import authz
from fake_server.rules.refusals import Refusal

FORBIDDEN = {"message": "Forbidden.", "detail": "You don't have permission to view this content."}

# What a share grants, and to whom
replaces(
    "shares-grant-nothing",
    "Who stands in the sharing list may still not read.",
    "shared_with",
    lambda right, backend, user, chat: any(
        role == "read" and authz.is_member(user, group) for group, role in backend.store.chats[chat.family_id].acl_groups.items()
    ),
    red=[
        "OWN-002",
        "OWN-011",
        "OWN-012",
        "OWN-015",
        "READ-003",
        "STREAM-080",
        "FILE-035",
        "ACL-001",
        "ACL-003",
        "ACL-005",
        "ACL-006",
        "ACL-008",
        "ACL-023",
        "ACL-025",
        "ACL-026",
        "ACL-029",
        "ACL-076",
        "FILE-118",
        "FILE-119",
        "STREAM-143",
    ],
)
replaces(
    "shares-stay",
    "Taking a share back is answered and not done.",
    "merge_entries",
    lambda right, backend, stored, changes: right(backend, stored, {k: v for k, v in changes.items() if v}),
    red=["ACL-002", "ACL-009", "ACL-022", "ACL-025", "ACL-029", "FILE-035", "STREAM-080", "ACL-076", "FILE-118"],
)
turns_off("readers-share-on", "A reader may change the sharing.", "access.reader-share-acl", red=["ACL-003", "ACL-026"])
turns_off("org-admin-shares-not", "An organization admin may not share.", "access.org_admin-share-acl", red=["ACL-005"])
turns_off("site-owner-shares-not", "The site owner may not share.", "access.site_owner-share-acl", red=["ACL-006"])
replaces(
    "shares-need-chat-role",
    "A share is worth nothing without the chat role.",
    "shared_with",
    lambda right, backend, user, chat: (
        authz.has_org_role(user, chat.organization_id, authz.CHAT_ROLE) and right(backend, user, chat)
    ),
    red=["ACL-008", "ACL-022", "ACL-076"],
)
replaces(
    "groups-grant-nothing",
    "Sharing with a group grants nothing.",
    "shared_with",
    lambda right, backend, user, chat: backend.store.chats[chat.family_id].acl_users.get(user.id) == "read",
    red=["ACL-022", "ACL-076"],
)
replaces(
    "groups-hold-everybody",
    "Who has left an organization stays in its group.",
    "shared_with",
    lambda right, backend, user, chat: (
        right(backend, user, chat) or "read" in backend.store.chats[chat.family_id].acl_groups.values()
    ),
    red=["ACL-023"],
)
replaces(
    "children-not-shared",
    "A share of the root does not reach its children.",
    "shared_with",
    lambda right, backend, user, chat: chat.family_id == chat.id and right(backend, user, chat),
    red=["ACL-025", "ACL-026"],
)
replaces(
    "capitals-grant",
    "An id in capitals grants as well.",
    "shared_with",
    lambda right, backend, user, chat: right(backend, user, chat) or user.id in map(str.lower, chat.acl_users),
    red=["ACL-028"],
)
turns_off(
    "readers-without-files",
    "Readers may not download a chat's files.",
    "access.linked-files",
    red=["ACL-029", "FILE-035", "FILE-118", "FILE-119"],
)


def _strangers(answer: Answer, *names: str) -> None:
    known = answer.backend.store.chats.keys() & set(answer.path.split("/"))
    if answer.status == 404 and known and answer.actor in names and answer.path.endswith("/acl") and answer.method == "PATCH":
        answer.status, answer.body = 403, FORBIDDEN


@answers(red=["ACL-004", "OWN-009", "OWN-010"])
def member_learns_of_the_chat(answer: Answer) -> None:
    """Another member's change of the sharing is refused with 403."""
    _strangers(answer, "bob")


@answers(red=["ACL-007"])
def outsider_learns_of_the_chat(answer: Answer) -> None:
    """The change of the sharing by a member without the chat role or an auditor is refused with 403."""
    _strangers(answer, "carol", "auditor")


# How the list is changed
replaces(
    "sharing-is-replaced",
    "A change replaces the sharing list.",
    "merge_entries",
    lambda right, backend, stored, changes: stored.clear() or right(backend, stored, changes),
    red=["ACL-009", "ACL-010", "ACL-031", "OWN-002", "ACL-074", "ACL-076"],
)


@answers("patchChatACL", red=["ACL-010"])
def nobody_is_an_error(answer: Answer) -> None:
    """A change of the sharing that names nobody is refused."""
    if answer.status == 204 and answer.sent == {"user_roles": {}, "group_roles": {}}:
        answer.status, answer.body = 400, {"message": "Nothing to change."}
        answer.headers["content-type"] = "application/json"


@answers("getChatACL", red=["ACL-011", "SCHEMA-getChatACL"])
def no_groups_no_key(answer: Answer) -> None:
    """The sharing list leaves groups out when there are none."""
    if answer.status == 200 and not answer.body["groups"]:
        del answer.body["groups"]


@changes("patchChat", red=["ACL-031", "ACL-029", "ACL-074", "FILE-119"])
def archiving_ends_the_share(answer: Answer) -> None:
    """Archiving a chat takes its readers from the sharing list."""
    if answer.sent.get("archived"):
        answer.backend.store.chats[answer.path_params["chat"]].acl_users.clear()


@changes("getChatACL", red=["ACL-032"])
def deleted_users_vanish(answer: Answer) -> None:
    """Deleted users are left out of the sharing list."""
    known = answer.backend.store.users
    answer.body["users"] = [user for user in answer.body["users"] if not known[user["id"]].deleted]


@answers("getChatACL", red=["ACL-012"])
def members_are_not_counted(answer: Answer) -> None:
    """total_member_count is the number of the members shown, which is none."""
    for group in answer.body.get("groups", []):
        group["total_member_count"] = len(group["members"])


@instead("patch_chat_acl", red=["ACL-013"])
async def sharing_is_a_change(right: Any, call: Any) -> Any:
    """Sharing moves updated_at."""
    answer = await right(call)
    call.chat.updated_at = call.backend.clock.now()
    return answer


turns_off("own-id-accepted", "Callers may enter themselves.", "acl.self", red=["ACL-014"])
turns_off("own-id-last", "The own id is looked for last.", "acl.self-first", red=["ACL-015", "ERR-041"])
turns_off("any-share-role", "Any role may stand in the sharing list.", "acl.role", red=["ACL-016"])
turns_off("any-share-key", "Any key may stand in the sharing list.", "acl.uuid", red=["ACL-017", "ACL-019"])
turns_off("shares-with-nobody", "Unknown users may stand in the list.", "acl.no-user", red=["ACL-018", "ACL-019", "ACL-021"])
turns_off("shares-with-any-group", "Unknown groups may stand in the list.", "acl.no-group", red=["ACL-018", "ACL-019"])


@answers("patchChatACL", red=["ACL-019"])
def first_bad_entry_only(answer: Answer) -> None:
    """Only the first bad entry is reported."""
    if answer.status == 400 and "validations" in answer.body:
        del answer.body["validations"][1:]


turns_off("unknown-stays", "Removing an unknown user is refused.", "acl.removes-unknown", red=["ACL-020"])
turns_off("deleted-users-shared-with", "A deleted user may be entered.", "acl.deleted-users", red=["ACL-021"])
turns_off("child-has-a-list", "A child chat has a sharing list of its own.", "acl.child", red=["ACL-024", "ACL-026", "ERR-040"])
turns_off("right-before-child", "The right to share is checked before the root.", "acl.child-first", red=["ACL-026"])


@instead("entries_of", red=["ACL-027", "BODY-001", "BODY-002", "OWN-010"])
async def bad_bodies_are_empty(right: Any, call: Any) -> Any:
    """A malformed change of the sharing changes nothing."""
    try:
        return await right(call)
    except Refusal:
        return {"user_roles": None, "group_roles": None}


turns_off("disabled-sharing-works", "Sharing goes on when it is disabled.", "acl.disabled", red=["ACL-030"])
turns_off("stored-shares-last", "Shares that were stored before sharing was disabled still grant.", "acl.off", red=["ACL-053"])
