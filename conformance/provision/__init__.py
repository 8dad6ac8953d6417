"""From an address and an admin's token to a target that can be judged, and back.

`admin` makes the calls, `manifest` writes down what is about to be made, `make` makes it, `undo` takes it back; what is made of
which profile is data (`provision` of spec/<profile>/profile.yaml).
"""

from __future__ import annotations

import contextlib
import re
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import spec
from conformance.provision.admin import Admin, ProvisionFailed
from conformance.provision.make import Maker, surroundings
from conformance.provision.manifest import BadManifest, Head, Manifest
from conformance.provision.undo import by_prefix, take_back
from conformance.run.embedded import embedded_llm
from conformance.run.revision import Found, find
from conformance.run.target import Llm, Target, User, without_password
from conformance.wire.access import Access, is_loopback
from conformance.wire.http import TargetUnreachable, Wire
from conformance.wire.redact import Redactor

__all__ = ["BadManifest", "Order", "ProvisionFailed", "Provisioned", "deprovision", "is_loopback", "profile_of", "provisioned"]
_PREFIX = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST_PREFIX = 12  # what is left of a user's name is for the names of actors and cases


@dataclass(slots=True)
class Order:
    """What to make where. `changes` None: settings of the whole server may be changed if it is on this machine.

    `llm`: a scripted LLM that runs already, with its control address. Without its `base_url` one is started here, which listens
    at `llm_bind` (HOST or HOST:PORT; else the address of this machine by which it reaches the server); `llm_shown`: the
    address by which the server reaches that one, where it is another.
    """

    url: str
    admin_token: str = field(repr=False)
    admin_token_env: str = ""
    profile: str = ""
    llm: Llm = field(default_factory=Llm)
    llm_bind: str = ""
    llm_shown: str = ""
    prefix: str = ""
    manifest: Path | None = None
    changes: bool | None = None
    access: Access = field(default_factory=Access)
    redactor: Redactor = field(init=False, repr=False)  # takes the admin's token out of all that this process says

    def __post_init__(self) -> None:
        self.redactor = Redactor({"admin": self.admin_token} | self.access.secrets())
        self.prefix = self.prefix or f"cc-{secrets.token_hex(3)}"
        if _PREFIX.fullmatch(self.prefix) is None or len(self.prefix) > _LONGEST_PREFIX:
            raise ProvisionFailed(
                f"--prefix {self.prefix}: up to {_LONGEST_PREFIX} small letters, digits and single hyphens, such as cc-smoke"
            )

    @property
    def options(self) -> str:
        """How a command line says where this is."""
        return f"--url {without_password(self.url)} --admin-token-env {self.admin_token_env or 'V'}"

    @property
    def may_change(self) -> bool:
        """May settings of the whole server be changed?"""
        return is_loopback(self.url) if self.changes is None else self.changes


@dataclass(slots=True)
class Provisioned:
    """A target that was made, how its profile was found, and how to take it all back: gives lines to tell."""

    target: Target
    found: Found | None
    manifest: Manifest
    take_back: Callable[[], Awaitable[list[str]]]


@contextlib.asynccontextmanager
async def provisioned(order: Order) -> AsyncIterator[Provisioned]:
    """A target at this server, with a scripted LLM behind it as long as this lasts; taken back by order, or when this fails.

    Raises ProvisionFailed and BadManifest.
    """
    profile, found = await profile_of(order)
    async with contextlib.AsyncExitStack() as stack:
        wire = Wire(order.url, connections=4, access=order.access)
        stack.push_async_callback(wire.aclose)
        admin = Admin(wire, profile, order.admin_token)
        await admin.identify()
        there = await surroundings(admin)
        head = Head(without_password(order.url), profile.name, order.prefix, await admin.organization(), order.admin_token_env)
        llm = await stack.enter_async_context(_llm(order))
        manifest = Manifest.begin(order.manifest or Path(f"{order.prefix}.manifest"), head)

        stack.callback(manifest.close)

        async def undo() -> list[str]:
            return await take_back(admin, manifest)

        try:
            target = await Maker(admin, manifest, changes=order.may_change).make(llm, there)
        except BaseException as error:
            with contextlib.suppress(ProvisionFailed, BadManifest):
                await undo()
            if not isinstance(error, ProvisionFailed | TargetUnreachable):
                raise
            rest = f"; what was made is listed in {manifest.path}" if manifest.path.exists() else ""
            raise ProvisionFailed(f"{error}{rest}") from error
        target.base_url = order.url
        target.reached(order.access)
        yield Provisioned(target, found, manifest, undo)


async def profile_of(order: Order) -> tuple[spec.Profile, Found | None]:
    """The profile that the order names; else the one that the server's answers to its admin show. Raises ProvisionFailed."""
    if order.profile:
        return spec.load(order.profile), None
    found = await find(Target(base_url=order.url, users={"root": User(token=order.admin_token)}).reached(order.access))
    if found is None:
        raise ProvisionFailed(f"no answer from {without_password(order.url)}; is the server up?")
    if not found.profile:
        raise ProvisionFailed(f"{without_password(order.url)}: {found.why}")
    return spec.load(found.profile), found


@contextlib.asynccontextmanager
async def _llm(order: Order) -> AsyncIterator[Llm]:
    if order.llm.base_url or order.llm.kind == "live":
        yield order.llm
        return
    host, _, port = order.llm_bind.rpartition(":") if ":" in order.llm_bind else (order.llm_bind, "", "")
    async with embedded_llm(host or _own_address(order.url), int(port or 0)) as llm:
        llm.base_url = order.llm_shown or llm.base_url
        yield llm


def _own_address(url: str) -> str:
    """The address of this machine by which it reaches the server, and by which the server will as a rule reach it."""
    parts = urlsplit(url)
    try:
        family, _, _, _, there = socket.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(there)  # sends nothing
            return str(probe.getsockname()[0])
    except OSError as error:
        raise ProvisionFailed(f"{without_password(url)}: {error}; check the address") from error


async def deprovision(
    token: str,
    *,
    manifest: Path | None = None,
    url: str = "",
    prefix: str = "",
    profile: str = "",
    access: Access | None = None,
) -> list[str]:
    """Take back what a manifest lists, or all whose names on the server at `url` begin with `prefix`; gives lines to tell.

    Raises ProvisionFailed and BadManifest.
    """
    listed = Manifest.read(manifest) if manifest is not None else None
    url = url or (listed.head.url if listed else "")
    order = Order(url, token, profile=profile or (listed.head.profile if listed else ""), prefix="cc")
    order.access = access or Access()
    wire = Wire(url, connections=4, access=order.access)
    try:
        admin = Admin(wire, (await profile_of(order))[0], token)
        await admin.identify()
        if listed is None:
            return await by_prefix(admin, prefix)
        return await take_back(admin, listed)
    finally:
        await wire.aclose()
