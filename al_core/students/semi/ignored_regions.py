"""Regions of a frame of which nothing is known: what a detector finds there makes no loss.

mmdet's heads take the mark -1 of an assigner for "neither object nor background", and assigners know ignore regions
only as boxes, or not at all. Here they are masks: an anchor that was taken for background and lies in one is marked.
"""

from typing import Any

import torch
from torch import nn

from al_core.errors import BadSettings
from al_core.settings import StudentSettings
from al_core.students.build import SEMANTIC, import_mmdet, load_config

IGNORED = -1
"""mmdet's mark of an anchor that no loss looks at."""


class RegionIgnorer:
    """An mmdet assigner that marks background in ignore regions, and else answers as another one does.

    Args:
        assigner: the one that a head came with.
        points: whether priors are (x, y, stride, stride), as in RTMDet, and not (left, top, right, bottom).
    """

    def __init__(self, assigner: Any, points: bool) -> None:
        self._assigner = assigner
        self._points = points

    def assign(self, pred_instances: Any, gt_instances: Any, gt_instances_ignore: Any = None, **options: Any) -> Any:
        """Return mmdet's ``AssignResult``: for each prior an object from 1, 0 for background, -1 for ignored."""
        region = _region(gt_instances_ignore)
        if region is None:
            return self._assigner.assign(pred_instances, gt_instances, gt_instances_ignore, **options)
        result = self._assigner.assign(pred_instances, gt_instances, None, **options)
        inside = _inside(pred_instances.priors, region, self._points)
        result.gt_inds[(result.gt_inds == 0) & inside] = IGNORED
        return result


def ignore_regions(detector: nn.Module) -> None:
    """Let a detector's losses leave ignore regions out that have masks; without such regions it trains as before.

    Raises:
        BadSettings: it is neither an RTMDet-Ins, nor one of two stages with anchors, nor the semantic U-Net.
    """
    import_mmdet()
    from mmdet.models.dense_heads import RTMDetHead

    whole: Any = detector
    if type(detector).__name__ == SEMANTIC:
        # Its loss knows pixels of which nothing is known.
        return
    if isinstance(getattr(whole, "bbox_head", None), RTMDetHead):
        whole.bbox_head.assigner = RegionIgnorer(whole.bbox_head.assigner, points=True)
    elif _has_two_stages(whole):
        whole.rpn_head.assigner = RegionIgnorer(whole.rpn_head.assigner, points=False)
        found = whole.roi_head.bbox_assigner
        several = isinstance(found, list)
        made = [RegionIgnorer(assigner, points=False) for assigner in (found if several else [found])]
        whole.roi_head.bbox_assigner = made if several else made[0]
    else:
        raise _cannot(type(detector).__name__)


def check_unlabelled(student: StudentSettings) -> None:
    """Refuse to learn from unlabelled frames with a student whose losses cannot leave regions out, by its config alone.

    Raises:
        BadSettings: it is neither an RTMDet-Ins nor one of two stages with anchors, or its config cannot be read.
    """
    if student.unlabelled == "none":
        return
    model = load_config(student.config, student.override).model
    semantic = model.get("type") == SEMANTIC
    if semantic != (student.unlabelled == "cycle"):
        raise _does_not_fit(student.unlabelled, model.get("type", "another"))
    if semantic:
        return
    one_stage = str(model.get("bbox_head", {}).get("type", "")).startswith("RTMDet")
    if not one_stage and not {"rpn_head", "roi_head"} <= model.keys():
        raise _cannot(model.get("type", "another"))
    if student.unlabelled != "self" and not one_stage and isinstance(model.roi_head.bbox_head, list):
        raise BadSettings(
            f"student.unlabelled: {student.unlabelled!r} expected a student with one second stage, as Mask R-CNN has, "
            f"got {len(model.roi_head.bbox_head)} that follow one another; choose another student.config, or 'self'"
        )


def _does_not_fit(method: str, found: str) -> BadSettings:
    if method == "cycle":
        expected, advice = "a student that judges pixels", "choose student.config 'semantic_unet', or 'self'"
    else:
        # Nothing tells it what background is where all but believed objects is left out, so objects grow.
        expected, advice = "a student that finds objects", "choose another student.config, or 'cycle'"
    return BadSettings(f"student.unlabelled: {method!r} expected {expected}, got {found}; {advice}")


def _cannot(found: str) -> BadSettings:
    return BadSettings(
        "student.unlabelled: expected a student whose losses can leave regions out, an RTMDet-Ins or one of two "
        f"stages as Mask R-CNN is, got {found}; choose another student.config, or student.unlabelled 'none'"
    )


def _has_two_stages(detector: Any) -> bool:
    parts = (getattr(detector, "rpn_head", None), getattr(detector, "roi_head", None))
    return hasattr(parts[0], "assigner") and hasattr(parts[1], "bbox_assigner")


def _region(ignored: Any) -> torch.Tensor | None:
    """Return the union [h, w] of ignore regions that have masks; None where there are none."""
    if ignored is None or not len(ignored) or "masks" not in ignored:
        return None
    return torch.from_numpy(ignored.masks.masks.any(axis=0))


def _inside(priors: torch.Tensor, region: torch.Tensor, points: bool) -> torch.Tensor:
    """Tell which priors lie in a region or out of view: points by where they are, boxes by more than half of their area
    in view."""
    height, width = region.shape
    region = region.to(priors.device)
    if points:
        x, y = priors[:, 0].round().long(), priors[:, 1].round().long()
        in_view = (x >= 0) & (y >= 0) & (x < width) & (y < height)
        return ~in_view | region[y.clamp(0, height - 1), x.clamp(0, width - 1)]
    sums = torch.zeros(height + 1, width + 1, device=priors.device)
    sums[1:, 1:] = region.float().cumsum(0).cumsum(1)
    left, right = (priors[:, i].round().long().clamp(0, width) for i in (0, 2))
    top, bottom = (priors[:, i].round().long().clamp(0, height) for i in (1, 3))
    inside = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    area = (right - left).clamp(min=0) * (bottom - top).clamp(min=0)
    return (area == 0) | (inside > 0.5 * area)
