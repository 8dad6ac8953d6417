"""`provision` and `deprovision`: make what a run needs on a server, and take it back."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from pathlib import Path

import spec
from conformance.cli.given import Options, UsageError
from conformance.provision import BadManifest, Order, ProvisionFailed, deprovision, provisioned
from conformance.run.embedded import EmbeddedFailed
from conformance.run.target import BadTarget, Llm, Target, checked_url
from conformance.wire.access import Access, BadAccess, access_of
from conformance.wire.redact import Redactor

FAILURES = (ProvisionFailed, BadManifest, EmbeddedFailed, BadTarget, spec.UnknownProfile)


def secret_of(option: str, variable: str) -> str:
    """The token in an environment variable. Raises UsageError."""
    found = os.environ.get(variable, "").strip()
    if not found:
        raise UsageError(f"{option} {variable}: {variable} is not set; export the token in it")
    return found


def access(options: Options) -> Access:
    """How these options say that the server is reached. Raises UsageError."""
    try:
        return access_of(options.header, options.proxy, options.ca_file)
    except BadAccess as error:
        raise UsageError(str(error)) from error


def order(options: Options) -> Order:
    """What these options order. Raises UsageError, ProvisionFailed and BadTarget."""
    if not options.admin_token_env:
        raise UsageError("--url without --admin-token-env: name the environment variable with the token of a site owner")
    checked_url("--url", options.url)
    elsewhere = options.llm_url and not options.llm_bind
    llm = Llm(kind="scripted", base_url=options.llm_url, control_url=options.llm_control_url) if elsewhere else Llm()
    if options.llm_control_url and not elsewhere:
        raise UsageError("--llm-control-url is that of a scripted LLM that runs already; name its address with --llm-url")
    if options.llm_control_token_env:
        llm.control_token = secret_of("--llm-control-token-env", options.llm_control_token_env)
    return Order(
        options.url.rstrip("/"),
        secret_of("--admin-token-env", options.admin_token_env),
        options.admin_token_env,
        profile=options.profile,
        llm=llm,
        llm_bind=options.llm_bind,
        llm_shown="" if elsewhere else options.llm_url,
        prefix=options.prefix,
        manifest=options.manifest,
        changes=options.allow_config_changes,
        access=access(options),
    )


def command(options: Options) -> int:
    """`provision`: the target is made, and kept until it is told to take it back."""
    if not options.url:
        raise UsageError("provision: --url is missing; name the address of the server")
    try:
        wanted = order(options)
        wanted.manifest = wanted.manifest or options.target_file.with_suffix(".manifest")
        return asyncio.run(_make(wanted, options.target_file))
    except FAILURES as error:
        raise UsageError(str(error)) from error
    except asyncio.CancelledError:
        raise UsageError(f"interrupted; what is left is listed in {wanted.manifest}") from None


async def _make(wanted: Order, file: Path) -> int:
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    async with provisioned(wanted) as made:
        write_target(file, made.target)
        for name, token in made.target.tokens().items():
            wanted.redactor.learn(name, token)
        if made.found:
            print(f"revision: {made.found.why}", file=sys.stderr)
        print(
            f"target file: {file} (it holds tokens)\nto take it back: chat-conformance deprovision {made.manifest.path}",
            flush=True,
        )
        if wanted.llm.base_url:
            return 0
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        print(f"the scripted LLM runs at {made.target.llm.base_url}; ^C ends it and takes everything back", flush=True)
        await stop.wait()
        left = await made.take_back()
        file.unlink(missing_ok=True)
        return _told(left, made.manifest.path)


def write_target(file: Path, target: Target) -> None:
    """Write a target file in one step, readable by its owner only."""
    shown = target.model_dump(exclude_unset=True)
    shown["users"] = {name: user.model_dump(include={"id", "username", "token"}) for name, user in target.users.items()}
    shown["llm"] = target.llm.model_dump(exclude_defaults=True)
    try:
        handle, name = tempfile.mkstemp(dir=file.absolute().parent, prefix=f".{file.name}.")
    except OSError as error:
        raise BadManifest(f"{file} can't be written: {error.strerror}; name another place") from error
    import json

    with os.fdopen(handle, "w", encoding="utf-8") as out:
        json.dump(shown, out, indent=1)
        out.write("\n")
    Path(name).replace(file)


def taken_back(options: Options) -> int:
    """`deprovision`: by a manifest, or by the prefix of names."""
    if (options.manifest is None) == (not options.prefix):
        raise UsageError("deprovision: name a manifest, or a prefix with --prefix and --url")
    if options.prefix and (not options.url or len(options.prefix) < 3):
        raise UsageError(f"--prefix {options.prefix}: give three characters at least, and the server with --url")
    try:
        variable = options.admin_token_env
        if options.manifest is not None:
            from conformance.provision.manifest import Manifest

            variable = variable or Manifest.read(options.manifest).head.admin_token_env
        if not variable:
            raise UsageError("--admin-token-env is missing: name the environment variable with the token of a site owner")
        token = secret_of("--admin-token-env", variable)
        _redactor = Redactor({"admin": token})
        where = {"url": options.url, "prefix": options.prefix, "profile": options.profile}
        left = asyncio.run(deprovision(token, manifest=options.manifest, access=access(options), **where))
    except FAILURES as error:
        raise UsageError(str(error)) from error
    return _told(left, options.manifest)


def _told(left: list[str], manifest: Path | None) -> int:
    for line in left:
        print(f"note: {line}")
    if manifest is not None and manifest.exists():
        print(f"not all could be taken back; try again with: chat-conformance deprovision {manifest}", file=sys.stderr)
        return 2
    print("all that can be taken back is gone")
    return 0
