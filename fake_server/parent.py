"""Ending with the process that started this one, in whatever way that ends."""

from __future__ import annotations

import asyncio
import os
import sys


def end_of_parent(stop: asyncio.Event) -> None:
    """To be called when stdin can be read: who started this program holds its other end, which closes when that process ends."""
    if not os.read(sys.stdin.fileno(), 4096):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stop.set()
