"""The control address: gates, journal, orders, leftovers over HTTP. Never on the provider's port."""

from __future__ import annotations

from hmac import compare_digest
from ipaddress import ip_address
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from fake_server.llm.director import Leftover
from fake_server.llm.gates import Deadline, Gates
from fake_server.llm.http import Reply, Request, read_json
from fake_server.llm.journal import Journal
from fake_server.llm.orders import Orders
from fake_server.llm.script import BadScript

Json = Any
MAX_SECONDS = 300.0
_ALL_ADDRESSES = ("0.0.0.0", "::", "")


class Refusal(Exception):
    """The request is wrong; status and message of the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Controlled(Protocol):
    """The scripted LLM (server.ScriptedLLM), as far as the control address acts on it."""

    control_host: str
    gates: Gates
    journal: Journal
    orders: Orders

    @property
    def base_url(self) -> str: ...
    def leftovers(self, chat: str | None = None) -> list[Leftover]: ...
    def reset(self) -> None: ...


class Control:
    """Answers the control address. Every error is one JSON object with `message`.

    A web page that some browser on this machine has open may send requests here, under a name of its own that leads to this
    address: those are known by their Host header. `token`: what every request must bring, if it is not empty.
    """

    def __init__(self, llm: Controlled, token: str = "") -> None:
        self._llm, self._token = llm, token

    def _admit(self, request: Request) -> None:
        """Raises Refusal."""
        host = request.header("host")
        if host and not _is_own_name(host, self._llm.control_host):
            raise Refusal(403, f"{host!r} is no name of this control address; use its address, or start it with --control-host")
        scheme, _, sent = request.header("authorization").partition(" ")
        if self._token and not (scheme.lower() == "bearer" and compare_digest(sent.strip().encode(), self._token.encode())):
            raise Refusal(401, "this control address asks for its token, as Authorization: Bearer …")

    async def serve(self, request: Request, reply: Reply) -> None:
        try:
            self._admit(request)
            status, body = await self._route(request)
        except Refusal as refusal:
            status, body = refusal.status, {"message": str(refusal)}
        except Deadline as problem:
            status, body = 408, {"message": str(problem)}
        except BadScript as problem:
            status, body = 400, {"message": problem.problem, "where": problem.where}
        reply.json(status, body)

    async def _route(self, request: Request) -> tuple[int, Json]:
        parts = request.path.strip("/").split("/")
        match (request.method, *parts):
            case ("GET", "health"):
                return 200, {"status": "ok", "base_url": self._llm.base_url}
            case ("GET", "gates"):
                return 200, {"gates": [gate.view() for gate in self._llm.gates.all()]}
            case ("POST", "gates", *name, "open") if name:
                return 200, self._llm.gates.open(_name(name)).view()
            case ("GET", "gates", *name, "wait") if name:
                return 200, await self._gate_wait(request, _name(name))
            case ("GET", "gates", *name) if name:
                return 200, self._llm.gates.get(_name(name)).view()
            case ("GET", "journal"):
                return 200, await self._journal(request)
            case ("GET", "orders"):
                return 200, {"orders": [order.view() for order in self._llm.orders.all]}
            case ("POST", "orders"):
                made = self._llm.orders.add(_body(request))
                return 201, {"orders": [order.view() for order in made]}
            case ("DELETE", "orders", *name) if name:
                if not self._llm.orders.remove(_name(name)):
                    raise Refusal(404, f"there is no order {_name(name)!r}")
                return 200, {}
            case ("GET", "leftovers"):
                found = self._llm.leftovers(request.param("chat") or None)
                return 200, {"leftovers": [{"kind": x.kind, "chat": x.chat, "text": x.text} for x in found]}
            case ("POST", "reset"):
                self._llm.reset()
                return 200, {}
        raise Refusal(
            404,
            f"no {request.method} {request.path} here; there is GET /health, GET /gates, POST /gates/NAME/open, GET "
            "/gates/NAME/wait, GET /journal, GET, POST and DELETE /orders, GET /leftovers, POST /reset",
        )

    async def _gate_wait(self, request: Request, name: str) -> Json:
        what = request.param("for") or "reached"
        waits = {"reached": self._llm.gates.wait_reached, "hangup": self._llm.gates.wait_hangup}
        if what not in waits:
            raise Refusal(400, f"'for' must be reached or hangup, not {what!r}")
        gate = await waits[what](name, int(_number(request, "n", 1)), _seconds(request))
        return gate.view()

    async def _journal(self, request: Request) -> Json:
        journal = self._llm.journal
        chat, purpose = request.param("chat") or None, request.param("purpose") or None
        root, over = request.param("root_chat") or None, request.param("over") in ("1", "true")
        n, opening, model = int(_number(request, "wait", 0)), request.param("opening") or "", request.param("model") or None
        if request.param("unnamed") in ("1", "true"):
            chat = ""
        if n:
            found = await journal.wait(chat, purpose, opening=opening, root_chat=root, over=over, n=n, seconds=_seconds(request))
        else:
            found = journal.find(chat, purpose, opening=opening, root_chat=root, model=model, over=over)
        return {"requests": [entry.view() for entry in found], "dropped": journal.dropped}


def _is_own_name(host: str, started_with: str) -> bool:
    """Is this Host header loopback, or the address listened on? On all addresses: any address, but no other name."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        if name in ("localhost", started_with.lower()) or name.endswith(".localhost"):
            return True
        address = ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or started_with in _ALL_ADDRESSES


def _name(parts: list[str]) -> str:
    return unquote("/".join(parts))


def _number(request: Request, name: str, default: float) -> float:
    text = request.param(name)
    try:
        value = float(text) if text else default
    except ValueError:
        raise Refusal(400, f"{name!r} must be a number, not {text!r}") from None
    if not 0 <= value <= 1e6:
        raise Refusal(400, f"{name!r} must be from 0 to 1000000, not {text!r}")
    return value


def _seconds(request: Request) -> float:
    return min(_number(request, "seconds", 10.0), MAX_SECONDS)


def _body(request: Request) -> Json:
    try:
        return read_json(request.body)
    except (ValueError, RecursionError) as problem:
        raise Refusal(400, f"the body is not JSON: {problem}") from None
