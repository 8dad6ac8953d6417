"""Recorded traffic: read, judged offline, and played again."""
