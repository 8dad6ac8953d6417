"""What changes for a client from one profile to another, by their data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import spec
from spec.documents import Operation, documents
from spec.layers import Files, patched

ADDED, GONE, CHANGED = KINDS = ("added", "gone", "changed")
# What the suite alone needs to know of a profile, or what is told of it elsewhere.
_OWN_TRAITS = {"provision", "probes", "shares", "busy_statuses", "rest_statuses", "capabilities"}
_OWN_TABLES = {"differences", "walks", "limits", "roles"}
_OPAQUE = {"description", "summary", "title", "example", "examples", "x-says"}


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that changes. `kind` is added, gone or changed; `before`, `after`: "" where there is nothing to say."""

    kind: str
    name: str
    before: str = ""
    after: str = ""

    @property
    def line(self) -> str:
        """It in one line, without its kind."""
        if self.before and self.after:
            return f"{self.name}: {self.before} → {self.after}"
        return f"{self.name}: {self.after or self.before}" if self.after or self.before else self.name


def changes(old: str, new: str, folder: Path | None = None) -> dict[str, list[Change]]:
    """All changes from one profile to the other, by section; sections without any are left out. Raises spec.UnknownProfile."""
    a, b = spec.load(old, folder), spec.load(new, folder)
    found = {title: list(section(a, b)) for title, section in SECTIONS.items()}
    return {title: rows for title, rows in found.items() if rows}


def only_in(old: spec.Profile, new: spec.Profile) -> tuple[list[spec.Requirement], list[spec.Requirement]]:
    """The requirements that hold in the first profile alone, and those that hold in the second alone."""
    a, b = old.requirements, new.requirements
    return [row for row in a.values() if row.id not in b], [row for row in b.values() if row.id not in a]


def _between(before: Mapping[str, Any], after: Mapping[str, Any], said: Callable[[Any], str]) -> Iterator[Change]:
    """Changes of one mapping to the other, row by row, each told by `said`; of lists of names what is not in both."""
    for name in [*before, *(name for name in after if name not in before)]:
        old: Any = before.get(name)
        new: Any = after.get(name)
        if name not in after:
            yield Change(GONE, name, said(old))
        elif name not in before:
            yield Change(ADDED, name, "", said(new))
        elif _names(old) and _names(new):
            if set(old) != set(new):
                yield Change(CHANGED, name, said(_without(old, new)) or "nothing", said(_without(new, old)) or "nothing")
        elif said(old) != said(new):
            yield Change(CHANGED, name, said(old), said(new))


def _without(some: list[str], others: list[str]) -> list[str]:
    return [name for name in some if name not in others]


def _names(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)


# What the profile itself says in sentences


def _in_words(a: spec.Profile, b: spec.Profile) -> Iterator[Change]:
    base, above = (a, b) if a.name in b.chain else (b, a)
    if base.name not in above.chain:
        return
    files = Files(above.folder)
    for name in reversed(above.chain[: above.chain.index(base.name)]):
        place = (name, "tables", "differences.yaml")
        own: dict[str, str] = patched({}, files.read(*place), "/".join(place)) if files.has(*place) else {}
        for topic, sentence in own.items():
            yield Change(CHANGED, topic, *(("", sentence) if above is b else (sentence, "")))


# Routes


def _routes(a: spec.Profile, b: spec.Profile) -> Iterator[Change]:
    before, after = documents(a.name, a.folder).operations, documents(b.name, b.folder).operations
    both = [(operation, after[name]) for name, operation in before.items() if name in after]
    moved: dict[tuple[str, str], list[str]] = defaultdict(list)
    for old, new in both:
        if old.method != new.method or old.path != new.path:
            one, two, rest = _heads(old.path, new.path)
            moved[one, two].append(f"{old.method} {rest or '/'}")
    for (one, two), routes in moved.items():
        yield Change(CHANGED, f"{len(routes)} routes: {', '.join(routes)}", one, two)
    yield from (Change(GONE, _route(row)) for name, row in before.items() if name not in after)
    yield from (Change(ADDED, _route(row), "", _successes(row)) for name, row in after.items() if name not in before)
    alike: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for old, new in both:
        for change in _between(_answers(old), _answers(new), _one):
            alike[change.kind, change.name, change.before, change.after].append(old.id)
    for (kind, name, one, two), names in alike.items():
        yield Change(kind, f"{name} of {', '.join(names)}", one, two)


def _heads(old: str, new: str) -> tuple[str, str, str]:
    """The beginnings in which two paths differ, and how both end."""
    one, two, rest = old.split("/"), new.split("/"), list[str]()
    while one and two and one[-1] == two[-1]:
        rest.insert(0, one.pop())
        two.pop()
    return "/".join(one), "/".join(two), "/" + "/".join(rest) if rest else ""


def _route(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


def _successes(operation: Operation) -> str:
    return "/".join(str(status) for status in operation.responses if status < 400)


def _answers(operation: Operation) -> dict[str, str]:
    """The statuses of an operation, what its query may name, and its body."""
    found = {f"answer {status}": _media(response.media) for status, response in operation.responses.items()}
    found |= {f"query {p['name']}": _type(p.get("schema", {})) for p in operation.parameters if p["in"] == "query"}
    return found | ({"body": _media(operation.request)} if operation.request else {})


def _media(media: Mapping[str, Any]) -> str:
    return ", ".join(kind if kind != "application/json" else _type(schema) for kind, schema in media.items())


# Fields


def _fields(a: spec.Profile, b: spec.Profile) -> Iterator[Change]:
    before, after = _schemas(a), _schemas(b)
    for name in [*before, *(name for name in after if name not in before)]:
        if name not in after:
            yield Change(GONE, name, ", ".join(filter(None, before[name])))
        elif name not in before:
            yield Change(ADDED, name, "", ", ".join(filter(None, after[name])))
        else:
            yield from (
                Change(change.kind, f"{name}.{change.name}" if change.name else name, change.before, change.after)
                for change in _between(before[name], after[name], _one)
            )


def _schemas(profile: spec.Profile) -> dict[str, dict[str, Any]]:
    """The keys of each schema: where → type and whether it is always there. A schema without keys is one itself, named ""."""
    parts = [profile.openapi, profile.asyncapi]
    schemas = {name: schema for part in parts for name, schema in part.get("components", {}).get("schemas", {}).items()}
    return {name: dict(_keys(schema)) for name, schema in schemas.items()}


def _keys(schema: Any, at: str = "", presence: str = "") -> Iterator[tuple[str, Any]]:
    if at or not schema.get("properties"):
        yield at, _type(schema) + presence
    if isinstance(schema, dict):
        if "enum" in schema:
            yield f"{at} values".strip(), [str(value) for value in schema["enum"]]
        if "oneOf" in schema:
            yield f"{at} kinds".strip(), [_type(part) for part in schema["oneOf"]]
        for name, inner in schema.get("properties", {}).items():
            always = name in schema.get("required", ())
            yield from _keys(inner, f"{at}.{name}".removeprefix("."), ", always" if always else ", optional")
        if isinstance(schema.get("items"), dict) and schema["items"].get("properties"):
            yield from _keys(schema["items"], f"{at}[]")


def _type(schema: Any) -> str:
    """A schema in a few words: its type or name, its values, its bounds."""
    if not isinstance(schema, dict):
        return "anything" if schema else "nothing"
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    words = [_one(schema.get("type"))] if "type" in schema else []
    if "items" in schema:
        words = [f"array of {_type(schema['items'])}"]
    for key in ("anyOf", "allOf"):
        if key in schema:
            words.append(f"{key} {'/'.join(_type(part) for part in schema[key])}")
    told = {"type", "items", "enum", "properties", "required", "oneOf", "anyOf", "allOf", "discriminator", *_OPAQUE}
    words += [f"{key} {_one(value)}" for key, value in schema.items() if key not in told]
    return " ".join(words) or "anything"


def _one(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_one(each) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {_one(each)}" for key, each in value.items())
    return str(value)


# Feeds, statuses and other traits


def _traits(a: spec.Profile, b: spec.Profile) -> Iterator[Change]:
    yield from _between(_flat(a), _flat(b), _one)


def _flat(profile: spec.Profile) -> dict[str, Any]:
    """What profile.yaml says, two levels deep, without what is the suite's own."""
    found: dict[str, Any] = {}
    for key, value in profile.traits.items():
        if key not in _OWN_TRAITS and isinstance(value, dict):
            found |= {f"{key} {name}": row.get("text", row) if isinstance(row, dict) else row for name, row in value.items()}
        elif key not in _OWN_TRAITS:
            found[key] = value
    return found


# Tables


def _refusals(a: spec.Profile, b: spec.Profile) -> Iterator[Change]:
    yield from _between(a.errors, b.errors, _refusal)


def _refusal(row: spec.ErrorRow) -> str:
    parts = [f"{row.status} {row.message.strip()!r}"]
    parts += [f"detail {row.detail!r}"] if row.detail is not None else []
    parts += [f"{one.get('field')}: {one.get('detail')!r}" for one in row.validations]
    parts += [f"{key} {_one(value)}" for key, value in row.extra.items()]
    return "; ".join(parts)


def _limits(a: spec.Profile, b: spec.Profile) -> Iterator[Change]:
    yield from _between(a.table("limits"), b.table("limits"), _one)


def _rights(a: spec.Profile, b: spec.Profile) -> Iterator[Change]:
    one, two = a.table("roles"), b.table("roles")
    for part in ("classes", "operations"):
        yield from _between(one.get(part, {}), two.get(part, {}), _one)


def _tables(a: spec.Profile, b: spec.Profile) -> Iterator[Change]:
    one, two = ({name: profile.table(name) for name in profile.tables if name not in _OWN_TABLES} for profile in (a, b))
    for name in [*one, *(name for name in two if name not in one)]:
        for change in _between(_deep(one.get(name, {})), _deep(two.get(name, {})), _one):
            yield Change(change.kind, f"{name}: {change.name}", change.before, change.after)


def _deep(table: Any, at: str = "") -> dict[str, Any]:
    """A table as place → value; rows of lists go by their name."""
    rows = list(table.items()) if isinstance(table, dict) else []
    if isinstance(table, list) and table and all(isinstance(row, dict) for row in table):
        seen: dict[str, int] = defaultdict(int)
        for row in table:
            name = next((str(row[key]) for key in ("id", "name", "event") if key in row), _one(row))
            seen[name] += 1
            rows.append((name if seen[name] == 1 else f"{name} ({seen[name]})", row))
        return {f"{at} {name}".strip(): row for name, row in rows}
    found: dict[str, Any] = {}
    for name, value in rows:
        found |= _deep(value, f"{at} {name}".strip())
    return found if rows else {at: table}


# Requirements


def _requirements(a: spec.Profile, b: spec.Profile) -> Iterator[Change]:
    gone, added = only_in(a, b)
    yield from (Change(GONE, f"{row.id} {row.level}", row.text) for row in gone)
    yield from (Change(ADDED, f"{row.id} {row.level}", "", row.text) for row in added)
    judged = _judged_by(a, b)
    for row in b.requirements.values():
        if old := a.requirements.get(row.id):
            for change in _between(_told(old), _told(row), _one):
                yield Change(change.kind, f"{row.id} {change.name}", change.before, change.after)
            yield from (Change(CHANGED, f"{row.id} {row.text}", *how) for how in judged.get(row.id, ()))


def _told(row: spec.Requirement) -> dict[str, Any]:
    return {"level": row.level, "needs": row.needs}


def _judged_by(a: spec.Profile, b: spec.Profile) -> dict[str, list[tuple[str, str]]]:
    """Rows that hold in both and judge by data that differ: the wording of refusals, the keys of objects."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for key, row in a.errors.items():
        other = b.errors.get(key)
        if other and row.prose and row.prose == other.prose and _refusal(row) != _refusal(other):
            found[row.prose].append((_refusal(row), _refusal(other)))
    return found


SECTIONS: dict[str, Callable[[spec.Profile, spec.Profile], Iterator[Change]]] = {
    "In short": _in_words,
    "Routes": _routes,
    "Fields": _fields,
    "Traits": _traits,
    "Refusals": _refusals,
    "Bounds": _limits,
    "Rights": _rights,
    "Tables": _tables,
    "Requirements": _requirements,
}
