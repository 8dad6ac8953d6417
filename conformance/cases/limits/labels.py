"""Labels and the other fields of PATCH: bounds, spelling, and what is reported."""

from __future__ import annotations

from typing import Any

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.limits import UNKNOWN, place_for, refused_alike, tries, twins


def many(count: int) -> dict[str, str]:
    return {f"k{i}": "v" for i in range(count)}


def keys(*each: str) -> list[dict[str, str]]:
    return [{key: "v"} for key in each]


ODD_KEYS = ("-a", ".a", "_a", "/a", "a b", "a:b", "ä", "a,b", "a=b", "a\n")
# The rules of labels: bad ones with what refuses them, and good ones. Create has one more label in each of its requests.
RULES: dict[str, dict[str, Any]] = {
    "count": {
        "requirement": "LABEL-001", "limit": "labels.count",
        "tries": lambda most: tries("labels.count", "labels", many(most + 1), many(2 * most)),
        "good": lambda most: {"labels": many(most - 1)}, "patch": lambda most: {"labels": many(most)},
    },
    "key-length": {
        "requirement": "LABEL-003", "limit": "labels.key",
        "tries": lambda most: tries("labels.key-length", "labels", *keys("k" * (most + 1), "k" * 16 * most)),
        "good": lambda most: {"labels": {"k" * most: "v"}},
    },
    "value-length": {
        "requirement": "LABEL-005", "limit": "labels.value",
        "tries": lambda most: tries("labels.value-length", "labels", {"a": "v" * (most + 1)}, {"a": "v" * 20 * most}),
        "good": lambda most: {"labels": {"a": "v" * most}},
    },
    "value-bytes": {
        "requirement": "LABEL-007", "limit": "labels.value",
        "tries": lambda most: tries("labels.value-length", "labels", {"a": "é" * (most // 2 + 1)}),
        "good": lambda most: {"labels": {"a": "é" * (most // 2)}},
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
    long_key, long_value = "k" * (t.limit("labels.key") + 1), "v" * (t.limit("labels.value") + 1)
    bad = {"": "v", "a": "", "b c": "v", long_key: "v", "d": long_value}
    answer = await place.ask({"labels": bad | many(t.limit("labels.count"))})
    t.refused(answer, "labels.count", field="labels")
    said = answer.response.body["validations"]
    t.exactly([v["field"] for v in said], ["labels"] * 6, "the fields of the validations", "/validations")
    t.expect(len({v["detail"] for v in said}), 6, "different details")
    t.accepted(await place.ask({"labels": {"d": "v"}}))


TITLE = "patch.title-length"
PATCHES: dict[str, dict[str, Any]] = {
    "title-length": {
        "requirement": "PATCH-001", "limit": "patch.title",
        "tries": lambda most: tries(TITLE, "title", "x" * (most + 1), f"  {'x' * (most + 1)}", "x" * 25 * most),
        "good": lambda most: {"title": f"  {'x' * most}\n "},
    },
    "title-characters": {
        "requirement": "PATCH-003", "limit": "patch.title",
        "tries": lambda most: tries(TITLE, "title", "é" * (most + 1)), "good": lambda most: {"title": "é" * most},
    },
    "title-astral": {
        "requirement": "PATCH-003", "limit": "patch.title",
        "tries": lambda most: tries(TITLE, "title", "😀" * (most + 1)), "good": lambda most: {"title": "😀" * most},
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
        t.accepted(await place.ask({}))
        t.expect(await place.state(), before, "the chat after an empty PATCH")
        t.expect(t.accepted(await place.chat.get())["updated_at"], moved, "updated_at after it", "/updated_at")
    with t.judging("PATCH-010"):
        fields = ("title", "labels", "archived", "pin_order", "plan_mode", "workspace_id")
        for sent in (dict.fromkeys(fields), *({field: None} for field in fields)):
            t.accepted(await place.ask(sent))
            t.expect(await place.state(), before, f"the chat after a PATCH with null for {', '.join(sent)}")
        await refused_alike(t, place, [(dict.fromkeys(fields) | {"archived": False}, "patch.not-archived")])
