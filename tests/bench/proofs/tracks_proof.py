"""Proof of the track propagator (after PReMVOS): identity switches and J where objects of one class cross.

All five scores are compared with some of them alone and with ``flow``; only frame 0 is labelled. The aim: fewer
switches than by overlap with carried masks alone and than by re-identification alone, and no lower J. Overlap alone is
tried with the carried masks among its proposals, as all five scores have them, and without: with them it takes the
carried mask as long as there is one, and is close to ``flow``.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from al_core.evaluation.identity_switches import SwitchCounter
from al_core.evaluation.metrics import j_and_f
from al_core.propagation.base import Propagator
from al_core.propagation.flow import FlowPropagator
from al_core.propagation.tracks.track_merging import MergeWeights, Merging
from al_core.propagation.tracks.tracks import TrackPropagator
from al_core.settings import PropagationSettings
from al_core.stores.optical_flow import FlowStore
from tests.bench.proofs.proof import Claim, Figures, Proof
from tests.toys.footage.crossings import crossing_clip
from tests.toys.footage.movers import MoverClip
from tests.toys.masks import encoded

OURS, WARP, LOOKS, FLOW = "five scores", "overlap alone", "re-identification alone", "flow"
BARE_WARP = "overlap alone, without carried masks"
PARTS = "without re-identification"
SETS: Mapping[str, Mapping[str, int | bool]] = {
    "two pass": {"objects": 2},
    "two meet and turn back": {"objects": 2, "turning": True},
    "three pass": {"objects": 3},
}
NOWHERE = 1e-10
"""The floor of PReMVOS, for arms whose scores are on another scale."""

MERGES = {
    OURS: Merging(),
    PARTS: Merging(MergeWeights(0.259 / 0.697, 0, 0, 0.125 / 0.697, 0.313 / 0.697)),
    WARP: Merging(MergeWeights(0, 0, 0, 1, 0), NOWHERE),
    BARE_WARP: Merging(MergeWeights(0, 0, 0, 1, 0), NOWHERE, carried=False),
    LOOKS: Merging(MergeWeights(0, 1, 0, 0, 0), NOWHERE),
}


def follow(propagator: Propagator, clip: MoverClip, marks: Sequence[int]) -> tuple[int, float]:
    """(identity switches, J over objects and unlabelled frames; where an object is rightly absent J is 1)."""
    counter = SwitchCounter()
    nothing = np.zeros(clip.size, bool)
    overlaps: dict[int, list[float]] = {t: [] for t in sorted({t for masks in clip.truth for t in masks})}
    for frame in propagator.propagate(clip, {i: clip.truth[i] for i in marks}):
        truth = clip.truth[frame.frame_idx]
        masks = {t: found.mask.full() > 0.5 for t, found in frame.tracks.items()}
        counter.add(encoded(truth), encoded(masks))
        if frame.frame_idx not in marks:
            for t, values in overlaps.items():
                values.append(j_and_f(masks.get(t, nothing), truth.get(t, nothing)).j)
    return counter.switches, float(np.mean([np.mean(values) for values in overlaps.values()]))


def figures(clip: MoverClip, seed: int, cache: Path) -> Figures:
    """Switches and J of all arms on one clip."""
    store, settings = FlowStore(cache / "flow"), PropagationSettings()
    arms: dict[str, Propagator] = {n: TrackPropagator(store, settings, merging=m) for n, m in MERGES.items()}
    found: dict[str, float] = {}
    for name, propagator in {**arms, FLOW: FlowPropagator(store, settings)}.items():
        found[f"{name}: switches"], found[name] = follow(propagator, clip, [0])
    return found


PROOF = Proof(
    "tracks",
    tuple(
        claim
        for rival in (WARP, BARE_WARP, LOOKS, PARTS, FLOW)
        for claim in (
            Claim(f"{OURS}: switches", f"{rival}: switches", "switches a clip", fewer=True),
            Claim(OURS, rival, "mean J"),
        )
    ),
    lambda seed: {name: crossing_clip(seed, **options) for name, options in SETS.items()},
    figures,
    pooled="made clips",
)
