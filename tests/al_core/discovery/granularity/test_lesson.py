"""What the student learns from."""

import numpy as np
import pytest

from al_core.discovery.granularity import lesson
from al_core.discovery.granularity.lesson import CELL, in_lab, lesson_of, padded, taught
from al_core.records import ONE_SHOT, Shots
from al_core.stores.optical_flow import FlowStore
from tests.toys.footage.movers import MoverClip, iou, line, mover_clip


@pytest.fixture
def clip():
    return mover_clip({1: line((20, 36), (5, 0), 10)})


@pytest.fixture
def store(tmp_path):
    return FlowStore(tmp_path / "flow")


def test_the_teacher_says_what_moves(clip, store):
    shot = taught(clip, range(10), store)
    assert list(shot.shown) == list(range(10))
    assert {picture.shape for picture in shot.pictures} == {(96, 128, 3)}
    assert {maps.shape for maps in (*shot.odds, *shot.objects)} == {(96, 128)}
    assert iou(shot.objects[5][:72], clip.truth[5][1]) > 0.6
    assert shot.odds[5][clip.truth[5][1].nonzero()].mean() > 0 > shot.odds[5][:20, 100:].mean()


def test_the_middle_of_a_long_shot_is_learnt_from(clip, store, monkeypatch):
    monkeypatch.setattr(lesson, "STRETCH", 4)
    shot = taught(clip, range(10), store)
    np.testing.assert_array_equal(shot.pictures[0][:72], clip.images[3])
    assert len(shot.pictures) == 4


def test_shots_that_teach_nothing_are_passed_over(clip, store):
    still = MoverClip([clip.images[0]] * 6, [{}] * 6, sha256="1" * 64)
    single = MoverClip(clip.images[:1], [{}], sha256="2" * 64)
    told = []
    shots = lesson_of(
        [(still, ONE_SHOT), (clip, Shots((5,))), (single, ONE_SHOT)], store, lambda done, of: told.append((done, of))
    )
    assert [len(shot.pictures) for shot in shots] == [5, 5]
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert lesson_of([(single, ONE_SHOT)], store) == []


def test_frames_are_padded_with_their_edge():
    picture = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    wide = padded(picture)
    assert wide.shape == (CELL, CELL, 3)
    np.testing.assert_array_equal(wide[-1, -1], picture[-1, -1])
    assert padded(wide) is not None
    np.testing.assert_array_equal(padded(wide), wide)


def test_pictures_are_given_in_lab(clip):
    lab = in_lab([padded(image) for image in clip.images[:2]])
    assert lab.shape == (2, 3, 96, 128)
    assert lab[:, 0].abs().max() <= 1
