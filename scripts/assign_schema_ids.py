"""One requirement for each operation, event and frame of the documents: `python -m scripts.assign_schema_ids`.

Writes spec/requirements/schema.yaml. The ids are made of the names in the documents, so nothing is ever renumbered.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import spec
from scripts import registry_rows
from scripts.registry_rows import Row
from spec.documents import Documents
from spec.feeds import feeds
from spec.layers import Files
from spec.moving import moved

ROOT = Path(__file__).parent.parent
REGISTRY = ROOT / "spec" / "requirements" / "schema.yaml"
HEAD = "Answers, frames and events against the documents; written by `python -m scripts.assign_schema_ids`."

FEEDS = {"streamChat": "the stream of a chat", "watchChats": "the watch feed", "streamGit": "the git stream of a chat"}
NEEDS = {
    "event-message_part": ["llm"],
    "event-queue_update": ["llm"],
    "event-retry": ["llm"],
    "event-error": ["llm"],
    "event-action_required": ["llm"],
    "watch-action_required": ["llm"],
    "watch-status_change": ["llm"],
    "watch-summary_change": ["llm"],
    "watch-diff_status_change": ["workspaces"],
    "createMCPServer": ["admin"],
    "listMCPServers": ["admin"],
    "getMCPServer": ["admin"],
    "patchMCPServer": ["admin"],
    "deleteMCPServer": ["admin"],
    "createUserSkill": ["admin"],
    "listUserSkills": ["admin"],
    "getUserSkill": ["admin"],
    "patchUserSkill": ["admin"],
    "deleteUserSkill": ["admin"],
    "frame-streamGit": ["workspaces"],
    "frame-streamDesktop": ["workspaces"],
    "frame-sendMessage": ["llm"],
    "line-g": ["llm", "anthropic-llm"],
    "line-f": ["llm", "anthropic-llm"],
} | {f"line-{kind}": ["llm"] for kind in "0bc9aed"}


def rows(docs: Documents, folder: Path | None = None) -> Iterator[Row]:
    """The rows for one profile's documents."""
    allows, profile = "that the contract document allows", docs.profile.name
    files = _files(profile, folder)
    openapi, asyncapi = f"spec/{profile}/openapi.yaml", f"spec/{profile}/asyncapi.yaml"
    for name, operation in docs.operations.items():
        if operation.judged:
            call = f"{operation.method.upper()} {operation.path.removeprefix('/api/experimental')}"
            text = f"Every answer of {call} has a status, a content type and a body {allows}."
            yield _row(name, text, f"{files[operation.path]} {name}")
    yield _row("unrouted", f"The answer to a path or method outside the contract is one {allows} there.", openapi)
    headers = _row("headers", "Answers carry the headers that the contract document requires of them.", openapi)
    yield headers | {"level": "SHOULD"}
    for feed in feeds(docs.profile).values():
        if feed.operation not in docs.operations:
            continue
        where = FEEDS.get(feed.operation, f"what {feed.operation} answers")
        form = f"Every frame of {where} has the form that the contract document gives it."
        yield _row(f"frame-{feed.operation}", form, asyncapi)
        for event in docs.event_names(feed.union):
            text = f"Every {event} event of {where} has the keys and values {allows}."
            yield _row(f"{feed.ids}-{event}", text, f"{asyncapi} {feed.union}")
    if "streamDesktop" in docs.operations:
        yield _row("frame-streamDesktop", "Every frame of a chat's desktop stream is binary.", asyncapi)


def _files(profile: str, folder: Path | None) -> dict[str, str]:
    """Each path with the file that has it: of the profile, or else of what it extends."""
    files = Files(folder)
    found: dict[str, str] = {}
    for name in reversed(spec.chain(profile, folder)):
        moves = files.read(name, "profile.yaml").get("moves", {})
        found = {moved(path, moves): file for path, file in found.items()}
        for file in files.names(name):
            if file.startswith("openapi"):
                found |= dict.fromkeys(files.read(name, file).get("paths", ()), f"spec/{name}/{file}")
    return found


def _row(name: str, text: str, source: str) -> Row:
    needs = NEEDS.get(name) or (["workspaces"] if name.startswith("git-") else [])
    row = {"id": f"SCHEMA-{name}", "level": "MUST", "text": text, "source": source}
    return row | ({"needs": needs} if needs else {})


def plan(folder: Path | None = None) -> dict[Path, str]:
    """The file that the script owns, with the text it must have."""
    present = {row["id"]: row for row in registry_rows.read(REGISTRY)}
    made: dict[str, Row] = {}
    held: dict[str, list[str]] = {}
    for profile in registry_rows.by_base(folder):
        for row in rows(Documents(spec.load(profile, folder)), folder):
            made.setdefault(row["id"], row)
            held.setdefault(row["id"], []).append(profile)
    wanted = {i: registry_rows.kept(row, present.get(i)) | registry_rows.membership(held[i], folder) for i, row in made.items()}
    gone = {i: row | {"excluded": "no longer in the documents"} for i, row in present.items() if i not in wanted}
    return {REGISTRY: registry_rows.dump(HEAD, [*wanted.values(), *gone.values()])}


def main() -> int:
    """Write what changed."""
    registry_rows.write(plan(), ROOT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
