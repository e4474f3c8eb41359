"""The network of a specialist: a U-Net that sees the picture, what is known of the object and of all other objects.

Beside the picture it sees what a backbone makes of it that learnt on a million pictures of a thousand kinds of things.
The backbone itself never learns here, and its weights are no part of the specialist's.
"""

from pathlib import Path

from torch import Tensor, nn

from al_core.errors import BadCheckpoint
from al_core.networks import efficientnet
from al_core.networks.efficientnet import EfficientNet
from al_core.networks.network_state import load_state, seeded
from al_core.networks.unet import CHANNELS, UNet

IN_CHANNELS = 5
"""Red, green, blue, what is known of the object, what is known of all other objects."""


class UNetOnBackbone(UNet):
    """A U-Net to each level of which is added what the backbone sees at that resolution.

    Raises:
        BadCheckpoint: the backbone's weights are not installed.
    """

    def __init__(self) -> None:
        super().__init__(IN_CHANNELS)
        # In a tuple it is none of the parts that are trained, stored and moved between training and use.
        self._backbone = (EfficientNet(),)
        self.joins = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(seen), nn.Conv2d(seen, width, 1))
            for seen, width in zip(efficientnet.CHANNELS, CHANNELS, strict=True)
        )

    def encode(self, inputs: Tensor) -> list[Tensor]:
        """Return the features at half, quarter, ... of the resolution."""
        levels = []
        x = inputs
        pictures = (inputs[:, :3] + 2) / 4
        for block, join, seen in zip(self.down, self.joins, self._backbone[0](pictures), strict=True):
            x = block(x) + join(seen)
            levels.append(x)
        return levels


def new_network(seed: int, on_backbone: bool) -> UNet:
    """Make a network with random weights that follow from the seed, beside those of the backbone.

    Raises:
        BadCheckpoint: the backbone's weights are not installed.
    """
    return seeded(UNetOnBackbone if on_backbone else lambda: UNet(IN_CHANNELS), seed)


def load_weights(path: Path) -> UNet:
    """Read a network from a file of :func:`~al_core.networks.network_state.to_bytes`, with a backbone or without as it
    was trained.

    Raises:
        BadCheckpoint: there is no such file, it cannot be read, or its weights are another network's.
    """
    network = new_network(0, on_backbone=False)
    advice = "make one with: fewframes pretrain --parent"
    try:
        load_state(path, network, "a specialist's parent", advice)
    except BadCheckpoint:
        network = new_network(0, on_backbone=True)
        load_state(path, network, "a specialist's parent", advice)
    return network
