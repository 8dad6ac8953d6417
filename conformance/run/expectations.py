"""Expected failures: what an implementer knows to be wrong, kept in their own repository, with a reason for each.

An entry whose requirement passes is stale, one that names no requirement is unmatched, one past its date is expired: each of
these is red, so that the list never hides more than it says.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError

from conformance.play.verdict import EXPECTED_FAIL, FAIL, WARN, Check
from conformance.run.target import BadTarget, read_text

UNSAID = "FILL IN"  # the reason that a written file has


class BadExpectations(ValueError):
    """The file can't be used; the text says what is wrong, where, and what to type next."""


def _narrow(glob: str) -> str:
    """A pattern names the area that it is about, so that none hides a whole run."""
    if re.match(r"[A-Z]+-[^\n]", glob) is None:
        raise ValueError(f"{glob!r} is too wide: write an id, or the prefix of one area with a dash, such as SEND-*")
    return glob


def _said(reason: str) -> str:
    if reason == UNSAID:
        raise ValueError(f"the reason still says {UNSAID}: write why this is expected to fail")
    return reason


class Entry(BaseModel):
    """One expected failure. `requirement` is an id or a glob; after `until` the entry is red."""

    model_config = ConfigDict(extra="forbid")
    requirement: Annotated[str, AfterValidator(_narrow)]
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_said)]
    owner: str = ""
    link: str = ""
    until: date | None = None
    profile: str = ""


@dataclass(slots=True)
class Expectations:
    """The entries of one file, and which of them were met in this run."""

    entries: list[Entry]
    today: date
    met: set[int] = field(default_factory=set)

    def of(self, requirement: str) -> Entry | None:
        """The entry for this requirement that still holds."""
        for entry in self.entries:
            if fnmatch.fnmatch(requirement, entry.requirement) and not self._expired(entry):
                return entry
        return None

    def apply(self, check: Check) -> None:
        """Turn a failure that is expected into `expected-fail`."""
        entry = self.of(check.requirement) if check.verdict in (FAIL, WARN) else None
        if entry is not None:
            self.met.add(id(entry))
            check.verdict = EXPECTED_FAIL
            check.reason = f"expected: {entry.reason}{f' ({entry.link})' if entry.link else ''}"

    def told(self) -> list[dict[str, str]]:
        """The entries that were met, for the record."""
        return [
            {"requirement": e.requirement, "reason": e.reason, "owner": e.owner, "link": e.link, "until": str(e.until or "")}
            for e in self.entries
            if id(e) in self.met
        ]

    def unmet(self) -> list[str]:
        """The patterns of entries that hold and that nothing in this run met."""
        return [e.requirement for e in self.entries if id(e) not in self.met and not self._expired(e)]

    def _expired(self, entry: Entry) -> bool:
        return entry.until is not None and entry.until < self.today

    def stale(self, judged: Iterable[str]) -> list[str]:
        """The requirements that an entry expects to fail and that were judged without a failure."""
        known = list(judged)
        return [
            requirement
            for entry in self.entries
            if id(entry) not in self.met and not self._expired(entry)
            for requirement in fnmatch.filter(known, entry.requirement)
        ]

    def complaints(self, requirements: Iterable[str]) -> list[str]:
        """A line for each entry that is expired or names no requirement of the profile."""
        known = list(requirements)
        out = [
            f"{e.requirement}: expired on {e.until}; mend the server or renew the entry" for e in self.entries if self._expired(e)
        ]
        out += [
            f"{e.requirement}: no such requirement; see: chat-conformance list"
            for e in self.entries
            if not fnmatch.filter(known, e.requirement)
        ]
        return out


def load(path: Path, profile: str, today: date | None = None) -> Expectations:
    """The expectations of a YAML file that hold for this profile. Raises BadExpectations."""
    if path.is_dir():
        raise BadExpectations(f"{path} is a folder; name the file of expectations in it")
    if not path.exists():
        raise BadExpectations(f"no expectations file {path}; every run that fails prints the entries to paste into one")
    try:
        data: Any = yaml.safe_load(read_text(path, str(path))) or []
        entries = TypeAdapter(list[Entry]).validate_python(data)
    except BadTarget as error:
        raise BadExpectations(str(error)) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise BadExpectations(f"{path}: not YAML: {str(error).splitlines()[0]}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(p) for p in first["loc"]) or "the top level"
        raise BadExpectations(f"{path}: entry {where}: {first['msg']}; an entry has requirement and reason") from error
    return Expectations([e for e in entries if e.profile in ("", profile)], today or date.today())


def to_paste(checks: Iterable[Check]) -> str:
    """The entries for what failed unexpectedly, to paste into an expectations file; empty when nothing did."""
    failed = {c.requirement: c for c in checks if c.verdict == FAIL}
    return "".join(f"- requirement: {i}\n  reason: {_yaml_text(c.message)}\n" for i, c in sorted(failed.items()))


def to_write(checks: Iterable[Check], profile: str) -> str:
    """A file of expectations for all that failed, expected before or not, with the reasons to fill in."""
    failed = {c.requirement: c for c in checks if c.verdict in (FAIL, EXPECTED_FAIL)}
    head = f"# Failures that are expected of this server, judged by {profile}. Write for each why, whose it is, and until when.\n"
    entries = "".join(
        f"# {_comment(c.text)}\n# found: {_comment(c.message)}\n- requirement: {i}\n  reason: {UNSAID}\n"
        f'  owner: ""\n  profile: {profile}\n'
        for i, c in sorted(failed.items())
    )
    return head + (entries or "[]\n")


def _comment(text: str) -> str:
    """The text as the rest of a line, cut."""
    return "".join(c if c.isprintable() else " " for c in text)[:160]


def _yaml_text(message: str) -> str:
    """The message as a YAML string in one line, cut."""
    return json.dumps(message[:80] or "failed", ensure_ascii=True)
