"""Frames unlike all labelled ones, and probably wrong."""

from dataclasses import replace

import numpy as np

from al_core.selection.error_model import Outlook
from al_core.selection.pool import DepthSight
from tests.toys.pools import places, pool_of, run


def test_distance_and_error_both_count():
    def outlook(video):
        error = np.full(21, 0.1)
        error[12] = 0.9
        return Outlook(error, np.ones(20), frozenset({0}))

    pool = replace(pool_of({1: 21}, [(1, 0)]), outlooks=outlook)
    # Frame 20 is the farthest from the labelled frame 0; frame 12 is nearer, but wrong.
    assert places(run("farthest_with_error", pool, 2)) == [(1, 12), (1, 20)]


def test_depth_tells_frames_apart_and_errs_where_it_knows_nothing():
    def errors(frames, labelled):
        assert labelled.frame_idx.tolist() == [0]
        return np.where(frames.frame_idx == 7, 0.5, 0.1)

    sight = DepthSight(lambda frames: (frames.frame_idx[:, None] == 15).astype(np.float32), errors)
    # To the features of the pool frame 20 is the farthest; to depth it is frame 15, and frame 7 is told wrong.
    pool = replace(pool_of({1: 21}, [(1, 0)]), depth=sight)
    found = run("farthest_with_error", pool, 2)
    assert sorted(places(found)) == [(1, 7), (1, 15)]
    assert "its depth told wrong by 0.50" in next(s.reason for s in found if s.frame.frame_idx == 7)


def test_expected_errors_count_beside_depth():
    sight = DepthSight(lambda frames: np.zeros((len(frames), 1), np.float32), lambda frames, _: np.ones(len(frames)))
    error = np.full(21, 0.1)
    error[12] = 0.9
    outlook = Outlook(error, np.ones(20), frozenset({0}))
    pool = replace(pool_of({1: 21}, [(1, 0)]), depth=sight, outlooks=lambda video: outlook)
    (one,) = run("farthest_with_error", pool, 1)
    assert places([one]) == [(1, 12)]
    assert one.reason.endswith("expected to be wrong by 0.90 and its depth told wrong by 1.00")
