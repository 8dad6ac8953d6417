"""What requirements rest on: the facts that their `source` names, as they are published.

A source is a list, parted by commas, of `PAGE.md ANCHOR` (a fact of spec/contract/PAGE.yaml), `spec/FILE NAME` (an operation,
schema or event of a document, or a refusal), and `source` (read where the server is written, and seen nowhere).
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from spec.layers import Files

ONLY_READ = "Read in the server's source and seen in no recording: the requirement itself is all that is said of it."


class Unresolved(ValueError):
    """A source names nothing that is published."""


@dataclass(frozen=True, slots=True)
class Page:
    """Facts of one revision by anchor, in the order of the file; `unseen` are anchors of which no recording shows anything.

    `basis`: what facts rest on, by anchor; "" those that are not named.
    """

    name: str
    title: str
    profile: str
    facts: dict[str, str]
    unseen: frozenset[str]
    basis: dict[str, str]

    @property
    def path(self) -> str:
        """Where it is published, from the root of the project."""
        return f"docs/contract/{self.profile}/{self.name}.md"


@dataclass(frozen=True, slots=True)
class Cited:
    """One part of a source: as the row names it, what it says, and where that stands in the project."""

    name: str
    text: str
    link: str


@cache
def pages(folder: Path | None = None) -> dict[str, Page]:
    """All pages of facts by name."""
    out = {}
    for file in Files(folder).names("contract"):
        read = Files(folder).read("contract", file)
        name = file.removesuffix(".yaml")
        facts = {str(anchor): " ".join(text.split()) for anchor, text in read["facts"].items()}
        unseen = frozenset(read.get("unseen") or ())
        basis = {"": read.get("basis", "seen")} | dict.fromkeys(unseen, "source")
        basis |= {str(anchor): kind for kind in ("documented", "client") for anchor in read.get(kind) or ()}
        out[name] = Page(name, read["title"], read["profile"], facts, unseen, basis)
    return out


def fragment(anchor: str) -> str:
    """The anchor of a fact as the end of an address."""
    return re.sub(r"[^a-z0-9.]+", "-", anchor.lower().replace("§", "s")).strip("-")


def cited(source: str, folder: Path | None = None) -> list[Cited]:
    """The parts of a row's source. Raises Unresolved."""
    return [_part(part, folder) for part in source.split(", ")]


def basis(source: str, kinds: tuple[str, ...], folder: Path | None = None) -> str:
    """What a row with this source rests on: of its parts the one that comes first in `kinds`; the last of these for nothing."""
    found = [_basis(part, folder) for part in source.split(", ")]
    return min((kind for kind in found if kind), key=kinds.index, default=kinds[-1])


@cache
def _basis(part: str, folder: Path | None) -> str:
    where, _, name = part.partition(" ")
    if where.startswith("spec/"):  # the documents of a profile that was recorded are what the recordings are judged by
        found = Files(folder).read(where.split("/")[1], "profile.yaml") or {}
        return str(found.get("basis", "seen"))
    page = pages(folder).get(where.removesuffix(".md"))
    return page.basis.get(name, page.basis[""]) if page else ""


def facts(source: str) -> list[list[str]]:
    """Name, text and place of each part of a source that can be found."""
    out = []
    for part in source.split(", "):
        with contextlib.suppress(Unresolved):
            out += [[one.name, one.text, one.link] for one in cited(part)]
    return out


@cache
def _part(part: str, folder: Path | None) -> Cited:
    if part == "source":
        return Cited(part, ONLY_READ, "docs/contract/README.md#only-read")
    where, _, name = part.partition(" ")
    if where.startswith("spec/"):
        return _document(part, where, name, folder)
    page = pages(folder).get(where.removesuffix(".md"))
    if page is None or name not in page.facts:
        raise Unresolved(f"{part!r} is no fact of spec/contract")
    return Cited(part, page.facts[name], f"{page.path}#{fragment(name)}")


def _document(part: str, where: str, name: str, folder: Path | None) -> Cited:
    files = Files(folder)
    steps = tuple(where.removeprefix("spec/").split("/"))
    if steps[-1] == "errors":
        if file := _refusals_in(steps, folder).get(name):
            return Cited(part, f"The refusal {name}, as it was seen or read.", f"{where}/{file}")
        raise Unresolved(f"{part!r} is no refusal")
    if not files.has(*steps):
        raise Unresolved(f"{part!r} names no file")
    if name and name not in _names_in(steps, folder):
        raise Unresolved(f"{part!r} is not in that document")
    return Cited(part, f"The document describes {name or 'it'}.", where)


@cache
def _refusals_in(steps: tuple[str, ...], folder: Path | None) -> dict[str, str]:
    """The file of each refusal in this folder."""
    files = Files(folder)
    return {key: file for file in files.names(*steps) for key in files.read(*steps, file) or {}}


@cache
def _names_in(steps: tuple[str, ...], folder: Path | None) -> set[str]:
    return _names(Files(folder).read(*steps))


def _names(value: object) -> set[str]:
    """Every key and every text of a document: the names of operations, schemas, channels and messages are among them."""
    if isinstance(value, dict):
        return {str(key) for key in value}.union(*(_names(item) for item in value.values()))
    if isinstance(value, list):
        return set[str]().union(*(_names(item) for item in value))
    return {value} if isinstance(value, str) else set()
