"""Who may read and who may store which setting."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.play.case import Case
from conformance.play.declaration import case
from conformance.play.provisioning import config_path, has_setting, put_back
from conformance.scenes.config import OTHERS, WANTED

OPEN = (
    "desktop-enabled",
    "computer-use-provider",
    "advisor",
    "workspace-ttl",
    "retention-days",
    "debug-retention-days",
    "auto-archive-days",
)
HIDDEN = ("system-prompt", "plan-mode-instructions")
AUDITED = ("model-override/general", "personal-model-overrides", "debug-logging", "template-allowlist")


def of_revision(t: Case, names: Iterable[str]) -> list[str]:
    """Those of the settings that this revision has."""
    return [name for name in names if has_setting(t, name)]


@case("CONF-001", needs=["roles"], writes=False)
async def open_settings(t: Case) -> None:
    for name in of_revision(t, OPEN):
        wanted = t.accepted(await t.root.get(config_path(t, name)))
        for actor in OTHERS:
            t.expect(t.accepted(await t.actor(actor).get(config_path(t, name))), wanted, f"{name} as {actor} reads it")


@case("CONF-002", writes=False)
async def hidden_settings(t: Case) -> None:
    for name in HIDDEN:
        t.accepted(await t.root.get(config_path(t, name)))
        for actor in OTHERS:
            t.refused(await t.actor(actor).get(config_path(t, name)), "common.not-found")


@case("CONF-003", "CONF-004", writes=False)
async def audited_settings(t: Case) -> None:
    with t.judging("CONF-003"):
        for name in of_revision(t, AUDITED):
            wanted = t.accepted(await t.root.get(config_path(t, name)))
            t.expect(t.accepted(await t.actor("auditor").get(config_path(t, name))), wanted, f"{name} as the auditor reads it")
    with t.judging("CONF-004"):
        for name in of_revision(t, AUDITED):
            for actor in ("alice", "carol", "orgadmin", "orgauditor"):
                t.refused(await t.actor(actor).get(config_path(t, name)), "common.not-found")


@case("CONF-005", alone=True)
async def only_the_owner_stores(t: Case) -> None:
    for name in of_revision(t, WANTED):
        wanted = WANTED[name]
        before = await put_back(t, name)
        for actor in OTHERS:
            t.refused(await t.actor(actor).put(config_path(t, name), wanted), "common.forbidden")
        t.expect(t.accepted(await t.root.get(config_path(t, name))), before, f"{name} after refused attempts")


@case("CONF-006", alone=True)
async def only_the_owner_stores_templates(t: Case) -> None:
    before = await put_back(t, "template-allowlist")
    for actor in OTHERS:
        t.refused(await t.actor(actor).put(config_path(t, "template-allowlist"), {"template_ids": []}), "common.not-found")
    t.expect(t.accepted(await t.root.get(config_path(t, "template-allowlist"))), before, "the list after refused attempts")


@case("CONF-007", "CONF-034")
async def rights_before_checks(t: Case) -> None:
    auditor, broken = t.actor("auditor"), {"content": b"{"}
    with t.judging("CONF-007"):
        for actor in (t.alice, auditor):
            for name in ("retention-days", "system-prompt", *(() if t.refuses("config.advisor-off") else ("advisor",))):
                t.refused(await actor.put(config_path(t, name), **broken), "common.forbidden")
        t.refused(await t.root.put(config_path(t, "retention-days"), **broken), "common.bad-json")
        t.accepted(await t.root.get(config_path(t, "retention-days")))
    with t.judging("CONF-034"):
        odd = config_path(t, "model-override/nonsense")
        for actor in (t.alice, auditor):
            t.refused(await actor.put(odd, {"model_config_id": ""}), "common.forbidden")
        t.refused(await t.alice.get(odd), "common.not-found")


@case("CONF-013", writes=False)
async def unknown_settings(t: Case) -> None:
    for name in ("nonsense", "workspace-ttl/more"):
        t.refused(await t.alice.get(config_path(t, name)), "common.route-not-found")
    t.accepted(await t.alice.get(config_path(t, "workspace-ttl")))
