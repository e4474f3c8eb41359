"""What sees pictures before anybody tagged: the backbone that is installed, one from a file, or a project's encoder.

Its weights stay as they are, so that a frame is looked at once, however long what reads it is trained.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from al_core.errors import BadCheckpoint, first_line
from al_core.networks.efficientnet import CHANNELS, EfficientNet, seen_in_cells
from al_core.propagation.affinity.encoder import Encoder, new_encoder, to_lab

MOST_CELLS = 48
"""Along the longer side of what a backbone makes of a frame; more are averaged."""

LONG_SIDE = 384
"""Of the picture that a backbone from a file sees, in pixels; an encoder sees frames at half of that."""

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the colours of ImageNet, which networks of others are fed with."""

_LEVEL = 2
"""Of the installed backbone: 8 pixels a cell, as the others have."""

CONTAINERS = ("state_dict", "model", "model_state_dict", "net")

ADVICE = (
    "leave discovery.backbone empty for the backbone that is installed with fewframes, or name weights of MobileNetV2 "
    "or ResNet (18, 34 or 50), or an encoder of: fewframes pretrain --encoder"
)

Image = NDArray[np.uint8]


class Backbone(Protocol):
    """Sees pictures."""

    @property
    def channels(self) -> int:
        """How many numbers describe a cell."""

    def see(self, image: Image) -> Tensor:
        """Return what is in each cell of a frame, RGB uint8 [h, w, 3]: float32 [channels, rows, columns]."""


class _Stage(NamedTuple):
    """Blocks of MobileNetV2 that are alike: how much they widen, channels, how many, and the stride of the first."""

    widens: int
    channels: int
    blocks: int
    stride: int
    dilation: int = 1


STAGES = (
    _Stage(1, 16, 1, 1),
    _Stage(6, 24, 2, 2),
    _Stage(6, 32, 3, 2),
    # Dilated instead of strided from here on: a cell is 8 pixels.
    _Stage(6, 64, 4, 1, 2),
    _Stage(6, 96, 3, 1, 2),
)
"""Of MobileNetV2 (Sandler and others, 2018) without its last stages: these tell classes of ImageNet apart."""


class _Inverted(nn.Module):
    def __init__(self, before: int, stage: _Stage, first: bool) -> None:
        super().__init__()
        stride = stage.stride if first else 1
        self.adds = stride == 1 and before == stage.channels
        width = before * stage.widens
        layers: list[nn.Module] = []
        if stage.widens > 1:
            layers += [nn.Conv2d(before, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU6()]
        deep = nn.Conv2d(
            width, width, 3, stride, padding=stage.dilation, dilation=stage.dilation, groups=width, bias=False
        )
        layers += [deep, nn.BatchNorm2d(width), nn.ReLU6()]
        layers += [nn.Conv2d(width, stage.channels, 1, bias=False), nn.BatchNorm2d(stage.channels)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return what the block makes of a map."""
        return x + self.layers(x) if self.adds else self.layers(x)


class MobileNet(nn.Sequential):
    """The first stages of MobileNetV2, a cell of whose output is 8 pixels wide."""

    def __init__(self) -> None:
        layers: list[nn.Module] = [nn.Conv2d(3, 32, 3, 2, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU6()]
        before = 32
        for stage in STAGES:
            for block in range(stage.blocks):
                layers.append(_Inverted(before, stage, block == 0))
                before = stage.channels
        super().__init__(*layers)


class FromFile:
    """A network of others, as it was trained on ImageNet.

    Args:
        channels: of its output.
    """

    def __init__(self, network: nn.Module, channels: int) -> None:
        self._network, self.channels = network, channels
        network.eval()

    @torch.no_grad()
    def see(self, image: Image) -> Tensor:
        """Return what is in each cell of a frame."""
        small = _shrunk(image, LONG_SIDE).astype(np.float32) / 255
        normal = (small - np.asarray(MEAN, np.float32)) / np.asarray(DEVIATION, np.float32)
        seen = self._network(torch.from_numpy(normal.astype(np.float32)).permute(2, 0, 1)[None])
        return _pooled(seen if isinstance(seen, Tensor) else seen[-1])[0]


class Installed:
    """EfficientNet-Lite0 as it was trained on ImageNet; what it sees in 16 pixels is added to what it sees in 8.

    Raises:
        BadCheckpoint: the package with the weights is not installed, or damaged.
    """

    channels = sum(CHANNELS[_LEVEL:])

    def __init__(self) -> None:
        self._network = EfficientNet()

    def see(self, image: Image) -> Tensor:
        """Return what is in each cell of a frame."""
        return _pooled(seen_in_cells(self._network, _shrunk(image, LONG_SIDE), _LEVEL)[None])[0]


class OwnEncoder:
    """The encoder that a project trained on its footage, without labels."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder, self.channels = encoder.eval(), encoder.out.out_channels + 3

    @torch.no_grad()
    def see(self, image: Image) -> Tensor:
        """Return what is in each cell of a frame; its mean colour is a part of that."""
        lab = to_lab(_shrunk(image, LONG_SIDE // 2))[None]
        seen = self._encoder(lab)
        return _pooled(torch.cat([seen, functional.avg_pool2d(lab, lab.shape[-1] // seen.shape[-1])], dim=1))[0]


def load_backbone(path: Path) -> Backbone:
    """Read a backbone from a file: MobileNetV2 or ResNet as others keep them, or an encoder of a project.

    Raises:
        BadCheckpoint: there is no such file, it cannot be read, or it is another network's.
    """
    try:
        read = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise BadCheckpoint(f"{path}: expected the weights of a backbone, there is no such file; {ADVICE}") from None
    except Exception as error:  # zip, pickle and torch raise their own kinds for a damaged file
        said = f"it cannot be read ({first_line(error)})"
        raise BadCheckpoint(f"{path}: expected the weights of a backbone, {said}; {ADVICE}") from None
    weights = _tensors(read)
    found = _encoder_of(weights) or _resnet_of(weights) or _mobilenet_of(weights)
    if found is None:
        raise BadCheckpoint(f"{path}: expected the weights of a backbone, got those of another network; {ADVICE}")
    return found


def _tensors(read: object) -> dict[str, Tensor]:
    """Return the tensors of a file by name, whatever they are wrapped in."""
    if not isinstance(read, dict):
        return {}
    inside = next((read[name] for name in CONTAINERS if isinstance(read.get(name), dict)), read)
    return {str(name).removeprefix("module."): value for name, value in inside.items() if isinstance(value, Tensor)}


def _encoder_of(weights: Mapping[str, Tensor]) -> Backbone | None:
    encoder = new_encoder(0)
    if set(weights) != set(encoder.state_dict()):
        return None
    encoder.load_state_dict(dict(weights))
    return OwnEncoder(encoder)


def _resnet_of(weights: Mapping[str, Tensor]) -> Backbone | None:
    if "layer3.0.conv1.weight" not in weights:
        return None
    from mmdet.models.backbones import ResNet

    blocks = len({name.split(".")[1] for name in weights if name.startswith("layer3.")})
    depth = 50 if "layer3.0.conv3.weight" in weights else {2: 18, 6: 34}.get(blocks, 0)
    if not depth or (depth == 50 and blocks != 6):
        return None
    network = ResNet(depth, num_stages=3, strides=(1, 2, 1), dilations=(1, 1, 2), out_indices=(2,), norm_eval=True)
    return _filled(network, weights, 1024 if depth == 50 else 256)


def _mobilenet_of(weights: Mapping[str, Tensor]) -> Backbone | None:
    """Fill MobileNetV2 in the order of its tensors: others call them differently."""
    network = MobileNet()
    mine = [name for name in network.state_dict() if not name.endswith("num_batches_tracked")]
    given = [value for name, value in weights.items() if not name.endswith("num_batches_tracked")]
    return _filled(network, dict(zip(mine, given, strict=False)), STAGES[-1].channels)


def _filled(network: nn.Module, weights: Mapping[str, Tensor], channels: int) -> Backbone | None:
    needed = {n: v for n, v in network.state_dict().items() if not n.endswith("num_batches_tracked")}
    if any(name not in weights or weights[name].shape != value.shape for name, value in needed.items()):
        return None
    network.load_state_dict({name: weights[name] for name in needed}, strict=False)
    return FromFile(network, channels)


def _shrunk(image: Image, long_side: int) -> Image:
    scale = long_side / max(image.shape[:2])
    if scale >= 1:
        return image
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _pooled(seen: Tensor) -> Tensor:
    factor = -(-max(seen.shape[-2:]) // MOST_CELLS)
    return functional.avg_pool2d(seen, factor, ceil_mode=True) if factor > 1 else seen
