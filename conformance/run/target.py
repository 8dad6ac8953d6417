"""The target file: which server, which users, which LLM, what it can do."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

import spec
from conformance.wire.access import Access

_SETTING = re.compile(r"[A-Za-z][A-Za-z0-9_-]*=.*")  # a start setting that the server was given
_SHORTEST_PASSWORD = 6  # characters; what is shorter is masked in URLs only, lest it be masked in the midst of words
_HEADER_VALUE = re.compile(r"[\x21-\x7e]*")


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
    control_token: str = Field(default="", repr=False)
    control_token_env: str = ""
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
    prefix: str = "cc"  # of the names of what a run makes for itself
    _access: Access = PrivateAttr(default_factory=Access)

    @property
    def named_profile(self) -> str:
        """The profile that the file names; empty when it names none, which is then to be found out."""
        return self.profile if "profile" in self.model_fields_set else ""

    @property
    def access(self) -> Access:
        """How it is reached; no part of the file."""
        return self._access

    def reached(self, access: Access) -> Target:
        """It is reached in this way."""
        self._access = access
        return self

    def tokens(self) -> dict[str, str]:
        return {name: user.token for name, user in self.users.items() if user.token}

    def secrets(self) -> dict[str, str]:
        """All secrets of the file by name: tokens, the password of base_url, the token of the control address."""
        out = {
            "base_url's password": unquote(urlsplit(self.base_url).password or ""),
            "llm.control_token": self.llm.control_token,
        }
        out = {name: secret for name, secret in out.items() if len(secret) >= _SHORTEST_PASSWORD}
        return out | self.access.secrets() | self.tokens()

    @property
    def shown_url(self) -> str:
        """`base_url` without user and password."""
        return without_password(self.base_url)

    def redacted(self) -> dict[str, Any]:
        """What a record may show: no tokens."""
        shown = self.model_dump()
        shown["base_url"] = self.shown_url
        for user in shown["users"].values():
            for secret in ("token", "token_env", "token_file"):
                user.pop(secret)
        for secret in ("control_token", "control_token_env"):
            shown["llm"].pop(secret)
        return shown


def actors_of(profile: str) -> list[str]:
    """The names of the users that a target of this profile has; those of the default one where there is no such profile."""
    name = profile if profile in spec.profiles(unfinished=True) else spec.DEFAULT
    return list(spec.load(name).traits["actors"])


def chat_roles(traits: dict[str, Any]) -> list[str]:
    """The roles in the organization that a member needs to have chats: those of Alice, who owns the chats."""
    return list(traits["actors"]["alice"].get("organization", ()))


def listed_models(traits: dict[str, Any], answer: Any) -> list[dict[str, Any]]:
    """The model configs in the answer that lists them; none in an answer of another form. `traits`: of the profile."""
    under = traits.get("provision", {}).get("model", {}).get("under", "")
    found = answer.get(under) if under and isinstance(answer, dict) else answer
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def own_model(target: Target) -> str:
    """The id of the model config that every create names, since it is not the server's default; "" where it is."""
    return target.model_config_ids[0] if target.model_config_ids and target.capabilities.get("default-model") is False else ""


def without_password(url: str) -> str:
    """The URL without user and password."""
    scheme, colon, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{colon}{host.rpartition('@')[2]}{slash}{path}"


def _parse(path: Path, text: str) -> Any:
    if path.suffix == ".toml":
        return tomllib.loads(text)
    if path.suffix in (".yaml", ".yml"):
        return yaml.safe_load(text)
    return json.loads(text)


def read_text(path: Path, what: str) -> str:
    """The text of a file that the user named. Raises BadTarget, naming it by `what`."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadTarget(f"{what}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise BadTarget(f"{what}: can't be read: {error.strerror}; check its path and permissions") from error


def _from_environment(where: str, name: str) -> str:
    if name not in os.environ:
        raise BadTarget(f"{where}: {name} is not set; export it and run again")
    return os.environ[name]


def _with_tokens(target: Target, where: Path) -> Target:
    for name, user in target.users.items():
        if user.token_env:
            user.token = _from_environment(f"{where}: users.{name}.token_env", user.token_env)
        elif user.token_file:
            file = where.parent / user.token_file
            if not file.is_file():
                raise BadTarget(f"{where}: users.{name}.token_file: no file {user.token_file}")
            user.token = read_text(file, f"{where}: users.{name}.token_file: {user.token_file}").strip()
        if _HEADER_VALUE.fullmatch(user.token) is None:
            raise BadTarget(f"{where}: users.{name}: the token has spaces or characters that no header can carry; copy it again")
    if target.llm.control_token_env:
        target.llm.control_token = _from_environment(f"{where}: llm.control_token_env", target.llm.control_token_env)
    return target


def _checked(target: Target, where: str) -> Target:
    """The target, if its addresses and names can be meant. Raises BadTarget."""
    for key, url in (("base_url", target.base_url), ("llm.control_url", target.llm.control_url)):
        if url or key == "base_url":
            checked_url(f"{where}: {key}", url)
    named = [target.named_profile] if target.named_profile else spec.profiles()  # which one it is will be found out
    actors = list(dict.fromkeys(name for profile in named for name in actors_of(profile)))
    for name in target.users:
        if name not in actors:
            raise BadTarget(f"{where}: users.{name}: no such actor{_closest(name, actors)}; known: {', '.join(actors)}")
    known = spec.capabilities()
    for name in target.capabilities:
        if name not in known and _SETTING.fullmatch(name) is None:
            raise BadTarget(
                f"{where}: capabilities.{name}: no such capability{_closest(name, known)}; see docs/i-have-a-server.md"
            )
    return target


def checked_url(where: str, url: str) -> None:
    """Raises BadTarget for what is no address; `where` says who gave it."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bad IPv6 address
        sound = False
    if not sound:
        raise BadTarget(f"{where}: {without_password(url)!r} is no address; write it as http://HOST:PORT")


def _closest(name: str, known: Iterable[str]) -> str:
    found = get_close_matches(name, list(known), n=1)
    return f" (did you mean {found[0]}?)" if found else ""


def of_one_user(url: str, token: str) -> Target:
    """A server of which only one user is known, who owns the chats: the server tells the rest. Raises BadTarget."""
    return _checked(_with_tokens(Target(base_url=url.rstrip("/"), users={"alice": User(token=token)}), Path()), "--url")


def load(name: str) -> Target:
    """The target of a file, or of a bare URL (no users: little can be judged). Raises BadTarget."""
    if name.startswith(("http://", "https://")):
        return _checked(Target(base_url=name), "--target")
    path = Path(name)
    if path.is_dir():
        raise BadTarget(f"{name} is a folder; name the target file in it")
    if not path.exists():
        raise BadTarget(f"no target file {name}; write one with: chat-conformance serve --target-file {name}")
    text = read_text(path, name)
    try:
        data = _parse(path, text)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        reason = (str(error).splitlines() or ["?"])[0]
        raise BadTarget(f"{name}: not readable as {path.suffix.lstrip('.') or 'JSON'}: {reason}") from error
    try:
        return _checked(_with_tokens(Target.model_validate(data), path), name)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(p) for p in first["loc"]) or "the top level"
        raise BadTarget(f"{name}: {where}: {first['msg']}; see docs/i-have-a-server.md") from error
