"""The models that the server was started with."""

from __future__ import annotations

from typing import Any

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.scenes.answers import ask, empty

EVERYBODY = ("alice", "bob", "carol", "orgadmin", "orgauditor", "auditor", "root")


def by_id(listed: dict[str, Any]) -> list[dict[str, Any]]:
    """The models of an answer; their order means nothing."""
    return sorted(listed["models"], key=lambda model: str(model["id"]))


@case("LMODEL-001", "LMODEL-003", "LMODEL-004", needs=["roles"])
async def the_models(t: Case) -> None:
    answer = await t.alice.get(t.url("listLanguageModels"))
    with t.judging("LMODEL-001"):
        models = t.accepted(answer)["models"]
        t.true(models and all({"id", "display_name", "provider"} <= m.keys() for m in models), "each model has its keys", models)
    with t.judging("LMODEL-003"):
        for model in t.accepted(answer)["models"]:
            t.expect(model["display_name"], model["id"], "the display name of a model")
            t.expect([m["id"] for m in models].count(model["id"]), 1, f"how often {model['id']} is listed")
    with t.judging("LMODEL-004"):
        t.accepted(answer)
        said = (answer.response.content or b"").decode().lower()
        for word in ("api_key", "base_url", "http://", "https://"):
            t.true(word not in said, f"the list of models does not say {word!r}", said)
        t.refused(await t.alice.get(t.url("getDeploymentConfig")), "common.forbidden")


@case("LMODEL-002", writes=False)
async def everybody_sees_the_models(t: Case) -> None:
    wanted = by_id(t.accepted(await t.alice.get(t.url("listLanguageModels"))))
    for name in EVERYBODY:
        shown = by_id(t.accepted(await t.actor(name).get(t.url("listLanguageModels"))))
        t.expect(shown, wanted, f"the models that {name} sees")


@case("LMODEL-005")
async def no_models(t: Case) -> None:
    t.expect(t.accepted(await t.alice.get(t.url("listLanguageModels"))), {"models": []}, "the list of no models")
    chat = Chat(t.alice, t.accepted(await t.alice.create())["id"])
    t.refused(await chat.send("Hello"), "send.model")
    t.exactly(t.accepted(await chat.messages()), [], "the messages of the chat")


@case("LMODEL-006")
async def the_named_model(t: Case) -> None:
    models = [m["id"] for m in t.given(await t.alice.get(t.url("listLanguageModels")))["models"] if m["provider"] == "openai"]
    for model in models[:3]:
        chat = await empty(t)
        await ask(chat, f"Hello {t.unique()}", model=model)
        t.expect([c["model"] for c in await chat.model_calls("turn", 1)], [model], "the model that the provider was asked for")
