"""Making what a run needs on a server: actors with their roles and tokens, a provider that is the scripted LLM, a model.

Each thing is in the manifest before it is made.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass
from typing import Any

from conformance.profiles import dialect
from conformance.provision import settings
from conformance.provision.admin import Admin, ProvisionFailed, Refused, Thing
from conformance.provision.manifest import Manifest
from conformance.run.target import Llm, Target, User
from conformance.wire.exchange import Request, Response
from fixtures.scripts import script, text

USER, DEFAULT_MODEL, SETTINGS = "user", "default model", "settings"  # what entries of a manifest are, beside the profile's things
_READY_SECONDS = 60.0  # for a server to hear of a new provider, and to answer a first turn
TAKEN = 409  # there is one of this type already
_ANSWER = "provisioned"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What was there before: `alone`: nobody but the admin and no model, so that nobody is disturbed."""

    alone: bool
    default_model: str
    limited: bool


async def surroundings(admin: Admin) -> Surroundings:
    """Look at the server. Raises ProvisionFailed."""
    users = await admin.users()
    models = await admin.listed("model") if "model" in admin.things else []
    default = next((str(m["id"]) for m in models if m.get("is_default")), "")
    limited = "x-ratelimit-limit" in (await admin.ask("getUser", user="me")).headers
    return Surroundings(len(users) == 1 and not models, default, limited)


class Maker:
    """Makes one set of things; `changes`: settings that hold for the whole server may be changed."""

    def __init__(self, admin: Admin, manifest: Manifest, *, changes: bool) -> None:
        self.admin, self.manifest, self.changes = admin, manifest, changes
        self.prefix = manifest.head.prefix

    async def make(self, llm: Llm, there: Surroundings) -> Target:
        """The target, of which all that it needs is there and works. Raises ProvisionFailed."""
        if self.changes:
            self.manifest.making(SETTINGS, "", await settings.read(self.admin))
        organization = self.manifest.head.organization_id
        users = {name: await self._actor(name, organization) for name in self.admin.profile.traits["actors"]}
        default = self.changes or not there.default_model
        models = [await self._model(llm, there.default_model if self.changes else "", default=default)] if llm.base_url else []
        target = Target(
            base_url=self.manifest.head.url,
            profile=self.admin.profile.name,
            organization_id=organization,
            model_config_ids=[model for model in models if model],
            users=users,
            llm=llm,
            prefix=self.prefix,
            capabilities=self._capabilities(there, default=default),
        )
        if llm.base_url:
            await ready(self.admin, target)
        return target

    def _capabilities(self, there: Surroundings, *, default: bool) -> dict[str, bool]:
        known = self.admin.profile.traits["capabilities"]
        offered = dict.fromkeys(("roles", "files", "admin", "model-admin", "slow"), True)
        offered |= {"exclusive": self.changes, "disposable": self.changes and there.alone}
        offered |= {"rate-limits": there.limited and self.changes and there.alone}
        return {name: value for name, value in offered.items() if name in known} | {"default-model": default}

    async def _actor(self, actor: str, organization: str) -> User:
        name = f"{self.prefix}-{actor}"
        entry = self.manifest.making(USER, name)
        try:
            user = await self.admin.new_user(name, organization)
            self.manifest.made(entry, user)
            await self.admin.give_roles(user, organization, self.admin.profile.traits["actors"][actor])
            token = await self.admin.new_token(user, self.prefix)
        except ProvisionFailed as error:
            raise ProvisionFailed(f"the user for {actor} can't be made: {error}") from error
        return User(id=user, username=name, token=token)

    async def _model(self, llm: Llm, default_before: str, *, default: bool) -> str:
        """A provider that is the LLM, and a model of it, or a model that the server was started with; gives the model's id."""
        if "model" not in self.admin.things:
            return await self._given_model()
        values: dict[str, Any] = {"name": self.prefix, "llm": llm.base_url, "default": default}
        values["key"] = f"sk-{secrets.token_hex(12)}"
        values["provider"] = await self._provider(values)
        if default_before:
            self.manifest.making(DEFAULT_MODEL, "", default_before)
        made = await self._thing("model", self.admin.things["model"].body, values)
        return str(made["id"])

    async def _given_model(self) -> str:
        """The id of a model that the server was started with, of a provider that speaks with the scripted LLM; "" without one."""
        given = self.admin.profile.traits.get("given_models")
        if given is None:
            return ""
        listed = (await self.admin.call(given["list"]))[given["at"]]
        return next((str(model["id"]) for model in listed if model.get("provider") == given["provider"]), "")

    async def _provider(self, values: dict[str, Any]) -> dict[str, Any]:
        thing = self.admin.things["provider"]
        if thing.one_of_each is None:
            return await self._thing("provider", thing.body, values)
        stored = {p[thing.one_of_each["key"]]: p for p in await self.admin.listed("provider") if p.get("source") == "database"}
        for kind in thing.one_of_each["values"]:
            found = stored.get(kind)
            if found is None:
                try:
                    return await self._thing("provider", thing.body, values | {"type": kind})
                except Refused as error:
                    if error.status != TAKEN:
                        raise
                    self.manifest.gone(self.manifest.entries[-1])  # another run was quicker
                    continue
            if str(found.get(thing.named)).startswith("cc-") and not found.get("enabled"):  # left by an earlier run
                return await self._adopted(thing, found, values | {"type": kind})
        kinds = ", ".join(thing.one_of_each["values"])
        raise ProvisionFailed(f"the server has providers of all types that will do ({kinds}), one of each at most; take one out")

    async def _adopted(self, thing: Thing, found: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
        entry = self.manifest.making("provider", str(values["name"]))
        self.manifest.made(entry, str(found["id"]))
        assert thing.change is not None
        body = filled(thing.body, values)
        changed: dict[str, Any] = await self.admin.call(thing.change["operation"], body, **{thing.place: str(found["id"])})
        return changed

    async def _thing(self, kind: str, body: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
        entry = self.manifest.making(kind, str(values["name"]))
        try:
            made: dict[str, Any] = await self.admin.call(self.admin.things[kind].make, filled(body, values))
        except Refused as error:
            raise Refused(f"the {kind} can't be made: {error}", error.status) from error
        except ProvisionFailed as error:
            raise ProvisionFailed(f"the {kind} can't be made: {error}") from error
        self.manifest.made(entry, str(made["id"]))
        return made


def filled(body: Any, values: dict[str, Any]) -> Any:
    """A body of profile.yaml with these values where a text is nothing but `{name}` or `{name.key}`."""
    if isinstance(body, dict):
        return {key: filled(value, values) for key, value in body.items()}
    if isinstance(body, list):
        return [filled(value, values) for value in body]
    if isinstance(body, str) and body.startswith("{") and body.endswith("}"):
        name, _, key = body[1:-1].partition(".")
        return values[name][key] if key else values[name]
    return body


async def ready(admin: Admin, target: Target) -> None:
    """Play a scripted turn as alice until one is answered: the server hears late of new providers. Raises ProvisionFailed."""
    until, why = time.monotonic() + _READY_SECONDS, ""
    while time.monotonic() < until:
        why = await answered(admin, target, until)
        if not why:
            return
    raise ProvisionFailed(
        f"the server answers no turn with the scripted LLM at {target.llm.base_url}: {why}; can the server reach that address?"
    )


async def answered(admin: Admin, target: Target, until: float) -> str:
    """Play a scripted turn as alice: why it was not answered as its script says; nothing when it was. Raises ProvisionFailed."""
    says = dialect(admin.profile)
    token, url = target.users["alice"].token, admin.documents.url
    headers = {admin.profile.traits["token_header"]: token}

    async def ask(method: str, path: str, body: Any) -> Response:
        request = Request(method, path, headers=headers, body=body)
        return (await admin.wire.send(request, actor="alice", case="provision", patient=True)).response

    async def call(operation: str, **places: str) -> Any:
        return await admin.call(operation, token=token, **places)

    prompt = {"type": "text", "text": script(text(_ANSWER))}
    made = await ask("POST", url("createChat"), says.creation(target, [prompt], {}))
    if not made.ok or not isinstance(made.body, dict):
        raise ProvisionFailed(admin.refused("createChat", made))
    chat = str(made.body["id"])
    if not admin.documents.operations["createChat"].request:  # a chat is made empty: the turn is the answer to its first message
        sent = await ask("POST", url("sendMessage", chat=chat), says.sending(target, [prompt], {}))
        if not sent.ok:
            return admin.refused("sendMessage", sent)
    pause = 0.02
    while time.monotonic() < until:
        shown = await call("getChat", chat=chat)
        if says.at_rest(shown):
            answers = [m for m in says.history(await call("listMessages", chat=chat)) if m.get("role") == "assistant"]
            failure = says.failure(shown)
            if failure or answers or not admin.profile.traits["statuses"]["rest"]:
                if "patchChat" in admin.documents.operations:
                    await ask("PATCH", url("patchChat", chat=chat), {"archived": True})
                if any(_ANSWER in str(message) for message in answers):
                    return ""
                return failure or "something else answered"
        await asyncio.sleep(pause)  # a server that has just started tells nobody when it is ready
        pause = min(1.0, pause * 1.5)
    return "a first turn does not end"
