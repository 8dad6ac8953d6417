"""The public reader of the protocol, where this machine has Node and the package (scripts/ensure-data-stream-reader)."""

from __future__ import annotations

import shutil
from pathlib import Path

HOME = Path(__file__).parents[3] / ".venv" / "data-stream-reader"

collect_ignore = [] if shutil.which("node") and (HOME / "node_modules").is_dir() else ["test_reader.py"]
