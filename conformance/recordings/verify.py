"""Is a record what its run wrote? Its counts are derived anew from its judgements, those in passing from its exchanges."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

import spec
from conformance.play.verdict import JUDGED, NOT_APPLICABLE, PASS, worst
from conformance.recordings.audit import audit_files
from conformance.recordings.reading import Unreadable, record_lines
from conformance.run.session import exit_of
from conformance.wire.exchange import Finding


def verify(path: Path) -> tuple[list[str], list[str]]:
    """What holds, and what does not, a sentence each. Raises Unreadable, OSError."""
    header: dict[str, Any] = {}
    footer: dict[str, Any] = {}
    checks: list[dict[str, Any]] = []
    exchanges: dict[str, str] = {}  # to the case that each belongs to
    for line in record_lines(path):
        if line["kind"] == "header":
            header = line
        elif line["kind"] == "footer":
            footer = line
        elif line["kind"] == "check":
            checks.append(line)
        elif line["kind"] == "exchange":
            exchanges[line["id"]] = line.get("case", "")
    if not header or not footer:
        raise Unreadable(f"{path}: no whole run record: it has no {'footer' if header else 'header'}")
    wrong = contradictions(header, footer, checks, exchanges.keys())
    good = [f"{len(checks):,} judgements, each with its evidence among {len(exchanges):,} exchanges", "the counts of the footer"]
    if header["profile"] not in spec.profiles(unfinished=True) or spec.load(header["profile"]).sha256 != header["spec_sha256"]:
        good.append("not looked at: what checks find in passing, for this suite has another contract than the run had")
    else:
        audited = audit_files([path], header["profile"])
        wrong += _passive(checks, audited.findings, exchanges)
        good.append(f"what checks find in passing, on {audited.judged:,} exchanges anew")
    return ([] if wrong else good), wrong


def contradictions(
    header: dict[str, Any], footer: dict[str, Any], checks: list[dict[str, Any]], exchanges: Set[str]
) -> list[str]:
    """Judgements without their evidence, and counts that are not theirs, a sentence each."""
    return [*_evidence(checks, exchanges), *_counts(header, footer, checks)]


def _evidence(checks: list[dict[str, Any]], exchanges: Set[str]) -> Iterator[str]:
    for check in checks:
        named = [*check.get("exchanges", ()), *filter(None, [check.get("deciding")])]
        if missing := [id for id in named if id not in exchanges]:
            yield f"{check['requirement']} in {check['case']}: the record has no exchange {', '.join(missing[:3])}"


def _counts(header: dict[str, Any], footer: dict[str, Any], checks: list[dict[str, Any]]) -> Iterator[str]:
    seen: dict[str, list[str]] = defaultdict(list)
    levels: dict[str, str] = {}
    for check in checks:
        seen[check["requirement"]].append(check["verdict"])
        levels[check["requirement"]] = check["level"]
    verdicts = {requirement: worst(found) for requirement, found in seen.items()}
    counts = Counter(verdicts.values())
    for verdict in sorted({*counts, *footer["counts"]}):
        if counts[verdict] != footer["counts"].get(verdict, 0):
            yield f"the footer counts {footer['counts'].get(verdict, 0)} {verdict}, the judgements come to {counts[verdict]}"
    scope = {
        "in_scope": sum(n for verdict, n in counts.items() if verdict != NOT_APPLICABLE),
        "judged": sum(n for verdict, n in counts.items() if verdict in JUDGED),
    }
    for name, number in scope.items():
        if footer["requirements"][name] != number:
            yield f"the footer says {name} {footer['requirements'][name]}, the judgements come to {number}"
    how = (footer.get("ended") or {}).get("how", "")
    if how not in ("preflight", "broken"):
        status = exit_of(verdicts, levels, how=how, strict=header.get("strict", False), complaints=footer.get("complaints", ()))
        if status != footer["exit"]:
            yield f"the footer says exit status {footer['exit']}, the judgements come to {status}"


def _passive(checks: list[dict[str, Any]], findings: list[tuple[str, Finding]], case_of: dict[str, str]) -> Iterator[str]:
    """What was found in passing anew against what the record says.

    What only the live run could see is left alone, and so are the answers to a case that failed: one that should have
    been a refusal breaks other rows too, which the run asked nothing about.
    """
    verdicts: dict[str, set[str]] = defaultdict(set)
    for check in checks:
        verdicts[check["requirement"]].add(check["verdict"])
    failed = {check["case"] for check in checks if check["verdict"] not in (PASS, NOT_APPLICABLE)}
    broken: dict[str, str] = {}
    for place, finding in findings:
        if case_of.get(finding.exchange, "") not in failed:
            broken.setdefault(finding.requirement, place)
    for requirement, place in sorted(broken.items()):
        if verdicts[requirement] == {PASS}:
            yield f"{requirement} passed by the record, and an exchange breaks it ({place.rpartition('/')[2]})"
