"""Many runs beside each other: servers by areas and by requirements, as one page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TextIO

from reports.page_data import read_any
from reports.plain import cell, document, folded, listed, table
from reports.rows import Verdict
from reports.summary import LABEL, Result, Summary, summarize
from reports.text import one_line, writing

SIGN: dict[Verdict, str] = {
    "pass": "✓",
    "fail": "✗",
    "harness-error": "✗ error",
    "unexpected-pass": "✗ passes",
    "warn": "! warned",
    "raced": "≈ raced",
    "expected-fail": "– expected",
    "untestable": "? untestable",
    "not-applicable": "– n/a",
}


def render(paths: Sequence[Path], out: Path | TextIO) -> list[Summary]:
    """Write the page of these records (or HTML reports of them), in this order. Raises InvalidRecord, OSError."""
    runs = [summarize(read_any(path)) for path in paths]
    heads = names(runs)
    known: dict[str, Result] = {}
    for run in runs:
        for result in run.results:
            known.setdefault(result.requirement, result)
    found = [{result.requirement: result for result in run.results} for run in runs]
    verdicts = {id: [of.get(id) for of in found] for id in known}
    differ = [id for id, row in verdicts.items() if len({one.verdict if one else None for one in row}) > 1]
    areas = sorted({result.area for result in known.values()})
    pieces = [
        table("Runs", ("Server", "Verdict", "Profile", "Judged", "Failed", "Warned", "Started", "Build"), _runs(heads, runs)),
        listed(_remarks(runs)),
        "<h2>By area: passed of what was in scope</h2>",
        table("By area", ("Area", *heads), [(area or "all areas", [_share(run, area) for run in runs]) for area in [*areas, ""]]),
        f"<h2>Where the servers differ: {len(differ)} of {len(known)} requirements</h2>",
        _requirements(sorted(differ), verdicts, known, heads) if differ else "<p>Nowhere.</p>",
        "<h2>All requirements</h2>",
    ]
    for area in areas:
        ids = sorted(id for id, result in known.items() if result.area == area)
        pieces.append(folded(f"{area} ({len(ids)})", _requirements(ids, verdicts, known, heads)))
    with writing(out) as buffer:
        buffer.write(document(f"Chat API conformance of {len(runs)} runs", *pieces))
    return runs


def names(runs: Sequence[Summary]) -> list[str]:
    """What tells the runs apart: their addresses, numbered where they are the same."""
    out: list[str] = []
    for run in runs:
        name = one_line(run.record.header.target_name, 60)
        same = sum(1 for other in out if other == name or other.startswith(f"{name} #"))
        out.append(f"{name} #{same + 1}" if same else name)
    return out


def _runs(heads: Sequence[str], runs: Sequence[Summary]) -> Iterable[tuple[str, list[str]]]:
    for head, run in zip(heads, runs, strict=True):
        header = run.record.header
        yield (
            head,
            [
                cell(run.words, run.state),
                cell(header.profile),
                cell(f"{run.judged:,} of {run.in_scope:,}"),
                cell(str(run.counts["fail"] + run.counts["unexpected-pass"])),
                cell(str(run.counts["warn"])),
                cell(header.started_at),
                cell(one_line(", ".join(run.record.builds), 80) or "not said"),
            ],
        )


def _remarks(runs: Sequence[Summary]) -> list[str]:
    """What makes the runs different in kind."""
    out = []
    if len({run.record.header.profile for run in runs}) > 1:
        out.append("The runs judge by different profiles: a requirement that a profile does not have is shown as not in the run.")
    elif len({run.record.header.spec_sha256 for run in runs}) > 1:
        out.append("The runs judge by different contracts (SHA-256) of one profile.")
    return out


def _share(run: Summary, area: str) -> str:
    mine = [r for r in run.results if r.verdict != "not-applicable" and area in ("", r.area)]
    passed = sum(r.verdict == "pass" for r in mine)
    red = any(r.verdict in ("fail", "unexpected-pass", "harness-error") for r in mine)
    kind = "absent" if not mine else "pass" if passed == len(mine) else "fail" if red else "warn"
    return cell(f"{passed:,} of {len(mine):,}" if mine else "not in the run", kind)


def _requirements(
    ids: Sequence[str], verdicts: dict[str, list[Result | None]], known: dict[str, Result], heads: Sequence[str]
) -> str:
    rows = []
    for id in ids:
        cells = [cell(known[id].level), cell(one_line(known[id].text))]
        rows.append((id, cells + [_verdict(result) for result in verdicts[id]]))
    return table("Requirements", ("Requirement", "Level", "Sentence", *heads), rows)


def _verdict(result: Result | None) -> str:
    if result is None:
        return cell("not in the run", "absent")
    return cell(SIGN.get(result.verdict, LABEL[result.verdict]), result.verdict)
