"""A network that tells masks that people drew from others, by what the picture shows under them.

After Mittal et al. 2019 (semi-supervised semantic segmentation with high- and low-level consistency): four strided
convolutions over picture and mask, one number from the mean of their last features, and those features for a segmenter
to match. Here it looks at a window around each object and not at the whole frame: a frame has many objects, some drawn
well and some not.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

PICTURE_CHANNELS = 3
CHANNELS = (32, 64, 96, 128)
"""After each halving of the window."""

SLOPE = 0.2
"""Of the rectifiers below 0, so that gradients reach the mask from everywhere."""


class Discriminator(nn.Module):
    """Says how much a mask looks like one that a person drew.

    Args:
        categories: how many there are; a mask is shown in the channel of its own.
        seed: of the weights; no generator of the process is moved.
    """

    def __init__(self, categories: int, seed: int) -> None:
        super().__init__()
        widths = (PICTURE_CHANNELS + categories, *CHANNELS)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.trunk = trunk(widths)
            self.judge = nn.Linear(CHANNELS[-1], 1)
        self.categories = categories

    def forward(self, pictures: Tensor, masks: Tensor, categories: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logit [n] that each mask was drawn by a person, and the features [n, f] that it follows from.

        Args:
            pictures: [n, 3, s, s] with mean 0 and deviation 1.
            masks: [n, s, s] in [0, 1].
            categories: [n] int64, from 0.
        """
        shown = masks.new_zeros(len(masks), self.categories, *masks.shape[1:])
        shown[torch.arange(len(masks), device=masks.device), categories] = masks
        features = self.trunk(torch.cat([pictures, shown], dim=1)).mean(dim=(2, 3))
        return self.judge(features)[:, 0], features


def trunk(widths: tuple[int, ...]) -> nn.Sequential:
    """Return convolutions that each halve the resolution, from ``widths[0]`` channels to ``widths[-1]``."""
    layers = [(nn.Conv2d(i, o, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE)) for i, o in pairwise(widths)]
    return nn.Sequential(*(layer for pair in layers for layer in pair))


def telling_loss(drawn: Tensor, other: Tensor) -> Tensor:
    """Return the binary cross-entropy of a discriminator's logits: of masks that people drew [n], and of others [m].

    Both sides count the same, however many there are.
    """
    sides = [(drawn, 1.0), (other, 0.0)]
    parts = [binary_cross_entropy_with_logits(x, torch.full_like(x, y)) for x, y in sides if len(x)]
    return torch.stack(parts).mean()
