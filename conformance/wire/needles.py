"""Known secrets in whatever form they stand in a text: plain, cut, padded, base64, hex, percent-encoded, with JSON escapes.

Every form of a secret is cut into pieces of eight characters. A text is looked through word by word, at every fifth place of
a word, so that a part of twelve characters can't be missed; the words that hold nothing are remembered, since most come again.
"""

from __future__ import annotations

import math
import re
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import quote

import orjson

_PIECE, _STRIDE = 8, 5
PART = _PIECE + _STRIDE - 1  # characters: a shorter part of a secret is none
_ODD_PART = 16  # of a secret that is not all chance, such as sk-…
# Of an encoding, how much longer it is, and every which piece is kept: two strides reach an even place of it.
_NEEDED = {"in hex": 2, "in base64": 17 / 12}
_STEPS = {"in hex": 2, "in base64": 2}
_SHORTEST_FORM = 4  # of a secret too short for pieces
_MOST_ALIKE = 4  # secrets that a piece is looked up for: what more of them share is no secret
LONG = 2**16  # characters; files of tests are words of megabytes
_MOST_WORDS, _LONG_WORD = 4096, 256  # remembered
_LOOKS_LIKE = re.compile(r"-(?<=[A-Za-z0-9]{10}-)[A-Za-z0-9]{22}")  # the dash comes first for speed
_LIKE = 33  # characters that such a token has
_WORD = re.compile(rb"[A-Za-z0-9+/_%\\-]{12,}")
_WORD_OF_TEXT = re.compile(_WORD.pattern.decode())
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})|(?<!\\)\\++(?:u00([0-9A-Fa-f]{2})|([/bfnrt]))")
SHAPE = re.compile(r"[A-Za-z0-9]{10}-[A-Za-z0-9]{22}")  # of a session token


def forms(secret: str) -> dict[str, str]:
    """What of a secret is the same wherever in an encoded text it stands: form → encoding. Names of headers have no case."""
    raw = secret.encode("utf-8", "surrogatepass")
    out = {
        secret: "",
        secret.lower(): "in lower case",
        quote(secret, safe=""): "percent-encoded",
        raw.hex(): "in hex",
        raw.hex().upper(): "in hex",
    }
    for before in range(3):
        whole = b64encode(bytes(before) + raw).decode()[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        out[whole] = out[whole.replace("+", "-").replace("/", "_")] = "in base64"
    return out


def unescaped(word: str) -> str:
    """The word with what percent-encoding and JSON escapes stand for; a control character for an escape such as \\n."""
    for _ in range(3):
        plain = _ESCAPE.sub(lambda m: "\n" if m[3] else chr(int(m[1] or m[2], 16)), word)
        if plain == word:
            break
        word = plain
    return word


class Needles:
    """The secrets of a run, as they are looked for."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._pieces: dict[str, list[tuple[str, int, int, str]]] = {}  # piece → form, where in it, how much counts, secret
        self._whole: dict[str, str] = {}  # too short, or of other characters than a word has: found as a whole only; → secret
        self._whole_bytes: list[bytes] = []
        self._harmless: set[bytes] = set()
        self._last: tuple[bytes, bool] = (b"", False)

    def add(self, name: str, secret: str) -> None:
        """Look for this secret from now on; another name for a known one replaces the first."""
        known, self._names[secret] = secret in self._names, name
        if known:
            return
        part = PART if SHAPE.fullmatch(secret) else _ODD_PART
        made = forms(secret)
        for form, encoding in made.items():
            step, needed = _STEPS.get(encoding, 1), math.ceil(_NEEDED.get(encoding, 1) * part)
            short = len(form) < needed or _WORD_OF_TEXT.fullmatch(form) is None
            if short and (len(form) >= _SHORTEST_FORM or form == secret):
                self._find_whole(form, secret)
            if len(secret) >= PART:
                for at in range(0, len(form) - _PIECE + 1, step):
                    alike = self._pieces.setdefault(form[at : at + _PIECE], [])
                    if len(alike) < _MOST_ALIKE:
                        alike.append((form, at, min(needed, len(form)), secret))
        self._last = (b"", False)
        seen = b"\n".join(self._harmless)
        if any(form.encode("utf-8", "surrogatepass")[:PART] in seen for form in made):
            self._harmless.clear()

    def _find_whole(self, form: str, secret: str) -> None:
        self._whole[form] = secret
        raw = form.encode("utf-8", "surrogatepass")
        self._whole_bytes.append(raw)
        try:
            escaped = orjson.dumps(form)[1:-1]
        except TypeError:
            return
        if escaped != raw:
            self._whole[escaped.decode()] = secret
            self._whole_bytes.append(escaped)

    def within(self, data: bytes) -> bool:
        """Is there a secret, or what looks like a session token, in these bytes? Of a word beyond LONG its ends are looked at."""
        if data is self._last[0]:
            return self._last[1]
        fresh = set(_WORD.findall(data))
        fresh -= self._harmless
        held, bad, remember = False, self._bad, self._harmless.add
        for word in fresh:
            if len(word) <= _LONG_WORD:
                if bad(word.decode()):
                    held = True
                else:
                    remember(word)
            elif bad((word if len(word) <= LONG else word[: LONG // 2] + b" " + word[-LONG // 2 :]).decode()):
                held = True
        if len(self._harmless) > _MOST_WORDS:
            self._harmless.clear()
        for needle in self._whole_bytes:
            if needle in data:
                held = True
        self._last = (data, held)
        return held

    def _bad(self, word: str) -> bool:
        pieces = self._pieces
        for at in range(0, len(word) - _PIECE + 1, _STRIDE):  # nearly no word holds any piece
            if word[at : at + _PIECE] in pieces and next(self._found(word), None):
                return True
        if len(word) >= _LIKE and "-" in word and _LOOKS_LIKE.search(word):
            return True
        return self._escaped(word) is not None

    def _escaped(self, word: str) -> str | None:
        """The secret that this word holds behind escapes."""
        if "%" not in word and "\\" not in word:
            return None
        plain = unescaped(word)
        if plain == word:
            return None
        found = next(self._found(plain), None)
        if found:
            return found[2]
        return next((secret for form, secret in self._whole.items() if form in plain), None)

    def _found(self, word: str) -> Iterator[tuple[int, int, str]]:
        """Start, end and whose it is, for each part of a secret in a word."""
        pieces = self._pieces
        reached = 0
        for at in range(0, len(word) - _PIECE + 1, _STRIDE):
            if at < reached or (known := pieces.get(word[at : at + _PIECE])) is None:
                continue
            for form, where, needed, secret in known:
                start, end = _stretched(word, at, form, where)
                if end - start >= needed:
                    yield start, end, secret
                    reached = end
                    break

    def names(self, text: str) -> list[str]:
        """The names of the secrets in a text."""
        out = [secret for form, secret in self._whole.items() if form in text]
        for match in _WORD_OF_TEXT.finditer(text):
            found = [secret for _, _, secret in self._found(match.group())]
            hidden = None if found else self._escaped(match.group())
            out += found or ([hidden] if hidden else [])
        return list(dict.fromkeys(self._names[secret] for secret in out))

    def masked(self, text: str, mask: str) -> str:
        """The text with every part of a secret replaced by `mask`, in which `%s` stands for the secret's name."""
        for form in sorted(self._whole, key=len, reverse=True):
            if form in text:
                text = text.replace(form, mask % self._names[self._whole[form]])

        def clean(match: re.Match[str]) -> str:
            word = match.group()
            out, done = "", 0
            for start, end, secret in self._found(word):
                if start >= done:
                    out += word[done:start] + mask % self._names[secret]
                    done = end
            hidden = self._escaped(word) if not done else None
            return mask % self._names[hidden] if hidden else out + word[done:]

        return _WORD_OF_TEXT.sub(clean, text)


def _stretched(word: str, at: int, form: str, where: int) -> tuple[int, int]:
    """The piece of `form` that was found `at` in a word, stretched to both sides as far as they agree: start and end."""
    start, end = at, at + _PIECE
    left, right = where, where + _PIECE
    while start and left and word[start - 1] == form[left - 1]:
        start, left = start - 1, left - 1
    while end < len(word) and right < len(form) and word[end] == form[right]:
        end, right = end + 1, right + 1
    return start, end
