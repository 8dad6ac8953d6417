"""Endpoints of what every user keeps for himself."""
