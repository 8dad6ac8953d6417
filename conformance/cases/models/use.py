"""Which model a chat uses, and what happens to chats whose model changes."""

from __future__ import annotations

from typing import Any

from conformance.play.actors import Chat
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import (
    all_models,
    base_model,
    change_model,
    models_path,
    new_model,
    new_provider,
    providers_path,
    turn_calls,
)
from conformance.scenes.models import keep_default, tokens


async def defaults(t: Case) -> list[str]:
    """The ids of the configs that are the default."""
    return [c["id"] for c in await all_models(t) if c["is_default"]]


@case("MODEL-037", "MODEL-039", "MODEL-040", "MODEL-041", "MODEL-056", alone=True)
async def the_default(t: Case) -> None:
    base = await keep_default(t)
    with t.judging("MODEL-039"):
        t.expect(await defaults(t), [base["id"]], "the default before")
        first = await new_model(t, is_default=True)
        t.expect(await defaults(t), [first["id"]], "the default after a new one was made it")
        t.accepted(await t.root.patch(models_path(t, base["id"]), {"is_default": True}))
        t.expect(await defaults(t), [base["id"]], "the default after a change")
    with t.judging("MODEL-041"):
        t.given(await t.root.patch(models_path(t, first["id"]), {"is_default": True}))
        t.accepted(await t.root.patch(models_path(t, first["id"]), {"enabled": False}))
        t.expect(await defaults(t), [first["id"]], "the default after it was disabled")
    with t.judging("MODEL-040"):
        t.accepted(await t.root.patch(models_path(t, first["id"]), {"is_default": False}))
        (other,) = await defaults(t)
        t.true(other != first["id"], "another config is the default")
        t.given(await t.root.patch(models_path(t, first["id"]), {"is_default": True}))
        t.accepted(await t.root.delete(models_path(t, first["id"])))
        t.true(len(await defaults(t)) == 1, "another config is the default after a delete")
    with t.judging("MODEL-056"):
        names = [t.named(stem) for stem in ("zz", "za", "zb")]
        *_, last = [await new_model(t, model=name, is_default=True, enabled=False) for name in names]
        for taken in (False, True):
            others = [c["id"] for c in await all_models(t) if c["id"] != last["id"]]
            taking = t.root.delete(models_path(t, last["id"])) if taken else change_model(t, last, is_default=False)
            await taking
            t.expect(await defaults(t), others[:1], "the default after it was taken from another one")
            if not taken:
                await change_model(t, last, is_default=True)
    with t.judging("MODEL-037"):
        t.given(await t.root.patch(models_path(t, base["id"]), {"is_default": True}))
        await new_model(t)
        t.expect(await defaults(t), [base["id"]], "the default beside a new config")


async def model_of(t: Case, chat: Chat, n: int = 1) -> str:
    """The model's name in the n-th call of the chat's turns."""
    return str((await turn_calls(t, chat, n))[n - 1]["body"]["model"])


@case("MODEL-042", needs=["admin", "model-admin", "llm-control"])
async def which_model_a_chat_uses(t: Case) -> None:
    base, model = await base_model(t), await new_model(t)
    for wanted, fields in ((base, {}), (model, {"model_config_id": model["id"]})):
        chat = await t.chat(t.unique("ask"), **fields)
        shown = t.accepted(await chat.get())["last_model_config_id"]
        t.expect(shown, wanted["id"], "the chat's model", "/last_model_config_id")
        t.expect(await model_of(t, chat), wanted["model"], "the model that the provider was asked for")


@case("MODEL-057", needs=["model-admin", "llm-control"])
async def changed_models(t: Case) -> None:
    model = await new_model(t)
    chat = await t.chat(t.unique("ask"), model_config_id=model["id"])
    t.expect(await model_of(t, chat), model["model"], "the model that the provider was asked for")
    changed = t.given(await t.root.patch(models_path(t, model["id"]), {"model": t.named("changed")}))
    await chat.turn()
    t.expect(await model_of(t, chat, 2), changed["model"], "the model that the next turn asked for")


@case("MODEL-043", "MODEL-045", needs=["admin", "llm-control"])
async def deleted_models(t: Case) -> None:
    base, model = await base_model(t), await new_model(t)
    chat = await t.chat(t.unique("ask"), model_config_id=model["id"])
    t.given(await t.root.delete(models_path(t, model["id"])))
    with t.judging("MODEL-043"):
        t.accepted(await chat.send())
        ended = await chat.settled()
        t.expect(ended["status"], "waiting", "the status after the turn", "/status")
        t.expect(await model_of(t, chat, 2), base["model"], "the model that the provider was asked for")
    with t.judging("MODEL-045"):
        words = t.unique("ask")
        late = Chat(t.alice, t.accepted(await t.alice.create(words, model_config_id=model["id"]))["id"], words)
        t.expect((await late.settled())["status"], "waiting", "the status after the turn", "/status")
        t.expect(await model_of(t, late), base["model"], "the model that the provider was asked for")


@case("MODEL-044", "MODEL-049", needs=["admin"])
async def disabled_models(t: Case) -> None:
    provider = await new_provider(t)
    off, behind = await new_model(t, enabled=False), await new_model(t, provider)
    t.given(await t.root.patch(providers_path(t, provider["id"]), {"enabled": False}))
    with t.judging("MODEL-044"):
        made = t.accepted(await t.alice.create("Hello", model_config_id=off["id"]))
        await ends_in_error(t, made)
        chat = await t.chat()
        t.accepted(await chat.send("Again", model_config_id=off["id"]))
        await chat.settled("error")
    with t.judging("MODEL-049"):
        made = t.accepted(await t.alice.create("Hello", model_config_id=behind["id"]))
        await ends_in_error(t, made)


async def ends_in_error(t: Case, chat: dict[str, Any]) -> None:
    """The first turn of a chat just made comes to its end, which is an error."""
    t.expect((await Chat(t.alice, chat["id"]).settled())["status"], "error", "the status after the turn", "/status")


@case("MODEL-046", alone=True)
async def disabled_default(t: Case) -> None:
    await keep_default(t)
    model = await new_model(t, is_default=True)
    await change_model(t, model, enabled=False)
    made = t.accepted(await t.alice.create("Hello"))
    t.expect(made["last_model_config_id"], model["id"], "the chat's model", "/last_model_config_id")
    await ends_in_error(t, made)


@case("MODEL-047", "MODEL-048", needs=["admin", "model-admin", "llm-control"])
async def options_reach_the_provider(t: Case) -> None:
    sent = {"max_output_tokens": 77, "temperature": 0.5, "top_p": 0.25}
    with t.judging("MODEL-047"):
        chat = await t.chat(t.unique("ask"), model_config_id=(await new_model(t, model_config=sent))["id"])
        t.accepted(await chat.get())
        (call,) = await turn_calls(t, chat)
        body = call["body"]
        t.expect([tokens(body), body.get("temperature"), body.get("top_p")], [77, 0.5, 0.25], "what the provider was asked")
    with t.judging("MODEL-048"):
        chat = await t.chat(t.unique("ask"), model_config_id=(await new_model(t))["id"])
        t.accepted(await chat.get())
        (call,) = await turn_calls(t, chat)
        t.expect(tokens(call["body"]), 32_000, "the tokens that the provider was asked for at most")
