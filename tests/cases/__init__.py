"""Tests of the cases' own helpers and tables."""
