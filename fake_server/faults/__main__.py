"""`python -m fake_server.faults [--format text|json]`: every named fault, what it does and which requirements it turns red."""

from __future__ import annotations

import json
import sys

from fake_server.arguments import Parser
from fake_server.faulting import load_all


def main(argv: list[str] | None = None) -> int:
    """Print the faults; gives the exit status."""
    parser = Parser(prog="chat-conformance faults", description="List the fake server's named faults.")
    parser.add_argument("--format", choices=["text", "json"], default="text")
    form = parser.parse_args(argv).format
    faults = sorted(load_all().values(), key=lambda f: f.name)
    if form == "json":
        rows = [{"name": f.name, "doc": f.doc, "red": sorted(f.red)} for f in faults]
        print(json.dumps(rows, indent=1))
        return 0
    width = max((len(f.name) for f in faults), default=0)
    for fault in faults:
        print(f"{fault.name:<{width}}  {' '.join(fault.doc.split())}  [{', '.join(sorted(fault.red))}]")
    return 0


if __name__ == "__main__":
    sys.exit(main())
