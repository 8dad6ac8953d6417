"""What taking secrets out costs: `python -m benchmarks.redaction`.

Printed: milliseconds for texts of 16, 32, 64 and 128 KB of the worst kinds (letters and a dash, dashes, spaces, `bearer` and
`cookie` over and over), for a report's and for a run's redaction, which must grow with the length and not with its square;
and the microseconds that a run's redaction takes of one ordinary answer, with 7 and with 300 known tokens.
"""

from __future__ import annotations

import random
import string
import time
from collections.abc import Callable

import orjson

from conformance.wire.redact import Redactor
from reports.redact import redact

WORST: dict[str, Callable[[int], str]] = {
    "letters and a dash": lambda n: "a" * n + "-",
    "dashes in letters": lambda n: "abcdefghijk-" * (n // 12),
    "spaces after bearer": lambda n: "bearer" + " " * n,
    "bearer again and again": lambda n: "bearer x " * (n // 9),
    "cookie and spaces": lambda n: "cookie" + " " * (n // 2) + "=" + " " * (n // 2),
    "sk- again and again": lambda n: "sk-" * (n // 3),
    "addresses": lambda n: "http://a:b" * (n // 10),
    "escapes": lambda n: "%41" * (n // 3),
    "backslashes": lambda n: "\\" * n,
}


def token(draw: random.Random) -> str:
    """A session token of chance."""
    letters = draw.choices(string.ascii_letters + string.digits, k=32)
    return "".join([*letters[:10], "-", *letters[10:]])


def took(work: Callable[[], object]) -> float:
    """Seconds, the best of three."""
    best = 1e9
    for _ in range(3):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best


def main() -> None:
    draw = random.Random(1)
    run = Redactor({f"u{n}": token(draw) for n in range(300)})
    for name, make in WORST.items():
        texts = [make(1024 * kb) for kb in (16, 32, 64, 128)]
        report = "  ".join(f"{1000 * took(lambda t=text: redact(t)):7.2f}" for text in texts)  # type: ignore[misc]
        live = "  ".join(f"{1000 * took(lambda t=text: run.text(t)):7.2f}" for text in texts)  # type: ignore[misc]
        print(f"{name:<24} report {report} ms   run {live} ms")
    answer = {
        "id": "0123",
        "owner_id": "9ac9",
        "labels": {"a": "b"},
        "title": "Hello there",
        "created_at": "2026-05-01T10:00:00Z",
    }
    for count in (7, 300):
        redactor = Redactor({f"u{n}": token(draw) for n in range(count)})
        answers = [answer | {"id": f"{draw.getrandbits(128):032x}"} for _ in range(5000)]
        raw = [orjson.dumps(one) for one in answers]
        seconds = took(lambda r=redactor, a=answers, b=raw: [r.json(one, text) for one, text in zip(a, b, strict=True)])  # type: ignore[misc]
        print(f"an ordinary answer, {count} tokens known: {1e6 * seconds / len(answers):.1f} us")


if __name__ == "__main__":
    main()
