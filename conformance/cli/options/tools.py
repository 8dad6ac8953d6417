"""The other commands."""

from __future__ import annotations

from collections.abc import Iterable

import click

from conformance.cli.given import Command, FilePath, Listed, OneOf, Server, Whole, of_environment, option
from conformance.cli.options.run import PROFILE, areas, outputs, reach, requirements


def _fake(name: str, help: str) -> Command:
    """A command of the reference fake server: its words are handed on to it as they are."""
    words = click.Argument(["words"], nargs=-1, type=click.UNPROCESSED)
    settings = {"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []}
    return Command(name, "fake", help, [words], context_settings=settings)


SERVE = _fake("serve", "Run the reference fake server alone.")
LLM = _fake("llm", "Run the scripted LLM alone.")
FAULTS = _fake("faults", "List the fake server's named faults.")


def _gates() -> Iterable[str]:
    from conformance.cli.compare import tool

    return [*tool().CLASSES, "none"]


DOCTOR = Command(
    "doctor",
    "doctor",
    "One line for each thing that a run rests on: what is wrong with it, why, and what to do.",
    [
        *of_environment(
            [
                option("--target", type=Server(), metavar="FILE|URL", help="target file or URL"),
                option(
                    "--profile",
                    type=PROFILE,
                    default="",
                    metavar="P",
                    help="the revision that it should be of (default: found out)",
                ),
                option(
                    "--allow-config-changes/--no-allow-config-changes",
                    default=None,
                    help="as for run: which settings it would change",
                ),
                option("--read-only", is_flag=True, help="write nothing: no scripted turn is played"),
                *reach(),
            ]
        ),
        option("--json", is_flag=True, help="print all that was looked at as JSON"),
        option("--explain", is_flag=True, help="list the users and capabilities that a target file may name"),
    ],
)

AUDIT = Command(
    "audit",
    "audit",
    "Judge recorded traffic offline.",
    [
        click.Argument(["files"], nargs=-1, required=True, type=FilePath(), metavar="FILE…"),
        option(
            "--profile", type=PROFILE, default="", metavar="P", help="which revision to judge by (default: what the file says)"
        ),
    ],
)

REPLAY = Command(
    "replay",
    "replay",
    "Replay recorded traffic against a server and compare.",
    [
        click.Argument(["files"], nargs=-1, required=True, type=FilePath(), metavar="FILE…"),
        option("--target", type=Server(), metavar="FILE|URL", help="target file or URL; none: the embedded fake server"),
        option("--fault", multiple=True, metavar="NAME", help="embedded target only: be wrong in this way"),
        option("--explain", is_flag=True, help="show every difference, those that the rules allow too"),
    ],
)

LIST = Command(
    "list",
    "registry:listed",
    "List the requirements; with --against those that hold in one of two revisions only.",
    [
        option("--profile", type=PROFILE, default="", metavar="P", help="of this revision"),
        option("--against", type=PROFILE, default="", metavar="P", help="only what holds in one of the two"),
        option("--area", type=OneOf("area", areas), multiple=True, metavar="NAME", help="only of this area"),
        option("--requirement", type=Listed(requirements), multiple=True, metavar="GLOB", help="only these"),
        option("--format", type=OneOf("format", ("text", "json")), default="text", metavar="text|json", help="how to print them"),
    ],
)

EXPLAIN = Command(
    "explain",
    "registry:explained",
    "All that is known of one requirement.",
    [
        click.Argument(["id"], type=Listed(requirements), metavar="ID"),
        option("--profile", type=PROFILE, default="", metavar="P", help="one that it must hold in"),
        option("--seen", is_flag=True, help="print the recorded scenarios that show it"),
    ],
)

DIFF_PROFILES = Command(
    "diff-profiles",
    "registry:compared",
    "What changes for a client from one revision to another: routes, fields, refusals, bounds, rights, requirements.",
    [
        click.Argument(["old"], type=PROFILE, metavar="OLD"),
        click.Argument(["new"], type=PROFILE, metavar="NEW"),
        option("--markdown", type=FilePath(), metavar="F.md", help="write it as a page, too"),
    ],
)

REPORT = Command(
    "report",
    "report",
    "Render a run record again, state what it says, verify it.",
    [
        click.Argument(["record"], type=FilePath(), metavar="RECORD"),
        *outputs(),
        option("--verify", is_flag=True, help="derive verdicts and counts anew; exit 1 if the record was altered"),
        option("--against", type=FilePath(), metavar="F.json", help="with --verify: the statement that names its SHA-256"),
    ],
)

COMPARE = Command(
    "compare",
    "compare",
    "What changed from one run to the next.",
    [
        click.Argument(["old"], type=FilePath(), metavar="OLD"),
        click.Argument(["new"], type=FilePath(), metavar="NEW"),
        option("--markdown", type=FilePath(), metavar="F.md", help="write a comment for a pull request"),
        option("--html", type=FilePath(), metavar="F.html", help="write both side by side"),
        option("--gate", type=OneOf("class of changes", _gates), multiple=True, metavar="CLASS", help="exit 1 if there is such a change"),
    ],
)  # fmt: skip

MATRIX = Command(
    "matrix",
    "many:matrix",
    "Many runs beside each other, as one page: servers by areas and by requirements.",
    [
        click.Argument(["runs"], nargs=-1, required=True, type=FilePath(), metavar="R…"),
        option("--html", type=FilePath(), metavar="F.html", help="the page (default matrix.html)"),
    ],
)

TREND = Command(
    "trend",
    "many:trend",
    "The runs of a folder over time, as one page: what each came to, and what changed.",
    [
        click.Argument(["folder"], type=FilePath(), metavar="DIR"),
        option("--html", type=FilePath(), metavar="F.html", help="the page (default trend.html)"),
    ],
)

MERGE = Command(
    "merge",
    "merge",
    "Put the records of the shards of one run together: proves one plan, nothing twice, nothing missing (a lost shard: exit 3).",
    [
        click.Argument(["records"], nargs=-1, required=True, type=FilePath(), metavar="RECORD…"),
        option("--record", type=FilePath(), metavar="F.ndjson[.gz]", help="write the merged record"),
        *outputs(),
    ],
)

PROXY = Command(
    "proxy",
    "proxy",
    "Judge whatever passes through: clients use its address in place of the server's.",
    [
        option("--upstream", required=True, metavar="U", help="address of the server"),
        option("--port", type=Whole(0, 65535), default=3001, metavar="N", help="port to listen on (default 3001; 0: a free one)"),
        option("--host", default="127.0.0.1", metavar="H", help="address to listen on (default 127.0.0.1)"),
        option("--profile", type=PROFILE, default="", metavar="P", help="which revision to judge by"),
        option("--ca-file", type=FilePath(), metavar="F.pem", help="further authorities to trust, for an https server"),
        option("--record", type=FilePath(), metavar="F.ndjson[.gz]", help="write the record"),
        *outputs(),
    ],
)

COMPLETION = Command(
    "completion",
    "completion",
    'Print what makes a shell complete commands and options: eval "$(chat-conformance completion bash)".',
    [click.Argument(["shell"], type=OneOf("shell", ("bash", "zsh", "fish")), metavar="bash|zsh|fish")],
)
