"""From the options of a run to its record."""
