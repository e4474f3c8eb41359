"""How parameters are grouped for the optimizer; import it only where mmengine may be imported."""

from collections.abc import Mapping
from typing import Any

from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS, OPTIMIZERS
from torch import nn


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class TwoGroupsConstructor:
    """Weight decay for kernels, none for biases and norms: two groups of parameters.

    mmengine's own constructor makes a group of each parameter, and an optimizer that takes hundreds of steps where
    one would do costs a tenth of a small student's iteration.

    Args:
        optim_wrapper_cfg: config of the wrapper with its ``optimizer``.
    """

    def __init__(self, optim_wrapper_cfg: Mapping[str, Any], paramwise_cfg: Any = None) -> None:
        self._wrapper = dict(optim_wrapper_cfg)

    def __call__(self, model: nn.Module) -> Any:
        """The optimizer of a model, in its wrapper."""
        optimizer = dict(self._wrapper.pop("optimizer"))
        trained = [p for p in model.parameters() if p.requires_grad]
        # Biases and norms are vectors; kernels have at least two dimensions.
        optimizer["params"] = [
            {"params": [p for p in trained if p.ndim > 1]},
            {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
        ]
        return OPTIM_WRAPPERS.build({"type": "OptimWrapper", **self._wrapper, "optimizer": OPTIMIZERS.build(optimizer)})
