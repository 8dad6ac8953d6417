"""The context of one case: actors, judgements and what belongs to this case alone."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from conformance.needs import no_token
from conformance.play.actors import Actor, Chat, may_hold_a_place
from conformance.play.declaration import CaseSpec
from conformance.play.evidence import as_failure, differing, fill, unheld, wrong_status
from conformance.play.finding import Words, type_name
from conformance.play.llm_control import LlmControl
from conformance.play.meaning import difference
from conformance.play.odd_answers import reads_an_answer, without_answer
from conformance.play.offers import Offers
from conformance.play.races import Sight, signs_in
from conformance.play.refused import judge_refusal
from conformance.play.verdict import HARNESS_ERROR, NOT_APPLICABLE, PASS, UNTESTABLE, Absent, Check, Failure, Unmet, failed
from conformance.run.target import chat_roles
from conformance.wire.exchange import ABSENT, Exchange, SocketLog
from conformance.wire.http import BadAnswer, ConnectionLost, TargetUnreachable
from conformance.wire.patience import kind_of
from conformance.wire.socket import NotSeen

if TYPE_CHECKING:
    from conformance.run.session import Session

_LAST_WORDS = 0.5  # seconds for a case to clean up in a run that was broken off
_KEPT = 4 * 2**20  # bytes of earlier answers that a case keeps for its verdict
_SAME_PLACE = 3  # plays that lost the connection at the same request: it is the target that hangs up
_serials = itertools.count(1)
Maker = Callable[["Case", Any, Actor, dict[str, Any]], Awaitable[Chat]]  # of the first message, its author, and further fields


class Case(Offers):
    """`t` in every case: who acts, what is judged, what was said."""

    def __init__(self, session: Session, spec: CaseSpec, attempt: int = 1) -> None:
        self._serial, self._words = next(_serials), itertools.count(1)
        self.session, self.spec, self.attempt = session, spec, attempt
        self.name = spec.name
        self.checks: list[Check] = []
        self.exchanges: list[Exchange | SocketLog] = []
        self.chats: list[Chat] = []  # those that this case made
        self.signs: set[str] = set()  # the declared races that showed in this play
        self._gates: list[str] = []
        self.unanswered = False  # some request got no answer
        self.broken = ""  # the request at which our connection was lost: the play is none
        self._held, self._slim = 0, 0
        self._cleanups: list[Callable[[], Awaitable[Any]]] = []
        self._shaky = False  # something that is not judged here went wrong: what rests on it is nobody's fault
        self._began = time.monotonic()
        self.maker: Maker = Case.created  # where the chats come from that this case plays on

    @property
    def deadline(self) -> float:
        """Seconds to wait for something that must come; scaled by how fast this target answers."""
        return self.session.deadline

    @property
    def provokes_limits(self) -> bool:
        """Is the server's rate limiter itself what this case is about?"""
        rows = self.session.profile.requirements
        return any("rate-limits" in rows[r].needs for r in self.spec.requirements)

    # -- actors ----------------------------------------------------------------------------------

    def actor(self, name: str) -> Actor:
        """The actor of that name. Raises Unmet when the target file has none."""
        user = self.session.target.users.get(name)
        if user is None or not user.token:
            raise Absent(no_token(name))
        return Actor(self, name, user.id, user.token, user.username)

    @property
    def alice(self) -> Actor:
        return self.actor("alice")

    @property
    def bob(self) -> Actor:
        return self.actor("bob")

    @property
    def root(self) -> Actor:
        return self.actor("root")

    @property
    def titled(self) -> Actor:
        """Somebody whose chats a model makes titles for."""
        return self.alice if self.session.traits.get("titles_members_chats", True) else self.root

    @property
    def nobody(self) -> Actor:
        return Actor(self, None)

    @property
    def llm(self) -> LlmControl:
        """The control address of the scripted LLM. Raises Unmet when the target has none."""
        if not self.session.target.llm.control_url:
            raise Absent("the target file names no llm.control_url")
        return LlmControl(self.session, self.session.target.llm.control_url, self)

    @property
    def busy(self) -> tuple[str, ...]:
        """The statuses of a chat in which a turn waits or runs."""
        return tuple(self._statuses["busy"])

    @property
    def rest(self) -> tuple[str, ...]:
        """The statuses of a chat in which no turn waits or runs."""
        return tuple(self._statuses["rest"])

    @property
    def final(self) -> tuple[str, ...]:
        """The statuses that a turn ends with."""
        return tuple(self._statuses["final"])

    @property
    def idle(self) -> str:
        """The status of a chat whose last turn has ended well, or was ended by its user."""
        return str(self._statuses["idle"])

    @property
    def running(self) -> str:
        """The status of a chat whose turn runs."""
        return str(self._statuses["active"])

    @property
    def _statuses(self) -> dict[str, Any]:
        found: dict[str, Any] = self.session.traits["statuses"]
        return found

    @property
    def chat_roles(self) -> tuple[str, ...]:
        """The roles in the organization that a member needs to have chats."""
        return tuple(chat_roles(self.session.traits))

    def unique(self, stem: str = "c") -> str:
        """A word that no other case of this run uses; short, since long prompts get no generated title."""
        return f"{stem}-{self.session.run_id}-{self._serial:x}-{next(self._words)}"

    def named(self, stem: str) -> str:
        """A name of something on the server that outlives no run: by the prefix of the target it is found if one was killed."""
        return f"{self.session.target.prefix}-{self.unique(stem)}"

    def gate(self) -> str:
        """The name of a gate of this case's own; opened at its end, if nothing else has opened it."""
        name = self.unique("gate")
        self._gates.append(name)
        self.cleanup(lambda: self.llm.open(name))
        return name

    # -- preconditions -----------------------------------------------------------------------------

    async def new_chat(self, content: Any = "Hello there", by: Actor | None = None, **fields: Any) -> Chat:
        """A chat just created (`mark`: see Actor.create); its first turn may still run. Raises Unmet."""
        return await self.maker(self, content, by or self.alice, fields)

    async def created(self, content: Any, actor: Actor, fields: dict[str, Any]) -> Chat:
        """A chat just created by this actor; its first turn may still run. Raises Unmet."""
        answer = await actor.create(content, **fields)
        body = answer.response.body
        if not self.succeeded(answer) or not isinstance(body, dict) or not isinstance(body.get("id"), str):
            raise Unmet(f"creating a chat answered {answer.response.status}")
        chat = Chat(actor, body["id"], content)
        await self.session.dialect.begin(chat, content, fields)
        return chat

    async def chat(self, content: Any = "Hello there", by: Actor | None = None, **fields: Any) -> Chat:
        """A chat whose first turn has ended. Raises Unmet."""
        chat = await self.new_chat(content, by, **fields)
        await chat.settled()
        return chat

    async def new_user(self, *org_roles: str) -> Actor:
        """A new member of the organization with these roles there, signed in; deleted at the end. Raises Unmet."""
        root, name, secret = self.root, self.named("u"), "SomeSecurePassword!"
        organization = self.session.target.organization_id
        body: dict[str, Any] = {"email": f"{name}@example.com", "username": name, "name": "Fresh", "password": secret}
        body |= {"login_type": "password", "user_status": "active", "organization_ids": [organization]}
        made = self.given(await root.post(self.url("createUser"), body))
        self.cleanup(lambda: root.delete(self.url("deleteUser", user=made["id"])))
        if org_roles:
            roles = self.url("putMemberRoles", organization=organization, user=made["id"])
            self.given(await root.put(roles, {"roles": list(org_roles)}))
        login = {"email": body["email"], "password": secret}
        token = self.given(await self.nobody.post(self.url("loginUser"), login))["session_token"]
        self.session.redactor.learn(name, token)
        return Actor(self, name, made["id"], token, name)

    def given(self, exchange: Exchange, *status: int) -> Any:
        """A precondition: this exchange was answered so, or with a success of its operation; gives the body. Raises Unmet."""
        if not (exchange.response.status in status if status else self.succeeded(exchange)):
            raise Unmet(f"{exchange.request.method} {exchange.request.path} answered {exchange.response.status}")
        return exchange.response.body

    def message(self, body: Any) -> dict[str, Any]:
        """The message in the answer to a send, an edit or a promotion. Raises Failure."""
        found = self.session.dialect.message(body)
        if not found:
            there = sorted(body) if isinstance(body, dict) else body
            raise Failure(
                "the answer has no message", kind="missing-key", expected=Words("a message"), actual=there, hints=[(body, "")]
            )
        return found

    def succeeded(self, exchange: Exchange) -> bool:
        """Was this answered with a success, one of its operation if the documents know that?"""
        status, documented = exchange.response.status, self._successes(exchange)
        return status in documented if documented else exchange.response.ok

    def cleanup(self, action: Callable[[], Awaitable[Any]]) -> None:
        """Do this when the case ends, last in first out; a failure in it changes no verdict."""
        self._cleanups.append(action)

    # -- judgement ---------------------------------------------------------------------------------

    def judges(self, requirement: str) -> bool:
        """Does this requirement hold in the profile? What would wait for what only another revision does asks before."""
        return requirement not in self.spec.silent

    @contextlib.contextmanager
    def judging(self, requirement: str) -> Iterator[None]:
        """Judge `requirement` by what happens in this block; a failure ends the block, not the case.

        A requirement that does not hold in the profile is not judged, and nothing comes of the block but what it does.
        """
        if requirement in self.spec.silent:
            with self._unjudged():
                yield
            return
        if requirement not in self.spec.requirements:
            raise RuntimeError(f"{self.name} judges {requirement} without declaring it")
        with self._verdict_of(requirement, len(self.exchanges)):
            yield

    @contextlib.contextmanager
    def _unjudged(self) -> Iterator[None]:
        try:
            yield
        except ConnectionLost as lost:
            self._hangs_up(lost)
            self._shaky = True
        except Exception:  # whatever the block asks for may be something that this revision does not know
            self._shaky = True

    @contextlib.contextmanager
    def _verdict_of(self, requirement: str, mark: int) -> Iterator[None]:
        try:
            yield
        except Unmet as unmet:
            self._add(requirement, _unmet(unmet), mark, reason=str(unmet))
        except ConnectionLost as lost:
            if self._hangs_up(lost):
                self._add_failure(requirement, lost, mark)
            else:
                self._add(requirement, UNTESTABLE, mark, reason=f"the connection was lost: {lost}")
        except (Failure, NotSeen, AssertionError, TargetUnreachable) as error:
            self.unanswered |= isinstance(error, TargetUnreachable)
            self._add_failure(requirement, error, mark)
        except UnboundLocalError:
            if not self._rests_on_a_failure():
                raise
            self._add(requirement, UNTESTABLE, mark, reason="it rests on what failed before")
        except Exception as error:
            if not reads_an_answer(error):
                self._add(requirement, HARNESS_ERROR, mark, reason=f"{type(error).__name__}: {error}")
                return
            self._add_failure(requirement, error, mark)
        else:
            self._add(requirement, PASS, mark)

    def expect(self, actual: Any, expected: Any, what: str, pointer: str = "") -> None:
        """The values say the same: times as moments, keys that the contract does not know left out. Raises Failure."""
        if type(actual) is type(expected) and actual == expected:
            return
        found = difference(actual, expected, self.session.known_keys)
        if found:
            raise differing(sys._getframe(1), what, found, actual, pointer)

    def exactly(self, actual: Any, expected: Any, what: str, pointer: str = "") -> None:
        """The user's, the client's or the model's own values are kept as they are, every key. Raises Failure."""
        if actual != expected or type(actual) is not type(expected):
            raise differing(sys._getframe(1), what, ("", actual, expected), actual, pointer)

    def alike(self, actual: Exchange, expected: Exchange, what: str) -> None:
        """Nobody can tell one answer from the other: status, media type, keys and values. Raises Failure."""
        one, other = actual.response, expected.response
        keys = [sorted(r.body) if isinstance(r.body, dict) else str(type_name(r.body)) for r in (one, other)]
        for this, that, of in (
            ((one.status, one.media_type), (other.status, other.media_type), "status and media type of "),
            (keys[0], keys[1], "the keys of "),
            (one.body, other.body, ""),
        ):
            if found := difference(this, that, self.session.known_keys):
                raise differing(None, f"{of}{what}", found, this, exchange=actual.id)

    def known(self, value: dict[str, Any]) -> dict[str, Any]:
        """What the contract knows of an object; a server may show more."""
        return {key: item for key, item in value.items() if key in self.session.known_keys}

    def looked(self, race: str, occasion: str, *, seen: bool) -> None:
        """Here the race of this name could have shown on this occasion, and did or did not; only measured."""
        self.session.races.sighted(Sight(race, occasion, seen, self.exchanges[-1].id, self.name))
        if seen:
            self.signs.add(race)

    def true(self, holds: Any, what: str, actual: Any = ABSENT, pointer: str = "") -> None:
        """The sentence `what` holds. Raises Failure."""
        if not holds:
            raise unheld(sys._getframe(1), what, actual, pointer)

    def accepted(self, exchange: Exchange, status: int = 0) -> Any:
        """This was answered with the success status of its operation, or with `status`; gives the body. Raises Failure."""
        response = exchange.response
        status = status or self._success(exchange)
        if response.status != status:
            raise wrong_status(exchange, status)
        return response.body

    def _success(self, exchange: Exchange) -> int:
        documented = self._successes(exchange)
        if len(documented) != 1:
            what = f"{exchange.request.method} {exchange.request.path}"
            raise RuntimeError(f"the documents give {what} the success statuses {documented}: say which one is meant")
        return documented[0]

    def _successes(self, exchange: Exchange) -> list[int]:
        match = self.session.documents.match(exchange.request.method, exchange.request.path)
        return [status for status in (match.operation.responses if match else ()) if 200 <= status < 300]

    def refused(self, exchange: Exchange, key: str, **places: Any) -> None:
        """This was refused as the row `key` of the refusal table says: status, structure and field names.

        Its wording is judged apart, under the row's own SHOULD requirement. Raises Failure.
        """
        prose = judge_refusal(self.session.profile, exchange, key, places)
        row = self.session.profile.errors[key]
        if row.prose and row.prose in self.session.profile.requirements:
            verdict = self._severity(row.prose) if prose else PASS
            self._add(row.prose, verdict, len(self.exchanges) - 1, failure=prose)

    def settle(
        self, requirement: str, verdict: str = "", *, reason: str = "", failure: Failure | None = None, said: Iterable[Any] = ()
    ) -> None:
        """Enter a verdict that was come to elsewhere, with the exchanges that show it; that of its level when it failed."""
        mark = len(self.exchanges)
        self.exchanges += said
        self._add(requirement, verdict or self._severity(requirement), mark, failure=failure, reason=reason)

    # -- bookkeeping --------------------------------------------------------------------------------

    def note(self, exchange: Exchange | SocketLog) -> None:
        self.exchanges.append(exchange)
        self._held += exchange.weight if isinstance(exchange, Exchange) else 0
        while self._held > _KEPT and self._slim < len(self.exchanges) - 1:  # an answer that is judged is held by the judge
            earlier = self.exchanges[self._slim]
            if isinstance(earlier, Exchange):
                self.exchanges[self._slim] = without_answer(earlier)
                self._held -= earlier.weight
                self.session.wire.room.give(earlier.weight, self.name)
            self._slim += 1

    def noted(self, error: TargetUnreachable | BadAnswer) -> None:
        """Take note of an exchange without an answer, or with one that can't be read."""
        if error.exchange is not None:
            self.note(error.exchange)

    def _hangs_up(self, lost: ConnectionLost) -> bool:
        """Has every play of this case lost its connection at the same request? That is no accident of the network."""
        request = lost.exchange.request if lost.exchange else None
        place = kind_of(f"{request.method} {request.path}") if request else ""
        places = self.session.lost_at.setdefault(self.name, {})
        places[self.attempt] = place
        last = [places.get(self.attempt - back) for back in range(_SAME_PLACE)]
        hangs_up = lost.sent and last == [place] * _SAME_PLACE
        self.broken = "" if hangs_up else place or "the first connection"
        return hangs_up

    def _severity(self, requirement: str) -> str:
        return failed(self.session.profile.requirements[requirement].level)

    def _add_failure(self, requirement: str, error: Exception, mark: int) -> None:
        self._add(requirement, self._severity(requirement), mark, failure=as_failure(error))

    def _add(self, requirement: str, verdict: str, mark: int, *, failure: Failure | None = None, reason: str = "") -> None:
        said = self.exchanges[mark:] or self.exchanges[-1:]
        if verdict == PASS and not said:
            verdict, reason = HARNESS_ERROR, "passed without an exchange with the target"
        check = self.session.check(requirement, verdict, self.name)
        check.reason, check.attempt = reason, self.attempt
        check.exchanges = [x.id for x in said]
        check.ms = round((time.monotonic() - self._began) * 1000, 1)
        if failure:
            fill(check, failure, self.exchanges, mark, self.session)
        self.checks.append(check)

    async def run(self) -> list[Check]:
        """Play the case; gives one check at least for each of its requirements. Never raises but for cancellation."""
        args = (self, self.spec.row) if self.spec.has_row else (self,)
        single = len(self.spec.requirements) == 1 and not self.spec.silent
        try:
            if single:
                with self._verdict_of(self.spec.requirements[0], 0):
                    await self.spec.function(*args)
            else:
                await self.spec.function(*args)
        except Unmet as unmet:
            self._rest(_unmet(unmet), str(unmet))
        except ConnectionLost as lost:
            self._hangs_up(lost)
            self._rest(UNTESTABLE, f"the connection was lost: {lost}")
        except (Failure, NotSeen, AssertionError, TargetUnreachable) as error:
            self.unanswered |= isinstance(error, TargetUnreachable)
            # outside every `judging` block: what the blocks rest on
            self._rest(UNTESTABLE, f"what it rests on went wrong: {as_failure(error)}")
        except UnboundLocalError as error:
            # what one block should have made and did not, another one uses
            told = self._rests_on_a_failure()
            self._rest(UNTESTABLE if told else HARNESS_ERROR, "it rests on what failed before" if told else f"unbound: {error}")
        except Exception as error:
            if reads_an_answer(error):
                self._rest(UNTESTABLE, f"what it rests on went wrong: {as_failure(error)}")
            else:
                self._rest(HARNESS_ERROR, f"{type(error).__name__}: {error}")
        finally:
            if not self.session.ended and any(check.verdict != PASS for check in self.checks):
                await self._look_for_races()
            await self._clean_up()
        for check in self.checks:
            if check.deciding:
                check.play = [self.exchanges[0].id, self.exchanges[-1].id]
        self._rest(HARNESS_ERROR, "the case ended without judging this")
        self._earn()
        return self.checks

    def _rests_on_a_failure(self) -> bool:
        return self._shaky or any(check.verdict != PASS for check in self.checks)

    async def _look_for_races(self) -> None:
        """Look again at the chats of a failed case, and for the signs of declared races in all that was said."""
        with contextlib.suppress(Exception):  # what it finds is no verdict
            for gate in self._gates:
                await self.llm.open(gate)
            for chat in self.chats[:20]:
                if self._gates:  # what a turn lost shows only when those behind it have ended
                    await chat.settled()
                await chat.stands_still()
        self.signs |= signs_in(self.session.traits, self.exchanges)

    def _earn(self) -> None:
        """A refusal passes only beside something that was accepted: a server that refuses everything is judged by nothing."""
        if any(_accepts(x) for x in self.exchanges):
            return
        for check in self.checks:
            if check.verdict == PASS:
                check.verdict, check.reason = UNTESTABLE, "nothing in this case was accepted, so that a refusal says nothing"

    def _rest(self, verdict: str, reason: str) -> None:
        done = {check.requirement for check in self.checks}
        for requirement in self.spec.requirements:
            if requirement not in done:
                self._add(requirement, verdict, 0, reason=reason)

    async def _free_places(self) -> None:
        """End turns that others would have to wait for, where the revision bounds how many there are at once."""
        for chat in self.chats if "turns.at-once" in self.session.profile.table("limits") else ():
            if may_hold_a_place(chat, self.exchanges):
                with contextlib.suppress(Exception):
                    await chat.stop()

    async def _clean_up(self) -> None:
        """Undo what the case has changed; in a run that was broken off only what can be done at once."""
        if self.session.gone is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS if self.session.ended else None):
                    for action in (self._free_places, *reversed(self._cleanups)):
                        with contextlib.suppress(Exception):
                            await action()
        self._cleanups.clear()
        if self.session.wire.room.leave(self.name) > _KEPT:
            gc.collect()  # what failed stands in cycles, which a run looks for rarely


def _unmet(unmet: Unmet) -> str:
    return NOT_APPLICABLE if isinstance(unmet, Absent) else UNTESTABLE


def _accepts(said: Exchange | SocketLog) -> bool:
    status = said.response.status if isinstance(said, Exchange) else said.handshake.status
    return 100 < status < 400
