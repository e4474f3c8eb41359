"""Parts of Mask R-CNN for categories of which only boxes are known: what is salient spreads until an outline, and one
head makes masks of all categories. Import this module only where mmdet may be imported.
"""

from typing import Any, ClassVar

import torch
from mmdet.datasets.transforms import PackDetInputs
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.models.roi_heads.mask_heads import FCNMaskHead
from mmdet.registry import MODELS, TRANSFORMS
from mmdet.structures.bbox import bbox2roi
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, binary_cross_entropy_with_logits, cross_entropy

from al_core.networks.shapes.spreading import CHANNELS, SaliencySpreading, salience

WIDTH = 64
"""Channels of the features that say how saliency spreads."""


@TRANSFORMS.register_module()
class PackBoxedInputs(PackDetInputs):
    """Hands on which objects only have a box, as ``box_only`` of the instances."""

    mapping_table: ClassVar[dict[str, str]] = {**PackDetInputs.mapping_table, "gt_box_only": "box_only"}


@MODELS.register_module()
class SpreadingMaskHead(FCNMaskHead):
    """A head for masks of any category, which sees what has spread beside the features.

    Args:
        num_classes: categories.
        in_channels: of the features of a region.
        channels: in which saliency spreads.
    """

    def __init__(self, num_classes: int = 80, in_channels: int = 256, channels: int = CHANNELS, **others: Any) -> None:
        super().__init__(num_classes=num_classes, in_channels=in_channels + channels, class_agnostic=True, **others)
        self.class_maps = nn.Conv2d(in_channels, num_classes + 1, 1)
        self.narrow = nn.Sequential(nn.Conv2d(in_channels, WIDTH, 1), nn.ReLU(inplace=True))
        self.spreading = SaliencySpreading(WIDTH, channels)
        self.encode = nn.Conv2d(1, channels, 3, padding=1)

    def forward(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the logits of masks of regions, float32 [n, 1, 2h, 2w], for features [n, in_channels, h, w].

        Args:
            labels: the category of each, int64 [n]; by default the one that the maps say.
        """
        return self.shapes(features, labels)[0]

    def shapes(self, features: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Return the logits of masks, [n, 1, 2h, 2w]; those of what has spread, [n, 1, h, w]; and those of categories
        and of none, [n, k + 1]."""
        maps = self.class_maps(features)
        classes = maps.mean(dim=(2, 3))
        kinds = classes[:, :-1].argmax(dim=1) if labels is None else labels
        salient = salience(maps, kinds, torch.ones_like(maps[:, :1])).detach()
        shape = self.spreading(salient, self.narrow(features))
        known = shape.relu()
        known = known / known.amax(dim=(2, 3), keepdim=True).clamp_min(1e-6)
        masks = super().forward(torch.cat([features, self.encode(known)], dim=1))
        return masks, shape, classes


@MODELS.register_module()
class ShapePropRoIHead(StandardRoIHead):
    """Regions whose masks are learnt where objects have some, and whose categories are learnt of all boxes."""

    def mask_loss(
        self, x: tuple[Tensor, ...], sampling_results: list[Any], bbox_feats: Tensor, batch_gt_instances: list[Any]
    ) -> dict[str, Any]:
        """Return the losses of masks and of what has spread, of objects with masks alone, and of categories."""
        positive = bbox2roi([found.pos_priors for found in sampling_results])
        # As many regions without an object say what none looks like.
        none = bbox2roi([found.neg_priors[: max(len(found.pos_priors), 1)] for found in sampling_results])
        labels = torch.cat([found.pos_gt_labels for found in sampling_results])
        features = self._features(x, torch.cat([positive, none]))
        masks, shape, classes = self.mask_head.shapes(features, torch.cat([labels, labels.new_zeros(len(none))]))
        n = len(positive)
        targets = torch.cat([labels, labels.new_full((len(none),), classes.shape[1] - 1)])
        losses = {"loss_class_maps": cross_entropy(classes, targets) if len(targets) else classes.sum()}
        known = _with_masks(sampling_results, batch_gt_instances)
        if known.any():
            truth = self.mask_head.get_targets(sampling_results, batch_gt_instances, self.train_cfg)[known][:, None]
            small = avg_pool2d(truth, truth.shape[-1] // shape.shape[-1])
            losses["loss_mask"] = binary_cross_entropy_with_logits(masks[:n][known], truth)
            losses["loss_shape"] = binary_cross_entropy_with_logits(shape[:n][known], small)
        else:
            losses["loss_mask"], losses["loss_shape"] = masks.sum() * 0, shape.sum() * 0
        return {"mask_preds": masks[:n], "loss_mask": losses}

    def predict_mask(
        self,
        x: tuple[Tensor, ...],
        batch_img_metas: list[dict[str, Any]],
        results_list: list[Any],
        rescale: bool = False,
    ) -> Any:
        """Return the detections with masks."""
        labels = torch.cat([found.labels for found in results_list])
        if not len(labels):
            return super().predict_mask(x, batch_img_metas, results_list, rescale)
        regions = bbox2roi([found.bboxes for found in results_list])
        masks = self.mask_head(self._features(x, regions), labels)
        return self.mask_head.predict_by_feat(
            mask_preds=masks.split([len(found) for found in results_list]),
            results_list=results_list,
            batch_img_metas=batch_img_metas,
            rcnn_test_cfg=self.test_cfg,
            rescale=rescale,
        )

    def _features(self, x: tuple[Tensor, ...], regions: Tensor) -> Tensor:
        found: Tensor = self.mask_roi_extractor(x[: self.mask_roi_extractor.num_inputs], regions)
        return found


def _with_masks(sampling_results: list[Any], batch_gt_instances: list[Any]) -> Tensor:
    """Return which of the regions with an object have one whose mask is known, bool [n]."""
    known = []
    for found, there in zip(sampling_results, batch_gt_instances, strict=True):
        matched = found.pos_assigned_gt_inds
        box_only = there.get("box_only")
        has_mask = torch.ones_like(matched, dtype=torch.bool)
        known.append(has_mask if box_only is None else ~box_only.to(matched.device)[matched].bool())
    return torch.cat(known)
