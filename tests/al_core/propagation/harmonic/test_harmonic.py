"""Harmonic propagation on known motion."""

from pathlib import Path

import numpy as np
import pytest

from al_core.errors import BadLabel
from al_core.propagation import windows
from al_core.propagation.harmonic.harmonic import HarmonicPropagator, harmonic
from al_core.propagation.harmonic.superpixels import N_FEATURES, superpixel_graph
from al_core.settings import PropagationSettings
from al_core.stores.optical_flow import FlowStore
from tests.bench.proofs.proof import mean_iou
from tests.toys.footage.movers import MoverClip, iou
from tests.toys.footage.synthetic import synthetic_clip


@pytest.fixture
def propagator(tmp_path: Path) -> HarmonicPropagator:
    return HarmonicPropagator(FlowStore(tmp_path), PropagationSettings())


@pytest.fixture(scope="module")
def clip() -> MoverClip:
    return synthetic_clip(0, n_frames=12, objects=2)


def test_two_objects_are_followed_and_never_overlap(propagator: HarmonicPropagator, clip: MoverClip) -> None:
    frames = list(propagator.propagate(clip, {i: clip.truth[i] for i in (0, 11)}))
    assert [f.frame_idx for f in frames] == list(range(12))
    for frame in frames[1:11]:
        both = np.add.reduce([t.mask.full() for t in frame.tracks.values()])
        assert both.max() <= 1.02
        for number, truth in clip.truth[frame.frame_idx].items():
            assert iou(frame.tracks[number].mask.full() > 0.5, truth) > 0.6
            assert 0 < frame.tracks[number].confidence < 1


def test_a_labelled_frame_keeps_its_masks(propagator: HarmonicPropagator, clip: MoverClip) -> None:
    frame = list(propagator.propagate(clip, {3: clip.truth[3]}))[3]
    for number, truth in clip.truth[3].items():
        np.testing.assert_array_equal(frame.tracks[number].mask.full(), truth.astype(np.float32))
        assert frame.tracks[number].confidence == 1


def test_nothing_here_ends_the_objects(propagator: HarmonicPropagator, clip: MoverClip) -> None:
    frames = list(propagator.propagate(clip, {2: clip.truth[2], 6: {}}))
    assert frames[3].tracks
    assert not any(f.tracks for f in frames[6:])
    assert not any(f.tracks for f in propagator.propagate(clip, {}))


def test_the_same_masks_each_time(propagator: HarmonicPropagator, clip: MoverClip) -> None:
    runs = [list(propagator.propagate(clip, {0: clip.truth[0]})) for _ in range(2)]
    for first, second in zip(*runs, strict=True):
        assert {t: m.mask for t, m in first.tracks.items()} == {t: m.mask for t, m in second.tracks.items()}


def test_freezing_the_most_certain_frames_first_beats_solving_once(tmp_path: Path) -> None:
    hard, store, settings = synthetic_clip(1, n_frames=24), FlowStore(tmp_path), PropagationSettings()
    once = mean_iou(HarmonicPropagator(store, settings, steps=0), hard, [0])
    assert mean_iou(HarmonicPropagator(store, settings), hard, [0]) > once + 0.1


def test_entropy_is_zero_where_labelled_and_higher_elsewhere(propagator: HarmonicPropagator, clip: MoverClip) -> None:
    entropy = propagator.entropy(clip, {0: clip.truth[0], 6: clip.truth[6]})
    assert entropy.shape == (12,)
    assert entropy[[0, 6]].tolist() == [0, 0]
    assert (np.delete(entropy, [0, 6]) > 0).all()


def test_a_harmonic_value_is_the_mean_of_its_neighbours(tmp_path: Path, clip: MoverClip) -> None:
    flow = FlowStore(tmp_path).clip(clip, 427, "fine")
    graph = superpixel_graph(clip.read, flow, range(4), 11)
    masks = windows.known_masks({0: clip.truth[0]}, clip.size)
    metric = np.ones(N_FEATURES)
    found = harmonic(graph, {0: graph.mean(0, masks[0])}, metric)
    weights = graph.weights(metric)
    mean = (weights @ found) / (np.asarray(weights.sum(1)) + 1e-4)
    free = np.arange(graph.n) >= graph.first[1]
    np.testing.assert_allclose(found[free], mean[free], atol=0.01)
    np.testing.assert_allclose(graph.paint(0, found[graph.nodes(0)]).sum(), masks[0].sum(), rtol=1e-4)


def test_windows_reach_every_frame_from_both_labels(
    propagator: HarmonicPropagator, clip: MoverClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "LENGTH", 3)
    monkeypatch.setattr(windows, "KEPT", 2)
    for marks in ([5],):
        frames = list(propagator.propagate(clip, {i: clip.truth[i] for i in marks}))
        assert [f.frame_idx for f in frames] == list(range(12))
    frames = list(propagator.propagate(clip, {i: clip.truth[i] for i in (0, 11)}))
    for at in (1, 4, 7, 10):
        assert iou(frames[at].tracks[1].mask.full() > 0.5, clip.truth[at][1]) > 0.5


def test_labels_that_do_not_fit_are_named(propagator: HarmonicPropagator, clip: MoverClip) -> None:
    with pytest.raises(BadLabel, match=r"frames \[12\].*0 to 11"):
        list(propagator.propagate(clip, {12: {}}))
