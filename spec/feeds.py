"""The feeds of a profile: over which channels events come, how their frames are made, and what tells events apart."""

from __future__ import annotations

from dataclasses import dataclass

import spec

ARRAY, ENVELOPE, OBJECT, LINES = FRAMINGS = ("array", "envelope", "object", "lines")
_KEYS = {"framing", "key", "union", "ids", "most", "frame"}


@dataclass(frozen=True, slots=True)
class Feed:
    """One row of `feeds` in profile.yaml: a socket, or an answer that streams.

    `operation` opens it. `framing`: what one frame is:

    - `array`: an array of 1 to `most` events;
    - `object`: one event;
    - `envelope`: `{"type": "data", "data": X}`, where X is an array of 1 to `most` events, or one event where the row has no
      `most`; an envelope of another type (`ping`, `error`) tells of the connection and holds no event;
    - `lines`: a line `K:JSON` of an HTTP answer, which is the event `{<key>: "K", "data": JSON}`; a line that is a JSON object
      alone is an error.

    `key`: under which key an event has its kind. `union`: the schema of all events, told apart by that key. `ids`: the
    requirement of a kind is SCHEMA-<ids>-<kind>. `frame`: the schema of all envelopes, told apart by `type`; "" for none.
    """

    operation: str
    framing: str
    key: str
    union: str
    ids: str
    most: int = 1
    frame: str = ""

    @property
    def many(self) -> bool:
        """Do events stand in an array?"""
        return self.framing == ARRAY or (self.framing == ENVELOPE and self.most > 1)

    @property
    def requirement(self) -> str:
        """The requirement on the frames themselves."""
        return f"SCHEMA-frame-{self.operation}"

    def requirement_of(self, kind: str) -> str:
        """The requirement on the events of this kind."""
        return f"SCHEMA-{self.ids}-{kind}"


def feeds(profile: spec.Profile) -> dict[str, Feed]:
    """The feeds of the profile by the operation that opens them. Raises ValueError for a row that is none."""
    found: dict[str, Feed] = {}
    for operation, row in (profile.traits.get("feeds") or {}).items():
        where = f"spec/{profile.name}/profile.yaml: feeds: {operation}"
        missing, unknown = {"framing", "key", "union", "ids"} - row.keys(), row.keys() - _KEYS
        if missing or unknown:
            raise ValueError(f"{where}: " + ", ".join([f"no {k}" for k in sorted(missing)] + [f"{k}?" for k in sorted(unknown)]))
        if row["framing"] not in FRAMINGS:
            raise ValueError(f"{where}: the framing is one of {', '.join(FRAMINGS)}")
        if ("most" in row) != (row["framing"] == ARRAY) and row["framing"] != ENVELOPE:
            raise ValueError(f"{where}: `most` belongs to arrays")
        if "frame" in row and row["framing"] != ENVELOPE:
            raise ValueError(f"{where}: `frame` belongs to envelopes")
        found[operation] = Feed(operation, **row)
    return found
