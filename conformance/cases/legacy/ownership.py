"""Whose chats they are: everybody's own, and the site owner's to read and to write in."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from conformance.play.actors import Actor, Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.answers import ask, empty, texts
from conformance.wire.exchange import Exchange

ROLES = ("orgadmin", "orgauditor", "auditor", "useradmin", "templateadmin")


async def everything(chat: Chat) -> list[Exchange]:
    """The answers to all that can be asked of one chat."""
    return [await chat.get(), await chat.messages(), await chat.send("Let me in")]


@case("LOWN-001", rows={name: name for name in (*ROLES, "root", "carol", "bob")})
async def everybody_has_chats(t: Case, name: str) -> None:
    actor = t.actor(name)
    made = t.accepted(await actor.create())["id"]
    chat = Chat(actor, made)
    await ask(chat, "Hello")
    t.expect(t.accepted(await chat.get())["id"], made, "the chat")
    t.true(made in [c["id"] for c in t.accepted(await actor.list())], "the list has the chat")
    t.expect(len(t.accepted(await chat.messages())), 2, "how many messages it has")


@case("LOWN-002")
async def other_members(t: Case) -> None:
    chat = await empty(t)
    unknown = await everything(Chat(t.bob, str(uuid4())))
    for answer, plain in zip(await everything(chat.by(t.bob)), unknown, strict=True):
        t.refused(answer, "common.not-found")
        t.alike(answer, plain, "the refusal of another's chat beside that of none")
    t.exactly(t.accepted(await chat.messages()), [], "the messages of the chat")


@case("LOWN-003", rows={name: name for name in ROLES})
async def other_roles(t: Case, name: str) -> None:
    chat = await empty(t)
    for answer in await everything(chat.by(t.actor(name))):
        t.refused(answer, "common.not-found")
    t.exactly(t.accepted(await chat.messages()), [], "the messages of the chat")


@case("LOWN-004", needs=["llm"])
async def the_site_owner_reads(t: Case) -> None:
    chat = await t.chat()
    roots = chat.by(t.root)
    t.expect(t.accepted(await roots.get()), t.given(await chat.get()), "the chat that the site owner sees")
    t.expect(t.accepted(await roots.messages()), await chat.history(), "the messages that the site owner sees")


@case("LOWN-005")
async def the_site_owner_writes(t: Case) -> None:
    chat = await empty(t)
    word = t.unique()
    answer = await ask(chat.by(t.root), word)
    shown = t.accepted(await chat.messages())
    t.expect([texts(shown, "user"), texts(shown)], [[word], [answer.text]], "what the owner of the chat reads")


@case("LOWN-006")
async def a_refused_message_does_nothing(t: Case) -> None:
    chat, word = await empty(t), t.unique()
    t.refused(await chat.by(t.bob).send(word), "common.not-found")
    chat.opening = "My own"
    t.expect(texts(t.accepted(await chat.messages()), "user"), [], "what is kept of a refused message")
    await ask(chat, "My own")
    t.expect(texts(await chat.history(), "user"), ["My own"], "the messages of the owner")
    t.expect(len(await Chat(t.alice, chat.id, word).model_calls()), 0, "how often the model was asked for a refused message")


@case("LOWN-007")
async def who_comes_before_what(t: Case) -> None:
    chat = await empty(t)
    foreign, url = t.bob, chat.url("sendMessage")
    bodies: list[dict[str, Any]] = [{"content": b"{broken"}, {"content": b""}, {"body": {"model": "no-such-model"}}]
    for body in bodies:
        t.refused(await foreign.request("POST", url, **body), "common.not-found")
        t.refused(await t.alice.request("POST", url, **body), "send.model" if "body" in body else "common.bad-json")
    t.accepted(await chat.get())


@case("LOWN-008", needs=["llm"])
async def chats_of_who_is_suspended(t: Case) -> None:
    user: Actor = await t.new_user()
    chat = await empty(t, user)
    await ask(chat)
    before = await chat.history()
    t.given(await t.root.put(t.url("suspendUser", user=user.id)))
    t.refused(await chat.get(), "auth.suspended", status="suspended")
    t.expect(t.accepted(await chat.by(t.root).messages()), before, "the messages of a suspended user's chat")
