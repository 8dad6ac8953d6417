"""`chat-conformance proxy`: judge whatever passes through."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any
from urllib.parse import urlsplit

import spec
from conformance.cli.given import Options, UsageError
from conformance.cli.merge import file_of
from conformance.cli.renderers import renderers
from conformance.cli.report import KINDS, render
from conformance.cli.values import check_outputs
from conformance.proxy.forward import Forwarder, Upstream
from conformance.proxy.judging import Judge, Passing
from conformance.run.record import RecordFailed, RecordWriter
from conformance.run.session import Options as Asked
from conformance.run.target import BadTarget, Target, checked_url
from conformance.wire.access import BadAccess, access_of, is_loopback
from conformance.wire.redact import Redactor


def command(options: Options) -> int:
    names = ("record", *KINDS, "reproducers", "statement")
    check_outputs({f"--{name}": getattr(options, name) for name in names}, {})
    profile = options.profile or spec.DEFAULT
    try:
        checked_url("--upstream", options.upstream)
        access = access_of((), "none", options.ca_file)
    except (BadTarget, BadAccess) as error:
        raise UsageError(str(error)) from error
    parts = urlsplit(options.upstream)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    named = b"" if is_loopback(options.upstream) else parts.netloc.rpartition("@")[2].encode()
    upstream = Upstream(parts.hostname or "", port, access.trusted() if secure else None, named)
    target = Target(base_url=options.upstream.rstrip("/"), profile=profile)
    with file_of(options.record) as record:
        try:
            writer = RecordWriter(record, Redactor({}))
            asked = Asked(command=("chat-conformance", "proxy", *options.argv), partial=True)
            judge = Judge(Passing(target, asked, writer, sys.stdout))
            footer = asyncio.run(_pass_on(upstream, judge, options.host, options.port))
        except RecordFailed as error:
            raise UsageError(str(error)) from error
        renderers()["console"].load()(record, sys.stdout)
        render(options, record)
        if options.record:
            print(f"record: {options.record}")
    return int(footer["exit"])


async def _pass_on(upstream: Upstream, judge: Judge, host: str, port: int) -> dict[str, Any]:
    """Until a signal; gives the footer."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        server = await Forwarder(upstream, judge.tap).listen(host, port)
    except OSError as error:
        raise UsageError(f"can't listen on {host}:{port}: {error.strerror}; choose another with --port, or --port 0") from error
    judge.start()
    there = server.sockets[0].getsockname()
    shown, profile = judge.session.target.shown_url, judge.session.profile.name
    print(f"proxy: http://{there[0]}:{there[1]} -> {shown}, judged as {profile}; ^C ends it", flush=True)
    await stop.wait()
    server.close()
    footer = judge.end()
    await judge.session.wire.aclose()
    await judge.session.control.aclose()
    return footer
