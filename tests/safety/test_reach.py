"""How a server is reached: headers for every request, proxies, authorities of one's own; and its rate limiter."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.cli.main import main
from conformance.wire.access import Access, BadAccess, access_of
from conformance.wire.exchange import Request
from conformance.wire.http import Wire
from tests.cli.test_commands import served

SECRET = "open-sesame-1234"
NARROW = ("--requirement", "PAGE-001", "--requirement", "STREAM-001", "--requirement", "PAGE-007", "--fuzz", "off", "-q")


class Forwarder:
    """A proxy that passes on whatever comes; `heads` are what it was asked for, in the clear and through tunnels."""

    def __init__(self, port: int) -> None:
        self.port, self.to, self.heads = 0, port, list[bytes]()
        self.tunnels = 0

    async def _asked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.ExitStack() as closing:
            closing.callback(writer.close)
            head = await reader.readuntil(b"\r\n\r\n")
            ahead, behind = await asyncio.open_connection("127.0.0.1", self.to)
            closing.callback(behind.close)
            if head.startswith(b"CONNECT"):
                self.tunnels += 1
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                self.heads.append(head)
                behind.write(head)
            await asyncio.gather(self._pump(reader, behind, asked=True), self._pump(ahead, writer, asked=False))

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, asked: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                if asked and b"\r\n\r\n" in data and data[:4] in (b"GET ", b"POST", b"PATC", b"DELE", b"PUT "):
                    self.heads.append(data)
                sink.write(data)
                await sink.drain()
        sink.close()

    @contextlib.contextmanager
    def running(self) -> Iterator[Forwarder]:
        loop, ready = asyncio.new_event_loop(), threading.Event()

        async def serve() -> None:
            async with await asyncio.start_server(self._asked, "127.0.0.1", 0) as server:
                self.port = server.sockets[0].getsockname()[1]
                self._stop = asyncio.Event()
                ready.set()
                await self._stop.wait()
            open_still = asyncio.all_tasks() - {asyncio.current_task()}
            for task in open_still:
                task.cancel()
            await asyncio.gather(*open_still, return_exceptions=True)

        thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
        thread.start()
        try:
            assert ready.wait(20)
            yield self
        finally:
            loop.call_soon_threadsafe(self._stop.set)
            thread.join(20)
            loop.close()


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with served(tmp_path_factory.mktemp("reach")) as file:
        yield file


def test_everything_goes_through_the_proxy_with_the_header(
    target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHAT_CONFORMANCE_HEADER", f"X-Gate: {SECRET}\nX-Other: b c")
    port = int(json.loads(target.read_text())["base_url"].rpartition(":")[2])
    record = tmp_path / "r.ndjson"
    with Forwarder(port).running() as proxy:
        options = ("--proxy", f"http://127.0.0.1:{proxy.port}", "--record", str(record), "--html", str(tmp_path / "r.html"))
        assert main(["run", "--target", str(target), *NARROW, *options]) == 0
        assert main(["doctor", "--target", str(target), *options[:2]]) == 0
    assert proxy.tunnels and len(proxy.heads) > 10
    assert all(f"X-Gate: {SECRET}".encode() in head and b"X-Other: b c" in head for head in proxy.heads)
    said = record.read_text() + (tmp_path / "r.html").read_text() + "".join(capsys.readouterr())
    assert SECRET not in said and json.loads(record.read_text().splitlines()[0])["options"]["headers"] == ["X-Gate", "X-Other"]


def test_the_proxy_of_the_environment_is_for_other_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    assert Access().proxy_of("http://example.com/") is None
    monkeypatch.setenv("HTTPS_PROXY", "gate:3128")
    monkeypatch.setenv("NO_PROXY", "inside.example.com")
    assert Access().proxy_of("https://example.com/x") == "http://gate:3128"
    assert Access().proxy_of("wss://example.com/x") == "http://gate:3128"
    assert Access().proxy_of("http://example.com/x") is None
    assert Access().proxy_of("https://inside.example.com/x") is None
    assert Access().proxy_of("https://127.0.0.1:3000/x") is None
    assert Access(proxy="none").proxy_of("https://example.com/x") is None


@pytest.mark.parametrize(
    ("headers", "proxy", "file", "hint"),
    [
        (["no colon"], "", None, "Name: value"),
        (["Host: x"], "", None, "rests on this header"),
        (["Coder-Session-Token: x"], "", None, "rests on this header"),
        (["X: \u00e4"], "", None, "no header can carry"),
        ([], "gate", None, "--proxy"),
        ([], "", Path("missing.pem"), "--ca-file missing.pem"),
        ([], "", Path(__file__), "--ca-file"),
    ],
)
def test_what_can_not_be_meant_is_told(headers: list[str], proxy: str, file: Path | None, hint: str) -> None:
    with pytest.raises(BadAccess, match=hint):
        access_of(headers, proxy, file)


def test_the_limiter_holds_back_what_else_that_user_asks_for() -> None:
    """One request is refused; those that follow wait with it, and none of them is refused, too."""
    refusals, heard, first = 0, 0, 0.0
    refused = asyncio.Event()

    async def limiter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal refusals, heard, first
        with contextlib.suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                heard += 1
                now = asyncio.get_running_loop().time()
                first = first or now
                limits = "x-ratelimit-limit: 1\r\nretry-after: 1\r\n"
                if now - first < 0.9:
                    refusals += 1
                    writer.write(f"HTTP/1.1 429 Too Many Requests\r\n{limits}content-length: 0\r\n\r\n".encode())
                    refused.set()
                else:
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async def asked() -> tuple[list[int], int, float]:
        async with await asyncio.start_server(limiter, "127.0.0.1", 0) as server:
            wire = Wire(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")

            async def ask(number: int) -> int:
                answer = await wire.send(Request("GET", "/x"), actor="alice", case=f"c{number}", patient=True)
                return answer.response.status

            one = asyncio.create_task(ask(0))
            await refused.wait()
            async with asyncio.timeout(20):
                while not wire.limited:
                    await asyncio.wait([one], timeout=0.01)
            found = await asyncio.gather(one, *(ask(n) for n in range(1, 6)))
            await wire.aclose()
            return list(found), wire.limited, wire.limited_ms

    statuses, limited, waited = asyncio.run(asked())
    assert statuses == [200] * 6 and (refusals, heard, limited) == (1, 7, 1) and waited > 0
