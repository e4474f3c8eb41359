"""What depth says of frames that may be labelled: how they look to it, and how hard it is to learn from those labelled.

After Hoyer et al. 2021: features of the decoder, pooled to 4 by 8 cells, tell frames apart; and a network that learns
depth from the labelled frames alone, as one that knows all footage tells it, shows by its mistakes which frames are
unlike them. No label is needed for either.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from al_core.depth.depth_network import DepthNetwork
from al_core.networks.network_state import seeded
from al_core.networks.unet import UNet

CELLS = (4, 8)
"""Height and width to which features are pooled."""

SEEN = (64, 96)
"""Height and width at which the second network sees frames, whatever their shape."""

STEPS = 150
"""Of the second network's training, which starts from random weights each time."""

_BATCH, _LEARNING_RATE, _AT_ONCE = 8, 3e-3, 32

Picture = NDArray[np.uint8]


def depth_features(network: DepthNetwork, images: Sequence[Picture]) -> NDArray[np.float32]:
    """Return how frames, RGB uint8 [h, w, 3] each, look to a network of depth, float32 [n, d]."""
    found = [network.features(image, CELLS) for image in images]
    return np.stack(found) if found else np.zeros((0, 1), np.float32)


def depth_errors(
    read: Callable[[int], Picture],
    told: Callable[[int], NDArray[np.float32]],
    n: int,
    labelled: Sequence[int],
    seed: int,
) -> NDArray[np.float64]:
    """Return how wrong a network that learnt depth from labelled frames alone is about each of n frames: the mean of
    abs(log(1 + d) - log(1 + d')) over its pixels, float64 [n].

    Args:
        read: gives a frame, RGB uint8 [h, w, 3].
        told: gives the disparity of a frame as the network that knows all footage tells it, [h, w] in [0, 1].
        labelled: numbers of those that are learnt from, at least one.
    """
    pictures, truth = _batch(read, labelled), _disparities(told, labelled)
    network = seeded(lambda: UNet(3), seed)
    _learn(network, pictures, truth, np.random.default_rng(seed))
    network.eval()
    found = []
    for start in range(0, n, _AT_ONCE):
        numbers = range(start, min(start + _AT_ONCE, n))
        with torch.no_grad():
            mine = network(_batch(read, numbers)).sigmoid()
        apart = ((1 + mine).log() - (1 + _disparities(told, numbers)).log()).abs()
        found.append(apart.mean(dim=(1, 2)).double().numpy())
    return np.concatenate(found) if found else np.zeros(0)


def _learn(network: UNet, pictures: Tensor, truth: Tensor, rng: np.random.Generator) -> None:
    optimizer = torch.optim.Adam(network.parameters(), _LEARNING_RATE)
    network.train()
    for _ in range(STEPS):
        chosen = torch.from_numpy(rng.integers(len(pictures), size=_BATCH))
        flipped = rng.random() < 0.5
        images, wanted = (values[chosen].flip(-1) if flipped else values[chosen] for values in (pictures, truth))
        loss = functional.smooth_l1_loss((1 + network(images).sigmoid()).log(), (1 + wanted).log(), beta=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _batch(read: Callable[[int], Picture], numbers: Sequence[int]) -> Tensor:
    images = [cv2.resize(read(i), SEEN[::-1], interpolation=cv2.INTER_AREA) for i in numbers]
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


def _disparities(told: Callable[[int], NDArray[np.float32]], numbers: Sequence[int]) -> Tensor:
    maps = [cv2.resize(told(i), SEEN[::-1], interpolation=cv2.INTER_AREA) for i in numbers]
    return torch.from_numpy(np.stack(maps)).float()
