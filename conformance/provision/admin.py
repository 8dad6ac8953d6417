"""The server as its admin sees it: the calls of provisioning, named as the documents of the profile name them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import spec
from conformance.wire.exchange import ABSENT, Request, Response
from conformance.wire.http import BadAnswer, TargetUnreachable, Wire
from spec.documents import Documents, documents

_TOKEN_SECONDS = 7 * 86400
_MOST_LISTED = 1000


class ProvisionFailed(Exception):
    """The server can't be provisioned, or what was made can't be taken back: what was asked, the answer, what to do next."""


class Refused(ProvisionFailed):
    """The server refused a call, with this status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class Thing:
    """How things of one kind are made, listed and taken back: `provision` of profile.yaml, by operations of the documents.

    `under`: the key of an answer that has the list, where it is none itself. `place`: the place of its id in paths; `named`: the
    key that holds our name for it; `one_of_each`: the key and the values of which each can be used once; `change`: the
    operation and body that put out of use what can't be taken back.
    """

    make: str
    list: str
    delete: str
    place: str
    named: str
    body: dict[str, Any]
    one_of_each: dict[str, Any] | None = None
    change: dict[str, Any] | None = None
    under: str = ""


class Admin:
    """A server and the token of its owner. Every call raises ProvisionFailed unless it is answered as it should be."""

    def __init__(self, wire: Wire, profile: spec.Profile, token: str) -> None:
        self.wire, self.profile, self._token = wire, profile, token
        self.documents: Documents = documents(profile.name)
        self._header: str = profile.traits["token_header"]
        self._home = ""  # the id of the default organization, once it was asked for
        self.things: dict[str, Thing] = {
            name: Thing(**row) for name, row in profile.traits.get("provision", {}).items() if row is not None
        }

    async def ask(self, operation: str, body: Any = ABSENT, *, token: str = "", params: Any = (), **places: str) -> Response:
        """One request, whatever its answer. Raises ProvisionFailed where there is none."""
        row = self.documents.operations[operation]
        headers = {self._header: token or self._token}
        if "{organization}" in row.path and "organization" not in places:
            places["organization"] = await self.organization()
        request = Request(row.method, row.url(**places), list(params), headers, body)
        try:
            return (await self.wire.send(request, actor=None, case="provision", patient=True)).response
        except (TargetUnreachable, BadAnswer) as error:
            raise ProvisionFailed(f"no answer from the server: {error}") from error

    async def call(self, operation: str, body: Any = ABSENT, *, token: str = "", params: Any = (), **places: str) -> Any:
        """One request that is answered with a success; gives the body."""
        answer = await self.ask(operation, body, token=token, params=params, **places)
        if not answer.ok:
            raise Refused(self.refused(operation, answer), answer.status)
        return answer.body

    def refused(self, operation: str, answer: Response) -> str:
        """What was asked and how it was refused, in a line."""
        row = self.documents.operations[operation]
        said = answer.body if isinstance(answer.body, dict) else {}
        words = " ".join(str(said[key]) for key in ("message", "detail") if said.get(key))
        return f"{row.method} {row.path} answered {answer.status}{f' ({words})' if words else ''}"

    async def identify(self) -> dict[str, Any]:
        """The user behind the token, who is to be a site owner."""
        answer = await self.ask("getUser", user="me")
        if answer.status == 401:
            raise ProvisionFailed("the admin token is not accepted (401): has it expired, or is it another server's?")
        if not answer.ok or not isinstance(answer.body, dict) or not answer.body.get("id"):
            raise ProvisionFailed(f"{self.refused('getUser', answer)}; is the address that of a Coder server?")
        me: dict[str, Any] = answer.body
        roles = {role.get("name") for role in me.get("roles") or () if isinstance(role, dict)}
        if "owner" not in roles:
            raise ProvisionFailed(f"the admin token is that of {me.get('username')}, who is no site owner; take one of an owner")
        return me

    async def organization(self) -> str:
        """The id of the default organization."""
        if self._home:
            return self._home
        listed = await self.call("listOrganizations")
        found = [o for o in listed if o.get("is_default")] or listed
        if not found:
            raise ProvisionFailed("the server shows no organization to its owner")
        self._home = str(found[0]["id"])
        return self._home

    async def users(self, word: str = "") -> list[dict[str, Any]]:
        """The users with this word in their names; all of them without one."""
        params = [("limit", str(_MOST_LISTED)), *([("q", word)] if word else [])]
        return list((await self.call("listUsers", params=params))["users"])

    async def new_user(self, name: str, organization: str) -> str:
        """Make a user who signs in with nothing but tokens; gives the id."""
        body: dict[str, Any] = {"email": f"{name}@example.com", "username": name, "name": name}
        body |= {"user_status": "active", "organization_ids": [organization]}
        if self.profile.traits.get("users_without_login", True):
            body |= {"login_type": "none", "password": ""}
        else:
            body |= {"login_type": "password", "password": secrets.token_urlsafe(24)}  # that nobody gets to know
        return str((await self.call("createUser", body))["id"])

    async def give_roles(self, user: str, organization: str, roles: dict[str, Any]) -> None:
        """Give a new user the roles of an actor, on the site and in the organization."""
        if roles.get("organization"):
            body = {"roles": list(roles["organization"])}
            await self.call("putMemberRoles", body, organization=organization, user=user)
        if roles.get("site"):
            await self.call("putUserRoles", {"roles": list(roles["site"])}, user=user)

    async def new_token(self, user: str, name: str) -> str:
        """A token for somebody else; of a week, or as long as the server lets tokens live."""
        body = {"lifetime": _TOKEN_SECONDS * 10**9, "scope": "all", "token_name": name}
        answer = await self.ask("createToken", body, user=user)
        if answer.status == 400:  # the server bounds how long tokens live
            answer = await self.ask("createToken", {k: v for k, v in body.items() if k != "lifetime"}, user=user)
        if not answer.ok or not isinstance(answer.body, dict):
            raise ProvisionFailed(self.refused("createToken", answer))
        return str(answer.body["key"])

    async def listed(self, kind: str) -> list[dict[str, Any]]:
        """All things of a kind."""
        thing = self.things[kind]
        answer: Any = await self.call(thing.list) or []
        return list(answer[thing.under] if thing.under else answer)
