"""Every behaviour that the server can be without is in some fault, control or revision, and those name no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import fake_server
import spec
from fake_server.answers.answering import Answerer
from fake_server.chats.hub import Hub
from fake_server.chats.ledger import Ledger
from fake_server.chats.lifecycle import Lifecycle
from fake_server.chats.versioned import VersionedHub
from fake_server.faulting import REPLACEABLE, load_all
from fake_server.http.app import load_routes
from fake_server.revision import revision, table
from fake_server.turns.runner import Runner
from tests.proof import controls

ROOT = Path(fake_server.__file__).parent
ASKING = ("does", "is_off", "bound", "off", "while_there")
SOURCES = [path for path in ROOT.rglob("*.py") if "faults" not in path.parts]
REFUSALS = {key for name in spec.profiles(unfinished=True) for key in spec.load(name).errors}
OF_FAULTS = {point for fault in load_all().values() for point in fault.off}
OF_CONTROLS = {point for fault in controls.FAULTS.values() for point in fault.off}
OF_REVISIONS = {
    point for name in spec.profiles(unfinished=True) for kind in ("lacks", "regains") for point in table(name).get(kind, ())
}


def _texts(node: ast.expr) -> Iterator[str]:
    """The texts that an argument may be; a place of an f-string is `*`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values)


def _asked() -> Iterator[str]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args:
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in ASKING:
                    yield from _texts(node.args[0])
                if name == "route":
                    yield from (text.lstrip("!") for word in node.keywords if word.arg == "when" for text in _texts(word.value))


def test_every_switch_is_turned_by_something() -> None:
    asked = {text for text in _asked() if "*" not in text}
    assert len(asked) > 150
    assert asked - OF_FAULTS - OF_CONTROLS - OF_REVISIONS - REFUSALS == set()


def test_faults_stand_in_place_of_what_is_there() -> None:
    load_routes(revision(spec.DEFAULT))  # which imports every endpoint
    parts = {part.__name__: part for part in (Hub, VersionedHub, Ledger, Runner, Lifecycle, Answerer)}
    replaced = {method for fault in load_all().values() for method in fault.around}
    assert replaced >= REPLACEABLE, "nothing replaces these"
    methods = [method.partition(".") for method in replaced - REPLACEABLE]
    assert methods and [name for name in methods if not hasattr(parts.get(name[0]), name[2])] == []


def test_the_right_server_holds_few_switches() -> None:
    asking = re.compile(r"\b(does|is_off|bound)\(")
    found = {path: len(asking.findall(path.read_text(encoding="utf-8"))) for path in SOURCES}
    assert sum(found.values()) <= 332, "wrong code belongs into a fault that stands in place of a small function"
    assert {path.name: count for path, count in found.items() if count > 20} == {}


def test_faults_controls_and_revisions_turn_what_is_there() -> None:
    texts = set(_asked()) | REFUSALS
    # what begins with a place is a refusal
    patterns = [re.compile(re.escape(text).replace(r"\*", ".+")) for text in texts if "*" in text and text[0] != "*"]
    turned = OF_FAULTS | OF_CONTROLS | OF_REVISIONS
    texts |= {f"{key} of children" for key in REFUSALS}
    assert {p for p in turned - texts if not any(pattern.fullmatch(p) for pattern in patterns)} == set()
