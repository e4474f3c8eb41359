"""Proof of the harmonic propagator (after Fathi), frame 0 labelled.

Freezing the most certain frames first is compared with solving once, with freezing in random order, and with ``flow``.
With one frame more at a time, asking for the frame of highest mean entropy is compared with random frames and even
spacing.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from al_core.propagation.base import Propagator
from al_core.propagation.flow import FlowPropagator
from al_core.propagation.harmonic.harmonic import HarmonicPropagator
from al_core.settings import PropagationSettings
from al_core.stores.optical_flow import FlowStore
from tests.bench.proofs.proof import Claim, Figures, Proof, mean_iou
from tests.toys.footage.movers import MoverClip
from tests.toys.footage.synthetic import synthetic_clip

MARKS = 4
"""Labelled frames at the end of each curve."""

AREA = "mean IoU with 1 to 4 labels"

Choose = Callable[[HarmonicPropagator, MoverClip, list[int], np.random.Generator], int]


def by_entropy(propagator: HarmonicPropagator, clip: MoverClip, marks: list[int], rng: np.random.Generator) -> int:
    """The frame of highest mean entropy."""
    entropy = propagator.entropy(clip, {i: clip.truth[i] for i in marks})
    entropy[marks] = -1
    return int(entropy.argmax())


def by_chance(propagator: HarmonicPropagator, clip: MoverClip, marks: list[int], rng: np.random.Generator) -> int:
    """Any frame that is not labelled."""
    return int(rng.choice([i for i in range(clip.n_frames) if i not in marks]))


def area(propagator: HarmonicPropagator, clip: MoverClip, choose: Choose, seed: int) -> float:
    """Mean of the mean IoU with 1, 2, ... labelled frames, from frame 0 on."""
    rng, marks, found = np.random.default_rng(seed), [0], []
    while True:
        found.append(mean_iou(propagator, clip, marks))
        if len(marks) == MARKS:
            return float(np.mean(found))
        marks.append(choose(propagator, clip, marks, rng))


def area_evenly(propagator: Propagator, clip: MoverClip) -> float:
    """The same with frames from the first to the last at even distances."""
    choices = [[int(i) for i in np.linspace(0, clip.n_frames - 1, n)] for n in range(1, MARKS + 1)]
    return float(np.mean([mean_iou(propagator, clip, marks) for marks in choices]))


def figures(clip: MoverClip, seed: int, cache: Path) -> Figures:
    """All arms on one clip."""
    store, settings = FlowStore(cache / "flow"), PropagationSettings()
    ordered = HarmonicPropagator(store, settings)
    by_luck = [area(ordered, clip, by_chance, 10 * seed + again) for again in (0, 1)]
    return {
        "harmonic": mean_iou(ordered, clip, [0]),
        "solved once": mean_iou(HarmonicPropagator(store, settings, steps=0), clip, [0]),
        "frozen in random order": mean_iou(HarmonicPropagator(store, settings, order="random", seed=seed), clip, [0]),
        "flow": mean_iou(FlowPropagator(store, settings), clip, [0]),
        "query by entropy": area(ordered, clip, by_entropy, seed),
        "query at random": float(np.mean(by_luck)),
        "query evenly": area_evenly(ordered, clip),
    }


def footage(seed: int) -> dict[str, MoverClip]:
    """Low contrast, two objects, a look-alike, a moving camera and failing light."""
    return {"hard toys": synthetic_clip(seed, objects=2, contrast=50, look_alike=True, pan=1.0, light=-0.4)}


PROOF = Proof(
    "harmonic",
    (
        Claim("harmonic", "solved once"),
        Claim("harmonic", "frozen in random order"),
        Claim("harmonic", "flow"),
        Claim("query by entropy", "query at random", AREA),
        Claim("query by entropy", "query evenly", AREA),
    ),
    footage,
    figures,
)
