"""Proof of masks out of strokes and of the shapes of other masks (after Valvano et al. 2021).

Some pictures have a stroke through each object and three through the ground, others none; masks of other
pictures, drawn anew, show which shapes there are. The rivals: the same network from strokes alone, in as many steps;
the same with masks whose pixels were shuffled, which show no shape, so that the gain must be gone; and the page's own
refiner, the random walker, which needs strokes in the picture. The figure is Dice of all objects of a picture together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from al_core.discovery.scribbles.adversarial_training import Lesson, Schedule, probabilities, train
from al_core.discovery.scribbles.crops import ScribbledFrame
from al_core.discovery.scribbles.gated_unet import GatedUNet
from al_core.interactive.scribbles import refine_with_scribble
from al_core.networks.network_state import seeded
from tests.bench.proofs.proof import Claim, Figures, Proof
from tests.toys.footage.movers import Mask
from tests.toys.footage.scribbled_scenes import Scene, classes, scene, shape, shuffled

SHAPES, ALONE, SHUFFLED, WALKER = "strokes and shapes", "strokes alone", "shuffled shapes", "random walker"
NETWORKS = (SHAPES, ALONE, SHUFFLED)
BARE = ", none in the picture"
STEPS, FEW_STEPS = 300, 80
"""Of a training of toys, and of a quick one; what a project trains is longer."""

STROKED, PICTURES, MASKS = 8, 12, 24
"""Pictures with strokes, pictures without, and masks of others."""


@dataclass(frozen=True, eq=False)
class Task:
    """What a network learns from and is measured on.

    Attributes:
        stroked: pictures with strokes.
        bare: pictures without, which nothing says anything of.
        seen: how many of these the critic looks at.
        shapes: masks of other pictures.
    """

    stroked: Sequence[Scene]
    bare: Sequence[Scene]
    seen: int
    shapes: Sequence[Mask]


def task(seed: int) -> Task:
    """The toys of a seed."""
    numbers = np.random.default_rng(seed).integers(2**31, size=STROKED + PICTURES + MASKS).tolist()
    drawn = [scene(number) for number in numbers[: STROKED + PICTURES]]
    shapes = [shape(number) for number in numbers[STROKED + PICTURES :]]
    return Task(drawn[:STROKED], drawn[STROKED:], PICTURES, shapes)


def dice(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Twice what both share, of what both have; 1 where nothing is and nothing was found."""
    both = int(found.sum() + truth.sum())
    return 2 * int((found & truth).sum()) / both if both else 1.0


def mean_dice(network: GatedUNet, scenes: Sequence[Scene]) -> float:
    """The mean over pictures."""
    return float(np.mean([dice(probabilities(network, one.image)[0] < 0.5, one.mask) for one in scenes]))


def walked(one: Scene) -> Mask:
    """What the page's refiner makes of the strokes through each object and of those through the ground."""
    inside, outside = one.scribbles()
    nothing = np.zeros(one.mask.shape, np.float32)
    return np.any([refine_with_scribble(one.image, nothing, [stroke, *outside]) for stroke in inside], axis=0)


def arms(given: Task, seed: int, schedule: Schedule, names: Sequence[str] = NETWORKS) -> Figures:
    """Every network on one task, and the random walker."""
    found = {WALKER: float(np.mean([dice(walked(one), one.mask) for one in given.stroked]))}
    scribbled = [ScribbledFrame(one.image, classes(one)) for one in given.stroked]
    pictures = [one.image for one in (*given.stroked, *given.bare[: given.seen])]
    noise = [shuffled(mask, number) for number, mask in enumerate(given.shapes)]
    shapes: Mapping[str, Sequence[Mask]] = {SHAPES: given.shapes, ALONE: [], SHUFFLED: noise}
    for name in names:
        network = seeded(lambda: GatedUNet(2), seed)
        train(network, Lesson(scribbled, pictures, shapes[name]), seed, schedule)
        found[name] = mean_dice(network, given.stroked)
        found[name + BARE] = mean_dice(network, given.bare)
    return found


def figures(given: Task, seed: int, cache: Path, steps: int = STEPS) -> Figures:
    """Every arm on the toys of a seed."""
    return arms(given, seed, Schedule(steps))


PROOF = Proof(
    "scribbles",
    (
        *(Claim(SHAPES, rival, "Dice") for rival in (ALONE, SHUFFLED, WALKER)),
        *(Claim(SHAPES + BARE, rival + BARE, "Dice") for rival in (ALONE, SHUFFLED)),
        Claim(SHUFFLED, ALONE, "Dice"),
    ),
    lambda seed: {"round objects": task(seed)},
    figures,
    on_clips=False,
)
QUICK = replace(PROOF, name="quick scribbles", figures=partial(figures, steps=FEW_STEPS), seeds=5)
