"""Cross-site requests: what a write needs beside a session cookie."""

from __future__ import annotations

from typing import Any

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.auth import COOKIE, HEADER, UNKNOWN_TOKEN, carried
from conformance.wire.exchange import Exchange


async def create(t: Case, mark: str, options: dict[str, Any]) -> Exchange:
    """Create a chat that bears the mark, by nothing but these headers and parameters."""
    return await t.nobody.post(t.url("createChat"), t.alice.creation("Hello", mark), **options)


async def made(t: Case, mark: str) -> int:
    """How many of Alice's chats bear the mark."""
    return len(await t.alice.marked(mark))


@case("CSRF-001", "CSRF-002")
async def cookie_alone(t: Case) -> None:
    mark, cookie = t.unique(), carried(("cookie", t.alice.token))
    answer = await create(t, mark, cookie)
    with t.judging("CSRF-001"):
        t.refused(answer, "csrf.token")
        t.expect(await made(t, mark), 0, "chats made by a write without CSRF proof")
        chat = await t.chat()
        t.refused(await t.nobody.patch(chat.path, {"archived": True}, **cookie), "csrf.token")
        t.expect(t.accepted(await chat.get())["archived"], False, "archived after a PATCH without CSRF proof", "/archived")
        t.accepted(await chat.patch(archived=True))
    with t.judging("CSRF-002"):
        t.expect(answer.response.media_type, "text/plain", "the media type of the refusal")


# What goes with the session cookie, and proves that the request is the user's own.
PROOFS = {"CSRF-003": ["header"], "CSRF-005": ["query"], "CSRF-006": ["bearer"]}


@case(rows={place: {"requirement": row, "place": place} for row, places in PROOFS.items() for place in places})
async def cookie_with_proof(t: Case, row: dict[str, Any]) -> None:
    mark, cookie = t.unique(), ("cookie", t.alice.token)
    t.accepted(await create(t, mark, carried(cookie, (row["place"], t.alice.token))))
    t.expect(await made(t, mark), 1, "chats made")


@case("CSRF-004")
async def cookie_with_another_header(t: Case) -> None:
    mark, token = t.unique(), t.alice.token
    other = {"headers": {"cookie": f"{COOKIE}={token}", HEADER: UNKNOWN_TOKEN}}
    t.refused(await create(t, mark, other), "csrf.mismatch")
    t.expect(await made(t, mark), 0, "chats made by a write whose header and cookie differ")
    t.accepted(await create(t, mark, carried(("cookie", token), ("header", token))))


@case("CSRF-007")
async def no_cookie_no_proof(t: Case) -> None:
    mark, token = t.unique(), t.alice.token
    for place in ("header", "query", "bearer", "access-token"):
        t.accepted(await create(t, mark, carried((place, token))))
    t.accepted(await t.nobody.get(t.url("listChats"), **carried(("cookie", token))))


@case("CSRF-008")
async def before_everything(t: Case) -> None:
    t.refused(await create(t, t.unique(), carried(("cookie", UNKNOWN_TOKEN))), "csrf.token")
    unknown, cookie = t.url("getChat"), carried(("cookie", t.alice.token))
    t.refused(await t.nobody.patch(unknown, {}, **cookie), "csrf.token")
    t.refused(await t.alice.patch(unknown, {}), "common.not-found")
    t.accepted(await t.alice.create())
