"""Masks that are carried on frame by frame."""

from itertools import pairwise

import numpy as np
import pytest

from al_core.masks.rle import decode
from al_core.propagation.flow import FlowPropagator
from al_core.propagation.following import ClipFollower, FlowFollower, FramesAhead
from al_core.settings import PropagationSettings
from al_core.stores.optical_flow import FlowStore
from tests.toys.footage.movers import iou, line, mover_clip


@pytest.fixture
def clip():
    return mover_clip({1: line((50, 40), (3, 1))}, radius=22, size=(96, 160))


@pytest.fixture
def by_flow(clip, tmp_path):
    return FlowFollower(FlowStore(tmp_path).clip(clip, 160, "fine", one_by_one=True))


@pytest.mark.parametrize("ahead", [range(5, 9), range(3, -1, -1)])
def test_an_object_is_carried_on_in_both_directions(clip, by_flow, ahead):
    found = list(by_flow(4, clip.truth[4], ahead))
    assert len(found) == len(ahead)
    for frame_idx, (mask,) in zip(ahead, found, strict=True):
        assert mask.track_id == 1
        assert iou(decode(mask.rle), clip.truth[frame_idx][1]) > 0.75
    assert all(a.confidence > b.confidence for (a,), (b,) in pairwise(found))


def test_a_frame_is_ready_before_the_next_is_looked_at(clip, by_flow):
    found = by_flow(4, clip.truth[4], range(5, 12))
    next(found)
    assert set(clip.reads) == {4, 5}


def test_any_propagator_gives_what_it_gives_beyond_the_last_label(clip, tmp_path):
    propagator = FlowPropagator(FlowStore(tmp_path), PropagationSettings())
    found = list(ClipFollower(propagator, clip)(4, clip.truth[4], range(3, 0, -1)))
    assert [iou(decode(mask.rle), clip.truth[i][1]) > 0.85 for (mask,), i in zip(found, (3, 2, 1), strict=True)]
    assert len(found) == 3


def test_what_is_lost_is_not_among_the_masks(clip, by_flow):
    dot = np.zeros(clip.size, bool)
    dot[0, 0] = True
    (found,) = by_flow(4, {1: clip.truth[4][1], 2: dot & False}, [5])
    assert [mask.track_id for mask in found] == [1]


def test_masks_have_the_size_of_what_was_drawn(clip, by_flow):
    twice = {1: clip.truth[4][1].repeat(2, 0).repeat(2, 1)}
    ((mask,),) = by_flow(4, twice, [5])
    assert (mask.rle.height, mask.rle.width) == (192, 320)


def test_frames_ahead_are_a_clip_of_their_own(clip):
    ahead = FramesAhead(clip, (4, 3, 2))
    assert (ahead.n_frames, ahead.size) == (3, clip.size)
    np.testing.assert_array_equal(ahead.read(1), clip.read(3))
    assert ahead.sha256 not in (clip.sha256, FramesAhead(clip, (4, 3)).sha256)
