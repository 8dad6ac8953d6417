"""Who may do what to whose chat: one scene with everybody in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from conformance.play.actors import Actor, Chat, text
from conformance.play.case import Case
from conformance.play.verdict import Unmet
from conformance.wire.exchange import Exchange

ALLOWED = "allowed"


@dataclass(slots=True)
class Scene:
    """A chat of Alice's: `secret` is a word that only it holds, `message` its first message, `queued` a queued one."""

    chat: Chat
    secret: str
    message: int
    queued: int = 1


async def scene(t: Case) -> Scene:
    """A chat at rest whose title no model changes (a file reference is in it). Raises Unmet."""
    secret = t.unique("secret")
    reference = {"type": "file-reference", "file_name": "a.txt", "start_line": 1, "end_line": 1, "content": "x"}
    chat = await t.chat([text(f"About {secret}"), reference], labels={"note": secret})
    return Scene(chat, secret, (await chat.history())[0]["id"])


def actor_of(t: Case, kind: str) -> Actor:
    """The actor that stands for this kind in the role table. Raises Unmet when the revision has no such kind."""
    actors = t.session.profile.table("roles")["actors"]
    if kind not in actors:
        raise Unmet(f"the role table has no {kind}")
    return t.actor(actors[kind])


async def seen_by(t: Case, place: Scene, kind: str) -> Chat:
    """The chat through the eyes of this kind of actor; shared with it if the kind is `reader`. Raises Unmet."""
    actor = actor_of(t, kind)
    return await place.chat.shared_with(actor) if kind == "reader" else place.chat.by(actor)


# What a PATCH sets.
CHANGED: dict[str, Any] = {"labels": {"by": "another"}, "archived": True}
Act = Callable[[Chat, Scene], Awaitable[Exchange]]
# How each operation is tried.
DO: dict[str, Act] = {
    "getChat": lambda c, s: c.get(),
    "listMessages": lambda c, s: c.messages(),
    "listPrompts": lambda c, s: c.prompts(),
    "getChatDiff": lambda c, s: c.diff(),
    "getChatACL": lambda c, s: c.acl(),
    "patchChat": lambda c, s: c.patch(title=f"by {c.actor.name}", **CHANGED),
    "interruptChat": lambda c, s: c.interrupt(),
    "deleteQueuedMessage": lambda c, s: c.unqueue(s.queued),
    "patchChatACL": lambda c, s: c.set_acl(users={c.case.bob.id: "read"}),
    "sendMessage": lambda c, s: c.send("from another"),
    "editMessage": lambda c, s: c.edit(s.message, "changed by another"),
    "promoteQueuedMessage": lambda c, s: c.promote(s.queued),
    "regenerateTitle": lambda c, s: c.regenerate(),
    "proposeTitle": lambda c, s: c.propose(),
    "submitToolResults": lambda c, s: c.tool_results([{"tool_call_id": "x", "output": {}}]),
}


def known(t: Case) -> dict[str, Act]:
    """How each operation is tried that the revision has."""
    return {operation: act for operation, act in DO.items() if operation in t.session.documents.operations}


def lasting(body: dict[str, Any]) -> dict[str, Any]:
    """An answer without what comes by itself after a turn."""
    return {k: v for k, v in body.items() if k not in ("last_turn_summary", "summary", "has_unread")}


# What later revisions say with 409 to whoever may order this, of a chat that is not in a state for it.
OF_STATES = {"interruptChat": "interrupt.at-rest", "deleteQueuedMessage": "queue.empty-delete"}


def allowed(t: Case, operation: str, answer: Exchange) -> None:
    """The caller may do this: it is done, or the chat alone is not in a state for it. Raises Failure."""
    if not (t.refuses(OF_STATES.get(operation, "")) and answer.response.status == 409):
        t.accepted(answer)


def no_leak(t: Case, place: Scene, answer: Exchange) -> None:
    t.true(
        place.secret.encode() not in (answer.response.content or b""), "a refusal holds nothing of the chat", answer.response.body
    )


async def like_missing(t: Case, place: Scene, mine: Chat, wanted: dict[str, str]) -> None:
    """Each of these operations is answered as if there were no such chat."""
    missing = Chat(mine.actor, str(uuid4()))
    for operation in wanted:
        here, there = [await DO[operation](c, place) for c in (mine, missing)]
        t.refused(there, "common.not-found")
        t.alike(here, there, f"the answer to {operation} beside that of an unknown chat")


READS: dict[str, Any] = {
    "owner": ["OWN-001", "OWN-085"], "reader": "OWN-002", "member": "OWN-003", "outsider": "OWN-004", "org_auditor": "OWN-005",
    "auditor": "OWN-006", "org_admin": "OWN-007", "site_owner": "OWN-008",
}  # fmt: skip


async def leave(t: Case, user: Actor) -> None:
    """The user is no longer a member of the organization. Raises Unmet."""
    t.given(await t.root.delete(t.url("removeMember", organization=t.session.target.organization_id, user=user.id)))
