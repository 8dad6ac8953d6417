"""Get: one chat, its children, its changes, its debug runs, and the chats of workspaces."""

from __future__ import annotations

from uuid import uuid4

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.lifecycle import COMES_LATER, family, still, titled

# What may differ between two answers for one chat at rest: what only one of them has, and what comes when it will.
MOVING = COMES_LATER | {"has_unread", "diff_status", "status", "updated_at", "title", "files", "children", "queued_for_capacity"}


@case("CHAT-012")
async def one_chat_in_every_answer(t: Case) -> None:
    mark = t.unique()
    made = t.given(await t.alice.create("Hello there", mark))
    chat = Chat(t.alice, made["id"])
    await still(chat)
    read = t.accepted(await chat.get())
    (listed,) = await t.alice.marked(mark)
    for other, where in ((made, "create"), (listed, "the list")):
        fixed, shown = ({key: chat[key] for key in chat.keys() - MOVING} for chat in (read, other))
        t.expect(fixed, shown, f"the chat of GET and of {where}")
    t.expect((listed["updated_at"], listed["status"]), (read["updated_at"], read["status"]), "updated_at and status of the list")


@case("CHAT-013", "CHAT-014", "CHATOBJ-019")
async def children(t: Case) -> None:
    root, (first, second) = await family(t, "child task", "another task")
    with t.judging("CHAT-013"):
        for child in (first, second):
            shown = t.accepted(await child.get())
            t.expect(shown.get("parent_chat_id"), root.id, "the parent of the child", "/parent_chat_id")
            t.expect(shown["root_chat_id"], root.id, "its root", "/root_chat_id")
            t.expect(shown["children"], [], "its children", "/children")
    with t.judging("CHAT-014"):
        shown = t.accepted(await root.get())["children"]
        t.expect([c["id"] for c in shown], [second.id, first.id], "the children in GET of the root", "/children")
        t.expect([c["title"] for c in shown], ["Child 2", "Child 1"], "their titles", "/children")
    with t.judging("CHATOBJ-019"):
        known = [c.get("diff_status", {}).get("chat_id") for c in t.accepted(await root.get())["children"]]
        t.expect(known, [second.id, first.id], "whose changes the children's diff_status shows", "/children")


@case("CHAT-015")
async def a_child_acts_like_a_root(t: Case) -> None:
    _, (child,) = await family(t, "child task")
    sent = t.accepted(await child.send("more for the child"))
    t.expect(sent["message"]["content"][0]["text"], "more for the child", "the message", "/message/content/0/text")
    await child.settled()
    if not t.refuses("interrupt.at-rest"):
        t.expect(t.accepted(await child.interrupt())["status"], "waiting", "the status after an interrupt", "/status")
    t.true(t.accepted(await child.propose())["title"], "a title is proposed for a child")
    title = t.accepted(await child.retitle())["title"]
    t.expect(t.accepted(await child.get())["title"], title, "the regenerated title read back", "/title")


@case("CHAT-020")
async def diff_without_git(t: Case) -> None:
    chat = await titled(t)
    t.expect(t.accepted(await chat.diff()), {"chat_id": chat.id}, "the diff of a chat without git data")


@case("CHAT-021", "CHAT-022", "CHAT-023", "CHAT-024", writes=False)
async def by_workspace(t: Case) -> None:
    most = t.limit("by-workspace.ids")
    path, known = t.url("chatsByWorkspace"), [str(uuid4()) for _ in range(most + 1)]
    with t.judging("CHAT-021"):
        for params in ({}, {"workspace_ids": ""}):
            t.expect(t.accepted(await t.alice.get(path, params=params)), {}, f"the answer with {params or 'no parameter'}")
    with t.judging("CHAT-022"):
        t.refused(await t.alice.get(path, params={"workspace_ids": ",".join(known)}), "by-workspace.count")
        t.accepted(await t.alice.get(path, params={"workspace_ids": ",".join(known[:most])}))
    with t.judging("CHAT-023"):
        for bad in ("x", f"{known[0]},abc", f"{known[0]},"):
            t.refused(await t.alice.get(path, params={"workspace_ids": bad}), "by-workspace.id")
        t.accepted(await t.alice.get(path, params={"workspace_ids": f"{known[0]} , {known[1]}"}))
    with t.judging("CHAT-024"):
        t.expect(t.accepted(await t.alice.get(path, params={"workspace_ids": known[0]})), {}, "chats of an unknown workspace")


@case("CHAT-025")
async def debug_runs(t: Case) -> None:
    chat = await t.chat()
    t.expect(t.accepted(await t.alice.get(chat.url("listDebugRuns"))), [], "the debug runs of a chat")
