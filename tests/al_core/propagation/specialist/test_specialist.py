"""A small network that is trained on one clip."""

from pathlib import Path

import numpy as np
import pytest
import torch

from al_core.errors import BadCheckpoint
from al_core.masks.soft import Patch
from al_core.propagation import Resources, build
from al_core.propagation.base import PropagatedFrame, PropagatedTrack
from al_core.propagation.specialist.network import new_network
from al_core.propagation.specialist.specialist import probability, with_flow
from al_core.records import Progress
from al_core.settings import PropagationSettings
from tests.toys.footage.movers import MoverClip, iou, line, mover_clip, one_mover


def settings(steps: int = 12, parent: str = "") -> PropagationSettings:
    return PropagationSettings(specialist_steps=steps, parent=parent)


def run(clip: MoverClip, marks: list[int], cache: Path, steps: int = 6, seed: int = 0, **more) -> list[PropagatedFrame]:
    specialist = build("specialist", Resources(settings(steps), cache, seed=seed, **more))
    return list(specialist.propagate(clip, {i: clip.truth[i] for i in marks}))


def test_a_moving_object_is_followed_and_labelled_frames_stay_as_they_are(tmp_path: Path) -> None:
    clip = one_mover()
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
    clip = one_mover()
    specialist = build("specialist", Resources(settings(4), tmp_path))
    frames = list(specialist.propagate(clip, {0: clip.truth[0], 4: {}, 8: {}}))
    assert not any(f.tracks for f in frames[4:])


def test_the_network_looks_at_the_frames_that_are_wanted_only(tmp_path: Path) -> None:
    clip = one_mover()
    every, some = (run(clip, [2, 9], tmp_path, wanted=wanted) for wanted in (None, frozenset({5})))
    flow = list(build("flow", Resources(settings(), tmp_path)).propagate(clip, {i: clip.truth[i] for i in (2, 9)}))
    for i in (4, 5, 6):
        expected = (every if i == 5 else flow)[i].tracks[1]
        np.testing.assert_array_equal(some[i].tracks[1].mask.full(), expected.mask.full())
    assert every[4].tracks[1].confidence != flow[4].tracks[1].confidence


def test_a_mirrored_picture_gives_the_mirrored_mask() -> None:
    network = new_network(3, on_backbone=True).eval()
    inputs = np.random.default_rng(0).random((16, 32, 5), np.float32)
    mirrored = np.ascontiguousarray(inputs[:, ::-1])
    np.testing.assert_allclose(probability(network, mirrored), probability(network, inputs)[:, ::-1], atol=1e-5)


def test_without_labels_nothing_is_trained(tmp_path: Path) -> None:
    told: list[Progress] = []
    assert not any(f.tracks for f in run(one_mover(), [], tmp_path, on_progress=told.append))
    assert told == []


def test_where_people_labelled_every_frame_nothing_is_trained(tmp_path: Path) -> None:
    clip, told = one_mover(), []
    frames = run(clip, list(range(12)), tmp_path, on_progress=told.append)
    assert not told
    assert [frame.tracks[1].confidence for frame in frames] == [1.0] * 12


def test_a_trained_specialist_is_kept_for_its_labels_and_seed(tmp_path: Path) -> None:
    clip, told = one_mover(), list[Progress]()
    first = run(clip, [2, 9], tmp_path, on_progress=told.append)
    assert [p.done for p in told] == [1, 2, 3, 4, 5, 6]
    again = run(clip, [2, 9], tmp_path, on_progress=told.append)
    assert len(told) == 6
    assert all(a.tracks[1].mask == b.tracks[1].mask for a, b in zip(first, again, strict=True))
    run(clip, [2, 9], tmp_path, seed=1, on_progress=told.append)
    assert len(told) == 12


def test_all_labels_go_on_from_a_trial_of_every_second_one_that_was_made_or_not(tmp_path: Path) -> None:
    clip, told, marks = one_mover(), list[Progress](), [2, 4, 6, 9]
    for_trial = {"trial": True, "wanted": frozenset({4})}
    tried, tried_alone = (run(clip, [2, 6], tmp_path / name, **for_trial)[4] for name in ("tried", "alone"))
    assert tried.tracks[1].mask == tried_alone.tracks[1].mask
    after_trial = run(clip, marks, tmp_path / "tried", on_progress=told.append)
    assert [p.done for p in told] == [1, 2, 3]
    at_once = run(clip, marks, tmp_path / "new", on_progress=told.append)
    assert [p.done for p in told] == [1, 2, 3] * 3
    assert all(a.tracks[1].mask == b.tracks[1].mask for a, b in zip(after_trial, at_once, strict=True))


@pytest.mark.parametrize("marks", [[2, 5, 9], list(range(1, 9))])
def test_few_labels_and_many_are_learnt_anew(tmp_path: Path, marks: list[int]) -> None:
    told = list[Progress]()
    run(one_mover(), marks, tmp_path, steps=2, on_progress=told.append)
    assert [p.done for p in told] == [1, 2]


def test_one_label_is_learnt_in_all_steps_and_its_trial_in_half(tmp_path: Path) -> None:
    told = list[Progress]()
    run(one_mover(), [2], tmp_path, steps=5, on_progress=told.append)
    run(one_mover(), [2], tmp_path, steps=5, on_progress=told.append, trial=True)
    assert [p.done for p in told] == [1, 2, 3, 4, 5, 1, 2, 3]


def test_a_parent_that_does_not_fit_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match=r"absent.pt.*no such file"):
        build("specialist", Resources(settings(2, str(tmp_path / "absent.pt")), tmp_path))
    torch.save({"other": torch.zeros(2)}, tmp_path / "other.pt")
    with pytest.raises(BadCheckpoint, match="does not fit"):
        build("specialist", Resources(settings(2, str(tmp_path / "other.pt")), tmp_path))


def test_the_surer_of_network_and_flow_outweighs_the_other() -> None:
    size = (8, 8)
    left, right = np.zeros(size, np.float32), np.zeros(size, np.float32)
    left[:, :4], right[:, 4:] = 1, 1
    network = Patch(0, 0, left)

    def brought(confidence: float) -> PropagatedTrack:
        return PropagatedTrack(Patch(0, 0, right).soft(size), confidence)

    lost, _ = with_flow(network, brought(0.3))
    sure, high = with_flow(Patch(0, 0, left * np.float32(0.6)), brought(0.95))
    assert (lost.values > 0.5).tolist() == (left > 0.5).tolist()
    assert (sure.values > 0.5).tolist() == (right > 0.5).tolist()
    alone, low = with_flow(network, None)
    assert alone is network
    assert 0 < low < 1
    assert 0 < high < 1


def test_a_flow_that_is_lost_says_nothing_of_a_network_that_goes_on() -> None:
    size, mask = (8, 8), np.zeros((8, 8), np.float32)
    mask[:, :4] = 0.95
    here, elsewhere = Patch(0, 0, mask).soft(size), Patch(0, 0, mask[:, ::-1]).soft(size)

    def expected(carried: PropagatedTrack | None) -> float:
        return with_flow(Patch(0, 0, mask), carried)[1]

    alone = expected(None)
    assert expected(PropagatedTrack(elsewhere, 0.2)) == pytest.approx(alone)
    assert expected(PropagatedTrack(here, 0.0)) == pytest.approx(alone)
    assert 0.9 < alone < expected(PropagatedTrack(here, 0.98)) < 1
    assert with_flow(Patch(0, 0, mask * np.float32(0.6)), None)[1] < 0.5
    assert with_flow(Patch(0, 0, mask), PropagatedTrack(elsewhere, 0.2), alone=False)[1] < 0.6 < alone
