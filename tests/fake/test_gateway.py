"""The fake's gateway: keys that rest and come back, errors in its own words, streams that it reads anew."""

from __future__ import annotations

from typing import Any

import pytest

from fake_server.state.clock import ManualClock
from fake_server.state.records import now
from fixtures import scripts as s
from tests.fake.served import Served, scene

ON = {"CODER_CHAT_AI_GATEWAY_ROUTING_ENABLED": "true"}
FINE = s.script(s.text("fine"))
PROVIDERS = "/api/v2/ai/providers"


async def ended(served: Served, prompt: str) -> dict[str, Any]:
    """A chat whose first turn is over."""
    chat = await served.create(text=prompt)
    await served.idle(chat["id"])
    return dict((await served.call("alice", "GET", f"/{chat['id']}")).json())


def called(served: Served, chat: str) -> int:
    return len(served.server.llm.journal.find(chat, "turn"))


async def provider(served: Served) -> dict[str, Any]:
    return dict((await served.call("root", "GET", PROVIDERS)).json()[0])


def test_a_key_rests_for_a_minute_after_a_429() -> None:
    async def play(served: Served) -> None:
        clock = served.backend.clock = ManualClock(now())
        first = await served.create(text=s.script(s.attempts(s.http_error(429, "slow down"), s.turn(s.text("made it")))))
        assert await clock.sleeper() == 60
        other = await served.create(text=FINE)
        await served.server.llm.journal.wait(first["id"], "turn", n=1)
        clock.advance(59)
        assert called(served, other["id"]) == 0
        clock.advance(2)
        for chat in (first["id"], other["id"]):
            await served.idle(chat)
        assert (called(served, first["id"]), called(served, other["id"])) == (2, 1)

    scene(play, options=ON)


def test_how_long_a_key_rests_can_be_chosen() -> None:
    async def play(served: Served) -> None:
        clock = served.backend.clock = ManualClock(now())
        await served.create(text=s.script(s.http_error(429, "slow down")))
        assert await clock.sleeper() == 7

    scene(play, options=ON | {"gateway-cooldown": "7"})


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_not_used_until_a_provider_changes(status: int) -> None:
    async def play(served: Served) -> None:
        error = (await ended(served, s.script(s.http_error(status, "who are you"))))["last_error"]
        assert error["detail"] == "all configured keys failed authentication"
        assert (error["kind"], error["status_code"]) == ("auth", 502)
        other = await ended(served, FINE)
        assert (other["last_error"]["kind"], called(served, other["id"])) == ("auth", 0)
        changed = await served.call("root", "PATCH", f"{PROVIDERS}/{(await provider(served))['id']}", json={"display_name": "x"})
        assert changed.status_code == 200
        assert "last_error" not in await ended(served, FINE)

    scene(play, options=ON)


def test_the_next_key_is_used_in_the_same_attempt() -> None:
    async def play(served: Served) -> None:
        own = await provider(served)
        keys = [{"id": own["api_keys"][0]["id"]}, {"api_key": "sk-second-0123456789"}]
        await served.call("root", "PATCH", f"{PROVIDERS}/{own['id']}", json={"api_keys": keys})
        chat = await ended(served, s.script(s.attempts(s.http_error(429, "slow down"), s.turn(s.text("made it")))))
        assert "last_error" not in chat
        calls = served.server.llm.journal.find(chat["id"], "turn")
        assert len({call.key for call in calls}) == 2

    scene(play, options=ON)


SHOWN = '{"error":{"code":"%s","message":"","param":"","type":"%s"}}data: [DONE]'
DETAILS = {
    '{"detail": "flat"}': SHOWN % ("", ""),
    "<h1>no</h1>": SHOWN % ("", ""),
    '{"error": {"message": null, "type": "x", "code": 5}}': SHOWN % ("5", "x"),
    '{"error": {"message": "said"}}': "said",
}


@pytest.mark.parametrize("body", DETAILS)
def test_errors_come_in_the_words_of_the_gateway(body: str) -> None:
    async def play(served: Served) -> None:
        error = (await ended(served, s.script(s.http_error(400, None, text=body, content_type="text/plain"))))["last_error"]
        assert (error["detail"], error["status_code"]) == (DETAILS[body], 400)

    scene(play, options=ON)


COMMENT = s.raw(": c\n\n")
# What the model does, the chat's status after it, and the texts that are stored.
STREAMS: dict[str, tuple[Any, str, list[str]]] = {
    "comment": (s.turn(s.text("x"), COMMENT, s.text("y")), "error", []),
    "comment in an event": (s.turn(s.text("x"), s.raw(": c\n"), s.text("y")), "waiting", ["xy"]),
    "no object": (s.turn(s.text("x"), s.raw("data: 5\n\n")), "waiting", ["x"]),
    "bad JSON": (s.turn(s.text("x"), s.raw("data: {nope\n\n")), "error", []),
    "words of loss": (s.http_error(503, "connection reset by peer"), "waiting", []),
    "reset at once": (s.turn(s.fault("reset")), "waiting", []),
}


@pytest.mark.parametrize("name", STREAMS)
def test_streams_are_read_before_they_are_passed_on(name: str) -> None:
    answer, status, said = STREAMS[name]

    async def play(served: Served) -> None:
        chat = await ended(served, s.script(answer))
        assert chat["status"] == status
        rows = (await served.call("alice", "GET", f"/{chat['id']}/messages")).json()["messages"]
        assert [part["text"] for row in rows if row["role"] == "assistant" for part in row["content"]] == said

    scene(play, options=ON)
