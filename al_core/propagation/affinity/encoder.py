"""A small convolutional encoder of frames at a quarter of their size, for matching pixels between frames.

Trained without labels by :mod:`al_core.propagation.affinity.encoder_training`.
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from al_core.networks.network_state import load_state, seeded

STRIDE = 4
"""Pixels along each side of the cell that one feature stands for."""

FEATURES = 32
"""Numbers that describe a cell."""

COLOUR_SCALE = 7.0
"""How much a cell's mean colour counts beside what was learnt; see :func:`describing`."""

_HALF_CHANNELS = 16

Describe = Callable[[NDArray[np.uint8]], Tensor]
"""Features of a frame: RGB uint8 [h, w, 3] to float32 [c, ceil(h / 4), ceil(w / 4)]."""


class Encoder(nn.Module):
    """Lab picture in, one feature vector per cell of 4 x 4 pixels out; near means alike.

    The mean colour of the cell is passed on beside what the convolutions see, so that little training is needed to
    be as good as colour alone. There is no normalisation: what a picture's part looks like does not depend on the
    rest of it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.to_half = nn.Conv2d(3, _HALF_CHANNELS, 3, stride=2, padding=1)
        self.to_quarter = nn.Conv2d(_HALF_CHANNELS, FEATURES, 3, stride=2, padding=1)
        self.context = nn.Sequential(
            nn.Conv2d(FEATURES, FEATURES, 3, padding=1), nn.ReLU(), nn.Conv2d(FEATURES, FEATURES, 3, padding=1)
        )
        self.out = nn.Conv2d(FEATURES + 3, FEATURES, 1)

    def forward(self, lab: Tensor) -> Tensor:
        """Return the features, float32 [n, 32, h / 4, w / 4], of pictures [n, 3, h, w] as of :func:`to_lab`."""
        quarter = self.to_quarter(functional.relu(self.to_half(lab)))
        quarter = functional.relu(quarter + self.context(functional.relu(quarter)))
        colour = functional.avg_pool2d(lab, STRIDE)
        return self.out(torch.cat([quarter, colour], dim=1))


def to_lab(image: NDArray[np.uint8]) -> Tensor:
    """Convert a frame to CIE Lab: float32 [3, h, w], lightness in [-1, 1], a and b in about the same range.

    Args:
        image: RGB uint8 [h, w, 3]; its last row and column are repeated up to multiples of 4.
    """
    below, right = -image.shape[0] % STRIDE, -image.shape[1] % STRIDE
    image = np.pad(image, ((0, below), (0, right), (0, 0)), mode="edge")
    lab = np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)
    return torch.from_numpy(lab / np.float32(50) - np.asarray([1, 0, 0], np.float32)).permute(2, 0, 1)


def describing(encoder: Encoder) -> Describe:
    """Return what an encoder says of a frame, and the mean colour of each cell.

    Copied masks are better with both than with either alone (docs/propagation.md).
    """

    def describe(image: NDArray[np.uint8]) -> Tensor:
        lab = to_lab(image)[None]
        colour = functional.avg_pool2d(lab, STRIDE) * COLOUR_SCALE
        with torch.no_grad():
            return torch.cat([encoder(lab), colour], dim=1)[0]

    return describe


def new_encoder(seed: int) -> Encoder:
    """Make an encoder with random weights that follow from the seed."""
    return seeded(Encoder, seed)


def load_encoder(path: Path) -> Encoder:
    """Read an encoder from a file of :func:`~al_core.networks.network_state.to_bytes`.

    Raises:
        BadCheckpoint: there is no such file, it cannot be read, or its weights are another network's.
    """
    encoder = new_encoder(0)
    advice = "give another file in propagation.encoder, or leave it empty to train one on the clip"
    load_state(path, encoder, "an encoder", advice)
    return encoder.eval()
