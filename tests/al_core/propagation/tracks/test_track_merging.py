"""The five scores by hand, and which track gets a pixel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from al_core.errors import BadSettings
from al_core.masks.soft import Patch
from al_core.propagation.tracks.track_merging import MergeWeights, Merging, best_other, kept_apart, merge_scores

SHARES = st.floats(0, 1, width=32)


def test_the_five_scores_by_hand() -> None:
    objectness = np.array([0.5], np.float32)
    alike, warp = np.array([[0.9, 0.4]], np.float32), np.array([[0.2, 0.6]], np.float32)
    first, second = merge_scores(objectness, alike, warp, MergeWeights())[0]
    assert first == pytest.approx(0.259 * 0.5 + 0.225 * 0.9 + 0.078 * 0.6 + 0.125 * 0.2 + 0.313 * 0.4)
    assert second == pytest.approx(0.259 * 0.5 + 0.225 * 0.4 + 0.078 * 0.1 + 0.125 * 0.6 + 0.313 * 0.8)


def test_a_single_track_has_no_rivals() -> None:
    perfect = np.ones((1, 1), np.float32)
    assert merge_scores(np.ones(1, np.float32), perfect, perfect, MergeWeights())[0, 0] == pytest.approx(1)


def test_the_best_of_the_others() -> None:
    values = np.array([[0.1, 0.7, 0.3], [0.5, 0.5, 0.2]], np.float32)
    np.testing.assert_array_equal(best_other(values), np.array([[0.7, 0.3, 0.7], [0.5, 0.5, 0.5]], np.float32))
    assert best_other(np.zeros((0, 2), np.float32)).shape == (0, 2)


@given(st.integers(1, 4).flatmap(lambda k: st.tuples(*[arrays(np.float32, (3, k), elements=SHARES) for _ in range(2)])))
def test_scores_lie_between_0_and_1_and_follow_their_tracks(pair: tuple[np.ndarray, np.ndarray]) -> None:
    alike, warp = pair
    objectness = np.array([0, 0.5, 1], np.float32)
    scores = merge_scores(objectness, alike, warp, MergeWeights())
    assert scores.min() >= 0
    assert scores.max() <= 1 + 1e-6
    turned = merge_scores(objectness, alike[:, ::-1], warp[:, ::-1], MergeWeights())
    np.testing.assert_allclose(scores, turned[:, ::-1], atol=1e-6)


def test_weights_and_floor_that_make_no_scores_are_refused() -> None:
    with pytest.raises(BadSettings, match="add up to 1"):
        MergeWeights(objectness=0.5)
    with pytest.raises(BadSettings, match="at least 0"):
        MergeWeights(objectness=-0.1, alike=0.584)
    with pytest.raises(BadSettings, match=r"from 0 to 1.*1\.5"):
        Merging(floor=1.5)


def test_shared_pixels_go_to_the_higher_score() -> None:
    row = {1: Patch(0, 0, np.ones((1, 4), np.float32)), 2: Patch(2, 0, np.ones((1, 4), np.float32))}
    apart = kept_apart(row, {1: 0.7, 2: 0.8}, {})
    assert (apart[1].window, apart[2].window) == ((0, 0, 2, 1), (2, 0, 6, 1))
    both = kept_apart(row, {1: 0.7, 2: 0.8}, {1: frozenset({2}), 2: frozenset({1})})
    assert (both[1].window, both[2].window) == ((0, 0, 4, 1), (2, 0, 6, 1))


def test_a_track_without_a_pixel_of_its_own_is_left_out() -> None:
    same = Patch(3, 3, np.ones((2, 2), np.float32))
    assert list(kept_apart({1: same, 2: same}, {1: 0.9, 2: 0.8}, {})) == [1]
