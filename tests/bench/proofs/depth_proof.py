"""Proof of depth that is learnt from a moving camera (Hoyer et al. 2021): rank correlation with the true depth of
rendered scenes, over all pixels of a frame.

Its rivals know nothing or little: a network with random weights, how far down a pixel is (what is low is near, on any
ground), and how much it moves (the cheap stand-in of ``nearness_by_motion``).
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from al_core.depth import depth_network
from al_core.depth.camera_motion import flow_between, nearness_by_motion
from al_core.depth.depth_network import DepthNetwork, new_depth_network
from al_core.depth.depth_training import lesson_of, trained_depth
from al_core.settings import StudentSettings
from al_core.stores.disk_cache import DiskCache
from tests.bench.proofs.proof import Claim, Figures, Proof
from tests.toys.footage.travelling import TravellingClip, travelling_clip
from tests.toys.students import NARROW

CLIPS, STEPS, FEW_STEPS, SIDE, EVERY = 2, 250, 80, 96, 3
LEARNT, RANDOM, ROWS, MOTION = "depth", "random weights", "how far down", "how much it moves"


def figures(clips: Sequence[TravellingClip], seed: int, cache: Path, steps: int = STEPS) -> Figures:
    """Mean rank correlation of each, over every third frame of all clips; what is trained is thrown away."""
    usual, depth_network.LONG_SIDE = depth_network.LONG_SIDE, SIDE
    try:
        with TemporaryDirectory(dir=cache.parent) as name:
            override = Path(name) / "narrow.py"
            override.write_text(NARROW)
            student = StudentSettings(override=str(override), device="cpu")
            lesson = lesson_of(clips, [f"clip {n}" for n in range(len(clips))])
            learnt = trained_depth(lesson, student, DiskCache(Path(name) / "cache", 10**9), steps, seed)
            untrained = new_depth_network(student, len(clips), seed).eval()
            found = [_frame(clip, i, learnt, untrained) for clip in clips for i in range(0, clip.n_frames - 1, EVERY)]
    finally:
        depth_network.LONG_SIDE = usual
    return {arm: float(np.mean([one[arm] for one in found])) for arm in found[0]}


def _frame(clip: TravellingClip, i: int, learnt: DepthNetwork, untrained: DepthNetwork) -> Figures:
    image, truth = clip.read(i), 1 / clip.depths[i]
    seen = {
        LEARNT: learnt.disparity(image),
        RANDOM: untrained.disparity(image),
        ROWS: np.mgrid[: clip.size[0], : clip.size[1]][0],
        MOTION: nearness_by_motion(flow_between(image, clip.read(i + 1))),
    }
    return {arm: _correlation(values, truth) for arm, values in seen.items()}


def _correlation(values: NDArray[np.floating], truth: NDArray[np.float64]) -> float:
    return float(spearmanr(values.ravel(), truth.ravel()).statistic)


PROOF = Proof(
    "depth",
    tuple(Claim(LEARNT, rival, "rank correlation with true depth") for rival in (RANDOM, ROWS, MOTION)),
    lambda seed: {f"{CLIPS} scenes": [travelling_clip(10 * seed + n) for n in range(CLIPS)]},
    figures,
    seeds=5,
    on_clips=False,
)
QUICK = replace(PROOF, name="quick depth", figures=partial(figures, steps=FEW_STEPS))
