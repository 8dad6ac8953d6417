"""What the scripts that write generated registry files share: reading and writing rows, keeping what was added by hand."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

import spec

Row = dict[str, Any]
BY_HAND = ("level", "needs", "basis", "excluded", "unkillable")


def read(path: Path) -> list[Row]:
    """The rows of a registry file; none when it is not there yet."""
    return list(parsed(path.read_text(encoding="utf-8"))["rows"]) if path.exists() else []


def parsed(text: str) -> Any:
    """The YAML text's value, by the quick parser where there is one."""
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def by_base(folder: Path | None = None) -> list[str]:
    """All profiles (those in `folder`, too), the default one first and each after what it extends."""
    known = spec.profiles(folder, unfinished=True)
    return sorted(known, key=lambda name: (len(spec.chain(name, folder)), name != spec.DEFAULT, name))


def home(profile: str, folder: Path | None = None) -> Path:
    """The folder of the profile's files."""
    if folder is not None and (folder / profile / "profile.yaml").is_file():
        return folder / profile
    return Path(spec.__file__).parent / profile


def membership(holding: Iterable[str], folder: Path | None = None) -> Row:
    """The fewest `profiles` and `not_in` of a row that holds in these profiles alone; the file names spec.DEFAULT."""
    wanted, names, out = set(holding), [], []
    for name in by_base(folder):
        inherited = any(base in wanted for base in spec.chain(name, folder)[1:2])
        if (name in wanted) != inherited:
            (names if name in wanted else out).append(name)
    if not names:
        return {"not_in": [spec.DEFAULT]}
    said = {"profiles": [] if names == [spec.DEFAULT] else names, "not_in": out}
    return {key: value for key, value in said.items() if value}


def kept(row: Row, old: Row | None) -> Row:
    """The generated row with the fields that may be changed by hand as the file has them."""
    return row | {name: old[name] for name in BY_HAND if name in old} if old else row


def dump(head: str, rows: Iterable[Row]) -> str:
    """A registry file as text: a comment, then one field a line."""
    return f"# {head}\nprofiles: [{spec.DEFAULT}]\nrows:\n" + "".join(_block(row) for row in rows)


def _block(row: Row) -> str:
    lines: list[str] = []
    for name, value in row.items():
        shown = yaml.safe_dump(value, allow_unicode=True, width=100_000, default_flow_style=True)
        lines.append(f"{'  ' if lines else '- '}{name}: {shown.removesuffix('...' + chr(10)).strip()}")
    return "\n".join(lines) + "\n"


def write(files: dict[Path, str], root: Path) -> None:
    """Write what differs; says which files."""
    for path, text in files.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"written: {path.relative_to(root)}")
