"""Properties of any script: what is rendered, on each wire, is what the script says; reader and schema agree."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fake_server.llm.files import load
from fake_server.llm.orders import read_file
from fake_server.llm.reading import _STEPS, FAULT_KINDS, read_script
from fake_server.llm.script import BadScript, Turn
from fake_server.llm.wires import make_wires
from fake_server.llm.wires.base import Ids, Wire
from tests.llm.test_scripts import EXAMPLES, ROOT, SCHEMA

WIRES = {wire.name: wire for wire in make_wires()}
quick = settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))

texts = st.text(max_size=20)  # with surrogates, which JSON can hold
values = st.recursive(st.none() | st.booleans() | st.integers() | texts, lambda v: st.lists(v, max_size=3), max_leaves=5)
steps = st.one_of(
    st.fixed_dictionaries({"text": texts}, optional={"pieces": st.integers(1, 5), "repeat": st.integers(1, 3)}),
    st.fixed_dictionaries({"reasoning": texts}, optional={"signature": texts}),
    st.fixed_dictionaries({"refusal": texts}),
    st.fixed_dictionaries(
        {
            "tool_call": st.fixed_dictionaries(
                {"name": texts, "id": texts, "arguments": texts | st.dictionaries(texts, values, max_size=3)},
                optional={"pieces": st.integers(1, 9)},
            )
        }
    ),
    st.fixed_dictionaries({"source": st.fixed_dictionaries({"url": texts, "title": texts})}),
)
turns = st.lists(steps, max_size=8)


def render(wire: Wire, turn: Turn) -> list[dict[str, Any]]:
    """The JSON of every event."""
    body = {"model": "m", "stream": True, "max_tokens": 1, "messages": [], "input": [], "stream_options": {"include_usage": True}}
    call = wire.read(body, [])
    events = [event for event in wire.stream(turn, call, Ids(0, call)) if isinstance(event, bytes)]
    for event in events:
        assert event.endswith(b"\n\n") and event.count(b"\n\n") == 1
    lines = [event.decode().split("data: ", 1)[1] for event in events]
    return [json.loads(line) for line in lines if line != "[DONE]\n\n"]


def said(turn: Turn, kind: str) -> str:
    return "".join(step.text for step in turn.steps if type(step).__name__ == kind)  # type: ignore[union-attr]


def called(turn: Turn) -> list[tuple[str, str]]:
    return [(step.name, step.arguments) for step in turn.steps if type(step).__name__ == "ToolCall"]  # type: ignore[union-attr]


def read(value: list[Any]) -> Turn:
    node = read_script({"steps": value}).node
    assert isinstance(node, Turn)
    return node


@quick
@given(turns)
def test_chat_completions(value: list[Any]) -> None:
    turn = read(value)
    deltas = [c["delta"] for event in render(WIRES["chat"], turn) for c in event["choices"]]
    assert "".join(d.get("content") or "" for d in deltas) == said(turn, "Text")
    assert "".join(d.get("reasoning_content", "") for d in deltas) == said(turn, "Reasoning")
    assert "".join(d.get("refusal", "") for d in deltas) == said(turn, "Refusal")
    calls: dict[int, list[str]] = {}
    for delta in deltas:
        for call in delta.get("tool_calls", []):
            mine = calls.setdefault(call["index"], [call["function"].get("name", ""), ""])
            mine[1] += call["function"]["arguments"]
    assert [tuple(calls[i]) for i in range(len(calls))] == called(turn)


@quick
@given(turns)
def test_responses(value: list[Any]) -> None:
    turn = read(value)
    events = render(WIRES["responses"], turn)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    added = [e["output_index"] for e in events if e["type"] == "response.output_item.added"]
    done = [e for e in events if e["type"] == "response.output_item.done"]
    final = events[-1]["response"]
    assert added == [e["output_index"] for e in done] == list(range(len(added)))
    assert [e["item"] for e in done] == final["output"]
    assert all(item.get("status", "completed") == "completed" for item in final["output"])
    deltas = {
        kind: "".join(e["delta"] for e in events if e["type"] == f"response.{kind}.delta")
        for kind in ("output_text", "refusal", "reasoning_summary_text")
    }
    assert deltas == {
        "output_text": said(turn, "Text"),
        "refusal": said(turn, "Refusal"),
        "reasoning_summary_text": said(turn, "Reasoning"),
    }
    assert [(i["name"], i["arguments"]) for i in final["output"] if i["type"] == "function_call"] == called(turn)
    assert "".join(e["delta"] for e in events if e["type"].endswith("arguments.delta")) == "".join(a for _, a in called(turn))


@quick
@given(turns)
def test_anthropic(value: list[Any]) -> None:
    turn = read(value)
    events = render(WIRES["anthropic"], turn)
    assert [e["type"] for e in events[:1] + events[-2:]] == ["message_start", "message_delta", "message_stop"]
    open_block: int | None = None
    blocks: list[dict[str, Any]] = []
    pieces: dict[int, str] = {}
    for event in events[1:-2]:
        if event["type"] == "content_block_start":
            assert open_block is None and event["index"] == len(blocks)
            open_block = event["index"]
            blocks.append(event["content_block"])
            pieces[open_block] = ""
        else:
            assert event["index"] == open_block
            if event["type"] == "content_block_stop":
                open_block = None
            else:
                delta = event["delta"]
                pieces[event["index"]] += delta.get("text", "") + delta.get("thinking", "") + delta.get("partial_json", "")
    assert open_block is None
    of_kind = {kind: [pieces[i] for i, b in enumerate(blocks) if b["type"] == kind] for kind in ("text", "thinking", "tool_use")}
    spoken = "".join(s.text for s in turn.steps if type(s).__name__ in ("Text", "Refusal"))  # type: ignore[union-attr]
    assert "".join(of_kind["text"]) == spoken and "".join(of_kind["thinking"]) == said(turn, "Reasoning")
    names = [b["name"] for b in blocks if b["type"] == "tool_use"]
    assert list(zip(names, of_kind["tool_use"], strict=True)) == called(turn)


@quick
@given(turns, st.sampled_from(sorted(WIRES)))
def test_the_whole_answer_says_the_same_twice(value: list[Any], name: str) -> None:
    turn, wire = read(value), WIRES[name]
    call = wire.read({"model": "m", "max_tokens": 1, "messages": [], "input": []}, [])
    assert wire.whole(turn, call, Ids(1, call)) == wire.whole(turn, call, Ids(1, call))
    assert render(wire, turn) == render(wire, turn)


junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 700)
    | st.floats(-2, 2)
    | st.sampled_from(["", "a", "cut", "stop", "turn", "tex"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["text", "steps", "kind", "name", "x"]), inner, max_size=2)
    ),
    max_leaves=3,
)


def mutate(data: st.DataObject, value: Any) -> Any:
    """The value with one thing changed somewhere inside."""
    if isinstance(value, dict) and value and data.draw(st.booleans()):
        key = data.draw(st.sampled_from(sorted(value)))
        match data.draw(st.sampled_from(["inside", "inside", "inside", "drop", "rename"])):
            case "inside":
                return value | {key: mutate(data, value[key])}
            case "drop":
                return {k: v for k, v in value.items() if k != key}
            case _:
                return {(k + "s" if k == key else k): v for k, v in value.items()}
    if isinstance(value, list) and value and data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(value) - 1))
        return [*value[:at], mutate(data, value[at]), *value[at + 1 :]]
    return data.draw(junk)


@settings(quick, max_examples=400)
@given(st.data())
def test_reader_and_schema_agree_and_the_reader_never_stumbles(data: st.DataObject) -> None:
    value = copy.deepcopy(load(data.draw(st.sampled_from(EXAMPLES))))
    for _ in range(data.draw(st.integers(1, 2))):
        value = mutate(data, value)
    try:
        read_file(value)
        good = True
    except BadScript as problem:
        assert "\n" not in str(problem) or "\n" in json.dumps(value)
        good = False
    assert good == SCHEMA.is_valid(value), value


def test_schema_and_page_know_every_step_and_fault() -> None:
    schema = json.loads((ROOT / "spec" / "llm-script.schema.json").read_text())
    kinds = schema["$defs"]["fault_kind"]["enum"]
    listed = {one["required"][0] for one in schema["$defs"]["step"]["oneOf"]}
    assert (set(kinds), listed) == (set(FAULT_KINDS), set(_STEPS))
    page = (ROOT / "docs" / "scripted-llm.md").read_text()
    assert [k for k in kinds if f"`{k}`" not in page] == []
    assert [k for k in listed - {"tool_calls"} if f'"{k}"' not in page] == []
    assert len(page.splitlines()) <= 150


@pytest.mark.parametrize("name", sorted(WIRES))
def test_lone_surrogates_are_escaped(name: str) -> None:
    turn = read([{"text": "a\ud800b"}])
    assert "\ud800" in json.dumps(render(WIRES[name], turn), ensure_ascii=False)
