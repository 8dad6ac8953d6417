"""What a record says of the run itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conformance.cli.main import main
from conformance.run.header import job

GITHUB = {"GITHUB_SERVER_URL": "https://example.com", "GITHUB_REPOSITORY": "a/b", "GITHUB_RUN_ID": "7"}


@pytest.mark.parametrize(
    ("environment", "page"),
    [
        ({}, ""),
        (GITHUB, "https://example.com/a/b/actions/runs/7"),
        ({"CI_JOB_URL": "https://example.com/1"}, "https://example.com/1"),
    ],
)
def test_the_page_of_the_job(environment: dict[str, str], page: str) -> None:
    assert job(environment) == page


def test_the_command_again_has_the_seed(tmp_path: Path) -> None:
    record = tmp_path / "run.ndjson"
    assert main(["run", "--requirement", "PAGE-001", "--record", str(record), "--jobs", "3"]) == 0
    header = json.loads(record.read_text().splitlines()[0])
    again = ["chat-conformance", "run", "--requirement", "PAGE-001", "--record", str(record), "--jobs", "3"]
    assert header["command"] == [*again, "--seed", str(header["seed"])] and header["options"]["jobs"] == 3
