"""Cropped soft masks against whole-frame arithmetic."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from al_core.masks.rle import encode
from al_core.masks.soft import NOTHING, Patch, SoftMask, Window, encode_patch, patch_of, resample, shrink, union
from tests.toys.ledgers import SQUARE


def whole(patch: Patch, size: tuple[int, int]) -> np.ndarray:
    return patch.on(Window(0, 0, size[1], size[0]))


@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_a_patch_is_encoded_as_its_whole_frame_is(mask: np.ndarray) -> None:
    patch = shrink(mask, mask.shape)
    assert encode_patch(patch, mask.shape) == encode(mask)


@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_a_soft_mask_survives_being_worked_on(values: np.ndarray) -> None:
    soft = SoftMask.of(values / np.float32(255))
    assert patch_of(soft).soft(soft.size) == soft


def test_shrinking_gives_the_covered_share() -> None:
    np.testing.assert_array_equal(whole(shrink(SQUARE, (2, 2)), (2, 2)), np.full((2, 2), 0.25))


@given(arrays(bool, (12, 18)), st.sampled_from([(6, 9), (5, 7), (11, 17), (1, 1)]))
def test_shrinking_keeps_the_area_and_agrees_with_opencv(mask: np.ndarray, size: tuple[int, int]) -> None:
    found = whole(shrink(mask, size), size)
    expected = cv2.resize(mask.astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(found, expected, atol=1 / 255)


def test_shrinking_nothing_gives_nothing() -> None:
    assert shrink(np.zeros((4, 4), bool), (2, 2)).values.size == 0


@pytest.mark.parametrize("target", [(40, 60), (27, 45), (10, 15), (20, 30)])
def test_resampling_a_patch_is_resampling_its_frame(target: tuple[int, int]) -> None:
    size = (20, 30)
    frame = np.zeros(size, np.float32)
    frame[4:13, 8:22] = np.random.default_rng(0).random((9, 14)) * 0.8 + 0.2
    found = whole(resample(Patch(0, 0, frame).trimmed(), size, target), target)
    expected = cv2.resize(frame, target[::-1], interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_resampling_at_the_frames_edge_does_not_fade() -> None:
    full = Patch(0, 0, np.ones((4, 6), np.float32))
    np.testing.assert_array_equal(whole(resample(full, (4, 6), (8, 12)), (8, 12)), np.ones((8, 12)))


def test_nothing_is_nothing_at_any_size() -> None:
    assert resample(NOTHING, (4, 4), (8, 8)).values.size == 0
    assert union([NOTHING.window]).empty
