"""The administration's arithmetic and texts: prices, costs, periods, dates, prompts, call options."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fake_server.rules.call_options import CALL_OPTIONS, stored_options
from fake_server.rules.dates import BadDate, parse_date
from fake_server.rules.decode import BadBody
from fake_server.rules.money import PRICES, BadPrice, cost_micros, parse_price, price_text
from fake_server.rules.sanitise import sanitise
from fake_server.state.usage import period_bounds

TIMES = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (3, "3"),
        (15.5, "15.5"),
        ("0.30", "0.3"),
        ("007.50", "7.5"),
        ("+5", "5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("-0", "0"),
        ("1e3", "1000"),
        (1e-09, "0.000000001"),
        ("123456789012345678901234567890.123456789", "123456789012345678901234567890.123456789"),
        ("-0.0001", "-0.0001"),
    ],
)
def test_a_price_is_shown_in_plain_decimals(sent: object, shown: str) -> None:
    assert price_text(parse_price(sent)) == shown


@pytest.mark.parametrize("sent", ["", " 1", "abc", "1,5", "NaN", "Infinity", True, [], {}, "1e", "."])
def test_what_spells_no_number_is_no_price(sent: object) -> None:
    with pytest.raises(BadPrice):
        parse_price(sent)


# drawing dictionaries of decimals takes long enough on a busy machine to be taken for a slow test
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    tokens=st.dictionaries(st.sampled_from(list(PRICES.values())), st.integers(0, 10**7)),
    prices=st.dictionaries(st.sampled_from(list(PRICES)), st.decimals(0, 10**6, places=9).map(str)),
)
def test_a_cost_is_the_exact_sum_rounded_up(tokens: dict[str, int], prices: dict[str, str]) -> None:
    exact = sum(Fraction(prices.get(price, "0")) * tokens.get(count, 0) for price, count in PRICES.items())
    assert (cost_micros(prices, tokens) or 0) == math.ceil(exact)


def test_a_cost_of_nothing_is_no_cost() -> None:
    free = {"input_price_per_million_tokens": "0"}
    assert cost_micros(free, {"input_tokens": 10}) is None
    assert cost_micros({}, {"input_tokens": 10}) is None
    assert cost_micros({"output_price_per_million_tokens": "1"}, {"input_tokens": 10}) is None


@given(now=TIMES, period=st.sampled_from(["day", "week", "month"]))
def test_periods_are_calendar_aligned_and_follow_each_other(now: datetime, period: str) -> None:
    start, end = period_bounds(period, now)
    assert start <= now < end
    assert start.time() == end.time() == datetime.min.time()
    assert period_bounds(period, end)[0] == end
    assert period_bounds(period, start - timedelta(microseconds=1))[1] == start
    first = {"day": True, "week": start.weekday() == 0, "month": start.day == 1}
    assert first[period]


@given(when=TIMES, minutes=st.integers(-14 * 60, 14 * 60))
def test_a_date_means_the_same_time_in_every_zone(when: datetime, minutes: int) -> None:
    local = when + timedelta(minutes=minutes)
    zone = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    assert parse_date(local.replace(tzinfo=None).isoformat(timespec="microseconds") + zone) == when


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-01-01", 'cannot parse "" as "T"'),
        ("1767225600", 'cannot parse "225600" as "-"'),
        ("2026-1-01T00:00:00Z", 'cannot parse "1-01T00:00:00Z" as "01"'),
        ("2026-13-01T00:00:00Z", "month out of range"),
        ("2026-02-30T00:00:00Z", "day out of range"),
        ("2026-01-01T24:00:00Z", "hour out of range"),
        ("2026-01-01T00:00:00 02:00", 'cannot parse " 02:00" as "Z07:00"'),
        ("2026-01-01T00:00:00Zz", 'extra text: "z"'),
        ("übung", 'cannot parse "\\xc3\\xbcbung" as "2006"'),
    ],
)
def test_a_bad_date_says_where_reading_failed(text: str, reason: str) -> None:
    with pytest.raises(BadDate) as caught:
        parse_date(text)
    assert str(caught.value).endswith(reason)


@given(st.text())
def test_a_clean_prompt_stays_as_it_is(text: str) -> None:
    clean = sanitise(text)
    assert sanitise(clean) == clean
    assert "\r" not in clean and "\n\n\n" not in clean and "\u200b" not in clean


def test_prompts_lose_what_is_not_seen() -> None:
    assert sanitise(" a\u200bb \r\nc\rd\n\n\n\ne\u200cf\ufeff ") == "ab\nc\nd\n\ne\u200cf"


def _stored(options: object) -> object:
    return stored_options(CALL_OPTIONS.read(options, "", ""))


def test_call_options_keep_what_was_sent_and_nothing_else() -> None:
    assert _stored({"temperature": 1.0, "top_k": 0, "max_output_tokens": None, "unknown": 1}) == {"temperature": 1, "top_k": 0}
    assert _stored({"cost": {}, "provider_options": {"nonsense": {}}}) is None
    kept = {"provider_options": {"openai": {"metadata": {"k": [1, {"z": None}], "n": None}}, "openaicompat": {}}}
    assert _stored(kept) == kept


def test_old_flat_prices_are_shown_nested_and_lose_to_nested_ones() -> None:
    name, other = "input_price_per_million_tokens", "output_price_per_million_tokens"
    assert _stored({name: 3, other: "4.0", "cost": {name: "9"}}) == {"cost": {name: "9", other: "4"}}
    with pytest.raises(BadBody):
        _stored({"cost": {name: "abc"}})
