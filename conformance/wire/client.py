"""The HTTP client under everything: it sends what it is told to, as it is told to, and follows, stores and repairs nothing."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from conformance.wire.access import NO_PROXY, Access
from conformance.wire.caps import KEPT, MARGIN, Room

_LEGAL = "%/?[]@!$&'()*+,;:=-._~"
_LONGEST_HEADER = 2**16  # bytes
_SMALL = 2**18  # bytes; shorter bodies are not counted while they come in
_Asking = AbstractAsyncContextManager[aiohttp.ClientResponse]
_OWN_HEADERS = {"accept": "*/*", "connection": "keep-alive", "user-agent": "chat-conformance"}


class NoAnswer(Exception):
    """There was no HTTP answer: refused, malformed, or not whole before the deadline.

    `cut`: the connection broke. `sent`: the request may have been read, and acted on. `slow`: the deadline went by.
    """

    def __init__(self, message: str, *, cut: bool = False, sent: bool = True, slow: bool = False) -> None:
        super().__init__(message)
        self.cut, self.sent, self.slow = cut, sent, slow


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, headers with lower-case names, bytes. `cut`: reading stopped at so many bytes; the head is kept."""

    status: int
    headers: dict[str, str]
    content: bytes
    cut: int = 0

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").split(";")[0].strip().lower()

    def json(self) -> Any:
        """The JSON value. Raises ValueError."""
        try:
            return json.loads(self.content)
        except RecursionError:
            raise ValueError("nested too deep") from None


def target_of(path: str, params: Iterable[tuple[str, str]] = ()) -> str:
    """The request target: the path with only what can't stand in a request line quoted, and the query."""
    text = quote(path, safe=_LEGAL)
    pairs = list(params)
    return text + ("&" if "?" in text else "?") + urlencode(pairs) if pairs else text


class HttpClient:
    """Connections to any number of servers. Keeps no cookies, follows no redirects. Close with `aclose`.

    Without `access` no proxy is used, whatever the environment says.
    """

    def __init__(
        self, *, timeout: float = 30.0, connections: int = 64, room: Room | None = None, access: Access | None = None
    ) -> None:
        self.timeout, self._connections, self.access = timeout, connections, access or Access(proxy=NO_PROXY)
        self.room = room or Room(2**28)
        self._session: aiohttp.ClientSession | None = None
        self._proxies: dict[str, str | None] = {}

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        content: bytes | None = None,
        timeout: float | None = None,
        most: int = 2**24,
    ) -> Answer:
        """Send one request to `url`, quoted already. `timeout`: seconds for all of it; `most`: bytes. Raises NoAnswer."""
        seconds = timeout or self.timeout
        try:
            async with self._asked(method, url, headers, content, seconds) as response:
                body, cut = await self._body(response, most)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _no_answer(error, seconds) from error
        return _answer(response, body, cut)

    async def open(
        self, method: str, url: str, headers: dict[str, str] | None, content: bytes | None, seconds: float
    ) -> aiohttp.ClientResponse:
        """Send one request whose answer may have no end; gives it when its headers have come. Close it. Raises NoAnswer."""
        try:
            async with asyncio.timeout(seconds):
                return await self._asked(method, url, headers, content, None).__aenter__()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _no_answer(error, seconds) from error

    async def whole(self, response: aiohttp.ClientResponse, most: int, seconds: float) -> Answer:
        """All of an answer that was opened. Raises NoAnswer."""
        try:
            async with asyncio.timeout(seconds), response:
                body, cut = await self._body(response, most)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _no_answer(error, seconds) from error
        return _answer(response, body, cut)

    def _asked(
        self, method: str, url: str, headers: dict[str, str] | None, content: bytes | None, seconds: float | None
    ) -> _Asking:
        if self._session is None:  # made where there is a loop to belong to
            secure = url.startswith("https:")
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections, ssl=self.access.trusted() if secure else True),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=_OWN_HEADERS,
                skip_auto_headers=["content-type"],
                max_line_size=_LONGEST_HEADER,
                max_field_size=_LONGEST_HEADER,
            )
            # a DELETE or PUT that is sent twice may be answered by what the first one did
            self._session._retry_connection = False
        return self._session.request(
            method,
            URL(url, encoded=True),
            headers=self.access.with_headers(headers),
            proxy=self._proxy_of(url),
            data=io.BytesIO(content) if content else None,  # raw bytes of some size are frowned upon
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=seconds),
        )

    def _proxy_of(self, url: str) -> str | None:
        server = "/".join(url.split("/", 3)[:3])
        if server not in self._proxies:  # reading the environment for each request took 5 % of a run
            self._proxies[server] = self.access.proxy_of(url)
        return self._proxies[server]

    async def _body(self, response: aiohttp.ClientResponse, most: int) -> tuple[bytes, int]:
        """The body, decompressed; only its head, and where reading stopped, if it is too long or the memory is used up."""
        body, taken = bytearray(), 0
        try:
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > _SMALL:
                    fits = self.room.take(len(chunk))
                    taken += len(chunk) * fits
                    if len(body) > most or not fits:
                        response.close()
                        return bytes(body[: KEPT + MARGIN]), min(most, len(body))
        finally:
            self.room.give(taken)
        return bytes(body), 0


def headers_of(response: aiohttp.ClientResponse) -> dict[str, str]:
    """The headers by their lower-case names."""
    shown: dict[str, str] = {}
    for name, value in response.headers.items():
        name = name.lower()
        shown[name] = f"{shown[name]}, {value}" if name in shown else value
    return shown


def _answer(response: aiohttp.ClientResponse, body: bytes, cut: int) -> Answer:
    if not 100 <= response.status <= 999:
        raise NoAnswer(f"the status {response.status} is none of HTTP")
    return Answer(response.status, headers_of(response), body, cut)


def _no_answer(error: Exception, seconds: float) -> NoAnswer:
    if isinstance(error, aiohttp.ClientConnectorError):
        return NoAnswer(_words(error), cut=not isinstance(error, aiohttp.ClientSSLError), sent=False)
    cut = isinstance(error, aiohttp.ClientOSError | aiohttp.ServerDisconnectedError) or _is_broken(error)
    slow = isinstance(error, TimeoutError)
    words = f"no whole answer within {seconds:g} s" if slow else _words(error)
    return NoAnswer(words, cut=cut and not slow, slow=slow)


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _is_broken(error: BaseException) -> bool:
    """Did the connection break inside the body?"""
    return isinstance(error, aiohttp.ClientPayloadError) and isinstance(error.__cause__, ConnectionError)
