"""A network that learnt to tell a thousand kinds of things apart: EfficientNet-Lite0, trained on ImageNet.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019; the Lite variants
leave out what is slow on small machines. The weights (Apache-2.0) come as a package of their own, so that
nothing is fetched when a clip is worked on.
"""

from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from al_core.errors import BadCheckpoint, first_line
from al_core.networks.imagenet_weights import ADVICE, WANTED, weights_file
from al_core.networks.network_state import channels_last

CHANNELS = (16, 24, 40, 112)
"""Of what is seen at half, quarter, eighth and sixteenth of the resolution."""

_EPSILON = 1e-3
_COARSEST = 16
"""Pixels along each side of what is seen as one at the last level."""


class _Stage(NamedTuple):
    """Blocks that are alike: how much they widen, channels, how many, size of the kernel, the stride of the first."""

    widens: int
    channels: int
    blocks: int
    kernel: int
    stride: int


_STAGES = (
    _Stage(1, 16, 1, 3, 1),
    _Stage(6, 24, 2, 3, 2),
    _Stage(6, 40, 2, 5, 2),
    _Stage(6, 80, 3, 3, 2),
    _Stage(6, 112, 3, 5, 1),
)
"""Those down to a sixteenth of the resolution; the ones below tell classes of ImageNet apart."""

_SEEN = (0, 1, 2, 4)
"""The last stage at each resolution."""


class EfficientNet(nn.Module):
    """The stages of EfficientNet-Lite0 down to a sixteenth of the resolution, as they were trained; they never learn.

    Raises:
        BadCheckpoint: the package with the weights is not installed, or damaged.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(_Strided(3, 32, 3, 2), nn.BatchNorm2d(32, _EPSILON), nn.ReLU6())
        self.stages = nn.ModuleList()
        before = 32
        for stage in _STAGES:
            blocks = [
                _Block(before if number == 0 else stage.channels, stage, number) for number in range(stage.blocks)
            ]
            self.stages.append(nn.Sequential(*blocks))
            before = stage.channels
        fill(self)
        channels_last(self).eval().requires_grad_(False)

    def train(self, mode: bool = True) -> "EfficientNet":
        """Stay as it was trained, whatever network it is a part of."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Return what is seen at half, quarter, eighth and sixteenth of the resolution: float32 [n, c, ...], with
        :data:`CHANNELS`.

        Args:
            pictures: RGB float32 [n, 3, h, w] in [0, 1], h and w multiples of 16.
        """
        x = self.stem((pictures * 255 - 127) / 128)
        seen = []
        for number, stage in enumerate(self.stages):
            x = stage(x)
            if number in _SEEN:
                seen.append(x)
        return seen


def seen_in_cells(network: EfficientNet, picture: NDArray[np.uint8], level: int) -> Tensor:
    """Return what is seen at a level and at the next coarser one together, in cells of the finer one: float32
    [c, ceil(h / cell), ceil(w / cell)], c the sum of both in :data:`CHANNELS`, a cell 2, 4 or 8 pixels wide.

    Args:
        picture: RGB uint8 [h, w, 3]; its last row and column are repeated up to multiples of 16.
        level: 0, 1 or 2.
    """
    height, width = picture.shape[:2]
    padded = np.pad(picture, ((0, -height % _COARSEST), (0, -width % _COARSEST), (0, 0)), mode="edge")
    seen = network(torch.from_numpy(padded.astype(np.float32) / 255).permute(2, 0, 1)[None])
    fine, coarse = seen[level : level + 2]
    wide = functional.interpolate(coarse, fine.shape[-2:], mode="bilinear", align_corners=False)
    cell = 2 ** (level + 1)
    return torch.cat([fine, wide], dim=1)[0, :, : -(-height // cell), : -(-width // cell)]


class _Strided(nn.Conv2d):
    """A convolution whose padding is as the weights were trained with: less before than after, where it halves."""

    def __init__(self, n_in: int, n_out: int, kernel: int, stride: int, groups: int = 1) -> None:
        super().__init__(n_in, n_out, kernel, stride, kernel // 2, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution of a map."""
        if self.stride[0] == 1:
            return super().forward(x)
        both = self.kernel_size[0] - self.stride[0]
        before, after = both // 2, both - both // 2
        padded = functional.pad(x, (before, after, before, after))
        return functional.conv2d(padded, self.weight, None, self.stride, groups=self.groups)


class _Block(nn.Module):
    """An inverted residual: widened, looked at channel by channel, narrowed again."""

    def __init__(self, before: int, stage: _Stage, number: int) -> None:
        super().__init__()
        stride = stage.stride if number == 0 else 1
        self.adds = stride == 1 and before == stage.channels
        width = before * stage.widens
        layers: list[nn.Module] = []
        if stage.widens > 1:
            layers += [nn.Conv2d(before, width, 1, bias=False), nn.BatchNorm2d(width, _EPSILON), nn.ReLU6()]
        layers += [_Strided(width, width, stage.kernel, stride, width), nn.BatchNorm2d(width, _EPSILON), nn.ReLU6()]
        layers += [nn.Conv2d(width, stage.channels, 1, bias=False), nn.BatchNorm2d(stage.channels, _EPSILON)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return what the block makes of a map."""
        return x + self.layers(x) if self.adds else self.layers(x)


def fill(network: nn.Module) -> None:
    """Fill a network with the weights, in the order of its tensors: the file calls them differently, and has more.

    Raises:
        BadCheckpoint: the package with the weights is not installed, or damaged.
    """
    path = weights_file()
    try:
        given = torch.load(path, map_location="cpu", weights_only=True)
        mine = [name for name in network.state_dict() if not name.endswith("num_batches_tracked")]
        values = (value for name, value in given.items() if not name.endswith("num_batches_tracked"))
        network.load_state_dict(dict(zip(mine, islice(values, len(mine)), strict=True)), strict=False)
    except Exception as error:  # zip, pickle and torch raise their own kinds for a damaged file
        raise BadCheckpoint(f"{WANTED}, got {path}, which cannot be read ({first_line(error)}); {ADVICE}") from None
