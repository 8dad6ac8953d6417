"""Who is calling: where a token may stand, what is said of a bad one, and the CSRF rule (chats.md section 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fake_server.faulting import replaceable
from fake_server.rules.refusals import refusal
from fake_server.state.records import Token, User

if TYPE_CHECKING:
    from fake_server.http.request import Request
    from fake_server.state.store import State

COOKIE = "coder_session_token"
HEADER = "Coder-Session-Token"
SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))


def cookie(call: Request, name: str) -> str:
    """The value of a cookie, or ""."""
    for key, raw in call.scope["headers"]:
        if key != b"cookie" or name.encode() not in raw:
            continue
        for piece in raw.decode("utf-8", "replace").split(";"):
            found, _, value = piece.strip().partition("=")
            if found == name:
                return str(value.strip('"'))
    return ""


@replaceable
def sent_token(call: Request) -> str:
    """The token that counts: of the first place that has one, however bad it is."""
    does = call.backend.does
    for name, token in tokens_by_place(call).items():
        if token and does(f"auth.source-{name}") and (does(f"auth.socket-{name}") or not call.is_upgrade):
            return token
    return ""


@replaceable
def tokens_by_place(call: Request) -> dict[str, str]:
    """What stands in each place of a request that may hold a token, in the order in which they are looked at."""
    scheme, _, rest = call.header("authorization").partition(" ")
    return {
        "cookie": cookie(call, COOKIE),
        "query": call.first_query(COOKIE),
        "header": call.header(HEADER),
        "bearer": rest.strip() if scheme.lower() == "bearer" else "",
        "access-token": call.first_query("access_token").strip(),
    }


@replaceable
def authenticate(call: Request) -> tuple[User, Token]:
    """The caller and his token. Refuses with 401."""
    backend = call.backend
    text = sent_token(call)
    if not text:
        raise refusal("auth.no-token")
    token = _parse(text, backend)
    if token.expires_at <= backend.clock.now():
        shown = token.expires_at.strftime("%Y-%m-%d %H:%M:%S.%f").rstrip("0").rstrip(".")
        backend.guard("auth.expired", True, time=f"{shown} +0000 UTC")
    user = backend.store.users[token.user_id]
    backend.guard("auth.unknown", user.deleted)
    backend.guard("auth.suspended", user.status == "suspended", status=user.status)
    if user.status == "dormant":
        user.status = "active"
    return user, token


def _parse(text: str, backend: State) -> Token:
    parts = text.split("-")
    if len(parts) != 2:
        raise refusal("auth.parts", count=len(parts))
    if len(parts[0]) != 10:
        raise refusal("auth.id-length", count=len(parts[0].encode()))
    backend.guard("auth.secret-length", len(parts[1]) != 22, count=len(parts[1].encode()))
    token = backend.store.tokens.get(parts[0])
    if token is None:
        backend.guard("auth.unknown", True)
        return next(iter(backend.store.tokens.values()))
    backend.guard("auth.secret", not token.secret.startswith(parts[1][:22]))
    return token


@replaceable
def csrf_session(call: Request) -> str:
    """The session of a request that a browser may have been tricked into: the cookie."""
    return cookie(call, COOKIE)


@replaceable
def check_csrf(call: Request) -> None:
    """Refuse a write whose only credential is the session cookie. Runs before authentication."""
    does = call.backend.does
    session = csrf_session(call)
    if not session or call.method in SAFE_METHODS or not call.path.startswith("/api"):
        return
    header = call.header(HEADER)
    if header == session and does("csrf.header-proof"):
        return
    if call.first_query(COOKIE) == session and does("csrf.query-proof"):
        return
    if call.header("authorization").lower().startswith("bearer ") and does("csrf.bearer-proof"):
        return
    # A valid proof is the double-submit pair: the header repeats what the csrf_token cookie holds.
    proof = call.header("x-csrf-token")
    if proof and proof == cookie(call, "csrf_token"):
        return
    call.backend.guard("csrf.mismatch", bool(header))
    call.backend.guard("csrf.token", not header)


def challenge(call: Request, message: str) -> tuple[bytes, bytes]:
    """The WWW-Authenticate header of a 401."""
    base = str(call.backend.options.get("CODER_ACCESS_URL") or f"http://{call.header('host')}").rstrip("/")
    expired = "expired" in message
    said = "The access token has expired" if expired else "The access token is invalid"
    value = (
        f'Bearer realm="coder", error="invalid_token", error_description="{said}", '
        f'resource_metadata="{base}/.well-known/oauth-protected-resource"'
    )
    return b"www-authenticate", value.encode("latin-1", "replace")
