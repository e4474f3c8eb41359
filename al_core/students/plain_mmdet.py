"""A student as the files that plain mmdet works with: a config that imports nothing of ours, and a checkpoint.

mmdet reads images as BGR and a config says how they are brought to the network; a student's config, which takes RGB at
the right size, is turned back into such a one. The weights are those of one member, unchanged.
"""

import pprint
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from al_core.errors import BadCheckpoint, BadSettings, UnknownName
from al_core.files import replaced, write_whole
from al_core.students.build import OWN, import_mmdet, parse_config, read_checkpoint, set_recursively

STUDENT = "student"
"""Name of the student itself, beside those of its teachers."""

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class PlainModel:
    """What plain mmdet is given.

    Attributes:
        member: whose weights they are, e.g. ``teacher 0.97 of seed 0``.
        model: mmdet's config of the detector, plain values.
        classes: names of the categories, in the order of their class indices.
        palette: RGB of each class.
        long_side: pixels to which the longer side of an image is scaled.
        state: the weights by name, on the CPU.
        holds: what the checkpoint says of itself.
    """

    member: str
    model: Mapping[str, Any]
    classes: tuple[str, ...]
    palette: tuple[Colour, ...]
    long_side: int
    state: Mapping[str, torch.Tensor]
    holds: Mapping[str, Any]

    def config(self) -> dict[str, Any]:
        """Return the parts of the config by name, in the order of the file."""
        pipeline = [
            {"type": "LoadImageFromFile"},
            # As in training: pixels of a smaller image are means of those that they cover.
            {"type": "Resize", "scale": (self.long_side, self.long_side), "keep_ratio": True, "interpolation": "area"},
            {"type": "PackDetInputs", "meta_keys": ("img_id", "img_path", "ori_shape", "img_shape", "scale_factor")},
        ]
        metainfo = {"classes": self.classes, "palette": list(self.palette)}
        dataset = {"type": "CocoDataset", "metainfo": metainfo, "test_mode": True, "pipeline": pipeline}
        return {
            "default_scope": "mmdet",
            "model": dict(self.model),
            "test_dataloader": {
                "batch_size": 1,
                "num_workers": 0,
                "sampler": {"type": "DefaultSampler", "shuffle": False},
                "dataset": dataset,
            },
            "test_cfg": {"type": "TestLoop"},
        }

    def write(self, config: Path, checkpoint: Path) -> None:
        """Write both files, each whole or not at all; an earlier one is replaced."""
        lines = ["# A student of fewframes for plain mmdet: init_detector(this file, checkpoint)."]
        lines += [f"{name} = {_literal(value)}" for name, value in self.config().items()]
        write_whole(config, ("\n\n".join(lines) + "\n").encode())
        meta = {"dataset_meta": {"classes": self.classes, "palette": list(self.palette)}, "weights": self.member}
        with replaced(checkpoint) as unfinished:
            torch.save({"meta": meta, "state_dict": dict(self.state)}, unfinished)


def plain_model(
    checkpoint: Path,
    palette: Sequence[Colour],
    long_side: int,
    score_threshold: float,
    member: str | None = None,
) -> PlainModel:
    """Return one member of a checkpoint of :func:`al_core.students.train.train_student` for plain mmdet.

    Args:
        palette: colours that the classes take in turn.
        long_side: the size at which the student saw frames, in pixels.
        score_threshold: detections below it are not made.
        member: ``student``, or the name of a teacher; by default the teacher of the first seed that changes slowest.

    Raises:
        BadCheckpoint: the file is no such checkpoint, or is damaged. UnknownName: it holds no such member.
        BadSettings: it is a student that plain mmdet does not know.
    """
    content = read_checkpoint(checkpoint)
    missing = {"config", "categories", "teachers", "student"} - content.keys()
    if missing:
        raise BadCheckpoint(f"{checkpoint}: expected a student's checkpoint, it lacks {', '.join(sorted(missing))}")
    import_mmdet()
    teachers = sorted(content["teachers"], key=lambda teacher: (-teacher["seed"], teacher["decay"]))
    members = {f"teacher {t['decay']} of seed {t['seed']}": t["state_dict"] for t in teachers}
    members = {STUDENT: content["student"], **members}
    name = list(members)[-1] if member is None else member
    if name not in members:
        raise UnknownName("member of the student", name, members)
    model = parse_config(content["config"]).model.to_dict()
    ours = next((name for name in (model["type"], model.get("roi_head", {}).get("type")) if name in OWN), None)
    if ours is not None:
        raise BadSettings(
            f"student export model: expected a student of mmdet's own models, got fewframes' {ours}, which "
            "mmdet does not know; label footage with 'fewframes predict', or train another student.config"
        )
    state = members[name]
    if model.get("backbone", {}).get("type") == "EfficientNetLite":
        from al_core.students.imagenet_backbone import as_plain_mmdet

        model["backbone"], state = as_plain_mmdet(model["backbone"], state)
    _take_bgr(model["data_preprocessor"])
    set_recursively(model.get("test_cfg"), "score_thr", score_threshold)
    classes = tuple(content["categories"][key] for key in sorted(content["categories"]))
    colours = tuple(palette[i % len(palette)] for i in range(len(classes)))
    return PlainModel(name, model, classes, colours, long_side, state, content.get("holds", {}))


def _take_bgr(processor: dict[str, Any]) -> None:
    """Undo what makes a student take RGB (see :func:`al_core.students.build.fit_model`)."""
    if not processor.pop("rgb_to_bgr", False):
        processor["bgr_to_rgb"] = True


def _literal(value: Any) -> str:
    return pprint.pformat(value, width=110, sort_dicts=False)
