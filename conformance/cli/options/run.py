"""`run`, `provision` and `deprovision`."""

from __future__ import annotations

from collections.abc import Iterable

import click

from conformance.cli import configuration
from conformance.cli.given import (
    LARGEST_SEED,
    Command,
    FilePath,
    Lines,
    Listed,
    Number,
    OneOf,
    Part,
    Server,
    Whole,
    of_environment,
    option,
)


def profiles() -> Iterable[str]:
    import spec

    return spec.profiles(unfinished=True)


def areas() -> Iterable[str]:
    import spec

    return sorted({row.area for row in spec.registry().values()})


def requirements() -> Iterable[str]:
    import spec

    return spec.registry()


PROFILE = OneOf("profile", profiles)


def of_the_server() -> list[click.Parameter]:
    """What `provision` and a run that provisions by itself are told."""
    return [
        option("--url", metavar="U", help="address of a server on which all that a run needs is made, and taken back"),
        option("--admin-token-env", metavar="V", help="environment variable with the token of a site owner of that server"),
        option("--llm-url", default="", metavar="U", help="address by which that server reaches the scripted LLM"),
        option("--llm-control-url", default="", metavar="U", help="control address of a scripted LLM that runs already"),
        option("--llm-control-token-env", default="", metavar="V", help="environment variable with the token that it asks for"),
        option(
            "--llm-bind",
            default="",
            metavar="HOST[:PORT]",
            help="where the scripted LLM that is started here listens (default: where this machine reaches the server from)",
        ),
        option("--prefix", default="", metavar="P", help="of the names of all that is made (default: cc- and six digits)"),
        option("--manifest", type=FilePath(), metavar="F", help="file that lists what is made until it is taken back"),
        option(
            "--allow-config-changes/--no-allow-config-changes",
            default=None,
            help="change settings of the whole server for a while (default: only of one on this machine)",
        ),
    ]


def reach() -> list[click.Parameter]:
    """How a server is reached."""
    return [
        option(
            "--header",
            type=Lines(),
            multiple=True,
            metavar="K:V",
            help="send this header with every request to the server (repeatable)",
        ),
        option(
            "--proxy",
            default="",
            metavar="URL|none",
            help="proxy on the way to the server (default: HTTP_PROXY, HTTPS_PROXY, NO_PROXY)",
        ),
        option(
            "--ca-file",
            type=FilePath(),
            metavar="F.pem",
            help="further authorities to trust, beside the system's or SSL_CERT_FILE's",
        ),
    ]


def outputs() -> list[click.Parameter]:
    """What a run or a record is written to."""
    return [
        *(option(f"--{kind}", type=FilePath(), metavar="F", help=f"write the {kind} report") for kind in _FILES),
        option("--sarif", type=FilePath(), metavar="F", help="write what failed as SARIF, for code hosts"),
        option("--annotations", type=FilePath(), metavar="F", help="write GitHub annotations; /dev/stdout in a workflow"),
        option("--allure", type=FilePath(), metavar="DIR", help="write Allure results (needs the extra: allure)"),
        option("--reproducers", type=FilePath(), metavar="DIR", help="write the way to each failure, which `replay` plays again"),
        option("--statement", type=FilePath(), metavar="F", help="write the statement: .json, .md or a page to sign (.html)"),
    ]


_FILES = ("html", "junit", "markdown", "badge")

RUN = Command(
    "run",
    "run",
    "Judge a server; without --target or --url the embedded fake server.",
    of_environment(
        [
            option(
                "--config",
                type=FilePath(),
                metavar="F.toml",
                is_eager=True,
                callback=configuration.read,
                help="configuration file (default: chat-conformance.toml or [tool.chat-conformance], here or above)",
            ),
            option("--target", type=Server(), metavar="FILE|URL", help="target file (JSON, TOML, YAML) or URL"),
            option("--profile", type=PROFILE, default="", metavar="P", help="which revision to judge by (default: found out)"),
            option("--unfinished", is_flag=True, help="judge by a profile that says of itself that it is unfinished, too"),
            *of_the_server(),
            *reach(),
            option("--token-env", metavar="V", help="with --url: environment variable with the token of one user; all that one can judge"),
            option("--record", type=FilePath(), metavar="F.ndjson[.gz]", help="write the run record, packed if so named"),
            *outputs(),
            option("--write-expectations", type=FilePath(), metavar="F.yaml", help="write an entry for each failure, reasons to fill in"),
            option("--expect", type=FilePath(), metavar="F.yaml", help="expected failures; stale and expired entries are red"),
            option("--strict", is_flag=True, help="SHOULD failures are red too"),
            option("--allow-intermittent", is_flag=True, help="what fails once and passes the next time only warns"),
            option("--repeat", type=Whole(1, 1000), default=1, metavar="N", help="play each case N times at least and tell how many passed"),
            option(
                "--timeout",
                type=Number(1, 10**7, zero=True),
                metavar="S",
                help="end the run after S seconds (default 600, with --fuzz deep 3600; 0: never)",
            ),
            option("--requirement", type=Listed(requirements), multiple=True, metavar="GLOB", help="only these requirements"),
            option("--area", type=Listed(areas), multiple=True, metavar="NAME", help="only the requirements of this area"),
            option("--shard", type=Part(), metavar="i/n", help="play the i-th of n parts of about the same cost; merge puts their records together"),
            option("-k", metavar="EXPR", default="", help="only cases whose names match, as in pytest"),
            option("-x", is_flag=True, help="stop at the first failure"),
            option("--seed", type=Whole(0, LARGEST_SEED), metavar="N", help="seed of the property phase (printed by every run)"),
            option("--jobs", type=Whole(1, 1024), default=16, metavar="N", help="cases played at once (default 16)"),
            option("--fuzz", type=OneOf("effort", ("off", "quick", "deep")), default="quick", metavar="off|quick|deep", help="how much property testing (default quick)"),
            option("--fuzz-time", type=Number(1, 10**6), metavar="S", help="how long --fuzz deep walks (seconds, default 60)"),
            option("--walks", default="", metavar="DIR", help="write walks with a difference as transcripts for replay"),
            option("--read-only", is_flag=True, help="play only cases that write nothing"),
            option("--max-rps", type=Number(0.01, 10**6, zero=True), default=0, metavar="N", help="at most so many requests a second"),
            option("--fault", multiple=True, metavar="NAME", help="embedded target only: be wrong in this way (NAME@every=3, NAME@chance=0.1: now and then)"),
            option("--profile-time", is_flag=True, help="tell what the longest path of the run is made of"),
            option("--shuffle", is_flag=True, help="play the cases in an order drawn from the seed"),
            option("-q", "--quiet", is_flag=True, help="no progress, and failures in a line each"),
            option("-v", "--verbose", is_flag=True, help="every failure in full"),
        ]
    ),
    one_of=(("target", "url", "fault"), ("token_env", "admin_token_env")),
    epilog="Each option has an environment variable, too: CHAT_CONFORMANCE_JOBS for --jobs. Exit status: 0 conformant, 1 not "
    "conformant, 2 usage or harness error, 3 incomplete.",
)  # fmt: skip

PROVISION = Command(
    "provision",
    "provision",
    "Make the users, the provider and the model that a run needs on a server.",
    [
        *of_the_server(),
        *of_environment(reach()),
        option("--target-file", type=FilePath(), required=True, metavar="F", help="the target file to write; it holds tokens"),
        option("--profile", type=PROFILE, default="", metavar="P", help="the server's revision (default: found out)"),
    ],
)

DEPROVISION = Command(
    "deprovision",
    "provision:taken_back",
    "Take back what a run or provision has made on a server.",
    [
        click.Argument(["manifest"], required=False, type=FilePath(), metavar="MANIFEST"),
        option("--prefix", default="", metavar="P", help="without a manifest: take back all whose names begin like this (cc-…)"),
        option("--url", default="", metavar="U", help="address of the server (default: that of the manifest)"),
        option("--admin-token-env", default="", metavar="V", help="environment variable with the admin's token (default: the manifest's)"),
        option("--profile", type=PROFILE, default="", metavar="P", help="the server's revision (default: the manifest's, or found out)"),
        *of_environment(reach()),
    ],
)  # fmt: skip
