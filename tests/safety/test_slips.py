"""Slips in the target file are told by line before anything is judged; a server that can't tell who asks is not one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from conformance.run.identities import Problem
from conformance.run.preflight import preflight
from conformance.run.session import Options, Session
from conformance.run.target import BadTarget, Target, load
from fake_server.faulting import REGISTRY, Answer, Fault, declare
from fake_server.serve import running_server
from tests.proof.bench import Run, cases_for, run_against

Change = Callable[[dict[str, Any]], None]


async def looked(change: Change, *faults: str) -> tuple[list[Problem], Target]:
    async with running_server(faults=faults) as server:
        data = server.target
        change(data["users"])
        target = Target.model_validate(data)
        session = Session(target, Options())
        try:
            return await preflight(session), target
        finally:
            await session.wire.aclose()
            await session.control.aclose()


def swap(one: str, other: str) -> Change:
    def change(users: dict[str, Any]) -> None:
        users[one], users[other] = users[other], users[one]

    return change


def only(key: str, name: str, value: Any) -> Change:
    return lambda users: users[name].update({key: value})


def spoilt(users: dict[str, Any], *names: str) -> None:
    for name in names or tuple(users):
        users[name]["token"] = users[name]["token"][:-1] + "_"


SLIPS: dict[str, tuple[Change, str]] = {
    "bob is alice": (lambda users: users.update(bob=users["alice"]), "users.bob.token is that of users.alice"),
    "alice is the site owner": (
        lambda users: users.update(alice=users.pop("root")),
        "users.alice: root0 has the site roles owner",
    ),
    "root is a member": (lambda users: users.update(root=users.pop("carol")), "users.root: carol has no site role"),
    "bob and carol are swapped": (swap("bob", "carol"), "users.carol: bob has the role agents-access"),
    "one organization role for the other": (swap("orgadmin", "orgauditor"), "users.orgadmin: orgauditor has"),
    "another's id": (only("id", "bob", "0b5ed11c-33aa-4a2c-a6a5-2d9b41d05e53"), "users.bob: the token is bob's, whose id is"),
    "another's name": (only("username", "bob", "bobby"), "users.bob: the token is bob's, not bobby's"),
    "one token has expired": (lambda users: spoilt(users, "bob"), "users.bob: the token is not accepted (401)"),
    "all tokens have expired": (spoilt, "no token of the target file is accepted"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_told_by_its_line(slip: str) -> None:
    change, said = SLIPS[slip]
    problems, _ = asyncio.run(looked(change))
    fatal = [p.text for p in problems if p.fatal]
    assert any(text.startswith(said) for text in fatal), problems


def test_what_the_server_tells_may_be_left_out() -> None:
    def change(users: dict[str, Any]) -> None:
        for user in users.values():
            del user["id"], user["username"]

    problems, target = asyncio.run(looked(change))
    assert problems == []
    assert all(user.id and user.username for user in target.users.values())


@contextmanager
def who_am_i(change: Callable[[Answer], None]) -> Iterator[str]:
    def only_me(answer: Answer) -> None:
        if answer.path.startswith("/api/v2/users/me"):
            change(answer)

    declare(Fault("test-me", "is wrong about who asks", frozenset(), answer=only_me))
    try:
        yield "test-me"
    finally:
        del REGISTRY["test-me"]


def no_such_route(answer: Answer) -> None:
    answer.status, answer.body = 404, {"message": "Route not found."}


def always_root(answer: Answer) -> None:
    root = next(u for u in answer.backend.store.users.values() if u.username == "root0")
    if isinstance(answer.body, dict) and "username" in answer.body:
        answer.body |= {"id": root.id, "username": root.username}


def nonsense(answer: Answer) -> None:
    answer.body = [1, None, {"id": 7}]


@pytest.mark.parametrize("change", [no_such_route, always_root, nonsense])
def test_a_server_that_is_wrong_about_who_asks_is_no_slip_of_the_file(change: Callable[[Answer], None]) -> None:
    with who_am_i(change) as name:
        problems, _ = asyncio.run(looked(lambda users: None, name))
    assert not [p for p in problems if p.fatal], problems


def test_users_without_ids_on_a_server_that_tells_none_leave_things_unjudged() -> None:
    async def scene() -> Run:
        async with running_server(faults=["test-me"]) as server:
            target = server.target
            for user in target["users"].values():
                del user["id"], user["username"]
            return await run_against(target, cases_for(["ACL-00[1-4]"]))

    with who_am_i(no_such_route):
        run = asyncio.run(scene())
    assert run.red == set() and "untestable" in run.verdicts.values()


def test_without_alice_it_is_still_asked_whether_this_is_a_chat_server() -> None:
    problems, _ = asyncio.run(looked(lambda users: users.pop("alice")))
    assert not [p for p in problems if p.fatal]

    def all_404(answer: Answer) -> None:
        answer.status, answer.body = 404, {"message": "Not found."}

    declare(Fault("test-404", "answers 404", frozenset(), answer=all_404))
    try:
        problems, _ = asyncio.run(looked(lambda users: users.pop("alice"), "test-404"))
    finally:
        del REGISTRY["test-404"]
    assert "does not behave as a chat server" in problems[-1].text and problems[-1].fatal


def test_a_server_that_calls_its_json_text_is_judged_and_red() -> None:
    def as_text(answer: Answer) -> None:
        if "content-type" in answer.headers:
            answer.headers["content-type"] = "text/plain; charset=utf-8"

    async def scene() -> Run:
        async with running_server(faults=["test-text"]) as server:
            return await run_against(server.target, cases_for(["PAGE-00[1-3]", "ROUTE-013"]))

    declare(Fault("test-text", "calls its JSON text", frozenset(), answer=as_text))
    try:
        run = asyncio.run(scene())
    finally:
        del REGISTRY["test-text"]
    assert run.refused == "" and run.red


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"base_url": "http://x", "users": {"alcie": {}}}', "did you mean alice?"),
        ('{"base_url": "http://x", "capabilities": {"rate_limits": true}}', "did you mean rate-limits?"),
        ('{"base_url": "http://x:port"}', "base_url"),
        ('{"base_url": "x"}', "base_url"),
        ('{"base_url": "http://x", "users": {"alice": {"token": "a b\\n"}}}', "users.alice"),
        ('{"base_url": "http://x", "users": {"alice": {"token_file": "t"}}}', "not UTF-8"),
    ],
)
def test_what_no_server_is_needed_for_is_told_at_once(text: str, said: str, tmp_path: Any) -> None:
    (tmp_path / "t").write_bytes(b"\xff\xfe")
    (tmp_path / "target.json").write_text(text)
    with pytest.raises(BadTarget, match=said.replace("?", r"\?")) as error:
        load(str(tmp_path / "target.json"))
    assert "\n" not in str(error.value)


def test_settings_of_the_server_are_capabilities_by_their_own_name(tmp_path: Any) -> None:
    (tmp_path / "t.json").write_text('{"base_url": "http://x", "capabilities": {"CODER_DISABLE_CHAT_SHARING=true": true}}')
    assert load(str(tmp_path / "t.json")).capabilities


def test_a_model_that_was_made_anew_since_is_replaced() -> None:
    async def scene() -> tuple[list[Problem], list[str], Run]:
        async with running_server(profile="experimental-2026-03") as server:
            data = server.target
            (there,) = data["model_config_ids"]
            data["model_config_ids"] = ["11111111-2222-4333-8444-555555555555"]
            session = Session(Target.model_validate(data), Options())
            try:
                problems = await preflight(session)
            finally:
                await session.wire.aclose()
                await session.control.aclose()
            run = await run_against(data, cases_for(["CHAT-012"]))
            return problems, [there, *session.target.model_config_ids], run

    problems, (there, used), run = asyncio.run(scene())
    assert used == there
    assert [p.fatal for p in problems] == [False] and there in problems[0].text
    assert run.verdicts["CHAT-012"] == "pass"
