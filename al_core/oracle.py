"""The simulated annotator: answers from held-back truth, with a person's inaccuracy and a person's time.

Prices are those of the settings (defaults as EVA-VOS counts them: Delatolas et al., WACV 2024): a mask 80 s
per object, a box 7 s, clicks 1.5 s each and 1 s once per object, "nothing here" 3 s, a proposal accepted as
it is 2 s per object.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from al_core.errors import BadLabel
from al_core.records import Answer, FrameLabel, FrameRef, LabelKind, LabelRequest, MaskLabel
from al_core.rle import Rle, decode, encode, iou
from al_core.settings import AnnotatorSettings

ACCEPT_IOU = 0.9
"""A proposed mask at least this like the object is taken as it is."""

LARGEST_SHARE = 0.25
"""Noise moves the outline of a small object by no more than this share of its radius."""

TruthLookup = Callable[[FrameRef], FrameLabel | None]
"""What is really in a frame; None when nobody knows."""


def label_seconds(settings: AnnotatorSettings, kind: LabelKind, n: int = 1) -> float:
    """Human seconds for ``n`` labels of a kind.

    Args:
        n: objects for masks, boxes and accepted proposals; clicks on one object; "nothing here" costs the
            same for any n.
    """
    match kind:
        case LabelKind.MASK:
            return n * settings.mask_seconds
        case LabelKind.BOX:
            return n * settings.box_seconds
        case LabelKind.CLICK:
            return settings.click_overhead_seconds + n * settings.click_seconds
        case LabelKind.ACCEPT:
            return n * settings.accept_seconds
        case LabelKind.ABSENT:
            return settings.absent_seconds


def request_rng(seed: int, request_id: str) -> np.random.Generator:
    """The generator of one request: a run that was killed and goes on draws the same noise."""
    digest = hashlib.sha256(request_id.encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])


class SimulatedAnnotator:
    """Draws the true masks, each a little beside its outline when ``noise_pixels`` is set.

    Args:
        truth: what is really in a frame.
        settings: noise and prices.
    """

    def __init__(self, truth: TruthLookup, settings: AnnotatorSettings) -> None:
        self._truth = truth
        self._settings = settings

    def answer(self, request: LabelRequest, rng: np.random.Generator, proposal: FrameLabel | None = None) -> Answer:
        """Label the frame of a request.

        Args:
            rng: see :func:`request_rng`.
            proposal: masks that the person is shown. One whose IoU with an object is at least
                ``ACCEPT_IOU`` is accepted as it is, with the object's own track and category; the others
                are drawn anew, and each
                that belongs to no object is removed with a click. Without it every object is drawn.

        Returns:
            Its kind is "absent" when nothing is there, "accept" when no object was drawn, else "mask". Ignore
            regions of the truth come along and cost nothing.

        Raises:
            BadLabel: there is no truth for the frame.
        """
        truth = self._truth(request.frame)
        if truth is None:
            raise BadLabel(
                f"{request.request_id}: the simulated annotator knows no truth of this frame: ingest masks "
                "for it, or let people label (annotator.backend = 'inbox')"
            )
        if not truth.objects:
            seconds = label_seconds(self._settings, LabelKind.ABSENT)
            return self._answered(request, truth, LabelKind.ABSENT, seconds)
        shown = () if proposal is None else proposal.objects
        accepted = _accepted(truth.objects, shown)
        drawn = [mask for mask in truth.objects if mask.track_id not in accepted]
        noisy = displaced([decode(m.rle) for m in drawn], self._settings.noise_pixels, rng)
        shapes = {mask.track_id: encode(m) for mask, m in zip(drawn, noisy, strict=True)} | accepted
        masks = tuple(replace(m, rle=shapes.get(m.track_id, m.rle)) for m in truth.masks)
        label = replace(truth, masks=masks)
        kind = LabelKind.MASK if drawn else LabelKind.ACCEPT
        return self._answered(request, label, kind, self._price(len(drawn), len(accepted), len(shown)))

    def _price(self, drawn: int, accepted: int, shown: int) -> float:
        removed = shown - accepted
        return (
            label_seconds(self._settings, LabelKind.MASK, drawn)
            + label_seconds(self._settings, LabelKind.ACCEPT, accepted)
            + removed * label_seconds(self._settings, LabelKind.CLICK)
        )

    @staticmethod
    def _answered(request: LabelRequest, label: FrameLabel, kind: LabelKind, seconds: float) -> Answer:
        name = f"{request.request_id}-simulated"
        return Answer(name, request.request_id, replace(label, frame=request.frame), kind, seconds, "simulated")


def _accepted(objects: Sequence[MaskLabel], shown: Sequence[MaskLabel]) -> dict[int, Rle]:
    """Proposed mask by the track of the object that it is good enough for."""
    overlap = iou([m.rle for m in shown], [m.rle for m in objects])
    rows, columns = linear_sum_assignment(overlap, maximize=True)
    return {
        objects[j].track_id: shown[i].rle for i, j in zip(rows, columns, strict=True) if overlap[i, j] >= ACCEPT_IOU
    }


def displaced(
    masks: Sequence[NDArray[np.bool_]], noise_pixels: float, rng: np.random.Generator
) -> list[NDArray[np.bool_]]:
    """Masks whose outlines are moved in and out at random, smoothly along the outline.

    The signed distance to the outline gets a smooth random field of standard deviation ``noise_pixels``,
    but no more than ``LARGEST_SHARE`` of the object's radius (of the disk of the same area), so that small
    objects stay themselves. Objects that did not overlap do not: a pixel that two claim goes to the one
    whose claim is stronger. No mask loses its last pixel.

    Args:
        masks: bool [h, w], all of one size.
        noise_pixels: 0 gives the masks back as they are.
    """
    if not noise_pixels or not masks:
        return list(masks)
    claims = [_claim(mask, noise_pixels, rng) for mask in masks]
    strongest = np.maximum.reduce(claims)
    shared = np.sum(masks, axis=0, dtype=np.int32) > 1
    moved = [(claim > 0) & ((claim == strongest) | (shared & mask)) for claim, mask in zip(claims, masks, strict=True)]
    return [new if new.any() else mask for new, mask in zip(moved, masks, strict=True)]


def _claim(mask: NDArray[np.bool_], noise_pixels: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """How strongly each pixel belongs to the displaced object, float32 [h, w]: positive inside."""
    claim = np.full(mask.shape, -np.inf, np.float32)
    if not mask.any():
        return claim
    amplitude = min(noise_pixels, LARGEST_SHARE * float(np.sqrt(np.count_nonzero(mask) / np.pi)))
    smoothness = max(2.0, 3 * amplitude)
    near = _surroundings(mask, margin=int(np.ceil(4 * amplitude)) + 1)
    field = cv2.GaussianBlur(rng.standard_normal(mask[near].shape).astype(np.float32), (0, 0), smoothness)
    # White noise of unit variance, blurred by sigma in two dimensions, keeps the variance 1 / (4 pi sigma^2).
    scale = amplitude * smoothness * 2 * np.sqrt(np.pi)
    claim[near] = _signed_distance(mask[near]) + scale * field
    return claim


def _surroundings(mask: NDArray[np.bool_], margin: int) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        slice(max(int(rows[0]) - margin, 0), int(rows[-1]) + margin + 1),
        slice(max(int(columns[0]) - margin, 0), int(columns[-1]) + margin + 1),
    )


def _signed_distance(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Pixels to the outline, positive inside, half a pixel at the pixels beside it; the frame's edge is no
    outline."""
    inside = mask.astype(np.uint8)
    if mask.all():
        return np.full(mask.shape, np.inf, np.float32)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    height = cv2.distanceTransform(1 - inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.where(mask, depth - 0.5, 0.5 - height).astype(np.float32)
