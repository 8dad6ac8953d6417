"""`wait` rows: poll until a chat, its messages or a list show what the recording waited for."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import spec
from conformance.recordings.replay.binding import Bindings
from conformance.recordings.replay.player import Unreachable, Wire
from conformance.recordings.replay.segments import covers
from conformance.wire.client import target_of
from spec.documents import documents

_STEP_SECONDS = (0.01, 0.02, 0.03, 0.05, 0.08, 0.1)
_BUSY_SECONDS = 25.0
_SETTLED_SECONDS = 4.0
_REFUSED_SECONDS = 0.5
_DISAPPOINTED_SECONDS = 1.5


class Poller:
    """Polls as one user. What a chat at rest does not show within 5 seconds it will not show."""

    def __init__(self, wire: Wire, headers: dict[str, str], bindings: Bindings, profile: str) -> None:
        self._wire, self._headers, self._bindings = wire, headers, bindings
        self._url, self._busy = documents(profile).url, spec.load(profile).traits["statuses"]["busy"]

    async def _get(self, path: str) -> tuple[int, Any]:
        try:
            answer = await self._wire.request("GET", target_of(path), headers=self._headers)
            return answer.status, answer.json() if answer.media_type == "application/json" else None
        except (Unreachable, ValueError) as error:
            return 0, str(error)

    async def wait(self, form: dict[str, Any], *, disappointed: bool = False) -> str:
        """ "" when it came true, else what was seen last."""
        form = self._bindings.sent_value(form)
        start = alive = time.monotonic()
        for step in range(10_000):
            problem, patience = await self._look(form)
            if not problem:
                return ""
            now = time.monotonic()
            alive = now if patience == _BUSY_SECONDS else alive
            longest = _DISAPPOINTED_SECONDS if disappointed else _BUSY_SECONDS
            if now - alive > patience or now - start > longest:
                return problem
            await asyncio.sleep(_STEP_SECONDS[min(step, len(_STEP_SECONDS) - 1)])
        return "polled too often"

    async def _look(self, form: dict[str, Any]) -> tuple[str, float]:
        """What is wrong still ("": nothing), and for how many seconds it is worth asking again."""
        if "list" in form:
            status, body = await self._get(form["list"])
            count = len(body) if isinstance(body, list) else -1
            return ("" if count == form["until_count"] else f"{count} items"), _SETTLED_SECONDS
        status, chat = await self._get(self._url("getChat", chat=form["chat"]))
        if status != 200 or not isinstance(chat, dict):
            return f"GET chat answered {status}", _REFUSED_SECONDS
        shown = {key: chat.get(key) for key in ("status", *form.get("until", {}))}
        patience = _BUSY_SECONDS if chat.get("status") in self._busy else _SETTLED_SECONDS
        if form.get("until_status") and chat.get("status") not in form["until_status"]:
            return f"chat shows {shown}", patience
        if not covers(form.get("until", {}), chat):
            return f"chat shows {shown}", patience
        if counts := form.get("until_messages"):
            status, page = await self._get(self._url("listMessages", chat=form["chat"]))
            page = page if isinstance(page, dict) else {}
            seen = {"messages": len(page.get("messages") or ()), "queued": len(page.get("queued_messages") or ())}
            if any(seen.get(key) != count for key, count in counts.items()):
                return f"messages shows {seen}", patience
        return "", 0.0
