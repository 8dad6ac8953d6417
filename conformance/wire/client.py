"""The HTTP client under everything: it sends what it is told to, as it is told to, and follows, stores and repairs nothing."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

_LEGAL = "%/?[]@!$&'()*+,;:=-._~"
_LONGEST_HEADER = 2**16  # bytes
_OWN_HEADERS = {"accept": "*/*", "connection": "keep-alive", "user-agent": "chat-conformance"}


class NoAnswer(Exception):
    """There was no HTTP answer: refused, malformed, or silent until the deadline. `cut`: the connection broke."""

    def __init__(self, message: str, *, cut: bool = False) -> None:
        super().__init__(message)
        self.cut = cut


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, headers with lower-case names, bytes."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").split(";")[0].strip().lower()

    def json(self) -> Any:
        """The JSON value. Raises ValueError."""
        return json.loads(self.content)


def target_of(path: str, params: Iterable[tuple[str, str]] = ()) -> str:
    """The request target: the path with only what can't stand in a request line quoted, and the query."""
    text = quote(path, safe=_LEGAL)
    pairs = list(params)
    return text + ("&" if "?" in text else "?") + urlencode(pairs) if pairs else text


class HttpClient:
    """Connections to any number of servers. Keeps no cookies, follows no redirects, uses no proxy. Close with `aclose`."""

    def __init__(self, *, timeout: float = 30.0, connections: int = 64) -> None:
        self.timeout, self._connections = timeout, connections
        self._session: aiohttp.ClientSession | None = None

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
    ) -> Answer:
        """Send one request to `url`, which is quoted already. `timeout`: seconds without a byte. Raises NoAnswer."""
        if self._session is None:  # made where there is a loop to belong to
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=_OWN_HEADERS,
                skip_auto_headers=["content-type"],
                max_line_size=_LONGEST_HEADER,
                max_field_size=_LONGEST_HEADER,
            )
        seconds = timeout or self.timeout
        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),
                headers=headers,
                data=io.BytesIO(content) if content else None,  # raw bytes of some size are frowned upon
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=seconds, sock_read=seconds),
            ) as response:
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            cut = isinstance(error, aiohttp.ClientOSError | aiohttp.ServerDisconnectedError)
            raise NoAnswer(str(error) or type(error).__name__, cut=cut) from error
        shown: dict[str, str] = {}
        for name, value in response.headers.items():
            name = name.lower()
            shown[name] = f"{shown[name]}, {value}" if name in shown else value
        return Answer(response.status, shown, body)
