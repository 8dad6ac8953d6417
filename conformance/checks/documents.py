"""Judges exchanges and sockets by the documents: status, media type, body, headers, frames.

Requirement ids: `SCHEMA-<operationId>` for answers (and `SCHEMA-unrouted` for what fits no operation),
`SCHEMA-headers` for the headers that every answer must carry, `SCHEMA-event-<type>` and `SCHEMA-watch-<kind>` for what
comes over a socket, `SCHEMA-frame-<operationId>` for the frames themselves. Keys that the documents do not know are
allowed unless the judge is strict.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from jsonschema_rs import ValidationError, Validator, validator_for

from conformance.wire.exchange import ABSENT, Exchange, Finding, Frame, Response, SocketLog
from conformance.wire.framing import incoming, unwrap
from conformance.wire.pointers import pointer
from spec import Profile
from spec.documents import Documents, Operation, ResponseDoc, documents
from spec.feeds import LINES, Feed, feeds

Judged = tuple[str, Finding | None]
HEADERS = "SCHEMA-headers"
MOST_FINDINGS = 5  # of one body: a body of the wrong kind would give hundreds


def _explain(error: ValidationError) -> tuple[str, str, Any, Any]:
    """What is wrong, where, expected and actual; in our words, since the library's quote whole bodies."""
    kind, where, value = error.kind, list(error.instance_path), error.instance
    said: dict[str, Any] = kind.as_dict()
    shown = value if not isinstance(value, (dict, list)) else "an object" if isinstance(value, dict) else "an array"
    match kind.name:
        case "required":
            key = said["property"]
            return f"the key {key} is missing", pointer(*where, key), key, ABSENT
        case "type":
            return "the value is of the wrong type", pointer(*where), said.get("types"), shown
        case "enum":
            return "the value is none of those allowed", pointer(*where), said["options"], shown
        case "const":
            return "the value is another one", pointer(*where), said["expected_value"], shown
        case "format":
            return f"the value is no {said['format']}", pointer(*where), said["format"], shown
        case "falseSchema":
            return "the key must not be here", pointer(*where), ABSENT, shown
        case "unevaluatedProperties" | "additionalProperties":
            return f"unknown keys: {', '.join(said['unexpected'])}", pointer(*where), ABSENT, said["unexpected"]
        case "anyOf" | "oneOf" if said.get("context"):
            return _explain(min((branch[0] for branch in said["context"] if branch), key=_depth))
        case name:
            return f"the value breaks {name}: {error.message[-120:]}", pointer(*where), ABSENT, shown


@cache
def _validators(profile: Profile, strict: bool) -> tuple[dict[int, Validator], dict[str, dict[str, Validator]]]:
    return {}, {}


def _depth(error: ValidationError) -> int:
    return -len(list(error.instance_path))


class DocumentJudge:
    """Judges against one profile's documents. Validators are compiled when first used and shared by all judges."""

    def __init__(self, profile: Profile, *, strict: bool = False, provisioning: bool = False) -> None:
        self.documents: Documents = documents(profile.name, profile.folder)
        self.feeds = feeds(profile)
        self.strict, self._provisioning = strict, provisioning
        self._compiled, self._events = _validators(profile, strict)

    def __call__(self, said: Exchange | SocketLog) -> Iterator[Judged]:
        """Every requirement that this was judged by: with each finding, or once with None where nothing is wrong."""
        match = self.documents.match(said.request.method, said.request.path)
        if match is None or not (match.operation.judged or self.strict or self._provisioning):
            return
        if _informal(said.request.method, said.request.path):
            return
        operation = match.operation
        requirement = f"SCHEMA-{operation.id}"
        if isinstance(said, SocketLog):
            doc = operation.responses.get(said.handshake.status)
            yield from _judged(requirement, said.id, self._answer(operation, doc, said.handshake, True))
            yield from self._frames(operation, said, said.fault)
            return
        doc = operation.responses.get(said.response.status)
        with_body = said.request.method != "HEAD"
        yield from _judged(requirement, said.id, self._answer(operation, doc, said.response, with_body))
        if doc is not None and doc.headers and said.response.headers:
            yield from _judged(HEADERS, said.id, self._headers(doc, said.response))
        feed = self.feeds.get(operation.id)
        if feed is not None and feed.framing == LINES and said.response.status == 200:
            yield from self._frames(operation, said, said.response.fault)

    def findings(self, said: Exchange | SocketLog) -> list[Finding]:
        """Only what is wrong."""
        return [finding for _, finding in self(said) if finding is not None]

    def _validator(self, schema: Any) -> Validator:
        # The documents are never thrown away, so the identity of one of their nodes is a safe key.
        found = self._compiled.get(id(schema))
        if found is None:
            standalone = self.documents.standalone(schema, strict=self.strict)
            found = self._compiled[id(schema)] = validator_for(standalone, validate_formats=True)
        return found

    def _answer(self, operation: Operation, doc: ResponseDoc | None, response: Response, with_body: bool) -> Iterator[Finding]:
        if response.fault:
            yield Finding("", response.fault, "", ABSENT, _shown(response))
        elif doc is None:
            known = sorted(operation.responses)
            yield Finding("", f"the status is not documented for {operation.id}", "", known, response.status)
        elif not doc.media:
            if response.status != 101 and with_body and (response.content or response.body is not ABSENT):
                yield Finding("", f"a {response.status} answer has no body", "", ABSENT, _shown(response))
        elif with_body:
            media = response.media_type if response.headers else next(iter(doc.media))
            if media not in doc.media:
                yield Finding("", "the content type is not documented", "", sorted(doc.media), media or ABSENT)
            elif doc.media[media] is not True and doc.media[media].get("format") != "binary":
                yield from self._body(doc.media[media], media, response)

    def _body(self, schema: Any, media: str, response: Response) -> Iterator[Finding]:
        body = response.body
        if body is ABSENT:
            if response.content is None:
                return  # the recording kept only its length
            if media == "application/json":
                yield Finding("", "the body is not JSON", "", ABSENT, _shown(response))
                return
            body = response.content.decode("utf-8", "replace")
        yield from _errors(self._validator(schema), body, "")

    def _headers(self, doc: ResponseDoc, response: Response) -> Iterator[Finding]:
        for name, (required, schema) in doc.headers.items():
            value = response.headers.get(name)
            if value is None:
                if required:
                    yield Finding("", f"the header {name} is missing", "", name, ABSENT)
                continue
            for finding in _errors(self._validator(schema), value, ""):
                text = f"the header {name}: {finding.message}"
                yield Finding("", text, "", finding.expected, value)

    def _frames(self, operation: Operation, said: Exchange | SocketLog, fault: str) -> Iterator[Judged]:
        requirement = f"SCHEMA-frame-{operation.id}"
        came = list(incoming(said))
        if fault:
            wrong = [Finding("", fault, pointer("frames", came[-1][0] if came else 0))]
            yield from _judged(requirement, said.id, iter(wrong))
            return
        if operation.id == "streamDesktop":
            bad = (frame for _, frame in came if frame.kind != "binary")
            wrong = [Finding("", "the frame is not binary", "", "binary", frame.kind) for frame in bad]
            yield from _judged(requirement, said.id, iter(wrong)) if came else ()
            return
        feed = self.feeds.get(operation.id)
        if feed is None:
            return
        for number, frame in came:
            if frame.payload is ABSENT:
                continue  # the record kept only its head
            yield from self._frame(feed, said.id, number, frame)

    def _frame(self, feed: Feed, exchange: str, number: int, frame: Frame) -> Iterator[Judged]:
        known, where = self._known(feed.union), pointer("frames", number)
        came, wrong = unwrap(frame, feed), []
        if came.wrong:
            wrong.append(Finding("", came.wrong, where))
        elif came.note is not None:
            wrong += self._note(feed, str(came.note["type"]), frame.payload, where)
        else:
            for at, event in enumerate(came.events):
                place = where + came.pointer(at)
                name = event.get(feed.key) if isinstance(event, dict) else None
                if not isinstance(name, str) or name not in known:
                    wrong.append(Finding("", "the event is of no known kind", place, sorted(known), name))
                else:
                    yield from _judged(feed.requirement_of(name), exchange, _errors(known[name], event, place))
        yield from _judged(feed.requirement, exchange, iter(wrong))

    def _note(self, feed: Feed, kind: str, payload: Any, where: str) -> Iterator[Finding]:
        envelopes = self._known(feed.frame) if feed.frame else {}
        if kind in envelopes:
            yield from _errors(envelopes[kind], payload, where)
        elif feed.frame:
            yield Finding("", "the frame is of no known kind", where, sorted(envelopes), kind)

    def _known(self, union: str) -> dict[str, Validator]:
        if union not in self._events:
            self._events[union] = {
                value: validator_for(self.documents.schema(name, strict=self.strict), validate_formats=True)
                for value, name in self.documents.event_names(union).items()
            }
        return self._events[union]


def _informal(method: str, path: str) -> bool:
    """Is this asked in a way that a server may know or not (ROUTE-010, ROUTE-012), so that no document binds it?"""
    return method in ("HEAD", "OPTIONS") or path.endswith("/") or "//" in path


def _shown(response: Response) -> str:
    content = response.content or b""
    return content[:80].decode("utf-8", "replace") if content else repr(response.body)[:80]


def _errors(validator: Validator, value: Any, where: str) -> Iterator[Finding]:
    try:
        if validator.is_valid(value):
            return
    except UnicodeEncodeError:
        yield Finding("", "a text holds half of a surrogate pair, which is no character", where)
        return
    for count, error in enumerate(validator.iter_errors(value)):
        if count == MOST_FINDINGS:
            return
        message, at, expected, actual = _explain(error)
        yield Finding("", message, where + at, expected, actual)


def _judged(requirement: str, exchange: str, found: Iterator[Finding]) -> Iterator[Judged]:
    clean = True
    for f in found:
        clean = False
        yield requirement, Finding(requirement, f.message, f.pointer, f.expected, f.actual, exchange)
    if clean:
        yield requirement, None


@cache
def _judge(profile: Profile) -> DocumentJudge:
    return DocumentJudge(profile)


def judge(profile: Profile, said: Exchange | SocketLog) -> list[Finding]:
    """What is wrong with this exchange or socket by the documents of the profile."""
    return _judge(profile).findings(said)


def requirement_ids(profile: Profile) -> list[str]:
    """Every requirement that this module can judge by, in the order of the documents."""
    docs = documents(profile.name, profile.folder)
    ids = [f"SCHEMA-{name}" for name, operation in docs.operations.items() if operation.judged]
    ids += [f"SCHEMA-{docs.unrouted.id}", HEADERS]
    for feed in feeds(profile).values():
        ids += [feed.requirement, *(feed.requirement_of(name) for name in docs.event_names(feed.union))]
    return [*ids, "SCHEMA-frame-streamDesktop"] if "streamDesktop" in docs.operations else ids
