"""How large a run gets by what its target does: `python -m benchmarks.hostile_memory [KIND…]`.

A right server stands behind a proxy that turns hostile on most of what is asked below a chat. Printed for each kind: the
greatest resident size of the run (goal: below 500 MiB), its seconds and its exit status.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.hostile.proxy import ANSWERS, MIB, SOCKETS
from tests.hostile.stage import Loop, Stage, play

_KINDS = (
    *("endless-body", "endless-text", "gzip-bomb", "json-of-300-mb", "millions-of-values", "four-mb-at-a-time", "huge-headers"),
    *("endless-frames", "endless-large-frames", "endless-fragments", "endless-empty-fragments", "ping-flood", "frame-of-100-mb"),
)
_BELOW_A_CHAT = r"GET /api/experimental/chats/[0-9a-f-]{36}/(messages|prompts)"
_ASKED = ["PAGE-*", "PROMPT-*", "MSG-*", "SEND-*"]
_STREAMS = r"/api/experimental/chats/([0-9a-f-]{36}/stream|watch)"


def main() -> None:
    loop = Loop()
    stage = Stage(loop)
    try:
        for kind in sys.argv[1:] or _KINDS:
            with tempfile.TemporaryDirectory() as folder:
                turns, globs = (_BELOW_A_CHAT, _ASKED) if kind in ANSWERS else (_STREAMS, ["STREAM-*"])
                with stage.proxy((ANSWERS | SOCKETS)[kind], turns) as proxy:
                    began = time.perf_counter()
                    played = play([stage.aim(Path(folder) / kind, proxy.url)], globs)[kind]
                    seconds = time.perf_counter() - began
                print(f"{kind:<24} {played.memory / MIB:5.0f} MiB  {seconds:5.1f} s  exit {played.status}", flush=True)
    finally:
        stage.close()
        loop.stop()


if __name__ == "__main__":
    main()
