"""Finds the route of a path the way the real server does: a tree of sub-routers that are entered one by one.

A sub-router (mount) takes every path below it: once entered there is no way out, so what must be right on entering it
(authentication, the chat) is checked before method and rest of the path are. A plain static name with another method falls
through to a path parameter at its place: `POST /chats/models` is the chat called `models` (chats.md, "Routing").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

Enter = Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. `handler(call)` gives a reply; a socket's handler may answer on the connection itself and give None."""

    operation: str
    method: str
    path: str
    handler: Callable[[Any], Any]
    auth: bool = True
    socket: bool = False
    when: str = ""  # the behaviour that a revision must have for it; with `!`, must not have


@dataclass(slots=True)
class Node:
    """One place of the tree. `enter` (mounts only) is called with the call when it is reached; it may refuse."""

    mount: bool = False
    enter: Enter | None = None
    routes: dict[str, Route] = field(default_factory=dict)
    static: dict[str, Node] = field(default_factory=dict)
    param: Node | None = None
    param_name: str = ""

    def child(self, segment: str) -> Node:
        """The node below for this segment of a path pattern, made if it is not there."""
        if not segment.startswith("{"):
            return self.static.setdefault(segment, Node())
        name = segment[1:-1]
        if self.param is None:
            self.param, self.param_name = Node(), name
        elif self.param_name != name:
            raise ValueError(f"path parameter {{{name}}} is called {{{self.param_name}}} elsewhere")
        return self.param


class Router:
    """The tree of all routes. `mounts` are the path patterns that are sub-routers, with what is to be done on entering."""

    def __init__(self, routes: Iterable[Route], mounts: dict[str, Enter | None]) -> None:
        self.root = Node(mount=True)
        for pattern, enter in mounts.items():
            node = self._place(pattern)
            node.mount, node.enter = True, enter
        for route in routes:
            node = self._place(route.path)
            if route.method in node.routes:
                raise ValueError(f"{route.method} {route.path} is declared twice")
            node.routes[route.method] = route

    def _place(self, pattern: str) -> Node:
        node = self.root
        for segment in pattern.strip("/").split("/"):
            node = node.child(segment)
        return node

    def find(self, path: str, method: str, params: dict[str, str], call: Any) -> tuple[Route | None, list[str]]:
        """The route of this request and, when there is none, the methods that its path does have (none: no such path).

        Path parameters are written into `params`; entering a mount may raise.
        """
        segments = [s for s in path.split("/") if s]
        if path.endswith("/"):
            segments.append("")
        node, at = self.root, 0
        while True:
            allowed: list[str] = []
            found = _match(node, segments, at, method, params, allowed)
            if found is None:
                return None, allowed
            if isinstance(found, Route):
                return found, allowed
            node, at = found
            if node.enter is not None:
                node.enter(call)


def _match(
    node: Node, segments: list[str], at: int, method: str, params: dict[str, str], allowed: list[str]
) -> Route | tuple[Node, int] | None:
    rest = len(segments) - at
    if rest == 0 or (rest == 1 and node.mount and not segments[at]):
        route = node.routes.get(method)
        if route is None:
            allowed.extend(node.routes)
        return route
    segment = segments[at]
    below = node.static.get(segment)
    if below is not None:
        if below.mount:
            return below, at + 1
        found = _match(below, segments, at + 1, method, params, allowed)
        if found is not None:
            return found
    if node.param is not None and segment:
        params[node.param_name] = segment
        if node.param.mount:
            return node.param, at + 1
        return _match(node.param, segments, at + 1, method, params, allowed)
    return None
