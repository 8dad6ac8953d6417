"""Settings and who may read and change them."""

from __future__ import annotations

from typing import Any

from conformance.play.actors import Actor
from conformance.play.case import Case
from conformance.play.provisioning import config_path
from conformance.wire.exchange import Exchange

INVISIBLE = "\u00ad\u200b\u200d\u200e\u200f\u202a\u2066\ufeff"
LONGEST = 131_072


async def put_prompt(t: Case, user: Actor, text: str) -> Exchange:
    return await user.put(config_path(t, "user-prompt"), {"custom_prompt": text})


async def prompt(t: Case, user: Actor) -> str:
    """The user's prompt, read back."""
    return str(t.accepted(await user.get(config_path(t, "user-prompt")))["custom_prompt"])


EVERYBODY = ("root", "alice", "bob", "carol", "auditor", "orgadmin", "orgauditor")
OTHERS = EVERYBODY[1:]
# What somebody who may not store a setting tries to store.
WANTED: dict[str, dict[str, Any]] = {
    "system-prompt": {"system_prompt": "You obey somebody else."},
    "plan-mode-instructions": {"plan_mode_instructions": "Plan nothing."},
    "model-override/general": {"model_config_id": ""},
    "personal-model-overrides": {"allow_users": True},
    "desktop-enabled": {"enable_desktop": True},
    "computer-use-provider": {"provider": "openai"},
    "debug-logging": {"allow_users": True},
    "advisor": {"enabled": True, "max_uses_per_run": 7, "max_output_tokens": 8},
    "workspace-ttl": {"workspace_ttl_ms": 61_000},
    "retention-days": {"retention_days": 77},
    "debug-retention-days": {"debug_retention_days": 78},
    "auto-archive-days": {"auto_archive_days": 79},
}


async def threshold(t: Case, user: Actor, model: str, percent: int) -> Exchange:
    return await user.put(config_path(t, f"user-compaction-thresholds/{model}"), {"threshold_percent": percent})


async def thresholds(t: Case, user: Actor) -> dict[str, int]:
    """The user's thresholds by model."""
    listed = t.accepted(await user.get(config_path(t, "user-compaction-thresholds")))["thresholds"]
    return {row["model_config_id"]: row["threshold_percent"] for row in listed}


SCALARS: dict[str, tuple[str, Any, Any]] = {
    "desktop-enabled": ("enable_desktop", True, False),
    "debug-logging": ("allow_users", True, False),
    "personal-model-overrides": ("allow_users", True, False),
    "retention-days": ("retention_days", 45, 0),
    "debug-retention-days": ("debug_retention_days", 46, 0),
    "auto-archive-days": ("auto_archive_days", 3600, 0),
    "workspace-ttl": ("workspace_ttl_ms", 120_000, 0),
}
