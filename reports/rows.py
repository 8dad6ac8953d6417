"""The lines of a record as typed rows; `record.schema.json` is the same for writers.

Unknown keys are ignored, so that an older report can be made of a newer record.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

FORMAT = 2  # older ones are read, too: of a record of format 1 the last exchange of a check decides

Level = Literal["MUST", "SHOULD", "MAY"]
Verdict = Literal[
    "pass",
    "fail",
    "warn",
    "not-applicable",
    "untestable",
    "raced",
    "harness-error",
    "expected-fail",
    "unexpected-pass",
]
Milliseconds = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Text = Annotated[str, Field(min_length=1)]
Params = list[Annotated[list[str], Field(min_length=2, max_length=2)]]


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


_RESTS_ON = {
    "seen": "seen on a real server",
    "before": "seen on real servers of earlier revisions, none of this one",
    "documented": "documented",
    "client": "relied on by a public client",
    "source": "only read in the server's source, and seen nowhere",
}


class Header(_Row):
    """What was run, against what, by which contract."""

    kind: Literal["header"]
    record: Annotated[int, Field(ge=1)] = 1
    suite_version: Text
    profile: Text
    extends: str = ""
    spec_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    target: dict[str, Any]
    seed: int | None
    started_at: str
    strict: bool = False
    partial: bool = False
    command: list[str] = []
    options: dict[str, Any] = {}
    job: str = ""
    basis: dict[str, int] = {}

    @property
    def rests_on(self) -> str:
        """What the requirements of the profile rest on, in words; "" where the record does not tell."""
        return ", ".join(f"{count:,} {_RESTS_ON.get(name, name)}" for name, count in self.basis.items())

    @property
    def target_name(self) -> str:
        """The address judged, or what else names it."""
        return str(self.target.get("base_url") or self.target.get("name") or "recorded traffic")


class Content(_Row):
    """`body` is a JSON value, if set at all; `content` is other text; else only hash and length are known."""

    body: Any = None
    content: str | None = None
    content_sha256: str | None = None
    content_length: Count | None = None
    headers: dict[str, str] = {}

    @property
    def has_body(self) -> bool:
        return "body" in self.model_fields_set


class Request(Content):
    method: Text
    path: str
    params: Params = []


class Answer(Content):
    headers: dict[str, str]
    status: Annotated[int, Field(ge=100, le=999)]


class Frame(_Row):
    """One frame; `in` is from the server."""

    t_ms: Milliseconds
    direction: Literal["in", "out"]
    kind: Literal["text", "binary", "ping", "pong", "close"]
    payload: Any


class SocketAddress(_Row):
    path: str
    params: Params = []
    headers: dict[str, str] = {}


class Close(_Row):
    code: int | None
    reason: str
    by: Literal["client", "server", ""]


class _Exchange(_Row):
    kind: Literal["exchange"]
    id: Text
    actor: Annotated[str | None, Field(alias="as")]
    t_ms: Milliseconds
    ms: Milliseconds = 0.0
    case: str = ""
    error: str = ""
    source: str = ""


class HttpExchange(_Exchange):
    """One request with its answer; `response` is None when none came."""

    request: Request
    response: Answer | None


class SocketExchange(_Exchange):
    """One WebSocket from handshake to close."""

    websocket: SocketAddress
    handshake: Answer | None
    frames: list[Frame]
    close: Close | None = None


Exchange = HttpExchange | SocketExchange


class Check(_Row):
    """One judgement of one requirement. Ask `has` before `expected` and `actual`: null is a value too."""

    kind: Literal["check"]
    requirement: Text
    level: Level
    verdict: Verdict
    case: str
    area: str = ""
    text: str = ""
    source: str = ""
    facts: list[Annotated[list[str], Field(min_length=3, max_length=3)]] = []
    message: str = ""
    finding: str = ""
    deciding: str = ""
    twin: str = ""
    expected: Any = None
    actual: Any = None
    pointer: str = ""
    exchanges: list[str] = []
    reproduce: list[str] = []
    rerun: str = ""
    play: list[str] = []
    reason: str = ""
    races: list[str] = []
    plays: Annotated[int, Field(ge=1)] = 1
    passed: Count | None = None
    ms: Milliseconds = 0.0
    attempt: Annotated[int, Field(ge=1)] = 1

    def has(self, name: Literal["expected", "actual"]) -> bool:
        """Was this field given at all?"""
        return name in self.model_fields_set

    @model_validator(mode="after")
    def _proven(self) -> Check:
        if self.verdict in ("pass", "unexpected-pass") and not self.exchanges:
            raise ValueError("a pass needs at least one exchange with the target")
        if self.verdict == "untestable" and not self.reason:
            raise ValueError("an untestable check says why (reason)")
        return self


class Note(_Row):
    """Something to tell that judges nothing."""

    kind: Literal["note"]
    text: str
    topic: str = ""
    t_ms: Milliseconds = 0.0


class Control(_Row):
    """What a case told the scripted LLM: a gate that opens, one that is waited at, an order."""

    kind: Literal["control"]
    case: str
    call: dict[str, Any]
    t_ms: Milliseconds = 0.0


class Scope(_Row):
    """Requirements in scope of the run, and those of them that were judged."""

    in_scope: Count
    judged: Count
    not_selected: Count = 0


class Slow(_Row):
    """How long a case took."""

    case: Text
    ms: Milliseconds


class Race(_Row):
    """A race that the profile declares, and how often it was seen."""

    race: Text
    text: str
    requirement: str = ""
    worded: str
    excused: list[str] = []


class End(_Row):
    """How a run was broken off, and the last exchanges before."""

    how: Literal["interrupted", "target-gone", "timeout", "stopped", "preflight", "broken"]
    reason: str
    exchanges: list[str] = []


class Triples(_Row):
    """Act, situation of a chat and kind of its last turn: how many there are, and how many were reached."""

    possible: int = 0
    walks: int = 0
    cases: int = 0
    together: int = 0


class Walks(_Row):
    """What the walks of a run came to."""

    walks: int = 0
    steps: int = 0
    raced: int = 0
    not_again: list[str] = []
    triples: Triples = Triples()


class Expectation(_Row):
    """A failure that was expected, and occurred."""

    requirement: Text
    reason: str
    owner: str = ""
    link: str = ""
    until: str = ""


class Covered(_Row):
    """How often an operation answered with each status; 0 for those that the documents know and nobody saw."""

    operation: Text
    request: str
    statuses: dict[str, Count]


class Coverage(_Row):
    """What of the contract the run saw: answers, events of each feed, kinds of parts."""

    operations: list[Covered] = []
    events: dict[str, dict[str, Count]] = {}
    parts: dict[str, Count] = {}


class Footer(_Row):
    kind: Literal["footer"]
    counts: dict[Verdict, Count]
    requirements: Scope
    exit: Annotated[int, Field(ge=0, le=3)]
    ms: Milliseconds = 0.0
    judging_ms: Milliseconds = 0.0
    slowest: list[Slow] = []
    races: list[Race] = []
    expectations: list[Expectation] = []
    walks: Walks | None = None
    coverage: Coverage | None = None
    ended: End | None = None
