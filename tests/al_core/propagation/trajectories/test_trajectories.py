"""Propagation along point tracks on known motion."""

from pathlib import Path

import numpy as np
import pytest

from al_core.errors import BadLabel
from al_core.propagation import windows
from al_core.propagation.trajectories.trajectories import TrajectoryPropagator
from al_core.settings import PropagationSettings
from al_core.stores.optical_flow import FlowStore
from tests.toys.footage.movers import MoverClip, iou
from tests.toys.footage.synthetic import reappearances, synthetic_clip


@pytest.fixture
def propagator(tmp_path: Path) -> TrajectoryPropagator:
    return TrajectoryPropagator(FlowStore(tmp_path), PropagationSettings())


@pytest.fixture(scope="module")
def clip() -> MoverClip:
    return synthetic_clip(0, n_frames=12, objects=2)


def test_two_objects_are_followed_and_never_overlap(propagator: TrajectoryPropagator, clip: MoverClip) -> None:
    frames = list(propagator.propagate(clip, {i: clip.truth[i] for i in (0, 11)}))
    assert [f.frame_idx for f in frames] == list(range(12))
    for frame in frames[1:11]:
        both = np.add.reduce([t.mask.full() for t in frame.tracks.values()])
        assert both.max() <= 1.02
        for number, truth in clip.truth[frame.frame_idx].items():
            assert iou(frame.tracks[number].mask.full() > 0.5, truth) > 0.5
            assert 0 < frame.tracks[number].confidence < 1


def test_an_object_is_found_again_after_it_was_hidden(propagator: TrajectoryPropagator) -> None:
    hidden = synthetic_clip(0, occluder=True)
    again = reappearances(hidden)
    frames = list(propagator.propagate(hidden, {0: hidden.truth[0]}))
    found = [iou(frames[i].tracks[1].mask.full() > 0.5, hidden.truth[i][1]) for i in again if 1 in frames[i].tracks]
    assert sum(found) / len(again) > 0.4


def test_a_labelled_frame_keeps_its_masks(propagator: TrajectoryPropagator, clip: MoverClip) -> None:
    frame = list(propagator.propagate(clip, {3: clip.truth[3]}))[3]
    for number, truth in clip.truth[3].items():
        np.testing.assert_array_equal(frame.tracks[number].mask.full(), truth.astype(np.float32))
        assert frame.tracks[number].confidence == 1


def test_nothing_here_at_all_gives_empty_frames(propagator: TrajectoryPropagator, clip: MoverClip) -> None:
    for labels in ({}, {3: {}}):
        frames = list(propagator.propagate(clip, labels))
        assert len(frames) == 12
        assert not any(f.tracks for f in frames)


def test_the_same_masks_each_time_also_in_windows(
    propagator: TrajectoryPropagator, clip: MoverClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "LENGTH", 6)
    monkeypatch.setattr(windows, "KEPT", 4)
    runs = [list(propagator.propagate(clip, {0: clip.truth[0]})) for _ in range(2)]
    assert [f.frame_idx for f in runs[0]] == list(range(12))
    for first, second in zip(*runs, strict=True):
        assert {t: m.mask for t, m in first.tracks.items()} == {t: m.mask for t, m in second.tracks.items()}


def test_labels_that_do_not_fit_are_named(propagator: TrajectoryPropagator, clip: MoverClip) -> None:
    with pytest.raises(BadLabel, match=r"frames \[12\].*0 to 11"):
        list(propagator.propagate(clip, {12: {}}))
