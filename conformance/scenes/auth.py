"""Tokens and the places where they may stand."""

from __future__ import annotations

from typing import Any

COOKIE = "coder_session_token"
HEADER = "Coder-Session-Token"
UNKNOWN_TOKEN = "abcdefghij-abcdefghijklmnopqrstuv"
# Each way to carry the token, as headers and parameters.
PLACES: dict[str, dict[str, Any]] = {
    "header": {"requirement": "AUTH-015", "headers": lambda k: {HEADER: k}},
    "cookie": {"requirement": "AUTH-016", "headers": lambda k: {"cookie": f"{COOKIE}={k}"}},
    "query": {"requirement": "AUTH-017", "params": lambda k: {COOKIE: k}},
    "bearer": {"requirement": "AUTH-018", "headers": lambda k: {"authorization": f"Bearer {k}"}},
    "bearer-lower": {"requirement": "AUTH-018", "headers": lambda k: {"authorization": f"bearer {k}"}},
    "bearer-upper": {"requirement": "AUTH-018", "headers": lambda k: {"authorization": f"BEARER {k}"}},
    "access-token": {"requirement": "AUTH-019", "params": lambda k: {"access_token": k}},
}


def carried(*places: tuple[str, str]) -> dict[str, Any]:
    """Headers and parameters of a request that carries a token at each of these (place, token)."""
    out: dict[str, Any] = {"headers": {}, "params": {}}
    for name, token in places:
        for part, made in out.items():
            made.update(PLACES[name][part](token) if part in PLACES[name] else {})
    return out
