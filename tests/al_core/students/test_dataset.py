"""Items are a function of seed and number, masks move with their image, ignore regions are painted over."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from al_core.errors import BadLabel
from al_core.masks.rle import encode
from al_core.records import FrameRef, MaskLabel
from al_core.students.build import TRAIN_PIPELINE, import_mmdet
from al_core.students.dataset import (
    ItemSampler,
    LabelledFrames,
    TrainingSample,
    resize_mask,
)

PLAIN = [{"type": "RandomAffineMasks"}, {"type": "PaintIgnored"}, {"type": "PackDetInputs"}]


@pytest.fixture(scope="module", autouse=True)
def mmdet() -> None:
    import_mmdet()


def frames(samples: Sequence[TrainingSample], read_image: Any, pipeline: Any = PLAIN, **changed: Any) -> LabelledFrames:
    arguments = {"category_ids": [1, 2], "long_side": 64, "seed": 0, "length": 100, **changed}
    return LabelledFrames(samples, read_image=read_image, pipeline=pipeline, **arguments)


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    truth, again = one["data_samples"].gt_instances, other["data_samples"].gt_instances
    return (
        torch.equal(one["inputs"], other["inputs"])
        and np.array_equal(truth.masks.masks, again.masks.masks)
        and torch.equal(truth.bboxes.tensor, again.bboxes.tensor)
    )


class TestItems:
    def test_an_item_is_a_function_of_seed_and_number(self, samples: Any, read_image: Any) -> None:
        stream = frames(samples, read_image, TRAIN_PIPELINE)
        first = [stream[n] for n in (5, 17)]
        again = frames(samples, read_image, TRAIN_PIPELINE)
        assert all(same(a, b) for a, b in zip(first, [again[n] for n in (5, 17)], strict=True))
        assert not same(stream[5], stream[17])
        assert not same(stream[5], frames(samples, read_image, TRAIN_PIPELINE, seed=1)[5])

    def test_the_order_of_the_labels_does_not_matter(self, samples: Any, read_image: Any) -> None:
        turned = frames(list(reversed(samples)), read_image, TRAIN_PIPELINE)
        assert same(frames(samples, read_image, TRAIN_PIPELINE)[3], turned[3])

    def test_every_frame_comes_once_in_each_pass(self, samples: Any, read_image: Any) -> None:
        stream = frames(samples, read_image)
        order = [stream.sample_of(n) for n in range(12)]
        assert [sorted(order[i : i + 4]) for i in (0, 4, 8)] == [[0, 1, 2, 3]] * 3
        assert len({tuple(order[i : i + 4]) for i in (0, 4, 8)}) > 1

    def test_a_frame_that_counts_less_comes_less_often(self, samples: Any, read_image: Any) -> None:
        weighed = [replace(samples[0], weight=0.25), *samples[1:]]
        data, usual = frames(weighed, read_image), frames(samples, read_image)
        seen = [data.sample_of(item) for item in range(400)]
        assert 20 < seen.count(0) < 60
        others = [item for item in range(400) if usual.sample_of(item) != 0]
        assert [seen[item] for item in others] == [usual.sample_of(item) for item in others]

    def test_global_generators_are_left_as_they_were(self, samples: Any, read_image: Any) -> None:
        stream = frames(samples, read_image, TRAIN_PIPELINE)
        np.random.seed(3)  # noqa: NPY002
        expected = np.random.rand()  # noqa: NPY002
        np.random.seed(3)  # noqa: NPY002
        stream[0]
        assert np.random.rand() == expected  # noqa: NPY002

    def test_the_sampler_goes_on_where_it_is_told(self) -> None:
        sampler = ItemSampler(6)
        sampler.skip(4)
        assert list(sampler) == [4, 5]


class TestContent:
    def test_without_augmentation_an_item_is_the_frame(self, samples: Any, read_image: Any) -> None:
        stream = frames(samples[:1], read_image)
        item = stream[0]
        truth = item["data_samples"].gt_instances
        assert torch.equal(item["inputs"].permute(1, 2, 0), torch.from_numpy(read_image(FrameRef(1, 0))))
        assert truth.bboxes.tensor.tolist() == [[4, 12, 24, 32]]
        assert truth.labels.tolist() == [0]
        assert truth.masks.masks.sum() == 400

    def test_a_frame_is_brought_to_the_students_size(self, samples: Any, read_image: Any) -> None:
        item = frames(samples[:1], read_image, long_side=32)[0]
        assert item["inputs"].shape == (3, 24, 32)
        assert item["data_samples"].gt_instances.bboxes.tensor.tolist() == [[2, 6, 12, 16]]

    def test_a_mask_moves_with_its_image(self, samples: Any, read_image: Any) -> None:
        stream = frames(samples[:3], read_image, TRAIN_PIPELINE)
        for n in range(20):
            item = stream[n]
            red = (item["inputs"][0].float() - item["inputs"][1].float()) > 90
            masks = item["data_samples"].gt_instances.masks.masks
            union = np.logical_or(red.numpy(), masks.any(axis=0)).sum()
            assert np.logical_and(red.numpy(), masks.any(axis=0)).sum() > 0.85 * union

    def test_a_frame_without_objects_is_a_negative(self, read_image: Any) -> None:
        item = frames([TrainingSample(FrameRef(1, 0), ())], read_image, TRAIN_PIPELINE)[0]
        assert len(item["data_samples"].gt_instances.bboxes) == 0
        assert item["data_samples"].gt_instances.masks.masks.shape == (0, 48, 64)

    def test_labels_may_be_larger_than_the_frame_read(self, read_image: Any) -> None:
        large = np.zeros((96, 128), bool)
        large[24:64, 8:48] = True
        sample = TrainingSample(FrameRef(1, 0), (MaskLabel(1, 2, encode(large)),))
        truth = frames([sample], read_image)[0]["data_samples"].gt_instances
        assert truth.bboxes.tensor.tolist() == [[4, 12, 24, 32]]
        assert truth.labels.tolist() == [1]

    def test_ignore_regions_are_painted_over_but_objects_are_not(self, read_image: Any) -> None:
        everywhere = MaskLabel(0, 0, encode(np.ones((48, 64), bool)))
        square = np.zeros((48, 64), bool)
        square[12:32, 4:24] = True
        sample = TrainingSample(FrameRef(1, 0), (everywhere, MaskLabel(1, 1, encode(square))))
        item = frames([sample], read_image)[0]
        image = item["inputs"].permute(1, 2, 0).numpy()
        assert (image[square] == (230, 40, 40)).all()
        assert (image[~square] == (124, 116, 104)).all()
        assert len(item["data_samples"].gt_instances.bboxes) == 1

    def test_an_object_out_of_view_is_no_object(self, samples: Any, read_image: Any) -> None:
        away = [{"type": "RandomAffineMasks", "scale": (6.0, 6.0)}, *PLAIN[1:]]
        corner = np.zeros((48, 64), bool)
        corner[:8, :8] = True
        sample = TrainingSample(FrameRef(1, 0), (MaskLabel(1, 1, encode(corner)),))
        assert len(frames([sample], read_image, away)[0]["data_samples"].gt_instances.bboxes) == 0


class TestErrors:
    def test_no_sample(self, read_image: Any) -> None:
        with pytest.raises(BadLabel, match="at least one labelled frame"):
            frames([], read_image)

    def test_an_unknown_category(self, samples: Any, read_image: Any) -> None:
        with pytest.raises(BadLabel, match=r"category 1 .* \[7\]"):
            frames(samples, read_image, category_ids=[7])


class TestSizes:
    def test_a_mask_counts_where_it_covers_half(self) -> None:
        mask = np.array([[1, 1, 1, 0], [1, 1, 0, 0]], bool)
        assert resize_mask(mask, 1, 2).tolist() == [[True, False]]
        assert resize_mask(mask, 2, 4) is mask
