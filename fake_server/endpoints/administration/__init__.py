"""Endpoints of the administration."""
