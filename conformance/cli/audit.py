"""`chat-conformance audit`: judge recorded traffic offline."""

from __future__ import annotations

import sys

from conformance.cli.given import Options
from conformance.recordings import audit


def command(options: Options) -> int:
    return audit.run(list(options.files), options.profile, sys.stdout)
