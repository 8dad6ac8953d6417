"""Faults of revisions in which chats are served below two prefixes and models belong to organizations."""
