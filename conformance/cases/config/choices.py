"""Choices of models and of debug logging: the deployment's, and what each user chooses while that is allowed."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from conformance.play.actors import Actor
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import (
    base_model,
    change_model,
    config_path,
    deployed,
    member,
    new_model,
    new_provider,
    put_back,
)
from conformance.wire.exchange import Exchange
from fixtures.scripts import script, text, tool_call, turn, turns

GATE = "personal-model-overrides"


async def choose(t: Case, user: Actor, context: str, mode: str, model: str = "") -> Exchange:
    path = config_path(t, f"user-personal-model-overrides/{context}")
    return await user.put(path, {"mode": mode, "model_config_id": model})


async def choices(t: Case, user: Actor) -> dict[str, Any]:
    """The user's own choices and the deployment's."""
    return dict(t.accepted(await user.get(config_path(t, "user-personal-model-overrides"))))


async def childs_model(t: Case, user: Actor, kind: str = "general") -> tuple[str, str]:
    """The models of a new chat and of its sub-agent of this type. Raises Unmet."""
    spawn = turn(tool_call("spawn_agent", {"type": kind, "prompt": "child task", "title": "child"}))
    root = await t.chat(script(turns(spawn, turn(text("done")))), by=user)
    chat = await root.when(lambda c: bool(c.get("children")), "a child")
    return chat["last_model_config_id"], chat["children"][0]["last_model_config_id"]


@case("CONF-037", needs=["admin"])
async def choices_are_shown(t: Case) -> None:
    body = await choices(t, await t.new_user())
    t.true(isinstance(body.get("enabled"), bool), "enabled is told", body, "/enabled")
    for context, mode in (("root", "chat_default"), ("general", "deployment_default"), ("explore", "deployment_default")):
        unset = {"context": context, "mode": mode, "model_config_id": "", "is_set": False, "is_malformed": False}
        t.expect(body[context], unset, f"the unset choice {context}", f"/{context}")
    shown = body["deployment_defaults"]
    t.true({"explore", "general"} <= shown.keys(), "the deployment's defaults are there", shown, "/deployment_defaults")


@case(
    *("CONF-038", "CONF-039", "CONF-040", "CONF-041", "CONF-042", "CONF-043", "CONF-069", "CONF-070"),
    alone=True,
    needs=["admin", "exclusive"],
)
async def own_models(t: Case) -> None:
    user, base, model, off = await member(t), await base_model(t), await new_model(t), await new_model(t, enabled=False)
    await put_back(t, GATE)
    await deployed(t, GATE, allow_users=False)
    with t.judging("CONF-038"):
        for context in ("root", "nonsense"):
            t.refused(await choose(t, user, context, "model", model["id"]), "config.personal-not-allowed")
        t.expect((await choices(t, user))["root"]["is_set"], False, "is a choice stored after that")
    await deployed(t, GATE, allow_users=True)
    with t.judging("CONF-039"):
        for context, mode, chosen in (("general", "chat_default", ""), ("root", "model", model["id"])):
            t.accepted(await choose(t, user, context, mode, chosen))
            shown = (await choices(t, user))[context]
            t.expect((shown["mode"], shown["model_config_id"], shown["is_set"]), (mode, chosen, True), "the choice read back")
    with t.judging("CONF-040"):
        before = await choices(t, user)
        t.refused(await choose(t, user, "nonsense", "chat_default"), "config.personal-context")
        t.refused(await choose(t, user, "root", "nonsense"), "config.personal-mode")
        t.refused(await choose(t, user, "root", "deployment_default"), "config.personal-root-default")
        t.refused(await choose(t, user, "root", "chat_default", model["id"]), "config.personal-id-unwanted")
        t.refused(await choose(t, user, "root", "model"), "config.personal-id-missing")
        t.refused(await choose(t, user, "root", "model", "x"), "config.override-uuid")
        for unusable in (str(uuid4()), off["id"]):
            t.refused(await choose(t, user, "root", "model", unusable), "config.personal-model")
        behind = await new_model(t, await new_provider(t, api_keys=[]))
        t.refused(await choose(t, user, "root", "model", behind["id"]), "config.personal-key")
        t.expect(await choices(t, user), before, "the choices after refused ones")
    with t.judging("CONF-042"):
        chat = t.accepted(await user.create("Hello"))
        t.expect(chat["last_model_config_id"], model["id"], "the model of a new chat", "/last_model_config_id")
        other = t.accepted(await t.alice.create("Hello"))
        t.expect(other["last_model_config_id"], base["id"], "the model of another user's chat", "/last_model_config_id")
    with t.judging("CONF-043"):
        chat = t.accepted(await user.create("Hello", model_config_id=base["id"]))
        t.expect(chat["last_model_config_id"], base["id"], "the model that was asked for", "/last_model_config_id")
    with t.judging("CONF-041"):
        await deployed(t, GATE, allow_users=False)
        t.expect(t.accepted(await user.create("Hello"))["last_model_config_id"], base["id"], "the model while forbidden")
    with t.judging("CONF-069"):
        told = await choices(t, user)
        t.expect((told["enabled"], told["root"]["mode"]), (False, "model"), "is it allowed, and the choice while it is not")
    with t.judging("CONF-041"):
        await deployed(t, GATE, allow_users=True)
        shown = (await choices(t, user))["root"]
        t.expect((shown["mode"], shown["model_config_id"]), ("model", model["id"]), "the choice when allowed again")
    with t.judging("CONF-070"):
        await change_model(t, model, enabled=False)
        chat = t.accepted(await user.create("Hello"))
        t.expect(chat["last_model_config_id"], base["id"], "the model when the own one is disabled", "/last_model_config_id")


@case("CONF-035", "CONF-044", "CONF-071", "CONF-072", "CONF-073", alone=True)
async def models_of_sub_agents(t: Case) -> None:
    user, base, theirs, mine, exploring = await member(t), await base_model(t), *[await new_model(t) for _ in range(3)]
    await put_back(t, GATE)
    for context, model in (("general", theirs), ("explore", exploring)):
        await put_back(t, f"model-override/{context}")
        await deployed(t, f"model-override/{context}", model_config_id=model["id"])
    await deployed(t, GATE, allow_users=True)
    with t.judging("CONF-035"):
        for context, model in (("general", theirs), ("explore", exploring)):
            t.expect(await childs_model(t, user, context), (base["id"], model["id"]), f"the models of chat and {context} agent")
    with t.judging("CONF-073"):
        defaults = (await choices(t, user))["deployment_defaults"]
        told = {context: defaults[context]["model_config_id"] for context in ("general", "explore")}
        t.expect(told, {"general": theirs["id"], "explore": exploring["id"]}, "the deployment's defaults", "/deployment_defaults")
    with t.judging("CONF-072"):
        for mode, model in (("chat_default", base), ("deployment_default", theirs)):
            t.given(await choose(t, user, "general", mode))
            t.expect((await childs_model(t, user))[1], model["id"], f"the sub-agent's model with {mode}")
    with t.judging("CONF-044"):
        t.given(await choose(t, user, "general", "model", mine["id"]))
        t.expect(await childs_model(t, user), (base["id"], mine["id"]), "the models while own ones are allowed")
    with t.judging("CONF-071"):
        t.expect((await childs_model(t, user, "explore"))[1], exploring["id"], "the explore agent's model without a choice")
        t.given(await choose(t, user, "explore", "model", theirs["id"]))
        t.expect((await childs_model(t, user, "explore"))[1], theirs["id"], "the explore agent's model with one")
    with t.judging("CONF-044"):
        await deployed(t, GATE, allow_users=False)
        t.expect((await childs_model(t, user))[1], theirs["id"], "the sub-agent's model while they are not")


@case("CONF-036", "CONF-074", alone=True, needs=["llm-control"])
async def title_model_that_cannot_be_used(t: Case) -> None:
    model = await new_model(t)
    await put_back(t, "model-override/title_generation")
    chat = await t.chat()
    await deployed(t, "model-override/title_generation", model_config_id=model["id"])
    with t.judging("CONF-074"):
        t.accepted(await chat.propose())
        asked = [call["body"]["model"] for call in await chat.model_calls("title")]
        t.true(model["model"] in asked, "the title was asked for from the model for titles", asked)
    await change_model(t, model, enabled=False)
    with t.judging("CONF-036"):
        t.refused(await chat.propose(), "title.propose-failed")
        if t.offers("regenerateTitle"):
            t.refused(await chat.regenerate(), "title.regenerate-failed")


async def log(t: Case, user: Actor, wanted: bool) -> Exchange:
    return await user.put(config_path(t, "user-debug-logging"), {"debug_logging_enabled": wanted})


async def logged(t: Case, user: Actor) -> tuple[bool, bool]:
    """Whether the user's chats are logged, and whether the user may choose."""
    body = t.accepted(await user.get(config_path(t, "user-debug-logging")))
    return body["debug_logging_enabled"], body["user_toggle_allowed"]


@case("CONF-050", "CONF-051", "CONF-075", alone=True, needs=["admin", "exclusive"])
async def debug_logging(t: Case) -> None:
    user = await member(t)
    await put_back(t, "debug-logging")
    with t.judging("CONF-050"):
        await deployed(t, "debug-logging", allow_users=False)
        t.refused(await log(t, user, True), "config.debug-not-allowed")
        await deployed(t, "debug-logging", allow_users=True)
        t.expect(await logged(t, user), (False, True), "the choice after a refused one")
        t.accepted(await log(t, user, True))
    with t.judging("CONF-051"):
        t.expect(await logged(t, user), (True, True), "the choice while it is allowed")
        await deployed(t, "debug-logging", allow_users=False)
        t.expect(await logged(t, user), (False, False), "the choice while it is not")
        await deployed(t, "debug-logging", allow_users=True)
        t.expect(await logged(t, user), (True, True), "the choice when it is allowed again")
    with t.judging("CONF-075"):
        await deployed(t, "debug-logging", allow_users=True)
        for wanted in (False, True):
            t.accepted(await log(t, user, wanted))
            t.expect(await logged(t, user), (wanted, True), "the choice read back")


@case("CONF-052", needs=["admin"])
async def debug_logging_forced(t: Case) -> None:
    user = await member(t)
    body = t.accepted(await user.get(config_path(t, "user-debug-logging")))
    forced = {"debug_logging_enabled": True, "user_toggle_allowed": False, "forced_by_deployment": True}
    t.expect(body, forced, "the user's debug logging")
    t.refused(await log(t, user, False), "config.debug-forced")
