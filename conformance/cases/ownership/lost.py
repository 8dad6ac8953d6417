"""Rights that end: the owner's own with the chat role and the membership, a reader's when sharing is switched off."""

from __future__ import annotations

from typing import Any

from conformance.play.actors import Actor, Chat, text
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.verdict import Unmet
from conformance.scenes.ownership import Scene, known, lasting, leave, no_leak

BEFORE = "shared:before"  # the label of a chat of Alice's that Bob could read until sharing was switched off


async def roles(t: Case, user: Actor, *names: str) -> None:
    """The user has exactly these roles in the organization. Raises Unmet."""
    organization = t.session.target.organization_id
    path = t.url("putMemberRoles", organization=organization, user=user.id)
    t.given(await t.root.put(path, {"roles": list(names)}))


async def own(t: Case) -> tuple[Actor, Scene]:
    """A new user with the chat role, and a chat at rest of theirs whose title no model changes. Raises Unmet."""
    user, secret = await t.new_user(*t.chat_roles), t.unique("secret")
    reference = {"type": "file-reference", "file_name": "a.txt", "start_line": 1, "end_line": 1, "content": "x"}
    chat = await t.chat([text(f"About {secret}"), reference], user)
    return user, Scene(chat, secret, (await chat.history())[0]["id"])


async def state(chat: Chat) -> dict[str, Any]:
    """The chat and its messages as its owner sees them. Raises Unmet."""
    return lasting(chat.case.given(await chat.get())) | {"messages": await chat.history()}


async def gone(t: Case, user: Actor, place: Scene) -> None:
    """For its owner the chat is as if it were not there: no list has it, and every operation answers 404. Raises Failure."""
    t.expect(t.accepted(await user.list()), [], "the list of the user")
    t.expect(t.accepted(await user.list(q="archived:true")), [], "the user's list of archived chats")
    for act in known(t).values():
        answer = await act(place.chat, place)
        t.refused(answer, "common.not-found")
        no_leak(t, place, answer)
    socket = await place.chat.stream()
    t.expect(socket.log.handshake.status, 404, "the status of a stream handshake")


async def back(t: Case, user: Actor, place: Scene, before: dict[str, Any]) -> None:
    """The owner has the chat again, as it was. Raises Failure."""
    t.accepted(await place.chat.get())
    t.expect(await state(place.chat), before, "the chat afterwards")
    t.expect([c["id"] for c in t.accepted(await user.list())], [place.chat.id], "the list afterwards")
    t.expect((await place.chat.stream()).log.handshake.status, 101, "the status of a stream handshake afterwards")
    t.accepted(await place.chat.send("again"))


@case("OWN-063")
async def chats_of_who_loses_the_role(t: Case) -> None:
    user, place = await own(t)
    before = await state(place.chat)
    await roles(t, user)
    await gone(t, user, place)
    t.accepted(await place.chat.by(t.root).get())
    await roles(t, user, *t.chat_roles)
    await back(t, user, place, before)


@case("OWN-064")
async def chats_of_who_leaves(t: Case) -> None:
    user, place = await own(t)
    before = await state(place.chat)
    await leave(t, user)
    await gone(t, user, place)
    t.accepted(await place.chat.by(t.root).get())
    t.given(await t.root.post(t.url("addMember", organization=t.session.target.organization_id, user=user.id)))
    await roles(t, user, *t.chat_roles)
    await back(t, user, place, before)


@case("ACL-053")
async def stored_shares_when_sharing_is_off(t: Case) -> None:
    found = t.given(await t.alice.list(label=BEFORE))
    if not found:
        raise Unmet(f"Alice has no chat with the label {BEFORE} that was shared with Bob before sharing was switched off")
    chat = Chat(t.alice, found[0]["id"])
    t.accepted(await chat.get())
    bobs = chat.by(t.bob)
    for answer in (await bobs.get(), await bobs.messages(), await bobs.prompts(), await bobs.diff(), await bobs.acl()):
        t.refused(answer, "common.not-found")
    t.expect((await bobs.stream()).log.handshake.status, 404, "the status of Bob's stream handshake")
    t.accepted(await chat.messages())
