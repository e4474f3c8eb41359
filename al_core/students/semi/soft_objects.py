"""The objects that a student sees in a batch, as soft masks through which gradients pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from al_core.adversary.object_windows import cut, whole

MOST_POINTS = 100
"""Points of the grid that are looked at for objects."""

SAME_OBJECT = 0.5
"""IoU of boxes from which two are one object."""


@dataclass(frozen=True, eq=False)
class SoftObjects:
    """The likeliest objects of an image, one for each place.

    Attributes:
        boxes: (left, top, right, bottom) [n, 4] in pixels of the image, without gradients.
        categories: [n] int64, from 0.
        scores: [n] in [0, 1], how sure the student is of the object.
        logits: [n, 1, h, w], of the mask where ``spans`` [n, 4] says.
    """

    boxes: Tensor
    categories: Tensor
    scores: Tensor
    logits: Tensor
    spans: Tensor

    def __len__(self) -> int:
        return len(self.boxes)

    def seen_in(self, windows: Tensor) -> Tensor:
        """Return the probability of each object's pixels in a window [n, 4] of its own, [n, side, side]."""
        return _probabilities(self.logits, self.spans, windows)

    def masks(self, size: tuple[int, int]) -> Tensor:
        """Return the masks in an image of (height, width) ``size``, bool [n, h, w]."""
        frame = whole(len(self), *size, self.boxes)
        return _probabilities(self.logits.detach(), self.spans, frame, size) > 0.5


def objects_of(
    detector: Any, features: Sequence[Tensor], metas: Sequence[dict[str, Any]], most: int
) -> list[SoftObjects]:
    """Return the objects of each image that a detector sees, at most ``most`` of one.

    Args:
        detector: an RTMDet-Ins, or one of two stages as Mask R-CNN is.
        features: of its neck.
        metas: mmdet's of each image, at a scale of 1.
    """
    if hasattr(detector, "bbox_head"):
        return _of_points(detector.bbox_head, features, metas, most)
    return _of_regions(detector, features, metas, most)


def _of_points(head: Any, features: Sequence[Tensor], metas: Sequence[dict[str, Any]], most: int) -> list[SoftObjects]:
    from mmcv.ops import batched_nms

    answers = head(tuple(features))
    levels = [tuple(level.shape[-2:]) for level in answers[0]]
    priors = torch.cat(head.prior_generator.grid_priors(levels, device=features[0].device, with_stride=True))
    # Of each image: [b, points, classes], [b, points, 4], [b, points, weights of its mask].
    logits, sides, kernels = (_points(part) for part in answers[:3])
    stride = head.prior_generator.strides[0][0]
    found = []
    for i, meta in enumerate(metas):
        with torch.no_grad():
            sure, category = logits[i].float().sigmoid().max(dim=1)
            points = sure.topk(min(MOST_POINTS, len(sure))).indices
            boxes = head.bbox_coder.decode(priors[points, :2], sides[i, points].float(), max_shape=meta["img_shape"])
            nms = {"type": "nms", "iou_threshold": SAME_OBJECT}
            _, kept = batched_nms(boxes, sure[points], category[points], nms)
            kept = kept[:most]
        chosen = points[kept]
        scores = logits[i, chosen].float().sigmoid().gather(1, category[chosen, None])[:, 0]
        mask = head._mask_predict_by_feat_single(answers[3][i], kernels[i, chosen], priors[chosen]).float()
        span = whole(len(chosen), stride * mask.shape[1], stride * mask.shape[2], boxes)
        found.append(SoftObjects(boxes[kept], category[chosen], scores, mask[:, None], span))
    return found


def _of_regions(
    detector: Any, features: Sequence[Tensor], metas: Sequence[dict[str, Any]], most: int
) -> list[SoftObjects]:
    head = detector.roi_head
    with torch.no_grad():
        answers = detector.rpn_head(tuple(features))
        config = detector.test_cfg.rpn
        proposed = detector.rpn_head.predict_by_feat(*answers, batch_img_metas=list(metas), cfg=config, rescale=False)
        seen = head.predict_bbox(tuple(features), list(metas), proposed, head.test_cfg, rescale=False)
    boxes = [one.bboxes[:most].detach() for one in seen]
    categories = torch.cat([one.labels[:most] for one in seen])
    numbered = torch.cat([torch.cat([b.new_full((len(b), 1), i), b], dim=1) for i, b in enumerate(boxes)])
    rows = torch.arange(len(numbered), device=numbered.device)
    if len(numbered):
        scores = head._bbox_forward(tuple(features), numbered)["cls_score"].float().softmax(dim=1)[rows, categories]
        masks = head._mask_forward(tuple(features), numbered)["mask_preds"].float()[rows, categories][:, None]
    else:
        scores, masks = numbered.new_zeros(0), numbered.new_zeros(0, 1, 1, 1)
    counts = [len(b) for b in boxes]
    parts = zip(boxes, categories.split(counts), scores.split(counts), masks.split(counts), strict=True)
    return [SoftObjects(box, category, score, mask, box) for box, category, score, mask in parts]


def _points(levels: Sequence[Tensor]) -> Tensor:
    """Return what maps [b, c, h, w] say of all points, [b, points, c]."""
    return torch.cat([level.flatten(2).transpose(1, 2) for level in levels], dim=1)


def _probabilities(logits: Tensor, spans: Tensor, windows: Tensor, size: tuple[int, int] | None = None) -> Tensor:
    """Return the probabilities [n, ...] that masks have in windows; 0 beyond what they cover."""
    sized = {} if size is None else {"size": size}
    inside = cut(torch.ones_like(logits), spans, windows, **sized)
    return (cut(logits, spans, windows, **sized).sigmoid() * inside)[:, 0]
