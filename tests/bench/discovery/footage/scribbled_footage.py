"""Masks out of strokes and of other masks' shapes on real pictures: cells, and a dog by the shapes of other dogs.

A scripted person draws a stroke through each object of some pictures (along its middle, three fifths of its length) and
one through the ground in each third. Of the cells, the masks of every other image show shapes, four of the others have
strokes. Of each of three clips with a dog, five even frames have strokes, and the masks of the two others show shapes.
The arms are those of :mod:`tests.bench.discovery.scribbles_proof`, and so is the figure.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from al_core.discovery.scribbles.adversarial_training import Schedule
from al_core.discovery.scribbles.scribble_network import LONG_SIDE
from al_core.footage.images import read_image, resized, working_size
from tests.bench.discovery.scribbles_proof import PROOF, Task, arms
from tests.bench.proofs.proof import Figures, Proof
from tests.toys.footage.scribbled_scenes import Scene

DOGS = {"dog": "davis16_val", "libby": "davis16_val", "dog-agility": "davis16_train"}
STEPS = 150
"""Of a training: a quarter of what a project trains."""

CELLS_STROKED, DOG_STROKED, MEASURED = 4, 5, 12
LEAST_PIXELS = 12
"""Smaller pieces of objects get no stroke."""


def read(image: Path, mask: Path) -> Scene:
    """A picture with its objects, as the network sees it."""
    picture, values = read_image(image), cv2.imread(str(mask), cv2.IMREAD_UNCHANGED)
    assert values is not None
    values = values if values.ndim == 2 else values.max(axis=2)
    size = working_size(*picture.shape[:2], LONG_SIDE)
    numbers = cv2.resize(values, size[::-1], interpolation=cv2.INTER_NEAREST)
    objects = [numbers == number for number in np.unique(numbers) if number]
    return Scene(resized(picture, size), [one for one in objects if one.sum() >= LEAST_PIXELS])


def cells(data: Path, rng: np.random.Generator) -> Task:
    """Cells in phase contrast: of 50 images the masks of 25 show shapes, 4 have strokes, 12 others are measured."""
    folder = data / "images" / "usiigaci-phase"
    names = sorted((path.stem for path in (folder / "images").iterdir()), key=_number)
    scenes = [read(next((folder / "images").glob(f"{n}.*")), folder / "instances" / f"{n}.png") for n in names]
    order = rng.permutation(np.arange(1, len(scenes), 2)).tolist()
    stroked, bare = order[:CELLS_STROKED], order[CELLS_STROKED:][:MEASURED]
    return Task([scenes[n] for n in stroked], [scenes[n] for n in bare], len(bare), [s.mask for s in scenes[::2]])


def dog(data: Path, name: str) -> Task:
    """A clip with a dog: 5 frames have strokes, 12 others are measured, and the other clips' masks show shapes."""
    clips = {clip: _clip(data / "video_masks" / group, clip) for clip, group in DOGS.items()}
    own = clips.pop(name)
    stroked = np.linspace(0, len(own) - 1, DOG_STROKED).round().astype(int).tolist()
    rest = [n for n in range(len(own)) if n not in stroked]
    bare = [rest[n] for n in np.linspace(0, len(rest) - 1, MEASURED).round().astype(int)]
    shapes = [one.mask for clip in clips.values() for one in clip[::2]]
    return Task([own[n] for n in stroked], [own[n] for n in bare], len(bare), shapes)


def _clip(group: Path, name: str) -> list[Scene]:
    masks = sorted((group / "Annotations" / "480p" / name).glob("*.png"))
    return [read(group / "JPEGImages" / "480p" / name / f"{mask.stem}.jpg", mask) for mask in masks]


def _number(name: str) -> int:
    return int(re.findall(r"\d+", name)[-1])


def figures(given: Task, seed: int, folder: Path) -> Figures:
    """Every arm."""
    return arms(given, seed, Schedule(STEPS, seconds=1e6))


def proofs(data: Path) -> Sequence[Proof]:
    """Return the proof on cells, whose pictures follow from the seed, and that on dogs."""
    on_dogs = replace(PROOF, seeds=2, pooled="each of three dogs", repeated=True)
    return (
        replace(
            PROOF,
            name="scribbled cells",
            footage=lambda seed: {"cells": cells(data, np.random.default_rng(seed))},
            figures=figures,
            seeds=2,
        ),
        replace(
            on_dogs,
            name="scribbled dogs",
            footage=lambda seed: {name: dog(data, name) for name in DOGS},
            figures=figures,
        ),
    )
