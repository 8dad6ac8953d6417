"""The administration over HTTP: who may, what is kept, how users come and go."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from fake_server.state.store import Clock
from tests.fake.admin import CHATS, Admin, started

CONFIG = f"{CHATS}/config"
PASSWORD = "SomeSecurePassword!"

# Setting → (status of GET, of PUT) for auditor and for a plain member; a body that is accepted from the owner.
SETTINGS = {
    "system-prompt": ((404, 403), (404, 403), {"system_prompt": "x"}),
    "plan-mode-instructions": ((404, 403), (404, 403), {"plan_mode_instructions": "x"}),
    "model-override/general": ((200, 403), (404, 403), {"model_config_id": ""}),
    "personal-model-overrides": ((200, 403), (404, 403), {"allow_users": False}),
    "desktop-enabled": ((200, 403), (200, 403), {"enable_desktop": True}),
    "computer-use-provider": ((200, 403), (200, 403), {"provider": "openai"}),
    "debug-logging": ((200, 403), (404, 403), {"allow_users": False}),
    "advisor": ((200, 403), (200, 403), {"enabled": True, "max_uses_per_run": 2}),
    "workspace-ttl": ((200, 403), (200, 403), {"workspace_ttl_ms": 60000}),
    "retention-days": ((200, 403), (200, 403), {"retention_days": 3650}),
    "debug-retention-days": ((200, 403), (200, 403), {"debug_retention_days": 0}),
    "auto-archive-days": ((200, 403), (200, 403), {"auto_archive_days": 1}),
    "template-allowlist": ((200, 404), (404, 404), {"template_ids": []}),
}


@pytest.fixture(scope="module")
def admin() -> Iterator[Admin]:
    with started() as server:
        yield server


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_are_the_owners_to_change(admin: Admin, name: str) -> None:
    auditor, member, body = SETTINGS[name]
    path = f"{CONFIG}/{name}"
    for actor, (get, put) in {"auditor": auditor, "carol": member, "orgadmin": member}.items():
        assert admin.ask(actor, "GET", path).status == get
        assert admin.ask(actor, "PUT", path, body).status == put
    assert admin.ask("root", "PUT", path, body).status == 204
    stored = admin.ask("root", "GET", path).body
    assert body.items() <= stored.items()
    assert admin.ask(None, "GET", path).status == admin.ask(None, "PUT", path, body).status == 401


def test_unknown_settings_and_other_methods(admin: Admin) -> None:
    assert admin.ask("root", "GET", f"{CONFIG}/no-such").body == {"message": "Route not found."}
    wrong = admin.ask("root", "DELETE", f"{CONFIG}/advisor")
    assert (wrong.status, wrong.body) == (405, "")
    assert "GET" in wrong.headers["allow"]


def test_provider_keys_never_leave_the_server(admin: Admin) -> None:
    secret = "sk-0123456789-secret-0123456789"
    body = {"type": "openai", "name": "hides", "base_url": "http://127.0.0.1:1/v1", "api_keys": [secret]}
    made = admin.ask("root", "POST", "/api/v2/ai/providers", body)
    assert made.status == 201
    assert made.body["enabled"] is False
    assert admin.ask("alice", "GET", "/api/v2/ai/providers").status == 403
    shown = admin.ask("root", "GET", "/api/v2/ai/providers/hides")
    assert shown.body["api_keys"][0]["masked"] == "sk-0...6789"
    assert secret not in str(shown.body)
    url = f"/api/experimental/users/me/ai-provider-keys/{made.body['id']}"
    assert admin.ask("carol", "PUT", url, {"api_key": secret}).status == 412
    assert admin.ask("root", "DELETE", "/api/v2/ai/providers/hides").status == 204
    assert admin.ask("carol", "PUT", url, {"api_key": secret}).status == 404


@pytest.mark.parametrize("url", ["", "x", "http://", "ftp://x", "http://a b/", "http://x:port/", "http://x/%zz", " http://x"])
def test_provider_addresses_are_checked_before_the_right_to_change_them(admin: Admin, url: str) -> None:
    body = {"type": "openai", "name": "n", "base_url": url}
    refused = admin.ask("carol", "POST", "/api/v2/ai/providers", body)
    assert (refused.status, [v["field"] for v in refused.body["validations"]]) == (400, ["base_url"])


def test_a_model_is_always_default(admin: Admin) -> None:
    provider = admin.ask("root", "GET", "/api/v2/ai/providers/fake").body["id"]
    path = f"{CHATS}/model-configs"
    first = next(c["id"] for c in admin.ask("root", "GET", path).body if c["is_default"])
    body = {"ai_provider_id": provider, "model": "zz", "context_limit": 1, "is_default": True, "enabled": False}
    second = admin.ask("root", "POST", path, body).body["id"]

    def defaults() -> list[str]:
        return [c["id"] for c in admin.ask("root", "GET", path).body if c["is_default"]]

    assert defaults() == [second]
    assert second not in [c["id"] for c in admin.ask("alice", "GET", path).body]
    admin.ask("root", "PATCH", f"{path}/{second}", {"is_default": False})
    assert defaults() == [first]
    admin.ask("root", "PATCH", f"{path}/{first}", {"is_default": False})
    assert defaults() == [second]
    assert admin.ask("root", "DELETE", f"{path}/{second}").status == 204
    assert defaults() == [first]
    assert admin.ask("root", "PATCH", f"{path}/{first}", {"is_default": False}).body["is_default"] is True


def test_a_user_comes_and_goes(admin: Admin) -> None:
    organization = admin.backend.store.organization_id
    body = {"email": "new@example.com", "username": "new", "password": PASSWORD, "organization_ids": [organization]}
    assert admin.ask("alice", "POST", "/api/v2/users", body).status == 403
    made = admin.ask("root", "POST", "/api/v2/users", body | {"user_status": "active"})
    assert made.status == 201
    user = f"/api/v2/users/{made.body['id']}"
    assert admin.ask("root", "POST", "/api/v2/users", body).status == 409
    assert admin.ask(None, "POST", "/api/v2/users/login", {"email": "new@example.com", "password": "no"}).status == 401
    session = admin.ask(None, "POST", "/api/v2/users/login", {"email": "NEW@example.com", "password": PASSWORD})
    token = session.body["session_token"]
    assert re.fullmatch(r"[A-Za-z0-9]{10}-[A-Za-z0-9]{22}", token)
    chat = {"organization_id": organization, "content": [{"type": "text", "text": "hi"}]}
    assert admin.ask(token, "POST", CHATS, chat).status == 403
    roles = f"/api/v2/organizations/{organization}/members/new/roles"
    assert admin.ask("root", "PUT", roles, {"roles": ["agents-access"]}).body["roles"][0]["name"] == "agents-access"
    assert admin.ask(token, "POST", CHATS, chat).status == 201
    assert admin.ask("root", "PUT", f"{user}/status/suspend").body["status"] == "suspended"
    assert admin.ask(token, "GET", CHATS).status == 401
    assert admin.ask("root", "PUT", f"{user}/status/activate").status == 200
    assert admin.ask(token, "GET", CHATS).status == 200
    assert admin.ask("root", "DELETE", user).body == {"message": "User has been deleted!"}
    assert admin.ask(token, "GET", CHATS).status == 401
    assert admin.ask("root", "GET", user).status == 404


def test_tokens_live_as_long_as_asked(admin: Admin) -> None:
    keys = "/api/v2/users/me/keys"
    made = admin.ask("bob", "POST", f"{keys}/tokens", {"token_name": "short", "lifetime": 60_000_000_000, "scope": "all"})
    token = made.body["key"]
    assert admin.ask("bob", "POST", f"{keys}/tokens", {"token_name": "short"}).status == 409
    assert admin.ask("alice", "GET", f"{keys}/{token[:10]}").status == 404
    shown = admin.ask("bob", "GET", f"{keys}/{token[:10]}").body
    assert shown["lifetime_seconds"] == 60
    assert token[11:] not in str(shown)
    assert admin.ask(token, "GET", "/api/v2/users/me").body["username"] == "bob"
    real = admin.backend.clock

    class Later(Clock):
        def now(self):  # type: ignore[no-untyped-def]
            return real.now() + timedelta(seconds=61)

    admin.backend.clock = Later()
    try:
        assert admin.ask(token, "GET", "/api/v2/users/me").body["detail"].startswith("API key expired at")
    finally:
        admin.backend.clock = real
    assert admin.ask("bob", "DELETE", f"{keys}/{token[:10]}").status == 204
    assert admin.ask(token, "GET", "/api/v2/users/me").body["detail"] == "API key is invalid."


def test_an_empty_server_is_set_up_over_its_api() -> None:
    with started(bare=True) as bare:
        organization = bare.ask("root", "GET", "/api/v2/organizations/default").body["id"]
        assert bare.ask(None, "GET", "/api/v2/users/first").status == 200
        again = {"email": "a@b.c", "username": "again", "password": PASSWORD}
        assert bare.ask(None, "POST", "/api/v2/users/first", again).status == 409
        chat = {"organization_id": organization, "content": [{"type": "text", "text": "hi"}]}
        assert bare.ask("root", "POST", CHATS, chat).body["message"] == "No default chat model config is configured."
        body = {"type": "openai-compat", "name": "p", "base_url": "http://127.0.0.1:1/v1", "enabled": True, "api_keys": ["k"]}
        provider = bare.ask("root", "POST", "/api/v2/ai/providers", body).body["id"]
        model = {"ai_provider_id": provider, "model": "m", "context_limit": 10}
        assert bare.ask("root", "POST", f"{CHATS}/model-configs", model).body["is_default"] is True
        assert bare.ask("root", "POST", CHATS, chat).status == 201
        assert bare.ask(None, "GET", "/healthz").body == "OK"
        assert "version" in bare.ask(None, "GET", "/api/v2/buildinfo").body
