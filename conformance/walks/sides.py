"""The two servers of a walk: the same people act on each, and what has no fixed name is found by its place."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from conformance.play.actors import Actor, Chat
from conformance.play.case import Case
from conformance.play.declaration import CaseSpec
from conformance.play.provisioning import all_models, models_path, new_model
from conformance.play.verdict import NOT_APPLICABLE, Unmet
from conformance.run.embedded import EmbeddedFailed, embedded_target
from conformance.run.session import Options, Session
from conformance.walks.coverage import Coverage
from conformance.walks.kinds import named_gate
from conformance.wire.exchange import Exchange, SocketLog
from conformance.wire.socket import NotSeen, Socket

PRICES = {
    "cost": {
        "input_price_per_million_tokens": "3",
        "output_price_per_million_tokens": "15",
        "cache_read_price_per_million_tokens": "1",
    }
}
SECRET = "SomeSecurePassword!"
WALKERS = ("alice", "bob")


class NoReference(Exception):
    """There is no reference to compare with; the text says why."""

    verdict = NOT_APPLICABLE


@contextlib.asynccontextmanager
async def reference(session: Session) -> AsyncIterator[Session]:
    """A session with a reference of the same profile, in a process of its own. Raises NoReference."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            target = await stack.enter_async_context(embedded_target(profile=session.profile.name))
        except (EmbeddedFailed, OSError) as error:
            raise NoReference(f"the reference of {session.profile.name} can't be started here: {error}") from None
        if missing := sorted({"root"} - target.users.keys()) or not target.llm.control_url:
            raise NoReference(
                f"the reference of {session.profile.name} has no {missing if missing is not True else 'control address'}"
            )
        twin = Session(target, Options(seed=session.options.seed, jobs=session.options.jobs))
        twin.run_id, twin.deadline = session.run_id, max(10.0, session.deadline)
        twin.wire.listeners.clear()  # it is no server under judgement
        try:
            yield twin
        finally:
            await twin.wire.aclose()
            await twin.control.aclose()


class _Play(Case):
    """What one side of a walk says to its server; `coverage` hears of it."""

    coverage: Coverage | None = None

    def note(self, exchange: Exchange | SocketLog) -> None:
        super().note(exchange)
        if self.coverage is not None:
            self.coverage.observe(exchange)


class Side:
    """One of the two servers: who acts there, and what the things of the walk are called there."""

    def __init__(self, session: Session, spec: CaseSpec, tag: str, digits: str, coverage: Coverage | None = None) -> None:
        """`tag`, `digits`: what no other walk uses, for names; the same on both sides."""
        self.t, self.tag, self.digits = _Play(session, spec), tag, digits
        self.t.coverage = coverage
        self.people: dict[str, Actor] = {}
        self.ids: dict[str, str] = {}  # of chats, files and models, by their names
        self.owners: dict[str, str] = {}
        self.history: dict[str, list[Any]] = {}  # ids of the visible messages of a chat, oldest first
        self.queue: dict[str, list[Any]] = {}
        self.recent: dict[tuple[str, str], Exchange] = {}  # answers of a moment ago
        self.sockets: dict[tuple[str, str], Socket] = {}
        self.marks: dict[tuple[str, str], int] = {}

    async def begin(self) -> None:
        """Make the walkers, a model of their own, and their watch feeds. Raises Unmet."""
        self.people["root"] = self.t.root
        for name in WALKERS:
            self.people[name] = await self._walker(name)
        model = await new_model(
            self.t, model=f"model-{self.tag}", context_limit=100_000, compression_threshold=90, model_config=PRICES
        )
        self.ids["model"] = model["id"]
        for name in WALKERS:
            self.sockets["watch", name] = await self.people[name].watch()

    async def _walker(self, name: str) -> Actor:
        """A member of the same name on both sides who may have chats. Raises Unmet."""
        t, username = self.t, f"{name}w{self.digits}"
        root, organization = t.root, t.session.target.organization_id
        body: dict[str, Any] = {
            "email": f"{username}@example.com",
            "username": username,
            "name": f"{name.title()}w",
            "password": SECRET,
        }
        body |= {"login_type": "password", "user_status": "active", "organization_ids": [organization]}
        made = t.given(await root.post(t.url("createUser"), body))
        t.cleanup(lambda: root.delete(t.url("deleteUser", user=made["id"])))
        if t.chat_roles:
            roles = t.url("putMemberRoles", organization=organization, user=made["id"])
            t.given(await root.put(roles, {"roles": list(t.chat_roles)}))
        login = {"email": body["email"], "password": SECRET}
        token = t.given(await t.nobody.post(t.url("loginUser"), login))["session_token"]
        t.session.redactor.learn(username, token)
        return Actor(t, name, made["id"], token, username)

    async def end(self) -> None:
        """Leave nothing behind that keeps the server busy."""
        await self.t._clean_up()

    def chat(self, name: str, by: str = "") -> Chat:
        """The chat of this name through somebody's eyes; its owner's when nobody is named. Raises KeyError."""
        return Chat(self.people[by or self.owners[name]], self.ids[name])

    def message(self, chat: str, place: int) -> Any:
        """The id of the visible message at this place. Raises IndexError."""
        return self.history[chat][place]

    def knows(self, operation: str) -> bool:
        return operation in self.t.session.documents.operations

    async def open_stream(self, chat: str, actor: str) -> Socket:
        """The stream of a chat that this walk reads from now on. One that was open stays so to the end: when a server notices
        that a stream was closed, and marks its chat as read, is chance."""
        socket = await self.t.session.dialect.stream(self.chat(chat, actor))
        self.sockets[chat, actor], self.marks[chat, actor] = socket, 0
        return socket

    async def close_stream(self, chat: str, actor: str) -> None:
        if socket := self.sockets.pop((chat, actor), None):
            await socket.aclose()

    async def skip(self, key: tuple[str, str]) -> None:
        """What has come over this socket by now is not looked at; its snapshot has all that is stored."""
        socket = self.sockets[key]
        with contextlib.suppress(NotSeen):
            for message in self.history.get(key[0], ()) if socket.opened else ():
                await socket.until({"type": "message", "message": {"id": message}}, deadline=1.0)
        self.marks[key] = len(socket.events)

    async def waits_at(self, gate: int) -> bool:
        """Does a call of the model wait at the gate of this step now? Raises Unmet."""
        return await self.t.llm.holds(named_gate(self.tag, gate))

    async def heard(self, chat: str, text: str) -> bool:
        """Has the owner's stream of this chat, if it is open, shown this text?"""
        socket = self.sockets.get((chat, self.owners[chat]))
        return socket is None or not socket.opened or any(text in said for said in _texts(socket))

    async def requests(self, chat: str) -> list[dict[str, Any]]:
        """What the model was asked in this chat's turns, first to last. Raises Unmet."""
        return await self.t.llm.journal(self.ids[chat], purpose="turn")

    async def unnamed_requests(self) -> list[dict[str, Any]]:
        """The same of all chats that are not named in them, where a model of this walk was asked. Raises Unmet."""
        models = [
            f"model-{self.tag}",
            *(f"further-{self.tag}-{name[1:]}" for name in self.ids if name[0] == "m" and name[1:].isdigit()),
        ]
        return [entry for model in models for entry in await self.t.llm.unnamed(model, "turn")]


_OF_A_DEFAULT = ("model", "display_name", "context_limit", "compression_threshold")


async def same_default(t: Case, twin: Session) -> None:
    """Make the reference's default model like the target's, which turns run on whose model is gone. Raises Unmet."""
    ours = _Play(twin, t.spec)
    theirs, own = [await _default(one) for one in (t, ours)]
    if theirs and own:
        wanted = {key: theirs[key] for key in _OF_A_DEFAULT if theirs.get(key)}
        body = wanted | {"model_config": theirs.get("model_config") or {}}
        t.given(await ours.root.patch(models_path(ours, own["id"]), body))


async def _default(t: Case) -> dict[str, Any]:
    """The default model of a server; empty when it has none."""
    return next((dict(m) for m in await all_models(t) if m["is_default"]), {})


def _texts(socket: Socket) -> list[str]:
    parts = [e.get("message_part") for e in socket.events if e.get("type") == "message_part"]
    return ["".join(str((p.get("part") or {}).get("text") or "") for p in parts if isinstance(p, dict))]


async def both(one: Any, other: Any) -> tuple[Any, Any]:
    """Do the same on both sides at once; the first error is raised when both have ended."""
    done = await asyncio.gather(one, other, return_exceptions=True)
    for result in done:
        if isinstance(result, BaseException):
            raise result
    return done[0], done[1]


def body_of(exchange: Exchange) -> Any:
    """The JSON of an answer; None where there is none."""
    body = exchange.response.body
    return body if isinstance(body, dict | list) else None


__all__ = ["NoReference", "Side", "Unmet", "body_of", "both", "reference"]
