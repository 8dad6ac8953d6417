"""Answers of any shape: whose mistake an exception is that reading one raised, and what of a large one is kept."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from conformance.wire.exchange import ABSENT, Exchange, Response, SocketLog

_HERE = Path(__file__).parents[1]
_OURS = (_HERE, _HERE.parent / "fixtures", _HERE.parent / "spec")
# Where what the target said is read: nothing but its shape makes these raise one of the errors below.
_READERS = ("cases", "scenes", "properties", "checks", "profiles")
_READING = (
    "play/actors.py",
    "play/case.py",
    "play/refused.py",
    "play/provisioning.py",
    "play/meaning.py",
    "play/streams.py",
    "play/turns.py",
    "run/preflight.py",
    "wire/framing.py",
)
_SHAPE = (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError, StopIteration)
_CALL = re.compile(r"\(\) (missing|takes|got an unexpected keyword|got multiple values|got some positional)")
_LONG = 16_384  # characters of a value that a check shows


def reads_an_answer(error: BaseException) -> bool:
    """Did this come up where an answer of the target is read, so that the answer's shape is to blame?

    A slip of the suite itself is told apart where it can be: a name that is not there, a call with the wrong arguments, an
    attribute that an object of the suite has not.
    """
    if isinstance(error, RuntimeError) and isinstance(error.__cause__, StopIteration):
        error = error.__cause__  # next() in a coroutine found nothing
    if not isinstance(error, _SHAPE) or (isinstance(error, TypeError) and _CALL.search(str(error))):
        return False
    if isinstance(error, AttributeError) and type(error.obj).__module__.partition(".")[0] in ("conformance", "fixtures", "spec"):
        return False
    place = _innermost(error)
    if place is None:
        return False
    here = place.relative_to(_HERE).as_posix() if _HERE in place.parents else ""
    return here.split("/")[0] in _READERS or here in _READING


def _innermost(error: BaseException) -> Path | None:
    """The file of this suite in which it came up, or which called what raised it."""
    found, frame = None, error.__traceback__
    while frame is not None:
        path = Path(frame.tb_frame.f_code.co_filename)
        if any(folder in path.parents for folder in _OURS):
            found = path
        frame = frame.tb_next
    return found


def brief(value: Any, clean: Callable[[str], str] = str) -> Any:
    """The value, or the head of its text if it is long. `clean` takes secrets out before anything is cut."""
    if value is None or value is ABSENT or isinstance(value, (bool, float)):
        return value
    if isinstance(value, str):
        text = value
    else:
        try:
            text = orjson.dumps(value, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()
        except (TypeError, ValueError, RecursionError):  # integers beyond 64 bits, lone surrogates
            text = _text(value)
    return value if len(text) <= _LONG else f"{clean(text)[:2000]}… ({len(text):,} characters)"


def _text(value: Any) -> str:
    try:
        return repr(value)
    except (ValueError, RecursionError):
        return f"{type(value).__name__} that has no text"


def without_answer(said: Exchange | SocketLog) -> Exchange | SocketLog:
    """The same exchange without what came: all that a verdict shows of it later."""
    if isinstance(said, SocketLog):
        return dataclasses.replace(said, frames=[], weight=0)
    response = Response(said.response.status, said.response.headers, fault=said.response.fault)
    return dataclasses.replace(said, response=response, weight=0)
