"""Exchanges as people read them: who said what, in order, long things cut in the middle."""

from __future__ import annotations

from reports.record import Record
from reports.rows import Answer, Content, Exchange, Frame, HttpExchange, Request, SocketExchange
from reports.text import compact, one_line, pretty, shorten, target_of

# Of one check: exchanges shown. Of one exchange: characters of a body, and frames at its beginning and end.
_EXCHANGES, _BODY, _FIRST, _LAST = 4, 2500, 20, 15

# Headers that every exchange has and no judgement is about.
_DULL = {"date", "content-length", "connection", "accept-encoding", "accept", "user-agent", "host", "server"}


def transcript(record: Record, ids: list[str]) -> list[tuple[str, str]]:
    """The last exchanges of these as (title, text); what the record does not hold is left out."""
    found = [exchange for id in ids[-_EXCHANGES:] if (exchange := record.exchange(id))]
    return [(_title(exchange), _text(exchange)) for exchange in found]


def _title(exchange: Exchange) -> str:
    took = f", took {exchange.ms:,.0f} ms" if exchange.ms else ""
    return f"Exchange {exchange.id} at {exchange.t_ms / 1000:,.2f} s{took}"


def _text(exchange: Exchange) -> str:
    who = exchange.actor or "nobody"
    if isinstance(exchange, HttpExchange):
        request = exchange.request
        first = f"{who} → {request.method} {one_line(target_of(request.path, request.params), 600)}"
        return "\n".join([first, *_content(request), "", *_answer(exchange.response, exchange.error)])
    return _socket(exchange, who)


def _socket(exchange: SocketExchange, who: str) -> str:
    target = target_of(exchange.websocket.path, exchange.websocket.params)
    lines = [f"{who} → WebSocket {one_line(target, 600)}", *_answer(exchange.handshake, exchange.error)]
    frames = exchange.frames
    if len(frames) > _FIRST + _LAST:
        lines += [_frame(frame) for frame in frames[:_FIRST]]
        lines.append(f"   … {len(frames) - _FIRST - _LAST} frames left out")
        frames = frames[-_LAST:]
    lines += [_frame(frame) for frame in frames]
    if exchange.close:
        code = "without a code" if exchange.close.code is None else str(exchange.close.code)
        reason = f" {one_line(exchange.close.reason)}" if exchange.close.reason else ""
        lines.append(f"closed by {exchange.close.by or 'nobody'}: {code}{reason}")
    return "\n".join(lines)


def _frame(frame: Frame) -> str:
    arrow = "←" if frame.direction == "in" else "→"
    kind = "" if frame.kind == "text" else f"{frame.kind} "
    payload = one_line(frame.payload) if isinstance(frame.payload, str) else compact(frame.payload, 400)
    return f"{frame.t_ms:>8,.0f} ms {arrow} {kind}{payload}"


def _answer(answer: Answer | None, error: str) -> list[str]:
    if answer is None:
        return [f"← no answer: {one_line(error) or 'reason not recorded'}"]
    return [f"← {answer.status}", *_content(answer)]


def _content(content: Content | Request | Answer) -> list[str]:
    headers = {name: value for name, value in content.headers.items() if name.lower() not in _DULL}
    lines = [f"  {name}: {one_line(value)}" for name, value in headers.items()]
    if content.has_body:
        lines += pretty(content.body, _BODY).split("\n")
    elif content.content is not None:
        lines.append(shorten(content.content, _BODY))
    elif content.content_length:
        lines.append(f"<{content.content_length:,} bytes, not kept>")
    return lines
