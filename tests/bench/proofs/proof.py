"""What all proofs have in common: claims about arms that are measured on the same footage, paired by case.

A case is one seed of made footage, or one real clip. Every arm of a proof is measured on every case; a claim compares
two arms and is told with a bootstrap interval over cases. Seeds from ``HELD_BACK`` on are kept for proofs: no constant
was chosen on them, and no unit test uses them.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from al_core.evaluation.bootstrap import mean_estimate
from al_core.propagation.base import Propagator
from tests.toys.footage.movers import MoverClip, iou

HELD_BACK = 100
"""The first seed of a proof."""

LEAST_CASES = 5
"""Fewer cases decide nothing: that four differ in the same direction happens by chance in one of eight proofs."""

DRAWS = 10_000

Figures = Mapping[str, float]
"""arm -> figure of one case."""


@dataclass(frozen=True)
class Claim:
    """That one arm is better than another.

    Attributes:
        system, rival: names of arms.
        what: the figure that is compared, e.g. "mean IoU".
        fewer: less is better.
    """

    system: str
    rival: str
    what: str = "mean IoU"
    fewer: bool = False


@dataclass(frozen=True)
class Proof:
    """One system's proof.

    Attributes:
        footage: the footage of a seed, by what it shows.
        figures: (footage, seed, folder for what may be computed again) -> figures of all arms.
        seeds: how many are measured by default.
        on_clips: ``figures`` can also be asked about any real clip.
        pooled: what all footage together is called, if claims are about that.
        repeated: seeds change the system and not the footage: figures are means over them before footage is compared.
    """

    name: str
    claims: tuple[Claim, ...]
    footage: Callable[[int], Mapping[str, Any]]
    figures: Callable[[Any, int, Path], Figures]
    seeds: int = 8
    on_clips: bool = True
    pooled: str = ""
    repeated: bool = False


@dataclass(frozen=True)
class Row:
    """A claim on some footage, as it turned out."""

    cells: tuple[str, ...]
    verdict: str

    @classmethod
    def of(cls, claim: Claim, footage: str, found: Sequence[Figures], seconds: float) -> "Row":
        """Compare the two arms over all cases; without any, the claim is not measured."""
        name = (claim.system, f"{footage} ({len(found)})", claim.rival, claim.what)
        if not found:
            return cls((*name, "", "", "", "", "not measured"), "not measured")
        ours, theirs = (np.array([figures[arm] for figures in found]) for arm in (claim.system, claim.rival))
        apart = mean_estimate(ours - theirs, np.random.default_rng(0), DRAWS)
        sign = -1 if claim.fewer else 1
        better, worse = (sign * end for end in (apart.low, apart.high)[::sign])
        verdict = "wins" if better > 0 else "LOSES" if worse < 0 else "undecided"
        verdict = verdict if len(found) >= LEAST_CASES else "undecided"
        interval = f"{apart.low:+.3f} to {apart.high:+.3f}" if apart.known else "one case: no interval"
        means = f"{ours.mean():.3f} / {theirs.mean():.3f}"
        return cls((*name, means, f"{apart.value:+.3f}", interval, f"{seconds:.0f}", verdict), verdict)


def mean_iou(propagator: Propagator, clip: MoverClip, marks: Sequence[int], among: Collection[int] = ()) -> float:
    """Mean over all objects to be seen in the frames that are not labelled, or in those of them that are ``among``."""
    found = []
    for frame in propagator.propagate(clip, {i: clip.truth[i] for i in marks}):
        if frame.frame_idx in marks or (among and frame.frame_idx not in among):
            continue
        for number, truth in clip.truth[frame.frame_idx].items():
            seen = frame.tracks.get(number)
            found.append(iou(seen.mask.full() > 0.5, truth) if seen else 0.0)
    return float(np.mean(found))


def real_clips(data: Path, n_frames: int, width: int = 427) -> dict[str, MoverClip]:
    """The first frames of every sequence of a folder in DAVIS layout, frames and masks ``width`` pixels wide."""
    clips = {}
    for folder in sorted((data / "Annotations" / "480p").iterdir()):
        images, truth = [], []
        for path in sorted(folder.glob("*.png"))[:n_frames]:
            image = cv2.imread(str(data / "JPEGImages" / "480p" / folder.name / f"{path.stem}.jpg"))
            size = (width, round(image.shape[0] * width / image.shape[1]))
            images.append(np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA)[..., ::-1], np.uint8))
            truth.append(_objects(path, size))
        sha256 = hashlib.sha256(np.stack(images).tobytes()).hexdigest()
        clips[folder.name] = MoverClip(images, truth, sha256=sha256)
    return clips


def _objects(path: Path, size: tuple[int, int]) -> dict[int, np.ndarray]:
    numbers = cv2.resize(np.array(Image.open(path)), size, interpolation=cv2.INTER_NEAREST)
    return {int(n): numbers == n for n in np.unique(numbers) if n not in (0, 255)}
