"""What a failure shows: typed, with what was expected and what was there, the exchange that decides, and its accepted twin."""

from __future__ import annotations

from itertools import takewhile
from types import FrameType
from typing import TYPE_CHECKING, Any

from conformance.play.finding import KINDS, Found, Words, classify, plain, sentence, shown
from conformance.play.odd_answers import brief
from conformance.play.reading import leads_somewhere
from conformance.play.told import Hint, call, hints, locate, of_condition, of_shape
from conformance.play.verdict import Check, Failure
from conformance.wire.exchange import ABSENT, Exchange, Finding, SocketLog
from conformance.wire.feed import NotSeen
from conformance.wire.http import BadAnswer, TargetUnreachable

if TYPE_CHECKING:
    from conformance.run.session import Session


def wrong_status(exchange: Exchange, status: int, key: str = "") -> Failure:
    """It was answered with another status. `key`: the refusal that was expected."""
    response = exchange.response
    said = response.body.get("message") if isinstance(response.body, dict) else ""
    said = said if isinstance(said, str) else ""
    named = f" ({key})" if key else ""
    message = f"{exchange.request.method} {exchange.request.path} answered {response.status}, not {status}{named}"
    return Failure(
        f"{message}{f': {said}' if said else ''}", kind="status", expected=status, actual=response.status, exchange=exchange.id
    )


def differing(
    frame: FrameType | None, what: str, found: tuple[str, Any, Any], whole: Any, pointer: str = "", *, exchange: str = ""
) -> Failure:
    """Two values are not the same. `found`: pointer from `whole`, actual and expected there; `frame`: of the case that asks."""
    where, actual, expected = found
    looked: list[Hint] = [(actual, ""), (whole, where)]
    if frame is not None and (seen := call(frame)):
        here, arguments = seen
        looked += [(value, (rest or "") + where) for value, rest in hints(here, *arguments[:1])]
    kind = "not-idempotent" if exchange else classify(expected, actual)
    if where and isinstance(whole, dict) and ABSENT in (actual, expected):
        kind = "missing-key" if actual is ABSENT else "extra-key"
    place = f"{where} is " if where else ""
    text = f"{what}: {place}{_short(actual)} instead of {_short(expected)}"
    return Failure(text, kind=kind, expected=expected, actual=actual, pointer=pointer + where, hints=looked, exchange=exchange)


def unheld(frame: FrameType, what: str, actual: Any, pointer: str) -> Failure:
    """The sentence `what` does not hold."""
    found, looked = of_condition(frame, what, actual)
    return _failure(found, looked, pointer)


def as_failure(error: BaseException) -> Failure:
    """Whatever was raised where a case judges, as a failure that says what is wrong with the target."""
    if isinstance(error, Failure):
        if not error.kind:
            error.kind = classify(error.expected, error.actual)
        return error
    said = getattr(error, "exchange", None)
    exchange = said.id if said is not None else ""
    if isinstance(error, NotSeen):
        expected = Words(error.awaited or "what was waited for")
        return Failure(str(error), kind="missing-event", expected=expected, actual=error.instead, exchange=exchange)
    if isinstance(error, TargetUnreachable):
        return Failure(str(error), kind="unanswered", expected=Words("an answer"), actual=str(error), exchange=exchange)
    if isinstance(error, BadAnswer):
        return Failure(str(error), kind="over-limits", expected=Words("an answer that clients can read"), exchange=exchange)
    if isinstance(error, AssertionError):
        return Failure(str(error) or "a condition does not hold", kind="does-not-hold")
    return _failure(*of_shape(error))


def _failure(found: Found, looked: list[Hint], pointer: str = "") -> Failure:
    return Failure(
        sentence(found, shown), kind=found.kind, expected=found.expected, actual=found.actual, pointer=pointer, hints=looked
    )


def fill(check: Check, failure: Failure, said: list[Exchange | SocketLog], mark: int, session: Session) -> None:
    """Put the failure on the check. `said` from `mark` on is what the check judged; the decision may rest on what was before."""
    clean = session.redactor.text
    judged = said[mark:] or said[-1:]
    exchange, at = failure.exchange, ""
    if not exchange and failure.hints:
        exchange, at = locate(said, failure.hints)
    decides = next((x for x in said if x.id == exchange), judged[-1] if judged else None)
    failure.pointer = next((p for p in (at, failure.pointer) if p and leads_somewhere(decides, p)), "")
    if decides is not None:
        check.deciding = decides.id
        if decides.id not in check.exchanges:
            check.exchanges.insert(0, decides.id)
        check.twin = _twin(decides, said, session)
    check.finding = failure.kind or classify(failure.expected, failure.actual)
    check.message, check.pointer = brief(str(failure), clean), failure.pointer
    check.expected, check.actual = (brief(plain(value), clean) for value in (failure.expected, failure.actual))
    if check.expected is ABSENT and check.finding not in ("extra-key", "extra-item"):
        check.expected = check.text or "that the requirement holds"
    if check.actual is ABSENT and check.finding not in ("missing-key", "missing-item"):
        check.actual = _answer(decides)
    if check.expected is ABSENT and check.actual is ABSENT:
        check.expected = check.text
    session.show(check, decides, list(takewhile(lambda one: one is not decides, said)))


def enter(check: Check, finding: Finding, said: Exchange | SocketLog) -> None:
    """Put what a passive check found on a check."""
    check.finding = finding.kind if finding.kind in KINDS else _of_passive(finding)
    check.pointer, check.deciding = finding.pointer, said.id
    check.expected, check.actual = plain(finding.expected), plain(finding.actual)
    if check.expected is ABSENT and check.actual is ABSENT:
        check.expected, check.actual = check.text, finding.message
    elif check.expected is ABSENT and check.finding not in ("extra-key", "extra-item"):
        check.expected = check.text


def _of_passive(finding: Finding) -> str:
    key = finding.pointer.rpartition("/")[2]
    if finding.actual is ABSENT and finding.expected == key:
        return "missing-key"
    if finding.expected is ABSENT:
        return "extra-key" if "must not be here" in finding.message else "wrong-value"
    return classify(finding.expected, finding.actual)


def _answer(said: Exchange | SocketLog | None) -> Any:
    """What came, short."""
    if said is None:
        return "nothing"
    if isinstance(said, Exchange):
        body = "" if said.response.body is ABSENT else f" {shown(plain(said.response.body))}"
        return f"{said.response.status}{body}" if said.response.status else said.error or "no answer"
    frames = sum(frame.direction == "in" for frame in said.frames)
    return f"{said.handshake.status}, {frames} frames" + (f", closed with {said.close_code}" if said.close_code else "")


def _short(value: Any) -> str:
    return "nothing" if value is ABSENT else str(value) if isinstance(value, Words) else shown(plain(value))


def _twin(decides: Exchange | SocketLog, said: list[Exchange | SocketLog], session: Session) -> str:
    """Of a refusal the exchange of the same operation in this case that was accepted, the nearest in time."""
    if not isinstance(decides, Exchange) or decides.response.status < 400:
        return ""
    match = session.documents.match(decides.request.method, decides.request.path)
    if match is None:
        return ""

    def same(one: Exchange | SocketLog) -> bool:
        if (
            not isinstance(one, Exchange)
            or one.request.method != decides.request.method
            or one.response.status not in range(200, 300)
        ):
            return False
        other = session.documents.match(one.request.method, one.request.path)
        return other is not None and other.operation.id == match.operation.id

    near = sorted((x for x in said if same(x)), key=lambda x: (x.actor != decides.actor, abs(x.t_ms - decides.t_ms)))
    return near[0].id if near else ""
