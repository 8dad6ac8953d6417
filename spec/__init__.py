"""The contract as data: documents, requirement registry and tables, per profile.

A profile is a folder with a profile.yaml. One that `extends` another holds only what differs (spec.layers says how it is put
together); documents, refusals, tables and requirements come from its whole chain.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from spec import sources
from spec.layers import Files, patched
from spec.moving import moved_channels, moved_document
from spec.sharing import named, shared_paths, shared_refusals, source

# The profile of a run that names none.
DEFAULT = "experimental-2026-05"
LEVELS = ("MUST", "SHOULD", "MAY")
# What a requirement rests on: a recording of a real server, published reference, a public client that relies on it, or the
# server's source alone.
BASES = ("seen", "documented", "client", "source")


class UnknownProfile(ValueError):
    """No folder of spec/ has that name."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One testable sentence. `level` is MUST, SHOULD or MAY; `needs` names what the target must offer to judge it.

    `profiles`: all that it holds in. `seen`: recorded scenarios that show it, of the default profile, or the first one where it
    does not hold in that; of others as `profile/name`. `differs`: what it shows of how a profile differs from the one that it
    extends, by the names of tables/differences.yaml. `basis`: what it rests on, one of BASES.
    """

    id: str
    level: str
    text: str
    area: str
    source: str
    profiles: tuple[str, ...]
    needs: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    unkillable: str = ""
    excluded: str = ""  # why this suite can't judge it
    differs: tuple[str, ...] = ()
    basis: str = "source"


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One refusal of errors/*.yaml. Texts may hold `{name}` places; `detail` is None when the answer has none."""

    key: str
    status: int
    message: str
    detail: str | None = None
    validations: tuple[dict[str, str], ...] = ()
    operations: tuple[str, ...] = ()
    prose: str = ""
    media: str = "application/json"
    extra: dict[str, Any] = field(default_factory=dict)


def read_yaml(*parts: str) -> Any:
    """The parsed YAML file at this path below spec/."""
    return Files().read(*parts)


@cache
def capabilities() -> dict[str, str]:
    """What a target file may declare of its server: name → what it says."""
    found: dict[str, str] = read_yaml("capabilities.yaml")
    return found


def profiles(folder: Path | None = None, *, unfinished: bool = False) -> list[str]:
    """The names of all profiles, i.e. the folders that hold a profile.yaml; those in `folder`, too.

    One whose profile.yaml says `unfinished: true` is left out: it can be loaded by its name, but nothing judges by it unasked.
    """
    return [name for name in Files(folder).folders() if unfinished or not is_unfinished(name, folder)]


def is_unfinished(name: str, folder: Path | None = None) -> bool:
    """Does this profile say that it is not complete yet? Those that extend it must say so themselves."""
    return bool(_own(name, folder).get("unfinished"))


@cache
def chain(name: str, folder: Path | None = None) -> tuple[str, ...]:
    """The profile and what it extends, itself first. Raises UnknownProfile, and ValueError for a circle."""
    out: list[str] = []
    at: str | None = name
    while at is not None:
        if at in out:
            raise ValueError(f"spec/{at}/profile.yaml: {' extends '.join([*out, at])}")
        if at not in profiles(folder, unfinished=True):
            raise UnknownProfile(f"unknown profile {at!r}; known: {', '.join(profiles(folder))}")
        out.append(at)
        at = _own(at, folder).get("extends")
    return tuple(out)


def holds(names: Sequence[str], profiles: Iterable[str], not_in: Iterable[str]) -> bool:
    """Does a requirement with these `profiles` and `not_in` hold in a profile with this chain? The nearest named decides."""
    wanted, unwanted = set(profiles), set(not_in)
    nearest = next((name for name in names if name in wanted or name in unwanted), None)
    return nearest in wanted and nearest not in unwanted


class Profile:
    """One frozen revision of the API: its documents and tables, read when first used. `folder`: more files than the package's."""

    def __init__(self, name: str, folder: Path | None = None) -> None:
        self.name = name
        self._folder = folder

    @property
    def chain(self) -> tuple[str, ...]:
        """Its name, and those of the profiles that it extends, nearest first."""
        return chain(self.name, self._folder)

    @property
    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document: openapi.yaml with the paths and components of every openapi-*.yaml beside it."""
        return _openapi(self.name, self._folder)

    @property
    def asyncapi(self) -> dict[str, Any]:
        """The AsyncAPI document; empty when the profile has no sockets."""
        return _asyncapi(self.name, self._folder)

    def table(self, name: str) -> Any:
        """The table `tables/<name>.yaml` of this profile. Raises FileNotFoundError."""
        found = _document(self.name, self._folder, "tables", f"{name}.yaml")
        if found is None:
            raise FileNotFoundError(f"no table {name} in {self.name}")
        return found

    @property
    def tables(self) -> list[str]:
        """The names of all its tables."""
        files, names = Files(self._folder), chain(self.name, self._folder)
        return sorted({table.removesuffix(".yaml") for name in names for table in files.names(name, "tables")})

    @property
    def traits(self) -> dict[str, Any]:
        """What the suite's verbs need to know of this revision: paths, header names, statuses, actors (profile.yaml).

        `busy_statuses` and `rest_statuses` are lists of `statuses`.
        """
        return _traits(self.name, self._folder)

    @property
    def moves(self) -> tuple[dict[str, str], ...]:
        """Where paths went from each profile of the chain to the next (spec.moving), the oldest first."""
        return tuple(moves for name in reversed(self.chain) if (moves := _own(name, self._folder).get("moves")))

    @property
    def errors(self) -> dict[str, ErrorRow]:
        """All refusals by key."""
        return _errors(self.name, self._folder)

    @property
    def requirements(self) -> dict[str, Requirement]:
        """The requirements that hold in this profile, by id, in registry order."""
        return _requirements(self.name, self._folder)

    @property
    def folder(self) -> Path | None:
        """Where more files than the package's are."""
        return self._folder

    @property
    def sha256(self) -> str:
        """Hash over what the profile says, wherever it says so, and nothing else: which contract a record was judged by."""
        return _sha256(self.name, self._folder)


@cache
def _own(name: str, folder: Path | None) -> dict[str, Any]:
    own: dict[str, Any] = Files(folder).read(name, "profile.yaml") or {}
    return own


@cache
def _traits(profile: str, folder: Path | None) -> dict[str, Any]:
    traits: dict[str, Any] = {}
    for name in reversed(chain(profile, folder)):
        own = {key: value for key, value in _own(name, folder).items() if key not in ("extends", "unfinished", "moves")}
        traits = patched(traits, own, f"spec/{name}/profile.yaml")
    return traits | {f"{kind}_statuses": traits["statuses"][kind] for kind in ("busy", "rest")}


@cache
def _document(profile: str, folder: Path | None, *parts: str) -> Any:
    """The file at this path as the whole chain has it; None when no profile of it has one."""
    found = None
    for name in reversed(chain(profile, folder)):
        if Files(folder).has(name, *parts):
            own = Files(folder).read(name, *parts)
            found = own if found is None else patched(found, own or {}, f"spec/{name}/{'/'.join(parts)}")
    return found


@cache
def _asyncapi(profile: str, folder: Path | None) -> dict[str, Any]:
    document: dict[str, Any] = _document(profile, folder, "asyncapi.yaml") or {}
    for moves in Profile(profile, folder).moves:
        document = moved_channels(document, moves)
    return document


@cache
def _openapi(profile: str, folder: Path | None) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for name in reversed(chain(profile, folder)):
        own = _own_openapi(name, Files(folder))
        merged = moved_document(merged, _own(name, folder).get("moves", {}), f"spec/{name}/profile.yaml: moves")
        merged = patched(merged, own, f"spec/{name}/openapi*.yaml") if merged else own
        other, paths, _ = source(_own(name, folder), f"spec/{name}/profile.yaml")
        if other:
            merged = shared_paths(merged, _openapi(other, folder), paths, f"spec/{name}/profile.yaml: shares")
    return merged


def _own_openapi(profile: str, files: Files) -> dict[str, Any]:
    merged: dict[str, Any] = (files.read(profile, "openapi.yaml") or {}) if files.has(profile, "openapi.yaml") else {}
    for name in files.names(profile):
        if not name.startswith("openapi-"):
            continue
        for section, added in (files.read(profile, name) or {}).items():
            if section == "paths":
                _merge(merged.setdefault("paths", {}), added, f"spec/{profile}/{name}: path")
            elif section == "components":
                for kind, entries in added.items():
                    into = merged.setdefault("components", {}).setdefault(kind, {})
                    _merge(into, entries, f"spec/{profile}/{name}: components.{kind}")
            else:
                raise ValueError(f"spec/{profile}/{name}: {section} belongs into openapi.yaml")
    return merged


def _merge(into: dict[str, Any], added: dict[str, Any], where: str) -> None:
    for key, value in added.items():
        if key in into:
            raise ValueError(f"{where} {key} is declared twice")
        into[key] = value


@cache
def refusals(profile: str, folder: Path | None = None) -> dict[str, dict[str, Any]]:
    """The rows of errors/*.yaml of the whole chain by key, as they are written."""
    rows: dict[str, dict[str, Any]] = {}
    for name in reversed(chain(profile, folder)):
        rows = patched(rows, _own_refusals(name, Files(folder)), f"spec/{name}/errors")
        other, _, keys = source(_own(name, folder), f"spec/{name}/profile.yaml")
        if other:
            rows = shared_refusals(rows, refusals(other, folder), keys, f"spec/{name}/profile.yaml: shares")
    return rows


def borrowed(profile: str, folder: Path | None = None) -> dict[str, str]:
    """The refusals that the profile itself shares with another one (spec.sharing), by key, with the name of that."""
    other, _, names = source(_own(profile, folder), f"spec/{profile}/profile.yaml")
    return dict.fromkeys(named(refusals(other, folder), names), other) if other else {}


def _own_refusals(profile: str, files: Files) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for name in files.names(profile, "errors"):
        _merge(rows, files.read(profile, "errors", name) or {}, f"spec/{profile}/errors/{name}: refusal")
    return rows


@cache
def _errors(profile: str, folder: Path | None) -> dict[str, ErrorRow]:
    return {key: ErrorRow(key=key, **_frozen(row)) for key, row in refusals(profile, folder).items()}


def _frozen(row: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}


@cache
def registry(folder: Path | None = None) -> dict[str, Requirement]:
    """Every requirement, by id, but for those that hold in unfinished profiles alone. Raises ValueError for a repeated id."""
    unfinished = {name for name in profiles(folder, unfinished=True) if is_unfinished(name, folder)}
    rows = (row for row in all_rows(folder).values() if not row.profiles or {*row.profiles} - unfinished)
    return {row.id: replace(row, profiles=tuple(p for p in row.profiles if p not in unfinished)) for row in rows}


@cache
def all_rows(folder: Path | None = None) -> dict[str, Requirement]:
    """Every requirement, by id, with all profiles that it holds in, unfinished ones among them."""
    files = Files(folder)
    chains = {name: chain(name, folder) for name in profiles(folder, unfinished=True)}
    held: dict[tuple[tuple[str, ...], tuple[str, ...]], tuple[str, ...]] = {}
    rows: dict[str, Requirement] = {}
    for name in files.names("requirements"):
        sheet = files.read("requirements", name)
        for row in sheet["rows"]:
            if row["id"] in rows:
                raise ValueError(f"spec/requirements/{name}: id {row['id']} is used twice")
            membership = _membership(row, sheet)
            if membership not in held:
                unknown = {*membership[0], *membership[1]} - chains.keys()
                if unknown:
                    raise ValueError(f"spec/requirements/{name}: {row['id']} names the unknown profiles {sorted(unknown)}")
                held[membership] = tuple(profile for profile, names in chains.items() if holds(names, *membership))
            fields = {"basis": _basis(row, sheet, folder)} | {k: v for k, v in _frozen(row).items() if k != "not_in"}
            rows[row["id"]] = Requirement(**{"area": name.removesuffix(".yaml"), **fields, "profiles": held[membership]})
    return rows


def _basis(row: dict[str, Any], sheet: dict[str, Any], folder: Path | None) -> str:
    """What a row rests on that does not say so itself: its recordings, what its file says, or the best of what it cites."""
    found: str = "seen" if row.get("seen") else sheet.get("basis") or sources.basis(row["source"], BASES, folder)
    return found


def _membership(row: dict[str, Any], sheet: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """`profiles` and `not_in` of a row: its own `profiles` stand instead of all that the file says, its `not_in` besides."""
    out = tuple(row.get("not_in", ()))
    if "profiles" in row:
        return tuple(row["profiles"]), out
    return tuple(sheet["profiles"]), (*sheet.get("not_in", ()), *out)


@cache
def _requirements(profile: str, folder: Path | None) -> dict[str, Requirement]:
    rows = all_rows(folder) if is_unfinished(profile, folder) else registry(folder)
    held = {r.id: r for r in rows.values() if profile in r.profiles}
    traits = _traits(profile, folder)
    only_read, areas = traits.get("source_at_most", LEVELS[0]), traits.get("at_most", {})
    return {id: _at_most(row, areas.get(row.area, LEVELS[0]), only_read) for id, row in held.items()}


def _at_most(row: Requirement, area: str, only_read: str) -> Requirement:
    """The row with the level that a profile has for it: its area has one at most, and what was only read has another."""
    most = max(LEVELS.index(area), LEVELS.index(only_read if row.basis == "source" else LEVELS[0]))
    return replace(row, level=LEVELS[most]) if LEVELS.index(row.level) < most else row


@cache
def _sha256(name: str, folder: Path | None) -> str:
    profile = Profile(name, folder)
    requirements = [asdict(row) for _, row in sorted(profile.requirements.items())]
    for row in requirements:
        del row["profiles"]  # who else has it is nothing of this profile
    said = {
        "name": name,
        "traits": profile.traits,
        "openapi": profile.openapi,
        "asyncapi": profile.asyncapi,
        "tables": {table: profile.table(table) for table in profile.tables},
        "errors": refusals(name, folder),
        "requirements": requirements,
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()


@cache
def load(profile: str, folder: Path | None = None) -> Profile:
    """The profile of that name, from the package or from `folder`. Raises UnknownProfile."""
    chain(profile, folder)
    return Profile(profile, folder)
