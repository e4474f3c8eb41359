"""Labels checked and brought to size, and objects kept apart."""

from collections.abc import Iterator

import numpy as np
import pytest

from al_core.errors import BadLabel
from al_core.footage.clips import ClipFrames
from al_core.masks.soft import NOTHING, Patch, SoftMask
from al_core.propagation.base import Labels, PropagatedFrame, PropagatedTrack
from al_core.propagation.labelled_clip import (
    Without,
    carried_to,
    check_labels,
    exclusive,
    frames_around,
    human_frame,
    may_overlap,
    patches_at,
    reader,
    tracks_of,
)
from tests.toys.footage.movers import MoverClip

LEFT = np.array([[1, 1, 0, 0]] * 2, bool)
RIGHT = np.array([[0, 0, 1, 1]] * 2, bool)
MIDDLE = np.array([[0, 1, 1, 0]] * 2, bool)


def grey(n_frames: int = 4, size: tuple[int, int] = (2, 4)) -> MoverClip:
    """A clip whose frame number i has the brightness 10 i."""
    return MoverClip([np.full((*size, 3), 10 * i, np.uint8) for i in range(n_frames)], [{}] * n_frames)


class Nearest:
    """Gives each frame the masks of the label before it, and notes the labels that it is asked for."""

    def __init__(self) -> None:
        self.asked: Labels = {}

    def propagate(self, frames: ClipFrames, labels: Labels) -> Iterator[PropagatedFrame]:
        self.asked = labels
        for i in range(frames.n_frames):
            known = max((mark for mark in labels if mark <= i), default=None)
            masks = labels[known] if known is not None else {}
            yield PropagatedFrame(i, {t: PropagatedTrack(SoftMask.of(m), 0.5) for t, m in masks.items()})


def test_labels_outside_of_the_clip_and_of_two_sizes_are_named() -> None:
    check_labels(grey(), {0: {1: LEFT}, 3: {}})
    with pytest.raises(BadLabel, match=r"frames \[4\], the clip has frames 0 to 3"):
        check_labels(grey(), {4: {}, 1: {}})
    with pytest.raises(BadLabel, match=r"one size, got \[\(2, 4\), \(4, 8\)\]"):
        check_labels(grey(), {0: {1: LEFT}, 1: {1: np.zeros((4, 8), bool)}})


def test_labels_that_are_left_out_are_not_there() -> None:
    kept = Without({0: {1: LEFT}, 2: {1: RIGHT}, 3: {}}, [2])
    assert (list(kept), len(kept), kept[0]) == ([0, 3], 2, {1: LEFT})
    with pytest.raises(KeyError):
        kept[2]


def test_frames_are_averaged_down_to_the_size_asked_for() -> None:
    image = np.zeros((2, 4, 3), np.uint8)
    image[:, ::2] = 100
    clip = MoverClip([image], [{}])
    assert reader(clip, (1, 2))(0).tolist() == [[[50] * 3] * 2]
    assert reader(clip, (2, 4))(0) is image


def test_tracks_are_those_of_all_labels() -> None:
    assert tracks_of({5: {3: LEFT}, 1: {7: LEFT, 2: RIGHT}, 2: {}}) == [2, 3, 7]


def test_masks_are_brought_to_size_and_those_that_vanish_are_left_out() -> None:
    found = patches_at({1: MIDDLE, 2: np.zeros((2, 4), bool)}, (1, 2))
    assert {track: patch.values.tolist() for track, patch in found.items()} == {1: [[0.5, 0.5]]}


def test_a_human_frame_is_certain() -> None:
    frame = human_frame({2: {1: LEFT}}, 2, (2, 4))
    assert (frame.frame_idx, frame.tracks[1].confidence) == (2, 1.0)
    np.testing.assert_array_equal(frame.tracks[1].mask.full(), LEFT)


def test_human_frames_stand_between_the_others() -> None:
    gaps = []

    def between(start: int, end: int) -> Iterator[PropagatedFrame]:
        gaps.append((start, end))
        return (PropagatedFrame(i, {}) for i in range(start + 1, end))

    found = list(frames_around(6, {0: {1: LEFT}, 3: {1: RIGHT}}, (2, 4), between))
    assert [(f.frame_idx, sorted(f.tracks)) for f in found] == [(0, [1]), (1, []), (2, []), (3, [1]), (4, []), (5, [])]
    assert gaps == [(-1, 0), (0, 3), (3, 6)]


@pytest.mark.parametrize(("mark", "target", "asked"), [(2, 3, {1, 2}), (0, 3, {0}), (3, 1, {3})])
def test_nothing_is_carried_to_frames_before_the_first_label(mark: int, target: int, asked: set[int]) -> None:
    propagator = Nearest()
    frame = carried_to(grey(), {mark: {1: LEFT}}, target, propagator)
    assert frame.frame_idx == target
    assert propagator.asked.keys() == asked
    assert all(not propagator.asked[i] for i in asked - {mark})


def test_probabilities_of_rivals_add_up_to_one_at_most() -> None:
    masks = {1: Patch(0, 0, np.full((1, 2), 0.9, np.float32)), 2: Patch(1, 0, np.full((1, 2), 0.6, np.float32))}
    found = exclusive(masks, (1, 3), {})
    np.testing.assert_allclose(found[1].values, [[0.9, 0.6]])
    np.testing.assert_allclose(found[2].values, [[0.4, 0.6]])


def test_objects_that_may_overlap_keep_their_probabilities() -> None:
    masks = {1: Patch(0, 0, np.full((1, 2), 0.9, np.float32)), 2: Patch(1, 0, np.full((1, 2), 0.6, np.float32))}
    found = exclusive(masks, (1, 3), {1: frozenset({2}), 2: frozenset({1})})
    assert all(np.allclose(found[t].values, masks[t].values) for t in masks)
    assert exclusive({1: NOTHING}, (1, 3), {}) == {1: NOTHING}


def test_who_shares_a_pixel_in_a_label_may_overlap() -> None:
    assert may_overlap({0: {1: LEFT, 2: RIGHT}, 4: {3: MIDDLE, 2: RIGHT}}) == {2: frozenset({3}), 3: frozenset({2})}
