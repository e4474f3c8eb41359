"""Proof of the trajectory propagator (after super-trajectories): objects after they were hidden as a whole.

Only frame 0 is labelled. Masks carried along the flow cannot find such an object again at all, so they are no rival;
``tracks``, which looks for objects by their colours in every frame, and ``affinity``, which copies from the labelled
frame what looks alike, are. On real footage, where nothing says what was hidden, all frames count.
"""

from pathlib import Path

from al_core.propagation.affinity.affinity import AffinityPropagator
from al_core.propagation.affinity.encoder_training import learned_features
from al_core.propagation.base import Resources
from al_core.propagation.flow import FlowPropagator
from al_core.propagation.tracks.tracks import TrackPropagator
from al_core.propagation.trajectories.trajectories import TrajectoryPropagator
from al_core.settings import PropagationSettings
from al_core.stores.optical_flow import FlowStore
from tests.bench.proofs.proof import Claim, Figures, Proof, mean_iou
from tests.toys.footage.movers import MoverClip
from tests.toys.footage.synthetic import reappearances, synthetic_clip


def figures(clip: MoverClip, seed: int, cache: Path) -> Figures:
    """All arms on one clip."""
    store, settings = FlowStore(cache / "flow"), PropagationSettings()
    arms = {
        "trajectories": TrajectoryPropagator(store, settings),
        "flow": FlowPropagator(store, settings),
        "tracks": TrackPropagator(store, settings),
        "affinity": AffinityPropagator(store, settings, learned_features(Resources(settings, cache))),
    }
    again = reappearances(clip)
    return {name: mean_iou(arm, clip, [0], again) for name, arm in arms.items()}


def footage(seed: int) -> dict[str, MoverClip]:
    """Clips with an occluder, by how hard they are."""
    return {
        "hidden, plain": synthetic_clip(seed, occluder=True),
        "hidden, two objects, low contrast, pan": synthetic_clip(seed, occluder=True, objects=2, contrast=50, pan=0.5),
        "hidden, look-alike": synthetic_clip(seed, occluder=True, look_alike=True),
    }


PROOF = Proof(
    "trajectories",
    tuple(Claim("trajectories", rival) for rival in ("flow", "tracks", "affinity")),
    footage,
    figures,
)
