"""`python -m scripts.case_costs RECORD`: measures what cases cost, by the record of a whole run, for the split into shards."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

from conformance.recordings.reading import record_lines
from conformance.run import shards
from conformance.run.collection import all_cases

_LEAST_MS = 150  # cheaper cases are as good as any


def measured(record: Path) -> dict[str, int]:
    """By case: milliseconds of its longest play, in tens."""
    took: dict[str, float] = defaultdict(float)
    for line in record_lines(record):
        if line["kind"] == "check" and line["case"] and line.get("ms"):
            took[line["case"]] = max(took[line["case"]], line["ms"])
    return {case: 10 * round(ms / 10) for case, ms in sorted(took.items()) if ms >= _LEAST_MS}


if __name__ == "__main__":
    known = {case.name for case in all_cases()}
    found = {case: ms for case, ms in measured(Path(sys.argv[1])).items() if case in known}
    Path(shards.__file__).with_name("costs.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"{len(found)} cases")
