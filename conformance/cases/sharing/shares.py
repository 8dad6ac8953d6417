"""The sharing list of a chat: what may stand in it, what it grants, and when."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.verdict import Unmet
from conformance.scenes.sharing import entries, shared
from conformance.wire.exchange import ABSENT


async def refused_entry(t: Case, chat: Chat, key: str, field: str, entry: dict[str, str]) -> None:
    """This entry of `user_roles` or `group_roles` is refused, and nothing is changed."""
    before = await entries(t, chat)
    roles: dict[str, Any] = {"users" if field == "user_roles" else "groups": entry}
    t.refused(await chat.set_acl(**roles), key, field=field)
    t.expect(await entries(t, chat), before, "the sharing list after a refused change")


@case("ACL-001")
async def share_with_a_user(t: Case) -> None:
    chat = await t.new_chat()
    bobs = chat.by(t.bob)
    t.refused(await bobs.get(), "common.not-found")
    t.accepted(await chat.set_acl(users={t.bob.id: "read"}))
    t.accepted(await bobs.get())
    t.accepted(await bobs.messages())


@case("ACL-002")
async def take_a_share_back(t: Case) -> None:
    chat = await t.new_chat()
    bobs = await chat.shared_with(t.bob)
    t.given(await bobs.get())
    t.accepted(await chat.set_acl(users={t.bob.id: ""}))
    t.refused(await bobs.get(), "common.not-found")
    t.refused(await bobs.messages(), "common.not-found")
    t.expect(await entries(t, chat), shared(), "the sharing list")


@case("ACL-008")
async def reader_without_the_chat_role(t: Case) -> None:
    chat, carol = await t.new_chat(), t.actor("carol")
    t.refused(await chat.by(carol).get(), "common.not-found")
    carols = await chat.shared_with(carol)
    t.accepted(await carols.get())
    t.accepted(await carols.messages())


@case("ACL-009", "ACL-010", needs=("roles",))
async def changes_are_merged(t: Case) -> None:
    chat, bob, carol, everyone = await t.new_chat(), t.bob.id, t.actor("carol").id, t.session.target.organization_id
    t.given(await chat.set_acl(users={bob: "read"}))
    with t.judging("ACL-009"):
        t.accepted(await chat.set_acl(users={carol: "read"}))
        t.expect(await entries(t, chat), shared(bob, carol), "the sharing list")
        t.accepted(await chat.set_acl(groups={everyone: "read"}))
        t.expect(await entries(t, chat), shared(bob, carol, groups=(everyone,)), "the sharing list")
        t.accepted(await chat.set_acl(users={bob: ""}))
        t.expect(await entries(t, chat), shared(carol, groups=(everyone,)), "the sharing list")
    with t.judging("ACL-010"):
        before = await entries(t, chat)
        nobodies: tuple[Any, ...] = (ABSENT, {}, None)
        for roles in nobodies:
            t.accepted(await chat.set_acl(users=roles, groups=roles))
        t.expect(await entries(t, chat), before, "the sharing list after changes that name nobody")


@case("ACL-011", "ACL-012")
async def shape_of_the_list(t: Case) -> None:
    chat, everyone = await t.new_chat(), t.session.target.organization_id
    empty = t.given(await chat.acl())
    t.given(await chat.set_acl(users={t.bob.id: "read"}, groups={everyone: "read"}))
    full = t.given(await chat.acl())
    with t.judging("ACL-011"):
        t.expect(empty, empty | {"users": [], "groups": []}, "the empty sharing list")
        for part, wanted in (("users", t.bob.id), ("groups", everyone)):
            t.expect([(e["id"], e["role"]) for e in full[part]], [(wanted, "read")], f"the {part}", f"/{part}")
    with t.judging("ACL-012"):
        t.expect(full["users"][0]["username"], t.bob.username, "the reader's user name", "/users/0/username")
        group = full["groups"][0]
        t.true(isinstance(group["name"], str) and isinstance(group["members"], list), "the group's name and members", group)
        t.true(group["total_member_count"] >= 2, "total_member_count counts the members", group["total_member_count"])


@case("ACL-013")
async def updated_at_stays(t: Case) -> None:
    chat = await t.chat()
    before = t.given(await chat.get())["updated_at"]
    for role in ("read", ""):
        t.accepted(await chat.set_acl(users={t.bob.id: role}))
        t.expect(t.accepted(await chat.get())["updated_at"], before, "updated_at after sharing", "/updated_at")


@case("ACL-014")
async def own_id(t: Case) -> None:
    chat = await t.new_chat()
    for spelled in (t.alice.id, t.alice.id.upper()):
        for role in ("read", ""):
            await refused_entry(t, chat, "acl.self", "user_roles", {spelled: role})
    t.accepted(await chat.set_acl(users={t.bob.id: "read"}))


@case("ACL-015", needs=("second-user",))
async def own_id_first(t: Case) -> None:
    chat, own = await t.new_chat(), t.alice.id
    alone = t.given(await chat.set_acl(users={own: "read"}), 400)
    for users, groups in (({own: "nonsense"}, {}), ({own: "read", "x": "read"}, {}), ({own: "read"}, {str(uuid4()): "read"})):
        answer = await chat.set_acl(users=users, groups=groups)
        t.refused(answer, "acl.self")
        t.expect(answer.response.body, alone, "the refusal beside that of the own id alone")
    t.true("validations" in t.given(await chat.set_acl(users={"x": "read"}), 400), "without the own id the entry is named")


# Bad entries, by requirement: refusal, field, and the entry made of a good id of the field.
BAD_ENTRIES: dict[str, dict[str, Any]] = {
    "write": {"requirement": "ACL-016", "key": "acl.role", "field": "user_roles", "entry": lambda i: {i: "write"}},
    "owner": {"requirement": "ACL-016", "key": "acl.role", "field": "user_roles", "entry": lambda i: {i: "owner"}},
    "capitals": {"requirement": "ACL-016", "key": "acl.role", "field": "user_roles", "entry": lambda i: {i: "READ"}},
    "blank": {"requirement": "ACL-016", "key": "acl.role", "field": "user_roles", "entry": lambda i: {i: " read"}},
    "group-write": {"requirement": "ACL-016", "key": "acl.role", "field": "group_roles", "entry": lambda i: {i: "write"}},
    "word": {"requirement": "ACL-017", "key": "acl.uuid", "field": "user_roles", "entry": lambda i: {"not-a-uuid": "read"}},
    "name": {"requirement": "ACL-017", "key": "acl.uuid", "field": "user_roles", "entry": lambda i: {"bob": "read"}},
    "empty": {"requirement": "ACL-017", "key": "acl.uuid", "field": "user_roles", "entry": lambda i: {"": "read"}},
    "group-word": {"requirement": "ACL-017", "key": "acl.uuid", "field": "group_roles", "entry": lambda i: {"abc": "read"}},
    "unknown": {"requirement": "ACL-018", "key": "acl.no-user", "field": "user_roles", "entry": lambda i: {str(uuid4()): "read"}},
    "one-good": {
        "requirement": "ACL-018",
        "key": "acl.no-user",
        "field": "user_roles",
        "entry": lambda i: {i: "read", str(uuid4()): "read"},
    },
    "group": {"requirement": "ACL-018", "key": "acl.no-group", "field": "group_roles", "entry": lambda i: {str(uuid4()): "read"}},
}


@case(rows=BAD_ENTRIES, needs=("second-user",))
async def bad_entry(t: Case, row: dict[str, Any]) -> None:
    chat, users = await t.new_chat(), row["field"] == "user_roles"
    good = t.bob.id if users else t.session.target.organization_id
    await refused_entry(t, chat, row["key"], row["field"], row["entry"](good))
    t.accepted(await (chat.set_acl(users={good: "read"}) if users else chat.set_acl(groups={good: "read"})))


@case("ACL-019")
async def every_bad_entry_is_reported(t: Case) -> None:
    chat = await t.new_chat()
    answer = await chat.set_acl(users={"x": "read", str(uuid4()): "read"}, groups={str(uuid4()): "read", "y": "read"})
    t.expect(answer.response.status, 400, "the status")
    fields = sorted(v["field"] for v in answer.response.body.get("validations", []))
    t.expect(fields, ["group_roles"] * 2 + ["user_roles"] * 2, "the fields of the validations", "/validations")


@case("ACL-020")
async def remove_somebody_unknown(t: Case) -> None:
    chat, unknown = await t.new_chat(), str(uuid4())
    t.accepted(await chat.set_acl(users={unknown: ""}))
    t.accepted(await chat.set_acl(groups={unknown: ""}))
    t.expect(await entries(t, chat), shared(), "the sharing list")


@case("ACL-021", "ACL-032")
async def deleted_user(t: Case) -> None:
    chat, user = await t.new_chat(), await t.new_user()
    t.given(await chat.set_acl(users={user.id: "read"}))
    t.given(await t.root.delete(t.url("deleteUser", user=user.id)))
    with t.judging("ACL-032"):
        t.expect(await entries(t, chat), shared(user.id), "the sharing list after the reader was deleted")
    with t.judging("ACL-021"):
        t.given(await chat.set_acl(users={user.id: ""}))
        await refused_entry(t, chat, "acl.no-user", "user_roles", {user.id: "read"})


@case("ACL-031")
async def archiving_leaves_the_share(t: Case) -> None:
    chat, group = await t.chat(), t.session.target.organization_id
    bobs = await chat.shared_with(t.bob)
    t.given(await chat.set_acl(groups={group: "read"}))
    for archived in (True, False):
        t.given(await chat.patch(archived=archived))
        t.accepted(await bobs.messages())
        t.expect(t.accepted(await bobs.get())["archived"], archived, "archived, as the reader sees it", "/archived")
        t.expect(await entries(t, chat), shared(t.bob.id, groups=(group,)), f"the sharing list with archived {archived}")


# Malformed bodies; `bob` stands for his id.
MALFORMED = {
    "empty": b"",
    "unfinished": b"{",
    "array": b"[]",
    "list-of-users": b'{"user_roles": []}',
    "role-number": b'{"user_roles": {"bob": 5}}',
    "groups-text": b'{"group_roles": "x"}',
}


@case("ACL-027", rows=MALFORMED)
async def malformed_body(t: Case, content: bytes) -> None:
    chat = await t.new_chat()
    sent = content.replace(b"bob", t.bob.id.encode())
    t.refused(await t.alice.request("PATCH", chat.url("patchChatACL"), content=sent), "common.bad-json")
    t.expect(await entries(t, chat), shared(), "the sharing list after a malformed change")
    t.accepted(await chat.set_acl(users={t.bob.id: "read"}))


@case("ACL-028")
async def id_in_capitals(t: Case) -> None:
    chat = await t.new_chat()
    if t.bob.id == t.bob.id.upper():
        raise Unmet("the reader's id has no letters")
    t.accepted(await chat.set_acl(users={t.bob.id.upper(): "read"}))
    t.refused(await chat.by(t.bob).get(), "common.not-found")


@case("ACL-030")
async def sharing_disabled(t: Case) -> None:
    chat = await t.new_chat()
    t.refused(await chat.acl(), "acl.disabled")
    t.refused(await chat.set_acl(users={t.bob.id: "read"}), "acl.disabled")
    t.refused(await chat.by(t.bob).get(), "common.not-found")
    t.accepted(await chat.get())
