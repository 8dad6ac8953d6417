"""The commands and their options, declared: light to import, so that help and completion are quick."""
