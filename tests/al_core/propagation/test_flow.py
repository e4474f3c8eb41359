"""Masks carried along known motion."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from al_core.errors import BadLabel
from al_core.propagation import flow as flow_module
from al_core.propagation.base import PropagatedFrame
from al_core.propagation.flow import FlowPropagator
from al_core.settings import PropagationSettings
from al_core.stores.optical_flow import FlowStore
from tests.toys.footage.movers import MoverClip, iou, line, mover_clip


@pytest.fixture
def propagator(tmp_path: Path) -> FlowPropagator:
    return FlowPropagator(FlowStore(tmp_path), PropagationSettings())


def run(propagator: FlowPropagator, clip: MoverClip, frames: list[int]) -> list[PropagatedFrame]:
    return list(propagator.propagate(clip, {i: clip.truth[i] for i in frames}))


def mask(frame: PropagatedFrame, track: int = 1) -> np.ndarray:
    return frame.tracks[track].mask.full() > 0.5


def test_every_frame_comes_once_and_in_order(propagator: FlowPropagator) -> None:
    frames = run(propagator, mover_clip({1: line((30, 36), (3, 0))}), [2, 9])
    assert [f.frame_idx for f in frames] == list(range(12))


def test_a_moving_object_is_followed_between_before_and_after_the_labels(propagator: FlowPropagator) -> None:
    clip = mover_clip({1: line((50, 40), (3, 1))}, radius=22, size=(96, 160))
    for frame in run(propagator, clip, [2, 9]):
        assert iou(mask(frame), clip.truth[frame.frame_idx][1]) > 0.9


def test_a_labelled_frame_keeps_its_mask_with_full_confidence(propagator: FlowPropagator) -> None:
    clip = mover_clip({1: line((30, 30), (3, 1))})
    labelled = run(propagator, clip, [3])[3].tracks[1]
    assert labelled.confidence == 1
    np.testing.assert_array_equal(labelled.mask.full(), clip.truth[3][1].astype(np.float32))


def test_confidence_falls_with_distance_and_is_above_chance_nearby(propagator: FlowPropagator) -> None:
    clip = mover_clip({1: line((30, 30), (3, 1))})
    confidence = [f.tracks[1].confidence for f in run(propagator, clip, [0])]
    assert all(nearer > farther for nearer, farther in pairwise(confidence))
    assert confidence[1] > 0.8


def test_no_labels_give_empty_frames_and_no_flow(propagator: FlowPropagator) -> None:
    clip = mover_clip({1: line((30, 30), (3, 1))})
    frames = run(propagator, clip, [])
    assert len(frames) == 12
    assert not any(f.tracks for f in frames)
    assert clip.reads == []


def test_an_empty_label_stops_every_track(propagator: FlowPropagator) -> None:
    clip = mover_clip({1: line((30, 30), (1, 0))})
    frames = list(propagator.propagate(clip, {2: clip.truth[2], 6: {}}))
    assert not frames[6].tracks
    assert not any(f.tracks for f in frames[7:])
    assert mask(frames[3]).any()
    assert not any(mask(f).any() for f in frames[5:6])
    assert frames[5].tracks[1].confidence < frames[3].tracks[1].confidence


def test_an_occluder_that_passes_leaves_the_object_whole_behind_it(propagator: FlowPropagator) -> None:
    clip = mover_clip({1: line((64, 36), (0, 0)), 2: line((4, 36), (11, 0))}, radius=10, occluder=2)
    assert any(iou(t[1], clip.truth[0][1]) < 0.6 for t in clip.truth if 1 in t)
    frames = list(propagator.propagate(clip, {0: clip.truth[0], 11: clip.truth[11]}))
    for index in (1, 2, 9, 10):
        assert iou(mask(frames[index]), clip.truth[index][1]) > 0.9


def test_two_objects_that_cross_keep_their_identities_and_never_overlap(propagator: FlowPropagator) -> None:
    clip = mover_clip({1: line((20, 28), (8, 0)), 2: line((108, 46), (-8, 0))}, radius=11)
    for frame in run(propagator, clip, [0, 6, 11]):
        both = frame.tracks[1].mask.full() + frame.tracks[2].mask.full()
        assert both.max() <= 1 + 1 / 255
        for track in (1, 2):
            assert iou(mask(frame, track), clip.truth[frame.frame_idx][track]) > 0.75


def test_objects_whose_labels_overlap_may_overlap_between_them(propagator: FlowPropagator) -> None:
    clip = mover_clip({1: line((30, 30), (2, 0))})
    for truth in clip.truth:
        truth[2] = truth[1].copy()
    middle = run(propagator, clip, [0, 4])[2]
    assert iou(mask(middle, 1), mask(middle, 2)) == 1


def test_labels_may_be_larger_than_the_frames(propagator: FlowPropagator) -> None:
    clip = mover_clip({1: line((30, 30), (2, 0))})
    large = clip.truth[2][1].repeat(4, axis=0).repeat(4, axis=1)
    frames = list(propagator.propagate(clip, {2: {1: large}}))
    np.testing.assert_array_equal(mask(frames[2]), clip.truth[2][1])
    assert frames[5].tracks[1].mask.size == clip.size


def test_a_long_gap_in_blocks_gives_the_same_as_in_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = mover_clip({1: line((20, 30), (2, 0.5), 24)})
    store = FlowStore(tmp_path)
    whole = run(FlowPropagator(store, PropagationSettings()), clip, [0, 23])
    monkeypatch.setattr(flow_module, "SHORTEST_BLOCK", 5)
    blocks = run(FlowPropagator(store, PropagationSettings()), clip, [0, 23])
    for first, second in zip(whole, blocks, strict=True):
        assert first.tracks[1].mask == second.tracks[1].mask
        assert first.tracks[1].confidence == second.tracks[1].confidence


def test_labels_that_do_not_fit_are_named(propagator: FlowPropagator) -> None:
    clip = mover_clip({1: line((30, 30), (2, 0))})
    with pytest.raises(BadLabel, match=r"frames \[12\].*0 to 11"):
        list(propagator.propagate(clip, {12: {}}))
    with pytest.raises(BadLabel, match="one size"):
        list(propagator.propagate(clip, {0: clip.truth[0], 1: {1: np.ones((4, 4), bool)}}))
