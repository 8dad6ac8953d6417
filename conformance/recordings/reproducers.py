"""The way to each failure of a run as a transcript: what its case said up to what decides, taken from the record.

`replay` plays it: the ids, names and waits in it are those of transcripts. The row that decides carries the finding; where the
server answers it as it did, the fault is still there.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import spec
from conformance.recordings.reading import Unreadable, record_lines
from conformance.run.reproduce import UNIQUE
from conformance.wire.framing import values
from spec.documents import documents
from spec.feeds import Feed, feeds

_TROUBLE = ("fail", "warn", "raced", "unexpected-pass")
_FINDING = ("requirement", "finding", "pointer", "message", "expected", "actual")
_KEPT_HEADERS = ("content-type",)
_LAST_MS = 1000  # that a socket is listened to behind what came, for what should not or did not come
# where recorded servers and their scripted LLM listened, which replays put their own addresses for
_SERVER, _LLM = "127.0.0.1:7000", "127.0.0.1:9901"

_KEY = re.compile(r"/users/[^/]+/keys/([A-Za-z0-9]{10})$")
_MASKED = re.compile(r"%3Ctoken(?:%3A([A-Za-z0-9_-]+))?%3E")  # a masked token in a query


def _unescaped(match: re.Match[str]) -> str:
    return f"<token:{match[1]}>" if match[1] else "<token>"


@dataclass(slots=True)
class _Way:
    """A failure, and the lines of the record that lead to it."""

    check: dict[str, Any]
    lines: list[dict[str, Any]] = field(default_factory=list)


def write(record: Path, folder: Path) -> list[Path]:
    """Write a transcript for the worst failure of each requirement, `<id>.jsonl`. Raises Unreadable, OSError."""
    header: dict[str, Any] = {}
    ways: dict[str, _Way] = {}
    for line in record_lines(record):
        if line["kind"] == "header":
            header = line
        if line["kind"] == "check" and line["verdict"] in _TROUBLE and line.get("deciding"):
            ways.setdefault(line["requirement"], _Way(line))
    if not header:
        raise Unreadable(f"{record}: no run record: it has no header")
    by_case: dict[str, list[dict[str, Any]]] = {}
    by_id = {way.check["deciding"]: "" for way in ways.values()}
    for line in record_lines(record):
        if line.get("id") in by_id:
            by_id[line["id"]] = line["case"]
    cases = {*by_id.values()}
    for line in record_lines(record):
        if line["kind"] in ("exchange", "control") and line["case"] in cases:
            by_case.setdefault(line["case"], []).append(line)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for requirement, way in ways.items():
        way.lines = by_case.get(by_id[way.check["deciding"]], [])
        rows = _Transcript(header, way).rows()
        path = folder / f"{requirement}.jsonl"
        path.write_text(
            "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8", errors="backslashreplace"
        )
        written.append(path)
    return written


class _Transcript:
    """The rows of one way."""

    def __init__(self, header: dict[str, Any], way: _Way) -> None:
        self.header, self.check = header, way.check
        self.documents = documents(header["profile"])
        self.feeds = feeds(spec.load(header["profile"]))
        self.lines = sorted(self._of_the_play(way.lines), key=lambda line: line["t_ms"])
        self.users = header["target"].get("users") or {}
        self.made: dict[str, str] = {}  # users that the case made → what their tokens are called
        self.looked: set[str] = set()  # looks at something that had been looked at before
        self.heard: dict[str, int] = {}  # frames of each open socket that were waited for

    def _of_the_play(self, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        times = {line["id"]: line["t_ms"] for line in lines if "id" in line}
        first, last = (self.check.get("play") or ["", self.check["deciding"]])[:2]
        begin, end = times.get(first, 0), times.get(last, float("inf"))
        return [line for line in lines if begin - (line["kind"] == "control") * 50 <= line["t_ms"] <= end + 50]

    def rows(self) -> Iterator[dict[str, Any]]:
        """The head and the steps."""
        steps = list(self._steps())
        text = json.dumps(steps, ensure_ascii=False)
        for here, there in self._addresses():
            text = text.replace(here, there)
        acting = {row["as"] for row in steps if row.get("as")} | {*re.findall(r"<token:([^>]+)>", text)}
        for number, name in enumerate(sorted(acting - self.users.keys() - {"fresh", "cookie"}), 1):
            self.made[name] = f"made{number}"
            text = text.replace(f"<token:{name}>", f"<token:made{number}>").replace(f'"as": "{name}"', f'"as": "made{number}"')
        yield self._head(sorted(set(UNIQUE.findall(text)), key=lambda word: (-len(word), word)))
        issued = ""
        for row in json.loads(text):
            issued = self._name_the_token(row, issued)
            yield self._login(row)

    def _head(self, fresh: list[str]) -> dict[str, Any]:
        target, row = self.header["target"], spec.load(self.header["profile"]).requirements.get(self.check["requirement"])
        return {
            "about": f"The way to a failure of {self.check['requirement']}: {self.check.get('text', '')}",
            "profile": self.header["profile"],
            "needs": list(row.needs) if row else [],
            "env": {
                "org": target.get("organization_id") or "",
                "ids": {name: user.get("id") or "" for name, user in self.users.items()},
                "model_configs": target.get("model_config_ids") or [],
            },
            "fresh": {f"word{number}": word for number, word in enumerate(fresh)},
        }

    def _addresses(self) -> Iterator[tuple[str, str]]:
        llm = (self.header["target"].get("llm") or {}).get("base_url") or ""
        if llm:
            yield llm, f"http://{_LLM}/v1"
            yield urlsplit(llm).netloc, _LLM
        if host := urlsplit(self.header["target"].get("base_url") or "").netloc:
            yield host, _SERVER

    def _name_the_token(self, row: dict[str, Any], issued: str) -> str:
        """A key's id in a path is the first part of its token, new each time. `issued`: the last token that was issued."""
        request, body = row.get("request") or {}, (row.get("response") or {}).get("body")
        if issued and (found := _KEY.search(request.get("path", ""))):
            request["path"] = f"{request['path'][: found.start(1)]}<token-id:{issued}>{request['path'][found.end(1) :]}"
        token = re.fullmatch(r"<token:([^>]+)>", str(body.get("key", ""))) if isinstance(body, dict) else None
        return token[1] if token else issued

    def _login(self, row: dict[str, Any]) -> dict[str, Any]:
        """The sign-in of a user that the case made gives that user's token."""
        body = (row.get("response") or {}).get("body")
        sent = (row.get("request") or {}).get("body")
        if isinstance(body, dict) and "session_token" in body and isinstance(sent, dict):
            name = str(sent.get("email", "")).partition("@")[0]
            if name in self.made:
                body["session_token"] = f"<token:{self.made[name]}>"
        return row

    # -- steps ---------------------------------------------------------------------------------------------

    def _steps(self) -> Iterator[dict[str, Any]]:
        decides = next((line for line in self.lines if line.get("id") == self.check["deciding"]), None)
        end = decides["t_ms"] if decides else 0.0
        if decides and "websocket" in decides:
            end = max([frame["t_ms"] for frame in decides["frames"]] + [end]) + 1
        before = [line for line in self.lines if line["t_ms"] <= end]
        for place, line in enumerate(before):
            yield from self._awaited(line["t_ms"])
            if line["kind"] == "control":
                yield {"control": line["call"]}
            elif "websocket" in line:
                yield from self._opened(line)
            elif line is decides or not self._asked_again(line, before[place + 1 :]):
                yield from self._asked(line, decides=line is decides)
        if decides and "websocket" in decides and (decides["handshake"] or {}).get("status") == 101:
            yield from self._awaited(end, last=True)
            yield {"wait": {"ms": _LAST_MS}}
        for line in before:
            if "websocket" in line and (line["handshake"] or {}).get("status") == 101:
                yield self._closed(line, decides=line is decides)
        yield from self._tidied([line for line in self.lines if line["t_ms"] > end])

    def _tidied(self, lines: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """What the case did at its end: gates opened, what it had made or changed undone."""
        for line in lines:
            if line["kind"] == "control" and line["call"]["path"].endswith("/open"):
                yield {"control": line["call"]}
            elif "request" in line and line["request"]["method"] in ("DELETE", "PUT", "PATCH"):
                yield from self._asked(line)

    def _asked_again(self, line: dict[str, Any], later: list[dict[str, Any]]) -> bool:
        """Is this one look of several at the same, nothing having been changed in between?"""
        if "request" not in line or line["request"]["method"] != "GET":
            return False
        for other in later:
            if "request" in other:
                if other["request"]["method"] != "GET":
                    return False
                if (other["as"], other["request"]) == (line["as"], line["request"]):
                    self.looked.add(other["id"])
                    return True
            elif other["kind"] == "control" and other["call"]["path"].endswith("/open"):
                return False
        return False

    def _asked(self, line: dict[str, Any], *, decides: bool = False) -> Iterator[dict[str, Any]]:
        request, answer = line["request"], line["response"]
        shown = self._shown(answer)
        if form := self._waited_for(line, shown.get("body")):
            yield {"as": line["as"], "wait": form}
        actor, headers = self._credentials(line, request["headers"])
        asked: dict[str, Any] = {"method": request["method"], "path": request["path"]}
        params: dict[str, Any] = {}
        for name, value in request["params"]:
            params.setdefault(name, []).append(value)
        if params:
            asked["params"] = params
        if headers:
            asked["headers"] = headers
        asked |= {key: request[key] for key in ("body", "content_gen") if key in request}
        if "content" in request and "content_gen" not in request:
            asked["content"] = request["content"]
        yield {"as": actor, "request": asked, "response": shown} | self._finding(decides)

    def _waited_for(self, line: dict[str, Any], body: Any) -> dict[str, Any]:
        """What this look saw at last, where the case may have looked until it did."""
        found = self.documents.match(line["request"]["method"], line["request"]["path"])
        operation, path = found.operation.id if found else "", line["request"]["path"]
        if operation == "getChat" and isinstance(body, dict) and self.check.get("pointer") != "/status":
            summary = {key: body[key] for key in ("last_turn_summary",) if body.get(key)}
            return {"chat": body.get("id"), "until_status": [body.get("status")]} | ({"until": summary} if summary else {})
        if line["id"] not in self.looked:
            return {}
        if isinstance(body, list):
            query = urlencode([(name, value) for name, value in line["request"]["params"]])
            return {"list": f"{path}?{query}" if query else path, "until_count": len(body)}
        if operation == "listMessages" and isinstance(body, dict) and isinstance(body.get("messages"), list):
            counts = {"messages": len(body["messages"]), "queued": len(body.get("queued_messages") or ())}
            return {"chat": path.split("/")[-2], "until_messages": counts}
        return {}

    def _credentials(self, line: dict[str, Any], headers: dict[str, str]) -> tuple[str | None, dict[str, str]]:
        """Who acts, and the further headers: the token goes along by itself."""
        own = f"<token:{line['as']}>"
        signed = any(value == own for value in headers.values())
        body = (line.get("request") or {}).get("body", None)
        json_by_itself = "body" in (line.get("request") or {}) or body is not None
        kept = {
            name: value
            for name, value in headers.items()
            if value != own and not (json_by_itself and name.lower() == "content-type" and value == "application/json")
        }
        return (line["as"] if signed else None), kept

    def _shown(self, answer: dict[str, Any] | None) -> dict[str, Any]:
        if answer is None:
            return {"status": 0}
        shown: dict[str, Any] = {"status": answer["status"]}
        if kept := {name: answer["headers"][name] for name in _KEPT_HEADERS if name in answer["headers"]}:
            shown["headers"] = kept
        if "body" in answer:
            shown["body"] = answer["body"]
        elif "content_length" not in answer and "truncated" not in answer:
            shown["body"] = answer.get("content", "")
        return shown

    def _finding(self, decides: bool) -> dict[str, Any]:
        return {"finding": {key: self.check[key] for key in _FINDING if key in self.check}} if decides else {}

    # -- sockets -------------------------------------------------------------------------------------------

    def _opened(self, line: dict[str, Any]) -> Iterator[dict[str, Any]]:
        actor, headers = self._credentials(line, line["websocket"]["headers"])
        path = line["websocket"]["path"]
        if line["websocket"]["params"]:
            path += "?" + _MASKED.sub(_unescaped, urlencode([(name, value) for name, value in line["websocket"]["params"]]))
        form: dict[str, Any] = {"path": path} | ({"headers": headers} if headers else {})
        shook = line["handshake"]
        if shook is None or shook["status"] != 101:
            finding = self._finding(line["id"] == self.check["deciding"])
            yield {"as": actor, "websocket": form, "handshake": self._shown(shook)} | finding
            return
        self.heard[line["id"]] = 0
        yield {"as": actor, "open": {"conn": line["id"]} | form}

    def _awaited(self, now: float, *, last: bool = False) -> Iterator[dict[str, Any]]:
        """What had come over the open sockets by then is waited for: that is what the case acted on."""
        for line in self.lines:
            heard = self.heard.get(line.get("id", ""))
            if heard is None:
                continue
            frames = [f for f in line["frames"] if f["direction"] == "in" and f["kind"] == "text"]
            came = [f for f in frames[heard:] if last or f["t_ms"] < now]
            feed = self._feed(line["websocket"]["path"])
            patterns = list(_patterns(event for f in came for event in values(f["payload"], feed)))
            if patterns:
                self.heard[line["id"]] = heard + len(came)
                yield {"until": {"conn": line["id"], "all": patterns, "quiet_ms": 20}}

    def _feed(self, path: str) -> Feed | None:
        match = self.documents.match("GET", path)
        return self.feeds.get(match.operation.id) if match else None

    def _closed(self, line: dict[str, Any], *, decides: bool) -> dict[str, Any]:
        frames = [f for f in line["frames"] if f["direction"] == "in" and f["kind"] == "text"]
        close = line.get("close") or {}
        by = (
            {"by": "server", "code": close.get("code"), "reason": close.get("reason", "")}
            if close.get("by") == "server"
            else {"by": "client"}
        )
        shown = [{"t_ms": round(f["t_ms"] - line["t_ms"], 1), "frame": f["payload"]} for f in frames]
        row = {"websocket": {"path": line["websocket"]["path"]}, "conn": line["id"], "frames": shown, "close": by, "order": ""}
        return row | self._finding(decides)


def _patterns(events: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """How many of these events are of each kind; of statuses which."""
    found: Counter[str] = Counter()
    for event in events:
        form = {key: event[key] for key in ("type", "kind") if isinstance(event, dict) and isinstance(event.get(key), str)}
        if form.get("type") == "status" and isinstance(event.get("status"), dict):
            form["status"] = {"status": event["status"].get("status")}
        if form:
            found[json.dumps(form, sort_keys=True)] += 1
    for pattern, count in found.items():
        yield json.loads(pattern) | ({"n": count} if count > 1 else {})
