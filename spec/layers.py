"""Where the contract's files are, and how a profile's files change those of the profile that it extends.

A profile that extends another is a JSON merge patch (RFC 7396) of it, file by file: a mapping changes the mapping in its
place row by row, null takes a row out, everything else takes the place of what is there. Besides:

- `{$replace: X}` puts X in the place, whole;
- a schema with a `$ref`, or with another `type` than the one in its place, takes its place whole;
- a mapping in the place of a list changes rows of it by their `id`, `name`, `event` or `$ref` (texts by themselves): null takes
  all rows of that name out, one row or a list of rows comes where the first of them was, or at the end;
- null for what is not there is an error, so that a patch can't outlive what it changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from spec.parsed import parsed

REPLACE = "$replace"
_NAMES = ("id", "name", "event", "$ref")


@dataclass(frozen=True, slots=True)
class Files:
    """The contract's files: those of the package, and before them those of `folder`, path by path."""

    folder: Path | None = None

    def _roots(self) -> Iterator[Traversable]:
        if self.folder is not None:
            yield self.folder
        yield resources.files("spec")

    def _found(self, parts: tuple[str, ...]) -> Iterator[Traversable]:
        return (root.joinpath(*parts) for root in self._roots())

    def has(self, *parts: str) -> bool:
        """Is there a file at this path?"""
        return any(node.is_file() for node in self._found(parts))

    def read(self, *parts: str) -> Any:
        """The parsed YAML file at this path. Raises FileNotFoundError."""
        for node in self._found(parts):
            if node.is_file():
                return parsed(node)
        raise FileNotFoundError(f"spec/{'/'.join(parts)}")

    def names(self, *parts: str) -> list[str]:
        """The names of the YAML files in the folder at this path."""
        found = {p.name for node in self._found(parts) if node.is_dir() for p in node.iterdir()}
        return sorted(name for name in found if name.endswith(".yaml"))

    def folders(self) -> list[str]:
        """The names of all folders that hold a profile."""
        found = {p.name for root in self._roots() for p in root.iterdir() if p.is_dir()}
        return sorted(name for name in found if self.has(name, "profile.yaml"))


def patched(base: Any, patch: Any, where: str) -> Any:
    """What `patch` makes of `base`, which stays as it is. Raises ValueError, naming the place, for a patch that fits nothing."""
    if not isinstance(patch, dict):
        return patch
    if REPLACE in patch:
        if len(patch) > 1:
            raise ValueError(f"{where}: {REPLACE} stands alone")
        return patch[REPLACE]
    if isinstance(base, list):
        return _patched_rows(base, patch, where)
    if not isinstance(base, dict) or _other_schema(base, patch):
        return patch
    out = dict(base)
    for key, value in patch.items():
        if value is None:
            if key not in out:
                raise ValueError(f"{where}: {key} is taken out, but is not there")
            del out[key]
        else:
            out[key] = patched(out.get(key), value, f"{where}: {key}")
    return out


def _other_schema(base: dict[str, Any], patch: dict[str, Any]) -> bool:
    # A `type` or `$ref` that is a mapping is a property of that name.
    if any(isinstance(side.get("$ref"), str) for side in (base, patch)):
        return True
    kinds = [side.get("type") for side in (base, patch)]
    return all(isinstance(kind, str | list) for kind in kinds) and kinds[0] != kinds[1]


def _patched_rows(base: list[Any], patch: dict[str, Any], where: str) -> list[Any]:
    out = list(base)
    for name, value in patch.items():
        at = [n for n, row in enumerate(out) if _name(row) == name]
        if value is None and not at:
            raise ValueError(f"{where}: {name} is taken out, but is not there")
        new = [] if value is None else value if isinstance(value, list) else [value]
        wrong = [row for row in new if _name(row) != name]
        if wrong:
            raise ValueError(f"{where}: {name} can't be the name of {wrong[0]}")
        first = at[0] if at else len(out)
        kept = [row for n, row in enumerate(out) if n not in at]
        out = [*kept[:first], *new, *kept[first:]]
    return out


def _name(row: Any) -> Any:
    if isinstance(row, dict):
        return next((row[key] for key in _NAMES if key in row), None)
    return row
