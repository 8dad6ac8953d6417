"""The contract as data: documents, requirement registry and tables, per profile."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import yaml

# The profile of a run that names none.
DEFAULT = "experimental-2026-05"

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class UnknownProfile(ValueError):
    """No folder of spec/ has that name."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One testable sentence. `level` is MUST, SHOULD or MAY; `needs` names what the target must offer to judge it."""

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
    node = resources.files(__name__)
    for part in parts:
        node = node / part
    return yaml.load(node.read_text(encoding="utf-8"), Loader=_Loader)


@cache
def capabilities() -> dict[str, str]:
    """What a target file may declare of its server: name → what it says."""
    found: dict[str, str] = read_yaml("capabilities.yaml")
    return found


def profiles() -> list[str]:
    """The names of all profiles, i.e. the folders that hold an openapi.yaml."""
    root = resources.files(__name__)
    return sorted(p.name for p in root.iterdir() if p.is_dir() and (p / "openapi.yaml").is_file())


def _yaml_names(*parts: str) -> list[str]:
    node = resources.files(__name__)
    for part in parts:
        node = node / part
    return sorted(p.name for p in node.iterdir() if p.name.endswith(".yaml")) if node.is_dir() else []


class Profile:
    """One frozen revision of the API: its documents and tables, read when first used."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document: openapi.yaml with the paths and components of every openapi-*.yaml beside it."""
        return _openapi(self.name)

    @property
    def asyncapi(self) -> dict[str, Any]:
        document: dict[str, Any] = _document(self.name, "asyncapi.yaml")
        return document

    def table(self, name: str) -> Any:
        """The table `tables/<name>.yaml` of this profile."""
        return _document(self.name, "tables", f"{name}.yaml")

    @property
    def traits(self) -> dict[str, Any]:
        """What the suite's verbs need to know of this revision: paths, header names, statuses (profile.yaml)."""
        traits: dict[str, Any] = _document(self.name, "profile.yaml")
        return traits

    @property
    def errors(self) -> dict[str, ErrorRow]:
        """All refusals by key."""
        return _errors(self.name)

    @property
    def requirements(self) -> dict[str, Requirement]:
        """The requirements that hold in this profile, by id, in registry order."""
        return _requirements(self.name)

    @property
    def sha256(self) -> str:
        """Hash over every file of the profile and the registry: says which contract a record was judged by."""
        digest = hashlib.sha256()
        for folder in ((self.name,), (self.name, "errors"), (self.name, "tables"), ("requirements",)):
            for name in _yaml_names(*folder):
                digest.update(name.encode())
                digest.update(resources.files(__name__).joinpath(*folder, name).read_bytes())
        return digest.hexdigest()


@cache
def _document(*parts: str) -> Any:
    return read_yaml(*parts)


@cache
def _openapi(profile: str) -> dict[str, Any]:
    merged: dict[str, Any] = read_yaml(profile, "openapi.yaml")
    for name in _yaml_names(profile):
        if not name.startswith("openapi-"):
            continue
        for section, added in (read_yaml(profile, name) or {}).items():
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
def _errors(profile: str) -> dict[str, ErrorRow]:
    rows: dict[str, ErrorRow] = {}
    for name in _yaml_names(profile, "errors"):
        for key, row in (read_yaml(profile, "errors", name) or {}).items():
            if key in rows:
                raise ValueError(f"spec/{profile}/errors/{name}: refusal {key} is declared twice")
            row = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
            rows[key] = ErrorRow(key=key, **row)
    return rows


@cache
def registry() -> dict[str, Requirement]:
    """Every requirement of every profile, by id. Raises ValueError for a repeated id."""
    rows: dict[str, Requirement] = {}
    for name in _yaml_names("requirements"):
        for row in read_yaml("requirements", name) or []:
            if row["id"] in rows:
                raise ValueError(f"spec/requirements/{name}: id {row['id']} is used twice")
            row = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
            rows[row["id"]] = Requirement(**{"area": name.removesuffix(".yaml"), **row})
    return rows


@cache
def _requirements(profile: str) -> dict[str, Requirement]:
    return {r.id: r for r in registry().values() if profile in r.profiles}


@cache
def load(profile: str) -> Profile:
    """The profile of that name. Raises UnknownProfile."""
    if profile not in profiles():
        raise UnknownProfile(f"unknown profile {profile!r}; known: {', '.join(profiles())}")
    return Profile(profile)
