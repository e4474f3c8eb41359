"""Proof of labels of points by diffusion (after LDLS): streets of boxes, cast by rays, masks reach 3 pixels too far.

Points by diffusion are held against points by the pixel that they fall on, by the mean IoU of the objects that have 20
points and more, and by the background points that have an object's label, of 1,000. With masks that are right nothing
should be lost.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from al_core.transfer.diffusion import diffuse
from tests.bench.proofs.proof import Claim, Figures, Proof
from tests.toys.lidar.raycast import HEIGHT, WIDTH, Street, nearest_pixels, street

DILATED = 3
LEAST_POINTS = 20
BLEED = "background points with a label, of 1,000"


def mean_point_iou(found: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    """The mean over objects with enough points."""
    numbers = [k for k in np.unique(truth[truth > 0]) if (truth == k).sum() >= LEAST_POINTS]
    overlaps = [((found == k) & (truth == k)).sum() / ((found == k) | (truth == k)).sum() for k in numbers]
    return float(np.mean(overlaps)) if overlaps else 1.0


def figures(scene: Street, seed: int, cache: Path) -> Figures:
    """All arms on one street."""
    there, where = scene.rig.seen(scene.points, (HEIGHT, WIDTH))
    truth, points = scene.objects[there], scene.points[there]
    found = {}
    for what, masks in {"": scene.dilated(DILATED), ", right masks": scene.masks}.items():
        arms = {"diffusion": diffuse(points, where, masks).instance, "nearest pixel": nearest_pixels(where, masks)}
        for name, labels in arms.items():
            found[name + what] = mean_point_iou(labels, truth)
            right = (truth > 0) & (arms["nearest pixel"] == truth)
            found[f"{name}{what}, lost"] = float((labels[right] != truth[right]).sum())
            found[f"{name}{what}, bleed"] = 1000 * float((labels[truth == 0] > 0).mean())
    return found


PROOF = Proof(
    "points",
    (
        Claim("diffusion", "nearest pixel"),
        Claim("diffusion, bleed", "nearest pixel, bleed", BLEED, fewer=True),
        Claim("diffusion, right masks", "nearest pixel, right masks"),
    ),
    lambda seed: {"streets": street(seed)},
    figures,
    seeds=10,
    on_clips=False,
)
