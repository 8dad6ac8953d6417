"""Who acts, and the verbs of the domain: every verb is one request on the wire and gives its `Exchange`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from conformance.play.finding import plain
from conformance.play.finding import shown as short
from conformance.play.giving_up import LOST, Patience
from conformance.play.verdict import Absent, Unmet
from conformance.profiles import Dialect
from conformance.wire.exchange import ABSENT, Exchange, Request, SocketLog
from conformance.wire.feed import worded
from conformance.wire.http import BadAnswer, TargetUnreachable
from conformance.wire.lines import Lines, open_lines
from conformance.wire.patience import kind_of
from conformance.wire.socket import Socket, matches, open_socket

if TYPE_CHECKING:
    from conformance.play.case import Case

_GRACE = 1.0  # seconds for a chat of an unknown status to show another one

Params = Mapping[str, Any] | Iterable[tuple[str, str]]


def has_lost_a_turn(chat: Chat, said: Iterable[Exchange | SocketLog]) -> bool:
    """Did this chat rest, in these exchanges, with a user's message that got neither an answer nor an error?

    Real servers now and then interrupt an ordinary send, edit or promotion by themselves.
    """
    shown: dict[str, Any] | None = None
    for exchange in said:
        if isinstance(exchange, SocketLog) or exchange.request.method != "GET" or exchange.response.status != 200:
            continue
        body = exchange.response.body
        if not isinstance(body, dict):
            continue
        if exchange.request.path == chat.path:
            shown = body
        elif exchange.request.path == chat.url("listMessages") and shown is not None and chat.dialect.lost_turn(shown, body):
            return True
    return False


def may_hold_a_place(chat: Chat, said: Sequence[Exchange | SocketLog]) -> bool:
    """May a turn of this chat still run, or wait for its client, by what was said of it last in these exchanges?"""
    statuses = chat.case.session.traits["statuses"]
    for exchange in reversed(said):
        if isinstance(exchange, SocketLog) or not isinstance(exchange.response.body, dict):
            continue
        if exchange.response.body.get("id") == chat.id:
            return exchange.response.body.get("status") not in (statuses["idle"], statuses["failed"])
        if exchange.request.method != "GET" and exchange.request.path.startswith(f"{chat.path}/"):
            return True
    return True


def text(value: str) -> dict[str, str]:
    """A text part, as a client sends it."""
    return {"type": "text", "text": value}


def parts(content: Any) -> Any:
    """A string stands for one text part; anything else is sent as it is."""
    return [text(content)] if isinstance(content, str) else content


def _without_absent(body: Any) -> Any:
    return {k: v for k, v in body.items() if v is not ABSENT} if isinstance(body, dict) else body


def pairs(params: Params) -> list[tuple[str, str]]:
    items = params.items() if isinstance(params, Mapping) else params
    return [(k, str(v)) for k, v in items]


class Actor:
    """A user of the target (or nobody, without a token) within one case."""

    def __init__(self, case: Case, name: str | None, user_id: str = "", token: str = "", username: str = "") -> None:
        self.case, self.name, self.token = case, name, token
        self._id, self._username = user_id, username

    @property
    def id(self) -> str:
        """Raises Unmet where neither the target file nor the server tells it."""
        return self._known(self._id, "id")

    @property
    def username(self) -> str:
        """Raises Unmet where neither the target file nor the server tells it."""
        return self._known(self._username, "username")

    def _known(self, value: str, what: str) -> str:
        if self.name and not value:
            raise Unmet(f"the target file has no {what} for {self.name}, and the server does not tell it")
        return value

    def _headers(self, extra: Mapping[str, str] | None, auth: bool) -> dict[str, str]:
        headers = dict(extra or {})
        if auth and self.token:
            headers.setdefault(self.case.session.traits["token_header"], self.token)
        return headers

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Params = (),
        body: Any = ABSENT,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        auth: bool = True,
    ) -> Exchange:
        """One request. `body` is sent as JSON, `content` as it is; `auth=False` leaves the token out."""
        request = Request(method, path, pairs(params), self._headers(headers, auth), body, content)
        patient = not self.case.provokes_limits
        session = self.case.session
        try:
            with session.liveness.asking():
                exchange = await session.wire.send(request, actor=self.name, case=self.case.name, patient=patient)
        except (TargetUnreachable, BadAnswer) as error:
            self.case.noted(error)
            raise
        self.case.note(exchange)
        return exchange

    async def get(self, path: str, **options: Any) -> Exchange:
        return await self.request("GET", path, **options)

    async def post(self, path: str, body: Any = ABSENT, **options: Any) -> Exchange:
        return await self.request("POST", path, body=body, **options)

    async def put(self, path: str, body: Any = ABSENT, **options: Any) -> Exchange:
        return await self.request("PUT", path, body=body, **options)

    async def patch(self, path: str, body: Any = ABSENT, **options: Any) -> Exchange:
        return await self.request("PATCH", path, body=body, **options)

    async def delete(self, path: str, **options: Any) -> Exchange:
        return await self.request("DELETE", path, **options)

    @property
    def dialect(self) -> Dialect:
        return self.case.session.dialect

    def creation(self, content: Any = "Hello there", mark: str = "", **fields: Any) -> dict[str, Any]:
        """The body of a create, with what the revision asks for filled in; a field given as ABSENT is left out."""
        body = _without_absent(self.dialect.creation(self.case.session.target, parts(content), fields))
        return self.dialect.marked(body, mark) if mark else body

    async def create(self, content: Any = "Hello there", mark: str = "", **fields: Any) -> Exchange:
        """Create a chat; `marked` finds it by its mark."""
        body = self.creation(content, mark, **fields)
        answer = await self.post(self.case.url("createChat"), body)
        made = answer.response.body
        if self.case.succeeded(answer) and isinstance(made, dict) and isinstance(made.get("id"), str):
            self.case.chats.append(Chat(self, made["id"]))
        return answer

    async def marked(self, mark: str, **params: Any) -> Any:
        """The actor's chats that were created with this mark, as the list shows them. Raises Failure."""
        answer, found = await self.dialect.with_mark(self, mark, **params)
        self.case.accepted(answer)
        return found

    async def list(self, **params: Any) -> Exchange:
        return await self.get(self.case.url("listChats"), params=params)

    async def upload(self, data: bytes, media_type: str = "text/plain", name: str = "notes.txt", **options: Any) -> Exchange:
        headers = {"content-type": media_type, "content-disposition": f'attachment; filename="{name}"'}
        params = {"organization": self.case.session.target.organization_id}
        return await self.request(
            "POST",
            self.case.url("uploadFile"),
            params=params,
            content=data,
            headers=headers | options.pop("headers", {}),
            **options,
        )

    async def socket(self, path: str, *, params: Params = (), headers: Mapping[str, str] | None = None, **options: Any) -> Socket:
        """Open a socket; it is closed at the end of the case if the case does not."""
        request = Request("GET", path, pairs(params), self._headers(headers, options.pop("auth", True)))
        session = self.case.session
        try:
            with session.liveness.asking():
                socket = await open_socket(
                    session.wire,
                    request,
                    actor=self.name,
                    case=self.case.name,
                    deadline=self.case.deadline,
                    declared=session.feed(request),
                    **options,
                )
        except TargetUnreachable as error:
            self.case.noted(error)
            raise
        socket.patience = lambda: Patience(self.case)
        self.case.note(socket.log)
        self.case.cleanup(socket.aclose)
        return socket

    async def lines(
        self, path: str, body: Any = ABSENT, *, params: Params = (), headers: Mapping[str, str] | None = None, auth: bool = True
    ) -> Lines:
        """POST where the profile declares that the answer streams; it is closed at the end of the case if the case does not."""
        request = Request("POST", path, pairs(params), self._headers(headers, auth), body)
        session = self.case.session
        declared = session.feed(request)
        assert declared is not None, f"the profile declares no feed at {path}"
        try:
            with session.liveness.asking():
                opened = await open_lines(
                    session.wire, request, declared, actor=self.name, case=self.case.name, deadline=self.case.deadline
                )
        except TargetUnreachable as error:
            self.case.noted(error)
            raise
        opened.patience = lambda: Patience(self.case)
        self.case.note(opened.exchange)
        self.case.cleanup(opened.aclose)
        return opened

    async def watch(self) -> Socket:
        """The actor's watch feed, subscribed: the socket is open and has answered a ping."""
        socket = await self.socket(self.case.url("watchChats"))
        if socket.opened:
            await socket.ping()
        return socket


class Chat:
    """A chat as one actor sees it."""

    def __init__(self, actor: Actor, chat_id: str, opening: Any = "") -> None:
        """`opening`: its first message, so far as known."""
        self.actor, self.id = actor, chat_id
        self.opening = "\n".join(str(p["text"]).strip() for p in parts(opening) if "text" in p) if opening else ""
        self.case = actor.case

    @property
    def path(self) -> str:
        return self.url("getChat")

    def url(self, operation: str, **values: Any) -> str:
        """The path of an operation on this chat; further places of it get these values."""
        return self.case.url(operation, chat=self.id, **values)

    @property
    def dialect(self) -> Dialect:
        return self.actor.dialect

    def by(self, actor: Actor) -> Chat:
        """The same chat through another actor's eyes."""
        return Chat(actor, self.id, self.opening)

    async def get(self) -> Exchange:
        return await self.actor.get(self.path)

    async def patch(self, **fields: Any) -> Exchange:
        return await self.actor.patch(self.url("patchChat"), fields)

    async def send(self, content: Any = "Hello again", **fields: Any) -> Exchange:
        body = self.dialect.sending(self.case.session.target, parts(content), fields)
        return await self.actor.post(self.url("sendMessage"), body)

    async def messages(self, **params: Any) -> Exchange:
        return await self.actor.get(self.url("listMessages"), params=params)

    async def edit(self, message_id: Any, content: Any = "Edited", **fields: Any) -> Exchange:
        return await self.actor.patch(self.url("editMessage", message=message_id), {"content": parts(content)} | fields)

    async def prompts(self, **params: Any) -> Exchange:
        return await self.actor.get(self.url("listPrompts"), params=params)

    async def interrupt(self) -> Exchange:
        return await self.actor.post(self.url("interruptChat"))

    async def stop(self) -> None:
        """Take back what is queued and end the turn; one that waited for its client runs on until it is told again."""
        for queued in (await self.messages(limit=1)).response.body["queued_messages"]:
            await self.unqueue(queued["id"])
        for _ in range(3):
            told = (await self.interrupt()).response
            if told.status != 200 or told.body["status"] != self.case.running:
                return

    async def promote(self, queue_id: Any) -> Exchange:
        return await self.actor.post(self.url("promoteQueuedMessage", queuedMessage=queue_id))

    async def unqueue(self, queue_id: Any) -> Exchange:
        return await self.actor.delete(self.url("deleteQueuedMessage", queuedMessage=queue_id))

    async def tool_results(self, results: Any) -> Exchange:
        return await self.actor.post(self.url("submitToolResults"), {"results": results})

    async def regenerate(self) -> Exchange:
        return await self.actor.post(self.url("regenerateTitle"))

    async def retitle(self) -> Exchange:
        """A title of the model that the chat keeps: regenerated, or else proposed and stored. The answer shows the chat."""
        if self.case.offers("regenerateTitle"):
            return await self.regenerate()
        proposed = await self.propose()
        title = proposed.response.body.get("title") if proposed.response.ok else ""
        if not title:
            return proposed
        stored = await self.patch(title=title)
        return await self.get() if stored.response.ok else stored

    async def propose(self) -> Exchange:
        return await self.actor.post(self.url("proposeTitle"))

    async def diff(self) -> Exchange:
        return await self.actor.get(self.url("getChatDiff"))

    async def acl(self) -> Exchange:
        return await self.actor.get(self.url("getChatACL"))

    async def set_acl(self, *, users: Any = ABSENT, groups: Any = ABSENT) -> Exchange:
        body = {"user_roles": users, "group_roles": groups}
        return await self.actor.patch(self.url("patchChatACL"), _without_absent(body))

    async def model_calls(self, purpose: str = "turn", wait: int = 0) -> list[dict[str, Any]]:
        """The requests for this chat that the scripted LLM received; waits until there are `wait` of them. Raises Unmet."""
        return await self.case.llm.journal(self.id, opening=self.opening, purpose=purpose, wait=wait)

    async def stream(self, **options: Any) -> Socket:
        return await self.dialect.stream(self, **options)

    # -- preconditions: raise Unmet, so that what they rest on is never blamed on the requirement under judgement --

    async def shared_with(self, actor: Actor) -> Chat:
        """The chat through the eyes of `actor`, who now may read it. Raises Unmet."""
        answer = await self.set_acl(users={actor.id: "read"})
        if not self.case.succeeded(answer):
            raise Unmet(f"sharing answered {answer.response.status}")
        return self.by(actor)

    async def settled(self, *status: str, **fields: Any) -> dict[str, Any]:
        """Poll until the chat rests (or has one of these statuses) and shows `fields`; gives the chat. Raises Unmet."""
        if unknown := sorted({*status} - {*self.case.busy, *self.case.rest}):
            raise Unmet(f"this revision has no status {' or '.join(unknown)}")
        what = "status " + " or ".join(status or self.case.session.traits["rest_statuses"])
        what += f" and {worded(fields)}" if fields else ""

        if self.actor.name != "root" and not self.case.session.traits.get("titles_members_chats", True):
            fields.pop("title", None)  # no model is asked for one

        def reached(chat: dict[str, Any]) -> bool:
            resting = chat.get("status") in status if status else self.dialect.at_rest(chat)
            return resting and matches(fields, chat)

        return await self.when(reached, what)

    async def finished(self, **fields: Any) -> dict[str, Any]:
        """Wait until the last turn has ended well and its summary is there, if chats have one; gives the chat. Raises Unmet."""
        summary = {"last_turn_summary": bool} if "last_turn_summary" in self.case.session.known_keys else {}
        return await self.settled(self.case.idle, **summary, **fields)

    async def children(self, n: int = 1) -> list[dict[str, Any]]:
        """The chats of its sub-agents, oldest first, once there are `n` of them, at once if none need be. Raises Unmet."""
        pause = 0.015
        try:
            async with asyncio.timeout(self.case.deadline) as limit:
                while True:
                    shown = self.case.given(await self.get())
                    found = await self.dialect.children(self, shown)
                    if len(found) >= n:
                        return found
                    self.hurry(shown, limit)
                    await asyncio.sleep(pause)  # there is no event for it that holds for every server state
                    pause = min(pause * 1.5, 0.25)
        except TimeoutError:
            raise self.missed(f"the chat did not reach {n} children") from None

    async def when(self, reached: Any, what: str) -> dict[str, Any]:
        """Poll GET until `reached(chat)`; gives the chat. Raises Unmet with the last answer."""
        pause, lost, why = 0.015, Patience(self.case), ""
        seen: Any = None
        kind, patience = f"chat {kind_of(what)}", self.case.session.wire.patience
        wanted = patience.of(kind, self.case.deadline)
        try:
            async with asyncio.timeout(wanted) as limit:
                while True:
                    answer = await self.get()
                    seen = answer.response.body if answer.response.status == 200 else answer.response.status
                    if isinstance(seen, dict) and reached(seen):
                        patience.met(kind)
                        return seen
                    if await lost.ended():
                        why = f"since {LOST}"
                        raise TimeoutError
                    self.hurry(seen, limit)
                    # the API has no event that holds for every server state, so GET is asked again, ever more rarely
                    await asyncio.sleep(pause)
                    pause = min(pause * 1.5, 0.25)
        except TimeoutError:
            if not why:
                last = (await self.get()).response  # the answer that was awaited may itself have been late
                if last.status == 200 and isinstance(last.body, dict) and reached(last.body):
                    return last.body
                patience.vain(kind, self.case.name)
            seen = {k: seen.get(k) for k in ("status", "title", "last_error")} if isinstance(seen, dict) else seen
            shown = short(plain(seen))
            raise self.missed(f"the chat did not reach {what} {why or f'within {wanted:g} s'}; last seen: {shown}") from None

    def missed(self, text: str) -> Unmet:
        """What to raise where something was waited for in vain that a script may have ordered."""
        kind = self.case.session.target.llm.kind
        return Unmet(text) if kind == "scripted" else Absent(f"{text}; the target's LLM is {kind}, not scripted")

    def hurry(self, seen: Any, limit: asyncio.Timeout) -> None:
        """A chat whose status this API does not know is not waited for long: nothing will come of it."""
        traits = self.case.session.traits
        if not isinstance(seen, dict) or seen.get("status") in (*traits["busy_statuses"], *traits["rest_statuses"]):
            return
        patience, now, until = self.case.session.wire.patience, asyncio.get_running_loop().time(), limit.when()
        grace = patience.of("unknown status", _GRACE, 0.1)
        if until is not None and until > now + grace:
            limit.reschedule(now + grace)
            patience.vain("unknown status", self.case.name)

    async def history(self) -> list[dict[str, Any]]:
        """The visible messages, oldest first. Raises Unmet."""
        answer = await self.all_messages()
        if not self.case.succeeded(answer):
            raise Unmet(f"listing messages answered {answer.response.status}")
        try:
            return self.dialect.history(answer.response.body)
        except (AttributeError, TypeError):
            raise Unmet(f"listing messages answered {answer.response.status} with something else") from None

    async def all_messages(self) -> Exchange:
        """List as many of the newest messages as one answer gives."""
        bounds = self.case.session.profile.table("limits").get("messages.limit")
        return await self.messages(**({"limit": bounds["max"]} if bounds else {}))

    async def stands_still(self) -> bool:
        """Does the chat rest now, with a user's message that got neither an answer nor an error? Asks anew."""
        return has_lost_a_turn(self, [await self.get(), await self.all_messages()])

    async def kept_its_turn(self) -> None:
        """The turn of this chat, which rests, did not get lost. Raises Unmet."""
        if await self.stands_still():
            raise Unmet(LOST)

    async def lost_a_turn(self) -> bool:
        """Does the chat show now, or has it shown, a user's message that got neither an answer nor an error? Asks anew."""
        await self.get()
        await self.all_messages()
        return has_lost_a_turn(self, self.case.exchanges)

    async def answered(self, content: Any) -> None:
        """Wait until the turn that `content` ordered has ended; a lost one is ordered again by an edit. Raises Unmet."""
        for _ in range(5):
            await self.settled()
            last = (await self.history())[-1:]
            if not last or last[0].get("role") != "user" or not await self.lost_a_turn():
                return
            await self.edit(last[0]["id"], content)
        raise Unmet("five turns in a row got no reply")

    async def turn(
        self, content: Any = "Hello again", status: tuple[str, ...] = (), tries: int = 3, **fields: Any
    ) -> dict[str, Any]:
        """Send on an idle chat and wait until its turn has ended. Raises Unmet.

        A real server now and then interrupts an ordinary send by itself; such a turn is ordered once more, unless `tries` is
        1: where the messages are counted, the whole case is played again instead.
        """
        for _ in range(tries):
            before = await self.history()
            answer = await self.send(content, **fields)
            if not self.case.succeeded(answer) or not isinstance(answer.response.body, dict):
                raise Unmet(f"the send answered {answer.response.status}")
            chat = await self.settled(*status)
            added = (await self.history())[len(before) :]
            if chat["status"] != self.case.idle or any(m.get("role") != "user" for m in added):
                return chat
        raise Unmet("no reply to a send" if tries == 1 else f"no reply to {tries} sends in a row")
