"""Boxes followed along optical flow."""

import numpy as np
import pytest

from al_core.discovery.exemplars.box_overlap import overlaps
from al_core.discovery.exemplars.short_tracks import follow
from al_core.stores.optical_flow import FlowStore
from tests.toys.footage.movers import line, mover_clip


class Known:
    """Flow that is known: ``move`` by frame, (x, y) in pixels, and how much it spreads."""

    def __init__(self, move, size=(60, 80), spread=0.0, broken=()):
        self.size, self._move, self._spread, self._broken = size, move, spread, broken

    def pair(self, frame_idx):
        rows, columns = np.mgrid[: self.size[0], : self.size[1]]
        away = np.stack([columns - self.size[1] / 2, rows - self.size[0] / 2], axis=-1)
        way = (np.array(self._move) + self._spread * away).astype(np.float32)
        back = (-np.array(self._move) - self._spread / (1 + self._spread) * away).astype(np.float32)
        return way, (back + 9 if frame_idx in self._broken else back)


BOX = np.array([20.0, 20, 40, 36])


def test_a_box_goes_with_the_flow_both_ways():
    flow = Known((2.0, -1.0))
    ahead = dict(follow(flow, (60, 80), 5, BOX, range(6, 9)))
    assert list(ahead) == [6, 7, 8]
    assert np.allclose(ahead[8], BOX + np.array([6, -3, 6, -3]))
    behind = dict(follow(flow, (60, 80), 5, BOX, range(4, 1, -1)))
    assert np.allclose(behind[2], BOX + np.array([-6, 3, -6, 3]))


def test_boxes_have_the_size_of_the_frames_whatever_that_of_the_flow_is():
    found = dict(follow(Known((1.0, 0.0)), (120, 160), 0, 2 * BOX, range(1, 3)))
    assert np.allclose(found[2], 2 * BOX + np.array([4, 0, 4, 0]))


def test_it_grows_as_its_points_spread():
    centred = np.array([30.0, 20, 50, 40])
    found = dict(follow(Known((0.0, 0.0), spread=0.05), (60, 80), 0, centred, range(1, 4)))
    assert found[3][2] - found[3][0] == pytest.approx(20 * 1.05**3, rel=0.03)


def test_it_ends_where_flow_does_not_lead_back_and_where_the_box_has_left():
    assert list(dict(follow(Known((1.0, 0.0), broken=(2,)), (60, 80), 0, BOX, range(1, 9)))) == [1, 2]
    assert len(list(follow(Known((12.0, 0.0)), (60, 80), 0, BOX, range(1, 9)))) < 6


def test_it_stays_with_an_object_over_ground_that_stands(tmp_path):
    clip = mover_clip({1: line((24, 36), (3, 0), 10)})
    flow = FlowStore(tmp_path).clip(clip, 128, "medium")
    box = np.array([12.0, 24, 37, 49])
    found = dict(follow(flow, clip.size, 0, box, range(1, 8)))
    assert overlaps(found[7][None], (box + np.array([21, 0, 21, 0]))[None])[0, 0] > 0.5
