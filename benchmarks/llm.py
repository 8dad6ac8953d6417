"""How fast the scripted LLM streams: `python -m benchmarks.llm [--events N] [--aimock DIR]`.

Events a second for one stream and for 64 at once, each beside a bare uvicorn event stream of the same bytes in the same
run, and beside aimock (an npm package) when DIR is a folder where `npm install @copilotkit/aimock` was run. Then short
answers a second, and the time to open 500 gated streams and to release them. Servers run in processes of their own;
ratios are what counts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fixtures import scripts as s

GOALS = {"uvicorn": 0.5, "aimock": 2.0}
ROUNDS = 3


class Stream(asyncio.Protocol):
    """Sends one request and counts the events of the answer until the connection is done with it."""

    def __init__(self, request: bytes, events: int) -> None:
        self._request, self._events = request, events
        self.count = 0
        self._tail = b""
        self.done: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        data = self._tail + data
        self.count += data.count(b"\ndata: ")
        self._tail = data[-6:] if not data.endswith(b"\ndata: ") else b""
        if self.count >= self._events and not self.done.done():
            self.done.set_result(self.count)
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(f"the stream ended after {self.count} of {self._events} events"))


def request(path: str, body: Any) -> bytes:
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    return head.encode() + data


def chat_request(prompt: str, path: str = "/v1/chat/completions") -> bytes:
    messages = [{"role": "user", "content": prompt}]
    return request(path, {"model": "fake-model", "stream": True, "messages": messages})


def requests(events: int) -> dict[str, bytes]:
    """What each server is asked for that many events."""
    return {
        "scripted LLM": chat_request(s.script(s.text("tok ", repeat=events))),
        "uvicorn": chat_request("go", f"/{events}"),
        "aimock": chat_request(f"go {events} times"),
    }


async def rate(url: str, what: bytes, streams: int, events: int) -> float:
    """Events a second over all streams together."""
    loop, parts = asyncio.get_running_loop(), urlsplit(url)
    begun = time.perf_counter()
    made = [await loop.create_connection(lambda: Stream(what, events), parts.hostname, parts.port) for _ in range(streams)]
    await asyncio.gather(*(stream.done for _, stream in made))
    return streams * events / (time.perf_counter() - begun)


class Asker(asyncio.Protocol):
    """Asks the same thing again and again on one connection, each time the answer before has ended."""

    def __init__(self, request: bytes, times: int) -> None:
        self._request, self._left, self._tail = request, times, b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._tail = (self._tail + data)[-7:]
        if self._tail != b"\r\n0\r\n\r\n":
            return
        self._tail = b""
        self._left -= 1
        if self._left:
            self._transport.write(self._request)
        else:
            self.done.set_result(None)
            self._transport.abort()


async def requests_rate(url: str, times: int) -> float:
    """Short answers a second over 16 connections."""
    loop, parts = asyncio.get_running_loop(), urlsplit(url)
    begun = time.perf_counter()
    what = chat_request("hello")
    made = [await loop.create_connection(lambda: Asker(what, times // 16), parts.hostname, parts.port) for _ in range(16)]
    await asyncio.gather(*(asker.done for _, asker in made))
    return times // 16 * 16 / (time.perf_counter() - begun)


@asynccontextmanager
async def process(*command: str, ready: str) -> AsyncIterator[str]:
    """A server process; gives the line that says it listens."""
    quiet = asyncio.subprocess.DEVNULL
    running = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=quiet)
    assert running.stdout is not None
    try:
        async with asyncio.timeout(20):
            while True:
                line = (await running.stdout.readline()).decode()
                if ready in line:
                    break
                if not line:
                    raise RuntimeError(f"{command[0]} ended before it listened")
        yield line
    finally:
        if running.returncode is None:
            running.terminate()
        await running.wait()


def serve_bare() -> None:
    """A bare ASGI application on uvicorn that streams events of the usual size, as many as the path says."""
    import uvicorn

    delta = {"index": 0, "delta": {"content": "tok "}, "finish_reason": None}
    opening = {"id": "chatcmpl-" + "0" * 24, "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "fake-model"}
    event = b"data: " + json.dumps({**opening, "choices": [delta]}, separators=(",", ":")).encode() + b"\n\n"

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"\n", "more_body": True})
        for _ in range(int(scope["path"][1:])):
            await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    listener = socket.create_server(("127.0.0.1", 0))
    print(f"bare: http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off")).run([listener])


async def gated(llm_url: str, control_url: str, streams: int) -> tuple[float, float]:
    """Seconds until all streams stand at a gate, and from its opening until all are through."""
    loop, parts = asyncio.get_running_loop(), urlsplit(llm_url)
    what = chat_request(s.script(s.text("a"), s.gate("bench"), s.text("b")))
    begun = time.perf_counter()
    made = [await loop.create_connection(lambda: Stream(what, 5), parts.hostname, parts.port) for _ in range(streams)]
    control = urlsplit(control_url)

    async def call(method: str, path: str) -> None:
        reader, writer = await asyncio.open_connection(control.hostname, control.port)
        writer.write(f"{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        if b" 200 " not in answer[:16]:
            raise RuntimeError(answer.decode())

    await call("GET", f"/gates/bench/wait?n={streams}&seconds=60")
    opened = time.perf_counter()
    await call("POST", "/gates/bench/open")
    await asyncio.gather(*(stream.done for _, stream in made))
    return opened - begun, time.perf_counter() - opened


def aimock_command(folder: str, counts: list[int], at: str) -> list[str] | None:
    """The command line of an installed aimock that streams so many events of four characters."""
    script = Path(folder) / "node_modules" / ".bin" / "llmock"
    if not shutil.which("node") or not script.exists():
        return None
    fixture = Path(at) / "fixture.json"
    rows = [{"match": {"userMessage": f"go {n} times"}, "response": {"content": "tok " * n}} for n in counts]
    fixture.write_text(json.dumps({"fixtures": rows}))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    return [str(script), "-p", port, "-f", str(fixture), "-c", "4", "--log-level", "info"]


async def bench(args: argparse.Namespace) -> dict[str, Any]:
    results: dict[str, Any] = {}
    rounds = {1: args.events, 64: max(1, args.events // 8)}
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        python = [sys.executable, "-m"]
        own = process(*python, "fake_server.llm", "--port", "0", "--control-port", "0", ready="base_url=")
        line = await stack.enter_async_context(own)
        where = dict(part.split("=", 1) for part in line.split()[2:])
        bare = await stack.enter_async_context(process(*python, "benchmarks.llm", "--serve-bare", ready="bare: "))
        urls = {"scripted LLM": where["base_url"], "uvicorn": bare.split()[1]}
        aimock = aimock_command(args.aimock, list(rounds.values()), folder) if args.aimock else None
        if aimock:
            await stack.enter_async_context(process(*aimock, ready="istening"))
            urls["aimock"] = f"http://127.0.0.1:{aimock[2]}"
        for streams, events in rounds.items():
            best = dict.fromkeys(urls, 0.0)
            for _ in range(ROUNDS):  # turn and turn about, so that a busy moment hits all alike
                for name, url in urls.items():
                    best[name] = max(best[name], await rate(url, requests(events)[name], streams, events))
            results[f"{streams} streams"] = best
        results["requests"] = max([await requests_rate(where["base_url"], 8000) for _ in range(ROUNDS)])
        results["gated"] = await gated(where["base_url"], where["control_url"], 500)
    return results


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.llm", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--events", type=int, default=20_000, help="events of the single stream; an eighth for each of 64")
    parser.add_argument("--aimock", metavar="DIR", default=os.environ.get("AIMOCK_DIR", ""), help="folder with node_modules")
    parser.add_argument("--serve-bare", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve_bare:
        serve_bare()
        return 0
    results = asyncio.run(bench(args))
    opened, released = results.pop("gated")
    asked = results.pop("requests")
    good = True
    for streams, rates in results.items():
        own = rates["scripted LLM"]
        for name, value in rates.items():
            ratio = own / value
            goal = GOALS.get(name)
            good = good and (goal is None or ratio >= goal)
            beside = "" if goal is None else f"   scripted LLM is {ratio:5.2f} x (goal {goal:g} x)"
            print(f"{streams:>10}  {name:<13} {value:12,.0f} events/s{beside}")
    print(f"short answers: {asked:,.0f} requests/s over 16 connections")
    print(f"500 gated streams: all at the gate after {opened:.2f} s, all through {released:.2f} s after it opened")
    if not any("aimock" in rates for rates in results.values()):
        print("aimock: not measured; npm install --prefix DIR @copilotkit/aimock, then --aimock DIR")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
