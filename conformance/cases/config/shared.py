"""Settings where every user may read the deployment's prompt, and none has a built-in text beside it."""

from __future__ import annotations

from typing import Any

from conformance.play.actors import Actor
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import config_path, configured, deployed, put_back, turn_calls
from conformance.play.verdict import Unmet
from conformance.scenes.config import EVERYBODY, INVISIBLE, LONGEST, OTHERS, WANTED, prompt, put_prompt
from conformance.scenes.lifecycle import system_text

PROMPT = "system-prompt"


@case("CONF-097", needs=["roles"], writes=False)
async def settings_that_all_may_read(t: Case) -> None:
    for name in (PROMPT, "desktop-enabled", "workspace-ttl"):
        wanted = t.accepted(await t.root.get(config_path(t, name)))
        for actor in OTHERS:
            t.expect(t.accepted(await t.actor(actor).get(config_path(t, name))), wanted, f"{name} as {actor} reads it")
        t.refused(await t.nobody.get(config_path(t, name)), "auth.no-token")


@case("CONF-098", "CONF-099", alone=True)
async def who_stores_settings(t: Case) -> None:
    for requirement, name, key in (
        ("CONF-098", "desktop-enabled", "common.forbidden"),
        ("CONF-098", "workspace-ttl", "common.forbidden"),
        ("CONF-099", PROMPT, "common.not-found"),
    ):
        before = await put_back(t, name)
        with t.judging(requirement):
            for actor in OTHERS:
                t.refused(await t.actor(actor).put(config_path(t, name), WANTED[name]), key)
            t.expect(t.accepted(await t.root.get(config_path(t, name))), before, f"{name} after refused attempts")
            t.accepted(await t.root.put(config_path(t, name), WANTED[name]))


@case("CONF-100", alone=True, needs=["admin"])
async def length_before_right(t: Case) -> None:
    await put_back(t, PROMPT)
    path = config_path(t, PROMPT)
    t.refused(await t.bob.put(path, {"system_prompt": "a" * (LONGEST + 1)}), "config.system-prompt-length", size=LONGEST + 1)
    t.refused(await t.bob.put(path, {"system_prompt": "short"}), "common.not-found")
    t.accepted(await t.root.put(path, {"system_prompt": "short"}))


async def kept(t: Case, actor: Actor) -> None:
    """This user has the present prompt again when the case ends."""
    before = await prompt(t, actor)
    t.cleanup(lambda: put_prompt(t, actor, before))


@case("CONF-101", needs=["roles"])
async def own_prompts_of_all(t: Case) -> None:
    for actor in map(t.actor, EVERYBODY):
        words = t.unique("mine")
        await kept(t, actor)
        t.expect(t.accepted(await put_prompt(t, actor, words)), {"custom_prompt": words}, f"the answer to {actor.name}")
        t.expect(await prompt(t, actor), words, f"the prompt that {actor.name} reads back")


@case("CONF-102", "CONF-103", "CONF-104", alone=True, needs=["admin"])
async def texts_as_they_are_stored(t: Case) -> None:
    await put_back(t, PROMPT)
    user, path = await t.new_user(), config_path(t, PROMPT)
    with t.judging("CONF-102"):
        for words in ("In verse.", ""):
            t.accepted(await t.root.put(path, {"system_prompt": words}))
            t.exactly(t.known(t.accepted(await t.root.get(path))), {"system_prompt": words}, "the prompt read back")
    with t.judging("CONF-103"):
        odd = f"a{INVISIBLE}\r\nb\n\n\n\nc"
        t.accepted(await t.root.put(path, {"system_prompt": f" \t{odd}\n "}))
        t.expect(t.accepted(await t.root.get(path))["system_prompt"], odd, "the deployment's prompt", "/system_prompt")
        t.accepted(await put_prompt(t, user, f" \t{odd}\n "))
        t.expect(await prompt(t, user), odd, "the user's prompt")
    with t.judging("CONF-104"):
        longest = "a" * LONGEST
        for body in (f"{longest}  ", f" {longest}" + " " * LONGEST * 2):
            t.accepted(await put_prompt(t, user, body))
            t.expect(await prompt(t, user), longest, "the longest prompt")
            t.accepted(await t.root.put(path, {"system_prompt": body}))
        t.refused(await put_prompt(t, user, f"{longest}b  "), "config.user-prompt-length", size=LONGEST + 1)


@case("CONF-105", alone=True, needs=["llm-control"])
async def built_in_prompt(t: Case) -> None:
    async def sent() -> str:
        (call,) = await turn_calls(t, await t.chat(t.unique("ask")))
        return system_text(call)

    await put_back(t, PROMPT)
    await deployed(t, PROMPT, system_prompt="")
    without, words = await sent(), t.unique("prompt")
    start = without.strip().partition("\n")[0]
    if not start:
        raise Unmet("the target has no built-in system prompt")
    await deployed(t, PROMPT, system_prompt=words)
    t.accepted(await t.root.get(config_path(t, PROMPT)))
    found = await sent()
    t.expect((start in found, words in found), (False, True), "does the model get the built-in and the stored text")
    t.true(words not in without, "the stored text was not there before")


@case("CONF-106", alone=True)
async def days_beyond_measure(t: Case) -> None:
    path, far = config_path(t, "workspace-ttl"), 9_223_372_036_855
    await configured(t, "workspace-ttl", workspace_ttl_ms=60_000)
    t.accepted(await t.root.put(path, {"workspace_ttl_ms": far}))
    t.refused(await t.root.get(path), "config.ttl-stored", detail="duration must be non-negative")
    wanted: dict[str, Any] = {"workspace_ttl_ms": 120_000}
    t.accepted(await t.root.put(path, wanted))
    t.expect(t.accepted(await t.root.get(path)), wanted, "the setting after a sound one")


@case("CONF-107", alone=True)
async def nul_in_the_prompt(t: Case) -> None:
    await put_back(t, PROMPT)
    path = config_path(t, PROMPT)
    t.accepted(await t.root.put(path, {"system_prompt": "In verse."}))
    t.refused(await t.root.put(path, {"system_prompt": "In\0verse."}), "config.system-prompt-nul")
    t.expect(t.accepted(await t.root.get(path))["system_prompt"], "In verse.", "the prompt after a refused one", "/system_prompt")
