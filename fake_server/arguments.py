"""The command lines of the fakes: bad input is told in one line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NoReturn


def closest(name: str, known: Iterable[str]) -> str:
    """` (did you mean …?)`, or nothing where nothing is near."""
    found = get_close_matches(name, list(known), n=1)
    return f" (did you mean {found[0]}?)" if found else ""


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line; exit status 2."""

    def error(self, message: str) -> NoReturn:
        _, colon, words = message.partition("unrecognized arguments: ")
        if colon:
            unknown = words.split()[0].partition("=")[0]
            message = f"no such option {unknown}{closest(unknown, self._option_string_actions)}"
        print(f"{self.prog}: {message}; see: {self.prog} --help", file=sys.stderr)
        self.exit(2)
