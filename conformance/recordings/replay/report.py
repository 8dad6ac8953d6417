"""What a replay found: rows equal and different, and those left out with the reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, TextIO

from conformance.recordings.replay.compare import Difference, shown

_SHOWN = 6


@dataclass(slots=True)
class RowResult:
    """One compared row. `racy`: the recording marks it so; it is left out of the share. `follows`: lines of earlier
    rows whose answers should have given the ids that this row needed."""

    line: int
    what: str
    differences: list[Difference] = field(default_factory=list)
    racy: bool = False
    follows: tuple[int, ...] = ()
    finding: dict[str, Any] | None = None  # that this row shows, if its transcript is the way to a failure
    still: bool = False  # it shows it here, too

    @property
    def equal(self) -> bool:
        return not any(not d.soft for d in self.differences)


@dataclass(slots=True)
class FileResult:
    """One scenario: the rows compared, those left out by reason, and remarks that are no row's difference."""

    name: str
    rows: list[RowResult] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    remarks: list[str] = field(default_factory=list)
    seconds: float = 0.0
    is_way: bool = False  # to a failure that some row of it shows

    @property
    def finding(self) -> RowResult | None:
        """The row that shows a failure, of a transcript that is the way to one; None before it is reached."""
        return next((row for row in self.rows if row.finding is not None), None)

    @property
    def judged(self) -> list[RowResult]:
        return [row for row in self.rows if not row.racy]


@dataclass(slots=True)
class Report:
    """All scenarios of one replay."""

    files: list[FileResult] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def total(self) -> int:
        return sum(len(f.judged) for f in self.files)

    @property
    def equal(self) -> int:
        return sum(row.equal for f in self.files for row in f.judged)

    @property
    def share(self) -> float:
        """Equal rows of all judged rows, 0 to 1; 0 when none was judged."""
        return self.equal / self.total if self.total else 0.0

    @property
    def racy(self) -> list[RowResult]:
        return [row for f in self.files for row in f.rows if row.racy]

    @property
    def left_out(self) -> Counter[str]:
        return sum((f.left_out for f in self.files), Counter())

    def summary(self) -> str:
        """The one line that ends a replay."""
        percent = f"{100 * self.share:.1f} %" if self.total else "none"
        racy = len(self.racy)
        beside = sum(not row.equal for row in self.racy)
        note = f" ({beside} of them differ in what is not racy)" if beside else ""
        left = sum(self.left_out.values())
        return f"rows equal: {self.equal} of {self.total} ({percent}), racy left out: {racy}{note}, not replayable: {left}"

    def write(self, out: TextIO, *, explain: bool = False) -> None:
        """Print a line for each file and each difference, then the summary. `explain` adds what the rules let pass."""
        for file in self.files:
            write_file(file, out, explain)
        self.write_summary(out)

    def write_summary(self, out: TextIO) -> None:
        """Print what was left out and why, then the summary."""
        for reason, count in sorted(self.left_out.items()):
            print(f"not replayable: {count} rows: {reason}", file=out)
        print(self.summary(), file=out)


def write_file(file: FileResult, out: TextIO, explain: bool) -> None:
    """Print a line for the file and each of its differences."""
    good = sum(row.equal for row in file.judged)
    print(f"{file.name}: {good}/{len(file.judged)} equal", file=out, flush=True)
    if shows := file.finding:
        told = shows.finding or {}
        what = f"{told.get('requirement')}: {told.get('message') or 'no message'}"
        print(f"  {'STILL SO' if shows.still else 'no longer so'}: {what}", file=out)
    for remark in file.remarks:
        print(f"  {file.name}: {remark}", file=out)
    for row in file.rows:
        found = [d for d in row.differences if explain or not d.soft]
        mark = " (racy row)" if row.racy else ""
        if row.follows and not row.equal:
            mark += f" (follows from row {', '.join(map(str, row.follows))})"
        for difference in found if explain else found[:_SHOWN]:
            soft = " (allowed)" if difference.soft else ""
            where = difference.pointer or "/"
            print(
                f"  {file.name}:{row.line} {row.what} {where}: expected {shown(difference.expected)}, "
                f"actual {shown(difference.actual)}{soft}{mark}",
                file=out,
            )
        if not explain and len(found) > _SHOWN:
            print(f"  {file.name}:{row.line} … and {len(found) - _SHOWN} more differences", file=out)
