"""The scripted LLM: a provider's address that plays scripts, and a control address of its own."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import TracebackType
from typing import Any

from fake_server.llm.calls import Call, classify, pairing_problems
from fake_server.llm.control import Control
from fake_server.llm.director import Decision, Director, Leftover, Refused, applies
from fake_server.llm.gates import Deadline, Gates
from fake_server.llm.http import HttpServer, Reply, Request, read_json
from fake_server.llm.journal import Entry, Journal
from fake_server.llm.orders import Order, Orders
from fake_server.llm.play import Ended, Player
from fake_server.llm.script import UNSET, HttpError, Pacing, StreamError, Text, Turn
from fake_server.llm.wires import make_wires
from fake_server.llm.wires.base import CREATED, BadRequest, Ids, Wire, dumps

Json = Any
MODELS = ("fake-model", "gpt-4o", "claude-sonnet-4-5")
GATE_SECONDS = 120.0  # on a busy machine a case may need half a minute for what it does while a model waits
_MODEL = re.compile(r"/models/([^/]+)$")


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class ScriptedLLM:
    """`async with ScriptedLLM() as llm:` gives `llm.base_url` (with /v1) and `llm.control_url`, both on free ports.

    `control_token`: what requests to the control address must bring; empty: nothing.
    In process, `journal`, `gates`, `order` and `leftovers` do what the control address does over HTTP.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        control_port: int = 0,
        *,
        control_host: str = "127.0.0.1",
        control_token: str = "",
        seed: int = 0,
        gate_seconds: float = GATE_SECONDS,
        strict: bool = False,
        babble: bool = False,
        pacing: Pacing | None = None,
        models: Iterable[str] = MODELS,
    ) -> None:
        self.host, self.port = host, port
        self.control_host, self.control_port = control_host, control_port
        self.seed, self.pacing, self.models = seed, pacing, list(models)
        self.gates = Gates(gate_seconds)
        self.journal = Journal()
        self.orders = Orders()
        self.director = Director(self.orders, strict=strict, babble=seed if babble else None)
        self._wires = make_wires()
        self._public = HttpServer(self._serve)
        self.control_token = control_token
        self._control = HttpServer(Control(self, control_token).serve)

    # -- life

    async def start(self) -> ScriptedLLM:
        """Listen on both addresses. Raises OSError when one can't be had."""
        self.port = await self._public.start(self.host, self.port)
        try:
            self.control_port = await self._control.start(self.control_host, self.control_port)
        except OSError:
            await self._public.stop()
            raise
        return self

    async def stop(self) -> None:
        """Close both addresses and every connection; running answers end at once."""
        await self._public.stop()
        await self._control.stop()

    async def __aenter__(self) -> ScriptedLLM:
        return await self.start()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    @property
    def base_url(self) -> str:
        """The provider's address. Paths are served with and without /v1."""
        return _url(self.host, self.port) + "/v1"

    @property
    def control_url(self) -> str:
        return _url(self.control_host, self.control_port)

    async def wait_idle(self, seconds: float = 10.0) -> None:
        """Wait until no client is connected to the provider's address. Raises Deadline."""
        await self._public.idle(seconds)

    # -- orders from tests

    def order(self, reply: Json, *, name: str | None = None, times: int | None = None, **match: Json) -> Order:
        """Answer calls that match with `reply` (a text, a turn, turns or attempts). Raises BadScript."""
        value: dict[str, Json] = {"match": match, "reply": reply}
        if name is not None:
            value["name"] = name
        if times is not None:
            value["times"] = times
        return self.orders.add(value)[0]

    def leftovers(self, chat: str | None = None) -> list[Leftover]:
        """What a strict test must not leave behind, of one chat or of all."""
        found = self.director.leftovers(chat)
        for entry in self.journal.find(chat):
            found += [Leftover("problem", entry.chat, problem) for problem in entry.problems]
        if chat is None:
            found += [
                Leftover("gate", "", f"gate {gate.name!r} was opened but never reached")
                for gate in self.gates.all()
                if gate.open and not gate.reached
            ]
        return found

    def check(self, chat: str | None = None) -> None:
        """Fail when anything is left over. Raises AssertionError naming all of it."""
        found = self.leftovers(chat)
        if found:
            raise AssertionError("the scripted LLM has leftovers:\n" + "\n".join(f"- {one}" for one in found))

    def reset(self) -> None:
        """Forget orders, journal, gates and counts; running streams go on, their gates open."""
        self.gates.reset()
        self.orders.all.clear()
        self.director.clear()
        self.journal.clear()

    # -- the provider's address

    async def _serve(self, request: Request, reply: Reply) -> None:
        entry = self.journal.add(request.method, request.path, request.headers)
        try:
            await self._answer(request, reply, entry)
            self.journal.end(entry, "hung up" if reply.gone else "done")
        except Ended as end:
            self.journal.end(entry, str(end))
        except asyncio.CancelledError:
            self.journal.end(entry, "hung up" if reply.gone else "stopped")
            raise
        finally:
            self.journal.end(entry, "failed")

    async def _answer(self, request: Request, reply: Reply, entry: Entry) -> None:
        path = request.path
        wire = next((w for w in self._wires if path == w.path or path.endswith(f"/v1{w.path}")), None)
        if wire is None or request.method != "POST":
            self._plain(request, reply, entry, wire)
            return
        try:
            body = read_json(request.body)
            if not isinstance(body, dict):
                raise BadRequest("The body must be a JSON object.")
            call = wire.read(body, request.headers)
        except (ValueError, RecursionError) as problem:
            text = (
                str(problem)
                if isinstance(problem, BadRequest)
                else f"We could not parse the JSON body of your request: {problem}"
            )
            entry.problems.append(text)
            self._refuse(reply, entry, wire, HttpError(400, text))
            return
        call.purpose = classify(call)
        call.problems += pairing_problems(call)
        self.director.number(call)
        self.journal.describe(entry, call, len(request.body))
        if call.problems and (wire.name == "responses" or self.director.strict):
            # This provider checks the history itself; the others only note it, as their clients send such histories.
            self._refuse(reply, entry, wire, HttpError(400, call.problems[0]))
            return
        try:
            decision = self.director.decide(call)
        except Refused as refusal:
            self._refuse(reply, entry, wire, HttpError(400, str(refusal), code="scripted_llm"))
            return
        entry.by = decision.by
        await self._play(wire, call, decision, reply, entry)

    async def _play(self, wire: Wire, call: Call, decision: Decision, reply: Reply, entry: Entry) -> None:
        turn = self._paced(decision.turn)
        seed = self.seed if turn.seed is None else turn.seed
        ids = Ids(seed, call)
        player = Player(reply, self.gates, entry, turn, random.Random(f"{seed}:{call.fingerprint()}:{call.attempt}"))
        error = applies(turn.http_error, call)
        if error is not None:
            await player.whole(*self._error(wire, error))
            return
        if call.stream:
            await player.stream(wire.stream(turn, call, ids), wire)
            return
        try:
            await player.pauses(turn)
        except Deadline as problem:
            entry.problems.append(str(problem))
            self._refuse(reply, entry, wire, HttpError(500, str(problem), code="gate_not_opened"))
            raise Ended(str(problem)) from None
        broken = next((step for step in turn.steps if isinstance(step, StreamError)), None)
        if broken is not None:
            await player.whole(*self._error(wire, HttpError(broken.status, broken.message, broken.type, broken.code)))
            return
        body = b"" if turn.empty else dumps(wire.whole(turn, call, ids))
        await player.whole(200, body, [("content-type", "application/json")])

    def _paced(self, turn: Turn) -> Turn:
        """The turn with the pacing in force, its texts cut into tokens."""
        pacing = turn.pacing or self.pacing
        if pacing is None:
            return turn
        steps = [
            Text(step.text[i : i + pacing.chars]) if isinstance(step, Text) and pacing.chars else step
            for step in turn.steps
            for i in range(0, len(step.text) if isinstance(step, Text) and pacing.chars else 1, pacing.chars or 1)
        ]
        return replace(turn, steps=tuple(steps), pacing=pacing)

    def _error(self, wire: Wire, error: HttpError) -> tuple[int, bytes, list[tuple[str, str]]]:
        media = "application/json"
        if error.body is not UNSET:
            body = error.body.encode() if isinstance(error.body, str) else dumps(error.body)
        elif error.text is not None:
            body, media = error.text.encode("utf-8", "surrogatepass"), "text/plain"
        else:
            body = dumps(wire.error_body(error))
        headers = [("content-type", error.content_type or media), *error.headers]
        if error.retry_date is not None:
            at = datetime.now(UTC) + timedelta(seconds=error.retry_date)
            headers.append(("retry-after", format_datetime(at, usegmt=True)))
        return error.status, body, headers

    def _refuse(self, reply: Reply, entry: Entry, wire: Wire, error: HttpError) -> None:
        status, body, headers = self._error(wire, error)
        entry.status = status
        reply.whole(status, body, headers)
        self.journal.end(entry, f"refused: {error.message}")

    def _plain(self, request: Request, reply: Reply, entry: Entry, wire: Wire | None) -> None:
        """GET /models, and everything that is not here."""
        model = _MODEL.search(request.path)
        if request.method == "GET" and request.path.endswith("/models"):
            listed = [self._model(name) for name in self.models]
            ends = {"first_id": self.models[0], "last_id": self.models[-1]} if self.models else {}
            entry.status = 200
            reply.json(200, {"object": "list", "data": listed, "has_more": False, **ends})
            return
        if request.method == "GET" and model and model[1] in self.models:
            entry.status = 200
            reply.json(200, self._model(model[1]))
            return
        if wire is not None:
            self._refuse(reply, entry, wire, HttpError(405, f"{request.method} is not allowed here; use POST"))
            return
        text = f"Unknown request URL: {request.method} {request.path}"
        entry.problems.append(text)
        self._refuse(reply, entry, self._wires[0], HttpError(404, text, "invalid_request_error", "unknown_url"))

    def _model(self, name: str) -> dict[str, Json]:
        created = datetime.fromtimestamp(CREATED, UTC).isoformat().replace("+00:00", "Z")
        return {
            "id": name, "object": "model", "created": CREATED, "owned_by": "scripted-llm",
            "type": "model", "display_name": name, "created_at": created,
        }  # fmt: skip
