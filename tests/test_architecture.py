"""The dependency rule of ARCHITECTURE.md, and what the sources must not hold."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import spec
from conformance.run.target import chat_roles
from spec.documents import documents

NIL = "00000000-0000-0000-0000-000000000000"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ROOT = Path(__file__).parent.parent
PACKAGES = ("spec", "fixtures", "fake_server", "conformance", "reports")
ALLOWED = {
    "spec": set(),
    "fixtures": {"spec"},
    "fake_server": {"spec", "fixtures"},
    "conformance": {"spec", "fixtures"},
    "reports": set(),
}


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_only_what_the_rule_allows(package: str) -> None:
    ours = set(PACKAGES) - {package} - ALLOWED[package]
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / package).rglob("*.py")
        for name in _imports(path)
        if name in ours
    ]
    assert not wrong, "\n".join(wrong)


def _without_types(tree: ast.Module) -> ast.Module:
    """The module without what it imports for its types alone."""
    tree.body = [node for node in tree.body if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")]
    return tree


def _graph(package: str, *, types: bool) -> dict[str, set[str]]:
    """The modules of a package: which others of it each imports, wherever in it; for its types, too, or not."""
    names = {
        ".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p for p in (ROOT / package).rglob("*.py")
    }
    graph: dict[str, set[str]] = {name: set() for name in names}
    for name, path in names.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree if types else _without_types(tree)):
            if isinstance(node, ast.Import):
                graph[name] |= {alias.name for alias in node.names} & names.keys()
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                below = {f"{node.module}.{alias.name}" for alias in node.names}
                graph[name] |= (below & names.keys()) or ({node.module} & names.keys())
    return graph


def _circles(graph: dict[str, set[str]]) -> list[str]:
    """The modules that stand in a circle or above one."""
    left = dict(graph)
    while free := {name for name, needs in left.items() if not needs & left.keys()}:
        left = {name: needs for name, needs in left.items() if name not in free}
    return [f"{name} imports {sorted(needs & left.keys())}" for name, needs in sorted(left.items())]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_modules_import_each_other_in_a_circle(package: str) -> None:
    # a case, its actors and their dialect know each other's types; whoever runs needs none of them the other way round
    circles = _circles(_graph(package, types=package != "conformance"))
    assert not circles, "\n".join(circles)


def test_only_one_module_starts_the_fake_server() -> None:
    users = [p.name for p in (ROOT / "conformance").rglob("*.py") if "fake_server" in _code_without_docstrings(p)]
    assert sorted(set(users) - {"fake.py"}) == ["embedded.py"]


def _code_without_docstrings(path: Path) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(node):
            node.body = node.body[1:]
    return ast.unparse(tree)


def test_cases_never_skip() -> None:
    for folder in ("cases", "properties"):
        for path in (ROOT / "conformance" / folder).rglob("*.py"):
            assert "skip(" not in path.read_text(encoding="utf-8"), f"{path} skips; use needs= or Unmet"


def test_modules_keep_to_their_size() -> None:
    limits = {"conformance/cases": 400}
    too_long = []
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            name = path.relative_to(ROOT).as_posix()
            limit = next((n for prefix, n in limits.items() if name.startswith(prefix)), 500)
            lines = len(path.read_text(encoding="utf-8").splitlines())
            if lines > limit:
                too_long.append(f"{name}: {lines} lines, more than {limit}")
    assert not too_long, "\n".join(too_long)


def test_no_other_module_names_a_profile() -> None:
    name = re.compile(r"(experimental|legacy|v2)[-_]20\d\d[-_]\d\d")
    named = [
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if name.search(path.read_text(encoding="utf-8"))
    ]
    assert [n for n in named if n != "spec/__init__.py" and not n.startswith("conformance/profiles/")] == []


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    """The string literals of a module, docstrings left out; the places of an f-string hold an id."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {
        id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node) if part is not node
    }
    inside |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(str(part.value) if isinstance(part, ast.Constant) else NIL for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.lineno, node.value


def test_the_suite_spells_no_path_of_a_documented_operation() -> None:
    known = [documents(name) for name in spec.profiles()]
    spelled = [
        f"{path.relative_to(ROOT)}: {text}"
        for path in (ROOT / "conformance").rglob("*.py")
        for _, text in _texts(path)
        if text.startswith("/api/")
        for match in (document.match(method, text) for document in known for method in METHODS)
        if match is not None and match.operation.path != "*"
    ]
    assert spelled == [], "take paths from the documents: t.url(operation), chat.url(operation), session.documents.url(operation)"


# What faults may look for though cases say it, too.
SAID = {
    "alice bob carol auditor orgadmin orgauditor root": "the actors of a target file",
    "text/html Bearer range": "words of HTTP",
    "archived:false archived:true has_unread:false": "searches in the language of q, which has no others of the kind",
    "StreamEvent": "a schema of the documents",
    "a b": "one text of its kind: with any other half of the cases would see the fault",
}


def _sought(path: Path) -> Iterator[str]:
    """The texts that a module compares with, or looks for at the start or end of others."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        where: list[ast.expr] = []
        if isinstance(node, ast.Compare):
            where = [node.left, *node.comparators]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ("startswith", "endswith", "of", "is_a"):
            where = [*node.args, *(word.value for word in node.keywords)]
        for part in (inner for each in where for inner in ast.walk(each)):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield part.value


def _words_of(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _words_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _words_of(inner)
    elif isinstance(value, str):
        yield value


def test_faults_do_not_know_the_words_of_the_suite() -> None:
    """A fault that is one only for a title, label or prompt that a case chose proves nothing about any other server."""
    cases = {text for path in (ROOT / "conformance").rglob("*.py") for _, text in _texts(path)}
    known = {text for profile in map(spec.load, spec.profiles()) for text in _words_of(profile.openapi)}
    known |= {text for profile in map(spec.load, spec.profiles()) for key in profile.errors for text in (key, *key.split("."))}
    fake = ROOT / "fake_server"
    known |= {text for path in fake.rglob("*.py") if "faults" not in path.relative_to(fake).parts for _, text in _texts(path)}
    allowed = {word for words in SAID for word in (words, *words.split())}
    found = [
        f"{path.relative_to(ROOT)}: {text!r}"
        for path in (fake / "faults").rglob("*.py")
        for text in _sought(path)
        if text in cases and len(text) > 2 and "/" not in text[:1] and text not in known | allowed
    ]
    assert found == [], "by position, number or kind, please"


def test_only_cases_and_dialects_name_statuses_and_roles() -> None:
    """`error` is a type of events, too."""
    all_traits = [spec.load(name).traits for name in spec.profiles()]
    statuses = {status for traits in all_traits for kind in ("busy", "rest") for status in traits["statuses"][kind]} - {"error"}
    roles = {role for traits in all_traits for role in chat_roles(traits)}
    named = [
        f"{path.relative_to(ROOT)}: {text}"
        for path in (ROOT / "conformance").rglob("*.py")
        for _, text in _texts(path)
        if (text in statuses and not {"cases", "scenes", "properties", "profiles"} & set(path.parts)) or text in roles
    ]
    assert named == [], "statuses and roles are the profile's: t.busy, t.rest, t.final, t.idle, t.chat_roles, traits[...]"


def test_no_machine_path_is_committed() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    wanted = [n for n in tracked if n.endswith((".py", ".md", ".toml", ".yaml", "Makefile", "run")) and "transcripts/" not in n]
    needle = re.compile("/" + r"(work|root|home)/\w")
    assert not [n for n in wanted if needle.search((ROOT / n).read_text(encoding="utf-8"))]


def test_frames_are_taken_apart_in_one_module() -> None:
    # These carry frames whole: into logs and records, out of them, or (objects) over everything that is in them.
    carry = {
        "checks/documents",
        "checks/objects",
        "play/reading",
        "recordings/reading",
        "recordings/transcripts",
        "run/record",
        "wire/exchange",
        "wire/feed",
        "wire/redact",
    }
    carry |= {
        "cases/streaming/envelopes",
        "cases/streaming/frames",
        "cases/streaming/watch",
        "recordings/replay/segments",
        "recordings/replay/scenario",
        "scenes/streaming",
    }
    root = ROOT / "conformance"
    read = {
        path.relative_to(root).with_suffix("").as_posix()
        for path in root.rglob("*.py")
        if re.search(r'\.payload\b|\["frame"\]', path.read_text(encoding="utf-8"))
    }
    assert read - carry == {"wire/framing"}
    unpacking = re.compile(r"isinstance\([^)]*(payload|frame)[^)]*, (list|dict)\)")
    assert [name for name in sorted(carry) if unpacking.search((root / f"{name}.py").read_text(encoding="utf-8"))] == []
