"""Who may do what with a chat: the role table walked cell by cell, each denial with proof that nothing changed or leaked.

The table is spec/<profile>/tables/roles.yaml: operation → class, class → what each kind of actor gets.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.verdict import Unmet
from conformance.scenes.ownership import (
    ALLOWED,
    CHANGED,
    DO,
    READS,
    Scene,
    actor_of,
    allowed,
    lasting,
    like_missing,
    no_leak,
    scene,
    seen_by,
)
from conformance.wire.exchange import Exchange
from fixtures import scripts


def cells(t: Case, kind: str, *classes: str, only: Iterable[str] = ()) -> dict[str, str]:
    """Operation → `allowed` or the key of the refusal that this kind of actor gets, for the operations of these classes.

    Raises Unmet when there are none.
    """
    table = t.session.profile.table("roles")
    found = {
        operation: table["classes"][name][kind].format(operation=table["nouns"].get(operation, ""))
        for operation, name in table["operations"].items()
        if name in classes and operation in (only or DO) and operation not in t.lacking
    }
    if not found:
        raise Unmet(f"the role table has no operations of {' and '.join(classes)}")
    return found


async def snapshot(place: Scene) -> dict[str, Any]:
    """What the owner sees of the chat. Raises Unmet."""
    chat, given = place.chat, place.chat.case.given
    listed = given(await chat.messages())
    seen = {"messages": listed["messages"], "queue": listed["queued_messages"]}
    if chat.case.offers("getChatACL"):
        seen["acl"] = given(await chat.acl())
    return lasting(given(await chat.get())) | seen


async def tried(mine: Chat, place: Scene, wanted: Iterable[str]) -> dict[str, Exchange]:
    """Operation → what it was answered with."""
    return {operation: await DO[operation](mine, place) for operation in wanted}


def denied(t: Case, place: Scene, answers: dict[str, Exchange], wanted: dict[str, str]) -> None:
    """Each of these operations was refused so, without a word of the chat."""
    for operation, key in wanted.items():
        t.refused(answers[operation], key)
        no_leak(t, place, answers[operation])


async def open_to_owner(place: Scene, operations: Iterable[str]) -> None:
    """The same requests get past the owner's rights: it was not their form that was refused. Raises Unmet."""
    for operation, answer in (await tried(place.chat, place, operations)).items():
        if answer.response.status in (401, 403, 404):
            raise Unmet(f"{operation} as the owner answered {answer.response.status}")


MAY_READ = ("owner", "reader", "org_admin", "site_owner")
STRANGERS = ("member", "outsider", "org_auditor", "auditor")


@case(rows={kind: {"requirement": READS[kind], "kind": kind, "either": True} for kind in MAY_READ})
async def may_read(t: Case, row: dict[str, Any]) -> None:
    place = await scene(t)
    mine = await seen_by(t, place, row["kind"])
    for operation, cell in cells(t, row["kind"], "read").items():
        t.expect(cell, ALLOWED, "the role table's word")
        body = t.accepted(await DO[operation](mine, place))
        own = t.given(await DO[operation](place.chat, place))
        t.expect(lasting(body), lasting(own), f"{operation} as {row['kind']} beside the owner's own")


@case(rows={kind: {"requirement": [READS[kind], "OWN-009"], "kind": kind} for kind in STRANGERS})
async def may_not_read(t: Case, row: dict[str, Any]) -> None:
    place = await scene(t)
    mine, wanted = await seen_by(t, place, row["kind"]), cells(t, row["kind"], "read")
    with t.judging(READS[row["kind"]]):
        denied(t, place, await tried(mine, place, wanted), wanted)
        await open_to_owner(place, wanted)
    with t.judging("OWN-009"):
        await like_missing(t, place, mine, wanted)


CHANGES = {
    "owner": "OWN-016", "reader": "OWN-017", "member": "OWN-018", "outsider": "OWN-019", "org_auditor": "OWN-020",
    "auditor": "OWN-021", "org_admin": "OWN-022", "site_owner": "OWN-023",
}  # fmt: skip
MAY_CHANGE = ("owner", "org_admin", "site_owner")
CHANGING = ("patchChat", "interruptChat", "deleteQueuedMessage")
ACTING = ("sendMessage", "editMessage", "promoteQueuedMessage")
MAY_NOT_CHANGE = ("reader", *STRANGERS)


@case(rows={kind: {"requirement": CHANGES[kind], "kind": kind} for kind in MAY_CHANGE})
async def may_change(t: Case, row: dict[str, Any]) -> None:
    place = await scene(t)
    mine = await seen_by(t, place, row["kind"])
    for operation, cell in cells(t, row["kind"], "update", only=CHANGING).items():
        t.expect(cell, ALLOWED, "the role table's word")
        allowed(t, operation, await DO[operation](mine, place))
    after, sent = t.accepted(await place.chat.get()), {k: v for k, v in CHANGED.items() if t.knows("Chat", k)}
    t.exactly({key: after[key] for key in sent}, sent, "what was set")


@case(rows={kind: {"requirement": [CHANGES[kind], "OWN-025"], "kind": kind} for kind in MAY_NOT_CHANGE})
async def may_not_change(t: Case, row: dict[str, Any]) -> None:
    place = await scene(t)
    mine, wanted = await seen_by(t, place, row["kind"]), cells(t, row["kind"], "update", only=CHANGING)
    before, answers = await snapshot(place), await tried(mine, place, wanted)
    with t.judging("OWN-025"):
        t.expect(await snapshot(place), before, "the chat after refused changes")
    with t.judging(CHANGES[row["kind"]]):
        denied(t, place, answers, wanted)
        await open_to_owner(place, wanted)


@case("OWN-086")
async def org_admin_may_not_read(t: Case) -> None:
    place = await scene(t)
    mine, wanted = await seen_by(t, place, "org_admin"), cells(t, "org_admin", "read")
    denied(t, place, await tried(mine, place, wanted), wanted)
    t.expect((await mine.stream()).log.handshake.status, 404, "the handshake of an organization admin")
    await open_to_owner(place, wanted)


@case("OWN-087")
async def org_admin_may_not_change(t: Case) -> None:
    place = await scene(t)
    mine, wanted = await seen_by(t, place, "org_admin"), cells(t, "org_admin", "update")
    before = await snapshot(place)
    denied(t, place, await tried(mine, place, wanted), wanted)
    t.expect(await snapshot(place), before, "the chat after refused changes")
    await open_to_owner(place, CHANGING)


@case(
    "OWN-088",
    rows={k: {"kind": k, "needs": () if k == "member" else ("roles",)} for k in (*STRANGERS, "org_admin")},
    needs=("llm-control",),
)
async def strangers_may_not_act(t: Case, row: dict[str, Any]) -> None:
    place = await queued_scene(t)
    place.message = (await place.chat.history())[0]["id"]
    mine, wanted = await seen_by(t, place, row["kind"]), cells(t, row["kind"], "update", only=ACTING)
    before = await snapshot(place)
    denied(t, place, await tried(mine, place, wanted), wanted)
    t.expect(await snapshot(place), before, "the chat after refused acts")
    await open_to_owner(place, ACTING)


@case("OWN-089")
async def the_site_owner_may_say_something(t: Case) -> None:
    place = await scene(t)
    mine = place.chat.by(t.root)
    for answer in (await mine.send("From above"), await mine.edit(place.message, "Said otherwise")):
        made = t.message(t.accepted(answer))
        t.expect(made["created_by"], t.root.id, "the author of the message", "/created_by")
        await place.chat.settled()
    t.expect([m["id"] for m in await place.chat.history()][:1], [made["id"]], "the chat's first message, as the owner sees it")


@case("OWN-090", needs=("llm-control",))
async def the_site_owner_may_promote(t: Case) -> None:
    place = await queued_scene(t)
    t.expect(cells(t, "site_owner", "update")["promoteQueuedMessage"], ALLOWED, "the role table's word")
    promoted = t.message(t.accepted(await place.chat.by(t.root).promote(place.queued)))
    t.expect(await queue_of(place), [], "the queue")
    t.true(promoted["id"] in [m["id"] for m in await place.chat.history()], "the message is in the history")


async def queued_scene(t: Case) -> Scene:
    """A chat that is held at a gate, with one message waiting in its queue. Raises Unmet."""
    gate, secret = t.gate(), t.unique("secret")
    chat = await t.new_chat(scripts.script(scripts.gate(gate), scripts.text("Done")))
    await t.llm.reached(gate)
    queued = t.given(await chat.send(f"Later: {secret}")).get("queued_message")
    if not queued:
        raise Unmet("a send on a running chat was not queued")
    return Scene(chat, secret, 1, queued["id"])


async def queue_of(place: Scene) -> list[Any]:
    return [q["id"] for q in place.chat.case.given(await place.chat.messages())["queued_messages"]]


@case(rows={kind: {"requirement": CHANGES[kind], "kind": kind} for kind in CHANGES}, needs=("llm-control",))
async def queued_message(t: Case, row: dict[str, Any]) -> None:
    place = await queued_scene(t)
    mine, cell = await seen_by(t, place, row["kind"]), cells(t, row["kind"], "update")["deleteQueuedMessage"]
    answer = await mine.unqueue(place.queued)
    if cell == ALLOWED:
        t.accepted(answer)
        t.expect(await queue_of(place), [], "the queue")
    else:
        t.refused(answer, cell)
        no_leak(t, place, answer)
        t.expect(await queue_of(place), [place.queued], "the queue after a refused deletion")


OWNERS_ONLY = {"reader": "OWN-031", "member": "OWN-032", "outsider": "OWN-033", "org_auditor": "OWN-033", "auditor": "OWN-033"}


@case(rows={kind: {"requirement": [row, "OWN-025"], "kind": kind} for kind, row in OWNERS_ONLY.items()})
async def may_not_act(t: Case, row: dict[str, Any]) -> None:
    place = await scene(t)
    mine, wanted = await seen_by(t, place, row["kind"]), cells(t, row["kind"], "own")
    before, answers = await snapshot(place), await tried(mine, place, wanted)
    with t.judging("OWN-025"):
        t.expect(await snapshot(place), before, "the chat after refused acts")
    with t.judging(OWNERS_ONLY[row["kind"]]):
        denied(t, place, answers, wanted)
        await open_to_owner(place, ("submitToolResults", "sendMessage"))


ADMINS_MAY_NOT = {
    "OWN-026": ["sendMessage"],
    "OWN-027": ["editMessage"],
    "OWN-029": ["regenerateTitle", "proposeTitle"],
    "OWN-030": ["submitToolResults"],
}
ADMINS = {"site_owner": (), "org_admin": ("roles",)}


@case(
    rows={
        f"{kind}-{operations[0]}": {"requirement": row, "kind": kind, "operations": operations, "needs": needs}
        for row, operations in ADMINS_MAY_NOT.items()
        for kind, needs in ADMINS.items()
    }
)
async def admin_may_not_act(t: Case, row: dict[str, Any]) -> None:
    place = await scene(t)
    mine, wanted = await seen_by(t, place, row["kind"]), cells(t, row["kind"], "own", only=row["operations"])
    before = await snapshot(place)
    denied(t, place, await tried(mine, place, wanted), wanted)
    t.expect(await snapshot(place), before, "the chat after refused acts")
    await open_to_owner(place, wanted)


@case("OWN-028", rows=ADMINS, needs=("llm-control",))
async def admin_may_not_promote(t: Case, needs: tuple[str, ...]) -> None:
    place = await queued_scene(t)
    kind = "org_admin" if needs else "site_owner"
    mine, wanted = await seen_by(t, place, kind), cells(t, kind, "own", only=["promoteQueuedMessage"])
    denied(t, place, await tried(mine, place, wanted), wanted)
    t.expect(await queue_of(place), [place.queued], "the queue after a refused promotion")
    await open_to_owner(place, wanted)


SHARES = {
    "owner": "ACL-001", "reader": "ACL-003", "member": "ACL-004", "outsider": "ACL-007", "org_auditor": "ACL-007",
    "auditor": "ACL-007", "org_admin": "ACL-005", "site_owner": "ACL-006",
}  # fmt: skip


@case(rows={kind: {"requirement": row, "kind": kind} for kind, row in SHARES.items()}, needs=("second-user",))
async def sharing(t: Case, row: dict[str, Any]) -> None:
    place = await scene(t)
    mine, wanted = await seen_by(t, place, row["kind"]), cells(t, row["kind"], "share")
    before, bobs = await snapshot(place), place.chat.by(t.bob)
    if ALLOWED in wanted.values():
        t.refused(await bobs.get(), "common.not-found")
        t.accepted(await DO["patchChatACL"](mine, place))
        t.accepted(await bobs.get())
        return
    denied(t, place, await tried(mine, place, wanted), wanted)
    broken = await mine.actor.request("PATCH", mine.url("patchChatACL"), content=b"{broken")
    t.refused(broken, wanted["patchChatACL"])
    t.expect(await snapshot(place), before, "the chat after a refused change of its sharing")


CREATES = {
    "owner": "OWN-035", "member": "OWN-035", "outsider": "OWN-036", "org_auditor": "OWN-037", "auditor": "OWN-037",
    "org_admin": "OWN-038", "site_owner": "OWN-039",
}  # fmt: skip
CREATING: dict[str, Any] = {k: {"requirement": [row, "OWN-091"], "kind": k, "either": True} for k, row in CREATES.items()}


@case(rows=CREATING)
async def creating(t: Case, row: dict[str, Any]) -> None:
    actor, mark = actor_of(t, row["kind"]), t.unique()
    cell = t.session.profile.table("roles")["classes"]["create"][row["kind"]]
    answer = await actor.create("Hello", mark)
    if cell == ALLOWED:
        t.expect(t.accepted(answer)["owner_id"], actor.id, "the owner of the created chat", "/owner_id")
        t.expect(len(await actor.marked(mark)), 1, "the caller's chats with the mark")
    else:
        t.refused(answer, cell)
        t.refused(await actor.create([], mark), cell)
        t.expect(t.accepted(await actor.list()), [], "the caller's chats after a refused create")
