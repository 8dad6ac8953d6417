"""`python -m conformance.recordings.replay --target FILE|URL FILE…`"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from conformance.recordings.replay import run
from conformance.run.target import BadTarget, load


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m conformance.recordings.replay", description=__doc__)
    parser.add_argument("--target", help="target file, or URL; none: the embedded fake server")
    parser.add_argument("--explain", action="store_true", help="show also what the rules let pass")
    parser.add_argument("files", nargs="+", type=Path, help="transcripts")
    args = parser.parse_args()
    try:
        target = load(args.target) if args.target else None
    except BadTarget as error:
        print(f"replay: {error}", file=sys.stderr)
        return 2
    return run(target, args.files, explain=args.explain, out=sys.stdout)


if __name__ == "__main__":
    raise SystemExit(main())
