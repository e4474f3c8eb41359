"""A training is a function of footage and seed, goes on where it was, and needs a camera that moves."""

import numpy as np
import pytest

from al_core.depth import depth_training
from al_core.depth.depth_network import new_depth_network
from al_core.depth.depth_training import Lesson, lesson_of, moments_of, trained_depth
from al_core.errors import NotReady
from al_core.networks.network_state import to_bytes
from al_core.stores.disk_cache import DiskCache
from tests.toys.footage.travelling import travelling_clip


@pytest.fixture
def disk(tmp_path):
    return DiskCache(tmp_path / "cache", 10**9)


STILL = travelling_clip(5, n_frames=6, size=(32, 64), step=0.0)


def test_only_clips_whose_camera_moves_are_learnt_from(clips):
    lesson = lesson_of([*clips, STILL], ["a", "b", "porch"])
    assert list(lesson.names) == ["a", "b"]
    assert lesson.left_out.startswith("porch (0.0%): half of the picture moves by less than")


def test_where_every_camera_stands_nothing_is_trained():
    with pytest.raises(NotReady, match=r"a camera that moves past what it shows. porch \(0.0%\): .* leave out --depth"):
        lesson_of([STILL], ["porch"])
    with pytest.raises(NotReady, match="there is none; take some in first"):
        lesson_of([], [])


def test_moments_are_a_frame_between_two_others(clips, small, monkeypatch):
    lesson = lesson_of(clips, ["a", "b"])
    moments = moments_of(lesson)
    assert len(moments) == 8
    assert {m.frame.shape for m in moments} == {(32, 64, 3)}
    assert np.array_equal(moments[1].before, moments[0].frame)
    monkeypatch.setattr(depth_training, "MOST_MOMENTS", 4)
    assert [m.clip for m in moments_of(lesson)] == [0, 0, 1, 1]


def test_frames_of_other_shapes_are_brought_to_one_and_their_focal_length_with_them(clips, small):
    high = travelling_clip(2, n_frames=6, size=(64, 32))
    lesson = lesson_of([*clips, high], ["a", "b", "high"])
    assert {m.frame.shape for m in moments_of(lesson)} == {(32, 64, 3)}
    assert depth_training._pixels_per_focal(lesson).tolist() == [[64, 64], [64, 64], [128, 32]]


def test_a_training_learns_and_is_kept(student, clips, small, disk):
    lesson = lesson_of(clips, ["a", "b"])
    told = []
    network = trained_depth(lesson, student, disk, 3, 0, on_progress=told.append)
    assert [p.done for p in told] == [1, 2, 3]
    assert to_bytes(network) != to_bytes(new_depth_network(student, 2, 0))
    assert network.focal != [1.0, 1.0]
    told.clear()
    assert to_bytes(trained_depth(lesson, student, disk, 3, 0, on_progress=told.append)) == to_bytes(network)
    assert told == []


def test_a_training_that_was_stopped_goes_on_to_the_same_bits(student, clips, small, disk, tmp_path):
    lesson = lesson_of(clips, ["a", "b"])
    whole = trained_depth(lesson, student, disk, 4, 0)
    other = DiskCache(tmp_path / "other", 10**9)

    def stop(progress):
        if progress.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained_depth(lesson, student, other, 4, 0, on_progress=stop)
    told = []
    assert to_bytes(trained_depth(lesson, student, other, 4, 0, on_progress=told.append)) == to_bytes(whole)
    assert [p.done for p in told] == [3, 4]


def test_a_given_focal_length_stays(student, clips, small, disk):
    lesson = Lesson(clips[:1], ["a"], lesson_of(clips[:1], ["a"]).motions)
    assert trained_depth(lesson, student, disk, 2, 0, focal=0.8).focal == pytest.approx([0.8])
