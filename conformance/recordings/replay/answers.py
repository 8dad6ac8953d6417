"""Rows whose answer streams: read line by line as it comes, with the calls made meanwhile, left where the client left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from conformance.recordings.replay.player import REQUEST_SECONDS, Unreachable, Wire
from conformance.wire import framing
from conformance.wire.client import Answer, NoAnswer, headers_of

During = Callable[[int], Awaitable[None]]
_CUT = 1.0  # seconds for a connection that was cut off to be gone


def value_of(raw: bytes) -> Any:
    """What a line says: `[K, value]`, the object of an error, or else its text."""
    payload = framing.line(raw)
    try:
        return orjson.loads(payload) if isinstance(payload, str) else payload
    except ValueError:
        return payload


def recorded_lines(response: dict[str, Any]) -> list[Any]:
    """The lines of a recorded answer."""
    return [value_of((row["line"] + ("" if row.get("unterminated") else "\n")).encode()) for row in response["lines"]]


def lines_of(content: bytes) -> list[Any]:
    """The lines of a body."""
    *ended, rest = content.split(b"\n")
    return [value_of(raw + b"\n") for raw in ended] + ([value_of(rest)] if rest else [])


async def read(
    wire: Wire, method: str, target: str, headers: dict[str, str], content: bytes | None, during: During, stop: int | None
) -> Answer:
    """The answer, read line by line: `during(n)` is awaited when n lines have come; the client hangs up behind `stop` of them.

    Raises Unreachable.
    """
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            response = await wire.open_answer(method, target, headers, content)
            body, seen = bytearray(), 0
            async for chunk in response.content.iter_any():
                body += chunk
                while seen < body.count(b"\n") and (stop is None or seen < stop):
                    seen += 1
                    await during(seen)
                if stop is not None and seen >= stop:
                    response.close()
                    kept = b"".join(piece + b"\n" for piece in bytes(body).split(b"\n")[:stop])
                    return Answer(response.status, headers_of(response), kept, 0)
            return Answer(response.status, headers_of(response), bytes(body), 0)
    except (NoAnswer, TimeoutError, OSError) as error:
        raise Unreachable(f"{type(error).__name__} {error}".strip()) from error


async def cut_off(asked: Awaitable[Any], seconds: float) -> None:
    """Send a request and hang up after so many seconds, whether it was answered or not."""
    task = asyncio.ensure_future(asked)
    await asyncio.wait([task], timeout=seconds)
    task.cancel()
    await asyncio.wait([task], timeout=_CUT)
