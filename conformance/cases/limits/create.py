"""Create: what is refused, at which bound, and what is reported first when two things are wrong."""

from __future__ import annotations

import json
from typing import Any

from conformance.checks.asked import NIL
from conformance.play.actors import Chat, text
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import all_models, behind
from conformance.scenes.files import upload
from conformance.scenes.lifecycle import REFERENCE
from conformance.scenes.limits import UNKNOWN, place_for, refused_alike, too_long, tools, tries, twins
from conformance.wire.exchange import ABSENT

PROMPT = "create.system-prompt"  # the bound of its length, and what refuses one past it


def many_tools(count: int) -> list[dict[str, Any]]:
    return tools(*(f"tool_{i}" for i in range(count)))


# One bad value of each field, in the order in which create reports them.
BAD: list[tuple[str, Any, str]] = [
    ("content", [], "content.required"),
    ("model_config_id", NIL, "create.model-nil"),
    ("plan_mode", "x", "common.plan-mode"),
    ("mcp_server_ids", [UNKNOWN], "common.mcp-servers"),
    ("labels", {"": "v"}, "labels.key-empty"),
    ("unsafe_dynamic_tools", tools(""), "create.tool-name"),
    ("client_type", "x", "create.client-type"),
]


# The same as tries of a table.
ORDER = [({field: value}, key) for field, value, key in BAD]
PARTS = "content"


def parts(key: str, *each: dict[str, Any]) -> list[tuple[Any, str]]:
    """Content of each of these parts alone, refused by this key."""
    return tries(key, PARTS, *([part] for part in each))


REFUSED: dict[str, dict[str, Any]] = {
    "organization": {
        "requirement": "CREATE-001", "tries": tries("create.organization-required", "organization_id", ABSENT, NIL),
    },
    "organization-then-content": {"requirement": "CREATE-002", "in_order": True, "tries": [
        ({"organization_id": NIL}, "create.organization-required"), ({"content": []}, "content.required"),
    ]},
    "foreign-organization": {"requirement": "CREATE-003", "tries": [
        ({"organization_id": UNKNOWN}, "create.not-member"),
        ({"organization_id": UNKNOWN} | {f: value for f, value, _ in BAD}, "create.not-member"),
    ]},
    "foreign-organization-then-prompt": {"requirement": "CREATE-003", "limit": PROMPT, "tries": lambda most: [
        ({"organization_id": UNKNOWN} | {f: value for f, value, _ in BAD} | too_long(most), "create.not-member"),
        ({"organization_id": UNKNOWN} | too_long(most), "create.not-member"),
        (too_long(most), PROMPT),
    ]},
    "malformed-first": {"requirement": "CREATE-005", "tries": [
        ({"organization_id": UNKNOWN, "content": "text"}, "common.bad-json"),
        ({"organization_id": NIL, "plan_mode": 5}, "common.bad-json"),
        ({"organization_id": UNKNOWN}, "create.not-member"),
    ]},
    "system-prompt": {
        "requirement": "CREATE-006", "limit": PROMPT,
        "tries": lambda most: [(too_long(most), PROMPT), (too_long(10 * most), PROMPT)],
        "good": lambda most: {"system_prompt": "x" * most},
    },
    "system-prompt-bytes": {
        "requirement": "CREATE-008", "limit": PROMPT,
        "tries": lambda most: tries(PROMPT, "system_prompt", "é" * (most // 2 + 1)),
        "good": lambda most: {"system_prompt": "é" * (most // 2)},
    },
    "system-prompt-then-content": {"requirement": "CREATE-009", "in_order": True, "limit": PROMPT, "tries": lambda most: [
        (too_long(most), PROMPT), ({"content": []}, "content.required"),
    ]},
    "content": {"requirement": "CREATE-010", "tries": tries("content.required", PARTS, ABSENT, None, [])},
    "text": {
        "requirement": "CREATE-011",
        "tries": parts("content.text-empty", {"type": "text"}, text(""), text("  \n\t "), {"type": "text", "text": None}),
    },
    "type": {
        "requirement": "CREATE-013",
        "tries": parts("content.type", *({"type": k, "text": "x"} for k in (
            "image", "", "tool-call", "tool-result", "reasoning", "source", "text2",
        )), {"text": "x"}),
    },
    "file-id": {
        "requirement": "CREATE-015", "tries": parts("content.file-id", {"type": "file"}, {"type": "file", "file_id": NIL}),
    },
    "file-unknown": {"requirement": "CREATE-016", "tries": parts("content.file-unknown", {"type": "file", "file_id": UNKNOWN})},
    "file-name": {
        "requirement": "CREATE-018",
        "tries": parts("content.file-name", REFERENCE | {"file_name": ""}, {"type": "file-reference", "content": "x"}),
        "good": {PARTS: [REFERENCE]},
    },
    "workspace": {"requirement": "CREATE-020", "tries": tries("common.workspace", "workspace_id", UNKNOWN, NIL)},
    "model-nil": {"requirement": "CREATE-021", "tries": tries("create.model-nil", "model_config_id", NIL)},
    "model-unknown": {"requirement": "CREATE-022", "tries": tries("create.model-unknown", "model_config_id", UNKNOWN)},
    "plan-mode": {
        "requirement": "CREATE-024", "tries": tries("common.plan-mode", "plan_mode", "Plan", "PLAN", "act", " plan", "planned"),
        "good": {"plan_mode": "plan"},
    },
    "mcp-servers": {
        "requirement": "CREATE-025", "tries": tries("common.mcp-servers", "mcp_server_ids", [UNKNOWN], [NIL]),
        "good": {"mcp_server_ids": []},
    },
    "tools": {
        "requirement": "CREATE-028", "limit": "create.tools",
        "tries": lambda most: tries("create.tools-count", "unsafe_dynamic_tools", many_tools(most + 1), many_tools(most + 150)),
        "good": lambda most: {"unsafe_dynamic_tools": many_tools(most)},
    },
    "tool-name": {
        "requirement": "CREATE-030",
        "tries": tries("create.tool-name", "unsafe_dynamic_tools", tools(""), [{"description": "x"}], tools("a", "")),
        "good": {"unsafe_dynamic_tools": tools("a", "b")},
    },
    "tool-twice": {
        "requirement": "CREATE-031",
        "tries": tries("create.tool-duplicate", "unsafe_dynamic_tools", tools("a", "a"), tools("a", "b", "a")),
        "good": {"unsafe_dynamic_tools": tools("a", "b", "ab")},
    },
    "client-type": {
        "requirement": "CREATE-034", "tries": tries("create.client-type", "client_type", "UI", "Api", "web", " ui"),
        "good": {"client_type": "api"},
    },
    "order-first": {"requirement": "CREATE-035", "in_order": True, "tries": ORDER[:4]},
    "order-last": {"requirement": "CREATE-036", "in_order": True, "tries": ORDER[3:]},
    "nothing-made": {
        "requirement": "CREATE-039",
        "tries": ORDER + tries("create.not-member", "organization_id", UNKNOWN),
    },
}  # fmt: skip


@case(rows=REFUSED)
async def refused_create(t: Case, row: dict[str, Any]) -> None:
    await twins(t, row | {"on": "create"})


@case("CREATE-004")
async def without_the_right_to_create(t: Case) -> None:
    place = await place_for(t, "create")
    place.chat = Chat(t.actor("carol"), "")
    bounded = t.refuses(PROMPT)
    both = (too_long(t.limit(PROMPT)) if bounded else {}) | {"content": []}
    fields: list[dict[str, Any]] = [{}, both, {"content": []}]
    await refused_alike(t, place, [(each, "common.forbidden") for each in fields])
    place.chat = Chat(t.alice, "")
    await refused_alike(t, place, [(both, PROMPT if bounded else "content.required")])
    t.accepted(await place.ask({}))


@case("CREATE-012")
async def index_of_the_bad_part(t: Case) -> None:
    place = await place_for(t, "create")
    for at in (0, 1, 2):
        content = [text("good"), text("good"), text("good"), {"type": "image"}]
        content[at] = text(" ")
        answer = await place.ask({PARTS: content})
        t.refused(answer, "content.text-empty")
        detail = answer.response.body.get("detail", "")
        t.true(f"[{at}]" in detail and "[3]" not in detail, f"the detail names part {at}", detail, "/detail")
    t.accepted(await place.ask({PARTS: [text("good")] * 4}))


@case("CREATE-014", rows={"upper": "TEXT", "blanks": "  text\n", "mixed": " Text "})
async def type_in_other_spelling(t: Case, kind: str) -> None:
    made = t.accepted(await (await place_for(t, "create")).ask({PARTS: [{"type": kind, "text": "Hello"}]}))
    first = (await Chat(t.alice, made["id"]).history())[0]["content"][0]
    t.expect((first["type"], first["text"]), ("text", "Hello"), "the part that was stored")


@case("CREATE-017")
async def file_of_another_user(t: Case) -> None:
    bobs, mine = [t.given(await upload(t, by=actor))["id"] for actor in (t.bob, t.alice)]
    place = await place_for(t, "create")
    answers = []
    for file in (bobs, UNKNOWN):
        answers.append(await place.ask({PARTS: [{"type": "file", "file_id": file}]}))
        t.refused(answers[-1], "content.file-unknown")
    t.alike(answers[0], answers[1], "the refusal of a foreign file beside that of an unknown one")
    t.expect(await place.state(), [], "the chats made by the refused requests")
    t.accepted(await place.ask({PARTS: [{"type": "file", "file_id": mine}]}))


ODD = {
    "backwards": {"start_line": 9, "end_line": 2},
    "negative": {"start_line": -5, "end_line": -1},
    "no-lines": {"start_line": ABSENT, "end_line": ABSENT},
    "no-content": {"content": ABSENT},
    "empty": {"content": "", "start_line": 0, "end_line": 0},
}


@case("CREATE-019", rows=ODD)
async def odd_file_reference(t: Case, odd: dict[str, Any]) -> None:
    part = {k: v for k, v in (REFERENCE | odd).items() if v is not ABSENT}
    t.accepted(await t.alice.create([part]))


@case("CREATE-023", "CREATE-065", alone=True, either=True)
async def without_any_model(t: Case) -> None:
    path, target = t.url("listModelConfigs"), t.session.target
    configs = await all_models(t)
    place = await place_for(t, "create")
    place.chat = Chat(t.root, "")
    if configs:
        t.true(all(c.get("id") for c in configs), "the configs have ids")
    for config in configs:
        t.given(await t.root.delete(f"{path}/{config['id']}"))
    try:
        await refused_alike(t, place, [({"model_config_id": ABSENT}, "create.no-default-model")])
    finally:
        copied = ("model", "display_name", "enabled", "is_default", "context_limit", "model_config", "compression_threshold")
        for config in sorted(configs, key=lambda c: not c.get("is_default")):
            body = behind(t, config) | {k: config[k] for k in copied if config.get(k) is not None}
            made = (await t.root.post(path, body)).response.body
            target.model_config_ids = [made["id"] if known == config["id"] else known for known in target.model_config_ids]
    t.accepted(await place.ask({"model_config_id": ABSENT}))


@case("CREATE-026")
async def unknown_servers_are_listed(t: Case) -> None:
    place = await place_for(t, "create")
    ids = [f"{n}1111111-2222-4333-8444-555555555555" for n in (3, 1, 2)]
    answer = await place.ask({"mcp_server_ids": ids})
    t.refused(answer, "common.mcp-servers")
    detail = answer.response.body.get("detail", "")
    t.expect(sorted(ids, key=lambda i: detail.find(i)), ids, "the unknown ids in the order of the detail", "/detail")
    t.true(all(i in detail for i in ids), "the detail lists all of them", detail, "/detail")
    t.accepted(await place.ask({"mcp_server_ids": []}))


TAKEN = {
    "letter-case": {"requirement": "CREATE-032", "tools": tools("look", "Look", "LOOK")},
    "bare": {"requirement": "CREATE-033", "tools": [{"name": "bare"}]},
    "built-in": {"requirement": "CREATE-033", "tools": tools("read_file")},
}


@case(rows=TAKEN)
async def tools_that_are_taken(t: Case, row: dict[str, Any]) -> None:
    t.accepted(await t.alice.create(unsafe_dynamic_tools=row["tools"]))
    t.refused(await t.alice.create(unsafe_dynamic_tools=row["tools"] * 2), "create.tool-duplicate")


def padded(t: Case, size: int, mark: str) -> bytes:
    """A create body of exactly that many bytes."""
    body = t.alice.creation([text("Hello")], mark, padding="")
    return json.dumps(body | {"padding": "x" * (size - len(json.dumps(body)))}).encode()


@case("BODY-011", "BODY-138", either=True)
async def size_of_a_create_body(t: Case) -> None:
    place = await place_for(t, "create")
    most = t.limit("body.create")
    sizes, key = (most + 1, most * 3 // 2), "common.too-large" if t.refuses("common.too-large") else "common.bad-json"
    await refused_alike(t, place, [(padded(t, size, place.mark), key) for size in sizes])
    t.accepted(await place.ask(padded(t, most, place.mark)))
    t.expect(len(await place.state()), 1, "the chats made")
