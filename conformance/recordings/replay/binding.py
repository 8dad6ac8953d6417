"""What the recording's names are called on the server that is replayed against.

Ids are bound at their first appearance and must stay consistent from then on; tokens, user names, addresses and
values that must be new are known beforehand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_HEX = "[0-9a-fA-F]"
UUID = re.compile(
    rf"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"
    rf"|(?<![0-9a-zA-Z-]){_HEX}{{32}}(?![0-9a-zA-Z-])"
)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_ATOM = re.compile(f"({UUID.pattern})|({TIME.pattern})")
_TOKEN = re.compile(r"<(token|token-id):([^>]+)>")
_OF_THE_MODEL = re.compile(r"msg_\w+")  # ids of messages that their model has given them
NOBODYS = "nobodysown-has0this0token0at0all0"  # what stands for a token that no user has: it has the form of one
_LINK = re.compile(r"(?<=token=)<token:([^>]+)>$")
_BUILT_IN = re.compile(r"<built-in [^>]*>")


def normal(uuid: str) -> str:
    """The lower-case dashed spelling."""
    plain = uuid.replace("-", "").lower()
    return "-".join((plain[:8], plain[8:12], plain[12:16], plain[16:20], plain[20:]))


def _spelled_like(model: str, uuid: str) -> str:
    uuid = uuid if "-" in model else uuid.replace("-", "")
    return uuid.upper() if model.upper() == model and model.lower() != model else uuid


def fits(expected: str, actual: str) -> bool:
    """Is the text the recorded one? `<built-in …>` in it stands for a text of the server's own."""
    pieces = [re.escape(piece) for piece in _BUILT_IN.split(expected)]
    return re.fullmatch("(?s:.+)".join(pieces), actual) is not None


class Bindings:
    """Recorded names → names of the server replayed against. One per scenario."""

    def __init__(self) -> None:
        self.tokens: dict[str, str] = {}
        self.texts: list[tuple[re.Pattern[str], str]] = []
        self.lost: dict[str, int] = {}  # recorded id → line whose answer should have bound it, but did not
        self.followed: set[int] = set()  # lines whose lost ids the last rewrite met
        self._ids: dict[str, str] = {}
        self._taken: dict[str, str] = {}
        self._log: list[tuple[str, str]] = []
        self.on_close: list[Callable[[], None]] = []

    def close(self) -> None:
        """Take down what was set up for this scenario."""
        for step in self.on_close:
            step()

    # -- ids -----------------------------------------------------------------------------------------------

    def bind(self, recorded: str, actual: str) -> bool:
        """Bind, or check what is bound. Ids are keys such as a normal UUID or `message 17`."""
        bound = self._ids.get(recorded)
        if bound is not None:
            return bound == actual
        kind, numbered, _ = recorded.partition(" ")
        place = f"{kind} {actual}" if numbered else actual  # numbers of several kinds may be the same
        if place in self._taken:
            return False
        self._ids[recorded] = actual
        self._taken[place] = recorded
        self._log.append((recorded, place))
        return True

    def alias(self, recorded: str, actual: str) -> None:
        """Bind without the rule that two recorded ids are two here."""
        self._ids[recorded] = actual
        self._taken.setdefault(actual, recorded)

    def bound(self, recorded: str) -> str | None:
        return self._ids.get(recorded)

    def is_taken(self, actual: str) -> bool:
        """Was this id of the server met in this scenario?"""
        return actual in self._taken

    @contextmanager
    def trial(self) -> Iterator[list[bool]]:
        """Bindings made inside are taken back unless the list given is filled with True."""
        keep: list[bool] = []
        start = len(self._log)
        yield keep
        if keep != [True]:
            for recorded, place in self._log[start:]:
                self._ids.pop(recorded, None)
                self._taken.pop(place, None)
            del self._log[start:]

    def lose(self, expected: Any, line: int) -> None:
        """Remember which ids of a recorded answer stayed unbound."""
        for uuid in uuids_in(expected):
            if uuid not in self._ids:
                self.lost.setdefault(uuid, line)

    def lose_number(self, kind: str, number: int, line: int) -> None:
        if f"{kind} {number}" not in self._ids:
            self.lost.setdefault(f"{kind} {number}", line)

    # -- what is sent --------------------------------------------------------------------------------------

    def _request_uuid(self, match: re.Match[str]) -> str:
        recorded = normal(match[0])
        actual = self._ids.get(recorded)
        if actual is None:
            if recorded in self.lost:
                self.followed.add(self.lost[recorded])
            else:
                self.bind(recorded, recorded)  # the client's own choice: it stays what it is
            return match[0]
        return _spelled_like(match[0], actual)

    def _token(self, match: re.Match[str]) -> str:
        token = self.tokens.get(match[2])
        if token is None:
            return match[0]
        return token if match[1] == "token" else token.partition("-")[0]

    def constants(self, text: str) -> str:
        """The text with addresses, user names, fresh values and known tokens replaced."""
        for pattern, replacement in self.texts:
            text = pattern.sub(lambda _match, new=replacement: new, text)  # type: ignore[misc]
        return _TOKEN.sub(self._token, text).replace("<token>", NOBODYS)

    def sent(self, text: str) -> str:
        """The text as it must be sent to this server."""
        return UUID.sub(self._request_uuid, self.constants(text))

    def number(self, kind: str, recorded: str) -> str:
        """The decimal id of this server for a recorded one; anything else stays what it is."""
        if not re.fullmatch(r"-?\d+", recorded):
            return recorded
        key = f"{kind} {int(recorded)}"
        if key in self.lost and key not in self._ids:
            self.followed.add(self.lost[key])
        return self._ids.get(key, recorded) if recorded == str(int(recorded)) else recorded

    def sent_value(self, value: Any) -> Any:
        """The JSON value with all its texts as they must be sent."""
        return _mapped(value, self.sent)

    def expected_value(self, value: Any) -> Any:
        """A recorded answer with addresses, names and fresh values replaced; ids are left to `same_text`."""
        return _mapped(value, self.constants)

    # -- what came back ------------------------------------------------------------------------------------

    def same_text(self, expected: str, actual: str) -> bool:
        """Are the texts equal but for ids, which are bound on the way, and times?"""
        if expected == actual:
            for match in UUID.finditer(expected):
                self.bind(normal(match[0]), normal(match[0]))
            return True
        if _OF_THE_MODEL.fullmatch(expected) and _OF_THE_MODEL.fullmatch(actual):
            return True
        if "<built-in " in expected:
            return fits(expected, actual)
        if token := _TOKEN.fullmatch(expected):
            known = self.tokens.setdefault(token[2], actual)
            return known == actual
        if (token := _LINK.search(expected)) and "token=" in actual:
            known = self.tokens.setdefault(token[1], actual.rpartition("token=")[2])
            return self.same_text(expected[: token.start()], actual[: -len(known) or None])
        ours, theirs = list(_ATOM.finditer(expected)), list(_ATOM.finditer(actual))
        if len(ours) != len(theirs) or _ATOM.sub("\0", expected) != _ATOM.sub("\0", actual):
            return False
        # All of them are bound, even if the first already differs.
        same = [self._same_atom(e, a) for e, a in zip(ours, theirs, strict=True)]
        return all(same)

    def _same_atom(self, expected: re.Match[str], actual: re.Match[str]) -> bool:
        if expected[1] is None or actual[1] is None:
            return expected[1] is None and actual[1] is None
        same_form = _spelled_like(expected[0], normal(actual[0])) == actual[0]
        return self.bind(normal(expected[0]), normal(actual[0])) and same_form

    def same_number(self, kind: str, expected: int, actual: int) -> bool:
        return self.bind(f"{kind} {expected}", str(actual)) if kind else expected == actual


def _mapped(value: Any, change: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_mapped(item, change) for item in value]
    if isinstance(value, dict):
        return {change(key): _mapped(item, change) for key, item in value.items()}
    return value


def uuids_in(value: Any) -> Iterator[str]:
    """Every UUID in the texts and keys of a JSON value, in normal spelling."""
    if isinstance(value, str):
        for match in UUID.finditer(value):
            yield normal(match[0])
    elif isinstance(value, list):
        for item in value:
            yield from uuids_in(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from uuids_in(key)
            yield from uuids_in(item)
