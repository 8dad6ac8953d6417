"""Walks that every run takes first: short ways to situations that are drawn rarely."""

from __future__ import annotations

from typing import Any

from conformance.walks.steps import Step


def _walk(*acts: tuple[str, str, dict[str, Any]] | tuple[str, str, dict[str, Any], str]) -> tuple[Step, ...]:
    """Steps from (verb, chat, arguments[, actor])."""
    return tuple(Step(n, act[0], act[3] if len(act) > 3 else "alice", act[1], act[2]) for n, act in enumerate(acts))


TALK: dict[str, Any] = {"kind": "text"}
HELD: dict[str, Any] = {"kind": "held"}

FIXED: tuple[tuple[Step, ...], ...] = (
    # changes of a chat while its turn is held are still there when it has ended
    _walk(
        ("create", "", {"kind": "held", "tools": True}),
        ("rename", "c0", {"title": "Name 1"}),
        ("label", "c0", {"labels": {"area": "a"}}),
        ("plan", "c0", {"plan_mode": "plan"}),
        ("pin", "c0", {"pin_order": 1}),
        ("send", "c0", {"kind": "tool"}),
        ("label", "c0", {"labels": {"": "x"}}),
        ("share", "c0", {"role": "read"}),
        ("reconnect", "c0", {}, "bob"),
        ("open", "c0", {"gate": 0}),
        ("send", "c0", TALK),
    ),
    # the queue crossed with a model that goes, an interrupt and a promotion
    _walk(
        ("add-model", "", {}, "root"),
        ("create", "", HELD),
        ("send", "c1", {"kind": "text", "model": "m0"}),
        ("send", "c1", {"kind": "held"}),
        ("send", "c1", {"kind": "usage"}),
        ("drop-model", "", {"model": "m0"}, "root"),
        ("promote", "c1", {"place": 2}),
        ("unqueue", "c1", {"place": 0}, "root"),
        ("interrupt", "c1", {}),
        ("open", "c1", {"gate": 3}),
    ),
    # what holds of roots, and of their children
    _walk(
        ("create", "", {"kind": "child", "labels": {"area": "a"}}),
        ("send", "c0.0", TALK, "root"),
        ("send", "c0.0", TALK),
        ("rename", "c0.0", {"title": "Name 3"}),
        ("pin", "c0.0", {"pin_order": 1}),
        ("share", "c0", {"role": "read"}),
        ("archive", "c0", {}),
        ("send", "c0.0", TALK),
        ("unarchive", "c0.0", {}),
        ("unarchive", "c0", {}),
        ("edit", "c0.0", {"kind": "text", "place": 0}),
    ),
    # calls that the client answers, twice, in parts and for another
    _walk(
        ("create", "", {"kind": "asks-two", "tools": True}),
        ("results", "c0", {"ids": ["a-w0"], "output": "text", "error": False}),
        ("results", "c0", {"ids": ["b-w0", "a-w0"], "output": "nul", "error": True}, "root"),
        ("send", "c0", TALK),
        ("results", "c0", {"ids": ["b-w0", "a-w0"], "output": "object", "error": False}),
        ("results", "c0", {"ids": ["a-w0"], "output": "text", "error": False}),
        ("send", "c0", {"kind": "asks-again"}),
        ("results", "c0", {"ids": ["a-w6"], "output": "unicode", "error": True}),
        ("edit", "c0", {"kind": "reused", "place": 0}),
    ),
    # a failure leaves a backlog; lists that filter before they count
    _walk(
        ("create", "", {"kind": "held-breaks", "labels": {"area": "a"}}),
        ("send", "c0", {"kind": "reasoning"}),
        ("open", "c0", {"gate": 0}),
        ("send", "c0", TALK),
        ("create", "", {"kind": "text", "labels": {"area": "b", "side": "x"}}),
        ("create", "", {"kind": "pieces", "labels": {"area": "a"}}),
        ("create", "", {"kind": "plain"}),
        ("create", "", {"kind": "text", "labels": {"area": "b", "side": "x"}}, "bob"),
        ("promote", "c0", {"place": 1}),
        ("rename", "c6", {"title": "Name 9"}),
        ("send", "c4", {"kind": "empty"}),
        ("label", "c6", {"labels": {"side": "y"}}),
    ),
    # an edit of a turn under way, among other changes, with a queue behind it
    _walk(
        ("create", "", {"kind": "text", "tools": True, "labels": {"area": "a"}}),
        ("send", "c0", HELD),
        ("send", "c0", {"kind": "reasoning"}),
        ("label", "c0", {"labels": {"side": "y"}}),
        ("edit", "c0", {"kind": "held", "place": 2}),
        ("rename", "c0", {"title": "Name 5"}),
        ("send", "c0", {"kind": "asks"}),
        ("open", "c0", {"gate": 4}),
        ("edit", "c0", {"kind": "text", "place": 0}),
        ("send", "c0", TALK),
    ),
    # a queue that is still there at the end
    _walk(
        ("create", "", HELD),
        ("send", "c0", TALK),
        ("send", "c0", {"kind": "parallel"}),
        ("send", "c0", {"kind": "reasoning"}),
    ),
    # a title when the chat's model is gone: it is made, and paid, by the default one
    _walk(
        ("add-model", "", {}, "root"),
        ("create", "", {"kind": "text", "model": "m0"}),
        ("drop-model", "", {"model": "m0"}, "root"),
        ("regenerate", "c1", {}),
        ("send", "c1", TALK),
    ),
    # files: own, linked, foreign, read by others
    _walk(
        ("upload", "", {"file": "picture"}),
        ("upload", "", {"file": "markdown"}, "bob"),
        ("create", "", {"kind": "text", "files": ["f0"]}),
        ("send", "c2", {"kind": "text", "files": ["f1"]}),
        ("download", "", {"file": "f0"}, "bob"),
        ("share", "c2", {"role": "read"}),
        ("download", "", {"file": "f0"}, "bob"),
        ("send", "c2", {"kind": "compacts"}),
        ("send", "c2", {"kind": "text", "files": ["f0"], "busy_behavior": "interrupt"}),
        ("share", "c2", {"role": ""}),
        ("download", "", {"file": "f0"}, "bob"),
    ),
)
