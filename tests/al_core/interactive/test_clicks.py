import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from al_core.errors import BadLabel
from al_core.evaluation.metrics import j_and_f
from al_core.interactive import Click, ClickMemory, refine_with_clicks, starting_from
from tests.al_core.interactive.figure import BODY, IMAGE, TRUTH, soft
from tests.toys.masks import disk


def test_without_clicks_nothing_changes():
    probability = np.random.default_rng(0).random((64, 64)).astype(np.float32)
    assert (refine_with_clicks(IMAGE, probability, []) == (probability > 0.5)).all()


def test_a_missing_part_comes_with_one_click():
    refined = refine_with_clicks(IMAGE, soft(BODY), [Click(30, 17, True)])
    assert j_and_f(refined, TRUTH).j > 0.97


def test_what_is_too_much_goes_with_one_click():
    spilled = TRUTH | disk(52, 40, 7)
    refined = refine_with_clicks(IMAGE, soft(spilled), [Click(54, 40, False)])
    assert j_and_f(refined, TRUTH).j > 0.97 > j_and_f(spilled, TRUTH).j


def test_a_click_touches_nothing_but_its_region():
    # Both the head and a hole in the body are missing; the click is for the head.
    hole = disk(30, 44, 4)
    refined = refine_with_clicks(IMAGE, soft(BODY & ~hole), [Click(30, 17, True)])
    assert (refined[BODY] == (BODY & ~hole)[BODY]).all()


def test_clicks_far_from_a_shown_mask_begin_anew():
    shown = soft(disk(8, 8, 5))
    far, near = Click(30, 40, True), Click(15, 8, True)
    assert not starting_from(shown, [far]).any()
    assert not starting_from(shown, [far, near]).any()
    for clicks in ([], [near], [near, far], [far._replace(positive=False)]):
        assert starting_from(shown, clicks) is shown
    nothing = np.zeros((64, 64), np.float32)
    assert starting_from(nothing, [far]) is nothing


def test_a_perfect_mask_is_kept_when_it_is_clicked():
    assert (refine_with_clicks(IMAGE, soft(TRUTH), [Click(30, 40, True)]) == TRUTH).all()


def test_from_nothing_a_click_makes_something():
    refined = refine_with_clicks(IMAGE, np.zeros((64, 64), np.float32), [Click(30, 40, True)])
    assert refined[40, 30]
    assert not (refined & ~TRUTH).any()


@given(
    st.integers(0, 10**6),
    st.lists(st.tuples(st.integers(0, 47), st.integers(0, 31), st.booleans()), min_size=1, max_size=5),
)
@hypothesis_settings(deadline=None, max_examples=40)
def test_every_click_is_on_its_side_of_the_mask(seed, clicks):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (32, 48, 3), np.uint8)
    probability = rng.random((32, 48)).astype(np.float32)
    refined = refine_with_clicks(image, probability, [Click(*c) for c in clicks])
    newest = {(x, y): positive for x, y, positive in clicks}
    assert all(refined[y, x] == positive for (x, y), positive in newest.items())


def test_clicks_lie_in_the_frame():
    with pytest.raises(BadLabel, match=r"inside the frame of 64x64 pixels, got \[\(64, 0\)\]"):
        refine_with_clicks(IMAGE, soft(BODY), [Click(3, 3, True), Click(64, 0, True)])


def test_a_memory_changes_no_mask():
    clicks = [Click(30, 40, True), Click(30, 17, True), Click(4, 4, False)]
    nothing, memory = np.zeros((64, 64), np.float32), ClickMemory()
    for n in (1, 2, 3):
        found = refine_with_clicks(IMAGE, nothing, clicks[:n], memory)
        assert np.array_equal(found, refine_with_clicks(IMAGE, nothing, clicks[:n]))


def test_what_is_remembered_is_not_worked_out_again():
    worked, memory = [], ClickMemory()
    clicks = [Click(30, 40, True), Click(30, 17, True)]
    for n in (1, 2, 2):
        refine_with_clicks(IMAGE, soft(BODY), clicks[:n], memory, lambda: worked.append(1))
    assert len(worked) == 2
    # Another frame, or another mask shown, is another subject.
    refine_with_clicks(255 - IMAGE, soft(BODY), clicks, memory, lambda: worked.append(1))
    refine_with_clicks(IMAGE, soft(TRUTH), clicks, memory, lambda: worked.append(1))
    assert len(worked) == 6


def test_a_mask_that_was_returned_is_not_the_remembered_one():
    memory = ClickMemory()
    first = refine_with_clicks(IMAGE, soft(BODY), [Click(30, 17, True)], memory)
    kept = first.copy()
    first[:] = False
    assert np.array_equal(refine_with_clicks(IMAGE, soft(BODY), [Click(30, 17, True)], memory), kept)
