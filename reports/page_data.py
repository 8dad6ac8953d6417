"""What the HTML report shows, as data: embedded in it once, packed; `compare`, `matrix` and `trend` read it out of it again."""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from pathlib import Path
from typing import Any

from reports.record import InvalidRecord, Record, read
from reports.redact import visible
from reports.rows import Check, Footer, Header
from reports.summary import LABEL, TROUBLE, Result, Summary
from reports.text import compact, difference, one_line, shorten
from reports.transcript import transcript

FORMAT = 1
_PLACE = re.compile(rb'<script type="application/gzip" id="data">([A-Za-z0-9+/=\s]*)</script>')

# Of one requirement: checks in full, further ones on a line each, and names of passed cases.
_FULL, _SHORT, _NAMES = 3, 20, 12
# Characters of details in all, whatever they come to when they are packed: a browser has to hold them.
_UNPACKED = 24_000_000

Json = dict[str, Any]


def data_of(record: Record, summary: Summary, room: int) -> Json:
    """All that the page shows of this record; details of the worst first, while they fit, packed, in `room` bytes."""
    rows = [_row(result) for result in summary.results]
    packer, unpacked = zlib.compressobj(6), _UNPACKED
    room -= len(zlib.compress(json.dumps(rows).encode())) * 4 // 3
    for number, result in enumerate(summary.troubled):
        details = [_details(record, check) for check in result.checks if check.verdict in TROUBLE][:_FULL]
        text = json.dumps(details).encode()
        unpacked -= len(text)
        room -= (len(packer.compress(text)) + len(packer.flush(zlib.Z_SYNC_FLUSH))) * 4 // 3
        if number and (room < 0 or unpacked < 0):
            break
        rows[number] |= {"details": details, "rest": _rest(result, details)}
    return {
        "format": FORMAT,
        "header": record.header.model_dump(),
        "footer": record.footer.model_dump(),
        "builds": record.builds,
        "labels": LABEL,
        "requirements": rows,
    }


def packed(data: Json) -> str:
    """The data as text for the page: JSON, gzip, base64. Control characters in it are written out."""
    text = json.dumps(_visible(data), ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


def unpacked(page: bytes) -> Json:
    """The data of a page. Raises ValueError for one that has none."""
    found = _PLACE.search(page)
    if found is None:
        raise ValueError("no data of a report in it")
    try:
        data = json.loads(gzip.decompress(base64.b64decode(found[1])))
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f"the data in it can't be read ({error})") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ValueError("the data in it are of another format")
    return data


def read_any(path: Path | str) -> Record:
    """The record at `path`, or what an HTML report of one says: header, footer and one check for each requirement.

    Raises InvalidRecord, OSError.
    """
    path = Path(path)
    with path.open("rb") as file:
        start = file.read(64).lstrip().lower()
    if not start.startswith(b"<!doctype html"):
        return read(path)
    try:
        data = unpacked(path.read_bytes())
        header = Header.model_validate(data["header"])
        footer = Footer.model_validate(data["footer"])
        checks = [_check_of(row) for row in data["requirements"]]
        return Record(path, header, footer, checks, [], 0, 0, [], list(data["builds"]), {})
    except (ValueError, LookupError, TypeError) as error:
        raise InvalidRecord(f"{path}: {one_line(str(error))}; is it a page of run --html?") from None


def _check_of(row: Json) -> Check:
    said = {"kind": "check", "requirement": row["id"], "case": "", "exchanges": ["x"]}
    return Check.model_validate(
        said | {key: row[key] for key in ("level", "verdict", "area", "text", "source", "message", "reason")}
    )


def _row(result: Result) -> Json:
    """A requirement in brief."""
    first = result.checks[0]
    return {
        "id": result.requirement,
        "level": result.level,
        "area": result.area,
        "verdict": result.verdict,
        "text": result.text,
        "source": result.source,
        "facts": next((check.facts for check in result.checks if check.facts), []),
        "message": one_line(first.message, 400),
        "reason": one_line(first.reason, 400),
        "details": [],
        "rest": _rest(result, []),
        "passed": _passed(result),
    }


def _rest(result: Result, details: list[Json]) -> list[list[str]]:
    """The checks that are not shown in full and did not pass, each as [verdict, case, gist]."""
    others = [check for check in result.checks if check.verdict != "pass"][len(details) :] if details else _unpassed(result)
    limit = _SHORT if details or not result.troubled else 1
    rest = [[LABEL[check.verdict], one_line(check.case, 120) or "no case", _gist(check)] for check in others[:limit]]
    if len(others) > limit:
        rest.append([f"{len(others) - limit} more", "in the record", ""])
    return rest


def _unpassed(result: Result) -> list[Check]:
    return [check for check in result.checks if check.verdict != "pass"]


def _gist(check: Check) -> str:
    """The check in a line."""
    if check.message or check.reason or not (check.has("expected") and check.has("actual")):
        return one_line(check.message or check.reason, 100)
    return f"{check.pointer} expected {compact(check.expected, 40)}, actual {compact(check.actual, 40)}"


def _passed(result: Result) -> str:
    names = [one_line(check.case, 80) or "no case" for check in result.checks if check.verdict == "pass"]
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return ", ".join(names[:_NAMES]) + more


def _details(record: Record, check: Check) -> Json:
    """All there is of one failed check, as texts."""
    both = check.has("expected") and check.has("actual")
    pairs = [["At", check.pointer]] if check.pointer else []
    pairs += [["Expected", compact(check.expected, 600)]] if check.has("expected") else []
    pairs += [["Actual", compact(check.actual, 600)]] if check.has("actual") else []
    commands = [["To see it", "\n".join(shorten(line, 4000) for line in check.reproduce)]] if check.reproduce else []
    commands += [["To judge it again", check.rerun]] if check.rerun and check.rerun not in check.reproduce else []
    said = transcript(record, check)
    left_out = len({*check.exchanges, check.twin} - {""}) - len(said)
    return {
        "label": LABEL[check.verdict],
        "case": check.case or "no case",
        "attempt": check.attempt,
        "message": check.message,
        "reason": check.reason,
        "pointer": check.pointer,
        "diff": difference(check.expected, check.actual) if both else [],
        "pairs": [] if both else pairs,
        "said": said,
        "left_out": max(0, left_out),
        "commands": commands,
    }


def _visible(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {visible(str(name)): _visible(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_visible(item) for item in value]
    return value
