"""Who sees what beside a chat's own reads: lists, streams, debug runs; what a refusal comes before; creating elsewhere."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from conformance.play.actors import Actor, Chat, text
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.ownership import ALLOWED, READS, actor_of, leave, like_missing, scene, seen_by
from conformance.wire.exchange import Exchange
from fixtures.scripts import gate, script, tool_call, turn, turns
from fixtures.scripts import text as says

BROKEN = b"{broken"


def read_cell(t: Case, kind: str) -> str:
    """What this kind of actor gets who reads a chat. Raises Unmet when the revision has no such kind."""
    actor_of(t, kind)
    return str(t.session.profile.table("roles")["classes"]["read"][kind])


@case("OWN-010")
async def before_every_check(t: Case) -> None:
    chat = await t.chat()
    tries: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", "listMessages", {"params": {"limit": "0"}}),
        ("GET", "listMessages", {"params": {"before_id": "x"}}),
        ("GET", "listPrompts", {"params": {"limit": "-1"}}),
        ("PATCH", "patchChat", {"content": BROKEN}),
        ("POST", "sendMessage", {"content": BROKEN}),
        ("PATCH", "patchChatACL", {"content": BROKEN}),
        ("POST", "submitToolResults", {"content": BROKEN}),
        ("DELETE", "deleteQueuedMessage", {}),
    ]
    for method, operation, options in tries:
        if t.offers(operation):
            path = chat.url(operation, queuedMessage="x")
            t.refused(await t.bob.request(method, path, **options), "common.not-found")
            own = await t.alice.request(method, path, **options)
            t.expect(own.response.status, 400, f"the status of {operation} for the owner")


@case("OWN-002", needs=["roles", "files", "llm-control"])
async def a_reader_sees_the_whole(t: Case) -> None:
    hold, file = t.gate(), t.given(await t.alice.upload(b"some notes"))["id"]
    spawn = turn(tool_call("spawn_agent", {"type": "general", "prompt": "child task", "title": "Child"}))
    chat = await t.new_chat([text(script(turns(spawn, turn(gate(hold), says("done"))))), {"type": "file", "file_id": file}])
    await t.llm.reached(hold)
    child = (await chat.when(lambda c: c.get("children"), "a child"))["children"][0]["id"]
    queued = t.given(await chat.send("Later"))["queued_message"]["id"]
    t.given(await chat.set_acl(users={t.actor("carol").id: "read"}))
    bobs = await chat.shared_with(t.bob)
    seen, listed = t.accepted(await bobs.get()), t.accepted(await bobs.messages())
    readers = [entry["id"] for entry in t.accepted(await bobs.acl())["users"]]
    t.expect([f["id"] for f in seen.get("files", [])], [file], "the chat's files, as a reader sees them", "/files")
    t.expect([c["id"] for c in seen["children"]], [child], "its children", "/children")
    t.expect([q["id"] for q in listed["queued_messages"]], [queued], "its queue", "/queued_messages")
    t.expect(sorted(readers), sorted([t.bob.id, t.actor("carol").id]), "its readers", "/users")


@case("OWN-011", rows={kind: kind for kind in READS})
async def debug_runs(t: Case, kind: str) -> None:
    place = await scene(t)
    mine = await seen_by(t, place, kind)
    answer = await mine.actor.get(mine.url("listDebugRuns"))
    if read_cell(t, kind) == ALLOWED:
        t.true(isinstance(t.accepted(answer), list), "a JSON array of runs", answer.response.body)
    else:
        t.refused(answer, read_cell(t, kind))


ROLES = ("outsider", "org_auditor", "auditor", "org_admin", "site_owner")


@case("OWN-012", rows={k: {"kind": k, "needs": ("roles",) if k in ROLES else ()} for k in READS})
async def streams(t: Case, row: dict[str, Any]) -> None:
    place = await scene(t)
    mine, allowed = await seen_by(t, place, row["kind"]), read_cell(t, row["kind"]) == ALLOWED
    stream = await mine.stream()
    t.expect(stream.log.handshake.status, 101 if allowed else 404, f"the handshake of {row['kind']}")
    for below in ("streamGit", "streamDesktop"):
        status = (await mine.actor.socket(mine.url(below))).log.handshake.status
        t.true((status != 404) == allowed, f"{below} is {'open' if allowed else 'hidden'}", status)
    if not allowed:
        t.true((await place.chat.stream()).opened, "the owner's own handshake succeeds")


async def listed(t: Case, actor: Actor, mark: str) -> list[str]:
    """The ids of the chats with this mark in the actor's list."""
    return [c["id"] for c in await actor.marked(mark)]


@case("OWN-013")
async def list_without_the_chat_role(t: Case) -> None:
    await t.chat()
    t.expect(t.accepted(await actor_of(t, "outsider").list()), [], "the list of a member without the chat role")
    t.true(t.accepted(await t.alice.list()), "the list of the chat's owner is not empty")


@case("OWN-014", rows={"site-owner": {"kind": "site_owner"}, "org-admin": {"kind": "org_admin", "needs": ("roles",)}})
async def list_of_an_admin(t: Case, row: dict[str, Any]) -> None:
    admin, mark = actor_of(t, row["kind"]), t.unique()
    await t.new_chat(mark=mark)
    own = await t.new_chat(by=admin, mark=mark)
    t.expect(await listed(t, admin, mark), [own.id], "the admin's list")


@case("OWN-015")
async def list_beside_shared_chats(t: Case) -> None:
    mark = t.unique()
    chat = await t.new_chat(mark=mark)
    shared = await chat.shared_with(t.bob)
    t.accepted(await shared.get())
    t.expect(await listed(t, t.bob, mark), [], "the list of a reader")
    t.expect(await listed(t, t.alice, mark), [chat.id], "the list of the owner")


@case("OWN-024", rows={"reader": "reader", "member": "member"})
async def empty_and_malformed_patch(t: Case, kind: str) -> None:
    place = await scene(t)
    mine = await seen_by(t, place, kind)

    async def both(chat: Chat) -> list[Exchange]:
        return [await chat.patch(), await chat.actor.request("PATCH", chat.path, content=BROKEN)]

    empty, broken = await both(mine)
    t.refused(empty, "common.not-found")
    t.refused(broken, "common.not-found")
    t.alike(broken, empty, "the body for a malformed PATCH beside that for an empty one")
    t.expect([x.response.status for x in await both(place.chat)], [204, 400], "the owner's empty and malformed PATCH")


NOT_OWNERS: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "send": ("POST", "/messages", {"content": BROKEN}, "send.not-owner"),
    "edit": ("PATCH", "/messages/abc", {"content": BROKEN}, "edit.not-owner"),
    "tool-results": ("POST", "/tool-results", {"content": BROKEN}, "tool-results.not-owner"),
    "promote": ("POST", "/queue/abc/promote", {}, "promote.not-owner"),
}


@case("OWN-034", rows=NOT_OWNERS)
async def not_owner_before_body(t: Case, row: tuple[str, str, dict[str, Any], str]) -> None:
    method, below, options, key = row
    path = (await t.chat()).path + below
    t.refused(await t.root.request(method, path, **options), key)
    t.expect((await t.alice.request(method, path, **options)).response.status, 400, "the status for the owner")


@case("OWN-040")
async def create_in_an_unknown_organization(t: Case) -> None:
    t.refused(await t.alice.create(organization_id=str(uuid4())), "create.not-member")
    t.refused(await t.alice.create([], organization_id=str(uuid4())), "create.not-member")
    t.accepted(await t.alice.create())


@case("OWN-040", needs=("admin",))
async def create_in_an_organization_left(t: Case) -> None:
    user = await t.new_user(*t.chat_roles)
    t.given(await user.create())
    await leave(t, user)
    t.refused(await user.create(), "create.not-member")


@case("OWN-041")
async def site_owner_creates_elsewhere(t: Case) -> None:
    mark = t.unique()
    t.refused(await t.root.create(mark=mark, organization_id=str(uuid4())), "create.not-member")
    t.expect(await listed(t, t.root, mark), [], "the site owner's list after a refused create")
    t.given(await t.root.create(mark=mark))


@case("OWN-042", "OWN-092", rows={"alice": "alice", "bob": "bob"}, either=True)
async def created_chat_belongs_to_the_caller(t: Case, name: str) -> None:
    actor = t.actor(name)
    body = t.accepted(await actor.create())
    for chat in (body, t.accepted(await Chat(actor, body["id"]).get())):
        t.expect(chat["owner_id"], actor.id, "the owner", "/owner_id")
        if t.knows("Chat", "organization_id"):
            t.expect(chat["organization_id"], t.session.target.organization_id, "the organization", "/organization_id")


@case("OWN-009")
async def unknown_and_foreign(t: Case) -> None:
    place = await scene(t)
    wanted = ("patchChat", "interruptChat", "sendMessage", "proposeTitle", "patchChatACL")
    await like_missing(t, place, place.chat.by(t.bob), {operation: "" for operation in wanted if t.offers(operation)})
    t.accepted(await place.chat.get())
