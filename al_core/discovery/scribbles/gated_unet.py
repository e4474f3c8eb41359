"""A U-Net whose decoder looks only where it believes that objects are, at each of its levels.

After Valvano et al. (learning to segment from scribbles using multi-scale adversarial attention gates, TMI 2021).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from al_core.networks.unet import CHANNELS, UNet

PICTURE_CHANNELS = 3


class Seen(NamedTuple):
    """What the network says of pictures.

    Attributes:
        logits: float32 [n, classes, h, w], class 0 is the background.
        attention: where objects are, [n, 1, h / k, w / k] in [0, 1] for k = 8, 4, 2.
    """

    logits: Tensor
    attention: tuple[Tensor, ...]

    @property
    def objects(self) -> Tensor:
        """How likely each pixel belongs to any object, float32 [n, 1, h, w]."""
        return 1 - self.logits.softmax(dim=1)[:, :1]


class GatedUNet(UNet):
    """A U-Net with a gate after each level of its decoder: one convolution says of each place which class it is, and
    what the level found counts as much as that place is likely no background.

    Args:
        classes: the background and at least one kind of object.
        channels: at half, quarter, eighth and sixteenth of the resolution.
    """

    def __init__(self, classes: int, channels: tuple[int, ...] = CHANNELS) -> None:
        super().__init__(PICTURE_CHANNELS, channels, classes)
        self.gates = nn.ModuleList(nn.Conv2d(width, classes, 1) for width in reversed(channels[:-1]))

    def seen(self, pictures: Tensor) -> Seen:
        """Return what is seen in pictures [n, 3, h, w] in about [-2, 2], h and w multiples of 16."""
        levels = self.encode(pictures)
        x = levels[-1]
        attention = []
        for block, gate, skip in zip(reversed(self.up), self.gates, reversed(levels[:-1]), strict=True):
            x = block(torch.cat([skip, _twice(x)], 1))
            inside = 1 - gate(x).float().softmax(dim=1)[:, :1]
            attention.append(inside)
            x = x * inside.to(x.dtype)
        return Seen(self.outline(torch.cat([pictures, _twice(x)], 1)).float(), tuple(attention))


def _twice(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
