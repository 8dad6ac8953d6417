"""Chats: what orders do to them, how they look on the wire, and who is told."""
