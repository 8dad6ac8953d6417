"""A request as those below the endpoints see it: authentication, handshakes, strictness of bodies."""

from __future__ import annotations

from typing import Any, Protocol

from fake_server.state.store import State


class Request(Protocol):
    """What http.kit.Call offers to them. `scope` is the connection's own."""

    scope: dict[str, Any]
    path: str
    method: str

    @property
    def backend(self) -> State: ...
    @property
    def is_upgrade(self) -> bool: ...
    def header(self, name: str) -> str: ...
    def first_query(self, name: str) -> str: ...
