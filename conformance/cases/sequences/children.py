"""Chats of sub-agents: the rules of root chats hold in them, and neither side is touched by what is done to the other."""

from __future__ import annotations

from typing import Any

from conformance.cases.lifecycle import archive, edit, interrupt, llm, patch, queue, send, title
from conformance.cases.limits import labels
from conformance.cases.limits import messages as limited_messages
from conformance.cases.ownership import places, rules
from conformance.cases.paging import messages
from conformance.cases.streaming import retry, snapshot
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes import chatmaking, ownership
from conformance.scenes.chatmaking import play, played

OF_ROOTS = frozenset(("getChatACL", "patchChatACL"))  # what only root chats have


ON_CHILDREN = played(
    (archive, "archive_and_back archive_keeps_the_queue"),
    (edit, "edit_of_an_idle_chat edit_after_an_error edit_and_queue edit_during_a_turn edit_keeps_the_model"),
    (interrupt, "interrupt_in_a_text interrupt_before_a_retry interrupt_after_an_error interrupt_with_a_queue"),
    (interrupt, "interrupt_of_an_archived_chat"),
    (llm, "the_model_gets_the_conversation the_model_forgets_what_was_edited"),
    (patch, "labels plan_mode fields_not_for_the_client several_fields_at_once what_a_refused_patch_leaves"),
    (queue, "sends_during_a_turn a_send_behind_a_queue a_queue_after_a_failure delete_from_the_queue"),
    (queue, "promote_on_an_idle_chat promote_during_a_turn no_promotion_while_archived deleted_while_archived"),
    (queue, "a_send_that_interrupts what_was_deleted_never_runs options_of_queued_sends promote_what_is_not_there"),
    (send, "send_to_an_idle_chat send_after_an_error send_with_a_model send_with_a_plan_mode two_sends_at_once"),
    (title, "propose regenerate titles_that_fail titles_of_an_archived_chat while_a_title_is_made[regenerate]"),
    (labels, "all_violations_at_once refused_patch[title-length] refused_patch[plan-mode] refused_patch[pin-order]"),
    (limited_messages, "archived_before_the_body refused_message[nothing-changed] refused_message[edit-nothing-changed]"),
    (limited_messages, "message_of_the_assistant message_that_was_replaced deleted_model"),
    (rules, "may_read[reader] admin_may_not_promote[site_owner]"),
    (places, "not_owner_before_body before_every_check unknown_and_foreign streams[reader] streams[member]"),
    (messages, "message_cursors queue_beside_messages"),
    (retry, "passing_failure[503]"),
    (snapshot, "middle_of_a_step failed_chat"),
)


def on_a_child(t: Case) -> None:
    """From now on the chats of this case are those of sub-agents."""
    t.maker, t.lacking = chatmaking.child, OF_ROOTS


@case(rows=ON_CHILDREN)
async def as_on_a_root(t: Case, row: dict[str, Any]) -> None:
    on_a_child(t)
    await play(t, row)


ADMIN = {"site_owner": (), "org_admin": ("roles",)}
STRANGERS = {"reader": (), "member": (), "outsider org_auditor auditor": ("roles",)}
OF_ADMINS = ["OWN-026", "OWN-027", "OWN-029", "OWN-030"]


@case(rows={kind: {"requirement": OF_ADMINS, "kind": kind, "needs": needs} for kind, needs in ADMIN.items()})
async def admins_act_in_no_child(t: Case, row: dict[str, Any]) -> None:
    on_a_child(t)
    place = await ownership.scene(t)
    mine, before = await ownership.seen_by(t, place, row["kind"]), None
    for requirement, operations in rules.ADMINS_MAY_NOT.items():
        if before is None:  # the first one, or what was before has failed
            await place.chat.settled()
            before = await rules.snapshot(place)
        was, before = before, None
        with t.judging(requirement):
            wanted = rules.cells(t, row["kind"], "own", only=operations)
            rules.denied(t, place, await rules.tried(mine, place, wanted), wanted)
            now = await rules.snapshot(place)
            t.expect(now, was, "the chat after refused acts")
            before = now
    for requirement, operations in rules.ADMINS_MAY_NOT.items():
        await place.chat.settled()
        with t.judging(requirement):
            await rules.open_to_owner(place, rules.cells(t, row["kind"], "own", only=operations))
            t.accepted(await place.chat.get())


def _of_strangers(kind: str) -> dict[str, str]:
    """Requirement → the class of operations that it is about."""
    reads = {} if kind == "reader" else {ownership.READS[kind]: "read"}
    return reads | {rules.CHANGES[kind]: "update", rules.OWNERS_ONLY[kind]: "own"}


def _of_all(kinds: str) -> list[str]:
    return sorted({requirement for kind in kinds.split() for requirement in _of_strangers(kind)})


@case(rows={k: {"requirement": [*_of_all(k), "OWN-025"], "kinds": k.split(), "needs": needs} for k, needs in STRANGERS.items()})
async def strangers_at_a_child(t: Case, row: dict[str, Any]) -> None:
    on_a_child(t)
    place = await ownership.scene(t)
    for kind in row["kinds"]:
        mine = await ownership.seen_by(t, place, kind)
        before = await rules.snapshot(place)
        for requirement, name in _of_strangers(kind).items():
            with t.judging(requirement):
                wanted = rules.cells(t, kind, name)
                rules.denied(t, place, await rules.tried(mine, place, wanted), wanted)
        with t.judging("OWN-025"):
            t.expect(await rules.snapshot(place), before, f"the chat after what was refused to {kind}")


@case(rows={k: {"requirement": [ownership.READS[k], rules.CHANGES[k]], "kind": k, "needs": n} for k, n in ADMIN.items()})
async def admins_at_a_child(t: Case, row: dict[str, Any]) -> None:
    on_a_child(t)
    place = await ownership.scene(t)
    mine = await ownership.seen_by(t, place, row["kind"])
    reads, changes = row["requirement"]
    with t.judging(reads):
        for operation in rules.cells(t, row["kind"], "read"):
            body, own = [(await ownership.DO[operation](chat, place)) for chat in (mine, place.chat)]
            t.expect(ownership.lasting(t.accepted(body)), ownership.lasting(t.given(own)), f"{operation} beside the owner's own")
    with t.judging(changes):
        for operation in rules.cells(t, row["kind"], "update", only=rules.CHANGING):
            ownership.allowed(t, operation, await ownership.DO[operation](mine, place))
        shown, sent = t.accepted(await place.chat.get()), {k: v for k, v in ownership.CHANGED.items() if t.knows("Chat", k)}
        t.exactly({key: shown[key] for key in sent}, sent, "what was set")
