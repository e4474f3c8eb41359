"""Frames unlike those that were learnt from are told wrong; features are those of the decoder."""

import numpy as np
import pytest

from al_core.depth import depth_selection
from al_core.depth.depth_network import new_depth_network
from al_core.depth.depth_selection import depth_errors, depth_features


def test_features_of_frames_are_pooled_cells(student):
    network = new_depth_network(student, 1, 0).eval()
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (24, 40, 3), np.uint8) for _ in range(2)]
    found = depth_features(network, [*images, images[0]])
    assert (len(found), found.shape[1] % 32, found.dtype) == (3, 0, np.float32)
    assert np.array_equal(found[0], found[2])
    assert not np.array_equal(found[0], found[1])
    assert len(depth_features(network, [])) == 0


@pytest.fixture
def frames():
    """Frames 0 to 3 are blue and near below; frames 4 and 5 are red and near above."""
    below = np.linspace(0, 1, 32, dtype=np.float32)[:, None].repeat(48, 1)
    images, maps = [], []
    for i in range(6):
        image = np.random.default_rng(i).integers(0, 60, (32, 48, 3), np.uint8)
        image[..., 2 if i < 4 else 0] += 180
        images.append(image)
        maps.append(below if i < 4 else below[::-1])
    return images, maps


def test_what_is_unlike_the_labelled_frames_is_told_wrong(frames, monkeypatch):
    images, maps = frames
    monkeypatch.setattr(depth_selection, "STEPS", 40)
    errors = depth_errors(images.__getitem__, maps.__getitem__, 6, [0, 1], seed=0)
    assert errors[:4].max() < errors[4:].min()
    assert np.array_equal(errors, depth_errors(images.__getitem__, maps.__getitem__, 6, [0, 1], seed=0))
