"""Prompt texts as they are stored: without what can't be seen (config.md section 6.1)."""

from __future__ import annotations

import re

# Formatting characters that are removed; the zero width non-joiner (U+200C) stays.
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b\u200d-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]")
_BLANK_LINES = re.compile("\n{3,}")


def sanitise(text: str, *, invisible: bool = True) -> str:
    """The text with plain line ends, without invisible characters (if so wanted), trailing blanks, runs of empty lines."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _INVISIBLE.sub("", text) if invisible else text
    text = "\n".join(line.rstrip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", text).strip()
