"""The registry: its form, its frozen ids, its sources, the generated files, and that no MUST hangs on a wording."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import spec
from scripts import assign_prose_ids, assign_schema_ids, registry_rows
from spec import Requirement, contract_page, registry_page, sources

ROOT = Path(__file__).parents[2]
FIELDS = {"id", "level", "text", "source", "seen", "profiles", "not_in", "needs", "unkillable", "excluded", "differs", "basis"}
NEEDS = {
    "llm": "scripted turns",
    "llm-control": "the scripted LLM's control address: gates, journal, wire faults",
    "roles": "carol, orgadmin, orgauditor, auditor",
    "second-user": "bob",
    "files": "uploads",
    "admin": "root",
    "exclusive": "runs with nothing beside it",
    "model-admin": "root makes AI providers and model configs",
    "slow": "takes more than ten seconds",
    "workspaces": "a workspace with an agent",
    "git-host": "a repository in the workspace, whose changes are told, and a desktop",
    "stored-shares": "a chat that was shared before sharing was switched off",
    "held-pending": "turns that stay pending for a second",
    "debug-forced": "a server that was started with debug logging of every chat",
    "own-keys-off": "a server that was started with users' own provider keys switched off",
    "direct-llm": "a server whose model calls go to the provider directly",
    "gateway-off": "a server without the gateway that chats need",
    "gateway-llm": "a server whose model calls go through a gateway",
    "rate-limits": "a server whose rate limits are on",
    "long-waits": "half a minute to wait",
    "disposable": "a server that may be left changed for good",
    "sharing-disabled": "a server that was started with chat sharing switched off",
    "experiment-off": "a server whose experiment for chats is off",
    "no-models": "a server that was started without a model",
    "anthropic-llm": "a server with a model of that provider type, which the scripted LLM answers",
}
ROWS = list(spec.registry().values())
AREAS = sorted({row.area for row in ROWS})


def raw(area: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = spec.read_yaml("requirements", f"{area}.yaml")["rows"]
    return rows


@pytest.mark.parametrize("area", AREAS)
def test_a_file_says_which_profiles_its_rows_hold_in(area: str) -> None:
    sheet = spec.read_yaml("requirements", f"{area}.yaml")
    assert {"profiles", "rows"} <= set(sheet) <= {"profiles", "not_in", "basis", "rows"}
    for row in sheet["rows"]:
        assert row.get("profiles") != sheet["profiles"] or "not_in" in sheet, f"{row['id']} repeats the profiles of its file"


@pytest.mark.parametrize("area", AREAS)
def test_rows_have_the_agreed_form(area: str) -> None:
    for row in raw(area):
        said = f"{area}.yaml, {row.get('id')}"
        assert set(row) <= FIELDS, f"{said}: unknown fields {set(row) - FIELDS}"
        assert re.fullmatch(r"[A-Z]+-\d{3}|SCHEMA-[\w-]+", row["id"]), said
        assert row["level"] in spec.LEVELS and spec.all_rows()[row["id"]].basis in spec.BASES, said
        assert spec.all_rows()[row["id"]].profiles, f"{said} holds nowhere"
        assert set(row.get("needs", ())) <= set(NEEDS), f"{said}: unknown needs"
        assert not ("unkillable" in row and "excluded" in row), said


@pytest.mark.parametrize("area", [a for a in AREAS if a != "prose"])
def test_a_requirement_is_one_sentence(area: str) -> None:
    for row in raw(area):
        text = row["text"]
        assert text.endswith(".") and "\n" not in text and len(text) <= 320, f"{row['id']}: {text}"
        assert not re.search(r"\. [A-Z]", text), f"{row['id']} is more than one sentence"


def test_no_two_requirements_say_the_same() -> None:
    said: dict[str, str] = {}
    for row in ROWS:
        assert row.text not in said, f"{row.id} repeats {said[row.text]}"
        said[row.text] = row.id


def test_every_source_resolves_to_a_place_in_the_project() -> None:
    texts: dict[str, str] = {}
    for row in ROWS:
        for part in sources.cited(row.source):
            path, _, anchor = part.link.partition("#")
            if path not in texts:
                texts[path] = (ROOT / path).read_text(encoding="utf-8")
            assert part.text and (not anchor or f'<a id="{anchor}"></a>' in texts[path]), f"{row.id}: {part.link}"


def test_a_source_that_names_nothing_is_refused() -> None:
    for nothing in (
        "chats.md R999",
        "gone.md R1",
        "spec/experimental-2026-05/openapi.yaml noSuchOperation",
        "spec/experimental-2026-05/errors no.key",
    ):
        with pytest.raises(sources.Unresolved):
            sources.cited(nothing)


def test_every_fact_is_a_sentence() -> None:
    for page in sources.pages().values():
        assert page.profile in spec.profiles(unfinished=True) and page.unseen | page.basis.keys() - {""} <= set(page.facts)
        assert set(page.basis.values()) <= set(spec.BASES)
        for anchor, text in page.facts.items():
            assert text[0].isupper() and text.endswith("."), f"{page.name} {anchor}"


def recorded_in(row: Requirement, name: str) -> tuple[str, str]:
    """The profile and the scenario that `seen` of this row names."""
    profile, _, scenario = name.rpartition("/")
    return profile or (spec.DEFAULT if spec.DEFAULT in row.profiles else row.profiles[0]), scenario


def test_the_scenarios_named_exist() -> None:
    for row in ROWS:
        for name in row.seen:
            profile, scenario = recorded_in(row, name)
            assert profile in row.profiles, f"{row.id}: {name} is of another profile"
            path = ROOT / "fixtures" / "transcripts" / profile / f"{scenario}.jsonl"
            assert path.is_file(), f"{row.id}: no recorded scenario {name}"


EXTENDED = [name for name in spec.profiles(unfinished=True) if len(spec.chain(name)) > 1]


@pytest.mark.parametrize("name", EXTENDED)
def test_each_difference_from_the_base_is_named_by_a_requirement(name: str) -> None:
    profile, base = spec.load(name), spec.load(spec.chain(name)[1])
    differences = set(profile.table("differences"))
    own = [row for row in profile.requirements.values() if row.id not in base.requirements]
    assert {difference for row in own for difference in row.differs} == differences
    first = spec.load(spec.chain(name)[-1])
    for row in profile.requirements.values():
        assert not row.differs or row.id not in first.requirements, f"{row.id} holds in both, and so is no difference"


@pytest.mark.parametrize(("name", "page", "most"), [("experimental-2026-03", "2026-03.md", 56)])
def test_every_requirement_of_the_facts_is_named(name: str, page: str, most: int) -> None:
    said = {part for row in spec.load(name).requirements.values() for part in row.source.split(", ")}
    numbers = {int(part.rpartition("R")[2]) for part in said if part.startswith(f"{page} R")}
    assert numbers == set(range(1, most + 1))


def test_no_must_quotes_a_refusal() -> None:
    for profile in spec.profiles():
        messages = {row.message for row in spec.load(profile).errors.values() if len(row.message) > 20}
        for row in ROWS:
            if row.level == "MUST":
                quoted = [m for m in messages if m.rstrip(".") in row.text]
                assert not quoted, f"{row.id} asks for the words {quoted}; wordings are SHOULD rows of prose.yaml"


def test_ids_are_never_dropped_and_never_new_unnoticed() -> None:
    lines = [line.split(maxsplit=1) for line in registry_page.FROZEN.read_text(encoding="utf-8").splitlines()]
    retired = {line[0] for line in lines if len(line) > 1}
    live = {line[0] for line in lines} - retired
    present = {row.id for row in ROWS}
    assert live <= present, f"dropped: {sorted(live - present)}; an id is retired by a reason behind it in frozen_ids.txt"
    assert not present & retired, f"used again: {sorted(present & retired)}"
    assert present <= live, f"new ids {sorted(present - live)[:9]}: run python -m spec.registry_page"


def test_freezing_adds_and_takes_nothing_out() -> None:
    frozen = registry_page.freeze("AUTH-001\nAUTH-002 retired: never held\n", ["AUTH-003", "AUTH-001"])
    assert frozen == "AUTH-001\nAUTH-002 retired: never held\nAUTH-003\n"


def test_the_page_is_up_to_date() -> None:
    assert registry_page.PAGE.read_text(encoding="utf-8") == registry_page.page(ROWS), "run python -m spec.registry_page"


def test_the_pages_of_the_contract_are_up_to_date() -> None:
    pages = contract_page.contract(ROWS)
    for path, text in pages.items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, f"{path}: run python -m spec.registry_page"
    assert {str(path.relative_to(ROOT)) for path in (ROOT / "docs" / "contract").rglob("*.md")} == set(pages)


def test_the_page_shows_markup_as_text() -> None:
    row = Requirement("X-001", "MUST", "a | b * <c>.", "auth", "chats.md R1", ("p", "q"))
    shown = registry_page.page([row])
    assert '| <a id="X-001"></a>X-001 | MUST | a \\| b \\* &lt;c>. |  | p, q | ' in shown
    assert "[chats.md R1](contract/experimental-2026-05/chats.md#r1) |  |" in shown


def test_the_registry_is_large_enough_and_names_every_area() -> None:
    assert len([row for row in ROWS if row.area not in ("prose", "schema")]) >= 450
    assert set(AREAS) == set(registry_page.AREAS)


@pytest.mark.parametrize("script", [assign_prose_ids, assign_schema_ids], ids=["prose", "schema"])
def test_generated_rows_are_up_to_date(script: Any) -> None:
    stale = [path.name for path, text in script.plan().items() if path.read_text(encoding="utf-8") != text]
    assert not stale, f"{stale}: run python -m {script.__name__}"


def test_every_judged_refusal_has_its_wording_in_the_registry() -> None:
    for profile in map(spec.load, spec.profiles()):
        for key, row in profile.errors.items():
            if assign_prose_ids.in_scope(key):
                assert row.prose in profile.requirements, f"{key} has no prose id: run python -m scripts.assign_prose_ids"


REFUSALS = {"a.one": {"status": 400, "message": "One."}, "a.two": {"status": 400, "message": "Two.", "detail": "{detail}"}}


def test_wording_ids_are_never_renumbered() -> None:
    first = assign_prose_ids.rows(REFUSALS, [])
    assert [(row["id"], row["text"]) for row in first] == [
        ("ERR-001", "The refusal a.one says: One."),
        ("ERR-002", "The refusal a.two says: Two."),
    ]
    later = assign_prose_ids.rows({"a.zero": {"status": 400, "message": "Zero."}, "a.two": REFUSALS["a.two"]}, first)
    assert [(row["id"], "excluded" in row) for row in later] == [("ERR-001", True), ("ERR-002", False), ("ERR-003", False)]


def test_a_renamed_refusal_keeps_its_id_and_a_stolen_one_is_told() -> None:
    first = assign_prose_ids.rows(REFUSALS, [])
    renamed = {"b.one": {**REFUSALS["a.one"], "prose": "ERR-001"}, "a.two": REFUSALS["a.two"]}
    assert [row["source"].split()[-1] for row in assign_prose_ids.rows(renamed, first)] == ["b.one", "a.two"]
    with pytest.raises(ValueError, match=r"a\.two claims ERR-001"):
        assign_prose_ids.rows({**REFUSALS, "a.two": {**REFUSALS["a.two"], "prose": "ERR-001"}}, first)


def test_wording_ids_are_written_into_the_table_once() -> None:
    table = "# head\na.one:\n  status: 400\n  message: One.\n\n# next\na.two: {status: 400, message: Two.}\n"
    ids = {"a.one": "ERR-001", "a.two": "ERR-002"}
    written = assign_prose_ids.with_prose(table, ids)
    assert written == (
        "# head\na.one:\n  status: 400\n  message: One.\n  prose: ERR-001\n\n# next\n"
        "a.two: {status: 400, message: Two., prose: ERR-002}\n"
    )
    assert assign_prose_ids.with_prose(written, ids) == written


def test_what_was_added_by_hand_stays() -> None:
    old = {"id": "ERR-001", "level": "MAY", "text": "old", "unkillable": "why"}
    assert registry_rows.kept({"id": "ERR-001", "level": "SHOULD", "text": "new"}, old) == {
        "id": "ERR-001",
        "level": "MAY",
        "text": "new",
        "unkillable": "why",
    }
