"""Faults of revisions in which the state of a chat decides what may be ordered of it."""
