"""Answers that are given while the request that asks for them stays open: the model's words as lines, as they come."""
