"""Proof of masks out of tags: branches of several rates against the plain one alone, where a category shows only in a
small part of a shape.

Both learn from the same tags, in as many steps, from the same draws. Neither sees a mask. The figures are over all
pixels of pictures that were not learnt from: overlap at the threshold that is best for each, recall where both are cut
at the same precision, and the overlap of the masks that people would be shown.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.discovery.tags.backbone import OwnEncoder
from al_core.discovery.tags.dilated_classifier import RATES, TaggedFrame, new_classifier, train
from al_core.discovery.tags.localisation import GROUND, OBJECT, cues, normalised, refined
from al_core.interactive.segmenters import grabcut
from al_core.propagation.affinity.encoder import new_encoder
from tests.bench.proofs.proof import Claim, Figures, Proof
from tests.toys.footage.marked_shapes import PLAIN, MarkedPicture, any_picture

LEARNT, JUDGED, STEPS, FEW_STEPS = 100, 24, 250, 100
"""Pictures that are learnt from, pictures that are judged, and steps of learning."""

PRECISION = 0.7
ARMS: Mapping[str, Sequence[int]] = {"rates 1, 3, 6, 9": RATES, "rate 1 alone": (1,)}
FIGURES = ("best overlap", "recall", "masks")

Pictures = tuple[list[MarkedPicture], list[MarkedPicture]]


def footage(seed: int) -> Mapping[str, Pictures]:
    """The pictures of a seed: to learn from, and to judge."""
    rng = np.random.default_rng(seed)
    return {"marked shapes": ([any_picture(rng) for _ in range(LEARNT)], [any_picture(rng) for _ in range(JUDGED)])}


def figures(pictures: Pictures, seed: int, cache: Path, steps: int = STEPS) -> Figures:
    """Both arms on the pictures of a seed."""
    learnt, judged = pictures
    backbone = OwnEncoder(new_encoder(seed))
    tagged = [TaggedFrame(backbone.see(one.image), one.present) for one in learnt]
    found: dict[str, float] = {}
    for arm, rates in ARMS.items():
        network = new_classifier(backbone.channels, PLAIN, seed, rates)
        train(network, tagged, seed, steps)
        said = []
        for one in (one for one in judged if one.masks):
            here = sorted(one.masks)
            maps = normalised(network.maps(backbone.see(one.image))[here])
            said += [Said.of(one.image, maps, place, one.masks[kind]) for place, kind in enumerate(here)]
        found |= told(arm, said, PRECISION)
    return found


@dataclass(frozen=True, eq=False)
class Said:
    """What is said of the pixels of a category in a picture that shows it.

    Attributes:
        scores: of its map, float32 [h, w].
        shown: the mask that each refiner makes of it, bool [h, w].
        truth: bool [h, w].
    """

    scores: NDArray[np.float32]
    shown: Mapping[str, NDArray[np.bool_]]
    truth: NDArray[np.bool_]

    @classmethod
    def of(cls, image: NDArray[np.uint8], maps: NDArray[np.float32], place: int, truth: NDArray[np.bool_]) -> "Said":
        """By the maps of the categories that are in the picture, this one at a place among them."""
        probabilities = {name: refine(image, maps) for name, refine in REFINERS.items()}
        shown = {name: (p[place] > 0.5) & (p.argmax(axis=0) == place) for name, p in probabilities.items()}
        return cls(np.asarray(cv2.resize(maps[place], image.shape[1::-1]), np.float32), shown, truth)


def told(arm: str, said: Sequence[Said], precision: float) -> Figures:
    """The figures of an arm over all pixels together."""
    scores, truth = (np.concatenate([getattr(one, name).ravel() for one in said]) for name in ("scores", "truth"))
    masks = {name: np.concatenate([one.shown[name].ravel() for one in said]) for name in REFINERS}
    values = judge(scores, masks[WALK], truth, precision)
    rivals = {f"{arm}: masks, {name}": judge(scores, mask, truth, precision)[2] for name, mask in masks.items()}
    return {f"{arm}: {name}": value for name, value in zip(FIGURES, values, strict=True)} | rivals


def by_grabcut(image: NDArray[np.uint8], maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """What GrabCut makes of the same sure cells, 0 or 1, float32 [c, h, w]."""
    size = image.shape[1::-1]
    found = np.zeros((len(maps), *image.shape[:2]), np.float32)
    for place, (one, sure) in enumerate(zip(maps, cues(maps), strict=True)):
        guess = np.where(one > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD)
        states = np.where(sure == OBJECT, cv2.GC_FGD, np.where(sure == GROUND, cv2.GC_BGD, guess)).astype(np.uint8)
        found[place] = grabcut(image, cv2.resize(states, size, interpolation=cv2.INTER_NEAREST), 3)
    return found


def as_they_are(image: NDArray[np.uint8], maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """The maps, float32 [c, h, w]."""
    return np.stack([cv2.resize(one, image.shape[1::-1]) for one in maps])


WALK, GRABCUT, MAPS = "random walk", "GrabCut", "no refiner"
REFINERS: Mapping[str, Callable[[NDArray[np.uint8], NDArray[np.float32]], NDArray[np.float32]]] = {
    WALK: refined,
    GRABCUT: by_grabcut,
    MAPS: as_they_are,
}


def judge(
    scores: NDArray[np.float32], shown: NDArray[np.bool_], truth: NDArray[np.bool_], precision: float = PRECISION
) -> tuple[float, float, float]:
    """Return the overlap at the best threshold, the recall at a precision, and the overlap of what is shown."""
    order = np.argsort(-scores, kind="stable")
    right, wrong = np.cumsum(truth[order]), np.cumsum(~truth[order])
    overlap, exact = right / (truth.sum() + wrong), right / (right + wrong)
    recall = right[exact >= precision].max(initial=0) / truth.sum()
    masks = np.count_nonzero(shown & truth) / np.count_nonzero(shown | truth)
    return float(overlap.max()), float(recall), masks


def claims() -> tuple[Claim, ...]:
    """What is claimed: more rates are better, by each figure."""
    ours, alone = ARMS
    words = ("IoU at the best threshold", f"recall at precision {PRECISION}", "IoU of the masks that are shown")
    rates = [Claim(f"{ours}: {name}", f"{alone}: {name}", what) for name, what in zip(FIGURES, words, strict=True)]
    return (*rates, *(Claim(f"{ours}: masks, {WALK}", f"{ours}: masks, {name}", words[2]) for name in (GRABCUT, MAPS)))


PROOF = Proof("tags", claims(), footage, figures, on_clips=False)
QUICK = replace(PROOF, name="quick tags", figures=partial(figures, steps=FEW_STEPS), seeds=5)
