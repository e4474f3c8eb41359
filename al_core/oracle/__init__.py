"""The oracle of the active-learning literature, a simulated annotator: it answers from held-back truth, with a person's
inaccuracy and a person's time."""

from al_core.campaign.pricing import label_seconds
from al_core.oracle.annotator import ACCEPT_IOU, REFINED, SimulatedAnnotator, TruthLookup, request_rng
from al_core.oracle.outlining import LARGEST_SHARE, displaced

__all__ = [
    "ACCEPT_IOU",
    "LARGEST_SHARE",
    "REFINED",
    "SimulatedAnnotator",
    "TruthLookup",
    "displaced",
    "label_seconds",
    "request_rng",
]
