"""The network of a specialist: a U-Net that sees the picture, what is known of the object and of all other objects."""

from pathlib import Path

from al_core.networks.network_state import load_state, seeded
from al_core.networks.unet import UNet

IN_CHANNELS = 5
"""Red, green, blue, what is known of the object, what is known of all other objects."""

SHARE_SEEN = 0.6
LEAST_SEEN = 256
"""The network sees a frame at this share of the flow's size, but not below so many pixels for the longer side: what it
lacks in outline, the flow has."""


def scale_seen(long_side: int) -> float:
    """Return how much smaller the network sees a frame whose longer side has so many pixels, as a factor up to 1."""
    return min(max(SHARE_SEEN, LEAST_SEEN / long_side), 1.0)


def new_network(seed: int) -> UNet:
    """Make a network with random weights that follow from the seed."""
    return seeded(lambda: UNet(IN_CHANNELS), seed)


def load_weights(path: Path) -> UNet:
    """Read a network from a file of :func:`~al_core.networks.network_state.to_bytes`.

    Raises:
        BadCheckpoint: there is no such file, it cannot be read, or its weights are another network's.
    """
    network = new_network(0)
    advice = "make one with: fewframes pretrain --parent"
    load_state(path, network, "a specialist's parent", advice)
    return network
