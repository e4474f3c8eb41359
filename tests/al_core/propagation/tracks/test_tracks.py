"""Tracks merged from proposals on known motion: objects of one class that cross, and one that is hidden."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from al_core.errors import BadLabel
from al_core.masks.soft import Patch, SoftMask
from al_core.propagation import Resources, build
from al_core.propagation.flow import Carried, FlowPropagator
from al_core.propagation.tracks.track_merging import MergeWeights, Merging
from al_core.propagation.tracks.tracks import TrackPropagator, with_lost_tracks
from al_core.settings import PropagationSettings
from al_core.stores.optical_flow import FlowStore
from al_core.stores.predictions import FramePrediction, PredictedObject
from tests.bench.proofs.proof import mean_iou
from tests.toys.footage.crossings import crossing_clip
from tests.toys.footage.movers import MoverClip, iou
from tests.toys.footage.synthetic import reappearances, synthetic_clip
from tests.toys.masks import switches

SETTINGS = PropagationSettings()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder, so that flow is worked out once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def propagator(cache: Path) -> TrackPropagator:
    return TrackPropagator(FlowStore(cache / "flow"), SETTINGS)


@pytest.fixture(scope="module")
def clip() -> MoverClip:
    return crossing_clip(1, n_frames=20, size=(96, 128), radius=12)


def test_objects_of_one_class_keep_their_identity_where_they_cross(
    propagator: TrackPropagator, clip: MoverClip
) -> None:
    frames = list(propagator.propagate(clip, {0: clip.truth[0]}))
    assert [f.frame_idx for f in frames] == list(range(20))
    found = [{t: track.mask.full() > 0.5 for t, track in f.tracks.items()} for f in frames]
    assert switches(zip(clip.truth, found, strict=True)) == 0
    for track, truth in clip.truth[-1].items():
        assert iou(found[-1][track], truth) > 0.6
    assert all(np.add.reduce(list(masks.values())).max() <= 1 for masks in found if masks)


def test_it_is_better_than_flow_after_the_crossing(propagator: TrackPropagator, clip: MoverClip, cache: Path) -> None:
    flow = FlowPropagator(FlowStore(cache / "flow"), SETTINGS)
    after = range(14, 20)
    assert mean_iou(propagator, clip, [0], after) > mean_iou(flow, clip, [0], after) + 0.2


def test_an_object_gets_no_mask_while_it_is_hidden_and_is_found_again(propagator: TrackPropagator) -> None:
    hidden = synthetic_clip(0, occluder=True)
    again = reappearances(hidden)
    gone = [i for i in range(1, 24) if 1 not in hidden.truth[i]]
    frames = list(propagator.propagate(hidden, {0: hidden.truth[0]}))
    area = hidden.truth[0][1].sum()
    assert all((f.tracks[1].mask.full() > 0.5).sum() < 0.2 * area for f in frames if f.frame_idx in gone and f.tracks)
    found = [iou(frames[i].tracks[1].mask.full() > 0.5, hidden.truth[i][1]) for i in again if 1 in frames[i].tracks]
    assert sum(found) / len(again) > 0.4


def test_human_frames_keep_their_masks_and_confidence_is_1_there_only(
    propagator: TrackPropagator, clip: MoverClip
) -> None:
    frames = list(propagator.propagate(clip, {i: clip.truth[i] for i in (4, 8)}))
    for frame in frames[3:6]:
        for track in frame.tracks.values():
            assert track.confidence == 1 if frame.frame_idx == 4 else 0 < track.confidence < 1
    for number, truth in clip.truth[4].items():
        np.testing.assert_array_equal(frames[4].tracks[number].mask.full(), truth.astype(np.float32))


def test_nothing_here_at_all_gives_empty_frames(propagator: TrackPropagator, clip: MoverClip) -> None:
    for labels in ({}, {3: {}}):
        frames = list(propagator.propagate(clip, labels))
        assert len(frames) == 20
        assert not any(f.tracks for f in frames)


def test_a_label_that_says_nothing_here_ends_a_track(propagator: TrackPropagator, clip: MoverClip) -> None:
    frames = list(propagator.propagate(clip, {0: clip.truth[0], 6: {}}))
    assert frames[2].tracks
    assert not any(f.tracks for f in frames[6:])


def test_what_one_way_has_lost_is_taken_from_the_other() -> None:
    patch, reliable = Patch(2, 2, np.ones((2, 2), np.float32)), np.ones((8, 8), np.float32)
    found, lost = Carried({1: patch, 2: patch}, reliable, 1), Carried({1: patch}, reliable, 3)
    assert dict(with_lost_tracks(lost, found, {1, 2}).masks) == {1: patch, 2: patch}
    assert with_lost_tracks(lost, found, {1}) is lost


def test_the_same_masks_each_time(propagator: TrackPropagator, clip: MoverClip) -> None:
    runs = [list(propagator.propagate(clip, {0: clip.truth[0], 19: clip.truth[19]})) for _ in range(2)]
    for first, second in zip(*runs, strict=True):
        assert {t: m.mask for t, m in first.tracks.items()} == {t: m.mask for t, m in second.tracks.items()}


def test_predictions_are_proposals_where_there_are_some(clip: MoverClip, cache: Path) -> None:
    asked = []

    def predictions() -> Iterator[FramePrediction]:
        for i, masks in enumerate(clip.truth):
            asked.append(i)
            yield FramePrediction(i, tuple(predicted_object(m) for m in masks.values()), np.ones(1, np.float32))

    given = build("tracks", Resources(SETTINGS, cache, predictions))
    alone = build("tracks", Resources(SETTINGS, cache))
    labels = [0, 12]
    assert mean_iou(given, clip, labels) > mean_iou(alone, clip, labels) > 0.6
    assert asked == list(range(20))


def test_without_carried_masks_a_track_needs_proposals(clip: MoverClip, cache: Path) -> None:
    merging = Merging(MergeWeights(), carried=False)
    blind = TrackPropagator(FlowStore(cache / "flow"), SETTINGS, predictions=lambda: iter(()), merging=merging)
    assert not any(f.tracks for f in list(blind.propagate(clip, {0: clip.truth[0]}))[1:])


def test_labels_that_do_not_fit_are_named(propagator: TrackPropagator, clip: MoverClip) -> None:
    with pytest.raises(BadLabel, match=r"frames \[20\].*0 to 19"):
        list(propagator.propagate(clip, {20: {}}))


def test_it_is_known_by_its_name(cache: Path) -> None:
    assert isinstance(build("tracks", Resources(SETTINGS, cache)), TrackPropagator)


def predicted_object(mask: np.ndarray) -> PredictedObject:
    return PredictedObject(1, (0.9, 0.1), 0.9, 4, (0, 0, 1, 1), 0.0, 1.0, 0.0, 0.0, SoftMask.of(mask))
