"""The passive checks together: every exchange of every case is judged by them, and recorded traffic offline."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from conformance.checks import answers, bodies, requests, wire_form
from conformance.checks.asked import Asked, understand
from conformance.checks.documents import DocumentJudge
from conformance.checks.lines import LineJudge, line_order
from conformance.checks.objects import FormJudge, IdentityJudge, objects_of
from conformance.checks.order import OrderJudge
from conformance.checks.presence import PresenceJudge
from conformance.checks.recorded_state import StateJudge
from conformance.checks.refusals import RefusalJudge
from conformance.wire.exchange import Exchange, Finding, SocketLog
from spec import Profile, all_rows
from spec.documents import documents
from spec.feeds import feeds
from spec.tables import stream_order

Judged = tuple[str, Finding | None]
Observer = Callable[[Exchange | SocketLog], Iterable[Judged]]


_SHAPE = (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError)


class Stumbled(RuntimeError):
    """A check failed on an exchange in which nothing else is wrong: a slip of the suite, or of the documents."""


class Observers:
    """A stateful judge of one run or one recording; fed in order of time. `silent`: requirements that do not hold here."""

    def __init__(self, parts: list[Observer], silent: Collection[str] = ()) -> None:
        self._parts, self._silent = parts, silent

    def observe(self, exchange: Exchange | SocketLog) -> Iterator[Judged]:
        """Each requirement that this exchange was judged by: with a finding, or None where it is as it should be.

        Raises Stumbled when a check could not read what by the documents it should be able to.
        """
        wrong = False
        # of a socket whose reading stopped that is all there is to say
        broken = isinstance(exchange, SocketLog) and exchange.fault
        for part in self._parts[:1] if broken else self._parts:
            try:
                for requirement, finding in part(exchange):
                    if requirement in self._silent:
                        continue
                    wrong = wrong or finding is not None
                    yield requirement, finding
            except _SHAPE as error:
                if not wrong:  # else its shape is not the one that the check speaks of, and that is told
                    raise Stumbled(f"{type(part).__name__} could not read it: {type(error).__name__}: {error}") from error


class TrafficJudge:
    """All checks of answers by their requests, of the objects in them, and of what is the same over time.

    They start from the same understanding of an exchange and go over the same objects. `recorded`: the exchanges come
    in the order in which the server answered them, and nothing else judges what was asked; in a run the cases do.
    """

    def __init__(self, profile: Profile, *, recorded: bool) -> None:
        self._documents = documents(profile.name, profile.folder)
        self._orders: list[Callable[[Asked], Iterable[Judged]]] = []
        if "stream_order" in profile.tables:
            self._orders.append(OrderJudge(stream_order(profile.name, profile.folder), feeds(profile)))
        if "line_order" in profile.tables:
            self._orders.append(LineJudge(line_order(profile.table("line_order")), feeds(profile)))
        self._refusals = RefusalJudge(profile)
        self._form, self._identity = FormJudge(), IdentityJudge(self._documents.known_keys)
        self._state = StateJudge() if recorded else None

    def __call__(self, said: Exchange | SocketLog) -> Iterator[Judged]:
        asked = understand(self._documents, said)
        if asked is None or said.racy is True:
            return
        yield from wire_form.RULES.judge(asked)
        if self._state is not None:
            for table in (requests.RULES, bodies.RULES, answers.RULES):
                yield from table.judge(asked)
            yield from self._refusals(asked)
        for order in self._orders:
            yield from order(asked)
        objects = objects_of(said)
        yield from self._form(said, objects)
        yield from self._identity(said, objects)
        if self._state is not None:
            yield from self._state(asked, objects)


def observers(profile: Profile, *, recorded: bool = False) -> Observers:
    """Fresh observers for one run against this profile, or for one recording.

    A recording is judged by everything; in a run the cases judge what was asked for and refused by themselves.
    """
    silent = all_rows().keys() - profile.requirements.keys()
    return Observers(
        [DocumentJudge(profile, provisioning=recorded), PresenceJudge(profile), TrafficJudge(profile, recorded=recorded)], silent
    )
