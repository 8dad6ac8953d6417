"""The target file: which server, which users, which LLM, what it can do."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

import spec


class BadTarget(ValueError):
    """The target file can't be used; the text says what is wrong, where, and what to type next."""


class User(BaseModel):
    """An actor: its name on the server and its token, given in place, by environment variable or by file."""

    model_config = ConfigDict(extra="forbid")
    id: str = ""
    username: str = ""
    token: str = Field(default="", repr=False)
    token_env: str = ""
    token_file: str = ""


class Llm(BaseModel):
    """The LLM behind the target. `scripted`: follows prompt-borne scripts; `control_url` opens gates and shows the journal."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["scripted", "live", "none"] = "none"
    control_url: str = ""
    base_url: str = ""


class Target(BaseModel):
    """A server under test, as the target file describes it."""

    model_config = ConfigDict(extra="forbid")
    base_url: str
    profile: str = spec.DEFAULT
    organization_id: str = ""
    model_config_ids: list[str] = []
    workspace_ids: list[str] = []  # of Alice's, with a running agent
    users: dict[str, User] = {}
    llm: Llm = Llm()
    capabilities: dict[str, bool] = {}

    def tokens(self) -> dict[str, str]:
        return {name: user.token for name, user in self.users.items() if user.token}

    def redacted(self) -> dict[str, Any]:
        """What a record may show: no tokens."""
        shown = self.model_dump()
        for user in shown["users"].values():
            for secret in ("token", "token_env", "token_file"):
                user.pop(secret)
        return shown


def _parse(path: Path, text: str) -> Any:
    if path.suffix == ".toml":
        return tomllib.loads(text)
    if path.suffix in (".yaml", ".yml"):
        return yaml.safe_load(text)
    return json.loads(text)


def _with_tokens(target: Target, where: Path) -> Target:
    for name, user in target.users.items():
        if user.token_env:
            if user.token_env not in os.environ:
                raise BadTarget(f"{where}: users.{name}.token_env: {user.token_env} is not set; export it and run again")
            user.token = os.environ[user.token_env]
        elif user.token_file:
            file = where.parent / user.token_file
            if not file.is_file():
                raise BadTarget(f"{where}: users.{name}.token_file: no file {user.token_file}")
            user.token = file.read_text().strip()
    return target


def load(name: str) -> Target:
    """The target of a file, or of a bare URL (no users: little can be judged). Raises BadTarget."""
    if name.startswith(("http://", "https://")):
        return Target(base_url=name)
    path = Path(name)
    if not path.is_file():
        raise BadTarget(f"no target file {name}; write one with: chat-conformance serve --target-file {name}")
    try:
        data = _parse(path, path.read_text(encoding="utf-8"))
    except (ValueError, yaml.YAMLError) as error:
        reason = str(error).splitlines()[0]
        raise BadTarget(f"{name}: not readable as {path.suffix.lstrip('.') or 'JSON'}: {reason}") from error
    try:
        return _with_tokens(Target.model_validate(data), path)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(p) for p in first["loc"]) or "the top level"
        raise BadTarget(f"{name}: {where}: {first['msg']}; see docs/i-have-a-server.md") from error
