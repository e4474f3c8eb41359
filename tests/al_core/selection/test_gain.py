"""The random share of a round, and what it tells."""

import numpy as np
import pytest

from al_core.masks.rle import encode
from al_core.records import DeliveredMask, FrameRef, Provenance, Shots
from al_core.selection import Pool, select
from al_core.selection.gain import REASON, measure_worth, n_control
from al_core.settings import SelectionSettings


def run(n, seed=0, strategy="uniform", **settings):
    pool = Pool.from_arrays({1: 60, 2: 40}, [FrameRef(1, 5)])
    return select(strategy, pool, n, SelectionSettings(min_gap=3, **settings), np.random.default_rng(seed))


def delivered(*columns):
    """A 4x4 mask of track 1 with these columns set."""
    mask = np.zeros((4, 4), bool)
    mask[:, list(columns)] = True
    return [DeliveredMask(0, 1, 1, Provenance.PROPAGATED, 0.9, encode(mask))]


def test_the_share_is_met_on_average():
    rng = np.random.default_rng(0)
    counts = [n_control(2, 0.1, rng) for _ in range(2000)]
    assert set(counts) == {0, 1}
    assert np.mean(counts) == pytest.approx(0.2, abs=0.03)


def test_random_frames_come_last_are_marked_and_keep_the_gap():
    found = run(10, control_share=0.5)
    assert [s.control for s in found] == [False] * 5 + [True] * 5
    assert [s.rank for s in found] == list(range(10))
    assert {s.reason for s in found[5:]} == {REASON}
    frames = [*sorted(s.frame for s in found), FrameRef(1, 5)]
    for one in frames:
        assert all(abs(one.frame_idx - o.frame_idx) >= 3 for o in frames if o != one and o.video_id == one.video_id)


def test_the_others_are_those_of_the_strategy_alone():
    with_control, alone = run(10, control_share=0.5), run(5, control_share=0.0)
    assert [s.frame for s in with_control[:5]] == [s.frame for s in alone]


def test_random_selection_needs_no_control():
    assert not any(s.control for s in run(10, strategy="random", control_share=0.5))


def test_a_change_is_credited_to_the_nearest_new_label():
    before = {0: delivered(0), 1: delivered(0), 2: delivered(0), 3: delivered(0, 1)}
    after = {0: delivered(0), 1: delivered(1), 2: delivered(0), 3: delivered(0)}
    # Frame 1 is all different, frame 3 by half; frames 0 and 2 are as before.
    assert measure_worth(before, after, [0, 3], 4) == {0: 1.0, 3: 0.5}


def test_an_object_that_comes_or_goes_is_a_whole_change():
    assert measure_worth({}, {0: delivered(0)}, [0], 2) == {0: 1.0}
    assert measure_worth({0: delivered(0)}, {}, [0], 2) == {0: 1.0}


def test_what_changes_beyond_a_cut_is_no_labels_worth():
    before = {i: delivered(0) for i in range(6)}
    after = {i: delivered(1) for i in range(6)}
    assert measure_worth(before, after, [0], 6) == {0: 6.0}
    assert measure_worth(before, after, [0], 6, Shots((2, 4))) == {0: 2.0}
    assert measure_worth(before, after, [1, 2], 6, Shots((2, 4))) == {1: 2.0, 2: 2.0}
