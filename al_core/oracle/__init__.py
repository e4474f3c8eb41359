"""The oracle of the active-learning literature, a simulated annotator: it answers from held-back truth, with a person's
inaccuracy and a person's time."""

from al_core.oracle.annotator import REFINED, SimulatedAnnotator, request_rng

__all__ = ["REFINED", "SimulatedAnnotator", "request_rng"]
