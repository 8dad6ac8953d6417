"""Gateways that judge keys, errors and streams otherwise. Only a server that was started with one shows them."""

from __future__ import annotations

from fake_server.faulting import turns_off

turns_off(
    "gateway-keys-rest-half-a-minute",
    "a key rests for 30 s if nothing else is asked for",
    "gateway.rests-a-minute",
    red=["GATEWAY-001", "GATEWAY-004"],
)
turns_off("gateway-deaf-to-seconds", "the gateway does not heed Retry-After", "gateway.hears-seconds", red=["GATEWAY-002"])
turns_off("gateway-seconds-first", "Retry-After wins over retry-after-ms", "gateway.prefers-ms", red=["GATEWAY-003"])
turns_off("gateway-takes-fractions", "fractions of a second count", "gateway.whole-seconds", red=["GATEWAY-004"])
turns_off("gateway-keys-never-rest", "a key is used again at once after a 429", "gateway.minds-rest", red=["GATEWAY-005"])
turns_off("gateway-forgets-refusals", "a refused key is used again", "gateway.minds-refusals", red=["GATEWAY-006"])
turns_off("gateway-never-reloads", "keys rest though providers change", "gateway.reloads", red=["GATEWAY-007"])
turns_off("gateway-first-key-only", "the first key is the only one used", "gateway.next-key", red=["GATEWAY-008", "GATEWAY-020"])
turns_off(
    "gateway-refusals-are-401",
    "the gateway says 401 for refused keys",
    "gateway.answers-itself",
    red=["GATEWAY-009", "GATEWAY-021"],
)
turns_off("gateway-422-is-final", "the text of a 422 does not matter", "classify.timeout.422", red=["GATEWAY-010"])
turns_off(
    "gateway-reads-words-of-loss",
    "the words of a provider are no loss",
    "gateway.takes-words-for-losses",
    red=["GATEWAY-011", "GATEWAY-025"],
)
turns_off("gateway-passes-bodies-on", "errors keep the provider's body", "gateway.own-body", red=["GATEWAY-012"])
turns_off("gateway-reads-comments", "comments are passed over", "gateway.trips-over-comments", red=["GATEWAY-013"])
turns_off(
    "gateway-wants-usage", "an answer without usage is an error", "gateway.takes-any-end", red=["GATEWAY-014", "GATEWAY-022"]
)
turns_off("gateway-sees-resets", "a reset connection is an error", "gateway.hides-resets", red=["GATEWAY-015"])
turns_off("gateway-hides-nothing", "a closed port has no status", "gateway.answers-for-closed-ports", red=["GATEWAY-016"])
turns_off("gateway-wants-a-key", "without a key no call is made", "gateway.calls-without-key", red=["GATEWAY-017"])
turns_off("gateway-rests-own-keys", "users' own keys rest too", "gateway.leaves-own-keys", red=["GATEWAY-018"])
turns_off("calls-without-any-key", "a call is made without any key", "model.needs-a-key", red=["KEY-053"])
