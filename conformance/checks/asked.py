"""An exchange, understood: which operation it is, what it asks for. Ground of the checks that judge answers by requests."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from conformance.wire.exchange import ABSENT, Exchange, Finding, Request, Response, SocketLog
from spec import Profile
from spec.documents import Documents
from spec.tables import limit

Judged = tuple[str, Finding | None]

_HEX = "[0-9a-fA-F]"
_PLAIN = rf"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"
_UUID = re.compile(rf"{_PLAIN}|{_HEX}{{32}}|urn:uuid:{_PLAIN}|.{_PLAIN}.", re.I)
NIL = "00000000-0000-0000-0000-000000000000"
# An answer that says nothing of the parameter under judgement: other checks come first.
ELSEWHERE = frozenset({401, 403, 404, 405, 410, 426, 428, 429})


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with an answer: message, JSON pointer, expected and actual value."""

    message: str
    pointer: str = ""
    expected: Any = ABSENT
    actual: Any = ABSENT


# None: not judged; True: judged and fine.
Verdict = Wrong | bool | None


def is_uuid(text: str) -> bool:
    """Any spelling that the API takes: dashed, 32 digits, with urn:uuid: or in braces (some take anything for these)."""
    return _UUID.fullmatch(text) is not None


def plain_uuid(text: str) -> str:
    """The lower-case dashed spelling; "" if it is none."""
    if not is_uuid(text):
        return ""
    text = text[1:-1] if len(text) == 38 else text
    digits = re.sub(r"^urn:uuid:|-", "", text, flags=re.I).lower()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def integer(text: str, bits: int = 64) -> int | None:
    """The number, if it is one of that many bits."""
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        return None
    value = int(text)
    return value if -(1 << (bits - 1)) <= value < 1 << (bits - 1) else None


@dataclass(slots=True)
class Asked:
    """One request with its answer. `path` are the operation's path parameters, `body` the sent object by lower-case name."""

    profile: Profile
    said: Exchange | SocketLog
    operation: str
    path: dict[str, str]
    request: Request
    response: Response
    query: dict[str, list[str]] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    retired: bool = False  # it is for a route that the profile has retired
    secured: bool = True  # it needs a token
    may_be_off: bool = False  # the profile says that the server may not do this at all (503)

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def answer(self) -> Any:
        """The JSON value of the answer; ABSENT if it is none or was not kept."""
        return self.response.body

    @property
    def is_socket(self) -> bool:
        return isinstance(self.said, SocketLog)

    @property
    def below_chats(self) -> str:
        """The path below that of chats, which is "/" itself there; "" for a request to something else."""
        path, chats = self.request.path, self.profile.traits["chats_path"]
        return path.removeprefix(chats) or "/" if path.startswith(chats) else ""

    @property
    def chat(self) -> str:
        """The chat of the path, in lower case with dashes; "" if there is none."""
        return plain_uuid(self.path.get("chat", ""))

    def limit(self, name: str, bound: str = "max") -> int:
        """A bound of the profile. Raises KeyError where it has none, so that the rule that asks does not judge."""
        return limit(self.profile, name, bound)

    def one(self, name: str) -> str:
        """The first value of a query parameter; "" if absent."""
        return self.query.get(name, [""])[0]

    def refused(self, status: int = 400, *others: int) -> Verdict:
        """Judge that the answer is a refusal with this status (or one of the others, which say nothing of it)."""
        if self.status == status:
            return True
        if self.status in ELSEWHERE or self.status in others or (self.status == 503 and self.may_be_off):
            return None
        return Wrong(f"this request must be refused with {status}", "", status, self.status)


def understand(documents: Documents, said: Exchange | SocketLog) -> Asked | None:
    """The exchange with its operation ("" for none of the documents); None for what is no request of this API."""
    match = documents.match(said.request.method, said.request.path)
    if match is None and not said.request.path.startswith("/api/"):
        return None
    response = said.handshake if isinstance(said, SocketLog) else said.response
    operation, params = (match.operation.id, match.params) if match else ("", {})
    asked = Asked(documents.profile, said, operation, params, said.request, response)
    if match:
        asked.secured, asked.may_be_off = match.operation.secured, 503 in match.operation.responses
    asked.retired = any(f"{said.request.path}/".startswith(f"{path}/") for path in documents.retired)
    for name, value in said.request.params:
        asked.query.setdefault(name, []).append(value)
    body = said.request.body
    if isinstance(body, dict):
        lowered = {str(key).lower(): value for key, value in body.items()}
        # Names that differ in case only: which one counts is a matter of its own.
        asked.body = lowered if len(lowered) == len(body) else None
    return asked


Rule = Callable[[Asked], Verdict]


@dataclass(frozen=True, slots=True)
class Row:
    """One stateless check: the requirement it judges, the operations it looks at (none: all), the function."""

    requirement: str
    operations: frozenset[str]
    rule: Rule


class Rules:
    """A table of stateless checks; modules fill it with the decorator `judges`."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._for: dict[str, list[Row]] = {}

    def judges(self, requirement: str, *operations: str) -> Callable[[Rule], Rule]:
        """Enter a check under the requirement that it judges."""

        def enter(rule: Rule) -> Rule:
            self.rows.append(Row(requirement, frozenset(operations), rule))
            return rule

        return enter

    def judge(self, asked: Asked) -> Iterator[Judged]:
        """Every requirement that this exchange was judged by."""
        rows = self._for.get(asked.operation)
        if rows is None:
            rows = [row for row in self.rows if not row.operations or asked.operation in row.operations]
            self._for[asked.operation] = rows
        for row in rows:
            try:
                verdict = row.rule(asked)
            except (AttributeError, LookupError, TypeError, ValueError):
                continue  # the answer has not the shape that the rule speaks of: the schemas say so
            if verdict is True:
                yield row.requirement, None
            elif isinstance(verdict, Wrong):
                yield row.requirement, finding(row.requirement, verdict, asked.said)


def finding(requirement: str, wrong: Wrong, said: Exchange | SocketLog) -> Finding:
    return Finding(requirement, wrong.message, wrong.pointer, wrong.expected, wrong.actual, said.id)
