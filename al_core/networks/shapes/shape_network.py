"""The network that makes masks of boxes: a map of each category, its saliency spread, and a head for any category."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from al_core.networks.shapes.spreading import SaliencySpreading, salience
from al_core.networks.unet import UNet

WIDTHS = (3, 24, 48)
"""Channels at full, half and quarter resolution of what reads a crop; saliency spreads at a quarter."""

HEAD = (16, 32, 48, 64)


@dataclass(frozen=True, eq=False)
class ShapeOutput:
    """What the network says of n crops.

    Attributes:
        classes: logits of the categories and, last, of none, by what is within the box, float32 [n, k + 1].
        surroundings: the same by what is around the box.
        saliency: float32 [n, 1, h / 4, w / 4] in [0, 1], before it spreads.
        shape: logits of the object after it spread, float32 [n, 1, h / 4, w / 4].
        mask: logits of the object, float32 [n, h, w].
    """

    classes: Tensor
    surroundings: Tensor
    saliency: Tensor
    shape: Tensor
    mask: Tensor


class ShapeNetwork(nn.Module):
    """Masks of boxes, for categories with masks and without.

    Args:
        n_kinds: categories.
        propagates: False leaves the head alone with crop and box: the rival that it has to beat.
    """

    def __init__(self, n_kinds: int, propagates: bool = True) -> None:
        super().__init__()
        self.propagates = propagates
        self.class_maps = nn.Sequential(_trunk(), nn.Conv2d(WIDTHS[-1], n_kinds + 1, 1))
        self.trunk = _trunk()
        self.spreading = SaliencySpreading(WIDTHS[-1])
        self.head = UNet(3 + 1 + 1, HEAD)

    def forward(
        self,
        crops: Tensor,
        boxes: Tensor,
        around: Tensor,
        kinds: Tensor,
        outlines: Tensor | None = None,
        kept: Tensor | None = None,
    ) -> ShapeOutput:
        """Return what is seen in crops.

        Args:
            crops: float32 [n, 3, h, w], about in [-1, 1]; h and w are multiples of 16.
            boxes: 1 within the box, else 0, float32 [n, 1, h, w].
            around: 1 where nothing of a known object is, float32 [n, 1, h, w].
            kinds: the category of each, int64 [n].
            outlines: the crops in which outlines are looked for: in a training, the same in any colours.
            kept: where saliency is kept in a training, float32 [n, 1, h / 4, w / 4] of 0 and 1; where it is 0
                everywhere, the head is not shown what has spread. None for all of it.
        """
        maps = self.class_maps(crops)
        within, beside = functional.avg_pool2d(boxes, 4), functional.avg_pool2d(around, 4)
        classes, surroundings = _mean(maps, within), _mean(maps, beside)
        # What the masks of some categories teach is not to change what others look like.
        saliency = salience(maps, kinds, (within > 0.5).to(maps.dtype)).detach()
        shown = torch.ones_like(saliency[..., :1, :1])
        if kept is not None:
            shown = kept.amax(dim=(2, 3), keepdim=True)
            saliency = saliency * torch.where(shown > 0, kept, torch.ones_like(kept))
        outlines = crops if outlines is None else outlines
        if self.propagates:
            shape = self.spreading(saliency, self.trunk(outlines))
            known = _four_times(shape.sigmoid()) * shown
        else:
            shape, known = torch.zeros_like(saliency), torch.zeros_like(boxes)
        mask = self.head(torch.cat([outlines, boxes, known], dim=1))
        if self.propagates and not self.training:
            # Of what has spread, the head knows how it is without: each has errors of its own.
            mask = (mask + self.head(torch.cat([outlines, boxes, torch.zeros_like(known)], dim=1))) / 2
        return ShapeOutput(classes, surroundings, saliency, shape, mask)


def _mean(maps: Tensor, where: Tensor) -> Tensor:
    """Return the mean of each map over some pixels, float32 [n, k]."""
    return (maps * where).sum(dim=(2, 3)) / where.sum(dim=(2, 3)).clamp_min(1e-6)


def _trunk() -> nn.Sequential:
    return nn.Sequential(*(_half(a, b) for a, b in pairwise(WIDTHS)))


def _half(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
        nn.Conv2d(n_out, n_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
    )


def _four_times(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=4, mode="bilinear", align_corners=False)
