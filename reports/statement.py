"""A statement of conformance: what was judged, by which contract, with which result; one page to sign, or an attestation.

The JSON is an in-toto statement (https://in-toto.io/Statement/v1) about the record: its subject is the record's SHA-256, its
predicate (`urn:chat-conformance:statement:1`, see docs/statement.md) holds the facts that the page shows.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from html import escape
from pathlib import Path
from typing import Any

from reports.record import read
from reports.summary import Summary, summarize
from reports.text import counted, one_line, writing

PREDICATE = "urn:chat-conformance:statement:1"
_LEVELS = ("MUST", "SHOULD", "MAY")
_MOST = 40  # failures and exceptions that the page names; the attestation has all


def facts(path: Path) -> dict[str, Any]:
    """The predicate. Raises InvalidRecord, OSError."""
    record = read(path)
    summary = summarize(record)
    header, footer = record.header, record.footer
    return {
        "server": {"address": header.target_name, "builds": record.builds},
        "contract": {
            "profile": header.profile,
            "extends": header.extends,
            "sha256": header.spec_sha256,
            "basis": header.basis,
            "restsOn": header.rests_on,
        },
        "suite": {"name": "chat-conformance", "version": header.suite_version},
        "run": {
            "startedAt": header.started_at,
            "milliseconds": footer.ms,
            "seed": header.seed,
            "strict": header.strict,
            "options": header.options,
            "command": header.command,
            "partial": header.partial,
            "ended": footer.ended.reason if footer.ended else "",
            "capabilities": header.target.get("capabilities") or {},
        },
        "result": {
            "state": summary.state,
            "words": summary.words,
            "exitStatus": footer.exit,
            "inScope": summary.in_scope,
            "judged": summary.judged,
            "notSelected": footer.requirements.not_selected,
            "verdicts": dict(summary.counts),
            "levels": _levels(summary),
        },
        "failures": [
            {"requirement": r.requirement, "level": r.level, "verdict": r.verdict, "text": r.text} for r in summary.troubled
        ],
        "exceptions": [entry.model_dump() for entry in footer.expectations],
        "notJudged": [{"reason": reason, "requirements": ids} for reason, ids in summary.reasons("untestable")],
        "notApplicable": [{"reason": reason, "requirements": ids} for reason, ids in summary.reasons("not-applicable")],
        "races": [{"race": race.race, "seen": race.worded, "excused": race.excused} for race in footer.races],
        "record": {"name": path.name, "sha256": digest(path), "bytes": path.stat().st_size},
        "verify": f"chat-conformance report {path.name} --verify --against STATEMENT.json",
    }


def digest(path: Path) -> str:
    """The SHA-256 of the file as it is."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _levels(summary: Summary) -> dict[str, dict[str, int]]:
    scope = [r for r in summary.results if r.verdict != "not-applicable"]
    whole, passed = Counter(r.level for r in scope), Counter(r.level for r in scope if r.verdict == "pass")
    return {level: {"passed": passed[level], "inScope": whole[level]} for level in _LEVELS}


def attestation(found: dict[str, Any]) -> dict[str, Any]:
    """The in-toto statement with these facts."""
    subject = {"name": found["record"]["name"], "digest": {"sha256": found["record"]["sha256"]}}
    return {"_type": "https://in-toto.io/Statement/v1", "subject": [subject], "predicateType": PREDICATE, "predicate": found}


def render(path: Path, out: Path) -> None:
    """Write it: `.json` an attestation, `.md` Markdown, anything else a page to print. Raises InvalidRecord, OSError."""
    found = facts(path)
    with writing(out) as buffer:
        if out.suffix == ".json":
            buffer.write(json.dumps(attestation(found), indent=2, ensure_ascii=True) + "\n")
        elif out.suffix == ".md":
            buffer.write("\n".join(_markdown(found)))
        else:
            buffer.write(_page(found))


def _verdict(found: dict[str, Any]) -> str:
    """The sentence that is signed. Only a whole run with everything judged is called conformant."""
    result, profile = found["result"], found["contract"]["profile"]
    if result["state"] == "conformant":
        but = f", with {counted(len(found['exceptions']), 'exception')} listed below" if found["exceptions"] else ""
        return f"The server conforms to {profile}{but}."
    if result["state"] == "not-conformant":
        return f"The server does not conform to {profile}."
    return f"No statement on conformance to {profile} can be made: {result['words']}."


def _rows(found: dict[str, Any]) -> list[tuple[str, str]]:
    run, result, contract = found["run"], found["result"], found["contract"]
    extends = f", which extends {contract['extends']}" if contract["extends"] else ""
    levels = "; ".join(f"{level} {n['passed']:,} of {n['inScope']:,}" for level, n in result["levels"].items() if n["inScope"])
    rows = [
        ("Server", found["server"]["address"]),
        ("Build", ", ".join(found["server"]["builds"]) or "not told by its answers"),
        ("Contract", f"{contract['profile']}{extends}"),
        *([("Requirements rest on", contract["restsOn"])] if contract["restsOn"] else []),
        ("Contract, SHA-256", contract["sha256"]),
        ("Judged by", f"chat-conformance {found['suite']['version']}, seed {run['seed']}{', strict' if run['strict'] else ''}"),
        ("When", f"{run['startedAt']}, for {run['milliseconds'] / 1000:.0f} s"),
        ("Requirements", f"{result['judged']:,} of {result['inScope']:,} in scope judged"),
        ("Passed", levels),
        ("Not in the scope of this run", f"{result['notSelected']:,} requirements" if run["partial"] else ""),
        ("Broken off", run["ended"]),
        ("Record, SHA-256", found["record"]["sha256"]),
        ("To verify", found["verify"]),
    ]
    return [(name, one_line(str(value), 400)) for name, value in rows if value]


def _exceptions(found: dict[str, Any]) -> list[str]:
    out = []
    for entry in found["exceptions"][:_MOST]:
        about = [f"owner {entry['owner']}" if entry["owner"] else "no owner named"]
        about += [f"until {entry['until']}" if entry["until"] else "without an end"]
        about += [entry["link"]] if entry["link"] else []
        out.append(one_line(f"{entry['requirement']}: {entry['reason']} ({'; '.join(about)})", 300))
    more = len(found["exceptions"]) - _MOST
    return [*out, f"and {more} more, in the attestation"] if more > 0 else out


def _failures(found: dict[str, Any]) -> list[str]:
    out = [one_line(f"{f['requirement']} ({f['level']}, {f['verdict']}): {f['text']}", 200) for f in found["failures"][:_MOST]]
    more = len(found["failures"]) - _MOST
    return [*out, f"and {more} more, in the record"] if more > 0 else out


def _not_judged(found: dict[str, Any]) -> list[str]:
    return [one_line(f"{len(row['requirements'])}: {row['reason']}", 200) for row in found["notJudged"]]


_SECTIONS = (("Exceptions", _exceptions), ("Failures and warnings", _failures), ("In scope and not judged", _not_judged))
_TITLE = "Statement of conformance to the Coder chat API"


def _markdown(found: dict[str, Any]) -> list[str]:
    lines = [f"# {_TITLE}", "", f"**{_plain(_verdict(found))}**", ""]
    lines += [f"- {name}: {_plain(value)}" for name, value in _rows(found)] + [""]
    for title, told in _SECTIONS:
        if items := told(found):
            lines += [f"## {title}", "", *(f"- {_plain(item)}" for item in items), ""]
    return [*lines, "Name: ____________________  Date: ____________  Signature: ____________________", ""]


def _plain(text: str) -> str:
    return "".join(f"&#{ord(c)};" if c in "\\`*_[]<>|~@&" else c for c in text)


def _page(found: dict[str, Any]) -> str:
    rows = "".join(f"<tr><th scope=row>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in _rows(found))
    sections = "".join(
        f"<h2>{title}</h2><ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"
        for title, told in _SECTIONS
        if (items := told(found))
    )
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{_TITLE}</title><style>{_STYLE}</style></head><body><main><h1>{_TITLE}</h1>"
        f"<p class=verdict>{escape(_verdict(found))}</p><table>{rows}</table>{sections}"
        "<p class=sign><span>Name</span><span>Date</span><span>Signature</span></p></main></body></html>\n"
    )


_STYLE = (
    ":root{color-scheme:light dark}@page{size:A4;margin:18mm}body{font:14px/1.45 system-ui,sans-serif;margin:2rem}"
    "main{max-width:48rem;margin:auto}h1{font-size:1.4rem}h2{font-size:1rem;margin:1rem 0 .25rem}.verdict{font-size:1.1rem;"
    "font-weight:600}table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.2rem .5rem "
    ".2rem 0;border-bottom:1px solid #8885;overflow-wrap:anywhere}th{font-weight:400;width:11rem}ul{margin:0;padding-left:1.2rem}"
    ".sign{display:grid;grid-template-columns:2fr 1fr 2fr;gap:1.5rem;margin-top:3rem}"
    ".sign span{border-top:1px solid;padding-top:.25rem}"
    "@media print{body{margin:0;font-size:10pt}}"
)
