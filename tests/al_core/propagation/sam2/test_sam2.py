"""SAM 2 on a clip of 12 frames, with weights drawn at random: what is read, kept and handed on, not how good it is."""

from pathlib import Path

import numpy as np
import pytest
import torch

from al_core.errors import BadCheckpoint
from al_core.networks.segment_anything import shared_network
from al_core.propagation import Resources, build
from al_core.propagation.base import Labels, PropagatedFrame, Propagator
from al_core.records import Shots
from al_core.settings import PropagationSettings
from tests.toys.footage.movers import MoverClip
from tests.toys.footage.synthetic import synthetic_clip
from tests.toys.models.tiny_sam import set_presence, tiny_sam

pytest.importorskip("transformers", reason="the extra sam is not installed")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_sam(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def clip() -> MoverClip:
    return synthetic_clip(0, n_frames=12, objects=2)


@pytest.fixture(scope="module")
def propagator(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Propagator:
    settings = PropagationSettings(sam_weights=str(weights), flow_long_side=64)
    return build("sam2", Resources(settings, tmp_path_factory.mktemp("cache")))


def propagated(propagator: Propagator, clip: MoverClip, labels: Labels) -> list[PropagatedFrame]:
    set_presence(propagator._model.network, 5)
    return list(propagator.propagate(clip, labels))


def test_human_frames_stay_as_they_are_and_others_get_masks(propagator, clip: MoverClip) -> None:
    frames = propagated(propagator, clip, {i: clip.truth[i] for i in (0, 11)})
    assert [f.frame_idx for f in frames] == list(range(12))
    for i in (0, 11):
        assert all(track.confidence == 1 for track in frames[i].tracks.values())
        assert set(frames[i].tracks) == set(clip.truth[i])
    for frame in frames[1:11]:
        assert set(frame.tracks) == {1, 2}
        shown = [t.mask.full() for t in frame.tracks.values()]
        assert all(mask.shape == (36, 64) for mask in shown)
        assert sum(shown, np.zeros((36, 64))).max() <= 1.02
        assert all(0 < t.confidence < 1 for t in frame.tracks.values())


def test_the_same_labels_give_the_same_masks_whatever_is_kept(
    propagator, clip: MoverClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = {2: {1: clip.truth[2][1]}, 9: {1: clip.truth[9][1]}}
    clip.reads.clear()
    first = propagated(propagator, clip, labels)
    assert sorted(clip.reads) == list(range(12))
    monkeypatch.setattr("al_core.propagation.sam2.sam2.FEATURE_BYTES", 0)
    clip.reads.clear()
    again = propagated(propagator, clip, labels)
    assert len(clip.reads) > 12
    for a, b in zip(first, again, strict=True):
        assert a.tracks.keys() == b.tracks.keys()
        assert all(a.tracks[t].mask == b.tracks[t].mask for t in a.tracks)


def test_an_object_that_a_person_did_not_see_is_remembered_as_absent(propagator, clip: MoverClip) -> None:
    labels = {0: clip.truth[0], 6: {1: clip.truth[6][1]}, 11: {}}
    frames = propagated(propagator, clip, labels)
    assert set(frames[6].tracks) == {1}
    assert set(frames[8].tracks) == {1}
    assert frames[11].tracks == {}


def test_an_object_may_begin_late(propagator, clip: MoverClip) -> None:
    frames = propagated(propagator, clip, {0: {}, 4: {}, 8: {2: clip.truth[8][2]}})
    assert [sorted(f.tracks) for f in frames] == [[]] * 5 + [[2]] * 7


def test_nothing_is_carried_over_a_cut(weights: Path, clip: MoverClip, tmp_path: Path) -> None:
    settings = PropagationSettings(sam_weights=str(weights), flow_long_side=64)
    set_presence(shared_network(str(weights), "video").network, 5)
    cut = build("sam2", Resources(settings, tmp_path, shots=Shots(cuts=(4, 8))))
    frames = list(cut.propagate(clip, {5: clip.truth[5], 10: {1: clip.truth[10][1]}}))
    assert [sorted(f.tracks) for f in frames] == [[]] * 4 + [[1, 2]] * 4 + [[1]] * 4


def test_nothing_to_follow(propagator, clip: MoverClip) -> None:
    assert all(not frame.tracks for frame in propagated(propagator, clip, {}))
    assert all(not frame.tracks for frame in propagated(propagator, clip, {3: {}}))


def test_what_the_network_takes_for_hidden_has_no_mask_and_who_may_be_hidden_is_trusted_less(
    propagator, clip: MoverClip
) -> None:
    labels = {0: {1: clip.truth[0][1]}}
    seen = propagated(propagator, clip, labels)
    set_presence(propagator._model.network, 0.1)
    doubted = list(propagator.propagate(clip, labels))
    for i in range(1, 12):
        # That it is there has a probability of .993 in the one case and of .525 in the other.
        assert doubted[i].tracks[1].confidence <= 0.53
    assert doubted[1].tracks[1].mask == seen[1].tracks[1].mask
    assert doubted[1].tracks[1].confidence == pytest.approx(seen[1].tracks[1].confidence * 0.525 / 0.993, rel=0.01)
    set_presence(propagator._model.network, -5)
    hidden = list(propagator.propagate(clip, labels))
    assert set(hidden[0].tracks) == {1}
    assert all(not frame.tracks for frame in hidden[1:])


def test_a_walk_remembers_the_nearest_human_frames_on_both_sides(propagator, clip: MoverClip) -> None:
    from al_core.propagation.sam2.pruned_session import FrameFeatures
    from al_core.propagation.sam2.sam2 import Walk

    labels = {i: clip.truth[i] for i in (0, 2, 4, 6, 10)}
    walk = Walk(propagator._model, clip, labels, FrameFeatures(0), (36, 64), [1, 2])
    assert walk.remembered(6, 1, 10) == [6, 10, 4, 2]
    assert walk.remembered(0, -1, -1) == [0, 2, 4]
    assert walk.remembered(10, 1, 12) == [10, 6, 4]


def test_objects_that_know_nothing_of_each_other_share_a_pixel_by_their_odds() -> None:
    from al_core.propagation.sam2.sam2 import exclusive_masks

    logits = torch.tensor([3.0, 3.0, 0.0]).log()[:, None, None]
    logits[2] = -1024
    alone = exclusive_masks(logits, torch.eye(3), (1, 1)).flatten()
    assert alone.tolist() == pytest.approx([3 / 4, 3 / 4, 0], abs=1e-6)
    rivals = exclusive_masks(logits, torch.ones(3, 3), (1, 1)).flatten()
    assert rivals.tolist() == pytest.approx([3 / 7, 3 / 7, 0], abs=1e-6)


def test_sam_3_is_served_by_the_same_code(clip: MoverClip, tmp_path: Path) -> None:
    folder = tiny_sam(tmp_path / "weights", "sam3_tracker_video")
    settings = PropagationSettings(sam_weights=str(folder), flow_long_side=64)
    made = build("sam2", Resources(settings, tmp_path))
    frames = propagated(made, clip, {0: clip.truth[0], 4: {}})
    assert all(set(f.tracks) == {1, 2} for f in frames[:4])
    assert all(not f.tracks for f in frames[4:])


def test_a_folder_of_something_else_is_refused_when_it_is_made(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "dinov2"}')
    with pytest.raises(BadCheckpoint, match="got 'dinov2'"):
        build("sam2", Resources(PropagationSettings(sam_weights=str(tmp_path)), tmp_path))
