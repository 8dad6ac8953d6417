"""Where a token counts: headers, cookie and query, and which of them is looked at first."""

from __future__ import annotations

from typing import Any

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.auth import PLACES, UNKNOWN_TOKEN, carried


@case(rows={name: row | {"place": name} for name, row in PLACES.items()}, writes=False)
async def token_place(t: Case, row: dict[str, Any]) -> None:
    path = t.url("listChats")
    t.accepted(await t.nobody.get(path, **carried((row["place"], t.alice.token))))
    t.refused(await t.nobody.get(path, **carried((row["place"], UNKNOWN_TOKEN))), "auth.unknown")


NO_PLACES: dict[str, dict[str, Any]] = {
    "other-cookie": {"headers": lambda k: {"cookie": f"session_token={k}"}},
    "other-query": {"params": lambda k: {"session_token": k}},
    "basic": {"headers": lambda k: {"authorization": f"Basic {k}"}},
    "no-scheme": {"headers": lambda k: {"authorization": k}},
}


@case("AUTH-020", rows=NO_PLACES, writes=False)
async def token_elsewhere(t: Case, row: dict[str, Any]) -> None:
    placed = {part: make(t.alice.token) for part, make in row.items()}
    t.refused(await t.nobody.get(t.url("listChats"), **placed), "auth.no-token")
    t.accepted(await t.alice.list())


# The place that is looked at first, and those that it wins over.
PRECEDENCE: dict[str, dict[str, Any]] = {
    "cookie": {"requirement": "AUTH-021", "first": "cookie", "later": ["query", "header"]},
    "query": {"requirement": "AUTH-022", "first": "query", "later": ["header"]},
    "header": {"requirement": "AUTH-023", "first": "header", "later": ["bearer", "access-token"]},
    "bearer": {"requirement": "AUTH-024", "first": "bearer", "later": ["access-token"]},
}


@case(rows=PRECEDENCE, writes=False)
async def earlier_place_wins(t: Case, row: dict[str, Any]) -> None:
    path, good, first = t.url("listChats"), t.alice.token, row["first"]
    for later in row["later"]:
        t.refused(await t.nobody.get(path, **carried((first, UNKNOWN_TOKEN), (later, good))), "auth.unknown")
        t.accepted(await t.nobody.get(path, **carried((first, good), (later, UNKNOWN_TOKEN))))


@case("AUTH-025", rows={"cookie": "cookie", "query": "query"}, writes=False)
async def empty_token_is_passed_over(t: Case, place: str) -> None:
    path = t.url("listChats")
    t.accepted(await t.nobody.get(path, **carried((place, ""), ("header", t.alice.token))))
    t.refused(await t.nobody.get(path, **carried((place, ""))), "auth.no-token")


SOCKET_PLACES = dict.fromkeys(("query", "header", "cookie", "bearer"), "AUTH-026") | {"access-token": "AUTH-028"}


@case(rows={name: {"requirement": row, "place": name} for name, row in SOCKET_PLACES.items()})
async def stream_token_place(t: Case, row: dict[str, Any]) -> None:
    place = row["place"]
    path = (await t.chat()).url("streamChat")
    good = await t.nobody.socket(path, **carried((place, t.alice.token)))
    t.expect(good.log.handshake.status, 101, f"the handshake with the token in the {place}")
    bad = await t.nobody.socket(path, **carried((place, UNKNOWN_TOKEN)))
    t.expect(bad.log.handshake.status, 401, f"the handshake with an unknown token in the {place}")
