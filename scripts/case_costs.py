"""`python -m scripts.case_costs RECORD`: measures what cases cost, by the record of a whole run, for the split into shards."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median

from conformance.recordings.reading import record_lines
from conformance.run import shards
from conformance.run.collection import all_cases

_DEAR = 2.0  # times what most cases take; cheaper ones are as good as any


def measured(record: Path) -> dict[str, float]:
    """By case: milliseconds of its longest play."""
    took: dict[str, float] = defaultdict(float)
    for line in record_lines(record):
        if line["kind"] == "check" and line["case"] and line.get("ms"):
            took[line["case"]] = max(took[line["case"]], line["ms"])
    return took


if __name__ == "__main__":
    known = {case.name for case in all_cases()}
    found = {case: ms for case, ms in measured(Path(sys.argv[1])).items() if case in known}
    usual = median(found.values())
    dear = {case: round(ms / usual, 1) for case, ms in sorted(found.items()) if ms >= _DEAR * usual}
    Path(shards.__file__).with_name("costs.json").write_text(json.dumps(dear, indent=1) + "\n", encoding="utf-8")
    print(f"{len(dear)} of {len(found)} cases; most take {usual:.0f} ms")
