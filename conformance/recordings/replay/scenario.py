"""Plays one recorded scenario against a target, row by row, and compares what came."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import spec
from conformance.play.llm_control import control_headers
from conformance.recordings.replay import answers, plan
from conformance.recordings.replay.binding import Bindings
from conformance.recordings.replay.compare import MISSING, Comparer, Difference, Rules, renamed
from conformance.recordings.replay.llm import compare_received
from conformance.recordings.replay.player import Socket, Unreachable
from conformance.recordings.replay.report import FileResult, RowResult
from conformance.recordings.replay.segments import Until
from conformance.recordings.replay.settings import header_rules, row_rules
from conformance.recordings.replay.sockets import Connection, compare_connection, snapshot_until
from conformance.recordings.replay.waiting import Poller
from conformance.recordings.replay.world import NotPossible, World
from conformance.wire.client import Answer, target_of
from conformance.wire.pointers import at
from fixtures.transcripts import Row, Transcript, kept_length, request_content
from spec.documents import documents
from spec.feeds import Feed, feeds
from spec.tables import stream_order

_MAX_SILENT = 3
# "DELETE /api/v2/templates/<tpl-b> as root"
_CALL = re.compile(r"(?P<method>[A-Z]+) (?P<path>/\S+) as (?P<user>\w+)")
_FRAME = re.compile(r"/frames/\d+(/\d+)?(?=/|$)")  # in a pointer: an event, alone in its frame or one of several
_NAMED = re.compile(r"<([\w-]+)>")


@dataclass(slots=True)
class _State:
    bindings: Bindings
    connections: dict[str, Connection] = field(default_factory=dict)
    background: dict[int, asyncio.Task[Answer]] = field(default_factory=dict)
    silent: int = 0
    disappointed: bool = False


class Scenario:
    """One file's replay. `play` never raises: what went wrong is in the result."""

    def __init__(self, transcript: Transcript, world: World) -> None:
        self.transcript, self.world = transcript, world
        self.result = FileResult(transcript.path.name)
        self.result.is_way = any("finding" in row.data for row in transcript.rows)
        self.rules = header_rules(transcript.head)
        self.feeds = feeds(spec.load(transcript.profile))

    async def play(self) -> FileResult:
        """Play all rows."""
        start = time.monotonic()
        if reason := plan.missing(self.transcript, self.world.target):
            self._leave_out(self.transcript.rows, reason)
            return self.result
        try:
            state = _State(await self.world.prepare(self.transcript.head))
        except (NotPossible, Unreachable) as error:
            self.result.remarks.append(str(error))
            for row in self.transcript.rows:
                self._cannot(row, str(error))
            return self.result
        try:
            await self._rows(state)
        except Unreachable as error:
            self.result.remarks.append(str(error))
        finally:
            for connection in state.connections.values():
                if connection.socket:
                    connection.socket.abort()
            for task in state.background.values():
                task.cancel()
            state.bindings.close()
        self.result.seconds = time.monotonic() - start
        return self.result

    def _leave_out(self, rows: tuple[Row, ...], reason: str) -> None:
        count = sum(row.kind in _COMPARED for row in rows)
        if count:
            self.result.left_out[reason] += count

    async def _rows(self, state: _State) -> None:
        rows = self.transcript.rows
        for index, row in enumerate(rows):
            if row.kind == "outside":
                if not await self._outside(row):
                    self._leave_out(rows[index:], "a state that only the database can make")
                    return
                continue
            if row.kind in ("llm_received", "gate", "control") and not self.world.target.llm.control_url:
                self._leave_out((row,), "the target file names no control address of the LLM")
                continue
            if state.silent >= _MAX_SILENT:
                for left in rows[index:]:
                    self._cannot(left, f"given up after {_MAX_SILENT} requests without an answer")
                return
            state.bindings.followed.clear()
            step = self._step(state, row, rows[index + 1 :])
            if step is None:
                continue
            try:
                await step
                if row.kind == "request":
                    state.silent = 0
            except Unreachable as error:
                state.silent += 1
                silent = row.kind == "request" and row.data["response"]["status"] == 0
                self._add(state, row, [] if silent else [Difference("", "an answer", str(error))])
            except Exception as error:  # one row must not spoil the others
                self._add(state, row, [Difference("", "an answer", f"replay failed: {error!r}")])

    async def _outside(self, row: Row) -> bool:
        """Make a state by a call that the recording only describes; False when that can't be done."""
        said = _CALL.fullmatch(str(row.data.get("outside", "")))
        if said is None:
            return False
        ids = self.transcript.head.get("templates") or {}
        path = _NAMED.sub(lambda name: str(ids.get(name[1], name[0])), said["path"])
        answer = await self.world.call(said["user"], said["method"], path)
        return answer.status < 300

    def _step(self, state: _State, row: Row, later: tuple[Row, ...]) -> Coroutine[Any, Any, None] | None:
        if row.kind == "request":
            return self._request(state, row)
        if row.kind == "wait":
            return self._wait(state, row, later)
        if row.kind == "pause":
            return asyncio.sleep(float(row.data.get("pause_ms", row.data.get("sleep_ms", 0))) / 1000)
        if row.kind == "open":
            return self._open(state, row)
        if row.kind == "until":
            return self._until(state, row, later)
        if row.kind == "send":
            return self._send(state, row)
        if row.kind == "socket":
            return self._socket(state, row)
        if row.kind == "gate":
            return self._gate(state, row)
        if row.kind == "llm_received":
            return self._llm_received(state, row)
        if row.kind == "control":
            return self._control(state, row)
        return None

    def _cannot(self, row: Row, reason: str) -> None:
        if row.kind in _COMPARED:
            self.result.rows.append(RowResult(row.line, _what(row), [Difference("", "an answer", reason)]))

    def _add(
        self, state: _State, row: Row, differences: list[Difference], *, racy: bool = False, still: bool | None = None
    ) -> None:
        """`still`: of a row that shows a failure, whether it does so here; None: if it is equal."""
        if row.kind not in _COMPARED:
            return
        racy = racy or bool(row.racy) or "racy" in self.transcript.needs
        result = RowResult(row.line, _what(row), differences, racy)
        result.follows = tuple(sorted(state.bindings.followed))
        result.finding = row.data.get("finding")
        result.still = result.finding is not None and (
            all(one.equal for one in (*self._answers, result)) if still is None else still
        )
        self.result.rows.append(result)

    @property
    def _answers(self) -> Iterator[RowResult]:
        """The rows so far that are requests: what came over sockets meanwhile is no step of the way to a failure."""
        return (row for row in self.result.judged if not row.what.startswith(("socket", "open")))

    def _remark(self, row: Row, text: str) -> None:
        self.result.remarks.append(f"row {row.line}: {text}")

    # -- requests ------------------------------------------------------------------------------------------

    def _credentials(self, state: _State, actor: str | None) -> dict[str, str]:
        if actor is None:
            return {}
        return {"Coder-Session-Token": state.bindings.tokens.get(actor, actor)}

    def _asked(self, state: _State, row: Row) -> tuple[str, str, dict[str, str], bytes | None]:
        """Method, target, headers and body of the request of a row, as this server is asked."""
        request, bindings = row.data["request"], state.bindings
        params = [
            (name, self._param(state, name, str(one)))
            for name, value in (request.get("params") or {}).items()
            for one in (value if isinstance(value, list) else [value])
        ]
        headers = self._credentials(state, row.actor)
        content = request_content(request)
        bytes_alone = {"content_base64", "content_encoding"} & request.keys() or "prefix_base64" in request.get("content_gen", {})
        if content is not None and not bytes_alone:
            content = bindings.sent(content.decode("utf-8", "surrogatepass")).encode("utf-8", "surrogatepass")
        if "body" in request:
            headers["Content-Type"] = "application/json"
            content = json.dumps(bindings.sent_value(request["body"])).encode()
        headers |= {name: bindings.sent(value) for name, value in (request.get("headers") or {}).items()}
        return request["method"], target_of(self._path(state, request["path"]), params), headers, content

    async def _exchange(self, state: _State, row: Row) -> Answer:
        method, target, headers, content = self._asked(state, row)
        return await self.world.wire.request(method, target, headers=headers, content=content)

    async def _answer_of(self, state: _State, row: Row) -> Answer:
        """The answer to a request; one that streams is read as it comes, with what was asked meanwhile."""
        if row.line in state.background:
            return await state.background.pop(row.line)
        if "lines" not in row.data["response"]:
            return await self._exchange(state, row)
        waiting = list(row.data.get("during", ()))

        async def meanwhile(seen: int) -> None:
            while waiting and waiting[0].get("after_lines", 0) <= seen:
                await self._request(state, Row(row.line, "request", waiting.pop(0)))

        asked = self._asked(state, row)
        return await answers.read(self.world.wire, *asked, meanwhile, row.data.get("abort_after_lines"))

    def _param(self, state: _State, name: str, value: str) -> str:
        return state.bindings.sent(state.bindings.number("message", value) if name in ("after_id", "before_id") else value)

    def _path(self, state: _State, path: str) -> str:
        plain, mark, query = path.partition("?")
        steps = plain.split("/")
        for index in range(1, len(steps)):
            if steps[index - 1] in ("messages", "queue"):
                kind = "queue" if steps[index - 1] == "queue" else "message"
                steps[index] = state.bindings.number(kind, steps[index])
            elif steps[index - 1] in ("users", "members"):
                steps[index] = self.world.names.get(steps[index], steps[index])
        pairs = []
        for pair in query.split("&") if mark else []:
            name, equals, value = pair.partition("=")
            if name in ("after_id", "before_id"):
                value = state.bindings.number("message", value)
            pairs.append(name + equals + value)
        return state.bindings.sent("/".join(steps) + mark + "&".join(pairs))

    async def _request(self, state: _State, row: Row) -> None:
        if "response" not in row.data:
            await answers.cut_off(self._exchange(state, row), row.data.get("abort_after_ms", 0) / 1000)
            return
        answer = await self._answer_of(state, row)
        followed = set(state.bindings.followed)
        differences = self._compare_answer(state, row, row.data["response"], answer)
        state.bindings.followed |= followed
        still = self._still(state, row, answer) if "finding" in row.data else None
        self._add(state, row, differences, still=still)

    def _still(self, state: _State, row: Row, answer: Answer) -> bool | None:
        """Does this answer show what the recorded one showed, at the place where that was wrong? None: no place is named."""
        recorded, pointer = row.data["response"], row.data["finding"].get("pointer", "")
        if answer.status != recorded["status"]:
            return False
        if row.data["finding"].get("finding") == "status":
            return True
        if not pointer or at(recorded.get("body"), pointer.rpartition("/")[0], MISSING) is MISSING:
            return None
        try:
            there, here = at(recorded["body"], pointer, MISSING), at(answer.json(), pointer, MISSING)
        except ValueError:
            return False
        if there is MISSING or here is MISSING:
            return there is here
        expected = renamed(state.bindings.expected_value(there), self.world.names)
        return not any(not d.soft for d in Comparer(state.bindings, Rules()).compare(expected, here))

    def _compare_answer(self, state: _State, row: Row, recorded: dict[str, Any], answer: Answer) -> list[Difference]:
        method = (row.data.get("request") or {}).get("method", "GET")
        rules = row_rules(self.rules, row, post=method == "POST")
        found = []
        if answer.status != recorded["status"]:
            found.append(Difference("status", recorded["status"], answer.status))
        media = str((recorded.get("headers") or {}).get("content-type", "")).split(";")[0].strip()
        if recorded.get("headers") and media != answer.media_type:
            found.append(Difference("media type", media, answer.media_type))
        found += self._compare_body(state, rules, recorded, answer, media)
        if found and answer.status != recorded["status"] and answer.status >= 400:
            found.append(Difference("body", MISSING, answer.content[:200].decode("utf-8", "replace"), soft=True))
        expected = recorded.get("body")
        if isinstance(expected, dict | list):
            state.bindings.lose(expected, row.line)
            _lose_numbers(state.bindings, expected, row.line)
        return found

    def _compare_body(
        self, state: _State, rules: Rules, recorded: dict[str, Any], answer: Answer, media: str
    ) -> list[Difference]:
        body = recorded.get("body", MISSING)
        if "lines" in recorded:
            wanted = renamed(state.bindings.expected_value(answers.recorded_lines(recorded)), self.world.names)
            return Comparer(state.bindings, rules).compare(wanted, answers.lines_of(answer.content))
        if "body_sha256" in recorded:
            digest = hashlib.sha256(answer.content).hexdigest()
            same = digest == recorded["body_sha256"]
            return [] if same else [Difference("body", f"{recorded['body_len']} recorded bytes", _bytes(answer))]
        if "body_base64" in recorded:
            same = base64.b64decode(recorded["body_base64"]) == answer.content
            return [] if same else [Difference("body", "the recorded bytes", _bytes(answer))]
        length = kept_length(body)
        if length is not None:
            same = len(answer.content) == length
            return [] if same else [Difference("body", f"{length} bytes", _bytes(answer))]
        if body is MISSING:
            return []
        if body == "" or (isinstance(body, str) and media != "application/json"):
            text = answer.content.decode("utf-8", "replace")
            return Comparer(state.bindings, rules).compare(state.bindings.constants(body), text)
        try:
            value = answer.json()
        except ValueError:
            return [Difference("body", "JSON", _bytes(answer))]
        expected = renamed(state.bindings.expected_value(body), self.world.names)
        return Comparer(state.bindings, rules).compare(expected, value)

    # -- waiting -------------------------------------------------------------------------------------------

    async def _wait(self, state: _State, row: Row, later: tuple[Row, ...]) -> None:
        form = row.data["wait"]
        if "background" in str(row.data.get("note", "")):
            started = next((r for r in later if r.data.get("background")), None)
            if started is not None and started.line not in state.background:
                state.background[started.line] = asyncio.create_task(self._exchange(state, started))
        if "chat" not in form and "list" not in form:
            await asyncio.sleep(float(form.get("ms", 1000 * form.get("seconds", 0))) / 1000)
            return
        poller = Poller(self.world.wire, self._credentials(state, row.actor), state.bindings, self.world.target.profile)
        if problem := await poller.wait(form, disappointed=state.disappointed):
            state.disappointed = True
            self._remark(row, f"waited in vain: {problem}")

    # -- sockets -------------------------------------------------------------------------------------------

    async def _upgrade(self, state: _State, row: Row, form: dict[str, Any]) -> Socket | Answer:
        headers = self._credentials(state, row.actor) if form.get("token_header", True) else {}
        headers |= {name: state.bindings.sent(value) for name, value in (form.get("headers") or {}).items()}
        target, pings = target_of(self._path(state, form["path"])), form.get("answer_pings", True)
        return await self.world.wire.open(target, list(headers.items()), feed=self._feed(form["path"]), answer_pings=pings)

    def _feed(self, path: str) -> Feed | None:
        match = documents(self.transcript.profile).match("GET", path)
        return self.feeds.get(match.operation.id) if match else None

    async def _open(self, state: _State, row: Row) -> None:
        form = row.data["open"]
        opened = await self._upgrade(state, row, form)
        connection = Connection(form["path"], opened if isinstance(opened, Socket) else None, row.line, self._feed(form["path"]))
        state.connections[form["conn"]] = connection
        if isinstance(opened, Answer):
            self._add(state, row, [Difference("status", 101, opened.status)])
        else:
            self._add(state, row, [])

    async def _until(self, state: _State, row: Row, later: tuple[Row, ...]) -> None:
        form = row.data["until"]
        connection = state.connections.get(form["conn"])
        if connection is None or connection.socket is None:
            return
        until = Until(tuple(form["all"]), float(form.get("quiet_ms", 200)))
        closing = next((r for r in later if r.kind == "socket" and r.data.get("conn") == form["conn"]), None)
        missing = await connection.until(until, closing, state.bindings)
        if missing:
            self._remark(row, f"these events did not come: {json.dumps(missing, ensure_ascii=False)[:300]}")

    async def _send(self, state: _State, row: Row) -> None:
        form = row.data["send"]
        connection = state.connections.get(form["conn"])
        if connection and connection.socket:
            await connection.socket.send(form)

    async def _socket(self, state: _State, row: Row) -> None:
        data = row.data
        if "conn" in data:
            connection = state.connections.pop(data["conn"], None)
            if connection is None or connection.socket is None:
                line = connection.line if connection else row.line
                state.bindings.followed.add(line)
                self._add(state, row, [Difference("", "an open connection", "it was never opened")])
                return
        else:
            opened = await self._upgrade(state, row, data["websocket"])
            if "handshake" in data or isinstance(opened, Answer):
                self._refused(state, row, opened)
                return
            path = data["websocket"]["path"]
            connection = Connection(path, opened, row.line, self._feed(path))
            await connection.until(snapshot_until(data), row, state.bindings)
        followed = set(state.bindings.followed)
        rules = row_rules(self.rules, row, post=False)
        differences = await compare_connection(
            connection, row, state.bindings, rules, self.world.names, stream_order(self.transcript.profile)
        )
        state.bindings.followed |= followed
        for item in data.get("frames", ()):
            state.bindings.lose(item["frame"], row.line)
            _lose_numbers(state.bindings, item["frame"], row.line)
        still = None
        if found := _FRAME.match(data.get("finding", {}).get("pointer", "")):
            wrong = at([item["frame"] for item in data["frames"]], found[0].removeprefix("/frames"), MISSING)
            came = connection.events(state.bindings)
            expected = renamed(state.bindings.expected_value(wrong), self.world.names)
            still = any(not any(not d.soft for d in Comparer(state.bindings, rules).compare(expected, e)) for e in came)
        self._add(state, row, differences, racy="racy" in str(data.get("note", "")), still=still)

    def _refused(self, state: _State, row: Row, opened: Socket | Answer) -> None:
        recorded = row.data.get("handshake") or {"status": 101}
        if isinstance(opened, Socket):
            opened.abort()
            self._add(state, row, [Difference("status", recorded["status"], 101)])
            return
        self._add(state, row, self._compare_answer(state, row, recorded, opened))

    # -- the LLM's side ------------------------------------------------------------------------------------

    async def _gate(self, state: _State, row: Row) -> None:
        """Open a gate of the scripted LLM, or wait until a call of the model has come to it."""
        form, target = state.bindings.sent_value(row.data["gate"]), self.world.target
        url, headers = target.llm.control_url.rstrip("/"), control_headers(target)
        if "open" in form:
            answer = await self.world.wire.request_at("POST", f"{url}/gates/{form['open']}/open", headers)
        else:
            answer = await self.world.wire.get(f"{url}/gates/{form['reached']}/wait?seconds=10", headers)
        if answer.status != 200:
            self._remark(row, f"the gate answered {answer.status}")

    async def _llm_received(self, state: _State, row: Row) -> None:
        received = state.bindings.sent_value(row.data.get("llm_received", row.data.get("llm")))
        matches = self._alike(state)
        self._add(state, row, await compare_received(self.world.wire, self.world.target, received, matches))

    def _alike(self, state: _State) -> Callable[[Any, Any], bool]:
        """Does a request to the model say what a recorded one said?"""

        def alike(wanted: Any, seen: Any) -> bool:
            with state.bindings.trial() as keep:
                expected = renamed(state.bindings.expected_value(wanted), self.world.names)
                same = not any(not d.soft for d in Comparer(state.bindings, Rules()).compare(expected, seen))
                keep.append(same)
            return same

        return alike

    async def _control(self, state: _State, row: Row) -> None:
        """What is told to the scripted LLM: a gate that opens, one that is waited at, an order."""
        call, target = state.bindings.sent_value(row.data["control"]), self.world.target
        params = ((name, str(value)) for name, value in (call.get("params") or {}).items())
        url = target.llm.control_url.rstrip("/") + target_of(call["path"], params)
        content = json.dumps(call["body"]).encode() if "body" in call else None
        headers = control_headers(target) | ({"content-type": "application/json"} if content else {})
        answer = await self.world.wire.request_at(call["method"], url, headers, content)
        if answer.status >= 400:
            self._remark(row, f"the scripted LLM answered {answer.status}")


_COMPARED = frozenset({"request", "socket", "open", "llm_received"})


def _bytes(answer: Answer) -> str:
    return f"{len(answer.content)} bytes: {answer.content[:60]!r}"


def _what(row: Row) -> str:
    if row.kind == "request":
        return f"{row.data['request']['method']} {row.data['request']['path'].partition('?')[0][-60:]}"
    path = (row.data.get("websocket") or row.data.get("open") or {}).get("path", "")
    return f"{row.kind} {path[-60:]}".strip()


def _lose_numbers(bindings: Bindings, value: Any, line: int, inside: str = "message") -> None:
    if isinstance(value, list):
        for item in value:
            _lose_numbers(bindings, item, line, inside)
    elif isinstance(value, dict):
        for key, item in value.items():
            kind = "queue" if key in ("queued_message", "queued_messages") else inside
            if key == "id" and isinstance(item, int) and not isinstance(item, bool):
                bindings.lose_number(kind, item, line)
            else:
                _lose_numbers(bindings, item, line, kind)
