"""Every fault makes a mask wrong, and none makes it vanish."""

import numpy as np
import pytest

from tests.bench.drawn_masks import distortion
from tests.bench.drawn_masks.distortion import distorted


@pytest.fixture
def disk() -> np.ndarray:
    y, x = np.mgrid[:80, :80]
    return (y - 40) ** 2 + (x - 40) ** 2 < 20**2


@pytest.mark.parametrize("kind", distortion.KINDS)
def test_every_fault_changes_the_mask_and_leaves_some_of_it(kind: distortion.Distortion, disk: np.ndarray) -> None:
    found = [kind(disk, 40, np.random.default_rng(seed)) for seed in range(20)]
    overlaps = [float((one & disk).sum() / (one | disk).sum()) for one in found]
    assert max(overlaps) < 1
    assert 0.2 < float(np.mean(overlaps)) < 0.95


def test_it_follows_from_the_generator(disk: np.ndarray) -> None:
    one, again, other = (distorted(disk, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_speck_does_not_vanish_and_nothing_stays_nothing() -> None:
    speck = np.zeros((20, 20), bool)
    speck[9:11, 9:11] = True
    assert all(distorted(speck, np.random.default_rng(seed)).any() for seed in range(40))
    assert not distorted(np.zeros((20, 20), bool), np.random.default_rng(0)).any()
