"""The models of servers that get them with their start configuration: which there are, where, and with which key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

PREFIX = "CODER_AI_PROVIDER_"
NONE = "no-models"  # the start option that says that there are none
FILE = "config-file"  # the start option that holds the text of a configuration file
KNOWN = ("openai", "anthropic", "google")


class BadConfiguration(ValueError):
    """The server can't start with these settings; the text is its last word."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider of the start configuration. `models` None: it is asked for its models at start."""

    type: str
    base_url: str = ""
    api_key: str = ""
    models: tuple[str, ...] | None = ()

    @property
    def speaks_messages(self) -> bool:
        """Is it asked by messages of Anthropic, not by chat completions?"""
        return self.type == "anthropic"

    @property
    def failure(self) -> str:
        """How the client library begins what it says of a failed call."""
        return "anthropic stream error" if self.speaks_messages else "error in stream"


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A model and who provides it, at which address."""

    id: str
    provider: Provider
    base_url: str

    @property
    def address(self) -> str:
        """Where its calls go."""
        return self.base_url.rstrip("/") + ("/messages" if self.provider.speaks_messages else "/chat/completions")


def configured(options: dict[str, Any]) -> list[Provider]:
    """The providers that the start options name, those of the file before those of the environment.

    Raises BadConfiguration.
    """
    file = yaml.safe_load(str(options.get(FILE) or "")) or {}
    found = [
        Provider(
            str(row.get("type", "")), str(row.get("base_url", "")), str(row.get("api_key", "")), tuple(map(str, row["models"]))
        )
        for row in (file.get("ai") or {}).get("providers") or ()
    ]
    rows: list[dict[str, str]] = []
    for rest in sorted(name.removeprefix(PREFIX) for name in options if name.startswith(PREFIX)):
        number, separator, key = rest.partition("_")
        if not separator:
            raise BadConfiguration(f"read ai providers from env: invalid env var: {rest}")
        if not re.fullmatch(r"[0-9]+", number):
            raise BadConfiguration(f"read ai providers from env: parse number: {rest}")
        if int(number) > len(rows):
            raise BadConfiguration(f"read ai providers from env: provider num {len(rows)} skipped: {rest}")
        if int(number) == len(rows):
            rows.append({})
        rows[int(number)][key] = str(options[PREFIX + rest])
    for row in rows:
        models = tuple(row["MODELS"].split(",")) if "MODELS" in row else None
        found.append(Provider(row.get("TYPE", ""), row.get("BASE_URL", ""), row.get("API_KEY", ""), models))
    for provider in found:
        if provider.type not in KNOWN:
            raise BadConfiguration(f"create language models: unsupported model type: {provider.type}")
    return found


def given(options: dict[str, Any]) -> bool:
    """Do the start options say anything of providers?"""
    return any(name in (FILE, NONE) or name.startswith(PREFIX) for name in options)
