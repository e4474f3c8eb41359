"""Unlabelled frames are drawn by their weights, each item by seed and number, and know nothing but some objects."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from al_core.errors import BadLabel
from al_core.records import FrameRef
from al_core.students.build import STATISTICS_PIPELINE, TRAIN_PIPELINE
from al_core.students.dataset import LabelledFrames
from al_core.students.semi.mixing import MIXES, Nearness
from al_core.students.semi.unlabelled import (
    PROGRESS,
    UNLABELLED,
    PairedFrames,
    UnlabelledFrames,
    UnlabelledSample,
    fingerprint_unlabelled,
)

PLAIN = [step for step in STATISTICS_PIPELINE if step["type"] not in ("PaintIgnored", "RandomFlip")]
MOVED = [step for step in TRAIN_PIPELINE if step["type"] != "PaintIgnored"]


@pytest.fixture
def believed(samples: Any) -> list[UnlabelledSample]:
    """The first three frames of the toy with their squares; the last one is believed three times as wrong."""
    return [UnlabelledSample(s.frame, s.masks, w) for s, w in zip(samples[:3], (0.1, 0.1, 0.3), strict=True)]


@pytest.fixture
def stream(read_image: Any) -> Any:
    def make(samples: Any, pipeline: Any = PLAIN, seed: int = 7, length: int = 40, **how: Any) -> UnlabelledFrames:
        return UnlabelledFrames(samples, [1], read_image, 64, pipeline, seed, length, **how)

    return make


def test_all_that_is_not_a_believed_object_is_an_ignore_region(stream: Any, believed: Any) -> None:
    sample = stream(believed[:1])[0]["data_samples"]
    (known,), (unknown,) = sample.gt_instances.masks.masks, sample.ignored_instances.masks.masks
    assert known.sum() == 400
    assert np.array_equal(unknown, 1 - known)


def test_a_frame_of_which_nothing_is_known_is_one_ignore_region(stream: Any) -> None:
    sample = stream([UnlabelledSample(FrameRef(1, 3))])[0]["data_samples"]
    assert (len(sample.gt_instances), len(sample.ignored_instances)) == (0, 1)
    assert sample.ignored_instances.masks.masks.all()


def test_frames_are_drawn_by_their_weights(stream: Any, believed: Any) -> None:
    items = stream(believed, length=1000)
    drawn = Counter(items.sample_of(i) for i in range(1000))
    assert drawn[2] == pytest.approx(600, abs=60)
    assert drawn[0] == pytest.approx(200, abs=50)


def test_a_frame_that_is_believed_to_be_right_is_drawn_now_and_then(stream: Any, believed: Any) -> None:
    sure = [replace(s, weight=0.0) for s in believed[:2]]
    assert stream(sure).n_drawn == 2


def test_an_item_is_a_function_of_seed_and_number(stream: Any, believed: Any) -> None:
    one, again, reordered = stream(believed, MOVED), stream(believed, MOVED), stream(believed[::-1], MOVED)
    later = [again[i]["inputs"] for i in (9, 5)]
    assert (one[9]["inputs"] == later[0]).all()
    assert (one[5]["inputs"] == later[1]).all()
    assert (reordered[5]["inputs"] == later[1]).all()
    assert any((stream(believed, MOVED, seed=8)[i]["inputs"] != one[i]["inputs"]).any() for i in range(3))


def test_a_mixed_item_shows_the_objects_of_another_frame_too(stream: Any, believed: Any) -> None:
    plain, mixed = stream(believed), stream(believed, mix=MIXES["class"])
    items = [mixed[i]["data_samples"] for i in range(10)]
    assert max(len(item.gt_instances) for item in items) == 2
    for i, item in enumerate(items):
        known, (unknown,) = item.gt_instances.masks.masks, item.ignored_instances.masks.masks[-1:]
        assert np.array_equal(known.any(axis=0), unknown == 0)
        changed = (mixed[i]["inputs"] != plain[i]["inputs"]).any(dim=0).numpy()
        assert changed.any()
        assert known[-1][changed].all()


def test_mixed_items_are_a_function_of_seed_and_number(stream: Any, believed: Any) -> None:
    one, again = (stream(believed, MOVED, mix=MIXES["class"]) for _ in range(2))
    assert (one[5]["inputs"] == [again[i]["inputs"] for i in (9, 5)][1]).all()


def test_without_a_second_frame_that_shows_an_object_nothing_is_mixed(stream: Any, believed: Any) -> None:
    sparse = [believed[0], replace(believed[1], masks=())]
    plain, mixed = stream(sparse), stream(sparse, mix=MIXES["class"])
    pairs = [(plain.sample_of(i), plain[i]["inputs"], mixed[i]["inputs"]) for i in range(10)]
    assert all((a == b).all() for index, a, b in pairs if index == 0)
    assert any((a != b).any() for index, a, b in pairs if index == 1)


def test_items_mixed_by_depth_ask_each_frame_once_how_near_it_is(stream: Any, believed: Any) -> None:
    asked: list[FrameRef] = []

    def read(frame: FrameRef) -> Any:
        asked.append(frame)
        return np.full((48, 64), frame.frame_idx / 10, np.float32)

    frames = [believed[0], replace(believed[2], masks=())]
    items = stream(frames, mix=MIXES["depth"], nearness=Nearness("0", read))
    plain = stream(frames)
    first, last = (next(i for i in range(40) if items.sample_of(i) == index) for index in (0, 1))
    # The later frame is nearer everywhere: it covers the earlier one, and nothing covers it.
    assert (items[last]["inputs"] == plain[last]["inputs"]).all()
    assert (items[first]["inputs"] == plain[last]["inputs"]).all()
    assert len(items[first]["data_samples"].gt_instances) == 0
    assert sorted(asked) == [frame.frame for frame in frames]
    stream(frames, mix=MIXES["class"], nearness=Nearness("0", read))[0]
    assert len(asked) == 2


def test_pairs_leave_the_labelled_item_as_it_is(stream: Any, believed: Any, samples: Any, read_image: Any) -> None:
    labelled = LabelledFrames(samples, [1], read_image, 64, TRAIN_PIPELINE, 7, 40)
    pairs = PairedFrames(labelled, stream(believed, MOVED))
    pair = pairs[10]
    assert len(pairs) == 40
    assert (pair["inputs"] == labelled[10]["inputs"]).all()
    assert pair[UNLABELLED][PROGRESS] == 0.25
    assert (pair[UNLABELLED]["inputs"] == stream(believed, MOVED)[10]["inputs"]).all()


def test_a_stream_needs_frames(stream: Any) -> None:
    with pytest.raises(BadLabel):
        stream([])


def test_masks_and_weights_count_and_order_does_not(believed: Any) -> None:
    whole = fingerprint_unlabelled(believed)
    assert fingerprint_unlabelled(believed[::-1]) == whole
    others = [believed[:2], [replace(believed[0], masks=()), *believed[1:]], [replace(believed[0], weight=0.2)]]
    assert len({whole, *map(fingerprint_unlabelled, others)}) == 4
