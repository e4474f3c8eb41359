"""Which detections of different members and views are the same object, and what they say of it together.

Detections are grouped by the overlap of their masks whatever their class, so that members who disagree about
the class show up as class entropy. The part of entropy that is disagreement between members is BALD: Houlsby
et al., "Bayesian Active Learning for Classification and Preference Learning", 2011 (arXiv:1112.5745).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from al_core.masks.overlap import areas, mask_rows, pairwise_iou
from al_core.masks.soft import SoftMask
from al_core.settings import TeacherSettings
from al_core.stores.predictions import PredictedObject
from al_core.uncertainty.augment import View

GRID_SIDE = 160
"""Long side of the grid on which masks are compared, unless an object is small."""

SMALL_SIDE = 16
"""An object is small when the shorter side of its box has fewer pixels."""

SOME_OVERLAP = 1e-6
"""Masks that share no pixel never match, even where any overlap would do."""

Size = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Output:
    """What one member says of one view of a frame.

    Attributes:
        scores: float [n] in [0, 1], falling.
        labels: int [n], class index from 0.
        boxes: float [n, 4], (x0, y0, x1, y1) in pixels of the view.
        masks: [n, h, w] in pixels of the view, bool or uint8 (a probability times 255).
    """

    view: View
    scores: NDArray[np.floating[Any]]
    labels: NDArray[np.integer[Any]]
    boxes: NDArray[np.floating[Any]]
    masks: NDArray[Any]


@dataclass(frozen=True, eq=False)
class _Detections:
    """The detections of all outputs, one after the other; within an output the scores fall."""

    output: NDArray[np.intp]
    index: NDArray[np.intp]
    scores: NDArray[np.float64]
    labels: NDArray[np.intp]
    boxes: NDArray[np.float64]


def merge_outputs(
    outputs: Sequence[Output],
    category_ids: Sequence[int],
    seen: Size,
    size: Size,
    settings: TeacherSettings,
    max_objects: int,
) -> tuple[PredictedObject, ...]:
    """Return the objects of one frame, most certain to exist first.

    Args:
        outputs: of every member for every view.
        category_ids: the category of each class index.
        seen: (height, width) at which the frame is seen before a view's own scale; masks are averaged at this size.
        size: (height, width) of the frame in working pixels.
        settings: ``score_threshold``: objects that no output sees with it are dropped; ``match_iou``.
    """
    found = _collect(outputs, seen)
    groups = _group(found, outputs, seen, settings)
    objects = [_merge(found, group, outputs, category_ids, seen, size, settings) for group in groups]
    return tuple(sorted(objects, key=lambda o: -o.existence)[:max_objects])


def mask_boxes(masks: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the tight box of each mask, bool [n, h, w]: float32 [n, 4] as (x0, y0, x1, y1); 0 for an empty mask."""
    boxes = np.array([cv2.boundingRect(mask.astype(np.uint8)) for mask in masks], np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return boxes


def _collect(outputs: Sequence[Output], seen: Size) -> _Detections:
    counts = [len(o.scores) for o in outputs]
    boxes = [o.view.invert_boxes(o.boxes, o.view.seen_size(seen), seen) for o in outputs]
    return _Detections(
        np.repeat(np.arange(len(outputs)), counts),
        np.concatenate([np.arange(n) for n in counts]).astype(np.intp),
        np.concatenate([o.scores for o in outputs]).astype(np.float64),
        np.concatenate([o.labels for o in outputs]).astype(np.intp),
        np.concatenate(boxes),
    )


def _group(
    found: _Detections, outputs: Sequence[Output], seen: Size, settings: TeacherSettings
) -> list[NDArray[np.intp]]:
    """Return rows of ``found`` that are one object each, greedily from the highest score.

    A group may hold several detections of one output: the same object under two classes, or seen twice.
    """
    seeds = np.flatnonzero(found.scores >= settings.score_threshold)
    if not len(seeds):
        return []
    seeds = seeds[np.argsort(-found.scores[seeds], kind="stable")]
    grid = _grid(found.boxes[seeds], seen)
    on_grid = [o.view.invert_masks(o.masks, grid) for o in outputs]
    rows = mask_rows(np.concatenate([m if m.dtype == np.bool_ else m > 127 for m in on_grid]))
    matches = pairwise_iou(rows[seeds], rows) >= max(settings.match_iou, SOME_OVERLAP)
    free = areas(rows) > 0
    groups = []
    for seed, match in zip(seeds, matches, strict=True):
        if free[seed]:
            groups.append(np.flatnonzero(match & free))
            free &= ~match
    return groups


def _merge(
    found: _Detections,
    group: NDArray[np.intp],
    outputs: Sequence[Output],
    category_ids: Sequence[int],
    seen: Size,
    size: Size,
    settings: TeacherSettings,
) -> PredictedObject:
    beliefs = _beliefs(found, group, len(outputs), len(category_ids))
    mean = beliefs.mean(axis=0)
    entropy = float(entr(mean).sum())
    # The best detection of each output that saw the object: within an output the scores fall.
    best = group[np.unique(found.output[group], return_index=True)[1]]
    n_sure = int((found.scores[best] >= settings.score_threshold).sum())
    share = n_sure / len(outputs)
    seers = [(outputs[found.output[i]], found.index[i]) for i in best]
    masks = [output.view.invert_masks(output.masks[k : k + 1], seen)[0] for output, k in seers]
    mean_mask, mask_iou = _average(masks, found.scores[best], size)
    box, spread = _mean_box(found.boxes[best], seen, size)
    return PredictedObject(
        category_id=int(category_ids[int(mean[:-1].argmax())]),
        class_probabilities=tuple(mean.tolist()),
        existence=float(1 - mean[-1]),
        members=n_sure,
        box=box,
        box_spread=spread,
        mask_iou=mask_iou,
        class_entropy=entropy,
        mutual_information=max(0.0, entropy - float(entr(beliefs).sum(axis=1).mean())),
        soft_mask=mean_mask,
        existence_disagreement=4 * share * (1 - share),
    )


def _beliefs(found: _Detections, group: NDArray[np.intp], n_outputs: int, n_classes: int) -> NDArray[np.float64]:
    """Return what each output believes the object to be: float64 [n_outputs, C + 1], rows add up to 1, last "no
    object".

    An output that sees it as class c with score s gives s to c and 1 - s to "no object"; one that sees it under several
    classes gives each its score, scaled down when they exceed 1; one that misses it gives 1 to "no object".
    """
    beliefs = np.zeros((n_outputs, n_classes + 1))
    np.maximum.at(beliefs, (found.output[group], found.labels[group]), found.scores[group])
    beliefs /= np.maximum(beliefs.sum(axis=1, keepdims=True), 1)
    beliefs[:, -1] = np.maximum(1 - beliefs[:, :-1].sum(axis=1), 0)
    return beliefs


def _mean_box(boxes: NDArray[np.float64], seen: Size, size: Size) -> tuple[tuple[float, float, float, float], float]:
    """Return the mean box in working pixels, and the standard deviation of its corners over its diagonal."""
    boxes = boxes * np.tile([size[1] / seen[1], size[0] / seen[0]], 2)
    x0, y0, x1, y1 = boxes.mean(axis=0).tolist()
    deviation = float(np.sqrt(boxes.var(axis=0).mean()))
    return (x0, y0, x1, y1), deviation / max(float(np.hypot(x1 - x0, y1 - y0)), 1.0)


def _average(masks: Sequence[NDArray[Any]], weights: NDArray[np.float64], size: Size) -> tuple[SoftMask, float]:
    """Average masks, [h, w] each, by weight, at the working size; return also their mean pairwise IoU."""
    scale = 1 if masks[0].dtype == np.bool_ else 255
    masks = [np.ascontiguousarray(m).view(np.uint8) for m in masks]
    bounds = np.array([cv2.boundingRect(m) for m in masks])
    (x0, y0), (x1, y1) = bounds[:, :2].min(axis=0), (bounds[:, :2] + bounds[:, 2:]).max(axis=0)
    # One pixel more, so that the resized mask fades out instead of being cut; at the frame's edge there is none.
    height, width = masks[0].shape
    x0, y0, x1, y1 = max(x0 - 1, 0), max(y0 - 1, 0), min(x1 + 1, width), min(y1 + 1, height)
    stack = np.stack([m[y0:y1, x0:x1] for m in masks]).reshape(len(masks), -1)
    mean = (weights / weights.sum()).astype(np.float32) @ stack.astype(np.float32) * (255 / scale)
    crop = np.rint(mean).astype(np.uint8).reshape(y1 - y0, x1 - x0)
    return _enlarge(crop, int(x0), int(y0), (height, width), size), _mean_pairwise_iou(stack > scale // 2)


def _mean_pairwise_iou(masks: NDArray[np.bool_]) -> float:
    """Return the mean IoU over the pairs of masks, bool [m, p]; 1 for a single mask."""
    if len(masks) == 1:
        return 1.0
    values = masks.astype(np.float32)
    shared = values @ values.T
    area = np.diag(shared)
    union = area[:, None] + area[None, :] - shared
    first, second = np.triu_indices(len(masks), 1)
    shared, union = shared[first, second], union[first, second]
    return float(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0).mean())


def _enlarge(crop: NDArray[np.uint8], x: int, y: int, seen: Size, size: Size) -> SoftMask:
    """Resample a crop at column x, row y of a frame of size ``seen`` to where it lies in a frame of ``size``."""
    if seen != size:
        step_x, step_y = seen[1] / size[1], seen[0] / size[0]
        left, top = int(x / step_x), int(y / step_y)
        right = min(int(np.ceil((x + crop.shape[1]) / step_x)), size[1])
        bottom = min(int(np.ceil((y + crop.shape[0]) / step_y)), size[0])
        # Centres of pixels meet: column X of the frame lies at (X + 0.5) * step - 0.5 of the smaller one.
        to_crop = np.array([[step_x, 0, (left + 0.5) * step_x - 0.5 - x], [0, step_y, (top + 0.5) * step_y - 0.5 - y]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        target = (right - left, bottom - top)
        crop = np.asarray(cv2.warpAffine(crop, to_crop, target, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8)
        x, y = left, top
    dx, dy, w, h = cv2.boundingRect(crop)
    return SoftMask(x + dx, y + dy, crop[dy : dy + h, dx : dx + w].copy(), size)


def _grid(boxes: NDArray[np.float64], seen: Size) -> Size:
    """Choose the grid on which masks are compared: coarse unless one of the boxes is small."""
    shorter = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    step = max(1.0, max(seen) / GRID_SIDE) if shorter.min() >= SMALL_SIDE else 1.0
    return max(1, round(seen[0] / step)), max(1, round(seen[1] / step))
