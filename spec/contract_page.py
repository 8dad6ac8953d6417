"""The contract as pages for reading: facts with what rests on them, and the tables of each profile (docs/contract)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import spec
from spec.sources import ONLY_READ, Page, fragment, pages

_WRITTEN = "Written by `python -m spec.registry_page`; do not edit it here."
# What is said of a fact by what it rests on.
_UNSEEN = {
    "source": " *Not seen in a recording.*",
    "documented": " *Documented, and not seen in a recording.*",
    "client": " *Public clients rely on it; not seen in a recording.*",
}
_METHODS = ("get", "post", "put", "patch", "delete")


def contract(rows: Iterable[spec.Requirement]) -> dict[str, str]:
    """Every page of docs/contract by its path from the root of the project."""
    resting: dict[str, list[str]] = {}
    rows = list(rows)
    for row in rows:
        for part in row.source.split(", "):
            resting.setdefault(part, []).append(row.id)
    out = {"docs/contract/README.md": _index(resting.get("source", []))}
    for name in spec.profiles():
        out[f"docs/contract/{name}/README.md"] = _tables(spec.load(name))
    for page in pages().values():
        if page.profile in spec.profiles():
            out[page.path] = _facts(page, resting)
    return out


def _index(only_read: list[str]) -> str:
    lines = [
        "# What requirements rest on",
        "",
        f"The facts about the API behind the requirements, by profile. {_WRITTEN} The facts are in `spec/contract`.",
        "A requirement names its facts in *source*; `chat-conformance explain ID` prints them, `explain ID --seen` the recorded",
        "traffic that shows them.",
        "",
    ]
    for name in spec.profiles():
        lines.append(f"- [{name}]({name}/README.md): its operations, refusals, bounds, statuses and races, as they are judged")
        lines += [f"  - [{p.title}]({p.profile}/{p.name}.md)" for p in pages().values() if p.profile == name]
    lines += ["", '<a id="only-read"></a>', "## Only read", "", ONLY_READ]
    lines += [
        "It is none that a client was seen to rely on, and so no more than a SHOULD as a rule.",
        "",
        _ids(only_read, "../") + ".",
    ]
    return "\n".join(lines) + "\n"


def _facts(page: Page, resting: dict[str, list[str]]) -> str:
    lines = [f"# {page.title}", "", f"Facts of [{page.profile}](README.md). {_WRITTEN}"]
    lines.append(
        "Below each fact: the requirements that rest on it. Facts were seen on the wire unless it is said that they were not."
    )
    for anchor, text in page.facts.items():
        unseen = _UNSEEN.get(page.basis.get(anchor, page.basis[""]), "")
        lines += ["", f'<a id="{fragment(anchor)}"></a>**{anchor}** {_text(text)}{unseen}  ']
        lines.append(_ids(resting.get(f"{page.name}.md {anchor}", []), "../../"))
    return "\n".join(lines).rstrip() + "\n"


def _ids(ids: list[str], up: str) -> str:
    return ", ".join(f"[{id}]({up}requirements.md#{id})" for id in ids)


def _text(text: str) -> str:
    for character in "\\|*`_":
        text = text.replace(character, "\\" + character)
    return text.replace("<", "&lt;")


def _tables(profile: spec.Profile) -> str:
    traits = profile.traits
    base = f" It extends [{profile.chain[1]}](../{profile.chain[1]}/README.md)." if len(profile.chain) > 1 else ""
    lines = [f"# {profile.name}", "", f"The contract as data, as runs judge by it.{base} {_WRITTEN}"]
    lines += ["", "## Statuses of a chat", "", _statuses(traits["statuses"])]
    lines += ["", "## Operations", "", "| operation | request | answers | refusals |", "|---|---|---|---|"]
    lines += _operations(profile)
    lines += ["", "## Refusals", "", "| key | status | message |", "|---|---|---|"]
    lines += [f"| {key} | {row.status} | {_text(row.message)} |" for key, row in sorted(profile.errors.items())]
    lines += ["", "## Bounds", "", "| bound | of | unit | least | most | refused by |", "|---|---|---|---|---|---|"]
    lines += [_bound(name, row) for name, row in profile.table("limits").items()]
    lines += ["", "## Feeds", "", "| opened by | framing | events |", "|---|---|---|"]
    lines += [_feed(profile, name, feed) for name, feed in (traits.get("feeds") or {}).items()]
    lines += ["", "## Who may do what", "", *_roles(profile.table("roles"))]
    lines += ["", "## Races", "", "| race | what happens | at most |", "|---|---|---|"]
    for name, race in (traits.get("races") or {}).items():
        most = ", ".join(f"{share:.0%} of {what}" for what, share in race["at_most"].items())
        lines.append(f"| {name} | {_text(race['text'])} | {most} |")
    return "\n".join(lines) + "\n"


def _statuses(statuses: dict[str, Any]) -> str:
    return "; ".join(f"{kind}: {', '.join(v) if isinstance(v, list) else v}" for kind, v in statuses.items()) + "."


def _operations(profile: spec.Profile) -> list[str]:
    refused: dict[str, list[str]] = {}
    for key, row in profile.errors.items():
        for operation in row.operations:
            refused.setdefault(operation, []).append(key)
    lines = []
    for path, item in profile.openapi["paths"].items():
        for method in _METHODS:
            if operation := item.get(method):
                name = operation["operationId"]
                good = ", ".join(status for status in operation["responses"] if str(status) < "400")
                lines.append(f"| {name} | {method.upper()} {_text(path)} | {good} | {', '.join(refused.get(name, []))} |")
    return lines


def _bound(name: str, row: dict[str, Any]) -> str:
    of = row.get("operation", "")
    where = row.get("field") or row.get("parameter") or ""
    of = f"{', '.join(of) if isinstance(of, list) else of} {where}".strip()
    most = row.get("max", f"cut to {row['cut_to']}" if "cut_to" in row else "")
    return f"| {name} | {of} | {row.get('unit', '')} | {row.get('min', '')} | {most} | {row.get('refusal', '')} |"


def _feed(profile: spec.Profile, name: str, feed: dict[str, Any]) -> str:
    kinds = sorted(id for id in profile.requirements if id.startswith(f"SCHEMA-{feed['ids']}-"))
    events = ", ".join(f"[{id.removeprefix('SCHEMA-' + feed['ids'] + '-')}](../../requirements.md#{id})" for id in kinds)
    return f"| {name} | {feed['framing']} | {events} |"


def _roles(roles: dict[str, Any]) -> list[str]:
    actors = list(roles["actors"])
    lines = ["| class | " + " | ".join(actors) + " |", "|---|" + "---|" * len(actors)]
    for name, row in roles["classes"].items():
        lines.append(f"| {name} | " + " | ".join(str(row.get(actor, "")) for actor in actors) + " |")
    operations = roles.get("operations") or {}
    lines += ["", "Of the classes are: " + "; ".join(f"{operation} {kind}" for operation, kind in operations.items()) + "."]
    return lines
