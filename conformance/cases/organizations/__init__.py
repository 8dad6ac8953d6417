"""Chats below two prefixes, and models that belong to organizations."""
