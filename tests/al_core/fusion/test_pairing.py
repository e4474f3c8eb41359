"""Frames with their predictions, and how tracks overlap with objects."""

import numpy as np

from al_core.fusion.pairing import frames_with_predictions, pair_overlap
from al_core.propagation.base import PropagatedFrame
from al_core.stores.predictions import FramePrediction
from tests.toys.fusion import box, carried, seen


def test_each_frame_comes_with_its_own_prediction() -> None:
    frames = [PropagatedFrame(i, {}) for i in (1, 2, 4, 5)]
    predictions = [FramePrediction(i, (), np.ones(1, np.float32)) for i in (0, 2, 3, 4)]
    found = [
        (f.frame_idx, p and p.frame_idx)
        for f, p in frames_with_predictions(lambda: iter(frames), lambda: iter(predictions))
    ]
    assert found == [(1, None), (2, 2), (4, 4), (5, None)]


def test_without_teachers_no_frame_has_a_prediction() -> None:
    frames = [PropagatedFrame(i, {}) for i in range(2)]
    assert [p for _, p in frames_with_predictions(lambda: iter(frames), None)] == [None, None]


def test_only_objects_of_the_tracks_category_overlap_with_it() -> None:
    frame = PropagatedFrame(0, {1: carried(box(0)), 2: carried(box(4))})
    objects = [seen(box(2)), seen(box(4), category=2)]
    found = pair_overlap(frame, [1, 2], objects, {1: 1, 2: 2})
    np.testing.assert_allclose(found, [[8 / 24, 0], [0, 1]], atol=1e-6)
    assert pair_overlap(frame, [1, 2], [], {1: 1, 2: 2}).shape == (2, 0)
