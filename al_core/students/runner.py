"""mmengine's Runner without files, logs and survey of the machine; import it only where mmengine may be imported."""

import multiprocessing
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
from mmengine.hooks import Hook
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS, OPTIMIZERS, DefaultScope
from mmengine.runner import Runner
from mmengine.visualization import Visualizer
from torch import nn
from torch.utils.data import DataLoader

from al_core.students.build import through_python

LOG_EVERY = 25
"""Iterations between two lines in mmengine's log."""


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class TwoGroupsConstructor:
    """Weight decay for kernels, none for biases and norms: two groups of parameters.

    mmengine's own constructor makes a group of each parameter, and takes hundreds of small steps where one would do.

    Args:
        optim_wrapper_cfg: config of the wrapper with its ``optimizer``.
    """

    def __init__(self, optim_wrapper_cfg: Mapping[str, Any], paramwise_cfg: Any = None) -> None:
        self._wrapper = dict(optim_wrapper_cfg)

    def __call__(self, model: nn.Module) -> Any:
        """Build the optimizer of a model, in its wrapper."""
        optimizer = dict(self._wrapper.pop("optimizer"))
        trained = [p for p in model.parameters() if p.requires_grad]
        # Biases and norms are vectors; kernels have at least two dimensions.
        optimizer["params"] = [
            {"params": [p for p in trained if p.ndim > 1]},
            {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
        ]
        return OPTIM_WRAPPERS.build({"type": "OptimWrapper", **self._wrapper, "optimizer": OPTIMIZERS.build(optimizer)})


class StudentRunner(Runner):
    """Trains one student on one device; writes what its hooks write and nothing else.

    Args:
        model: with its weights drawn or loaded.
        config: as :func:`al_core.students.build.build_config` makes it.
        resume_from: checkpoint of this training to go on from.
        scratch: an existing folder for what mmengine insists on making.
    """

    def __init__(
        self,
        model: nn.Module,
        config: Any,
        data: DataLoader,
        hooks: Sequence[Hook],
        device: str,
        resume_from: Path | None,
        scratch: Path,
    ) -> None:
        self._student_device = device
        super().__init__(
            model=model,
            work_dir=str(scratch),
            train_dataloader=data,
            train_cfg=config.train_cfg,
            optim_wrapper=config.optim_wrapper,
            param_scheduler=config.param_scheduler,
            default_hooks=dict(
                timer=None, sampler_seed=None, logger=dict(type="LoggerHook", interval=LOG_EVERY), checkpoint=None
            ),
            log_processor=dict(by_epoch=False),
            custom_hooks=list(hooks),
            load_from=str(resume_from) if resume_from else None,
            resume=resume_from is not None,
            default_scope=config.default_scope,
            log_level=config.log_level,
            visualizer=dict(type="Visualizer"),
            # As they are: a training must not change how the rest of the process works.
            env_cfg=dict(
                mp_cfg=dict(mp_start_method=multiprocessing.get_start_method(), opencv_num_threads=cv2.getNumThreads())
            ),
            # mmengine keeps what it knows of a run under its name, for the life of the process.
            experiment_name=f"student-{uuid.uuid4().hex}",
        )

    def build_logger(self, log_level: Any = "ERROR", **_: Any) -> MMLogger:
        """Return a logger to Python's own logging."""
        logger: MMLogger = through_python(MMLogger.get_instance(self._experiment_name, log_level=log_level))
        return logger

    def wrap_model(self, model_wrapper_cfg: Any, model: nn.Module) -> nn.Module:
        """Move a model to the chosen device; mmengine would take the fastest."""
        return model.to(self._student_device)

    def _init_model_weights(self) -> None:
        """Leave the weights alone: they are drawn or loaded, and mmengine would log a line for each of them."""

    def resume(self, filename: str, **_: Any) -> None:
        """Go on from a checkpoint, whatever device wrote it."""
        super().resume(filename, map_location="cpu")

    def dump_config(self) -> None:
        """Write nothing: the final checkpoint holds the config."""

    def _log_env(self, env_cfg: Any) -> None:
        """Log nothing: asking compilers and drivers for their versions takes longer than a training step."""

    def close(self) -> None:
        """Let mmengine forget the run."""
        for kind in (MMLogger, MessageHub, Visualizer, DefaultScope):
            kind._instance_dict.pop(self._experiment_name, None)
