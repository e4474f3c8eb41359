"""Masks that fit their object score higher than the same masks made wrong, in frames that were not learned from."""

import numpy as np
import pytest

from al_core.masks.rle import encode
from al_core.records import FrameRef, MaskLabel
from tests.bench.drawn_masks.distortion import shifted
from tests.bench.drawn_masks.mask_score import DrawnMasks, MaskScorer, train_mask_scorer

SIZE = (60, 90)


def mask_of(number: int) -> np.ndarray:
    """An ellipse somewhere."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    centre, radii = rng.uniform([20, 25], [40, 65]), rng.uniform([7, 9], [12, 16])
    return ((y - centre[0]) / radii[0]) ** 2 + ((x - centre[1]) / radii[1]) ** 2 < 1


def frame_of(number: int) -> np.ndarray:
    """A bright ellipse on a dark, grainy ground."""
    grain = np.random.default_rng(number).normal(0, 12, (*SIZE, 3))
    return np.clip(60 + 120 * mask_of(number)[..., None] + grain, 0, 255).astype(np.uint8)


def drawn(numbers: range, categories: int = 1) -> list[DrawnMasks]:
    return [DrawnMasks(FrameRef(1, n), (MaskLabel(1, 1 + n % categories, encode(mask_of(n))),)) for n in numbers]


def trained(steps: int, labels: range = range(6)) -> MaskScorer:
    scorer = train_mask_scorer(drawn(labels), [1], lambda frame: frame_of(frame.frame_idx), 5, steps)
    assert scorer is not None
    return scorer


@pytest.fixture(scope="module")
def scorer() -> MaskScorer:
    return trained(40)


def test_a_mask_that_fits_scores_higher_than_one_beside_its_object(scorer: MaskScorer) -> None:
    better = 0
    for number in range(100, 120):
        right = mask_of(number)
        wrong = shifted(right, 40, np.random.default_rng(number))
        scores = scorer.scores(frame_of(number), [(1, encode(right)), (1, encode(wrong))])
        better += scores[0] > scores[1]
    assert better >= 16


def test_the_same_labels_and_seed_give_the_same_scores() -> None:
    asked = [(1, encode(mask_of(7)))]
    one, again = (trained(2).scores(frame_of(7), asked) for _ in range(2))
    assert one == again
    assert 0 < one[0] < 1


def test_what_cannot_be_scored_has_none(scorer: MaskScorer) -> None:
    assert scorer.scores(frame_of(7), [(1, encode(np.zeros(SIZE, bool))), (4, encode(mask_of(7)))]) == [0.0, 0.0]


def test_masks_may_be_larger_than_the_picture(scorer: MaskScorer) -> None:
    large = np.kron(mask_of(8), np.ones((2, 2), bool))
    (same,) = scorer.scores(frame_of(8), [(1, encode(mask_of(8)))])
    (found,) = scorer.scores(frame_of(8), [(1, encode(large))])
    assert found == pytest.approx(same, abs=0.1)


def test_without_masks_nothing_is_learned() -> None:
    assert train_mask_scorer([], [1], lambda frame: frame_of(0), 5) is None
    assert train_mask_scorer(drawn(range(1)), [2], lambda frame: frame_of(0), 5) is None
