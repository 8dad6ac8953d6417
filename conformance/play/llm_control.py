"""The scripted LLM's control address: gates, and the journal of what it received."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import orjson

from conformance.play.giving_up import unless_lost
from conformance.play.verdict import Unmet
from conformance.run.target import Target
from conformance.wire.client import NoAnswer, target_of
from fixtures.scripts import order

if TYPE_CHECKING:
    from conformance.play.case import Case
    from conformance.run.session import Session


def control_headers(target: Target) -> dict[str, str]:
    """What goes with each request to the control address."""
    token = target.llm.control_token
    return {"authorization": f"Bearer {token}"} if token else {}


class LlmControl:
    """Gates and journal over HTTP. Every call raises Unmet when the control address does not do its part."""

    def __init__(self, session: Session, url: str, case: Case | None = None) -> None:
        """`case`: whoever waits for a turn here hears of it when that got lost."""
        self._case, self._session, self._url = case, session, url.rstrip("/")

    async def _wait(self, call: Coroutine[Any, Any, Any]) -> Any:
        return await (call if self._case is None else unless_lost(self._case, call))

    async def _call(self, method: str, path: str, params: dict[str, Any] | None = None, body: Any = None) -> Any:
        url = self._url + target_of(path, ((name, str(value)) for name, value in (params or {}).items()))
        content = None if body is None else orjson.dumps(body)
        headers = control_headers(self._session.target)
        if self._case is not None and path != "/journal":
            self._session.writer.control(self._case.name, method, path, params or {}, body, self._session.wire.now_ms())
        try:
            answer = await self._session.control.request(
                method, url, headers=headers, content=content, timeout=self._session.deadline + 5
            )
        except NoAnswer as error:
            raise Unmet(f"the scripted LLM's control address did not answer {path}: {error}") from error
        if answer.status >= 400:
            said = self._session.redactor.data(answer.content)[:200].decode(errors="replace")
            raise Unmet(f"the scripted LLM's control address answered {answer.status} to {path}: {said}")
        return answer.json() if answer.content else None

    async def open(self, gate: str) -> None:
        """Open a gate: the streams that wait at it go on, and later ones pass."""
        await self._call("POST", f"/gates/{gate}/open")

    async def holds(self, gate: str) -> bool:
        """Does a stream wait at this gate now?"""
        view = await self._call("GET", f"/gates/{gate}")
        return not view["open"] and view["reached"] > view["hung_up"] + view["expired"]

    async def reached(self, gate: str) -> None:
        """Wait until a stream has come to the gate, i.e. the target has been sent all that stands before it."""
        await self._wait(self._call("GET", f"/gates/{gate}/wait", params={"seconds": self._session.deadline}))

    async def left(self, gate: str) -> None:
        """Wait until the target has hung up on a stream that waits at the gate."""
        await self._call("GET", f"/gates/{gate}/wait", params={"seconds": self._session.deadline, "for": "hangup"})

    async def order(self, reply: Any, **match: Any) -> None:
        """Order what calls that match are answered with, before any script in their prompt."""
        await self._call("POST", "/orders", body=order(reply, **match))

    async def journal(self, chat: str, *, opening: str = "", purpose: str = "", wait: int = 0) -> list[dict[str, Any]]:
        """The requests that the LLM received for a chat; waits until there are `wait` of them.

        `opening`: its first message, by which its requests are known where the server names no chat in them.
        """
        params: dict[str, Any] = {"chat": chat, "opening": opening, "seconds": self._session.deadline}
        if purpose:
            params["purpose"] = purpose
        if wait:
            params["wait"] = wait
        found = await self._wait(self._call("GET", "/journal", params=params))
        return list(found["requests"] if isinstance(found, dict) else found)

    async def unnamed(self, model: str, purpose: str) -> list[dict[str, Any]]:
        """The requests for this model in which the server named no chat, oldest first."""
        found = await self._call("GET", "/journal", params={"unnamed": 1, "model": model, "purpose": purpose})
        return list(found["requests"])
