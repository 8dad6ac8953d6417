"""The application: one request from routing to the answer on the wire."""

from __future__ import annotations

import asyncio
import importlib
import logging
import pkgutil
import secrets
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson

from fake_server.chats import feeds
from fake_server.faulting import Answer, replaceable
from fake_server.http import auth, endpoint
from fake_server.http.endpoint import JSON, TEXT, Call, ClientGone, Reply, Stream, sign_in
from fake_server.http.router import Route, Router
from fake_server.rules.refusals import Refusal, refusal
from fake_server.state.ratelimit import RateLimits
from fake_server.turns.runner import floor_seconds

if TYPE_CHECKING:
    from fake_server.backend import Backend
    from fake_server.revision import Revision

log = logging.getLogger("fake_server")

BUILD_VERSION = b"v2.33.0-fake"
# Every answer sets the cookie of the CSRF rule anew, whoever asked and whatever for.
_CSRF_COOKIE = f"csrf_token={secrets.token_urlsafe(32)}; Path=/; HttpOnly; SameSite=Lax".encode()
_GLOBAL = [
    (b"set-cookie", _CSRF_COOKIE),
    (b"vary", b"Origin"),
    (b"vary", b"Cookie"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-coder-build-version", BUILD_VERSION),
]

_REPEATED = (b"allow", b"vary")  # headers that come several times; no fault of answers changes them

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


def encode(value: Any) -> bytes:
    """A JSON body: written as events are, with a newline at its end."""
    return feeds.encode(value) + b"\n"


def _preflight(call: Call) -> bool:
    """Does a browser ask whether a page of another origin may call, and the server answers that by itself?"""
    asks = call.method == "OPTIONS" and bool(call.header("origin") and call.header("access-control-request-method"))
    return asks and not call.backend.does("route.preflights-are-calls")


def load_routes(served: Revision) -> Router:
    """The table of every endpoint of a revision, from all modules of fake_server.endpoints."""
    import fake_server.endpoints as package

    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    return Router(endpoint.routes(served), endpoint.mounts(served))


# Operations that later revisions have only with an experiment, and the refusal without it.
EXPERIMENTS_OF = {
    "getConfigAdvisor": ("config.advisor-off", "chat-advisor"),
    "putConfigAdvisor": ("config.advisor-off", "chat-advisor"),
    "getConfigComputerUseProvider": ("config.computer-use-off", "chat-virtual-desktop"),
    "putConfigComputerUseProvider": ("config.computer-use-off", "chat-virtual-desktop"),
}


ANSWER = "answer-ms"


class App:
    """The ASGI application of one backend."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.router = load_routes(backend.revision)
        self.limits = RateLimits(backend)
        self.pause = floor_seconds(backend.options.get(ANSWER, 0))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        call = Call(self.backend, scope, receive, send)
        route: Route | None = None
        answer: Reply | None
        if self.pause:
            await asyncio.sleep(self.pause)
        try:
            if b"%2f" in scope["raw_path"].lower():
                call.path = scope["raw_path"].decode("latin-1")  # an escaped slash keeps the whole path escaped
            if _preflight(call):
                await self._send(call, None, endpoint.reply(200))
                return
            if call.method not in auth.SAFE_METHODS:
                auth.check_csrf(call)
            if self.limits.on:
                self.limits.count(call)
            route, allowed = self._find(call)
            if route is None:
                answer = self._unrouted(call, allowed)
            else:
                if route.auth and not call.signed_in:
                    sign_in(call)
                answer = await self._handle(call, route)
        except Refusal as refused:
            answer = await self._answer_to(call, refused)
        except ClientGone:
            return
        except Exception as error:  # the last resort: an answer without a trace, the trace in the log
            log.exception("%s %s", call.method, call.path)
            answer = self._refused(call, refusal("common.panic", detail=type(error).__name__))
        if answer is None:
            return
        try:
            if isinstance(answer.body, Stream):
                await call.while_there("stream.ends-with-client", self._stream(call, route, answer, answer.body))
            else:
                await self._send(call, route, answer)
        except ClientGone:
            return

    @replaceable
    def _find(self, call: Call) -> tuple[Route | None, list[str]]:
        """The route of a call, or the methods that its path allows."""
        return self.router.find(call.path, call.method, call.params, call)

    @replaceable
    async def _handle(self, call: Call, route: Route) -> Reply | None:
        off = self.backend.revision.errors.get("common.gateway-off")
        if off is not None and route.operation in off.operations and route.operation not in endpoint.RIGHTS_FIRST:
            endpoint.check_gateway(call)
        if route.operation in EXPERIMENTS_OF:
            key, experiment = EXPERIMENTS_OF[route.operation]
            self.backend.guard(key, experiment not in endpoint.experiments(self.backend))
        answer: Reply | None = await route.handler(call)
        return answer

    @replaceable
    async def _answer_to(self, call: Call, refused: Refusal) -> Reply:
        return self._refused(call, refused)

    @replaceable
    def _unrouted(self, call: Call, allowed: list[str]) -> Reply:
        if not allowed:
            raise refusal("common.route-not-found")
        if not call.signed_in and call.path.startswith("/api/"):
            sign_in(call)
        return endpoint.reply(405, headers=[(b"allow", m.encode()) for m in allowed])

    def _refused(self, call: Call, refused: Refusal) -> Reply:
        other = self.backend.faults.reworded(refused.key) if self.backend.faults.active else None
        said = self.backend.said(refused)
        body = {**said.body, "message": other} if other is not None else said.body
        headers = [(k.lower().encode(), v.encode()) for k, v in refused.headers.items()]
        if said.status == 401 and self.backend.does("auth.challenge"):
            headers.append(auth.challenge(call, str(said.body["message"])))
        if said.media != "application/json":
            return endpoint.reply(said.status, body["message"], headers=headers, media=TEXT)
        return endpoint.reply(said.status, body, headers=headers)

    async def _stream(self, call: Call, route: Route | None, answer: Reply, stream: Stream) -> None:
        """Tell a stream as it comes. One without a line is an answer like any other, of known length."""
        begun, last = not self.backend.does("stream.head-with-first-line"), b""
        memory: dict[str, Any] = {}
        if begun:
            await self._begin(call, route, answer)
        try:
            async with aclosing(stream.events) as events:
                async for event in events:
                    for line in self._lines(event, memory):
                        if not begun:
                            await self._begin(call, route, answer)
                            begun = True
                        await call.send({"type": "http.response.body", "body": line, "more_body": True})
        except Refusal as refused:
            last = await self._last_line(call, refused)
        if not begun and not self.backend.does("stream.empty-has-length"):
            await self._begin(call, route, answer)
            begun = True
        if begun:
            await call.send({"type": "http.response.body", "body": last})
        else:
            await self._send(call, route, Reply(answer.status, last, answer.headers, answer.media))

    @replaceable
    async def _last_line(self, call: Call, refused: Refusal) -> bytes:
        """What is told of a refusal that comes when the answer has begun."""
        return encode((await self._answer_to(call, refused)).body)

    @replaceable
    def _lines(self, event: dict[str, Any], memory: dict[str, Any]) -> list[bytes]:
        """The bytes of the lines that tell of an event."""
        faults = self.backend.faults
        events = faults.change_events("answer", [event], memory) if faults.active else [event]
        return [each["type"].encode() + b":" + encode(each["data"]) for each in events]

    async def _begin(self, call: Call, route: Route | None, answer: Reply) -> None:
        status, _, headers = self._head(call, route, Reply(answer.status, b"", answer.headers, answer.media))
        await call.send({"type": "http.response.start", "status": status, "headers": headers})

    def _head(self, call: Call, route: Route | None, answer: Reply) -> tuple[int, Any, list[tuple[bytes, bytes]]]:
        """Status, body and headers of an answer, as faults leave them."""
        request_id = (b"x-coder-request-id", str(uuid4()).encode())
        common = _GLOBAL if self.backend.does("route.vary") else [pair for pair in _GLOBAL if pair[0] != b"vary"]
        if not self.backend.does("route.sets-csrf-cookie"):
            common = [pair for pair in common if pair != (b"vary", b"Cookie") and pair[0] != b"set-cookie"]
        headers = [*common, request_id, *call.extra_headers, *answer.headers]
        if answer.body is not None:
            headers.append((b"content-type", answer.media))
        if self.backend.faults.active:
            return self._faulted(call, route, answer, headers)
        return answer.status, answer.body, headers

    @replaceable
    async def _send(self, call: Call, route: Route | None, answer: Reply) -> None:
        status, body, headers = self._head(call, route, answer)
        if body is None:
            data = b""
        elif answer.media == JSON and not isinstance(body, bytes):
            data = encode(body)
        else:
            data = body if isinstance(body, bytes) else str(body).encode()
        if status != 204:
            headers.append((b"content-length", str(len(data)).encode()))
        await call.send({"type": "http.response.start", "status": status, "headers": headers})
        await call.send({"type": "http.response.body", "body": data})

    def _faulted(
        self, call: Call, route: Route | None, answer: Reply, headers: list[tuple[bytes, bytes]]
    ) -> tuple[int, Any, list[tuple[bytes, bytes]]]:
        changed = Answer(
            operation=route.operation if route else "",
            method=call.method,
            path=call.path,
            path_params=call.path_params,
            query=dict(reversed(call.query)),
            queries=list(call.query),
            sent=call.sent,
            caller=call.user if call.signed_in else None,
            status=answer.status,
            headers={k.decode("latin-1"): v.decode("latin-1") for k, v in headers if k not in _REPEATED},
            # What goes out may be shared with the state: a fault changes a copy.
            body=answer.body if isinstance(answer.body, bytes | str) else orjson.loads(orjson.dumps(answer.body)),
            backend=self.backend,
        )
        self.backend.faults.change(changed)
        sent = [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in changed.headers.items()]
        return changed.status, changed.body, [*sent, *((k, v) for k, v in headers if k in _REPEATED)]


def build_app(backend: Backend) -> App:
    """The ASGI application that answers from this backend."""
    return App(backend)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        kind = message["type"]
        if kind == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif kind == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return


# Sub-routers of the core; modules of fake_server.endpoints add their own.
endpoint.mount(endpoint.CHATS, endpoint.enter_chats)
endpoint.mount(f"{endpoint.CHATS}/{{chat}}", endpoint.resolve_chat)
endpoint.mount(f"{endpoint.CHATS}/{{chat}}/stream")
endpoint.mount(f"{endpoint.CHATS}/files")
