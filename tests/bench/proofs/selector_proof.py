"""Proof of the strategies that choose frames: campaigns on a pool of made clips, flow propagation, whole masks.

The figure is the mean J&F over all frames, averaged over the rounds of a campaign. The clips of a pool differ in
difficulty, and have quiet stretches and bursts: without these, nothing beats even spacing. The selection bench
(``fewframes bench``) does the same on real footage.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from al_core.benchmark.simulated_people import annotator_of
from al_core.benchmark.world import World, run_campaign
from al_core.propagation.flow import FlowPropagator
from al_core.settings import AnnotatorSettings, PropagationSettings, SelectionSettings
from al_core.stores.optical_flow import FlowStore
from tests.bench.proofs.proof import Claim, Figures, Proof
from tests.toys.footage.known import KnownClip
from tests.toys.footage.movers import MoverClip
from tests.toys.footage.synthetic import synthetic_clip

ROUNDS, FRAMES_A_ROUND = 5, 4
STRATEGIES = ("value", "uniform", "farthest_with_error", "diverse", "hybrid", "least_certain", "patch_cycles")
REPEATS = 3
"""Campaigns with random frames, whose mean counts."""

JF = "J&F over rounds"


def figures(clips: Sequence[KnownClip], seed: int, cache: Path) -> Figures:
    """All strategies on one pool."""
    world = World(clips, FlowPropagator(FlowStore(cache / "flow"), PropagationSettings()))
    found = {name: campaign(world, name, seed) for name in (*STRATEGIES, "oracle")}
    return found | {"random": float(np.mean([campaign(world, "random", seed + 1000 * n) for n in range(REPEATS)]))}


def campaign(world: World, strategy: str, seed: int) -> float:
    """Mean J&F over all frames of all clips, averaged over the rounds."""
    settings = SelectionSettings(
        strategy=strategy,
        frames_per_round=FRAMES_A_ROUND,
        planned_frames=ROUNDS * FRAMES_A_ROUND,
        min_gap=1,
        control_share=0.0,
    )
    rng = np.random.default_rng([seed, 1])
    points = run_campaign(world, strategy, settings, ROUNDS, annotator_of(world, "mask", AnnotatorSettings()), rng)
    return float(np.mean([np.mean([o.jf for found in p.outcomes.values() for o in found]) for p in points]))


def pool(seed: int) -> list[KnownClip]:
    """Four clips of 40 frames: plain, hidden for a while, of low contrast with a moving camera, and nearly still."""
    made = [
        synthetic_clip(seed),
        synthetic_clip(seed + 1000, occluder=True),
        synthetic_clip(seed + 2000, objects=2, contrast=50, pan=1.0, light=-0.4),
        synthetic_clip(seed + 3000, n_frames=160),
    ]
    return [played(clip, f"clip {number}", seed + number) for number, clip in enumerate(made)]


def played(clip: MoverClip, name: str, seed: int, n_frames: int = 40) -> KnownClip:
    """A clip that stands still for a while now and then."""
    rng = np.random.default_rng(seed)
    index: list[int] = []
    at = 0
    while len(index) < n_frames:
        length = int(rng.integers(2, 9))
        moving = rng.random() < 0.5
        index += [min(at + (i if moving else 0), clip.n_frames - 1) for i in range(length)]
        at = min(index[-1] + moving, clip.n_frames - 1)
    index = index[:n_frames]
    images = [clip.images[i] for i in index]
    sha256 = hashlib.sha256(np.stack(images).tobytes()).hexdigest()
    return KnownClip(name, MoverClip(images, [clip.truth[i] for i in index], sha256=sha256))


PROOF = Proof(
    "selector",
    (
        Claim("value", "random", JF),
        Claim("value", "uniform", JF),
        Claim("farthest_with_error", "random", JF),
        Claim("farthest_with_error", "uniform", JF),
        Claim("diverse", "uniform", JF),
        Claim("hybrid", "uniform", JF),
        Claim("least_certain", "uniform", JF),
        Claim("patch_cycles", "random", JF),
        Claim("oracle", "value", JF),
    ),
    lambda seed: {"pools of 4 made clips": pool(seed)},
    figures,
    on_clips=False,
)
