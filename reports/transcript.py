"""Exchanges as people read them: who said what, in order, long things cut in the middle."""

from __future__ import annotations

from reports.record import Record
from reports.rows import Answer, Check, Content, Exchange, Frame, HttpExchange, Request, SocketExchange
from reports.text import MARK, compact, deciding, frame_number, got, marked, one_line, sent, shorten, target_of

# Of one check: exchanges shown beside the deciding one. Of one exchange: characters of a body, frames at its beginning and end.
_OTHERS, _BODY, _FIRST, _LAST = 3, 2500, 20, 15

# Headers that every exchange has and no judgement is about.
_DULL = {"date", "content-length", "connection", "accept-encoding", "accept", "user-agent", "host", "server"}


def transcript(record: Record, check: Check) -> list[tuple[str, str]]:
    """What a check rests on as (title, text): the deciding exchange first, with what is wrong marked, its accepted twin beside
    it, then the last of the others. What the record does not hold is left out."""
    decides = deciding(check)
    shown = []
    if exchange := record.exchange(decides or ""):
        beside = [x for id in check.exchanges if id != decides and (x := record.exchange(id))] if _is_socket(exchange) else []
        shown.append((f"{_title(exchange)} decides", _text(exchange, check.pointer, beside)))
    if twin := record.exchange(check.twin):
        shown.append((f"{_title(twin)}, nearly the same, was accepted", _text(twin)))
    others = [id for id in check.exchanges if id not in (decides, check.twin)][-_OTHERS:]
    return shown + [(_title(x), _text(x)) for id in others if (x := record.exchange(id))]


def _is_socket(exchange: Exchange) -> bool:
    return isinstance(exchange, SocketExchange)


def _title(exchange: Exchange) -> str:
    took = f", took {exchange.ms:,.0f} ms" if exchange.ms else ""
    return f"Exchange {exchange.id} at {exchange.t_ms / 1000:,.2f} s{took}"


def _text(exchange: Exchange, pointer: str = "", beside: list[Exchange] | None = None) -> str:
    who = exchange.actor or "nobody"
    if isinstance(exchange, HttpExchange):
        request = exchange.request
        first = f"{who} → {request.method} {one_line(target_of(request.path, request.params), 600)}"
        return "\n".join([first, *_content(request), "", *_answer(exchange.response, exchange.error, pointer)])
    return _socket(exchange, who, pointer, beside or [])


def _socket(exchange: SocketExchange, who: str, pointer: str, beside: list[Exchange]) -> str:
    """The frames, and on the same time axis the calls that were made meanwhile; the frame that is wrong is marked."""
    target = target_of(exchange.websocket.path, exchange.websocket.params)
    lines = [f"{who} → WebSocket {one_line(target, 600)}", *_answer(exchange.handshake, exchange.error)]
    wrong = frame_number(pointer)
    rows = [(f.t_ms, number == wrong, _frame(f, number == wrong)) for number, f in enumerate(exchange.frames)]
    rows += [
        (x.t_ms, False, f"{x.t_ms:>8,.0f} ms   {sent(x, 100)} -> {got(x, 60)}") for x in beside if isinstance(x, HttpExchange)
    ]
    rows.sort(key=lambda row: row[0])
    marked = next((place for place, row in enumerate(rows) if row[1]), None)
    kept = {*range(_FIRST), *range(len(rows) - _LAST, len(rows))}
    if marked is not None and len(rows) > _FIRST + _LAST:
        kept = {*range(8), *range(marked - 10, marked + 11), *range(len(rows) - 6, len(rows))}
    last = -1
    for place, (_, _, text) in enumerate(rows):
        if place in kept:
            if place - last > 1:
                lines.append(f"   … {place - last - 1} frames left out")
            lines.append(text)
            last = place
    if exchange.close:
        code = "without a code" if exchange.close.code is None else str(exchange.close.code)
        reason = f" {one_line(exchange.close.reason)}" if exchange.close.reason else ""
        lines.append(f"closed by {exchange.close.by or 'nobody'}: {code}{reason}")
    return "\n".join(lines)


def _frame(frame: Frame, wrong: bool = False) -> str:
    arrow = "←" if frame.direction == "in" else "→"
    kind = "" if frame.kind == "text" else f"{frame.kind} "
    payload = one_line(frame.payload) if isinstance(frame.payload, str) else compact(frame.payload, 1200 if wrong else 400)
    return f"{frame.t_ms:>8,.0f} ms {arrow} {kind}{payload}{MARK if wrong else ''}"


def _answer(answer: Answer | None, error: str, pointer: str = "") -> list[str]:
    if answer is None:
        return [f"← no answer: {one_line(error) or 'reason not recorded'}"]
    return [f"← {answer.status}", *_content(answer, pointer)]


def _content(content: Content | Request | Answer, pointer: str = "") -> list[str]:
    headers = {name: value for name, value in content.headers.items() if name.lower() not in _DULL}
    lines = [f"  {name}: {one_line(value)}" for name, value in headers.items()]
    if content.has_body:
        lines += marked(content.body, pointer, _BODY)
    elif content.content is not None:
        lines.append(shorten(content.content, _BODY))
    elif content.content_length:
        lines.append(f"<{content.content_length:,} bytes, not kept>")
    return lines
