"""What was said on the wire: one HTTP exchange, or one socket from handshake to close.

Live runs, run records and recorded transcripts are all read into these two shapes, so that one set of checks judges all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


class _Absent:
    """There was no body."""

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        return "ABSENT"  # copies are the one object that `is ABSENT` asks for


ABSENT: Any = _Absent()


@dataclass(slots=True)
class Request:
    """`params` keeps repeated names in order; `body` is the JSON value sent (ABSENT: none), `content` other bytes."""

    method: str
    path: str
    params: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = ABSENT
    content: bytes | None = None


@dataclass(slots=True)
class Response:
    """`headers` have lower-case names; `body` is the JSON value if the media type is JSON (else ABSENT), `content` the bytes.

    `fault`: why this is no answer that a client can read, such as one over the caps of the profile; `content` is its head then.
    `lines`: of an answer that was read line by line, each line as a frame.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = ABSENT
    content: bytes | None = None
    fault: str = ""
    lines: list[Frame] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Is it a success?"""
        return 200 <= self.status < 300

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").split(";")[0].strip().lower()


@dataclass(slots=True)
class Exchange:
    """One request with its answer. `actor` is a user name of the target file, or None for nobody; `t_ms` since the run began.

    `error`: why there was no answer; its status is 0 then.
    """

    id: str
    actor: str | None
    request: Request
    response: Response
    t_ms: float = 0.0
    ms: float = 0.0
    case: str = ""
    source: str = ""  # file:line of a transcript row
    racy: tuple[str, ...] | bool = False  # JSON paths of the answer that depend on timing; True: the whole row
    error: str = ""
    weight: int = 0  # bytes that the answer takes in memory, about
    gives_back: str = ""  # whose secret stands in the answer where the API gives none, and where


@dataclass(slots=True)
class Frame:
    """One frame. `payload` is the parsed JSON of a text frame (or its text if that is not JSON), the bytes of a binary one.

    `offset`: bytes of frames that had come over the connection before it, where that is known.
    """

    t_ms: float
    direction: Literal["in", "out"]
    payload: Any
    kind: Literal["text", "binary", "ping", "pong", "close"] = "text"
    offset: int = 0


@dataclass(slots=True)
class SocketLog:
    """One socket: the handshake, then (status 101) frames and how it closed. `by` is "client" or "server".

    `error`: why there was no answer to the handshake; `fault`: why reading stopped, or what broke the protocol.
    """

    id: str
    actor: str | None
    request: Request
    handshake: Response
    frames: list[Frame] = field(default_factory=list)
    close_code: int | None = None
    close_reason: str = ""
    closed_by: str = ""
    t_ms: float = 0.0
    case: str = ""
    source: str = ""
    racy: tuple[str, ...] | bool = False
    error: str = ""
    fault: str = ""
    weight: int = 0
    gives_back: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A judgement against a requirement: what was wrong, where (JSON pointer), what was expected and what was there."""

    requirement: str
    message: str
    pointer: str = ""
    expected: Any = ABSENT
    actual: Any = ABSENT
    exchange: str = ""
    kind: str = ""  # of finding (play/finding.py); told by the values if it is empty
