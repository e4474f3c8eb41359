"""Proof of masks out of tags: branches of several rates against the plain one alone, where a category shows only in a
small part of a shape.

Both learn from the same tags, in as many steps, from the same draws. Neither sees a mask. The figures are over all
pixels of pictures that were not learnt from: overlap at the threshold that is best for each, recall where both are cut
at the same precision, and the overlap of the masks that people would be shown.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.discovery.tags.backbone import OwnEncoder
from al_core.discovery.tags.dilated_classifier import RATES, TaggedFrame, new_classifier, train
from al_core.discovery.tags.localisation import normalised, refined
from al_core.propagation.affinity.encoder import new_encoder
from tests.bench.proofs.proof import Claim, Figures, Proof
from tests.toys.footage.marked_shapes import PLAIN, MarkedPicture, any_picture

LEARNT, JUDGED, STEPS = 100, 24, 250
"""Pictures that are learnt from, pictures that are judged, and steps of learning."""

PRECISION = 0.7
ARMS: Mapping[str, Sequence[int]] = {"rates 1, 3, 6, 9": RATES, "rate 1 alone": (1,)}
FIGURES = ("best overlap", "recall", "masks")

Pictures = tuple[list[MarkedPicture], list[MarkedPicture]]


def footage(seed: int) -> Mapping[str, Pictures]:
    """The pictures of a seed: to learn from, and to judge."""
    rng = np.random.default_rng(seed)
    return {"marked shapes": ([any_picture(rng) for _ in range(LEARNT)], [any_picture(rng) for _ in range(JUDGED)])}


def figures(pictures: Pictures, seed: int, cache: Path) -> Figures:
    """Both arms on the pictures of a seed."""
    learnt, judged = pictures
    backbone = OwnEncoder(new_encoder(seed))
    tagged = [TaggedFrame(backbone.see(one.image), one.present) for one in learnt]
    found: dict[str, float] = {}
    for arm, rates in ARMS.items():
        network = new_classifier(backbone.channels, PLAIN, seed, rates)
        train(network, tagged, seed, STEPS)
        scores, shown, truth = [], [], []
        for one in judged:
            here = sorted(one.masks)
            maps = normalised(network.maps(backbone.see(one.image))[here])
            probability = refined(one.image, maps) if here else np.zeros((0, *one.image.shape[:2]))
            for place, kind in enumerate(here):
                scores.append(cv2.resize(maps[place], one.image.shape[1::-1]).ravel())
                shown.append(((probability[place] > 0.5) & (probability.argmax(axis=0) == place)).ravel())
                truth.append(one.masks[kind].ravel())
        values = judge(np.concatenate(scores), np.concatenate(shown), np.concatenate(truth))
        found |= {f"{arm}: {name}": value for name, value in zip(FIGURES, values, strict=True)}
    return found


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
    return tuple(Claim(f"{ours}: {name}", f"{alone}: {name}", what) for name, what in zip(FIGURES, words, strict=True))


PROOF = Proof("tags", claims(), footage, figures, on_clips=False)
