"""JSON pointers (RFC 6901): from steps to a pointer, and along it into a value."""

from __future__ import annotations

from typing import Any


def pointer(*steps: Any) -> str:
    """The JSON pointer of these steps."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def at(value: Any, pointer: str, otherwise: Any) -> Any:
    """What a JSON pointer leads to; `otherwise` where it leads to nothing."""
    for step in pointer.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return otherwise
    return value
