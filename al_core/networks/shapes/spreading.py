"""Saliency that spreads from pixel to pixel, by weights that are read off the picture (Zhou et al., CVPR 2020)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

CHANNELS = 24
"""In which saliency spreads, each with weights of its own."""

_NEIGHBOURS = 9


def spread(values: Tensor, weights: Tensor, steps: int) -> Tensor:
    """Replace each value by a mean of its neighbours and itself, again and again.

    Args:
        values: float32 [n, c, h, w].
        weights: of the nine neighbours, row by row, float32 [n, c, 9, h, w], of sum 1 over the nine.
        steps: how often; after max(h, w) of them a value can have come from anywhere.

    Returns:
        float32 [n, c, h, w]; beyond the edge, values are as at the edge.
    """
    height, width = values.shape[-2:]
    of_neighbour = weights.unbind(dim=2)
    for _ in range(steps):
        wide = functional.pad(values, (1, 1, 1, 1), mode="replicate")
        shifted = [wide[..., y : y + height, x : x + width] for y in range(3) for x in range(3)]
        values = of_neighbour[0] * shifted[0]
        for weight, neighbour in zip(of_neighbour[1:], shifted[1:], strict=True):
            values = torch.addcmul(values, weight, neighbour)
    return values


class SaliencySpreading(nn.Module):
    """Saliency in, logit of the object out; how it spreads is learnt for all categories at once.

    Args:
        in_channels: of the features that weights are read off.
        channels: in which saliency spreads.
    """

    def __init__(self, in_channels: int, channels: int = CHANNELS) -> None:
        super().__init__()
        self.channels = channels
        self.encode = nn.Sequential(nn.Conv2d(1, channels, 3, padding=1), nn.ReLU(inplace=True))
        self.affinity = nn.Sequential(
            nn.Conv2d(in_channels, in_channels, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(in_channels, channels * _NEIGHBOURS, 1),
        )
        self.decode = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(channels, 1, 1)
        )

    def forward(self, saliency: Tensor, features: Tensor) -> Tensor:
        """Return logits, float32 [n, 1, h, w], for saliency [n, 1, h, w] in [0, 1] and features [n, in_channels, h,
        w]."""
        n, _, height, width = saliency.shape
        raw = self.affinity(features).view(n, self.channels, _NEIGHBOURS, height, width)
        kept = raw.sigmoid()
        weights = kept / kept.sum(dim=2, keepdim=True).clamp_min(1e-6)
        decoded: Tensor = self.decode(spread(self.encode(saliency), weights, max(height, width)))
        return decoded


def salience(maps: Tensor, kinds: Tensor, within: Tensor) -> Tensor:
    """Return how likely each pixel of a box is of its category, the likeliest 1, float32 [n, 1, h, w].

    Logits of categories are only known up to a constant, so that it is their share that counts, not whether they are
    positive as in the paper.

    Args:
        maps: logits of all categories and of none, float32 [n, k + 1, h, w].
        kinds: the category of each, int64 [n].
        within: 1 in the box, else 0, float32 [n, 1, h, w].
    """
    own = maps.softmax(dim=1)[torch.arange(len(maps), device=maps.device), kinds][:, None] * within
    return own / own.amax(dim=(2, 3), keepdim=True).clamp_min(1e-6)
