"""Wrong about who may do what: one kind of caller at one place, order of checks, lists, creating."""

from __future__ import annotations

from typing import Any

from fake_server.chats.views import chat_view
from fake_server.faulting import Answer, Fault, answers, changes, declare, turns_off

FORBIDDEN = {"message": "Forbidden.", "detail": "You don't have permission to view this content."}

# Reads. Kind of caller → the place where the answer is the other way round, and what turns red.
_READS = {
    "owner": ("diff", ["OWN-001", "OWN-085", "CHAT-020", "EVENT-006", "ROUTE-006", "ROUTE-007"]),
    "reader": ("prompts", ["OWN-002"]),
    "member": ("diff", ["OWN-003", "OWN-009"]),
    "outsider": ("prompts", ["OWN-004", "OWN-009"]),
    "org_auditor": ("prompts", ["OWN-005", "OWN-009"]),
    "auditor": ("messages", ["OWN-006", "OWN-009"]),
    "org_admin": ("diff", ["OWN-007", "OWN-086"]),
    "site_owner": ("prompts", ["OWN-008"]),
}
for _kind, (_place, _red) in _READS.items():
    _shown = _kind.replace("_", "-")
    _doc = f"The wrong thing is decided when a {_shown} reads {_place}."
    turns_off(f"{_shown}-reads-{_place}", _doc, f"access.{_kind}-read-{_place}", red=_red)


def _hides(name: str, operation: str, key: str, value: Any = None) -> None:
    """Declare a fault: in this answer to a reader another value stands under the key, or none."""

    def hide(answer: Answer) -> None:
        chat = answer.backend.store.chats.get(answer.path_params.get("chat", ""))
        owner = answer.backend.store.users[chat.owner_id].username if chat else ""
        if answer.status == 200 and answer.actor == "bob" != owner and answer.body.get(key):
            answer.body[key] = value
            if value is None:
                del answer.body[key]

    doc = f"A reader's {operation} shows nothing of {key}."
    declare(Fault(name, doc, frozenset({"OWN-002"}), operations=frozenset({operation}), answer=hide))


_hides("readers-see-no-queue", "listMessages", "queued_messages", [])
_hides("readers-see-no-files", "getChat", "files")
_hides("readers-see-no-children", "getChat", "children", [])


@changes("getChatACL", red=["OWN-002"])
def readers_see_themselves(answer: Answer) -> None:
    """A reader sees nobody else in the sharing list."""
    if answer.actor == "bob":
        answer.body["users"] = [user for user in answer.body["users"] if user["username"] == "bob"]


turns_off(
    "member-reads-debug-runs",
    "Anyone with the chat role lists debug runs.",
    "access.member-read-debug",
    red=["OWN-011", "DEBUG-011"],
)
turns_off(
    "member-opens-streams",
    "Anyone with the chat role may follow any chat.",
    "access.member-read-stream",
    red=["OWN-012", "STREAM-005", "STREAM-012", "STREAM-080"],
)


@answers(red=["OWN-009"])
def foreign_chats_told_apart(answer: Answer) -> None:
    """The 404 of a chat that exists says so in its detail."""
    known = answer.backend.store.chats.keys() & set(answer.path.split("/"))
    if answer.status == 404 and known and answer.actor == "bob":
        answer.body["detail"] = "You may not read this chat."


@answers(red=["OWN-010"])
def limit_before_chat(answer: Answer) -> None:
    """limit=0 is refused before the chat is looked up."""
    if answer.status == 404 and answer.query.get("limit") == "0":
        answer.status, answer.body = 400, {"message": "Invalid limit parameter (1-200)."}


def _list_more(answer: Answer, name: str, *, shared: bool = False) -> None:
    """Add other users' chats with the label that is asked for; only those that are shared with someone, or all."""
    chats = list(answer.backend.store.chats.values())[-60:] if answer.status == 200 and answer.actor == name else []
    mark = answer.query.get("label", ":").partition(":")[2]
    listed = [chat["id"] for chat in answer.body] if chats else []
    for chat in chats:
        if chat.id not in listed and (not mark or mark in chat.labels.values()) and (chat.acl_users or not shared):
            answer.body.append(chat_view(answer.backend, chat, diff_status=True))


@answers("listChats", red=["OWN-013", "OWN-036"])
def outsider_lists_everything(answer: Answer) -> None:
    """Without the chat role the list is not filtered."""
    _list_more(answer, "carol")


@answers("listChats", red=["OWN-014"])
def site_owner_lists_everything(answer: Answer) -> None:
    """The site owner's list holds everybody's chats."""
    _list_more(answer, "root0")


@answers("listChats", red=["OWN-015"])
def reader_lists_shared_chats(answer: Answer) -> None:
    """The list holds chats that are shared with the caller."""
    _list_more(answer, "bob", shared=True)


# Changes
_CHANGES = {
    "reader": ["OWN-017", "OWN-025"],
    "member": ["OWN-018", "OWN-025", "OWN-009"],
    "outsider": ["OWN-019", "OWN-025"],
    "org_auditor": ["OWN-020", "OWN-025"],
    "auditor": ["OWN-021", "OWN-025"],
    "org_admin": ["OWN-022"],
    "site_owner": ["OWN-023"],
}
for _kind, _red in _CHANGES.items():
    _points = [f"access.{_kind}-update-interrupt"]
    if _kind in ("member", "outsider", "org_auditor", "auditor"):
        _points.append(f"access.{_kind}-read-interrupt")
    _shown = _kind.replace("_", "-")
    turns_off(f"{_shown}-interrupts", f"The wrong thing is decided when a {_shown} interrupts.", *_points, red=_red)


@answers("patchChat", red=["OWN-016", "PATCH-018", "PATCH-022", "PATCH-023", "TITLE-012"])
def owner_changes_one_thing_only(answer: Answer) -> None:
    """The owner's PATCH of title and labels at once is done and answered with 404."""
    if answer.status == 204 and answer.actor == "alice" and answer.sent["title"] and answer.sent["labels"]:
        answer.status, answer.body = 404, {"message": "Resource not found or you do not have access to this resource"}
        answer.headers["content-type"] = "application/json"


turns_off("body-before-right", "A PATCH is decoded before the right is checked.", "access.before-body", red=["OWN-024"])


@answers("patchChat", red=["OWN-025"])
def refused_patch_leaves_a_trace(answer: Answer) -> None:
    """A refused PATCH of a readable chat moves its updated_at."""
    chat = answer.backend.store.chats.get(answer.path_params["chat"])
    if answer.status == 404 and chat:
        chat.updated_at = answer.backend.clock.now()


# What only the owner may do
turns_off("admins-send", "Whoever may change a chat may send.", "send.not-owner", red=["OWN-026", "OWN-034"])
turns_off("admins-edit", "Whoever may change a chat may edit.", "edit.not-owner", red=["OWN-027", "OWN-034"])
turns_off("admins-promote", "Whoever may change a chat may promote.", "promote.not-owner", red=["OWN-028", "OWN-034"])
turns_off("admins-propose", "Whoever may change a chat may propose titles.", "propose.not-owner", red=["OWN-029"])
turns_off("admins-answer-tools", "Admins may answer tools.", "tool-results.not-owner", red=["OWN-030", "OWN-034"])
turns_off("reader-meets-403", "A reader's send is refused as an admin's is.", "access.reader-update-messages", red=["OWN-031"])
for _kind, _red in {"member": ["OWN-032", "OWN-009", "ROUTE-009", "ERR-076"], "outsider": ["OWN-033"]}.items():
    _points = [f"access.{_kind}-{_action}-title" for _action in ("read", "update")]
    turns_off(f"{_kind}-meets-403", f"A title for a {_kind} is refused as for an admin.", *_points, red=_red)
turns_off("send-decodes-first", "A send is decoded before the owner is compared.", "access.owner-before-body", red=["OWN-034"])


# Creating
@answers("createChat", red=["OWN-035", "OWN-042", "OWN-091"])
def member_may_not_create(answer: Answer) -> None:
    """Bob's chats are made and answered with 403."""
    if answer.actor == "bob" and answer.status == 201:
        answer.status, answer.body = 403, FORBIDDEN


for _kind, _ids in {
    "outsider": ["OWN-036", "CREATE-004"],
    "auditor": ["OWN-037"],
    "org_admin": ["OWN-038"],
    "site_owner": ["OWN-039"],
}.items():
    _shown = _kind.replace("_", "-")
    turns_off(f"{_shown}-creates", f"The wrong thing is decided when a {_shown} creates.", f"access.{_kind}-create", red=_ids)


@answers("createChat", red=["OWN-040", "OWN-041", "CREATE-003", "CREATE-005", "CREATE-039"])
def unknown_organization_is_bad(answer: Answer) -> None:
    """An organization that the caller is no member of is a bad request."""
    if answer.status == 403 and "organization" in answer.body["message"]:
        answer.status = 400


turns_off("site-owner-anywhere", "Membership is not asked for on create.", "create.not-member", red=["OWN-041", "ERR-014"])


@answers("createChat", red=["OWN-042", "OWN-035", "CHATOBJ-015", "OWN-092"])
def created_for_another(answer: Answer) -> None:
    """The answer to Bob's create names another owner."""
    if answer.actor == "bob" and answer.status == 201:
        answer.body["owner_id"] = next(iter(answer.backend.store.users))


turns_off(
    "own-chats-without-the-role",
    "A member who has lost the chat role keeps the own chats.",
    "access.own-by-role",
    red=["OWN-063"],
)
turns_off(
    "own-chats-without-membership",
    "Who has left the organization keeps the own chats.",
    "access.own-by-membership",
    red=["OWN-064"],
)
