"""All that somebody may do in a walk."""

from conformance.walks import acts, changes
from conformance.walks.drawing import VERBS, Draw, Verb

__all__ = ["VERBS", "Draw", "Verb", "acts", "changes"]
