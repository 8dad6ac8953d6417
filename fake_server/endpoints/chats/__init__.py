"""Endpoints of chats."""
