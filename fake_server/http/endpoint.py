"""What every endpoint is written with: the call, the reply, and the table of routes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl

from fake_server.http import auth, sockets
from fake_server.http.router import Enter, Route
from fake_server.rules import authz, strictness
from fake_server.rules.decode import BadBody, Kind, Raw, Struct, decode
from fake_server.rules.refusals import Refusal, combined, refusal
from fake_server.rules.validate import BadNumber, BadUUID, parse_int, parse_uuid, quote
from fake_server.state.records import Chat, Token, User

if TYPE_CHECKING:
    from fake_server.backend import Backend
    from fake_server.revision import Revision
    from fake_server.state.store import State

API = "/api/experimental"
CHATS = f"{API}/chats"
EXPERIMENTS = "CODER_EXPERIMENTS"
_PLACE = re.compile(r"\{\w+\}")
UNDOCUMENTED = frozenset(("getHealth", "getTemplate", "listTemplates", "deleteTemplate"))  # served by every revision
RIGHTS_FIRST = frozenset(("patchChat", "refreshChatContext"))  # they look for the gateway behind the caller's rights
JSON = b"application/json; charset=utf-8"
TOO_LARGE = "http: request body too large"
JSON_CAP = 4_194_304  # of revisions that bound every body
TEXT = b"text/plain; charset=utf-8"

T = TypeVar("T")
_declared: list[Route] = []  # of every revision
_mounts: dict[tuple[str, str], Enter | None] = {}  # path and behaviour


class Stream:
    """A body that is told as it comes: `events` are its lines, each with the `type` before its colon and the `data` behind it.

    The head of the answer goes out with the first line. A refusal that ends the events is told in the body.
    """

    __slots__ = ("events",)

    def __init__(self, events: AsyncGenerator[dict[str, Any], None]) -> None:
        self.events = events


class Reply:
    """An answer on its way out.

    `body`: a JSON value, bytes or text of `media`, a Stream, or None for an empty body without a type.
    """

    __slots__ = ("body", "headers", "media", "status")

    def __init__(self, status: int, body: Any, headers: list[tuple[bytes, bytes]], media: bytes) -> None:
        self.status, self.body, self.headers, self.media = status, body, headers, media


def reply(status: int, body: Any = None, *, headers: list[tuple[bytes, bytes]] | None = None, media: bytes = JSON) -> Reply:
    """An answer with a JSON body (default), with bytes or text when `media` says so, or empty when body is None."""
    return Reply(status, body, headers or [], media)


class ClientGone(Exception):
    """The client has hung up: nobody waits for an answer."""


class Call:
    """One request: who makes it, of which chat, with which parameters and body.

    `scope`, `receive` and `send` are the connection's own, for socket handlers. `user`, `token` are set once the caller is
    authenticated, `chat` once a path below a chat was entered (the caller may read it then).
    """

    __slots__ = (
        "_body", "_chat", "_headers", "_query", "_token", "_user", "backend", "extra_headers", "method", "params", "path",
        "receive", "scope", "send", "sent", "truncated",
    )  # fmt: skip

    def __init__(self, backend: Backend, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self.backend, self.scope, self.receive, self.send = backend, scope, receive, send
        self.path: str = scope["path"]
        self.method: str = scope.get("method", "GET")
        self.params: dict[str, str] = {}
        self.sent: Any = None
        self.extra_headers: list[tuple[bytes, bytes]] = []
        self.truncated = False
        self._chat: Chat | None = None
        self._user: User | None = None
        self._token: Token | None = None
        self._headers: dict[bytes, bytes] | None = None
        self._query: list[tuple[str, str]] | None = None
        self._body: bytes | None = None

    @property
    def user(self) -> User:
        """The caller."""
        assert self._user is not None, "the route has no authentication"
        return self._user

    @property
    def token(self) -> Token:
        """The token that the caller used."""
        assert self._token is not None, "the route has no authentication"
        return self._token

    @property
    def signed_in(self) -> bool:
        return self._user is not None

    def sign_in(self, user: User, token: Token) -> None:
        """Note who is calling."""
        self._user, self._token = user, token

    @property
    def path_params(self) -> dict[str, str]:
        """The parameters in the path, with the id of a chat in its usual spelling once that is known."""
        return self.params if self._chat is None else {**self.params, "chat": self._chat.id}

    @property
    def chat(self) -> Chat:
        """The chat of the path; the caller may read it."""
        assert self._chat is not None, "the path is not below a chat"
        return self._chat

    @property
    def is_upgrade(self) -> bool:
        """Did the client ask for a WebSocket?"""
        return sockets.EXTENSION in self.scope.get("extensions", ())

    def header(self, name: str) -> str:
        """The first value of this header, or ""."""
        if self._headers is None:
            self._headers = dict(reversed(self.scope["headers"]))
        return self._headers.get(name.lower().encode(), b"").decode("utf-8", "replace")

    @property
    def query(self) -> list[tuple[str, str]]:
        """All query parameters in order, blank ones included."""
        if self._query is None:
            raw = self.scope["query_string"]
            self._query = parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True) if raw else []
        return self._query

    def queries(self, name: str) -> list[str]:
        """All values of this query parameter."""
        return [v for k, v in self.query if k == name]

    def first_query(self, name: str) -> str:
        """The first value of this query parameter, or ""."""
        return next((v for k, v in self.query if k == name), "")

    async def body(self, cap: int | None = None) -> bytes:
        """The body; with a cap at most that many bytes, and `truncated` says whether there were more."""
        if self._body is None:
            chunks, size = [], 0
            while True:
                message = await self.receive()
                if message["type"] == "http.disconnect":
                    break
                chunk = message.get("body", b"")
                chunks.append(chunk)
                size += len(chunk)
                if not message.get("more_body") or (cap is not None and size > cap):
                    break
            self._body = b"".join(chunks)
        if cap is not None and len(self._body) > cap:
            self.truncated = True
            return self._body[:cap]
        return self._body

    async def while_there(self, behaviour: str, work: Coroutine[Any, Any, T]) -> T:
        """What the work gives; it is cancelled when the client hangs up, which is that behaviour. Raises ClientGone then."""
        if not self.backend.does(behaviour):
            return await work
        await self.body()
        doing = asyncio.ensure_future(work)
        leaving = asyncio.ensure_future(self._left())
        try:
            await asyncio.wait((doing, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                raise ClientGone
            return doing.result()
        finally:
            doing.cancel()
            leaving.cancel()
            await asyncio.gather(doing, leaving, return_exceptions=True)

    async def _left(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def json(self, shape: Kind | None = None, *, cap: int | None = None) -> Any:
        """The body's first JSON value, read as `shape` (see decode.py). Refuses with `common.bad-json`."""
        if cap is None and "common.too-large" in self.backend.revision.errors:
            cap = JSON_CAP
        body = await self.body(cap)
        try:
            if self.backend.faults.active and shape is not None:
                strictness.check(self, body, shape)
            self.sent = self._read(body, shape)
        except BadBody as error:
            self.backend.guard("common.too-large", str(error) == TOO_LARGE, size=cap)
            raise refusal("common.bad-json", detail=str(error)) from None
        return self.sent

    def _read(self, body: bytes, shape: Kind | None) -> Any:
        """The value, with every field of the shape; one that this revision does not read has its zero value."""
        if not isinstance(shape, Struct):
            return decode(body, shape or Raw(), truncated=self.truncated)
        narrow = self.backend.revision.narrowed(shape) if self.backend.does("body.leaves-fields-unread") else shape
        value = decode(body, narrow, truncated=self.truncated)
        return value if narrow is shape else shape.zero | value

    def problems(self) -> Problems:
        """An empty list of validation problems; see there."""
        return Problems(self.backend)


def guard(call: Call, key: str, failed: bool) -> None:
    """Refuse with `key` when `failed`; the fault point `KEY of children` turns that off for the chats of sub-agents alone."""
    if call.chat.parent_chat_id is None or not call.backend.faults.is_off(f"{key} of children"):
        call.backend.guard(key, failed)


class Problems:
    """Collects everything that is wrong with a request, and refuses with all of it at once."""

    def __init__(self, backend: State) -> None:
        self.backend = backend
        self.found: list[tuple[str, dict[str, Any]]] = []

    def add(self, key: str, /, **places: Any) -> None:
        """One more problem: a refusal key and what stands in its places. Not counted when this revision has it not."""
        if key in self.backend.revision.errors and not self.backend.faults.is_off(key):
            self.found.append((key, places))

    def refuse(self) -> None:
        """Raise the refusal that lists all problems, if there are any."""
        if self.found:
            raise combined(self.found)

    def integer(self, call: Call, name: str, *, bits: int = 32, default: int = 0) -> int:
        """A query parameter that is a whole number ≥ 0; `default` when absent or empty. Problems are added."""
        values = call.queries(name)
        if len(values) > 1:
            self.add("query.repeated", field=name, count=len(values))
            return default
        if not values or not values[0]:
            return default
        try:
            value = parse_int(values[0], bits)
        except BadNumber as error:
            self.add(f"query.int{bits}", field=name, reason=str(error))
            return default
        if value < 0 and not self.backend.faults.is_off(f"query.int{bits}-negative"):
            self.add(f"query.int{bits}-negative", field=name)
            return default
        return value

    def uuid(self, call: Call, name: str) -> str:
        """A query parameter that is a UUID; "" when absent or empty. Problems are added."""
        values = call.queries(name)
        if len(values) > 1:
            self.add("query.repeated", field=name, count=len(values))
            return ""
        if not values or not values[0]:
            return ""
        try:
            return parse_uuid(values[0])
        except BadUUID:
            self.add("query.uuid", field=name)
            return ""


Handler = Callable[[Call], Any]


def route(operation: str, method: str, path: str, *, auth: bool = True, when: str = "") -> Callable[[Handler], Handler]:
    """Declare the async function as the handler of one operation; path parameters are written `{name}`.

    `when`: only in revisions that have this behaviour, or do not have it when it is written with `!`.
    """

    def declare(handler: Handler) -> Handler:
        _declared.append(Route(operation, method, path, handler, auth, when=when))
        return handler

    return declare


def socket(operation: str, path: str) -> Callable[[Handler], Handler]:
    """Declare the handler of a WebSocket endpoint.

    It is called for upgrades and for plain GETs (see `Call.is_upgrade`), after authentication and, below a chat, after the
    chat is found. What it raises or gives back is answered over HTTP, as long as it has not accepted the upgrade;
    None says that it has used `call.send` itself.
    """

    def declare(handler: Handler) -> Handler:
        _declared.append(Route(operation, "GET", path, handler, True, True))
        return handler

    return declare


def mount(pattern: str, enter: Enter | None = None, when: str = "") -> None:
    """Declare a sub-router: no path below it falls out of it, and `enter(call)` runs (after authentication) on entering.

    `when`: as of routes.
    """
    if (pattern, when) in _mounts:
        raise ValueError(f"mount {pattern} is declared twice")
    _mounts[pattern, when] = enter


def _behaves(served: Revision, when: str) -> bool:
    return not when or (when.lstrip("!") in served.off) == when.startswith("!")


def mounts(served: Revision) -> dict[str, Enter | None]:
    """The sub-routers of a revision, those that lead nowhere among them, with what is to be done on entering."""
    paths = [f"{route.path}/" for route in routes(served)]
    known = {
        place: enter for (declared, when), enter in _mounts.items() if _behaves(served, when) for place in served.places(declared)
    }
    dead = [place for place in served.profile.openapi.get("x-mounts", ()) if not any(p.startswith(f"{place}/") for p in paths)]
    return dict.fromkeys(dead) | {
        place: enter for place, enter in known.items() if any(path.startswith(f"{place}/") for path in paths)
    }


def routes(served: Revision) -> list[Route]:
    """The routes of a revision: what its document knows, or what provisioning uses besides, as far as it behaves so.

    A route is declared with the path that it first had; a revision may have moved it, and have it in a second place, too.
    """

    def places(route: Route) -> tuple[str, ...]:
        if not _behaves(served, route.when):
            return ()
        path, all_places = _PLACE.sub("{}", served.paths.get(route.operation, "")), served.places(route.path)
        here = _PLACE.sub("{}", all_places[0]) == path or route.operation in UNDOCUMENTED
        return all_places if here else ()

    return [replace(route, path=path) for route in _declared for path in places(route)]


def sign_in(call: Call) -> None:
    """Authenticate the caller. Refuses with 401."""
    if not call.signed_in:
        call.sign_in(*auth.authenticate(call))


def enter_chats(call: Call) -> None:
    """Entering what belongs to chats: with a token, and in early revisions only if the experiment `agents` is on."""
    linked = "/chats/files/" in call.path and call.path.endswith("/download") and call.method == "GET"
    if linked and "downloadFileByToken" in call.backend.revision.paths:
        return  # whoever has a link needs no session
    sign_in(call)
    call.backend.guard("gate.experiment", not chats_are_on(call.backend))


def chats_are_on(backend: State) -> bool:
    """Is the experiment on that chats belong to, in revisions where they belong to one?"""
    return backend.revision.value("experiments.chats") in experiments(backend)


def gateway_is_off(backend: State) -> bool:
    """Is the gateway switched off?"""
    return str(backend.options.get("CODER_AI_GATEWAY_ENABLED", "true")).lower() in ("false", "0")


def check_gateway(call: Call) -> None:
    """Refuse what needs the gateway while it is switched off."""
    call.backend.guard("common.gateway-off", gateway_is_off(call.backend))


def experiments(backend: State) -> set[str]:
    """The experiments that are on: those that the server was started with, and for a wildcard the safe ones."""
    chats, safe = backend.revision.value("experiments.chats"), backend.revision.value("experiments.safe")
    names = {name for name in str(backend.options.get(EXPERIMENTS, chats)).lower().split(",") if name}
    return names - {"*"} | set(safe if "*" in names else ())


def place(call: Call) -> str:
    """Where below its chat a call is, by the first name after the chat's id; `chat` for the chat itself."""
    below = re.sub("^.*?/chats", "", call.path).strip("/").split("/")
    return below[1] if len(below) > 1 else "chat"


def resolve_chat(call: Call) -> None:
    """Find the chat of the path for the caller: 400 for a malformed id, 404 for one that he can't read or that is not."""
    raw = call.params["chat"]
    backend = call.backend
    chat = backend.store.chats.get(raw)
    if chat is None:
        try:
            chat = backend.store.chats.get(parse_uuid(raw))
        except BadUUID as error:
            backend.guard("common.chat-id", True, id=quote(raw), detail=str(error))
        form = "short" if "-" not in raw else "long" if len(raw) > 36 else "case"
        if chat is not None and raw != chat.id and not backend.does(f"route.id-{form}"):
            chat = None
    if chat is None or not authz.permitted(backend, call.user, "read", chat, place(call)):
        raise refusal("common.not-found")
    call._chat = chat


def not_found() -> Refusal:
    """The 404 for what is not there and what the caller may not see alike."""
    return refusal("common.not-found")


def forbidden() -> Refusal:
    """The general 403."""
    return refusal("common.forbidden")
