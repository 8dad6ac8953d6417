"""Users' own keys of AI providers."""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from uuid import uuid4

from conformance.play.actors import Actor
from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import heard_of, keys_path, member, new_model, new_provider, providers_path, secret, turn_calls
from conformance.scenes.models import store

LARGEST = 10_240


async def has_key(t: Case, user: Actor, provider: str, whose: str = "me") -> Any:
    """What the list of keys says about the user's key for this provider."""
    listed = t.accepted(await user.get(keys_path(t, whose)))
    return next((row["has_user_api_key"] for row in listed if row["provider"]["id"] == provider), None)


@case("KEY-001", "KEY-003", "KEY-006", needs=["admin"])
async def own_keys(t: Case) -> None:
    user, provider, key = await t.new_user(), (await new_provider(t))["id"], secret(t)
    with t.judging("KEY-001"):
        t.expect(await has_key(t, user, provider), False, "has the user a key before")
        t.expect(t.accepted(await store(user, provider, key))["has_user_api_key"], True, "the answer")
        t.expect(await has_key(t, user, provider), True, "has the user a key now")
        t.accepted(await user.delete(keys_path(t, "me", provider)))
        t.expect(await has_key(t, user, provider), False, "has the user a key after that")
    with t.judging("KEY-003"):
        stored = await store(user, provider, key)
        t.accepted(stored)
        for answer in (stored, await user.get(keys_path(t, "me")), await t.root.get(keys_path(t, user.id))):
            t.accepted(answer)
            t.true(key not in str(answer.response.body), "no answer shows the key")
    with t.judging("KEY-006"):
        for _ in range(2):
            t.accepted(await user.delete(keys_path(t, "me", provider)))
        t.accepted(await user.delete(keys_path(t, "me", str(uuid4()))))


@case("KEY-010", "KEY-011", needs=["admin"])
async def what_the_list_of_keys_shows(t: Case) -> None:
    user, other = await t.new_user(), await t.new_user()
    provider, keyless = (await new_provider(t))["id"], (await new_provider(t, api_keys=[]))["id"]

    async def rows(actor: Actor) -> dict[str, dict[str, Any]]:
        return {row["provider"]["id"]: row for row in t.accepted(await actor.get(keys_path(t, "me")))}

    with t.judging("KEY-011"):
        shown = await rows(user)
        told = [shown[i]["has_provider_api_key"] for i in (provider, keyless)]
        t.expect(told, [True, False], "has the provider a key of its own")
    t.given(await store(user, provider, secret(t)))
    t.given(await t.root.patch(providers_path(t, provider), {"enabled": False}))
    with t.judging("KEY-010"):
        row = (await rows(user)).get(provider) or {}
        t.expect(
            (row.get("has_user_api_key"), row["provider"]["enabled"] if row else None), (True, False), "the disabled provider"
        )
        t.true(provider not in await rows(other), "who has no key does not see the disabled provider")
        t.given(await user.delete(keys_path(t, "me", provider)))
        t.true(provider not in await rows(user), "nor does the user once the key is deleted")


@case("KEY-002", "KEY-008", needs=["admin"])
async def keys_of_others(t: Case) -> None:
    user, other, provider = await t.new_user(), await t.new_user(), (await new_provider(t))["id"]
    with t.judging("KEY-002"):
        t.refused(await other.get(keys_path(t, user.id)), "common.not-found")
        t.refused(await store(other, provider, secret(t), user.id), "common.not-found")
        t.expect(await has_key(t, user, provider), False, "has the user a key after that")
        t.given(await store(user, provider, secret(t)))
        t.refused(await other.delete(keys_path(t, user.id, provider)), "common.not-found")
        t.expect(await has_key(t, user, provider), True, "has the user the key still")
    with t.judging("KEY-008"):
        t.accepted(await t.root.delete(keys_path(t, user.id, provider)))
        t.expect(await has_key(t, t.root, provider, user.id), False, "what the owner sees of the deleted key")
        t.accepted(await store(t.root, provider, secret(t), user.id))
        t.expect(await has_key(t, user, provider), True, "what the user sees of the key that the owner stored")


@case("KEY-004", "KEY-005", needs=["admin"])
async def keys_that_are_refused(t: Case) -> None:
    user, provider = await t.new_user(), (await new_provider(t))["id"]
    off = (await new_provider(t, enabled=False))["id"]
    with t.judging("KEY-004"):
        for bad, key in (("", "missing"), (" a", "space"), ("a ", "space"), ("a" * (LARGEST + 1), "too-large")):
            t.refused(await store(user, provider, bad), f"userkeys.{key}")
        t.expect(await has_key(t, user, provider), False, "has the user a key after that")
        t.accepted(await store(user, provider, "a" * LARGEST))
    with t.judging("KEY-005"):
        t.refused(await store(user, str(uuid4()), secret(t)), "userkeys.no-provider")
        t.refused(await store(user, off, secret(t)), "userkeys.provider-disabled")
        t.accepted(await store(user, provider, secret(t)))


@case("KEY-007", "KEY-012", needs=["admin", "llm-control"])
async def which_key_the_provider_gets(t: Case) -> None:
    central, own, user = secret(t), secret(t), await member(t)
    provider = await new_provider(t, api_keys=[central])
    model = (await new_model(t, provider))["id"]
    await heard_of(t, model)

    async def got(actor: Actor, key: str) -> None:
        (call,) = await turn_calls(t, await t.chat(by=actor, model_config_id=model))
        t.expect(call["key"], sha256(key.encode()).hexdigest()[:12], "the digest of the key that the provider got")

    with t.judging("KEY-007"):
        t.accepted(await store(user, provider["id"], own))
        for actor, key in ((user, own), (t.alice, central)):
            await got(actor, key)
    with t.judging("KEY-012"):
        newer = secret(t)
        t.accepted(await store(user, provider["id"], newer))
        await got(user, newer)
        t.accepted(await user.delete(keys_path(t, "me", provider["id"])))
        await got(user, central)


@case("KEY-009", needs=["admin"])
async def own_keys_switched_off(t: Case) -> None:
    user, provider = await t.new_user(), (await new_provider(t))["id"]
    t.refused(await store(user, provider, secret(t)), "userkeys.disabled")
    t.expect(await has_key(t, user, provider), False, "has the user a key after that")


@case("KEY-033", needs=["admin"])
async def stored_keys_can_go_when_switched_off(t: Case) -> None:
    rows = t.given(await t.alice.get(keys_path(t, "me")))
    row = next((row for row in rows if row["has_user_api_key"]), rows[0])
    provider = row["provider"]["id"]
    t.refused(await store(t.alice, provider, secret(t)), "userkeys.disabled")
    t.accepted(await t.alice.delete(keys_path(t, "me", provider)))
    t.expect(await has_key(t, t.alice, provider), False, "has the user a key after that")
    t.refused(await store(t.alice, provider, secret(t)), "userkeys.disabled")
