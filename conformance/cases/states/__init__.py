"""Orders that the state of a chat decides on, in revisions that refuse those that do not fit."""
