"""`chat-conformance report`: render a run record again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from conformance.cli.given import Options, UsageError
from conformance.cli.renderers import renderers
from conformance.recordings import reproducers

KINDS = ("html", "junit", "markdown", "badge", "sarif", "annotations", "allure")


def command(options: Options) -> int:
    if not options.record.is_file():
        raise UsageError(f"no record {options.record}; write one with: chat-conformance run --record {options.record}")
    console = renderers()["console"]
    try:
        wrote = render(options, options.record)
        if options.verify:
            return _verify(options.record, options.against)
        if not wrote:
            console.load()(options.record, sys.stdout)
    except ValueError as error:
        with contextlib.suppress(ValueError):  # of a run that was cut off, what it came to until then
            console.load()(options.record, sys.stdout, cut_off=True)
        raise UsageError(str(error)) from error
    return 0


def render(options: Options, record: Path) -> bool:
    """Write what the options ask for, and tell of it; was there anything? Raises ValueError."""
    wanted = [(kind, getattr(options, kind)) for kind in KINDS if getattr(options, kind)]
    for kind, out in wanted:
        renderers()[kind].load()(record, out)
        print(f"{kind}: {out}")
    if options.reproducers:
        print(f"reproducers: {options.reproducers}, {len(reproducers.write(record, options.reproducers))} files")
    if options.statement:
        statement().render(record, options.statement)
        print(f"statement: {options.statement}")
    return bool(wanted or options.reproducers or options.statement)


def statement() -> Any:
    """The module that writes statements."""
    (found,) = metadata.entry_points(group="chat_conformance.tools", name="statement")
    return found.load()


def _verify(record: Path, against: Path | None) -> int:
    """Print what holds and what does not; 1 if the record was altered."""
    from conformance.recordings.verify import verify

    good, wrong = verify(record)
    sha256 = hashlib.sha256(record.read_bytes()).hexdigest()
    if against is not None:
        try:
            named = json.loads(against.read_text(encoding="utf-8"))["subject"][0]["digest"]["sha256"]
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise UsageError(f"{against}: no statement in JSON: {error}") from None
        if named == sha256:
            good.append(f"the SHA-256 that {against.name} names")
        else:
            wrong.append(f"{against.name} is about a record of the SHA-256 {named}")
    for text in wrong:
        print(f"ALTERED: {text}")
    for text in good if not wrong else []:
        print(f"holds: {text}")
    print(f"{record.name}: {'was altered' if wrong else 'is what its run wrote, so far as it can be derived'}; SHA-256 {sha256}")
    return 1 if wrong else 0
