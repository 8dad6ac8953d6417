"""The watch feed: what the owner of chats is told of them without opening any."""

from __future__ import annotations

from typing import Any

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.streams import frames, kinds, quiet
from conformance.play.verdict import Unmet
from conformance.scenes.streaming import FAMILY, watching
from fixtures.scripts import script, tool_call, turn, turns
from fixtures.scripts import text as says

KINDS = {"created", "status_change", "title_change", "summary_change", "diff_status_change", "action_required", "deleted"}
NO_NEWS: list[dict[str, Any]] = [
    {"labels": {"a": "b"}},
    {"pin_order": 1},
    {"pin_order": 0},
    {"plan_mode": "plan"},
    {"plan_mode": ""},
]


@case("WATCH-001", "WATCH-002", "WATCH-003")
async def form_of_the_feed(t: Case) -> None:
    chat, beacon = await quiet(t), await quiet(t)
    watch = await watching(t, beacon)
    with t.judging("WATCH-001"):
        t.expect(kinds(await watch.so_far(chat)), [], "the events about a chat that nothing happened to")
    await chat.turn(script(turns(turn(tool_call("list_templates", {})), turn(says("Done.")))))
    t.given(await chat.patch(archived=True))
    t.given(await chat.patch(archived=False))
    seen = await watch.so_far(chat)
    with t.judging("WATCH-002"):
        t.true(seen, "events came", seen)
        for frame, came in frames(watch.socket):
            whole = not came.many and came.events and isinstance(came.events[0], dict) and {"kind", "chat"} <= set(came.events[0])
            t.true(whole, "a frame is text that holds one object with kind and chat", frame.payload)
    with t.judging("WATCH-003"):
        t.expect(sorted({e.get("kind") for e in watch.socket.events} - KINDS), [], "other kinds of events")
        for kind in ("status_change", "created", "deleted"):
            t.true(kind in kinds(seen), f"{kind} was sent", kinds(seen))


@case("WATCH-004")
async def who_may_watch(t: Case) -> None:
    for name in ("alice", "carol", "orgadmin", "auditor", "orgauditor"):
        socket = await t.actor(name).watch()
        t.expect(socket.log.handshake.status, 101, f"the upgrade for {name}")
    unknown = await t.nobody.socket(t.url("watchChats"))
    t.expect(unknown.log.handshake.status, 401, "the upgrade without a token")


@case("WATCH-005", "WATCH-006", "WATCH-007")
async def created_and_deleted(t: Case) -> None:
    socket = await t.alice.watch()
    chat = await t.new_chat()
    with t.judging("WATCH-005"):
        event = await socket.until({"kind": "created", "chat": {"id": chat.id}})
        t.expect((event["chat"]["owner_id"], event["chat"]["archived"]), (t.alice.id, False), "owner and archived", "/chat")
    await chat.settled()
    t.given(await chat.patch(archived=True))
    with t.judging("WATCH-006"):
        event = await socket.until({"kind": "deleted", "chat": {"id": chat.id}})
        t.expect(event["chat"]["archived"], True, "the archived chat in the event", "/chat/archived")
    start = len(socket.events)
    t.given(await chat.patch(archived=False))
    with t.judging("WATCH-007"):
        event = await socket.until({"kind": "created", "chat": {"id": chat.id}}, start=start)
        t.expect(event["chat"]["archived"], False, "the chat in the event", "/chat/archived")


@case("WATCH-006", "WATCH-007", "WATCH-008", "WATCH-009", "WATCH-026")
async def families(t: Case) -> None:
    watch = await watching(t)
    chat = await t.chat(script(FAMILY))
    child = Chat(t.alice, (await chat.children())[0]["id"])
    await child.settled()
    members = [chat.id, child.id]
    with t.judging("WATCH-026"):
        event = await watch.until(child, "created")
        t.expect(event["chat"].get("parent_chat_id"), chat.id, "the parent of the new chat", "/chat/parent_chat_id")
        await watch.until(child, "status_change", status="waiting")
    for kind, archived in (("deleted", True), ("created", False)):
        start = len(watch.socket.events)
        t.given(await chat.patch(archived=archived))
        await watch.so_far(chat)
        told_of = [e["chat"]["id"] for e in watch.socket.events[start:] if e["kind"] == kind and e["chat"]["id"] in members]
        with t.judging("WATCH-008"):
            t.expect(sorted(told_of), sorted(members), f"the chats that {kind} was sent for")
        with t.judging("WATCH-009"):
            t.expect(told_of[:1], [chat.id], f"the chat of the first {kind}")
    if t.refuses("patch.archive-child"):
        raise Unmet("a child is archived with its root alone")
    for requirement, kind, archived in (("WATCH-006", "deleted", True), ("WATCH-007", "created", False)):
        if t.given(await child.get())["archived"] == archived:  # a family may come back without it
            t.given(await child.patch(archived=not archived))
        start = len(await watch.so_far(child))
        t.given(await child.patch(archived=archived))
        with t.judging(requirement):
            seen = [(e["kind"], e["chat"]["archived"]) for e in await watch.so_far(child, start)]
            t.true((kind, archived) in seen, f"a child that is archived or unarchived alone sends {kind}", seen)


@case("WATCH-010")
async def own_chats_only(t: Case) -> None:
    watch, theirs = await watching(t), await quiet(t, by=t.bob)
    bobs = await watching(t, theirs)
    if "patchChatACL" in t.session.documents.operations:
        t.given(await theirs.set_acl(users={t.alice.id: "read"}))
    await theirs.turn("Hello again")
    t.true(await bobs.so_far(theirs), "the owner is told of the turn")
    t.expect(kinds(await watch.so_far(theirs)), [], "what a reader of the chat is told")


@case("WATCH-011")
async def admins_are_told_nothing(t: Case) -> None:
    chat = await quiet(t)
    owner, beacons = await watching(t, chat), [await quiet(t, by=t.root), await quiet(t, by=t.actor("orgadmin"))]
    watches = [await watching(t, beacon) for beacon in beacons]
    await chat.turn("Hello again")
    t.true(await owner.so_far(chat), "the owner is told of the turn")
    for watch in watches:
        t.expect(kinds(await watch.so_far(chat)), [], f"what {watch.beacon.actor.name} is told of another user's chat")


@case("WATCH-012")
async def several_connections(t: Case) -> None:
    watches = [await watching(t), await watching(t), await watching(t)]
    chat = await quiet(t)
    named, again = chat.dialect.signals("Named"), chat.dialect.signals("Again")
    hidden = (
        [] if any("archived" in c for c, _ in named) else [({"archived": True}, {"kind": "deleted", "chat": {"title": "Named"}})]
    )
    changes = [*named, *hidden, *again]
    for change, _ in changes:
        t.given(await chat.patch(**change))
    seen = [await watch.so_far(chat) for watch in watches]
    found = [(e["kind"], e["chat"]["title"]) for e in seen[0]][-len(changes) :]
    wanted = [(event["kind"], event["chat"].get("title", found[-1][1])) for _, event in changes]
    t.expect(found, wanted, "what one connection was told last")
    for other in seen[1:]:
        t.expect(other, seen[0], "the events of another connection")


@case("WATCH-021", "WATCH-022", "WATCH-029", "WATCH-033")
async def small_changes(t: Case) -> None:
    watch, chat = await watching(t), await quiet(t, labels={"a": "b"})
    start = len(await watch.so_far(chat))
    with t.judging("WATCH-021"):
        t.given(await chat.patch(title="Named"))
        t.given(await chat.patch(title="Named"))
        seen = await watch.so_far(chat, start)
        t.expect([(e["kind"], e["chat"]["title"]) for e in seen], [("title_change", "Named")], "the events of two renames")
    with t.judging("WATCH-033"):
        shown = seen[0]["chat"]
        t.exactly(shown["labels"], {"a": "b"}, "the labels in the event", "/chat/labels")
        owner = {"owner_id": t.alice.id, "organization_id": t.session.target.organization_id}
        t.expect({k: shown.get(k) for k in owner}, owner, "owner and organization in the event", "/chat")
    start = len(await watch.so_far(chat))
    with t.judging("WATCH-022"):
        for change in NO_NEWS:
            t.given(await chat.patch(**change))
        await chat.shared_with(t.bob)
        t.expect(kinds(await watch.so_far(chat, start)), [], "the events of labels, pins, plan mode and sharing")
    start = len(await watch.so_far(chat))
    with t.judging("WATCH-029"):
        t.given(await chat.propose())
        t.expect(kinds(await watch.so_far(chat, start)), [], "the events of propose")
        title = t.given(await chat.retitle())["title"]
        t.given(await chat.retitle())
        seen = await watch.so_far(chat, start)
        t.expect([(e["kind"], e["chat"]["title"]) for e in seen], [("title_change", title)], "the events of two regenerates")


@case("WATCH-025")
async def renamed_by_an_admin(t: Case) -> None:
    watch, chat = await watching(t), await quiet(t)
    t.given(await chat.by(t.root).patch(title="By the admin"))
    await watch.until(chat, "title_change", title="By the admin")
