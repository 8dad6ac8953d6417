"""Chats whose messages are the client's own objects, and whose answers are streamed to whoever asks."""
