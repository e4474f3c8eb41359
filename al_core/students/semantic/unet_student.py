"""A small U-Net as a student: it says of each pixel what it is, and objects are the regions of one category.

For footage with many like objects on a plain ground, such as cells. As an mmdet detector it trains, is averaged and
predicts as every other student. Import this module only where mmdet may be imported.
"""

from collections.abc import Sequence
from typing import Any

import torch
from mmdet.models.detectors import BaseDetector
from mmdet.registry import MODELS
from mmengine.structures import InstanceData
from torch import nn
from torch.nn.functional import cross_entropy, one_hot

from al_core.networks.unet import CHANNELS, UNet
from al_core.students.semantic.regions import UNKNOWN, class_map, n_classes, objects_of

FEATURES = 16
"""Channels at full resolution that the last layer reads."""

RAREST = 0.02
"""A class that is rarer in a batch is not weighed more than one of this share."""


class _Features(UNet):
    """A U-Net up to its last layer."""

    def forward(self, inputs: torch.Tensor) -> Any:
        """Return features at full resolution [b, 16, h, w], and the coarsest ones."""
        return self.maps(inputs)


@MODELS.register_module()
class SemanticUNet(BaseDetector):
    """A U-Net with a class for the background, one for each category and one for where objects touch.

    Args:
        num_classes: categories.
        channels: of the network, at half, quarter, ... of the resolution.
        test_cfg: ``score_thr``, ``max_per_img`` and ``min_pixels`` of an object.
    """

    def __init__(
        self,
        num_classes: int,
        channels: Sequence[int] = CHANNELS,
        test_cfg: Any = None,
        data_preprocessor: Any = None,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.n_categories = num_classes
        self.backbone = _Features(3, tuple(channels), FEATURES)
        self.pixel_head = nn.Conv2d(FEATURES, n_classes(num_classes), 1)
        self.test_cfg = test_cfg

    def extract_feat(self, batch_inputs: torch.Tensor) -> Any:
        """Return features at full resolution, and the coarsest ones."""
        return self.backbone(batch_inputs)

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits of the classes, float32 [b, classes, h, w], of normalised images [b, 3, h, w]."""
        said: torch.Tensor = self.pixel_head(self.backbone(images)[0])
        return said

    def targets(self, samples: Sequence[Any], size: Sequence[int], device: torch.device | str) -> torch.Tensor:
        """Return the class of each pixel as mmdet's samples tell it, int64 [b, h, w]; -1 where nothing is known.

        Args:
            size: (height, width) of the batch; what lies beyond an image is not known.
        """
        found = []
        for sample in samples:
            height, width = sample.img_shape[:2]
            objects, ignored = sample.gt_instances, sample.get("ignored_instances")
            unknown = torch.ones(tuple(size), dtype=torch.bool)
            unknown[:height, :width] = False
            if ignored is not None and len(ignored):
                unknown |= _bitmaps(ignored.masks, size).any(dim=0)
            classes = class_map(_bitmaps(objects.masks, size), objects.labels, self.n_categories, unknown)
            found.append(classes)
        return torch.stack(found).to(device)

    def loss(self, batch_inputs: torch.Tensor, batch_data_samples: Any) -> dict[str, torch.Tensor]:
        """Return the cross-entropy in which each class counts by the root of its rarity, and 1 - IoU of objects."""
        target = self.targets(batch_data_samples, batch_inputs.shape[-2:], batch_inputs.device)
        return pixel_losses(self.logits(batch_inputs), target)

    def predict(self, batch_inputs: torch.Tensor, batch_data_samples: Any) -> Any:
        """Return the samples with the objects that are seen, mmdet's ``pred_instances``."""
        said = self.logits(batch_inputs).float().softmax(dim=1).cpu().numpy()
        found = []
        for probabilities, sample in zip(said, batch_data_samples, strict=True):
            height, width = sample.img_shape[:2]
            least = float(self.test_cfg.score_thr)
            pixels, most = int(self.test_cfg.min_pixels), int(self.test_cfg.max_per_img)
            masks, labels, scores = objects_of(probabilities[:, :height, :width], most, least, pixels)
            found.append(_instances(masks, labels, scores, sample, batch_inputs.device))
        return self.add_pred_to_datasample(batch_data_samples, found)

    def _forward(self, batch_inputs: torch.Tensor, batch_data_samples: Any = None) -> torch.Tensor:
        return self.logits(batch_inputs)


def pixel_losses(logits: torch.Tensor, target: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the losses of logits [b, classes, h, w] against classes int64 [b, h, w], -1 where nothing is known; all 0
    where nothing is known at all."""
    known = target != UNKNOWN
    logits = logits.float()
    truth = one_hot(target.clamp(min=0), logits.shape[1]).movedim(-1, 1) * known[:, None]
    shares = truth.sum(dim=(0, 2, 3)) / known.sum().clamp(min=1)
    weights = shares.clamp(min=RAREST).rsqrt()
    entropy = cross_entropy(logits, target, weights, ignore_index=UNKNOWN, reduction="sum")
    whole = (weights * truth.sum(dim=(0, 2, 3))).sum().clamp(min=1e-6)
    objects = (logits.softmax(dim=1)[:, 1:] * known[:, None]).sum(dim=(0, 2, 3))
    shared = (logits.softmax(dim=1) * truth)[:, 1:].sum(dim=(0, 2, 3))
    there = truth[:, 1:].sum(dim=(0, 2, 3))
    overlap = shared / (objects + there - shared).clamp(min=1e-6)
    present = (there > 0).to(logits.dtype)
    missed = ((1 - overlap) * present).sum() / present.sum().clamp(min=1)
    return {"loss_pixels": entropy / whole, "loss_overlap": missed}


def _bitmaps(masks: Any, size: Sequence[int]) -> torch.Tensor:
    """Return mmdet's masks as bool [n, h, w] at the size of the batch."""
    whole = torch.zeros((len(masks), *size), dtype=torch.bool)
    bits = torch.from_numpy(masks.masks.astype(bool))[:, : size[0], : size[1]]
    whole[:, : bits.shape[1], : bits.shape[2]] = bits
    return whole


def _instances(masks: Any, labels: Any, scores: Any, sample: Any, device: Any) -> InstanceData:
    from mmdet.structures.mask import BitmapMasks

    height, width = sample.img_shape[:2]
    bitmaps = BitmapMasks(masks.astype("uint8"), height, width)
    boxes = torch.from_numpy(bitmaps.get_bboxes("hbox").tensor.numpy()).to(device)
    found = InstanceData()
    found.bboxes, found.labels = boxes, torch.from_numpy(labels).to(device)
    found.scores, found.masks = torch.from_numpy(scores).to(device), torch.from_numpy(masks).to(device)
    return found
