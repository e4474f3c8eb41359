"""Try a student out: it is built, takes one training step, and its teachers predict one frame."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from al_core.masks.rle import encode
from al_core.records import FrameRef, MaskLabel
from al_core.settings import StudentSettings, TeacherSettings
from al_core.students.build import load_members
from al_core.students.dataset import TrainingSample
from al_core.students.semi.unlabelled import UnlabelledSample
from al_core.students.train import train_student
from al_core.uncertainty.augment import views_named
from al_core.uncertainty.ensemble import in_fast_layout, in_fast_precision, predict_frames

MOST_OBJECTS = 16
"""A frame of the trial shows one object a category, but no more than this."""


def try_student(
    student: StudentSettings,
    teachers: TeacherSettings,
    categories: Mapping[int, str],
    image: NDArray[np.uint8],
    scratch: Path,
    init_checkpoint: Path | None = None,
) -> tuple[str, ...]:
    """Do what a round will ask of a student, once, at the sizes of the settings; whatever fails is raised as it is.

    Args:
        categories: name of each category id.
        image: a frame at working size, RGB uint8 [h, w, 3].
        scratch: folder that may be thrown away afterwards.
        init_checkpoint: weights that the first round starts from.

    Returns:
        What a person should know, e.g. which of the given weights fitted.

    Raises:
        BadSettings: the config gives no student. BadCheckpoint: the weights do not fit it.
    """
    frame, objects = FrameRef(1, 0), _objects(image.shape[:2], sorted(categories))
    trained = train_student(
        student,
        teachers.model_copy(update={"seeds": 1}),
        [TrainingSample(frame, objects)],
        categories,
        lambda _: image,
        scratch,
        seed=0,
        # Unlabelled frames count for nothing in the first of all steps.
        iterations=1 if student.unlabelled == "none" else 2,
        init_checkpoint=init_checkpoint,
        statistics_batches=1,
        unlabelled=[UnlabelledSample(frame, objects)],
    )
    members = in_fast_precision(in_fast_layout(load_members(trained.checkpoint, student.device, teachers)))
    frames = [(0, image)]
    list(predict_frames(members, views_named(teachers.views), frames, teachers, student.long_side, student.max_objects))
    return trained.notes


def _objects(size: tuple[int, ...], category_ids: list[int]) -> tuple[MaskLabel, ...]:
    """Return upright bars side by side, one a category."""
    height, width = size
    n = min(len(category_ids), MOST_OBJECTS)
    found = []
    for i, category_id in enumerate(category_ids[:n]):
        mask = np.zeros((height, width), bool)
        mask[height // 4 : max(height // 4 + 1, 3 * height // 4), i * width // n : (i + 1) * width // n] = True
        found.append(MaskLabel(i + 1, category_id, encode(mask)))
    return tuple(found)
