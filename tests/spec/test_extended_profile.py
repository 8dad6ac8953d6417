"""A profile that extends another: a made-up one changes, adds and takes out a row of each kind."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

import spec
from scripts import assign_prose_ids, assign_schema_ids, registry_rows
from spec.documents import Documents
from spec.layers import patched

BASE, SMALL = spec.DEFAULT, "small"
FILES = {
    "profile.yaml": """
        extends: experimental-2026-05
        token_header: Session
        organizations: null
        statuses: {rest: {requires_action: null, paused: paused}}
        actors: {orgauditor: null, dora: {}}
        retired: {listChatProviders: null}
        capabilities: {gateway-llm: null}
    """,
    "openapi.yaml": """
        info: {version: small}
        paths:
          /api/experimental/chats/{chat}/title/propose: null
          /api/experimental/chats/{chat}/archive:
            post:
              operationId: archiveChat
              parameters: [{$ref: '#/components/parameters/chat'}]
              responses: {'204': {description: Done.}}
          /api/experimental/chats/{chat}:
            patch: {responses: {'204': null, '200': {description: Done.}}}
        components:
          schemas:
            Chat:
              required: {client_type: null, organization_id: null, color: color}
              properties:
                organization_id: null
                color: {type: string}
                last_error: {type: [string, 'null']}
                title: {type: integer}
            Color: {type: string}
    """,
    "asyncapi.yaml": """
        channels: {chatGit: null, chatWatch: {address: /watch}, chatMore: {address: /more}}
        operations: {streamGit: null}
    """,
    "errors/chats.yaml": """
        send.archived: null
        content.required: {message: Say something., detail: null}
        small.only: {status: 418, message: No tea.}
    """,
    "tables/limits.yaml": "{queue.length: {max: 3}, body.send: null, more: {unit: bytes, max: 1}}",
    "tables/presence.yaml": """
        objects:
          chat:
            CHATOBJ-003: null
            CHATOBJ-002: [{id: CHATOBJ-002, set: [labels]}, {id: CHATOBJ-002, never: [children]}]
            SMALL-001: {id: SMALL-001, set: [color]}
          model: null
    """,
    "tables/extra.yaml": "a: 1",
}
ROWS = """
    profiles: [small]
    rows:
      - {id: SMALL-001, level: MUST, text: A chat has a colour., source: source}
      - {id: SMALL-002, level: MUST, text: Chats are grey., source: source, profiles: [experimental-2026-05], not_in: [small]}
"""


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")


def filled(folder: Path) -> Path:
    for name, text in FILES.items():
        write(folder / SMALL / name, text)
    write(folder / "requirements" / "small.yaml", ROWS)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that holds the made-up profile; nothing of it was read yet."""
    return filled(tmp_path)


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The hash of the made-up profile."""
    return spec.load(SMALL, filled(tmp_path_factory.mktemp("spec"))).sha256


def test_a_profile_of_another_folder_is_known_there_alone(folder: Path) -> None:
    assert spec.profiles(folder) == sorted([*spec.profiles(), SMALL])
    assert spec.chain(SMALL, folder) == (SMALL, BASE)
    with pytest.raises(spec.UnknownProfile, match="unknown profile 'small'"):
        spec.load(SMALL)


def test_a_profile_that_is_unfinished_is_known_to_those_alone_who_ask_for_it(folder: Path) -> None:
    said = (folder / SMALL / "profile.yaml").read_text()
    write(folder / SMALL / "profile.yaml", f"{said}\nunfinished: true\n")
    assert spec.profiles(folder) == spec.profiles() and SMALL in spec.profiles(folder, unfinished=True)
    assert spec.is_unfinished(SMALL, folder) and not spec.is_unfinished(BASE, folder)
    assert "SMALL-001" in spec.load(SMALL, folder).requirements.keys() - spec.registry(folder).keys()
    assert SMALL not in spec.registry(folder)["AUTH-001"].profiles


def test_the_traits_are_the_bases_but_for_what_changes(folder: Path) -> None:
    traits, base = spec.load(SMALL, folder).traits, spec.load(BASE).traits
    assert traits["token_header"] == "Session" and "organizations" not in traits and "extends" not in traits
    assert traits["rest_statuses"] == traits["statuses"]["rest"] == ["waiting", "error", "paused"]
    assert traits["busy_statuses"] == base["busy_statuses"] and traits["races"] == base["races"]
    assert set(base["actors"]) - set(traits["actors"]) == {"orgauditor"} and "dora" in traits["actors"]
    assert set(base["retired"]) - set(traits["retired"]) == {"listChatProviders"}
    assert set(base["capabilities"]) - set(traits["capabilities"]) == {"gateway-llm"}


def test_the_documents_are_the_bases_but_for_what_changes(folder: Path) -> None:
    docs, base = Documents(spec.load(SMALL, folder)), Documents(spec.load(BASE))
    assert docs.operations.keys() - base.operations.keys() == {"archiveChat"}
    assert base.operations.keys() - docs.operations.keys() == {"proposeTitle"}
    was, now = base.operations["patchChat"], docs.operations["patchChat"]
    assert was.responses.keys() - {204} == now.responses.keys() - {200} and 200 in now.responses and was.request == now.request
    schemas = spec.load(SMALL, folder).openapi["components"]["schemas"]
    chat, old = schemas["Chat"], spec.load(BASE).openapi["components"]["schemas"]["Chat"]
    assert chat["required"] == [*(key for key in old["required"] if key not in ("client_type", "organization_id")), "color"]
    assert chat["properties"].keys() ^ old["properties"].keys() == {"organization_id", "color"}
    assert chat["properties"]["last_error"] == {"type": ["string", "null"]}, "a schema takes the place of a reference whole"
    assert chat["properties"]["title"] == {"type": "integer"}, "and of another type"
    assert "Color" in schemas and docs.schema("Chat")["$defs"]["Chat"]["properties"]["color"] == {"type": "string"}
    channels = spec.load(SMALL, folder).asyncapi["channels"]
    assert channels.keys() ^ spec.load(BASE).asyncapi["channels"].keys() == {"chatGit", "chatMore"}
    assert channels["chatWatch"]["address"] == "/watch" and channels["chatWatch"]["title"]


def test_the_refusals_are_the_bases_but_for_what_changes(folder: Path) -> None:
    errors, base = spec.load(SMALL, folder).errors, spec.load(BASE).errors
    assert errors.keys() ^ base.keys() == {"send.archived", "small.only"}
    assert [key for key in errors if key in base and errors[key] != base[key]] == ["content.required"]
    row, old = errors["content.required"], base["content.required"]
    assert (row.message, row.detail, row.status) == ("Say something.", None, old.status) and old.detail


def test_the_tables_are_the_bases_but_for_what_changes(folder: Path) -> None:
    small, base = spec.load(SMALL, folder), spec.load(BASE)
    assert set(small.tables) - set(base.tables) == {"extra"} and small.table("extra") == {"a": 1}
    limits, old = small.table("limits"), base.table("limits")
    assert limits.keys() ^ old.keys() == {"body.send", "more"}
    assert limits["queue.length"] == {**old["queue.length"], "max": 3}
    chat, was = small.table("presence")["objects"]["chat"], base.table("presence")["objects"]["chat"]
    assert [row["id"] for row in chat[:4]] == ["CHATOBJ-001", "CHATOBJ-002", "CHATOBJ-002", "CHATOBJ-004"]
    assert chat[3:-1] == was[3:] and chat[-1]["id"] == "SMALL-001"
    assert "model" not in small.table("presence")["objects"]
    with pytest.raises(FileNotFoundError, match="no table nope"):
        small.table("nope")


def test_the_base_stays_as_it_is(folder: Path) -> None:
    before = spec.load(BASE).sha256
    assert spec.load(SMALL, folder).sha256 != before
    assert spec.load(BASE, folder).openapi == spec.load(BASE).openapi
    assert spec.load(BASE, folder).table("presence") == spec.load(BASE).table("presence")


def test_the_requirements_are_the_bases_but_for_what_changes(folder: Path) -> None:
    small, base = spec.load(SMALL, folder), spec.load(BASE, folder)
    assert small.requirements.keys() ^ base.requirements.keys() == {"SMALL-001", "SMALL-002"}
    assert "SMALL-001" in small.requirements and "SMALL-002" in base.requirements
    assert {BASE, SMALL} <= set(small.requirements["SEND-004"].profiles)
    assert small.requirements["SMALL-001"].profiles == (SMALL,)
    assert SMALL not in spec.load(BASE).requirements["SEND-004"].profiles


@pytest.mark.parametrize(
    ("profiles", "not_in", "held"),
    [
        (["old"], [], ["new", "newer", "old"]),
        (["old"], ["new"], ["old"]),
        (["old", "newer"], ["new"], ["newer", "old"]),
        (["new"], [], ["new", "newer"]),
        (["new"], ["newer"], ["new"]),
        (["old"], ["old"], []),
        ([], ["new"], []),
    ],
)
def test_the_nearest_profile_that_is_named_decides(profiles: list[str], not_in: list[str], held: list[str]) -> None:
    chains = {"old": ["old"], "new": ["new", "old"], "newer": ["newer", "new", "old"], "other": ["other"]}
    assert sorted(name for name, chain in chains.items() if spec.holds(chain, profiles, not_in)) == held


def test_generated_rows_name_as_few_profiles_as_can_be() -> None:
    family = [name for name in spec.profiles(unfinished=True) if BASE in spec.chain(name)]
    assert registry_rows.membership(family) == {}
    assert registry_rows.membership([]) == {"not_in": [BASE]}


def test_a_file_says_for_all_its_rows_what_a_row_says_for_itself(folder: Path) -> None:
    said = yaml.safe_load(ROWS)["rows"][0]
    rows = [said, {**said, "id": "SMALL-003", "profiles": [BASE]}, {**said, "id": "SMALL-004", "not_in": [BASE]}]
    sheet = {"profiles": [BASE], "not_in": [SMALL], "rows": rows}
    write(folder / "requirements" / "small.yaml", yaml.safe_dump(sheet))
    found = spec.registry(folder)
    held = [{BASE, SMALL} & set(found[f"SMALL-00{n}"].profiles) for n in (1, 3, 4)]
    assert held == [{BASE}, {BASE, SMALL}, set()]


def test_a_membership_of_no_profile_is_told(folder: Path) -> None:
    write(folder / "requirements" / "small.yaml", ROWS.replace("[small]", "[smal]", 1))
    with pytest.raises(ValueError, match=r"small\.yaml: SMALL-001 names the unknown profiles \['smal'\]"):
        spec.registry(folder)


NOT_MINE: dict[str, tuple[str, str]] = {
    "a row of the base alone": ("requirements/small.yaml", ROWS.replace("grey", "gray")),
    "a profile that nobody extends": ("other/profile.yaml", "{extends: small, token_header: Other}"),
    "a table of another profile": ("other/tables/limits.yaml", "{queue.length: {max: 4}}"),
    "a comment": ("small/tables/extra.yaml", "# why\na: 1"),
}
MINE: dict[str, tuple[str, str]] = {
    "its own row": ("requirements/small.yaml", ROWS.replace("a colour", "a hue")),
    "a row that it gets": ("requirements/small.yaml", ROWS.replace(", not_in: [small]", "")),
    "its own table": ("small/tables/extra.yaml", "a: 2"),
    "its own refusal": ("small/errors/more.yaml", "more.tea: {status: 418, message: More.}"),
    "its own document": ("small/openapi-more.yaml", "components: {schemas: {More: {type: string}}}"),
    "its own feed": ("small/asyncapi.yaml", "channels: {chatGit: null}"),
    "its own traits": ("small/profile.yaml", FILES["profile.yaml"].replace("Session", "Token")),
    "a table of its base": ("experimental-2026-05/tables/caps.yaml", "run: {bytes: 1}"),
    "a refusal of its base": ("experimental-2026-05/errors/more.yaml", "more.tea: {status: 418, message: More.}"),
}


@pytest.mark.parametrize("what", NOT_MINE)
def test_the_hash_is_the_same_whatever_else_changes(folder: Path, unchanged: str, what: str) -> None:
    name, text = NOT_MINE[what]
    if name.startswith("other/tables"):
        write(folder / "other" / "profile.yaml", "extends: small")
    write(folder / name, text)
    assert spec.load(SMALL, folder).sha256 == unchanged


@pytest.mark.parametrize("what", MINE)
def test_the_hash_covers_what_the_profile_uses(folder: Path, unchanged: str, what: str) -> None:
    name, text = MINE[what]
    write(folder / name, text)
    assert spec.load(SMALL, folder).sha256 != unchanged


def test_wordings_of_another_profile_are_rows_of_their_own(folder: Path) -> None:
    plan = assign_prose_ids.plan(folder)
    rows = {row["text"].split()[2] + row["source"].split("/")[1]: row for row in _mine(plan[assign_prose_ids.REGISTRY])}
    assert rows[f"send.archived{BASE}"]["not_in"] == [SMALL], "the refusal is not there any more"
    assert rows[f"content.required{BASE}"]["not_in"] == [SMALL], "it has other words"
    own = {key: row for key, row in rows.items() if key.endswith(SMALL)}
    assert {key: row["profiles"] for key, row in own.items()} == {
        f"content.required{SMALL}": [SMALL],
        f"small.only{SMALL}": [SMALL],
    }
    touched = {key for key, row in rows.items() if key.endswith(BASE) and {"profiles", "not_in"} & set(row)}
    assert touched == {f"send.archived{BASE}", f"content.required{BASE}"}
    written = yaml.safe_load(plan[folder / SMALL / "errors" / "chats.yaml"])
    ids = {own[f"{key}{SMALL}"]["id"] for key in ("content.required", "small.only")}
    assert {written[key]["prose"] for key in ("content.required", "small.only")} == ids and len(ids) == 2
    assert not ids & spec.registry().keys()


def test_wordings_of_another_profile_keep_their_ids(folder: Path) -> None:
    for path, text in assign_prose_ids.plan(folder).items():
        if path.is_relative_to(folder):
            write(path, text.replace("No tea.", "No tea at all."))
    found = folder.rename(folder.with_name("again"))  # what was read is remembered by the folder's name
    plan = assign_prose_ids.plan(found)
    assert [path for path in plan if path.is_relative_to(found) and path.read_text(encoding="utf-8") != plan[path]] == []


def test_documents_of_another_profile_share_the_rows(folder: Path) -> None:
    rows = {row["id"]: row for row in _mine(assign_schema_ids.plan(folder)[assign_schema_ids.REGISTRY])}
    assert rows["SCHEMA-proposeTitle"]["not_in"] == [SMALL]
    assert rows["SCHEMA-archiveChat"]["profiles"] == [SMALL] and "/small/openapi.yaml" in rows["SCHEMA-archiveChat"]["source"]
    assert {name for name, row in rows.items() if set(row) & {"profiles", "not_in"}} == {
        "SCHEMA-proposeTitle",
        "SCHEMA-archiveChat",
    }


def _mine(text: str) -> list[dict[str, Any]]:
    """The rows of this text; of other profiles than the made-up one and its base they say nothing."""
    rows: list[dict[str, Any]] = registry_rows.parsed(text)["rows"]
    for row in rows:
        for name in {"profiles", "not_in"} & set(row):
            row[name] = [profile for profile in row[name] if profile in (BASE, SMALL)]
            if not row[name] or (name, row[name]) == ("profiles", [BASE]):  # as the file says
                del row[name]
    return rows


def test_a_circle_and_an_unknown_base_are_told(folder: Path) -> None:
    write(folder / "round" / "profile.yaml", "extends: about")
    write(folder / "about" / "profile.yaml", "extends: round")
    with pytest.raises(ValueError, match="round extends about extends round"):
        spec.chain("round", folder)
    write(folder / "lost" / "profile.yaml", "extends: nowhere")
    with pytest.raises(spec.UnknownProfile, match="nowhere"):
        spec.load("lost", folder)


def test_a_patch_that_fits_nothing_is_told(folder: Path) -> None:
    write(folder / SMALL / "errors" / "chats.yaml", "nope: null")
    with pytest.raises(ValueError, match="spec/small/errors: nope is taken out, but is not there"):
        assert spec.load(SMALL, folder).errors


PATCHES: list[tuple[Any, Any, Any]] = [
    ({"a": {"b": 1, "c": 2}}, {"a": {"b": None}}, {"a": {"c": 2}}),
    ({"a": {"b": 1}}, {"a": {"$replace": {"c": 2}}}, {"a": {"c": 2}}),
    ({"a": 1}, {"a": {"$replace": None}}, {"a": None}),
    ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
    ({"a": ["x", "y"]}, {"a": {"x": None, "z": "z"}}, {"a": ["y", "z"]}),
    ([{"$ref": "A"}, {"$ref": "B"}], {"A": None, "C": {"$ref": "C"}}, [{"$ref": "B"}, {"$ref": "C"}]),
    ({"properties": {"type": {"const": "a"}, "x": 1}}, {"properties": {"type": {"const": "b"}}},
     {"properties": {"type": {"const": "b"}, "x": 1}}),
    ({"type": "string", "minLength": 1}, {"maxLength": 2}, {"type": "string", "minLength": 1, "maxLength": 2}),
]  # fmt: skip


@pytest.mark.parametrize(("base", "patch", "made"), PATCHES)
def test_what_a_patch_makes(base: Any, patch: Any, made: Any) -> None:
    assert patched(base, patch, "x") == made


@pytest.mark.parametrize(
    ("base", "patch", "said"),
    [
        ({"a": ["x"]}, {"a": {"y": None}}, "x: a: y is taken out, but is not there"),
        ({"a": ["x"]}, {"a": {"y": "z"}}, "x: a: y can't be the name of z"),
        ({"a": 1}, {"a": {"$replace": 1, "b": 2}}, r"x: a: \$replace stands alone"),
    ],
)
def test_a_wrong_patch_names_the_place(base: Any, patch: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        patched(base, patch, "x")
