"""From a name in the settings to an mmdet model: any instance segmenter of the model zoo becomes a student.

A config gives the model. What else a training needs (data, schedule, hooks) is our own and is set by
:func:`build_config`, so that an unmodified zoo config trains on a handful of frames without a network.

Every student takes RGB images and pads them itself to a multiple of 32 pixels.
"""

import ast
import contextlib
import copy
import io
import logging
import math
import pprint
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn

from al_core.errors import BadCheckpoint, BadSettings, MissingDependency
from al_core.settings import StudentSettings, TeacherSettings
from al_core.students.zoo import ZOO, config_base, override_text

SEMANTIC = "SemanticUNet"
"""Our own student that judges pixels, by its name in a config."""

OWN = (SEMANTIC, "ShapePropRoIHead")
"""Parts of our own that plain mmdet does not know."""

SIZE_DIVISOR = 32
"""Sides of what a network sees are multiples of this: the stride of the deepest feature map."""


@dataclass(frozen=True)
class Member:
    """One member of the ensemble: whose weights these are, e.g. ``teacher 0.98 of seed 0``; an mmdet detector in
    evaluation mode; the category of each class index."""

    name: str
    model: nn.Module
    category_ids: list[int]


@cache
def import_mmdet() -> None:
    """Import mmdet and register its modules. It takes seconds, and what it prints is swallowed.

    Raises:
        MissingDependency: mmdet, or mmcv's compiled operators, cannot be imported.
    """
    try:
        with contextlib.redirect_stdout(io.StringIO()), _without_language():
            import mmcv.ops  # noqa: F401
            from mmdet.utils import register_all_modules

            register_all_modules(init_default_scope=False)
            # Ours, which configs name as they name mmdet's.
            import_module("al_core.students.imagenet_backbone")
            import_module("al_core.students.semantic.unet_student")
            import_module("al_core.students.shapes.shape_heads")
            from mmdet.models.task_modules.assigners import dynamic_soft_label_assigner

            # mmdet's own writes the masks several times as numbers of eight bytes: a tenth of a step of many objects.
            dynamic_soft_label_assigner.center_of_mass = middles_of
        from mmengine.logging import MMLogger

        # What is logged outside of trainings goes to the logger of this name.
        through_python(MMLogger.get_instance("mmengine"))
    except ImportError as error:
        raise MissingDependency(
            f"training and predicting need mmdet with mmcv's compiled operators, got: {error}; run 'fewframes doctor'"
        ) from error


def middles_of(masks: torch.Tensor, eps: float = 1e-7) -> torch.Tensor:
    """Return the mean (x, y) of the pixels of each mask, bool [n, h, w] to float32 [n, 2]; equal to the bit to what
    mmdet computes, by way of rows and columns."""
    rows, columns = masks.sum(dim=2), masks.sum(dim=1)
    count = rows.sum(dim=1).float().clamp(min=eps)
    sums = [(line * torch.arange(line.shape[1], device=masks.device)).sum(dim=1) for line in (columns, rows)]
    return torch.stack([one / count for one in sums], dim=1)


@contextlib.contextmanager
def _without_language() -> Iterator[None]:
    """Let mmdet find no ``transformers``: it would load all of it, which takes two seconds, for models that read text,
    and none of these cuts out objects."""
    modules: dict[str, Any] = sys.modules
    if "transformers" in modules:
        yield
        return
    modules["transformers"] = None
    try:
        yield
    finally:
        del modules["transformers"]


class ToPythonLogging(logging.Handler):
    """Hands records of mmengine, whose loggers are in no tree of loggers, to Python's logger ``mmengine``."""

    def emit(self, record: logging.LogRecord) -> None:
        """Hand a record on, where its level is enabled."""
        logger = logging.getLogger("mmengine")
        if logger.isEnabledFor(record.levelno):
            logger.handle(record)


def through_python(logger: Any) -> Any:
    """Let a logger of mmengine print nothing itself: its records go to Python's own logging."""
    logger.handlers[:] = [ToPythonLogging(logging.INFO)]
    return logger


def choose_device(device: str = "auto") -> str:
    """Choose a device: ``auto`` is CUDA where there is one, else the CPU.

    Raises:
        BadSettings: a GPU is asked for that is not there.
    """
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "auto":
        return "cuda" if n_gpus else "cpu"
    number = int(device.partition(":")[2] or 0)
    if device.startswith("cuda") and number >= n_gpus:
        known = ", ".join(["'auto'", "'cpu'", *(f"'cuda:{n}'" for n in range(n_gpus))])
        raise BadSettings(f"student.device: expected a device that is here, got {device!r}; use one of {known}")
    return device


def load_config(name: str, override: str = "") -> Any:
    """Read a student's config, an mmengine ``Config``.

    Args:
        name: a name in ``configs/students``, the path of a config file, or ``mmdet::...`` for one of mmdet's zoo.
        override: path of a file with what differs; it is merged as if it named the config as its ``_base_``.

    Raises:
        UnknownName: no such student. BadSettings: no such file, or it cannot be read as a config.
    """
    import_mmdet()
    text = f"_base_ = {config_base(name)!r}\n" + override_text(override)
    try:
        # mmengine reads the zoo's whole index for one config; a person's own file, and its bases, may change meanwhile.
        config = _parsed(text) if name.endswith(".py") and not name.startswith(ZOO) else copy.deepcopy(_known(text))
    except Exception as error:  # a config is a program: it may raise anything
        raise BadSettings(f"student.config: {name!r} with override {override!r} cannot be read: {error}") from error
    if "model" not in config:
        raise BadSettings(f"student.config: expected a config with a model, {name!r} has none")
    return config


def _parsed(text: str) -> Any:
    from mmengine.config import Config

    return Config.fromstring(text, ".py")


_known = lru_cache(16)(_parsed)


def build_config(student: StudentSettings, categories: Sequence[str], iterations: int | None = None) -> Any:
    """Build the whole config of one training, plain data: the model, fitted to the categories, and our schedule.

    The config may hold a section ``fewframes`` with ``lr_mult`` (factor on the learning rate of the settings),
    ``optim_wrapper`` (merged into ours) and ``train_pipeline`` (replaces ours).

    Args:
        categories: names; the class index of a category is its position.
        iterations: length of the schedule; by default that of the settings.
    """
    from mmengine.config import Config, ConfigDict

    if not categories:
        raise BadSettings("a student needs at least one category to learn, got none")
    source = load_config(student.config, student.override)
    ours = source.get("fewframes", {})
    length = student.iterations if iterations is None else iterations
    rate = student.learning_rate * ours.get("lr_mult", 1.0)
    return Config(
        dict(
            default_scope="mmdet",
            model=fit_model(source.model, len(categories), student.max_objects),
            train_cfg=dict(type="IterBasedTrainLoop", max_iters=length, val_interval=length + 1),
            optim_wrapper=Config._merge_a_into_b(ours.get("optim_wrapper", {}), ConfigDict(_optimizer(rate))),
            param_scheduler=_schedule(length, rate),
            train_pipeline=ours.get("train_pipeline", TRAIN_PIPELINE),
            metainfo=dict(classes=tuple(categories)),
            log_level="ERROR",
        )
    )


TRAIN_PIPELINE: list[dict[str, Any]] = [
    dict(type="RandomAffineMasks", scale=(0.9, 1.15), rotation=3.0, translation=0.08),
    dict(type="YOLOXHSVRandomAug"),
    dict(type="PaintIgnored"),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackDetInputs"),
]
"""Augmentation for few frames: move and recolour them a little, since what is predicted comes from the same videos."""

STATISTICS_PIPELINE: list[dict[str, Any]] = [
    dict(type="RandomAffineMasks"),
    dict(type="PaintIgnored"),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackDetInputs"),
]
"""Frames as they are predicted, for the statistics of BatchNorm."""


def fit_model(model: Mapping[str, Any], n_classes: int, max_objects: int) -> dict[str, Any]:
    """Turn a zoo model's config into a student's: our number of classes, no download, one process, RGB, sides padded;
    at most ``max_objects`` detections in an image."""
    import_mmdet()
    fitted: dict[str, Any] = _fit(_plain(model), n_classes)
    test_cfg = fitted.get("test_cfg") or {}
    final = test_cfg.get("rcnn", test_cfg)  # the last stage of a two-stage detector
    for key in {"max_per_img", "max_per_image"} & final.keys():
        final[key] = min(final[key], max_objects)
    processor = fitted.setdefault("data_preprocessor", {"type": "DetDataPreprocessor"})
    _take_rgb(processor)
    processor["pad_size_divisor"] = math.lcm(SIZE_DIVISOR, processor.get("pad_size_divisor", 1))
    processor["pad_mask"] = True
    # Batch augmentations of the zoo pad to the size of its own training images.
    processor["batch_augments"] = None
    return fitted


def config_text(config: Any) -> str:
    """Write a config as a Python literal, which :func:`parse_config` reads without executing anything."""
    return pprint.pformat(_plain(config), width=110, sort_dicts=False)


def parse_config(text: str) -> Any:
    """Read a config that :func:`config_text` wrote.

    Raises:
        BadCheckpoint: the text is no literal.
    """
    from mmengine.config import Config

    try:
        return Config(ast.literal_eval(text))
    except (ValueError, SyntaxError) as error:
        raise BadCheckpoint(f"expected a config as a Python literal, got: {error}") from error


def build_model(model: Any) -> nn.Module:
    """Build the detector of a fitted model config, with weights as its layers draw them."""
    import_mmdet()
    from mmdet.registry import MODELS
    from mmengine.registry import DefaultScope

    with quiet_mmengine(), DefaultScope.overwrite_default_scope("mmdet"):
        return MODELS.build(model)


@contextlib.contextmanager
def quiet_mmengine() -> Iterator[None]:
    """Silence mmengine's own logger, which is not in the standard logging tree and reports every weight."""
    from mmengine.logging import MMLogger

    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint file of any kind onto the CPU; nothing in it is executed.

    Raises:
        BadCheckpoint: the file is not there, is truncated, or holds more than tensors and plain values.
    """
    try:
        _check_records(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise BadCheckpoint(f"{path}: no such checkpoint") from None
    except Exception as error:  # zip, pickle and torch raise their own kinds for a damaged file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadCheckpoint(f"{path}: expected a whole checkpoint, got: {reason}") from error
    if not isinstance(content, dict):
        raise BadCheckpoint(f"{path}: expected a dictionary of tensors, got {type(content).__name__}")
    return content


def _check_records(path: Path) -> None:
    """Hold what is in a checkpoint against its checksums, which torch writes and does not look at."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as file:
        damaged = file.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(f"the checksum of {damaged} is wrong")


def load_members(checkpoint: Path, device: str = "auto", settings: TeacherSettings | None = None) -> list[Member]:
    """Load the ensemble in a checkpoint that :func:`al_core.students.train.train_student` wrote: one member a teacher.

    Args:
        settings: detections below its ``score_threshold`` are not made; by default the model's own threshold.

    Raises:
        BadCheckpoint: the file is no such checkpoint, or is damaged.
    """
    content = read_checkpoint(checkpoint)
    missing = {"config", "categories", "teachers"} - content.keys()
    if missing:
        raise BadCheckpoint(f"{checkpoint}: expected a student's checkpoint, it lacks {', '.join(sorted(missing))}")
    import_mmdet()
    model = parse_config(content["config"]).model
    if settings is not None:
        set_recursively(model.test_cfg, "score_thr", settings.score_threshold)
    empty = build_model(model).to(choose_device(device)).eval().requires_grad_(False)
    categories = sorted(content["categories"])
    members = []
    for teacher in content["teachers"]:
        module = copy.deepcopy(empty)
        try:
            module.load_state_dict(teacher["state_dict"])
        except RuntimeError as error:
            raise BadCheckpoint(f"{checkpoint}: weights and config do not fit: {error}") from error
        members.append(Member(f"teacher {teacher['decay']} of seed {teacher['seed']}", module, categories))
    return members


def parts_of(model: nn.Module, names: Sequence[str]) -> list[nn.Module]:
    """Return the parts of a model with these names, as far as it has them."""
    found = (getattr(model, name, None) for name in names)
    return [part for part in found if isinstance(part, nn.Module)]


def set_recursively(node: Any, name: str, value: Any) -> None:
    """Set a value of this name wherever one stands in nested dictionaries, in place."""
    for key, item in node.items() if isinstance(node, dict) else ():
        if key == name:
            node[key] = value
        else:
            set_recursively(item, name, value)


def _optimizer(learning_rate: float) -> dict[str, Any]:
    return dict(
        type="OptimWrapper",
        constructor="TwoGroupsConstructor",
        optimizer=dict(type="AdamW", lr=learning_rate, weight_decay=0.05, fused=True),
        clip_grad=dict(max_norm=35.0),
    )


def _schedule(iterations: int, learning_rate: float) -> list[dict[str, Any]]:
    """Return a short linear warm-up, for weights that start at random, then a half cosine down to a twentieth."""
    warm_up = min(20, iterations // 5)
    span = dict(begin=warm_up, end=iterations, T_max=iterations - warm_up)
    fall = dict(type="CosineAnnealingLR", eta_min=learning_rate * 0.05, by_epoch=False, **span)
    rise = dict(type="LinearLR", start_factor=0.05, by_epoch=False, begin=0, end=warm_up)
    return [rise, fall] if warm_up else [fall]


def _plain(value: Any) -> Any:
    """Turn config containers into dictionaries, lists and tuples of plain values."""
    value = value.to_dict() if hasattr(value, "to_dict") else value
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(item) for item in value)
    return value


def _fit(value: Any, n_classes: int) -> Any:
    """Fit one node of a model's config and everything below it."""
    if isinstance(value, list | tuple):
        return type(value)(_fit(item, n_classes) for item in value)
    if not isinstance(value, dict):
        return value
    node = {key: _fit(item, n_classes) for key, item in value.items()}
    _set_classes(node, n_classes)
    if node.get("type") == "SyncBN":
        # One process: the statistics of the batch are all there are, and SyncBN needs a GPU.
        node["type"] = "BN"
    _train_from_random(node)
    return node


def _set_classes(node: dict[str, Any], n_classes: int) -> None:
    counts = {"num_classes": n_classes, "num_things_classes": n_classes, "num_stuff_classes": 0}
    node.update({key: n for key, n in counts.items() if key in node})
    weights = node.get("class_weight")
    if isinstance(weights, list | tuple) and len(weights) > 1:
        # One weight a class and a last one for "no object", as in Mask2Former.
        node["class_weight"] = [weights[0]] * n_classes + [weights[-1]]


def _train_from_random(node: dict[str, Any]) -> None:
    """Forget weights that would be downloaded; layers frozen for their sake are trained instead."""
    init = node.get("init_cfg")
    downloads = isinstance(init, dict) and init.get("type") == "Pretrained" and not Path(init["checkpoint"]).is_file()
    if not downloads and not node.get("pretrained"):
        return
    node.pop("init_cfg", None)
    node.pop("pretrained", None)
    node.update({key: value for key, value in {"frozen_stages": -1, "norm_eval": False}.items() if key in node})
    norm = node.get("norm_cfg")
    if isinstance(norm, dict) and "requires_grad" in norm:
        norm["requires_grad"] = True


def _take_rgb(processor: dict[str, Any]) -> None:
    """Turn the conversion of colours around: the zoo reads BGR, and weights must see what they saw there."""
    if processor.pop("bgr_to_rgb", False):
        processor.pop("rgb_to_bgr", None)
    elif not processor.pop("rgb_to_bgr", False):
        processor["rgb_to_bgr"] = True
