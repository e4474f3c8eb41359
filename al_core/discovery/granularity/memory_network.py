"""A small network that cuts what moves in other frames out of a picture, with a memory of eight frames of its clip.

After MuG (Lu, Wang, Shen, Tai, Crandall and Hoi: "Learning Video Object Segmentation from Unlabeled Videos", CVPR
2020), made small: the encoder is the one that matches pixels between frames
(:mod:`al_core.propagation.affinity.encoder`), so that what it learns serves both.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from al_core.networks.network_state import seeded
from al_core.propagation.affinity.encoder import FEATURES, STRIDE, Encoder

MEMORY = 8
"""Frames of the clip that a frame is compared with."""

KEY, VALUE = 32, 64
"""Numbers by which a cell of the memory is found, and that it gives."""

COARSE = 2 * STRIDE
"""Pixels along each side of a cell of the memory."""

DILATIONS = (1, 2, 4, 8)
"""Of the branches that look around a cell, in cells."""

_WIDTH = 64


class GranularityNetwork(nn.Module):
    """Pictures of one clip in, logit of what moves by itself out."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.down = nn.Sequential(_conv(FEATURES + 5, _WIDTH, stride=2), _conv(_WIDTH, _WIDTH))
        self.around = nn.ModuleList(_conv(_WIDTH, _WIDTH // 2, dilation=rate) for rate in DILATIONS)
        self.context = nn.Conv2d(len(DILATIONS) * _WIDTH // 2, VALUE, 1)
        self.key = nn.Conv2d(VALUE, KEY, 1)
        self.fused = _conv(2 * VALUE, _WIDTH)
        self.outline = nn.Sequential(_conv(_WIDTH + FEATURES + 3, FEATURES), nn.Conv2d(FEATURES, 1, 1))

    def seen(self, lab: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the network sees of pictures by themselves, float32 [n, 35, h / 4, w / 4] and
        [n, 64, h / 8, w / 8].

        Args:
            lab: float32 [n, 3, h, w], h and w multiples of 8, see :func:`~al_core.propagation.affinity.encoder.to_lab`.
        """
        fine = torch.cat([self.encoder(lab), functional.avg_pool2d(lab, STRIDE)], 1)
        coarse = self.down(torch.cat([fine, _places(fine)], 1))
        return fine, self.context(torch.cat([branch(coarse) for branch in self.around], 1))

    def remembered(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values of a memory, float32 [m, 32] and [m, 64], from what is seen coarsely of its frames."""
        return _cells(self.key(memory)), _cells(memory)

    def logits(self, seen: tuple[Tensor, Tensor], memory: tuple[Tensor, Tensor]) -> Tensor:
        """Return the logit of each pixel, float32 [n, h, w], by what is seen and the memory of the same clip."""
        fine, coarse = seen
        keys, values = memory
        found = []
        for query, size in _by_frame(self.key(coarse)):
            weights = (query @ keys.T * KEY**-0.5).softmax(dim=1)
            found.append((weights @ values).T.reshape(VALUE, *size))
        fused = self.fused(torch.cat([coarse, torch.stack(found)], 1))
        wide = functional.interpolate(fused, size=fine.shape[2:], mode="bilinear", align_corners=False)
        outline = self.outline(torch.cat([wide, fine], 1))
        return functional.interpolate(outline, scale_factor=STRIDE, mode="bilinear", align_corners=False)[:, 0]


def new_network(seed: int) -> GranularityNetwork:
    """Make a network with random weights that follow from the seed."""
    return seeded(GranularityNetwork, seed)


def _conv(n_in: int, n_out: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Return a convolution whose result does not depend on what else is in the batch."""
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride=stride, padding=dilation, dilation=dilation, bias=False),
        nn.GroupNorm(8, n_out),
        nn.ReLU(inplace=True),
    )


def _places(planes: Tensor) -> Tensor:
    """Return where each cell lies, float32 [n, 2, h, w] in [-1, 1]."""
    n, _, height, width = planes.shape
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    return torch.stack([x, y]).expand(n, -1, -1, -1)


def _cells(planes: Tensor) -> Tensor:
    return planes.permute(0, 2, 3, 1).flatten(0, 2)


def _by_frame(planes: Tensor) -> Iterator[tuple[Tensor, tuple[int, int]]]:
    """Yield the cells of each frame, float32 [h * w, c], and its (height, width)."""
    for one in planes:
        yield one.flatten(1).T, (one.shape[1], one.shape[2])
