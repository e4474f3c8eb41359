"""What the proofs of propagators share: scores, real clips, and paired differences with bootstrap intervals."""

import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from al_core.propagation.base import Propagator
from tests.toys.footage.movers import MoverClip, iou

RESAMPLES = 10_000


def mean_iou(propagator: Propagator, clip: MoverClip, marks: Sequence[int], among: Collection[int] = ()) -> float:
    """Over all objects to be seen in the frames that are not labelled, or in those of them that are ``among``."""
    found = []
    for frame in propagator.propagate(clip, {i: clip.truth[i] for i in marks}):
        if frame.frame_idx in marks or (among and frame.frame_idx not in among):
            continue
        for number, truth in clip.truth[frame.frame_idx].items():
            seen = frame.tracks.get(number)
            found.append(iou(seen.mask.full() > 0.5, truth) if seen else 0.0)
    return float(np.mean(found))


def difference(first: Sequence[float], second: Sequence[float]) -> tuple[str, str, str, str]:
    """(both means, mean difference, its 95% bootstrap interval over clips, verdict) as text."""
    apart = np.subtract(first, second)
    drawn = np.random.default_rng(0).integers(len(apart), size=(RESAMPLES, len(apart)))
    low, high = np.quantile(apart[drawn].mean(axis=1), [0.025, 0.975])
    verdict = "wins" if low > 0 else "LOSES" if high < 0 else "not decided"
    means = f"{np.mean(first):.3f} / {np.mean(second):.3f}"
    return means, f"{apart.mean():+.3f}", f"{low:+.3f} to {high:+.3f}", verdict


def real_clips(data: Path, n_frames: int, width: int = 427) -> list[MoverClip]:
    """The first frames of every sequence of a folder in DAVIS layout, frames and masks ``width`` pixels wide."""
    clips = []
    for folder in sorted((data / "Annotations" / "480p").iterdir()):
        images, truth = [], []
        for path in sorted(folder.glob("*.png"))[:n_frames]:
            image = cv2.imread(str(data / "JPEGImages" / "480p" / folder.name / f"{path.stem}.jpg"))
            size = (width, round(image.shape[0] * width / image.shape[1]))
            images.append(np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA)[..., ::-1], np.uint8))
            truth.append(_objects(path, size))
        clips.append(MoverClip(images, truth, sha256=hashlib.sha256(np.stack(images).tobytes()).hexdigest()))
    return clips


def _objects(path: Path, size: tuple[int, int]) -> dict[int, np.ndarray]:
    numbers = cv2.resize(np.array(Image.open(path)), size, interpolation=cv2.INTER_NEAREST)
    return {int(n): numbers == n for n in np.unique(numbers) if n not in (0, 255)}
