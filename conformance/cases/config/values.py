"""Which values the deployment's settings take, and which they refuse."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from conformance.checks.asked import NIL
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import chosen_model, config_path, has_setting, new_model, put_back
from conformance.scenes.config import SCALARS
from conformance.wire.exchange import Exchange

DAYS = {name: name.replace("-", "_") for name in ("retention-days", "debug-retention-days", "auto-archive-days")}


async def store(t: Case, name: str, body: Any = None, **value: Any) -> None:
    """The owner stores a setting: judged, 204 and read back as stored."""
    wanted = body or value
    t.accepted(await t.root.put(config_path(t, name), wanted))
    shown = t.accepted(await t.root.get(config_path(t, name)))
    t.expect({k: shown.get(k) for k in wanted}, wanted, f"{name} read back")


async def refuse(t: Case, name: str, body: Any, key: str, **places: Any) -> None:
    """The owner tries to store a value that is refused, and the setting stays."""
    before = t.given(await t.root.get(config_path(t, name)))
    t.refused(await t.root.put(config_path(t, name), body), key, **places)
    t.expect(t.accepted(await t.root.get(config_path(t, name))), before, f"{name} after a refused value")


@case("CONF-008", "CONF-011", "CONF-010", alone=True)
async def scalars(t: Case) -> None:
    settings = {name: row for name, row in SCALARS.items() if has_setting(t, name)}
    for name in settings:
        await put_back(t, name)
    with t.judging("CONF-008"):
        for name, (field, value, _) in settings.items():
            await store(t, name, {field: value})
    with t.judging("CONF-010"):
        for name, (field, value, _) in settings.items():
            for content in (b"", b"{", b'{"%s": []}' % field.encode()):
                t.refused(await t.root.put(config_path(t, name), content=content), "common.bad-json")
            t.expect(t.accepted(await t.root.get(config_path(t, name)))[field], value, f"{name} after malformed bodies")
    with t.judging("CONF-011"):
        for name, (field, _, zero) in settings.items():
            t.accepted(await t.root.put(config_path(t, name), {}))
            t.expect(t.accepted(await t.root.get(config_path(t, name)))[field], zero, f"{name} after an empty object")


@case("CONF-027", "CONF-029", "CONF-045", "CONF-047", "CONF-054", alone=True)
async def values_that_are_accepted(t: Case) -> None:
    for name in (*DAYS, "workspace-ttl", "computer-use-provider", "advisor", "template-allowlist"):
        if has_setting(t, name):
            await put_back(t, name)
    with t.judging("CONF-027"):
        for name, field in DAYS.items():
            for days in (3650, 0):
                await store(t, name, {field: days})
    with t.judging("CONF-029"):
        for ms in (60_000, 2_592_000_000, 0):
            await store(t, "workspace-ttl", workspace_ttl_ms=ms)
    with t.judging("CONF-045"):
        for provider in ("openai", "anthropic"):
            await store(t, "computer-use-provider", provider=provider)
    with t.judging("CONF-047"):
        await store(t, "advisor", enabled=False, max_uses_per_run=3, max_output_tokens=400, model_config_id=NIL)
        t.accepted(await t.root.put(config_path(t, "advisor"), {"max_uses_per_run": 5}))
        kept = {"enabled": False, "max_uses_per_run": 5, "max_output_tokens": 0, "model_config_id": NIL}
        t.expect(t.accepted(await t.root.get(config_path(t, "advisor"))), kept, "the advisor after a PUT of one key")
    with t.judging("CONF-054"):
        await store(t, "template-allowlist", template_ids=[])


@case("CONF-028", "CONF-030", "CONF-046", "CONF-048", "CONF-053", alone=True)
async def values_that_are_refused(t: Case) -> None:
    for name in (*DAYS, "workspace-ttl", "computer-use-provider", "advisor", "template-allowlist"):
        if has_setting(t, name):
            await put_back(t, name)
    with t.judging("CONF-028"):
        for name, field in DAYS.items():
            for days in (-1, 3651):
                await refuse(t, name, {field: days}, f"config.{name}")
    with t.judging("CONF-030"):
        for ms, key in ((-1, "negative"), (1, "short"), (59_999, "short"), (2_592_000_001, "long")):
            await refuse(t, "workspace-ttl", {"workspace_ttl_ms": ms}, f"config.ttl-{key}")
    with t.judging("CONF-046"):
        for provider in ("google", "", "OpenAI"):
            await refuse(t, "computer-use-provider", {"provider": provider}, "config.computer-use-provider")
    with t.judging("CONF-048"):
        unknown = str(uuid4())
        await refuse(t, "advisor", {"max_uses_per_run": -1}, "config.advisor-uses", value=-1)
        await refuse(t, "advisor", {"max_output_tokens": -1}, "config.advisor-tokens", value=-1)
        await refuse(t, "advisor", {"model_config_id": unknown}, "config.advisor-model", id=unknown)
    with t.judging("CONF-053"):
        await refuse(t, "template-allowlist", {"template_ids": ["x"]}, "config.template-id")
        unknown = str(uuid4())
        await refuse(t, "template-allowlist", {"template_ids": [unknown]}, "config.template-unknown", ids=unknown)


@case("CONF-031", "CONF-032", "CONF-033", alone=True)
async def model_override(t: Case) -> None:
    model, off = await new_model(t), await new_model(t, enabled=False)

    async def put(context: str, value: str) -> Exchange:
        return await t.root.put(config_path(t, f"model-override/{context}"), {"model_config_id": value})

    contexts = ("general", "explore", "title_generation")
    for context in contexts:
        await put_back(t, f"model-override/{context}")
    with t.judging("CONF-031"):
        for context in contexts:
            for value in (model["id"], ""):
                t.accepted(await put(context, value))
                shown = await chosen_model(t, context, t.accepted)
                t.expect((shown["context"], shown["model_config_id"]), (context, value), "the override read back")
    with t.judging("CONF-032"):
        t.accepted(await put("general", model["id"]))
        t.refused(await put("general", "x"), "config.override-uuid")
        for value in (str(uuid4()), NIL, off["id"]):
            t.refused(await put("general", value), "config.override-model")
        shown = await chosen_model(t, "general", t.accepted)
        t.expect(shown["model_config_id"], model["id"], "the override after refused ones", "/model_config_id")
    with t.judging("CONF-033"):
        t.refused(await put("nonsense", model["id"]), "config.override-context")
        t.accepted(await put("explore", model["id"]))


@case("CONF-015", "CONF-018", "CONF-022", "CONF-023", alone=True)
async def system_prompt(t: Case) -> None:
    await put_back(t, "system-prompt")
    path, words = config_path(t, "system-prompt"), t.unique("prompt")
    with t.judging("CONF-022"):
        for included in (True, False):
            await store(t, "system-prompt", system_prompt=words, include_default_system_prompt=included)
        shown = t.accepted(await t.root.get(path))
        t.true(isinstance(shown.get("default_system_prompt"), str), "the built-in text is shown", shown)
    with t.judging("CONF-023"):
        for included in (True, False):
            await store(t, "system-prompt", system_prompt=words, include_default_system_prompt=included)
            t.accepted(await t.root.put(path, {"system_prompt": words + "!"}))
            shown = t.accepted(await t.root.get(path))
            t.expect(shown["include_default_system_prompt"], included, "the choice after a PUT without it")
            t.expect(shown["system_prompt"], words + "!", "the text after that")
    plan = "plan-mode-instructions"
    if planned := has_setting(t, plan):
        await put_back(t, plan)
    with t.judging("CONF-022"):
        await store(t, plan, plan_mode_instructions=words)
    for name, key in (("system-prompt", "system_prompt"), (plan, "plan_mode_instructions"))[: 1 + planned]:
        with t.judging("CONF-018"):
            t.accepted(await t.root.put(config_path(t, name), {key: " a \r\nb\t\rc\n\n\n\n d \n"}))
            t.expect(t.accepted(await t.root.get(config_path(t, name)))[key], "a\nb\nc\n\n d", f"the cleaned {name}")
        with t.judging("CONF-015"):
            refusal = f"config.{name.removesuffix('-instructions')}-length"
            await refuse(t, name, {key: "a" * 131_073}, refusal, size=131_073)
            await store(t, name, {key: "b" * 131_072})
