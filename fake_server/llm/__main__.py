"""`python -m fake_server.llm`: the scripted LLM alone; `… validate FILE` checks a script file."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import signal
import sys
from pathlib import Path

from fake_server.arguments import Parser
from fake_server.llm.server import GATE_SECONDS, ScriptedLLM
from fake_server.parent import end_of_parent


async def _serve(args: argparse.Namespace) -> int:
    if args.control_token_env and not os.environ.get(args.control_token_env):
        print(f"{args.control_token_env} is not set; export the control address's token in it", file=sys.stderr)
        return 2
    token = (
        os.environ[args.control_token_env] if args.control_token_env else secrets.token_urlsafe(24) if args.parent_pipe else ""
    )
    llm = ScriptedLLM(
        args.host,
        args.port,
        args.control_port,
        control_host=args.control_host,
        control_token=token,
        seed=args.seed,
        gate_seconds=args.gate_seconds,
        strict=args.strict,
        babble=args.babble,
    )
    if args.orders:
        from fake_server.llm.files import Wrong, load_orders

        try:
            llm.orders.add(load_orders(Path(args.orders)))
        except Wrong as problem:
            print(problem, file=sys.stderr)
            return 2
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    try:
        await llm.start()
    except OSError as problem:
        print(
            f"can't listen on {args.host}:{args.port} or {args.control_host}:{args.control_port}: {problem.strerror}; "
            "try --port 0 --control-port 0",
            file=sys.stderr,
        )
        return 2
    if args.parent_pipe:
        loop.add_reader(sys.stdin.fileno(), end_of_parent, stop)
        at = {"kind": "scripted", "base_url": llm.base_url, "control_url": llm.control_url, "control_token": token}
        print(json.dumps(at), flush=True)
    else:
        print(f"scripted LLM: base_url={llm.base_url} control_url={llm.control_url}", flush=True)
    await stop.wait()
    await llm.stop()
    return 0


def main(argv: list[str] | None = None) -> int:
    """Run the command line; gives the exit status."""
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["validate"]:
        from fake_server.llm.files import validate_command

        return validate_command(argv[1:])
    parser = Parser(prog="chat-conformance llm", description="The scripted LLM alone.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9900, help="the provider's address (0: a free port)")
    parser.add_argument("--control-host", default="127.0.0.1")
    parser.add_argument("--control-port", type=int, default=9901, help="the control address (0: a free port)")
    parser.add_argument("--control-token-env", metavar="V", help="the control address asks for the token in this variable")
    parser.add_argument("--seed", type=int, default=0, help="for identifiers and jitter")
    parser.add_argument("--gate-seconds", type=float, default=GATE_SECONDS, help="deadline of a gate that nobody opens")
    parser.add_argument("--strict", action="store_true", help="refuse calls that no script and no order expects")
    parser.add_argument("--babble", action="store_true", help="follow no script: answer with made-up words")
    parser.add_argument(
        "--parent-pipe",
        action="store_true",
        help="for programs: print the addresses and a token of the control address as JSON, and stop when stdin closes",
    )
    parser.add_argument("--orders", metavar="FILE", help="orders to begin with (YAML or JSON)")
    args = parser.parse_args(argv)
    try:
        import uvloop
    except ImportError:
        return asyncio.run(_serve(args))
    return uvloop.run(_serve(args))


if __name__ == "__main__":
    sys.exit(main())
