"""A server whose answers are lines varies where the API lets it, and stays green."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from fake_server.faulting import REGISTRY, Answer, Fault
from fake_server.serve import running_server
from tests.proof import controls
from tests.proof.bench import Run, run_against

PROFILE = "legacy-2025-05"
# Of the controls of all servers, those that say nothing of feeds.
SHARED = (
    "control-extra-headers", "control-other-details", "control-times-with-nanoseconds", "control-key-order",
    "control-media-type-without-charset", "control-no-build-version",
)  # fmt: skip

Lines = list[bytes]


def pieces(right: Callable[..., Lines], *args: Any) -> Lines:
    """The bytes of a line come in three pieces, cut wherever that is."""
    return [piece for line in right(*args) for piece in (line[:1], line[1:-2], line[-2:]) if piece]


def models_reversed(answer: Answer) -> None:
    """The models come in another order."""
    if answer.operation == "listLanguageModels" and answer.status == 200:
        answer.body["models"].reverse()


def updated_a_moment_later(right: Callable[..., Any], *args: Any) -> Any:
    """A new chat was updated a microsecond behind its creation."""
    chat = right(*args)
    chat.updated_at += timedelta(microseconds=1)
    return chat


def fields_in_lines(batch: controls.Events, memory: dict[str, Any]) -> controls.Events:
    """The objects in lines have a field more than the contract knows."""
    out = copy.deepcopy(batch)
    for line in out:
        if isinstance(line["data"], dict):
            line["data"]["x_new_field"] = True
    return out


OWN = {
    "control-lines-in-pieces": Fault("control-lines-in-pieces", "", frozenset(), around={"App._lines": pieces}),
    "control-models-reversed": Fault("control-models-reversed", "", frozenset(), answer=models_reversed),
    "control-updated-later": Fault("control-updated-later", "", frozenset(), around={"made": updated_a_moment_later}),
    "control-fields-in-lines": Fault("control-fields-in-lines", "", frozenset(), socket="answer", events=fields_in_lines),
}


@contextmanager
def registered() -> Iterator[None]:
    """While this lasts, a server can be started with these controls as if they were faults."""
    with controls.registered():
        REGISTRY.update(OWN)
        try:
            yield
        finally:
            for name in OWN:
                del REGISTRY[name]


def test_the_suite_does_not_notice() -> None:
    async def scene() -> Run:
        async with running_server([*SHARED, *OWN], {"anthropic-llm": "true"}, profile=PROFILE) as server:
            return await run_against(server.target, deadline=10)

    with registered():
        run = asyncio.run(scene())
    assert len(run.ids("pass")) > 150
    noticed = {r: (v, run.why(r)) for r, v in run.verdicts.items() if v not in ("pass", "not-applicable")}
    assert noticed == {}
