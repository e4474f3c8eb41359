"""The gate between detectors and tracks."""

import numpy as np

from al_core.discovery.exemplars.agreement import Arrival, Detections, arrivals, verdicts

SIZE = (60, 120)
SHOT = range(5)


class Moves:
    """Flow in which everything moves by so many pixels a frame."""

    size = SIZE

    def __init__(self, x):
        self._way = np.full((*SIZE, 2), (x, 0.0), np.float32)

    def pair(self, frame_idx):
        return self._way, -self._way


def detected(*boxes):
    return Detections(np.array(boxes, float).reshape(-1, 4), np.full(len(boxes), 3.0), np.zeros(len(boxes), bool))


def judged(found, speed, reach=4):
    begun = [(i, k, box) for i, seen in found.items() for k, box in enumerate(seen.boxes)]
    return verdicts(found, arrivals(Moves(speed), SIZE, SHOT, begun, list(found), reach), SHOT, reach)


def test_what_is_found_where_tracks_from_all_other_frames_arrive_is_agreed_on():
    found = {i: detected((10 + 4 * i, 10, 30 + 4 * i, 30)) for i in SHOT}
    said = judged(found, 4.0)
    assert [said[i].agreement.tolist() for i in SHOT] == [[1.0]] * 5
    assert all(verdict.moved.all() for verdict in said.values())
    assert said[2].supporters == [[(0, 0), (1, 0), (3, 0), (4, 0)]]


def test_what_is_found_in_one_frame_alone_is_not():
    found = {i: detected((10 + 4 * i, 10, 30 + 4 * i, 30)) for i in SHOT}
    found[2] = detected((18, 10, 38, 30), (80, 30, 100, 50))
    assert judged(found, 4.0)[2].agreement.tolist() == [1.0, 0.0]


def test_a_track_does_not_agree_with_the_detection_that_it_began_with():
    assert judged({2: detected((18, 10, 38, 30))}, 4.0)[2].agreement.tolist() == [0.0]


def test_a_track_that_arrives_where_nothing_is_detected_adds_nothing():
    found = {0: detected((10, 10, 30, 30)), 1: Detections.none()}
    assert judged(found, 4.0)[1].agreement.tolist() == []


def test_what_stood_still_agrees_but_says_nothing():
    verdict = judged({i: detected((10, 10, 30, 30)) for i in SHOT}, 0.0)[2]
    assert (verdict.agreement.tolist(), verdict.moved.tolist()) == ([1.0], [False])


def test_the_better_side_counts_so_that_what_just_came_is_agreed_on():
    found = {0: Detections.none(), 1: Detections.none()} | {i: detected((4 * i, 10, 20 + 4 * i, 30)) for i in (2, 3, 4)}
    assert judged(found, 4.0)[2].agreement.tolist() == [1.0]


def test_a_track_arrives_at_one_detection_and_the_box_is_the_middle_of_both():
    found = {0: detected((0, 0, 20, 20)), 1: detected((4, 0, 24, 20), (14, 0, 34, 20))}
    arrived = {1: [Arrival((0, 0), np.array([6.0, 0, 26, 20]), True)]}
    verdict = verdicts(found, arrived, SHOT, 4)[1]
    assert verdict.agreement.tolist() == [1.0, 0.0]
    assert verdict.boxes[0].tolist() == [5, 0, 25, 20]


def test_nothing_is_followed_over_a_cut():
    found = {i: detected((10 + 4 * i, 10, 30 + 4 * i, 30)) for i in SHOT}
    begun = [(1, 0, found[1].boxes[0])]
    assert sorted(arrivals(Moves(4.0), SIZE, range(2), begun, list(found), 4)) == [0]
