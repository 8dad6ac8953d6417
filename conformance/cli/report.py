"""`chat-conformance report`: render a run record again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from conformance.cli.main import UsageError, parser
from conformance.recordings import reproducers

_KINDS = ("html", "junit", "markdown", "badge", "allure")


def command(name: str, argv: Sequence[str]) -> int:
    p = parser(name)
    p.add_argument("record", type=Path, help="a run record (NDJSON)")
    for kind in _KINDS:
        p.add_argument(f"--{kind}", type=Path, metavar="F")
    p.add_argument("--reproducers", type=Path, metavar="DIR", help="write the way to each failure, which `replay` plays again")
    p.add_argument("--statement", type=Path, metavar="F", help="write the statement: .json, .md or a page to sign (.html)")
    p.add_argument("--verify", action="store_true", help="derive verdicts and counts anew; exit 1 if the record was altered")
    p.add_argument("--against", type=Path, metavar="F.json", help="with --verify: the statement (.json) that names its SHA-256")
    options = p.parse_args(argv)
    if not options.record.is_file():
        raise UsageError(f"no record {options.record}; write one with: chat-conformance run --record {options.record}")
    renderers = {e.name: e for e in metadata.entry_points(group="chat_conformance.renderers")}
    wanted = [(kind, getattr(options, kind)) for kind in _KINDS if getattr(options, kind)]
    try:
        for kind, out in wanted:
            renderers[kind].load()(options.record, out)
            print(f"{kind}: {out}")
        if options.reproducers:
            print(f"reproducers: {options.reproducers}, {len(reproducers.write(options.record, options.reproducers))} files")
        if options.statement:
            statement().render(options.record, options.statement)
            print(f"statement: {options.statement}")
        if options.verify:
            return _verify(options.record, options.against)
        if not wanted and not options.reproducers and not options.statement:
            renderers["console"].load()(options.record, sys.stdout)
    except ValueError as error:
        with contextlib.suppress(ValueError):  # of a run that was cut off, what it came to until then
            renderers["console"].load()(options.record, sys.stdout, cut_off=True)
        raise UsageError(str(error)) from error
    return 0


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
