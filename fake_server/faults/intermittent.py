"""Faults that come now and then: which of the faults of the other modules the kill matrix plays so, and when they come.

Each must be noticed in one plain run, so each shows often there and is judged where it shows: in passing, or by many cases.
What looks like a race of the real servers (a send that runs nothing) is not among them: a run counts those instead.
"""

from __future__ import annotations

EVERY_THIRD = (
    # what is kept and shown
    "after-id-is-ignored",
    "answers-are-split",
    "breaks-schema-listMessages",
    "breaks-schema-sendMessage",
    "declared-type-is-stored",
    "downloads-without-caching",
    "edits-keep-what-follows",
    "labels-are-merged",
    "list-gives-one-too-few",
    "list-ignores-labels",
    "messages-come-oldest-first",
    "prompts-come-oldest-first",
    "results-are-text",
    "settings-are-lost",
    "sharing-is-replaced",
    "tool-errors-unmarked",
    # who may do what
    "no-challenge",
    "own-chats-without-the-role",
    "own-chats-without-membership",
    "prose-common-not-found",
    # turns and their feeds
    "partial-answers-are-lost",
    "queue-runs-backwards",
    "snapshot-without-usage",
    "streams-do-not-mark",
    "upload-does-not-sniff",
    "wanted-model-ignored",
)
EVERY_SEVENTH = (
    "breaks-schema-createChat",
    "breaks-schema-event-message",
    "breaks-schema-getChat",
    "breaks-schema-watch-status_change",
    "events-show-unread",
    "list-cursor-is-ignored",
    "parts-name-no-chat",
    "replies-have-an-author",
    "sends-ignore-the-model",
    "updated-before-created",
)
ONE_IN_TEN = (
    "breaks-schema-event-status",
    "chat-without-pin-order",
    "messages-come-twice",
    "parts-without-url",
    "root-without-root-id",
)
NAMES = (
    *(f"{name}@every=3" for name in EVERY_THIRD),
    *(f"{name}@every=7" for name in EVERY_SEVENTH),
    *(f"{name}@chance=0.1" for name in ONE_IN_TEN),
)
