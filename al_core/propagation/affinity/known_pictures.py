"""What a network that knows pictures sees in the cells of a clip's frames, for matching pixels between frames."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from al_core.footage.clips import ClipFrames
from al_core.networks.efficientnet import CHANNELS, EfficientNet, seen_in_cells
from al_core.propagation.labelled_clip import reader

LEVEL = 1
"""At a quarter of the resolution, with the one at an eighth; coarser ones tell kinds of things apart, not places."""

SCALE = 3.0
"""How much each level counts beside what was learnt on the clip."""

MOST_FRAMES = 8
"""Of the clip, evenly spaced, that say what is usual in it."""

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
    cells = torch.cat([seen_in_cells(network, read(int(i)), LEVEL).flatten(1) for i in some], dim=1)
    usual, varies = cells.mean(dim=1), cells.std(dim=1, correction=0).clamp_min(1e-3)
    weight = torch.cat([torch.full((n,), SCALE / n**0.5) for n in CHANNELS[LEVEL : LEVEL + 2]])
    gain = (weight / varies)[:, None, None]

    def see(image: NDArray[np.uint8]) -> Tensor:
        return (seen_in_cells(network, image, LEVEL) - usual[:, None, None]) * gain

    return see
