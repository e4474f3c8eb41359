"""Toys for the tests of students: a few frames of a bright square that wanders over grey noise."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from al_core.masks.rle import encode
from al_core.records import FrameRef, MaskLabel
from al_core.students.dataset import TrainingSample

HEIGHT, WIDTH = 48, 64
ReadImage = Callable[[FrameRef], NDArray[np.uint8]]


def square(frame_idx: int) -> NDArray[np.bool_]:
    """Mask [48, 64] of the square in a frame: 20 pixels wide, 5 pixels further right in each frame."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[12:32, 4 + 5 * frame_idx : 24 + 5 * frame_idx] = True
    return mask


def draw(frame: FrameRef) -> NDArray[np.uint8]:
    """The frame as uint8 RGB [48, 64, 3]."""
    image = np.random.default_rng(frame.frame_idx).integers(90, 110, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    image[square(frame.frame_idx)] = (230, 40, 40)
    return image


def sample(frame_idx: int, category_id: int = 1) -> TrainingSample:
    """The frame with its square as the label."""
    label = MaskLabel(1, category_id, encode(square(frame_idx)))
    return TrainingSample(FrameRef(1, frame_idx), (label,))


@pytest.fixture(scope="session")
def read_image() -> ReadImage:
    return draw


@pytest.fixture(scope="session")
def samples() -> Sequence[TrainingSample]:
    """Three labelled frames and one without an object."""
    return [sample(0), sample(3), sample(6), TrainingSample(FrameRef(1, 7), ())]
