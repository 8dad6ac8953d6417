"""Situations that cases of several areas make. Nothing is judged here but what a scene is for."""
