"""Read scripts: from JSON values, from a prompt. Anything unknown or of the wrong type is a BadScript naming its place."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, NoReturn

from fake_server.llm.script import (
    DEFAULT_TURN,
    UNSET,
    BadScript,
    Fault,
    Gate,
    HttpError,
    Json,
    Node,
    Pacing,
    Raw,
    Reasoning,
    Redacted,
    Refusal,
    Script,
    Source,
    Step,
    StreamError,
    Text,
    ToolCall,
    Turn,
    Turns,
    Usage,
    Wait,
    WebSearch,
)

MARKER = re.compile(r"script:\s*(?=\{)")
MAX_STEPS = 200_000
MAX_DEPTH = 8
_SMALL = 16 << 10
FAULT_KINDS = (
    "cut", "reset", "half_close", "hang", "malformed_chunk", "split_utf8", "bad_utf8", "bad_json", "truncated_event",
    "duplicate_event", "empty_event", "comment", "content_type", "slow_headers", "drip", "wrong_length",
)  # fmt: skip
_TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,), "number": (int, float), "integer": (int,), "true or false": (bool,), "object": (dict,), "list": (list,),
}  # fmt: skip
_NOTHING: Any = object()


class _Object:
    """One JSON object being read: each key is taken once, what is left over is unknown."""

    def __init__(self, value: Json, where: str, what: str) -> None:
        if not isinstance(value, dict):
            raise BadScript(f"{what} must be an object, not {_name(value)}", where)
        self.value, self.where, self.what = value, where, what
        self._known: list[str] = []

    def fail(self, problem: str, key: str = "") -> NoReturn:
        raise BadScript(problem, f"{self.where}/{key}" if key else self.where)

    def take(self, key: str, type_name: str, default: Any = _NOTHING, *, null: bool = False) -> Any:
        """The value of `key`, checked; the default when it is missing. Without a default it is required."""
        self._known.append(key)
        if key not in self.value:
            if default is _NOTHING:
                self.fail(f"{self.what} needs {key!r}")
            return default
        value = self.value[key]
        if value is None:
            if null:
                return None
            if default is None:
                self.fail(f"{key!r} can't be null; leave it out", key)
        if type_name == "integer" and isinstance(value, float) and value.is_integer():
            return int(value)
        wanted = _TYPES.get(type_name)
        if wanted and (not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted)):
            self.fail(f"{key!r} must be {_article(type_name)}, not {_name(value)}", key)
        return value

    def number(self, key: str, default: Any = _NOTHING, *, least: float = 0, most: float = 1e12) -> Any:
        value = self.take(key, "number", default)
        if value is not default and not least <= value <= most:
            self.fail(f"{key!r} must be from {least:g} to {most:g}, not {value}", key)
        return value

    def integer(self, key: str, default: Any = _NOTHING, *, least: int = 0, most: int = 10**12) -> Any:
        value = self.take(key, "integer", default)
        if value is not default and not least <= value <= most:
            self.fail(f"{key!r} must be from {least} to {most}, not {value}", key)
        return value

    def done(self) -> None:
        for key in self.value:
            if key not in self._known:
                near = get_close_matches(str(key), self._known, 1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(self._known)}"
                raise BadScript(f"{self.what} has no key {key!r}{hint}", f"{self.where}/{key}")


def _name(value: Json) -> str:
    names = {type(None): "null", bool: "true or false", str: "a text", list: "a list", dict: "an object"}
    return "a number" if type(value) in (int, float) else names.get(type(value), type(value).__name__)


def _article(type_name: str) -> str:
    return type_name if type_name == "true or false" else f"{'an' if type_name[0] in 'aeiou' else 'a'} {type_name}"


# -- whole scripts


def find_script(texts: Sequence[str]) -> Script | None:
    """The script in the texts of one message: behind the first marker of the last text that has one. Raises BadScript."""
    for text in reversed(texts):
        found = MARKER.search(text)
        if found:
            script = text[found.end() :]
            return (_parse_small if len(script) <= _SMALL else _parse_large)(script)
    return None


def _parse(text: str) -> Script:
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as problem:
        raise BadScript(f"not JSON: {problem.msg} (line {problem.lineno} column {problem.colno})") from None
    except RecursionError:
        raise BadScript("nested too deeply to be a script") from None
    return read_script(value)


# The same prompt comes with every call of its turn; large ones are kept for a few chats only.
_parse_small = lru_cache(maxsize=1024)(_parse)
_parse_large = lru_cache(maxsize=8)(_parse)


def read_script(value: Json) -> Script:
    """The script of a JSON value. Raises BadScript."""
    try:
        return _read_script(value)
    except RecursionError:
        raise BadScript("nested too deeply to be a script") from None


def _read_script(value: Json) -> Script:
    whole = _Object(value, "", "a script")
    title = _helper(whole, "title")
    label = _helper(whole, "label")
    strict = whole.take("strict", "true or false", False)
    rest = {k: v for k, v in value.items() if k not in ("title", "label", "strict")}
    return Script(read_node(rest, "") if rest else DEFAULT_TURN, title, label, strict)


def _helper(whole: _Object, key: str) -> str | Node | None:
    value = whole.take(key, "any", None, null=True)
    return value if value is None or isinstance(value, str) else read_node(value, f"/{key}")


def read_node(value: Json, where: str, depth: int = 0) -> Node:
    """A turn, or `turns`, or `attempts`."""
    if depth > MAX_DEPTH:
        raise BadScript("turns and attempts are nested too deeply", where)
    if isinstance(value, dict):
        for key in ("turns", "calls", "attempts"):
            if key in value:
                group = _Object(value, where, f"a script with {key!r}")
                listed = group.take(key, "list")
                group.done()
                if not listed:
                    group.fail(f"{key!r} is empty", key)
                nodes = tuple(read_node(item, f"{where}/{key}/{i}", depth + 1) for i, item in enumerate(listed))
                return Turns(nodes, by_attempt=key == "attempts", by_call=key == "calls")
    return read_turn(value, where)


def read_turn(value: Json, where: str) -> Turn:
    """One turn. Raises BadScript."""
    turn = _Object(value, where, "a turn")
    steps: list[Step] = []
    for i, item in enumerate(turn.take("steps", "list", [])):
        steps.extend(_step(item, f"{where}/steps/{i}", len(steps)))
    usage = turn.take("usage", "object", UNSET, null=True)
    error = turn.take("http_error", "object", None)
    fault = turn.take("fault", "any", None)
    pacing = turn.take("pacing", "object", None)
    result = Turn(
        steps=tuple(steps),
        finish=turn.take("finish", "text", UNSET, null=True),
        usage=_usage(usage, f"{where}/usage") if isinstance(usage, dict) else usage,
        cut=turn.take("cut", "true or false", False),
        http_error=_http_error(error, f"{where}/http_error") if error is not None else None,
        faults=tuple(_faults(fault, f"{where}/fault")) if fault is not None else (),
        pacing=read_pacing(pacing, f"{where}/pacing") if pacing is not None else None,
        seed=turn.integer("seed", None, least=-(2**53), most=2**53),
        id=turn.take("id", "text", None),
        no_role=turn.take("no_role", "true or false", False),
        no_done=turn.take("no_done", "true or false", False),
        empty=turn.take("empty", "true or false", False),
        double_finish=turn.take("double_finish", "true or false", False),
        usage_chunk=turn.take("usage_chunk", "true or false", None),
    )
    turn.done()
    return result


def _usage(value: Json, where: str) -> Usage:
    usage = _Object(value, where, "usage")
    result = Usage(
        input=usage.integer("input_tokens", 10),
        output=usage.integer("output_tokens", 5),
        reasoning=usage.integer("reasoning_tokens", None),
        cache_read=usage.integer("cache_read_tokens", None),
        cache_write=usage.integer("cache_write_tokens", None),
    )
    usage.done()
    return result


def read_pacing(value: Json, where: str) -> Pacing:
    pacing = _Object(value, where, "pacing")
    result = Pacing(
        first_ms=pacing.number("first_ms", 0.0, most=600_000),
        tokens_per_second=pacing.number("tokens_per_second", 0.0, most=1e6),
        jitter=pacing.number("jitter", 0.0, most=1),
        chars=pacing.integer("chars", 0, most=1 << 20),
    )
    pacing.done()
    return result


def _http_error(value: Json, where: str) -> HttpError:
    error = _Object(value, where, "http_error")
    headers = error.take("headers", "object", {})
    pairs = [(name, _header(text, f"{where}/headers/{name}")) for name, text in headers.items()]
    retry_date = None
    retry_after = error.take("retry_after", "any", None)
    if isinstance(retry_after, dict):
        form = _Object(retry_after, f"{where}/retry_after", "retry_after")
        retry_date = form.number("date_in", least=-86400, most=86400)
        form.done()
    elif retry_after is not None:
        pairs.append(("retry-after", _header(retry_after, f"{where}/retry_after")))
    retry_ms = error.take("retry_after_ms", "any", None)
    if retry_ms is not None:
        pairs.append(("retry-after-ms", _header(retry_ms, f"{where}/retry_after_ms")))
    result = HttpError(
        status=error.integer("status", least=200, most=599),
        message=error.take("message", "text", "scripted failure"),
        type=error.take("type", "text", None),
        code=error.take("code", "text", None),
        headers=tuple(pairs),
        retry_date=retry_date,
        body=error.take("body", "any", UNSET),
        text=error.take("text", "text", None),
        content_type=error.take("content_type", "text", None),
        first=error.integer("first", None, least=1, most=1000),
    )
    error.done()
    return result


def _header(value: Json, where: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadScript(f"a header must be a text or a number, not {_name(value)}", where)
    if any(c in "\r\n\0" for c in str(value)):
        raise BadScript("a header can't hold a line end", where)
    return str(value)


# -- faults


def _faults(value: Json, where: str) -> Iterable[Fault]:
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield _fault(item, f"{where}/{i}")
    else:
        yield _fault(value, where)


def _fault(value: Json, where: str) -> Fault:
    fault = _Object({"kind": value} if isinstance(value, str) else value, where, "a fault")
    kind = fault.take("kind", "text")
    if kind not in FAULT_KINDS:
        near = get_close_matches(kind, FAULT_KINDS, 1)
        fault.fail(f"unknown fault {kind!r}; " + (f"did you mean {near[0]!r}?" if near else f"known: {', '.join(FAULT_KINDS)}"))
    before = fault.take("before", "text", None)
    if before not in (None, "headers", "first_chunk"):
        fault.fail(f"'before' must be 'headers' or 'first_chunk', not {before!r}", "before")
    result = Fault(
        kind,
        at_byte=fault.integer("at_byte", None),
        after_chunk=fault.integer("after_chunk", None),
        before=before,
        ms=fault.number("ms", 0.0, most=600_000),
        bytes=fault.integer("bytes", 1, least=1),
        seconds=fault.number("seconds", None, most=3600),
        value=fault.take("value", "text", ""),
    )
    fault.done()
    if sum(x is not None for x in (result.at_byte, result.after_chunk, result.before)) > 1:
        fault.fail("a fault has one place: 'at_byte', 'after_chunk' or 'before'")
    return result


# -- steps


def _step(value: Json, where: str, so_far: int) -> list[Step]:
    step = _Object(value, where, "a step")
    repeat: int = step.integer("repeat", 1, least=1, most=MAX_STEPS)
    for key, read in _STEPS.items():
        if key in value:
            made: list[Step] = read(step)
            step.done()
            break
    else:
        keys = [k for k in value if k != "repeat"]
        near = get_close_matches(keys[0], list(_STEPS), 1) if keys else []
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(_STEPS)}"
        step.fail(f"unknown step {', '.join(map(repr, keys)) or '(empty)'}; {hint}")
    if so_far + len(made) * repeat > MAX_STEPS:
        step.fail(f"more than {MAX_STEPS} steps")
    return list(made) * repeat


def _pieces(text: str, count: int) -> tuple[str, ...]:
    size = -(-len(text) // count) or 1
    return tuple(text[i : i + size] for i in range(0, len(text), size)) or ("",)


def _text(step: _Object) -> list[Step]:
    text: str = step.take("text", "text") * step.integer("times", 1, least=1, most=16 << 20)
    return [Text(piece) for piece in _pieces(text, step.integer("pieces", 1, least=1, most=MAX_STEPS))]


def _reasoning(step: _Object) -> list[Step]:
    text, signature = step.take("reasoning", "text"), step.take("signature", "text", None)
    pieces = _pieces(text, step.integer("pieces", 1, least=1, most=MAX_STEPS))
    return [*(Reasoning(piece) for piece in pieces[:-1]), Reasoning(pieces[-1], signature)]


def _arguments(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _call(value: Json, where: str) -> ToolCall:
    call = _Object(value, where, "a tool call")
    arguments = _arguments(call.take("arguments", "any", {}))
    fragments = call.take("fragments", "list", None)
    if fragments is not None and not all(isinstance(item, str) for item in fragments):
        call.fail("'fragments' must be a list of texts", "fragments")
    count = call.integer("pieces", 1, least=1, most=MAX_STEPS)
    pieces = _pieces(arguments, count) if fragments is None else tuple(fragments)
    name = call.take("name", "text")
    result = ToolCall(call.take("id", "text", None), name, "".join(pieces), pieces)
    call.done()
    return result


def _tool_call(step: _Object) -> list[Step]:
    return [_call(step.take("tool_call", "object"), f"{step.where}/tool_call")]


def _tool_calls(step: _Object) -> list[Step]:
    listed = step.take("tool_calls", "list")
    return [_call(item, f"{step.where}/tool_calls/{i}") for i, item in enumerate(listed)]


def _source(value: Json, where: str) -> Source:
    source = _Object(value, where, "a source")
    result = Source(source.take("url", "text"), source.take("title", "text", ""), source.take("cited", "text", ""))
    source.done()
    return result


def _web_search(step: _Object) -> list[Step]:
    where = f"{step.where}/web_search"
    search = _Object(step.take("web_search", "object"), where, "a web search")
    results = [_source(item, f"{where}/results/{i}") for i, item in enumerate(search.take("results", "list", []))]
    made = WebSearch(
        search.take("id", "text", None), search.take("query", "text", ""), tuple(results), search.take("error", "text", None)
    )
    search.done()
    return [made]


def _error(step: _Object) -> list[Step]:
    value = step.take("error", "any")
    error = _Object({"message": value} if isinstance(value, str) else value, f"{step.where}/error", "an error")
    made = StreamError(
        error.take("message", "text"),
        error.take("type", "text", "server_error"),
        error.take("code", "text", None),
        error.integer("status", 500, least=400, most=599),
    )
    error.done()
    return [made]


def _gate(step: _Object) -> list[Step]:
    name = step.take("gate", "text")
    if not name:
        step.fail("a gate needs a name", "gate")
    return [Gate(name, step.number("seconds", None, most=3600))]


def _base64(step: _Object) -> list[Step]:
    try:
        return [Raw(base64.b64decode(step.take("raw_base64", "text"), validate=True))]
    except (binascii.Error, ValueError):
        step.fail("'raw_base64' is not base64", "raw_base64")


def _fault_step(step: _Object) -> list[Step]:
    fault = _fault(step.take("fault", "any"), f"{step.where}/fault")
    if fault.at_byte is not None or fault.after_chunk is not None or fault.before is not None:
        step.fail("a fault step happens where it stands; leave its place out", "fault")
    if fault.kind in ("content_type", "slow_headers", "wrong_length"):
        step.fail(f'{fault.kind!r} belongs to the turn: "fault" beside "steps"', "fault")
    return [fault]


_STEPS: dict[str, Callable[[_Object], list[Step]]] = {
    "text": _text,
    "reasoning": _reasoning,
    "redacted": lambda step: [Redacted(step.take("redacted", "text"))],
    "refusal": lambda step: [Refusal(step.take("refusal", "text"))],
    "tool_call": _tool_call,
    "tool_calls": _tool_calls,
    "source": lambda step: [_source(step.take("source", "object"), f"{step.where}/source")],
    "web_search": _web_search,
    "error": _error,
    "wait_ms": lambda step: [Wait(step.number("wait_ms", most=600_000))],
    "gate": _gate,
    "raw": lambda step: [Raw(step.take("raw", "text").encode("utf-8", "surrogatepass"))],
    "raw_base64": _base64,
    "fault": _fault_step,
}
