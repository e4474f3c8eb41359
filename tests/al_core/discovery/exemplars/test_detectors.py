"""Linear detectors of a few examples."""

import numpy as np
import pytest

from al_core.discovery.exemplars.appearance import Shape, features, scales_for, windows
from al_core.discovery.exemplars.box_overlap import overlaps
from al_core.discovery.exemplars.detectors import Surroundings, detections, trained
from tests.toys.footage.crowds.like_objects import boxes_of, crowd_clip


@pytest.fixture(scope="module")
def clip():
    return crowd_clip(0, n_frames=12, objects=6)


@pytest.fixture(scope="module")
def surroundings(clip):
    return Surroundings.of([features(clip.images[i]) for i in (0, 6, 11)])


@pytest.fixture(scope="module")
def shape(clip):
    return Shape.of(whole(clip, 5))


def whole(clip, frame_idx):
    """Return the boxes that do not lie at the border."""
    boxes = boxes_of(list(clip.truth[frame_idx].values()))
    return boxes[(boxes[:, 0] > 0) & (boxes[:, 2] < clip.size[1])]


def nothing(clip, boxes, shape):
    beside = np.concatenate([boxes + np.array([x, y, x, y]) for x, y in ((18, 0), (-18, 0), (0, 14), (0, -14))])
    return windows(clip.images[5], beside, shape)


def test_white_windows_vary_alike(clip, surroundings, shape):
    rng = np.random.default_rng(0)
    corners = rng.uniform([0, 0], [180, 100], (400, 2))
    some = np.concatenate([corners, corners + np.array([4 * shape.columns, 4 * shape.rows])], axis=1)
    white = surroundings.whitening(shape)(windows(clip.images[3], some, shape))
    assert abs(white.mean()) < 0.2
    assert 0.3 < white.std() < 1.5


def test_weights_of_white_windows_are_weights_of_windows(clip, surroundings, shape):
    whitening = surroundings.whitening(shape)
    look = windows(clip.images[5], whole(clip, 5), shape)
    weights = np.random.default_rng(1).normal(size=shape.length)
    plain, shift = whitening.back(weights)
    assert np.allclose(look @ plain + shift, whitening(look) @ weights)


@pytest.mark.parametrize("known_nothing", [False, True])
def test_it_finds_the_like_of_a_few_examples_in_another_frame(clip, surroundings, shape, known_nothing):
    boxes = whole(clip, 5)[:3]
    bad = nothing(clip, boxes, shape) if known_nothing else np.zeros((0, shape.length), np.float32)
    good = windows(clip.images[5], boxes, shape)
    detector = trained(surroundings.whitening(shape), good, bad, scales_for(boxes, 1.3))
    assert detector.scores(good).min() > 0
    found, scores = detections(clip.images[0], [detector], 0.0)
    truth = whole(clip, 0)
    assert (np.diff(scores) <= 0).all()
    assert overlaps(found[:3], truth).max(axis=1).min() > 0.5
    assert np.sort(overlaps(truth, found).max(axis=1))[len(truth) // 2] > 0.5


def test_windows_known_to_hold_nothing_are_told_apart(clip, surroundings, shape):
    boxes = whole(clip, 5)[:3]
    good, bad = windows(clip.images[5], boxes, shape), nothing(clip, boxes, shape)
    detector = trained(surroundings.whitening(shape), good, bad, scales_for(boxes, 1.3))
    assert detector.scores(bad).max() < 0 < detector.scores(good).min()


def test_a_score_of_a_place_is_that_of_its_window(clip, surroundings, shape):
    boxes = whole(clip, 5)[:2]
    good = windows(clip.images[5], boxes, shape)
    detector = trained(surroundings.whitening(shape), good, np.zeros((0, shape.length), np.float32), (1.0,))
    cells = features(clip.images[2])
    there = cells[3 : 3 + shape.rows, 7 : 7 + shape.columns].reshape(1, -1)
    assert detector.scan(cells)[3, 7] == pytest.approx(detector.scores(there)[0], abs=1e-3)


def test_a_picture_smaller_than_a_template_holds_nothing(clip, surroundings, shape):
    good = windows(clip.images[5], whole(clip, 5)[:1], shape)
    detector = trained(surroundings.whitening(shape), good, np.zeros((0, shape.length), np.float32), (1.0,))
    boxes, scores = detections(clip.images[0][:10, :10], [detector], -9.0)
    assert (boxes.shape, scores.shape) == ((0, 4), (0,))
