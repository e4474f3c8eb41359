"""Propagators by name. A propagator carries human masks to the frames that nobody labelled."""

from collections.abc import Callable

from al_core.propagation.base import Propagator, Resources
from al_core.propagation.shotwise import ShotwisePropagator
from al_core.settings import PluginTable
from al_core.stores.optical_flow import FlowStore

# What else a maker needs is imported when it is called.


def _flow_store(resources: Resources) -> FlowStore:
    return FlowStore(resources.cache / "flow")


def _flow(resources: Resources) -> Propagator:
    from al_core.propagation.flow import FlowPropagator

    return FlowPropagator(_flow_store(resources), resources.settings)


def _affinity(resources: Resources) -> Propagator:
    from al_core.propagation.affinity.affinity import AffinityPropagator
    from al_core.propagation.affinity.encoder_training import features_of

    return AffinityPropagator(_flow_store(resources), resources.settings, features_of(resources))


def _specialist(resources: Resources) -> Propagator:
    from al_core.propagation.specialist.specialist import SpecialistPropagator

    r = resources
    place = r.cache / "specialist"
    return SpecialistPropagator(_flow(r), place, r.settings, r.seed, r.on_progress, r.wanted, r.trial)


def _harmonic(resources: Resources) -> Propagator:
    from al_core.propagation.harmonic.harmonic import HarmonicPropagator

    return HarmonicPropagator(_flow_store(resources), resources.settings, seed=resources.seed)


def _trajectories(resources: Resources) -> Propagator:
    from al_core.propagation.trajectories.trajectories import TrajectoryPropagator

    return TrajectoryPropagator(_flow_store(resources), resources.settings)


def _tracks(resources: Resources) -> Propagator:
    from al_core.propagation.affinity.encoder_training import learned_features
    from al_core.propagation.tracks.reidentification import embeddings
    from al_core.propagation.tracks.tracks import TrackPropagator

    r, settings = resources, resources.settings
    # An encoder is used where one is given, or trained on the clip anyway; the same settings give the same masks.
    learned = bool(settings.encoder) or "affinity" in settings.methods
    embedding = embeddings(learned_features(r) if learned else None)
    return TrackPropagator(_flow_store(r), settings, embedding, r.predictions)


def _cutie(resources: Resources) -> Propagator:
    from al_core.propagation.cutie import CutiePropagator

    return CutiePropagator(resources.settings)


def _sam2(resources: Resources) -> Propagator:
    from al_core.propagation.sam2.sam2 import Sam2Propagator

    return Sam2Propagator(resources.settings)


PROPAGATORS = PluginTable[Callable[[Resources], Propagator]](
    "propagation method",
    {
        "flow": _flow,
        "affinity": _affinity,
        "specialist": _specialist,
        "harmonic": _harmonic,
        "trajectories": _trajectories,
        "tracks": _tracks,
        "cutie": _cutie,
        "sam2": _sam2,
    },
    "fewframes.propagators",
)
"""Maker of each propagator."""


def build(name: str, resources: Resources) -> Propagator:
    """Return a propagator by its name; where the video has cuts, one that carries nothing over them.

    Raises:
        UnknownName: there is none of that name.
    """
    make = PROPAGATORS[name]
    return ShotwisePropagator(make, resources) if resources.shots.cuts else make(resources)


__all__ = ["PROPAGATORS", "Propagator", "Resources", "build"]
