"""A student that has to agree with its mean teacher, on what both look at in frames that nobody labelled.

After Zhou et al. 2020 (MMT-PSM). The teacher looks at each frame through several views, recoloured and mirrored; the
student at one of its own. Both judge the same proposals: with one stage, every point of the dense grid; with two, the
regions that the teacher's first stage proposes and those that it takes for objects. The student is asked to match what
the teacher says of the objects and of the proposals that the views disagree about most
(:mod:`al_core.students.semi.mining`), and its features inside of the teacher's masks
(:mod:`al_core.students.semi.feature_match`).
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from al_core.students.semi.colour_views import mirrored, mirrored_boxes, recoloured
from al_core.students.semi.feature_match import FeatureMatch
from al_core.students.semi.mining import (
    Opinion,
    disagreement_at_points,
    disagreement_of_regions,
    mined_weights,
    opinion_of_points,
    opinion_of_regions,
)

N_COLOURS = 2
"""Recoloured views of the teacher; each is looked at as it is and mirrored."""

AN_OBJECT = 0.5
"""Least probability at which a proposal counts as an object, and a detection's mask as seen."""

SAME_OBJECT = 0.5
"""Least IoU of a region with a detection of the teacher to be about the same object."""

MOST_REGIONS = 128
"""Proposals of an image that both judge."""

PROPOSALS_WEIGHT, FEATURES_WEIGHT = 1.0, 0.5

Features = Sequence[torch.Tensor]


@dataclass(frozen=True)
class Seen:
    """What a teacher sees in a batch.

    Attributes:
        opinion: of all proposals of all images, one image after the other.
        positive: which of these show an object.
        regions: of each image (left, top, right, bottom) [n, 4]; None where proposals are the points of the grid.
        features: mean over the views, by level.
        masks: [b, H, W] bool, the objects.
    """

    opinion: Opinion
    positive: torch.Tensor
    regions: list[torch.Tensor] | None
    features: Features
    masks: torch.Tensor


class Consistency(nn.Module):
    """The losses of MMT-PSM.

    Args:
        detector: the student's, an RTMDet-Ins or one of two stages.
        seed: of the weights that are learned here.
    """

    START, FULL = 0.2, 0.5
    """Shares of the schedule at which the weight begins to rise and is full: the teacher has to settle first."""

    def __init__(self, detector: Any, seed: int) -> None:
        super().__init__()
        self._match = FeatureMatch(detector.neck.out_channels, seed)

    def forward(
        self, detector: Any, teacher: Any, batch: Any, rng: torch.Generator, labelled: Any
    ) -> dict[str, torch.Tensor]:
        """Return the losses of a batch.

        Args:
            detector: the student's; teacher: its mean teacher, which is left as it was.
            batch: preprocessed, ``inputs`` [b, 3, H, W] and ``data_samples``.
            rng: for the views, on the CPU.
            labelled: not looked at.
        """
        images = batch["inputs"]
        metas = [_plain_meta(sample.metainfo) for sample in batch["data_samples"]]
        with torch.no_grad(), _batch_statistics(detector, teacher):
            seen = look(teacher, images, metas, rng)
        flipped = bool(torch.rand(1, generator=rng) < 0.5)
        view = recoloured(images, rng)
        features = detector.extract_feat(mirrored(view) if flipped else view)
        logits = _logits(detector, features, seen.regions, flipped, images.shape[-1])
        weights = mined_weights(seen.positive, seen.opinion.sensitivity)
        divergence = disagreement_at_points if seen.regions is None else disagreement_of_regions
        aligned = [mirrored(level) for level in features] if flipped else features
        return {
            "loss_consistency": PROPOSALS_WEIGHT * divergence(logits, seen.opinion.target, weights),
            "loss_features": FEATURES_WEIGHT * self._match(aligned, seen.features, seen.masks),
        }


def look(teacher: Any, images: torch.Tensor, metas: Sequence[dict[str, Any]], rng: torch.Generator) -> Seen:
    """Return what a teacher sees in normalised images [b, 3, H, W] through all views.

    Args:
        metas: mmdet's of each image, at a scale of 1.
    """
    n, width = len(images), images.shape[-1]
    colours = [recoloured(images, rng) for _ in range(N_COLOURS)]
    # All as one batch: statistics of BatchNorm are of all views.
    features = teacher.extract_feat(torch.cat([*colours, *map(mirrored, colours)]))
    first = tuple(level[:n] for level in features)
    views = [slice(k * n, (k + 1) * n) for k in range(2 * N_COLOURS)]
    turned = [k >= N_COLOURS for k in range(2 * N_COLOURS)]
    if hasattr(teacher, "bbox_head"):
        answers = teacher.bbox_head(features)
        found = teacher.bbox_head.predict_by_feat(
            *(_of_first(part, n) for part in answers), batch_img_metas=list(metas), rescale=False
        )
        logits = [_points([level[v] for level in answers[0]], t) for v, t in zip(views, turned, strict=True)]
        opinion, regions = opinion_of_points(torch.stack(logits)), None
        positive = opinion.probability >= AN_OBJECT
    else:
        found, regions = _detections_and_regions(teacher, first, metas)
        logits = [
            _logits(teacher, [level[v] for level in features], regions, t, width)
            for v, t in zip(views, turned, strict=True)
        ]
        opinion = opinion_of_regions(torch.stack(logits))
        objects = [one.bboxes[one.scores >= AN_OBJECT] for one in found]
        positive = torch.cat([_on_objects(mine, these) for mine, these in zip(regions, objects, strict=True)])
    means = [_mean_over_views(level, n) for level in features]
    masks = torch.stack([_union(one, images.shape[-2:]) for one in found])
    return Seen(opinion, positive, regions, means, masks)


def _logits(
    detector: Any, features: Features, regions: Sequence[torch.Tensor] | None, flipped: bool, width: int
) -> torch.Tensor:
    """Return what a detector says of each proposal, [n, classes] or [n, classes and background], from the features of
    images that may be mirrored."""
    if regions is None:
        return _points(detector.bbox_head(tuple(features))[0], flipped)
    there = [mirrored_boxes(boxes, width) if flipped else boxes for boxes in regions]
    numbered = [torch.cat([boxes.new_full((len(boxes), 1), i), boxes], dim=1) for i, boxes in enumerate(there)]
    found: torch.Tensor = detector.roi_head._bbox_forward(tuple(features), torch.cat(numbered))["cls_score"]
    return found


def _points(levels: Sequence[torch.Tensor], flipped: bool) -> torch.Tensor:
    """Return the logits of all points [b * points, classes], image by image, from maps [b, classes, h, w]."""
    turned = [mirrored(level) if flipped else level for level in levels]
    return torch.cat([level.flatten(2).transpose(1, 2) for level in turned], dim=1).flatten(0, 1)


def _detections_and_regions(
    teacher: Any, features: Features, metas: Sequence[dict[str, Any]]
) -> tuple[list[Any], list[torch.Tensor]]:
    """Return the detections of a teacher of two stages, with masks, and the regions to be judged: those that it takes
    for objects, and the likeliest of its first stage."""
    answers = teacher.rpn_head(features)
    config = teacher.test_cfg.rpn
    proposed = teacher.rpn_head.predict_by_feat(*answers, batch_img_metas=list(metas), cfg=config, rescale=False)
    head = teacher.roi_head
    found = head.predict_bbox(features, list(metas), proposed, head.test_cfg, rescale=False)
    # Masks are cut out after that, since mmdet changes boxes in place there.
    objects = [one.bboxes[one.scores >= AN_OBJECT].clone() for one in found]
    regions = [
        torch.cat([mine, these.bboxes])[:MOST_REGIONS].detach() for mine, these in zip(objects, proposed, strict=True)
    ]
    return head.predict_mask(features, list(metas), found, rescale=False), regions


def _on_objects(regions: torch.Tensor, objects: torch.Tensor) -> torch.Tensor:
    if not len(objects):
        return torch.zeros(len(regions), dtype=torch.bool, device=regions.device)
    from mmdet.structures.bbox import bbox_overlaps

    return bbox_overlaps(regions, objects).amax(dim=1) >= SAME_OBJECT


def _of_first(part: Any, n: int) -> Any:
    """Return the first images of what a head says: a map, or a map for each level."""
    return part[:n] if isinstance(part, torch.Tensor) else tuple(level[:n] for level in part)


def _mean_over_views(level: torch.Tensor, n: int) -> torch.Tensor:
    """Return the mean of a feature map over the views [views * n, c, h, w], the mirrored ones turned back."""
    plain, turned = level.chunk(2)
    views = torch.cat([plain, mirrored(turned)]).unflatten(0, (2 * N_COLOURS, n))
    return views.mean(dim=0)


def _union(found: Any, size: Sequence[int]) -> torch.Tensor:
    """Return the pixels of all objects of an image, bool [H, W]; masks may end before the padding."""
    masks = found.masks[found.scores >= AN_OBJECT]
    whole = torch.zeros(tuple(size), dtype=torch.bool, device=found.scores.device)
    if len(masks):
        union = masks.any(dim=0)[: size[0], : size[1]]
        whole[: union.shape[0], : union.shape[1]] = union
    return whole


def _plain_meta(meta: dict[str, Any]) -> dict[str, Any]:
    """Return mmdet's facts of an image as if it had come as it is."""
    return {**meta, "scale_factor": (1.0, 1.0), "ori_shape": meta["img_shape"]}


@contextlib.contextmanager
def _batch_statistics(student: nn.Module, teacher: nn.Module) -> Iterator[None]:
    """Let a teacher's BatchNorm use the statistics of what it sees, where the student's does, and remember nothing.

    Those that it averaged belong to weights of before, and after a short training it would see nothing with them.
    """
    pairs = zip(student.modules(), teacher.modules(), strict=True)
    norms: list[Any] = [theirs for ours, theirs in pairs if isinstance(theirs, _BatchNorm) and ours.training]
    before = [(norm.momentum, norm.num_batches_tracked.clone()) for norm in norms]
    try:
        for norm in norms:
            norm.train()
            norm.momentum = 0.0
        yield
    finally:
        for norm, (momentum, counted) in zip(norms, before, strict=True):
            norm.eval()
            norm.momentum = momentum
            norm.num_batches_tracked.copy_(counted)
