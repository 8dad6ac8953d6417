"""A server as its admin sees it over HTTP."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

V2, CHATS = "/api/v2", "/api/experimental/chats"
SETTINGS = (
    "system-prompt",
    "desktop-enabled",
    "workspace-ttl",
    "retention-days",
    "template-allowlist",
    "debug-logging",
    "advisor",
)


@dataclass(frozen=True, slots=True)
class Server:
    """An address and its admin's token."""

    url: str
    token: str

    def get(self, path: str) -> Any:
        """The JSON value of an answer; its status where that is no success."""
        request = urllib.request.Request(self.url + path, headers={"Coder-Session-Token": self.token})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code

    def holds(self) -> dict[str, Any]:
        """Users, providers, models, tool servers and settings."""
        providers = self.get(f"{V2}/ai/providers")
        chat_providers = self.get(f"{CHATS}/providers")
        tool_servers = self.get("/api/experimental/mcp/servers")
        limits = self.get(f"{CHATS}/usage-limits")
        models = self.get(f"{CHATS}/model-configs")
        if not isinstance(models, list):  # they belong to organizations
            models = self.get(f"{V2}/organizations/default/chats/models")["models"]
        return {
            "users": sorted(user["username"] for user in self.get(f"{V2}/users")["users"]),
            "tokens": len(self.get(f"{V2}/users/me/keys/tokens")),
            "providers": [p["name"] for p in providers] if isinstance(providers, list) else providers,
            "chat providers": [p["enabled"] for p in chat_providers] if isinstance(chat_providers, list) else chat_providers,
            "models": [m["id"] for m in models],
            "tool servers": [s["id"] for s in tool_servers] if isinstance(tool_servers, list) else tool_servers,
            "settings": [self.get(f"{CHATS}/config/{name}") for name in SETTINGS],
            "choices": self.get(f"{V2}/organizations/default/chats/model-overrides"),
            "limit": limits["spend_limit_micros"] if isinstance(limits, dict) else limits,
        }
