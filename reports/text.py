"""Values as text: JSON short and long, differences, exchanges in one line, and where a report is written."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any, Literal, TextIO
from urllib.parse import urlencode

from reports.redact import visible
from reports.rows import Answer, Check, Content, Exchange, HttpExchange

CUT = "…"
MARK = "   ◀ here"


def shorten(text: str, limit: int) -> str:
    """The text, or its beginning and how much is left out."""
    return text if len(text) <= limit else f"{text[:limit]}{CUT} ({len(text) - limit:,} more characters)"


def compact(value: Any, limit: int = 200) -> str:
    """The JSON value on one line, cut after `limit` characters."""
    return shorten(json.dumps(value, ensure_ascii=False, separators=(", ", ": ")), limit)


def pretty(value: Any, limit: int = 4000, *, fold: int = 90) -> str:
    """The JSON value over several lines, cut after `limit` characters. What fits in `fold` stays on one line."""
    lines: list[str] = []
    room = limit
    for line in _layout(value, "", "", fold):
        lines.append(shorten(line, room))
        room -= len(line) + 1
        if room <= 0:
            lines.append(f"{CUT} (cut here)")
            break
    return "\n".join(lines)


def _layout(value: Any, indent: str, name: str, fold: int) -> Iterator[str]:
    flat = json.dumps(value, ensure_ascii=False)
    if not value or not isinstance(value, dict | list) or len(indent) + len(name) + len(flat) <= fold:
        yield f"{indent}{name}{flat}"
        return
    first, last = ("{", "}") if isinstance(value, dict) else ("[", "]")
    yield f"{indent}{name}{first}"
    names = [f"{json.dumps(key, ensure_ascii=False)}: " for key in value] if isinstance(value, dict) else None
    for number, item in enumerate(value.values() if isinstance(value, dict) else value):
        *lines, end = _layout(item, f"{indent}  ", names[number] if names else "", fold)
        yield from lines
        yield end + ("," if number < len(value) - 1 else "")
    yield f"{indent}{last}"


def marked(value: Any, pointer: str, limit: int = 4000) -> list[str]:
    """The lines of the JSON value as `pretty` has them, with a mark where the pointer leads to, or to the last step there is.

    What stands before the place is left out where it would not fit.
    """
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    path: list[Any] = []
    there = value
    for step in steps:
        if isinstance(there, dict) and step in there:
            path.append(step)
            there = there[step]
        elif isinstance(there, list) and step.isdecimal() and int(step) < len(there):
            path.append(int(step))
            there = there[int(step)]
        else:
            break
    if not path:
        return pretty(value, limit).split("\n")
    lines = list(_spread(value, path, "", ""))
    at = next(number for number, line in enumerate(lines) if line.endswith(MARK))
    first = max(0, at - 12) if sum(map(len, lines[:at])) > limit // 2 else 0
    head = [f"{CUT} ({first} lines before)"] if first else []
    room, kept = limit, []
    for line in lines[first:]:
        kept.append(line if line.endswith(MARK) else shorten(line, max(room, 80)))
        room -= len(line) + 1
        if room <= 0 and len(kept) > at - first:
            kept.append(f"{CUT} (cut here)")
            break
    return head + kept


def _spread(value: Any, path: list[Any], indent: str, name: str) -> Iterator[str]:
    """As `_layout`, but each container on the path over several lines."""
    if not path:
        *lines, end = _layout(value, indent, name, 90)
        yield f"{lines[0] if lines else end}{MARK}"
        yield from [*lines[1:], end] if lines else []
        return
    names = {key: f"{json.dumps(key, ensure_ascii=False)}: " for key in value} if isinstance(value, dict) else None
    items = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    first, last = ("{", "}") if isinstance(value, dict) else ("[", "]")
    yield f"{indent}{name}{first}"
    for number, (key, item) in enumerate(items):
        inner = names[key] if names else ""
        on = key == path[0]
        *lines, end = _spread(item, path[1:], f"{indent}  ", inner) if on else _layout(item, f"{indent}  ", inner, 90)
        comma = "," if number < len(items) - 1 else ""
        yield from lines
        yield end.removesuffix(MARK) + comma + MARK if end.endswith(MARK) else end + comma
    yield f"{indent}{last}"


def one_line(text: str, limit: int = 300) -> str:
    """The text with line ends shown as ⏎."""
    return shorten(text.replace("\n", "⏎").replace("\t", " "), limit)


def counted(number: int, noun: str) -> str:
    """The number with its noun in singular or plural."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


Sign = Literal[" ", "-", "+"]


def difference(expected: Any, actual: Any, limit: int = 60) -> list[tuple[Sign, str]]:
    """The lines of both values: `-` only expected, `+` only actual; of what is alike only the surroundings.

    At most `limit` lines, and never a comparison of huge values: those are shown one after the other.
    """
    old, new = (pretty(value, fold=0).split("\n") for value in (expected, actual))
    rows: list[tuple[Sign, str]] = []
    if len(old) * len(new) > 40_000:
        rows += [("-", line) for line in old[: limit // 2]]
        rows += [("+", line) for line in new[: limit // 2]]
        return rows
    for line in difflib.unified_diff(old, new, lineterm="", n=3):
        if line.startswith(("---", "+++")) and not rows:
            continue
        if line.startswith("@@"):
            if rows:
                rows.append((" ", CUT))
            continue
        sign: Sign = "-" if line[0] == "-" else "+" if line[0] == "+" else " "
        rows.append((sign, line[1:]))
    if not rows:
        rows = [(" ", line) for line in old]
    return rows if len(rows) <= limit else [*rows[:limit], (" ", f"{CUT} ({len(rows) - limit} more lines)")]


def target_of(path: str, params: list[list[str]]) -> str:
    """Path and query as one would type them."""
    return f"{path}?{urlencode([(k, v) for k, v in params])}" if params else path


def content_of(content: Content | Answer, limit: int = 200) -> str:
    """The body on one line; "" when there was none."""
    if content.has_body:
        return compact(content.body, limit)
    if content.content is not None:
        return one_line(content.content, limit)
    if content.content_length:
        return f"<{content.content_length:,} bytes, not kept>"
    return ""


def sent(exchange: Exchange, limit: int = 200) -> str:
    """Who asked what, on one line."""
    who = exchange.actor or "nobody"
    if isinstance(exchange, HttpExchange):
        request = exchange.request
        line = f"{who}: {request.method} {one_line(target_of(request.path, request.params))}"
        return f"{line}  {content_of(request, limit)}".rstrip()
    return f"{who}: WebSocket {one_line(target_of(exchange.websocket.path, exchange.websocket.params))}"


def got(exchange: Exchange, limit: int = 200) -> str:
    """What came back, on one line."""
    answer = exchange.response if isinstance(exchange, HttpExchange) else exchange.handshake
    if answer is None:
        return f"no answer: {one_line(exchange.error) or 'reason not recorded'}"
    line = f"{answer.status}  {content_of(answer, limit)}".rstrip()
    if isinstance(exchange, HttpExchange) or not (exchange.frames or exchange.close):
        return line
    frames = sum(frame.direction == "in" for frame in exchange.frames)
    line = f"{line}, {counted(frames, 'frame')} in"
    if exchange.close:
        line += f", closed {exchange.close.code} by {exchange.close.by or 'nobody'}"
    return line


def frame_number(pointer: str) -> int | None:
    """The number of the frame that a pointer leads into, if it does."""
    steps = pointer.split("/")
    return int(steps[2]) if len(steps) > 2 and steps[1] == "frames" and steps[2].isdecimal() else None


def frame_of(exchange: Exchange, pointer: str, limit: int = 200) -> str:
    """The frame of a socket that the pointer leads into, on one line; "" where it leads into none."""
    number = frame_number(pointer)
    if isinstance(exchange, HttpExchange) or number is None or number >= len(exchange.frames):
        return ""
    frame = exchange.frames[number]
    return f"frame {number} of {len(exchange.frames)} at {frame.t_ms:,.0f} ms: {compact(frame.payload, limit)}"


def deciding(check: Check) -> str | None:
    """The id of the exchange that decided, if any."""
    return check.deciding or (check.exchanges[-1] if check.exchanges else None)


@contextmanager
def writing(out: Path | TextIO, *, styled: bool = False) -> Iterator[StringIO]:
    """A buffer whose text, control characters made visible, goes to `out` when the block ends well.

    A file appears whole or not at all; missing folders are made. `styled`: the text holds escape sequences of
    ours, and everything else in it is visible already.
    """
    buffer = StringIO()
    yield buffer
    text = buffer.getvalue() if styled else visible(buffer.getvalue())
    if not isinstance(out, Path):
        encoding = getattr(out, "encoding", None) or "utf-8"
        out.write(text.encode(encoding, "backslashreplace").decode(encoding))
    elif out.exists() and not out.is_file():  # /dev/stdout and the like
        out.write_text(text, encoding="utf-8")
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        part = out.with_name(f".{out.name}.part")
        part.write_text(text, encoding="utf-8")
        part.replace(out)
