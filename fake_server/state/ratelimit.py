"""Request counts per caller and path over a sliding minute (chats.md, "Rate limits"); in force only when switched on.

Start option `CODER_DANGEROUS_DISABLE_RATE_LIMITS`: `false` switches the limits on; on this server they are off by default.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fake_server.faulting import replaceable
from fake_server.http import auth
from fake_server.rules import authz
from fake_server.rules.refusals import refusal

if TYPE_CHECKING:
    from fake_server.http.endpoint import Call
    from fake_server.state.store import State

WINDOW = 60.0
LIMIT = "CODER_API_RATE_LIMIT"
API_LIMIT = 512
FILES_LIMIT = 12


@replaceable
def files_path(backend: State, path: str) -> str:
    """What requests for a file are counted by: a path and its second place are one."""
    return "/chats/files" + path.partition("/chats/files")[2]


class RateLimits:
    """Two limits: on everything below one path, and a tighter one on files; or one that asks for no token."""

    def __init__(self, backend: State) -> None:
        self.backend = backend
        # (limit, caller, path) → start of the current window, its count, the count of the window before
        self._counts: dict[tuple[int, str, str], tuple[float, int, int]] = {}

    @property
    def on(self) -> bool:
        return str(self.backend.options.get("CODER_DANGEROUS_DISABLE_RATE_LIMITS", "true")).lower() in ("false", "0")

    def count(self, call: Call) -> None:
        """Count this request; refuse it when there were too many. Sets the X-RateLimit headers of the answer."""
        below = self.backend.revision.value("limits.below")
        if not call.path.startswith(below if isinstance(below, str) else tuple(below)):
            return
        limit = int(self.backend.options.get(LIMIT) or API_LIMIT)
        if not self.backend.does("limits.by-caller"):
            client = call.scope.get("client")
            self._one(call, limit, str(client[0] if client else ""), exempt=False)
            return
        token = self.backend.store.tokens.get(auth.sent_token(call).partition("-")[0])
        user = self.backend.store.users.get(token.user_id) if token else None
        exempt = False
        if call.header("x-coder-bypass-ratelimit").lower() in ("1", "t", "true") and user is not None:
            if not authz.is_site_owner(user):
                raise refusal("rate.bypass")
            exempt = True
        client = call.scope.get("client")
        caller = user.id if user else str(client[0] if client else "")
        self._one(call, limit, caller, exempt)
        if "/chats/files" in call.path:
            self._one(call, FILES_LIMIT, caller, exempt, files_path(self.backend, call.path))

    def _one(self, call: Call, limit: int, caller: str, exempt: bool, path: str = "") -> None:
        key, now = (limit, caller, path or call.path), time.monotonic()
        start, current, previous = self._counts.get(key, (now - now % WINDOW, 0, 0))
        passed = int((now - start) // WINDOW)
        if passed:
            start, current, previous = start + passed * WINDOW, 0, current if passed == 1 else 0
        used = current + round(previous * (1 - (now - start) / WINDOW))
        does = self.backend.does
        refused = used >= limit and not exempt and does("rate.limited") and does(f"rate.limited-{call.method}")
        if not refused and not exempt:
            current, used = current + 1, used + 1
        self._counts[key] = start, current, previous
        remaining = limit - 1 if exempt and not used else max(0, limit - used)
        reset = int(time.time() + WINDOW - (now - start))
        call.extra_headers = [
            (b"x-ratelimit-limit", str(limit).encode()),
            (b"x-ratelimit-remaining", str(remaining).encode()),
            (b"x-ratelimit-reset", str(reset).encode()),
        ]
        if not does("rate.headers"):
            call.extra_headers = []
        if refused:
            call.extra_headers.append((b"retry-after", b"60"))
            raise refusal("rate.limited", count=limit)
