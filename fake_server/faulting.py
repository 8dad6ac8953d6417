"""Faults: named ways in which the fake server is wrong on purpose.

A fault is declared in `fake_server/faults/<area>.py` in one of five forms, each naming the requirement ids it turns red:
a guard or behaviour that is turned off, an answer that is changed, frames that are changed, a refusal reworded, or a method of an
active part or a function marked `@replaceable` replaced. Each is there always, or now and then (`NAME@every=3`, see schedule.py);
those of `faults/intermittent.py` stand in the kill matrix.
"""

from __future__ import annotations

import contextlib
import copy
import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

from fake_server.schedule import Occasions, Schedule, parse

Headers = dict[str, str]
P = ParamSpec("P")
R = TypeVar("R")


@dataclass(slots=True)
class Answer:
    """One HTTP answer on its way out; an answer fault changes it in place.

    `operation` is the operationId of spec/<profile>/openapi.yaml; `body` is the JSON value, or bytes for other media.
    """

    operation: str
    method: str
    path: str
    path_params: dict[str, str]
    query: dict[str, str]  # the first value of each parameter
    queries: list[tuple[str, str]]  # all of them, in order
    sent: Any
    caller: Any  # the User who sent the request; None for nobody
    status: int
    headers: Headers
    body: Any
    backend: Any

    @property
    def actor(self) -> str | None:
        """The name of the caller."""
        return self.caller.username if self.caller else None

    def many(self, name: str) -> list[str]:
        """All values of this query parameter."""
        return [value for key, value in self.queries if key == name]


Around = Callable[..., Any]  # gets the method that it stands for, bound, and the arguments
AnswerFault = Callable[[Answer], None]
EventsFault = Callable[[list[dict[str, Any]], dict[str, Any]], list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One named wrongness: what it does (`doc`), which ids it turns red, and by which of the five forms."""

    name: str
    doc: str
    red: frozenset[str]
    off: frozenset[str] = frozenset()
    operations: frozenset[str] = frozenset()
    answer: AnswerFault | None = None
    socket: str = ""
    events: EventsFault | None = None
    reworded: dict[str, str] = field(default_factory=dict)
    around: dict[str, Around] = field(default_factory=dict)
    when: Schedule | None = None  # None: always
    lacks: str = ""  # it is one only in revisions that lack this behaviour


REGISTRY: dict[str, Fault] = {}


def declare(fault: Fault) -> Fault:
    """Register a fault. Raises ValueError for a name that is there already."""
    if fault.name in REGISTRY:
        raise ValueError(f"fault {fault.name} is declared twice")
    REGISTRY[fault.name] = fault
    return fault


def turns_off(name: str, doc: str, *points: str, red: Iterable[str]) -> Fault:
    """Declare a fault that turns guards (refusal keys) or behaviours (`backend.does` names) off.

    In a revision that has one off the fault turns it on.
    """
    return declare(Fault(name, doc, frozenset(red), off=frozenset(points)))


def rewords(name: str, key: str, message: str, red: Iterable[str]) -> Fault:
    """Declare a fault that answers the refusal `key` with another message."""
    return declare(Fault(name, f"words the refusal {key} differently", frozenset(red), reworded={key: message}))


def answers(*operations: str, red: Iterable[str]) -> Callable[[AnswerFault], AnswerFault]:
    """Declare a fault that changes answers of these operations; named after the function, `_` as `-`."""

    def register(change: AnswerFault) -> AnswerFault:
        doc = (change.__doc__ or "").strip()
        name = change.__name__.replace("_", "-")
        declare(Fault(name, doc, frozenset(red), operations=frozenset(operations), answer=change))
        return change

    return register


def changes(*operations: str, red: Iterable[str]) -> Callable[[AnswerFault], AnswerFault]:
    """Like `answers`, for the answers with a status below 300 alone."""

    def wrap(change: AnswerFault) -> AnswerFault:
        def only_successes(answer: Answer) -> None:
            if answer.status < 300:
                change(answer)

        only_successes.__name__, only_successes.__doc__ = change.__name__, change.__doc__
        return answers(*operations, red=red)(only_successes)

    return wrap


def frames(socket: str, *, red: Iterable[str]) -> Callable[[EventsFault], EventsFault]:
    """Declare a fault that changes outgoing event batches of `stream` or `watch`.

    The function gets the batch and a dict that lives as long as the connection, and gives the batch to send. The dict
    holds the name of the server's profile under "profile".
    """

    def register(change: EventsFault) -> EventsFault:
        doc = (change.__doc__ or "").strip()
        name = change.__name__.replace("_", "-")
        declare(Fault(name, doc, frozenset(red), socket=socket, events=change))
        return change

    return register


def instead(method: str, *, red: Iterable[str]) -> Callable[[Around], Around]:
    """Declare a fault that stands in place of a method of an active part (`Runner.name`) or of a replaceable function.

    The function gets the right one, a method bound, and the arguments.
    """

    def register(change: Around) -> Around:
        doc = (change.__doc__ or "").strip()
        declare(Fault(change.__name__.replace("_", "-"), doc, frozenset(red), around={method: change}))
        return change

    return register


def replaces(name: str, doc: str, method: str, around: Around, *, red: Iterable[str]) -> Fault:
    """`instead` for what one expression says."""
    return declare(Fault(name, doc, frozenset(red), around={method: around}))


REPLACEABLE: set[str] = set()  # the functions in whose place faults may stand


def replaceable(right: Callable[P, R]) -> Callable[P, R]:
    """Mark a function in whose place a fault may stand; its first argument is the backend, or has it as `backend`.

    Its qualified name is the one that `instead` gets: it must be the only one. Raises ValueError if it is not.
    """
    name = right.__qualname__
    if name in REPLACEABLE:
        raise ValueError(f"two functions are called {name}")
    REPLACEABLE.add(name)

    @wraps(right)
    def perhaps(*args: P.args, **more: P.kwargs) -> R:
        first: Any = args[0]
        faults: Faults = getattr(first, "backend", first).faults
        result: R = faults.standing_for(name, right)(*args, **more)
        return result

    return perhaps


def load_all() -> dict[str, Fault]:
    """All declared faults by name, from every module of `fake_server.faults`."""
    package = importlib.import_module("fake_server.faults")
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if module.name.endswith(".__main__"):
            continue
        known = set(REGISTRY)
        lacks = getattr(importlib.import_module(module.name), "LACKS", "")
        for name in REGISTRY.keys() - known if lacks else ():
            REGISTRY[name] = replace(REGISTRY[name], lacks=lacks)
    for name in importlib.import_module("fake_server.faults.intermittent").NAMES:
        if name not in REGISTRY:
            declare(_of(name))
    return REGISTRY


def named(name: str) -> Fault:
    """The fault of this name, of the form NAME or NAME@WHEN. Raises KeyError when there is none."""
    load_all()
    return _of(name)


def _of(name: str) -> Fault:
    if name in REGISTRY:
        return REGISTRY[name]
    base, when = parse(name)
    return replace(REGISTRY[base], name=name, when=when)


class Faults:
    """The faults that one backend has switched on."""

    def __init__(self, names: Iterable[str] = (), off: frozenset[str] = frozenset()) -> None:
        self._not_there = off  # what the right server does not do; a fault makes it do so
        self._active: dict[str, Fault] = {}
        self.memory: dict[str, Any] = {}  # what faults remember from one answer to the next
        self._off: dict[str, list[Fault]] = {}
        self._occasions: dict[str, Occasions] = {}  # by name, of those that come now and then
        self._parts: dict[str, object] = {}  # by the names of their classes
        self._replaced: set[tuple[str, str]] = set()
        self._around: dict[str, list[tuple[Fault, Around]]] = {}  # by the names of functions
        self.set(names)

    def attach(self, *parts: object) -> None:
        """From now on faults may stand in place of methods of these objects."""
        self._parts = {kind.__name__: part for part in parts for kind in type(part).__mro__[:-1]}
        self._replace()

    def _replace(self) -> None:
        for part, name in self._replaced:
            delattr(self._parts[part], name)  # the class's own shows again
        self._replaced.clear()
        for fault in self._active.values() if self._parts else ():
            for method, around in fault.around.items():
                part, _, name = method.partition(".")
                if part not in self._parts:
                    continue  # a function: see standing_for
                right = getattr(self._parts[part], name)
                wrong = partial(self._perhaps, fault, around, right)
                wrong.__dict__["__self__"] = self._parts[part]  # as a bound method has it, for a fault around this one
                setattr(self._parts[part], name, wrong)
                self._replaced.add((part, name))

    def standing_for(self, name: str, right: Callable[..., Any]) -> Callable[..., Any]:
        """What is called in place of this replaceable function: itself, if no fault that is on replaces it."""
        for fault, around in self._around.get(name, ()):
            right = partial(self._perhaps, fault, around, right)
        return right

    def _perhaps(self, fault: Fault, around: Around, right: Callable[..., Any], *args: Any, **more: Any) -> Any:
        return around(right, *args, **more) if self._comes(fault) else right(*args, **more)

    def set(self, names: Iterable[str]) -> None:
        """Switch on exactly these faults. Raises KeyError for an unknown name."""
        wanted = list(names)
        self.memory.clear()
        self._active = {name: named(name) for name in wanted}
        self._occasions = {fault.name: Occasions(fault.when) for fault in self._active.values() if fault.when}
        self._off, self._around = {}, {}
        for fault in self._active.values():
            for point in fault.off:
                self._off.setdefault(point, []).append(fault)
            for method, around in fault.around.items():
                self._around.setdefault(method, []).append((fault, around))
        self._replace()

    @property
    def active(self) -> bool:
        """Is any fault switched on?"""
        return bool(self._active)

    @property
    def names(self) -> list[str]:
        """The faults that are switched on."""
        return list(self._active)

    def _comes(self, fault: Fault) -> bool:
        """The fault would make a difference now: does it?"""
        occasions = self._occasions.get(fault.name)
        return occasions is None or occasions.due()

    def is_off(self, point: str) -> bool:
        """Is this guard or behaviour turned off, this time?"""
        faults = self._off.get(point)
        if faults is None:
            return point in self._not_there
        changed = sum(map(self._comes, faults)) > 0  # each of them counts, so not any()
        return changed != (point in self._not_there)

    def reworded(self, key: str) -> str | None:
        """The other wording of a refusal, if a fault gives one."""
        for fault in self._active.values():
            if key in fault.reworded and self._comes(fault):
                return fault.reworded[key]
        return None

    def change(self, answer: Answer) -> None:
        """Let every active answer fault change this answer."""
        for fault in self._active.values():
            if fault.answer and (not fault.operations or answer.operation in fault.operations):
                with contextlib.suppress(KeyError):  # a key that this revision does not have is not changed
                    if fault.when is None:
                        fault.answer(answer)
                    else:
                        self._perhaps_change(fault, fault.answer, answer)

    def _perhaps_change(self, fault: Fault, change: AnswerFault, answer: Answer) -> None:
        before = answer.status, dict(answer.headers), copy.deepcopy(answer.body)
        change(answer)
        if (answer.status, answer.headers, answer.body) != before and not self._comes(fault):
            answer.status, answer.headers, answer.body = before

    def change_events(self, socket: str, batch: list[dict[str, Any]], memory: dict[str, Any]) -> list[dict[str, Any]]:
        """Let every active frame fault change this batch."""
        for fault in self._active.values():
            if fault.events and fault.socket == socket:
                with contextlib.suppress(KeyError):
                    changed = fault.events(batch if fault.when is None else copy.deepcopy(batch), memory)
                    if fault.when is None or (changed != batch and self._comes(fault)):
                        batch = changed
        return batch
