"""The pool from arrays."""

import numpy as np
import pytest

from al_core.records import FrameRef, Shots
from al_core.selection import Frames, Pool
from al_core.selection.pool import every_frame, repeated


def listed(frames: Frames) -> list[tuple[int, int]]:
    return list(zip(frames.video_id.tolist(), frames.frame_idx.tolist(), strict=True))


class TestFrames:
    def test_ordered_drops_doubles(self):
        frames = Frames.of([2, 1, 1, 2], [0, 7, 3, 0]).ordered()
        assert listed(frames) == [(1, 3), (1, 7), (2, 0)]
        assert frames.ref(1) == FrameRef(1, 7)

    def test_without(self):
        assert listed(Frames.of([1, 1], [0, 1]).without(Frames.of([1, 2], [1, 0]))) == [(1, 0)]


class TestFromArrays:
    def test_candidates_are_the_unlabelled_frames(self):
        pool = Pool.from_arrays({2: 2, 1: 3}, [FrameRef(1, 1)])
        assert listed(pool.candidates) == [(1, 0), (1, 2), (2, 0), (2, 1)]
        assert pool.rank is None

    def test_ranked_by_uncertainty_ties_by_frame(self):
        candidates = Frames.of([2, 1, 1], [0, 1, 0])
        pool = Pool.from_arrays({1: 2, 2: 1}, (), candidates, np.array([0.5, 0.5, 0.9], np.float32))
        (ranked,) = pool.rank(3, 0, 1)
        assert listed(ranked.frames) == [(1, 0), (1, 1), (2, 0)]
        assert ranked.lowest == {}

    def test_without_features(self):
        with pytest.raises(ValueError, match="compares frames by their features"):
            Pool.from_arrays({1: 2}).features_of(Frames.of([1], [0]))


STILLS = {1: Shots((), ((1, 4), (6, 7)))}


class TestRepeated:
    def test_the_first_possible_frame_of_a_stretch_stands_for_it(self):
        assert listed(repeated(every_frame({1: 9, 2: 9}), Frames.of([], []), STILLS)) == [
            (1, 2),
            (1, 3),
            (1, 4),
            (1, 7),
        ]
        possible = Frames.of([1, 1, 1], [3, 4, 7])
        assert listed(repeated(possible, Frames.of([], []), STILLS)) == [(1, 4)]

    def test_a_stretch_that_was_asked_for_is_done(self):
        asked = Frames.of([1, 2], [3, 6])
        assert listed(repeated(every_frame({1: 9}), asked, STILLS)) == [(1, 1), (1, 2), (1, 3), (1, 4), (1, 7)]

    def test_a_cut_parts_a_stretch(self):
        shots = {1: Shots((3,), ((1, 4),))}
        assert listed(repeated(every_frame({1: 9}), Frames.of([1], [4]), shots)) == [(1, 2), (1, 3), (1, 4)]
