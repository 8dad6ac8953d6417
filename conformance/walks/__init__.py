"""Walks: drawn sequences of acts of several users, played on the target and on a reference server beside it, and compared.

The reference (the embedded fake server of the same profile, with users, prompts and gates of the same names) predicts what each
act must come to, so that no case has to think of the situation. See docs/walks.md.
"""
