"""Quality of masks and boxes: J and F of DAVIS, average precision of COCO and of PASCAL VOC.

Every case without pixels is explicit: two empty masks agree (1.0), an empty and a filled one do not (0.0). An
average precision without any truth has no meaning and is ``nan``.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadLabel
from al_core.masks.rle import Rle, area, box, iou

Mask = NDArray[np.bool_]

BOUND = 0.008
"""Tolerance of the boundary measure as a share of the frame's diagonal (DAVIS)."""

Box = tuple[float, float, float, float]
"""``(x0, y0, x1, y1)`` in pixels, continuous coordinates: the width is ``x1 - x0``."""


class JAndF(NamedTuple):
    """Region similarity J, contour accuracy F, both in [0, 1]."""

    j: float
    f: float

    @property
    def jf(self) -> float:
        """The mean of both, DAVIS's headline figure."""
        return (self.j + self.f) / 2


def j_and_f(pred: Mask, truth: Mask, ignore: Mask | None = None, bound: float = BOUND) -> JAndF:
    """Compare a mask with the truth (Perazzi et al., CVPR 2016).

    J is intersection over union; two empty masks agree (1.0). F is the harmonic mean of boundary precision and recall:
    a boundary pixel is right when the other boundary passes within a disk around it. F is 1.0 when neither mask has a
    boundary, 0.0 when one has; the frame's own border is no boundary, so a mask that fills the frame has none.

    Args:
        pred, truth: bool [h, w].
        ignore: bool [h, w]; its pixels count neither as object nor as background. They are removed from both masks
            before their boundaries are drawn, as in DAVIS 2017 (Pont-Tuset et al., 2017).
        bound: radius of the disk, as a share of the frame's diagonal, or in pixels when it is 1 or more.

    Raises:
        BadLabel: the masks differ in size.
    """
    radius = _radius(pred.shape, bound)
    pred, truth = _cropped(pred, truth, ignore)
    return JAndF(_jaccard(pred, truth), _boundary_f(pred, truth, radius))


def _jaccard(pred: Mask, truth: Mask) -> float:
    union = np.count_nonzero(pred | truth)
    return np.count_nonzero(pred & truth) / union if union else 1.0


def _boundary_f(pred: Mask, truth: Mask, radius: int) -> float:
    pred_boundary, truth_boundary = _boundary(pred), _boundary(truth)
    n_pred, n_truth = np.count_nonzero(pred_boundary), np.count_nonzero(truth_boundary)
    if n_pred == 0 or n_truth == 0:
        return 1.0 if n_pred == n_truth else 0.0
    precision = np.count_nonzero(pred_boundary & _dilated(truth_boundary, radius)) / n_pred
    recall = np.count_nonzero(truth_boundary & _dilated(pred_boundary, radius)) / n_truth
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _radius(shape: tuple[int, ...], bound: float) -> int:
    return math.ceil(bound if bound >= 1 else bound * math.hypot(*shape))


def _cropped(pred: Mask, truth: Mask, ignore: Mask | None) -> tuple[Mask, Mask]:
    """Return both masks without ignored pixels, cut to the box that holds both and one pixel around it."""
    if pred.shape != truth.shape or (ignore is not None and ignore.shape != truth.shape):
        sizes = [list(m.shape) for m in (pred, truth, ignore) if m is not None]
        raise BadLabel(f"masks that are compared have one size, got {sizes} (prediction, truth, ignore)")
    pred, truth = pred.astype(bool, copy=False), truth.astype(bool, copy=False)
    if ignore is not None:
        pred, truth = pred & ~ignore, truth & ~ignore
    rows, columns = _span(pred.any(axis=1) | truth.any(axis=1)), _span(pred.any(axis=0) | truth.any(axis=0))
    return np.ascontiguousarray(pred[rows, columns]), np.ascontiguousarray(truth[rows, columns])


def _span(filled: Any) -> slice:
    inside = np.flatnonzero(filled)
    return slice(max(int(inside[0]) - 1, 0), int(inside[-1]) + 2) if inside.size else slice(0, 0)


def _boundary(mask: Mask) -> Mask:
    """Mark pixels that differ from the one to the right, below, or both: the Berkeley benchmark's boundary map.

    One pixel wide, half a pixel up and left of the true outline; nothing beyond the frame is looked at.
    """
    edge = np.zeros_like(mask)
    edge[:, :-1] = mask[:, :-1] ^ mask[:, 1:]
    edge[:-1] |= mask[:-1] ^ mask[1:]
    edge[:-1, :-1] |= mask[:-1, :-1] ^ mask[1:, 1:]
    return edge


def _dilated(edge: Mask, radius: int) -> Mask:
    return cv2.dilate(edge.view(np.uint8), _disk(radius)).view(bool)


@lru_cache(maxsize=64)
def _disk(radius: int) -> NDArray[np.uint8]:
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    return (x * x + y * y <= radius * radius).astype(np.uint8)


# ---- average precision


@dataclass(frozen=True, slots=True)
class ScoredRegion:
    """A predicted mask or box; ``score`` is higher where it is surer, ``image`` names its frame."""

    image: int
    category_id: int
    score: float
    region: Rle | Box


@dataclass(frozen=True, slots=True)
class TruthRegion:
    """A true mask or box. What matches an ``ignore`` region counts neither as right nor as wrong."""

    image: int
    category_id: int
    region: Rle | Box
    ignore: bool = False


class AveragePrecision(NamedTuple):
    """COCO's figures in [0, 1]: mean over IoU .50:.05:.95, and at .50; ``nan`` without truth."""

    ap: float
    ap50: float


def mask_average_precision(
    predictions: Sequence[ScoredRegion], truths: Sequence[TruthRegion], max_detections: int = 100
) -> AveragePrecision:
    """Compute mask AP as COCO defines it (by faster-coco-eval): 101 recall points, mean over categories with truth.

    Args:
        predictions, truths: masks; those of one ``image`` have one size.
        max_detections: how many predictions of an image and category count, best first (100 in COCO).

    Raises:
        BadLabel: a region that is no mask.
    """
    for region in [p.region for p in predictions] + [t.region for t in truths]:
        if not isinstance(region, Rle):
            raise BadLabel(f"mask average precision needs masks, got {region!r}: use voc_average_precision")
    if all(truth.ignore for truth in truths):
        return AveragePrecision(math.nan, math.nan)
    precision = _coco_precision(predictions, truths, max_detections)
    known, known_50 = (p[p > -1] for p in (precision, precision[0]))
    return AveragePrecision(float(known.mean()), float(known_50.mean()))


def _coco_precision(
    predictions: Sequence[ScoredRegion], truths: Sequence[TruthRegion], max_detections: int
) -> NDArray[np.float64]:
    """Return precision [10 IoU thresholds, 101 recalls, categories]; -1 where a category has no truth."""
    from faster_coco_eval import COCO, COCOeval_faster

    regions: list[ScoredRegion | TruthRegion] = [*predictions, *truths]
    sizes = {r.image: r.region for r in regions if isinstance(r.region, Rle)}
    categories = sorted({r.category_id for r in regions})
    dataset = {
        "images": [{"id": i, "height": sizes[i].height, "width": sizes[i].width} for i in sorted(sizes)],
        "categories": [{"id": category, "name": str(category)} for category in categories],
        "annotations": [_coco_truth(number, t) for number, t in enumerate(truths, 1)],
    }
    truth = COCO(dataset)
    found = truth.loadRes([_coco_prediction(p) for p in predictions])
    evaluation = COCOeval_faster(truth, found, "segm", print_function=lambda *_: None, rle_iou_max_workers=1)
    evaluation.params.maxDets = [max_detections]
    evaluation.params.areaRng = [[0, 1e10]]
    evaluation.params.areaRngLbl = ["all"]
    evaluation.evaluate()
    evaluation.accumulate()
    return np.asarray(evaluation.eval["precision"])[:, :, :, 0, 0]


def _coco_truth(number: int, truth: TruthRegion) -> dict[str, Any]:
    assert isinstance(truth.region, Rle)
    return {
        "id": number,
        "image_id": truth.image,
        "category_id": truth.category_id,
        "segmentation": truth.region.to_coco(),
        "area": area(truth.region),
        "bbox": box(truth.region),
        "iscrowd": int(truth.ignore),
    }


def _coco_prediction(prediction: ScoredRegion) -> dict[str, Any]:
    assert isinstance(prediction.region, Rle)
    return {
        "image_id": prediction.image,
        "category_id": prediction.category_id,
        "segmentation": prediction.region.to_coco(),
        "score": prediction.score,
    }


class VocAveragePrecision(NamedTuple):
    """``mean`` over the categories that have truth, and each of them; in [0, 1], ``nan`` without truth."""

    mean: float
    per_category: Mapping[int, float]


def voc_average_precision(
    predictions: Sequence[ScoredRegion], truths: Sequence[TruthRegion], min_iou: float = 0.5
) -> VocAveragePrecision:
    """Compute AP at one IoU as PASCAL VOC defines it since 2010: the area under the whole precision envelope.

    Predictions of a category are walked through by falling score (ties in the order given), each looks at the
    truth that it overlaps most. It is right when that IoU is at least ``min_iou`` and that truth is not taken
    yet: a truth is matched at most once, a second prediction of it is wrong (Everingham et al., IJCV 2015).

    Args:
        predictions, truths: masks or boxes, one kind for both.
    """
    figures = {}
    for category in sorted({t.category_id for t in truths if not t.ignore}):
        mine = [p for p in predictions if p.category_id == category]
        theirs = [t for t in truths if t.category_id == category]
        right, counted = _voc_matches(mine, theirs, min_iou)
        order = np.argsort([-p.score for p in mine], kind="stable")
        order = order[counted[order]]
        figures[category] = envelope_area(right[order], sum(not t.ignore for t in theirs))
    return VocAveragePrecision(float(np.mean(list(figures.values()))) if figures else math.nan, figures)


def envelope_area(right: NDArray[np.bool_], n_truth: int) -> float:
    """Compute the area under the precision-recall curve, made to fall monotonically, over all recall points.

    Args:
        right: bool [n], by falling score: is the prediction a true positive?
        n_truth: how many there were to find, at least 1.
    """
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(right) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[np.asarray(right, bool)].sum() / n_truth)


def _voc_matches(
    predictions: Sequence[ScoredRegion], truths: Sequence[TruthRegion], min_iou: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell of each prediction whether it is right, and whether it counts at all; both bool [n]."""
    right, counted = np.zeros(len(predictions), bool), np.ones(len(predictions), bool)
    found, wanted = _by_image(predictions), _by_image(truths)
    for image in found.keys() & wanted:
        mine, theirs = found[image], wanted[image]
        overlap = region_iou([predictions[i].region for i in mine], [truths[i].region for i in theirs])
        taken = np.zeros(len(theirs), bool)
        for row in np.argsort([-predictions[i].score for i in mine], kind="stable"):
            best = int(overlap[row].argmax())
            if overlap[row, best] < min_iou:
                continue
            if truths[theirs[best]].ignore:
                counted[mine[row]] = False
            elif not taken[best]:
                taken[best] = right[mine[row]] = True
    return right, counted


def _by_image(regions: Iterable[ScoredRegion | TruthRegion]) -> dict[int, list[int]]:
    groups: dict[int, list[int]] = defaultdict(list)
    for position, region in enumerate(regions):
        groups[region.image].append(position)
    return groups


def region_iou(first: Sequence[Rle | Box], second: Sequence[Rle | Box]) -> NDArray[np.float64]:
    """Compute the pairwise intersection over union of masks or of boxes, shape [len(first), len(second)].

    Raises:
        BadLabel: masks and boxes are mixed.
    """
    masks = [isinstance(r, Rle) for r in (*first, *second)]
    if all(masks):
        return iou([r for r in first if isinstance(r, Rle)], [r for r in second if isinstance(r, Rle)])
    if any(masks):
        raise BadLabel("masks are compared with masks and boxes with boxes, got both")
    a, b = np.asarray(first, float).reshape(-1, 1, 4), np.asarray(second, float).reshape(1, -1, 4)
    shared = _box_area(np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:]))
    total = _box_area(a[..., :2], a[..., 2:]) + _box_area(b[..., :2], b[..., 2:]) - shared
    return np.divide(shared, total, out=np.zeros_like(shared), where=total > 0)


def _box_area(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(high - low, 0, None).prod(-1)
