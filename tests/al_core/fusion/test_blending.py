"""Masks of one frame: averaged by track, then divided among the objects."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from al_core.fusion.blending import Fused, deliver, fuse_track, margins, new_object
from al_core.fusion.survey import Plan, Trust
from al_core.masks.rle import decode
from al_core.masks.soft import Patch
from al_core.records import Provenance
from al_core.settings import PropagationSettings
from tests.toys.fusion import SIZE, box, carried, seen

SURE = Plan({}, {}, {1: Trust(0.9, 0.95)})
"""The teachers' masks of category 1 overlap by 0.9 with the truth where they are as certain as usual."""


def fused(track: int, values: np.ndarray) -> Fused:
    return Fused(track, 1, Provenance.PROPAGATED, 0.8, Patch(0, 0, values.astype(np.float32)))


def test_equal_sides_count_the_same() -> None:
    mean = fuse_track(1, 1, carried(box(0), 0.9), seen(box(2)), SURE, SIZE, PropagationSettings())
    values = mean.patch.on(mean.patch.window)
    assert (mean.patch.x, values.shape) == (0, (4, 6))
    np.testing.assert_allclose(values[0], [0.5, 0.5, 1, 1, 0.5, 0.5], atol=1e-6)
    assert mean.confidence == pytest.approx(0.9)
    assert mean.provenance is Provenance.PROPAGATED


def test_a_weight_is_the_sixth_power_of_the_expected_overlap() -> None:
    mean = fuse_track(1, 1, carried(box(0), 0.45), seen(box(2)), SURE, SIZE, PropagationSettings())
    np.testing.assert_allclose(mean.patch.values[0, 0], 1 / (1 + 2**6), atol=1e-6)
    assert mean.confidence == pytest.approx((0.45 + 0.9 * 2**6) / (1 + 2**6))
    assert mean.provenance is Provenance.TEACHER


def test_the_teachers_weight_of_the_settings_counts() -> None:
    light = PropagationSettings(teacher_weight=0.25)
    mean = fuse_track(1, 1, carried(box(0), 0.9), seen(box(2)), SURE, SIZE, light)
    np.testing.assert_allclose(mean.patch.values[0, [0, 5]], [0.8, 0.2], atol=1e-6)


def test_one_side_alone_is_taken_as_it_is() -> None:
    alone = fuse_track(1, 1, None, seen(box(2)), SURE, SIZE, PropagationSettings())
    assert (alone.provenance, alone.confidence) == (Provenance.TEACHER, pytest.approx(0.9))
    np.testing.assert_array_equal(alone.patch.soft(SIZE).full() > 0.5, box(2))
    new = new_object(7, seen(box(2)), SURE, SIZE)
    assert (new.track_id, new.category_id, new.confidence) == (7, 1, pytest.approx(0.9))


def test_the_likelier_object_wins_a_shared_pixel() -> None:
    left, right = np.full((1, 3), 0.0), np.full((1, 3), 0.0)
    left[0], right[0] = [0.9, 0.5, 0.0], [0.0, 0.4, 0.9]
    masks = deliver(3, [fused(1, left), fused(2, right)], (1, 3), (1, 3))
    assert {m.track_id: decode(m.rle).tolist() for m in masks} == {1: [[True, True, False]], 2: [[False, False, True]]}


def test_an_object_that_wins_no_pixel_has_no_mask() -> None:
    masks = deliver(3, [fused(1, np.full((1, 3), 0.6)), fused(2, np.full((1, 3), 0.3))], (1, 3), (1, 3))
    assert [m.track_id for m in masks] == [1]


@given(arrays(np.float32, (3, 4, 5), elements=st.floats(0, 1, width=32)))
def test_two_objects_never_win_the_same_pixel(values: np.ndarray) -> None:
    found = [p.values for p in margins([Patch(0, 0, v) for v in values], (4, 5))]
    for i in range(3):
        for j in range(i):
            assert (found[i] + found[j]).max() <= 1 + 1e-6
