"""The templates for CI: read by the schemas and linters of those who run them, and speaking of options that there are."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from conformance.cli.main import program
from conformance.cli.options.run import RUN
from tests.cli.test_commands import ROOT

FILES = ["action.yml", "Dockerfile", *(f"ci/{path.name}" for path in sorted((ROOT / "ci").iterdir()))]
SCHEMAS = {
    "action.yml": ("vendor.github-actions",),
    "ci/github.yml": ("vendor.github-workflows",),
    "ci/gitlab.yml": ("vendor.gitlab-ci", "--data-transform", "gitlab-ci"),
}


@pytest.mark.parametrize("file", SCHEMAS)
def test_a_template_keeps_to_its_schema(file: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", *SCHEMAS[file], str(ROOT / file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dockerfile_is_as_it_should_be() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([str(hadolint), str(ROOT / "Dockerfile")], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_job_of_kubernetes_is_an_indexed_one() -> None:
    job: dict[str, Any] = yaml.safe_load((ROOT / "ci" / "kubernetes.yaml").read_text())
    work, pod = job["spec"], job["spec"]["template"]["spec"]
    assert (job["apiVersion"], job["kind"], work["completionMode"]) == ("batch/v1", "Job", "Indexed")
    (container,) = pod["containers"]
    assert f"/{work['completions']}" in container["args"][0] and pod["restartPolicy"] == "Never"
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


@pytest.mark.parametrize("file", FILES)
def test_a_template_speaks_of_what_there_is(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    variables = {param.envvar for param in RUN.params} | {"CHAT_CONFORMANCE_ADMIN"}
    assert {*re.findall(r"\bCHAT_CONFORMANCE_[A-Z_]+", text)} <= variables
    for command, words in re.findall(r"chat-conformance(?:\"?) (run|merge|doctor)\b((?:[^|&]|\\\n)*)", text):
        found = program.get_command(click.Context(program), command)
        assert found is not None
        known = {name for param in found.params for name in (*param.opts, *param.secondary_opts)}
        assert {*re.findall(r"(?<![\w-])--[a-z][a-z-]+", words)} <= known
