"""Wrong about who is asking: tokens, their places, cross-site requests."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import orjson

from fake_server.faulting import Answer, Fault, answers, declare, instead, replaces, turns_off
from fake_server.http.auth import COOKIE, check_csrf, cookie, sent_token
from fake_server.state.accounts import wire_token


# Without a token
def opens(name: str, doc: str, place: str, *, red: list[str]) -> None:
    """A fault that takes whoever comes without a token to the routes that end in this place for the first user."""

    def wrong(right: Any, call: Any) -> Any:
        if sent_token(call) or call.path.rsplit("/", 1)[-1] != place:
            return right(call)
        token = next(iter(call.backend.store.tokens.values()))
        return call.backend.store.users[token.user_id], token

    replaces(name, doc, "authenticate", wrong, red=red)


opens("open-models", "The models are listed without a token.", "models", red=["AUTH-001"])
opens("open-interrupt", "A chat's interrupt asks for no token.", "interrupt", red=["AUTH-002"])
opens(
    "open-system-prompt",
    "The deployment's prompt is read without a token.",
    "system-prompt",
    red=["AUTH-002", "AUTH-003"],
)
opens("open-watch", "The watch feed asks for no token.", "watch", red=["AUTH-001", "AUTH-004", "WATCH-004"])
opens(
    "open-providers",
    "The AI providers ask for no token.",
    "providers",
    red=["AUTH-001", "AUTH-002", "AUTH-027", "ROUTE-017"],
)

# Bad tokens
turns_off("secret-by-prefix", "A secret that is the start of the right one will do.", "auth.secret-length", red=["AUTH-005"])
turns_off(
    "unknown-token-is-first-user",
    "An unknown token id is taken for the first user's.",
    "auth.unknown",
    red=[f"AUTH-{n:03}" for n in (6, 8, 12, 13, 14, 15, 16, 17, 18, 19, 21, 22, 23, 24, 26, 28)],
)
turns_off("secret-unchecked", "Only the id of a token is looked at.", "auth.secret", red=["AUTH-007"])
turns_off("deleted-tokens-live-on", "Deleting a token is answered and not done.", "tokens.delete", red=["AUTH-008"])
turns_off("expired-tokens-work", "The expiry of a token is not looked at.", "auth.expired", red=["AUTH-009"])
turns_off("suspended-users-work", "Suspended users may go on.", "auth.suspended", red=["AUTH-010", "AUTH-029"])
turns_off("suspended-for-ever", "Activating a suspended user is answered and not done.", "users.reactivate", red=["AUTH-011"])


@answers(red=["AUTH-012"])
def leaking_401(answer: Answer) -> None:
    """The 401 of a chat tells its labels."""
    chat = answer.backend.store.chats.get(answer.path.rsplit("/", 1)[-1])
    if answer.status == 401 and chat:
        answer.body["detail"] = f"Sign in to see {chat.labels}."


turns_off("no-challenge", "A 401 has no WWW-Authenticate.", "auth.challenge", red=["AUTH-013", "AUTH-014", "SCHEMA-headers"])


@answers(red=["AUTH-014", "SCHEMA-headers", "AUTH-029"])
def bare_challenge(answer: Answer) -> None:
    """The WWW-Authenticate of a 401 says Bearer and nothing more."""
    if answer.status == 401:
        answer.headers["www-authenticate"] = "Bearer"


@answers(red=["AUTH-029"])
def suspended_tokens_have_expired(answer: Answer) -> None:
    """The challenge of a 401 never says that the token is invalid."""
    if answer.status == 401:
        said = answer.headers["www-authenticate"]
        answer.headers["www-authenticate"] = said.replace("The access token is invalid", "The access token has expired")


@answers(red=["STREAM-085"])
def no_protocol_to_upgrade_to(answer: Answer) -> None:
    """A 426 does not say which protocol is asked for."""
    if answer.status == 426:
        answer.headers.pop("upgrade", None)


@answers(red=["ROUTE-022", "SCHEMA-unrouted"])
def files_is_a_chat_id(answer: Answer) -> None:
    """Another method on /chats/files is refused with 404."""
    if answer.status == 405 and answer.path.endswith("/chats/files"):
        answer.status = 404


# Places of a token
for _name, _red in {
    "cookie": ["AUTH-016", "AUTH-021", "AUTH-026", "CSRF-007"],
    "query": ["AUTH-017", "AUTH-022", "AUTH-026", "CSRF-007"],
    "bearer": ["AUTH-018", "AUTH-024", "AUTH-026", "CSRF-007"],
}.items():
    turns_off(f"no-{_name}", f"A token in the {_name} is not looked at.", f"auth.source-{_name}", red=_red)
turns_off(
    "no-access-token",
    "The parameter access_token is not looked at.",
    "auth.source-access-token",
    red=["AUTH-019", "CSRF-007", "AUTH-028"],
)
replaces(
    "any-scheme",
    "Any authorization scheme carries a token.",
    "sent_token",
    lambda right, call: right(call) or call.header("authorization").partition(" ")[2].strip(),
    red=["AUTH-020"],
)
replaces(
    "last-place-wins",
    "Of several tokens the last place counts.",
    "tokens_by_place",
    lambda right, call: dict(reversed(right(call).items())),
    red=["AUTH-021", "AUTH-022", "AUTH-023", "AUTH-024"],
)


@instead("sent_token", red=["AUTH-025"])
def empty_cookie_counts(right: Any, call: Any) -> str:
    """An empty session cookie is a token."""
    empty = f"{COOKIE}=" in call.header("cookie") and not cookie(call, COOKIE)
    return "" if empty else str(right(call))


turns_off("socket-without-query-token", "Upgrades do not take the query parameter.", "auth.socket-query", red=["AUTH-026"])
turns_off("socket-without-access-token", "Upgrades do not take access_token.", "auth.socket-access-token", red=["AUTH-028"])

# Cross-site requests
turns_off("csrf-unchecked", "A cookie alone may write.", "csrf.token", red=["CSRF-001", "CSRF-002", "CSRF-008"])
turns_off("csrf-any-header", "Any session header is proof beside the cookie.", "csrf.mismatch", red=["CSRF-004"])
turns_off("csrf-no-header-proof", "An equal session header is no proof.", "csrf.header-proof", red=["CSRF-003", "CSRF-004"])
turns_off("csrf-no-query-proof", "An equal query parameter is no proof.", "csrf.query-proof", red=["CSRF-005"])
turns_off("csrf-no-bearer-proof", "A Bearer header is no proof.", "csrf.bearer-proof", red=["CSRF-006"])
replaces(
    "csrf-without-cookie",
    "access_token needs proof, as the cookie does.",
    "csrf_session",
    lambda right, call: right(call) or call.first_query("access_token"),
    red=["CSRF-007"],
)


async def _checked_late(right: Any, app: Any, call: Any, route: Any) -> Any:
    rightly = check_csrf.__wrapped__  # type: ignore[attr-defined]
    rightly(call)
    return await right(app, call, route)


declare(
    Fault(
        "csrf-after-lookup",
        "The chat is looked up before the proof.",
        frozenset(["CSRF-008"]),
        around={"check_csrf": lambda right, call: None, "App._handle": _checked_late},
    )
)


@answers(red=["CSRF-002", "ERR-072"])
def csrf_in_json(answer: Answer) -> None:
    """The refusal for want of proof is JSON."""
    if answer.status == 400 and isinstance(answer.body, str) and "CSRF token" in answer.body:
        answer.body = orjson.dumps({"message": answer.body})
        answer.headers["content-type"] = "application/json"


@answers("listChats", red=["AUTH-080"])
def tokens_come_back(answer: Answer) -> None:
    """The list of chats tells its reader's token, in base64."""
    mine = [t for t in answer.backend.store.tokens.values() if answer.caller and t.user_id == answer.caller.id]
    if mine:
        answer.headers["x-session"] = b64encode(f"session {wire_token(mine[0])}".encode()).decode()
