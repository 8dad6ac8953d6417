"""What is kept: records, accounts, model configs, settings, usage."""
