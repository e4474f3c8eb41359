"""Proofs of the student of the motion teacher (after MuG): on clips that it never saw, and loss by loss.

For each seed eight made clips are learnt from, without labels; others are held back. In those of the second kind the
camera and everything else stand still for the second half: only what an object looks like is left to tell it by.
The figure of discovery is the mean overlap with the best part that was found; that of matching is the mean overlap of
masks that are carried from two labelled frames.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from al_core.discovery.discoverer import DiscoveryClip, Means
from al_core.discovery.given import NOTHING_GIVEN
from al_core.discovery.granularity.losses import USUAL, Weights
from al_core.discovery.granularity.student import MOTION, GranularityStudent
from al_core.discovery.motion import moving_in
from al_core.propagation.affinity.affinity import AffinityPropagator
from al_core.propagation.affinity.encoder import Encoder, describing, new_encoder
from al_core.settings import PropagationSettings
from al_core.stores.optical_flow import FlowStore
from tests.bench.discovery.discovery_proof import overlap
from tests.bench.proofs.affinity_proof import lab_features
from tests.bench.proofs.proof import Claim, Figures, Proof, mean_iou
from tests.toys.footage.movers import Mask, MoverClip
from tests.toys.footage.synthetic import synthetic_clip

STUDENT, TOGETHER, TEACHER = "student of motion", "student and motion", "motion teacher"
LEARNED, COLOUR, UNTRAINED = "matching, student's encoder", "matching, raw Lab colour", "matching, untrained"
STEPS, STEPS_OF_LOSS, FEW_STEPS = 200, 100, 60
"""Of a training, of each where the losses are compared, and of a quick one; what a project trains is longer."""

KINDS: Sequence[Mapping[str, Any]] = (
    {},
    {"pan": 2.0},
    {"objects": 2, "pan": 1.0, "light": -0.3},
    {"look_alike": True, "pan": 1.0},
)
LEARNT = 8
LOSSES = ("recolouring", "concentration", "cycle", "video")


@dataclass(frozen=True)
class Held:
    """A clip that is held back, and the seed of those that are learnt from."""

    clip: MoverClip
    seed: int


def footage(seed: int) -> Mapping[str, Held]:
    """The clips of a seed that are held back."""
    moving = synthetic_clip(_number(seed, LEARNT), pan=1.0)
    return {"it moves": Held(moving, seed), "it stops": Held(stopping(synthetic_clip(_number(seed, LEARNT + 1))), seed)}


def stopping(clip: MoverClip) -> MoverClip:
    """The same clip, which stays at its middle frame from there on, but for the noise of a camera."""
    middle, rng = clip.n_frames // 2, np.random.default_rng(clip.n_frames)
    images = list(clip.images)
    for i in range(middle, clip.n_frames):
        noise = rng.normal(0, 1.5, images[middle].shape)
        images[i] = np.clip(clip.images[middle] + noise, 0, 255).astype(np.uint8)
    truth = [clip.truth[min(i, middle)] for i in range(clip.n_frames)]
    return MoverClip(images, truth, sha256=clip.sha256[::-1])


def student_of(seed: int, cache: Path, weights: Weights = USUAL, steps: int = STEPS) -> GranularityStudent:
    """A student that learnt from the clips of a seed."""
    student = GranularityStudent(Means(FlowStore(cache / "flow"), cache / "granularity"), weights, steps, 0.0)
    learnt = [synthetic_clip(_number(seed, n), **KINDS[n % len(KINDS)]) for n in range(LEARNT)]
    clips = [DiscoveryClip(n, str(n), clip) for n, clip in enumerate(learnt, start=1)]
    student.learn(clips, NOTHING_GIVEN, np.random.default_rng(0))
    return student


def found(student: GranularityStudent, clip: MoverClip, motion: float = 0.0) -> Iterator[list[Mask]]:
    """What a student finds in each frame of a clip."""
    looking = student.counting(motion)
    for _, objects in looking.find(DiscoveryClip(1, "held back", clip), NOTHING_GIVEN, np.random.default_rng(0)):
        yield [one.mask.full() > 0.5 for one in objects]


def figures(held: Held, seed: int, cache: Path, steps: int = STEPS) -> Figures:
    """Every arm on one clip."""
    student, clip = student_of(held.seed, cache, steps=steps), held.clip
    marks = [int((i + 0.5) * clip.n_frames / 2) for i in range(2)]
    taught = ([one.mask.full() > 0.5 for one in objects] for _, objects in moving_in(student.means.flow, clip))
    return {
        STUDENT: overlap(clip, found(student, clip)),
        TOGETHER: overlap(clip, found(student, clip, MOTION)),
        TEACHER: overlap(clip, taught),
        LEARNED: carried(clip, student.network.encoder, cache, marks),
        COLOUR: carried(clip, None, cache, marks),
        UNTRAINED: carried(clip, new_encoder(0), cache, marks),
    }


def carried(clip: MoverClip, encoder: Encoder | None, cache: Path, marks: Sequence[int]) -> float:
    """Mean overlap of masks that are carried from some frames by an encoder, or by raw colour."""
    store, settings = FlowStore(cache / "flow"), PropagationSettings(flow_long_side=max(clip.size))
    features = lab_features if encoder is None else lambda frames, size: describing(encoder)
    return mean_iou(AffinityPropagator(store, settings, features), clip, marks)


def losses(held: Held, seed: int, cache: Path) -> Figures:
    """The student with all losses, and without each, together on both kinds of footage."""
    arms = {"all losses": USUAL, **{f"without {name}": USUAL.without(name) for name in LOSSES}}
    return {
        name: overlap(held.clip, found(student_of(held.seed, cache, weights, STEPS_OF_LOSS), held.clip))
        for name, weights in arms.items()
    }


def _number(seed: int, clip: int) -> int:
    return 1000 * seed + clip


CLAIMS = (
    Claim(STUDENT, TEACHER),
    Claim(TOGETHER, TEACHER),
    Claim(LEARNED, COLOUR),
    Claim(LEARNED, UNTRAINED),
)
PROOF = Proof("granularity", CLAIMS, footage, figures, seeds=5)
QUICK = replace(PROOF, name="quick granularity", figures=partial(figures, steps=FEW_STEPS))
LOSS_PROOF = Proof(
    "granularity losses",
    tuple(Claim("all losses", f"without {name}") for name in LOSSES),
    footage,
    losses,
    seeds=5,
)
