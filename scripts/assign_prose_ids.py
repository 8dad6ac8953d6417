"""Give every refusal of the contract an id for its wording: `python -m scripts.assign_prose_ids`.

Writes spec/requirements/prose.yaml and the `prose:` fields of spec/<profile>/errors/*.yaml. An id that was given stays
with its refusal for ever; a refusal that went leaves a gap. Texts follow the table.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import spec
from scripts import registry_rows
from scripts.registry_rows import Row

ROOT = Path(__file__).parent.parent
REGISTRY = ROOT / "spec" / "requirements" / "prose.yaml"
HEAD = "Wording of the refusals, one row each; written by `python -m scripts.assign_prose_ids`."

# Refusals of what only provisions a target (users, tokens), and of a server's own breakdown: not judged.
LEFT_OUT = ("users.", "tokens.", "common.panic", "create.failed")
# Texts that tell of the server's inside or come from its socket library: informational only.
INFORMATIONAL = re.compile(
    r"^(stream|watch)\.(no-|version$|key-|origin-)|-nul$|^promote\.unknown$|^edit\.unreadable-chat$|-forbidden$|^upload\.save$|^send\.no-model$|^rate\."
    r"|^create\.default-unreadable$|^config\.ttl-stored$|^diff\.failed$"
)

# What a target must offer before the refusal can be met with; the first match counts.
NEEDS: tuple[tuple[str, list[str]], ...] = (
    (r"^rate\.", ["rate-limits"]),
    (r"^gate\.", ["experiment-off"]),
    (r"^acl\.disabled$", ["sharing-disabled"]),
    (r"^config\.debug-forced$", ["debug-forced"]),
    (r"^common\.gateway-off$", ["gateway-off"]),
    (r"^(create\.default-off|common\.no-default-model)$", ["model-admin", "exclusive", "llm"]),
    (r"^common\.model-", ["model-admin"]),
    (r"^config\.(override-effort.*|personal-effort-mode)$", ["model-admin", "exclusive"]),
    (r"^model-config\.namespaced$", ["model-admin"]),
    (r"^userkeys\.disabled$", ["own-keys-off"]),
    (r"^auth\.suspended$", ["admin"]),
    (r"^(title\.(failed|unstorable)|messages\.unstorable|send\.no-stream)$", ["llm"]),
    (r"^create\.no-default-model$", ["model-admin", "exclusive", "disposable"]),
    (r"^send\.no-model$", ["model-admin", "exclusive"]),
    (r"^(patch\.pin-child|patch\.parent-archived)$", ["llm"]),
    (r"^acl\.child$", ["llm", "second-user"]),
    (r"^(send\.queue-full|edit\.not-user)$", ["llm"]),
    (r"^promote\.(archived|unknown)$", ["llm", "llm-control"]),
    (r"^acl\.(role|uuid|no-group)$", ["second-user"]),
    (r"^tool-results\.(duplicate|missing|unexpected|no-output)$", ["llm"]),
    (r"^title\.(locked|regenerate-failed|propose-failed)$", ["llm", "llm-control"]),
    (r"^\w+(-\w+)*\.not-owner$", ["admin"]),
    (r"^common\.forbidden$", ["roles"]),
    (r"^download\.id$", ["files", "second-user"]),
    (r"^(upload|download)\.", ["files"]),
    (r"^(git|desktop)\.no-workspace$", ["second-user"]),
    (r"^edit\.unreadable-chat$", ["second-user"]),
    (r"^limits\.exceeded$", ["admin", "exclusive", "llm", "model-admin"]),
    (r"^userkeys\.(no-provider|provider-disabled|too-large|missing|space)$", ["admin", "model-admin"]),
    (r"^userkeys\.\w+-forbidden$", ["roles"]),
    (r"^compaction\.(disabled|threshold-.*)$", ["admin", "model-admin"]),
    (r"^model-config\.(provider-disabled|limit|provider-other|update-nul)$", ["model-admin"]),
    (r"^provider\.(duplicate|unknown-key|patch-.*|no-field)$", ["model-admin"]),
    (r"^config\.(personal-context|personal-mode|personal-id-.*|personal-root-default|personal-model)$", ["admin", "exclusive"]),
    (r"^config\.(personal-provider|personal-key)$", ["model-admin", "exclusive"]),
    (r"^config\.(personal|debug)-not-allowed$", ["admin", "exclusive"]),
    (r"^compaction\..*$", []),
    (r"^skills\.limit$", ["admin", "slow"]),
    (r"^config\.ttl-stored$", ["admin", "exclusive"]),
    (r"^diff\.failed$", ["git-host", "workspaces"]),
    (r"^chat-provider\.used$", ["model-admin", "llm"]),
    (r"^chat-provider\.base-url.*$", ["admin"]),
    (r"^(config|model-config|provider|chat-provider|limits|skills|mcp)\.", ["admin"]),
    (r"^cost\.(date|unknown)$", ["admin"]),
    (r"^cost\.(integer|offset-negative|too-large)$", ["admin", "roles"]),
)


def in_scope(key: str) -> bool:
    """Is the wording of this refusal judged at all?"""
    return not key.startswith(LEFT_OUT)


def sentence(key: str, row: Row) -> str:
    """The requirement's text: the refusal's words, places in braces, on one line."""
    said = " ".join(str(row["message"]).split())
    text = f"The refusal {key} says: {said}"
    for item in row.get("validations") or ():
        text += f" ({item['field']}: {item['detail']})"
    if row.get("detail") not in (None, "{detail}"):
        text += f" ({' '.join(str(row['detail']).split())})"
    return text


def needs(key: str) -> list[str]:
    """What a target must offer to meet this refusal."""
    return next((wanted for pattern, wanted in NEEDS if re.search(pattern, key)), [])


def rows(tables: dict[str, Row], present: list[Row], profile: str = spec.DEFAULT, number: int = 0) -> list[Row]:
    """The registry rows for these refusals of a profile, keeping every id that `present` has given already.

    New ids come after `number`. Raises ValueError when a refusal carries an id that `present` gives to another one.
    """
    given = {_key(row): row for row in present}
    taken = {row["id"]: key for key, row in given.items()}
    claims = {row["prose"] for row in tables.values() if "prose" in row}
    number = max([number, *(_number(identity) for identity in {*taken, *claims})])
    out = []
    for key, refusal in tables.items():
        if not in_scope(key):
            continue
        claimed = refusal.get("prose")
        owner = taken.get(claimed, key)
        if owner != key and owner in tables:
            raise ValueError(f"refusal {key} claims {claimed}, which belongs to {owner}")
        old = given.get(owner)
        identity = claimed or (old or {}).get("id")
        if not identity:
            number += 1
            identity = f"ERR-{number:03d}"
        row: Row = {
            "id": identity,
            "level": "MAY" if INFORMATIONAL.search(key) else "SHOULD",
            "text": sentence(key, refusal),
            "source": f"spec/{profile}/errors {key}",
        }
        if wanted := needs(key):
            row["needs"] = wanted
        out.append(registry_rows.kept(row, old))
    # A refusal that left the table keeps its id here, so that nobody else gets it.
    used = {row["id"] for row in out}
    gone = [row | {"excluded": "the refusal is no longer in the table"} for row in present if row["id"] not in used]
    return sorted(out + gone, key=lambda row: _number(row["id"]))


def _number(identity: str) -> int:
    return int(identity.removeprefix("ERR-"))


def _key(row: Row) -> str:
    return str(row["source"]).split()[-1]


def own_words(profile: str, folder: Path | None = None) -> dict[str, Row]:
    """The refusals of a profile that its base, and those that it shares some with, have not or have in other words."""
    bases = spec.chain(profile, folder)[1:]
    base = spec.refusals(bases[0], folder) if bases else {}
    base = base | {key: spec.refusals(other, folder)[key] for key, other in spec.borrowed(profile, folder).items()}
    inherited = {key: (sentence(key, row), row.get("prose")) for key, row in base.items()}
    found = {
        key: row for key, row in spec.refusals(profile, folder).items() if inherited.get(key, ("",))[0] != sentence(key, row)
    }
    # A patch that changes the words leaves the base's id in the row: it is the id of other words.
    return {
        key: {field: v for field, v in row.items() if field != "prose" or key not in inherited or v != inherited[key][1]}
        for key, row in found.items()
    }


def with_prose(text: str, ids: dict[str, str]) -> str:
    """The text of one errors file with a `prose:` line in each row of `ids` that has none."""
    lines = text.split("\n")
    for key, identity in ids.items():
        start = next((n for n, line in enumerate(lines) if line.startswith(f"{key}:")), None)
        if start is None:
            continue
        if lines[start].rstrip().endswith("}"):
            if "prose:" not in lines[start]:
                lines[start] = lines[start].rstrip()[:-1].rstrip() + f", prose: {identity}}}"
            continue
        end = start + 1
        while end < len(lines) and (lines[end].startswith("  ") or not lines[end].strip()):
            end += 1
        while not lines[end - 1].strip():
            end -= 1
        if not any(line.startswith("  prose:") for line in lines[start:end]):
            lines.insert(end, f"  prose: {identity}")
    return "\n".join(lines)


def plan(folder: Path | None = None) -> dict[Path, str]:
    """Every file that the script owns or touches, with the text it must have."""
    present, registry = registry_rows.read(REGISTRY), []
    wanted: dict[Path, str] = {}
    highest = max((_number(row["id"]) for row in present), default=0)
    for profile in registry_rows.by_base(folder):
        mine = [row for row in present if row["source"].startswith(f"spec/{profile}/")]
        made = rows(own_words(profile, folder), mine, profile, highest)
        highest = max([highest, *(_number(row["id"]) for row in made)])
        registry += made
        files = {
            path: path.read_text(encoding="utf-8")
            for path in sorted((registry_rows.home(profile, folder) / "errors").glob("*.yaml"))
        }
        wanted |= _with_ids(files, {_key(row): row["id"] for row in made})
    held = _held({(row["source"].split("/")[1], _key(row)): row["id"] for row in registry}, folder)
    registry = [row | registry_rows.membership(held.get(row["id"], {row["source"].split("/")[1]}), folder) for row in registry]
    return wanted | {REGISTRY: registry_rows.dump(HEAD, sorted(registry, key=lambda row: _number(row["id"])))}


def _held(ids: dict[tuple[str, str], str], folder: Path | None) -> dict[str, set[str]]:
    """Which profiles each id holds in; `ids`: of the words that a profile has of its own, by profile and refusal."""
    held: dict[str, set[str]] = {}
    for profile in spec.profiles(folder, unfinished=True):
        for key in spec.refusals(profile, folder):
            names = [*spec.chain(profile, folder), *(o for k, o in spec.borrowed(profile, folder).items() if k == key)]
            nearest = next((name for name in names if (name, key) in ids), None)
            if nearest:
                held.setdefault(ids[nearest, key], set()).add(profile)
    return held


def _with_ids(files: dict[Path, str], ids: dict[str, str]) -> dict[Path, str]:
    wanted = {path: with_prose(text, ids) for path, text in files.items()}
    for path, text in wanted.items():
        before, after = registry_rows.parsed(files[path]) or {}, registry_rows.parsed(text) or {}
        assert {k: {**(v or {}), "prose": None} for k, v in before.items()} == {
            k: {**(v or {}), "prose": None} for k, v in after.items()
        }
    return wanted


def main() -> int:
    """Write what changed."""
    registry_rows.write(plan(), ROOT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
