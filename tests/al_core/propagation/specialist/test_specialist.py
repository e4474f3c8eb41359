"""A small network that is trained on one clip."""

from pathlib import Path

import numpy as np
import pytest
import torch

from al_core.errors import BadCheckpoint, BadLabel
from al_core.propagation import Resources, build
from al_core.propagation.base import PropagatedFrame
from al_core.propagation.flow import FlowPropagator
from al_core.propagation.network_state import to_bytes
from al_core.propagation.specialist.examples import ExampleFrame, draw, labelled_frames
from al_core.propagation.specialist.network import load_weights, new_network, segmentation_loss
from al_core.propagation.specialist.training import Checkpoint, train, train_parent
from al_core.records import Progress
from al_core.settings import PropagationSettings
from al_core.stores.disk_cache import DiskCache
from al_core.stores.optical_flow import FlowStore
from tests.toys.footage.movers import MoverClip, iou, line, mover_clip


def settings(steps: int = 12, parent: str = "") -> PropagationSettings:
    return PropagationSettings(specialist_steps=steps, parent=parent)


def one_object() -> MoverClip:
    return mover_clip({1: line((30, 36), (4, 0))}, radius=14, size=(64, 96))


def run(clip: MoverClip, marks: list[int], cache: Path, steps: int = 6, seed: int = 0, **more) -> list[PropagatedFrame]:
    specialist = build("specialist", Resources(settings(steps), cache, seed=seed, **more))
    return list(specialist.propagate(clip, {i: clip.truth[i] for i in marks}))


def examples(clip: MoverClip, marks: list[int], cache: Path) -> list[ExampleFrame]:
    flow = FlowPropagator(FlowStore(cache), PropagationSettings())
    return list(labelled_frames(clip, {i: clip.truth[i] for i in marks}, clip.size, flow))


def test_a_moving_object_is_followed_and_labelled_frames_stay_as_they_are(tmp_path: Path) -> None:
    clip = one_object()
    frames = run(clip, [2, 9], tmp_path, steps=25)
    assert [f.frame_idx for f in frames] == list(range(12))
    for frame in frames:
        found = frame.tracks[1]
        assert 0 <= found.confidence <= 1
        assert iou(found.mask.full() > 0.5, clip.truth[frame.frame_idx][1]) > 0.8
    assert frames[2].tracks[1].confidence == 1
    np.testing.assert_array_equal(frames[2].tracks[1].mask.full(), clip.truth[2][1].astype(np.float32))


def test_two_objects_are_cut_out_without_sharing_pixels(tmp_path: Path) -> None:
    clip = mover_clip({1: line((20, 28), (8, 0)), 2: line((108, 46), (-8, 0))}, radius=11)
    for frame in run(clip, [0, 6, 11], tmp_path, steps=6):
        assert frame.tracks[1].mask.full().max() > 0.5
        assert (frame.tracks[1].mask.full() + frame.tracks[2].mask.full()).max() <= 1 + 1 / 255


def test_nothing_is_found_between_labels_that_say_nothing_is_there(tmp_path: Path) -> None:
    clip = one_object()
    specialist = build("specialist", Resources(settings(4), tmp_path))
    frames = list(specialist.propagate(clip, {0: clip.truth[0], 4: {}, 8: {}}))
    assert not any(f.tracks for f in frames[4:])


def test_without_labels_nothing_is_trained(tmp_path: Path) -> None:
    told: list[Progress] = []
    assert not any(f.tracks for f in run(one_object(), [], tmp_path, on_progress=told.append))
    assert told == []


def test_a_trained_specialist_is_kept_for_its_labels_and_seed(tmp_path: Path) -> None:
    clip, told = one_object(), list[Progress]()
    first = run(clip, [2, 9], tmp_path, on_progress=told.append)
    assert [p.done for p in told] == list(range(1, 7))
    again = run(clip, [2, 9], tmp_path, on_progress=told.append)
    assert len(told) == 6
    assert all(a.tracks[1].mask == b.tracks[1].mask for a, b in zip(first, again, strict=True))
    run(clip, [2, 8], tmp_path, on_progress=told.append)
    run(clip, [2, 9], tmp_path, seed=1, on_progress=told.append)
    assert len(told) == 18


def test_a_training_that_was_killed_ends_with_the_same_weights(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("al_core.propagation.specialist.training.CHECKPOINT_STEPS", 3)
    learnt = examples(one_object(), [2, 9], tmp_path)
    whole, killed, resumed = new_network(0), new_network(0), new_network(5)
    train(whole, learnt, 6, 0)
    kept = Checkpoint(DiskCache(tmp_path / "kept", 10**9), "half")

    def stop(progress: Progress) -> None:
        if progress.done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(killed, learnt, 6, 0, kept, stop)
    told: list[Progress] = []
    train(resumed, learnt, 6, 0, kept, told.append)
    assert [p.done for p in told] == [4, 5, 6]
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, rtol=0, atol=0)


def test_the_prior_of_a_labelled_frame_comes_from_the_others(tmp_path: Path) -> None:
    clip = one_object()
    middle = examples(clip, [2, 6, 9], tmp_path)[1]
    assert len(middle.priors) == 2
    for prior in middle.priors:
        assert prior[1] != middle.truth[1]
        assert iou(prior[1].full() > 0.5, clip.truth[6][1]) > 0.5


def test_crops_hold_the_object_and_follow_from_the_seed(tmp_path: Path) -> None:
    frame = examples(one_object(), [2], tmp_path)[0]
    crops = [draw(frame, np.random.default_rng(i), side=64) for i in range(12)]
    assert crops[0].inputs.shape == (64, 64, 5)
    assert sum(c.target.max() > 0.9 for c in crops) >= 8
    np.testing.assert_array_equal(crops[3].inputs, draw(frame, np.random.default_rng(3), side=64).inputs)


def test_the_loss_is_small_for_the_truth_and_large_for_its_opposite() -> None:
    target = torch.zeros(2, 16, 16)
    target[0, 4:8, 4:8] = 1
    right = (target - 0.5) * 40
    assert segmentation_loss(right, target) < 1e-3
    assert segmentation_loss(-right, target) > 2


def test_a_parent_is_written_and_started_from(tmp_path: Path) -> None:
    clip = one_object()
    flow = FlowPropagator(FlowStore(tmp_path), PropagationSettings())
    path = tmp_path / "parent.pt"
    parent = train_parent([(clip, {2: clip.truth[2]})], lambda frames: frames.size, flow, path, steps=2)
    assert to_bytes(load_weights(path)) == to_bytes(parent)
    build("specialist", Resources(settings(2, str(path)), tmp_path))


def test_a_parent_that_does_not_fit_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match=r"absent.pt.*no such file"):
        build("specialist", Resources(settings(2, str(tmp_path / "absent.pt")), tmp_path))
    torch.save({"other": torch.zeros(2)}, tmp_path / "other.pt")
    with pytest.raises(BadCheckpoint, match="does not fit"):
        build("specialist", Resources(settings(2, str(tmp_path / "other.pt")), tmp_path))


def test_training_needs_an_example() -> None:
    with pytest.raises(BadLabel, match="at least one"):
        train(new_network(0), [], 2, 0)
