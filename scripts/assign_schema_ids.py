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
from spec.documents import Documents, documents

ROOT = Path(__file__).parent.parent
PROFILE = "experimental-2026-05"
OPENAPI, ASYNCAPI = f"spec/{PROFILE}/openapi.yaml", f"spec/{PROFILE}/asyncapi.yaml"
REGISTRY = ROOT / "spec" / "requirements" / "schema.yaml"
HEAD = "Answers, frames and events against the documents; written by `python -m scripts.assign_schema_ids`."

FEEDS = {
    "streamChat": ("StreamEvent", "event", "the stream of a chat"),
    "watchChats": ("WatchEvent", "watch", "the watch feed"),
    "streamGit": ("GitEvent", "git", "the git stream of a chat"),
}
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
}


def rows(docs: Documents) -> Iterator[Row]:
    """The rows for one profile's documents."""
    allows = "that the contract document allows"
    for name, operation in docs.operations.items():
        if operation.judged:
            call = f"{operation.method.upper()} {operation.path.removeprefix('/api/experimental')}"
            text = f"Every answer of {call} has a status, a content type and a body {allows}."
            yield _row(name, text, f"spec/{PROFILE}/{_file(operation.path)} {name}")
    yield _row("unrouted", f"The answer to a path or method outside the contract is one {allows} there.", OPENAPI)
    headers = _row("headers", "Answers carry the headers that the contract document requires of them.", OPENAPI)
    yield headers | {"level": "SHOULD"}
    for feed, (union, prefix, where) in FEEDS.items():
        yield _row(f"frame-{feed}", f"Every frame of {where} has the form that the contract document gives it.", ASYNCAPI)
        for event in docs.event_names(union):
            text = f"Every {event} event of {where} has the keys and values {allows}."
            yield _row(f"{prefix}-{event}", text, f"{ASYNCAPI} {union}")
    yield _row("frame-streamDesktop", "Every frame of a chat's desktop stream is binary.", ASYNCAPI)


def _file(path: str) -> str:
    """The file of the profile that has this path."""
    folder = ROOT / "spec" / PROFILE
    return next(file.name for file in sorted(folder.glob("openapi*.yaml")) if f"\n  {path}:\n" in file.read_text("utf-8"))


def _row(name: str, text: str, source: str) -> Row:
    needs = NEEDS.get(name) or (["workspaces"] if name.startswith("git-") else [])
    row = {"id": f"SCHEMA-{name}", "level": "MUST", "text": text, "source": source, "profiles": [PROFILE]}
    return row | ({"needs": needs} if needs else {})


def plan() -> dict[Path, str]:
    """The file that the script owns, with the text it must have."""
    present = {row["id"]: row for row in registry_rows.read(REGISTRY)}
    wanted = {row["id"]: registry_rows.kept(row, present.get(row["id"])) for row in rows(documents(PROFILE))}
    gone = {i: row | {"excluded": "no longer in the documents"} for i, row in present.items() if i not in wanted}
    return {REGISTRY: registry_rows.dump(HEAD, [*wanted.values(), *gone.values()])}


def main() -> int:
    """Write what changed."""
    spec.load(PROFILE)  # a clear error when the profile is not there
    registry_rows.write(plan(), ROOT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
