"""The manifest: what a run makes on a server, written down before it is made, so that it can be taken back by whoever finds it.

NDJSON, readable by its owner only. It holds names and ids, and the settings of the server as they were; no tokens.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any


class BadManifest(ValueError):
    """The file is no manifest, or can't be written or read; the text says what is wrong."""


@dataclass(slots=True)
class Entry:
    """One thing that was about to be made. `id` is empty where nobody got to write it down; `before`: what was there."""

    what: str
    name: str
    id: str = ""
    before: Any = None
    gone: bool = False


@dataclass(slots=True)
class Head:
    """Where the things are: the server, its profile, the prefix of all names, the variable that held the admin's token."""

    url: str
    profile: str
    prefix: str
    organization_id: str = ""
    admin_token_env: str = ""


@dataclass(slots=True)
class Manifest:
    """Entries in the order in which they were made. Each change is on the disk before the next request is sent."""

    path: Path
    head: Head
    entries: list[Entry] = field(default_factory=list)
    _file: IO[str] | None = None

    @classmethod
    def begin(cls, path: Path, head: Head) -> Manifest:
        """A new one. Raises BadManifest where there is a file already: it may be all that is known of another run's things."""
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise BadManifest(
                f"{path} is there already: take back what it lists (chat-conformance deprovision {path}) or name another"
            ) from None
        except OSError as error:
            raise BadManifest(
                f"the manifest {path} can't be written: {error.strerror}; name another place with --manifest"
            ) from error
        made = cls(path, head, [], os.fdopen(handle, "w", encoding="utf-8"))
        made._write({"kind": "manifest", **{name: getattr(head, name) for name in Head.__slots__}})
        return made

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """One that was left. Its last line may be cut off. Raises BadManifest."""
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise BadManifest(f"{path}: can't be read: {error}; name the manifest of a run or of provision") from error
        rows = []
        for number, line in enumerate(lines):
            try:
                rows.append(json.loads(line))
            except ValueError:
                if number + 1 < len(lines) or not number:
                    raise BadManifest(f"{path}: line {number + 1} is no JSON; is this a manifest?") from None
        return cls._of(path, rows)

    @classmethod
    def _of(cls, path: Path, rows: list[Any]) -> Manifest:
        try:
            head = {name: str(rows[0].get(name, "")) for name in Head.__slots__}
            if rows[0]["kind"] != "manifest" or not head["url"]:
                raise KeyError("manifest")
            found = cls(path, Head(**head))
            for row in rows[1:]:
                if row["kind"] == "making":
                    found.entries.append(Entry(row["what"], row["name"], before=row.get("before")))
                else:
                    entry = found.entries[row["n"]]
                    entry.id, entry.gone = row.get("id", entry.id), row["kind"] == "gone"
        except (AttributeError, IndexError, KeyError, TypeError) as error:
            raise BadManifest(f"{path}: this is no manifest ({type(error).__name__}: {error})") from error
        return found

    def making(self, what: str, name: str, before: Any = None) -> Entry:
        """Something is about to be made."""
        entry = Entry(what, name, before=before)
        self.entries.append(entry)
        self._write({"kind": "making", "what": what, "name": name} | ({} if before is None else {"before": before}))
        return entry

    def made(self, entry: Entry, id: str) -> None:
        """It was made, with this id."""
        entry.id = id
        self._write({"kind": "made", "n": self._number(entry), "id": id})

    def gone(self, entry: Entry) -> None:
        """It was taken back, or never came to be."""
        entry.gone = True
        self._write({"kind": "gone", "n": self._number(entry)})

    def _number(self, entry: Entry) -> int:
        return next(n for n, other in enumerate(self.entries) if other is entry)

    def close(self, *, remove: bool = False) -> None:
        """No more is written. `remove`: all was taken back, so that the file has nothing to tell."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if remove:
            self.path.unlink(missing_ok=True)

    def _write(self, row: dict[str, Any]) -> None:
        try:
            if self._file is None:
                self._file = self.path.open("a", encoding="utf-8")
                if not self.path.read_bytes().endswith(b"\n"):
                    self._file.write("\n")  # behind a line that was cut off
            self._file.write(json.dumps(row) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise BadManifest(f"the manifest {self.path} can't be written: {error.strerror}") from error
