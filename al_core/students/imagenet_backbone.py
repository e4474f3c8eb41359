"""EfficientNet-Lite0 of ImageNet as the backbone of a student: mmdet's EfficientNet without what Lite leaves out.

Import this module only where mmdet may be imported.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from mmdet.models.backbones import EfficientNet
from mmdet.registry import MODELS

from al_core.networks.efficientnet import fill

_PLAIN = {"arch": "b0", "act_cfg": {"type": "ReLU6"}}
_SQUEEZE = 2
"""Place, in mmdet's settings of a block, of how far its squeeze-and-excitation narrows; 0 is for none."""


@MODELS.register_module()
class EfficientNetLite(EfficientNet):
    """The backbone; where a training starts, it takes the weights of ImageNet, unless others that are given fit."""

    layer_settings: ClassVar[dict[str, Any]] = {
        "b": [
            [[*block[:_SQUEEZE], 0, *block[_SQUEEZE + 1 :]] for block in stage]
            for stage in EfficientNet.layer_settings["b"]
        ]
    }

    def __init__(self, **others: Any) -> None:
        super().__init__(**_PLAIN, **others)

    def init_weights(self) -> None:
        """Take the weights of ImageNet.

        Raises:
            BadCheckpoint: the package with them is not installed, or damaged.
        """
        fill(self)


def as_plain_mmdet(
    backbone: Mapping[str, Any], state: Mapping[str, torch.Tensor]
) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Return the backbone's config and the model's weights as mmdet's own EfficientNet, which answers the same to the
    bit: what Lite leaves out multiplies by the sigmoid of 20, and that is 1 in single precision."""
    config = {**backbone, "type": "EfficientNet", **_PLAIN}
    plain = EfficientNet(**{key: value for key, value in config.items() if key != "type"}).state_dict()
    added = {f"backbone.{name}": torch.zeros_like(value) for name, value in plain.items() if ".se." in name}
    for name, value in added.items():
        if name.endswith("conv2.conv.bias"):
            value.fill_(20.0)
    return config, {**state, **added}
