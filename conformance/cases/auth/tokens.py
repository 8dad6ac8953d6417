"""Who is asking: without a token, with a bad one, and what a 401 says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from conformance.play.actors import Actor
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.verdict import Unmet
from conformance.scenes.auth import HEADER, UNKNOWN_TOKEN
from conformance.wire.exchange import Exchange
from spec.documents import Operation, documents


async def everywhere(t: Case, wanted: Callable[[Operation], bool]) -> list[Exchange]:
    """Every operation that needs a token and for which `wanted` holds, asked without one. Raises Unmet if there is none."""
    out = []
    for operation in documents(t.session.profile.name).operations.values():
        if operation.secured and wanted(operation):
            content = None if operation.method == "GET" else b"{broken"
            out.append(await t.nobody.request(operation.method, operation.url(), content=content))
    if not out:
        raise Unmet("the contract document has no such operation")
    return out


@case("AUTH-001", writes=False)
async def reads_need_a_token(t: Case) -> None:
    for x in await everywhere(t, lambda o: o.method == "GET" and "/chats" in o.path and "/config" not in o.path):
        t.refused(x, "auth.no-token")
    t.refused(await t.nobody.list(limit="x"), "auth.no-token")
    t.refused(await t.nobody.get(t.url("getChat", chat="not-a-uuid")), "auth.no-token")
    t.accepted(await t.alice.list())


@case("AUTH-002")
async def writes_need_a_token(t: Case) -> None:
    for x in await everywhere(t, lambda o: o.method != "GET" and "/chats" in o.path):
        t.refused(x, "auth.no-token")
    mark = t.unique()
    t.refused(await t.nobody.create("Hello", mark), "auth.no-token")
    t.accepted(await t.alice.create("Hello", mark))
    t.expect(len(await t.alice.marked(mark)), 1, "chats made of one create with and one without token")


@case("AUTH-003", writes=False)
async def settings_need_a_token(t: Case) -> None:
    t.accepted(await t.alice.get(t.url("getConfigUserPrompt")))
    for x in await everywhere(t, lambda o: o.method == "GET" and "/chats/config" in o.path):
        t.refused(x, "auth.no-token")


@case("AUTH-004", writes=False)
async def sockets_need_a_token(t: Case) -> None:
    for operation in documents(t.session.profile.name).operations.values():
        if operation.socket:
            socket = await t.nobody.socket(operation.url())
            t.expect(socket.log.handshake.status, 401, f"the upgrade of {operation.path} without a token")
    t.true((await t.alice.watch()).opened, "the same upgrade with a token is accepted")


@case("AUTH-027", writes=False)
async def settings_elsewhere_need_a_token(t: Case) -> None:
    t.accepted(await t.alice.list(limit=1))
    for x in await everywhere(t, lambda o: o.path.startswith("/api/v2/") and "provider" in o.path):
        t.refused(x, "auth.no-token")


# Forms that are no tokens, made of a good token's id and secret: a server that only looks at a part of it takes them.
MALFORMED: dict[str, dict[str, Any]] = {
    "one-part": {"make": lambda i, s: i + s, "key": "auth.parts"},
    "three-parts": {"make": lambda i, s: f"{i}-{s}-x", "key": "auth.parts"},
    "short-id": {"make": lambda i, s: f"{i[:9]}-{s}", "key": "auth.id-length"},
    "long-id": {"make": lambda i, s: f"{i}x-{s}", "key": "auth.id-length"},
    "short-secret": {"make": lambda i, s: f"{i}-{s[:21]}", "key": "auth.secret-length"},
    "long-secret": {"make": lambda i, s: f"{i}-{s}x", "key": "auth.secret-length"},
    "no-secret": {"make": lambda i, s: f"{i}-", "key": "auth.secret-length"},
}


@case("AUTH-005", rows=MALFORMED, writes=False)
async def malformed_token(t: Case, row: dict[str, Any]) -> None:
    chats = t.url("listChats")
    bad = row["make"](*t.alice.token.split("-", 1))
    t.refused(await t.nobody.get(chats, headers={HEADER: bad}), row["key"])
    t.accepted(await t.nobody.get(chats, headers={HEADER: t.alice.token}))


@case("AUTH-006", writes=False)
async def unknown_token(t: Case) -> None:
    t.refused(await t.nobody.get(t.url("listChats"), headers={HEADER: UNKNOWN_TOKEN}), "auth.unknown")
    t.accepted(await t.alice.list())


@case("AUTH-007", writes=False)
async def wrong_secret(t: Case) -> None:
    key, secret = t.alice.token.split("-", 1)
    t.refused(await t.nobody.get(t.url("listChats"), headers={HEADER: f"{key}-{secret[1:]}{secret[0]}"}), "auth.secret")
    t.accepted(await t.alice.list())


async def fresh_token(t: Case, seconds: int = 3600) -> Actor:
    """Alice by a token of her own making, which works. Raises Unmet."""
    body = {"token_name": t.unique("token"), "lifetime": seconds * 10**9, "scope": "all"}
    made = t.given(await t.alice.post(t.url("createToken", user="me"), body))
    t.session.redactor.learn("fresh", made["key"])
    alice = Actor(t, "alice", t.alice.id, made["key"], t.alice.username)
    t.given(await alice.list())
    return alice


@case("AUTH-008")
async def deleted_token(t: Case) -> None:
    fresh = await fresh_token(t)
    t.given(await t.alice.delete(t.url("deleteKey", user="me", key=fresh.token.split("-")[0])))
    t.refused(await fresh.list(), "auth.unknown")


_BRIEF = 2  # seconds that a token lives where it can't be ended by request


@case("AUTH-009", early=True)
async def expired_token(t: Case) -> None:
    if t.offers("expireKey"):
        fresh = await fresh_token(t)
        t.given(await t.alice.put(t.url("expireKey", user="me", key=fresh.token.split("-")[0])))
    else:
        fresh = await fresh_token(t, _BRIEF)
        for _ in range(50):
            if (await fresh.list()).response.status != 200:
                break
            await asyncio.sleep(0.2)  # nothing tells that the moment has come
    t.refused(await fresh.list(), "auth.expired")


def challenge(exchange: Exchange) -> str:
    """The challenge of a 401."""
    return exchange.response.headers.get("www-authenticate", "")


@case("AUTH-010", "AUTH-011", "AUTH-029")
async def suspended_user(t: Case) -> None:
    user, chat = await t.new_user(), await t.chat()
    t.given(await user.list())
    t.given(await t.root.put(t.url("suspendUser", user=user.id)))
    with t.judging("AUTH-010"):
        t.refused(await user.list(), "auth.suspended", status="suspended")
        t.refused(await chat.by(user).get(), "auth.suspended", status="suspended")
        t.refused(await user.get(t.url("getChat", chat="not-a-uuid")), "auth.suspended", status="suspended")
    with t.judging("AUTH-029"):
        for answer, state in ((await user.list(), "is invalid"), (await t.nobody.list(), "has expired")):
            t.true(f'error_description="The access token {state}"' in challenge(answer), f"it {state}", challenge(answer))
    t.given(await t.root.put(t.url("activateUser", user=user.id)))
    with t.judging("AUTH-011"):
        t.accepted(await user.list())


@case("AUTH-012", "AUTH-013", "AUTH-014")
async def what_a_401_says(t: Case) -> None:
    secret = t.unique("secret")
    chat = await t.chat(f"Keep {secret} to yourself", labels={"note": secret})
    answers = [await t.nobody.get(chat.path + below, headers=h) for below in ("", "/messages", "/prompts") for h in ({}, BAD)]
    with t.judging("AUTH-012"):
        t.true(secret in str(t.accepted(await chat.messages())), "the chat shows its owner what was said")
        for x in answers:
            t.refused(x, "auth.unknown" if HEADER in x.request.headers else "auth.no-token")
            t.true(secret.encode() not in (x.response.content or b""), "a 401 holds nothing of the chat", x.response.body)
    challenges = [challenge(x) for x in answers]
    with t.judging("AUTH-013"):
        t.true(all(c.startswith("Bearer") for c in challenges), "each 401 has a WWW-Authenticate: Bearer", challenges)
    with t.judging("AUTH-014"):
        for said in ('realm="coder"', 'error="invalid_token"', "/.well-known/oauth-protected-resource"):
            t.true(all(said in c for c in challenges), f"each WWW-Authenticate names {said}", challenges)


BAD = {HEADER: UNKNOWN_TOKEN}
