"""Spend limits and costs on a backend of its own, with a clock that the test drives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fake_server.backend import Backend
from fake_server.rules.refusals import Refusal
from fake_server.state import usage
from fake_server.state.accounts import make_user
from fake_server.state.records import Chat, ModelConfig, User
from fake_server.state.store import Clock

PRICES = {"input_price_per_million_tokens": "3", "output_price_per_million_tokens": "15"}
TURN = {"input_tokens": 10, "output_tokens": 5}  # 105 micro-dollars


class Driven(Clock):
    def __init__(self, start: datetime) -> None:
        self.time = start

    def now(self) -> datetime:
        return self.time


class Desk:
    """A user with a chat on a priced model, and the clock."""

    def __init__(self) -> None:
        self.clock = Driven(datetime(2026, 1, 30, 23, 59, tzinfo=UTC))
        self.backend = Backend()
        self.backend.clock = self.clock
        self.organization = self.backend.store.organization_id
        self.user = make_user(self.backend, "dora", org_roles=("agents-access",))
        self.config = ModelConfig("p", "openai-compat", "m", 1000, model_config={"cost": PRICES})
        self.limits = usage.limits(self.backend)

    def turn(self, owner: User | None = None, tokens: dict[str, int] | None = None) -> None:
        chat = Chat((owner or self.user).id, self.organization, "t", self.config.id)
        usage.record(self.backend, chat, self.config, 1, TURN if tokens is None else tokens)

    def refusal(self) -> dict[str, Any] | None:
        try:
            usage.check_limit(self.backend, self.user, self.organization)
        except Refusal as refused:
            said = self.backend.said(refused)
            assert said.status == 409
            return said.body
        return None


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_spend_that_reaches_the_limit_is_refused_and_one_more_micro_dollar_is_not(desk: Desk) -> None:
    desk.turn()
    desk.limits.amount = 106
    assert desk.refusal() is None
    desk.limits.amount = 105
    assert desk.refusal() == {
        "message": "Chat usage limit exceeded.",
        "spent_micros": 105,
        "limit_micros": 105,
        "resets_at": "2026-02-01T00:00:00Z",
    }


@pytest.mark.parametrize(("period", "step"), [("day", timedelta(minutes=1)), ("month", timedelta(days=2))])
def test_a_new_period_starts_from_nothing(desk: Desk, period: str, step: timedelta) -> None:
    desk.limits.amount, desk.limits.period = 1, period
    desk.turn()
    assert desk.refusal() is not None
    desk.clock.time += step
    assert desk.refusal() is None
    assert usage.status(desk.backend, desk.user)["current_spend"] == 0


def test_own_limit_beats_group_beats_deployment(desk: Desk) -> None:
    desk.limits.users[desk.user.id] = 1
    assert usage.status(desk.backend, desk.user)["is_limited"] is False  # nothing acts while the deployment's is off
    desk.limits.amount = 500
    desk.limits.groups[desk.organization] = 900
    assert usage.status(desk.backend, desk.user)["spend_limit_micros"] == 1
    del desk.limits.users[desk.user.id]
    assert usage.status(desk.backend, desk.user)["spend_limit_micros"] == 900
    desk.user.org_roles.clear()
    assert usage.status(desk.backend, desk.user)["spend_limit_micros"] == 500


def test_only_the_owners_chats_count_and_prices_of_then(desk: Desk) -> None:
    desk.turn(make_user(desk.backend, "erin"))
    desk.turn()
    desk.config.model_config = {"cost": {"input_price_per_million_tokens": "1000"}}
    desk.limits.amount = 1000
    assert usage.status(desk.backend, desk.user)["current_spend"] == 105
    desk.turn(tokens={})
    assert usage.status(desk.backend, desk.user)["current_spend"] == 105
