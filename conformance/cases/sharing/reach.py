"""How far a share reaches: groups, those who leave, child chats and files."""

from __future__ import annotations

from conformance.play.actors import Chat, text
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.verdict import Unmet
from conformance.scenes.ownership import leave
from conformance.scenes.sharing import entries, shared
from fixtures import scripts


@case("ACL-022")
async def everyone(t: Case) -> None:
    chat, group = await t.new_chat(), t.session.target.organization_id
    readers = [chat.by(t.actor(name)) for name in ("bob", "carol", "orgauditor", "auditor")]
    for reader in readers:
        t.refused(await reader.get(), "common.not-found")
    t.accepted(await chat.set_acl(groups={group: "read"}))
    for reader in readers:
        t.accepted(await reader.get())
        t.refused(await reader.patch(title="x"), "common.not-found")
    t.accepted(await chat.set_acl(groups={group: ""}))
    for reader in readers:
        t.refused(await reader.get(), "common.not-found")


@case("ACL-023", "ACL-178")
async def a_member_leaves(t: Case) -> None:
    chat, user, group = await t.new_chat(), await t.new_user(), t.session.target.organization_id
    mine = chat.by(user)
    t.given(await chat.set_acl(groups={group: "read"}))
    t.given(await mine.get())
    await leave(t, user)
    with t.judging("ACL-023"):
        t.refused(await mine.get(), "common.not-found")
        t.accepted(await chat.set_acl(users={user.id: "read"}))
        t.accepted(await mine.get())
        t.accepted(await mine.messages())
    with t.judging("ACL-178"):
        t.accepted(await chat.set_acl(users={user.id: "read"}))
        t.refused(await mine.get(), "common.not-found")
        t.refused(await mine.messages(), "common.not-found")


async def family(t: Case) -> tuple[Chat, Chat]:
    """A root chat and a child of it, both at rest. Raises Unmet."""
    spawn = scripts.tool_call("spawn_agent", {"type": "general", "prompt": "Say hello", "title": "Child"})
    root = await t.chat(scripts.script(scripts.turns(scripts.turn(spawn), scripts.turn(scripts.text("Spawned")))))
    children = t.given(await root.get()).get("children") or []
    if not children:
        raise Unmet("a spawn_agent call made no child chat")
    child = Chat(t.alice, children[0]["id"])
    await child.settled()
    return root, child


@case("ACL-024", "ACL-026")
async def sharing_list_of_a_child(t: Case) -> None:
    root, child = await family(t)
    await root.shared_with(t.bob)
    with t.judging("ACL-024"):
        t.refused(await child.acl(), "acl.child", id=root.id)
        t.refused(await child.set_acl(users={t.bob.id: "read"}), "acl.child", id=root.id)
        t.expect(await entries(t, root), shared(t.bob.id), "the root's sharing list")
    with t.judging("ACL-026"):
        t.refused(await t.alice.request("PATCH", child.url("patchChatACL"), content=b"{broken"), "acl.child", id=root.id)
        t.refused(await child.by(t.bob).set_acl(), "acl.child", id=root.id)
        t.refused(await root.by(t.bob).set_acl(), "common.forbidden")


@case("ACL-025")
async def sharing_reaches_children(t: Case) -> None:
    root, child = await family(t)
    bobs = child.by(t.bob)
    t.refused(await bobs.get(), "common.not-found")
    t.accepted(await root.set_acl(users={t.bob.id: "read"}))
    t.accepted(await bobs.get())
    t.accepted(await bobs.messages())
    t.accepted(await root.set_acl(users={t.bob.id: ""}))
    t.refused(await bobs.get(), "common.not-found")


@case("ACL-029")
async def files_of_a_shared_chat(t: Case) -> None:
    data = f"for readers of {t.unique()}\n".encode()
    file = t.given(await t.alice.upload(data))["id"]
    path = t.url("downloadFile", file=file)
    chat = await t.chat([text("See the file"), {"type": "file", "file_id": file}])
    t.refused(await t.bob.get(path), "common.not-found")
    await chat.shared_with(t.bob)
    answer = await t.bob.get(path)
    t.accepted(answer)
    t.expect(answer.response.content, data, "the downloaded file")
    t.given(await chat.patch(archived=True))
    t.accepted(await t.bob.get(path))
    t.given(await chat.set_acl(users={t.bob.id: ""}))
    t.refused(await t.bob.get(path), "common.not-found")
