"""Reading scripts: what is accepted, what is refused and how, and that the published schema says the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

import spec
from fake_server.llm.files import Wrong, check, load, validate_command
from fake_server.llm.orders import read_file
from fake_server.llm.reading import MARKER, find_script, read_script
from fake_server.llm.script import BadScript, Text, ToolCall, Turn, Turns, leaves, pick
from fixtures import scripts as s

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "fixtures" / "llm").iterdir())
SCHEMA = jsonschema_rs.validator_for(json.loads((resources.files(spec) / "llm-script.schema.json").read_text()))

# Wrong scripts, each with where and why.
WRONG: list[tuple[Any, str, str]] = [
    ([1], "/0", "an order must be an object, not a number"),
    ("text", "", "a script must be an object, not a text"),
    ({"stpes": []}, "/stpes", "a turn has no key 'stpes'; did you mean 'steps'?"),
    ({"steps": {}}, "/steps", "'steps' must be a list, not an object"),
    ({"steps": ["a"]}, "/steps/0", "a step must be an object, not a text"),
    ({"steps": [{"txet": "a"}]}, "/steps/0", "unknown step 'txet'; did you mean 'text'?"),
    ({"steps": [{}]}, "/steps/0", "unknown step (empty)"),
    ({"steps": [{"text": 5}]}, "/steps/0/text", "'text' must be a text, not a number"),
    ({"steps": [{"text": "a", "reasoning": "b"}]}, "/steps/0/reasoning", "a step has no key 'reasoning'"),
    ({"steps": [{"wait_ms": True}]}, "/steps/0/wait_ms", "'wait_ms' must be a number, not true or false"),
    ({"steps": [{"wait_ms": -1}]}, "/steps/0/wait_ms", "'wait_ms' must be from 0 to 600000, not -1"),
    ({"steps": [{"gate": ""}]}, "/steps/0/gate", "a gate needs a name"),
    ({"steps": [{"tool_call": {"arguments": {}}}]}, "/steps/0/tool_call", "a tool call needs 'name'"),
    ({"steps": [{"tool_call": {"name": "x", "piece": 2}}]}, "/steps/0/tool_call/piece", "did you mean 'pieces'?"),
    ({"steps": [{"tool_call": {"name": "x", "pieces": 0}}]}, "/steps/0/tool_call/pieces", "from 1"),
    ({"steps": [{"fault": "resett"}]}, "/steps/0/fault", "unknown fault 'resett'; did you mean 'reset'?"),
    ({"turns": []}, "/turns", "'turns' is empty"),
    ({"turns": [{"steps": []}], "finish": "stop"}, "/finish", "a script with 'turns' has no key 'finish'"),
    ({"turns": [{"steps": []}, {"usage": {"input": 1}}]}, "/turns/1/usage/input", "known: input_tokens, output_tokens"),
    ({"attempts": [{"http_error": {}}]}, "/attempts/0/http_error", "http_error needs 'status'"),
    ({"http_error": {"status": 99}}, "/http_error/status", "'status' must be from 200 to 599, not 99"),
    ({"http_error": {"status": 429, "headers": {"a": "b\r\nc: d"}}}, "/http_error/headers/a", "can't hold a line end"),
    ({"fault": {"kind": "cut", "at_byte": 1, "after_chunk": 1}}, "/fault", "a fault has one place"),
    ({"fault": {"kind": "hang", "before": "lunch"}}, "/fault/before", "must be 'headers' or 'first_chunk'"),
    ({"finish": 1}, "/finish", "'finish' must be a text, not a number"),
    ({"usage": 1}, "/usage", "'usage' must be an object, not a number"),
    ({"pacing": {"jitter": 2}}, "/pacing/jitter", "'jitter' must be from 0 to 1, not 2"),
    ({"title": 3}, "/title", "a turn must be an object, not a number"),
    ({"orders": [{"match": {}}]}, "/orders/0", "an order needs 'reply'"),
    ({"orders": [{"match": {"purpos": "turn"}, "reply": "x"}]}, "/orders/0/match/purpos", "did you mean 'purpose'?"),
    ({"orders": [{"match": {"purpose": "tea"}, "reply": "x"}]}, "/orders/0/match/purpose", "one of turn, title"),
    ({"orders": [{"match": {"regex": "("}, "reply": "x"}]}, "/orders/0/match/regex", "not a regular expression"),
]


@pytest.mark.parametrize(("value", "where", "problem"), WRONG, ids=[w or "top" for _, w, _ in WRONG])
def test_wrong_scripts_name_place_and_reason(value: Any, where: str, problem: str) -> None:
    with pytest.raises(BadScript) as caught:
        read_file(value)
    assert caught.value.where == where and problem in caught.value.problem
    assert "\n" not in str(caught.value)
    assert not SCHEMA.is_valid(value) or "regular expression" in problem  # formats are not judged by it


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_examples_are_good(path: Path) -> None:
    assert str(path) in check(path)
    assert SCHEMA.is_valid(load(path))


def _recorded() -> Iterator[str]:
    """Every prompt with a script in the recorded traffic."""

    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for inner in value.values():
                yield from texts(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from texts(inner)
        elif isinstance(value, str) and MARKER.search(value):
            yield value

    for path in sorted((ROOT / "fixtures" / "transcripts").rglob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").split("\n"):  # a text may hold other line separators
            if "script:" in line:
                yield from texts(json.loads(line).get("request", {}).get("body"))


def test_every_recorded_script_is_read() -> None:
    prompts = set(_recorded())
    assert len(prompts) > 150
    for prompt in prompts:
        script = find_script([prompt])
        assert script is not None
        value = json.JSONDecoder().raw_decode(prompt[MARKER.search(prompt).end() :])[0]  # type: ignore[union-attr]
        assert SCHEMA.is_valid(value), prompt


def test_builders_make_good_scripts() -> None:
    steps = [
        s.text("a", pieces=2), s.reasoning("r", signature="s"), s.tool_call("t", {"a": 1}, id="i", pieces=2),
        s.tool_call("t", '{"raw": '), s.source("u", "t", cited="c"), s.web_search("q", s.source("u")), s.redacted("d"),
        s.refusal("no"), s.error("m", type="t", code="c"), s.wait_ms(1), s.gate("g", seconds=1), s.raw("x"),
        s.fault("reset"), s.fault("comment", value="v"),
    ]  # fmt: skip
    whole = s.turn(*steps, usage=s.usage(1, 2, reasoning_tokens=1), finish=None, pacing={"chars": 3})
    for part in (whole, s.turns(whole, s.turn()), s.attempts(s.http_error(500), whole)):
        prompt = s.script(part, prefix="Please", title="T", label="L", strict=True)
        assert prompt.startswith("Please script:{")
        script = find_script([prompt])
        assert script is not None and (script.title, script.label, script.strict) == ("T", "L", True)
        assert SCHEMA.is_valid(json.loads(prompt.partition("script:")[2]))
    assert s.script(s.text("a"), finish="stop") == 'script:{"steps": [{"text": "a"}], "finish": "stop"}'
    value = s.orders(s.order("hi", name="n", times=2, purpose="turn"), s.order(whole, text="x"))
    assert SCHEMA.is_valid(value) and len(read_file(value)[1]) == 2


def test_arguments_are_split_as_recorded() -> None:
    # stream-tool-arguments: five pieces of seven characters at most, JSON with spaces and escapes
    call = {"name": "t", "arguments": {"query": "alpha beta", "page": 1}, "pieces": 5}
    node = read_script({"steps": [{"tool_call": call}]}).node
    assert isinstance(node, Turn) and isinstance(node.steps[0], ToolCall)
    assert node.steps[0].pieces == ('{"query', '": "alp', "ha beta", '", "pag', 'e": 1}')
    node = read_script({"steps": [{"tool_call": {"name": "t", "arguments": {"query": "Ünï 🚀"}, "pieces": 3}}]}).node
    assert isinstance(node, Turn) and isinstance(node.steps[0], ToolCall)
    assert node.steps[0].pieces == ('{"query": "\\u', "00dcn\\u00ef \\", 'ud83d\\ude80"}')


def test_which_script_of_a_prompt() -> None:
    assert find_script(["no script here", "<script>:{}"]) is None
    assert find_script(["script: later"]) is None  # no object behind it: ordinary text
    nested = s.script(s.tool_call("spawn", {"prompt": s.script(s.text("child"))}))
    script = find_script(["before " + nested + " and after"])
    assert script is not None and isinstance(script.node, Turn) and isinstance(script.node.steps[0], ToolCall)
    both = find_script([s.script(s.text("first")), s.script(s.text("second")), "a file"])
    assert both is not None and both.node == Turn(steps=(Text("second"),))


@pytest.mark.parametrize("text", ["{", '{"steps": [', "[" * 500_000, '{"turns": [' * 100_000, '{"steps": nope}'])
def test_text_that_is_no_json_is_one_line(text: str) -> None:
    with pytest.raises(BadScript) as caught:
        find_script(["script:{" + text if not text.startswith("{") else "script:" + text])
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


def test_deep_and_large_scripts_are_refused_quickly() -> None:
    deep: Any = {"steps": []}
    for _ in range(200):
        deep = {"turns": [deep]}
    with pytest.raises(BadScript, match="nested too deeply"):
        read_script(deep)
    with pytest.raises(BadScript, match="more than 200000 steps"):
        read_script({"steps": [{"text": "a", "repeat": 150_000}, {"text": "b", "repeat": 150_000}]})
    arguments: Any = {}
    for _ in range(50_000):
        arguments = [arguments]
    with pytest.raises(BadScript, match="nested too deeply"):
        read_script({"steps": [{"tool_call": {"name": "t", "arguments": arguments}}]})


def test_pick_by_turn_and_attempt() -> None:
    def turn(text: str) -> Turn:
        return Turn(steps=(Text(text),))

    a, b, c = turn("a"), turn("b"), turn("c")
    node = Turns((a, Turns((b, c), by_attempt=True)))
    assert pick(node, 0, 5) == ((0,), a)
    assert [pick(node, 1, n) for n in range(3)] == [((1, 0), b), ((1, 1), c), ((1, 1), c)]
    assert pick(node, 2, 0)[1] is None and pick(a, 1, 0)[1] is None
    assert leaves(node) == [(0,), (1, 0), (1, 1)]


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.yaml", "steps:\n  - text: a\n  - txet: b\n", "a.yaml:3: at /steps/1 unknown step 'txet'; did you mean 'text'?"),
        ("b.json", '{\n "steps": [\n  {"text": 1}\n ]}', "b.json:3: at /steps/0/text 'text' must be a text, not a number"),
        ("c.json", '{"steps": [}', "c.json:1:12: not JSON: Expecting value"),
        ("d.yaml", "steps: [", "d.yaml:1:9: not YAML: "),
        ("e.yaml", "orders:\n- reply: x\n- match: {turn: one}\n  reply: x\n", "e.yaml:3: at /orders/1/match/turn 'turn' must be"),
        ("f.yaml", "", "f.yaml:1: a script must be an object, not null"),
        ("g.json", "[" * 1_000_000, "g.json: nested too deeply to be a script"),
        ("h.yaml", "[" * 1_000_000, "h.yaml: nested too deeply to be a script"),
        ("i.yaml", "a: !!python/object:os.system x\n", "i.yaml:1:4: not YAML: "),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) == 6 else "",
)
def test_validate_gives_line_and_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, line: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert validate_command([str(path)]) == 2
    err = capsys.readouterr().err
    assert err.startswith(str(tmp_path / line)) and err.count("\n") == 1


def test_validate_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert validate_command([str(path) for path in EXAMPLES]) == 0
    assert capsys.readouterr().out.count("\n") == len(EXAMPLES)
    assert validate_command([]) == 2
    assert validate_command([str(tmp_path / "missing.yaml")]) == 2
    assert capsys.readouterr().err.endswith("missing.yaml: No such file or directory\n")
    with pytest.raises(Wrong, match="not UTF-8 at byte 1"):
        (tmp_path / "x.yaml").write_bytes(b"a\xff")
        check(tmp_path / "x.yaml")


def test_yaml_and_json_say_the_same() -> None:
    value = load(ROOT / "fixtures" / "llm" / "every-step.yaml")
    assert read_script(json.loads(json.dumps(value))) == read_script(yaml.safe_load(json.dumps(value)))
