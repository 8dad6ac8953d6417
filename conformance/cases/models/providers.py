"""AI providers: who may manage them, which are accepted, what is shown of them."""

from __future__ import annotations

from string import ascii_letters as LETTERS
from typing import Any
from uuid import uuid4

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import new_provider, providers_path, secret

URL = "http://127.0.0.1:9/v1"
OTHERS = ("alice", "carol", "auditor", "orgadmin", "orgauditor")


def wanted(t: Case, **fields: Any) -> dict[str, Any]:
    """The body of a provider that is accepted."""
    return {"type": "openai-compat", "name": t.named("p"), "base_url": URL} | fields


def at(t: Case, name: str) -> str:
    return providers_path(t, name)


@case("PROV-001", "PROV-004", "PROV-015", "PROV-016", "PROV-017", "PROV-018")
async def life_of_a_provider(t: Case) -> None:
    made = t.given(await t.root.post(providers_path(t), wanted(t)))
    t.cleanup(lambda: t.root.delete(at(t, made["id"])))
    with t.judging("PROV-004"):
        t.expect(t.accepted(await t.root.get(at(t, made["id"])))["enabled"], False, "is it enabled", "/enabled")
        on = t.accepted(await t.root.post(providers_path(t), wanted(t, enabled=True)))
        t.cleanup(lambda: t.root.delete(at(t, on["id"])))
        t.expect(on["enabled"], True, "is the one that was asked for enabled", "/enabled")
    with t.judging("PROV-001"):
        changed = t.accepted(await t.root.patch(at(t, made["id"]), {"display_name": "Renamed"}))
        t.expect(changed["display_name"], "Renamed", "the display name", "/display_name")
        t.expect(t.accepted(await t.root.get(at(t, made["id"]))), changed, "the provider read back")
        listed = {p["id"]: p for p in t.accepted(await t.root.get(providers_path(t)))}
        t.expect(listed.get(made["id"]), changed, "the provider in the list")
    with t.judging("PROV-018"):
        t.expect(made["display_name"], made["name"], "the display name when none was given", "/display_name")
        reset = t.accepted(await t.root.patch(at(t, made["id"]), {"display_name": ""}))
        t.expect(reset["display_name"], made["name"], "the display name after an empty one", "/display_name")
        t.expect(t.accepted(await t.root.get(at(t, made["id"]))), reset, "the provider read back")
    with t.judging("PROV-015"):
        by_name = t.accepted(await t.root.get(at(t, made["name"])))
        t.expect(by_name, t.accepted(await t.root.get(at(t, made["id"]))), "the provider read by name")
    with t.judging("PROV-016"):
        t.accepted(await t.root.delete(at(t, made["id"])))
        t.refused(await t.root.delete(at(t, made["id"])), "common.not-found")
    with t.judging("PROV-017"):
        names = [t.named("p") for _ in range(3)]
        for name in reversed(names):
            await new_provider(t, name=name, enabled=False)
        listed = t.accepted(await t.root.get(providers_path(t)))
        t.expect([p["name"] for p in listed if p["name"] in names], sorted(names), "the names in the list")
        t.true(made["id"] not in [p["id"] for p in listed], "a deleted provider is not listed")


@case("PROV-002", "PROV-003")
async def providers_are_the_owners(t: Case) -> None:
    provider = await new_provider(t)
    with t.judging("PROV-002"):
        for actor in map(t.actor, OTHERS):
            for name in (provider["id"], str(uuid4())):
                t.refused(await actor.get(at(t, name)), "common.forbidden")
                t.refused(await actor.patch(at(t, name), {"display_name": "Theirs"}), "common.forbidden")
                t.refused(await actor.delete(at(t, name)), "common.forbidden")
            t.refused(await actor.get(providers_path(t)), "common.forbidden")
            t.refused(await actor.post(providers_path(t), wanted(t)), "common.forbidden")
        t.expect(t.accepted(await t.root.get(at(t, provider["id"]))), provider, "the provider after refused attempts")
    with t.judging("PROV-003"):
        t.refused(await t.alice.post(providers_path(t), {}), "provider.type-missing")
        t.refused(await t.alice.patch(at(t, provider["id"]), {}), "provider.no-field")


BAD: dict[str, tuple[str, str]] = {
    "type": ("nonsense", "provider.type"),
    "name": ("Not a name", "provider.name"),
    "base_url": ("not-absolute", "provider.base-url"),
}


@case("PROV-005", "PROV-006", "PROV-008")
async def providers_that_are_refused(t: Case) -> None:
    with t.judging("PROV-005"):
        answer = await t.root.post(providers_path(t), {})
        for key in ("type-missing", "name-missing", "base-url-missing"):
            t.refused(answer, f"provider.{key}")
    with t.judging("PROV-006"):
        for field, (value, key) in BAD.items():
            body = wanted(t) | {field: value}
            t.refused(await t.root.post(providers_path(t), body), key)
        t.refused(await t.root.post(providers_path(t), wanted(t, base_url="ftp://x/")), "provider.base-url-scheme")
        made = t.accepted(await t.root.post(providers_path(t), wanted(t)))
        t.cleanup(lambda: t.root.delete(at(t, made["id"])))
    with t.judging("PROV-008"):
        body = wanted(t, name=made["name"])
        t.refused(await t.root.post(providers_path(t), body), "provider.duplicate", name=made["name"])
        t.given(await t.root.delete(at(t, made["id"])))
        again = t.accepted(await t.root.post(providers_path(t), body))
        t.cleanup(lambda: t.root.delete(at(t, again["id"])))


@case("PROV-009", "PROV-010", "PROV-011", "PROV-012", "PROV-007", "PROV-019", "PROV-020")
async def changes_of_a_provider(t: Case) -> None:
    first, second = secret(t), secret(t)
    made = await new_provider(t, api_keys=[first], enabled=False)
    path, kept = at(t, made["id"]), made["api_keys"][0]["id"]
    with t.judging("PROV-009"):
        body = t.accepted(await t.root.patch(path, {"name": "other", "type": "google", "display_name": "D"}))
        t.expect([body[k] for k in ("name", "type")], [made[k] for k in ("name", "type")], "name and type")
        t.expect(body["display_name"], "D", "what was to be changed", "/display_name")
    with t.judging("PROV-010"):
        for nothing in ({}, {"name": "other"}):
            t.refused(await t.root.patch(path, nothing), "provider.no-field")
    with t.judging("PROV-011"):
        added = t.accepted(await t.root.patch(path, {"api_keys": [{"id": kept}, {"api_key": second}]}))["api_keys"]
        t.true(len(added) == 2 and kept in [k["id"] for k in added], "the old key stays, the new one comes", added, "/api_keys")
        new = next(k["id"] for k in added if k["id"] != kept)
        t.accepted(await t.root.patch(path, {"api_keys": [{"id": new}]}))
        left = t.accepted(await t.root.get(path))["api_keys"]
        t.expect([k["id"] for k in left], [new], "the keys that are left", "/api_keys")
        t.expect(t.accepted(await t.root.patch(path, {"display_name": "E"}))["api_keys"], left, "the keys after another change")
        t.expect(t.accepted(await t.root.patch(path, {"api_keys": []}))["api_keys"], [], "the keys of an empty set", "/api_keys")
        t.expect(t.accepted(await t.root.get(path))["api_keys"], [], "the keys read back", "/api_keys")
    with t.judging("PROV-019"):
        before = t.given(await t.root.get(path))
        for url, key in (("not-absolute", "base-url"), ("ftp://x/", "base-url-scheme"), ("", "base-url-missing")):
            t.refused(await t.root.patch(path, {"base_url": url}), f"provider.{key}")
        t.expect(t.accepted(await t.root.get(path)), before, "the provider after refused changes")
        moved = t.accepted(await t.root.patch(path, {"base_url": f"{URL}/other"}))
        t.expect(moved["base_url"], f"{URL}/other", "the address after a good one", "/base_url")
    with t.judging("PROV-020"):
        for length in (5, 10, 20, 40):
            key = LETTERS[:length]
            (one,) = t.given(await t.root.patch(path, {"api_keys": [{"api_key": key}]}))["api_keys"]
            head = sum(one["masked"].startswith(key[:n]) for n in range(1, length + 1))
            tail = sum(one["masked"].endswith(key[-n:]) for n in range(1, length + 1))
            t.true(head + tail < length / 2, f"less than half of a key of {length} characters is shown", (head, tail))
    with t.judging("PROV-012"):
        before = t.given(await t.root.get(path))
        change = {"display_name": "Not this", "api_keys": [{"id": str(uuid4())}, {"api_key": first}]}
        t.refused(await t.root.patch(path, change), "provider.unknown-key")
        t.expect(t.accepted(await t.root.get(path)), before, "the provider after a refused change")
    with t.judging("PROV-007"):
        answers = [
            await t.root.get(path),
            await t.root.get(providers_path(t)),
            await t.root.patch(path, {"api_keys": [{"api_key": first}]}),
        ]
        for answer in (*answers, await t.root.post(providers_path(t), body := wanted(t, api_keys=[second]))):
            t.true(not any(key in str(answer.response.body) for key in (first, second)), "no answer shows a key")
        t.cleanup(lambda: t.root.delete(at(t, body["name"])))
        (shown,) = t.accepted(await t.root.get(path))["api_keys"]
        t.true({"id", "masked", "created_at"} <= set(shown), "a key is shown by id, masked form and time", shown, "/api_keys/0")


@case("PROV-013", "PROV-014")
async def providers_that_are_not_there(t: Case) -> None:
    made = await new_provider(t)
    change = {"display_name": "D"}
    with t.judging("PROV-013"):
        for name in (str(uuid4()), t.unique("nobody")):
            t.refused(await t.root.get(at(t, name)), "common.not-found")
            t.refused(await t.root.patch(at(t, name), change), "common.not-found")
            t.refused(await t.root.delete(at(t, name)), "common.not-found")
        t.accepted(await t.root.get(at(t, made["id"])))
    with t.judging("PROV-014"):
        t.refused(await t.root.get(at(t, "No_Name")), "provider.id")
        t.refused(await t.root.patch(at(t, "No_Name"), change), "provider.id")
        t.refused(await t.root.delete(at(t, "No_Name")), "provider.id")
