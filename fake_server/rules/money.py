"""Prices and costs: decimal US dollars per million tokens, and whole micro-dollars.

A token at 1 dollar a million costs exactly one micro-dollar, so a cost is the sum of tokens × price, rounded up
(config.md section 8).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Any

# Price keys in the order in which they are checked, with the token count that each is for.
PRICES = {
    "input_price_per_million_tokens": "input_tokens",
    "output_price_per_million_tokens": "output_tokens",
    "cache_read_price_per_million_tokens": "cache_read_tokens",
    "cache_write_price_per_million_tokens": "cache_creation_tokens",
}

_PRICE = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_CONTEXT = Context(prec=5000)  # sums are exact for every price that can be stored


class BadPrice(ValueError):
    """Not a decimal number; the text says so in the real server's words."""


def parse_price(value: Any) -> Decimal:
    """The price in a JSON value: a number, or a text that spells one. Raises BadPrice."""
    if isinstance(value, str):
        text, shown = value, value or '""'
    elif isinstance(value, bool):
        text = shown = str(value).lower()
    elif isinstance(value, int | float | Decimal):
        text = shown = str(value)
    else:
        text, shown = "", "[]" if isinstance(value, list) else "{}"
    if not _PRICE.fullmatch(text):
        why = ": exponent is not numeric" if "e" in text.lower() and text else ""
        raise BadPrice(f"error decoding string '{shown}': can't convert {shown} to decimal{why}")
    return Decimal(text)


def price_text(price: Decimal) -> str:
    """The price as it is shown: plain decimal notation without trailing zeros."""
    text = format(price, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def cost_micros(prices: Mapping[str, str], usage: Mapping[str, int], *, up: bool = True) -> int | None:
    """What these tokens cost in micro-dollars, rounded `up`; None when nothing of it has a price, or when the sum is 0."""
    total = Decimal(0)
    for key, counted in PRICES.items():
        tokens = usage.get(counted, 0)
        if tokens and key in prices:
            total = _CONTEXT.add(total, _CONTEXT.multiply(Decimal(prices[key]), Decimal(tokens)))
    return int(total.to_integral_value(ROUND_CEILING if up else ROUND_FLOOR, _CONTEXT)) or None
