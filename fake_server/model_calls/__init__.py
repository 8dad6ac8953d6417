"""Calls of the model behind a chat: addresses, wires, retries, and what failures mean."""
