"""A server that plays one recorded scenario back: the recorded answers in their order, under other ids and at other times.

What a replay against it finds is the replayer's own doing.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from conformance.recordings.replay.binding import UUID, normal
from fixtures.transcripts import Row, Transcript, kept_length

Tamper = Callable[[int, dict[str, Any]], dict[str, Any]]
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]


class Playback:
    """The state of one play: which row comes next."""

    def __init__(self, transcript: Transcript, tamper: Tamper | None) -> None:
        self.rows = [r for r in transcript.rows if r.kind in ("request", "wait", "open", "socket")]
        self.rows = [r for r in self.rows if r.kind != "wait" or "chat" in r.data["wait"]]
        self.rows = [r for r in self.rows if r.kind != "socket" or "conn" not in r.data]
        self.closing = {r.data["conn"]: r for r in transcript.rows if r.kind == "socket" and "conn" in r.data}
        self.tamper = tamper or (lambda line, answer: answer)
        self.place = 0
        self.ids: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        self.head = transcript.head
        self.fresh = [str(value) for value in (transcript.head.get("fresh") or {}).values()]
        self.before = 3 if "no-pins" in transcript.needs else 0  # listings by which a replay looks for pins
        self.learned = False
        self.spoken = asyncio.Event()

    def other(self, value: Any, key: str = "") -> Any:
        """The value with other ids; the same one for the same recorded one."""
        if isinstance(value, str):
            for recorded, here in self.texts.items():
                value = re.sub(recorded, here, value)
            return UUID.sub(lambda m: self._uuid(m[0]), value)
        if isinstance(value, bool):
            return value
        if isinstance(value, int) and key == "id":
            return value + 50_000
        if isinstance(value, list):
            return [self.other(item) for item in value]
        if isinstance(value, dict):
            return {self.other(k): self.other(v, k) for k, v in value.items()}
        return value

    def _uuid(self, text: str) -> str:
        made = self.ids.setdefault(normal(text), str(uuid.uuid4()))
        made = made if "-" in text else made.replace("-", "")
        return made.upper() if text.upper() == text else made

    def next(self, *kinds: str) -> Row | None:
        row = self.rows[self.place] if self.place < len(self.rows) else None
        if row is None or row.kind not in kinds:
            return None
        self.place += 1
        return row

    async def http(self, request: Request) -> Response:
        path, sent = request.url.path, (await request.body()).decode("utf-8", "replace")
        if (answer := self._before(path, request.method, sent)) is not None:
            return answer
        row = self.rows[self.place] if self.place < len(self.rows) else None
        if row is not None and row.kind == "wait":
            return self._waited(path, row.data["wait"])
        row = self.next("request")
        if row is None:
            return _json(599, {"message": "no such row is next"})
        self._see(row.data["request"], f"{request.url} {sent}")
        return self._recorded(row.line, row.data["response"])

    def _before(self, path: str, method: str, sent: str) -> Response | None:
        """What a replay asks before the first row."""
        if path == "/api/v2/ai/providers" and not self.learned:
            self.learned = True
            return _json(200, [{"enabled": True, "base_url": "http://127.0.0.1:9901/v1"}])
        if path == "/api/v2/users/me":
            return _json(404, {"message": "none"})
        if self.place:
            return None
        if path == "/api/experimental/chats" and method == "GET" and self.before:
            self.before -= 1
            return _json(200, [])
        names = self.head.get("users") or {}
        if path == "/api/v2/users" and names:
            username = json.loads(sent)["username"]
            name = next(name for name in names if username.endswith(name))
            self.texts[rf"\b{name}\b"] = username
            recorded = self.head["env"]["ids"].get(name) or str(uuid.uuid4())
            return _json(201, {"id": self.other(recorded)})
        if path == "/api/v2/users/login" and names:
            return _json(201, {"session_token": "x"})
        return _json(200, {}) if path.endswith("/roles") and names else None

    def _waited(self, path: str, form: dict[str, Any]) -> Response:
        counts = form.get("until_messages")
        if counts and path.endswith("/messages"):
            self.place += 1
            return _json(200, {"messages": [0] * counts["messages"], "queued_messages": [0] * counts.get("queued", 0)})
        if not counts:
            self.place += 1
        return _json(200, {"status": (form.get("until_status") or ["waiting"])[0], **form.get("until", {})})

    def _see(self, recorded: dict[str, Any], sent: str) -> None:
        """The client's own ids and fresh values are given back as they came."""
        for match in UUID.finditer(json.dumps(recorded)):
            self.ids.setdefault(normal(match[0]), normal(match[0]))
        for value in self.fresh:
            stem = value.rpartition("-")[0]
            if value not in self.texts and (found := re.search(rf"\b{stem}-[a-z]{{6,}}", sent)):
                self.texts[value] = found[0]

    def _recorded(self, line: int, recorded: dict[str, Any]) -> Response:
        answer = self.tamper(line, json.loads(json.dumps(recorded)))
        headers = {k: v for k, v in answer.get("headers", {}).items() if k in ("content-type", "allow")}
        body = self.other(answer.get("body"))
        media = headers.get("content-type", "")
        if "body_base64" in answer:
            content = base64.b64decode(answer["body_base64"])
        elif (length := kept_length(body)) is not None:
            content = b"x" * length
        elif body in (None, "") and not media.startswith("application/json"):
            content = b""
        elif (media.startswith("application/json") and body != "") or isinstance(body, dict):
            content = json.dumps(body).encode()
        else:
            content = str(body).encode()
        return Response(content, answer["status"], headers)

    async def _read(self, ws: WebSocket) -> None:
        while (await ws.receive())["type"] != "websocket.disconnect":
            self.spoken.set()

    async def socket(self, ws: WebSocket) -> None:
        row = self.next("open", "socket")
        if row is None:
            await ws.close()
            return
        if "handshake" in row.data and row.kind == "socket":
            await ws.send_denial_response(self._recorded(row.line, row.data["handshake"]))
            return
        data = self.closing[row.data["open"]["conn"]].data if row.kind == "open" else row.data
        line = self.closing[row.data["open"]["conn"]].line if row.kind == "open" else row.line
        data = self.tamper(line, json.loads(json.dumps(data)))
        await ws.accept()
        self.spoken = asyncio.Event()
        reader = asyncio.create_task(self._read(ws))
        loop, start = asyncio.get_running_loop(), asyncio.get_running_loop().time()
        try:
            for item in data["frames"]:
                await asyncio.sleep(max(0.0, start + item["t_ms"] / 1000 - loop.time()))
                await ws.send_text(json.dumps(self.other(item["frame"])))
            close = data.get("close") or {}
            if close.get("by") == "server":
                await asyncio.wait_for(self.spoken.wait(), 5)
                await ws.close(close["code"], close["reason"])
            await reader
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            reader.cancel()


def _json(status: int, value: Any) -> Response:
    return Response(json.dumps(value), status, media_type="application/json")


@contextmanager
def serving(transcript: Transcript, tamper: Tamper | None = None) -> Iterator[dict[str, Any]]:
    """Serve the scenario on a free port; gives the target (users with the recording's names)."""
    play = Playback(transcript, tamper)
    app = Starlette(
        routes=[
            WebSocketRoute("/{path:path}", play.socket),
            Route("/{path:path}", play.http, methods=_METHODS),
        ]
    )
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    ready = threading.Event()
    started = server.startup

    async def startup(*args: Any, **kwargs: Any) -> None:
        await started(*args, **kwargs)
        ready.set()

    server.startup = startup  # type: ignore[method-assign]
    thread.start()
    assert ready.wait(10)
    port = server.servers[0].sockets[0].getsockname()[1]
    play.texts[r"127\.0\.0\.1:70\d\d"] = f"127.0.0.1:{port}"
    env = transcript.head.get("env") or {}
    users = {
        name: {"id": play.other(recorded), "username": name, "token": f"{name:a<10.10}-{'s' * 22}"}
        for name, recorded in (env.get("ids") or {}).items()
    }
    try:
        yield {
            "base_url": f"http://127.0.0.1:{port}",
            "organization_id": play.other(env.get("org", "")),
            "model_config_ids": [play.other(m) for m in env.get("model_configs", [])],
            "users": users,
            "capabilities": {re.sub(r"^flag:", "", need): True for need in transcript.needs}
            | {f"{name}={value}": True for name, value in (transcript.head.get("server") or {}).items()},
        }
    finally:
        server.should_exit = True
        thread.join(10)
