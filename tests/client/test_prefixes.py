"""A client that looks for the new prefix, and falls back on the old one on 404 alone, works with servers of either revision."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from fake_server.serve import running_server

NEW, OLD = "/api/v2", "/api/experimental"


class Client:
    """One user's; `prefix` is chosen by the first answer that is no 404."""

    def __init__(self, target: dict[str, Any], actor: str) -> None:
        headers = {"Coder-Session-Token": str(target["users"][actor]["token"])}
        self.http = httpx2.AsyncClient(base_url=str(target["base_url"]), headers=headers, timeout=10)
        self.organization, self.prefix = str(target["organization_id"]), ""

    async def ask(self, method: str, below: str, body: Any = None) -> httpx2.Response:
        for prefix in [self.prefix] if self.prefix else [NEW, OLD]:
            answer = await self.http.request(method, f"{prefix}/chats{below}", json=body)
            if answer.status_code != 404:
                break
        self.prefix = self.prefix or prefix
        return answer

    async def models(self) -> list[dict[str, Any]]:
        """What chats can run on: of the organization, or else of the deployment."""
        answer = await self.http.get(f"{NEW}/organizations/{self.organization}/chats/models")
        if answer.status_code == 404:
            return list((await self.http.get(f"{OLD}/chats/model-configs")).json())
        return list(answer.json()["models"])


@pytest.mark.parametrize(("profile", "prefix"), [("v2-2026-09", NEW), ("experimental-2026-08", OLD)])
def test_it_works_with_both(profile: str, prefix: str) -> None:
    async def scene() -> None:
        async with running_server(profile=profile) as server:
            client = Client(server.target, "alice")
            async with client.http:
                assert (await client.ask("GET", "")).json() == [] and client.prefix == prefix
                model = next(one["id"] for one in await client.models() if one["is_default"])
                content = [{"type": "text", "text": "Hello"}]
                body = {"organization_id": client.organization, "content": content, "model_config_id": model}
                made = await client.ask("POST", "", body)
                assert made.status_code == 201
                shown = await client.ask("GET", f"/{made.json()['id']}")
                assert shown.json()["last_model_config_id"] == model
                assert [chat["id"] for chat in (await client.ask("GET", "")).json()] == [made.json()["id"]]

    asyncio.run(scene())


def test_the_new_prefix_is_there_for_everybody_with_a_token() -> None:
    async def scene() -> None:
        async with running_server(profile="v2-2026-09") as server:
            for actor in server.target["users"]:
                client = Client(server.target, actor)
                async with client.http:
                    answer = await client.http.get(f"{NEW}/chats")
                    assert (answer.status_code, answer.json()) == (200, []), actor
            async with httpx2.AsyncClient(base_url=str(server.target["base_url"])) as nobody:
                assert (await nobody.get(f"{NEW}/chats")).status_code == 401

    asyncio.run(scene())
