"""The administration's part of the tour: settings, models, keys, skills, tool servers, limits, costs, debug runs."""

from __future__ import annotations

from uuid import uuid4

from fixtures.scripts import http_error, script, text, tool_call, turn, turns
from tests.client.client import Client
from tests.client.tour import Guest, Json


async def administration(client: Client) -> None:
    """Settings, models, providers, keys, skills, tool servers, limits, costs: what administrators and users do beside chats."""
    root, me = Guest(client, "root"), Guest(client)
    for step in (_settings, _models, _keys, _skills, _servers, _money, _debug):
        await step(root, me)


async def _settings(root: Guest, me: Guest) -> None:
    places = {
        "PlanModeInstructions": {"plan_mode_instructions": "Plan."},
        "PersonalModelOverrides": {"allow_users": True},
        "DesktopEnabled": {"enable_desktop": True},
        "ComputerUseProvider": {"provider": "openai"},
        "DebugLogging": {"allow_users": True},
        "Advisor": {"enabled": True, "max_uses_per_run": 1, "max_output_tokens": 1},
        "WorkspaceTTL": {"workspace_ttl_ms": 60_000},
        "RetentionDays": {"retention_days": 9},
        "DebugRetentionDays": {"debug_retention_days": 9},
        "AutoArchiveDays": {"auto_archive_days": 0},
        "TemplateAllowlist": {"template_ids": []},
        "SystemPrompt": {"system_prompt": "Be."},
    }
    for name, value in places.items():
        for who in (root, me, Guest(root.client, "auditor")):
            await who(f"getConfig{name}")
            await who(f"putConfig{name}", value)
        await root(f"putConfig{name}", {next(iter(value)): ["wrong"]})
        await root(f"getConfig{name}")
    for who in (root, me):
        for context in ("general", "explore", "title_generation", "nonsense"):
            await who("getConfigModelOverride", context=context)
            await who("putConfigModelOverride", {"model_config_id": who.client.model}, context=context)
            await who("putConfigModelOverride", {"model_config_id": ""}, context=context)
    await me("getConfigUserPersonalModelOverrides")
    for context, mode in (
        ("root", "chat_default"),
        ("general", "deployment_default"),
        ("root", "deployment_default"),
        ("x", "model"),
    ):
        await me("putConfigUserPersonalModelOverride", {"mode": mode}, context=context)
    await me("putConfigUserPersonalModelOverride", {"mode": "model", "model_config_id": me.client.model}, context="explore")
    await me("getConfigUserPersonalModelOverrides")
    for prompt in ("Be nice.", "", "x" * 131_073):
        await me("putConfigUserPrompt", {"custom_prompt": prompt})
        await me("getConfigUserPrompt")
    for percent in (0, 50, 101, -1):
        await me("putConfigUserCompactionThreshold", {"threshold_percent": percent}, model_config=me.client.model)
        await me("getConfigUserCompactionThresholds")
    await me("deleteConfigUserCompactionThreshold", model_config=me.client.model)
    for wanted in (True, False):
        await me("putConfigUserDebugLogging", {"debug_logging_enabled": wanted})
        await me("getConfigUserDebugLogging")


async def _models(root: Guest, me: Guest) -> None:
    body = {
        "type": "openai-compat",
        "name": "tour",
        "base_url": root.client.llm_url,
        "enabled": True,
        "api_keys": ["sk-tour-0123456789"],
    }
    provider = (await root("createAIProvider", body))["id"]
    bedrock = {
        "type": "bedrock",
        "name": "rock",
        "base_url": "",
        "settings": {"_type": "bedrock", "_version": 1, "region": "eu-1"},
    }
    for other in (body, {"type": "x"}, bedrock, {**body, "name": "Bad Name"}, {**body, "name": "t2", "api_keys": [" x"]}):
        await root("createAIProvider", other)
    await root("listAIProviders")
    await root("getAIProvider", provider=provider)
    for change in ({"display_name": "The tour's"}, {"enabled": False}, {"enabled": True}, {"api_keys": []}, {"base_url": ""}):
        await root("updateAIProvider", change, provider=provider)
    await root("getAIProvider", provider="tour")
    model = {"ai_provider_id": provider, "model": "tour-model", "context_limit": 1000}
    options = {"max_output_tokens": 10, "temperature": 0.5, "cost": {"input_price_per_million_tokens": "1.5"}}
    made = (await root("createModelConfig", {**model, "display_name": "Tour", "model_config": options}))["id"]
    for change in ({"context_limit": 0}, {"compression_threshold": 101}, {"ai_provider_id": str(uuid4())}, {"model": ""}):
        await root("createModelConfig", {**model, **change})
    for change in ({"display_name": "Other"}, {"enabled": False}, {"enabled": True}, {"context_limit": -1}, {"model_config": {}}):
        await root("updateModelConfig", change, model_config=made)
    for who in (root, me):
        await who("listModelConfigs")
        await who("listModels")
        await who("createModelConfig", model)
    await me.chat(model_config_id=made)
    await root("deleteModelConfig", model_config=made)
    await me("listModelConfigs")
    await root("deleteAIProvider", provider=provider)


async def _keys(root: Guest, me: Guest) -> None:
    body = {"type": "openai-compat", "name": "keyed", "base_url": root.client.llm_url, "enabled": True}
    provider = (await root("createAIProvider", body))["id"]
    for key in ("sk-own-0123456789", "", " ", "x" * 10_241):
        await me("putUserProviderKey", {"api_key": key}, user="me", provider=provider)
        await me("listUserProviderKeys", user="me")
    await me("listModels")
    await root("listUserProviderKeys", user="alice")
    await me("putUserProviderKey", {"api_key": "x"}, user="me", provider=str(uuid4()))
    await me("deleteUserProviderKey", user="me", provider=provider)
    await root("updateAIProvider", {"enabled": False}, provider=provider)
    await me("putUserProviderKey", {"api_key": "x"}, user="me", provider=provider)
    await root("deleteAIProvider", provider=provider)


async def _skills(root: Guest, me: Guest) -> None:
    def markdown(name: str, description: str = "Does things", body: str = "Do it.") -> Json:
        return {"content": f"---\nname: {name}\ndescription: {description}\n---\n{body}"}

    for content in (
        markdown("one"),
        markdown("two"),
        markdown("one"),
        markdown("Bad"),
        markdown("three", body=""),
        {"content": "none"},
        markdown("four", "x" * 4097),
        markdown("five", body="x" * 65_536),
    ):
        await me("createUserSkill", content, user="me")
    for who, whose in ((me, "me"), (root, "alice"), (Guest(me.client, "orgadmin"), "alice"), (Guest(me.client, "bob"), "alice")):
        await who("listUserSkills", user=whose)
        await who("getUserSkill", user=whose, skill="one")
        await who("patchUserSkill", markdown("one", "Does more"), user=whose, skill="one")
        await who("createUserSkill", markdown("more"), user=whose)
    await me("patchUserSkill", markdown("two"), user="me", skill="one")
    for skill in ("one", "one"):
        await me("deleteUserSkill", user="me", skill=skill)
    await root("deleteUserSkill", user="alice", skill="two")


async def _servers(root: Guest, me: Guest) -> None:
    body = {"display_name": "Tour", "slug": "tour", "url": "http://127.0.0.1:1/mcp", "transport": "streamable_http"}
    body |= {"auth_type": "none", "availability": "default_off"}
    made = []
    for change in (
        {},
        {"slug": "keyed", "auth_type": "api_key", "api_key_header": "X-Key", "api_key_value": "v", "enabled": True},
        {},
        {"slug": "x", "auth_type": "api_key"},
        {"slug": "x", "auth_type": "custom_headers"},
        {"slug": ""},
        {"transport": "x"},
        {
            "slug": "oauth",
            "auth_type": "oauth2",
            "oauth2_client_id": "c",
            "oauth2_auth_url": "http://a/b",
            "oauth2_token_url": "http://a/c",
        },
    ):
        answer = await root("createMCPServer", body | change)
        made += [answer["id"]] if "id" in answer else []
    for who in (root, me, Guest(me.client, "auditor")):
        await who("listMCPServers")
        for server in (*made, str(uuid4()), "x"):
            await who("getMCPServer", server=server)
            await who("patchMCPServer", {"enabled": True}, server=server)
    for change in ({"slug": "keyed"}, {"auth_type": "none"}, {"transport": "x"}, {"tool_allow_list": ["a"]}):
        await root("patchMCPServer", change, server=made[0])
    await me("listMCPServers")
    chat = await me.chat(mcp_server_ids=made[:1])
    for server in (*made, *made[:1]):
        await root("deleteMCPServer", server=server)
    await me("getChat", chat=chat)


async def _money(root: Guest, me: Guest) -> None:
    auditor = Guest(root.client, "auditor")
    for body in ({"spend_limit_micros": 10**9, "period": "day"}, {"spend_limit_micros": -1, "period": "day"}, {"period": "x"}):
        await root("putUsageLimits", body)
        for who in (root, me, auditor):
            await who("getUsageLimits")
            await who("getUsageLimitStatus")
    for amount in (10**9, 0, -1):
        await root("putUserUsageLimit", {"spend_limit_micros": amount}, user=me.client.id("alice"))
        await root("putGroupUsageLimit", {"spend_limit_micros": amount}, group=me.client.organization)
        await root("getUsageLimits")
    await root("deleteUserUsageLimit", user=me.client.id("alice"))
    await root("deleteGroupUsageLimit", group=me.client.organization)
    for query in (
        {},
        {"start_date": "2026-01-01T00:00:00Z"},
        {"start_date": "x"},
        {"nonsense": "1"},
        {"limit": "x"},
        {"offset": -1},
    ):
        for who in (root, me):
            await who("getCostSummary", query=query, user="alice")
            await who("listCostUsers", query=query)
            await who("getPullRequestInsights", query=query)
    await root("putUsageLimits", {"spend_limit_micros": None, "period": "month"})


async def _debug(root: Guest, me: Guest) -> None:
    await root("putConfigDebugLogging", {"allow_users": True})
    await me("putConfigUserDebugLogging", {"debug_logging_enabled": True})
    two = script(turns(turn(tool_call("list_templates", {}, id="a")), turn(text("done"))))
    for words in ("Hello there", two, script(http_error(400, "bad"))):
        chat = await me.chat(words)
        await me("proposeTitle", chat=chat)
        for run in await me("listDebugRuns", chat=chat):
            await me("getDebugRun", chat=chat, run=run["id"])
            await Guest(me.client, "bob")("getDebugRun", chat=chat, run=run["id"])
    await me("getDebugRun", chat=chat, run="x")
    await me("getDebugRun", chat=chat, run=str(uuid4()))
    await root("putConfigDebugLogging", {"allow_users": False})
