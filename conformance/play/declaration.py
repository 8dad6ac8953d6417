"""Cases: what is played against a target, and which requirements each one judges."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

CaseFunction = Callable[..., Awaitable[None]]


@dataclass(frozen=True, slots=True)
class CaseSpec:
    """One case: its function (called with the context and, for tables, the row) and the ids that it judges.

    `silent`: further ids that it names and that do not hold in the profile: what happens under them is not judged.
    `either`: its ids say the same of different profiles; the whole case judges the one that holds. `any_model`: it is played
    where the LLM follows no script, in place of those that need scripts.
    """

    name: str
    function: CaseFunction
    requirements: tuple[str, ...]
    silent: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    alone: bool = False
    writes: bool = True
    fuzz: bool = False
    early: bool = False
    either: bool = False
    any_model: bool = False
    row: Any = None
    has_row: bool = False
    module: str = ""
    line: int = 0

    def held(self, requirements: Container[str]) -> CaseSpec | None:
        """The case as it is played where only these requirements hold; None where none of its own does."""
        silent = tuple(r for r in self.requirements if r not in requirements)
        if not silent:
            return self
        kept = tuple(r for r in self.requirements if r in requirements)
        if self.either:
            silent = ()
        return replace(self, requirements=kept, silent=(*self.silent, *silent)) if kept else None


@dataclass(slots=True)
class Declaration:
    """What `@case` leaves on a function; `specs` makes one CaseSpec, or one for each row of its table."""

    ids: tuple[str, ...]
    rows: Mapping[str, Any] | None
    options: dict[str, Any] = field(default_factory=dict)

    def specs(self, module: str, function: CaseFunction) -> Iterable[CaseSpec]:
        base = f"{'_'.join(module.split('.')[2:])}.{function.__name__}"
        line = function.__code__.co_firstlineno
        if self.rows is None:
            yield CaseSpec(base, function, self.ids, module=module, line=line, **self.options)
            return
        for key, row in self.rows.items():
            ids = self.ids or _ids_of(row)
            options = dict(self.options)
            if isinstance(row, Mapping) and row.get("needs"):
                options["needs"] = tuple(options.get("needs", ())) + tuple(row["needs"])
            if isinstance(row, Mapping) and row.get("either"):
                options["either"] = True
            yield CaseSpec(f"{base}[{key}]", function, ids, row=row, has_row=True, module=module, line=line, **options)


def _ids_of(row: Any) -> tuple[str, ...]:
    """A row of a table names its requirement under `requirement` (one id, or a list)."""
    ids = row["requirement"]
    return (ids,) if isinstance(ids, str) else tuple(ids)


def case(
    *ids: str,
    rows: Mapping[str, Any] | None = None,
    needs: Iterable[str] = (),
    alone: bool = False,
    writes: bool = True,
    fuzz: bool = False,
    early: bool = False,
    either: bool = False,
    any_model: bool = False,
) -> Callable[[CaseFunction], CaseFunction]:
    """Declare a case that judges these requirement ids.

    `rows`: one case for each entry of a table; the function then takes the row as its second argument, and a row may name
    its own requirement. `needs`: beside the requirement's own. `alone`: changes something server-wide, runs with nothing
    beside it. `writes=False`: may run with --read-only. `fuzz`: part of the property phase. `early`:
    waits for seconds of the server's own clock, so it starts first. `either`: the ids say the same of different profiles, and
    the whole case judges the one that holds (a row of a table may say so, too). `any_model`: whatever the model says, it
    judges the same; played where the LLM is a real one.
    """

    def declare(function: CaseFunction) -> CaseFunction:
        options = {"needs": tuple(needs), "alone": alone, "writes": writes, "fuzz": fuzz, "early": early, "either": either}
        options |= {"any_model": any_model}
        function.__case__ = Declaration(tuple(ids), rows, options)  # type: ignore[attr-defined]
        return function

    return declare
