from dataclasses import replace

import numpy as np
import pytest

from al_core.discovery.motion import moving_in
from al_core.records import ONE_SHOT, Shots
from al_core.stores.optical_flow import FlowStore
from tests.toys.footage.movers import MoverClip, iou, line, mover_clip
from tests.toys.footage.synthetic import synthetic_clip


def find(folder, clip, shots=ONE_SHOT, told=None):
    found = list(moving_in(FlowStore(folder), clip, shots, told))
    assert [frame for frame, _ in found] == list(range(clip.n_frames))
    return [objects for _, objects in found]


def overlap(clip, found, track=1):
    """Mean overlap of the best object of each frame with a true one."""
    best = []
    for truth, objects in zip(clip.truth, found, strict=True):
        best.append(max((iou(o.mask.full() > 0.5, truth[track]) for o in objects), default=0.0))
    return float(np.mean(best))


@pytest.mark.parametrize("pan", [0.0, 2.0], ids=["a camera that stands", "one that pans"])
def test_a_mover_is_found(tmp_path, pan):
    clip = synthetic_clip(3, n_frames=14, pan=pan)
    told = []
    found = find(tmp_path, clip, told=told.append)
    assert overlap(clip, found) > 0.6
    assert {o.track_id for objects in found for o in objects} == {1}
    assert all(0 < o.confidence <= 1 for objects in found for o in objects)
    assert told == list(range(1, 15))


def test_where_nothing_moves_nothing_is_found(tmp_path):
    clip = mover_clip({1: line((40, 36), (0, 0), 8)})
    assert find(tmp_path, clip) == [()] * 8


def test_a_camera_that_pans_over_still_things_finds_nothing(tmp_path):
    wide = mover_clip({1: line((60, 36), (0, 0), 1)}, size=(72, 200)).images[0]
    clip = MoverClip([np.ascontiguousarray(wide[:, 3 * i : 3 * i + 128]) for i in range(10)], [{}] * 10, "3" * 64)
    assert find(tmp_path, clip) == [()] * 10


def test_one_frame_and_black_frames_show_nothing(tmp_path):
    black = np.zeros((72, 128, 3), np.uint8)
    assert find(tmp_path, MoverClip([black], [{}], "1" * 64)) == [()]
    assert find(tmp_path, MoverClip([black] * 6, [{}] * 6, "2" * 64)) == [()] * 6


def test_nothing_is_followed_over_a_cut(tmp_path):
    clip = mover_clip({1: line((20, 36), (5, 0), 8)})
    other = mover_clip({1: line((100, 30), (-5, 0), 8)}, seed=4)
    both = MoverClip(clip.images + other.images, clip.truth + other.truth, "4" * 64)
    found = find(tmp_path, both, Shots((8,)))
    assert overlap(both, found) > 0.5
    first, second = ({o.track_id for objects in part for o in objects} for part in (found[:8], found[8:]))
    assert min(len(first), len(second)) > 0
    assert not first & second


def test_stretches_make_no_seam(tmp_path, monkeypatch):
    clip = synthetic_clip(5, n_frames=14)
    whole = find(tmp_path, clip)
    monkeypatch.setattr("al_core.discovery.motion.STRETCH", 5)
    parts = find(tmp_path, replace(clip))
    assert overlap(clip, parts) > overlap(clip, whole) - 0.1
    assert {o.track_id for objects in parts for o in objects} == {1}
