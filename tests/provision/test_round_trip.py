"""From a bare server and its admin's token to a verdict, and back: nothing is left but what no API call takes back."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path

import pytest

import spec
from conformance.provision import Order, ProvisionFailed, deprovision, provisioned
from conformance.provision.admin import Admin
from conformance.provision.manifest import BadManifest, Head, Manifest
from conformance.run.target import Llm
from conformance.run.whole import Outcome, RunConfig, Selection, play
from conformance.wire.http import Wire
from fake_server.serve import RunningServer, running_server
from fake_server.state.records import ModelConfig, Provider
from spec.documents import documents
from tests.proof.bench import cases_for
from tests.provision.state import seen

# Those whose providers and models are made by the API.
PROFILES = [name for name in spec.profiles() if spec.load(name).traits["provision"]]
# Cases that make users, providers, models, tool servers, and that change settings of the whole server.
CHANGING = ["ROLE-*", "PROV-0[0-2]*", "MODEL-00*", "MCP-00*", "CONF-0[0-2]*", "CREATE-001", "ULIM-00*", "LIMIT-00*"]


def order(server: RunningServer, folder: Path, **options: object) -> Order:
    made = Order(server.base_url, server.token("root"), "ADMIN", manifest=folder / "run.manifest")
    for name, value in options.items():
        setattr(made, name, value)
    return made


async def judged(server: RunningServer, config: RunConfig, globs: list[str]) -> Outcome:
    outcome = Outcome()
    config.seed, config.fuzz, config.profile = 1, "off", server.backend.revision.name
    await play(config, Selection(cases_for(globs), complete=False), lambda case, checks: None, outcome)
    return outcome


@pytest.mark.parametrize("profile", PROFILES)
def test_a_run_on_a_bare_server_is_green_and_leaves_nothing_behind(profile: str, tmp_path: Path) -> None:
    async def scene() -> None:
        async with running_server(profile=profile, bare=True) as server:
            before = await seen(server)
            wanted = order(server, tmp_path)
            outcome = await judged(server, RunConfig(provision=wanted, record=tmp_path / "run.ndjson"), CHANGING)
            assert outcome.session is not None
            red = [
                (c.requirement, c.message or c.reason)
                for c in outcome.session.checks
                if c.verdict not in ("pass", "not-applicable")
            ]
            assert (outcome.exit_status, red) == (0, [])
            assert outcome.footer["counts"]["pass"] > 50
            assert await seen(server) == before
            assert not (tmp_path / "run.manifest").exists()
            assert any("chats of users that were deleted" in line for line in outcome.left)
            assert outcome.left[0] in (tmp_path / "run.ndjson").read_text()
            secrets = {server.token("root"), *outcome.session.target.tokens().values(), outcome.session.target.llm.control_token}
            text = (tmp_path / "run.ndjson").read_text()
            assert len(secrets) == 9 and not [secret for secret in secrets if secret in text]

    asyncio.run(scene())


def test_a_server_that_was_started_with_its_models_gets_its_users(tmp_path: Path) -> None:
    async def scene() -> None:
        async with running_server(profile="legacy-2025-05", bare=True) as server:
            before = sorted(user.username for user in server.backend.store.users.values())
            wanted = order(server, tmp_path, llm=Llm.model_validate(server.target["llm"]))
            outcome = await judged(server, RunConfig(provision=wanted), ["LSTREAM-01*", "LOWN-00*", "LAUTH-00*"])
            assert outcome.session is not None
            assert outcome.session.target.model_config_ids == ["fake-model"]
            assert outcome.exit_status == 0 and outcome.footer["counts"]["pass"] > 15
            assert sorted(user.username for user in server.backend.store.users.values() if not user.deleted) == before

    asyncio.run(scene())


@pytest.mark.parametrize("profile", PROFILES)
def test_what_somebody_left_without_a_word_is_taken_back_by_the_manifest(profile: str, tmp_path: Path) -> None:
    async def scene() -> None:
        async with running_server(profile=profile, bare=True) as server:
            before = await seen(server)
            wanted = order(server, tmp_path)
            async with provisioned(wanted) as made:
                assert len(made.target.users) == 7 and made.target.model_config_ids
                assert stat.S_IMODE(made.manifest.path.stat().st_mode) == 0o600
            assert len((await seen(server))["users"]) == 8
            text = made.manifest.path.read_text()
            assert not [token for token in (wanted.admin_token, *made.target.tokens().values()) if token in text]
            root = Admin(Wire(server.base_url), server.backend.revision.profile, wanted.admin_token)
            changes: dict[str, dict[str, object]] = {
                "putConfigSystemPrompt": {"system_prompt": "what a killed case did not put back"}
            }
            changes |= {"putUsageLimits": {"spend_limit_micros": 1, "period": "day"}}
            known = [name for name in changes if name in documents(profile).operations]
            for name in known:
                await root.call(name, changes[name])
            await root.wire.aclose()
            left = await deprovision(wanted.admin_token, manifest=made.manifest.path)
            assert await seen(server) == before
            assert sum("had been changed and was put back" in line for line in left) == len(known) > 0
            assert not made.manifest.path.exists()

    asyncio.run(scene())


@pytest.mark.parametrize("profile", PROFILES)
def test_a_manifest_that_was_cut_off_anywhere_suffices(profile: str, tmp_path: Path) -> None:
    """However little was written of what was made: what was made by then is found by its name."""

    async def scene() -> None:
        async with running_server(profile=profile, bare=True) as server:
            before = await seen(server)
            wanted = order(server, tmp_path)
            async with provisioned(wanted):
                lines = (tmp_path / "run.manifest").read_text().splitlines(keepends=True)
            kept = [line for line in lines if json.loads(line)["kind"] != "made"]
            (tmp_path / "run.manifest").write_text("".join(kept) + '{"kind": "ma')
            await deprovision(wanted.admin_token, manifest=tmp_path / "run.manifest")
            assert await seen(server) == before

    asyncio.run(scene())


def test_a_lost_manifest_is_made_up_for_by_the_prefix(tmp_path: Path) -> None:
    async def scene() -> None:
        async with running_server(bare=True) as server:
            before = await seen(server)
            async with provisioned(order(server, tmp_path, prefix="cc-lost")):
                pass
            async with provisioned(order(server, tmp_path, prefix="cc-other", manifest=tmp_path / "other.manifest")):
                pass
            assert await deprovision(server.token("root"), url=server.base_url, prefix="cc-lost") == []
            assert {name.split("-")[1] for name, *_ in (await seen(server))["users"] if "-" in name} == {"other"}
            assert await deprovision(server.token("root"), url=server.base_url, prefix="cc-") == []
            assert await seen(server) == before

    asyncio.run(scene())


def test_on_a_server_in_use_its_default_model_and_its_settings_are_left_alone(tmp_path: Path) -> None:
    async def scene() -> None:
        async with running_server(bare=True) as server:
            store = server.backend.store
            provider = Provider(type="openai", name="theirs", base_url="http://127.0.0.1:1", enabled=True)
            theirs = ModelConfig(provider_id=provider.id, provider_type="openai", model="gpt", context_limit=1, is_default=True)
            store.providers[provider.id], store.model_configs[theirs.id] = provider, theirs
            before = await seen(server)
            defaults: set[str] = set()

            def look(*_: object) -> None:
                defaults.update(m.id for m in store.model_configs.values() if m.is_default)

            config = RunConfig(provision=order(server, tmp_path, changes=False), config_changes=False, on_start=look)
            outcome = await judged(server, config, ["CREATE-00*", "MODEL-0[0-3]*", "CONF-0*", "SEND-0*"])
            assert (outcome.exit_status, defaults) == (0, {theirs.id})
            assert await seen(server) == before
            assert outcome.footer["counts"]["pass"] > 40

    asyncio.run(scene())


def test_a_server_that_can_not_reach_the_llm_is_told_of_and_left_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conformance.provision.make._READY_SECONDS", 2.0)

    async def scene() -> None:
        async with running_server(bare=True) as server:
            before = await seen(server)
            wanted = order(server, tmp_path, llm=Llm(kind="scripted", base_url="http://127.0.0.1:1/v1"))
            with pytest.raises(ProvisionFailed, match="can the server reach that address"):
                async with provisioned(wanted):
                    raise AssertionError("unreachable")
            assert await seen(server) == before and not (tmp_path / "run.manifest").exists()

    asyncio.run(scene())


def test_who_may_not_make_users_is_told_so(tmp_path: Path) -> None:
    async def scene() -> None:
        async with running_server() as server:
            for token, why in ((server.token("alice"), "who is no site owner"), ("nonsense", "is not accepted")):
                with pytest.raises(ProvisionFailed, match=why):
                    async with provisioned(order(server, tmp_path, admin_token=token, profile=spec.DEFAULT)):
                        raise AssertionError("unreachable")
            assert not (tmp_path / "run.manifest").exists()

    asyncio.run(scene())


@pytest.mark.parametrize("text", ["", "nonsense", "[1]", '{"kind": "manifest"}', '{"kind": "header", "url": "x"}', "{}\nx\n{}"])
def test_what_is_no_manifest_is_told_so(text: str, tmp_path: Path) -> None:
    (tmp_path / "m").write_text(text)
    with pytest.raises(BadManifest):
        Manifest.read(tmp_path / "m")


def test_a_manifest_of_another_run_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "m").write_text("theirs")
    with pytest.raises(BadManifest, match="deprovision"):
        Manifest.begin(tmp_path / "m", Head("http://x", "p", "cc"))
    assert (tmp_path / "m").read_text() == "theirs"
