"""Evenly spaced frames, on videos short enough to count."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from al_core.errors import EmptyPool
from al_core.records import FrameRef, Shots
from al_core.selection import Frames, Pool, select
from al_core.selection.strategies.uniform import Axis, even_spots
from al_core.settings import SelectionSettings

RNG = np.random.default_rng(0)


def chosen(lengths, n, labelled=(), candidates=None, **settings) -> list[tuple[int, int]]:
    pool = Pool.from_arrays(lengths, [FrameRef(*f) for f in labelled], candidates)
    found = select("uniform", pool, n, SelectionSettings(**{"min_gap": 1, "control_share": 0.0} | settings), RNG)
    assert [s.rank for s in found] == list(range(len(found)))
    return [(s.frame.video_id, s.frame.frame_idx) for s in found]


def frames(*args, **kwargs) -> list[int]:
    return sorted(frame for _, frame in chosen(*args, **kwargs))


def even(length: int, n: int) -> list[int]:
    """Half a step at both ends."""
    return [length * (2 * i + 1) // (2 * n) for i in range(n)]


class TestFreshVideo:
    def test_by_hand(self):
        assert frames({1: 12}, 1) == [6]
        assert frames({1: 12}, 2) == [3, 9]
        assert frames({1: 12}, 3) == [2, 6, 10]
        assert frames({1: 12}, 12) == list(range(12))

    @given(st.integers(1, 200), st.data())
    def test_one_round_is_exactly_even(self, length, data):
        n = data.draw(st.integers(1, length))
        assert frames({1: length}, n) == even(length, n)

    def test_frames_are_shared_by_length(self):
        found = chosen({1: 20, 2: 40, 3: 60}, 6)
        assert sorted(found) == [(1, 10), (2, 10), (2, 30), (3, 10), (3, 30), (3, 50)]

    def test_the_longest_video_comes_first(self):
        assert chosen({1: 10, 2: 11}, 1) == [(2, 5)]
        assert chosen({1: 10, 2: 10}, 1) == [(1, 5)]


class TestLaterRounds:
    def test_the_longest_stretch_is_halved(self):
        # Between 0 and 10 lie 10 steps, from 10 to the end 1.5, which counts double: 3.
        assert frames({1: 12}, 1, labelled=[(1, 0), (1, 10)]) == [5]

    def test_an_outer_stretch_counts_double(self):
        # 6.5 frames to the right end against 8 between the labels.
        assert frames({1: 15}, 1, labelled=[(1, 0), (1, 8)]) == [12]

    def test_a_stretch_is_parted_evenly(self):
        assert frames({1: 13}, 2, labelled=[(1, 0), (1, 12)]) == [4, 8]
        assert frames({1: 13}, 3, labelled=[(1, 0), (1, 12)]) == [3, 6, 9]


class TestPlan:
    def test_eight_frames_in_four_rounds_end_up_even(self):
        labelled: list[tuple[int, int]] = []
        for _ in range(4):
            labelled += chosen({1: 60}, 2, labelled, planned_frames=8, min_gap=2)
        assert sorted(f for _, f in labelled) == even(60, 8) == [3, 11, 18, 26, 33, 41, 48, 56]

    @given(st.integers(1, 12), st.integers(1, 5), st.integers(0, 60))
    def test_any_round_size_ends_up_even(self, planned, a_round, more):
        length = planned + more
        labelled: list[tuple[int, int]] = []
        while len(labelled) < planned:
            n = min(a_round, planned - len(labelled))
            labelled += chosen({1: length}, n, labelled, planned_frames=planned)
        assert sorted(f for _, f in labelled) == even(length, planned)

    def test_several_videos(self):
        labelled: list[tuple[int, int]] = []
        for _ in range(3):
            labelled += chosen({1: 20, 2: 40}, 2, labelled, planned_frames=6)
        assert sorted(labelled) == [(1, 5), (1, 15), (2, 5), (2, 15), (2, 25), (2, 35)]

    def test_beyond_the_plan_stretches_are_parted(self):
        labelled = [(1, f) for f in even(15, 2)]
        assert labelled == [(1, 3), (1, 11)]
        assert frames({1: 15}, 1, labelled, planned_frames=2) == [7]


class TestLimits:
    def test_gap(self):
        found = frames({1: 10}, 9, min_gap=3)
        assert len(found) >= 3
        assert min(np.diff(found)) >= 3

    def test_no_more_than_the_gap_allows(self):
        assert frames({1: 4}, 4, min_gap=4) == [2]

    def test_what_even_spacing_leaves_is_filled(self):
        # Three frames at least three apart fit into seven only as 0, 3, 6.
        assert frames({1: 7}, 3, labelled=[(1, 3)], min_gap=3) == [0, 6]

    def test_quota(self):
        found = chosen({1: 100, 2: 10}, 4, quota_per_video=2)
        assert sorted(v for v, _ in found) == [1, 1, 2, 2]

    def test_only_candidates(self):
        # Frames 0, 9 and 10 may be chosen: the spots 3 and 9 move to 0 and 9.
        assert frames({1: 12}, 2, candidates=Frames.of([1, 1, 1], [0, 9, 10])) == [0, 9]

    def test_a_video_without_candidates_gives_its_share_away(self):
        assert chosen({1: 100, 2: 10}, 1, candidates=Frames.of([2] * 10, range(10))) == [(2, 5)]

    @given(
        st.dictionaries(st.integers(1, 3), st.integers(1, 30), min_size=1),
        st.integers(1, 12),
        st.integers(0, 6),
        st.integers(0, 4),
        st.integers(0, 20),
        st.data(),
    )
    def test_gap_and_quota_always_hold(self, lengths, n, gap, quota, planned, data):
        every = [(v, f) for v in lengths for f in range(lengths[v])]
        labelled = data.draw(st.lists(st.sampled_from(every), max_size=3, unique=True))
        pool = Pool.from_arrays(lengths, [FrameRef(*f) for f in labelled])
        settings = SelectionSettings(min_gap=gap, quota_per_video=quota, planned_frames=planned, control_share=0.0)
        free = [f for f in every if all(v != f[0] or abs(g - f[1]) >= max(gap, 1) for v, g in labelled)]
        if not free:
            with pytest.raises(EmptyPool):
                select("uniform", pool, n, settings, RNG)
            return
        found = [s.frame for s in select("uniform", pool, n, settings, RNG)]
        assert len(found) <= n
        for video in lengths:
            mine = sorted(f.frame_idx for f in found if f.video_id == video)
            assert not quota or len(mine) <= quota
            near = sorted([*mine, *(g for v, g in labelled if v == video)])
            clashes = [b - a for a, b in pairwise(near) if b - a < max(gap, 1) and {a, b} & set(mine)]
            assert clashes == []


def test_steps_of_open_stretches():
    (spot,) = even_spots([Axis(1, 10, [])], 1, 1, lambda video: 9)
    assert spot == (1, 5, Fraction(10))
    first, second = even_spots([Axis(1, 10, [5])], 2, 1, lambda video: 9)
    assert {first[1], second[1]} == {1, 8}


def test_reasons_hold_numbers():
    (found,) = select("uniform", Pool.from_arrays({1: 60}), 1, SelectionSettings(control_share=0.0), RNG)
    assert found.reason == "evenly spaced: one of every 60 frames"


@pytest.mark.parametrize("planned", [0, 6])
def test_repeatable(planned):
    first = chosen({1: 31, 2: 17}, 5, [(1, 4)], planned_frames=planned)
    assert first == chosen({2: 17, 1: 31}, 5, [(1, 4)], planned_frames=planned)


def in_shots(n, cuts, labelled=(), **settings) -> list[int]:
    pool = replace(Pool.from_arrays({1: 20}, [FrameRef(1, i) for i in labelled]), shots={1: Shots(cuts)})
    found = select("uniform", pool, n, SelectionSettings(**{"min_gap": 1, "control_share": 0.0} | settings), RNG)
    return [s.frame.frame_idx for s in found]


def test_each_shot_counts_as_a_video():
    assert in_shots(2, (8,)) == [14, 4]
    assert in_shots(3, (7, 14)) == [3, 10, 17]
    assert in_shots(2, (7, 14), planned_frames=3) == [3, 10]
    # A label tells nothing of the shot beside its own.
    assert in_shots(1, (10,), labelled=(9,)) == [15]
