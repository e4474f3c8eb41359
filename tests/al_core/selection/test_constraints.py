"""Gap and quota, by hand and against a slow walk through all frames."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from al_core.records import FrameRef, Shots
from al_core.selection.constraints import Limits
from al_core.selection.pool import Frames

frame_lists = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 20)), max_size=30, unique=True)
NOTHING = Frames.of([], [])


def slow(frames: list, n: int, gap: int, quota: int, labelled: list) -> list[int]:
    chosen: list[int] = []
    for position, (video, frame) in enumerate(frames):
        mine = [frames[p][1] for p in chosen if frames[p][0] == video]
        near = [*mine, *(f for v, f in labelled if v == video)]
        if len(chosen) == n or (quota and len(mine) == quota):
            continue
        if all(abs(frame - other) >= max(gap, 1) for other in near):
            chosen.append(position)
    return chosen


@given(frame_lists, frame_lists, st.integers(0, 8), st.integers(0, 6), st.integers(0, 3))
def test_walking_in_order_is_exact(frames, labelled, n, gap, quota):
    columns = Frames.from_refs([FrameRef(*f) for f in frames])
    known = Frames.from_refs([FrameRef(*f) for f in labelled]).ordered()
    chosen = Limits(columns, gap, quota, known).take_in_order(n)
    assert chosen.tolist() == slow(frames, n, gap, quota, labelled)


def test_a_gap_of_three_allows_every_third_frame():
    limits = Limits(Frames.of([1] * 7, range(7)), 3, 0, NOTHING)
    assert limits.take_in_order(9).tolist() == [0, 3, 6]


def test_labels_count_for_the_gap_but_not_for_the_quota():
    limits = Limits(Frames.of([1] * 6, range(6)), 2, 1, Frames.of([1], [0]))
    assert limits.allowed.tolist() == [False, False, True, True, True, True]
    assert limits.take_in_order(9).tolist() == [2]


def test_the_neighbour_of_a_label_may_lie_in_the_next_video():
    frames = Frames.of([1, 2], [9, 0])
    assert Limits(frames, 5, 0, Frames.of([1], [8])).allowed.tolist() == [False, True]


def test_room():
    frames = Frames.of([1, 1, 2], [0, 9, 0])
    limits = Limits(frames, 1, 2, NOTHING)
    limits.take(0)
    assert (limits.room(1), limits.room(2)) == (1, 2)
    limits.take(1)
    assert limits.room(1) == 0
    assert Limits(frames, 1, 0, NOTHING).room(1) == 3


def test_frames_of_nothing():
    assert Limits(NOTHING, 2, 1, NOTHING).take_in_order(3).tolist() == []
    assert np.array_equal(NOTHING.ordered().keys, [])


def test_frames_of_different_shots_may_lie_side_by_side():
    frames = Frames.of([1] * 8, range(8))
    cut = {1: Shots((4,))}
    assert Limits(frames, 3, 0, Frames.of([1], [3]), cut).allowed.tolist() == [True, *[False] * 3, *[True] * 4]
    limits = Limits(frames, 3, 0, NOTHING, cut)
    limits.take(4)
    assert limits.allowed.tolist() == [*[True] * 4, False, False, False, True]
