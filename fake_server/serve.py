"""Run a fake server: in this process (`running_server`) or as a program (`python -m fake_server`)."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import secrets
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import uvicorn

import spec
from fake_server.arguments import Parser, closest
from fake_server.backend import Backend
from fake_server.chats.lifecycle import Lifecycle
from fake_server.chats.transitions import Transitions
from fake_server.http.app import ANSWER, build_app
from fake_server.http.endpoint import chats_are_on, gateway_is_off
from fake_server.http.sockets import SocketProtocol
from fake_server.llm.server import ScriptedLLM
from fake_server.parent import end_of_parent
from fake_server.rules.authz import sharing_disabled
from fake_server.seeding import models_of_start, seed, seed_models, seed_root, target_users
from fake_server.state import language_models, workspaces
from fake_server.state.model_choice import through_gateway
from fake_server.turns.runner import FLOOR, FLOOR_DEFAULT, POLL, POLL_DEFAULT, Runner, floor_seconds

# Start settings that this server knows: name → what it does. Other settings of a real server change nothing here.
START_OPTIONS = {
    "CODER_ACCESS_URL": "the address that answers name as the server's own",
    "CODER_AI_GATEWAY_ENABLED": "false: there is no gateway, so that revisions which need it run no turns",
    "CODER_AI_GATEWAY_ALLOW_BYOK": "false: users bring no provider keys of their own",
    "CODER_CHAT_AI_GATEWAY_ROUTING_ENABLED": "true: model calls go through the gateway",
    "CODER_CHAT_DEBUG_LOGGING_ENABLED": "true: debug runs of every chat are recorded",
    "CODER_API_RATE_LIMIT": "requests a minute that the rate limiter lets through (512 when not set)",
    "CODER_DANGEROUS_DISABLE_RATE_LIMITS": "false: the rate limiter is on",
    "CODER_EXPERIMENTS": "the experiments that are on, of revisions that have chats among them (agents when not set)",
    "CODER_DISABLE_CHAT_SHARING": "true: chats can't be shared",
    "answer-ms": "milliseconds before a request is looked at",
    "anthropic-llm": "true: there is a model of another type of provider, too, of revisions that get their models at start",
    "config-file": "the text of a configuration file, of revisions that get their models so",
    "no-models": "true: there are no models, of revisions that get them at start",
    "gateway-cooldown": "seconds that a provider key rests after a 429",
    "held-pending": "seconds that a turn stays pending",
    "long-waits": "true: what takes half a minute may be waited for",
    "self-interrupts": "the share of sends that interrupt themselves",
    "pick-up-ms": "milliseconds between two looks for pending chats, of revisions whose worker looks (1000 when not set)",
    "turn-floor-ms": "milliseconds that a turn takes at least (100 when not set)",
    "stored-shares": "shares that were there before sharing was switched off",
    "turns-at-once": "how many turns run at once, of revisions that have a bound",
    "templates": "NAME=ID,…: the templates there are",
    "workspaces": "true: there are workspaces",
}
STOP_SECONDS = 2  # how long running requests may take to end when the server stops


class CannotListen(OSError):
    """The address is taken, or not ours."""


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling, and with an event that tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


class RunningServer:
    """A fake server that listens: `base_url`, `target` (what a target file holds), `backend`, `llm`."""

    def __init__(self, backend: Backend, llm: ScriptedLLM, base_url: str, *, bare: bool) -> None:
        self.backend, self.llm, self.base_url, self.bare = backend, llm, base_url, bare

    @property
    def target(self) -> dict[str, Any]:
        """The target file's contents."""
        store = self.backend.store
        return {
            "base_url": self.base_url,
            "profile": self.backend.revision.name,
            "organization_id": store.organization_id,
            "model_config_ids": self._models(),
            "users": target_users(self.backend),
            "llm": {
                "kind": "scripted",
                "control_url": self.llm.control_url,
                "base_url": self.llm.base_url,
                **({"control_token": self.llm.control_token} if self.llm.control_token else {}),
            },
            "workspace_ids": list(self.backend.store.workspaces),
            "capabilities": capabilities(self.backend, bare=self.bare),
        }

    def _models(self) -> list[str]:
        if models_of_start(self.backend):
            return list(self.backend.store.language_models)
        return [config.id for config in self.backend.store.model_configs.values() if not config.deleted]

    def token(self, name: str) -> str:
        """The token of a seeded user."""
        return str(self.target["users"][name]["token"])

    def set_faults(self, names: Iterable[str]) -> None:
        """Switch on exactly these faults. Raises KeyError for an unknown name."""
        self.backend.faults.set(names)


def capabilities(backend: Backend, *, bare: bool) -> dict[str, bool]:
    """What this server offers to a suite or a replay, by the names that requirements and recordings use."""
    limits = str(backend.options.get("CODER_DANGEROUS_DISABLE_RATE_LIMITS", "true")).lower() in ("false", "0")
    offered = dict.fromkeys(
        (
            "roles", "files", "admin", "exclusive", "llm-control", "user-admin", "user-tokens", "provider-admin",
            "model-admin", "mcp-admin", "config", "slow", "scripted-llm", "scripted-llm-fresh", "slow-title-llm",
            "no-pins", "no-model-config", "disposable",
        ),
        not bare,
    )  # fmt: skip
    offered |= {"rate-limits": limits, "no-rate-limit": not limits, "sharing-disabled": sharing_disabled(backend)}
    forced = str(backend.options.get("CODER_CHAT_DEBUG_LOGGING_ENABLED", "")).lower() in ("true", "1")
    own_keys = str(backend.options.get("CODER_AI_GATEWAY_ALLOW_BYOK", "true")).lower() not in ("false", "0")
    offered |= {"debug-forced": forced, "own-keys-off": not own_keys}
    offered["direct-llm"] = not through_gateway(backend)
    offered["gateway-off"] = backend.revision.refuses("common.gateway-off") and gateway_is_off(backend)
    offered |= {"workspaces": workspaces.offered(backend), "git-host": False, "database": False}
    offered["templates"] = bool(backend.options.get("templates"))
    offered["long-waits"] = bool(backend.options.get("long-waits"))  # what takes half a minute, such as keepalive
    offered["stored-shares"] = bool(backend.options.get("stored-shares"))
    offered["experiment-off"] = backend.revision.refuses("gate.experiment") and not chats_are_on(backend)
    if models_of_start(backend):
        types = {model.provider.type for model in backend.store.language_models.values()}
        offered |= {"no-models": not types, "anthropic-llm": "anthropic" in types}
        offered |= dict.fromkeys(("files", "provider-admin", "model-admin", "mcp-admin", "config"), False)
    offered["held-pending"] = bool(backend.options.get("held-pending"))
    told = {name: value for name, value in backend.options.items() if name not in (FLOOR, POLL, language_models.FILE)}
    return offered | {f"{name}={value}": True for name, value in told.items() if not name.endswith("_API_KEY")}


def assemble(profile: str = spec.DEFAULT, faults: Iterable[str] = (), options: dict[str, Any] | None = None) -> Backend:
    """A backend with its active parts, empty but for the organization."""
    backend = Backend(profile, faults=faults, options=options)
    backend.runner = Runner(backend)
    backend.lifecycle = Transitions(backend) if backend.does("turn.begins-with-order") else Lifecycle(backend)
    backend.faults.attach(backend.hub, backend.ledger, backend.runner, backend.lifecycle, backend.answerer)
    return backend


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # named as TCP, since only then asyncio switches Nagle's algorithm off, and each answer would wait 40 ms for an ACK
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.setblocking(False)
        sock.listen(1024)
    except OSError as error:
        sock.close()
        raise CannotListen(f"can't listen on {host}:{port}: {error.strerror}") from None
    return sock


@contextlib.asynccontextmanager
async def running_server(
    faults: Iterable[str] = (),
    options: dict[str, Any] | None = None,
    *,
    profile: str = spec.DEFAULT,
    bare: bool = False,
    host: str = "127.0.0.1",
    port: int = 0,
    llm_port: int = 0,
    control_port: int = 0,
    control_token: str = "",
) -> AsyncIterator[RunningServer]:
    """A fake server with a scripted LLM of its own, in this process and event loop; stopped at the end.

    Its turns take no longer than they need, unless the option `turn-floor-ms` says so. `profile`: the revision that it is.
    `bare`: only root and the organization exist. Raises CannotListen, UnknownProfile,
    BadConfiguration, and KeyError for an unknown fault.
    """
    backend = assemble(profile, faults, options)
    sock = _bind(host, port)
    shown = f"[{host}]" if ":" in host else host
    base_url = f"http://{shown}:{sock.getsockname()[1]}"
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(sock.close)
        llm = await stack.enter_async_context(ScriptedLLM(host, llm_port, control_port, control_token=control_token))
        if bare:
            seed_root(backend)
        else:
            seed(backend, llm.base_url)
        await seed_models(backend, llm.base_url)
        stack.push_async_callback(backend.answerer.close)
        stack.push_async_callback(lambda: backend.runner.close())  # as it is then: it may have been wrapped meanwhile
        config = uvicorn.Config(
            build_app(backend),
            http="httptools",
            ws=SocketProtocol,
            loop="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS,
            timeout_keep_alive=75,
            proxy_headers=False,
        )
        server = _Server(config)
        task = asyncio.create_task(server.serve(sockets=[sock]))
        try:
            listening = asyncio.create_task(server.listening.wait())
            await asyncio.wait((task, listening), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                listening.cancel()
                task.result()
            yield RunningServer(backend, llm, base_url, bare=bare)
        finally:
            server.should_exit = True
            await task


def write_target(file: Path, target: dict[str, Any]) -> None:
    """Write the target file in one step, readable by its owner only: it holds tokens."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            json.dump(target, out, indent=1)
            out.write("\n")
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


async def serve(args: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT; gives the exit status."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    if args.parent_pipe:
        loop.add_reader(sys.stdin.fileno(), end_of_parent, stop)
    async with running_server(
        args.fault,
        start_options(args),
        profile=args.profile,
        bare=args.bare,
        host=args.host,
        port=args.port,
        llm_port=args.llm_port,
        control_port=args.control_port,
        control_token=secrets.token_urlsafe(24) if args.target_file or args.parent_pipe else "",
    ) as server:
        if args.target_file:
            write_target(Path(args.target_file), server.target)
        if args.parent_pipe:
            print(json.dumps(server.target), flush=True)
            await stop.wait()
            return 0
        wrong = f" faults={','.join(args.fault)}" if args.fault else ""
        print(
            f"fake server ({args.profile}): {server.base_url} llm={server.llm.base_url} control={server.llm.control_url}{wrong}",
            flush=True,
        )
        await stop.wait()
    return 0


def _option(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    if name in (FLOOR, POLL, ANSWER):
        try:
            floor_seconds(value)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{name} is a number of milliseconds up to 60000, not {value!r}") from None
    return name, value


def _unknown_option(args: argparse.Namespace) -> str:
    """What is wrong with the first option that this server does not know; a program may pass on any setting of a real server."""
    for name, _ in args.option:
        if name in START_OPTIONS or name.startswith(language_models.PREFIX) or (args.parent_pipe and name.startswith("CODER_")):
            continue
        near = get_close_matches(name, START_OPTIONS, n=1, cutoff=0.5)
        return f"unknown option {name!r}; " + (f"did you mean {near[0]}?" if near else f"known: {', '.join(START_OPTIONS)}")
    return ""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = Parser(prog="chat-conformance serve", description="The reference fake server.")
    made.add_argument("--profile", default=spec.DEFAULT, choices=spec.profiles(unfinished=True), help="the revision of the API")
    made.add_argument("--host", default="127.0.0.1", help="address to listen on")
    made.add_argument("--port", type=int, default=3000, help="port of the API (0: a free one)")
    made.add_argument("--llm-port", type=int, default=0, help="port of the scripted LLM (0: a free one)")
    made.add_argument("--control-port", type=int, default=0, help="port of the LLM's control address (0: a free one)")
    made.add_argument("--target-file", help="file that is written as soon as the server listens")
    made.add_argument(
        "--parent-pipe",
        action="store_true",
        help="for programs: print the target file in one line instead of the greeting, and stop when stdin closes",
    )
    made.add_argument("--fault", action="append", default=[], metavar="NAME", help="be wrong in this way (repeatable)")
    made.add_argument("--bare", action="store_true", help="only root and the organization exist")
    made.add_argument(
        "--option",
        action="append",
        type=_option,
        default=[],
        metavar="NAME=VALUE",
        help="a start setting by its environment name, e.g. CODER_DISABLE_CHAT_SHARING=true",
    )
    return made


def start_options(args: argparse.Namespace) -> dict[str, str]:
    """The start settings that a command line asks for, with what holds when it says nothing."""
    return {FLOOR: FLOOR_DEFAULT, POLL: POLL_DEFAULT, **dict(args.option)}


def main(argv: list[str] | None = None) -> int:
    """The program; gives the exit status."""
    args = parser().parse_args(argv)
    _log_to_stderr()
    unknown = _unknown_faults(args.fault)
    if unknown:
        from fake_server.faulting import load_all

        near = closest(unknown[0], load_all())
        print(f"fake server: unknown fault {unknown[0]!r}{near}; list them with: chat-conformance faults", file=sys.stderr)
        return 2
    if problem := _unknown_option(args):
        print(f"fake server: {problem}", file=sys.stderr)
        return 2
    if args.target_file and not Path(args.target_file).absolute().parent.is_dir():
        folder = Path(args.target_file).absolute().parent
        print(f"fake server: no folder for the target file; make it with: mkdir -p {folder}", file=sys.stderr)
        return 2
    try:
        try:
            import uvloop
        except ImportError:
            return asyncio.run(serve(args))
        return uvloop.run(serve(args))
    except language_models.BadConfiguration as error:
        print(f"fake server: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"fake server: {error}; choose another with --port, or --port 0 for a free one", file=sys.stderr)
        return 2


class _FirstOnly(logging.Filter):
    """Lets the first records pass: who started this program may not read its stderr, and a full pipe would stop it."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.left = count

    def filter(self, record: logging.LogRecord) -> bool:
        self.left -= 1
        return self.left >= 0


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.addFilter(_FirstOnly(10))
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s", handlers=[handler])


def _unknown_faults(names: list[str]) -> list[str]:
    return [name for name in names if not _is_known(name)]


def _is_known(name: str) -> bool:
    from fake_server.faulting import named

    try:
        named(name)
    except KeyError:
        return False
    return True
