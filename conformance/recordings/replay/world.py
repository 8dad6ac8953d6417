"""What a scenario needs to exist before its first row: names and ids of the target, further users, a clean slate."""

from __future__ import annotations

import json
import random
import re
import string
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from conformance.recordings.replay.binding import Bindings
from conformance.recordings.replay.player import Unreachable, Wire
from conformance.recordings.replay.slow_llm import SlowTitles
from conformance.run.target import Target
from conformance.wire.client import Answer
from spec.documents import documents

# Where the recorded servers and their scripted LLM listened.
_SERVER = re.compile(r"127\.0\.0\.1:70\d\d")
_LLM = re.compile(r"http://127\.0\.0\.1:99[01]1/v1")
_LLM_HOST = re.compile(r"127\.0\.0\.1:99[01]1")
_SLOW_LLM = re.compile(r"http://127\.0\.0\.1:9967/v1")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
PASSWORD = "SomeSecurePassword!"
_RECORDED_NAMES = ("root", "alice", "bob", "carol", "orgadmin", "orgauditor", "auditor")


class NotPossible(Exception):
    """The target lacks something that the scenario needs; the text says what."""


@dataclass(slots=True)
class World:
    """The target, its wire, and what was asked of it once for all scenarios."""

    target: Target
    wire: Wire
    llm_base: str = ""
    names: dict[str, str] = field(default_factory=dict)  # display or user name in the recording → here

    def url(self, operation: str, **values: Any) -> str:
        """The path of this operation of the target's profile."""
        return documents(self.target.profile).url(operation, **values)

    def headers(self, user: str) -> dict[str, str]:
        token = self.target.users[user].token if user in self.target.users else ""
        return {"Coder-Session-Token": token} if token else {}

    async def call(self, user: str, method: str, path: str, body: Any = None, *, token: str = "") -> Answer:
        headers = {"Coder-Session-Token": token} if token else self.headers(user)
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body).encode()
        return await self.wire.request(method, path, headers=headers, content=content)

    async def learn(self) -> None:
        """Ask where the LLM is and what the users are called. Raises Unreachable if nothing answers at all."""
        known = documents(self.target.profile).operations
        listing = next((name for name in ("listAIProviders", "listChatProviders") if name in known), "getBuildInfo")
        answer = await self.call("root", "GET", self.url(listing))
        self.llm_base = self.target.llm.base_url
        if not self.llm_base and isinstance(listed := _json(answer), list):
            found = [p for p in listed if isinstance(p, dict) and p.get("enabled") and p.get("base_url")]
            self.llm_base = str(found[0]["base_url"]) if found else ""
        for name in (*_RECORDED_NAMES, *self.target.users.keys() - set(_RECORDED_NAMES)):
            user = self.target.users.get(name)
            if user is None:
                continue
            self._rename(name, user.username or name)
            me = await self.call(name, "GET", self.url("getUser", user="me"))
            if isinstance(shown := _json(me), dict):
                self._rename(name, str(shown.get("username") or name))
                self._rename(_display(name), str(shown.get("name") or _display(name)))

    def _rename(self, recorded: str, here: str) -> None:
        if recorded != here:
            self.names[recorded] = here

    # -- one scenario --------------------------------------------------------------------------------------

    async def prepare(self, head: dict[str, Any]) -> Bindings:
        """The bindings that a scenario starts with. Raises NotPossible, Unreachable."""
        bindings = Bindings()
        env = head.get("env") or {}
        bindings.texts += [
            (_LLM, self.llm_base or "http://127.0.0.1:9901/v1"),
            (_LLM_HOST, urlsplit(self.llm_base).netloc or "127.0.0.1:9901"),
            (_SERVER, self.wire.host),
        ]
        for value in (head.get("fresh") or {}).values():
            bindings.texts.append((re.compile(re.escape(str(value))), fresh(str(value))))
        if env.get("org") and self.target.organization_id:
            bindings.alias(env["org"], self.target.organization_id)
        for recorded, here in zip(env.get("model_configs") or [], self.target.model_config_ids, strict=False):
            bindings.alias(recorded, here)
        for name, user in self.target.users.items():
            bindings.tokens[name] = user.token
            if name in (env.get("ids") or {}) and user.id:
                bindings.alias(env["ids"][name], user.id)
        if "slow-title-llm" in (head.get("needs") or []):
            await self._slow_titles(bindings)
        await self._further_users(head, bindings)
        if "no-pins" in (head.get("needs") or []):
            await self._unpin()
        return bindings

    async def _slow_titles(self, bindings: Bindings) -> None:
        if urlsplit(self.wire.base_url).hostname not in _LOOPBACK or not self.llm_base:
            raise NotPossible("the target can't reach an LLM with slow titles here")
        slow = SlowTitles(self.llm_base)
        await slow.start()
        bindings.on_close.append(slow.close)
        bindings.texts.append((_SLOW_LLM, slow.base_url))

    async def _further_users(self, head: dict[str, Any], bindings: Bindings) -> None:
        prefix = "x" + "".join(random.choices(string.digits, k=5))
        for name, roles in (head.get("users") or {}).items():
            here = prefix + name
            user_id, token = await self._create_user(here, _display(name), roles)
            # a number of its own may follow the name in a recording
            bindings.texts.append((re.compile(rf"\b{re.escape(name)}\d*\b"), here))
            bindings.tokens[name] = bindings.tokens[here] = token
            recorded = ((head.get("env") or {}).get("ids") or {}).get(name)
            if recorded:
                bindings.alias(recorded, user_id)

    async def _create_user(self, username: str, name: str, roles: dict[str, Any]) -> tuple[str, str]:
        organization = self.target.organization_id
        email = f"{username}@example.com"
        body = {
            "email": email, "username": username, "name": name, "password": PASSWORD, "login_type": "password",
            "user_status": "active", "organization_ids": [organization],
        }  # fmt: skip
        created = await self._must("POST", self.url("createUser"), body)
        user_id = str(created["id"])
        if roles.get("org_roles"):
            path = self.url("putMemberRoles", organization=organization, user=user_id)
            await self._must("PUT", path, {"roles": roles["org_roles"]})
        if roles.get("site_roles"):
            await self._must("PUT", self.url("putUserRoles", user=user_id), {"roles": roles["site_roles"]})
        login = await self._must("POST", self.url("loginUser"), {"email": email, "password": PASSWORD})
        return user_id, str(login["session_token"])

    async def _must(self, method: str, path: str, body: Any) -> dict[str, Any]:
        answer = await self.call("root", method, path, body)
        value = _json(answer)
        if not isinstance(value, dict):
            raise NotPossible(f"further users could not be made: {method} {path} answered {answer.status}")
        return value

    async def _unpin(self) -> None:
        for name in ("alice", "bob", "root"):
            try:
                chats = _json(await self.call(name, "GET", self.url("listChats")))
            except Unreachable:
                return
            for chat in chats if isinstance(chats, list) else ():
                if isinstance(chat, dict) and chat.get("pin_order"):
                    path = self.url("patchChat", chat=chat.get("id"))
                    await self.call(name, "PATCH", path, {"pin_order": 0})


def _json(answer: Answer) -> Any:
    """The JSON of an answer that grants what was asked; None for any other."""
    try:
        return answer.json() if answer.status < 300 else None
    except ValueError:
        return None


def _display(name: str) -> str:
    return name[:1].upper() + name[1:]


def fresh(value: str) -> str:
    """A new value of the same form: what follows the last dash is made anew."""
    stem, dash, tail = value.rpartition("-")
    return stem + dash + "".join(random.choices(string.ascii_lowercase, k=max(len(tail), 6)))
