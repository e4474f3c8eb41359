"""Proof of the affinity propagator (after MAMP): whether learned features and the flow help to copy masks.

Every arm gets the same evenly spaced labels: two on toys of 12 frames, four on real clips.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from torch.nn import functional

from al_core.footage.clips import ClipFrames
from al_core.masks.soft import shrink
from al_core.propagation.affinity.affinity import AffinityPropagator, Matching
from al_core.propagation.affinity.encoder import STRIDE, Describe, to_lab
from al_core.propagation.affinity.encoder_training import learned_features
from al_core.propagation.base import Labels, PropagatedFrame, PropagatedTrack, Propagator, Resources
from al_core.propagation.flow import FlowPropagator
from al_core.settings import PropagationSettings
from al_core.stores.optical_flow import FlowStore
from tests.bench.proofs.proof import Claim, Figures, Proof, mean_iou
from tests.toys.footage.movers import MoverClip, line, mover_clip

LAB_SCALE = 10.0
"""Of raw Lab as features; better than 5 or as good on the DAVIS clips that were looked at."""


class Static:
    """Masks of the nearest labelled frame, where they were."""

    def propagate(self, clip: ClipFrames, labels: Labels) -> Iterator[PropagatedFrame]:
        """Every frame, in order."""
        for i in range(clip.n_frames):
            nearest = min(labels, key=lambda mark: abs(mark - i))
            masks = {t: shrink(mask, clip.size).soft(clip.size) for t, mask in labels[nearest].items()}
            yield PropagatedFrame(i, {t: PropagatedTrack(mask, 1.0) for t, mask in masks.items()})


def figures(clip: MoverClip, seed: int, cache: Path) -> Figures:
    """All arms on one clip."""
    n_labels = 2 if clip.n_frames <= 12 else 4
    marks = [int((i + 0.5) * clip.n_frames / n_labels) for i in range(n_labels)]
    return {name: mean_iou(arm, clip, marks) for name, arm in arms_of(cache).items()}


def arms_of(cache: Path) -> dict[str, Propagator]:
    """What is compared, by name."""
    store, settings = FlowStore(cache / "flow"), PropagationSettings()
    learned = learned_features(Resources(settings, cache))
    untrained = learned_features(Resources(PropagationSettings(encoder_steps=0), cache))

    def copying(features: Callable[..., Describe], **matching: bool) -> Propagator:
        return AffinityPropagator(store, settings, features, Matching(**matching))

    return {
        "affinity, learned": copying(learned),
        "raw Lab colour": copying(lab_features),
        "affinity, untrained": copying(untrained),
        "memory not brought along the flow": copying(learned, aligned=False),
        "masks that stay": Static(),
        "flow": FlowPropagator(store, settings),
    }


def lab_features(frames: ClipFrames, size: tuple[int, int]) -> Describe:
    """The mean colour of each cell."""
    return lambda image: functional.avg_pool2d(to_lab(image)[None], STRIDE)[0] * LAB_SCALE


def toy(seed: int, step: tuple[float, float]) -> MoverClip:
    """Two disks that meet, one over the other."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(24, 32), rng.uniform(34, 44)
    right = line((x, y), step)
    left = line((x + 11 * step[0], y + rng.uniform(20, 28)), (-step[0], -step[1]))
    return mover_clip({1: right, 2: left}, radius=18, size=(96, 256), seed=seed)


def footage(seed: int) -> dict[str, MoverClip]:
    """Disks that move slowly, and by more than the window in each frame."""
    return {"slow toys": toy(seed, (3, 1)), "fast toys": toy(1000 + seed, (17, 3))}


PROOF = Proof(
    "affinity",
    tuple(
        Claim("affinity, learned", rival)
        for rival in (
            "raw Lab colour",
            "affinity, untrained",
            "memory not brought along the flow",
            "masks that stay",
            "flow",
        )
    ),
    footage,
    figures,
)
