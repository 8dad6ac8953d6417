"""What happened in one failed check, as (name, one line) pairs: the same words in every report."""

from __future__ import annotations

from reports.record import Record
from reports.rows import Check, SocketExchange
from reports.text import compact, deciding, frame_of, got, one_line, sent, shorten

# Longer commands (a 256 KiB body) would bury everything around them; the record has them whole.
COMMAND_LIMIT = 1200


def story(record: Record, check: Check, *, more: int = 0, limit: int = 200) -> list[tuple[str, str]]:
    """At most 12 pairs. `more` counts further checks of the requirement with the same verdict; `limit` cuts values."""
    lines = [("case", (one_line(check.case) or "-") + (f"  (and {more} more like it)" if more else ""))]
    exchange = record.exchange(deciding(check) or "")
    if exchange:
        lines += [("sent", sent(exchange, limit)), ("got", frame_of(exchange, check.pointer, limit) or got(exchange, limit))]
    if twin := record.exchange(check.twin):
        lines.append(("accepted", f"{sent(twin, limit // 2)} -> {got(twin, 40)}"))
    if check.message or check.reason:
        both = f"{check.message} ({check.reason})" if check.message and check.reason else check.message or check.reason
        lines.append(("found", one_line(both)))
    if check.has("expected") or check.has("actual"):
        whole = "(its status)" if check.finding == "status" else "(the whole answer)"
        if isinstance(exchange, SocketExchange) and check.finding != "status":
            whole = "(all that came over it)"
        lines.append(("at", one_line(check.pointer) or whole))
        lines.append(("expected", compact(check.expected, limit) if check.has("expected") else "(nothing)"))
        lines.append(("actual", compact(check.actual, limit) if check.has("actual") else "(nothing)"))
    return lines + _commands(check)


def _commands(check: Check) -> list[tuple[str, str]]:
    # The last line shows the failure, those before it make the situation.
    shown = check.reproduce if len(check.reproduce) <= (1 if check.twin else 2) else check.reproduce[-1:]
    hidden = len(check.reproduce) - len(shown)
    lines = []
    for command in shown:
        before = f"   # after {hidden} earlier commands" if hidden else ""
        lines.append(("try", shorten(command.replace("\n", "\\n"), COMMAND_LIMIT) + before))
    if check.rerun and check.rerun not in shown:
        lines.append(("again", shorten(one_line(check.rerun, COMMAND_LIMIT), COMMAND_LIMIT)))
    return lines
