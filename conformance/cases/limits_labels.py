"""Labels and the other fields of PATCH: bounds, spelling, and what is reported."""

from __future__ import annotations

from typing import Any

from conformance.case import case
from conformance.cases.limits_twins import UNKNOWN, place_for, refused_alike, tries, twins
from conformance.context import Case


def many(count: int) -> dict[str, str]:
    return {f"k{i}": "v" for i in range(count)}


def keys(*each: str) -> list[dict[str, str]]:
    return [{key: "v"} for key in each]


ODD_KEYS = ("-a", ".a", "_a", "/a", "a b", "a:b", "ä", "a,b", "a=b", "a\n")
# The rules of labels: bad ones with what refuses them, and good ones. Create has one more label in each of its requests.
RULES: dict[str, dict[str, Any]] = {
    "count": {
        "requirement": "LABEL-001", "tries": tries("labels.count", "labels", many(51), many(100)), "good": {"labels": many(49)},
        "patch": {"labels": many(50)},
    },
    "key-length": {
        "requirement": "LABEL-003", "tries": tries("labels.key-length", "labels", *keys("k" * 65, "k" * 1_000)),
        "good": {"labels": {"k" * 64: "v"}},
    },
    "value-length": {
        "requirement": "LABEL-005", "tries": tries("labels.value-length", "labels", {"a": "v" * 257}, {"a": "v" * 5_000}),
        "good": {"labels": {"a": "v" * 256}},
    },
    "value-bytes": {
        "requirement": "LABEL-007", "tries": tries("labels.value-length", "labels", {"a": "é" * 129}),
        "good": {"labels": {"a": "é" * 128}},
    },
    "key-empty": {"requirement": "LABEL-008", "tries": tries("labels.key-empty", "labels", {"": "v"})},
    "value-empty": {
        "requirement": "LABEL-008", "tries": tries("labels.value-empty", "labels", {"a": ""}), "good": {"labels": {"a": " "}},
    },
    "key-characters": {
        "requirement": "LABEL-009", "tries": tries("labels.key-characters", "labels", *keys(*ODD_KEYS)),
        "good": {"labels": {"0a.b_c/d-e": "v", "Z": "ä b:c", "9": "v"}},
    },
}  # fmt: skip


@case(rows=RULES)
async def label_rule_of_patch(t: Case, row: dict[str, Any]) -> None:
    await twins(t, {"good": {"labels": {"a": "v"}}} | row | {"on": "patch"} | ({"good": row["patch"]} if "patch" in row else {}))


@case("LABEL-011", rows=RULES)
async def label_rule_of_create(t: Case, row: dict[str, Any]) -> None:
    await twins(t, row | {"on": "create"})


@case("LABEL-010")
async def all_violations_at_once(t: Case) -> None:
    place = await place_for(t, "patch")
    bad = {"": "v", "a": "", "b c": "v", "k" * 65: "v", "d": "v" * 257}
    answer = await place.ask({"labels": bad | many(50)})
    t.refused(answer, "labels.count", field="labels")
    said = answer.response.body["validations"]
    t.exactly([v["field"] for v in said], ["labels"] * 6, "the fields of the validations", "/validations")
    t.expect(len({v["detail"] for v in said}), 6, "different details")
    t.accepted(await place.ask({"labels": {"d": "v"}}), 204)


PATCHES: dict[str, dict[str, Any]] = {
    "title-length": {
        "requirement": "PATCH-001",
        "tries": tries("patch.title-length", "title", "x" * 201, f"  {'x' * 201}", "x" * 5_000),
        "good": {"title": f"  {'x' * 200}\n "},
    },
    "title-characters": {
        "requirement": "PATCH-003", "tries": tries("patch.title-length", "title", "é" * 201), "good": {"title": "é" * 200},
    },
    "title-astral": {
        "requirement": "PATCH-003", "tries": tries("patch.title-length", "title", "😀" * 201), "good": {"title": "😀" * 200},
    },
    "title-blank": {
        "requirement": "PATCH-004", "tries": tries("patch.title-empty", "title", "", "   ", "\n\t"), "good": {"title": "."},
    },
    "plan-mode": {
        "requirement": "PATCH-006", "tries": tries("common.plan-mode", "plan_mode", "Plan", "PLAN", "act", " plan"),
        "good": {"plan_mode": "plan"},
    },
    "pin-order": {
        "requirement": "PATCH-007", "tries": tries("patch.pin-negative", "pin_order", -1, -(2**31)), "good": {"pin_order": 0},
    },
    "workspace": {"requirement": "PATCH-008", "tries": tries("common.workspace", "workspace_id", UNKNOWN)},
}  # fmt: skip


@case(rows=PATCHES)
async def refused_patch(t: Case, row: dict[str, Any]) -> None:
    await twins(t, row | {"on": "patch"})


@case("PATCH-009", "PATCH-010")
async def patch_of_nothing(t: Case) -> None:
    place = await place_for(t, "patch", labels={"a": "b"}, plan_mode="plan")
    before, moved = await place.state(), t.given(await place.chat.get())["updated_at"]
    with t.judging("PATCH-009"):
        t.accepted(await place.ask({}), 204)
        t.expect(await place.state(), before, "the chat after an empty PATCH")
        t.expect(t.accepted(await place.chat.get())["updated_at"], moved, "updated_at after it", "/updated_at")
    with t.judging("PATCH-010"):
        fields = ("title", "labels", "archived", "pin_order", "plan_mode", "workspace_id")
        for sent in (dict.fromkeys(fields), *({field: None} for field in fields)):
            t.accepted(await place.ask(sent), 204)
            t.expect(await place.state(), before, f"the chat after a PATCH with null for {', '.join(sent)}")
        await refused_alike(t, place, [(dict.fromkeys(fields) | {"title": ""}, "patch.title-empty")])
