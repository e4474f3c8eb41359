"""What a network that knows pictures sees in the cells of a clip's frames, for matching pixels between frames."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from al_core.footage.clips import ClipFrames
from al_core.networks import efficientnet
from al_core.networks.efficientnet import EfficientNet
from al_core.propagation.affinity.encoder import STRIDE
from al_core.propagation.labelled_clip import reader

LEVELS = (1, 2)
"""Those at a quarter and an eighth of the resolution; coarser ones tell kinds of things apart, not places."""

SCALE = 3.0
"""How much each level counts beside what was learnt on the clip."""

MOST_FRAMES = 8
"""Of the clip, evenly spaced, that say what is usual in it."""

_MULTIPLE = 16

Seen = Callable[[NDArray[np.uint8]], Tensor]
"""RGB uint8 [h, w, 3] to float32 [c, ceil(h / 4), ceil(w / 4)]."""


def seen_in(frames: ClipFrames, size: tuple[int, int]) -> Seen:
    """Return what gives the features of a clip's frames: each channel less what is usual in the clip, over how much it
    varies there, so that what tells the clip's own things apart counts.

    Args:
        size: (height, width) of the frames that are looked at.

    Raises:
        BadCheckpoint: the backbone's weights are not installed.
    """
    network, read = EfficientNet(), reader(frames, size)
    some = np.unique(np.linspace(0, frames.n_frames - 1, min(frames.n_frames, MOST_FRAMES)).round().astype(int))
    cells = torch.cat([_levels(network, read(int(i))).flatten(1) for i in some], dim=1)
    usual, varies = cells.mean(dim=1), cells.std(dim=1, correction=0).clamp_min(1e-3)
    channels = [efficientnet.CHANNELS[level] for level in LEVELS]
    weight = torch.cat([torch.full((n,), SCALE / n**0.5) for n in channels])
    gain = (weight / varies)[:, None, None]

    def see(image: NDArray[np.uint8]) -> Tensor:
        return (_levels(network, image) - usual[:, None, None]) * gain

    return see


def _levels(network: EfficientNet, image: NDArray[np.uint8]) -> Tensor:
    """Return the levels together, as they are: float32 [c, ceil(h / 4), ceil(w / 4)]."""
    height, width = image.shape[:2]
    padded = np.pad(image, ((0, -height % _MULTIPLE), (0, -width % _MULTIPLE), (0, 0)), mode="edge")
    seen = network(torch.from_numpy(padded.astype(np.float32) / 255).permute(2, 0, 1)[None])
    fine, coarse = (seen[level] for level in LEVELS)
    wide = functional.interpolate(coarse, fine.shape[-2:], mode="bilinear", align_corners=False)
    return torch.cat([fine, wide], dim=1)[0, :, : -(-height // STRIDE), : -(-width // STRIDE)]
