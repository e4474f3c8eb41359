"""Objects without a mask, as people point at them in an audit."""

from collections.abc import Sequence

from al_core.records import Gesture

MISSING = "missing"
"""Tool of a gesture that points at an object without a mask."""


def n_missing(gestures: Sequence[Gesture] | None) -> int:
    """Return how many objects without a mask somebody pointed at."""
    return sum(gesture.tool == MISSING for gesture in gestures or ())
