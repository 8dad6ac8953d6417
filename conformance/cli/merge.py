"""`chat-conformance merge R…`: the records of shards become the record of one run."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from conformance.cli.given import Options, UsageError
from conformance.cli.renderers import renderers
from conformance.cli.report import KINDS, render
from conformance.cli.values import check_outputs
from conformance.recordings.merge import NotOnePlan, merge
from conformance.recordings.reading import Unreadable
from conformance.run.record import RecordFailed, RecordWriter
from conformance.wire.redact import Redactor


def command(options: Options) -> int:
    names = ("record", *KINDS, "reproducers", "statement")
    check_outputs({f"--{name}": getattr(options, name) for name in names}, {str(path): path for path in options.records})
    with file_of(options.record) as record:
        try:
            status = _write(options.records, record)
        except (Unreadable, NotOnePlan, RecordFailed, OSError) as error:
            raise UsageError(f"merge: {error}") from error
        renderers()["console"].load()(record, sys.stdout)
        render(options, record)
        if options.record:
            print(f"record: {options.record}")
    return status


@contextlib.contextmanager
def file_of(named: Path | None) -> Iterator[Path]:
    """The file of the record; one that is gone with this process where nobody named one."""
    if named is not None:
        yield named
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "merged.ndjson"


def _write(records: list[Path], out: Path) -> int:
    """Write the merged record; gives its exit status."""
    lines = merge(records)
    writer, status = RecordWriter(out, Redactor({})), 2
    try:
        for line in lines:
            writer.line(line)
            status = line.get("exit", status)
    finally:
        writer.close()
    if writer.failed:
        raise RecordFailed(writer.failed)
    return int(status)
