"""Labelled frames as a stream of augmented training items.

Item ``n`` is a function of ``(seed, n)`` alone: which frame it is, and how it is augmented. A training that was
killed continues at the item where it stopped and sees what it would have seen.
"""

import contextlib
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset, Sampler

from al_core.errors import BadLabel
from al_core.footage.images import working_size
from al_core.masks.rle import decode
from al_core.records import FrameRef, LabelKind, MaskLabel

CACHED_FRAMES = 256
"""Decoded frames kept in memory: at 448x256 pixels with two objects this is 150 MB."""


@dataclass(frozen=True, slots=True)
class TrainingSample:
    """One labelled frame: masks at full resolution; none means that nothing is there, which is learned too.

    Attributes:
        weight: how much it counts beside one of which every mask was drawn, in (0, 1].
    """

    frame: FrameRef
    masks: tuple[MaskLabel, ...]
    weight: float = 1.0


class LabelledFrames(Dataset):
    """The stream of items that a student is trained on.

    Args:
        samples: at least one; frames without objects are negatives.
        category_ids: the category of each class index.
        read_image: gives a frame as uint8 RGB [h, w, 3] at working size.
        long_side: longest side in pixels of an item; frames are never enlarged.
        pipeline: mmdet transforms as configs, applied to each item.
        length: number of items.

    Raises:
        BadLabel: no sample, or a mask of a category that is not in ``category_ids``.
    """

    def __init__(
        self,
        samples: Sequence[TrainingSample],
        category_ids: Sequence[int],
        read_image: Callable[[FrameRef], NDArray[np.uint8]],
        long_side: int,
        pipeline: Sequence[Mapping[str, Any]],
        seed: int,
        length: int,
    ) -> None:
        if not samples:
            raise BadLabel("a student needs at least one labelled frame, got none; label some first")
        # The order in which a caller found the labels must not change what is learned.
        self._samples = sorted(samples, key=lambda sample: sample.frame)
        self._weights = np.array([sample.weight for sample in self._samples])
        self._class_of = {category: index for index, category in enumerate(category_ids)}
        _check_categories(self._samples, self._class_of)
        self._read_image = read_image
        self._long_side = long_side
        self._seed = seed
        self._length = length
        self._transform = _compose(pipeline)
        self._frame = lru_cache(maxsize=CACHED_FRAMES)(self._decode)

    def __len__(self) -> int:
        return self._length

    def sample_of(self, item: int) -> int:
        """Return the index of the frame that an item shows: every frame once in each pass, in a new order each pass.

        A frame that counts less gives way as often as that to one drawn by what each counts.
        """
        turn, position = divmod(item, len(self._samples))
        order = np.random.default_rng([self._seed, 0, turn]).permutation(len(self._samples))
        index = int(order[position])
        if self._weights[index] == 1:
            return index
        rng = np.random.default_rng([self._seed, 2, item])
        if rng.random() < self._weights[index]:
            return index
        return int(rng.choice(len(self._samples), p=self._weights / self._weights.sum()))

    def __getitem__(self, item: int) -> dict[str, Any]:
        """Return one item as mmdet's ``PackDetInputs`` gives it: ``inputs`` uint8 [3, h, w] and ``data_samples``."""
        rng = np.random.default_rng([self._seed, 1, item])
        content = _mmdet_content(*self.shown(item))
        # What a box came to is no mask that anybody drew: a student may learn from the box alone.
        masks = self._samples[self.sample_of(item)].masks
        content["gt_box_only"] = np.array([label.kind is LabelKind.BOX for label in masks], bool)
        content["img_id"] = item
        height, width = content["img_shape"]
        content["canvas"] = working_size(height, width, self._long_side)
        content["rng"] = rng
        with _global_randomness(rng):
            return self._transform(content)

    def shown(self, item: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], list[int]]:
        """Return the frame of an item before it is augmented, its masks [n, h, w] and their class indices, -1 for
        regions to ignore."""
        return self._frame(self.sample_of(item))

    def _decode(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], list[int]]:
        """Return a frame, its masks [n, h, w] and their class indices, -1 for regions to ignore."""
        sample = self._samples[index]
        image = self._read_image(sample.frame)
        height, width = image.shape[:2]
        masks = [resize_mask(decode(label.rle), height, width) for label in sample.masks]
        classes = [-1 if label.ignore else self._class_of[label.category_id] for label in sample.masks]
        return image, np.array(masks, np.uint8).reshape(-1, height, width), classes


class ItemSampler(Sampler[int]):
    """The items in order; ``skip`` is how mmengine continues a training."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._first = 0

    def skip(self, n_items: int) -> None:
        """Leave out the next items."""
        self._first += n_items

    def __iter__(self) -> Iterator[int]:
        return iter(range(self._first, self._length))

    def __len__(self) -> int:
        return self._length - self._first


def resize_mask(mask: NDArray[np.bool_], height: int, width: int) -> NDArray[np.bool_]:
    """Resize a mask: a pixel is set where the mask covers at least half of it."""
    if mask.shape == (height, width):
        return mask
    interpolation = cv2.INTER_AREA if height < mask.shape[0] else cv2.INTER_LINEAR
    return cv2.resize(mask.astype(np.float32), (width, height), interpolation=interpolation) >= 0.5


def _check_categories(samples: Sequence[TrainingSample], known: Mapping[int, int]) -> None:
    for frame, mask in ((sample.frame, mask) for sample in samples for mask in sample.masks):
        if not mask.ignore and mask.category_id not in known:
            raise BadLabel(f"{frame}: category {mask.category_id} is not among the categories to learn: {list(known)}")


def _compose(pipeline: Sequence[Mapping[str, Any]]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    from mmcv.transforms import Compose
    from mmengine.registry import DefaultScope

    from al_core.students import transforms  # noqa: F401  (registers ours)

    with DefaultScope.overwrite_default_scope("mmdet"):
        return Compose([dict(step) for step in pipeline])


def _mmdet_content(image: NDArray[np.uint8], masks: NDArray[np.uint8], labels: Sequence[int]) -> dict[str, Any]:
    """Return what mmdet's transforms work on; ignore regions are instances with a flag and no class."""
    from mmdet.structures.bbox import HorizontalBoxes
    from mmdet.structures.mask import BitmapMasks

    height, width = image.shape[:2]
    bitmaps = BitmapMasks(masks.copy(), height, width)
    classes = np.asarray(labels, np.int64)
    return {
        "img": image.copy(),
        "img_shape": (height, width),
        "ori_shape": (height, width),
        "gt_masks": bitmaps,
        "gt_bboxes": HorizontalBoxes.from_instance_masks(bitmaps),
        "gt_bboxes_labels": classes,
        "gt_ignore_flags": classes < 0,
    }


@contextlib.contextmanager
def _global_randomness(rng: np.random.Generator) -> Iterator[None]:
    """Seed the global generators, from which mmdet's own transforms draw, and leave them as they were."""
    with kept_generators():
        np.random.seed(rng.integers(2**32))  # noqa: NPY002
        random.seed(int(rng.integers(2**32)))
        yield


@contextlib.contextmanager
def kept_generators() -> Iterator[None]:
    """Leave numpy's and Python's global generators as they were."""
    numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate(python_state)
