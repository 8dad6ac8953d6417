"""The official clients parse every rendered turn, and what they report equals the script."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from fake_server.llm.server import ScriptedLLM
from fixtures import scripts as s
from tests.llm.clients import CLIENTS, Reported
from tests.llm.conftest import Run

WIRES = ["chat", "responses", "anthropic"]
ARGUMENTS = {"query": "Ünï 🚀", "page": 1, "deep": {"list": [1, None, True]}}
E_ORG, W_ORG = s.source("https://e.org", "E"), s.source("https://w.org", "W")


@pytest.fixture(scope="module")
def clients(llm: ScriptedLLM, runner: asyncio.Runner) -> Iterator[dict[str, Any]]:
    async def make() -> dict[str, Any]:
        return {wire: make_client(llm.base_url) for wire, make_client in CLIENTS.items()}

    clients = runner.run(make())
    yield clients
    for client in clients.values():
        runner.run(client.close())


STEPS: dict[str, tuple[list[s.Step], dict[str, Any]]] = {
    "text": ([s.text("Hello"), s.text(" wörld 🚀")], {"text": "Hello wörld 🚀"}),
    "pieces": ([s.text("abcdefghij", pieces=4)], {"text": "abcdefghij"}),
    "repeat": ([s.text("ab", repeat=50)], {"text": "ab" * 50}),
    "long": ([s.text("x", times=200_000)], {"text": "x" * 200_000}),
    "nothing": ([], {}),
    "odd text": ([s.text('</script>"\\\n\u2028 \u0301\u202e')], {"text": '</script>"\\\n\u2028 \u0301\u202e'}),
    "reasoning": ([s.reasoning("Let me "), s.reasoning("think."), s.text("So.")], {"reasoning": "Let me think.", "text": "So."}),
    "signature": ([s.reasoning("hm", signature="sig"), s.text("a")], {"reasoning": "hm", "text": "a", "extras": ["sig"]}),
    "redacted": ([s.redacted("AAAA"), s.text("a")], {"text": "a", "extras": ["AAAA"]}),
    "tool call": ([s.tool_call("find", ARGUMENTS, id="c1", pieces=7)], {"tools": [("c1", "find", ARGUMENTS)]}),
    "no arguments": ([s.tool_call("find", id="c1")], {"tools": [("c1", "find", {})]}),
    "several calls": (
        [s.text("Now "), s.tool_call("a", {"n": 1}, id="c1", pieces=3), s.tool_call("b", {"n": 2}, id="c2")],
        {"text": "Now ", "tools": [("c1", "a", {"n": 1}), ("c2", "b", {"n": 2})]},
    ),
    "source": ([s.text("See here."), E_ORG], {"text": "See here.", "sources": [("https://e.org", "E")]}),
    "web search": (
        [s.web_search("q", W_ORG, id="ws1"), s.text("Found.")],
        {"text": "Found.", "searches": ["q"], "sources": [("https://w.org", "W")]},
    ),
    "failed search": ([s.web_search("q", error="max_uses_exceeded"), s.text("No.")], {"text": "No.", "searches": ["q"]}),
    "refusal": ([s.refusal("I can't "), s.refusal("help.")], {"refusal": "I can't help."}),
    "mixed": (
        [s.reasoning("R1"), s.text("T1"), s.reasoning("R2"), s.text("T2"), E_ORG, s.tool_call("t", id="c"), s.text("T3")],
        {"reasoning": "R1R2", "text": "T1T2T3", "sources": [("https://e.org", "E")], "tools": [("c", "t", {})]},
    ),
}


def expected(wire: str, want: dict[str, Any], *, stream: bool) -> dict[str, Any]:
    """What this wire can say of it."""
    want = dict(want)
    if wire == "chat":  # has no place for these
        want.pop("extras", None)
        want.pop("searches", None)
    if wire == "responses" and "searches" in want:
        want.pop("sources", None)
    if wire == "anthropic" and "refusal" in want:
        want["text"] = want.pop("refusal")
    return want


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("kind", STEPS)
@pytest.mark.parametrize("wire", WIRES)
def test_steps(wire: str, kind: str, stream: bool, clients: dict[str, Any], run: Run[Any]) -> None:
    steps, want = STEPS[kind]
    got: Reported = run(clients[wire].ask(s.script(s.turn(*steps)), stream=stream))
    tools = [(call_id, name, json.loads(arguments)) for call_id, name, arguments in got.tools]
    for name, value in expected(wire, want, stream=stream).items():
        assert (tools if name == "tools" else getattr(got, name)) == value, name
    if not want.get("text"):
        assert got.text == "" or wire == "anthropic"
    assert got.finish == clients[wire].finishes["tool_calls" if got.tools else "stop"]
    if kind == "repeat" and stream:
        assert got.deltas == 50
    if kind == "pieces" and stream:
        assert got.deltas == 4


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize(("wire", "finish"), [(wire, finish) for wire in WIRES for finish in CLIENTS[wire].finishes])
def test_finish(wire: str, finish: str, stream: bool, clients: dict[str, Any], run: Run[Any]) -> None:
    got = run(clients[wire].ask(s.script(s.text("x"), finish=finish), stream=stream))
    assert (got.text, got.finish) == ("x", clients[wire].finishes[finish])


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("wire", WIRES)
def test_usage(wire: str, stream: bool, clients: dict[str, Any], run: Run[Any]) -> None:
    counts = s.usage(100, 50, reasoning_tokens=30, cache_read_tokens=40)
    got = run(clients[wire].ask(s.script(s.turn(s.text("x"), usage=counts)), stream=stream))
    uncached = 60 if wire == "anthropic" else 100  # Anthropic counts cached tokens beside the input
    assert got.usage == {"input": uncached, "output": 50, "cached": 40, "reasoning": 30}
    got = run(clients[wire].ask("hi", stream=stream))
    if stream or wire != "chat":
        assert (got.usage["input"], got.usage["output"]) == (10, 5)
    if wire != "anthropic":  # its client can't do without
        assert run(clients[wire].ask('script:{"steps": [], "usage": null}', stream=stream)).usage is None


STATUS_ERRORS = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    409: "ConflictError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
    500: "InternalServerError",
    503: "InternalServerError",
    529: "InternalServerError",
}


@pytest.mark.parametrize("status", STATUS_ERRORS)
@pytest.mark.parametrize("wire", WIRES)
def test_http_errors(wire: str, status: int, clients: dict[str, Any], run: Run[Any]) -> None:
    module = anthropic if wire == "anthropic" else openai
    prompt = s.script(s.http_error(status, "it broke", type="my_type", headers={"retry-after-ms": "1500"}, retry_after=2))
    with pytest.raises(module.APIStatusError) as caught:
        run(clients[wire].ask(prompt, stream=status != 409))
    error = caught.value
    names = {base.__name__ for base in type(error).__mro__}
    assert STATUS_ERRORS[status] in names
    body = error.body if wire != "anthropic" else error.body["error"]
    assert (error.status_code, body["message"], body["type"]) == (status, "it broke", "my_type")
    assert error.response.headers["retry-after"] == "2" and error.response.headers["retry-after-ms"] == "1500"


@pytest.mark.parametrize("wire", WIRES)
def test_error_inside_the_stream(wire: str, clients: dict[str, Any], run: Run[Any]) -> None:
    prompt = s.script(s.text("Some "), s.error("it broke", type="overloaded_error"), s.text("never"))
    if wire == "responses":  # its client hands the event on

        async def events() -> list[Any]:
            stream = await clients[wire].client.responses.create(model="m", input=prompt, stream=True)
            return [event async for event in stream]

        last = run(events())[-1]
        assert (last.type, last.message, last.code) == ("error", "it broke", "overloaded_error")
        return
    module = anthropic if wire == "anthropic" else openai
    with pytest.raises(module.APIError, match="it broke"):
        run(clients[wire].ask(prompt, stream=True))


@pytest.mark.parametrize("wire", WIRES)
def test_error_of_an_answer_that_is_no_stream(wire: str, clients: dict[str, Any], run: Run[Any]) -> None:
    module = anthropic if wire == "anthropic" else openai
    with pytest.raises(module.APIStatusError, match="it broke") as caught:
        run(clients[wire].ask('script:{"steps": [{"error": {"message": "it broke", "status": 529}}]}', stream=False))
    assert caught.value.status_code == 529


@pytest.mark.parametrize("kind", ["cut", "reset", "half_close", "truncated_event", "malformed_chunk"])
@pytest.mark.parametrize("wire", WIRES)
def test_broken_streams_are_errors_to_the_clients(wire: str, kind: str, clients: dict[str, Any], run: Run[Any]) -> None:
    module = anthropic if wire == "anthropic" else openai
    # A little wait keeps the head apart, so that the stream begins before it breaks.
    prompt = s.script(s.text("Some "), s.wait_ms(20), s.fault(kind), s.text("never"))
    with pytest.raises((module.APIError, httpx2.TransportError)):
        run(clients[wire].ask(prompt, stream=True))


@pytest.mark.parametrize(
    ("wire", "kind"),
    # Responses events are numbered: a repeated one is not right there.
    [
        (w, k)
        for w in WIRES
        for k in ("split_utf8", "duplicate_event", "comment", "drip")
        if (w, k) != ("responses", "duplicate_event")
    ],
)
def test_odd_but_right_streams_are_read(wire: str, kind: str, clients: dict[str, Any], run: Run[Any]) -> None:
    steps = [s.text("a "), s.fault(kind), s.text("Ünï 🚀")]
    keys: dict[str, Any] = {}
    if kind == "drip":
        steps.pop(1)
        keys["fault"] = {"kind": "drip", "bytes": 700, "ms": 1}
    got = run(clients[wire].ask(s.script(s.turn(*steps, **keys)), stream=True))
    assert got.text == ("a Ünï 🚀Ünï 🚀" if kind == "duplicate_event" else "a Ünï 🚀")


def tools_for(wire: str, name: str, key: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {key: {"type": "string"}}, "required": [key]}
    if wire == "chat":
        return {"tools": [{"type": "function", "function": {"name": name, "parameters": schema}}], "tool_choice": "required"}
    if wire == "responses":
        return {"tools": [{"type": "function", "name": name, "parameters": schema, "strict": False}], "tool_choice": "required"}
    return {"tools": [{"name": name, "input_schema": schema}], "tool_choice": {"type": "tool", "name": name}}


def schema_for(wire: str, name: str, key: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {key: {"type": "string"}}, "required": [key], "additionalProperties": False}
    if wire == "chat":
        return {"response_format": {"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": True}}}
    if wire == "responses":
        return {"text": {"format": {"type": "json_schema", "name": name, "schema": schema, "strict": True}}}
    return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}


@pytest.mark.parametrize(
    ("name", "key", "text"),
    [("propose_title", "title", "Scripted title"), ("propose_turn_status_label", "label", "Scripted label")],
)
@pytest.mark.parametrize("wire", WIRES)
def test_helper_calls_never_eat_the_turn(
    wire: str, name: str, key: str, text: str, clients: dict[str, Any], run: Run[Any]
) -> None:
    prompt = s.script(s.text("the turn"))
    in_tool_mode = run(clients[wire].ask(prompt, stream=False, **tools_for(wire, name, key)))
    assert [(n, json.loads(a)) for _, n, a in in_tool_mode.tools] == [(name, {key: text})]
    as_json = run(clients[wire].ask(prompt, stream=False, **schema_for(wire, name, key)))
    assert json.loads(as_json.text) == {key: text}
    scripted = s.script(s.text("the turn"), **{key: "My own"})
    assert json.loads(run(clients[wire].ask(scripted, stream=False, **schema_for(wire, name, key))).text) == {key: "My own"}
    assert run(clients[wire].ask(prompt, stream=True)).text == "the turn"


def test_models(clients: dict[str, Any], run: Run[Any]) -> None:
    async def names() -> tuple[list[str], list[str]]:
        return (
            [model.id async for model in await clients["chat"].client.models.list()],
            [model.id async for model in await clients["anthropic"].client.models.list()],
        )

    by_openai, by_anthropic = run(names())
    assert by_openai == by_anthropic and "fake-model" in by_openai
