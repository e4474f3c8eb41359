"""Boxes on real footage: a few of many like objects (watch and learn), and of one category beside masks of others."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from tests.bench.discovery import boxed_categories, exemplars_proof
from tests.bench.discovery.boxed_categories import Scene, means_on
from tests.bench.proofs.proof import Figures, Proof, real_clips
from tests.toys.footage.movers import MoverClip

FRAMES, LEAST = 48, 40
"""Of a clip, and pixels of a vehicle; smaller parts are no object."""


def crowds(data: Path) -> Mapping[str, MoverClip]:
    """The highway, whose one mask is cut into connected vehicles, and the table."""
    clips = real_clips(data / "video_masks" / "other", FRAMES)
    highway = clips["cdnet-highway"]
    return {"cdnet-highway": replace(highway, truth=[_parts(masks) for masks in highway.truth])} | {
        "tabletop": clips["tabletop"]
    }


def _parts(masks: Mapping[int, np.ndarray]) -> dict[int, np.ndarray]:
    whole = np.any(list(masks.values()), axis=0).astype(np.uint8) if masks else np.zeros((1, 1), np.uint8)
    count, numbers, about, _ = cv2.connectedComponentsWithStats(whole)
    return {n: numbers == n for n in range(1, count) if about[n, cv2.CC_STAT_AREA] >= LEAST}


def boxed(given: tuple[Sequence[Scene], int, bool], seed: int, folder: Path) -> Figures:
    """The mean overlap of every arm on one category that has only boxes."""
    return means_on(*given, seed, folder)


def proofs(data: Path) -> Sequence[Proof]:
    """Return the proof of watch and learn, clip by clip, and that of boxes beside masks."""
    scenes = {
        f"fruits-nuts, boxes of {name}": (lambda kind=kind: boxed_categories.fruits(data), kind, False)
        for kind, name in enumerate(("date", "fig", "hazelnut"))
    }
    scenes["tabletop, boxes of its fifth object"] = (lambda: boxed_categories.tabletop(data), 4, True)
    return (
        replace(exemplars_proof.PROOF, name="watched clips", footage=lambda seed: crowds(data)),
        replace(
            boxed_categories.PROOF,
            name="boxed footage",
            footage=lambda seed: {name: (read(), kind, tracks) for name, (read, kind, tracks) in scenes.items()},
            figures=boxed,
        ),
    )
