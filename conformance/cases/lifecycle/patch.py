"""PATCH: labels, plan mode, workspace, and what one request may hold."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any
from uuid import uuid4

from conformance.checks.asked import NIL
from conformance.play.actors import text
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.lifecycle import REFERENCE, family, moved, still, titled
from fixtures.scripts import gate, script
from fixtures.scripts import text as says

BAD_LABELS = {"bad key": "v"}


@case("PATCH-012", "PATCH-013", "PATCH-014")
async def labels(t: Case) -> None:
    chat = await titled(t, labels={"a": "1", "b": "2"})
    before = t.given(await chat.get())
    with t.judging("PATCH-012"):
        changed = {"b": "3", "c": " Ünï  <4>\t"}
        t.accepted(await chat.patch(labels=changed))
        t.exactly(t.accepted(await chat.get())["labels"], changed, "labels after a change", "/labels")
    with t.judging("PATCH-014"):
        after = t.accepted(await chat.get())
        t.true(moved(before, after), "a change of labels moves updated_at", after["updated_at"], "/updated_at")
    with t.judging("PATCH-013"):
        kept = t.given(await chat.get())["labels"]
        t.accepted(await chat.patch(labels=None))
        t.exactly(t.accepted(await chat.get())["labels"], kept, "labels after a PATCH with null", "/labels")
        t.accepted(await chat.patch(labels={}))
        t.exactly(t.accepted(await chat.get())["labels"], {}, "labels after a PATCH with {}", "/labels")


@case("PATCH-015", "PATCH-016")
async def plan_mode(t: Case) -> None:
    chat = await titled(t)
    before = await still(chat)
    with t.judging("PATCH-015"):
        t.accepted(await chat.patch(plan_mode="plan"))
        t.expect(t.accepted(await chat.get()).get("plan_mode"), "plan", "the plan mode", "/plan_mode")
        t.accepted(await chat.patch(plan_mode=""))
        t.true("plan_mode" not in t.accepted(await chat.get()), "the key is gone after the empty text")
    with t.judging("PATCH-016"):
        after = t.accepted(await chat.get())["updated_at"]
        t.expect(after, before["updated_at"], "updated_at after changes of the plan mode", "/updated_at")


@case("PATCH-017")
async def nil_workspace(t: Case) -> None:
    chat = await titled(t)
    t.accepted(await chat.patch(workspace_id=NIL))
    shown = t.accepted(await chat.get())
    t.true("workspace_id" not in shown, "the chat has no workspace", shown.get("workspace_id"), "/workspace_id")
    t.refused(await chat.patch(workspace_id=str(uuid4())), "common.workspace")


@case("PATCH-018", "PATCH-019")
async def what_a_refused_patch_leaves(t: Case) -> None:
    chat = await titled(t, labels={"a": "1"})
    before = await still(chat)
    with t.judging("PATCH-018"):
        sent = {"title": "Not applied", "labels": {"b": "2"}, "archived": True}
        t.refused(await chat.patch(**sent, plan_mode="x"), "common.plan-mode")
        after = t.accepted(await chat.get())
        for key in (*sent, "updated_at"):
            t.expect(after[key], before[key], f"{key} after a PATCH with a bad plan_mode", f"/{key}")
        t.accepted(await chat.patch(**sent, plan_mode="plan"))
    with t.judging("PATCH-019"):
        t.refused(await chat.patch(title="Applied", labels=BAD_LABELS), "labels.key-characters")
        after = t.accepted(await chat.get())
        t.expect(after["title"], "Applied", "the title after a PATCH that was refused for its labels", "/title")


# A bad value of each field, in the order in which they are reported.
BAD_FIELDS: dict[str, Any] = {
    "plan_mode": "x",
    "title": "",
    "labels": {"": "v"},
    "archived": False,
    "pin_order": -1,
    "workspace_id": str(uuid4()),
}


@case("PATCH-020", rows={f"{a}-before-{b}": [a, b] for a, b in pairwise(BAD_FIELDS)})
async def first_bad_field(t: Case, fields: list[str]) -> None:
    chat = await titled(t)
    both = await chat.patch(**{field: BAD_FIELDS[field] for field in fields})
    first, second = [(await chat.patch(**{field: BAD_FIELDS[field]})).response for field in fields]
    t.true(first.body["message"] != second.body["message"], "the two are told apart by their messages", first.body)
    t.expect(both.response.status, first.status, f"the status with both {' and '.join(fields)} bad")
    t.expect(both.response.body["message"], first.body["message"], f"what is reported when {' and '.join(fields)} are bad")


@case("PATCH-021", needs=["llm-control"], alone=True)
async def patch_of_a_running_chat(t: Case) -> None:
    hold = t.gate()
    chat = await t.new_chat([REFERENCE, text(script(says("a"), gate(hold), says("b")))])
    await t.llm.reached(hold)
    t.cleanup(partial(chat.patch, pin_order=0))
    for field, value in (("title", "Renamed"), ("labels", {"a": "b"}), ("plan_mode", "plan"), ("pin_order", 1_000)):
        t.accepted(await chat.patch(**{field: value}))
        shown = t.accepted(await chat.get())
        t.expect(shown["status"], "running", f"the status after a change of {field}", "/status")
        t.true(shown[field] == value if field != "pin_order" else shown[field] > 0, f"{field} is changed", shown[field])
    await t.llm.open(hold)
    await chat.settled("waiting")
    t.expect((await chat.history())[-1]["content"][0]["text"], "ab", "the answer of the turn")


@case("PATCH-022")
async def several_fields_at_once(t: Case) -> None:
    chat = await titled(t, labels={"a": "1"})
    for fields in (
        {"title": "All at once", "labels": {"z": "1"}, "archived": True, "plan_mode": "plan"},
        {"title": "And back", "labels": {}, "archived": False, "plan_mode": ""},
    ):
        t.accepted(await chat.patch(**fields))
        shown = t.accepted(await chat.get())
        for key, value in fields.items():
            t.expect(shown.get(key, ""), value, f"{key} after a PATCH of all four", f"/{key}")


@case("PATCH-023")
async def patch_of_a_child(t: Case) -> None:
    root, (child,) = await family(t, "child task")
    fields: dict[str, Any] = {"title": "Renamed child", "labels": {"a": "b"}, "plan_mode": "plan"}
    t.accepted(await child.patch(**fields))
    shown = t.accepted(await child.get())
    for key, value in fields.items():
        t.expect(shown.get(key), value, f"{key} of the child", f"/{key}")
    above = t.accepted(await root.get())
    t.true(above["labels"] == {} and "plan_mode" not in above, "the root is as it was", above["labels"])


@case("PATCH-024")
async def fields_not_for_the_client(t: Case) -> None:
    chat = await titled(t, labels={"a": "1"})
    foreign: dict[str, Any] = {"id": str(uuid4()), "owner_id": t.bob.id, "status": "error", "model": "other"}
    foreign |= {"last_model_config_id": str(uuid4()), "model_config_id": str(uuid4()), "created_at": "2020-01-01T00:00:00Z"}
    before = await still(chat)
    t.accepted(await chat.patch(**foreign))
    after = t.accepted(await chat.get())
    for key in ("id", "owner_id", "status", "last_model_config_id", "created_at", "updated_at", "labels", "title"):
        t.expect(after.get(key), before.get(key), f"{key} after a PATCH of fields that are not for the client", f"/{key}")
    t.accepted(await chat.patch(**foreign, archived=True))
    t.expect(t.accepted(await chat.get())["archived"], True, "a known field beside them is changed", "/archived")
