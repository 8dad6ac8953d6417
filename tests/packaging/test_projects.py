"""The suite installed beside somebody's project: it is not disturbed, and does not disturb."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
OWN = ("spec", "fixtures", "reports", "conformance", "fake_server")
PRINTS = """
import sys

def pytest_unconfigure():
    print("loaded:", sorted(n for n in sys.modules if n.partition(".")[0] in {own}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the wheel holds, made of a copy of the sources."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    for name in OWN:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "transcripts"))
    for name in ("chat_conformance_pytest.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    (source / "fixtures" / "transcripts").mkdir()
    made = ["build_py", "--build-lib", str(out), "egg_info", "--egg-base", str(out)]  # what a wheel holds, and its entry points
    command = [sys.executable, "-c", "import setuptools; setuptools.setup()", "-q", *made]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=120)
    return out


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that has folders of these names, of data."""
    for name in OWN:
        (tmp_path / name).mkdir()
        (tmp_path / name / "data.txt").write_text("mine")
    (tmp_path / "test_mine.py").write_text(
        "from pathlib import Path\n\n\ndef test_mine(pytestconfig):\n    assert Path('fixtures/data.txt').read_text() == 'mine'\n"
    )
    return tmp_path


def run(*command: str, folder: Path, installed: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "CHAT_CONFORMANCE"))}
    environment |= {"PYTHONPATH": str(installed)} if installed else {}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_pytest_of_a_project_loads_nothing_of_the_suite(project: Path) -> None:
    (project / "conftest.py").write_text(PRINTS.format(own=set(OWN)))
    options = ("-p", "no:schemathesis", "-p", "no:hypothesispytest", "-p", "no:allure_pytest")
    done = run(sys.executable, "-m", "pytest", "-q", *options, folder=project)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr
    assert "loaded: []" in done.stdout
    assert "--chat-conformance-target" in run(sys.executable, "-m", "pytest", "--help", folder=project).stdout


def test_the_wheel_has_all_that_a_run_reads(installed: Path) -> None:
    data = {path.suffix for path in installed.rglob("*") if path.is_file()}
    assert {".yaml", ".json", ".j2", ".css", ".js", ".typed"} <= data
    assert (installed / "conformance" / "run" / "costs.json").exists() and not (installed / "tests").exists()


def test_the_fixture_works_in_a_project_with_folders_of_these_names(project: Path, installed: Path) -> None:
    (project / "conftest.py").write_text('pytest_plugins = ["fake_server.pytest"]\n' + PRINTS.format(own={"conformance"}))
    (project / "test_client.py").write_text("def test_client(chat_server):\n    assert chat_server.base_url.startswith('http')\n")
    done = run(sys.executable, "-m", "pytest", "-q", folder=project, installed=installed)
    assert done.returncode == 0 and "2 passed" in done.stdout, done.stdout + done.stderr
    assert "loaded: []" in done.stdout


def test_pytest_of_a_project_with_packages_of_these_names_is_not_disturbed(project: Path, installed: Path) -> None:
    for name in OWN:
        (project / name / "__init__.py").write_text("MINE = True\n")
    (project / "test_own.py").write_text(
        "import conformance, fixtures, spec\n\n\ndef test_own():\n    assert conformance.MINE and spec.MINE\n"
    )
    done = run(sys.executable, "-m", "pytest", "-q", folder=project, installed=installed)
    assert done.returncode == 0 and "2 passed" in done.stdout, done.stdout + done.stderr


def test_the_fixture_says_which_package_hides_its_own(project: Path, installed: Path) -> None:
    (project / "spec" / "__init__.py").write_text("")
    (project / "conftest.py").write_text('pytest_plugins = ["fake_server.pytest"]\n')
    done = run(sys.executable, "-m", "pytest", "-q", folder=project, installed=installed)
    told = next(line for line in (done.stdout + done.stderr).splitlines() if "chat-conformance serve" in line)
    assert done.returncode != 0 and str(project / "spec") in told


def test_the_command_works_in_a_project_with_packages_of_these_names(project: Path) -> None:
    for name in OWN:
        (project / name / "__init__.py").write_text("raise RuntimeError('this is the package of the project')\n")
    command = Path(sys.executable).with_name("chat-conformance")
    done = run(str(command), "run", "--requirement", "PAGE-001", "-q", folder=project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert run(str(command), "faults", folder=project).returncode == 0


def test_the_cases_run_as_items_of_pytest(project: Path) -> None:
    record = project / "run.ndjson"
    words = ("--pyargs", "conformance", "-k", "list_is_an_array", "-q", "--chat-conformance-record", str(record))
    done = run(sys.executable, "-P", "-m", "pytest", *words, "-p", "no:cacheprovider", folder=project)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr
    assert record.read_bytes().count(b'"kind":"footer"') == 1


def test_items_say_why_nothing_was_played(project: Path) -> None:
    words = ("--pyargs", "conformance", "-k", "list_is_an_array", "-q", "--target", "gone.json", "-p", "no:cacheprovider")
    done = run(sys.executable, "-P", "-m", "pytest", *words, folder=project)
    assert done.returncode == 2 and "1 failed" in done.stdout, done.stdout + done.stderr
    assert "no target file gone.json" in done.stdout and "nothing was judged" in done.stdout


def test_items_of_another_revision_are_skipped(project: Path) -> None:
    """The target file names the revision; a case that judges nothing of it is no pass."""
    words = ("--pyargs", "conformance", "-q", "-p", "no:cacheprovider", "-k", "clients_hold_places or list_is_an_array")
    done = run(sys.executable, "-P", "-m", "pytest", *words, folder=project)
    assert done.returncode == 0 and "1 passed, 1 skipped" in done.stdout, done.stdout + done.stderr
