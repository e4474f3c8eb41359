"""What stands out in frames, where it can be seen by eye."""

import numpy as np
import pytest

from al_core.selection.conspicuous import USUAL_WEIGHT, chances, conspicuousness, weight_of


def parts(n=200, visit=range(80, 95), steps=()):
    """Thumbnails of 8 parts with a little noise; one part is bright during a visit, all are from each step on."""
    rng = np.random.default_rng(0)
    found = rng.normal(0.5, 0.01, (n, 8, 3))
    found[list(visit), 3] += 0.3
    for step in steps:
        found[step:] += 0.3
    return found


def test_what_comes_and_goes_stands_out():
    cue = conspicuousness(parts())
    assert cue.mean() == pytest.approx(0, abs=1e-9)
    assert cue.std() == pytest.approx(1)
    assert cue[80:95].mean() > 2 > cue[:60].max()


@pytest.mark.parametrize("n", [400, 1300])
def test_what_stays_for_a_while_stands_out_in_its_middle_too_where_the_rest_comes_again(n):
    cue = conspicuousness(parts(n, range(150, 195)))
    assert cue[165:180].mean() > 1
    assert cue[165:180].min() > np.quantile(np.delete(cue, slice(125, 220)), 0.98)


def test_a_second_visit_hides_neither():
    values = parts(400, range(80, 95))
    values[300:315, 3] += 0.3
    cue = conspicuousness(values)
    assert min(cue[82:93].min(), cue[302:313].min()) > cue[120:280].max()


def test_a_change_that_stays_stands_out_less_than_one_that_goes():
    cue = conspicuousness(parts(steps=(40,)))
    assert cue[80:95].mean() > cue[30:50].mean() + 1


@pytest.mark.parametrize("n", [1, 2, 5, 15])
def test_short_and_still_videos_are_looked_at_too(n):
    assert np.isfinite(conspicuousness(parts(n, ()))).all()
    assert conspicuousness(np.full((n, 8, 3), 0.5)).tolist() == [0] * n


def test_the_chance_follows_what_stands_out_and_never_falls_far():
    found = chances(0.1, np.array([-3.0, 0.0, 3.0]), USUAL_WEIGHT)
    assert (np.diff(found) > 0).all()
    assert found[0] > 0.05
    assert found[2] > 0.4
    assert chances(1.0, np.array([-3.0, 3.0]), 1.0).tolist() == [1, 1]


def test_labels_teach_how_much_the_look_tells():
    cues, none = [2.0, 2.5, 0.0, -1.0, 0.5, -0.5] * 5, [0.1] * 30
    told = weight_of(cues, [True, True, False, False, False, False] * 5, none)
    misled = weight_of(cues, [False] * 30, none)
    assert weight_of([], [], []) == pytest.approx(USUAL_WEIGHT)
    assert misled < USUAL_WEIGHT - 0.05 < USUAL_WEIGHT + 0.05 < told
