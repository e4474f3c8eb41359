"""A small fully convolutional network that cuts one object out of a picture, given what is known of it.

Its shape is a U-Net (Ronneberger et al., MICCAI 2015) of few channels: nearly all of it works at half
resolution and below, one thin layer brings the outline back to full resolution.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from al_core.networks.network_state import channels_last

STRIDE = 16
"""Height and width of what the network sees are multiples of it."""

CHANNELS = (16, 32, 48, 64)
"""At half, quarter, eighth and sixteenth of the resolution."""

_OUTLINE_CHANNELS = 8


class UNet(nn.Module):
    """Picture and what is known in, logit of the object out, at the same resolution.

    Normalisation is by statistics of the training's batches (Ioffe and Szegedy, ICML 2015), not of the picture at
    hand: a network that learns from crops and is applied to whole frames meets other statistics there.

    Args:
        in_channels: of the picture and of what is known.
        channels: at half, quarter, ... of the resolution; four of them for a stride of 16.
        out_channels: maps that come out; :meth:`forward` gives the first, :meth:`maps` all of them.
    """

    def __init__(self, in_channels: int, channels: tuple[int, ...] = CHANNELS, out_channels: int = 1) -> None:
        super().__init__()
        widths = (in_channels, *channels)
        self.down = nn.ModuleList(_block(i, o, stride=2) for i, o in pairwise(widths))
        self.up = nn.ModuleList(_block(a + b, a) for a, b in pairwise(channels))
        self.outline = nn.Sequential(
            nn.Conv2d(channels[0] + in_channels, _OUTLINE_CHANNELS, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(_OUTLINE_CHANNELS, out_channels, 1),
        )
        channels_last(self)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits of the object, float32 [n, h, w], for inputs [n, in_channels, h, w], h and w multiples of
        16."""
        return self.maps(inputs)[0][:, 0]

    def maps(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return all maps, float32 [n, out_channels, h, w], and the coarsest features, for inputs as of
        :meth:`forward`."""
        levels = self.encode(inputs)
        x = levels[-1]
        for block, skip in zip(reversed(self.up), reversed(levels[:-1]), strict=True):
            x = block(torch.cat([skip, _twice(x)], 1))
        return self.outline(torch.cat([inputs, _twice(x)], 1)), levels[-1]

    def encode(self, inputs: Tensor) -> list[Tensor]:
        """Return the features at half, quarter, ... of the resolution, for inputs as of :meth:`forward`."""
        levels = []
        x = inputs
        for block in self.down:
            x = block(x)
            levels.append(x)
        return levels


def _block(n_in: int, n_out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
        nn.Conv2d(n_out, n_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
    )


def _twice(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def segmentation_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return class-balanced cross-entropy (Xie and Tu, "Holistically-Nested Edge Detection", ICCV 2015) plus soft IoU:
    the mean over the pictures, float32 [n, h, w], the target in [0, 1].

    Balancing alone makes masks grow, since a missed pixel of a small object costs more than many false ones; 1 - IoU
    (Rahman and Wang, ISVC 2016) draws the outline back. A picture without the object has plain cross-entropy only.
    """
    share = target.mean(dim=(1, 2), keepdim=True)
    weight = torch.where(share > 0, target * (1 - share) + (1 - target) * share, torch.ones_like(share))
    entropy = functional.binary_cross_entropy_with_logits(logits, target, weight, reduction="none")
    balanced = entropy.sum(dim=(1, 2)) / weight.expand_as(entropy).sum(dim=(1, 2)).clamp_min(1e-6)
    probability = logits.sigmoid()
    shared = (probability * target).sum(dim=(1, 2))
    either = (probability + target - probability * target).sum(dim=(1, 2))
    overlap = torch.where(share[:, 0, 0] > 0, 1 - shared / either.clamp_min(1e-6), torch.zeros_like(shared))
    return (balanced + overlap).mean()
