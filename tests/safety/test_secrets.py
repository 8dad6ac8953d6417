"""A target that gives tokens back: it is red for it, and no artefact shows one, in whatever form it came."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import pytest

from conformance.run.expectations import to_paste
from fake_server.faulting import REGISTRY, Answer, Fault, declare
from fake_server.serve import RunningServer, running_server
from reports import allure, badge, console, html, junit, markdown
from tests.cases.test_redact import ENCODINGS
from tests.proof.bench import Run, cases_for, run_against

NAME = "test-gives-tokens-back"


def as_header(answer: Answer, hidden: str) -> None:
    answer.headers["x-back"] = hidden


def as_header_name(answer: Answer, hidden: str) -> None:
    answer.headers["".join(c if c.isalnum() else "-" for c in hidden)] = "x"


def as_redirect(answer: Answer, hidden: str) -> None:
    answer.headers["location"] = f"https://elsewhere.example/?next={hidden}"


def as_key_and_value(answer: Answer, hidden: str) -> None:
    answer.body = [*answer.body, {hidden: {"x": [hidden]}}]


def as_broken_json(answer: Answer, hidden: str) -> None:
    answer.body = f'[{{"id": "{hidden}", '.encode()


def before_a_cut(answer: Answer, hidden: str) -> None:
    answer.body = [{"x": "y" * 16_350 + hidden}]


PLACES = [as_header, as_redirect, as_key_and_value, as_broken_json, before_a_cut]
# What each encoding is found as is tested beside the redactor; here each place has some of them, one answer after the other.
SCENES = {place: ["plain", *list(ENCODINGS)[n :: len(PLACES)]] for n, place in enumerate(PLACES)} | {as_header_name: ["plain"]}


@contextmanager
def fault(place: Callable[[Answer, str], None], encodings: list[str]) -> Iterator[None]:
    turn = cycle(encodings)

    def change(answer: Answer) -> None:
        tokens = [t for t in answer.backend.secrets_of_test if answer.caller and answer.status == 200]
        if tokens:
            place(answer, ENCODINGS[next(turn)](tokens[0]))

    declare(Fault(NAME, "gives tokens back", frozenset(), operations=frozenset({"listChats"}), answer=change))
    try:
        yield
    finally:
        del REGISTRY[NAME]


async def played(record: Path, place: Callable[[Answer, str], None], encodings: list[str]) -> tuple[Run, str]:
    with fault(place, encodings):
        async with running_server() as server:
            token = given_to_alice(server)
            server.set_faults([NAME])
            return await run_against(server.target, cases_for(["PAGE-001"]), record=record), token


def given_to_alice(server: RunningServer) -> str:
    token = server.token("alice")
    server.backend.secrets_of_test = [token]  # type: ignore[attr-defined]
    return token


def shown(record: Path, folder: Path) -> str:
    """All that is said of a run, as one text."""
    out = io.StringIO()
    console.render(record, out)
    for renderer in (html, junit, markdown, badge, allure):
        renderer.render(record, folder / renderer.__name__)
    files = [path for path in folder.rglob("*") if path.is_file()]
    return record.read_text() + out.getvalue() + "".join(path.read_text() for path in files)


@pytest.mark.parametrize("place", SCENES, ids=lambda place: place.__name__)
def test_a_token_given_back_is_found_and_shown_nowhere(place: Callable[[Answer, str], None], tmp_path: Path) -> None:
    record, folder = tmp_path / "run.ndjson", tmp_path / "reports"
    folder.mkdir()
    run, token = asyncio.run(played(record, place, SCENES[place]))
    assert run.verdicts["AUTH-080"] == "fail", run.why("AUTH-080")
    said = shown(record, folder) + to_paste(run.checks)
    encoded = [ENCODINGS[encoding](token) for encoding in SCENES[place]]
    for hidden in (token, *encoded, token[:16], token[16:], token.lower()):
        assert hidden not in said


def test_a_right_server_gives_no_token_back(tmp_path: Path) -> None:
    async def scene() -> Run:
        async with running_server() as server:
            return await run_against(server.target, cases_for(["AUTH-00[1-9]", "PROV-007"]), record=tmp_path / "run.ndjson")

    run = asyncio.run(scene())
    assert run.verdicts["AUTH-080"] == "pass"
